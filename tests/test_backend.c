/* What every backend of the table owes (rt/backend.h), those of JACK, ALSA and
 * RtMidi over libraries within this program. Their audio threads run under a guard
 * that aborts on anything that may block. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/backend.h"

#include "tests/backend_log.h"
#include "tests/fake/fake_time.h"
#include "tests/fake/guard.h"

#if HAVE_ALSA
#include "tests/fake/fake_alsa.h"
#endif
#if HAVE_RTMIDI
#include "tests/fake/fake_rtmidi.h"
#endif
#if HAVE_JACK
#include "tests/fake/fake_jack.h"
#endif

/* ---- the guard itself ---- */

static volatile size_t some = 100;

static int outcome(void (*sin)(void))
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        close(2);
        guard_enter();
        sin();
        guard_leave();
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void *volatile kept;

static void sin_malloc(void)
{
    kept = malloc(some);
}

static void sin_free(void)
{
    free(kept);
}

static void sin_log(void)
{
    rp_log(RP_DEBUG, "test", "a line");
}

static void sin_write(void)
{
    (void)!write(1, "", 0);
}

static void no_sin(void)
{
    some++;
}

static void test_guard(void)
{
    CHECK_INT(outcome(no_sin), 0);
    if (!guard_watches_malloc()) {
        return;
    }
    kept = malloc(some);
    CHECK_INT(outcome(sin_malloc), SIGABRT);
    CHECK_INT(outcome(sin_free), SIGABRT);
    CHECK_INT(outcome(sin_log), SIGABRT);
    CHECK_INT(outcome(sin_write), SIGABRT);
    free(kept);
}

/* ---- the contract ---- */

/* How a backend of the table is driven here: its world is set up, and frames
 * pass with what is played at them. */
struct rig {
    const char *name;
    void (*set_up)(const struct rp_timed_event *call, uint32_t calls);
    void (*pass)(struct rp_session *session, rp_frame until);
    void (*run)(bool run); /* time passes by itself */
};

static const struct rp_timed_event *given;
static uint32_t givens;

static void null_set_up(const struct rp_timed_event *call, uint32_t calls)
{
    given = call;
    givens = calls;
}

static void null_run(bool run)
{
}

#if HAVE_JACK
static rp_frame jack_now;

static void jack_set_up(const struct rp_timed_event *call, uint32_t calls)
{
    fake_jack_boot(48000, 128);
    given = call;
    givens = calls;
    jack_now = 0;
}

static void jack_pass(struct rp_session *session, rp_frame until)
{
    for (; jack_now < until; jack_now += 128) {
        for (; givens && given->frame < jack_now + 128; given++, givens--) {
            fake_jack_arrive((uint32_t)(given->frame - jack_now),
                             given->event.data, given->event.size);
        }
        fake_jack_period();
    }
}
#endif

#if HAVE_ALSA || HAVE_RTMIDI
static uint64_t pace_origin; /* ns, of frame 0: a period after the start */

static void pace_set_up(const struct rp_timed_event *events, uint32_t count)
{
    pace_origin = fake_time_now() + 128 * 1000000000ull / 48000;
    given = events;
    givens = count;
}

/* When a frame is, rounded up. */
static uint64_t pace_ns(rp_frame frame)
{
    int64_t ns = frame * 1000000000;

    return pace_origin + (uint64_t)(ns < 0 ? ns / 48000 : (ns + 47999) / 48000);
}
#endif

/* What is heard at a frame came a period before. */
#if HAVE_ALSA
static void alsa_set_up(const struct rp_timed_event *events, uint32_t count)
{
    fake_alsa_boot();
    pace_set_up(events, count);
}

static void alsa_pass(struct rp_session *session, rp_frame until)
{
    for (; givens && given->frame < until; given++, givens--) {
        fake_alsa_arrive(pace_ns(given->frame - 128), given->event.data,
                         given->event.size);
    }
    fake_time_pass(pace_ns(until - 128));
}
#endif

#if HAVE_RTMIDI
static void rtmidi_set_up(const struct rp_timed_event *events, uint32_t count)
{
    fake_rtmidi_boot(RTMIDI_API_LINUX_ALSA);
    pace_set_up(events, count);
}

static void rtmidi_pass(struct rp_session *session, rp_frame until)
{
    for (; givens && given->frame < until; given++, givens--) {
        fake_time_pass(pace_ns(given->frame - 128));
        fake_rtmidi_arrive(NULL, given->event.data, given->event.size);
    }
    fake_time_pass(pace_ns(until - 128));
}
#endif

static const struct rig rigs[] = {
#if HAVE_ALSA
    {"alsa", alsa_set_up, alsa_pass, fake_time_pump},
#endif
#if HAVE_JACK
    {"jack", jack_set_up, jack_pass, fake_jack_pump},
#endif
#if HAVE_RTMIDI
    {"rtmidi", rtmidi_set_up, rtmidi_pass, fake_time_pump},
#endif
    {"null", null_set_up, rp_session_advance, null_run},
};

static const struct rig *rig_of(const char *name)
{
    for (unsigned i = 0; i < sizeof(rigs) / sizeof(rigs[0]); i++) {
        if (!strcmp(rigs[i].name, name)) {
            return &rigs[i];
        }
    }
    return NULL;
}

enum { CALLS = 60, SEEN = 400 };
static struct rp_timed_event call[CALLS];

