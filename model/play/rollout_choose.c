/* Who thinks about answers: tried, not guessed, as engine_choose.c does for
 * who plays them. One note after the other may be the CPU's business while
 * hundreds of candidates are another's. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/net/kernels.h"
#include "model/play/rollout.h"
#include "rt/log.h"

enum {
    SLOTS = 32,
    WIDE = 256, /* candidates, of */
    LONG = 8,   /* notes */
    BARS = 64,
    MARGIN = 2 /* so many times quicker, to be sure of it */
};

struct trial {
    struct rp_engine *engine;
    struct rp_reader reader;
    struct rp_turn turn;
    struct rp_note note[WIDE * LONG];
    struct rp_rolled rolled[WIDE];
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* Answers that go on: nothing ends them but their length. */
static void init_turn(struct trial *trial, const struct rp_shape *shape)
{
    const int32_t beat = shape->vocabulary.resolution;

    rp_reader_init(&trial->reader, &shape->vocabulary, NULL, 0, 0);
    rp_turn_init(&trial->turn, 1, 1, 0);
    trial->turn.steer.earliest = 4 * beat;
    trial->turn.steer.end = 4 * beat * BARS;
    trial->turn.steer.may_end = false;
    trial->turn.widest = beat;
    trial->turn.dynamics.bar = 4 * beat;
    trial->turn.dynamics.beat = beat;
}

/* Microseconds of the quicker of two; the first one makes room. */
static rp_status measure(struct trial *trial, const struct rp_shape *shape,
                         const float *state, double *us)
{
    static const struct rp_taste taste = { 0.9f, 0.95f, 0 };
    struct rp_rollout rollout = {
        .shape = shape,
        .state = state,
        .reader = &trial->reader,
        .turn = &trial->turn,
        .taste = &taste,
        .from = trial->turn.steer.earliest,
        .candidates = WIDE,
        .most = LONG,
        .note = trial->note,
        .rolled = trial->rolled,
    };
    rp_status status = RP_OK;

    *us = 1e12;
    for (int i = 0; i < 2 && !status; i++) {
        double began = now_us(), took;
        status = rp_rollout_run(trial->engine, 0, SLOTS, &rollout);
        took = now_us() - began;
        *us = took < *us ? took : *us;
    }
    return status;
}

static rp_status try_engine(const struct rp_engine_ops *ops,
                            const struct rp_shape *shape, const float *params,
                            double *us)
{
    struct trial *trial = calloc(1, sizeof *trial);
    float *state = calloc((size_t)shape->layers * shape->hidden, sizeof *state);
    rp_status status = trial && state ? RP_OK : RP_EMEM;

    if (!status)
        status = ops->create(&trial->engine, shape, SLOTS);
    if (!status)
        status = ops->set_params(trial->engine, params);
    if (!status) {
        init_turn(trial, shape);
        status = measure(trial, shape, state, us);
    }
    if (trial && trial->engine)
        ops->destroy(trial->engine);
    free(trial);
    free(state);
    return status;
}

rp_status rp_rollout_choose(const struct rp_shape *shape, const float *params,
                            const struct rp_engine_ops **ops)
{
    const struct rp_engine_ops *plays = *ops;
    const struct rp_engine_entry *entry;
    double usual = 0, best = 0, us;
    char text[sizeof entry->missing];
    uint32_t count;

    entry = rp_engines(&count);
    for (uint32_t i = 1; i < count; i++) {
        rp_status status = RP_OK;
        if (entry[i].ops == plays ||
            !rp_engine_probe(&entry[i], text, sizeof text) ||
            !entry[i].ops->rollout)
            continue;
        if (usual == 0)
            status = try_engine(plays, shape, params, &usual);
        if (status)
            return status;
        if (best == 0)
            best = usual / MARGIN;
        if (try_engine(entry[i].ops, shape, params, &us) || us >= best)
            continue;
        rp_log(RP_INFO, "engine",
               "%s thinks about answers: %d in %.1f ms, %s takes %.1f",
               entry[i].name, WIDE, us / 1000, plays->name, usual / 1000);
        best = us;
        *ops = entry[i].ops;
    }
    return RP_OK;
}
