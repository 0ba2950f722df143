/* Whose MIDI clock it is that comes in. Of several senders the first that
 * ticks is followed, until it was silent for a second. Where a system does not
 * tell them apart (JACK mixes them) it is at least noticed, by ticks that come
 * far too unevenly, turn by turn. Numbers in, numbers out; audio thread. */
#ifndef RP_SENDERS_H
#define RP_SENDERS_H

#include <stdbool.h>

#include "rt/clock.h"
#include "rt/event.h"

enum rp_crowd {
    RP_CROWD_NONE,
    RP_CROWD_IGNORED, /* there is another, which is not followed */
    RP_CROWD_MIXED    /* of one cannot be told from those of another */
};

struct rp_senders {
    uint32_t from, other;          /* their numbers; 0: none, or unknown */
    rp_frame ticked, other_ticked; /* when they last did */
    rp_frame gap;                  /* between the last ticks of `from` */
    bool longer;                   /* than the one before */
    uint32_t turns;                /* ticks long it was so turn by turn */
    rp_frame mixed;                /* when last for too long; 0: never */
};

/* A system message came, from a sender of that number (0: unknown) when `rate`
 * frames are a second. Whether it is to be followed. */
RP_RT bool rp_senders_hear(struct rp_senders *senders, uint32_t source,
                           rp_frame frame, uint32_t rate,
                           struct rp_event event);
RP_RT enum rp_crowd rp_senders_crowd(const struct rp_senders *senders,
                                     rp_frame frame, uint32_t rate);

#endif
