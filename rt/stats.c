#include "rt/stats.h"

RP_RT void rp_stats_add(_Atomic uint64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

RP_RT void rp_stats_time(struct rp_stats *stats, uint64_t ns)
{
    rp_stats_add(&stats->total_ns, ns);
    if (ns > atomic_load_explicit(&stats->worst_ns, memory_order_relaxed)) {
        atomic_store_explicit(&stats->worst_ns, ns, memory_order_relaxed);
    }
}

void rp_stats_look(struct rp_stats *stats, struct rp_stats_view *view)
{
#define LOOK(name)                                                             \
    view->name = atomic_load_explicit(&stats->name, memory_order_relaxed);
    RP_STATS(LOOK)
#undef LOOK
}
