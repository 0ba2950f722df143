#include "model/net/shape.h"

#include <math.h>
#include <stdio.h>

#include "model/net/rng.h"
#include "rt/log.h"

static rp_status out_of_bounds(const char *what, uint32_t value,
                               const char *expected)
{
    rp_log(RP_ERROR, "shape", "%s is %u, expected %s", what, value, expected);
    return RP_EARG;
}

rp_status rp_shape_check(const struct rp_shape *shape)
{
    if (shape->layers < 1 || shape->layers > RP_LAYERS_MAX)
        return out_of_bounds("layers", shape->layers, "1 to 4");
    if (!shape->hidden || shape->hidden > RP_HIDDEN_MAX || shape->hidden % 16)
        return out_of_bounds("hidden", shape->hidden,
                             "a multiple of 16 up to 2048");
    if (!shape->head || shape->head > RP_HEAD_MAX || shape->head % 16)
        return out_of_bounds("head", shape->head,
                             "a multiple of 16 up to 1024");
    if (shape->vocabulary.resolution < 1 || shape->vocabulary.resolution > 960)
        return out_of_bounds("resolution", shape->vocabulary.resolution,
                             "1 to 960 ticks per beat");
    return RP_OK;
}

static uint8_t add_view(struct rp_layout *layout, uint32_t rows,
                        uint32_t columns)
{
    struct rp_view *view = &layout->view[layout->count];
    view->offset = layout->size;
    view->rows = rows;
    view->columns = columns;
    layout->size += (size_t)rows * columns;
    return (uint8_t)layout->count++;
}

static uint8_t add_layer_view(struct rp_layout *layout, const char *name,
                              uint32_t layer, uint32_t rows, uint32_t columns)
{
    snprintf(layout->view[layout->count].name, sizeof layout->view[0].name,
             "gru.%s_l%u", name, layer);
    return add_view(layout, rows, columns);
}

static uint8_t add_head_view(struct rp_layout *layout, const char *name,
                             int field, uint32_t rows, uint32_t columns)
{
    snprintf(layout->view[layout->count].name, sizeof layout->view[0].name,
             "head.%s.%s", rp_field_names[field], name);
    return add_view(layout, rows, columns);
}

static void add_head(const struct rp_shape *shape, struct rp_layout *layout,
                     int field)
{
    uint32_t classes =
        rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)field);
    uint32_t condition =
        rp_vocabulary_condition(&shape->vocabulary, (enum rp_field)field);
    uint32_t E = shape->head;

    if (!classes)
        return;
    layout->head_hidden[field] =
        add_head_view(layout, "hidden.weight", field, E, shape->hidden);
    layout->head_bias[field] =
        add_head_view(layout, "hidden.bias", field, E, 1);
    if (condition)
        layout->head_cond[field] =
            add_head_view(layout, "cond.weight", field, E, condition);
    layout->head_out[field] =
        add_head_view(layout, "out.weight", field, classes, E);
    layout->head_out_bias[field] =
        add_head_view(layout, "out.bias", field, classes, 1);
}

void rp_shape_layout(const struct rp_shape *shape, struct rp_layout *layout)
{
    uint32_t H = shape->hidden;

    *layout = (struct rp_layout){0};
    for (uint32_t l = 0; l < shape->layers; l++) {
        uint32_t inputs = l ? H : rp_vocabulary_inputs(&shape->vocabulary);
        layout->weight_ih[l] =
            add_layer_view(layout, "weight_ih", l, 3 * H, inputs);
        layout->weight_hh[l] = add_layer_view(layout, "weight_hh", l, 3 * H, H);
        layout->bias_ih[l] = add_layer_view(layout, "bias_ih", l, 3 * H, 1);
        layout->bias_hh[l] = add_layer_view(layout, "bias_hh", l, 3 * H, 1);
    }
    for (int f = 0; f < RP_FIELDS; f++)
        add_head(shape, layout, f);
}

/* How many terms each output of a view sums over, which sets its scale. The
 * sparse vectors have some eight bits set, and biases follow their layer. */
static uint32_t terms(const struct rp_shape *shape,
                      const struct rp_layout *layout, uint32_t view)
{
    for (int f = 0; f < RP_FIELDS; f++) {
        if (!rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)f))
            continue;
        if (view == layout->head_out[f] || view == layout->head_out_bias[f])
            return shape->head;
    }
    return shape->hidden;
}

void rp_shape_init_params(const struct rp_shape *shape, uint32_t seed,
                          float *params)
{
    struct rp_layout layout;

    rp_shape_layout(shape, &layout);
    for (uint32_t v = 0; v < layout.count; v++) {
        const struct rp_view *view = &layout.view[v];
        float bound = 1.0f / sqrtf((float)terms(shape, &layout, v));
        struct rp_rng rng;
        rp_rng_init(&rng, seed, v);
        for (size_t i = 0; i < (size_t)view->rows * view->columns; i++)
            params[view->offset + i] =
                bound * (2.0f * rp_rng_float(&rng) - 1.0f);
    }
}
