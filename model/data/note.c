#include "model/data/note.h"

#include <stdlib.h>

enum { NEVER = INT32_MIN, STILL = INT32_MAX };

/* Canonical order: onset, pitch from high to low, the longer one first. */
static int compare(const void *a, const void *b)
{
    const struct rp_note *x = a, *y = b;
    if (x->onset != y->onset)
        return x->onset < y->onset ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch > y->pitch ? -1 : 1;
    return (x->duration < y->duration) - (x->duration > y->duration);
}

uint32_t rp_notes_sort(struct rp_note *note, uint32_t count)
{
    int64_t last[128]; /* index of the last note of a pitch */
    uint32_t kept = 0;

    for (int i = 0; i < 128; i++)
        last[i] = -1;
    qsort(note, count, sizeof *note, compare);
    for (uint32_t i = 0; i < count; i++) {
        int64_t before = last[note[i].pitch];
        if (before >= 0) {
            struct rp_note *old = &note[before];
            if (old->onset == note[i].onset)
                continue;
            if (!old->duration || old->duration > note[i].onset - old->onset)
                old->duration = note[i].onset - old->onset;
        }
        last[note[i].pitch] = kept;
        note[kept++] = note[i];
    }
    return kept;
}

void rp_reader_init(struct rp_reader *reader,
                    const struct rp_vocabulary *vocabulary,
                    const struct rp_metre_change *metre, uint32_t metres,
                    int32_t origin)
{
    reader->vocabulary = *vocabulary;
    reader->metre = metre;
    reader->metres = metres;
    reader->origin = origin;
    reader->onset = origin;
    reader->pitch = -1;
    for (int i = 0; i < 128; i++)
        reader->until[i] = NEVER;
}

/* Place of a tick in its bar, by the metre in force there; where the metre is
 * unknown, by the beats since the origin. */
static struct rp_place place_at(const struct rp_reader *reader, int32_t tick)
{
    struct rp_metre metre = { 0, 0 };
    int32_t start = reader->origin;
    int64_t bar = 0;

    for (uint32_t i = reader->metres; i-- > 0;) {
        if (reader->metre[i].tick <= tick || i == 0) {
            metre = reader->metre[i].metre;
            start = reader->metre[i].tick;
            break;
        }
    }
    bar = metre.unit ? (int64_t)reader->vocabulary.resolution * 4 *
                           metre.beats / metre.unit
                     : reader->vocabulary.resolution;
    if (bar < 1)
        bar = 1;
    int64_t from_bar = ((int64_t)tick - start) % bar;
    if (from_bar < 0)
        from_bar += bar;
    return rp_vocabulary_place(&reader->vocabulary, metre, (int32_t)from_bar);
}

struct rp_draft rp_reader_draft(const struct rp_reader *reader,
                                const struct rp_note *note)
{
    struct rp_draft draft = { .pitch = note->pitch,
                              .velocity = note->velocity };
    draft.dt = rp_time_from((uint32_t)(note->onset - reader->onset));
    if (note->duration > 0)
        draft.duration = rp_time_from((uint32_t)note->duration);
    else
        draft.duration.class = RP_TIME_HELD;
    return draft;
}

struct rp_note rp_reader_note(const struct rp_reader *reader,
                              const struct rp_draft *draft)
{
    struct rp_note note = { .pitch = draft->pitch,
                            .velocity = draft->velocity };
    note.onset = reader->onset + (int32_t)rp_time_ticks(draft->dt);
    if (draft->duration.class != RP_TIME_HELD)
        note.duration = (int32_t)rp_time_ticks(draft->duration);
    return note;
}

static bool is_coarse(struct rp_time time)
{
    return time.class >= RP_TIME_EXACT && time.class < RP_TIME_ESCAPE;
}

bool rp_reader_needs(const struct rp_reader *reader,
                     const struct rp_draft *draft, enum rp_field field)
{
    if (field == RP_DT)
        return true;
    if (draft->end)
        return false;
    if (field == RP_DT_REST)
        return is_coarse(draft->dt);
    if (field == RP_DURATION_REST)
        return is_coarse(draft->duration);
    if (field == RP_VELOCITY)
        return reader->vocabulary.velocity;
    return field < RP_FIELDS;
}

static void add(struct rp_indices *out, uint32_t index)
{
    if (out->count < RP_INDICES_MAX)
        out->at[out->count++] = (uint16_t)index;
}

/* The class and, where escaped, ESCAPE: in ascending order. */
static void add_time(struct rp_indices *out, uint32_t first,
                     struct rp_time time)
{
    if (time.class > RP_TIME_ESCAPE) {
        add(out, first + time.class);
        return;
    }
    add(out, first + time.class);
    if (time.escapes)
        add(out, first + RP_TIME_ESCAPE);
}

static void add_place(struct rp_indices *out, uint32_t *first,
                      struct rp_place place)
{
    add(out, *first + place.metre);
    *first += RP_METRE_CLASSES;
    add(out, *first + place.beat);
    *first += RP_BEAT_CLASSES;
    add(out, *first + place.grid);
    *first += RP_GRID_CLASSES;
}

static void add_sounding(struct rp_indices *out, uint32_t first,
                         const struct rp_reader *reader, int32_t tick)
{
    for (uint32_t i = 0; i < 128; i++)
        if (reader->until[i] > tick)
            add(out, first + i);
}

void rp_reader_condition(const struct rp_reader *reader,
                         const struct rp_draft *draft, enum rp_field field,
                         struct rp_indices *out)
{
    uint32_t first = 0;
    int32_t onset;

