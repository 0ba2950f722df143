#include "model/play/turn.h"

#include <string.h>

enum {
    ACCENT_BAR = 6,
    ACCENT_BEAT = 2,
    ACCENT_OFF = -3,
    LOOP_MAX = 12, /* longest figure, in notes, whose third time is avoided */
    MONOTONE = 2   /* so often the same pitch, and the next one is another */
};
#define CLOSING 3.0f /* added to the logits of long last notes */

void rp_turn_init(struct rp_turn *turn, uint32_t seed, uint32_t number,
                  uint32_t candidate)
{
    memset(turn, 0, sizeof *turn);
    turn->seed = seed;
    turn->number = number;
    turn->candidate = candidate;
    turn->repeats = 4;
    turn->close = INT32_MAX;
    for (uint32_t i = 0; i < 128; i++)
        turn->until[i] = INT32_MIN;
    rp_steer_init(&turn->steer);
    memset(turn->dynamics.point, 80, sizeof turn->dynamics.point);
    turn->dynamics.softest = 1;
    turn->dynamics.loudest = 127;
}

static int accent(const struct rp_dynamics *dynamics, int32_t tick)
{
    int32_t from = tick - dynamics->line;

    if (dynamics->bar > 0 && from % dynamics->bar == 0)
        return ACCENT_BAR;
    if (dynamics->beat > 0)
        return from % dynamics->beat == 0 ? ACCENT_BEAT : ACCENT_OFF;
    return 0;
}

uint8_t rp_dynamics_at(const struct rp_dynamics *dynamics, int32_t tick)
{
    int64_t place = (int64_t)tick - dynamics->start;
    int64_t length = dynamics->length > 0 ? dynamics->length : 1;
    int64_t steps = RP_DYNAMICS_POINTS - 1;
    int64_t at, part, velocity;

    if (place < 0)
        place = 0;
    if (place > length)
        place = length;
    at = place * steps / length;
    if (at == steps)
        at--;
    part = place * steps - at * length; /* 0..length towards the next point */
    velocity = (dynamics->point[at] * (length - part) +
                dynamics->point[at + 1] * part) /
               length;
    velocity += accent(dynamics, tick);
    if (velocity < dynamics->softest)
        velocity = dynamics->softest;
    if (velocity > dynamics->loudest)
        velocity = dynamics->loudest;
    return (uint8_t)(velocity < 1 ? 1 : velocity > 127 ? 127 : velocity);
}

/* The note taken `back` notes ago, 1 the last one. */
static uint32_t recent_at(const struct rp_turn *turn, uint32_t back)
{
    return (turn->notes - back) % RP_TURN_RECENT;
}

static void avoid(struct rp_steer *steer, uint8_t pitch)
{
    steer->avoid[pitch / 64] |= UINT64_C(1) << pitch % 64;
}

static uint32_t count_repeats(const struct rp_turn *turn)
{
    uint32_t kept =
        turn->notes < RP_TURN_RECENT ? turn->notes : RP_TURN_RECENT;
    uint32_t count = kept ? 1 : 0;

    while (count < kept && turn->recent[recent_at(turn, count + 1)].pitch ==
                               turn->recent[recent_at(turn, 1)].pitch)
        count++;
    return count;
}

/* Whether the last `period` notes are the same as those before them. */
static bool is_loop(const struct rp_turn *turn, uint32_t period)
{
    for (uint32_t back = 1; back <= period; back++) {
        uint32_t a = recent_at(turn, back);
        uint32_t b = recent_at(turn, back + period);
        if (turn->recent[a].pitch != turn->recent[b].pitch ||
            turn->recent_dt[a] != turn->recent_dt[b])
            return false;
    }
    return true;
}

/* A pitch that was struck often enough, and the one with which a figure of
 * several notes would begin its third time. */
static void avoid_dullness(const struct rp_turn *turn, struct rp_steer *steer)
{
    uint32_t kept =
        turn->notes < RP_TURN_RECENT ? turn->notes : RP_TURN_RECENT;

    if (kept && count_repeats(turn) >= turn->repeats)
        avoid(steer, turn->recent[recent_at(turn, 1)].pitch);
    for (uint32_t period = 2; period <= LOOP_MAX && 2 * period <= kept;
         period++)
        if (is_loop(turn, period))
            avoid(steer, turn->recent[recent_at(turn, period)].pitch);
}

