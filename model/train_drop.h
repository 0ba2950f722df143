/* What dropout leaves of many numbers. Each is a function of its place alone,
 * so that all that train, in whatever order, drop the same. */
#ifndef RP_TRAIN_DROP_H
#define RP_TRAIN_DROP_H

#include <stdint.h>

#include "model/shared.h"

struct rp_train_drop {
    uint64_t state;
    uint32_t limit; /* so many of 65,536 are dropped, */
    float scale;    /* and the others grow by this */
};
/* Of one place of a network (train_parts.h) that has `count` numbers. */
struct rp_train_drop rp_train_drop_of(float dropout, uint64_t seed,
                                      uint32_t place, uint32_t count);

RP_SHARED static inline uint64_t rp_train_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Of numbers 4 * four and the three after it. */
RP_SHARED static inline uint64_t
rp_train_drop_bits(const struct rp_train_drop *drop, uint32_t four)
{
    return rp_train_mix(drop->state +
                        (four + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15));
}

/* 0, or what number i is multiplied by. */
RP_SHARED static inline float
rp_train_drop_keeps(const struct rp_train_drop *drop, uint64_t bits,
                    uint32_t i)
{
    return (bits >> (16 * (i % 4)) & 65535) < drop->limit ? 0.0f : drop->scale;
}

#endif
