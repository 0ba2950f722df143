/* What training draws: a few numbers for each crop, and dropout. Engines that
 * train have their own copy, so that all drop the same. */
#include "model/train_crop.h"
#include "model/train_parts.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

struct rp_train_rng rp_train_rng_from(uint64_t seed, uint64_t a, uint64_t b)
{
    struct rp_train_rng rng = { mix(mix(mix(seed) + a) + b) };
    return rng;
}

uint64_t rp_train_rng_next(struct rp_train_rng *rng)
{
    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(rng->state);
}

uint32_t rp_train_rng_below(struct rp_train_rng *rng, uint32_t n)
{
    return (uint32_t)((rp_train_rng_next(rng) >> 32) * n >> 32);
}

float rp_train_rng_uniform(struct rp_train_rng *rng)
{
    return (float)(rp_train_rng_next(rng) >> 40) * 0x1p-24f;
}

void rp_train_keep(const struct rp_train_pass *pass, uint32_t place,
                   uint32_t count, float *keep)
{
    struct rp_train_rng rng = rp_train_rng_from(pass->seed, place, count);
    uint32_t limit = (uint32_t)(pass->dropout * 65536.0f);
    float scale = 1.0f / (1.0f - (float)limit / 65536.0f);

    for (uint32_t i = 0; i < count; i += 4) {
        uint64_t bits = rp_train_rng_next(&rng);
        for (uint32_t j = 0; j < 4 && i + j < count; j++)
            keep[i + j] = (bits >> (16 * j) & 65535) < limit ? 0.0f : scale;
    }
}
