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
    const char *kernels; /* "avx512"; "" for an engine that has none */
    uint32_t layers, hidden, head;
    uint32_t slots; /* stepped together; the rest is per note of one slot */
    double us;      /* median microseconds */
    double least_us;
    double floor_us; /* median; 0 where it was not measured */
    double bytes;    /* of weights that a note reads */
};

enum { RP_BENCH_ENGINE_ROWS = 16 };

struct rp_bench_engine {
    uint32_t rows;
    struct rp_bench_engine_row row[RP_BENCH_ENGINE_ROWS];
    double draw_us; /* drawing all fields of a note from their logits */
};

/* Rows: `shape` (may be NULL) and 2 x 512, each with one slot, with 16, and on
 * every kernel path this CPU has. Takes about `seconds` per row. Random
 * weights: the cost does not depend on them. */
RP_MUST rp_status rp_bench_engine_run(struct rp_bench_engine *bench,
                                      const struct rp_engine_ops *ops,
                                      const struct rp_shape *shape,
                                      double seconds);
/* Whether a row keeps the promise above. */
bool rp_bench_engine_within(const struct rp_bench_engine_row *row);
void rp_bench_engine_print(const struct rp_bench_engine *bench, bool json,
                           FILE *out);

#endif
