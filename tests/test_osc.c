/* riposte's side of OSC against a program of liblo: every setting set and read
 * back, actions, subscribers, what is refused. */
#include "tests/osc_program.h"
#include "tui/osc_hub.h"

/* ---- settings ---- */

/* Each setting to another value, by what it takes, and back as OSC says it. */
static void test_settings(void)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        struct rp_knobs knobs;
        char path[64], text[64], want[160];
        double number;

        rp_knobs_init(&knobs);
        rp_setting_step(i, &knobs, 1);
        rp_setting_print(i, &knobs, text, sizeof(text));
        snprintf(path, sizeof(path), "/riposte/%s", rp_settings[i].key);
        number = rp_setting_number(i, &knobs);
        switch (rp_setting_form(i)) {
        case RP_FORM_TEXT:
        case RP_FORM_WORD:
            send_text(path, text);
            snprintf(want, sizeof(want), "%s s %s", path, text);
            break;
        case RP_FORM_WHOLE:
            send_number(path, 'f', number);
            snprintf(want, sizeof(want), "%s i %.0f", path, number);
            break;
        case RP_FORM_REAL:
            send_number(path, 'f', number);
            snprintf(want, sizeof(want), "%s f %.6g", path, (float)number);
            break;
        }
        send_text(path, NULL);
        CHECK_TEXT(receive(fd), want);
        rp_setting_print(i, &rig.knobs, want, sizeof(want));
        CHECK_TEXT(want, text);
    }
}

static void test_forms(void)
{
    lo_message message = lo_message_new();

    lo_message_add_int32(message, 7);
    lo_message_add_float(message, 8);
    send_message("/riposte/metre", message);
    expect("/riposte/metre", "/riposte/metre s 7/8");
    send_number("/riposte/metronome", 'T', 0);
    expect("/riposte/metronome", "/riposte/metronome s on");
    send_number("/riposte/metronome", 'F', 0);
    expect("/riposte/metronome", "/riposte/metronome s off");
    send_number("/riposte/mode", 'i', 1);
    expect("/riposte/mode", "/riposte/mode s trade");
    send_number("/riposte/seed", 'h', 4294967295.0);
    expect("/riposte/seed", "/riposte/seed h 4294967295");
    send_number("/riposte/instrument", 'd', -1);
    expect("/riposte/instrument", "/riposte/instrument i -1");
    send_text("/riposte/instrument", "violin");
    expect("/riposte/instrument", "/riposte/instrument i 40");
    send_number("/riposte/trade", 'f', 3.6);
    expect("/riposte/trade", "/riposte/trade i 4");

    /* A pattern stands for several. */
    send_text("/riposte/top-*", NULL);
    CHECK(strstr(receive(fd), "/riposte/top-p f") != NULL);
    CHECK(strstr(receive(fd), "/riposte/top-k i") != NULL);
    expect("/riposte/ping", "/riposte/pong s riposte " RP_VERSION);
}

static void expect_error(const char *path, const char *why)
{
    char want[256];
    const char *got = receive(fd);

    snprintf(want, sizeof(want), "/riposte/error ss %s %s", path, why);
    CHECK_TEXT(got, want);
}

static void test_refused(void)
{
    struct rp_knobs before;
    struct rp_osc_view view;
    lo_message message = lo_message_new();

    rp_knobs_init(&before);
    rp_knobs_copy(&before, &rig.knobs);
    *said = '\0';
    send_number("/riposte/tempo", 'f', 900);
    expect_error("/riposte/tempo", "expected a number of BPM from 20 to 400");
    CHECK(strstr(said, "osc: 127.0.0.1:") == said);
    CHECK(strstr(said, "/riposte/tempo: expected a number of BPM") != NULL);
    *said = '\0';
    send_number("/riposte/tempo", 'f', NAN);
    expect_error("/riposte/tempo", "expected a number of BPM from 20 to 400");
    CHECK_TEXT(said, ""); /* at most one line a second */
    send_text("/riposte/mode", "loud");
    expect_error("/riposte/mode", "mode 'loud': expected answer or trade");
    lo_message_add_float(message, 1);
    lo_message_add_float(message, 2);
    send_message("/riposte/trade", message);
    expect_error("/riposte/trade",
                 "expected a whole number of bars from 1 to 64");
    send_text("/riposte/volume", NULL);
    expect_error("/riposte/volume",
                 "no setting and no action; see /riposte/help");
    send_text("/other/tempo", NULL);
    expect_error("/other/tempo", "expected /riposte/...");
    send_text("/riposte/*****", NULL);
    expect_error("/riposte/*****",
                 "no setting and no action; see /riposte/help");
    /* What another riposte sends is not answered for ever. */
    message = lo_message_new();
    lo_message_add_string(message, "waiting");
    lo_message_add_int32(message, 0);
    send_message("/riposte/state", message);
    expect_error("/riposte/state", "expected nothing to be sent with it");
    message = lo_message_new();
    lo_message_add_string(message, "/riposte/state");
    lo_message_add_string(message, "expected");
    send_message("/riposte/error", message);
    expect("/riposte/ping", "/riposte/pong s riposte " RP_VERSION);
    rp_osc_look(osc, &view);
    CHECK_INT(view.refused, 9);
    CHECK(!memcmp(&before, &rig.knobs, sizeof(before)));
}

