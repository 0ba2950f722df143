/* Single-producer single-consumer ring of fixed-size items, wait-free. The
 * owner says beside each ring who writes, who reads and what full means. */
#ifndef RP_RING_H
#define RP_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rt/status.h"

struct rp_ring {
    _Alignas(64) _Atomic uint32_t written; /* counts items, wraps */
    _Alignas(64) _Atomic uint32_t read;
    _Alignas(64) uint32_t mask;
    uint32_t item;       /* bytes per item */
    unsigned char *data; /* locked in memory where the system allows */
};

/* Main thread. `capacity` is rounded up to a power of two. */
RP_MUST rp_status rp_ring_init(struct rp_ring *ring, uint32_t capacity,
                               uint32_t item);
void rp_ring_fini(struct rp_ring *ring);

/* Writer. False when full: nothing written. *was_empty (may be NULL) says
 * whether the reader had nothing before this item. */
RP_RT bool rp_ring_push(struct rp_ring *ring, const void *item,
                        bool *was_empty);
RP_RT uint32_t rp_ring_space(struct rp_ring *ring);

/* Reader. False when empty. peek gives the oldest item in place, or NULL. */
RP_RT bool rp_ring_pop(struct rp_ring *ring, void *item);
RP_RT const void *rp_ring_peek(struct rp_ring *ring);
RP_RT uint32_t rp_ring_count(struct rp_ring *ring);

#endif
