/* A performer in virtual time without audio: what is played goes in at exact
 * frames, what is planned comes out. For tests and measurements. */
#ifndef RP_STAGE_H
#define RP_STAGE_H

#include "model/play/performer.h"

struct rp_stage_event {
    rp_frame frame;
    struct rp_event event;
};

struct rp_stage {
    struct rp_performer *performer;
    struct rp_knobs knobs;
    struct rp_ring in, out;
    struct rp_clock clock;
    uint32_t rate, period;
    rp_frame frame; /* everything before it has happened */
    uint32_t played, plays, plays_room; /* the call, in order of frame */
    struct rp_stage_event *play;
    uint32_t planned, planned_room; /* the answers */
    struct rp_planned *plan;
    rp_frame *plan_frame; /* by the clock of the time when it was placed */
    rp_frame *decided;    /* virtual time at which it was placed, at most one
                             period late */
};

/* Knobs start at the program's defaults; `period` is how much time passes
 * between two runs of the performer. */
RP_MUST rp_status rp_stage_init(struct rp_stage *stage,
                                const struct rp_model *model, uint32_t rate,
                                uint32_t period);
void rp_stage_fini(struct rp_stage *stage);
/* At frame 0 of what follows: tempo and metre of the knobs, beat 0 a bar line
 * at `frame`. Without it the first onset sets the phase. */
void rp_stage_anchor(struct rp_stage *stage, rp_frame frame);
RP_MUST rp_status rp_stage_play(struct rp_stage *stage, rp_frame frame,
                                struct rp_event event);
RP_MUST rp_status rp_stage_note(struct rp_stage *stage, rp_frame on,
                                rp_frame off, uint8_t pitch, uint8_t velocity);
/* Until `frame`; knobs may be turned before going on. */
RP_MUST rp_status rp_stage_run(struct rp_stage *stage, rp_frame until);
/* Tells the performer `clock`, as the caller has set it, at the frame
 * reached. */
void rp_stage_clock(struct rp_stage *stage);
/* A tempo change, as the audio thread would tell it, at the frame reached. */
void rp_stage_tempo(struct rp_stage *stage, uint32_t mbpm);
void rp_stage_panic(struct rp_stage *stage);

#endif
