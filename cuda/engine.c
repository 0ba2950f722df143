/* The engine's table: states in slots on the device, steps and heads enqueued
 * in one stream. A step returns before it is done; whoever reads waits. */
#include <stdlib.h>
#include <string.h>

#include "cuda/instance.h"
#include "rt/log.h"

/* An answer's notes are drawn 50 ms before they sound, of which the CPU engine
 * needs a few where the device is lost. */
enum { DEADLINE_MS = 500, LIVE_MS = 20 };

const char *const rp_cuda_path_names[RP_CUDA_PATHS] = {
    "plain", "graph", "persistent", "bf16"};

/* Instances whose device memory may still be written: not freed, but not
 * forgotten. */
static struct rp_cuda *stuck;

static struct rp_cuda *of(struct rp_engine *engine)
{
    return (struct rp_cuda *)engine;
}

/* $RIPOSTE_CUDA_PATH and $RIPOSTE_CUDA_DEADLINE (ms): for measuring. */
static void read_settings(struct rp_cuda *cuda)
{
    const char *path = getenv("RIPOSTE_CUDA_PATH");
    const char *deadline = getenv("RIPOSTE_CUDA_DEADLINE");
    bool found = !path || !*path;
    int ms = deadline ? atoi(deadline) : 0;

    if (deadline && ms < 1)
        rp_log(RP_WARN, "cuda",
               "RIPOSTE_CUDA_DEADLINE=%s: expected milliseconds, 1 or more",
               deadline);
    cuda->deadline_ms = ms > 0 ? (uint32_t)ms : DEADLINE_MS;
    cuda->live_ms = ms > 0 ? (uint32_t)ms : LIVE_MS;
    for (int i = 0; !found && i < RP_CUDA_PATHS; i++) {
        found = !strcmp(path, rp_cuda_path_names[i]);
        if (found)
            cuda->path = (enum rp_cuda_path)i;
    }
    if (!found)
        rp_log(RP_WARN, "cuda",
               "RIPOSTE_CUDA_PATH=%s: no such path (plain, graph, "
               "persistent, bf16); using %s",
               path, rp_cuda_path_names[cuda->path]);
}

static void destroy_graphs(struct rp_cuda *cuda)
{
    for (uint32_t i = 0; cuda->step_graph && i <= cuda->slots; i++)
        if (cuda->step_graph[i])
            (void)cudaGraphExecDestroy(cuda->step_graph[i]);
    for (uint32_t i = 0; cuda->head_graph && i < RP_FIELDS * (cuda->slots + 1);
         i++)
        if (cuda->head_graph[i])
            (void)cudaGraphExecDestroy(cuda->head_graph[i]);
}

static void cuda_destroy(struct rp_engine *engine)
{
    struct rp_cuda *cuda = of(engine);

    if (!cuda)
        return;
    if (cuda->stuck) { /* freeing would wait for what never ends */
        cuda->next_stuck = stuck;
        stuck = cuda;
        return;
    }
    if (cuda->stream && !cuda->lost)
        (void)rp_cuda_wait(cuda, cuda->stream, "closing");
    rp_cuda_rollout_free(cuda);
    destroy_graphs(cuda);
    rp_cuda_free(&cuda->memory);
    if (cuda->stream)
        (void)cudaStreamDestroy(cuda->stream);
    if (cuda->behind)
        (void)cudaStreamDestroy(cuda->behind);
    free(cuda->step_graph);
    free(cuda->head_graph);
    free(cuda->side);
    free(cuda);
}

static rp_status create_streams(struct rp_cuda *cuda)
{
    int least = 0, greatest = 0;
    rp_status status =
        rp_cuda_check(cuda, cudaSetDevice(0), "opening the device");

    if (!status)
        status = rp_cuda_check(
            cuda, cudaDeviceGetStreamPriorityRange(&least, &greatest),
            "opening the device");
    if (!status)
        status = rp_cuda_check(
            cuda,
            cudaStreamCreateWithPriority(&cuda->stream, cudaStreamNonBlocking,
                                         greatest),
            "opening a stream");
    if (!status)
        status = rp_cuda_check(
            cuda,
            cudaStreamCreateWithPriority(&cuda->behind, cudaStreamNonBlocking,
                                         least),
            "opening a stream");
    return status;
}

