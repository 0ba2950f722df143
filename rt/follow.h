/* Frames that follow a server's. The server says at which of its frames a
 * period begins; ours are the same but for a constant, as long as it is the
 * same server, have 64 bits and never run backwards.
 *
 * What an xrun swallowed is jumped over. A callback that comes late is told
 * where the next period begins, and the next callback, in time, may then be
 * told the same: those frames are over, and nothing is to be run. */
#ifndef RP_FOLLOW_H
#define RP_FOLLOW_H

#include <stdbool.h>

#include "rt/clock.h"

struct rp_follow {
    bool begun;    /* false: what is said next is frame `next` */
    uint32_t time; /* what the server said last; wraps */
    rp_frame said; /* the same in our frames */
    rp_frame next; /* end of what was run */
};

/* The server says that a period of `frames` begins at `time`: its first frame
 * goes to *frame. False when it was run already. */
RP_RT bool rp_follow_run(struct rp_follow *follow, uint32_t time,
                         uint32_t frames, rp_frame *frame);

#endif
