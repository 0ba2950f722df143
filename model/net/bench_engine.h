/* What a note costs: one step and all heads, beside the time that reading as
 * many weights takes (the floor), measured in the same run, turn by turn. */
#ifndef RP_BENCH_ENGINE_H
#define RP_BENCH_ENGINE_H

#include <stdio.h>

#include "model/net/engine.h"

/* 2 x 512 may take this many floors and so much more (fp32, one slot). */
#define RP_BENCH_ENGINE_FLOORS 1.3
#define RP_BENCH_ENGINE_MORE_US 20.0

struct rp_bench_engine_row {
    const char *engine;  /* "cpu" */
    const char *kernels; /* "avx512"; the CUDA engine's path; "": it has none */
    uint32_t layers, hidden, head;
    uint32_t slots; /* stepped together; the rest is per note of one slot */
    double us;      /* median microseconds */
    double least_us, p999_us; /* the quickest; all but one in a thousand */
    double floor_us; /* median; 0 where it was not measured */
    double bytes;    /* of weights that a note reads */
};

/* Rollouts: candidates of so many notes each, from one state to their end, in
 * one call. One candidate of one note is what a note takes from the host to
 * the device and back. */
struct rp_bench_engine_rollout {
    const char *engine, *path;
    uint32_t layers, hidden, candidates, most;
    uint32_t notes; /* that came of it */
    double us, p999_us;
};

enum { RP_BENCH_ENGINE_ROWS = 24 };

struct rp_bench_engine {
    char device[300]; /* what the engine found here */
    uint32_t rows;
    struct rp_bench_engine_row row[RP_BENCH_ENGINE_ROWS];
    double draw_us; /* drawing all fields of a note from their logits */
    uint32_t rollouts; /* bench_rollout.h adds them */
    struct rp_bench_engine_rollout rollout[RP_BENCH_ENGINE_ROWS];
};

/* Rows: `shape` (may be NULL) and 2 x 512, each with one slot, with 16, and on
 * every kernel path this CPU has, or on every path of the CUDA engine. Takes about `seconds` per row. Random
 * weights: the cost does not depend on them. */
RP_MUST rp_status rp_bench_engine_run(struct rp_bench_engine *bench,
                                      const struct rp_engine_ops *ops,
                                      const struct rp_shape *shape,
                                      double seconds);
/* Ways that an engine can be told to go, up to a NULL; "" alone where there is
 * one. Instances made after take() go that way. */
const char *const *rp_bench_engine_paths(const struct rp_engine_ops *ops);
void rp_bench_engine_take(const char *path);
/* Whether a row keeps the promise above. */
bool rp_bench_engine_within(const struct rp_bench_engine_row *row);
void rp_bench_engine_print(const struct rp_bench_engine *bench, bool json,
                           FILE *out);

#endif
