#include "model/play/bench_sync.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/net/rng.h"
#include "model/setting.h"
#include "rt/log.h"
#include "rt/session.h"

enum {
    RATE = 48000,
    FIRST = 24000, /* frame of the first tick; Start comes a ms before */
    LOCK = 2 * 4,  /* sixteenths until it must be locked */
    LAST = 16,     /* sixteenths whose mean shows a drift */
    BAR = 16,      /* sixteenths */
    PITCH = 48
};

const struct rp_bench_sync_case rp_bench_sync_cases[] = {
    {"steady", 120, 0, 0, 0, 0, 0, 0},
    {"steady", 120, 1, 0, 0, 0, 0, 0},
    {"steady", 120, 5, 0, 0, 0, 0, 0},
    {"drift 0.5 %", 120, 0, 0.005, 0, 0, 0, 0},
    {"drift 0.5 %", 120, 1, 0.005, 0, 0, 0, 0},
    {"drift 0.5 %", 120, 5, 0.005, 0, 0, 0, 0},
    {"step 90 to 140", 90, 0, 0, 140, 0, 0, 0},
    {"step 90 to 140", 90, 1, 0, 140, 0, 0, 0},
    {"step 90 to 140", 90, 5, 0, 140, 0, 0, 0},
    {"1 in 50 lost", 120, 0, 0, 0, 0.02, 0, 0},
    {"1 in 50 lost", 120, 1, 0, 0, 0.02, 0, 0},
    {"1 in 50 lost", 120, 5, 0, 0, 0.02, 0, 0},
    {"stop, on at 3.3", 120, 0, 0, 0, 0, 5, 42},
    {"stop, on at 3.3", 120, 1, 0, 0, 0, 5, 42},
    {"stop, on at 3.3", 120, 5, 0, 0, 0, 5, 42},
    {"all, no stop", 90, 1, 0.005, 140, 0.02, 0, 0},
};
const int rp_bench_sync_count =
    sizeof(rp_bench_sync_cases) / sizeof(rp_bench_sync_cases[0]);

/* ---- the sender ---- */

/* One sixteenth as it was meant. */
struct meant {
    double frame;
    int place; /* of the bar; -1: the sender stands */
};

struct sender {
    const struct rp_bench_sync_case *what;
    struct rp_rng rng;
    struct rp_timed_event *event;
    uint32_t events;
    struct meant *grid;
    uint32_t grids;
    double stepped;       /* frame of the step; < 0: none */
    double stands, rolls; /* frames between which it stands */
    rp_frame last;        /* of a tick; they come in order */
};

