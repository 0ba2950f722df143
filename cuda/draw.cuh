/* The drawing of a field by one warp: rp_sample() and rp_sample_logp() of
 * model/net/sample.c with the classes in its lanes. Those that matter are
 * packed side by side, each counts how many are better, and so they come to lie
 * by rank; a scan adds them up in double. The draw is the CPU's but where the
 * random number lies within a rounding of double of a boundary, for the CPU
 * adds one after another. The same in all lanes, and in whatever order threads
 * run. */
#ifndef RP_CUDA_DRAW_CUH
#define RP_CUDA_DRAW_CUH

#include "cuda/lane.cuh"

namespace rp {
namespace {

constexpr uint32_t DRAW_CLASSES = RP_SOFTMAX_MAX;
constexpr uint32_t DRAW_ROWS = DRAW_CLASSES / WARP;
/* What is so much less likely than the best, in nats, is ranked only if the
 * draw turns out to lie there. */
constexpr float DRAW_LIKELY = -7.0f;

/* Of a warp, in shared memory. */
struct draw_room {
    alignas(16) uint32_t key[DRAW_CLASSES + 4]; /* in the order of classes, */
    float p[DRAW_CLASSES];                      /* packed */
    float ranked[DRAW_CLASSES];                 /* p, best first */
    uint8_t class_of[DRAW_CLASSES], order[DRAW_CLASSES];
};
struct alignas(16) draw_keys {
    uint32_t at[4];
};

/* What is drawn from. Lane l has classes l, l + 32, ... */
struct draw_from {
    uint32_t key[DRAW_ROWS]; /* in the order of logits; 0: impossible */
    float x[DRAW_ROWS];      /* (logit - best) / temperature */
    uint32_t count;          /* possible classes */
    double all;              /* sum of e^x, this lane's part */
};

/* Greater where x is; never 0. NaN is not asked. */
RP_DEVICE uint32_t draw_key(float x)
{
    uint32_t bits = rp_bits_of(rp_add(x, 0.0f)); /* one zero */
    return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

RP_DEVICE float draw_key_value(uint32_t key)
{
    return rp_float_of(key ^ (key >> 31 ? 0x80000000u : 0xffffffffu));
}

/* 0 where both are infinite. */
RP_DEVICE float draw_gap(float logit, float best)
{
    float gap = rp_add(logit, -best);
    return isnan(gap) ? 0.0f : gap;
}

RP_DEVICE double draw_sum(double x)
{
    for (uint32_t bits = WARP / 2; bits; bits /= 2)
        x += rp_shuffle_xor(x, bits);
    return x;
}

RP_DEVICE draw_from draw_prepare(const float logit[DRAW_ROWS],
                                 const rp_mask &mask, float temperature)
{
    draw_from from = {};
    uint32_t best = 0;

#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        bool in = rp_mask_has(mask, warp_lane() + r * WARP) &&
                  !isnan(logit[r]);
        from.key[r] = in ? draw_key(logit[r]) : 0;
        from.count += bits_in(rp_ballot(in));
        best = from.key[r] > best ? from.key[r] : best;
    }
    best = rp_warp_max(best);
#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        from.x[r] = draw_gap(logit[r], draw_key_value(best)) / temperature;
        if (from.key[r])
            from.all += (double)rp_exp(from.x[r]);
    }
    return from;
}

/* Those from `least` on, side by side; how many. */
RP_DEVICE uint32_t draw_pack(draw_room *room, const draw_from &from,
                             float least)
{
    const uint32_t lane = warp_lane();
    uint32_t count = 0;

    rp_sync_warp();
#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        bool in = from.key[r] && !(from.x[r] < least);
        uint32_t there = rp_ballot(in);
        uint32_t at = count + bits_in(there & ((1u << lane) - 1));
        if (in) {
            room->key[at] = from.key[r];
            room->p[at] = rp_exp(from.x[r]);
            room->class_of[at] = (uint8_t)(lane + r * WARP);
        }
        count += bits_in(there);
    }
    if (lane < 4)
        room->key[count + lane] = 0; /* better than nothing */
    rp_sync_warp();
    return count;
}

