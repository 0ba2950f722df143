/* The CPU engine. Bound by how fast weights stream from the cache, so a step
 * reads each of them once for all slots, and sparse vectors read only the rows
 * they name. Nothing is allocated after create. */
#include "model/net/engine_cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct head {
    uint32_t classes; /* N_f; 0: not in use */
    float *hidden;    /* packed (H -> E) */
    float *bias;      /* (E) */
    float *cond;      /* (C_f, E), one row per condition */
    float *out;       /* packed (E -> N_f) */
    float *out_bias;  /* (N_f), padded to 16 */
};

struct layer {
    float *input;  /* layer 0: (I, 3H), one row per input; else packed */
    float *hidden; /* packed (H -> 3H) */
    float *bias_ih, *bias_hh; /* (3H) */
};

struct cpu {
    struct rp_engine base;
    const struct rp_kernels *kernels;
    struct rp_shape shape;
    struct rp_layout layout;
    uint32_t slots, inputs;
    uint32_t condition[RP_FIELDS];
    float *state;       /* (slots, layers, H) */
    float *gi, *gh;     /* (slots, 3H) */
    float *below, *own; /* (slots, H): the layer's input, its state */
    float *active;      /* (slots, E) */
    float *logits;      /* RP_SOFTMAX_MAX */
    struct layer layer[RP_LAYERS_MAX];
    struct head head[RP_FIELDS];
};

static bool cpu_probe(char *text, size_t size)
{
    snprintf(text, size, "%s kernels", rp_kernels()->name);
    return true;
}

static void cpu_destroy(struct rp_engine *engine)
{
    struct cpu *cpu = (struct cpu *)engine;

    if (!cpu)
        return;
    for (int l = 0; l < RP_LAYERS_MAX; l++) {
        free(cpu->layer[l].input);
        free(cpu->layer[l].hidden);
        free(cpu->layer[l].bias_ih);
        free(cpu->layer[l].bias_hh);
    }
    for (int f = 0; f < RP_FIELDS; f++) {
        free(cpu->head[f].hidden);
        free(cpu->head[f].bias);
        free(cpu->head[f].cond);
        free(cpu->head[f].out);
        free(cpu->head[f].out_bias);
    }
    free(cpu->state);
    free(cpu->gi);
    free(cpu->gh);
    free(cpu->below);
    free(cpu->own);
    free(cpu->active);
    free(cpu->logits);
    free(cpu);
}

static bool create_layers(struct cpu *cpu)
{
    const size_t H = cpu->shape.hidden;

    for (uint32_t l = 0; l < cpu->shape.layers; l++) {
        struct layer *layer = &cpu->layer[l];
        size_t inputs = l ? H : cpu->inputs;
        layer->input = rp_floats_create(3 * H * inputs);
        layer->hidden = rp_floats_create(rp_packed_size(3 * H, H));
        layer->bias_ih = rp_floats_create(3 * H);
        layer->bias_hh = rp_floats_create(3 * H);
        if (!layer->input || !layer->hidden || !layer->bias_ih ||
            !layer->bias_hh)
            return false;
    }
    return true;
}

static bool create_heads(struct cpu *cpu)
{
    const size_t H = cpu->shape.hidden, E = cpu->shape.head;

    for (int f = 0; f < RP_FIELDS; f++) {
        struct head *head = &cpu->head[f];
        enum rp_field field = (enum rp_field)f;
        cpu->condition[f] =
            rp_vocabulary_condition(&cpu->shape.vocabulary, field);
        head->classes = rp_vocabulary_classes(&cpu->shape.vocabulary, field);
        if (!head->classes)
            continue;
        head->hidden = rp_floats_create(rp_packed_size(E, H));
        head->bias = rp_floats_create(E);
        head->cond = rp_floats_create(cpu->condition[f] * E);
        head->out = rp_floats_create(rp_packed_size(head->classes, E));
        head->out_bias = rp_floats_create(rp_round16(head->classes));
        if (!head->hidden || !head->bias || !head->cond || !head->out ||
            !head->out_bias)
            return false;
    }
    return true;
}

static bool create_states(struct cpu *cpu)
{
    const size_t H = cpu->shape.hidden, slots = cpu->slots;

    cpu->state = rp_floats_create(slots * cpu->shape.layers * H);
    cpu->gi = rp_floats_create(slots * 3 * H);
    cpu->gh = rp_floats_create(slots * 3 * H);
    cpu->below = rp_floats_create(slots * H);
    cpu->own = rp_floats_create(slots * H);
    cpu->active = rp_floats_create(slots * cpu->shape.head);
    cpu->logits = rp_floats_create(RP_SOFTMAX_MAX);
    return cpu->state && cpu->gi && cpu->gh && cpu->below && cpu->own &&
           cpu->active && cpu->logits;
}

