#include "cuda/chain.h"

#include "cuda/lane.cuh"

#if RP_CLUSTERS

#include "cuda/block.cuh"

using namespace rp;

/* Every block follows the whole note: it has all of the state and all logits,
 * and draws the same class as the others. Only the products are shared out: a
 * block makes its slice of outputs and tells the others (exchange.cuh). For a
 * note of F fields and L layers that is 1 + F + L exchanges: the state's part
 * of all middle layers at once, then the logits field by field, for each block
 * adds the condition itself; then the layers, one after another. What the
 * state alone decides of the next step (`own`) is made beside, where nobody
 * waits for it. */

/* The i-th number that a block wants of a row: of each gate `units` from
 * rank * units on. */
struct columns {
    uint32_t gate, units, rank;
};

/* Rows of a table that `sparse` lists, the warps in turn: parts of the sums of
 * n columns. */
RP_DEVICE void add_rows(const float *table, uint32_t ld,
                        const rp_indices *sparse, uint32_t n, columns at,
                        const parts &sums)
{
    constexpr uint32_t AT_ONCE = 4;

    for (uint32_t i = lane_of(); i < n; i += AT_ONCE * RP_PLAN_WARP) {
        float sum[AT_ONCE] = {};
#pragma unroll 2
        for (uint32_t k = warp_of(); k < sparse->count; k += RP_PLAN_WARPS) {
            const float *row = table + (size_t)sparse->at[k] * ld;
#pragma unroll
            for (uint32_t q = 0; q < AT_ONCE; q++)
                if (i + q * RP_PLAN_WARP < n)
                    sum[q] += row[rp_plan_gate_row(at.gate, at.units,
                                                   at.rank,
                                                   i + q * RP_PLAN_WARP)];
        }
#pragma unroll
        for (uint32_t q = 0; q < AT_ONCE; q++)
            if (i + q * RP_PLAN_WARP < n)
                sums.at[warp_of() * sums.rows + i + q * RP_PLAN_WARP] = sum[q];
    }
}

/* The i-th sum's part of this lane's. */
RP_DEVICE float part_of(const parts &sums, uint32_t i)
{
    return sums.at[lane_of() % 8 * sums.rows + i];
}

/* ---- the heads ---- */

/* W h of the middle layers of all fields. */
template <bool HELD>
RP_DEVICE void make_middles(const rp_cuda_chain &a, cluster *c,
                            const held &held, const float *top)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t n = plan.middle.rows;

    if (HELD)
        multiply_held<RP_PLAN_HELD_MIDDLE>(held.middle, plan.held_middle, top,
                                           c->sums);
    multiply(c->weights, plan.width, plan.middle, HELD ? plan.held_middle : 0,
             plan.middle.strips, top, c->sums);
    rp_sync();
    for (uint32_t base = warp_of() * 4; base < n; base += 4 * RP_PLAN_WARPS) {
        uint32_t i = base + lane_of() / 8;
        float sum = add_parts(part_of(c->sums, i < n ? i : n - 1));
        if (i < n)
            tell(&c->x,
                 plan.middle_at + i / plan.actives * plan.head +
                     c->x.rank * plan.actives + i % plan.actives,
                 sum + c->bias[plan.layers * 4 * plan.units + i]);
    }
    await(&c->x, plan.middle_at, plan.fields * plan.head);
}

/* The middle layer of a field, whole, by each block. */
RP_DEVICE void make_actives(const rp_cuda_chain &a, cluster *c, uint32_t f)
{
    const rp_cuda_chain_head &head = a.head[f];
    const uint32_t E = a.plan.head;
    const float *middle =
        c->x.common + a.plan.middle_at + a.plan.index[f] * E;

    if (head.condition)
        add_rows(head.cond, E, &c->s->sparse, E, {0, E, 0}, c->sums);
    rp_sync();
    for (uint32_t e = rp_thread(); e < E; e += rp_threads()) {
        float sum = middle[e];
        for (uint32_t w = 0; head.condition && w < RP_PLAN_WARPS; w++)
            sum += c->sums.at[w * c->sums.rows + e];
        c->active[e] = sum > 0.0f ? sum : 0.0f;
    }
    rp_sync();
}