/* Best first, ties to the lower class. */
RP_DEVICE void draw_rank(draw_room *room, uint32_t count)
{
    for (uint32_t i = warp_lane(); i < count; i += WARP) {
        const uint32_t key = room->key[i];
        uint32_t rank = 0;
#pragma unroll 4
        for (uint32_t j = 0; j < count; j += 4) {
            const draw_keys other = *(const draw_keys *)(room->key + j);
#pragma unroll
            for (uint32_t k = 0; k < 4; k++)
                rank += other.at[k] > key ||
                        (other.at[k] == key && j + k < i);
        }
        room->ranked[rank] = room->p[i];
        room->order[rank] = room->class_of[i];
    }
    rp_sync_warp();
}

/* Sums by rank: lane l has `rows` ranks from l * rows on, and the sum of those
 * before it. */
struct draw_sums {
    uint32_t count, rows;
    double before;
};

/* *all: each lane's part of another sum, which is made beside. */
RP_DEVICE draw_sums draw_scan(const draw_room *room, uint32_t count,
                              double *all)
{
    draw_sums sums = {count, (count + WARP - 1) / WARP, 0.0};
    const uint32_t first = warp_lane() * sums.rows;
    double upto = 0.0;

    for (uint32_t i = first; i < first + sums.rows && i < count; i++)
        upto += (double)room->ranked[i];
#pragma unroll
    for (uint32_t by = 1; by < WARP; by *= 2) {
        double more = rp_shuffle_up(upto, by);
        *all += rp_shuffle_xor(*all, by);
        if (warp_lane() >= by)
            upto += more;
    }
    upto = rp_shuffle_up(upto, 1);
    sums.before = warp_lane() ? upto : 0.0;
    return sums;
}

/* The first rank with whose p the sum is greater than `limit`, or as great
 * where `equal`, and that sum; count: there is none. */
RP_DEVICE uint32_t draw_reach(const draw_room *room, const draw_sums &sums,
                              double limit, bool equal, double *sum)
{
    const uint32_t first = warp_lane() * sums.rows;
    double so_far = sums.before, there = 0.0;
    uint32_t found = sums.count;

    for (uint32_t i = first; i < first + sums.rows && i < sums.count; i++) {
        so_far += (double)room->ranked[i];
        if (found == sums.count &&
            (so_far > limit || (equal && so_far == limit))) {
            found = i;
            there = so_far;
        }
    }
    uint32_t lanes = rp_ballot(found < sums.count);
    if (!lanes)
        return sums.count;
    uint32_t lane = lowest(lanes);
    *sum = rp_shuffle(there, lane);
    return rp_shuffle(found, lane);
}

/* The sum of the best `count`, not 0. */
RP_DEVICE double draw_sum_of(const draw_room *room, const draw_sums &sums,
                             uint32_t count)
{
    double so_far = sums.before;

    for (uint32_t i = warp_lane() * sums.rows; i < count; i++)
        if (i < (warp_lane() + 1) * sums.rows)
            so_far += (double)room->ranked[i];
    return rp_shuffle(so_far, (count - 1) / sums.rows);
}

/* The rank of what is drawn; from.count: it is none of those that were
 * ranked. */
RP_DEVICE uint32_t draw_choose(const draw_room *room, const draw_from &from,
                               uint32_t ranked, const rp_taste &taste,
                               float number)
{
    double all = from.all, none;
    const draw_sums sums = draw_scan(room, ranked, &all);
    uint32_t keep = from.count;

    if (taste.top_k && taste.top_k < keep) {
        keep = taste.top_k;
        if (keep > ranked)
            return from.count;
        all = draw_sum_of(room, sums, keep);
    }
    if (taste.top_p < 1.0f) {
        uint32_t last = draw_reach(room, sums, (double)taste.top_p * all,
                                   true, &all);
        if (last == ranked && ranked < keep)
            return from.count;
        if (last < keep)
            keep = last + 1;
    }
    uint32_t rank =
        draw_reach(room, sums, (double)number * all, false, &none);
    if (rank + 1 >= keep && keep <= ranked)
        return keep - 1;
    return rank < ranked ? rank : from.count;
}