static void forbid_sounding(const struct rp_turn *turn, int32_t onset,
                            struct rp_steer *steer)
{
    for (uint32_t pitch = 0; pitch < 128; pitch++)
        if (turn->until[pitch] > onset)
            steer->never[pitch / 64] |= UINT64_C(1) << pitch % 64;
}

/* Where the next note may well be the last one, or there were enough, it is
 * not to make all of them the same. */
static void avoid_monotony(const struct rp_turn *turn, int32_t onset,
                           struct rp_steer *steer)
{
    if (!turn->notes || turn->notes >= RP_TURN_RECENT ||
        count_repeats(turn) < turn->notes)
        return;
    if (turn->notes >= MONOTONE ||
        (int64_t)onset + turn->widest >= steer->end)
        avoid(steer, rp_turn_last(turn)->pitch);
}

/* On a beat a tone of the chord, if the range has one. */
static void keep_to_chord(const struct rp_turn *turn, int32_t onset,
                          struct rp_steer *steer)
{
    const struct rp_chord_change *change =
        rp_chord_find(turn->chord, turn->chords, onset);
    int32_t beat = turn->dynamics.beat;
    uint16_t tones = change ? rp_chord_tones(change->chord) : 0;

    if (!tones || beat < 1 || (onset - turn->dynamics.line) % beat)
        return;
    for (uint32_t pitch = 0; pitch < 128; pitch++)
        if (!(tones >> pitch % 12 & 1))
            avoid(steer, (uint8_t)pitch);
}

/* Phrases end on long notes: near the end, what falls on a beat tends to be at
 * least as long as a beat. */
static void weigh_closing(const struct rp_turn *turn,
                          const struct rp_reader *reader,
                          const struct rp_draft *draft, float *logits)
{
    int32_t onset = reader->onset + (int32_t)rp_time_ticks(draft->dt);
    int32_t beat = turn->dynamics.beat;

    if (onset < turn->close || beat < 1 ||
        (onset - turn->dynamics.line) % beat)
        return;
    for (uint32_t class = 0; class < RP_TIME_ESCAPE; class++)
        if (class >= RP_TIME_EXACT || (int32_t)class >= beat)
            logits[class] += CLOSING;
}

/* Which random number a draw takes: times that are spelled in several draws
 * take every sixth, so that those of dt and duration do not meet. */
static uint32_t number_of(enum rp_field field, uint32_t escapes)
{
    return field == RP_TIMING ? 7 : (uint32_t)field + 6 * escapes;
}

/* One class; an escaped time takes several draws of the same field, each with
 * a random number of its own. */
static enum rp_drawn draw_field(const struct rp_turn *turn,
                                const struct rp_sight *sight,
                                const struct rp_steer *steer,
                                const struct rp_taste *taste,
                                enum rp_field field, struct rp_draft *draft)
{
    const struct rp_vocabulary *vocabulary = &sight->reader.vocabulary;
    struct rp_draw_key key = { .seed = turn->seed,
                               .turn = turn->number,
                               .candidate = turn->candidate,
                               .note = turn->notes };
    struct rp_indices condition;
    float logits[128];
    uint32_t escapes = 0;
    int class;

    rp_reader_condition(&sight->reader, draft, field, &condition);
    if (sight->engine->ops->logits(sight->engine, sight->slot, field,
                                   &condition, logits))
        return RP_DRAWN_ERROR;
    if (field == RP_DURATION)
        weigh_closing(turn, &sight->reader, draft, logits);
    do {
        struct rp_mask mask =
            rp_steer_mask(steer, &sight->reader, draft, field);
        key.field = number_of(field, escapes++);
        class = rp_sample(logits, rp_vocabulary_classes(vocabulary, field),
                          mask, taste, rp_rng_uniform(key));
        if (class < 0)
            return RP_DRAWN_NONE;
        rp_draft_set(draft, field, (uint8_t)class);
    } while (class == RP_TIME_ESCAPE &&
             (field == RP_DT || field == RP_DURATION));
    return draft->end ? RP_DRAWN_END : RP_DRAWN;
}

