/* Crops as the network's batch (model/net/batch.h). One per shard of rows,
 * filled again and again by the thread that owns the shard. */
#ifndef RP_TRAIN_BATCH_H
#define RP_TRAIN_BATCH_H

#include "model/net/batch.h"
#include "model/train_crop.h"

struct rp_train_batch_options {
    uint64_t seed;
    uint32_t epoch;
    float held;          /* share of notes whose duration is heard as HELD */
    float input_dropout; /* chance, per note and field, that the network does
                            not hear that field */
};

struct rp_train_batch {
    struct rp_batch batch;
    uint32_t T_max, B_max;
    struct rp_reader *reader; /* one per row */
    uint32_t notes;           /* in the batch, END not counted */
};

RP_MUST rp_status rp_train_batch_create(struct rp_train_batch *batch,
                                        uint32_t T, uint32_t B);
void rp_train_batch_fini(struct rp_train_batch *batch);

/* `count` crops, at most B of at most T notes, become rows 0 .. count - 1.
 * T of the batch is that of the longest. The states that carried rows begin in
 * are the caller's to set (batch.start). */
void rp_train_batch_fill(struct rp_train_batch *batch,
                         const struct rp_dataset *dataset,
                         const struct rp_train_crop *crop, uint32_t count,
                         const struct rp_train_batch_options *options);

#endif