static void test_actions(void)
{
    uint32_t panics = rig.knobs.panic;

    send_text("/riposte/hand-over", NULL);
    send_text("/riposte/panic", NULL);
    send_number("/riposte/panic", 'f', 0); /* the button is let go */
    send_number("/riposte/panic", 'f', 1);
    expect("/riposte/state", "/riposte/state si waiting 0");
    CHECK_INT(rig.knobs.panic - panics, 2);
    CHECK_INT(rig.knobs.hand_over, 1);
    CHECK(!rp_osc_quits(osc));
    send_text("/riposte/preset", "one");
    send_text("/riposte/preset", "two"); /* the last counts alone */
    CHECK(strstr(receive(fd),
                 "/riposte/error ss /riposte/preset no preset 'two'") != NULL);
    send_text("/riposte/preset", "/etc/adduser.conf");
    expect_error("/riposte/preset", "expected the name of a preset");
    send_text("/riposte/learn", NULL);
    expect_error("/riposte/learn", "expected a knob, a controller or both");
    expect("/riposte/state", "/riposte/state si waiting 0");
}

/* Four taps at 240 BPM; the tempo that they give. */
static uint32_t tapped(void)
{
    struct timespec beat = {.tv_nsec = 250000000};

    rig.knobs.tempo = 100000;
    for (int i = 0; i < 4; i++) {
        send_text("/riposte/tap", NULL);
        send_number("/riposte/tap", 'i', 0); /* the button is let go */
        nanosleep(&beat, NULL);
    }
    expect("/riposte/state", "/riposte/state si waiting 0");
    return rig.knobs.tempo;
}

/* What counts is when the packets came: main looks at them all at once. A busy
 * machine sleeps long: one time in three will do. */
static void test_tap(void)
{
    const struct timespec pause = {.tv_nsec = 750000000};
    uint32_t tempo = tapped();

    for (int i = 0; i < 2 && !(tempo > 216000 && tempo < 264000); i++) {
        nanosleep(&pause, NULL);
        tempo = tapped();
    }
    CHECK_NEAR(tempo, 240000, 24000);
    CHECK(tempo % 100 == 0);
}

/* ---- subscribers ---- */

static void sound(uint8_t kind, struct rp_event event, double beat)
{
    struct rp_seen seen = {
        .kind = kind, .event = event, .beat = (rp_beat)(beat * RP_BEAT)};

    rp_osc_seen(osc, &seen);
}

/* The first news are everything. */
static void expect_all(int listener)
{
    CHECK_TEXT(receive(listener), "/riposte/subscribed i 60");
    for (int i = 0; i < RP_SETTINGS; i++) {
        CHECK(strstr(receive(listener), rp_settings[i].key) != NULL);
    }
    CHECK_TEXT(receive(listener), "/riposte/preset s melody");
    CHECK_TEXT(receive(listener), "/riposte/state si waiting 0");
    CHECK_TEXT(receive(listener), "/riposte/beat iif 1 2 97");
}

