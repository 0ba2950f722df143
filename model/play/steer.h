/* What an answer may not do, as masks over the classes of a field: no onset
 * before or after a tick, onsets on a grid, no sound past the end, a range of
 * pitches, pitches to avoid. Masks only take away; what the reader forbids
 * stays forbidden. */
#ifndef RP_STEER_H
#define RP_STEER_H

#include "model/data/note.h"
#include "model/net/sample.h"
#include "model/shared.h"

struct rp_steer {
    int32_t earliest; /* tick: no onset before it */
    int32_t latest;   /* no onset after it; INT32_MAX: no such bound */
    int32_t grid;     /* > 0: the onset is `phase` + a multiple of it */
    int32_t phase;
    int32_t end;      /* tick at which the last note has ended */
    bool may_end;     /* END may be drawn */
    uint8_t low, high; /* pitches, both included */
    struct rp_mask never; /* pitches that cannot be drawn now */
    struct rp_mask avoid; /* ... that had better not be */
    uint8_t softest, loudest; /* velocities, 1..127 */
};

/* Nothing forbidden. */
RP_SHARED
void rp_steer_init(struct rp_steer *steer);
/* The classes that reader and steer both leave. Where steering would leave
 * none, first what is to be avoided, then the range gives way; a time that
 * cannot be met leaves an empty mask. */
RP_SHARED
struct rp_mask rp_steer_mask(const struct rp_steer *steer,
                             const struct rp_reader *reader,
                             const struct rp_draft *draft,
                             enum rp_field field);

#endif
