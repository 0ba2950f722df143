#include "model/play/memory.h"

#include <string.h>

#include "model/play/spare.h"
#include "rt/log.h"

enum {
    BLANK = RP_MEMORY_BARS, /* engine slot that stays zero */
    MARK = BLANK + 1,       /* those of the mark's states */
    SLOTS = RP_MEMORY_TRIAL + RP_MEMORY_TRIALS
};

/* Takes `made` over; it is gone when it cannot be used. */
static rp_status begin_engine(struct rp_engine *made,
                              const struct rp_model *model,
                              struct rp_engine **engine)
{
    rp_status status = made->ops->set_params(made, model->params);

    for (uint32_t i = 0; i < SLOTS && !status; i++)
        status = made->ops->slot_reset(made, i);
    if (status) {
        made->ops->destroy(made);
        return status;
    }
    *engine = made;
    return RP_OK;
}

rp_status rp_memory_engine(const struct rp_model *model,
                           struct rp_engine **engine)
{
    struct rp_engine *made = NULL;
    rp_status status = model->ops->create(&made, &model->shape, SLOTS);

    return status ? status : begin_engine(made, model, engine);
}

rp_status rp_memory_spare(const struct rp_model *model, uint64_t late_ns,
                          struct rp_engine **engine)
{
    struct rp_spare_options options = { .ops = model->ops,
                                        .slots = SLOTS,
                                        .kept = RP_MEMORY_TRIAL,
                                        .late_ns = late_ns };
    struct rp_engine *made = NULL;
    rp_status status = rp_spare_create(&made, &model->shape, &options);

    return status ? status : begin_engine(made, model, engine);
}

void rp_memory_init(struct rp_memory *memory, const struct rp_model *model,
                    struct rp_engine *engine)
{
    memset(memory, 0, sizeof *memory);
    memory->model = model;
    memory->engine = engine;
    rp_memory_forget(memory);
}

void rp_memory_fini(struct rp_memory *memory)
{
    if (memory->engine)
        memory->engine->ops->destroy(memory->engine);
    memory->engine = NULL;
}

void rp_memory_forget(struct rp_memory *memory)
{
    memory->revision++;
    rp_memory_settle(memory);
    memory->states = 0;
    memory->notes = 0;
    memory->silent = INT32_MIN;
}

void rp_memory_metre(struct rp_memory *memory, int32_t tick,
                     struct rp_metre metre)
{
    memory->revision++;
    rp_memory_settle(memory);
    /* What was to come later, or began here, no longer holds. */
    while (memory->metres &&
           memory->metre[memory->metres - 1].tick >= tick)
        memory->metres--;
    if (memory->metres == RP_MEMORY_METRES) {
        memmove(memory->metre, memory->metre + 1,
                (RP_MEMORY_METRES - 1) * sizeof *memory->metre);
        memory->metres--;
    }
    memory->metre[memory->metres++] =
        (struct rp_metre_change){ tick, metre };
    for (uint32_t i = 0; i < RP_MEMORY_BARS; i++)
        memory->state[i].reader.metres = memory->metres;
}

void rp_memory_chords(struct rp_memory *memory,
                      const struct rp_chord_change *chord, uint32_t chords)
{
    memory->revision++;
    rp_memory_settle(memory);
    memory->chord = chord;
    memory->chords = chords;
    for (uint32_t i = 0; i < RP_MEMORY_BARS; i++)
        rp_reader_chords(&memory->state[i].reader, chord, chords, 0);
}

int32_t rp_memory_bar(const struct rp_memory *memory, int32_t tick,
                      int32_t *length)
{
    struct rp_metre metre = { 4, 4 };
    int32_t start = 0, bar, from;

    for (uint32_t i = memory->metres; i-- > 0;) {
        if (memory->metre[i].tick <= tick || i == 0) {
            metre = memory->metre[i].metre;
            start = memory->metre[i].tick;
            break;
        }
    }
    bar = memory->model->shape.vocabulary.resolution * 4 * metre.beats /
          (metre.unit ? metre.unit : 4);
    if (bar < 1)
        bar = 1;
    from = (tick - start) % bar;
    if (from < 0)
        from += bar;
    *length = bar;
    return tick - from;
}

static uint32_t kept_states(const struct rp_memory *memory)
{
    return memory->states < RP_MEMORY_BARS ? memory->states : RP_MEMORY_BARS;
}

static void begin_reader(const struct rp_memory *memory,
                         struct rp_reader *reader, int32_t origin)
{
    rp_reader_init(reader, &memory->model->shape.vocabulary, memory->metre,
                   memory->metres, origin);
    rp_reader_chords(reader, memory->chord, memory->chords, 0);
}

/* A state for the bar of `onset`, in place of the oldest, unless the newest
 * is of that bar. */
static rp_status begin_state(struct rp_memory *memory, int32_t onset)
{
    int32_t length, bar = rp_memory_bar(memory, onset, &length);
    uint32_t newest = (memory->states + RP_MEMORY_BARS - 1) % RP_MEMORY_BARS;
    struct rp_memory_state *state;
    uint32_t at;

    if (memory->states && memory->state[newest].start >= bar)
        return RP_OK;
    at = memory->states % RP_MEMORY_BARS;
    state = &memory->state[at];
    state->start = bar;
    state->first = memory->notes;
    begin_reader(memory, &state->reader, bar);
    memory->states++;
    return memory->engine->ops->slot_reset(memory->engine, at);
}

