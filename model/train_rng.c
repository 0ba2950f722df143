/* What training draws: a few numbers for each crop, and dropout. Engines that
 * train have their own copy, so that all drop the same. */
#include "model/train_crop.h"
#include "model/train_drop.h"
#include "model/train_parts.h"

struct rp_train_rng rp_train_rng_from(uint64_t seed, uint64_t a, uint64_t b)
{
    struct rp_train_rng rng = {
        rp_train_mix(rp_train_mix(rp_train_mix(seed) + a) + b)};
    return rng;
}

uint64_t rp_train_rng_next(struct rp_train_rng *rng)
{
    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    return rp_train_mix(rng->state);
}

uint32_t rp_train_rng_below(struct rp_train_rng *rng, uint32_t n)
{
    return (uint32_t)((rp_train_rng_next(rng) >> 32) * n >> 32);
}

float rp_train_rng_uniform(struct rp_train_rng *rng)
{
    return (float)(rp_train_rng_next(rng) >> 40) * 0x1p-24f;
}

struct rp_train_drop rp_train_drop_of(float dropout, uint64_t seed,
                                      uint32_t place, uint32_t count)
{
    uint32_t limit = (uint32_t)(dropout * 65536.0f);

    return (struct rp_train_drop){
        .state = rp_train_rng_from(seed, place, count).state,
        .limit = limit,
        .scale = 1.0f / (1.0f - (float)limit / 65536.0f)};
}

void rp_train_keep(const struct rp_train_pass *pass, uint32_t place,
                   uint32_t count, float *keep)
{
    struct rp_train_drop drop =
        rp_train_drop_of(pass->dropout, pass->seed, place, count);

    for (uint32_t i = 0; i < count; i += 4) {
        uint64_t bits = rp_train_drop_bits(&drop, i / 4);
        for (uint32_t j = i; j < i + 4 && j < count; j++)
            keep[j] = rp_train_drop_keeps(&drop, bits, j);
    }
}
