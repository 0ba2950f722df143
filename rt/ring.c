#include "rt/ring.h"

#include <string.h>

static unsigned char *slot(const struct rp_ring *ring, uint32_t index)
{
    return ring->data + (size_t)(index & ring->mask) * ring->item;
}

RP_RT bool rp_ring_push(struct rp_ring *ring, const void *item, bool *was_empty)
{
    uint32_t written =
        atomic_load_explicit(&ring->written, memory_order_relaxed);
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_acquire);

    if (written - read > ring->mask) {
        return false;
    }
    memcpy(slot(ring, written), item, ring->item);
    if (!was_empty) {
        atomic_store_explicit(&ring->written, written + 1,
                              memory_order_release);
        return true;
    }
    /* A reader that sleeps when it finds nothing must not miss this item:
     * either it sees `written`, or we see that it had read all before. That
     * takes one order over all four accesses, here and in pop. */
    atomic_store(&ring->written, written + 1);
    *was_empty = atomic_load(&ring->read) == written;
    return true;
}

RP_RT uint32_t rp_ring_space(struct rp_ring *ring)
{
    return ring->mask + 1 -
           (atomic_load_explicit(&ring->written, memory_order_relaxed) -
            atomic_load_explicit(&ring->read, memory_order_acquire));
}

RP_RT const void *rp_ring_peek(struct rp_ring *ring)
{
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);

    if (atomic_load(&ring->written) == read) {
        return NULL;
    }
    return slot(ring, read);
}

RP_RT bool rp_ring_pop(struct rp_ring *ring, void *item)
{
    const void *oldest = rp_ring_peek(ring);
    uint32_t read;

    if (!oldest) {
        return false;
    }
    if (item) {
        memcpy(item, oldest, ring->item);
    }
    read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    atomic_store(&ring->read, read + 1);
    return true;
}

RP_RT uint32_t rp_ring_count(struct rp_ring *ring)
{
    return atomic_load(&ring->written) -
           atomic_load_explicit(&ring->read, memory_order_relaxed);
}
