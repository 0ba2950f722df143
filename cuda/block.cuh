/* What a block of a chain has at hand, and how it gets it: its place among the
 * others, its weights, what a draw needs. */
#ifndef RP_CUDA_BLOCK_CUH
#define RP_CUDA_BLOCK_CUH

#include "cuda/draw.cuh"
#include "cuda/exchange.cuh"
#include "cuda/product.cuh"

namespace rp {
namespace {

struct scratch {
    lane self;
    rp_indices sparse; /* condition of a field, or input of the step */
    draw_room room;
    draw_ask ask; /* of the field's first draw, */
    int drew;     /* and its class; -1: none is possible */
    int32_t from; /* where the note before began */
    bool goes;    /* the candidate does */
};

/* What a block knows of its place; the same in all threads. */
struct cluster {
    exchange x;
    image weights;
    parts sums;
    float *active, *own_sums, *bias;
    uint32_t side; /* that the state is on */
    uint32_t turn; /* fields so far: which place logits have */
    uint32_t owns; /* of this note: layers whose own_sums are made */
    scratch *s;
    lane *self;
};

template <class T> RP_DEVICE T *at(uint32_t offset, uint32_t count)
{
    return rp_shared<T>(offset, count);
}

/* Place of a state. */
RP_DEVICE uint32_t state_at(const rp_cuda_plan &plan, uint32_t side,
                            uint32_t layer)
{
    return (side * plan.layers + layer) * plan.stride;
}

/* Of logits: in turn one and the other. */
RP_DEVICE uint32_t logits_at(const rp_cuda_plan &plan, uint32_t turn)
{
    return plan.logits_at + turn % 2 * plan.logits;
}

RP_DEVICE parts own_parts(const rp_cuda_plan &plan, const cluster *c,
                          uint32_t l)
{
    const uint32_t rows = plan.own[l].strips * RP_PLAN_STRIP;
    const parts own = {c->own_sums + l * RP_PLAN_WARPS * rows, rows, 1};

    return own;
}

RP_DEVICE void load_weights(const rp_cuda_plan &plan, const image &image)
{
    constexpr uint32_t AT_ONCE = 32;
    const uint32_t shares = plan.kept * RP_PLAN_WARP;
    const share *from = image.all + (size_t)plan.held * RP_PLAN_WARP;
    share *to = at<share>(plan.weights, shares);
    share *aside = at<share>(plan.aside, plan.held / RP_PLAN_WARPS);

    for (uint32_t i = warp_of(); i < plan.held / RP_PLAN_WARPS;
         i += RP_PLAN_WARPS)
        aside[i * RP_PLAN_WARP + lane_of()] =
            image.all[(size_t)i * RP_PLAN_LANES + lane_of()];
    for (uint32_t base = 0; base < shares; base += AT_ONCE * rp_threads()) {
        for (uint32_t k = 0; k < AT_ONCE; k++) {
            uint32_t i = base + k * rp_threads() + rp_thread();
            if (i < shares)
                rp_copy16(to + i, from + i);
        }
        rp_copy_group();
        rp_copied<0>();
    }
}

/* Of gates r and z both biases, n's two apart; of the middle layers; of the
 * classes. */
RP_DEVICE void load_biases(const rp_cuda_chain &a, cluster *c)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t n = plan.units, H = plan.hidden;
    float *to = c->bias;

    for (uint32_t l = 0; l < plan.layers; l++, to += 4 * n)
        for (uint32_t i = rp_thread(); i < 4 * n; i += rp_threads()) {
            uint32_t own = i / n == 3 ? i - n : i;
            uint32_t row = rp_plan_gate_row(H, n, c->x.rank, own);
            float bias = i / n == 3 ? 0.0f : a.layer[l].bias_ih[row];
            if (i / n != 2)
                bias += a.layer[l].bias_hh[row];
            to[i] = bias;
        }
    for (uint32_t f = 0; f < RP_PLAN_FIELDS; f++) {
        const uint32_t mine =
            rp_plan_classes(plan.classes[f], plan.blocks, c->x.rank);
        if (!plan.classes[f])
            continue;
        for (uint32_t i = rp_thread(); i < plan.actives; i += rp_threads())
            to[plan.index[f] * plan.actives + i] =
                a.head[f].bias[c->x.rank * plan.actives + i];
        for (uint32_t i = rp_thread(); i < mine; i += rp_threads())
            to[plan.middle.rows + plan.out_row[f] + i] =
                a.head[f].out_bias[c->x.rank + i * plan.blocks];
    }
}

RP_DEVICE cluster join(const rp_cuda_chain &a)
{
    const rp_cuda_plan &plan = a.plan;
    cluster c;

    c.x.blocks = plan.blocks;
    c.x.rank = rp_block() % plan.blocks;
    c.x.rounds = 0;
    c.x.tag = a.round;
    c.x.barrier = at<uint64_t>(plan.barrier, 2);
    c.x.words = plan.form == RP_PLAN_GRID ? a.words : nullptr;
    c.x.common = at<float>(plan.common, plan.commons);
    c.weights.aside = at<share>(plan.aside, plan.held / RP_PLAN_WARPS);
    c.weights.kept = at<share>(plan.weights, plan.kept * RP_PLAN_WARP);
    c.weights.all = (const share *)a.image +
                    (size_t)c.x.rank * plan.cells * RP_PLAN_WARP;
    c.weights.held = plan.held;
    c.weights.end = plan.held + plan.kept;
    c.sums.at = at<float>(plan.sums, RP_PLAN_WARPS * plan.sum_rows);
    c.sums.rows = plan.sum_rows;
    c.sums.first = 0;
    c.active = at<float>(plan.active, plan.head);
    c.own_sums = at<float>(plan.own_sums, 1);
    c.bias = at<float>(plan.bias, 1);
    c.side = c.turn = c.owns = 0;
    c.s = at<scratch>(plan.scratch, 1);
    c.self = &c.s->self;
    return c;
}

/* What is beyond a vector's end is multiplied, too. */
RP_DEVICE void load_state(const rp_cuda_plan &plan, cluster *c,
                          const float *state)
{
    const uint32_t H = plan.hidden, E = plan.head;
    const uint32_t actives =
        (E + RP_PLAN_COLUMNS - 1) / RP_PLAN_COLUMNS * RP_PLAN_COLUMNS;

    for (uint32_t l = 0; l < 2 * plan.layers; l++)
        for (uint32_t i = rp_thread(); i < plan.stride; i += rp_threads())
            c->x.common[l * plan.stride + i] =
                l < plan.layers && i < H ? state[l * H + i] : 0.0f;
    /* The warp that draws has no part in these. */
    for (uint32_t l = 0; l < plan.layers; l++) {
        const parts own = own_parts(plan, c, l);
        for (uint32_t i = rp_thread(); i < own.rows; i += rp_threads())
            own.at[i] = 0.0f;
    }
    for (uint32_t i = E + rp_thread(); i < actives; i += rp_threads())
        c->active[i] = 0.0f;
}

} // namespace
} // namespace rp

#endif
