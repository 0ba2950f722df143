/* The cycle from inside, in four files; all of it is the audio thread's:
 *
 *   cycle.c        the period, and what main asks for
 *   cycle_clock.c  the beat: who sets it, and who is told
 *   cycle_hear.c   what comes in
 *   cycle_play.c   what goes out, and silence */
#ifndef RP_CYCLE_PARTS_H
#define RP_CYCLE_PARTS_H

#include "rt/cycle.h"

/* ---- cycle.c ---- */

/* False when there was no room. */
RP_RT bool rp_cycle_tell(struct rp_cycle *cycle, rp_frame frame,
                         enum rp_heard_kind kind, struct rp_event event);
/* What the performer must know before anything else. */
RP_RT void rp_cycle_settle(struct rp_cycle *cycle, rp_frame frame);

/* ---- cycle_clock.c ---- */

/* Main, before the first period. */
void rp_cycle_init_clock(struct rp_cycle *cycle, uint32_t rate);
/* The first period, and each. */
RP_RT void rp_cycle_begin(struct rp_cycle *cycle, rp_frame frame);
RP_RT void rp_cycle_turn_clock(struct rp_cycle *cycle, const struct rp_io *io);
/* From `frame` on, within this period, another tempo: the beat goes on. */
RP_RT void rp_cycle_turn_tempo(struct rp_cycle *cycle, rp_frame frame,
                               uint32_t mbpm);
/* From `frame` on, another metre; the bar line before it stays one. */
RP_RT void rp_cycle_turn_metre(struct rp_cycle *cycle, rp_frame frame,
                               struct rp_metre metre);
/* From `frame` on it is a later beat, `bar` a bar line: what was planned and is
 * not yet due is void. */
RP_RT void rp_cycle_move(struct rp_cycle *cycle, rp_frame frame, rp_beat beat,
                         rp_beat bar);
/* A note is about to be heard: it sets the beat where nothing else does. */
RP_RT void rp_cycle_find_beat(struct rp_cycle *cycle, rp_frame frame);
/* To the take. */
RP_RT void rp_cycle_record(struct rp_cycle *cycle, enum rp_recorded_kind kind,
                           rp_frame frame, struct rp_event event);

/* ---- cycle_hear.c ---- */

/* What came in during this period, and from the computer keyboard. */
RP_RT void rp_cycle_listen(struct rp_cycle *cycle, const struct rp_io *io);
RP_RT void rp_cycle_hear_main(struct rp_cycle *cycle, rp_frame frame);
/* The keyboard is gone: what it held ends, as if the player had let go. */
RP_RT void rp_cycle_unplug(struct rp_cycle *cycle, rp_frame frame);
/* All begins anew when the performer cannot be told. */
RP_RT void rp_cycle_tell_or_begin_anew(struct rp_cycle *cycle, rp_frame frame,
                                       enum rp_heard_kind kind,
                                       struct rp_event event);

/* ---- cycle_play.c ---- */

/* Somebody plays: a rest begins anew. */
RP_RT void rp_cycle_play_on(struct rp_cycle *cycle, rp_frame frame,
                            struct rp_event event);
RP_RT void rp_cycle_take_in(struct rp_cycle *cycle);
/* Answers and clicks that fall before `until`, no later than the end of this
 * period, merged by frame. */
RP_RT void rp_cycle_play(struct rp_cycle *cycle, const struct rp_io *io,
                         rp_frame until);
/* To the ports; false when one was full before the end. */
RP_RT bool rp_cycle_flush(struct rp_cycle *cycle, struct rp_io *io);
/* To the panel. */
RP_RT void rp_cycle_show(struct rp_cycle *cycle, enum rp_seen_kind kind,
                         rp_frame frame, struct rp_event event);
/* Ends answers and clicks, voids what was planned, and has the performer begin
 * anew; and thru as well. Controllers go to the channels in use and to those
 * in `channels` (bits). */
RP_RT void rp_cycle_silence_answers(struct rp_cycle *cycle, uint16_t channels);
RP_RT void rp_cycle_silence(struct rp_cycle *cycle, uint16_t channels);

#endif
