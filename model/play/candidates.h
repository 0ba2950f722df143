/* Choosing among possible answers. At the hand-over several are thought
 * through, note by note, from the state the network is in; the one that closes
 * best is played. A draw is a function of its key, so drawing the chosen
 * candidate again, one note ahead of the audio thread, gives the same notes as
 * long as nobody turns a knob. */
#ifndef RP_CANDIDATES_H
#define RP_CANDIDATES_H

#include "model/play/memory.h"

enum {
    RP_CANDIDATES_MOST = 8,
    RP_CANDIDATES_NOTES = 96, /* thought through in all: bounds the time */
    RP_CANDIDATES_HEARD = 64  /* notes that tell the key */
};

struct rp_candidates {
    const struct rp_memory *memory;
    const struct rp_turn *turn; /* ready to draw its first note */
    const struct rp_taste *taste;
    struct rp_sight sight;
    int32_t from;      /* tick at which the answer may begin */
    int key;           /* key.h */
    uint32_t expected; /* notes an answer should have, about: the call's */
};

/* Which candidate to play, 0.. RP_CANDIDATES_MOST - 1. Uses the memory's
 * trials. Never fails: 0 where nothing could be thought through. */
uint32_t rp_candidates_pick(const struct rp_candidates *candidates);

/* How well an answer closes, higher is better: on a long note of the tonic
 * triad, on a strong beat, up to its end; few notes outside the key, and about
 * as many as `expected` (0: any). */
int rp_candidates_score(const struct rp_turn *turn, int key,
                        uint32_t expected, const struct rp_note *note,
                        uint32_t count);

#endif