/* In turn into one place and the other. */
RP_DEVICE float *make_logits(const rp_cuda_chain &a, cluster *c, uint32_t f)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t place =
        plan.logits_at + c->turn++ % 2 * (uint32_t)RP_SOFTMAX_MAX;
    const uint32_t mine =
        rp_plan_classes(plan.classes[f], plan.blocks, c->x.rank);
    const uint32_t row = plan.out_row[f], end = row + mine;

    multiply(c->weights, plan.width, plan.out, row / 8, (end + 7) / 8,
             c->active, c->sums);
    rp_sync();
    for (uint32_t base = warp_of() * 4; base < mine;
         base += 4 * RP_PLAN_WARPS) {
        uint32_t i = base + lane_of() / 8;
        uint32_t at = row + (i < mine ? i : mine - 1);
        float sum = add_parts(part_of(c->sums, at));
        if (i < mine)
            tell(&c->x, place + c->x.rank + i * plan.blocks,
                 sum + c->bias[plan.layers * 4 * plan.units +
                               plan.middle.rows + at]);
    }
    await(&c->x, place, plan.classes[f]);
    return c->x.common + place;
}

/* rp_sample's rank and weigh, a thread for each class. */
RP_DEVICE void rank_classes(const rp_cuda_chain &a, scratch *s,
                            const float *logits, const float *weighed,
                            uint32_t n)
{
    const uint32_t i = rp_thread();
    uint32_t rank = 0;

    for (uint32_t k = i; k < n; k += rp_threads()) {
        rank = 0;
        if (!in_mask(s->mask, k) || isnan(weighed[k]))
            continue;
        for (uint32_t j = 0; j < n; j++)
            if (in_mask(s->mask, j) && !isnan(weighed[j]) &&
                (weighed[j] > weighed[k] ||
                 (weighed[j] == weighed[k] && j < k)))
                rank++;
        s->order[rank] = (uint8_t)k;
        rp_atomic_add(&s->ranked, 1);
    }
    rp_sync();
    for (uint32_t k = i; k < s->ranked; k += rp_threads()) {
        float gap = weighed[s->order[k]] - weighed[s->order[0]];
        float own = logits[s->order[k]] - logits[s->order[0]];
        s->p[k] = rp_exp(isnan(gap) ? 0.0f : gap / a.task->temperature);
        s->plain[k] = rp_exp(isnan(own) ? 0.0f : own);
    }
    rp_sync();
}

/* The class; by one thread. */
RP_DEVICE int choose_class(const scratch *s, const rp_taste *taste,
                           float uniform)
{
    uint32_t count = s->ranked;
    double sum, so_far = 0.0;

    if (!count)
        return -1;
    count = cut(s->p, count, taste, &sum);
    for (uint32_t i = 0; i + 1 < count; i++) {
        so_far += (double)s->p[i];
        if ((double)uniform * sum < so_far)
            return s->order[i];
    }
    return s->order[count - 1];
}

/* log P(class): `plain` is relative to the class of rank 0, whichever is best
 * by its own logit. */
RP_DEVICE double logp_of(const scratch *s, const float *logits, int drew)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < s->ranked; i++)
        sum += (double)s->plain[i];
    return (double)(float)((double)(logits[drew] - logits[s->order[0]]) -
                           rp_log_exact(sum));
}

RP_DEVICE void draw_once(const rp_cuda_chain &a, cluster *c,
                         const float *logits)
{
    scratch *s = c->s;
    lane *self = c->self;
    const rp_taste taste = {a.task->temperature, a.task->top_p,
                            a.task->top_k};

    if (!rp_thread()) {
        s->mask = rp_draw_mask(&self->drawing, &self->reader);
        s->ranked = 0;
    }
    rp_sync();
    rank_classes(a, s, logits, s->weighed, a.plan.classes[s->field]);
    if (!rp_thread()) {
        float number =
            rp_rng_uniform(rp_draw_key(&self->drawing, &self->turn));
        int drew = choose_class(s, &taste, number);
        if (drew >= 0) {
            self->logp += logp_of(s, logits, drew);
            self->rolled.fields++;
        }
        self->rolled.why = (uint8_t)rp_draw_give(&self->drawing, &self->turn,
                                                 &self->reader, drew);
        s->drawing = self->rolled.why == RP_DRAWN &&
                     (uint32_t)self->drawing.field == s->field;
    }
    rp_sync();
}

RP_DEVICE void draw_field(const rp_cuda_chain &a, cluster *c)
{
    scratch *s = c->s;

    if (!rp_thread()) {
        s->field = (uint32_t)c->self->drawing.field;
        rp_draw_condition(&c->self->drawing, &c->self->reader, &s->sparse);
    }
    rp_sync();
    make_actives(a, c, s->field);
    const float *logits = make_logits(a, c, s->field);
    if (!rp_thread()) {
        memcpy(s->weighed, logits,
               a.plan.classes[s->field] * sizeof *s->weighed);
        (void)rp_draw_weigh(&c->self->drawing, &c->self->turn,
                            &c->self->reader, s->weighed);
        s->drawing = true;
    }
    rp_sync();
    while (s->drawing)
        draw_once(a, c, logits);
}