void rp_memory_rest(const struct rp_memory *memory, struct rp_reader *reader,
                    int32_t tick)
{
    int32_t length, from = reader->onset, over;

    if (reader->pitch < 0)
        return;
    if (memory->silent > from)
        from = memory->silent;
    (void)rp_memory_bar(memory, tick, &length);
    over = tick - from - RP_MEMORY_REST_BARS * length;
    if (over > 0)
        reader->onset += (over + length - 1) / length * length;
}

/* Every state that had begun by then reads note number `number`. */
static rp_status read_note(struct rp_memory *memory, uint64_t number)
{
    const struct rp_note *note = &memory->note[number % RP_MEMORY_NOTES];
    uint32_t slot[RP_MEMORY_BARS], count = 0;

    for (uint32_t i = 0; i < kept_states(memory); i++) {
        struct rp_memory_state *state = &memory->state[i];
        if (state->first > number)
            continue;
        rp_memory_rest(memory, &state->reader, note->onset);
        rp_reader_push(&state->reader, note, &memory->input[count]);
        slot[count++] = i;
    }
    if (note->onset + note->duration > memory->silent)
        memory->silent = note->onset + note->duration;
    return memory->engine->ops->step(memory->engine, count, slot,
                                     memory->input);
}

/* ---- notes that are held ---- */

void rp_memory_settle(struct rp_memory *memory)
{
    memory->mark.set = false;
}

/* Before a held note is read; one that is there already covers it, too. */
static rp_status set_mark(struct rp_memory *memory)
{
    struct rp_memory_mark *mark = &memory->mark;
    rp_status status = RP_OK;

    if (mark->set)
        return RP_OK;
    for (uint32_t i = 0; i < kept_states(memory) && !status; i++) {
        mark->state[i] = memory->state[i];
        status = memory->engine->ops->slot_copy(memory->engine, MARK + i, i);
    }
    mark->number = memory->notes;
    mark->silent = memory->silent;
    mark->set = !status;
    return status;
}

/* From the mark on again. What began after it, begins again. */
static rp_status read_again(struct rp_memory *memory)
{
    struct rp_memory_mark *mark = &memory->mark;
    const struct rp_engine_ops *ops = memory->engine->ops;
    bool held = false;
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < kept_states(memory) && !status; i++) {
        struct rp_memory_state *state = &memory->state[i];
        if (state->first > mark->number) {
            begin_reader(memory, &state->reader, state->start);
            status = ops->slot_reset(memory->engine, i);
        } else {
            state->reader = mark->state[i].reader;
            status = ops->slot_copy(memory->engine, i, MARK + i);
        }
    }
    memory->silent = mark->silent;
    for (uint64_t i = mark->number; i < memory->notes && !status; i++) {
        held = held || !memory->note[i % RP_MEMORY_NOTES].duration;
        status = read_note(memory, i);
    }
    mark->set = held && !status;
    return status;
}

rp_status rp_memory_push(struct rp_memory *memory, const struct rp_note *note)
{
    rp_status status = begin_state(memory, note->onset);

    memory->revision++;
    if (memory->notes - memory->mark.number >= RP_MEMORY_AGAIN)
        memory->mark.set = false;
    if (!status && !note->duration)
        status = set_mark(memory);
    if (status)
        return status;
    memory->note[memory->notes % RP_MEMORY_NOTES] = *note;
    return read_note(memory, memory->notes++);
}

/* The last note of a pitch that is kept; NULL when none is. */
static struct rp_note *last_of(struct rp_memory *memory, uint8_t pitch)
{
    uint64_t oldest = memory->notes > RP_MEMORY_NOTES
                          ? memory->notes - RP_MEMORY_NOTES
                          : 0;

    for (uint64_t i = memory->notes; i-- > oldest;)
        if (memory->note[i % RP_MEMORY_NOTES].pitch == pitch)
            return &memory->note[i % RP_MEMORY_NOTES];
    return NULL;
}

static void end_at(struct rp_note *note, int32_t tick)
{
    note->duration = tick > note->onset ? tick - note->onset : 1;
}

/* Nobody lets go of a key on a tick: what was held lasts whole sixteenths. */
static void end_held(const struct rp_memory *memory, struct rp_note *note,
                     int32_t tick)
{
    int32_t grid = memory->model->shape.vocabulary.resolution / 4;
    int32_t length = tick - note->onset;

    if (grid > 0 && length > grid)
        length = (length + grid / 2) / grid * grid;
    end_at(note, note->onset + length);
}

