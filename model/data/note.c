#include "model/data/note.h"

enum { NEVER = INT32_MIN, STILL = INT32_MAX };

RP_SHARED
void rp_reader_init(struct rp_reader *reader,
                    const struct rp_vocabulary *vocabulary,
                    const struct rp_metre_change *metre, uint32_t metres,
                    int32_t origin)
{
    reader->vocabulary = *vocabulary;
    reader->metre = metre;
    reader->metres = metres;
    reader->chord = NULL;
    reader->chords = 0;
    reader->shift = 0;
    reader->origin = origin;
    reader->onset = origin;
    reader->pitch = -1;
    for (int i = 0; i < 128; i++)
        reader->until[i] = reader->since[i] = NEVER;
    rp_recall_init(&reader->recall);
}

RP_SHARED
void rp_reader_chords(struct rp_reader *reader,
                      const struct rp_chord_change *chord, uint32_t chords,
                      int shift)
{
    reader->chord = chord;
    reader->chords = chords;
    reader->shift = (int8_t)shift;
}

static int32_t onset_of(const struct rp_reader *reader,
                        const struct rp_draft *draft)
{
    return reader->onset + (int32_t)rp_time_ticks(draft->dt);
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

RP_SHARED
struct rp_draft rp_reader_draft(const struct rp_reader *reader,
                                const struct rp_note *note)
{
    struct rp_draft draft = { .pitch = note->pitch,
                              .velocity = note->velocity,
                              .offset = note->offset };
    draft.dt = rp_time_from((uint32_t)(note->onset - reader->onset));
    if (note->duration > 0)
        draft.duration = rp_time_from((uint32_t)note->duration);
    else
        draft.duration.class = RP_TIME_HELD;
    return draft;
}

RP_SHARED
struct rp_note rp_reader_note(const struct rp_reader *reader,
                              const struct rp_draft *draft)
{
    struct rp_note note = { .pitch = draft->pitch,
                            .velocity = draft->velocity,
                            .offset = draft->offset };
    note.onset = onset_of(reader, draft);
    if (draft->duration.class != RP_TIME_HELD)
        note.duration = (int32_t)rp_time_ticks(draft->duration);
    return note;
}

static bool is_coarse(struct rp_time time)
{
    return time.class >= RP_TIME_EXACT && time.class < RP_TIME_ESCAPE;
}

RP_SHARED
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
    if (field == RP_TIMING)
        return reader->vocabulary.timing;
    return field < RP_FIELDS;
}

/* A sparse vector being written; its number of indices each thread counts for
 * itself. */
struct list {
    uint16_t *at;
    uint32_t count;
};

static void add(struct list *out, uint32_t index)
{
    if (out->count >= RP_INDICES_MAX)
        return;
    if (RP_WRITES)
        out->at[out->count] = (uint16_t)index;
    out->count++;
}

/* first + i for each i of the mask, in ascending order. */
static void add_mask(struct list *out, uint32_t first, struct rp_mask mask)
{
    for (; mask.bits[0]; mask.bits[0] &= mask.bits[0] - 1)
        add(out, first + rp_lowest(mask.bits[0]));
    for (; mask.bits[1]; mask.bits[1] &= mask.bits[1] - 1)
        add(out, first + 64 + rp_lowest(mask.bits[1]));
}