/* ---- one step ---- */

/* What the next step has of the state before it. */
RP_DEVICE void make_own(const rp_cuda_chain &a, cluster *c, uint32_t side)
{
    for (uint32_t l = 0; l < a.plan.layers; l++)
        multiply(c->weights, a.plan.width, a.plan.own[l], 0,
                 a.plan.own[l].strips,
                 c->x.common + state_at(a.plan, side, l),
                 own_parts(a.plan, c, l));
}

/* What the layer has of its input: parts of sums. */
template <bool HELD>
RP_DEVICE void make_input(const rp_cuda_chain &a, cluster *c,
                          const held &held, uint32_t l, uint32_t side)
{
    const rp_cuda_plan &plan = a.plan;
    const columns at = {plan.hidden, plan.units, c->x.rank};
    uint32_t from = 0;

    if (!l) {
        add_rows(a.layer[0].input, 3 * plan.hidden, &c->s->sparse,
                 3 * plan.units, at, c->sums);
        return;
    }
    const float *below = c->x.common + state_at(plan, !side, l - 1);
    if (HELD && l == 1) {
        from = plan.held_input;
        multiply_held<RP_PLAN_HELD_INPUT>(held.input, from, below, c->sums);
    }
    multiply(c->weights, plan.width, plan.input[l], from,
             plan.input[l].strips, below, c->sums);
}

template <bool HELD>
RP_DEVICE void step_layer(const rp_cuda_chain &a, cluster *c,
                          const held &held, uint32_t l, uint32_t side)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t n = plan.units;
    const parts own = own_parts(plan, c, l);
    const float *before = c->x.common + state_at(plan, side, l);
    const float *bias = c->bias + l * 4 * n;

    make_input<HELD>(a, c, held, l, side);
    rp_sync();
    for (uint32_t base = warp_of() * 4; base < n; base += 4 * RP_PLAN_WARPS) {
        const uint32_t i = base + lane_of() / 8, u = i < n ? i : n - 1;
        const uint32_t unit = c->x.rank * n + u;
        float gi[3], gh[3] = {};
        for (uint32_t g = 0; g < 2; g++)
            gi[g] = add_parts(part_of(c->sums, g * n + u) +
                              part_of(own, g * n + u)) +
                    bias[g * n + u];
        gi[2] = add_parts(part_of(c->sums, 2 * n + u)) + bias[2 * n + u];
        gh[2] = add_parts(part_of(own, 2 * n + u)) + bias[3 * n + u];
        float now = rp_gates(gi, gh, before[unit]);
        if (i < n)
            tell(&c->x, state_at(plan, !side, l) + unit, now);
    }
    await(&c->x, state_at(plan, !side, l), plan.hidden);
}

/* The note is part of the candidate; returns whether it goes on. */
RP_DEVICE bool take_note(const rp_cuda_chain &a, cluster *c)
{
    lane *self = c->self;
    const uint32_t most = a.task->most;

    if (self->rolled.why == RP_DRAWN) {
        rp_note note =
            rp_draw_note(&self->drawing, &self->turn, &self->reader);
        if (!c->x.rank)
            ((rp_note *)a.note)[(size_t)self->candidate * most +
                                self->rolled.notes] = note;
        self->rolled.notes++;
        rp_turn_take(&self->turn, &note);
        if (self->rolled.notes < most) {
            rp_reader_push(&self->reader, &note, &c->s->sparse);
            lane_begin_note(self, note.onset);
            return true;
        }
    }
    self->done = true;
    self->rolled.logp = (float)self->logp;
    if (!c->x.rank)
        a.rolled[self->candidate] = self->rolled;
    return false;
}

template <bool HELD>
RP_DEVICE bool run_note(const rp_cuda_chain &a, cluster *c, const held &held,
                        uint32_t side)
{
    scratch *s = c->s;

    make_middles<HELD>(a, c, held,
                       c->x.common + state_at(a.plan, side,
                                              a.plan.layers - 1));
    make_own(a, c, side);
    do
        draw_field(a, c);
    while (c->self->rolled.why == RP_DRAWN &&
           c->self->drawing.field != RP_FIELDS);
    rp_sync();
    if (!rp_thread())
        s->drawing = take_note(a, c);
    rp_sync();
    if (!s->drawing)
        return false;
    for (uint32_t l = 0; l < a.plan.layers; l++)
        step_layer<HELD>(a, c, held, l, side);
    return true;
}

/* ---- the whole ---- */

