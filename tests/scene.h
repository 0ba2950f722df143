/* A network that has heard a phrase, on two engines, and what they may think of
 * as its answer: for tests of rollouts on the CUDA module. */
#ifndef SCENE_H
#define SCENE_H

#include "model/net/kernels.h"
#include "model/net/module.h"
#include "model/play/rollout.h"
#include "tests/test.h"

enum { BAR = 96, START = 4 * BAR, MANY = 40, MOST = 9, SLOTS = 8 };

/* The module over the fake device, or with --device the one that was built for
 * a GPU (tests/gpu.sh). */
static const struct rp_engine_ops *device;

/* A network that has heard a phrase, and what an answer to it may be. */
struct scene {
    struct rp_shape shape;
    float *params, *state;
    struct rp_engine *cpu, *cuda;
    struct rp_reader reader;
    struct rp_turn turn;
    struct rp_taste taste;
    struct rp_metre_change metre;
    struct rp_chord_change chord[3];
};

static void init_turn(struct scene *scene)
{
    struct rp_turn *turn = &scene->turn;

    rp_turn_init(turn, 5, 1, 3);
    turn->steer.earliest = START;
    turn->steer.end = START + 4 * BAR;
    turn->steer.grid = turn->steer.phase = 24;
    turn->alone = true;
    turn->widest = 96;
    turn->close = START + BAR;
    turn->dynamics.start = START;
    turn->dynamics.length = 4 * BAR;
    turn->dynamics.bar = BAR;
    turn->dynamics.beat = 24;
    turn->chord = scene->chord;
    turn->chords = 2;
}

static struct rp_engine *make_engine(const struct rp_engine_ops *ops,
                                     const struct scene *scene)
{
    struct rp_engine *engine = NULL;

    CHECK_INT(ops->create(&engine, &scene->shape, SLOTS), RP_OK);
    CHECK_INT(ops->set_params(engine, scene->params), RP_OK);
    return engine;
}

static void hear_phrase(struct scene *scene)
{
    const struct rp_engine_ops *ops = scene->cpu->ops;
    const size_t H = scene->shape.hidden;
    const uint32_t slot = 2;

    rp_reader_init(&scene->reader, &scene->shape.vocabulary, &scene->metre, 1,
                   0);
    rp_reader_chords(&scene->reader, scene->chord, 3, 2);
    for (int i = 0; i < 15; i++) {
        struct rp_note note = {i * 24, 24, (uint8_t)(60 + i * 5 % 12), 80, 1};
        struct rp_indices input;
        rp_reader_push(&scene->reader, &note, &input);
        CHECK_INT(ops->step(scene->cpu, 1, &slot, &input), RP_OK);
    }
    for (uint32_t l = 0; l < scene->shape.layers; l++)
        CHECK_INT(ops->state(scene->cpu, slot, l, scene->state + l * H),
                  RP_OK);
}

static void round_view(float *params, const struct rp_view *view)
{
    for (size_t i = 0; i < (size_t)view->rows * view->columns; i++) {
        float *x = &params[view->offset + i];
        uint32_t bits;
        memcpy(&bits, x, sizeof bits);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
        memcpy(x, &bits, sizeof bits);
    }
}

/* Matrices to what bf16 has of them; tables and biases stay. */
static void round_weights(float *params, const struct rp_layout *at,
                          const struct rp_shape *shape)
{
    for (uint32_t l = 0; l < shape->layers; l++) {
        round_view(params, &at->view[at->weight_hh[l]]);
        if (l)
            round_view(params, &at->view[at->weight_ih[l]]);
    }
    for (int f = 0; f < RP_FIELDS; f++) {
        if (!rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)f))
            continue;
        round_view(params, &at->view[at->head_hidden[f]]);
        round_view(params, &at->view[at->head_out[f]]);
    }
}

static bool rounded; /* so they are in scenes that begin now */

static void scene_init(struct scene *scene, const struct rp_shape *shape)
{
    struct rp_layout layout;

    *scene = (struct scene){
        .shape = *shape,
        .taste = {0.9f, 0.97f, 0},
        .metre = {0, {3, 4}},
        .chord = {{0, {0, RP_MAJOR}}, {START, {7, RP_DOMINANT}},
                  {START + BAR, {9, RP_MINOR}}}};
    rp_shape_layout(shape, &layout);
    scene->params = rp_floats_create(layout.size);
    scene->state = rp_floats_create(shape->layers * shape->hidden);
    rp_shape_init_params(shape, 6, scene->params);
    for (size_t i = 0; i < layout.size; i++)
        scene->params[i] *= 3.0f; /* so that it has opinions */
    if (rounded)
        round_weights(scene->params, &layout, shape);
    scene->cpu = make_engine(&rp_engine_cpu, scene);
    scene->cuda = make_engine(device ? device : rp_engine_module.ops, scene);
    hear_phrase(scene);
    init_turn(scene);
}

static void scene_fini(struct scene *scene)
{
    scene->cpu->ops->destroy(scene->cpu);
    scene->cuda->ops->destroy(scene->cuda);
    free(scene->params);
    free(scene->state);
}

struct thought {
    struct rp_note note[MANY * MOST];
    struct rp_rolled rolled[MANY];
};

static struct rp_rollout rollout_of(const struct scene *scene, uint32_t many,
                                    struct thought *thought)
{
    memset(thought, 0, sizeof *thought);
    return (struct rp_rollout){.shape = &scene->shape,
                               .state = scene->state,
                               .reader = &scene->reader,
                               .turn = &scene->turn,
                               .taste = &scene->taste,
                               .from = START,
                               .candidates = many,
                               .most = MOST,
                               .note = thought->note,
                               .rolled = thought->rolled};
}

static const struct rp_shape shapes[] = {
    {1, 32, 16, {24, true}},
    {2, 48, 32, {24, true, true, true, true, true, true, true}},
    {2, 32, 16, {24, false, true, false, false, true}},
    {2, 512, 48, {24, true, true}},
    {1, 32, 32, {24, true, true, true, true, true, true, true}},
};

#endif
