/* The ALSA backend over a sequencer within this program, in which time passes
 * when it is told to. The pace's thread runs under a guard that aborts on
 * anything that may block. */
#include <alsa/asoundlib.h>

#include "rt/backend.h"

#include "tests/backend_log.h"
#include "tests/fake/fake_alsa.h"
#include "tests/fake/fake_time.h"

enum { IN, OUT, THRU };
enum { PERIOD = 2666666, SECOND = 1000000000 }; /* ns; of 128 frames, nearly */

static struct rp_knobs alsa_knobs;
static uint64_t origin; /* ns, of frame 0 */

static struct rp_session *alsa_session(const char *in, const char *out)
{
    struct rp_session_options options = {
        .backend = "alsa", .in = in, .out = out, .knobs = &alsa_knobs};
    struct rp_session *session = NULL;

    set_knobs(&alsa_knobs);
    alsa_knobs.metronome = 0;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    if (!session) {
        printf("%s", logged);
        exit(TEST_END());
    }
    origin = fake_time_now() + PERIOD;
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
    CHECK_INT(fake_alsa.open, 0);
}

static void arrive(uint64_t at, uint8_t a, uint8_t b, uint8_t c)
{
    fake_alsa_arrive(at, (const uint8_t[]){a, b, c}, 3);
}

static void pass(uint64_t ns)
{
    fake_time_pass(fake_time_now() + ns);
}

static const struct fake_sent *last_sent(int way)
{
    static const struct fake_sent none;
    uint32_t sents = fake_alsa.sents[way - OUT];

    return sents ? &fake_alsa.sent[way - OUT][sents - 1] : &none;
}

/* Whatever moment it comes at: out two periods later, to half a tick of the
 * queue (which sends at its next) and a frame. */
static void test_latency(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    double worst = 0;

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    CHECK_INT(fake_alsa.timer, 6250);
    for (int i = 0; i < 200; i++) {
        uint64_t at = fake_time_now() + 100000 + (uint64_t)i * 13331;
        double off;

        arrive(at, i % 2 ? 0x80 : 0x90, 60, 1);
        pass(4 * PERIOD);
        CHECK_INT(fake_alsa.sents[THRU - OUT], i + 1);
        CHECK_INT(last_sent(THRU)->bytes[0], i % 2 ? 0x80 : 0x90);
        off = (double)(last_sent(THRU)->due + 80000 - (int64_t)at) -
              2e9 * 128 / 48000;
        worst = fabs(off) > worst ? fabs(off) : worst;
    }
    CHECK(worst < 21000); /* ns: one frame */
    rp_session_stats(session, &stats);
    CHECK_INT(stats.heard, 200);
    CHECK_INT(stats.xruns, 0);
    CHECK_INT(stats.late, 0);
    finish(session);
    CHECK_INT(fake_alsa.disorder, 0);
}

/* What comes while a period is run already is heard in the next. */
static void test_edge(void)
{
    struct rp_session *session;

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    for (int i = 1; i <= 20; i++) {
        uint64_t begin = origin + (uint64_t)i * 16 * SECOND / 375; /* ns */

        arrive(begin + i / 4, i % 2 ? 0x90 : 0x80, 60, 1);
        fake_time_pass(begin + 3 * PERIOD);
        CHECK_INT(fake_alsa.sents[THRU - OUT], i);
        CHECK_NEAR((double)(last_sent(THRU)->due + 80000 - (int64_t)begin),
                   2e9 * 128 / 48000, 21000);
    }
    finish(session);
}

/* The queue's clock is 200 ppm fast: what is sent stays with CLOCK_MONOTONIC.
 */
static void test_drift(void)
{
    struct rp_session *session;
    double worst = 0;

    fake_alsa_boot();
    fake_alsa.speed = 1.0002;
    session = alsa_session(NULL, NULL);
    for (int i = 0; i < 20; i++) {
        uint64_t at;
        double off;

        pass(SECOND);
        at = fake_time_now() + 100000;
        arrive(at, i % 2 ? 0x80 : 0x90, 60, 1);
        pass(4 * PERIOD);
        off = (double)(last_sent(THRU)->due + 80000 - (int64_t)at) -
              2e9 * 128 / 48000;
        worst = fabs(off) > worst ? fabs(off) : worst;
    }
    CHECK(worst < 25000); /* ns */
    finish(session);
}

