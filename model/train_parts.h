/* What the files of the training network share among themselves. */
#ifndef RP_TRAIN_PARTS_H
#define RP_TRAIN_PARTS_H

#include "model/train_net.h"

/* Hands out pieces of one block; with no block it only counts. */
struct rp_train_cutter {
    float *block;
    size_t used;
};
float *rp_train_cut(struct rp_train_cutter *cutter, size_t floats);

/* The cell that is `count` cells past `base`. */
static inline void *rp_train_cell(const struct rp_train_net *net,
                                  const float *base, size_t count)
{
    return (char *)base + count * net->cells->size;
}

/* to += from; to *= by. */
static inline void rp_train_add(float *restrict to, const float *restrict from,
                                uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] += from[i];
}
static inline void rp_train_times(float *restrict to, const float *restrict by,
                                  uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] *= by[i];
}

/* Dropout of one place (layer, or layers + field): 0 or 1 / (1 - dropout).
 * The same units of a row all along its sequence. */
void rp_train_keep(const struct rp_train_pass *pass, uint32_t place,
                   uint32_t count, float *keep);

/* What layer l >= 1 reads: cells (T, B, H). */
static inline const float *rp_train_heard(const struct rp_train_shard *shard,
                                          uint32_t l,
                                          const struct rp_train_pass *pass)
{
    return pass->dropout > 0 ? shard->x[l] : shard->h[l - 1];
}

void rp_train_forward(const struct rp_train_net *net,
                      struct rp_train_shard *shard,
                      const struct rp_batch *batch,
                      const struct rp_train_pass *pass);
/* Loss of all heads; with pass->backward their gradients, and shard->dh is
 * the top layer's. */
void rp_train_heads(const struct rp_train_net *net,
                    struct rp_train_shard *shard, const struct rp_batch *batch,
                    const struct rp_train_pass *pass);
void rp_train_backward(const struct rp_train_net *net,
                       struct rp_train_shard *shard,
                       const struct rp_batch *batch,
                       const struct rp_train_pass *pass);

#endif
