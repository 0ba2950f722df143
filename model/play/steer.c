#include "model/play/steer.h"

/* Longest time that is spelled, in escapes, unless a wait must be longer:
 * bounds the drawing. */
enum { ESCAPES_MAX = 16 };

RP_SHARED
void rp_steer_init(struct rp_steer *steer)
{
    *steer = (struct rp_steer){ .earliest = INT32_MIN,
                                .latest = INT32_MAX,
                                .end = INT32_MAX,
                                .may_end = true,
                                .high = 127,
                                .softest = 1,
                                .loudest = 127 };
}

/* Whether an onset is possible somewhere in first .. last. */
static bool onset_in(const struct rp_steer *steer, int64_t first, int64_t last)
{
    if (first < steer->earliest)
        first = steer->earliest;
    if (steer->latest != INT32_MAX && last > steer->latest)
        last = steer->latest;
    if (steer->grid > 0) {
        int64_t off = (first - steer->phase) % steer->grid;
        if (off < 0)
            off += steer->grid;
        if (off)
            first += steer->grid - off;
    }
    return first <= last;
}

/* First and last tick of a class of a time, without its escapes. */
static int32_t class_first(uint32_t class)
{
    return class < RP_TIME_EXACT
               ? (int32_t)class
               : RP_TIME_EXACT +
                     (int32_t)(class - RP_TIME_EXACT) * RP_TIME_WIDTH;
}

static int32_t class_last(uint32_t class)
{
    return class_first(class) +
           (class < RP_TIME_EXACT ? 0 : RP_TIME_WIDTH - 1);
}

static struct rp_mask dt_mask(const struct rp_steer *steer,
                              const struct rp_reader *reader,
                              const struct rp_draft *draft)
{
    int64_t base = (int64_t)reader->onset +
                   (int64_t)draft->dt.escapes * RP_TIME_SPAN;
    struct rp_mask mask = { { 0, 0 } };

    for (uint32_t class = RP_FIRST; class < RP_TIME_ESCAPE; class += RP_STEP)
        if (onset_in(steer, base + class_first(class),
                     base + class_last(class)))
            rp_mask_add(&mask, class);
    mask = rp_mask_all(mask);
    /* However long the wait already is, it can be spelled. */
    if ((draft->dt.escapes < ESCAPES_MAX ||
         base + RP_TIME_SPAN <= steer->earliest) &&
        onset_in(steer, base + RP_TIME_SPAN, INT64_C(1) << 40))
        rp_mask_add(&mask, RP_TIME_ESCAPE);
    if (steer->may_end)
        rp_mask_add(&mask, RP_TIME_END);
    return mask;
}

static struct rp_mask dt_rest_mask(const struct rp_steer *steer,
                                   const struct rp_reader *reader,
                                   const struct rp_draft *draft)
{
    int64_t base = (int64_t)reader->onset +
                   (int64_t)draft->dt.escapes * RP_TIME_SPAN +
                   class_first(draft->dt.class);
    struct rp_mask mask = { { 0, 0 } };

    for (uint32_t rest = RP_FIRST; rest < RP_TIME_WIDTH; rest += RP_STEP)
        if (onset_in(steer, base + rest, base + rest))
            rp_mask_add(&mask, rest);
    return rp_mask_all(mask);
}

/* Ticks that the duration may still take. */
static int64_t room_of(const struct rp_steer *steer,
                       const struct rp_reader *reader,
                       const struct rp_draft *draft)
{
    int64_t onset = (int64_t)reader->onset + rp_time_ticks(draft->dt);

    if (steer->end == INT32_MAX)
        return INT32_MAX;
    return (int64_t)steer->end - onset -
           (int64_t)draft->duration.escapes * RP_TIME_SPAN;
}

static struct rp_mask duration_mask(const struct rp_draft *draft, int64_t room)
{
    struct rp_mask mask = { { 0, 0 } };

    for (uint32_t class = RP_FIRST; class < RP_TIME_ESCAPE; class += RP_STEP)
        if (class_first(class) <= room)
            rp_mask_add(&mask, class);
    mask = rp_mask_all(mask);
    if (draft->duration.escapes < ESCAPES_MAX && room >= RP_TIME_SPAN)
        rp_mask_add(&mask, RP_TIME_ESCAPE);
    return mask;
}

static struct rp_mask duration_rest_mask(const struct rp_draft *draft,
                                         int64_t room)
{
    room -= class_first(draft->duration.class);
    return rp_mask_below(room < 0               ? 0
                         : room < RP_TIME_WIDTH ? (uint32_t)room + 1
                                                : RP_TIME_WIDTH);
}

/* first .. last; `first` may be above it. */
static struct rp_mask between(uint32_t first, uint32_t last)
{
    return rp_mask_but(rp_mask_below(last + 1), rp_mask_below(first));
}

static struct rp_mask pitch_mask(const struct rp_steer *steer,
                                 struct rp_mask mask)
{
    struct rp_mask range, best;

    mask = rp_mask_but(mask, steer->never);
    range = rp_mask_and(mask, between(steer->low, steer->high));
    if (rp_mask_empty(range))
        range = mask; /* a chord below the range: anything but silence */
    best = rp_mask_but(range, steer->avoid);
    return rp_mask_empty(best) ? range : best;
}

RP_SHARED
struct rp_mask rp_steer_mask(const struct rp_steer *steer,
                             const struct rp_reader *reader,
                             const struct rp_draft *draft,
                             enum rp_field field)
{
    struct rp_mask mask = rp_reader_mask(reader, draft, field);

    switch (field) {
    case RP_DT:
        return rp_mask_and(mask, dt_mask(steer, reader, draft));
    case RP_DT_REST:
        return rp_mask_and(mask, dt_rest_mask(steer, reader, draft));
    case RP_PITCH:
        return pitch_mask(steer, mask);
    case RP_DURATION:
        return rp_mask_and(
            mask, duration_mask(draft, room_of(steer, reader, draft)));
    case RP_DURATION_REST:
        return rp_mask_and(
            mask, duration_rest_mask(draft, room_of(steer, reader, draft)));
    case RP_VELOCITY:
        return rp_mask_and(mask,
                           between(steer->softest / 8, steer->loudest / 8));
    case RP_TIMING:
    case RP_FIELDS:
        break;
    }
    return mask;
}
