/* Which parts of which pieces are learned from in one epoch, and in which
 * order. A crop begins at a bar line with the zero state, exactly as a window
 * of the live performer does; or it goes on where another ended (stateful).
 * Everything random is a function of (seed, epoch, crop), so a run that was
 * stopped goes on the same. */
#ifndef RP_TRAIN_CROP_H
#define RP_TRAIN_CROP_H

#include "model/data/dataset.h"

/* splitmix64: one sequence per purpose. */
struct rp_train_rng {
    uint64_t state;
};
struct rp_train_rng rp_train_rng_from(uint64_t seed, uint64_t a, uint64_t b);
uint64_t rp_train_rng_next(struct rp_train_rng *rng);
uint32_t rp_train_rng_below(struct rp_train_rng *rng, uint32_t n);
float rp_train_rng_uniform(struct rp_train_rng *rng); /* [0, 1), 24 bits */

struct rp_train_crop {
    uint32_t piece;
    uint32_t first, notes; /* notes first .. first + notes - 1 of the piece */
    int32_t origin;        /* bar line at or before the first note */
    int8_t shift;          /* semitones */
    bool end;              /* the piece ends within the crop: END is learned */
    bool metre;            /* false: the position in the bar is not told */
    bool chord;            /* false: the chords are not told */
    bool carried; /* begins in the state in which the same row of the batch
                     before ended, and the reader knows what was before */
    bool goes_on; /* its last note is heard, too, for the batch after */
    uint32_t draw;         /* number of this crop's own random sequence */
};

struct rp_train_plan {
    uint32_t count;
    struct rp_train_crop *crop;
    uint32_t batch;   /* rows of a batch */
    uint32_t batches; /* the last one may be short */
    uint64_t notes;
};

struct rp_train_plan_options {
    enum rp_split split;
    uint32_t length, batch; /* positions of a crop, rows of a batch */
    uint64_t seed;
    uint32_t epoch;
    bool stateful;      /* whole pieces from their origin, cut end to end; a
                           row goes on where it was cut, with its state */
    bool augment;       /* random bar lines, keys, forgotten metres; without
                           it: from the origin on, as written, in order */
    uint32_t transpose; /* semitones up or down, 0..6 */
    float metre_drop;   /* share of crops that are not told their metre */
    float chord_drop;   /* ... their chords, where the vocabulary has them */
    uint64_t notes_max; /* 0: all; else every so manieth piece, to about so
                           many notes */
};

/* Crops of about equal length stand together, so that little of a batch is
 * padding; the batches themselves are in random order.
 *
 * Stateful: so many pieces of about equal length as a batch has rows begin
 * together and are cut into equally many crops; then the next. Rows without a
 * piece are crops of no notes. RP_ENONE, unlogged,
 * when the split has no notes. */
RP_MUST rp_status rp_train_plan_create(const struct rp_dataset *dataset,
                                       const struct rp_train_plan_options *o,
                                       struct rp_train_plan *plan);
/* Whether batch `index` needs the states that the one before it left. */
bool rp_train_plan_carries(const struct rp_train_plan *plan, uint32_t index);
void rp_train_plan_fini(struct rp_train_plan *plan);

/* The bar line at or before note `first` of a piece, in ticks. Where the
 * metre is unknown, bars of four beats from the piece's origin. */
int32_t rp_train_bar(const struct rp_piece *piece, uint32_t resolution,
                     uint32_t first);

#endif
