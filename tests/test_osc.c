/* riposte's side of OSC against a program of liblo and against raw packets:
 * every setting set and read back, subscribers, what is refused, and what is
 * no OSC at all. */
#include <arpa/inet.h>
#include <lo/lo.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "model/net/rng.h"
#include "rt/log.h"
#include "tests/test.h"
#include "tui/osc.h"
#include "tui/osc_hub.h"

static struct rp_osc *osc;
static struct rp_rig rig;
static struct rp_panel panel;
static struct sockaddr_in riposte;
static int fd; /* of the program */
static char said[512];

/* ---- the program ---- */

static int open_socket(void)
{
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int made = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(made >= 0);
    CHECK_INT(bind(made, (struct sockaddr *)&own, sizeof(own)), 0);
    return made;
}

static int port_of(int socket)
{
    struct sockaddr_in own;
    socklen_t size = sizeof(own);

    CHECK_INT(getsockname(socket, (struct sockaddr *)&own, &size), 0);
    return ntohs(own.sin_port);
}

static void send_bytes(const void *bytes, size_t size)
{
    CHECK(sendto(fd, bytes, size, 0, (struct sockaddr *)&riposte,
                 sizeof(riposte)) == (ssize_t)size);
}

/* Takes the message over. */
static void send_message(const char *path, lo_message message)
{
    char bytes[2048];
    size_t size = sizeof(bytes);

    lo_message_serialise(message, path, bytes, &size);
    send_bytes(bytes, size);
    lo_message_free(message);
}

static void send_text(const char *path, const char *text)
{
    lo_message message = lo_message_new();

    if (text) {
        lo_message_add_string(message, text);
    }
    send_message(path, message);
}

static void send_number(const char *path, char type, double number)
{
    lo_message message = lo_message_new();

    switch (type) {
    case 'i':
        lo_message_add_int32(message, (int32_t)number);
        break;
    case 'h':
        lo_message_add_int64(message, (int64_t)number);
        break;
    case 'd':
        lo_message_add_double(message, number);
        break;
    case 'T':
        lo_message_add_true(message);
        break;
    case 'F':
        lo_message_add_false(message);
        break;
    default:
        lo_message_add_float(message, (float)number);
    }
    send_message(path, message);
}

static void poll_once(void)
{
    rp_knobs_copy(&panel.knobs, &rig.knobs); /* as rp_watch_poll does */
    rp_osc_poll(osc, &rig, &panel);
}

/* "/path TYPES values" of what came to `from` within two seconds; "" else. */
static const char *receive(int from)
{
    static char text[2048], bytes[4096];
    struct pollfd wait = {.fd = from, .events = POLLIN};
    lo_message message;
    ssize_t size;
    int used;

    for (int i = 0; i < 400 && poll(&wait, 1, 5) == 0; i++) {
        poll_once();
    }
    size = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
    *text = '\0';
    message =
        size > 0 ? lo_message_deserialise(bytes, (size_t)size, NULL) : NULL;
    if (!message) {
        return text;
    }
    used = snprintf(text, sizeof(text), "%s %s", bytes,
                    lo_message_get_types(message));
    for (int i = 0; i < lo_message_get_argc(message); i++) {
        lo_arg *arg = lo_message_get_argv(message)[i];
        char type = lo_message_get_types(message)[i];
        size_t left = sizeof(text) - (size_t)used;

        used += type == 's'   ? snprintf(text + used, left, " %s", &arg->s)
                : type == 'f' ? snprintf(text + used, left, " %.6g", arg->f)
                : type == 'h'
                    ? snprintf(text + used, left, " %lld", (long long)arg->h)
                    : snprintf(text + used, left, " %d", arg->i);
    }
    lo_message_free(message);
    return text;
}

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said, sizeof(said), "%s: %s", tag, text);
}

/* The counters, when `total` packets have been counted one way or another. */
static struct rp_osc_view count_to(uint64_t total)
{
    struct timespec nap = {.tv_nsec = 2000000};
    struct rp_osc_view view;

    for (int i = 0; i < 5000; i++) {
        poll_once();
        rp_osc_look(osc, &view);
        if (view.messages + view.malformed + view.lost >= total) {
            break;
        }
        nanosleep(&nap, NULL);
    }
    return view;
}

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

