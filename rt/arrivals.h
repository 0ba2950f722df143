/* What came in during one period: bytes from outside made into events with
 * offsets. For backends; audio thread only. */
#ifndef RP_ARRIVALS_H
#define RP_ARRIVALS_H

#include <stddef.h>

#include "rt/outbox.h"

enum { RP_ARRIVALS = 8192 };

struct rp_arrivals {
    uint32_t count;
    bool sysex; /* one is going on across packets */
    struct rp_arrival item[RP_ARRIVALS];
};

/* One packet of a system that delivers whole messages. Normally that is one
 * message, but anything may come: several, running status, a piece. What
 * completes no message within its packet is counted as stray. Offsets do not
 * fall. */
RP_RT void rp_arrivals_add(struct rp_arrivals *arrivals, struct rp_stats *stats,
                           uint32_t offset, const uint8_t *bytes, size_t size);

/* For a system without periods: how many of them belong to a period of that
 * many frames; and after it: the rest is moved into the one that follows. */
RP_RT uint32_t rp_arrivals_due(const struct rp_arrivals *arrivals,
                               uint32_t frames);
RP_RT void rp_arrivals_pass(struct rp_arrivals *arrivals, uint32_t frames);

#endif
