/* What losing an engine costs a performance: how long the CPU engine takes to
 * read along, and from the loss to the next note's first draw. */
#ifndef RP_BENCH_FALLBACK_H
#define RP_BENCH_FALLBACK_H

#include <stdio.h>

#include "model/preset.h"

enum { RP_BENCH_BEHIND = 4, RP_BENCH_LOSSES = 15 };

struct rp_bench_fallback {
    const char *engine; /* the one that is lost */
    uint32_t states;    /* that read every note */
    double follow_us;   /* median of a note that the CPU engine reads along */
    /* Lost while it was so many notes behind: */
    uint32_t behind[RP_BENCH_BEHIND];
    double median_us[RP_BENCH_BEHIND], worst_us[RP_BENCH_BEHIND];
};

RP_MUST rp_status rp_bench_fallback_run(struct rp_bench_fallback *bench,
                                        const struct rp_model *model);
void rp_bench_fallback_print(const struct rp_bench_fallback *bench, bool json,
                             FILE *file);

#endif
