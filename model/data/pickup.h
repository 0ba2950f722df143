/* Where the bar lines are in a file that does not say its pick-up: many .mid
 * files put a metre at tick 0 though the piece begins with part of a bar. */
#ifndef RP_PICKUP_H
#define RP_PICKUP_H

#include "model/data/note.h"

/* Ticks from the first metre change to the first bar line after it, 0 up to
 * (not including) a bar; 0 where nothing speaks clearly for another place.
 * A later metre change stands on a bar line, so it tells; else long notes do:
 * they begin on bar lines more often than elsewhere. `note`: all voices of
 * the file, in canonical order. */
int32_t rp_pickup_find(const struct rp_note *note, uint32_t count,
                       const struct rp_metre_change *change, uint32_t changes,
                       uint32_t resolution);

#endif