static void expect(const char *path, const char *want)
{
    send_text(path, NULL);
    CHECK_TEXT(receive(fd), want);
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
    rp_osc_look(osc, &view);
    CHECK_INT(view.refused, 7);
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

/* ---- what is no OSC ---- */

#define BYTES(text)                                                            \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }
static const struct {
    const char *bytes;
    size_t size;
} broken[] = {
    BYTES(""),
    BYTES("/"),
    BYTES("hello, w"),
    BYTES("/riposte/tempo\0\0"),        /* no types */
    BYTES("/riposte/tempo\0\0f\0\0\0"), /* no comma */
    BYTES("/riposte/tempo\0\0,f\0\0"),  /* no value */
    BYTES("/riposte/tempo\0\0,f\0\0\x42\xf0\0"),
    BYTES("/riposte/tempo\0\0,i\0\0\0\0\0\1\0\0\0\1"), /* more than it says */
    BYTES("/riposte/tempo\0\0,b\0\0\0\0\0\x40"),       /* a blob */
    BYTES("/riposte/tempo\0\0,b\0\0"),
    BYTES("/riposte/tempo\0\0,?\0\0\0\0\0\1"),
    BYTES("/riposte/tempo\0\0,s\0\0abcd"), /* no end */
    BYTES("/riposte/tempo\0\0,iiiiiiiii\0\0"
          "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"
          "\0\0\0\1"), /* more values than anything takes */
    BYTES("#bundle\0\0\0\0\0"),
    BYTES("#bundle\0\0\0\0\0\0\0\0\1\0\0\0\x40/a\0\0,\0\0\0"),
    BYTES("#bundle\0\0\0\0\0\0\0\0\1\xff\xff\xff\xfc/a\0\0,\0\0\0"),
    BYTES("#bundle\0\0\0\0\0\0\0\0\1\0\0"),
    /* the second of two is broken: the first is not obeyed either */
    BYTES("#bundle\0\0\0\0\0\0\0\0\1"
          "\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x64"
          "\0\0\0\x10/riposte/x\0\0,i\0\0"),
};
enum { BROKEN = sizeof(broken) / sizeof(broken[0]) };

static void test_broken(void)
{
    struct rp_osc_view before, view;
    char deep[20 * 10] = "";

    rp_osc_look(osc, &before);
    rig.knobs.tempo = 123000;
    for (int i = 0; i < BROKEN; i++) {
        send_bytes(broken[i].bytes, broken[i].size);
    }
    /* Bundles in bundles, without an end. */
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t length = htonl(20 * (9 - i));

        memcpy(deep + 20 * i, "#bundle\0\0\0\0\0\0\0\0\1", 16);
        memcpy(deep + 20 * i + 16, &length, 4);
    }
    send_bytes(deep, sizeof(deep));
    view = count_to(before.messages + before.malformed + BROKEN + 1);
    CHECK_INT(view.malformed - before.malformed, BROKEN + 1);
    CHECK_INT(view.messages, before.messages);
    CHECK_INT(rig.knobs.tempo, 123000);
}

/* Whole bundles are obeyed in order, at once, whatever time they name. */
static void test_bundle(void)
{
    static const char bytes[] = "#bundle\0\xff\xff\xff\xff\0\0\0\0"
                                "\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x64"
                                "\0\0\0\x2c#bundle\0\0\0\0\0\0\0\0\1"
                                "\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x65";
    lo_message message = lo_message_new();
    lo_bundle bundle = lo_bundle_new(LO_TT_IMMEDIATE);
    char built[512];
    size_t size = sizeof(built);

    send_bytes(bytes, sizeof(bytes) - 1);
    expect("/riposte/tempo", "/riposte/tempo f 101");
    lo_message_add_float(message, 77.5f);
    lo_bundle_add_message(bundle, "/riposte/tempo", message);
    lo_bundle_serialise(bundle, built, &size);
    send_bytes(built, size);
    expect("/riposte/tempo", "/riposte/tempo f 77.5");
    lo_bundle_free_recursive(bundle);
}

/* ---- floods ---- */

/* Whatever else comes, and though some are lost. How many pings it took. */
static uint32_t expect_pong(void)
{
    const char *got = "";
    uint32_t pings = 0;

    for (int i = 0; i < 50000 && strncmp(got, "/riposte/pong", 13); i++) {
        if (!*got) { /* nothing came for two seconds */
            send_text("/riposte/ping", NULL);
            pings++;
        }
        got = receive(fd);
    }
    CHECK_TEXT(got, "/riposte/pong s riposte " RP_VERSION);
    return pings;
}