static rp_status create_in(struct rp_cuda *cuda, uint32_t rows,
                           struct rp_cuda_rows_in *in)
{
    rp_status status = rp_cuda_alloc_mapped(
        cuda, &cuda->memory, (void **)&in->row, (void **)&in->row_device,
        rows * sizeof *in->row);

    if (!status)
        status = rp_cuda_alloc_mapped(
            cuda, &cuda->memory, (void **)&in->indices,
            (void **)&in->indices_device,
            (size_t)rows * RP_CUDA_INDICES * sizeof *in->indices);
    return status;
}

static rp_status create_states(struct rp_cuda *cuda)
{
    const size_t H = cuda->shape.hidden, slots = cuda->slots;
    const size_t size = slots * cuda->shape.layers * H * sizeof(float);
    rp_status status = RP_OK;

    cuda->states.layers = cuda->shape.layers;
    cuda->states.hidden = cuda->shape.hidden;
    for (int i = 0; !status && i < 2; i++) {
        status = rp_cuda_alloc(cuda, &cuda->memory,
                               (void **)&cuda->states.side[i], size);
        if (!status)
            status = rp_cuda_check(cuda,
                                   cudaMemsetAsync(cuda->states.side[i], 0,
                                                   size, cuda->stream),
                                   "clearing states");
    }
    return status;
}

static rp_status create_buffers(struct rp_cuda *cuda)
{
    struct rp_cuda_memory *memory = &cuda->memory;
    rp_status status = create_in(cuda, cuda->slots, &cuda->step_in);

    if (!status)
        status = create_in(cuda, cuda->slots, &cuda->heads_in);
    if (!status)
        status = rp_cuda_alloc(cuda, memory, (void **)&cuda->active,
                               (size_t)cuda->slots * cuda->shape.head *
                                   sizeof(float));
    if (!status)
        status = rp_cuda_alloc_mapped(cuda, memory, (void **)&cuda->logits,
                                      (void **)&cuda->logits_device,
                                      (size_t)cuda->slots * RP_CUDA_LOGITS *
                                          sizeof(float));
    if (!status)
        status = rp_cuda_alloc_mapped(cuda, memory, (void **)&cuda->bounce,
                                      (void **)&cuda->bounce_device,
                                      cuda->shape.hidden * sizeof(float));
    return status;
}

static rp_status cuda_create(struct rp_engine **engine,
                             const struct rp_shape *shape, uint32_t slots)
{
    rp_status status = rp_shape_check(shape);
    struct rp_cuda *cuda;

    if (status)
        return status;
    if (!slots)
        return RP_EARG;
    cuda = calloc(1, sizeof *cuda);
    if (!cuda)
        return RP_EMEM;
    cuda->base.ops = &rp_engine_cuda;
    cuda->shape = *shape;
    cuda->slots = slots;
    cuda->inputs = rp_vocabulary_inputs(&shape->vocabulary);
    rp_shape_layout(shape, &cuda->layout);
    read_settings(cuda);
    cuda->side = calloc(slots, sizeof *cuda->side);
    cuda->step_graph = calloc(slots + 1, sizeof *cuda->step_graph);
    cuda->head_graph =
        calloc(RP_FIELDS * ((size_t)slots + 1), sizeof *cuda->head_graph);
    status = cuda->side && cuda->step_graph && cuda->head_graph ? RP_OK
                                                                : RP_EMEM;
    if (!status)
        status = create_streams(cuda);
    if (!status)
        status = rp_cuda_weights_create(cuda);
    if (!status)
        status = create_states(cuda);
    if (!status)
        status = create_buffers(cuda);
    if (!status)
        status = rp_cuda_wait(cuda, cuda->stream, "clearing states");
    if (status) {
        cuda_destroy(&cuda->base);
        return status;
    }
    *engine = &cuda->base;
    return RP_OK;
}

static float *state_at(const struct rp_cuda *cuda, uint32_t slot,
                       uint32_t layer)
{
    return cuda->states.side[cuda->side[slot]] +
           ((size_t)slot * cuda->shape.layers + layer) * cuda->shape.hidden;
}

static size_t state_size(const struct rp_cuda *cuda)
{
    return (size_t)cuda->shape.layers * cuda->shape.hidden * sizeof(float);
}

