#include "model/play/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "model/net/kernels.h"
#include "model/play/draw.h"
#include "rt/log.h"

/* One candidate on its way, in an engine slot of its own. */
struct lane {
    bool busy;
    uint32_t candidate;
    enum rp_drawn drawn; /* of the note that is being drawn */
    int32_t from;
    struct rp_turn turn;
    struct rp_reader reader;
    struct rp_drawing drawing;
    struct rp_rolled rolled;
    double logp;
};

struct rp_rollout_room {
    struct lane *lane;
    /* Of the lanes that take part in a call of the engine. */
    uint32_t *taking, *slot;
    struct rp_indices *indices;
    float *logits; /* (lanes, RP_SOFTMAX_MAX) */
};

/* Candidates side by side: as many as there are lanes; one that is at its end
 * makes room for the next. */
struct roll {
    struct rp_rollout *rollout;
    struct rp_engine *engine;
    struct rp_rollout_room *room;
    uint32_t first, lanes, begun, done;
};

rp_status rp_rollout_room_create(struct rp_rollout_room **made, uint32_t slots)
{
    struct rp_rollout_room *room = calloc(1, sizeof *room);

    if (room) {
        room->lane = calloc(slots, sizeof *room->lane);
        room->taking = calloc(slots, sizeof *room->taking);
        room->slot = calloc(slots, sizeof *room->slot);
        room->indices = calloc(slots, sizeof *room->indices);
        room->logits = rp_floats_create((size_t)slots * RP_SOFTMAX_MAX);
    }
    if (!room || !room->lane || !room->taking || !room->slot ||
        !room->indices || !room->logits) {
        rp_rollout_room_destroy(room);
        rp_log(RP_ERROR, "rollout", "out of memory");
        return RP_EMEM;
    }
    *made = room;
    return RP_OK;
}

void rp_rollout_room_destroy(struct rp_rollout_room *room)
{
    if (!room)
        return;
    free(room->lane);
    free(room->taking);
    free(room->slot);
    free(room->indices);
    free(room->logits);
    free(room);
}

static void begin_note(struct lane *lane)
{
    rp_turn_aim(&lane->turn, lane->from);
    rp_draw_begin(&lane->drawing, &lane->turn);
    lane->drawn = RP_DRAWN;
}

static rp_status begin(struct roll *roll, uint32_t at)
{
    const struct rp_rollout *rollout = roll->rollout;
    const struct rp_engine_ops *ops = roll->engine->ops;
    struct lane *lane = &roll->room->lane[at];
    rp_status status = RP_OK;

    lane->busy = true;
    lane->candidate = roll->begun++;
    lane->from = rollout->from;
    lane->turn = *rollout->turn;
    lane->turn.candidate += lane->candidate;
    lane->reader = *rollout->reader;
    lane->rolled = (struct rp_rolled){ .why = RP_DRAWN };
    lane->logp = 0.0;
    begin_note(lane);
    for (uint32_t l = 0; l < rollout->shape->layers && !status; l++)
        status = ops->set_state(roll->engine, roll->first + at, l,
                                rollout->state +
                                    (size_t)l * rollout->shape->hidden);
    return status;
}

static void finish(struct roll *roll, struct lane *lane, enum rp_drawn why)
{
    lane->rolled.why = (uint8_t)why;
    lane->rolled.logp = (float)lane->logp;
    roll->rollout->rolled[lane->candidate] = lane->rolled;
    lane->busy = false;
    roll->done++;
}

/* ---- one field of all lanes that are at it ---- */

/* Draws from the logits until the field is done; an escaped time takes
 * several draws from the same ones. */
static void draw_field(const struct roll *roll, struct lane *lane,
                       const float *logits)
{
    const struct rp_reader *reader = &lane->reader;
    enum rp_field field = lane->drawing.field;
    uint32_t classes = rp_vocabulary_classes(&reader->vocabulary, field);
    float weighed[RP_SOFTMAX_MAX];
    const float *from = logits;

    memcpy(weighed, logits, classes * sizeof *weighed);
    if (rp_draw_weigh(&lane->drawing, &lane->turn, reader, weighed))
        from = weighed;
    while (lane->drawn == RP_DRAWN && lane->drawing.field == field) {
        struct rp_mask mask = rp_draw_mask(&lane->drawing, reader);
        int class = rp_sample(
            from, classes, mask, roll->rollout->taste,
            rp_rng_uniform(rp_draw_key(&lane->drawing, &lane->turn)));
        if (class >= 0) {
            lane->logp += (double)rp_sample_logp(logits, classes, mask,
                                                 (uint32_t)class);
            lane->rolled.fields++;
        }
        lane->drawn = rp_draw_give(&lane->drawing, &lane->turn, reader, class);
    }
}

