/* Products of a block's slices (plan.h) with a vector in its shared memory.
 * Each of 8 warps takes its share of the columns and makes a part of every
 * sum; whoever needs a sum adds up its 8 parts, a lane each: so all warps have
 * the same to do, however few the rows are. */
#ifndef RP_CUDA_PRODUCT_CUH
#define RP_CUDA_PRODUCT_CUH

#include "cuda/math.cuh"
#include "cuda/plan.h"

namespace rp {
namespace {

/* A lane's share of a cell. */
struct alignas(16) share {
    uint32_t word[4];
};

/* What registers hold of the weights: strips of the input's and the middle
 * layers' rows, two cells of each. Indexed by constants only. */
struct held {
    share input[RP_PLAN_HELD_INPUT][RP_PLAN_HELD_CELLS];
    share middle[RP_PLAN_HELD_MIDDLE][RP_PLAN_HELD_CELLS];
};

/* A block's cells: those held, of which the first warp has its own aside in
 * shared memory; in shared memory up to `end`; elsewhere as they came. */
struct image {
    const share *aside, *kept, *all;
    uint32_t held, end; /* cells */
};

/* Where the parts of sums are, and which warps make them: from `first` on. */
struct parts {
    float *at;
    uint32_t rows; /* from warp to warp */
    uint32_t first;
};

RP_DEVICE uint32_t warp_of() { return rp_thread() / RP_PLAN_WARP; }
RP_DEVICE uint32_t lane_of() { return rp_thread() % RP_PLAN_WARP; }

RP_DEVICE const share *cell_at(const image &image, uint32_t cell)
{
    const share *at = image.all + (size_t)cell * RP_PLAN_WARP;

    if (cell < image.held)
        at = image.aside + (size_t)(cell / RP_PLAN_WARPS) * RP_PLAN_WARP;
    else if (cell < image.end)
        at = image.kept + (size_t)(cell - image.held) * RP_PLAN_WARP;
    return at + lane_of();
}

/* The 8 parts of a sum, each by one lane of a group: the sum, in all. */
RP_DEVICE float add_parts(float part)
{
    for (uint32_t bits = 1; bits < RP_PLAN_WARPS; bits *= 2)
        part = rp_add(part, rp_shuffle_xor(part, bits));
    return part;
}

/* ---- fp32 ---- */

RP_DEVICE void multiply_fp32(const image &image, const rp_plan_slice &slice,
                             uint32_t from, uint32_t to, const float *x,
                             const parts &sums)
{
    constexpr uint32_t STRIPS = 4;
    const uint32_t lane = lane_of();

    for (uint32_t s = from; s < to; s += STRIPS) {
        float sum[STRIPS] = {};
        for (uint32_t i = warp_of() - sums.first; i < slice.cells;
             i += RP_PLAN_WARPS - sums.first) {
            const rp_four by =
                *(const rp_four *)(x + i * RP_PLAN_FP32 + lane / 8 * 4);
#pragma unroll
            for (uint32_t p = 0; p < STRIPS; p++) {
                if (s + p >= to)
                    continue;
                const share w = *cell_at(
                    image, slice.first + (s + p) * slice.cells + i);
#pragma unroll
                for (uint32_t k = 0; k < 4; k++)
                    sum[p] = fmaf(rp_float_of(w.word[k]), by.at[k], sum[p]);
            }
        }
#pragma unroll
        for (uint32_t p = 0; p < STRIPS; p++) {
            sum[p] += rp_shuffle_xor(sum[p], 8);
            sum[p] += rp_shuffle_xor(sum[p], 16);
            if (s + p < to && lane < 8)
                sums.at[warp_of() * sums.rows + (s + p) * 8 + lane] = sum[p];
        }
    }
}

/* ---- bf16 ---- */

/* 32 numbers as tensor cores take them: of two columns of b the first is what
 * bf16 has of them, the second what that leaves; so only the weights are
 * rounded. */
RP_DEVICE void spread(const float *x, uint32_t b[4])
{
    const uint32_t lane = lane_of();

#pragma unroll
    for (uint32_t i = 0; i < 4; i++) {
        b[i] = 0;
        if (lane >= 8)
            continue;
        float low = x[i * 8 + lane % 4 * 2], high = x[i * 8 + lane % 4 * 2 + 1];
        uint32_t pair = rp_pair(low, high);
        b[i] = lane < 4 ? pair
                        : rp_pair(low - rp_float_of(pair << 16),
                                  high - rp_float_of(pair & 0xffff0000u));
    }
}

/* Two strips by 32 numbers. */
RP_DEVICE void add_cells(float sum[4], const share &above, const share &below,
                         const uint32_t b[4])
{
#pragma unroll
    for (uint32_t half = 0; half < 4; half += 2) {
        const uint32_t a[4] = {above.word[half], below.word[half],
                               above.word[half + 1], below.word[half + 1]};
        rp_mma(sum, a, b + half);
    }
}

RP_DEVICE void put_pair(const parts &sums, uint32_t strip, uint32_t to,
                        const float sum[4])
{
    float *at = sums.at + warp_of() * sums.rows + strip * 8 + lane_of() / 4;

    if (lane_of() % 4)
        return;
    if (strip < to)
        at[0] = sum[0] + sum[1];
    if (strip + 1 < to)
        at[8] = sum[2] + sum[3];
}

RP_DEVICE void multiply_bf16(const image &image, const rp_plan_slice &slice,
                             uint32_t from, uint32_t to, const float *x,
                             const parts &sums)
{
    constexpr uint32_t PAIRS = 3;

    for (uint32_t s = from; s < to; s += 2 * PAIRS) {
        float sum[PAIRS][4] = {};
        for (uint32_t i = warp_of() - sums.first; i < slice.cells;
             i += RP_PLAN_WARPS - sums.first) {
            uint32_t b[4];
            spread(x + i * RP_PLAN_BF16, b);
#pragma unroll
            for (uint32_t p = 0; p < PAIRS; p++) {
                const uint32_t at = s + 2 * p;
                share above = {}, below = {};
                if (at < to)
                    above = *cell_at(image,
                                     slice.first + at * slice.cells + i);
                if (at + 1 < to)
                    below = *cell_at(image, slice.first +
                                                (at + 1) * slice.cells + i);
                add_cells(sum[p], above, below, b);
            }
        }
#pragma unroll
        for (uint32_t p = 0; p < PAIRS; p++)
            put_pair(sums, s + 2 * p, to, sum[p]);
    }
}

/* Strips that registers hold, all of them at once. */
template <uint32_t STRIPS>
RP_DEVICE void multiply_held(const share (*held)[RP_PLAN_HELD_CELLS],
                             uint32_t count, const float *x,
                             const parts &sums)
{
    constexpr uint32_t PAIRS = (STRIPS + 1) / 2;
    float sum[PAIRS][4] = {};

#pragma unroll
    for (uint32_t i = 0; i < RP_PLAN_HELD_CELLS; i++) {
        uint32_t b[4];
        spread(x + (warp_of() + i * RP_PLAN_WARPS) * RP_PLAN_BF16, b);
#pragma unroll
        for (uint32_t p = 0; p < PAIRS; p++)
            add_cells(sum[p], held[2 * p][i],
                      2 * p + 1 < STRIPS ? held[2 * p + 1][i] : share(), b);
    }
#pragma unroll
    for (uint32_t p = 0; p < PAIRS; p++)
        put_pair(sums, 2 * p, count, sum[p]);
}

template <uint32_t STRIPS>
RP_DEVICE void load_held(share (*held)[RP_PLAN_HELD_CELLS], uint32_t count,
                         const image &image, const rp_plan_slice &slice)
{
#pragma unroll
    for (uint32_t s = 0; s < STRIPS; s++)
#pragma unroll
        for (uint32_t i = 0; i < RP_PLAN_HELD_CELLS; i++) {
            const uint32_t cell = slice.first + s * slice.cells + warp_of() +
                                  i * RP_PLAN_WARPS;
            held[s][i] = {};
            if (s < count)
                held[s][i] =
                    image.all[(size_t)cell * RP_PLAN_WARP + lane_of()];
        }
}

/* ---- both ---- */

RP_DEVICE void multiply(const image &image, uint32_t width,
                        const rp_plan_slice &slice, uint32_t from, uint32_t to,
                        const float *x, const parts &sums)
{
    if (width == RP_PLAN_FP32)
        multiply_fp32(image, slice, from, to, x, sums);
    else
        multiply_bf16(image, slice, from, to, x, sums);
}

} // namespace
} // namespace rp

#endif