static rp_status cuda_slot_reset(struct rp_engine *engine, uint32_t slot)
{
    struct rp_cuda *cuda = of(engine);

    if (cuda->lost)
        return RP_ELOST;
    if (slot >= cuda->slots)
        return RP_EARG;
    return rp_cuda_check(cuda,
                         cudaMemsetAsync(state_at(cuda, slot, 0), 0,
                                         state_size(cuda), cuda->stream),
                         "clearing a state");
}

static rp_status cuda_slot_copy(struct rp_engine *engine, uint32_t to,
                                uint32_t from)
{
    struct rp_cuda *cuda = of(engine);

    if (cuda->lost)
        return RP_ELOST;
    if (to >= cuda->slots || from >= cuda->slots)
        return RP_EARG;
    if (to == from)
        return RP_OK;
    return rp_cuda_check(
        cuda,
        cudaMemcpyAsync(state_at(cuda, to, 0), state_at(cuda, from, 0),
                        state_size(cuda), cudaMemcpyDeviceToDevice,
                        cuda->stream),
        "copying a state");
}

static bool indices_fit(const struct rp_indices *indices, uint32_t limit)
{
    if (indices->count > RP_INDICES_MAX)
        return false;
    for (uint32_t i = 0; i < indices->count; i++)
        if (indices->at[i] >= limit)
            return false;
    return true;
}

static void write_row(struct rp_cuda *cuda, struct rp_cuda_rows_in *in,
                      uint32_t i, uint32_t slot,
                      const struct rp_indices *indices)
{
    uint16_t *to = in->indices + (size_t)i * RP_CUDA_INDICES;

    in->row[i] = (struct rp_cuda_row){slot, cuda->side[slot]};
    to[0] = indices->count;
    memcpy(to + 1, indices->at, indices->count * sizeof *to);
}

static rp_status enqueue_step(struct rp_cuda *cuda, uint32_t count)
{
    struct rp_cuda_step step = {.rows.most = count,
                                .row = cuda->step_in.row_device,
                                .input = cuda->step_in.indices_device,
                                .states = cuda->states};

    for (uint32_t l = 0; l < cuda->shape.layers; l++) {
        rp_status status;
        step.number = l;
        step.layer = cuda->layer[l];
        status = rp_cuda_check(
            cuda, rp_cuda_step_enqueue(&step, cuda->stream), "a step");
        if (status)
            return status;
    }
    return RP_OK;
}

/* `which`: field + RP_FIELDS * rows. */
static rp_status enqueue_heads(struct rp_cuda *cuda, uint32_t which)
{
    const struct rp_cuda_heads heads = {
        .rows.most = which / RP_FIELDS,
        .row = cuda->heads_in.row_device,
        .condition = cuda->heads_in.indices_device,
        .states = cuda->states,
        .head = cuda->head[which % RP_FIELDS],
        .width = cuda->shape.head,
        .active = cuda->active,
        .logits = cuda->logits_device};

    return rp_cuda_check(cuda, rp_cuda_heads_enqueue(&heads, cuda->stream),
                         "a head");
}

static rp_status cuda_step(struct rp_engine *engine, uint32_t count,
                           const uint32_t *slot,
                           const struct rp_indices *input)
{
    struct rp_cuda *cuda = of(engine);
    rp_status status;

    if (cuda->lost)
        return RP_ELOST;
    if (count > cuda->slots)
        return RP_EARG;
    for (uint32_t i = 0; i < count; i++)
        if (slot[i] >= cuda->slots || !indices_fit(&input[i], cuda->inputs))
            return RP_EARG;
    if (!count)
        return RP_OK;
    /* The last step may still be reading what this one is to write. */
    status = rp_cuda_wait_live(cuda, "a step");
    if (status)
        return status;
    for (uint32_t i = 0; i < count; i++)
        write_row(cuda, &cuda->step_in, i, slot[i], &input[i]);
    status = cuda->path != RP_CUDA_PLAIN
                 ? rp_cuda_launch_graph(cuda, cuda->stream,
                                        &cuda->step_graph[count],
                                        enqueue_step, count)
                 : enqueue_step(cuda, count);
    for (uint32_t i = 0; !status && i < count; i++)
        cuda->side[slot[i]] ^= 1;
    return status;
}

static bool heads_fit(const struct rp_cuda *cuda, uint32_t count,
                      const uint32_t *slot, enum rp_field field,
                      const struct rp_indices *condition)
{
    if (count > cuda->slots || (unsigned)field >= RP_FIELDS ||
        !cuda->head[field].classes)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (slot[i] >= cuda->slots ||
            !indices_fit(&condition[i], cuda->head[field].condition))
            return false;
    return true;
}

