/* Threads that wait for work and share it: numbered pieces, each taken by
 * whoever is free. Which thread ran a piece must not show in its result. */
#ifndef RP_TEAM_H
#define RP_TEAM_H

#include <stdint.h>

#include "rt/status.h"

struct rp_team;

/* `threads` in all, the caller's own among them; 0: one per core. */
RP_MUST rp_status rp_team_create(struct rp_team **team, uint32_t threads);
void rp_team_destroy(struct rp_team *team); /* NULL is fine */
uint32_t rp_team_threads(const struct rp_team *team);

/* piece(self, i) for each i below count; returns when all are done. One call
 * at a time, and not from within a piece. Without a team: one after another. */
void rp_team_run(struct rp_team *team, uint32_t count,
                 void (*piece)(void *self, uint32_t i), void *self);

#endif
