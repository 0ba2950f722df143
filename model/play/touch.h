/* How detached a tune is played: how much of the time from one note to the
 * next it sounds. Notation has no such thing: a staccato quarter is a quarter.
 * So a network that has learned from scores is told the notes as they would
 * be written, and its answer is played with the call's touch.
 *
 * Owned by whoever listens; a copy by whoever answers. Pure functions. */
#ifndef RP_TOUCH_H
#define RP_TOUCH_H

#include <stdbool.h>

#include "rt/clock.h"

enum { RP_TOUCH_NOTES = 16 };

struct rp_touch {
    uint32_t notes; /* whose share is known; the last ones are kept: */
    uint16_t share[RP_TOUCH_NOTES]; /* of the time to the next one that each
                                       sounds, in thousandths; 1000 at most */
    rp_beat widest; /* from a detached note to the next one, at most */
    /* The last note, until its share is known. */
    bool waits;
    rp_beat on, off;
    uint32_t heard, pedalled; /* notes of the call, and those among them that
                                 a pedal lets sound on */
};

/* A call begins: no note of it was heard, it counts as legato. */
void rp_touch_begin(struct rp_touch *touch);
/* The tune's next note and, if that is known, where the one after it begins;
 * else RP_TOUCH_LATER. `off`, when its key goes up, is RP_TOUCH_LATER for one
 * that is held. */
#define RP_TOUCH_LATER INT64_MAX
void rp_touch_hear(struct rp_touch *touch, rp_beat on, rp_beat off,
                   rp_beat next, bool pedal);

/* Whether most notes are let go well before the next one. */
bool rp_touch_is_detached(const struct rp_touch *touch);

/* How long a note is meant to be that sounds from `on` to `off`: no longer
 * than to the next one, and as long as it sounds where the touch is legato, or
 * where it is longer than any that was detached. */
rp_beat rp_touch_written(const struct rp_touch *touch, rp_beat on, rp_beat off,
                         rp_beat next);
/* How long a note of so many beats sounds; to its end where a pedal did what
 * fingers do not, or a pad told nothing. */
rp_beat rp_touch_sounds(const struct rp_touch *touch, rp_beat written);

#endif