/* Logits into cuda->logits, row by row. */
static rp_status make_logits(struct rp_cuda *cuda, uint32_t count,
                             const uint32_t *slot, enum rp_field field,
                             const struct rp_indices *condition)
{
    const uint32_t which = (uint32_t)field + RP_FIELDS * count;
    rp_status status;

    if (cuda->lost)
        return RP_ELOST;
    if (!heads_fit(cuda, count, slot, field, condition))
        return RP_EARG;
    if (!count)
        return RP_OK;
    for (uint32_t i = 0; i < count; i++)
        write_row(cuda, &cuda->heads_in, i, slot[i], &condition[i]);
    status = cuda->path != RP_CUDA_PLAIN
                 ? rp_cuda_launch_graph(cuda, cuda->stream,
                                        &cuda->head_graph[which],
                                        enqueue_heads, which)
                 : enqueue_heads(cuda, which);
    return status ? status : rp_cuda_wait_live(cuda, "a head");
}

static rp_status cuda_logits(struct rp_engine *engine, uint32_t slot,
                             enum rp_field field,
                             const struct rp_indices *condition, float *logits)
{
    struct rp_cuda *cuda = of(engine);
    rp_status status = make_logits(cuda, 1, &slot, field, condition);

    if (!status)
        memcpy(logits, cuda->logits,
               cuda->head[field].classes * sizeof *logits);
    return status;
}

static rp_status cuda_logits_many(struct rp_engine *engine, uint32_t count,
                                  const uint32_t *slot, enum rp_field field,
                                  const struct rp_indices *condition,
                                  float *logits)
{
    struct rp_cuda *cuda = of(engine);
    rp_status status = make_logits(cuda, count, slot, field, condition);

    if (!status)
        memcpy(logits, cuda->logits,
               (size_t)count * RP_CUDA_LOGITS * sizeof *logits);
    return status;
}

static rp_status move_state(struct rp_cuda *cuda, void *to, const void *from)
{
    rp_status status = rp_cuda_check(
        cuda,
        cudaMemcpyAsync(to, from, cuda->shape.hidden * sizeof(float),
                        cudaMemcpyDefault, cuda->stream),
        "moving a state");

    if (!status)
        status = rp_cuda_wait_live(cuda, "moving a state");
    return status;
}

static rp_status cuda_state(struct rp_engine *engine, uint32_t slot,
                            uint32_t layer, float *h)
{
    struct rp_cuda *cuda = of(engine);
    rp_status status;

    if (cuda->lost)
        return RP_ELOST;
    if (slot >= cuda->slots || layer >= cuda->shape.layers)
        return RP_EARG;
    status = move_state(cuda, cuda->bounce, state_at(cuda, slot, layer));
    if (!status)
        memcpy(h, cuda->bounce, cuda->shape.hidden * sizeof *h);
    return status;
}

static rp_status cuda_set_state(struct rp_engine *engine, uint32_t slot,
                                uint32_t layer, const float *h)
{
    struct rp_cuda *cuda = of(engine);

    if (cuda->lost)
        return RP_ELOST;
    if (slot >= cuda->slots || layer >= cuda->shape.layers)
        return RP_EARG;
    memcpy(cuda->bounce, h, cuda->shape.hidden * sizeof *h);
    return move_state(cuda, state_at(cuda, slot, layer), cuda->bounce);
}

static rp_status cuda_set_params(struct rp_engine *engine, const float *params)
{
    struct rp_cuda *cuda = of(engine);

    if (cuda->lost)
        return RP_ELOST;
    return rp_cuda_weights_set(cuda, params);
}

const struct rp_engine_ops rp_engine_cuda = {
    .version = RP_ENGINE_VERSION,
    .name = "cuda",
    .probe = rp_cuda_probe,
    .create = cuda_create,
    .destroy = cuda_destroy,
    .set_params = cuda_set_params,
    .slot_reset = cuda_slot_reset,
    .slot_copy = cuda_slot_copy,
    .step = cuda_step,
    .logits = cuda_logits,
    .logits_many = cuda_logits_many,
    .state = cuda_state,
    .set_state = cuda_set_state,
    .rollout = rp_cuda_rollout,
    .train = &rp_train_cuda,
};
