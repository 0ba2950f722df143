/* The metronome and the count-in: a click on every beat line. Part of the
 * cycle; audio thread alone. */
#ifndef RP_METRONOME_H
#define RP_METRONOME_H

#include "rt/cycle.h"

/* The frame of the next click within or after this period; INT64_MAX while
 * there is no beat. */
RP_RT rp_frame rp_metronome_next(struct rp_cycle *cycle,
                                 const struct rp_io *io);
/* Plays it, if the knob or the count-in asks for it, and goes on to the next
 * beat line. */
RP_RT void rp_metronome_play(struct rp_cycle *cycle, const struct rp_io *io,
                             rp_frame frame);

#endif
