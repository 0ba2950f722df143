/* Where on the grid a heard note belongs. */
#ifndef RP_QUANTISE_H
#define RP_QUANTISE_H

#include "model/play/memory.h"

/* What was heard of a note, in ticks as played (the player's own lateness
 * taken off). */
struct rp_played {
    double on;
    double off;  /* < on: not known, the note is held */
    double next; /* the next onset; < on: none yet */
    uint8_t pitch, velocity;
    bool legato; /* its end and the next onset are meant as one */
};

/* Standard deviations, in ticks. */
struct rp_timing {
    double on;      /* of an onset */
    double off;     /* of a release */
    double reach;   /* how far from `on` an onset is looked for */
};

/* The most likely note. `sight` is before it, with rests counted. A chord
 * note has `chord` set: its onset is the last one's. */
RP_MUST rp_status rp_quantise(const struct rp_memory *memory,
                              const struct rp_sight *sight,
                              const struct rp_played *played,
                              const struct rp_timing *timing, bool chord,
                              struct rp_note *note);

#endif
