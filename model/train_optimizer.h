/* The optimizers by name: the formulas of PyTorch's documentation, and one
 * weight decay for all, apart from the gradient, as AdamW has it. */
#ifndef RP_TRAIN_OPTIMIZER_H
#define RP_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/train_formula.h"

enum rp_optimizer_id {
    RP_ADAMW,
    RP_SGD,
    RP_RMSPROP,
    RP_ADAGRAD,
    RP_ADADELTA,
    RP_ADAMAX,
    RP_NADAM,
    RP_OPTIMIZERS
};

struct rp_optimizer_step {
    uint64_t step; /* 1 for the first */
    float lr, weight_decay;
    float momentum; /* of the gradient: beta1 of the adams; not adagrad's,
                       not adadelta's */
    float beta2;    /* of its size: alpha, rho; not adagrad's, not sgd's */
    float epsilon;
    bool nesterov; /* sgd's */
    float scale;   /* of the gradient: what clipping leaves */
};

struct rp_optimizer {
    /* What it keeps of each weight, 0 at the beginning: `slots` floats. */
    uint32_t slots;
    struct rp_optimizer_step usual; /* what "auto" means */
    struct rp_optimizer_rates (*rates)(const struct rp_optimizer_step *step);
    /* Changes `count` weights p by gradient g; a and b are the slots. */
    void (*run)(const struct rp_optimizer_rates *rates, size_t count,
                const float *g, float *p, float *a, float *b);
};
extern const struct rp_optimizer rp_optimizers[RP_OPTIMIZERS];
extern const char *const rp_optimizer_names[RP_OPTIMIZERS + 1]; /* NULL ends */

/* NULL: there is no such. */
const struct rp_optimizer *rp_optimizer_find(const char *name);

#endif
