/* Drawing a class from logits, and the random numbers it uses: a pure
 * function of (seed, turn, candidate, note, field), so a draw never depends
 * on what was drawn elsewhere. */
#ifndef RP_SAMPLE_H
#define RP_SAMPLE_H

#include "model/data/vocabulary.h"
#include "model/shared.h"

struct rp_draw_key {
    uint32_t seed, turn, candidate, note, field;
};
/* Uniform in [0, 1), 24 bits (a counter-based generator; rng.h). */
RP_SHARED
float rp_rng_uniform(struct rp_draw_key key);

struct rp_taste {
    float temperature; /* > 0 */
    float top_p;       /* (0, 1]; 1 off */
    uint32_t top_k;    /* 0 off */
};

/* A class in 0..n-1 whose mask bit is set, or -1 when none is. Masked first,
 * then temperature, then top-k, then top-p; ties go to the lower class. The
 * most likely class always stays. Same bits on every machine. */
RP_SHARED
int rp_sample(const float *logits, uint32_t n, struct rp_mask mask,
              const struct rp_taste *taste, float uniform);

/* log P(class) under the mask, natural log, temperature 1. */
RP_SHARED
float rp_sample_logp(const float *logits, uint32_t n, struct rp_mask mask,
                     uint32_t class);

#endif
