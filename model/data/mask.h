/* Sets of up to 128 classes or pitches. Neither half is found by its number,
 * so that on a GPU both stay in registers. */
#ifndef RP_MASK_H
#define RP_MASK_H

#include <stdbool.h>
#include <stdint.h>

#include "model/shared.h"

struct rp_mask {
    uint64_t bits[2];
};

static inline bool rp_mask_has(struct rp_mask mask, uint32_t i)
{
    return (i < 64 ? mask.bits[0] : mask.bits[1]) >> i % 64 & 1;
}

static inline bool rp_mask_empty(struct rp_mask mask)
{
    return !(mask.bits[0] | mask.bits[1]);
}

static inline void rp_mask_add(struct rp_mask *mask, uint32_t i)
{
    if (i < 64)
        mask->bits[0] |= UINT64_C(1) << i % 64;
    else
        mask->bits[1] |= UINT64_C(1) << i % 64;
}

static inline struct rp_mask rp_mask_and(struct rp_mask a, struct rp_mask b)
{
    struct rp_mask both = { { a.bits[0] & b.bits[0], a.bits[1] & b.bits[1] } };
    return both;
}

static inline struct rp_mask rp_mask_or(struct rp_mask a, struct rp_mask b)
{
    struct rp_mask any = { { a.bits[0] | b.bits[0], a.bits[1] | b.bits[1] } };
    return any;
}

/* a without b. */
static inline struct rp_mask rp_mask_but(struct rp_mask a, struct rp_mask b)
{
    struct rp_mask left = { { a.bits[0] & ~b.bits[0],
                              a.bits[1] & ~b.bits[1] } };
    return left;
}

/* 0 .. end - 1. */
static inline struct rp_mask rp_mask_below(uint32_t end)
{
    struct rp_mask mask;

    mask.bits[0] = end < 64 ? (UINT64_C(1) << end) - 1 : UINT64_MAX;
    mask.bits[1] = end <= 64   ? 0
                   : end < 128 ? (UINT64_C(1) << (end - 64)) - 1
                               : UINT64_MAX;
    return mask;
}

/* What threads that share a loop found, put together: see shared.h. */
static inline struct rp_mask rp_mask_all(struct rp_mask mask)
{
    mask.bits[0] = rp_all_or(mask.bits[0]);
    mask.bits[1] = rp_all_or(mask.bits[1]);
    return mask;
}

#endif
