/* The part of ring.h that allocates, apart from what the audio thread runs. */
#include "rt/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rt/log.h"

rp_status rp_ring_init(struct rp_ring *ring, uint32_t capacity, uint32_t item)
{
    uint32_t size = 1;
    unsigned char *data;

    if (!capacity || capacity > 1u << 30 || !item) {
        rp_log(RP_ERROR, "ring", "no ring of %u items of %u bytes", capacity,
               item);
        return RP_EARG;
    }
    while (size < capacity) {
        size *= 2;
    }
    data = calloc(size, item);
    if (!data) {
        rp_log(RP_ERROR, "ring", "no memory for %u items of %u bytes", size,
               item);
        return RP_EMEM;
    }
    /* Every page is touched now, not first in the audio thread; where the
     * limit on locked memory allows, it cannot be swapped out either. */
    memset(data, 0xff, (size_t)size * item);
    memset(data, 0, (size_t)size * item);
    (void)mlock(data, (size_t)size * item);
    atomic_init(&ring->written, 0);
    atomic_init(&ring->read, 0);
    ring->mask = size - 1;
    ring->item = item;
    ring->data = data;
    return RP_OK;
}

void rp_ring_fini(struct rp_ring *ring)
{
    if (ring->data) {
        (void)munlock(ring->data, ((size_t)ring->mask + 1) * ring->item);
    }
    free(ring->data);
    ring->data = NULL;
}
