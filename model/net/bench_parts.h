/* What the measurements of bench_engine.h are made of. */
#ifndef RP_BENCH_PARTS_H
#define RP_BENCH_PARTS_H

#include "model/net/bench_engine.h"
#include "model/net/kernels.h"

/* Microseconds, one after another; so many at most. */
enum { RP_BENCH_SAMPLES = 20000 };
struct rp_bench_samples {
    uint32_t count;
    double us[RP_BENCH_SAMPLES];
};

double rp_bench_now_us(void);
/* False: there is no more room. */
bool rp_bench_samples_add(struct rp_bench_samples *samples, double us);
/* Sorts them; `each` so many things were done at once. */
void rp_bench_samples_sum_up(struct rp_bench_samples *samples, uint32_t each,
                             struct rp_bench_engine_row *row);

/* An engine of its own with random weights. NULL where it fails. */
RP_MUST rp_status rp_bench_engine_make(struct rp_engine **engine,
                                       const struct rp_engine_ops *ops,
                                       const struct rp_shape *shape,
                                       uint32_t slots);

extern const char *const rp_bench_what_names[RP_BENCH_WHATS];

/* Measures one row. What fails leaves the row with its status, and the path is
 * not gone again for anything else. */
typedef rp_status rp_bench_measure(struct rp_bench_engine *bench,
                                   struct rp_bench_engine_row *row,
                                   const void *with);
RP_MUST rp_status rp_bench_engine_add(struct rp_bench_engine *bench,
                                      const struct rp_bench_engine_row *what,
                                      rp_bench_measure *measure,
                                      const void *with);

/* Whether two rows are of the same thing, on whatever path. */
bool rp_bench_engine_same(const struct rp_bench_engine_row *a,
                          const struct rp_bench_engine_row *b);

/* The shapes that are measured beside the preset's: 2 x 512, and 2 x 1024
 * where it is no CPU. */
const struct rp_shape *rp_bench_engine_shapes(
    const struct rp_bench_engine *bench, uint32_t *count);
/* Way number 0, 1, ... that the engine can be told to go, NULL after the last;
 * "" where there is but one. Instances made after take() go that way. */
const char *rp_bench_engine_path(const struct rp_bench_engine *bench,
                                 uint32_t number);
void rp_bench_engine_take(const char *path);

#endif