/* A packet of OSC with some bytes changed, cut or doubled. */
static size_t mutate(struct rp_rng *rng, char *to, size_t most)
{
    static const char *const seeds[] = {
        "#bundle\0\0\0\0\0\0\0\0\1\0\0\0\x18/riposte/tempo\0\0,f\0\0\x42\xc8"
        "\0\0\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x64",
        "/riposte/top-p\0\0,f\0\0\x3f\0\0\0",
        "/riposte/subscribe\0\0,si\0beat\0\0\0\0\0\0\x23\x28",
        "/riposte/*\0\0,\0\0\0",
    };
    static const uint8_t sizes[] = {72, 24, 36, 16};
    uint32_t which = rp_rng_bits(rng) % 4;
    size_t size = sizes[which];

    memcpy(to, seeds[which], size);
    for (uint32_t n = rp_rng_bits(rng) % 6; n > 0; n--) {
        to[rp_rng_bits(rng) % size] = (char)rp_rng_bits(rng);
    }
    if (rp_rng_bits(rng) % 4 == 0) {
        size = rp_rng_bits(rng) % (size + 1);
    }
    if (rp_rng_bits(rng) % 50 == 0) {
        for (size = 0; size < most; size += 4) {
            uint32_t bits = rp_rng_bits(rng);

            memcpy(to + size, &bits, 4);
        }
        size = rp_rng_bits(rng) % most;
    }
    return size;
}

/* Every packet ends up in one of the counters. A bundle is two messages, so
 * that the count may be more. */
static void test_flood(void)
{
    enum { PACKETS = 100000, LONGEST = 2048 };
    char bytes[LONGEST];
    struct rp_rng rng;
    struct rp_osc_view before, view;
    uint64_t total;

    rp_rng_init(&rng, 5, 1);
    rp_osc_look(osc, &before);
    for (int i = 0; i < PACKETS; i++) {
        send_bytes(bytes, mutate(&rng, bytes, LONGEST));
        if (i % 64 == 0) {
            poll_once();
            while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
            }
        }
    }
    /* Losses are known when the next one gets through. */
    expect_pong();
    total = before.messages + before.malformed + before.lost + PACKETS;
    view = count_to(total);
    printf("%d packets: messages %llu, malformed %llu, lost %llu\n", PACKETS,
           (unsigned long long)(view.messages - before.messages),
           (unsigned long long)(view.malformed - before.malformed),
           (unsigned long long)(view.lost - before.lost));
    CHECK(view.messages + view.malformed + view.lost >= total);
    CHECK(view.malformed - before.malformed > PACKETS / 20);
    CHECK(view.messages - before.messages > PACKETS / 100);
}

/* Faster than main reads: none is lost but those counted, and what was not
 * lost was obeyed. */
static void test_burst(void)
{
    enum { BURST = 20000 };
    struct rp_osc_view before, view;
    uint32_t panics = rig.knobs.panic, pings;
    uint64_t messages, lost;

    rp_osc_look(osc, &before);
    for (int i = 0; i < BURST; i++) {
        send_bytes("/riposte/panic\0\0,\0\0", 20);
    }
    pings = expect_pong();
    view = count_to(before.messages + before.malformed + before.lost + BURST +
                    pings);
    messages = view.messages - before.messages;
    lost = view.lost - before.lost;
    panics = rig.knobs.panic - panics;
    printf("burst of %d: obeyed %u, lost %llu\n", BURST, panics,
           (unsigned long long)lost);
    CHECK_INT(messages + lost, BURST + pings);
    CHECK(panics <= messages && panics + pings >= messages);
    CHECK(panics >= 1000);
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
    CHECK(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
    CHECK_TEXT(bytes, "/riposte/closed");
}

static void find_port(void)
{
    char *at;

    CHECK_INT(rp_osc_open(&osc, "127.0.0.1", "0"), RP_OK);
    at = strstr(said, "listening on 127.0.0.1 port ");
    CHECK(at != NULL);
    riposte.sin_family = AF_INET;
    riposte.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    riposte.sin_port = htons(at ? (uint16_t)atoi(strrchr(at, ' ')) : 0);
}

int main(void)
{
    char why[80];

    if (!rp_wire_probe(why, sizeof(why))) {
        SKIP(why);
    }
    rp_log_to(keep, NULL);
    rp_panel_init(&panel);
    rp_knobs_init(&rig.knobs);
    fd = open_socket();
    find_port();
    test_settings();
    test_forms();
    test_refused();
    test_actions();
    test_subscribers();
    test_topics();
    test_expiry();
    test_broken();
    test_bundle();
    test_burst();
    test_flood();
    test_address();
    test_closed();
    rp_log_to(NULL, NULL);
    close(fd);
    return TEST_END();
}