/* Events that are not a plain note. */
static void test_kinds(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    snd_seq_event_t event = {0};

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    arrive(fake_time_now() + 1, 0xb3, 64, 127);
    arrive(fake_time_now() + 2, 0xe3, 1, 2);
    event.type = SND_SEQ_EVENT_CONTROL14; /* two messages */
    event.data.control.param = 7;
    event.data.control.value = 12345;
    fake_alsa_event(fake_time_now() + 3, &event);
    event.type = SND_SEQ_EVENT_NOTE; /* a note with a length: not for a port */
    fake_alsa_event(fake_time_now() + 4, &event);
    memset(&event, 0, sizeof(event));
    event.type = SND_SEQ_EVENT_SYSEX;
    event.flags = SND_SEQ_EVENT_LENGTH_VARIABLE;
    fake_alsa_event(fake_time_now() + 5, &event);
    event.type = SND_SEQ_EVENT_CLOCK;
    event.flags = 0;
    fake_alsa_event(fake_time_now() + 6, &event);
    event.type = SND_SEQ_EVENT_USR3;
    fake_alsa_event(fake_time_now() + 7, &event);
    pass(4 * PERIOD);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.heard, 4);
    CHECK_INT(stats.stray, 2);
    CHECK_INT(fake_alsa.sents[THRU - OUT], 4);
    CHECK_INT(last_sent(THRU)->bytes[1], 39);
    CHECK_INT(last_sent(THRU)->bytes[2], 12345 & 127);
    finish(session);
}

/* A pause of the machine is one xrun, time has gone on; input that the kernel
 * threw away is counted and leaves nothing sounding. */
static void test_losses(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    struct rp_clock clock;
    rp_frame frame, before;

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    arrive(fake_time_now() + 1, 0x90, 60, 1);
    pass(4 * PERIOD);
    CHECK_INT(fake_alsa.sounding, 1);
    fake_alsa.overrun = true;
    pass(4 * PERIOD);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.lost_heard, 1);
    CHECK_INT(fake_alsa.sounding, 0);
    rp_session_now(session, &clock, &before);
    fake_time_skip(SECOND / 2); /* asleep meanwhile */
    pass(2 * PERIOD);
    rp_session_now(session, &clock, &frame);
    CHECK(frame - before > 24000 && frame - before < 24000 + 4 * 128);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.xruns, 1);
    finish(session);
}

/* A full pool: everything arrives, in order, later. */
static void test_narrow(void)
{
    struct rp_session *session;

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    fake_alsa.room = 7;
    for (int i = 0; i < 100; i++) {
        arrive(fake_time_now() + i, i % 2 ? 0x80 : 0x90, 40 + i / 2, 1);
    }
    pass(4 * PERIOD);
    CHECK(fake_alsa.sents[THRU - OUT] < 30);
    pass(20 * PERIOD);
    CHECK_INT(fake_alsa.sents[THRU - OUT], 100);
    CHECK_INT(fake_alsa.sounding, 0);
    CHECK_INT(fake_alsa.disorder, 0);
    finish(session);
}

/* A tempo change moves all that is not in the kernel yet: clicks that were due
 * a moment later come where the new tempo has them. */
static void test_tempo(void)
{
    struct rp_session *session;
    uint32_t clicks = 0;
    int64_t at[8] = {0};

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    alsa_knobs.tempo = 120000;
    alsa_knobs.metronome = 1;
    pass(SECOND / 2 + SECOND / 4); /* beat 1.5, or a moment before it */
    alsa_knobs.tempo = 60000;
    pass(3ull * SECOND);
    for (uint32_t i = 0; i < fake_alsa.sents[0] && clicks < 8; i++) {
        if (fake_alsa.sent[0][i].bytes[0] >> 4 == 9) {
            at[clicks++] = fake_alsa.sent[0][i].due;
        }
    }
    CHECK(clicks >= 4);
    CHECK_NEAR((double)(at[1] - at[0]) * 1e-9, 0.5, 25e-6);
    CHECK_NEAR((double)(at[2] - at[1]) * 1e-9, 0.75, 3 * PERIOD * 1e-9);
    CHECK_NEAR((double)(at[3] - at[2]) * 1e-9, 1, 25e-6);
    finish(session);
}

