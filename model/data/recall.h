/* What followed the last time that it went like this. Songs say things twice,
 * and a network that only carries a state cannot quote: so the reader looks
 * for the earlier phrase that is most like the one just heard, in any key, and
 * tells the network how it went on.
 *
 * A note is like another when its interval from the note before and its dt are
 * the same. Of all earlier places the one with the longest run of like notes
 * before it is meant; of equals one in the same key, then the latest. */
#ifndef RP_RECALL_H
#define RP_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "model/shared.h"

enum {
    RP_RECALL_NOTES = 512, /* so many are kept */
    RP_RECALL_SIZES = 4,   /* a run of 1, 2 to 3, 4 to 7, 8 or more */
    RP_RECALL_OTHER = 4    /* in place of the size: it went on otherwise */
};

/* Notes lie in rings, so that none is ever moved. */
struct rp_recall {
    uint16_t count;
    uint16_t last; /* where in the rings the last note lies */
    uint16_t like; /* so many notes before the last it went most like now; 0:
                      nothing like it was heard */
    uint16_t run[RP_RECALL_NOTES]; /* [back]: like notes up to the one so many
                                      before the last and up to the last */
    int32_t dt[RP_RECALL_NOTES];   /* ticks */
    uint8_t pitch[RP_RECALL_NOTES];
    uint8_t duration[RP_RECALL_NOTES]; /* class */
};

/* How it went on. */
struct rp_recalled {
    bool found;       /* else nothing below means anything */
    bool key;         /* in the same key */
    uint8_t size;     /* 0..3 */
    uint8_t dt;       /* class */
    uint8_t pitch;    /* in the key of now */
    uint8_t duration; /* class; RP_TIME_HELD: not known */
};

RP_SHARED
void rp_recall_init(struct rp_recall *recall);
/* A note is final, its duration perhaps HELD. The oldest makes room. */
RP_SHARED
void rp_recall_push(struct rp_recall *recall, int32_t dt, uint8_t pitch,
                    uint8_t duration);
/* The last note of a pitch ended, `after` ticks after the last onset. */
RP_SHARED
void rp_recall_release(struct rp_recall *recall, uint8_t pitch, int32_t after);
RP_SHARED
struct rp_recalled rp_recall_next(const struct rp_recall *recall);

/* The same as the blocks of the vocabulary spell it. */
enum rp_recall_part {
    RP_RECALL, /* size * 2 + key */
    RP_RECALL_DT,
    RP_RECALL_PITCH,
    RP_RECALL_DURATION
};
/* Index in the block, or -1: nothing is told. `other`: what is drawn already
 * is not what followed then. */
RP_SHARED
int rp_recall_index(const struct rp_recall *recall, enum rp_recall_part part,
                    bool other);

#endif
