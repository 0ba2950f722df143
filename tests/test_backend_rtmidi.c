/* The RtMidi backend over an RtMidi within this program, in which time passes
 * when it is told to. The pace's thread and RtMidi's callback run under a guard
 * that aborts on anything that may block; the sender does not. */
#include "rt/backend.h"

#include "tests/backend_log.h"
#include "tests/fake/fake_rtmidi.h"
#include "tests/fake/fake_time.h"

enum { OUT, THRU, CLOCK };
enum { PERIOD = 2666666, SECOND = 1000000000 }; /* ns; of 128 frames, nearly */

static struct rp_knobs knobs;

static struct rp_session *open_session(const char *in, const char *out)
{
    struct rp_session_options options = {
        .backend = "rtmidi", .in = in, .out = out, .knobs = &knobs};
    struct rp_session *session = NULL;

    set_knobs(&knobs);
    knobs.metronome = 0;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    if (!session) {
        printf("%s", logged);
        exit(TEST_END());
    }
    CHECK_INT(rp_session_start(session), RP_OK);
    fake_time_settle();
    return session;
}

/* Ends a session while time passes by itself. */
static void finish(struct rp_session *session)
{
    fake_time_pump(true);
    rp_session_destroy(session);
    fake_time_pump(false);
    CHECK_INT(fake_rtmidi.open, 0);
    CHECK_INT(fake_rtmidi.disorder, 0);
    CHECK(!fake_rtmidi.ignores);
}

static void arrive(const char *from, uint8_t a, uint8_t b, uint8_t c)
{
    fake_rtmidi_arrive(from, (const uint8_t[]){a, b, c}, 3);
}

static void pass(uint64_t ns)
{
    fake_time_pass(fake_time_now() + ns);
}

/* Main looks at the ports twice a second. */
static void poll_ports(struct rp_session *session)
{
    pass(SECOND);
    rp_session_poll(session);
}

static const struct fake_message *last_sent(int way)
{
    static const struct fake_message none;
    uint32_t sents = fake_rtmidi.sents[way];

    return sents ? &fake_rtmidi.sent[way][sents - 1] : &none;
}

/* Whatever moment it comes at: sent two periods later, to a frame. */
static void test_latency(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    double worst = 0;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session(NULL, NULL);
    for (int i = 0; i < 200; i++) {
        uint64_t at;
        double off;

        pass(100000 + (uint64_t)i * 13331);
        at = fake_time_now();
        arrive(NULL, i % 2 ? 0x80 : 0x90, 60, 1);
        pass(4 * PERIOD);
        CHECK_INT(fake_rtmidi.sents[THRU], i + 1);
        CHECK_INT(last_sent(THRU)->bytes[0], i % 2 ? 0x80 : 0x90);
        off = (double)(int64_t)(last_sent(THRU)->at - at) - 2e9 * 128 / 48000;
        worst = fabs(off) > worst ? fabs(off) : worst;
    }
    CHECK(worst < 21000); /* ns: one frame */
    rp_session_stats(session, &stats);
    CHECK_INT(stats.heard, 200);
    CHECK_INT(stats.xruns, 0);
    finish(session);
}

/* Two inputs, each in a thread of RtMidi's own: heard in order of time. */
static void test_inputs(void)
{
    struct rp_session *session;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session("Keys", NULL);
    for (int i = 0; i < 20; i++) {
        arrive(i % 3 ? NULL : "Keys:Keys MIDI 1 20:0", 0x90, 40 + i, 1);
        pass(PERIOD / 7);
    }
    pass(4 * PERIOD);
    CHECK_INT(fake_rtmidi.sents[THRU], 20);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(fake_rtmidi.sent[THRU][i].bytes[1], 40 + i);
    }
    finish(session);
}

