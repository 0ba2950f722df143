/* What rollouts cost, and a live note beside them: added to what a note costs
 * (bench_engine.h). */
#ifndef RP_BENCH_ROLLOUT_H
#define RP_BENCH_ROLLOUT_H

#include "model/net/bench_engine.h"
#include "model/play/rollout.h"

/* Candidates that go on to their length, from a network with random
 * weights. */
struct rp_bench_thought {
    const struct rp_shape *shape;
    struct rp_engine *engine;
    float *state;
    struct rp_reader reader;
    struct rp_turn turn;
    struct rp_taste taste;
    struct rp_rollout rollout;
};
enum { RP_BENCH_THOUGHT_SLOTS = 64, RP_BENCH_START = 96 /* ticks: a bar */ };
/* `thought` begins as zeros and is to be ended even where this fails. */
RP_MUST rp_status rp_bench_thought_init(struct rp_bench_thought *thought,
                                        const struct rp_engine_ops *ops,
                                        const struct rp_shape *shape,
                                        uint32_t candidates, uint32_t most);
void rp_bench_thought_fini(struct rp_bench_thought *thought);

/* 2 x 512: 1 x 1, 1 x 32, 16 x 32 ... 4,096 x 32 on every path of the engine,
 * 1 x 32 of 2 x 1024 too, and of 1 x 512, so that what a layer adds to a note
 * is seen; on the CPU 64 x 8 in place of many. */
RP_MUST rp_status rp_bench_rollout_run(struct rp_bench_engine *bench);

/* bench_live.c: the first notes of answers, one by one as they are played, on
 * every path; with a device also while 1,024 x 32 are thought through. */
RP_MUST rp_status rp_bench_live_run(struct rp_bench_engine *bench);

/* All of it, one after the other; where something fails the rest is measured
 * all the same, and the status is the first one's. */
RP_MUST rp_status rp_bench_all(struct rp_bench_engine *bench,
                               const struct rp_bench_engine_options *options);

#endif
