/* Running after a MIDI clock: from the frames at which ticks came, early, late
 * or not at all, the line on which they were meant. Numbers in, numbers out;
 * audio thread. The same ticks give the same line on every machine.
 *
 * A line is a Kalman filter of two numbers (when the last tick was, how far
 * apart they are) whose memory is about two beats at 1 ms of jitter, shorter
 * where there is less. What a tick means is often told only by those after it:
 * it may just be late, one before it may be lost, the tempo may have changed.
 * So there is a line for each thing that may have happened, and what it costs
 * to believe it: the likeliest is followed, the others wait. */
#ifndef RP_CHASE_H
#define RP_CHASE_H

#include <stdbool.h>

#include "rt/clock.h"

enum { RP_CHASE_GUESSES = 16 };

/* A line through ticks: frames as doubles, exact to 2^53 of them. */
struct rp_line {
    int64_t tick;         /* the last */
    double at, step;      /* its frame; frames from tick to tick */
    double p00, p01, p11; /* how uncertain, frames squared */
};

struct rp_guess {
    struct rp_line line;
    double noise;      /* variance of the jitter, frames squared */
    uint32_t heard;    /* ticks that `noise` is made of, stops at its memory */
    double seen, lost; /* ticks, and those of them that did not come; older
                          ones count less */
    double cost;       /* -2 log likelihood, above that of the likeliest */
};

struct rp_chase {
    double rate;        /* frames per second */
    uint32_t ticks;     /* heard since it began; stops at UINT32_MAX */
    struct rp_line now; /* that of the likeliest */
    double gap; /* frames since the tick before, when it was long ago; or 0 */
    int64_t gap_tick; /* and that tick */
    uint32_t guesses;
    struct rp_guess guess[RP_CHASE_GUESSES]; /* the likeliest first */
};

/* Begins anew; ticks are expected that far apart. */
RP_RT void rp_chase_init(struct rp_chase *chase, uint32_t rate, double step);
/* A tick came. */
RP_RT void rp_chase_hear(struct rp_chase *chase, rp_frame frame);
/* The same, and it is the first after a start: where it is far from the line,
 * the line begins with it, as steep as it was. */
RP_RT void rp_chase_start(struct rp_chase *chase, rp_frame frame);
/* So many ticks long has none come. */
RP_RT double rp_chase_silence(const struct rp_chase *chase, rp_frame frame);

#endif
