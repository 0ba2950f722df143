#include "cuda/chain.h"

#include "cuda/lane.cuh"

#if RP_CLUSTERS

using namespace rp;

namespace {

/* Every block follows the whole note: it has all of the state and all logits,
 * and draws the same class as the others. Only the products are shared out: a
 * block makes its slice of outputs and writes it into the shared memory of all
 * of them. After that comes an exchange: a barrier in each block, at which all
 * arrive. Who is past exchange r knows that all have done what comes before it,
 * so what was read between r - 2 and r - 1 may be overwritten before r: middle
 * layer and logits need one place each, since they are exchanged in turn. The
 * state has two, since a layer reads the old one while others write the new. */
struct scratch {
    rp_indices sparse; /* condition of a field, or input of the step */
    float p[RP_SOFTMAX_MAX], plain[RP_SOFTMAX_MAX]; /* e^, by rank */
    float weighed[RP_SOFTMAX_MAX];
    rp_mask mask;
    uint32_t ranked; /* classes that are possible */
    uint8_t order[RP_SOFTMAX_MAX];
    uint32_t field;
    bool drawing;
};

/* What a block knows of its place; the same in all threads. */
struct cluster {
    uint32_t rank, rounds; /* exchanges so far */
    uint64_t *barrier;
    float *state, *active, *logits;
    scratch *s;
    lane *self;
};

} // namespace

constexpr uint32_t WARP = RP_PLAN_WARP;

template <class T> RP_DEVICE T *at(uint32_t offset, uint32_t count)
{
    return rp_shared<T>(offset, count);
}

RP_DEVICE void exchange(const rp_cuda_chain &a, cluster *c)
{
    rp_sync();
    if (rp_thread() < a.plan.blocks)
        rp_barrier_arrive(c->barrier, rp_thread());
    if (!rp_thread())
        rp_barrier_wait(c->barrier, c->rounds & 1);
    c->rounds++;
    rp_sync();
}

/* A number into the same place of every block, by one warp. */
RP_DEVICE void tell_all(const rp_cuda_chain &a, float *place, float value)
{
    uint32_t lane = rp_thread() % WARP;

    if (lane < a.plan.blocks)
        *rp_cluster_at(place, lane) = value;
}

RP_DEVICE float sum_warp(float x)
{
    for (uint32_t bits = WARP / 2; bits; bits /= 2)
        x += rp_shuffle_xor(x, bits);
    return x;
}

/* A row of a matrix (.., K): kept, or in global memory. */
RP_DEVICE const float *row_of(uint32_t kept, uint32_t i, const float *matrix,
                              uint32_t row, uint32_t K)
{
    return kept == RP_PLAN_NONE
               ? matrix + (size_t)row * K
               : at<float>(kept, (i + 1) * K) + (size_t)i * K;
}

/* row . x by a warp, the same in all lanes. */
RP_DEVICE float dot(const float *row, const float *x, uint32_t K)
{
    float sum = 0.0f;

    for (uint32_t k = rp_thread() % WARP; k < K; k += WARP)
        sum = fmaf(row[k], x[k], sum);
    return sum_warp(sum);
}

RP_DEVICE float sparse_dot(const float *table, uint32_t ld, uint32_t column,
                           const rp_indices *sparse)
{
    float sum = 0.0f;

    for (uint32_t i = rp_thread() % WARP; i < sparse->count; i += WARP)
        sum += table[(size_t)sparse->at[i] * ld + column];
    return sum_warp(sum);
}

/* ---- one field ---- */

RP_DEVICE void make_actives(const rp_cuda_chain &a, cluster *c, uint32_t f,
                            const float *top, float *active)
{
    const rp_cuda_chain_head &head = a.head[f];
    const uint32_t H = a.plan.hidden, E = a.plan.head;

    for (uint32_t i = rp_thread() / WARP; i < a.plan.actives;
         i += rp_threads() / WARP) {
        uint32_t e = c->rank * a.plan.actives + i;
        float sum = head.bias[e];
        if (head.condition)
            sum += sparse_dot(head.cond, E, e, &c->s->sparse);
        sum += dot(row_of(a.plan.middle[f], i, head.middle, e, H), top, H);
        tell_all(a, active + e, sum > 0.0f ? sum : 0.0f);
    }
}

