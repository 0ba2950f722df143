/* A player's note goes in, the next note comes out: as the performer does it,
 * field by field, and on a device also while candidates are thought through
 * on another instance, by a thread of its own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model/net/bench_parts.h"
#include "model/play/bench_rollout.h"

enum { SIXTEENTH = RP_BENCH_START / 16, CANDIDATES = 1024, MOST = 32 };

/* Thinks without end. */
struct thinker {
    pthread_t thread;
    bool started;
    struct rp_bench_thought thought;
    _Atomic uint32_t stop, done; /* rollouts */
    rp_status status;
};

static void *think(void *self)
{
    struct thinker *thinker = self;
    struct rp_rollout *rollout = &thinker->thought.rollout;

    rollout->cancel = &thinker->stop;
    while (!thinker->stop && !thinker->status) {
        thinker->status =
            rp_rollout_run(thinker->thought.engine, 0, RP_BENCH_THOUGHT_SLOTS,
                           rollout);
        thinker->done++;
    }
    if (thinker->status == RP_ECANCEL)
        thinker->status = RP_OK;
    return NULL;
}

/* Once it has thought something through: it makes room then. */
static rp_status start(struct thinker *thinker, struct rp_bench_engine *bench,
                       const struct rp_bench_engine_row *row,
                       const struct rp_shape *shape)
{
    const struct timespec a_while = {0, 1000000};
    rp_status status =
        rp_bench_thought_init(&thinker->thought, bench->options.ops, shape,
                              row->candidates, row->most);

    if (status)
        return status;
    if (pthread_create(&thinker->thread, NULL, think, thinker))
        return RP_EMEM;
    thinker->started = true;
    while (!thinker->done)
        nanosleep(&a_while, NULL);
    return RP_OK;
}

static rp_status finish(struct thinker *thinker)
{
    thinker->stop = 1;
    if (thinker->started)
        pthread_join(thinker->thread, NULL);
    rp_bench_thought_fini(&thinker->thought);
    return thinker->status;
}

/* Note number i of a scale without end is heard, and a next one drawn. */
static rp_status play_note(struct rp_bench_thought *self, uint32_t i)
{
    static const uint8_t scale[] = {60, 62, 64, 65, 67, 69, 71};
    const struct rp_note heard = {.onset = (int32_t)i * SIXTEENTH,
                                  .duration = SIXTEENTH,
                                  .pitch = scale[i % sizeof scale],
                                  .velocity = 80};
    struct rp_sight sight = {.engine = self->engine, .slot = 0};
    struct rp_indices input;
    struct rp_note note;
    rp_status status;

    rp_reader_push(&self->reader, &heard, &input);
    status = self->engine->ops->step(self->engine, 1, &sight.slot, &input);
    if (status)
        return status;
    sight.reader = self->reader;
    self->turn.candidate = i;
    self->turn.steer.earliest = heard.onset + SIXTEENTH;
    self->turn.steer.end = heard.onset + RP_BENCH_START * 4;
    rp_turn_aim(&self->turn, self->turn.steer.earliest);
    return rp_turn_draw(&self->turn, &sight, &self->taste, &note) ==
                   RP_DRAWN_ERROR
               ? RP_ELOST
               : RP_OK;
}

static rp_status play(struct rp_bench_thought *self, double seconds,
                      struct rp_bench_samples *samples)
{
    double until = rp_bench_now_us() + seconds * 1e6;
    bool room = true;

    for (uint32_t i = 0; room && (i < 9 || rp_bench_now_us() < until); i++) {
        double began = rp_bench_now_us();
        rp_status status = play_note(self, i);
        if (status)
            return status;
        if (i > 7)
            room = rp_bench_samples_add(samples, rp_bench_now_us() - began);
    }
    return RP_OK;
}

static rp_status measure_live(struct rp_bench_engine *bench,
                              struct rp_bench_engine_row *row,
                              const void *with)
{
    struct rp_bench_samples *samples = calloc(1, sizeof *samples);
    struct rp_bench_thought *self = calloc(1, sizeof *self);
    struct thinker *thinker = calloc(1, sizeof *thinker);
    rp_status status = samples && self && thinker ? RP_OK : RP_EMEM, last;

    if (!status)
        status = rp_bench_thought_init(self, bench->options.ops, with, 1, 1);
    if (!status && row->candidates)
        status = start(thinker, bench, row, with);
    if (!status)
        status = play(self, bench->options.seconds, samples);
    if (thinker) {
        last = finish(thinker);
        status = status ? status : last;
        row->notes = thinker->done;
    }
    if (self)
        rp_bench_thought_fini(self);
    if (!status)
        rp_bench_samples_sum_up(samples, 1, row);
    free(samples);
    free(self);
    free(thinker);
    return status;
}

static uint32_t least_of(uint32_t usual, uint32_t limit)
{
    return limit && limit < usual ? limit : usual;
}

rp_status rp_bench_live_run(struct rp_bench_engine *bench)
{
    bool alone = !strcmp(bench->options.ops->name, "cpu");
    uint32_t count;
    const struct rp_shape *shape = rp_bench_engine_shapes(bench, &count);
    rp_status status = RP_OK, one;
    const char *path;

    for (uint32_t p = 0; (path = rp_bench_engine_path(bench, p)); p++) {
        struct rp_bench_engine_row row = {.what = RP_BENCH_LIVE,
                                          .kernels = path,
                                          .layers = shape->layers,
                                          .hidden = shape->hidden,
                                          .head = shape->head};
        rp_bench_engine_take(path);
        one = rp_bench_engine_add(bench, &row, measure_live, shape);
        row.candidates = least_of(CANDIDATES, bench->options.candidates);
        row.most = least_of(MOST, bench->options.notes);
        if (!one && !alone)
            one = rp_bench_engine_add(bench, &row, measure_live, shape);
        status = status ? status : one;
    }
    rp_bench_engine_judge(bench);
    return status;
}
