/* A session with a simple performer that echoes each note a beat later, an
 * octave up: in virtual time the take is the same bytes at every period size,
 * with knobs that turn and a panic; in real time its thread is woken when it
 * has something to do. */
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rt/log.h"
#include "rt/session.h"

#include "tests/test.h"

static char logged[4096];

static void listen(void *self, enum rp_level level, const char *tag,
                   const char *text)
{
    size_t used = strlen(logged);

    snprintf(logged + used, sizeof(logged) - used, "%s: %s\n", tag, text);
}

/* ---- the echo ---- */

enum { PLANS = 4096, LEAD = 48000 * RP_LEAD_MS / 1000 };

struct echo {
    struct rp_clock clock;
    struct rp_planned plan[PLANS];
    uint32_t planned, pushed, panics, heard;
    _Atomic uint32_t runs;
};

static void echo_hear(struct echo *echo, const struct rp_heard *heard)
{
    if (heard->kind == RP_HEARD_CLOCK) {
        echo->clock = heard->clock;
    } else if (heard->kind == RP_HEARD_PANIC) {
        echo->pushed = echo->planned;
        echo->panics++;
    } else if (rp_event_is_on(heard->event) && echo->planned + 2 < PLANS) {
        rp_beat beat = rp_clock_beat(&echo->clock, heard->frame) + RP_BEAT;
        uint8_t pitch = heard->event.data[1] + 12;

        echo->heard++;
        echo->plan[echo->planned++] = (struct rp_planned){
            beat, 1, rp_event_make(RP_NOTE_ON, 1, pitch, 90)};
        echo->plan[echo->planned++] = (struct rp_planned){
            beat + RP_BEAT / 5, 1, rp_event_make(RP_NOTE_OFF, 1, pitch, 64)};
    }
}

static void echo_run(void *self, rp_frame until, struct rp_ring *in,
                     struct rp_ring *out)
{
    struct echo *echo = self;
    const struct rp_heard *heard;

    atomic_fetch_add(&echo->runs, 1);
    while ((heard = rp_ring_peek(in)) && heard->frame < until) {
        echo_hear(echo, heard);
        (void)rp_ring_pop(in, NULL);
    }
    while (echo->pushed < echo->planned &&
           rp_clock_frame(&echo->clock, echo->plan[echo->pushed].beat) <
               until + LEAD &&
           rp_ring_push(out, &echo->plan[echo->pushed], NULL)) {
        echo->pushed++;
    }
}

static rp_frame echo_wake(void *self)
{
    struct echo *echo = self;

    return echo->pushed == echo->planned
               ? INT64_MAX
               : rp_clock_frame(&echo->clock, echo->plan[echo->pushed].beat) -
                     LEAD;
}

/* ---- virtual time ---- */

static void faster(void *self, struct rp_knobs *knobs)
{
    atomic_store(&knobs->tempo, 143210);
}

static void panic(void *self, struct rp_knobs *knobs)
{
    atomic_fetch_add(&knobs->panic, 1);
}

enum { CALLS = 200 };

static void set_knobs(struct rp_knobs *knobs)
{
    memset(knobs, 0, sizeof(*knobs));
    knobs->tempo = 97000;
    knobs->metre = 4 << 8 | 4;
}

/* Plays the call at a period size; the take's bytes. */
static size_t play(uint32_t period, unsigned char *bytes, size_t size,
                   struct rp_stats_view *stats)
{
    static struct echo echo;
    static struct rp_timed_event call[CALLS];
    struct rp_knobs knobs;
    const struct rp_cue cues[] = {{333333, faster, NULL},
                                  {500001, panic, NULL}};
    char path[] = "/tmp/riposte-session-XXXXXX";
    struct rp_session_options options = {
        .backend = "null",
        .period = period,
        .take = path,
        .call = call,
        .calls = CALLS,
        .cue = cues,
        .cues = 2,
        .knobs = &knobs,
        .performing = {&echo, echo_run, echo_wake}};
    struct rp_session *session = NULL;
    struct rp_seen seen;
    FILE *file;