static void test_connections(void)
{
    struct rp_session *session;
    char text[300];

    fake_alsa_boot();
    session = alsa_session("keys", "synth");
    CHECK(fake_alsa_connected(IN, 20, 0));
    CHECK(fake_alsa_connected(OUT, 130, 0));
    CHECK(fake_alsa_connected(THRU, 130, 0));
    rp_session_describe(session, text, sizeof(text));
    CHECK_TEXT(text, "alsa 48000 Hz 128 frames, riposte:in <- Keys:Keys MIDI "
                     "1, riposte:out -> Synth:in, riposte:thru -> Synth:in");
    /* cut with a key down: what had come before is heard, then it ends */
    arrive(fake_time_now() + 1, 0x90, 60, 1);
    arrive(fake_time_now() + PERIOD / 2, 0x90, 62, 1);
    pass(PERIOD / 2);
    fake_alsa_cut(IN, 20, 0);
    pass(2 * PERIOD);
    CHECK_INT(fake_alsa.sounding, 2);
    pass(3 * PERIOD);
    CHECK_INT(fake_alsa.sounding, 0);
    rp_session_poll(session);
    pass(2ull * SECOND); /* meant: it is not made again */
    rp_session_poll(session);
    CHECK(!fake_alsa_connected(IN, 20, 0));
    rp_session_describe(session, text, sizeof(text));
    CHECK(!strstr(text, "Keys"));
    finish(session);

    fake_alsa_boot(); /* by number and by address */
    session = alsa_session("14:0", "2");
    CHECK(fake_alsa_connected(IN, 14, 0));
    CHECK(fake_alsa_connected(OUT, 20, 0));
    finish(session);
    fake_alsa_boot(); /* nothing asked: the hardware's */
    session = alsa_session(NULL, NULL);
    CHECK(fake_alsa_connected(IN, 20, 0));
    CHECK(!fake_alsa_connected(IN, 14, 0));
    CHECK(!fake_alsa_connected(OUT, 130, 0));
    finish(session);
}

/* Cables pulled and plugged in again, at other numbers. */
static void test_plugging(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;

    fake_alsa_boot();
    session = alsa_session("Keys", "Synth");
    arrive(fake_time_now() + 1, 0x90, 60, 1);
    pass(4 * PERIOD);
    CHECK_INT(fake_alsa.sounding, 1);
    quiet();
    fake_alsa_leave(20);
    pass(5 * PERIOD);
    CHECK_INT(fake_alsa.sounding, 0);
    rp_session_poll(session);
    CHECK(strstr(logged, "Keys:Keys MIDI 1 is gone; it is connected again") !=
          NULL);
    fake_alsa_leave(130);
    rp_session_poll(session);
    CHECK(strstr(logged, "Synth:in is gone") != NULL);
    pass(10ull * SECOND);
    rp_session_poll(session);
    CHECK_INT(lines, 2);
    fake_alsa.sents[0] = fake_alsa.sents[1] = 0;
    fake_alsa_come(133, 0, 0, "Synth", "in");
    rp_session_poll(session);
    CHECK(fake_alsa_connected(OUT, 133, 0));
    CHECK(fake_alsa_connected(THRU, 133, 0));
    pass(3 * PERIOD); /* the synth may have missed something: it is silenced */
    CHECK_INT(fake_alsa.sents[THRU - OUT], 48);
    fake_alsa_come(24, 0, SND_SEQ_PORT_TYPE_HARDWARE, "Keys", "Keys MIDI 1");
    rp_session_poll(session);
    CHECK(fake_alsa_connected(IN, 24, 0));
    CHECK(
        strstr(logged, "riposte:in and Keys:Keys MIDI 1 are connected again") !=
        NULL);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.reconnects, 0); /* the sequencer was always there */
    finish(session);
}

