/* A small network with random weights, for tests of playing: it knows nothing
 * about music, so what holds with it holds by construction. */
#ifndef TEST_PLAY_H
#define TEST_PLAY_H

#include <stdlib.h>

#include "model/net/rng.h"
#include "model/preset.h"

/* What the models below play on. */
static const struct rp_engine_ops *play_engine = &rp_engine_cpu;

static inline struct rp_model
random_model_of(struct rp_vocabulary vocabulary, uint32_t seed,
                uint32_t hidden)
{
    struct rp_model model = { .ops = play_engine };
    static struct rp_layout layout;
    struct rp_rng rng;

    model.shape = (struct rp_shape){ 2, hidden, 32, vocabulary };
    rp_shape_layout(&model.shape, &layout);
    model.params = malloc(layout.size * sizeof *model.params);
    if (!model.params)
        abort();
    rp_rng_init(&rng, seed, 7);
    for (size_t i = 0; i < layout.size; i++)
        model.params[i] = 0.4f * (rp_rng_float(&rng) - 0.5f);
    return model;
}

static inline struct rp_model random_model(uint32_t seed, uint32_t hidden)
{
    struct rp_vocabulary vocabulary = { 24, true, false };
    return random_model_of(vocabulary, seed, hidden);
}

/* One that expects nothing: every class that is possible is equally so. */
static inline struct rp_model flat_model(void)
{
    struct rp_model model = random_model(1, 16);
    struct rp_layout layout;

    rp_shape_layout(&model.shape, &layout);
    for (size_t i = 0; i < layout.size; i++)
        model.params[i] = 0.0f;
    return model;
}

/* Adds to what a model expects of one class of a field, always. */
static inline void expect_class(struct rp_model *model, enum rp_field field,
                                uint32_t class, float logit)
{
    struct rp_layout layout;

    rp_shape_layout(&model->shape, &layout);
    model->params[layout.view[layout.head_out_bias[field]].offset + class] +=
        logit;
}

#endif
