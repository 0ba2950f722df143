/* Lays the weights as a plan says (plan.h): every block's image, once for
 * each set of parameters. */
#include "cuda/chain.h"
#include "cuda/device.cuh"

/* Blocks that pack one block's image. */
constexpr uint32_t SPREAD = 8;

#if RP_CLUSTERS

#include "cuda/product.cuh"

using namespace rp;

/* Of a slice's row: where in its matrix it is; false: nowhere. */
RP_DEVICE const float *row_of_gates(const rp_cuda_plan &plan,
                                    const float *matrix, uint32_t rank,
                                    uint32_t i)
{
    return matrix + (size_t)rp_plan_gate_row(plan.hidden, plan.units, rank,
                                             i) *
                        plan.hidden;
}

RP_DEVICE const float *row_of_out(const rp_cuda_chain &a, uint32_t rank,
                                  uint32_t i)
{
    const rp_cuda_plan &plan = a.plan;
    uint32_t f = 0;

    for (uint32_t k = 0; k < RP_PLAN_FIELDS; k++)
        if (plan.classes[k] && plan.out_row[k] <= i)
            f = k;
    uint32_t n = rank + (i - plan.out_row[f]) * plan.blocks;
    return n < plan.classes[f] ? a.head[f].out + (size_t)n * plan.head
                               : nullptr;
}

RP_DEVICE const float *row_of_middle(const rp_cuda_chain &a, uint32_t rank,
                                     uint32_t i)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t e = rank * plan.actives + i % plan.actives;

    for (uint32_t f = 0; f < RP_PLAN_FIELDS; f++)
        if (plan.classes[f] && plan.index[f] == i / plan.actives)
            return a.head[f].middle + (size_t)e * plan.hidden;
    return nullptr;
}

/* One warp: 8 rows of a slice, NULL for none, by a cell's columns. */
RP_DEVICE void pack_cell(share *to, uint32_t width, uint32_t column,
                         uint32_t columns, const float *row[8])
{
    const bool wide = width == RP_PLAN_FP32;
    float number[8];
    share out;

    for (uint32_t i = 0; i < (wide ? 4u : 8u); i++) {
        uint32_t r, k;
        rp_plan_place(width, lane_of(), i, &r, &k);
        number[i] = row[r] && column + k < columns ? row[r][column + k] : 0.0f;
    }
    for (uint32_t i = 0; i < 4; i++)
        out.word[i] = wide ? rp_bits_of(number[i])
                           : rp_pair(number[2 * i], number[2 * i + 1]);
    to[lane_of()] = out;
}

enum which { GATES, MIDDLE, OUT };

RP_DEVICE void pack_slice(const rp_cuda_chain &a, const rp_plan_slice &slice,
                          which which, const float *matrix)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t rank = rp_block();
    share *image =
        (share *)a.image + (size_t)rank * plan.cells * RP_PLAN_WARP;

    for (uint32_t i = rp_block_y() * RP_PLAN_WARPS + warp_of();
         i < slice.strips * slice.cells; i += SPREAD * RP_PLAN_WARPS) {
        const float *row[8] = {};
        for (uint32_t r = 0; r < 8; r++) {
            uint32_t at = i / slice.cells * RP_PLAN_STRIP + r;
            if (at >= slice.rows)
                continue;
            row[r] = which == GATES    ? row_of_gates(plan, matrix, rank, at)
                     : which == MIDDLE ? row_of_middle(a, rank, at)
                                       : row_of_out(a, rank, at);
        }
        pack_cell(image + (size_t)(slice.first + i) * RP_PLAN_WARP,
                  plan.width, i % slice.cells * plan.width,
                  which == OUT ? plan.head : plan.hidden, row);
    }
}

RP_DEVICE void pack(const rp_cuda_chain &a)
{
    for (uint32_t l = 0; l < a.plan.layers; l++) {
        pack_slice(a, a.plan.own[l], GATES, a.layer[l].own);
        if (l)
            pack_slice(a, a.plan.input[l], GATES, a.layer[l].input);
    }
    pack_slice(a, a.plan.middle, MIDDLE, nullptr);
    pack_slice(a, a.plan.out, OUT, nullptr);
}

#endif

RP_KERNEL pack_kernel(rp_cuda_chain a)
{
#if RP_CLUSTERS
    pack(a);
#endif
}

cudaError_t rp_cuda_chain_pack(const struct rp_cuda_chain *chain,
                               cudaStream_t stream)
{
    rp_grid grid = {};

    grid.x = chain->plan.blocks;
    grid.y = SPREAD;
    grid.threads = RP_PLAN_LANES;
    return rp_launch(pack_kernel, grid, stream, *chain);
}