static double normal(struct rp_rng *rng)
{
    double u = 1.0 - rp_rng_float(rng), v = rp_rng_float(rng);

    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static void say(struct sender *sender, double frame, uint8_t status,
                int position)
{
    rp_frame at = (rp_frame)floor(frame + 0.5);

    at = at < sender->last ? sender->last : at;
    sender->last = at;
    sender->event[sender->events++] = (struct rp_timed_event){
        at, rp_event_make(status, 0, (uint8_t)(position & 127),
                          (uint8_t)(position >> 7))};
}

static void tick(struct sender *sender, double frame)
{
    double off = normal(&sender->rng) * sender->what->sigma * RATE / 1000;
    bool lost = rp_rng_float(&sender->rng) < (float)sender->what->loss;

    if (!lost || frame == FIRST) {
        say(sender, frame + off, RP_CLOCK, 0);
    }
}

static double tempo(const struct sender *sender, double frame, bool second)
{
    const struct rp_bench_sync_case *what = sender->what;
    double bpm = second && what->step_to > 0 ? what->step_to : what->bpm;

    return bpm *
           (1 + what->wander * sin(frame / RATE * 6.283185307179586 / 30));
}

static void stand(struct sender *sender, double *frame, int *place)
{
    say(sender, *frame - 96, RP_STOP, 0);
    sender->stands = *frame - 96;
    for (int i = 0; i < sender->what->stop * RP_TICKS; i++) {
        tick(sender, *frame);
        *frame += RATE * 60.0 / sender->what->bpm / RP_TICKS;
    }
    say(sender, *frame - 96, RP_POSITION, sender->what->resume);
    say(sender, *frame - 48, RP_CONTINUE, 0);
    sender->rolls = *frame;
    *place = sender->what->resume;
}

/* Half of the time on either side of what happens, on a beat. */
static void send_all(struct sender *sender, double seconds)
{
    double frame = FIRST, middle = FIRST + seconds / 2 * RATE;
    double end = FIRST + seconds * RATE;
    bool second = false;
    int place = 0;

    say(sender, frame - 48, RP_START, 0);
    for (int i = 0; frame < end; i++) {
        if (!second && frame >= middle && i % RP_TICKS == 0) {
            second = true;
            sender->stepped = sender->what->step_to > 0 ? frame : -1;
            if (sender->what->stop) {
                stand(sender, &frame, &place);
                i = 0;
            }
        }
        if (i % (RP_TICKS / 4) == 0) {
            sender->grid[sender->grids++] =
                (struct meant){frame, place++ % BAR};
        }
        tick(sender, frame);
        frame += RATE * 60.0 / tempo(sender, frame, second) / RP_TICKS;
    }
}

static rp_status make_sender(struct sender *sender,
                             const struct rp_bench_sync_case *what,
                             double seconds, uint32_t seed)
{
    size_t ticks = (size_t)(seconds / 60 * 400 * RP_TICKS) + 10000;

    *sender = (struct sender){.what = what, .stands = 1e18, .rolls = -1};
    rp_rng_init(&sender->rng, seed, 11);
    sender->event = malloc(ticks * sizeof(*sender->event));
    sender->grid = malloc(ticks * sizeof(*sender->grid));
    if (!sender->event || !sender->grid) {
        rp_log(RP_ERROR, "bench", "out of memory");
        return RP_EMEM;
    }
    send_all(sender, seconds);
    return RP_OK;
}

static void free_sender(struct sender *sender)
{
    free(sender->event);
    free(sender->grid);
}

/* ---- the stand-in: a note on every sixteenth, its pitch says which ---- */

struct player {
    struct rp_clock clock;
    rp_beat next; /* of a sixteenth; the note-off is half of one later */
    rp_frame lead;
    uint32_t backwards;
};

static void hear(struct player *player, const struct rp_heard *heard)
{
    rp_beat now, was = 0;

    if (heard->kind != RP_HEARD_CLOCK) {
        return;
    }
    now = rp_clock_beat(&heard->clock, heard->frame);
    if (player->clock.anchored) {
        was = rp_clock_beat(&player->clock, heard->frame);
        player->backwards += now + 1 < was;
    }
    if (!player->clock.anchored || now > was + RP_BEAT / 64) {
        rp_beat soon =
            rp_clock_beat(&heard->clock, heard->frame + player->lead);

        player->next = (soon / (RP_BEAT / 4) + 1) * (RP_BEAT / 4);
    }
    player->clock = heard->clock;
}

static void play(void *self, rp_frame until, struct rp_ring *in,
                 struct rp_ring *out)
{
    struct player *player = self;
    struct rp_heard heard;

    while (rp_ring_pop(in, &heard)) {
        hear(player, &heard);
    }
    while (player->clock.anchored &&
           rp_clock_frame(&player->clock, player->next) <
               until + player->lead) {
        rp_beat bar = player->next - player->clock.bar;
        uint8_t pitch =
            (uint8_t)(PITCH + ((bar / (RP_BEAT / 4)) % BAR + BAR) % BAR);
        struct rp_planned on = {player->next, 1,
                                rp_event_make(RP_NOTE_ON, 0, pitch, 90)};
        struct rp_planned off = {player->next + RP_BEAT / 8, 1,
                                 rp_event_make(RP_NOTE_OFF, 0, pitch, 64)};

        if (!rp_ring_push(out, &on, NULL) || !rp_ring_push(out, &off, NULL)) {
            break;
        }
        player->next += RP_BEAT / 4;
    }
}

static rp_frame wake(void *self)
{
    struct player *player = self;

    return player->clock.anchored
               ? rp_clock_frame(&player->clock, player->next) - player->lead
               : INT64_MAX;
}

/* ---- the measure ---- */

struct measure {
    double *error, last[LAST];
    uint32_t ended;
    uint32_t at; /* of the grid */
};

static bool within(double frame, double from, double to)
{
    return frame >= from && frame < to;
}

static void measure(const struct sender *sender, struct measure *measure,
                    const struct rp_seen *seen,
                    struct rp_bench_sync_result *result)
{
    const struct meant *grid = sender->grid;
    double frame = (double)seen->frame, ms,
           beat = RATE * 60 / sender->what->bpm;

    if (within(frame, sender->stands, sender->rolls - 48)) {
        result->stood++;
        return;
    }
    while (measure->at + 1 < sender->grids &&
           fabs(grid[measure->at + 1].frame - frame) <=
               fabs(grid[measure->at].frame - frame)) {
        measure->at++;
    }
    if (measure->at < LOCK ||
        within(frame, sender->rolls - beat, sender->rolls + 2 * beat)) {
        return;
    }
    ms = (frame - grid[measure->at].frame) * 1000 / RATE;
    if (sender->stepped >= 0 &&
        within(frame, sender->stepped - 1, sender->stepped + 2 * beat)) {
        result->stepped = fmax(result->stepped, fabs(ms));
        return;
    }
    if (measure->at < 2 * LOCK) {
        result->locked = fmax(result->locked, fabs(ms));
    }
    result->displaced += grid[measure->at].place != seen->event.data[1] - PITCH;
    measure->last[result->onsets % LAST] = ms;
    measure->error[result->onsets++] = fabs(ms);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void conclude(struct measure *measure,
                     struct rp_bench_sync_result *result)
{
    uint32_t n = result->onsets;

    if (!n) {
        return;
    }
    for (uint32_t i = 0; i < LAST; i++) {
        result->drift += measure->last[i] / LAST;
    }
    qsort(measure->error, n, sizeof(*measure->error), compare);
    result->p50 = measure->error[n / 2];
    result->p99 = measure->error[(uint32_t)((n - 1) * 0.99)];
    result->max = measure->error[n - 1];
}

static rp_status run(const struct sender *sender, struct measure *notes,
                     double seconds, uint32_t period,
                     struct rp_bench_sync_result *result)
{
    struct rp_knobs knobs;
    struct player player = {.lead = RATE * RP_LEAD_MS / 1000};
    struct rp_session_options options = {.backend = "null",
                                         .period = period,
                                         .call = sender->event,
                                         .calls = sender->events,
                                         .knobs = &knobs};
    struct rp_session *session;
    struct rp_stats_view stats;
    struct rp_seen seen;
    rp_status status;

    rp_knobs_init(&knobs);
    knobs.sync = RP_SYNC_MIDI;
    options.performing = (struct rp_performing){&player, play, wake};
    status = rp_session_create(&session, &options);
    if (status == RP_OK && (status = rp_session_start(session)) != RP_OK) {
        rp_session_destroy(session);
    }
    if (status != RP_OK) {
        return status;
    }
    for (double at = 0; at < seconds; at += 1) {
        rp_session_advance(session, FIRST + (rp_frame)(at * RATE));
        while (rp_session_seen(session, &seen)) {
            if (seen.kind == RP_SEEN_ANSWER && rp_event_is_on(seen.event)) {
                measure(sender, notes, &seen, result);
            }
        }
    }
    rp_session_stats(session, &stats);
    result->late = stats.late;
    result->dropped = stats.dropped;
    result->backwards = player.backwards;
    (void)rp_session_stop(session);
    rp_session_destroy(session);
    conclude(notes, result);
    return RP_OK;
}

rp_status rp_bench_sync_run(const struct rp_bench_sync_case *what,
                            double seconds, uint32_t seed, uint32_t period,
                            struct rp_bench_sync_result *result)
{
    struct sender sender;
    struct measure notes = {0};
    rp_status status = make_sender(&sender, what, seconds, seed);

    memset(result, 0, sizeof(*result));
    if (status == RP_OK) {
        notes.error = malloc((sender.grids + 1000) * 2 * sizeof(double));
        status = notes.error ? run(&sender, &notes, seconds, period, result)
                             : RP_EMEM;
    }
    free(notes.error);
    free_sender(&sender);
    return status;
}

rp_status rp_bench_sync(double seconds, uint32_t seed, FILE *file)
{
    fprintf(file, "%-16s %6s %7s %7s %7s %7s %7s %7s %9s %5s\n", "sender",
            "sigma", "onsets", "p50 ms", "p99 ms", "max ms", "locked",
            "stepped", "displaced", "late");
    for (int i = 0; i < rp_bench_sync_count; i++) {
        const struct rp_bench_sync_case *what = &rp_bench_sync_cases[i];
        struct rp_bench_sync_result r;
        rp_status status = rp_bench_sync_run(what, seconds, seed, 0, &r);

        if (status != RP_OK) {
            return status;
        }
        fprintf(file,
                "%-16s %6.1f %7u %7.2f %7.2f %7.2f %7.2f %7.2f %9u %5llu\n",
                what->name, what->sigma, r.onsets, r.p50, r.p99, r.max,
                r.locked, r.stepped, r.displaced, (unsigned long long)r.late);
        fflush(file);
    }
    return RP_OK;
}