    out->count = 0;
    if (field == RP_DT)
        return;
    add_time(out, first, draft->dt);
    first += RP_TIME_CLASSES;
    if (field == RP_DT_REST)
        return;
    if (is_coarse(draft->dt))
        add(out, first + draft->dt.rest);
    first += RP_TIME_WIDTH;
    onset = reader->onset + (int32_t)rp_time_ticks(draft->dt);
    if (reader->vocabulary.metre)
        add_place(out, &first, place_at(reader, onset));
    add_sounding(out, first, reader, onset);
    first += 128;
    if (field == RP_PITCH)
        return;
    add(out, first + draft->pitch);
    first += 128;
    if (field == RP_DURATION)
        return;
    add_time(out, first, draft->duration);
    first += RP_TIME_CLASSES;
    if (field == RP_DURATION_REST)
        return;
    if (is_coarse(draft->duration))
        add(out, first + draft->duration.rest);
}

static void allow_range(struct rp_mask *mask, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        mask->bits[i / 64] |= UINT64_C(1) << i % 64;
}

static void forbid(struct rp_mask *mask, uint32_t class)
{
    mask->bits[class / 64] &= ~(UINT64_C(1) << class % 64);
}

/* A pitch below the last that does not sound: dt 0 needs one. */
static bool room_below(const struct rp_reader *reader)
{
    for (int i = 0; i < reader->pitch; i++)
        if (reader->until[i] <= reader->onset)
            return true;
    return false;
}

struct rp_mask rp_reader_mask(const struct rp_reader *reader,
                              const struct rp_draft *draft,
                              enum rp_field field)
{
    struct rp_mask mask = { { 0, 0 } };
    bool chord;

    allow_range(&mask, 0, rp_vocabulary_classes(&reader->vocabulary, field));
    switch (field) {
    case RP_DT:
        if (reader->pitch >= 0 && !room_below(reader) && !draft->dt.escapes)
            forbid(&mask, 0);
        if (draft->dt.escapes)
            forbid(&mask, RP_TIME_END);
        break;
    case RP_PITCH:
        chord = reader->pitch >= 0 && !rp_time_ticks(draft->dt);
        for (int i = 0; i < 128; i++)
            if ((chord && i >= reader->pitch) ||
                reader->until[i] >
                    reader->onset + (int32_t)rp_time_ticks(draft->dt))
                forbid(&mask, (uint32_t)i);
        break;
    case RP_DURATION:
        if (!draft->duration.escapes)
            forbid(&mask, 0);
        forbid(&mask, RP_TIME_HELD);
        break;
    default:
        break;
    }
    return mask;
}

uint8_t rp_draft_class(const struct rp_draft *draft, enum rp_field field)
{
    switch (field) {
    case RP_DT:
        return draft->end ? RP_TIME_END : draft->dt.class;
    case RP_DT_REST:
        return draft->dt.rest;
    case RP_PITCH:
        return draft->pitch;
    case RP_DURATION:
        return draft->duration.class;
    case RP_DURATION_REST:
        return draft->duration.rest;
    case RP_VELOCITY:
        return draft->velocity / 8;
    case RP_FIELDS:
        break;
    }
    return 0;
}

static void set_time(struct rp_time *time, uint8_t class)
{
    if (class == RP_TIME_ESCAPE) {
        time->escapes++;
    } else {
        time->class = class;
        time->rest = 0;
    }
}

void rp_draft_set(struct rp_draft *draft, enum rp_field field, uint8_t class)
{
    switch (field) {
    case RP_DT:
        draft->end = class == RP_TIME_END;
        if (!draft->end)
            set_time(&draft->dt, class);
        break;
    case RP_DT_REST:
        draft->dt.rest = class;
        break;
    case RP_PITCH:
        draft->pitch = class;
        break;
    case RP_DURATION:
        set_time(&draft->duration, class);
        break;
    case RP_DURATION_REST:
        draft->duration.rest = class;
        break;
    case RP_VELOCITY:
        draft->velocity = (uint8_t)(class * 8 + 4);
        break;
    case RP_FIELDS:
        break;
    }
}

/* The GRU's input for the note that `draft` describes, as written in
 * vocabulary.h: indices in ascending order within each block. */
static void write_input(const struct rp_reader *reader,
                        const struct rp_draft *draft, int32_t onset,
                        struct rp_indices *input)
{
    const struct rp_vocabulary *vocabulary = &reader->vocabulary;
    uint32_t first = 0;

    input->count = 0;
    add_time(input, first, draft->dt);
    first += RP_TIME_CLASSES;
    if (is_coarse(draft->dt))
        add(input, first + draft->dt.rest);
    first += RP_TIME_WIDTH;
    add(input, first + draft->pitch);
    first += 128;
    add_time(input, first, draft->duration);
    first += RP_TIME_CLASSES;
    if (is_coarse(draft->duration))
        add(input, first + draft->duration.rest);
    first += RP_TIME_WIDTH;
    add_sounding(input, first, reader, onset);
    first += 128;
    if (vocabulary->metre)
        add_place(input, &first, place_at(reader, onset));
    if (vocabulary->velocity)
        add(input, first + draft->velocity / 8);
}

void rp_reader_push(struct rp_reader *reader, const struct rp_note *note,
                    struct rp_indices *input)
{
    struct rp_draft draft = rp_reader_draft(reader, note);

    if (reader->until[note->pitch] > note->onset)
        reader->until[note->pitch] = note->onset;
    write_input(reader, &draft, note->onset, input);
    reader->onset = note->onset;
    reader->pitch = note->pitch;
    reader->until[note->pitch] =
        note->duration > 0 ? note->onset + note->duration : STILL;
}

void rp_reader_release(struct rp_reader *reader, uint8_t pitch, int32_t tick)
{
    if (reader->until[pitch] == STILL)
        reader->until[pitch] = tick;
}
