/* The .mid files in folders. */
#ifndef RP_WALK_H
#define RP_WALK_H

#include <stdint.h>

#include "rt/status.h"

/* Zeroed is empty. */
struct rp_walk {
    char **path; /* owned */
    uint32_t count, room;
};

/* Adds every .mid, .midi, .smf and .kar below a folder, names that begin with
 * a dot apart; or the one file that `path` is, if it is named or begins as
 * MIDI. RP_EFORMAT, logged, for any other file. Links are followed, but not
 * back into a folder that they are in; a folder within that cannot be read is
 * logged and left out. */
RP_MUST rp_status rp_walk_add(struct rp_walk *walk, const char *path);
/* By path, so that the order is not the folders'; a file that was reached
 * twice is one file. */
void rp_walk_sort(struct rp_walk *walk);
void rp_walk_fini(struct rp_walk *walk);

#endif