/* The class and, where escaped, ESCAPE: in ascending order. */
static void add_time(struct list *out, uint32_t first,
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

static void add_rest(struct list *out, uint32_t first,
                     struct rp_time time)
{
    if (is_coarse(time))
        add(out, first + time.rest);
}

static void add_sounding(struct list *out, uint32_t first,
                         const struct rp_reader *reader, int32_t tick)
{
    struct rp_mask sounding = { { 0, 0 } };

    for (uint32_t i = RP_FIRST; i < 128; i += RP_STEP)
        if (reader->until[i] > tick)
            rp_mask_add(&sounding, i);
    add_mask(out, first, rp_mask_all(sounding));
}

/* Where `at`, one of the reader's arrays, has this tick. */
static void add_equal(struct list *out, uint32_t first, const int32_t at[128],
                      int32_t tick)
{
    struct rp_mask equal = { { 0, 0 } };

    for (uint32_t i = RP_FIRST; i < 128; i += RP_STEP)
        if (at[i] == tick)
            rp_mask_add(&equal, i);
    add_mask(out, first, rp_mask_all(equal));
}

/* Each class once, however many notes go on as long. */
static void add_left(struct list *out, uint32_t first,
                     const struct rp_reader *reader, int32_t tick)
{
    struct rp_mask classes = { { 0, 0 } };

    for (uint32_t i = RP_FIRST; i < 128; i += RP_STEP) {
        struct rp_time left = { .class = RP_TIME_HELD };
        if (reader->until[i] <= tick)
            continue;
        if (reader->until[i] != STILL)
            left = rp_time_from((uint32_t)(reader->until[i] - tick));
        rp_mask_add(&classes, left.escapes ? RP_TIME_ESCAPE : left.class);
    }
    add_mask(out, first, rp_mask_all(classes));
}

/* What is known of an onset whatever note begins there. */
struct scene {
    struct rp_place place;
    struct rp_chord chord;
    bool told; /* the chord is */
};

static struct scene scene_at(const struct rp_reader *reader, int32_t tick)
{
    struct scene scene = { .told = false };

    if (reader->vocabulary.metre)
        scene.place = place_at(reader, tick);
    if (reader->vocabulary.chord && reader->chords) {
        const struct rp_chord_change *change =
            rp_chord_find(reader->chord, reader->chords, tick);
        scene.told = change != NULL;
        if (change)
            scene.chord = rp_chord_move(change->chord, reader->shift);
    }
    return scene;
}

static void add_root(struct list *out, uint32_t first,
                     const struct scene *scene)
{
    if (scene->told && scene->chord.quality != RP_NO_CHORD)
        add(out, first + scene->chord.root);
}

static void add_quality(struct list *out, uint32_t first,
                        const struct scene *scene)
{
    if (scene->told)
        add(out, first + scene->chord.quality);
}

static void add_tones(struct list *out, uint32_t first,
                      const struct scene *scene)
{
    struct rp_mask tones = { { 0, 0 } };

    if (scene->told)
        tones.bits[0] = rp_chord_tones(scene->chord);
    add_mask(out, first, tones);
}

static uint32_t timing_class(const struct rp_draft *draft)
{
    return (uint32_t)(draft->offset + RP_TIMING_ZERO);
}

/* `other`: what is drawn already is not what followed then. */
static void add_recalled(struct list *out, uint32_t first,
                         const struct rp_reader *reader,
                         enum rp_recall_part part, bool other)
{
    int index = rp_recall_index(&reader->recall, part, other);

    if (index >= 0)
        add(out, first + (uint32_t)index);
}

static bool is_other_dt(const struct rp_reader *reader,
                        const struct rp_draft *draft)
{
    return rp_recall_next(&reader->recall).dt != draft->dt.class;
}

static bool is_other_pitch(const struct rp_reader *reader,
                           const struct rp_draft *draft)
{
    return is_other_dt(reader, draft) ||
           rp_recall_next(&reader->recall).pitch != draft->pitch;
}

static void add_condition(const struct rp_reader *reader,
                          const struct rp_draft *draft,
                          const struct scene *scene,
                          enum rp_condition_block block, uint32_t first,
                          struct list *out)
{
    switch (block) {
    case RP_ON_RECALL:
        return add_recalled(out, first, reader, RP_RECALL, false);
    case RP_ON_RECALL_DT:
        return add_recalled(out, first, reader, RP_RECALL_DT, false);
    case RP_ON_LEFT:
        return add_left(out, first, reader, reader->onset);
    case RP_ON_DT:
        return add_time(out, first, draft->dt);
    case RP_ON_DT_REST:
        return add_rest(out, first, draft->dt);
    case RP_ON_METRE:
        return add(out, first + scene->place.metre);
    case RP_ON_BEAT:
        return add(out, first + scene->place.beat);
    case RP_ON_GRID:
        return add(out, first + scene->place.grid);
    case RP_ON_CHORD_ROOT:
        return add_root(out, first, scene);
    case RP_ON_CHORD_QUALITY:
        return add_quality(out, first, scene);
    case RP_ON_CHORD_TONES:
        return add_tones(out, first, scene);
    case RP_ON_SOUNDING:
        return add_sounding(out, first, reader, onset_of(reader, draft));
    case RP_ON_RECALL_PITCH:
        return add_recalled(out, first, reader, RP_RECALL_PITCH,
                            is_other_dt(reader, draft));
    case RP_ON_ENDED:
        return add_equal(out, first, reader->until,
                         onset_of(reader, draft));
    case RP_ON_STRUCK:
        return add_equal(out, first, reader->since,
                         onset_of(reader, draft));
    case RP_ON_GOES:
        return add_left(out, first, reader, onset_of(reader, draft));
    case RP_ON_PITCH:
        return add(out, first + draft->pitch);
    case RP_ON_RECALL_DURATION:
        return add_recalled(out, first, reader, RP_RECALL_DURATION,
                            is_other_pitch(reader, draft));
    case RP_ON_DURATION:
        return add_time(out, first, draft->duration);
    case RP_ON_DURATION_REST:
        return add_rest(out, first, draft->duration);
    case RP_ON_VELOCITY:
        return add(out, first + draft->velocity / 8u);
    case RP_ON_BLOCKS:
        break;
    }
}

RP_SHARED
void rp_reader_condition_on(const struct rp_reader *reader,
                            const struct rp_draft *draft, uint32_t seen,
                            enum rp_field field, struct rp_indices *out)
{
    uint32_t first = 0, sees = rp_vocabulary_sees(field);
    struct list list = { out->at, seen ? out->count : 0u };
    struct scene scene = { .told = false };

    if (sees > RP_ON_METRE && seen <= RP_ON_CHORD_TONES)
        scene = scene_at(reader, onset_of(reader, draft));
    RP_UNROLL
    for (uint32_t i = 0; i < RP_ON_BLOCKS; i++) {
        enum rp_condition_block block = (enum rp_condition_block)i;
        uint32_t width =
            rp_vocabulary_condition_width(&reader->vocabulary, block);
        if (i >= sees)
            break;
        if (width && i >= seen)
            add_condition(reader, draft, &scene, block, first, &list);
        first += width;
    }
    rp_meet();
    if (RP_WRITES)
        out->count = (uint16_t)list.count;
    rp_meet();
}

RP_SHARED
void rp_reader_condition(const struct rp_reader *reader,
                         const struct rp_draft *draft, enum rp_field field,
                         struct rp_indices *out)
{
    rp_reader_condition_on(reader, draft, 0, field, out);
}

/* Pitches that a note may have that begins at `tick`. */
static struct rp_mask free_at(const struct rp_reader *reader, int32_t tick)
{
    int32_t last = reader->vocabulary.runs ? tick - 1 : tick;
    struct rp_mask mask = { { 0, 0 } };

    for (uint32_t i = RP_FIRST; i < 128; i += RP_STEP)
        if (reader->until[i] <= last)
            rp_mask_add(&mask, i);
    return rp_mask_all(mask);
}

/* Below the last pitch, all where there was none. */
static struct rp_mask below_last(const struct rp_reader *reader)
{
    return rp_mask_below(reader->pitch < 0 ? 128 : (uint32_t)reader->pitch);
}

RP_SHARED
struct rp_mask rp_reader_mask(const struct rp_reader *reader,
                              const struct rp_draft *draft,
                              enum rp_field field)
{
    struct rp_mask mask =
        rp_mask_below(rp_vocabulary_classes(&reader->vocabulary, field));
    struct rp_mask room;

    switch (field) {
    case RP_DT:
        room = rp_mask_and(free_at(reader, reader->onset), below_last(reader));
        if (reader->pitch >= 0 && !draft->dt.escapes && rp_mask_empty(room))
            mask.bits[0] &= ~UINT64_C(1);
        if (draft->dt.escapes)
            mask.bits[0] &= ~(UINT64_C(1) << RP_TIME_END);
        break;
    case RP_PITCH:
        mask = rp_mask_and(mask, free_at(reader, onset_of(reader, draft)));
        if (!rp_time_ticks(draft->dt))
            mask = rp_mask_and(mask, below_last(reader));
        break;
    case RP_DURATION:
        if (!draft->duration.escapes)
            mask.bits[0] &= ~UINT64_C(1);
        mask.bits[0] &= ~(UINT64_C(1) << RP_TIME_HELD);
        break;
    default:
        break;
    }
    return mask;
}

RP_SHARED
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
    case RP_TIMING:
        return (uint8_t)timing_class(draft);
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

RP_SHARED
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
    case RP_TIMING:
        draft->offset = (int8_t)(class - RP_TIMING_ZERO);
        break;
    case RP_FIELDS:
        break;
    }
}