/* SysEx of any length, running status, pieces, bytes that mean nothing. */
static void test_kinds(void)
{
    static uint8_t bytes[100000];
    struct rp_session *session;
    struct rp_stats_view stats;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session(NULL, NULL);
    memset(bytes, 0x11, sizeof(bytes));
    bytes[0] = 0xf0;
    bytes[50000] = 0xf8; /* a clock in the middle of it */
    bytes[sizeof(bytes) - 1] = 0xf7;
    fake_rtmidi_arrive(NULL, bytes, sizeof(bytes));
    for (size_t i = 1; i < 20001; i++) { /* 10,000 notes, one status */
        bytes[i] = i & 1 ? 60 : (i / 2) & 1;
    }
    bytes[0] = 0x90;
    fake_rtmidi_arrive(NULL, bytes, 1 + 2 * 100);
    arrive(NULL, 0xf8, 0x33, 0x44); /* a clock and two bytes of nothing */
    fake_rtmidi_arrive(NULL, (const uint8_t[]){0x90, 61}, 2); /* a piece */
    pass(4 * PERIOD);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.heard, 100);
    CHECK_INT(fake_rtmidi.sents[THRU], 100);
    CHECK_INT(fake_rtmidi.sent[THRU][0].bytes[0], 0x90);
    CHECK_INT(fake_rtmidi.sent[THRU][1].bytes[0], 0x80);
    CHECK_INT(stats.stray, 4);
    CHECK_INT(stats.lost_heard, 0);
    finish(session);
}

/* More than fits: counted, and nothing goes on sounding. A pause of the
 * machine is one xrun. */
static void test_losses(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    struct rp_clock clock;
    rp_frame frame, before;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session(NULL, NULL);
    for (int i = 0; i < 10000; i++) {
        arrive(NULL, i < 9000 ? 0x90 : 0x80, i & 127, 1);
    }
    pass(SECOND);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.heard + stats.lost_heard >= 10000, 1);
    CHECK(stats.lost_heard >= 10000 - 8192);
    CHECK_INT(fake_rtmidi.sounding, 0);
    rp_session_now(session, &clock, &before);
    fake_time_skip(SECOND / 2); /* asleep meanwhile */
    pass(2 * PERIOD);
    rp_session_now(session, &clock, &frame);
    CHECK(frame - before > 24000 && frame - before < 24000 + 4 * 128);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.xruns, 1);
    finish(session);
}

static void test_connections(void)
{
    struct rp_session *session;
    char text[300];

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session("keys", "synth");
    CHECK_INT(fake_rtmidi_connected("Keys:Keys MIDI 1 20:0"), 1);
    CHECK_INT(fake_rtmidi_connected("Synth:in 130:0"), 2);
    rp_session_describe(session, text, sizeof(text));
    CHECK_TEXT(text, "rtmidi:alsa 48000 Hz 128 frames, riposte:in <- Keys:Keys "
                     "MIDI 1, riposte:out -> Synth:in, riposte:thru -> "
                     "Synth:in");
    arrive("Keys:Keys MIDI 1 20:0", 0x90, 60, 1);
    pass(4 * PERIOD);
    CHECK_INT(fake_rtmidi.sents[THRU], 1); /* our own port has it, too */
    CHECK_INT(fake_rtmidi.linked, 1);
    finish(session);

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA); /* by number */
    session = open_session("1", "3");
    CHECK_INT(fake_rtmidi_connected("Midi Through:Port-0 14:0"), 1);
    CHECK_INT(fake_rtmidi_connected("Synth:in 130:0"), 2);
    finish(session);
    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA); /* nothing asked: hardware */
    session = open_session(NULL, NULL);
    CHECK_INT(fake_rtmidi_connected("Keys:Keys MIDI 1 20:0"), 1);
    CHECK_INT(fake_rtmidi_connected("Midi Through:Port-0 14:0"), 0);
    CHECK_INT(fake_rtmidi_connected("Synth:in 130:0"), 0);
    finish(session);
}

