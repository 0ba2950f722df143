/* Libraries that have no way to say it otherwise write their messages to
 * stderr, where they would paint over the panel. Main, around such calls: what
 * is written meanwhile goes to the log instead. */
#ifndef RP_QUIET_H
#define RP_QUIET_H

#include <stddef.h>

struct rp_quiet {
    int kept, into; /* stderr, and what stands in for it; -1: neither */
};

void rp_quiet_begin(struct rp_quiet *quiet);
/* Lines go to the log as debug ones of `tag`; those of our own log, from other
 * threads, to stderr after all. `last` (may be NULL) is the last of the
 * library's, "" when it said nothing. */
void rp_quiet_end(struct rp_quiet *quiet, const char *tag, char *last,
                  size_t size);

#endif
