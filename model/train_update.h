/* One step of the optimizer. */
#ifndef RP_TRAIN_UPDATE_H
#define RP_TRAIN_UPDATE_H

#include "model/net/shape.h"

struct rp_train_update {
    uint64_t step; /* 1 for the first */
    float lr, weight_decay;
    float scale; /* of the gradient: what clipping leaves */
};

double rp_train_norm(const float *gradient, size_t size);
/* moments: first, then second, each layout->size. */
void rp_train_update(const struct rp_layout *layout,
                     const struct rp_train_update *update,
                     const float *gradient, float *params, float *moments);
/* Draws the average towards params after so many steps; early on it forgets
 * faster, so that it never remembers the weights of the beginning. */
void rp_train_average(size_t size, float share, uint64_t steps,
                      const float *params, float *average);

#endif
