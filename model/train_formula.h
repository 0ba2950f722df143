/* The optimizers' formulas for one weight p, of which `d` is the gradient and
 * a and b are what is kept. The CPU's loops (train_optimizer.c) and the GPU's
 * kernel share them: from the same numbers, the same bits. */
#ifndef RP_TRAIN_FORMULA_H
#define RP_TRAIN_FORMULA_H

#include <math.h>

#include "model/shared.h"

/* What a step's rates come to; those that a formula does not read are 0. */
struct rp_optimizer_rates {
    float scale;         /* of the gradient: what clipping leaves */
    float beta1, beta2;  /* of the means of d, and of its size */
    float epsilon, root; /* root: 1 / sqrt, as the mean of d * d has begun */
    float of_d, of_a;    /* how much of each goes into p */
};

RP_SHARED static inline void rp_adamw(const struct rp_optimizer_rates *r,
                                      float d, float *p, float *a, float *b)
{
    *a = r->beta1 * *a + (1 - r->beta1) * d;
    *b = r->beta2 * *b + (1 - r->beta2) * d * d;
    *p -= r->of_a * *a / (sqrtf(*b) * r->root + r->epsilon);
}

RP_SHARED static inline void rp_sgd(const struct rp_optimizer_rates *r, float d,
                                    float *p, float *a)
{
    *a = r->beta1 * *a + d;
    *p -= r->of_d * d + r->of_a * *a;
}

RP_SHARED static inline void rp_rmsprop(const struct rp_optimizer_rates *r,
                                        float d, float *p, float *a, float *b)
{
    *b = r->beta2 * *b + (1 - r->beta2) * d * d;
    *a = r->beta1 * *a + d / (sqrtf(*b) + r->epsilon);
    *p -= r->of_a * *a;
}

RP_SHARED static inline void rp_adagrad(const struct rp_optimizer_rates *r,
                                        float d, float *p, float *a)
{
    *a += d * d;
    *p -= r->of_d * d / (sqrtf(*a) + r->epsilon);
}

RP_SHARED static inline void rp_adadelta(const struct rp_optimizer_rates *r,
                                         float d, float *p, float *a, float *b)
{
    float by;

    *a = r->beta2 * *a + (1 - r->beta2) * d * d;
    by = sqrtf(*b + r->epsilon) / sqrtf(*a + r->epsilon) * d;
    *b = r->beta2 * *b + (1 - r->beta2) * by * by;
    *p -= r->of_d * by;
}

RP_SHARED static inline void rp_adamax(const struct rp_optimizer_rates *r,
                                       float d, float *p, float *a, float *b)
{
    float size = fabsf(d) + r->epsilon, old = r->beta2 * *b;

    *a = r->beta1 * *a + (1 - r->beta1) * d;
    *b = old > size ? old : size;
    *p -= r->of_a * *a / *b;
}

RP_SHARED static inline void rp_nadam(const struct rp_optimizer_rates *r,
                                      float d, float *p, float *a, float *b)
{
    float size;

    *a = r->beta1 * *a + (1 - r->beta1) * d;
    *b = r->beta2 * *b + (1 - r->beta2) * d * d;
    size = sqrtf(*b) * r->root + r->epsilon;
    *p -= r->of_d * d / size + r->of_a * *a / size;
}

#endif
