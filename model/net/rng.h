/* Random numbers by counting: Philox 4x32-10 (Salmon et al., 2011). Each draw
 * is a pure function of a key and a counter, the same on every machine. */
#ifndef RP_RNG_H
#define RP_RNG_H

#include <stdint.h>

#include "model/shared.h"

RP_SHARED
void rp_rng_philox(const uint32_t counter[4], const uint32_t key[2],
                   uint32_t out[4]);

/* A stream of numbers for training: (seed, stream) says all of it, and
 * `drawn` alone says where it stands, so it can be saved and resumed. */
struct rp_rng {
    uint32_t seed, stream;
    uint64_t drawn;
};
RP_SHARED
void rp_rng_init(struct rp_rng *rng, uint32_t seed, uint32_t stream);
RP_SHARED
uint32_t rp_rng_bits(struct rp_rng *rng);
RP_SHARED
float rp_rng_float(struct rp_rng *rng);                    /* [0, 1), 24 bits */
RP_SHARED
uint32_t rp_rng_below(struct rp_rng *rng, uint32_t limit); /* no bias */

#endif