/* Two keyboards of the same name are two: the one that is connected is the one
 * that comes back. */
static void test_namesakes(void)
{
    struct rp_session *session;
    char text[300];

    fake_alsa_boot();
    fake_alsa_come(24, 0, SND_SEQ_PORT_TYPE_HARDWARE, "Keys", "Keys MIDI 1");
    session = alsa_session("24:0", NULL);
    CHECK(fake_alsa_connected(IN, 24, 0));
    CHECK(!fake_alsa_connected(IN, 20, 0));
    rp_session_describe(session, text, sizeof(text));
    CHECK(strstr(text, "riposte:in <- Keys:Keys MIDI 1 [2]") != NULL);
    fake_alsa_leave(24);
    rp_session_poll(session);
    pass(3ull * SECOND);
    rp_session_poll(session);
    CHECK(!fake_alsa_connected(IN, 20, 0));
    fake_alsa_come(28, 0, SND_SEQ_PORT_TYPE_HARDWARE, "Keys", "Keys MIDI 1");
    rp_session_poll(session);
    CHECK(fake_alsa_connected(IN, 28, 0));
    CHECK(!fake_alsa_connected(IN, 20, 0));
    finish(session);
}

/* The first keyboard may be plugged in after the start; and what is asked for,
 * too. */
static void test_later(void)
{
    struct rp_session *session;

    fake_alsa_boot();
    fake_alsa_leave(20);
    session = alsa_session(NULL, "new synth");
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "no MIDI destination is called 'new synth' yet"));
    fake_alsa_come(24, 0, SND_SEQ_PORT_TYPE_HARDWARE, "Keys", "Keys MIDI 1");
    rp_session_poll(session);
    CHECK(fake_alsa_connected(IN, 24, 0));
    CHECK(strstr(logged, "the first keyboard there is") != NULL);
    fake_alsa_come(132, 0, 0, "New Synth", "in");
    rp_session_poll(session);
    CHECK(fake_alsa_connected(OUT, 132, 0));
    CHECK(fake_alsa_connected(THRU, 132, 0));
    finish(session);
}

/* The sequencer itself fails and is there again. */
static void test_return(void)
{
    struct rp_session *session;
    struct rp_stats_view stats;
    struct rp_clock clock;
    rp_frame before, after;
    char text[200];

    fake_alsa_boot();
    session = alsa_session("Keys", "Synth");
    arrive(fake_time_now() + 1, 0x90, 60, 1);
    pass(4 * PERIOD);
    rp_session_now(session, &clock, &before);
    fake_alsa.fails = true;
    fake_alsa.there = false;
    pass(PERIOD);
    quiet();
    fake_time_pump(true);
    rp_session_poll(session);
    fake_time_pump(false);
    CHECK(strstr(logged, "2 alsa: the ALSA sequencer is gone") != NULL);
    rp_session_describe(session, text, sizeof(text));
    CHECK_TEXT(text, "alsa: the sequencer is gone");
    CHECK_INT(fake_alsa.open, 0);
    pass(2ull * SECOND);
    rp_session_poll(session);
    CHECK_INT(lines, 1); /* still away */
    fake_alsa.fails = false;
    fake_alsa.there = true;
    fake_alsa.sents[0] = fake_alsa.sents[1] = 0;
    pass(2ull * SECOND);
    fake_time_expect();
    rp_session_poll(session);
    fake_time_settle();
    CHECK(strstr(logged, "the ALSA sequencer is back") != NULL);
    CHECK(fake_alsa_connected(IN, 20, 0));
    CHECK(fake_alsa_connected(OUT, 130, 0));
    pass(3 * PERIOD); /* first of all what sounded ends */
    CHECK_INT(fake_alsa.sent[THRU - OUT][0].bytes[0], 0x80);
    CHECK_INT(fake_alsa.sent[THRU - OUT][0].bytes[1], 60);
    CHECK_INT(fake_alsa.sounding, 0);
    rp_session_now(session, &clock, &after);
    CHECK(after - before > 4 * 48000 && after - before < 6 * 48000);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.reconnects, 1);
    finish(session);

    fake_alsa_boot(); /* gone for good: nothing hangs */
    session = alsa_session(NULL, NULL);
    arrive(fake_time_now() + 1, 0x90, 60, 1);
    pass(4 * PERIOD);
    fake_alsa.fails = true;
    fake_alsa.there = false;
    quiet();
    finish(session);
    CHECK(strstr(logged, "did not take the last note-offs") != NULL);
}