static void add_input(const struct rp_reader *reader,
                      const struct rp_draft *draft, const struct scene *scene,
                      enum rp_input_block block, uint32_t first,
                      struct list *out)
{
    switch (block) {
    case RP_IN_DT:
        return add_time(out, first, draft->dt);
    case RP_IN_DT_REST:
        return add_rest(out, first, draft->dt);
    case RP_IN_PITCH:
        return add(out, first + draft->pitch);
    case RP_IN_DURATION:
        return add_time(out, first, draft->duration);
    case RP_IN_DURATION_REST:
        return add_rest(out, first, draft->duration);
    case RP_IN_SOUNDING:
        return add_sounding(out, first, reader, onset_of(reader, draft));
    case RP_IN_METRE:
        return add(out, first + scene->place.metre);
    case RP_IN_BEAT:
        return add(out, first + scene->place.beat);
    case RP_IN_GRID:
        return add(out, first + scene->place.grid);
    case RP_IN_VELOCITY:
        return add(out, first + draft->velocity / 8u);
    case RP_IN_CHORD_ROOT:
        return add_root(out, first, scene);
    case RP_IN_CHORD_QUALITY:
        return add_quality(out, first, scene);
    case RP_IN_CHORD_TONES:
        return add_tones(out, first, scene);
    case RP_IN_TIMING:
        return add(out, first + timing_class(draft));
    case RP_IN_RECALL:
        return add_recalled(out, first, reader, RP_RECALL, false);
    case RP_IN_RECALL_DT:
        return add_recalled(out, first, reader, RP_RECALL_DT, false);
    case RP_IN_RECALL_PITCH:
        return add_recalled(out, first, reader, RP_RECALL_PITCH, false);
    case RP_IN_ENDED:
        return add_equal(out, first, reader->until,
                         onset_of(reader, draft));
    case RP_IN_STRUCK:
        return add_equal(out, first, reader->since,
                         onset_of(reader, draft));
    case RP_IN_BLOCKS:
        break;
    }
}

