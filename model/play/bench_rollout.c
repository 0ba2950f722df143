#include "model/play/bench_rollout.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/net/kernels.h"
#include "model/play/rollout.h"

enum { SLOTS = 64, TIMES = 4000, START = 96, BARS = 64 };

static const struct rp_shape shape = {2, 512, 256, {24, true, false}};

struct trial {
    struct rp_engine *engine;
    float *params, *state;
    struct rp_reader reader;
    struct rp_turn turn;
    struct rp_taste taste;
    struct rp_rollout rollout;
    double us[TIMES];
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* Answers that go on: nothing ends them but their length. */
static void init_turn(struct trial *trial)
{
    rp_reader_init(&trial->reader, &shape.vocabulary, NULL, 0, 0);
    rp_turn_init(&trial->turn, 1, 1, 0);
    trial->turn.steer.earliest = START;
    trial->turn.steer.end = START * BARS;
    trial->turn.steer.may_end = false;
    trial->turn.widest = START / 4;
    trial->turn.dynamics.bar = START;
    trial->turn.dynamics.beat = START / 4;
    trial->taste = (struct rp_taste){0.9f, 0.95f, 40};
}

static rp_status trial_init(struct trial *trial,
                            const struct rp_engine_ops *ops,
                            uint32_t candidates, uint32_t most)
{
    struct rp_layout layout;
    rp_status status;

    rp_shape_layout(&shape, &layout);
    trial->params = rp_floats_create(layout.size);
    trial->state = rp_floats_create(shape.layers * shape.hidden);
    trial->rollout = (struct rp_rollout){
        .shape = &shape,
        .state = trial->state,
        .reader = &trial->reader,
        .turn = &trial->turn,
        .taste = &trial->taste,
        .from = START,
        .candidates = candidates,
        .most = most,
        .note = calloc((size_t)candidates * most, sizeof(struct rp_note)),
        .rolled = calloc(candidates, sizeof(struct rp_rolled))};
    if (!trial->params || !trial->state || !trial->rollout.note ||
        !trial->rollout.rolled)
        return RP_EMEM;
    init_turn(trial);
    rp_shape_init_params(&shape, 1, trial->params);
    status = ops->create(&trial->engine, &shape, SLOTS);
    if (!status)
        status = ops->set_params(trial->engine, trial->params);
    return status;
}

static void trial_fini(struct trial *trial)
{
    if (trial->engine)
        trial->engine->ops->destroy(trial->engine);
    free(trial->params);
    free(trial->state);
    free(trial->rollout.note);
    free(trial->rollout.rolled);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The first one makes room; it is not counted unless it is the only one. */
static rp_status measure(struct trial *trial, double seconds,
                         struct rp_bench_engine_rollout *row)
{
    double until = now_us() + seconds * 1e6;
    uint32_t count = 0;

    for (int i = 0; count < TIMES && (i < 2 || now_us() < until); i++) {
        double began = now_us();
        rp_status status =
            rp_rollout_run(trial->engine, 0, SLOTS, &trial->rollout);
        if (status)
            return status;
        if (i)
            trial->us[count++] = now_us() - began;
    }
    qsort(trial->us, count, sizeof *trial->us, compare);
    row->us = trial->us[count / 2];
    row->p999_us = trial->us[count - 1 - count / 1000];
    for (uint32_t i = 0; i < trial->rollout.candidates; i++)
        row->notes += trial->rollout.rolled[i].notes;
    return RP_OK;
}

static rp_status add(struct rp_bench_engine *bench,
                     const struct rp_engine_ops *ops, const char *path,
                     uint32_t candidates, uint32_t most, double seconds)
{
    struct rp_bench_engine_rollout row = {.engine = ops->name,
                                          .path = path,
                                          .layers = shape.layers,
                                          .hidden = shape.hidden,
                                          .candidates = candidates,
                                          .most = most};
    struct trial *trial = calloc(1, sizeof *trial);
    rp_status status = trial ? RP_OK : RP_EMEM;

    if (!status)
        status = trial_init(trial, ops, candidates, most);
    if (!status)
        status = measure(trial, seconds, &row);
    if (!status && bench->rollouts < RP_BENCH_ENGINE_ROWS)
        bench->rollout[bench->rollouts++] = row;
    if (trial)
        trial_fini(trial);
    free(trial);
    return status;
}

rp_status rp_bench_rollout_run(struct rp_bench_engine *bench,
                               const struct rp_engine_ops *ops, double seconds)
{
    const char *const *path = rp_bench_engine_paths(ops);
    bool cpu = !strcmp(ops->name, "cpu");
    rp_status status = RP_OK;

    for (; *path && !status; path++) {
        rp_bench_engine_take(*path);
        status = add(bench, ops, *path, 1, 1, seconds);
        if (!status)
            status = add(bench, ops, *path, 1, 32, seconds);
        if (!status)
            status = cpu ? add(bench, ops, *path, 64, 8, seconds)
                         : add(bench, ops, *path, 1024, 32, seconds);
    }
    return status;
}