/* Cables pulled and plugged in again, at other numbers. */
static void test_plugging(void)
{
    struct rp_session *session;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session("Keys", "Synth");
    arrive("Keys:Keys MIDI 1 20:0", 0x90, 60, 1);
    pass(4 * PERIOD);
    CHECK_INT(fake_rtmidi.sounding, 1);
    quiet();
    fake_rtmidi_leave("Keys:Keys MIDI 1 20:0");
    poll_ports(session);
    pass(4 * PERIOD);
    CHECK_INT(fake_rtmidi.sounding, 0);
    CHECK(strstr(logged, "Keys:Keys MIDI 1 is gone; it is connected again") !=
          NULL);
    fake_rtmidi_leave("Synth:in 130:0");
    poll_ports(session);
    CHECK(strstr(logged, "Synth:in is gone; it is connected again") != NULL);
    CHECK_INT(fake_rtmidi_connected("Synth:in 130:0"), 0);
    quiet();
    poll_ports(session);
    CHECK_INT(lines, 0);
    fake_rtmidi.linked = 0;
    fake_rtmidi_come("Synth:in 133:0", false, true);
    poll_ports(session);
    CHECK_INT(fake_rtmidi_connected("Synth:in 133:0"), 2);
    pass(4 * PERIOD); /* it may have missed something: it is silenced */
    CHECK_INT(fake_rtmidi.linked >= 48, 1);
    fake_rtmidi.fails = true; /* there, and yet not to be had */
    fake_rtmidi_come("Keys:Keys MIDI 1 24:0", true, true);
    poll_ports(session);
    CHECK_INT(fake_rtmidi_connected("Keys:Keys MIDI 1 24:0"), 0);
    fake_rtmidi.fails = false;
    poll_ports(session);
    CHECK_INT(fake_rtmidi_connected("Keys:Keys MIDI 1 24:0"), 1);
    CHECK(
        strstr(logged, "riposte:in and Keys:Keys MIDI 1 are connected again") !=
        NULL);
    finish(session);
}

/* A JACK server that dies: RtMidi takes what is sent and does not say. */
static void test_return(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    char text[200];

    fake_rtmidi_boot(RTMIDI_API_UNIX_JACK);
    session = open_session("keys", "synth");
    CHECK_INT(fake_rtmidi_connected("riposte-in:in"), 1);
    arrive("system:keys", 0x90, 60, 1);
    for (int i = 0; i < 5; i++) {
        poll_ports(session); /* quiet, but there */
    }
    CHECK_INT(fake_rtmidi.sounding, 1);
    rp_session_describe(session, text, sizeof(text));
    CHECK(!strncmp(text, "rtmidi:jack 48000 Hz", 20));
    fake_rtmidi.dead = true;
    for (int i = 0; i < 3000; i++) { /* more than RtMidi's ring takes */
        arrive("system:keys", i & 1 ? 0x80 : 0x90, 62, 1);
    }
    pass(3ull * SECOND);
    CHECK(fake_rtmidi.unheard > 900 && fake_rtmidi.unheard < 2340);
    fake_rtmidi.works[RTMIDI_API_UNIX_JACK] = false;
    quiet();
    fake_time_pump(true);
    rp_session_poll(session);
    fake_time_pump(false);
    CHECK(strstr(logged, "2 rtmidi: Jack is gone") != NULL);
    rp_session_describe(session, text, sizeof(text));
    CHECK_TEXT(text, "rtmidi: Jack is gone");
    CHECK_INT(fake_rtmidi.open, 0);
    pass(2ull * SECOND);
    quiet();
    rp_session_poll(session);
    CHECK_INT(lines, 0); /* still away */
    CHECK(strstr(logged, "0 rtmidi: RtMidi: error creating a client") != NULL);
    fake_rtmidi.dead = false;
    fake_rtmidi.works[RTMIDI_API_UNIX_JACK] = true;
    fake_rtmidi.sents[THRU] = 0;
    pass(2ull * SECOND);
    fake_time_expect();
    rp_session_poll(session);
    fake_time_settle();
    CHECK(strstr(logged, "Jack is back") != NULL);
    CHECK_INT(fake_rtmidi_connected("system:keys"), 1);
    CHECK_INT(fake_rtmidi_connected("synth:in"), 2);
    pass(4 * PERIOD); /* first of all what sounded ends */
    CHECK_INT(fake_rtmidi.sent[THRU][0].bytes[0] >> 4, 8);
    CHECK_INT(fake_rtmidi.sounding, 0);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.reconnects, 1);
    finish(session);
}

