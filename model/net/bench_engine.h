/* What a note costs: one step and all heads, beside the time that reading as
 * many weights takes (the floor), measured in the same run, turn by turn; on a
 * GPU, on each of its paths, and which is the quickest. */
#ifndef RP_BENCH_ENGINE_H
#define RP_BENCH_ENGINE_H

#include <stdio.h>

#include "model/net/engine.h"

/* 2 x 512 may take this many floors and so much more (fp32, one slot). */
#define RP_BENCH_ENGINE_FLOORS 1.3
#define RP_BENCH_ENGINE_MORE_US 20.0

struct rp_bench_engine_options {
    const struct rp_engine_ops *ops;
    const struct rp_shape *shape; /* the preset's; NULL: not measured */
    double seconds;               /* about so long for a row */
    const char *path; /* only this one of a GPU's paths; NULL: all */
    const char *what; /* only such rows: "note", "layers", "live", "rollout";
                         NULL: all */
    uint32_t only, only_notes; /* only rollouts of so many candidates, of so
                                  many notes; 0: all */
    /* For tests: measured in place of 2 x 512 and 2 x 1024, with no more
     * candidates and notes of each than so many. */
    const struct rp_shape *instead;
    uint32_t insteads, candidates, notes;
};

enum rp_bench_what {
    RP_BENCH_NOTE,    /* a step and all heads */
    RP_BENCH_LAYERS,  /* steps alone, one after another: the recurrent part; of
                         a device, where the host and it are at work at once */
    RP_BENCH_LIVE,    /* a note is heard, the next one drawn: host, device and
                         back */
    RP_BENCH_ROLLOUT, /* candidates from one state to their end, in one call */
    RP_BENCH_WHATS
};

struct rp_bench_engine_row {
    enum rp_bench_what what;
    const char *engine;  /* "cpu" */
    const char *kernels; /* "avx512"; the CUDA engine's path; "": it has none */
    uint32_t layers, hidden, head;
    uint32_t slots; /* NOTE, LAYERS: stepped together; times are per note of
                       one */
    /* ROLLOUT: so many, of so many notes. LIVE: those that another instance
     * thinks through meanwhile; 0: it is quiet. */
    uint32_t candidates, most;
    uint32_t notes;   /* ROLLOUT: that came of it. LIVE: rollouts meanwhile */
    uint32_t samples; /* behind the times, */
    double us, least_us, p99_us, p999_us, most_us; /* us: the median */
    double step_us;  /* NOTE: of a step alone, one after another, mean */
    double floor_us; /* median; 0 where it was not measured */
    double bytes;    /* of weights that a note reads */
    rp_status status; /* not RP_OK: it failed, and no number means anything */
    bool kept;        /* the quickest of several paths for the same */
};

enum { RP_BENCH_ENGINE_ROWS = 96 };

struct rp_bench_engine {
    struct rp_bench_engine_options options;
    char device[300]; /* what the engine found here */
    char clocks[200]; /* of a GPU, right after the last row */
    uint32_t rows;
    struct rp_bench_engine_row row[RP_BENCH_ENGINE_ROWS];
    double draw_us; /* drawing all fields of a note from their logits */
};

/* Rows: the preset's shape and 2 x 512, each with one slot, with 16, and on
 * every kernel path this CPU has, or on every path of the CUDA engine, there
 * with 2 x 1024 too. Random weights: the cost does not depend on them. Where a
 * path fails the others are measured all the same, and the status is its. */
RP_MUST rp_status
rp_bench_engine_run(struct rp_bench_engine *bench,
                    const struct rp_bench_engine_options *options);
/* Says of each row whether it is kept. */
void rp_bench_engine_judge(struct rp_bench_engine *bench);
/* Whether a row keeps the promise above. */
bool rp_bench_engine_within(const struct rp_bench_engine_row *row);
void rp_bench_engine_print(const struct rp_bench_engine *bench, bool json,
                           FILE *out);

#endif