    memset(&echo, 0, sizeof(echo));
    set_knobs(&knobs);
    close(mkstemp(path));
    for (int i = 0; i < CALLS; i++) {
        call[i].frame = 4321 + i * 4999;
        call[i].event = rp_event_make(i % 2 ? RP_NOTE_OFF : RP_NOTE_ON, 0,
                                      40 + i / 2 % 40, 80);
    }
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    if (!session) {
        exit(TEST_END());
    }
    CHECK_INT(rp_session_start(session), RP_OK);
    rp_session_advance(session, 200000);
    rp_session_advance(session, 25 * 48000);
    while (rp_session_seen(session, &seen)) {
    }
    rp_session_stop(session);
    rp_session_stats(session, stats);
    rp_session_destroy(session);
    CHECK_INT(echo.heard, CALLS / 2);
    CHECK_INT(echo.panics, 2); /* the cue and the stop */
    file = fopen(path, "rb");
    size = file ? fread(bytes, 1, size, file) : 0;
    if (file) {
        fclose(file);
    }
    unlink(path);
    return size;
}

static void test_virtual(void)
{
    static const uint32_t periods[] = {64, 32, 128, 1024, 1, 64};
    static unsigned char first[65536], other[65536];
    struct rp_stats_view stats;
    size_t size = play(128, first, sizeof(first), &stats);

    CHECK(size > 1000);
    CHECK_INT(stats.heard, CALLS);
    CHECK_INT(stats.late, 0);
    CHECK_INT(stats.dropped, 0);
    CHECK_INT(stats.panics, 1);
    CHECK_INT(stats.lost_recorded, 0);
    for (unsigned i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
        size_t got = play(periods[i], other, sizeof(other), &stats);

        CHECK_INT(got, size);
        CHECK(got == size && !memcmp(first, other, size));
        CHECK_INT(stats.late, 0);
    }
}

/* ---- real time ---- */