/* MIDI clock for others, each tick sent when it is due. */
static void test_clock(void)
{
    struct rp_session *session;
    const struct fake_message *tick = fake_rtmidi.sent[CLOCK];
    uint32_t ticks = 0;
    double worst = 0;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session(NULL, NULL);
    knobs.tempo = 97000;
    knobs.clock_out = 1;
    arrive(NULL, 0x90, 60, 1); /* the beat begins */
    pass(2ull * SECOND);
    for (uint32_t i = 1; i < fake_rtmidi.sents[CLOCK]; i++) {
        if (tick[i].bytes[0] == 0xf8 && tick[i - 1].bytes[0] == 0xf8) {
            double off =
                (double)(int64_t)(tick[i].at - tick[i - 1].at) - 60e9 / 97 / 24;

            worst = fabs(off) > worst ? fabs(off) : worst;
            ticks++;
        }
    }
    CHECK(ticks > 70);
    CHECK(worst < 21000); /* ns: one frame */
    finish(session);
}

/* All that sounds ends, and is sent. */
static void test_stop(void)
{
    struct rp_session *session;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    session = open_session(NULL, NULL);
    arrive(NULL, 0x90, 60, 1);
    arrive(NULL, 0x93, 61, 1);
    pass(4 * PERIOD);
    CHECK_INT(fake_rtmidi.sounding, 2);
    finish(session);
    CHECK_INT(fake_rtmidi.sounding, 0);
}

static void test_refusals(void)
{
    struct rp_session_options options = {.backend = "rtmidi", .knobs = &knobs};
    struct rp_session *session = NULL;

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    fake_rtmidi.works[RTMIDI_API_LINUX_ALSA] = false;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "3 rtmidi: alsa: RtMidi: error creating a client; "
                         "jack: RtMidi: error creating a client") != NULL);
    options.backend = "rtmidi:core";
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_EARG);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "only: alsa jack") != NULL);
    fake_rtmidi.works[RTMIDI_API_LINUX_ALSA] = true;
    options.backend = "rtmidi:jack";
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    options.backend = "rtmidi:alsa";
    options.period = 1 << 20;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_EARG);
    CHECK_INT(lines, 1);
    options.period = 0;
    options.in = "9"; /* a number must be in the list, a name is waited for */
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    CHECK_INT(lines, 1);
    CHECK_INT(fake_rtmidi.open, 0);
}

struct ports {
    int counts[2];
    char first[100];
};

static void count_port(void *self, const struct rp_port *port)
{
    struct ports *ports = self;

    if (!ports->counts[0] && !ports->counts[1]) {
        snprintf(ports->first, sizeof(ports->first), "%s", port->name);
    }
    ports->counts[port->input]++;
    CHECK_TEXT(port->backend, "rtmidi:alsa");
}

static void test_ports(void)
{
    struct ports ports = {{0}, ""}, none = {{0}, ""};

    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    CHECK_INT(rp_session_ports("rtmidi", count_port, &ports), RP_OK);
    CHECK_INT(ports.counts[0], 3);
    CHECK_INT(ports.counts[1], 2);
    CHECK_TEXT(ports.first, "Midi Through:Port-0");
    CHECK_INT(rp_session_ports("rtmidi:jack", count_port, &none), RP_OK);
    CHECK_INT(none.counts[0] + none.counts[1], 0);
    CHECK_INT(fake_rtmidi.open, 0);
}

int main(void)
{
    rp_log_to(listen, NULL);
    rp_log_level(RP_DEBUG);
    test_latency();
    test_inputs();
    test_kinds();
    test_losses();
    test_connections();
    test_plugging();
    test_return();
    test_clock();
    test_stop();
    test_refusals();
    test_ports();
    return TEST_END();
}
