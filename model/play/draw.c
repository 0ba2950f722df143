#include "model/play/draw.h"

enum {
    LOOP_MAX = 12, /* longest figure, in notes, whose third time is avoided */
    MONOTONE = 2   /* so often the same pitch, and the next one is another */
};
#define CLOSING 3.0f /* added to the logits of long last notes */

static uint32_t count_repeats(const struct rp_turn *turn)
{
    uint32_t kept =
        turn->notes < RP_TURN_RECENT ? turn->notes : RP_TURN_RECENT;
    uint32_t count = kept ? 1 : 0;

    while (count < kept && turn->recent[rp_turn_ago(turn, count + 1)].pitch ==
                               turn->recent[rp_turn_ago(turn, 1)].pitch)
        count++;
    return count;
}

/* Whether the last `period` notes are the same as those before them. */
static bool is_loop(const struct rp_turn *turn, uint32_t period)
{
    for (uint32_t back = 1; back <= period; back++) {
        uint32_t a = rp_turn_ago(turn, back);
        uint32_t b = rp_turn_ago(turn, back + period);
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
    struct rp_mask dull = { { 0, 0 } };

    if (kept && count_repeats(turn) >= turn->repeats)
        rp_mask_add(&dull, rp_turn_last(turn)->pitch);
    for (uint32_t period = 2 + RP_FIRST;
         period <= LOOP_MAX && 2 * period <= kept; period += RP_STEP)
        if (is_loop(turn, period))
            rp_mask_add(&dull, turn->recent[rp_turn_ago(turn, period)].pitch);
    steer->avoid = rp_mask_or(steer->avoid, rp_mask_all(dull));
}

static void forbid_sounding(const struct rp_turn *turn, int32_t onset,
                            struct rp_steer *steer)
{
    struct rp_mask sounding = { { 0, 0 } };

    for (uint32_t pitch = RP_FIRST; pitch < 128; pitch += RP_STEP)
        if (turn->until[pitch] > onset)
            rp_mask_add(&sounding, pitch);
    steer->never = rp_mask_or(steer->never, rp_mask_all(sounding));
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
        rp_mask_add(&steer->avoid, rp_turn_last(turn)->pitch);
}

/* On a beat a tone of the chord, if the range has one. */
static void keep_to_chord(const struct rp_turn *turn, int32_t onset,
                          struct rp_steer *steer)
{
    const struct rp_chord_change *change =
        rp_chord_find(turn->chord, turn->chords, onset);
    int32_t beat = turn->dynamics.beat;
    uint16_t tones = change ? rp_chord_tones(change->chord) : 0;
    struct rp_mask others = { { 0, 0 } };

    if (!tones || beat < 1 || (onset - turn->dynamics.line) % beat)
        return;
    for (uint32_t pitch = RP_FIRST; pitch < 128; pitch += RP_STEP)
        if (!(tones >> pitch % 12 & 1))
            rp_mask_add(&others, pitch);
    steer->avoid = rp_mask_or(steer->avoid, rp_mask_all(others));
}

/* One voice that must have more notes does not fill up with this one. */
static void leave_room(const struct rp_turn *turn, int32_t onset,
                       struct rp_steer *steer)
{
    if (turn->alone && turn->notes + 1 < turn->least &&
        steer->end != INT32_MAX && steer->end - onset > 1)
        steer->end = onset + (steer->end - onset) / 2;
}

static int32_t onset_of(const struct rp_drawing *drawing,
                        const struct rp_reader *reader)
{
    return reader->onset + (int32_t)rp_time_ticks(drawing->draft.dt);
}

/* What of the steering waits for the fields before this one. */
static void enter_field(struct rp_drawing *drawing, const struct rp_turn *turn,
                        const struct rp_reader *reader)
{
    int32_t onset = onset_of(drawing, reader);

    drawing->escapes = 0;
    if (drawing->field == RP_PITCH) {
        forbid_sounding(turn, onset, &drawing->steer);
        avoid_monotony(turn, onset, &drawing->steer);
        keep_to_chord(turn, onset, &drawing->steer);
    }
    if (drawing->field == RP_DURATION)
        leave_room(turn, onset, &drawing->steer);
}

RP_SHARED
void rp_draw_begin(struct rp_drawing *drawing, const struct rp_turn *turn)
{
    struct rp_draft nothing = { .velocity = 64 };

    drawing->steer = turn->steer;
    drawing->draft = nothing;
    drawing->field = RP_DT;
    drawing->escapes = 0;
    avoid_dullness(turn, &drawing->steer);
}

RP_SHARED
void rp_draw_condition(const struct rp_drawing *drawing,
                       const struct rp_reader *reader,
                       struct rp_indices *condition)
{
    rp_reader_condition(reader, &drawing->draft, drawing->field, condition);
}

RP_SHARED
void rp_draw_condition_on(const struct rp_drawing *drawing,
                          const struct rp_reader *reader, enum rp_field before,
                          struct rp_indices *condition)
{
    rp_reader_condition_on(reader, &drawing->draft, rp_vocabulary_sees(before),
                           drawing->field, condition);
}

/* Phrases end on long notes: near the end, what falls on a beat tends to be at
 * least as long as a beat. */
RP_SHARED
bool rp_draw_closes(const struct rp_drawing *drawing,
                    const struct rp_turn *turn, const struct rp_reader *reader)
{
    int32_t onset = onset_of(drawing, reader), beat = turn->dynamics.beat;

    return drawing->field == RP_DURATION && onset >= turn->close &&
           beat >= 1 && (onset - turn->dynamics.line) % beat == 0;
}

RP_SHARED
float rp_draw_weight(const struct rp_turn *turn, uint32_t class)
{
    return class < RP_TIME_ESCAPE &&
                   (class >= RP_TIME_EXACT ||
                    (int32_t)class >= turn->dynamics.beat)
               ? CLOSING
               : 0.0f;
}

RP_SHARED
bool rp_draw_weigh(const struct rp_drawing *drawing,
                   const struct rp_turn *turn, const struct rp_reader *reader,
                   float *logits)
{
    if (!rp_draw_closes(drawing, turn, reader))
        return false;
    for (uint32_t i = 0; i < RP_TIME_ESCAPE; i++)
        logits[i] += rp_draw_weight(turn, i);
    return true;
}

RP_SHARED
struct rp_mask rp_draw_mask(const struct rp_drawing *drawing,
                            const struct rp_reader *reader)
{
    return rp_steer_mask(&drawing->steer, reader, &drawing->draft,
                         drawing->field);
}

/* Times that are spelled in several draws take every sixth number, so that
 * those of dt and duration do not meet. */
RP_SHARED
struct rp_draw_key rp_draw_key(const struct rp_drawing *drawing,
                               const struct rp_turn *turn)
{
    struct rp_draw_key key;

    key.seed = turn->seed;
    key.turn = turn->number;
    key.candidate = turn->candidate;
    key.note = turn->notes;
    key.field = drawing->field == RP_TIMING
                    ? 7
                    : (uint32_t)drawing->field + 6 * drawing->escapes;
    return key;
}

RP_SHARED
enum rp_drawn rp_draw_give(struct rp_drawing *drawing,
                           const struct rp_turn *turn,
                           const struct rp_reader *reader, int class)
{
    if (class < 0)
        return RP_DRAWN_NONE;
    rp_draft_set(&drawing->draft, drawing->field, (uint8_t)class);
    if (drawing->draft.end)
        return RP_DRAWN_END;
    if (class == RP_TIME_ESCAPE &&
        (drawing->field == RP_DT || drawing->field == RP_DURATION)) {
        drawing->escapes++;
        return RP_DRAWN;
    }
    do
        drawing->field = (enum rp_field)(drawing->field + 1);
    while (drawing->field != RP_FIELDS &&
           !rp_reader_needs(reader, &drawing->draft, drawing->field));
    enter_field(drawing, turn, reader);
    return RP_DRAWN;
}

RP_SHARED
struct rp_note rp_draw_note(const struct rp_drawing *drawing,
                            const struct rp_turn *turn,
                            const struct rp_reader *reader)
{
    struct rp_note note = rp_reader_note(reader, &drawing->draft);

    if (!reader->vocabulary.velocity)
        note.velocity = rp_dynamics_at(&turn->dynamics, note.onset);
    return note;
}