static int32_t onset_of(const struct rp_sight *sight,
                        const struct rp_draft *draft)
{
    return sight->reader.onset + (int32_t)rp_time_ticks(draft->dt);
}

/* One voice that must have more notes does not fill up with this one. */
static void leave_room(const struct rp_turn *turn, int32_t onset,
                       struct rp_steer *steer)
{
    if (turn->alone && turn->notes + 1 < turn->least &&
        steer->end != INT32_MAX && steer->end - onset > 1)
        steer->end = onset + (steer->end - onset) / 2;
}

enum rp_drawn rp_turn_draw(const struct rp_turn *turn,
                           const struct rp_sight *sight,
                           const struct rp_taste *taste, struct rp_note *note)
{
    struct rp_steer steer = turn->steer;
    struct rp_draft draft = { .velocity = 64 };

    avoid_dullness(turn, &steer);
    for (int i = 0; i < RP_FIELDS; i++) {
        enum rp_field field = (enum rp_field)i;
        enum rp_drawn drawn;
        if (!rp_reader_needs(&sight->reader, &draft, field))
            continue;
        if (field == RP_PITCH) {
            forbid_sounding(turn, onset_of(sight, &draft), &steer);
            avoid_monotony(turn, onset_of(sight, &draft), &steer);
            keep_to_chord(turn, onset_of(sight, &draft), &steer);
        }
        if (field == RP_DURATION)
            leave_room(turn, onset_of(sight, &draft), &steer);
        drawn = draw_field(turn, sight, &steer, taste, field, &draft);
        if (drawn != RP_DRAWN)
            return drawn;
    }
    *note = rp_reader_note(&sight->reader, &draft);
    if (!sight->reader.vocabulary.velocity)
        note->velocity = rp_dynamics_at(&turn->dynamics, note->onset);
    return RP_DRAWN;
}

void rp_turn_bound(struct rp_turn *turn)
{
    struct rp_steer *steer = &turn->steer;
    const struct rp_note *last = rp_turn_last(turn);
    int32_t from = last ? last->onset : steer->earliest;
    int32_t half = steer->end - (steer->end - from) / 2 - 1;

    if (last && turn->alone && steer->earliest < from + last->duration)
        steer->earliest = from + last->duration;
    steer->latest = INT32_MAX;
    if (turn->widest > 0 && (int64_t)from + turn->widest < steer->end)
        steer->latest = from + turn->widest;
    if (turn->notes < turn->least && steer->end != INT32_MAX &&
        half < steer->latest)
        steer->latest = half;
    if (steer->latest < steer->earliest)
        steer->latest = steer->earliest;
}

void rp_turn_aim(struct rp_turn *turn, int32_t from)
{
    struct rp_steer *steer = &turn->steer;

    if (turn->notes) {
        steer->grid = 0;
        rp_turn_bound(turn);
        return;
    }
    steer->latest = from + steer->grid;
    if (steer->latest < steer->earliest + steer->grid - 1)
        steer->latest = steer->earliest + steer->grid - 1;
    if (steer->latest >= steer->end)
        steer->latest = steer->end - 1;
}

void rp_turn_take(struct rp_turn *turn, const struct rp_note *note)
{
    uint32_t at = turn->notes % RP_TURN_RECENT;
    int32_t before =
        turn->notes ? turn->recent[recent_at(turn, 1)].onset : note->onset;

    turn->recent[at] = *note;
    turn->until[note->pitch] = note->onset + note->duration;
    turn->recent_dt[at] = note->onset - before;
    turn->notes++;
    if (turn->steer.earliest < note->onset)
        turn->steer.earliest = note->onset;
}

const struct rp_note *rp_turn_last(const struct rp_turn *turn)
{
    return turn->notes ? &turn->recent[recent_at(turn, 1)] : NULL;
}