static void test_subscribers(void)
{
    int listener = open_socket();
    lo_message message = lo_message_new();

    snprintf(panel.preset, sizeof(panel.preset), "melody");
    panel.clock.anchored = 1;
    panel.clock.mbpm = 97000;
    panel.now = (rp_frame)(48000 * 60 / 97.0 * 1.5);
    lo_message_add_int32(message, port_of(listener));
    send_message("/riposte/subscribe", message);
    expect_all(listener);

    send_number("/riposte/temperature", 'f', 0.5);
    CHECK_TEXT(receive(listener), "/riposte/temperature f 0.5");
    panel.performer.state = RP_ANSWERING;
    panel.performer.turn = 3;
    CHECK_TEXT(receive(listener), "/riposte/state si answering 3");
    panel.now *= 2;
    CHECK_TEXT(receive(listener), "/riposte/beat iif 1 4 97");
    sound(RP_SEEN_CALL, rp_event_make(RP_NOTE_ON, 2, 60, 90), 4.5);
    CHECK_TEXT(receive(listener), "/riposte/note siiif call 3 60 90 4.5");
    sound(RP_SEEN_METRONOME, rp_event_make(RP_NOTE_ON, 9, 76, 90), 5);
    sound(RP_SEEN_ANSWER, rp_event_make(RP_CONTROL, 0, 1, 90), 5);
    sound(RP_SEEN_ANSWER, rp_event_make(RP_NOTE_OFF, 0, 61, 64), 5.25);
    CHECK_TEXT(receive(listener), "/riposte/note siiif answer 1 61 0 5.25");

    message = lo_message_new();
    lo_message_add_int32(message, port_of(listener));
    send_message("/riposte/unsubscribe", message);
    send_number("/riposte/temperature", 'f', 0.75);
    expect("/riposte/temperature", "/riposte/temperature f 0.75");
    CHECK_INT(recv(listener, said, sizeof(said), MSG_DONTWAIT), -1);
    close(listener);
}

/* One topic alone; and /riposte/closed. */
static void test_topics(void)
{
    send_text("/riposte/subscribe", "state");
    CHECK_TEXT(receive(fd), "/riposte/subscribed i 60");
    CHECK_TEXT(receive(fd), "/riposte/state si answering 3");
    send_number("/riposte/temperature", 'f', 0.25);
    sound(RP_SEEN_CALL, rp_event_make(RP_NOTE_ON, 2, 60, 90), 4.5);
    send_text("/riposte/subscribe", "weather");
    expect_error("/riposte/subscribe",
                 "expected a port from 1 to 65535 and any of knobs, state, "
                 "beat, notes");
}

/* Without renewal it ends after a minute, and there are sixteen at most. */
static void test_expiry(void)
{
    static struct rp_hub hub;
    struct rp_wire_peer peer = {.size = sizeof(struct sockaddr_in)};
    const uint64_t second = 1000000000;

    memcpy(&peer.address, &riposte, sizeof(riposte));
    for (int i = 0; i < RP_HUB_PEERS; i++) {
        rp_wire_turn_to(&peer, (uint16_t)(1000 + i));
        CHECK(rp_hub_add(&hub, &peer, 0, second));
    }
    CHECK(rp_hub_add(&hub, &peer, 0, 30 * second)); /* renewed */
    rp_wire_turn_to(&peer, 999);
    CHECK(!rp_hub_add(&hub, &peer, 0, second));
    rp_hub_tell(&hub, &panel, 60 * second);
    CHECK_INT(hub.count, RP_HUB_PEERS);
    rp_hub_tell(&hub, &panel, 61 * second);
    CHECK_INT(hub.count, 1);
    rp_hub_tell(&hub, &panel, 90 * second);
    CHECK_INT(hub.count, 0);
}

static void test_address(void)
{
    struct rp_osc *other = NULL;
    char port[16];

    snprintf(port, sizeof(port), "%d", ntohs(riposte.sin_port));
    CHECK(rp_osc_open(&other, "127.0.0.1", port) == RP_EIO);
    CHECK(strstr(said, "cannot listen on 127.0.0.1 port") != NULL);
    CHECK(rp_osc_open(&other, "127.0.0.1", "nix") == RP_ENONE);
    CHECK(other == NULL);
}

/* Subscribers hear that riposte ends. */
static void test_closed(void)
{
    char bytes[64] = "";

    send_text("/riposte/subscribe", "notes");
    CHECK_TEXT(receive(fd), "/riposte/subscribed i 60");
    rp_osc_close(osc);
    osc = NULL;
    CHECK(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
    CHECK_TEXT(bytes, "/riposte/closed");
}

int main(void)
{
    begin();
    test_settings();
    test_forms();
    test_refused();
    test_actions();
    test_tap();
    test_subscribers();
    test_topics();
    test_expiry();
    test_address();
    test_closed();
    end();
    return TEST_END();
}
