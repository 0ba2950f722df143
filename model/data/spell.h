/* Pitches and lengths in words, in the vocabulary of music21: "B-4", "B-flat
 * in octave 4 Dotted Quarter Note", type "quarter". */
#ifndef RP_SPELL_H
#define RP_SPELL_H

#include <stdint.h>

/* Flats are "-", sharps "#"; black keys are C#, E-, F#, G#, B-. */
struct rp_spelled_pitch {
    char step;       /* 'A'..'G' */
    char accidental; /* '#', '-' or 0 */
    int8_t octave;   /* 4 begins with middle C; -1..9 */
};
struct rp_spelled_pitch rp_spell_pitch(uint8_t pitch);
/* "B-4"; the lowest octave reads like a flat, as in music21: pitch 0 is
 * "C-1". */
enum { RP_SPELL_PITCH = 8 };
void rp_spell_print_pitch(uint8_t pitch, char text[RP_SPELL_PITCH]);
/* A single written note value, or what ties several together. */
enum {
    RP_SPELL_COMPLEX = -1,      /* more than one note value */
    RP_SPELL_INEXPRESSIBLE = -2 /* not even that */
};
struct rp_spelled_length {
    int type; /* index into rp_spell_types, or one of the above */
    uint8_t dots;
    uint8_t tuplet; /* 3, 5 or 7 in the time of 2, 4, 4; 0: none */
};
enum { RP_SPELL_TYPES = 13, RP_SPELL_QUARTER = 5 };
extern const char *const rp_spell_types[RP_SPELL_TYPES]; /* maxima longa breve
                              whole half quarter eighth 16th ... 512th */
/* `ticks` of `division` to a quarter note; both at least 1. */
struct rp_spelled_length rp_spell_length(int64_t ticks, int64_t division);
/* "quarter", "complex", "inexpressible". */
const char *rp_spell_type(struct rp_spelled_length length);
/* Quarter notes as a fraction: "1", "2/3", "2 1/2". */
enum { RP_SPELL_QUARTERS = 64 };
void rp_spell_quarters(int64_t ticks, int64_t division,
                       char text[RP_SPELL_QUARTERS]);

/* "Dotted Quarter", "Eighth Triplet (1/3 QL)", "Half tied to Eighth (2 1/2
 * total QL)", "Inexpressible". */
enum { RP_SPELL_FULL = 400 };
void rp_spell_full_length(int64_t ticks, int64_t division,
                          char text[RP_SPELL_FULL]);
/* "B-flat in octave 4 Quarter Note"; of more pitches than one "Chord {C in
 * octave 4 | E in octave 4} Quarter". RP_SPELL_CHORD holds 128 of them. */
enum { RP_SPELL_CHORD = RP_SPELL_FULL + 128 * 32 };
void rp_spell_full(const uint8_t *pitch, uint32_t pitches, int64_t ticks,
                   int64_t division, char text[RP_SPELL_CHORD]);

#endif
