/* A training batch: B sequences of T notes each, padded at the end. Plain data
 * that the trainer fills and the reference (gru.h), the trainer's network and
 * any engine read alike.
 *
 * The state before note 0 is `start`, or zero. At position t the step of row
 * (t, b) is taken first, then the heads that predict note t see the state:
 *   h[t] = GRU(h[t - 1], input row (t, b)),   h[-1] = start
 * An empty row takes no step (h stays): so it is at t = 0 of a piece, where
 * nothing was heard yet. Row (t, b) otherwise encodes note t - 1. Rows after
 * the end of a sequence are empty and have weight 0.
 *
 * Loss of note (t, b), natural log, summed over the fields that are drawn:
 *   weight * sum_f (escapes * -log P_f(ESCAPE) + -log P_f(class))
 * with P_f the softmax over the classes that the mask leaves. */
#ifndef RP_BATCH_H
#define RP_BATCH_H

#include "model/data/vocabulary.h"

enum { RP_NO_CLASS = 255 }; /* this field of this note is not drawn */

/* Rows of a sparse 0/1 matrix: row i is at[begin[i]] .. at[begin[i + 1] - 1],
 * ascending, no index twice. */
struct rp_sparse {
    uint32_t *begin; /* rows + 1 */
    uint16_t *at;
};

/* All arrays are (T, B): element (t, b) is at t * B + b. */
struct rp_batch_field {
    uint8_t *class;       /* or RP_NO_CLASS */
    uint16_t *escapes;    /* 0 unless the field is a time */
    struct rp_mask *mask; /* has the class (and ESCAPE where used) set */
    struct rp_sparse condition;
};

struct rp_batch {
    uint32_t T, B;
    float *weight; /* 0: padding, the note counts nothing */
    struct rp_sparse input;
    struct rp_batch_field field[RP_FIELDS];
    const float *start; /* (layers, B, H), not owned; NULL: zero */
};

#endif
