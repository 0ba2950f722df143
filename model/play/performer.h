/* What listens and answers: a state machine that knows no thread and no wall
 * clock. One thread at a time calls rp_performer_run; decisions fall at times
 * derived from event frames and the beat, never from when it was called. */
#ifndef RP_PERFORMER_H
#define RP_PERFORMER_H

#include "model/preset.h"
#include "rt/link.h"
#include "rt/ring.h"

struct rp_performer;

struct rp_performer_options {
    const struct rp_model *model; /* outlives the performer or the next
                                     rp_performer_model() that replaces it */
    const struct rp_knobs *knobs;
    uint32_t rate;   /* frames per second */
    uint32_t period; /* frames; lead is RP_LEAD_MS or two periods if longer */
    bool live;       /* an engine that is late counts as lost (spare.h) */
};

RP_MUST rp_status rp_performer_create(struct rp_performer **performer,
                                      const struct rp_performer_options *o);
void rp_performer_destroy(struct rp_performer *performer);

/* See rt/session.h, struct rp_performing. Never allocates after create. */
void rp_performer_run(struct rp_performer *performer, rp_frame until,
                      struct rp_ring *in, struct rp_ring *out);
rp_frame rp_performer_wake(const struct rp_performer *performer);

/* Main thread, any time: periods have another size from now on. */
void rp_performer_period(struct rp_performer *performer, uint32_t period);

/* Main thread, any time: use another model from the next free note on. The
 * performer re-reads the recent notes into it. `rp_performer_model_in_use`
 * tells when the old one may be freed. On failure (logged) nothing changes. */
RP_MUST rp_status rp_performer_model(struct rp_performer *performer,
                                     const struct rp_model *model);
const struct rp_model *rp_performer_model_in_use(struct rp_performer *p);

enum rp_performer_state { RP_WAITING, RP_LISTENING, RP_ANSWERING };
/* For the panel; any thread. */
struct rp_performer_view {
    uint32_t state;   /* enum rp_performer_state */
    uint32_t turn;
    uint32_t notes;   /* generated so far */
    uint32_t step_ns; /* cost of the last generated note */
    uint32_t decide_ns; /* last hand-over: decision to first note planned */
    uint32_t thought_short; /* hand-overs whose answer was not thought
                               through in time: one of a few was taken */
    uint64_t total_ns;
    const char *engine; /* name of the one that plays now */
    const char *lost;   /* of the one that was to; NULL: it plays */
};
void rp_performer_look(struct rp_performer *performer,
                       struct rp_performer_view *view);
/* Planned notes, for the panel (ring performer_to_ui; may drop, counted). */
struct rp_shown {
    rp_beat onset, duration;
    uint8_t pitch, velocity;
    uint32_t turn;
};
bool rp_performer_shown(struct rp_performer *performer, struct rp_shown *s);

#endif
