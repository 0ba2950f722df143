/* The JACK backend over a JACK library within this program. The process
 * callback runs under a guard that aborts on anything that may block. */
#include "tests/backend_jack.h"

static void test_offsets(void)
{
    struct rp_session *session;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    arrive(0, 0x90, 60, 1);
    arrive(64, 0x90, 61, 1);
    arrive(127, 0x90, 62, 1);
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:thru")->events, 3);
    check_sent("riposte:thru", 0, 0, 0x90, 60);
    check_sent("riposte:thru", 1, 64, 0x90, 61);
    check_sent("riposte:thru", 2, 127, 0x90, 62);
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:thru")->events, 0);
    CHECK_INT(fake_jack.properties, 4 * 3 * HAVE_JACK_METADATA);
    finish(session);
    CHECK(!fake_jack.open);
    CHECK_INT(fake_jack.disorder, 0);
}

/* Whatever bytes an event holds. */
static void test_garbage(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    uint32_t seed = 1;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    fake_jack_arrive(1, (const uint8_t[]){0x90, 60, 1, 61, 1}, 5); /* running */
    fake_jack_arrive(2, (const uint8_t[]){62, 1}, 2);              /* 2 stray */
    fake_jack_arrive(3, (const uint8_t[]){0x90, 63}, 2);           /* 2 stray */
    fake_jack_arrive(4, (const uint8_t[]){1}, 1);                  /* 1 stray */
    fake_jack_arrive(5, (const uint8_t[]){0x90}, 1);               /* 1 stray */
    fake_jack_arrive(6, NULL, 0);
    fake_jack_arrive(7, (const uint8_t[]){0xf0, 1, 2}, 3); /* long SysEx ... */
    fake_jack_arrive(8, (const uint8_t[]){3, 4, 0xf7}, 3); /* ... in pieces */
    fake_jack_arrive(9, (const uint8_t[]){0x80, 60, 0, 0x80, 61, 0}, 6);
    arrive(500, 0x90, 64, 1); /* beyond the period: its last frame */
    fake_jack_period();
    rp_session_stats(session, &stats);
    CHECK_INT(stats.heard, 5);
    CHECK_INT(stats.stray, 6);
    check_sent("riposte:thru", 4, 127, 0x90, 64);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[9];

        for (int k = 0; k < 9; k++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[k] = seed >> 24;
        }
        fake_jack_arrive(seed >> 8 & 255, bytes, seed >> 16 & 7);
        if (i % 100 == 99) {
            fake_jack_period();
        }
    }
    rp_session_stats(session, &stats);
    CHECK(stats.stray > 1000);
    CHECK(stats.heard > 1000);
    quiet();
    rp_session_poll(session);
    CHECK(strstr(logged, "stray bytes on the input") != NULL);
    finish(session);
    CHECK_INT(fake_jack.disorder, 0);
}

/* What the server had no room for is counted, and said. */
static void test_lost(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    arrive(0, 0x90, 60, 1);
    fake_jack_port("riposte:in")->lost = 7;
    fake_jack_period();
    fake_jack_port("riposte:in")->lost = 0;
    fake_jack_period();
    rp_session_stats(session, &stats);
    CHECK_INT(stats.lost_heard, 7);
    quiet();
    rp_session_poll(session);
    CHECK(strstr(logged, "7 events not heard: too many at once") != NULL);
    finish(session);
}

