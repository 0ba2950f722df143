/* Pieces that are nearly the same music: in another key, metre or tempo, with
 * some notes changed, played freely, or a part of the other.
 *
 * The upper voice is read as a row of intervals; every nine in a row are a
 * phrase, kept as a hash. Two pieces are alike when they have enough phrases
 * in common. Groups are what such pairs connect. */
#ifndef RP_NEAR_H
#define RP_NEAR_H

#include "model/data/note.h"

/* The phrases of a piece, each once, in ascending order. */
struct rp_print {
    uint32_t count;
    uint32_t *phrase; /* owned */
};

RP_MUST rp_status rp_print_create(const struct rp_note *note, uint32_t count,
                                  uint32_t resolution, struct rp_print *print);
void rp_print_destroy(struct rp_print *print);
/* Share of the shorter one's phrases that both have. */
float rp_print_likeness(const struct rp_print *a, const struct rp_print *b);

struct rp_near {
    uint32_t group; /* index of its first piece */
    int32_t twin;   /* the piece most like it; -1: none */
    float likeness; /* to the twin */
};

/* near[i] for each of `count` pieces. */
RP_MUST rp_status rp_near_find(const struct rp_print *print, uint32_t count,
                               struct rp_near *near);

#endif