RP_DEVICE void make_logits(const rp_cuda_chain &a, cluster *c, uint32_t f,
                           const float *active, float *logits)
{
    const rp_cuda_chain_head &head = a.head[f];
    const uint32_t E = a.plan.head;
    const uint32_t mine =
        rp_plan_classes(a.plan.classes[f], a.plan.blocks, c->rank);

    for (uint32_t i = rp_thread() / WARP; i < mine;
         i += rp_threads() / WARP) {
        uint32_t n = c->rank + i * a.plan.blocks;
        float sum = head.out_bias[n] +
                    dot(row_of(a.plan.out[f], i, head.out, n, E), active, E);
        tell_all(a, logits + n, sum);
    }
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

RP_DEVICE void draw_field(const rp_cuda_chain &a, cluster *c,
                          const float *top)
{
    float *active = c->active, *logits = c->logits;
    scratch *s = c->s;

    if (!rp_thread()) {
        s->field = (uint32_t)c->self->drawing.field;
        rp_draw_condition(&c->self->drawing, &c->self->reader, &s->sparse);
    }
    rp_sync();
    make_actives(a, c, s->field, top, active);
    exchange(a, c);
    make_logits(a, c, s->field, active, logits);
    exchange(a, c);
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

RP_DEVICE float *state_of(const rp_cuda_chain &a, const cluster *c,
                          uint32_t side, uint32_t layer)
{
    return c->state + (side * a.plan.layers + layer) * a.plan.hidden;
}

RP_DEVICE void step_layer(const rp_cuda_chain &a, cluster *c, uint32_t l,
                          uint32_t side)
{
    const rp_cuda_chain_layer &layer = a.layer[l];
    const uint32_t H = a.plan.hidden, units = a.plan.units;
    const float *before = state_of(a, c, side, l);
    const float *below = l ? state_of(a, c, !side, l - 1) : nullptr;

    for (uint32_t u = rp_thread() / WARP; u < units;
         u += rp_threads() / WARP) {
        float gi[3], gh[3];
        for (uint32_t g = 0; g < 3; g++) {
            uint32_t i = g * units + u;
            uint32_t row = rp_plan_gate_row(H, units, c->rank, i);
            gh[g] = layer.bias_hh[row] +
                    dot(row_of(a.plan.own[l], i, layer.own, row, H), before,
                        H);
            gi[g] = layer.bias_ih[row] +
                    (l ? dot(row_of(a.plan.input[l], i, layer.input, row, H),
                             below, H)
                       : sparse_dot(layer.input, 3 * H, row, &c->s->sparse));
        }
        uint32_t unit = c->rank * units + u;
        tell_all(a, state_of(a, c, !side, l) + unit,
                 rp_gates(gi, gh, before[unit]));
    }
    exchange(a, c);
}

/* The note is part of the candidate; returns whether it goes on. */
RP_DEVICE bool take_note(const rp_cuda_chain &a, cluster *c)
{
    lane *self = c->self;
    const uint32_t most = a.task->most;

    if (self->rolled.why == RP_DRAWN) {
        rp_note note =
            rp_draw_note(&self->drawing, &self->turn, &self->reader);
        if (!c->rank)
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
    if (!c->rank)
        a.rolled[self->candidate] = self->rolled;
    return false;
}

RP_DEVICE bool run_note(const rp_cuda_chain &a, cluster *c, uint32_t side)
{
    const float *top = state_of(a, c, side, a.plan.layers - 1);
    scratch *s = c->s;

    do
        draw_field(a, c, top);
    while (c->self->rolled.why == RP_DRAWN &&
           c->self->drawing.field != RP_FIELDS);
    rp_sync();
    if (!rp_thread())
        s->drawing = take_note(a, c);
    rp_sync();
    if (!s->drawing)
        return false;
    for (uint32_t l = 0; l < a.plan.layers; l++)
        step_layer(a, c, l, side);
    return true;
}

/* ---- the whole ---- */

RP_DEVICE void load_rows(uint32_t kept, uint32_t rows, const float *matrix,
                         uint32_t K, const rp_cuda_plan &plan, uint32_t rank,
                         bool gates)
{
    if (kept == RP_PLAN_NONE || !rows)
        return;
    float *to = at<float>(kept, rows * K);
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t row = gates ? rp_plan_gate_row(plan.hidden, plan.units, rank,
                                                i)
                             : i;
        for (uint32_t k = rp_thread(); k < K; k += rp_threads())
            to[(size_t)i * K + k] = matrix[(size_t)row * K + k];
    }
}

RP_DEVICE void load_weights(const rp_cuda_chain &a, uint32_t rank)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t H = plan.hidden, E = plan.head;

    for (uint32_t l = 0; l < plan.layers; l++) {
        load_rows(plan.own[l], 3 * plan.units, a.layer[l].own, H, plan, rank,
                  true);
        load_rows(plan.input[l], 3 * plan.units, a.layer[l].input, H, plan,
                  rank, true);
    }
    for (uint32_t f = 0; f < RP_PLAN_FIELDS; f++) {
        uint32_t mine = rp_plan_classes(plan.classes[f], plan.blocks, rank);
        load_rows(plan.middle[f], plan.actives,
                  a.head[f].middle + (size_t)rank * plan.actives * H, H, plan,
                  rank, false);
        if (plan.out[f] == RP_PLAN_NONE)
            continue;
        float *to = at<float>(plan.out[f], mine * E);
        for (uint32_t i = 0; i < mine; i++)
            for (uint32_t k = rp_thread(); k < E; k += rp_threads())
                to[(size_t)i * E + k] =
                    a.head[f].out[(size_t)(rank + i * plan.blocks) * E + k];
    }
}

RP_DEVICE void run_chain(const rp_cuda_chain &a)
{
    const rp_cuda_plan &plan = a.plan;
    const uint32_t candidate = rp_block() / plan.blocks;
    const uint32_t floats = plan.layers * plan.hidden;
    cluster c;

    c.rank = rp_cluster_rank();
    c.rounds = 0;
    c.barrier = at<uint64_t>(plan.barrier, 1);
    c.state = at<float>(plan.state, 2 * floats);
    c.active = at<float>(plan.active, plan.head);
    c.logits = at<float>(plan.logits, RP_SOFTMAX_MAX);
    c.s = at<scratch>(plan.scratch, 1);
    c.self = (lane *)a.lane + (size_t)candidate * plan.blocks + c.rank;
    if (c.self->done)
        return; /* all of the cluster */
    if (!rp_thread())
        rp_barrier_init(c.barrier, plan.blocks);
    for (uint32_t i = rp_thread(); i < floats; i += rp_threads())
        c.state[i] = a.state[(size_t)candidate * floats + i];
    load_weights(a, c.rank);
    rp_cluster_sync();
    uint32_t side = 0;
    bool goes = true;
    for (uint32_t n = 0; n < a.notes && goes; n++) {
        goes = run_note(a, &c, side);
        side ^= goes;
    }
    rp_cluster_sync(); /* nobody leaves while others write to it */
    if (c.rank)
        return;
    for (uint32_t i = rp_thread(); i < floats; i += rp_threads())
        a.state[(size_t)candidate * floats + i] = c.state[side * floats + i];
    if (!rp_thread())
        rp_store_release_system(&a.going[candidate], goes);
}

#endif

RP_KERNEL chain_kernel(rp_cuda_chain a)
{
#if RP_CLUSTERS
    run_chain(a);
#endif
}

/* One block for each block of each cluster. */
RP_KERNEL begin_kernel(rp_cuda_chain a)
{
    using namespace rp;
    const uint32_t candidate = rp_block() / a.plan.blocks;
    const uint32_t floats = a.plan.layers * a.plan.hidden;
    lane *self = (lane *)a.lane + rp_block();

    lane_begin(self, a.task, candidate);
    if (rp_block() % a.plan.blocks == 0)
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
    grid.threads = plan->threads;
    grid.shared = plan->shared;
    grid.cluster = plan->blocks;
    return grid;
}

int rp_cuda_chain_clusters(const struct rp_cuda_plan *plan)
{
    if (rp_allow(chain_kernel, plan->shared, plan->blocks > 8)) {
        (void)cudaGetLastError();
        return 0;
    }
    return rp_clusters(chain_kernel, grid_of(plan, 1));
}

cudaError_t rp_cuda_chain_begin(const struct rp_cuda_chain *chain,
                                cudaStream_t stream)
{
    rp_grid grid = grid_of(&chain->plan, chain->room);

    grid.threads = 64;
    grid.shared = 0;
    grid.cluster = 0;
    return rp_launch(begin_kernel, grid, stream, *chain);
}

cudaError_t rp_cuda_chain_run(const struct rp_cuda_chain *chain,
                              uint32_t candidates, cudaStream_t stream)
{
    return rp_launch(chain_kernel, grid_of(&chain->plan, candidates), stream,
                     *chain);
}