/* Lost periods and another period size: frames follow the server's. */
static void test_time(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    struct rp_clock clock;
    rp_frame frame;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    fake_jack_period();
    arrive(10, 0x90, 60, 1); /* beat 0 */
    fake_jack_period();
    fake_jack_xrun(1000);
    fake_jack_period();
    rp_session_now(session, &clock, &frame);
    CHECK_INT(frame, 3 * 128 + 1000);
    CHECK_INT(clock.frame, 138);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.xruns, 1);
    fake_jack_resize(48000, 4096);
    fake_jack_period();
    rp_session_now(session, &clock, &frame);
    CHECK_INT(frame, 3 * 128 + 1000 + 4096);
    for (int i = 0; i < 10; i++) { /* over the end of the server's counter */
        fake_jack_period();
    }
    rp_session_now(session, &clock, &frame);
    CHECK_INT(frame, 3 * 128 + 1000 + 11 * 4096);
    fake_jack_resize(96000, 64);
    fake_jack_period();
    rp_session_now(session, &clock, &frame);
    CHECK_INT(clock.rate, 96000);
    CHECK_INT(clock.anchored, 1);
    rp_session_poll(session);
    {
        char text[200];

        rp_session_describe(session, text, sizeof(text));
        CHECK_TEXT(text, "jack 96000 Hz 64 frames, riposte:in <- kbd:out");
    }
    finish(session);
}

/* A callback that comes late is told the next period's time, and the next one
 * the same: our frames stay the server's, nothing is lost, nothing twice. */
static void test_late(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    struct rp_clock clock;
    rp_frame frame;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    fake_jack_period();
    fake_jack.time += 128;
    arrive(10, 0x90, 60, 1); /* beat 0 */
    fake_jack_period();
    rp_session_now(session, &clock, &frame);
    CHECK_INT(frame, 3 * 128);
    CHECK_INT(clock.frame, 2 * 128 + 10);
    fake_jack.time -= 128; /* told again */
    arrive(20, 0x90, 61, 1);
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:thru")->events, 0);
    rp_session_now(session, &clock, &frame);
    CHECK_INT(frame, 3 * 128);
    arrive(0, 0x80, 61, 1);
    arrive(30, 0x80, 60, 1);
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:thru")->events, 3);
    check_sent("riposte:thru", 0, 0, 0x90, 61);
    check_sent("riposte:thru", 1, 0, 0x80, 61);
    check_sent("riposte:thru", 2, 30, 0x80, 60);
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:thru")->events, 0);
    rp_session_now(session, &clock, &frame);
    CHECK_INT(frame, 5 * 128);
    CHECK_INT(clock.frame, 2 * 128 + 10);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.heard, 4);
    finish(session);
    CHECK_INT(fake_jack.disorder, 0);
}

static void test_connections(void)
{
    struct rp_session *session;
    char text[300];

    fake_jack_boot(48000, 128);
    session = jack_session("KBD", "synth");
    CHECK(fake_jack_connected("kbd:out", "riposte:in"));
    CHECK(fake_jack_connected("riposte:out", "synth:in"));
    CHECK(fake_jack_connected("riposte:thru", "synth:in"));
    rp_session_describe(session, text, sizeof(text));
    CHECK_TEXT(text, "jack 48000 Hz 128 frames, riposte:in <- kbd:out, "
                     "riposte:out -> synth:in, riposte:thru -> synth:in");
    /* unplugged with a key down: the note ends */
    arrive(0, 0x90, 60, 1);
    fake_jack_period();
    fake_jack_connect("kbd:out", "riposte:in", false);
    fake_jack_period();
    check_sent("riposte:thru", 0, 0, 0x80, 60);
    finish(session);

    /* by number, in the order of the list of ports */
    fake_jack_boot(48000, 128);
    session = jack_session("1", "2");
    CHECK(fake_jack_connected("riposte:out", "other:in"));
    finish(session);
}

/* Pulled and plugged in again between two polls: a port that went and came is
 * not one that somebody disconnected. */