static rp_status read_logits(struct roll *roll, enum rp_field field,
                             uint32_t count)
{
    const struct rp_engine_ops *ops = roll->engine->ops;
    rp_status status = RP_OK;

    if (ops->logits_many)
        return ops->logits_many(roll->engine, count, roll->room->slot, field,
                                roll->room->indices, roll->room->logits);
    for (uint32_t i = 0; i < count && !status; i++)
        status = ops->logits(roll->engine, roll->room->slot[i], field,
                             &roll->room->indices[i],
                             roll->room->logits + (size_t)i * RP_SOFTMAX_MAX);
    return status;
}

static rp_status draw_fields(struct roll *roll, enum rp_field field)
{
    uint32_t count = 0;
    rp_status status;

    for (uint32_t i = 0; i < roll->lanes; i++) {
        struct lane *lane = &roll->room->lane[i];
        if (!lane->busy || lane->drawn != RP_DRAWN ||
            lane->drawing.field != field)
            continue;
        rp_draw_condition(&lane->drawing, &lane->reader,
                          &roll->room->indices[count]);
        roll->room->slot[count] = roll->first + i;
        roll->room->taking[count++] = i;
    }
    status = count ? read_logits(roll, field, count) : RP_OK;
    for (uint32_t i = 0; i < count && !status; i++)
        draw_field(roll, &roll->room->lane[roll->room->taking[i]],
                   roll->room->logits + (size_t)i * RP_SOFTMAX_MAX);
    return status;
}

/* ---- one note of all lanes ---- */

/* The drawn notes become part of their candidates; those that go on take a
 * step together. */
static rp_status take_notes(struct roll *roll)
{
    struct rp_rollout *rollout = roll->rollout;
    uint32_t count = 0;

    for (uint32_t i = 0; i < roll->lanes; i++) {
        struct lane *lane = &roll->room->lane[i];
        struct rp_note note;
        if (!lane->busy)
            continue;
        if (lane->drawn != RP_DRAWN) {
            finish(roll, lane, lane->drawn);
            continue;
        }
        note = rp_draw_note(&lane->drawing, &lane->turn, &lane->reader);
        rollout->note[(size_t)lane->candidate * rollout->most +
                      lane->rolled.notes++] = note;
        rp_turn_take(&lane->turn, &note);
        if (lane->rolled.notes == rollout->most) {
            finish(roll, lane, RP_DRAWN);
            continue;
        }
        rp_reader_push(&lane->reader, &note, &roll->room->indices[count]);
        roll->room->slot[count++] = roll->first + i;
        lane->from = note.onset;
        begin_note(lane);
    }
    return roll->engine->ops->step(roll->engine, count, roll->room->slot,
                                   roll->room->indices);
}

static bool is_cancelled(const struct rp_rollout *rollout)
{
    return rollout->cancel && atomic_load(rollout->cancel);
}

static rp_status run(struct roll *roll)
{
    const struct rp_rollout *rollout = roll->rollout;
    rp_status status = RP_OK;

    while (roll->done < rollout->candidates && !status) {
        if (is_cancelled(rollout))
            return RP_ECANCEL;
        for (uint32_t i = 0; i < roll->lanes && !status; i++)
            if (!roll->room->lane[i].busy && roll->begun < rollout->candidates)
                status = begin(roll, i);
        for (int f = 0; f < RP_FIELDS && !status; f++)
            status = draw_fields(roll, (enum rp_field)f);
        if (!status)
            status = take_notes(roll);
    }
    return status;
}

rp_status rp_rollout_run(struct rp_engine *engine, uint32_t first,
                         uint32_t slots, struct rp_rollout *rollout)
{
    struct roll roll = { .rollout = rollout, .engine = engine,
                         .first = first,     .lanes = slots,
                         .room = rollout->room };
    rp_status status = RP_OK;

    if (engine->ops->rollout)
        return engine->ops->rollout(engine, rollout);
    if (!slots || !rollout->candidates || !rollout->most)
        return RP_EARG;
    if (!roll.room)
        status = rp_rollout_room_create(&roll.room, slots);
    if (!status) {
        for (uint32_t i = 0; i < slots; i++)
            roll.room->lane[i].busy = false;
        status = run(&roll);
    }
    if (!rollout->room)
        rp_rollout_room_destroy(roll.room);
    return status;
}
