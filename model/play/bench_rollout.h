/* What rollouts cost: candidates of so many notes in one call, added to what a
 * note costs. */
#ifndef RP_BENCH_ROLLOUT_H
#define RP_BENCH_ROLLOUT_H

#include "model/net/bench_engine.h"

/* 2 x 512 with random weights: 1 x 1, 1 x 32 and 1,024 x 32 on every path of
 * the engine; 64 x 8 in place of the last on the CPU. About `seconds` each. */
RP_MUST rp_status rp_bench_rollout_run(struct rp_bench_engine *bench,
                                       const struct rp_engine_ops *ops,
                                       double seconds);

#endif
