#include "cuda/chain.h"

#include "cuda/draw.cuh"

#if RP_CLUSTERS

#include "cuda/block.cuh"

using namespace rp;

/* Every block follows the whole note: it has all of the state and all logits,
 * and draws the same class as the others. Only the products are shared out: a
 * block makes its slice of outputs and tells the others (exchange.cuh). For a
 * note of F fields and L layers that is 1 + F + L exchanges: the state's part
 * of all middle layers at once, then the logits field by field, for each block
 * adds the condition itself; then the layers, one after another. What the
 * state alone decides of the next step (`own`) is made while one warp draws. */

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
    constexpr uint32_t COLUMNS = 4, ROWS = 4; /* at once: the way is long */
    const uint32_t count = sparse->count;

    for (uint32_t i = lane_of(); i < n; i += COLUMNS * RP_PLAN_WARP) {
        float sum[COLUMNS] = {};
        for (uint32_t k = warp_of(); k < count; k += ROWS * RP_PLAN_WARPS) {
            float there[ROWS][COLUMNS] = {};
#pragma unroll
            for (uint32_t r = 0; r < ROWS; r++)
#pragma unroll
                for (uint32_t q = 0; q < COLUMNS; q++)
                    if (k + r * RP_PLAN_WARPS < count &&
                        i + q * RP_PLAN_WARP < n)
                        there[r][q] =
                            table[(size_t)sparse->at[k + r * RP_PLAN_WARPS] *
                                      ld +
                                  rp_plan_gate_row(at.gate, at.units, at.rank,
                                                   i + q * RP_PLAN_WARP)];
#pragma unroll
            for (uint32_t r = 0; r < ROWS; r++)
#pragma unroll
                for (uint32_t q = 0; q < COLUMNS; q++)
                    sum[q] += there[r][q];
        }
#pragma unroll
        for (uint32_t q = 0; q < COLUMNS; q++)
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

/* While logits are on their way: by one warp. */
RP_DEVICE void ask(cluster *c)
{
    const rp_drawing drawing = c->self->drawing;
    const draw_ask ask = draw_ready(c->self, drawing);

    if (!lane_of())
        c->s->ask = ask;
    rp_sync_warp();
}

/* In turn into one place and the other. A block without a class tells a number
 * that nobody reads: else the others would not know that it has all of the
 * exchange before, whose place is the next one's. */
RP_DEVICE void make_logits(const rp_cuda_chain &a, cluster *c, uint32_t f)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t place = logits_at(plan, c->turn);
    const uint32_t mine =
        rp_plan_classes(plan.classes[f], plan.blocks, c->x.rank);
    const uint32_t row = plan.out_row[f], end = row + mine;
    const uint32_t tells = mine ? mine : 1;
    const uint32_t all = plan.classes[f] > plan.blocks ? plan.classes[f]
                                                       : plan.blocks;

    multiply(c->weights, plan.width, plan.out, row / 8, (end + 7) / 8,
             c->active, c->sums);
    rp_sync();
    for (uint32_t base = warp_of() * 4; base < tells;
         base += 4 * RP_PLAN_WARPS) {
        uint32_t i = base + lane_of() / 8;
        uint32_t at = row + (i < tells ? i : tells - 1);
        float sum = add_parts(part_of(c->sums, at));
        if (i < tells)
            tell(&c->x, place + c->x.rank + i * plan.blocks,
                 sum + c->bias[plan.layers * 4 * plan.units +
                               plan.middle.rows + at]);
    }
    if (!warp_of())
        ask(c);
    await(&c->x, place, all);
}

/* What the first field of a note sees: by one warp. */
RP_DEVICE void see(cluster *c)
{
    const rp_drawing drawing = c->self->drawing;

    rp_draw_condition(&drawing, &c->self->reader, &c->s->sparse);
}

/* The class, and what the field after this one sees: by one warp. */
RP_DEVICE void draw(const rp_cuda_chain &a, cluster *c)
{
    lane *self = c->self;
    const float *logits = c->x.common + logits_at(a.plan, c->turn);
    progress now = {self->drawing, self->rolled, self->logp};
    const rp_field field = now.drawing.field;
    int drew = -1;

    draw_field<true>(a.task, self, logits, c->s->ask, &c->s->room, &now,
                     &drew);
    if (now.rolled.why == RP_DRAWN && now.drawing.field != RP_FIELDS)
        rp_draw_condition_on(&now.drawing, &self->reader, field,
                             &c->s->sparse);
    if (!lane_of())
        c->s->drew = drew;
    lane_store(self, now);
}

/* Of the field that is drawn meanwhile: by another warp. */
RP_DEVICE draw_scale scale(const rp_cuda_chain &a, const cluster *c,
                           uint32_t f, const float *logits)
{
    float logit[DRAW_ROWS];

    draw_load(logits, a.plan.classes[f], logit);
    return draw_scale_of(logit, c->s->ask.mask);
}

/* What the next step of a layer has of the state before it; by all warps but
 * the first. */
RP_DEVICE void make_own(const rp_cuda_chain &a, const cluster *c, uint32_t l,
                        uint32_t side)
{
    multiply(c->weights, a.plan.width, a.plan.own[l], 0,
             a.plan.own[l].strips, c->x.common + state_at(a.plan, side, l),
             own_parts(a.plan, c, l));
}

constexpr uint32_t SCALES = 1; /* the warp that makes likelihoods */

