/* Chords: a root and one of a few qualities, as lead sheets write them. */
#ifndef RP_CHORD_H
#define RP_CHORD_H

#include <stddef.h>
#include <stdint.h>

#include "model/shared.h"
#include "rt/status.h"

/* What is kept of a symbol. Tensions, added notes and the bass after a slash
 * are not; sixths are the plain triad, ninths and up the seventh. */
enum rp_quality {
    RP_NO_CHORD, /* said to be none (N.C.) */
    RP_MAJOR,
    RP_MINOR,
    RP_DOMINANT,
    RP_MAJOR_SEVENTH,
    RP_MINOR_SEVENTH,
    RP_HALF_DIMINISHED,
    RP_DIMINISHED,
    RP_AUGMENTED,
    RP_SUS4,
    RP_SUS2,
    RP_QUALITIES
};

struct rp_chord {
    uint8_t root;    /* 0..11, C is 0; 0 without a chord */
    uint8_t quality; /* enum rp_quality */
};

/* In force from `tick` on; before the first change nothing is known. */
struct rp_chord_change {
    int32_t tick;
    struct rp_chord chord;
};

/* "C", "F#m7b5", "Bbmaj7/D", "N.C.": all of `text` is one symbol, spaces
 * around it apart. RP_EFORMAT, unlogged, with the byte where it stops being
 * one in *fault (may be NULL). */
RP_MUST rp_status rp_chord_parse(const char *text, struct rp_chord *chord,
                                 size_t *fault);
/* "F#m7", "N.C."; RP_CHORD_TEXT bytes hold every one. */
enum { RP_CHORD_TEXT = 8 };
void rp_chord_print(struct rp_chord chord, char text[RP_CHORD_TEXT]);

/* Its pitch classes, one bit each, C the lowest. */
RP_SHARED
uint16_t rp_chord_tones(struct rp_chord chord);
/* Transposed by so many semitones, either way. */
RP_SHARED
struct rp_chord rp_chord_move(struct rp_chord chord, int semitones);
/* The change in force at a tick; NULL before the first. */
RP_SHARED
const struct rp_chord_change *rp_chord_find(const struct rp_chord_change *chord,
                                            uint32_t chords, int32_t tick);

#endif