static void nap(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

/* Waits for what another thread does, however busy the machine; false when
 * that takes ten seconds. */
#define SOON(condition)                                                        \
    ({                                                                         \
        for (int left = 1000; left && !(condition); left--) {                  \
            nap(10);                                                           \
        }                                                                      \
        condition;                                                             \
    })

static bool keeps_still(const struct echo *echo)
{
    unsigned runs = echo->runs;

    nap(100);
    return echo->runs == runs;
}

/* Nothing is heard: it runs when it is woken alone. */
static void check_wake(struct rp_session *session, const struct echo *echo)
{
    unsigned runs;

    CHECK(SOON(keeps_still(echo)));
    runs = echo->runs;
    rp_session_wake(session);
    CHECK(SOON(echo->runs > runs));
}

struct answers {
    unsigned calls, ons, offs, off_beat;
    rp_beat called[8];
};

/* Takes in what was seen since; all are over. A note that comes after 200 ms
 * only is dropped and counted. */
static bool answered(struct rp_session *session, struct answers *a)
{
    struct rp_stats_view stats;
    struct rp_seen seen;

    rp_session_poll(session);
    while (rp_session_seen(session, &seen)) {
        if (seen.kind == RP_SEEN_CALL) {
            if (rp_event_is_on(seen.event) && a->calls < 8) {
                a->called[a->calls++] = seen.beat;
            }
        } else if (rp_event_is_on(seen.event)) {
            rp_beat away = seen.beat - a->called[a->ons++ % 8] - RP_BEAT;

            a->off_beat += away > RP_BEAT / 4000 || away < -RP_BEAT / 4000;
        } else {
            a->offs += rp_event_is_off(seen.event);
        }
    }
    rp_session_stats(session, &stats);
    return a->ons + stats.dropped >= 8 && a->offs >= 8;
}

static void test_real(void)
{
    static struct echo echo;
    struct answers answers = {0};
    struct rp_knobs knobs;
    struct rp_session_options options = {
        .backend = "null",
        .realtime = true,
        .period = 256,
        .knobs = &knobs,
        .performing = {&echo, echo_run, echo_wake}};
    struct rp_session *session = NULL;
    struct rp_stats_view stats;
    struct rp_clock clock;
    rp_frame frame, before;

    memset(&echo, 0, sizeof(echo));
    set_knobs(&knobs);
    knobs.tempo = 240000;
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    CHECK_INT(rp_session_start(session), RP_OK);
    check_wake(session, &echo);
    rp_session_now(session, &clock, &before);
    for (int i = 0; i < 8; i++) {
        CHECK(
            rp_session_play(session, rp_event_make(RP_NOTE_ON, 0, 50 + i, 9)));
        nap(100);
        CHECK(
            rp_session_play(session, rp_event_make(RP_NOTE_OFF, 0, 50 + i, 9)));
        rp_session_poll(session);
    }
    CHECK(SOON(answered(session, &answers)));
    nap(100); /* and nothing after it */
    (void)answered(session, &answers);
    rp_session_now(session, &clock, &frame);
    CHECK(frame - before > 48000 && frame - before < 20 * 48000);
    CHECK_INT(clock.anchored, 1);
    CHECK_INT(clock.mbpm, 240000);
    rp_session_stats(session, &stats);
    CHECK_INT(answers.ons + stats.dropped, 8);
    CHECK_INT(answers.offs, 8);
    /* a machine too busy to keep 40 ms may be late; else on the frame */
    CHECK(answers.off_beat + stats.dropped <= stats.late + stats.xruns);
    CHECK(echo.runs + stats.late + stats.xruns >= 16);
    CHECK(echo.runs < stats.cycles); /* it sleeps in between */
    rp_session_destroy(session);
}

/* ---- what cannot be ---- */

static void check_refused(const struct rp_session_options *options,
                          const char *line)
{
    struct rp_session *session = NULL;

    logged[0] = '\0';
    CHECK(rp_session_create(&session, options) != RP_OK);
    CHECK(session == NULL);
    if (!strstr(logged, line) ||
        strchr(logged, '\n') != strrchr(logged, '\n')) {
        CHECK_TEXT(logged, line);
    }
}

static void test_refused(void)
{
    struct rp_knobs knobs = {0};

    check_refused(
        &(struct rp_session_options){.backend = "oss", .knobs = &knobs},
        "backend: no backend is called 'oss'; there are: auto");
    check_refused(&(struct rp_session_options){.backend = "null",
                                               .in = "Keyboard",
                                               .knobs = &knobs},
                  "null: there is no port 'Keyboard' without a MIDI system");
    check_refused(&(struct rp_session_options){.backend = "null",
                                               .rate = 3,
                                               .knobs = &knobs},
                  "null: 3 Hz with 128 frames: expected");
    check_refused(&(struct rp_session_options){.backend = "null",
                                               .take = "/no/such/take.mid",
                                               .knobs = &knobs},
                  "take: /no/such/take.mid.journal: No such file");
    check_refused(&(struct rp_session_options){.backend = "null"},
                  "session: no knobs");
}

/* No performer, no call, never advanced, stopped twice. */
static void test_bare(void)
{
    struct rp_knobs knobs = {0};
    struct rp_session_options options = {.backend = "null", .knobs = &knobs};
    struct rp_session *session = NULL;
    struct rp_stats_view stats;
    char text[100];

    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    rp_session_describe(session, text, sizeof(text));
    CHECK_TEXT(text, "null 48000 Hz 128 frames, virtual time");
    rp_session_advance(session, 1000); /* not started: does not move */
    rp_session_stats(session, &stats);
    CHECK_INT(stats.frame, 0);
    CHECK_INT(rp_session_start(session), RP_OK);
    rp_session_advance(session, 1000);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.frame, 1000);
    CHECK_INT(stats.cycles, 8);
    for (int i = 0; i < 300; i++) {
        bool fits =
            rp_session_play(session, rp_event_make(RP_NOTE_ON, 0, 1, 1));

        CHECK_INT(fits, i < 256);
    }
    rp_session_stats(session, &stats);
    CHECK_INT(stats.dropped, 300 - 256);
    rp_session_stop(session);
    rp_session_stop(session);
    rp_session_destroy(session);
    rp_session_destroy(NULL);
}

/* What the audio thread counted becomes lines. */
static void test_lines(void)
{
    struct rp_knobs knobs = {0};
    struct rp_session_options options = {.backend = "null", .knobs = &knobs};
    struct rp_session *session = NULL;

    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    CHECK_INT(rp_session_start(session), RP_OK);
    logged[0] = '\0';
    atomic_fetch_add(&knobs.panic, 1);
    rp_session_advance(session, 128);
    rp_session_poll(session);
    CHECK_TEXT(logged, "session: 1 panic: all notes off\n");
    rp_session_poll(session);
    CHECK_TEXT(logged, "session: 1 panic: all notes off\n");
    rp_session_destroy(session);
}

int main(void)
{
    rp_log_to(listen, NULL);
    test_virtual();
    test_real();
    test_refused();
    test_bare();
    test_lines();
    return TEST_END();
}
