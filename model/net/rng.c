#include "model/net/rng.h"

#include "model/net/sample.h"

static void philox_round(uint32_t x[4], const uint32_t key[2])
{
    uint64_t a = (uint64_t)0xD2511F53u * x[0];
    uint64_t b = (uint64_t)0xCD9E8D57u * x[2];
    uint32_t y0 = (uint32_t)(b >> 32) ^ x[1] ^ key[0];
    uint32_t y2 = (uint32_t)(a >> 32) ^ x[3] ^ key[1];

    x[0] = y0;
    x[1] = (uint32_t)b;
    x[2] = y2;
    x[3] = (uint32_t)a;
}

RP_SHARED
void rp_rng_philox(const uint32_t counter[4], const uint32_t key[2],
                   uint32_t out[4])
{
    uint32_t x[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k[2] = {key[0], key[1]};

    for (int round = 0; round < 10; round++) {
        philox_round(x, k);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++)
        out[i] = x[i];
}

RP_SHARED
float rp_rng_uniform(struct rp_draw_key key)
{
    uint32_t counter[4] = {key.candidate, key.note, key.field, 0};
    uint32_t seed[2] = {key.seed, key.turn};
    uint32_t out[4];

    rp_rng_philox(counter, seed, out);
    return (float)(out[0] >> 8) * 0x1p-24f;
}

RP_SHARED
void rp_rng_init(struct rp_rng *rng, uint32_t seed, uint32_t stream)
{
    *rng = (struct rp_rng){seed, stream, 0};
}

RP_SHARED
uint32_t rp_rng_bits(struct rp_rng *rng)
{
    /* The last word is 1, so that no stream meets a draw key. */
    uint32_t counter[4] = {(uint32_t)rng->drawn, (uint32_t)(rng->drawn >> 32),
                           0, 1};
    uint32_t key[2] = {rng->seed, rng->stream};
    uint32_t out[4];

    rng->drawn++;
    rp_rng_philox(counter, key, out);
    return out[0];
}

RP_SHARED
float rp_rng_float(struct rp_rng *rng)
{
    return (float)(rp_rng_bits(rng) >> 8) * 0x1p-24f;
}

RP_SHARED
uint32_t rp_rng_below(struct rp_rng *rng, uint32_t limit)
{
    uint32_t reject = (0u - limit) % limit; /* 2^32 mod limit */
    uint32_t bits;

    do
        bits = rp_rng_bits(rng);
    while (bits < reject);
    return bits % limit;
}
