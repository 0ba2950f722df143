/* Bar lines of a metre map, and rests that lose whole bars. */
#ifndef RP_BARS_H
#define RP_BARS_H

#include "model/data/piece.h"

/* A metre map, not owned. No changes: bars of four beats from tick 0 on, which
 * keep the beat at least. Before the first change its metre holds. */
struct rp_bars {
    const struct rp_metre_change *change;
    uint32_t count;
    uint32_t resolution; /* ticks per beat */
};

/* The bar line at or before `tick`; the first one after it; the length of the
 * bar that the metre in force at `tick` asks for. */
int32_t rp_bars_before(const struct rp_bars *bars, int32_t tick);
int32_t rp_bars_after(const struct rp_bars *bars, int32_t tick);
int32_t rp_bars_length(const struct rp_bars *bars, int32_t tick);

/* Takes whole empty bars out of rests longer than `most` bars, until they are
 * not or no whole bar is left. What follows moves, metre and chord changes
 * too, so that every note keeps its place in its bar. Returns how many bars
 * went. */
uint32_t rp_bars_shorten(struct rp_piece *piece, uint32_t resolution,
                         int32_t most);

#endif
