/* Two clocks, one conversion. The outside world has frames; music has beats.
 * A beat is a quarter note. Beats are never accumulated: a tempo segment is an
 * anchor (frame, beat) and an exact rational rate since it began. */
#ifndef RP_CLOCK_H
#define RP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/status.h"

typedef int64_t rp_frame; /* samples since the session began */
typedef int64_t rp_beat;  /* fixed point: RP_BEAT units are one beat */

/* Divisible by every usual PPQ (24, 96, 480, 960) and by 5, 7 and 9; 2^63 of
 * them are 9e9 beats. */
#define RP_BEAT ((rp_beat)15120 << 16)
#define RP_TICKS 24 /* grid ticks per beat unless a model says otherwise */
#define RP_TICK (RP_BEAT / RP_TICKS)

struct rp_metre {
    uint8_t beats; /* numerator, 1..32 */
    uint8_t unit;  /* denominator: 1, 2, 4, 8, 16 or 32 */
};

/* One tempo segment; plain data, copied between threads by value. */
struct rp_clock {
    uint32_t rate;  /* frames per second */
    uint32_t mbpm;  /* thousandths of a quarter a minute: 97 BPM is 97000 */
    rp_frame frame; /* anchor: at this frame ... */
    rp_beat beat;   /* ... it is this beat */
    rp_beat bar;    /* a beat at which a bar begins */
    struct rp_metre metre;
    uint8_t anchored; /* 0 until something (first onset, transport) set phase */
};

/* Beat at a frame, rounded down; frame nearest to a beat (half rounds up).
 * Exact (128-bit products) as far as rp_beat reaches, 9e9 beats from 0: some
 * 150 years. Beyond that the ends of the type. rate and mbpm are > 0. */
RP_RT rp_beat rp_clock_beat(const struct rp_clock *clock, rp_frame frame);
RP_RT rp_frame rp_clock_frame(const struct rp_clock *clock, rp_beat beat);

/* The same clock re-anchored at `frame` with a new tempo; unchanged when the
 * tempo is the same or 0. */
RP_RT struct rp_clock rp_clock_turn(const struct rp_clock *clock,
                                    rp_frame frame, uint32_t mbpm);

RP_RT rp_beat rp_metre_bar(struct rp_metre metre); /* length of a bar */
/* What a musician counts in: the metre's unit, or three of them in 6/8, 9/8
 * and 12/8. Beat lines are this far apart, from the bar line on. */
RP_RT rp_beat rp_metre_beat(struct rp_metre metre);
/* The last bar line at or before `beat`; the first beat line at or after. */
RP_RT rp_beat rp_clock_bar_before(const struct rp_clock *clock, rp_beat beat);
RP_RT rp_beat rp_clock_beat_after(const struct rp_clock *clock, rp_beat beat);
RP_RT bool rp_clock_same(const struct rp_clock *a, const struct rp_clock *b);

#endif