static uint32_t look(struct rp_session *session, struct rp_seen *seen)
{
    uint32_t count = 0;

    while (count < SEEN && rp_session_seen(session, &seen[count])) {
        count++;
    }
    return count;
}

/* A call over the metronome: every event is heard at its frame, every click
 * sounds at its own, whatever the backend. */
static uint32_t contract_plays(const struct rig *rig, struct rp_seen *seen)
{
    struct rp_knobs knobs;
    struct rp_session_options options = {
        .backend = rig->name, .period = 128, .knobs = &knobs};
    struct rp_session *session = NULL;
    struct rp_stats_view stats;
    char text[200];
    uint32_t count, calls = 0, wrong = 0;

    set_knobs(&knobs);
    rig->set_up(call, CALLS);
    if (!strcmp(rig->name, "null")) {
        options.call = given;
        options.calls = givens;
    }
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    if (!session) {
        return 0;
    }
    rp_session_describe(session, text, sizeof(text));
    CHECK(!strncmp(text, rig->name, strlen(rig->name)));
    CHECK(strstr(text, "48000 Hz 128 frames") != NULL);
    CHECK_INT(rp_session_start(session), RP_OK);
    rig->pass(session, 3 * 48000);
    count = look(session, seen);
    for (uint32_t i = 0; i < count; i++) {
        if (seen[i].kind == RP_SEEN_CALL) {
            wrong += seen[i].frame != call[calls].frame;
            wrong += memcmp(&seen[i].event, &call[calls++].event, 4) != 0;
        }
    }
    CHECK_INT(calls, CALLS);
    CHECK_INT(wrong, 0);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.frame, 3 * 48000);
    CHECK_INT(stats.cycles, 3 * 48000 / 128);
    CHECK_INT(stats.heard, CALLS);
    CHECK_INT(stats.stray, 0);
    CHECK_INT(stats.xruns, 0);
    CHECK(stats.worst_ns > 0 && stats.worst_ns <= stats.total_ns);
    CHECK_INT(lines, strstr(logged, "the first keyboard there is") != NULL);
    /* stopped: nothing moves any more */
    rig->run(true);
    rp_session_stop(session);
    rig->run(false);
    rp_session_stats(session, &stats);
    calls = stats.cycles;
    rig->pass(session, 4 * 48000);
    rp_session_stats(session, &stats);
    CHECK_INT(stats.cycles, calls);
    rp_session_destroy(session);
    return count;
}

static void contract_refuses(const struct rig *rig)
{
    struct rp_knobs knobs;
    struct rp_session_options options = {
        .backend = rig->name, .knobs = &knobs, .in = "98"};
    struct rp_session *session = NULL;

    set_knobs(&knobs);
    rig->set_up(NULL, 0);
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    CHECK(session == NULL);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "98") != NULL);
    options.in = NULL;
    options.out = "99";
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_ENONE);
    CHECK_INT(lines, 1);
    /* opened, never started */
    options.out = NULL;
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    rp_session_destroy(session);
}

static void test_contract(void)
{
    static struct rp_seen first[SEEN], other[SEEN];
    uint32_t count = 0, backends = 0;

    for (int i = 0; i < CALLS; i++) {
        call[i].frame = 77 + i * 2011;
        call[i].event =
            rp_event_make(i % 2 ? RP_NOTE_OFF : RP_NOTE_ON, 2, 50 + i / 2, 70);
    }
    for (int b = 0; rp_backends[b]; b++) {
        const struct rig *rig = rig_of(rp_backends[b]->name);
        uint32_t got;

        if (!rig) {
            printf("backend %s has no rig here\n", rp_backends[b]->name);
            CHECK(rig != NULL);
            continue;
        }
        got = contract_plays(rig, backends ? other : first);
        if (backends++ == 0) {
            count = got;
            CHECK(count > CALLS + 5);
        } else { /* the same as every other, click for click */
            CHECK_INT(got, count);
            for (uint32_t i = 0; i < got && i < count; i++) {
                CHECK_INT(other[i].frame, first[i].frame);
                CHECK_INT(other[i].beat, first[i].beat);
                CHECK_INT(other[i].kind, first[i].kind);
            }
        }
        contract_refuses(rig);
        fake_time_end();
    }
    CHECK(backends >= 1);
}

/* ---- how a port is named ---- */

static void test_match(void)
{
    static const char *const names[] = {"a2j:Keystation", "synth:in", "in"};

    CHECK_INT(rp_backend_match("1", names, 3), 0);
    CHECK_INT(rp_backend_match("3", names, 3), 2);
    CHECK_INT(rp_backend_match("0", names, 3), -1);
    CHECK_INT(rp_backend_match("4", names, 3), -1);
    CHECK_INT(rp_backend_match("in", names, 3), 2); /* the full name wins */
    CHECK_INT(rp_backend_match("keys", names, 3), 0);
    CHECK_INT(rp_backend_match("SYNTH", names, 3), 1);
    CHECK_INT(rp_backend_match("", names, 3), -1);
    CHECK_INT(rp_backend_match("drum", names, 3), -1);
    CHECK_INT(rp_backend_match("1", names, 0), -1);
}

int main(void)
{
    rp_log_to(listen, NULL);
    rp_log_level(RP_DEBUG);
    test_guard();
    test_contract();
    test_match();
    return TEST_END();
}