static void test_replug(void)
{
    struct rp_session *session;

    fake_jack_boot(48000, 128);
    fake_jack_remove("kbd:out");
    session = jack_session("kbd", "synth"); /* not there yet: waited for */
    CHECK(strstr(logged, "no MIDI source is called 'kbd' yet") != NULL);
    CHECK_INT(lines, 1);
    fake_jack_add("kbd:out", false, true);
    rp_session_poll(session);
    CHECK(fake_jack_connected("kbd:out", "riposte:in"));
    arrive(0, 0x90, 60, 1);
    fake_jack_period();
    fake_jack_remove("kbd:out");
    fake_jack_add("kbd:out", false, true);
    fake_jack_period();
    check_sent("riposte:thru", 0, 0, 0x80, 60);
    rp_session_poll(session);
    CHECK(fake_jack_connected("kbd:out", "riposte:in"));
    CHECK(strstr(logged, "riposte:in and kbd:out are connected again"));
    /* the synth's: it may have missed something, and is silenced */
    fake_jack_remove("synth:in");
    rp_session_poll(session);
    fake_jack_add("synth:in", true, true);
    rp_session_poll(session);
    CHECK(fake_jack_connected("riposte:out", "synth:in"));
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:out")->events, 48);
    finish(session);
}

/* A port of a number has a name among its aliases; so it is the same when the
 * numbers change. */
static void test_alias(void)
{
    struct rp_session *session;

    fake_jack_boot(48000, 128);
    snprintf(fake_jack_add("system:midi_capture_1", false, true)->alias, 64,
             "alsa_pcm:Pads/midi_capture_1");
    session = jack_session("midi_capture_1", NULL);
    CHECK(fake_jack_connected("system:midi_capture_1", "riposte:in"));
    fake_jack_remove("system:midi_capture_1");
    rp_session_poll(session);
    snprintf(fake_jack_add("system:midi_capture_1", false, true)->alias, 64,
             "alsa_pcm:Other/midi_capture_1");
    rp_session_poll(session);
    CHECK(!fake_jack_connected("system:midi_capture_1", "riposte:in"));
    snprintf(fake_jack_add("system:midi_capture_2", false, true)->alias, 64,
             "alsa_pcm:Pads/midi_capture_1");
    rp_session_poll(session);
    CHECK(fake_jack_connected("system:midi_capture_2", "riposte:in"));
    finish(session);
}

/* A dead server is not waited for; a living one ends every note first. */
static void test_stop_releases(void)
{
    struct rp_session *session;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    arrive(0, 0x90, 60, 1);
    arrive(0, 0x93, 61, 1);
    fake_jack_period();
    CHECK_INT(fake_jack.sounding, 2);
    finish(session);
    CHECK_INT(fake_jack.sounding, 0);

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    arrive(0, 0x90, 60, 1);
    fake_jack_period();
    quiet();
    fake_jack_die();
    rp_session_destroy(session);
    CHECK(strstr(logged, "did not take the last note-offs") != NULL);
}

/* The server goes and comes back: what sounded is released before anything
 * else, what was connected is connected, time has gone on. */
static void test_return(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    struct fake_port *out;
    struct rp_clock clock;
    rp_frame before, after;
    unsigned controls = 0;

    fake_jack_boot(48000, 128);
    session = jack_session("kbd", "synth");
    arrive(0, 0x90, 60, 1);
    fake_jack_period();
    fake_jack_connect("riposte:out", "other:in", true); /* made elsewhere */
    rp_session_poll(session);
    rp_session_now(session, &clock, &before);
    fake_jack_die();
    quiet();
    rp_session_poll(session);
    CHECK(strstr(logged, "jack: the JACK server is gone") != NULL);
    rp_session_poll(session); /* at once: not looked for yet */
    CHECK_INT(lines, 1);
    nap(1100);
    rp_session_poll(session);
    CHECK_INT(lines, 1); /* still away; said at debug level only */

    fake_jack_boot(48000, 256);
    fake_jack_port("other:in")->used = false; /* comes later */
    nap(1100);
    rp_session_poll(session);
    CHECK(strstr(logged, "the JACK server is back: 48000 Hz, 256 frames") !=
          NULL);
    CHECK(fake_jack_connected("kbd:out", "riposte:in"));
    CHECK(fake_jack_connected("riposte:out", "synth:in"));
    CHECK(fake_jack_connected("riposte:thru", "synth:in"));
    arrive(0, 0x90, 72, 1);
    fake_jack_period();
    out = fake_jack_port("riposte:thru");
    check_sent("riposte:thru", 0, 0, 0x80, 60);
    for (uint32_t i = 1; i + 1 < out->events; i++) {
        controls += (out->event[i].bytes[0] & 0xf0) == 0xb0;
    }
    CHECK_INT(controls, 48);
    check_sent("riposte:thru", out->events - 1, 0, 0x90, 72);
    rp_session_now(session, &clock, &after);
    CHECK(after - before > 2 * 48000);
    CHECK(after - before < 20 * 48000);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.reconnects, 1);

    /* a receiver that comes later is silenced too */
    fake_jack_add("other:in", true, false);
    nap(1100);
    rp_session_poll(session);
    CHECK(fake_jack_connected("riposte:out", "other:in"));
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:out")->events, 48);
    fake_jack_die();
    rp_session_destroy(session);
}

