/* MIDI clock for others, on a port of its own: 24 ticks a beat, each at the
 * frame nearest to its beat, all the time; Start, or song position and
 * Continue, where the beat begins; Stop where it ends. Where the beat jumps:
 * Stop, and on from the next sixteenth. Part of the cycle; audio thread
 * alone. */
#ifndef RP_CLOCK_OUT_H
#define RP_CLOCK_OUT_H

#include <stdbool.h>

#include "rt/clock.h"

struct rp_cycle;

struct rp_clock_out {
    bool ticking; /* `tick` is the next to be sent */
    bool told;    /* where the song goes on: at tick `from` */
    bool rolling; /* receivers were told to run */
    bool jumped;  /* the beat is another than receivers think */
    int64_t tick, from;
    rp_frame at; /* of the last that was sent */
};

/* What falls before `until`, no later than the end of this period. */
RP_RT void rp_clock_out_play(struct rp_cycle *cycle, rp_frame until);
/* From here on another beat is counted: before it is. */
RP_RT void rp_clock_out_jump(struct rp_cycle *cycle, rp_frame frame);

#endif