static rp_status cpu_create(struct rp_engine **engine,
                            const struct rp_shape *shape, uint32_t slots)
{
    rp_status status = rp_shape_check(shape);
    if (status)
        return status;
    if (!slots)
        return RP_EARG;
    struct cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu)
        return RP_EMEM;
    cpu->base.ops = &rp_engine_cpu;
    cpu->kernels = rp_kernels();
    cpu->shape = *shape;
    cpu->slots = slots;
    cpu->inputs = rp_vocabulary_inputs(&shape->vocabulary);
    rp_shape_layout(shape, &cpu->layout);
    if (!create_layers(cpu) || !create_heads(cpu) || !create_states(cpu)) {
        cpu_destroy(&cpu->base);
        return RP_EMEM;
    }
    *engine = &cpu->base;
    return RP_OK;
}

/* (rows, columns) -> (columns, rows). */
static void transpose(const struct rp_view *view, const float *params,
                      float *out)
{
    const float *src = params + view->offset;

    for (size_t r = 0; r < view->rows; r++)
        for (size_t c = 0; c < view->columns; c++)
            out[c * view->rows + r] = src[r * view->columns + c];
}

static void pack_weight(const struct rp_view *view, const float *params,
                        float *out)
{
    rp_pack(view->rows, view->columns, params + view->offset, view->columns,
            true, out);
}

static void copy_bias(const struct rp_view *view, const float *params,
                      float *out)
{
    memcpy(out, params + view->offset, view->rows * sizeof *out);
}

static rp_status cpu_set_params(struct rp_engine *engine, const float *params)
{
    struct cpu *cpu = (struct cpu *)engine;
    const struct rp_layout *at = &cpu->layout;

    for (uint32_t l = 0; l < cpu->shape.layers; l++) {
        struct layer *layer = &cpu->layer[l];
        const struct rp_view *input = &at->view[at->weight_ih[l]];
        if (l)
            pack_weight(input, params, layer->input);
        else
            transpose(input, params, layer->input);
        pack_weight(&at->view[at->weight_hh[l]], params, layer->hidden);
        copy_bias(&at->view[at->bias_ih[l]], params, layer->bias_ih);
        copy_bias(&at->view[at->bias_hh[l]], params, layer->bias_hh);
    }
    for (int f = 0; f < RP_FIELDS; f++) {
        struct head *head = &cpu->head[f];
        if (!head->classes)
            continue;
        pack_weight(&at->view[at->head_hidden[f]], params, head->hidden);
        copy_bias(&at->view[at->head_bias[f]], params, head->bias);
        if (cpu->condition[f])
            transpose(&at->view[at->head_cond[f]], params, head->cond);
        pack_weight(&at->view[at->head_out[f]], params, head->out);
        copy_bias(&at->view[at->head_out_bias[f]], params, head->out_bias);
    }
    return RP_OK;
}

static float *state_at(const struct cpu *cpu, uint32_t slot, uint32_t layer)
{
    return cpu->state +
           ((size_t)slot * cpu->shape.layers + layer) * cpu->shape.hidden;
}

static rp_status cpu_slot_reset(struct rp_engine *engine, uint32_t slot)
{
    struct cpu *cpu = (struct cpu *)engine;

    if (slot >= cpu->slots)
        return RP_EARG;
    memset(state_at(cpu, slot, 0), 0,
           cpu->shape.layers * cpu->shape.hidden * sizeof(float));
    return RP_OK;
}

static rp_status cpu_slot_copy(struct rp_engine *engine, uint32_t to,
                               uint32_t from)
{
    struct cpu *cpu = (struct cpu *)engine;

    if (to >= cpu->slots || from >= cpu->slots)
        return RP_EARG;
    if (to != from)
        memcpy(state_at(cpu, to, 0), state_at(cpu, from, 0),
               cpu->shape.layers * cpu->shape.hidden * sizeof(float));
    return RP_OK;
}

/* Layer l of all slots: gi from below (or the sparse input), new state into
 * below and back into the slots. */
static void step_layer(struct cpu *cpu, uint32_t l, uint32_t count,
                       const uint32_t *slot, const struct rp_indices *input)
{
    const struct rp_kernels *kernels = cpu->kernels;
    const struct layer *layer = &cpu->layer[l];
    const size_t H = cpu->shape.hidden, wide = 3 * H;

    for (uint32_t i = 0; i < count; i++)
        memcpy(cpu->own + i * H, state_at(cpu, slot[i], l), H * sizeof(float));
    if (l)
        kernels->gemm(count, wide, H, cpu->below, H, layer->input,
                      layer->bias_ih, 0, cpu->gi, wide);
    else
        for (uint32_t i = 0; i < count; i++)
            kernels->sparse_add(wide, layer->bias_ih, layer->input, wide,
                                input[i].count, input[i].at,
                                cpu->gi + i * wide);
    kernels->gemm(count, wide, H, cpu->own, H, layer->hidden, layer->bias_hh, 0,
                  cpu->gh, wide);
    kernels->gates(H, count, cpu->gi, cpu->gh, cpu->own, cpu->below);
    for (uint32_t i = 0; i < count; i++)
        memcpy(state_at(cpu, slot[i], l), cpu->below + i * H,
               H * sizeof(float));
}

