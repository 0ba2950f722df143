/* The engine's table: an instance, and its states in slots on the device. What
 * is done to them is enqueued in one stream and returns before it is done;
 * whoever reads waits. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/instance.h"
#include "rt/log.h"

/* An answer's notes are drawn 50 ms before they sound, of which the CPU engine
 * needs a few where the device is lost. */
enum { DEADLINE_MS = 500, LIVE_MS = 20 };

const char *const rp_cuda_path_names[RP_CUDA_PATHS] = {
    "auto", "plain", "graph", "persistent", "bf16"};

/* Instances whose device memory may still be written: not freed, but not
 * forgotten. Several threads close some. */
static _Atomic(struct rp_cuda *) stuck;

static struct rp_cuda *of(struct rp_engine *engine)
{
    return (struct rp_cuda *)engine;
}

/* $RIPOSTE_CUDA_PATH and $RIPOSTE_CUDA_DEADLINE (ms): for measuring. */
static void read_settings(struct rp_cuda *cuda)
{
    const char *path = getenv("RIPOSTE_CUDA_PATH");
    bool found = !path || !*path;
    uint32_t ms = rp_cuda_deadline();

    cuda->deadline_ms = ms ? ms : DEADLINE_MS;
    cuda->live_ms = ms ? ms : LIVE_MS;
    for (int i = 0; !found && i < RP_CUDA_PATHS; i++) {
        found = !strcmp(path, rp_cuda_path_names[i]);
        if (found)
            cuda->path = (enum rp_cuda_path)i;
    }
    if (!found)
        rp_log(RP_WARN, "cuda",
               "RIPOSTE_CUDA_PATH=%s: no such path (auto, plain, "
               "graph, persistent, bf16); using %s",
               path, rp_cuda_path_names[cuda->path]);
}

static void cuda_destroy(struct rp_engine *engine)
{
    struct rp_cuda *cuda = of(engine);

    if (!cuda)
        return;
    if (cuda->stuck) { /* freeing would wait for what never ends */
        cuda->next_stuck = atomic_exchange(&stuck, cuda);
        return;
    }
    if (cuda->stream && !cuda->lost)
        (void)rp_cuda_wait(cuda, cuda->stream, "closing");
    rp_cuda_rollout_free(cuda);
    rp_cuda_live_free(cuda);
    rp_cuda_free(&cuda->memory);
    if (cuda->stream)
        (void)cudaStreamDestroy(cuda->stream);
    if (cuda->behind)
        (void)cudaStreamDestroy(cuda->behind);
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
    status = cuda->side ? create_streams(cuda) : RP_EMEM;
    if (!status)
        status = rp_cuda_weights_create(cuda);
    if (!status)
        status = create_states(cuda);
    if (!status)
        status = rp_cuda_alloc_mapped(cuda, &cuda->memory,
                                      (void **)&cuda->bounce,
                                      (void **)&cuda->bounce_device,
                                      shape->hidden * sizeof(float));
    if (!status)
        status = rp_cuda_live_create(cuda);
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

static rp_status cuda_state(struct rp_engine *engine, uint32_t slot,
                            uint32_t layer, float *h)
{
    struct rp_cuda *cuda = of(engine);

    if (cuda->lost)
        return RP_ELOST;
    if (slot >= cuda->slots || layer >= cuda->shape.layers)
        return RP_EARG;
    return rp_cuda_live_state(cuda, state_at(cuda, slot, layer), h);
}

static rp_status cuda_set_state(struct rp_engine *engine, uint32_t slot,
                                uint32_t layer, const float *h)
{
    struct rp_cuda *cuda = of(engine);
    const size_t size = cuda->shape.hidden * sizeof *h;
    rp_status status;

    if (cuda->lost)
        return RP_ELOST;
    if (slot >= cuda->slots || layer >= cuda->shape.layers)
        return RP_EARG;
    memcpy(cuda->bounce, h, size);
    status = rp_cuda_check(cuda,
                           cudaMemcpyAsync(state_at(cuda, slot, layer),
                                           cuda->bounce, size,
                                           cudaMemcpyHostToDevice,
                                           cuda->stream),
                           "setting a state");
    return status ? status : rp_cuda_live_wait(cuda, "setting a state");
}

static rp_status cuda_set_params(struct rp_engine *engine, const float *params)
{
    struct rp_cuda *cuda = of(engine);
    rp_status status;

    if (cuda->lost)
        return RP_ELOST;
    status = rp_cuda_weights_set(cuda, params);
    return status ? status : rp_cuda_live_choose(cuda);
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
    .step = rp_cuda_step,
    .logits = rp_cuda_logits,
    .logits_many = rp_cuda_logits_many,
    .state = cuda_state,
    .set_state = cuda_set_state,
    .rollout = rp_cuda_rollout,
    .rollout_reserve = rp_cuda_rollout_reserve,
    .train = &rp_train_cuda,
};
