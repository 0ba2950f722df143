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

constexpr uint32_t DRAW_CLASSES = RP_SOFTMAX_MAX, DRAW_ROWS = DRAW_CLASSES / WARP;
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
    uint32_t key[DRAW_ROWS]; /* in the order of weighed logits; 0: impossible */
    float x[DRAW_ROWS];      /* (logit - best) / temperature */
    uint32_t count;          /* possible classes */
    double all;              /* sum of e^x */
    float best_own;          /* best logit of the network alone, */
    double all_own;          /* sum of e^(logit - best_own) */
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

RP_DEVICE draw_from draw_prepare(const float own[DRAW_ROWS],
                                 const float weighed[DRAW_ROWS],
                                 const rp_mask &mask, float temperature)
{
    draw_from from = {};
    uint32_t best = 0, best_own = 0;

#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        bool in = rp_mask_has(mask, warp_lane() + r * WARP) &&
                  !isnan(weighed[r]);
        uint32_t key_own = in ? draw_key(own[r]) : 0;
        from.key[r] = in ? draw_key(weighed[r]) : 0;
        from.count += bits_in(rp_ballot(in));
        best = from.key[r] > best ? from.key[r] : best;
        best_own = key_own > best_own ? key_own : best_own;
    }
    best = rp_warp_max(best);
    from.best_own = draw_key_value(rp_warp_max(best_own));
#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        from.x[r] = draw_gap(weighed[r], draw_key_value(best)) / temperature;
        if (!from.key[r])
            continue;
        from.all += (double)rp_exp(from.x[r]);
        from.all_own += (double)rp_exp(draw_gap(own[r], from.best_own));
    }
    from.all = draw_sum(from.all);
    from.all_own = draw_sum(from.all_own);
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

RP_DEVICE draw_sums draw_scan(const draw_room *room, uint32_t count)
{
    draw_sums sums = {count, (count + WARP - 1) / WARP, 0.0};
    const uint32_t first = warp_lane() * sums.rows;
    double upto = 0.0;

    for (uint32_t i = first; i < first + sums.rows && i < count; i++)
        upto += (double)room->ranked[i];
    for (uint32_t by = 1; by < WARP; by *= 2) {
        double more = rp_shuffle_up(upto, by);
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
    const draw_sums sums = draw_scan(room, ranked);
    uint32_t keep = from.count;
    double all = from.all, none;

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

struct draw_result {
    int drew; /* -1: nothing is possible */
    float logp;
};

RP_DEVICE draw_result draw_class(draw_room *room, const float own[DRAW_ROWS],
                                 const float weighed[DRAW_ROWS],
                                 const rp_mask &mask, const rp_taste &taste,
                                 float number)
{
    const draw_from from =
        draw_prepare(own, weighed, mask, taste.temperature);
    draw_result result = {-1, 0.0f};
    float least = DRAW_LIKELY;
    uint32_t rank;

    if (!from.count)
        return result;
    for (;; least = -INFINITY) {
        uint32_t ranked = draw_pack(room, from, least);
        draw_rank(room, ranked);
        rank = draw_choose(room, from, ranked, taste, number);
        if (rank < from.count)
            break;
    }
    const uint32_t drew = room->order[rank], row = drew / WARP;
    float logit = own[0];
#pragma unroll
    for (uint32_t r = 1; r < DRAW_ROWS; r++)
        logit = row == r ? own[r] : logit;
    logit = rp_shuffle(logit, drew % WARP);
    result.drew = (int)drew;
    result.logp = (float)((double)rp_add(logit, -from.best_own) -
                          rp_log_exact(from.all_own));
    return result;
}

/* Draws from the logits until the field is done: an escaped time takes several
 * draws from the same ones. The lane's likelihood and its number of fields are
 * `logp` and `fields` from here on. */
RP_DEVICE rp_drawn draw_field(const rp_cuda_task *task, const lane *self,
                              const float *logits, draw_room *room,
                              rp_drawing *drawing, double *logp,
                              uint16_t *fields)
{
    const rp_reader *reader = &self->reader;
    const rp_field field = drawing->field;
    const rp_taste taste = {task->temperature, task->top_p, task->top_k};
    const uint32_t classes = rp_vocabulary_classes(&reader->vocabulary, field);
    const bool closes = rp_draw_closes(drawing, &self->turn, reader);
    float own[DRAW_ROWS], weighed[DRAW_ROWS];
    rp_drawn drawn;

#pragma unroll
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        const uint32_t i = warp_lane() + r * WARP;
        own[r] = i < classes ? logits[i] : 0.0f;
        weighed[r] = own[r];
        if (closes)
            weighed[r] = rp_add(own[r], rp_draw_weight(&self->turn, i));
    }
    do {
        rp_mask mask = rp_draw_mask(drawing, reader);
        float number = rp_rng_uniform(rp_draw_key(drawing, &self->turn));
        draw_result result =
            draw_class(room, own, weighed, mask, taste, number);
        if (result.drew >= 0) {
            *logp += (double)result.logp;
            ++*fields;
        }
        drawn = rp_draw_give(drawing, &self->turn, reader, result.drew);
    } while (drawn == RP_DRAWN && drawing->field == field);
    return drawn;
}

} // namespace
} // namespace rp
#endif