static rp_status cpu_step(struct rp_engine *engine, uint32_t count,
                          const uint32_t *slot, const struct rp_indices *input)
{
    struct cpu *cpu = (struct cpu *)engine;

    if (!rp_engine_takes(cpu->slots, count, slot, input, cpu->inputs))
        return RP_EARG;
    for (uint32_t l = 0; count && l < cpu->shape.layers; l++)
        step_layer(cpu, l, count, slot, input);
    return RP_OK;
}

static rp_status cpu_logits(struct rp_engine *engine, uint32_t slot,
                            enum rp_field field,
                            const struct rp_indices *condition, float *logits)
{
    struct cpu *cpu = (struct cpu *)engine;
    const struct rp_kernels *kernels = cpu->kernels;
    const size_t H = cpu->shape.hidden, E = cpu->shape.head;

    if ((unsigned)field >= RP_FIELDS || !cpu->head[field].classes ||
        !rp_engine_takes(cpu->slots, 1, &slot, condition,
                         cpu->condition[field]))
        return RP_EARG;
    const struct head *head = &cpu->head[field];
    kernels->sparse_add(E, head->bias, head->cond, E, condition->count,
                        condition->at, cpu->active);
    kernels->gemm(1, E, H, state_at(cpu, slot, cpu->shape.layers - 1), H,
                  head->hidden, cpu->active, 0, cpu->active, E);
    kernels->relu(E, cpu->active, cpu->active);
    kernels->gemm(1, head->classes, E, cpu->active, E, head->out,
                  head->out_bias, 0, cpu->logits, RP_SOFTMAX_MAX);
    memcpy(logits, cpu->logits, head->classes * sizeof *logits);
    return RP_OK;
}

/* The weights of a head stream past once for all slots. */
static rp_status cpu_logits_many(struct rp_engine *engine, uint32_t count,
                                 const uint32_t *slot, enum rp_field field,
                                 const struct rp_indices *condition,
                                 float *logits)
{
    struct cpu *cpu = (struct cpu *)engine;
    const struct rp_kernels *kernels = cpu->kernels;
    const size_t H = cpu->shape.hidden, E = cpu->shape.head;
    const struct head *head;

    if ((unsigned)field >= RP_FIELDS || !cpu->head[field].classes ||
        !rp_engine_takes(cpu->slots, count, slot, condition,
                         cpu->condition[field]))
        return RP_EARG;
    head = &cpu->head[field];
    for (uint32_t i = 0; i < count; i++) {
        memcpy(cpu->own + i * H,
               state_at(cpu, slot[i], cpu->shape.layers - 1),
               H * sizeof(float));
        kernels->sparse_add(E, head->bias, head->cond, E, condition[i].count,
                            condition[i].at, cpu->active + i * E);
    }
    kernels->gemm(count, E, H, cpu->own, H, head->hidden, cpu->active, E,
                  cpu->active, E);
    kernels->relu(count * E, cpu->active, cpu->active);
    kernels->gemm(count, head->classes, E, cpu->active, E, head->out,
                  head->out_bias, 0, logits, RP_SOFTMAX_MAX);
    return RP_OK;
}

static rp_status cpu_state(struct rp_engine *engine, uint32_t slot,
                           uint32_t layer, float *h)
{
    struct cpu *cpu = (struct cpu *)engine;

    if (slot >= cpu->slots || layer >= cpu->shape.layers)
        return RP_EARG;
    memcpy(h, state_at(cpu, slot, layer), cpu->shape.hidden * sizeof *h);
    return RP_OK;
}

static rp_status cpu_set_state(struct rp_engine *engine, uint32_t slot,
                               uint32_t layer, const float *h)
{
    struct cpu *cpu = (struct cpu *)engine;

    if (slot >= cpu->slots || layer >= cpu->shape.layers)
        return RP_EARG;
    memcpy(state_at(cpu, slot, layer), h, cpu->shape.hidden * sizeof *h);
    return RP_OK;
}

void rp_engine_cpu_use(struct rp_engine *engine,
                       const struct rp_kernels *kernels)
{
    ((struct cpu *)engine)->kernels = kernels;
}

const struct rp_engine_ops rp_engine_cpu = {
    .version = RP_ENGINE_VERSION,
    .name = "cpu",
    .probe = cpu_probe,
    .create = cpu_create,
    .destroy = cpu_destroy,
    .set_params = cpu_set_params,
    .slot_reset = cpu_slot_reset,
    .slot_copy = cpu_slot_copy,
    .step = cpu_step,
    .logits = cpu_logits,
    .logits_many = cpu_logits_many,
    .state = cpu_state,
    .set_state = cpu_set_state,
};
