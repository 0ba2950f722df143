#include "model/data/chord.h"

/* Tones above the root. */
static const uint16_t tones_of[RP_QUALITIES] = {
    [RP_NO_CHORD] = 0,
    [RP_MAJOR] = 1 << 0 | 1 << 4 | 1 << 7,
    [RP_MINOR] = 1 << 0 | 1 << 3 | 1 << 7,
    [RP_DOMINANT] = 1 << 0 | 1 << 4 | 1 << 7 | 1 << 10,
    [RP_MAJOR_SEVENTH] = 1 << 0 | 1 << 4 | 1 << 7 | 1 << 11,
    [RP_MINOR_SEVENTH] = 1 << 0 | 1 << 3 | 1 << 7 | 1 << 10,
    [RP_HALF_DIMINISHED] = 1 << 0 | 1 << 3 | 1 << 6 | 1 << 10,
    [RP_DIMINISHED] = 1 << 0 | 1 << 3 | 1 << 6,
    [RP_AUGMENTED] = 1 << 0 | 1 << 4 | 1 << 8,
    [RP_SUS4] = 1 << 0 | 1 << 5 | 1 << 7,
    [RP_SUS2] = 1 << 0 | 1 << 2 | 1 << 7,
};

RP_SHARED
uint16_t rp_chord_tones(struct rp_chord chord)
{
    uint32_t tones = tones_of[chord.quality % RP_QUALITIES];

    tones <<= chord.root % 12;
    return (uint16_t)((tones | tones >> 12) & 0xfff);
}

RP_SHARED
struct rp_chord rp_chord_move(struct rp_chord chord, int semitones)
{
    int root = (chord.root + semitones) % 12;

    if (chord.quality != RP_NO_CHORD)
        chord.root = (uint8_t)(root < 0 ? root + 12 : root);
    return chord;
}

RP_SHARED
const struct rp_chord_change *rp_chord_find(const struct rp_chord_change *chord,
                                            uint32_t chords, int32_t tick)
{
    uint32_t low = 0, high = chords; /* changes at or before the tick */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chord[middle].tick <= tick)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &chord[low - 1] : NULL;
}