/* A full port: everything arrives, later. */
static void test_narrow(void)
{
    struct rp_session *session;
    uint32_t events = 0;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    fake_jack.room = 7;
    for (int i = 0; i < 100; i++) {
        arrive(i, i % 2 ? 0x80 : 0x90, 40 + i / 2, 1);
    }
    for (int i = 0; i < 20; i++) {
        fake_jack_period();
        events += fake_jack_port("riposte:thru")->events;
    }
    CHECK_INT(events, 100);
    CHECK_INT(fake_jack.disorder, 0);
    finish(session);
}

static void test_refusals(void)
{
    struct rp_knobs knobs;
    struct rp_session_options options = {.backend = "jack", .knobs = &knobs};
    struct rp_session *session = NULL;

    set_knobs(&knobs);
    fake_jack_boot(48000, 128);
    fake_jack.running = false;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "3 jack: no JACK server answers (status 0x11)"));
    /* the library's own line is there, at debug level */
    CHECK(strstr(logged, "0 jack: Cannot connect to server socket"));
    fake_jack.running = true;
    fake_jack.refuse = JackFailure | JackVersionError;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    CHECK(strstr(logged, "speaks another version") != NULL);
    CHECK_INT(lines, 1);
    fake_jack.refuse = 0;
    fake_jack.refuse_ports = true;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_EIO);
    CHECK_INT(lines, 1);
    CHECK(!fake_jack.open);
    fake_jack.refuse_ports = false;
    /* auto: no server, no JACK; the computer keyboard plays */
    fake_jack.running = false;
    options.backend = "auto";
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    {
        char text[200];

        rp_session_describe(session, text, sizeof(text));
        CHECK_TEXT(text, "null 48000 Hz 128 frames, no MIDI system");
    }
    rp_session_destroy(session);
    fake_jack.running = true;
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    finish(session);
}

static void count_port(void *self, const struct rp_port *port)
{
    int *counts = self;

    counts[port->input]++;
    CHECK_TEXT(port->backend, "jack");
}

static void test_ports(void)
{
    int counts[2] = {0};

    fake_jack_boot(48000, 128);
    CHECK_INT(rp_session_ports("jack", count_port, counts), RP_OK);
    CHECK_INT(counts[1], 1);
    CHECK_INT(counts[0], 2);
    CHECK_INT(rp_session_ports(NULL, count_port, counts), RP_OK);
    CHECK_INT(counts[0], 4);
    CHECK(!fake_jack.open);
}

int main(void)
{
    rp_log_to(listen, NULL);
    rp_log_level(RP_DEBUG);
    test_offsets();
    test_garbage();
    test_lost();
    test_time();
    test_late();
    test_connections();
    test_replug();
    test_alias();
    test_stop_releases();
    test_return();
    test_narrow();
    test_refusals();
    test_ports();
    return TEST_END();
}
