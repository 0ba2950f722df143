/* Who leads, in words. Main. */
#ifndef RP_SYNC_REPORT_H
#define RP_SYNC_REPORT_H

#include "rt/sync.h"

/* Logs what has changed from `was` to `now` (rp_sync_state). */
void rp_sync_report(uint32_t was, uint32_t now, const struct rp_clock *clock);

#endif
