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

static bool is_set(struct rp_mask mask, uint32_t class)
{
    return mask.bits[class / 64] >> class % 64 & 1;
}

static void forbid(struct rp_mask *mask, uint32_t class)
{
    mask->bits[class / 64] &= ~(UINT64_C(1) << class % 64);
}

static bool is_empty(struct rp_mask mask)
{
    return !mask.bits[0] && !mask.bits[1];
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

static void mask_dt(const struct rp_steer *steer,
                    const struct rp_reader *reader,
                    const struct rp_draft *draft, struct rp_mask *mask)
{
    int64_t base = (int64_t)reader->onset +
                   (int64_t)draft->dt.escapes * RP_TIME_SPAN;

    for (uint32_t class = 0; class < RP_TIME_ESCAPE; class++)
        if (!onset_in(steer, base + class_first(class),
                      base + class_last(class)))
            forbid(mask, class);
    /* However long the wait already is, it can be spelled. */
    if ((draft->dt.escapes >= ESCAPES_MAX &&
         base + RP_TIME_SPAN > steer->earliest) ||
        !onset_in(steer, base + RP_TIME_SPAN, INT64_C(1) << 40))
        forbid(mask, RP_TIME_ESCAPE);
    if (!steer->may_end)
        forbid(mask, RP_TIME_END);
}

static void mask_dt_rest(const struct rp_steer *steer,
                         const struct rp_reader *reader,
                         const struct rp_draft *draft, struct rp_mask *mask)
{
    int64_t base = (int64_t)reader->onset +
                   (int64_t)draft->dt.escapes * RP_TIME_SPAN +
                   class_first(draft->dt.class);

    for (uint32_t rest = 0; rest < RP_TIME_WIDTH; rest++)
        if (!onset_in(steer, base + rest, base + rest))
            forbid(mask, rest);
}

static void mask_duration(const struct rp_steer *steer,
                          const struct rp_reader *reader,
                          const struct rp_draft *draft, bool rest,
                          struct rp_mask *mask)
{
    int64_t onset = (int64_t)reader->onset + rp_time_ticks(draft->dt);
    int64_t room = (int64_t)steer->end - onset -
                   (int64_t)draft->duration.escapes * RP_TIME_SPAN;

    if (steer->end == INT32_MAX)
        room = INT32_MAX;
    if (rest) {
        room -= class_first(draft->duration.class);
        for (uint32_t class = 0; class < RP_TIME_WIDTH; class++)
            if (class > room)
                forbid(mask, class);
        return;
    }
    for (uint32_t class = 0; class < RP_TIME_ESCAPE; class++)
        if (class_first(class) > room)
            forbid(mask, class);
    if (draft->duration.escapes >= ESCAPES_MAX || room < RP_TIME_SPAN)
        forbid(mask, RP_TIME_ESCAPE);
}

static void mask_pitch(const struct rp_steer *steer, struct rp_mask *mask)
{
    struct rp_mask range;

    mask->bits[0] &= ~steer->never[0];
    mask->bits[1] &= ~steer->never[1];
    range = *mask;
    for (uint32_t pitch = 0; pitch < 128; pitch++)
        if (pitch < steer->low || pitch > steer->high)
            forbid(&range, pitch);
    if (is_empty(range))
        range = *mask; /* a chord below the range: anything but silence */
    *mask = range;
    mask->bits[0] &= ~steer->avoid[0];
    mask->bits[1] &= ~steer->avoid[1];
    if (is_empty(*mask))
        *mask = range;
}

static void mask_velocity(const struct rp_steer *steer, struct rp_mask *mask)
{
    for (uint32_t class = 0; class < RP_VELOCITIES; class++)
        if (is_set(*mask, class) && (class < steer->softest / 8u ||
                                     class > steer->loudest / 8u))
            forbid(mask, class);
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
        mask_dt(steer, reader, draft, &mask);
        break;
    case RP_DT_REST:
        mask_dt_rest(steer, reader, draft, &mask);
        break;
    case RP_PITCH:
        mask_pitch(steer, &mask);
        break;
    case RP_DURATION:
        mask_duration(steer, reader, draft, false, &mask);
        break;
    case RP_DURATION_REST:
        mask_duration(steer, reader, draft, true, &mask);
        break;
    case RP_VELOCITY:
        mask_velocity(steer, &mask);
        break;
    case RP_TIMING:
    case RP_FIELDS:
        break;
    }
    return mask;
}
