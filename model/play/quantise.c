#include "model/play/quantise.h"

#include <math.h>

#include "model/play/odds.h"

enum { ONSETS = 3, PAIRS = 4 }; /* PAIRS <= RP_MEMORY_TRIALS */

/* A way to read what was played; `score` is a log-probability. */
struct reading {
    int32_t onset, duration;
    double score;
};

/* Keeps the best `room` readings, best first. */
static void keep(struct reading *best, uint32_t room, uint32_t *count,
                 struct reading one)
{
    uint32_t at = *count < room ? (*count)++ : room;

    if (at == room) {
        if (best[room - 1].score >= one.score)
            return;
        at = room - 1;
    }
    for (; at > 0 && best[at - 1].score < one.score; at--)
        best[at] = best[at - 1];
    best[at] = one;
}

static double miss(double error, double sigma)
{
    double x = error / sigma;

    return -0.5 * x * x;
}

/* The ticks about `played`, each with its chance as an onset. */
static rp_status read_onsets(const struct rp_sight *sight, double played,
                             const struct rp_timing *timing,
                             struct reading *best, uint32_t room,
                             uint32_t *count)
{
    int32_t from = (int32_t)ceil(played - timing->reach);
    int32_t to = (int32_t)floor(played + timing->reach);
    struct rp_draft draft = { .velocity = 64 };
    struct rp_odds odds;
    rp_status status = rp_odds_init(&odds, sight, &draft, RP_DT);

    *count = 0;
    if (status)
        return status;
    if (to < sight->reader.onset)
        to = sight->reader.onset;
    if (from < sight->reader.onset)
        from = sight->reader.onset;
    for (int32_t tick = from; tick <= to; tick++) {
        double score = rp_odds_at(&odds, tick - sight->reader.onset) +
                       miss(played - tick, timing->on);
        keep(best, room, count, (struct reading){ tick, 0, score });
    }
    return RP_OK;
}

/* The lengths that an onset leaves likely, added to `best`. */
static rp_status read_durations(const struct rp_sight *sight,
                                const struct rp_played *played,
                                const struct rp_timing *timing,
                                struct reading onset, struct reading *best,
                                uint32_t room, uint32_t *count)
{
    struct rp_note note = { onset.onset, 1, played->pitch, played->velocity };
    struct rp_draft draft = rp_reader_draft(&sight->reader, &note);
    double length = played->off - played->on;
    double early = sqrt(timing->off * timing->off + 0.0225 * length * length);
    int32_t reach = (int32_t)(3.0 * early) + 1;
    int32_t middle = (int32_t)lround(played->off) - onset.onset;
    struct rp_odds odds;
    rp_status status;

    draft.duration = (struct rp_time){ 0, 0, 0 };
    status = rp_odds_init(&odds, sight, &draft, RP_DURATION);
    if (status)
        return status;
    if (middle < 1)
        middle = 1;
    for (int32_t d = middle - reach; d <= middle + reach; d++) {
        double error = played->off - onset.onset - d;
        struct reading one = { onset.onset, d, onset.score };
        if (d < 1)
            continue;
        /* Fingers leave early more easily than late. */
        one.score += rp_odds_at(&odds, d) +
                     miss(error, error < 0 ? early : timing->off);
        keep(best, room, count, one);
    }
    return RP_OK;
}

/* How well the next onset fits after a reading. */
static rp_status look_ahead(const struct rp_memory *memory,
                            const struct rp_sight *sight,
                            const struct rp_played *played,
                            const struct rp_timing *timing, uint32_t trial,
                            struct reading *reading)
{
    struct rp_note note = { reading->onset, reading->duration, played->pitch,
                            played->velocity };
    struct rp_sight after;
    struct reading next;
    uint32_t count;
    rp_status status = rp_memory_try(memory, sight, &note, trial, &after);

    if (status)
        return status;
    status = read_onsets(&after, played->next, timing, &next, 1, &count);
    if (!status && count)
        reading->score += next.score;
    return status;
}

static rp_status read_pairs(const struct rp_memory *memory,
                            const struct rp_sight *sight,
                            const struct rp_played *played,
                            const struct rp_timing *timing,
                            const struct reading *onset, uint32_t onsets,
                            struct reading *best)
{
    struct reading pair[PAIRS] = { onset[0] };
    uint32_t pairs = 0;
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < onsets && !status; i++)
        status = read_durations(sight, played, timing, onset[i], pair, PAIRS,
                                &pairs);
    for (uint32_t i = 0; i < pairs && !status && played->next > played->on;
         i++)
        status = look_ahead(memory, sight, played, timing, i, &pair[i]);
    if (status)
        return status;
    *best = pair[0];
    if (!pairs)
        best->duration = 1;
    for (uint32_t i = 1; i < pairs; i++)
        if (pair[i].score > best->score)
            *best = pair[i];
    return RP_OK;
}

rp_status rp_quantise(const struct rp_memory *memory,
                      const struct rp_sight *sight,
                      const struct rp_played *played,
                      const struct rp_timing *timing, bool chord,
                      struct rp_note *note)
{
    struct reading onset[ONSETS], best;
    uint32_t onsets = 1;
    rp_status status;

    onset[0] = (struct reading){ sight->reader.onset, 0, 0.0 };
    if (!chord) {
        status = read_onsets(sight, played->on, timing, onset, ONSETS,
                             &onsets);
        if (status)
            return status;
    }
    best = onset[0];
    if (played->off >= played->on) {
        status = read_pairs(memory, sight, played, timing, onset, onsets,
                            &best);
        if (status)
            return status;
    }
    *note = (struct rp_note){ best.onset, best.duration, played->pitch,
                              played->velocity };
    return RP_OK;
}
