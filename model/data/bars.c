#include "model/data/bars.h"

#include <string.h>

/* Index of the change in force at `tick`, -1 when the map is empty. */
static int32_t in_force(const struct rp_bars *bars, int32_t tick)
{
    int32_t low = 0, high = (int32_t)bars->count - 1;
    while (low < high) {
        int32_t middle = (low + high + 1) / 2;
        if (bars->change[middle].tick <= tick)
            low = middle;
        else
            high = middle - 1;
    }
    return high < 0 ? -1 : low;
}

static int32_t length_of(const struct rp_bars *bars, int32_t at)
{
    int64_t ticks = 4 * (int64_t)bars->resolution;
    if (at >= 0 && bars->change[at].metre.unit)
        ticks = ticks * bars->change[at].metre.beats /
                bars->change[at].metre.unit;
    return ticks < 1 ? 1 : (int32_t)ticks;
}

int32_t rp_bars_length(const struct rp_bars *bars, int32_t tick)
{
    return length_of(bars, in_force(bars, tick));
}

int32_t rp_bars_before(const struct rp_bars *bars, int32_t tick)
{
    int32_t at = in_force(bars, tick);
    int32_t length = length_of(bars, at);
    int32_t start = at < 0 ? 0 : bars->change[at].tick;
    int32_t into = (tick - start) % length;
    return tick - (into < 0 ? into + length : into);
}

int32_t rp_bars_after(const struct rp_bars *bars, int32_t tick)
{
    int32_t next = rp_bars_before(bars, tick) + rp_bars_length(bars, tick);
    int32_t at = in_force(bars, tick);
    /* A change begins a bar, even where the one before is not full. */
    if (at >= 0 && bars->change[at].tick > tick)
        return next < bars->change[at].tick ? next : bars->change[at].tick;
    if (at >= 0 && at + 1 < (int32_t)bars->count &&
        bars->change[at + 1].tick < next)
        return bars->change[at + 1].tick;
    return next;
}

/* Takes [from, to) out of the map. The metre in force at `to` begins a bar at
 * `from`; it is said there if something else was. */
static void cut_map(struct rp_metre_change *change, uint32_t *changes,
                    int32_t from, int32_t to)
{
    uint32_t kept = 0, count = *changes;
    struct rp_metre_change held = {0};
    bool moved = false;
    for (uint32_t i = 0; i < count; i++)
        if (change[i].tick > from && change[i].tick <= to) {
            held = change[i];
            moved = true;
        }
    if (!moved) {
        for (uint32_t i = 0; i < count; i++)
            if (change[i].tick > to)
                change[i].tick -= to - from;
        return;
    }
    /* At least one entry in (from, to] makes place for the one at `from`. */
    bool said = false;
    for (uint32_t i = 0; i < count; i++) {
        struct rp_metre_change c = change[i];
        if (c.tick >= from && !said) {
            change[kept++] = (struct rp_metre_change){from, held.metre};
            said = true;
        }
        if (c.tick < from) {
            change[kept++] = c;
        } else if (c.tick > to) {
            c.tick -= to - from;
            change[kept++] = c;
        }
    }
    *changes = kept;
}

/* The bars that end at the bar line `from`, down to `first`, alike and at
 * least `ticks` long together if so many are there: how many, and their
 * length. */
static uint32_t alike(const struct rp_bars *bars, int32_t first, int32_t from,
                      int64_t ticks, int32_t *length)
{
    int32_t at = in_force(bars, from - 1);
    *length = length_of(bars, at);
    if (at >= 0 && bars->change[at].tick < from &&
        bars->change[at].tick > first)
        first = bars->change[at].tick;
    if ((from - first) % *length) { /* a bar that is not full comes first */
        *length = from - rp_bars_before(bars, from - 1);
        return 1;
    }
    int64_t wanted = (ticks + *length - 1) / *length;
    int64_t there = (from - first) / *length;
    return (uint32_t)(wanted < there ? wanted : there);
}

/* Where the bars to be taken out of the rest [end, onset) begin and end;
 * returns how many they are. */
static uint32_t find_cut(const struct rp_bars *bars, int32_t end,
                         int32_t onset, int32_t most, int32_t *from,
                         int32_t *to)
{
    int64_t allowed = (int64_t)most * rp_bars_length(bars, onset);
    int64_t ticks = (int64_t)onset - end - allowed; /* too many */
    int32_t first = rp_bars_before(bars, end);
    uint32_t cut = 0;
    if (first < end)
        first = rp_bars_after(bars, end);
    *to = *from = rp_bars_before(bars, onset);
    while (*from > first && ticks > 0) {
        int32_t length;
        uint32_t bars_cut = alike(bars, first, *from, ticks, &length);
        *from -= (int32_t)bars_cut * length;
        ticks -= (int64_t)bars_cut * length;
        cut += bars_cut;
    }
    return cut;
}

/* Takes [from, to) out of the chords: the last one begun in it begins at
 * `from`. */
static void cut_chords(struct rp_piece *piece, int32_t from, int32_t to)
{
    struct rp_chord_change *chord = piece->chord;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < piece->chords; i++) {
        struct rp_chord_change next = chord[i];
        if (next.tick > to)
            next.tick -= to - from;
        else if (next.tick > from)
            next.tick = from;
        if (kept && chord[kept - 1].tick == next.tick)
            kept--;
        chord[kept++] = next;
    }
    piece->chords = kept;
}

static void cut(struct rp_piece *piece, uint32_t note, int32_t from,
                int32_t to)
{
    cut_map(piece->metre, &piece->metres, from, to);
    cut_chords(piece, from, to);
    for (uint32_t i = note; i < piece->count; i++)
        piece->note[i].onset -= to - from;
}

uint32_t rp_bars_shorten(struct rp_piece *piece, uint32_t resolution,
                         int32_t most)
{
    const struct rp_note *note = piece->note;
    int32_t end = piece->count ? note[0].onset : 0; /* silent before it */
    uint32_t gone = 0;
    for (uint32_t i = 0; i < piece->count; i++) {
        struct rp_bars bars = {piece->metre, piece->metres, resolution};
        int32_t from, to;
        uint32_t bars_cut = 0;
        if (note[i].onset > end)
            bars_cut = find_cut(&bars, end, note[i].onset, most, &from, &to);
        if (bars_cut)
            cut(piece, i, from, to);
        gone += bars_cut;
        if (note[i].onset + note[i].duration > end)
            end = note[i].onset + note[i].duration;
    }
    return gone;
}