/* The class; -1: none is possible. */
RP_DEVICE int draw_class(draw_room *room, const float logit[DRAW_ROWS],
                         const rp_mask &mask, const rp_taste &taste,
                         float number)
{
    const draw_from from = draw_prepare(logit, mask, taste.temperature);
    float least = DRAW_LIKELY;

    if (!from.count)
        return -1;
    for (;; least = -INFINITY) {
        uint32_t ranked = draw_pack(room, from, least);
        draw_rank(room, ranked);
        uint32_t rank = draw_choose(room, from, ranked, taste, number);
        if (rank < from.count)
            return room->order[rank];
    }
}

/* What makes a logit of the network a likelihood. */
struct draw_scale {
    float best;
    double log_sum; /* of e^(logit - best) */
};

RP_DEVICE draw_scale draw_scale_of(const float logit[DRAW_ROWS],
                                   const rp_mask &mask)
{
    draw_scale scale;
    uint32_t key[DRAW_ROWS], best = 0;
    double sum = 0.0;

#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        bool in = rp_mask_has(mask, warp_lane() + r * WARP) &&
                  !isnan(logit[r]);
        key[r] = in ? draw_key(logit[r]) : 0;
        best = key[r] > best ? key[r] : best;
    }
    scale.best = draw_key_value(rp_warp_max(best));
#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++)
        if (key[r])
            sum += (double)rp_exp(draw_gap(logit[r], scale.best));
    scale.log_sum = rp_log_exact(draw_sum(sum));
    return scale;
}

RP_DEVICE float draw_logp(const draw_scale &scale, float logit)
{
    return (float)((double)rp_add(logit, -scale.best) - scale.log_sum);
}

/* What a draw needs that does not wait for logits. */
struct draw_ask {
    rp_mask mask;
    float number;
};

RP_DEVICE draw_ask draw_ready(const lane *self, const rp_drawing &drawing)
{
    return {rp_draw_mask(&drawing, &self->reader),
            rp_rng_uniform(rp_draw_key(&drawing, &self->turn))};
}

RP_DEVICE void draw_load(const float *logits, uint32_t classes,
                         float logit[DRAW_ROWS])
{
#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        const uint32_t i = warp_lane() + r * WARP;
        logit[r] = i < classes ? logits[i] : 0.0f;
    }
}

/* Draws from the logits until the field is done: an escaped time takes several
 * draws from the same ones. `ask`: of the first draw. SHARED: its class goes to
 * *drew, and its likelihood is added by who calls, for another warp may make
 * its scale meanwhile. */
template <bool SHARED>
RP_DEVICE void draw_field(const rp_cuda_task *task, const lane *self,
                          const float *logits, draw_ask ask, draw_room *room,
                          progress *now, int *drew)
{
    const rp_reader *reader = &self->reader;
    const rp_field field = now->drawing.field;
    const rp_taste taste = {task->temperature, task->top_p, task->top_k};
    const uint32_t classes = rp_vocabulary_classes(&reader->vocabulary, field);
    float own[DRAW_ROWS], weighed[DRAW_ROWS];

    draw_load(logits, classes, own);
    draw_load(logits, classes, weighed);
    if (rp_draw_closes(&now->drawing, &self->turn, reader))
#pragma unroll
        for (uint32_t r = 0; r < DRAW_ROWS; r++)
            weighed[r] = rp_add(own[r],
                                rp_draw_weight(&self->turn,
                                               warp_lane() + r * WARP));
    for (bool first = true;; first = false) {
        int class_ = draw_class(room, weighed, ask.mask, taste, ask.number);
        now->rolled.fields += class_ >= 0;
        if (SHARED && first)
            *drew = class_;
        else if (class_ >= 0)
            now->logp += (double)draw_logp(draw_scale_of(own, ask.mask),
                                           logits[class_]);
        now->rolled.why = (uint8_t)rp_draw_give(&now->drawing, &self->turn,
                                                reader, class_);
        if (now->rolled.why != RP_DRAWN || now->drawing.field != field)
            break;
        ask = draw_ready(self, now->drawing);
    }
}

} // namespace
} // namespace rp
#endif