/* All that sounds ends, and is given the time to reach its receiver. */
static void test_stop(void)
{
    struct rp_session *session;

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    arrive(fake_time_now() + 1, 0x90, 60, 1);
    arrive(fake_time_now() + 2, 0x93, 61, 1);
    pass(4 * PERIOD);
    CHECK_INT(fake_alsa.sounding, 2);
    finish(session);
    CHECK_INT(fake_alsa.sounding, 0);
    CHECK((int64_t)fake_time_now() >= last_sent(THRU)->due + 160000);
}

static void test_refusals(void)
{
    struct rp_session_options options = {.backend = "alsa",
                                         .knobs = &alsa_knobs};
    struct rp_session *session = NULL;

    set_knobs(&alsa_knobs);
    fake_alsa_boot();
    fake_alsa.there = false;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "3 alsa: no ALSA sequencer (/dev/snd/seq): No such "
                         "file or directory") != NULL);
    fake_alsa.there = true;
    fake_alsa.no_queue = true;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_EIO);
    CHECK_INT(lines, 1);
    CHECK_INT(fake_alsa.open, 0);
    fake_alsa.no_queue = false;
    options.period = 1 << 20;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_EARG);
    CHECK_INT(lines, 1);
    CHECK_INT(fake_alsa.open, 0);
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
    CHECK_TEXT(port->backend, "alsa");
}

static void test_ports(void)
{
    struct ports ports = {{0}, ""};

    fake_alsa_boot();
    CHECK_INT(rp_session_ports("alsa", count_port, &ports), RP_OK);
    CHECK_INT(ports.counts[0], 3);
    CHECK_INT(ports.counts[1], 3);
    CHECK_TEXT(ports.first, "Midi Through:Port-0");
    CHECK_INT(fake_alsa.open, 0);
}

static void tick(uint64_t at, uint8_t sender)
{
    snd_seq_event_t event = {.type = SND_SEQ_EVENT_CLOCK};

    event.source.client = sender;
    fake_alsa_event(at, &event);
}

/* Two clocks at once: the sequencer says whose is whose. */
static void test_clocks(void)
{
    struct rp_session *session;
    struct rp_clock clock;
    rp_frame frame;

    fake_alsa_boot();
    session = alsa_session(NULL, NULL);
    alsa_knobs.sync = RP_SYNC_MIDI;
    pass(PERIOD);
    for (int i = 0; i < 100; i++) { /* of 20 ms: 125 BPM; the other's 13 ms */
        uint64_t now = fake_time_now();

        tick(now + 1000, 20);
        if (i > 24) {
            tick(now + 2000 + i % 7 * 1000000, 24);
            tick(now + 15000000, 24);
        }
        pass(20000000);
    }
    rp_session_now(session, &clock, &frame);
    CHECK_NEAR(clock.mbpm, 125000, 1000);
    rp_session_poll(session);
    CHECK(strstr(logged, "two MIDI clocks come in; the first is followed"));
    finish(session);
    alsa_knobs.sync = RP_SYNC_INTERNAL;
}

int main(void)
{
    rp_log_to(listen, NULL);
    rp_log_level(RP_DEBUG);
    test_latency();
    test_edge();
    test_drift();
    test_kinds();
    test_losses();
    test_narrow();
    test_tempo();
    test_clocks();
    test_connections();
    test_plugging();
    test_namesakes();
    test_later();
    test_return();
    test_stop();
    test_refusals();
    test_ports();
    return TEST_END();
}
