#include "model/play/stage.h"

#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

enum { RING = 4096 };

rp_status rp_stage_init(struct rp_stage *stage, const struct rp_model *model,
                        uint32_t rate, uint32_t period)
{
    struct rp_performer_options options = { .model = model,
                                            .knobs = &stage->knobs,
                                            .rate = rate,
                                            .period = period };
    uint32_t metre;
    rp_status status;

    memset(stage, 0, sizeof *stage);
    rp_knobs_init(&stage->knobs);
    stage->rate = rate;
    stage->period = period;
    status = rp_ring_init(&stage->in, RING, sizeof(struct rp_heard));
    if (!status)
        status = rp_ring_init(&stage->out, RING, sizeof(struct rp_planned));
    if (!status)
        status = rp_performer_create(&stage->performer, &options);
    if (status)
        rp_stage_fini(stage);
    metre = atomic_load(&stage->knobs.metre);
    stage->clock = (struct rp_clock){
        .rate = rate,
        .mbpm = atomic_load(&stage->knobs.tempo),
        .metre = { (uint8_t)(metre >> 8), (uint8_t)metre },
    };
    return status;
}

void rp_stage_fini(struct rp_stage *stage)
{
    rp_performer_destroy(stage->performer);
    rp_ring_fini(&stage->in);
    rp_ring_fini(&stage->out);
    free(stage->play);
    free(stage->plan);
    free(stage->plan_frame);
    free(stage->decided);
    memset(stage, 0, sizeof *stage);
}

void rp_stage_clock(struct rp_stage *stage)
{
    struct rp_heard heard = { .frame = stage->frame,
                              .kind = RP_HEARD_CLOCK,
                              .clock = stage->clock };

    (void)rp_ring_push(&stage->in, &heard, NULL);
}

void rp_stage_anchor(struct rp_stage *stage, rp_frame frame)
{
    uint32_t metre = atomic_load(&stage->knobs.metre);

    stage->clock.mbpm = atomic_load(&stage->knobs.tempo);
    stage->clock.metre =
        (struct rp_metre){ (uint8_t)(metre >> 8), (uint8_t)metre };
    stage->clock.frame = frame;
    stage->clock.beat = stage->clock.bar = 0;
    stage->clock.anchored = 1;
    rp_stage_clock(stage);
}

void rp_stage_tempo(struct rp_stage *stage, uint32_t mbpm)
{
    stage->clock = rp_clock_turn(&stage->clock, stage->frame, mbpm);
    atomic_store(&stage->knobs.tempo, mbpm);
    rp_stage_clock(stage);
}

void rp_stage_panic(struct rp_stage *stage)
{
    struct rp_heard heard = { .frame = stage->frame, .kind = RP_HEARD_PANIC };

    (void)rp_ring_push(&stage->in, &heard, NULL);
}

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "stage", "out of memory");
    return RP_EMEM;
}

rp_status rp_stage_play(struct rp_stage *stage, rp_frame frame,
                        struct rp_event event)
{
    uint32_t at;

    if (stage->plays == stage->plays_room) {
        uint32_t room = stage->plays_room ? 2 * stage->plays_room : 256;
        void *more = realloc(stage->play, room * sizeof *stage->play);
        if (!more)
            return no_memory();
        stage->play = more;
        stage->plays_room = room;
    }
    for (at = stage->plays++;
         at > stage->played && stage->play[at - 1].frame > frame; at--)
        stage->play[at] = stage->play[at - 1];
    stage->play[at] = (struct rp_stage_event){ frame, event };
    return RP_OK;
}

rp_status rp_stage_note(struct rp_stage *stage, rp_frame on, rp_frame off,
                        uint8_t pitch, uint8_t velocity)
{
    rp_status status = rp_stage_play(
        stage, on, rp_event_make(RP_NOTE_ON, 0, pitch, velocity));

    if (!status)
        status = rp_stage_play(stage, off,
                               rp_event_make(RP_NOTE_OFF, 0, pitch, 64));
    return status;
}

static rp_status room_for_plan(struct rp_stage *stage)
{
    uint32_t room = stage->planned_room ? 2 * stage->planned_room : 256;
    void *plan, *frame, *decided;

    if (stage->planned < stage->planned_room)
        return RP_OK;
    plan = realloc(stage->plan, room * sizeof *stage->plan);
    if (plan)
        stage->plan = plan;
    frame = realloc(stage->plan_frame, room * sizeof *stage->plan_frame);
    if (frame)
        stage->plan_frame = frame;
    decided = realloc(stage->decided, room * sizeof *stage->decided);
    if (decided)
        stage->decided = decided;
    if (!plan || !frame || !decided)
        return no_memory();
    stage->planned_room = room;
    return RP_OK;
}

static rp_status collect(struct rp_stage *stage)
{
    struct rp_planned planned;

    while (rp_ring_pop(&stage->out, &planned)) {
        rp_status status = room_for_plan(stage);
        if (status)
            return status;
        stage->plan[stage->planned] = planned;
        stage->plan_frame[stage->planned] =
            rp_clock_frame(&stage->clock, planned.beat);
        stage->decided[stage->planned++] = stage->frame;
    }
    return RP_OK;
}

rp_status rp_stage_run(struct rp_stage *stage, rp_frame until)
{
    rp_status status = RP_OK;

    while (stage->frame < until && !status) {
        rp_frame end = stage->frame + stage->period;
        if (end > until)
            end = until;
        for (; stage->played < stage->plays &&
               stage->play[stage->played].frame < end;
             stage->played++) {
            const struct rp_stage_event *e = &stage->play[stage->played];
            struct rp_heard heard = { .frame = e->frame,
                                      .kind = RP_HEARD_MIDI,
                                      .event = e->event };
            if (!stage->clock.anchored && rp_event_is_on(e->event)) {
                rp_stage_anchor(stage, e->frame);
            }
            if (!rp_ring_push(&stage->in, &heard, NULL))
                break;
        }
        stage->frame = end;
        rp_performer_run(stage->performer, end, &stage->in, &stage->out);
        status = collect(stage);
    }
    return status;
}