/* While one warp draws, the others multiply. */
template <bool DRAWS>
RP_DEVICE void make_field(const rp_cuda_chain &a, cluster *c, uint32_t side)
{
    const uint32_t f = (uint32_t)c->self->drawing.field;

    make_actives(a, c, f);
    make_logits(a, c, f);
    const float *logits = c->x.common + logits_at(a.plan, c->turn);
    draw_scale of = {};
    if (DRAWS)
        draw(a, c);
    else if (c->owns < a.plan.layers)
        make_own(a, c, c->owns, side);
    if (!DRAWS && warp_of() == SCALES)
        of = scale(a, c, f, logits);
    c->owns++;
    c->turn++;
    rp_sync();
    if (!DRAWS && rp_thread() == SCALES * RP_PLAN_WARP && c->s->drew >= 0)
        c->self->logp += (double)draw_logp(of, logits[c->s->drew]);
}

/* ---- one step ---- */

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

/* While a layer is on its way to the others, one warp sees to the next note. */
RP_DEVICE void prepare(const rp_cuda_plan &plan, cluster *c, uint32_t l)
{
    if (!l) {
        rp_drawing drawing;
        lane_begin_note(c->self, c->s->from, &drawing);
        if (!lane_of())
            c->self->drawing = drawing;
        rp_sync_warp();
    }
    if (l + 1 == plan.layers)
        see(c);
}

template <bool DRAWS, bool HELD>
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
    if (DRAWS)
        prepare(plan, c, l);
    await(&c->x, state_at(plan, !side, l), plan.hidden);
}

/* The note is part of the candidate; whether it goes on. By one warp. */
RP_DEVICE void take_note(const rp_cuda_chain &a, cluster *c)
{
    lane *self = c->self;
    const uint32_t most = a.task->most;
    progress now = {self->drawing, self->rolled, self->logp};
    bool goes = now.rolled.why == RP_DRAWN;

    if (goes) {
        const rp_note note =
            rp_draw_note(&now.drawing, &self->turn, &self->reader);
        if (!c->x.rank && !lane_of())
            ((rp_note *)a.note)[(size_t)self->candidate * most +
                                now.rolled.notes] = note;
        now.rolled.notes++;
        goes = now.rolled.notes < most;
        if (goes) {
            lane_take(self, &note);
            rp_reader_push(&self->reader, &note, &c->s->sparse);
            if (!lane_of())
                c->s->from = note.onset;
        }
    }
    now.rolled.logp = (float)now.logp;
    lane_store(self, now);
    if (lane_of())
        return;
    c->s->goes = goes;
    self->done = !goes;
    if (!goes && !c->x.rank)
        a.rolled[self->candidate] = now.rolled;
}

template <bool DRAWS, bool HELD>
RP_DEVICE bool run_note(const rp_cuda_chain &a, cluster *c, const held &held,
                        uint32_t side)
{
    make_middles<HELD>(a, c, held,
                       c->x.common + state_at(a.plan, side,
                                              a.plan.layers - 1));
    c->owns = 0;
    do
        make_field<DRAWS>(a, c, side);
    while (c->self->rolled.why == RP_DRAWN &&
           c->self->drawing.field != RP_FIELDS);
    rp_sync();
    if (DRAWS)
        take_note(a, c);
    for (; !DRAWS && c->owns < a.plan.layers; c->owns++)
        make_own(a, c, c->owns, side);
    rp_sync();
    if (!c->s->goes)
        return false;
    for (uint32_t l = 0; l < a.plan.layers; l++)
        step_layer<DRAWS, HELD>(a, c, held, l, side);
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

/* The same for all warps but for what they hold: one that draws would have to
 * put its weights away whenever it does. */
template <bool DRAWS, bool HELD>
RP_DEVICE bool run_notes(const rp_cuda_chain &a, cluster *c)
{
    const rp_cuda_plan &plan = a.plan;
    bool goes = true;
    held held;

    if (HELD) {
        load_held<RP_PLAN_HELD_INPUT>(held.input, plan.held_input, c->weights,
                                      plan.input[1]);
        load_held<RP_PLAN_HELD_MIDDLE>(held.middle, plan.held_middle,
                                       c->weights, plan.middle);
    }
    if (DRAWS)
        see(c);
    for (uint32_t n = 0; n < a.notes && goes; n++) {
        goes = run_note<DRAWS, HELD>(a, c, held, c->side);
        c->side ^= goes;
    }
    return goes;
}

template <bool HELD> RP_DEVICE void run_chain(const rp_cuda_chain &a)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t candidate = a.first + rp_block() / plan.blocks;
    cluster c = join(a);
    lane *self = (lane *)a.lane + candidate;
    float *state =
        a.state + (size_t)candidate * plan.layers * plan.hidden;

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
    meet(plan);
    const bool goes = warp_of() ? run_notes<false, HELD>(a, &c)
                                : run_notes<true, false>(a, &c);
    meet(plan); /* nobody leaves while others write to it */
    if (!c.x.rank)
        leave(a, &c, self, state, c.side, goes);
}

#endif

template <bool HELD>
RP_KERNEL_OF(RP_PLAN_LANES) chain_kernel(rp_cuda_chain a)
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
    if (rp_thread() < WARP) {
        rp_drawing drawing;
        lane_begin_note(self, a.task->from, &drawing);
        if (!rp_thread()) {
            self->done = candidate >= a.task->candidates;
            self->drawing = drawing;
        }
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
    grid.threads = RP_PLAN_LANES;
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
