/* Weights on disk: safetensors, float32, PyTorch's names (shape.h), with
 * shape, vocabulary and the model card in __metadata__. Every size is checked
 * before it is used; nothing in a file can run code. */
#ifndef RP_CHECKPOINT_H
#define RP_CHECKPOINT_H

#include "model/net/shape.h"

/* Free-form metadata, string to string: licence, data, data_hash, loss_valid,
 * attribution, command ... Shape and vocabulary keys are written and read by
 * the functions below and do not appear here. */
struct rp_card {
    uint32_t count;
    struct {
        char *key, *value; /* owned */
    } * entry;
};
RP_MUST rp_status rp_card_set(struct rp_card *card, const char *key,
                              const char *value);
const char *rp_card_get(const struct rp_card *card, const char *key);
void rp_card_fini(struct rp_card *card);

/* Written to PATH.part, synced, renamed: a kill leaves the old file whole.
 * `extra` (may be NULL, extra_size 0) is one more float tensor named
 * "optimizer", for resuming. */
RP_MUST rp_status rp_checkpoint_save(const char *path,
                                     const struct rp_shape *shape,
                                     const float *params,
                                     const struct rp_card *card,
                                     const float *extra, size_t extra_size);
/* *params is malloc'ed, rp_layout.size floats. extra may be NULL. One logged
 * line with path, byte offset and what was expected when it is not valid. */
RP_MUST rp_status rp_checkpoint_load(const char *path, struct rp_shape *shape,
                                     float **params, struct rp_card *card,
                                     float **extra, size_t *extra_size);

#endif