void rp_memory_release(struct rp_memory *memory, uint8_t pitch, int32_t tick)
{
    struct rp_note *note = last_of(memory, pitch);
    struct rp_memory_mark *mark = &memory->mark;

    memory->revision++;
    if (note && !note->duration)
        end_held(memory, note, tick);
    if (mark->set) {
        for (uint32_t i = 0; i < RP_MEMORY_BARS; i++)
            rp_reader_release(&mark->state[i].reader, pitch, tick);
        if (read_again(memory))
            rp_log(RP_ERROR, "memory", "what was held could not be read");
    }
    for (uint32_t i = 0; i < kept_states(memory); i++)
        rp_reader_release(&memory->state[i].reader, pitch, tick);
    if (tick > memory->silent)
        memory->silent = tick;
}

void rp_memory_cut(struct rp_memory *memory, uint8_t pitch, int32_t tick)
{
    struct rp_note *note = last_of(memory, pitch);

    memory->revision++;
    rp_memory_settle(memory);
    for (uint32_t i = 0; i < kept_states(memory); i++) {
        int32_t *until = &memory->state[i].reader.until[pitch];
        if (*until > tick)
            *until = tick;
    }
    if (note && note->onset + note->duration > tick)
        end_at(note, tick);
}

struct rp_sight rp_memory_sight(const struct rp_memory *memory, int32_t now,
                                int32_t window, uint32_t notes)
{
    struct rp_sight sight = { memory->engine, BLANK, { { 0 } } };
    uint32_t kept = kept_states(memory);
    int32_t length;

    if (!kept) {
        begin_reader(memory, &sight.reader,
                     rp_memory_bar(memory, now, &length));
        return sight;
    }
    for (uint32_t back = 1; back <= kept; back++) {
        uint32_t at = (memory->states - back) % RP_MEMORY_BARS;
        const struct rp_memory_state *state = &memory->state[at];
        if (back > 1 && (state->start < now - window ||
                         (notes && memory->notes - state->first > notes)))
            break;
        sight.slot = at;
        sight.reader = state->reader;
    }
    rp_memory_rest(memory, &sight.reader, now);
    return sight;
}

struct rp_sight rp_memory_blank(const struct rp_memory *memory)
{
    struct rp_sight sight = { memory->engine, BLANK, { { 0 } } };

    begin_reader(memory, &sight.reader, 0);
    return sight;
}

rp_status rp_memory_try(const struct rp_memory *memory,
                        const struct rp_sight *from,
                        const struct rp_note *note, uint32_t trial,
                        struct rp_sight *sight)
{
    struct rp_indices input;
    uint32_t slot = RP_MEMORY_TRIAL + trial;
    rp_status status =
        memory->engine->ops->slot_copy(memory->engine, slot, from->slot);

    if (status)
        return status;
    sight->engine = memory->engine;
    sight->slot = slot;
    sight->reader = from->reader;
    rp_reader_push(&sight->reader, note, &input);
    return memory->engine->ops->step(memory->engine, 1, &slot, &input);
}

int32_t rp_memory_rescale(int32_t tick, int64_t to, int64_t from)
{
    int64_t twice = (int64_t)2 * tick * to + from;
    int64_t scaled = twice / (2 * from);

    if (twice < 0 && twice % (2 * from))
        scaled--;
    return (int32_t)scaled;
}

static void change_resolution(struct rp_memory *memory, int64_t to,
                              int64_t from)
{
    for (uint32_t i = 0; i < memory->metres; i++)
        memory->metre[i].tick =
            rp_memory_rescale(memory->metre[i].tick, to, from);
    for (uint32_t i = 0; i < kept_states(memory); i++)
        memory->state[i].start =
            rp_memory_rescale(memory->state[i].start, to, from);
    for (uint32_t i = 0; i < RP_MEMORY_NOTES && i < memory->notes; i++) {
        struct rp_note *note = &memory->note[i];
        int32_t end = rp_memory_rescale(note->onset + note->duration, to,
                                        from);
        note->onset = rp_memory_rescale(note->onset, to, from);
        note->offset = 0;
        if (note->duration)
            note->duration = end > note->onset ? end - note->onset : 1;
    }
}

struct rp_engine *rp_memory_switch(struct rp_memory *memory,
                                   const struct rp_model *model,
                                   struct rp_engine *engine)
{
    struct rp_engine *before = memory->engine;
    uint16_t from = memory->model->shape.vocabulary.resolution;
    uint16_t to = model->shape.vocabulary.resolution;
    uint64_t first = memory->notes;
    rp_status status = RP_OK;

    if (to != from) {
        change_resolution(memory, to, from);
        memory->chord = NULL;
        memory->chords = 0;
    }
    memory->revision++;
    rp_memory_settle(memory);
    memory->model = model;
    memory->engine = engine;
    for (uint32_t i = 0; i < kept_states(memory); i++) {
        struct rp_memory_state *state = &memory->state[i];
        if (memory->notes - state->first > RP_MEMORY_NOTES)
            state->first = memory->notes - RP_MEMORY_NOTES;
        if (state->first < first)
            first = state->first;
        begin_reader(memory, &state->reader, state->start);
    }
    memory->silent = INT32_MIN;
    for (; first < memory->notes && !status; first++)
        status = read_note(memory, first);
    if (status)
        rp_log(RP_ERROR, "memory", "the new model could not read on");
    return before;
}
