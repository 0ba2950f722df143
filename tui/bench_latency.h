/* How long riposte itself takes, live: from a key press to thru, and from the
 * decision to answer to the first event of the answer. */
#ifndef RP_BENCH_LATENCY_H
#define RP_BENCH_LATENCY_H

#include <stdio.h>

#include "tui/rig.h"

enum { RP_BENCH_LATENCY_MOST = 10000 };

struct rp_bench_latency {
    uint32_t notes, turns; /* asked for; then how many were measured */
    uint32_t *thru_ns, *decide_ns;
};

/* The rig is open and not started; it is stopped afterwards. Takes some 20 ms
 * a note and 3 s a turn. Sorts what it measured. */
RP_MUST rp_status rp_bench_latency_run(struct rp_bench_latency *bench,
                                       struct rp_rig *rig);
void rp_bench_latency_print(const struct rp_bench_latency *bench,
                            struct rp_rig *rig, bool json, FILE *file);
void rp_bench_latency_fini(struct rp_bench_latency *bench);

#endif