RP_DEVICE void meet(const rp_cuda_plan &plan)
{
    if (plan.form == RP_PLAN_CLUSTER)
        rp_cluster_sync();
    else
        rp_sync();
}

RP_DEVICE void leave(const rp_cuda_chain &a, const cluster *c, lane *self,
                     float *state, uint32_t side, bool goes)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t H = plan.hidden;

    copy_words(self, c->self, sizeof *self);
    for (uint32_t l = 0; l < plan.layers; l++)
        for (uint32_t i = rp_thread(); i < H; i += rp_threads())
            state[l * H + i] = c->x.common[state_at(plan, side, l) + i];
    if (!rp_thread())
        rp_store_release_system(&a.going[c->self->candidate], goes);
}

template <bool HELD> RP_DEVICE void run_chain(const rp_cuda_chain &a)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t candidate = a.first + rp_block() / plan.blocks;
    cluster c = join(a);
    lane *self = (lane *)a.lane + candidate;
    float *state =
        a.state + (size_t)candidate * plan.layers * plan.hidden;
    held held;

    if (self->done)
        return; /* all of the cluster */
    if (!rp_thread()) {
        rp_barrier_init(c.x.barrier, 1);
        rp_barrier_init(c.x.barrier + 1, 1);
    }
    copy_words(c.self, self, sizeof *self);
    load_state(plan, &c, state);
    load_biases(a, &c);
    load_weights(plan, c.weights);
    if (HELD) {
        load_held<RP_PLAN_HELD_INPUT>(held.input, plan.held_input, c.weights,
                                      plan.input[1]);
        load_held<RP_PLAN_HELD_MIDDLE>(held.middle, plan.held_middle,
                                       c.weights, plan.middle);
    }
    meet(plan);
    uint32_t side = 0;
    bool goes = true;
    for (uint32_t n = 0; n < a.notes && goes; n++) {
        goes = run_note<HELD>(a, &c, held, side);
        side ^= goes;
    }
    meet(plan); /* nobody leaves while others write to it */
    if (!c.x.rank)
        leave(a, &c, self, state, side, goes);
}

#endif

template <bool HELD> RP_KERNEL chain_kernel(rp_cuda_chain a)
{
#if RP_CLUSTERS
    run_chain<HELD>(a);
#endif
}

/* One block for each candidate. */
RP_KERNEL begin_kernel(rp_cuda_chain a)
{
    using namespace rp;
    const uint32_t candidate = rp_block();
    const uint32_t floats = a.plan.layers * a.plan.hidden;
    lane *self = (lane *)a.lane + candidate;

    lane_begin(self, a.task, candidate);
    copy_words(a.state + (size_t)candidate * floats, a.task->state,
               floats * sizeof(float));
    if (!rp_thread()) {
        self->done = candidate >= a.task->candidates;
        lane_begin_note(self, a.task->from);
    }
}

uint32_t rp_cuda_chain_scratch(void)
{
#if RP_CLUSTERS
    return sizeof(scratch);
#else
    return 0;
#endif
}

static rp_grid grid_of(const rp_cuda_plan *plan, uint32_t candidates)
{
    rp_grid grid = {};

    grid.x = candidates * plan->blocks;
    grid.threads = RP_PLAN_THREADS;
    grid.shared = plan->shared;
    grid.cluster = plan->form == RP_PLAN_CLUSTER ? plan->blocks : 0;
    grid.together = plan->form == RP_PLAN_GRID;
    return grid;
}

static void (*kernel_for(const rp_cuda_plan *plan))(rp_cuda_chain)
{
    return plan->held ? chain_kernel<true> : chain_kernel<false>;
}

/* What is allowed holds for all plans of the process: as much as there is. */
int rp_cuda_chain_fits(const struct rp_cuda_plan *plan, uint32_t bytes)
{
    const rp_grid grid = grid_of(plan, 1);

    if (rp_allow(kernel_for(plan), bytes, true)) {
        (void)cudaGetLastError();
        return 0;
    }
    return grid.together ? rp_together(kernel_for(plan), grid)
                         : rp_clusters(kernel_for(plan), grid);
}

cudaError_t rp_cuda_chain_begin(const struct rp_cuda_chain *chain,
                                cudaStream_t stream)
{
    rp_grid grid = {};

    grid.x = chain->room;
    grid.threads = 64;
    return rp_launch(begin_kernel, grid, stream, *chain);
}

cudaError_t rp_cuda_chain_run(const struct rp_cuda_chain *chain,
                              uint32_t candidates, cudaStream_t stream)
{
    return rp_launch(kernel_for(&chain->plan),
                     grid_of(&chain->plan, candidates), stream, *chain);
}
