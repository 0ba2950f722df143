/* Reading chords from what accompanies a tune. */
#ifndef RP_CHORD_READ_H
#define RP_CHORD_READ_H

#include "model/data/note.h"

/* The chords that notes (canonical order) most likely mean, beat by beat:
 * their pitch classes and basses against what each chord would sound, and a
 * chord rather stays, above all within a bar. Silence keeps the chord. *chord
 * is malloc'ed; without notes count 0. */
RP_MUST rp_status rp_chord_read(const struct rp_note *note, uint32_t count,
                                const struct rp_metre_change *metre,
                                uint32_t metres, uint32_t resolution,
                                struct rp_chord_change **chord,
                                uint32_t *chords);

#endif
