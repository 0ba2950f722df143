/* A recording: what was heard (track "call") and what was answered (track
 * "answer"), with tempo and metre, as a .mid.
 *
 * While it runs everything is in PATH.journal, appended, and synced at least
 * every second; PATH itself is rebuilt from it every few seconds and at the
 * end. After a kill at any moment at most the last second is missing, and the
 * next start makes the .mid whole (rp_take_recover). */
#ifndef RP_TAKE_H
#define RP_TAKE_H

#include <stdbool.h>

#include "rt/ring.h"
#include "rt/status.h"

struct rp_take;

/* Opens the journal of the take `path`. `ring` (struct rp_recorded, cycle.h)
 * outlives the take. What killed runs left in its folder is finished first;
 * under the same name, it is kept under a free name beside it. So is an
 * earlier take at `path`, once there is something to put in its place. RP_EARG
 * when `path` names no file. */
RP_MUST rp_status rp_take_create(struct rp_take **take, const char *path,
                                 struct rp_ring *ring);
/* Own thread: drains, syncs, rebuilds. Without it the caller drains. */
RP_MUST rp_status rp_take_start(struct rp_take *take);
void rp_take_drain(struct rp_take *take);
/* Ends the thread, writes the .mid, removes the journal. RP_EIO when the .mid
 * could not be written: the journal stays. NULL is RP_OK. */
RP_MUST rp_status rp_take_close(struct rp_take *take);

/* Finishes orphans: `path` is a take's .mid, a journal or a folder. A journal
 * that a running riposte still writes is left alone. *finished (may be NULL)
 * counts them. */
RP_MUST rp_status rp_take_recover(const char *path, int *finished);
/* The .mid of a journal, as far as it is whole. */
RP_MUST rp_status rp_take_build(const char *journal, const char *path);

#endif
