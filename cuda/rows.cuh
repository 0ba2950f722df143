/* Rows of a batch: which they are, where their states lie, what sparse vectors
 * add to them. */
#ifndef RP_CUDA_ROWS_CUH
#define RP_CUDA_ROWS_CUH

#include "cuda/math.cuh"
#include "cuda/step.h"

/* One row after another of something, through a list or not. */
RP_DEVICE uint32_t rows_count(const rp_cuda_rows &rows)
{
    return rows.count ? *rows.count : rows.most;
}
RP_DEVICE uint32_t rows_at(const rp_cuda_rows &rows, uint32_t i)
{
    return rows.list ? rows.list[i] : i;
}

/* By the first block alone. */
RP_DEVICE void rows_spend(const rp_cuda_rows &rows)
{
    if (rows.spent && !rp_block() && !rp_block_y() && !rp_thread())
        *rows.spent = 0;
}

RP_DEVICE float *state_at(const rp_cuda_states &states, uint32_t side,
                          uint32_t slot, uint32_t layer)
{
    return states.side[side] +
           ((size_t)slot * states.layers + layer) * states.hidden;
}

/* start, then the rows of the table that `at` lists, in that order. */
RP_DEVICE float sparse_sum(float start, const float *table, uint32_t ld,
                           uint32_t column, const uint16_t *at)
{
    const uint32_t count = at[0];

#pragma unroll 4
    for (uint32_t i = 1; i <= count; i++)
        start = rp_add(start, table[(size_t)at[i] * ld + column]);
    return start;
}

#endif
