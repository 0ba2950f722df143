/* The last line that a call logs, kept for somebody who asked from outside. */
#ifndef RP_SAID_H
#define RP_SAID_H

#include "rt/log.h"

struct rp_said {
    enum rp_level level;
    char tag[16], text[256]; /* text is "" while nothing was said */
    struct rp_said *outer;   /* whose turn it is again at the end */
};

/* From here on this thread's lines are kept, and nobody else sees them. */
void rp_said_begin(struct rp_said *said);
void rp_said_end(struct rp_said *said);
/* Into the log after all. */
void rp_said_log(const struct rp_said *said);

#endif