/* The GRU's input for the note that `draft` describes, as written in
 * vocabulary.h: indices in ascending order within each block. */
static void write_input(const struct rp_reader *reader,
                        const struct rp_draft *draft, struct rp_indices *input)
{
    struct scene scene = scene_at(reader, onset_of(reader, draft));
    struct list list = { input->at, 0 };
    uint32_t first = 0;

    RP_UNROLL
    for (int i = 0; i < RP_IN_BLOCKS; i++) {
        enum rp_input_block block = (enum rp_input_block)i;
        uint32_t width = rp_vocabulary_input_width(&reader->vocabulary, block);
        if (width)
            add_input(reader, draft, &scene, block, first, &list);
        first += width;
    }
    if (RP_WRITES)
        input->count = (uint16_t)list.count;
}

RP_SHARED
void rp_reader_push(struct rp_reader *reader, const struct rp_note *note,
                    struct rp_indices *input)
{
    struct rp_draft draft = rp_reader_draft(reader, note);
    int32_t *until = &reader->until[note->pitch];

    rp_meet();
    if (RP_WRITES && *until > note->onset)
        *until = note->onset;
    rp_meet();
    if (reader->vocabulary.recall)
        rp_recall_push(&reader->recall, note->onset - reader->onset,
                       note->pitch, draft.duration.class);
    write_input(reader, &draft, input);
    rp_meet();
    if (RP_WRITES) {
        reader->onset = note->onset;
        reader->pitch = note->pitch;
        reader->since[note->pitch] = note->onset;
        *until = note->duration > 0 ? note->onset + note->duration : STILL;
    }
    rp_meet();
}

RP_SHARED
void rp_reader_release(struct rp_reader *reader, uint8_t pitch, int32_t tick)
{
    if (reader->until[pitch] != STILL)
        return;
    reader->until[pitch] = tick;
    if (reader->vocabulary.recall)
        rp_recall_release(&reader->recall, pitch, tick - reader->onset);
}
