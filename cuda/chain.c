/* Rollouts of a few candidates by clusters that keep the weights on the chip:
 * finding a cluster that the device takes, and running it some notes at a
 * time, so that a cancel is heard. */
#include <stdlib.h>
#include <string.h>

#include "cuda/chain.h"
#include "cuda/instance.h"
#include "model/play/rollout.h"
#include "rt/log.h"

enum { NOTES = 16 /* in one launch: longer than loading the weights */ };

struct rp_cuda_chains {
    struct rp_cuda_memory memory;
    struct rp_cuda_chain chain;
    volatile uint32_t *going; /* mapped */
};

void rp_cuda_chains_free(struct rp_cuda_chains *chains)
{
    if (!chains)
        return;
    rp_cuda_free(&chains->memory);
    free(chains);
}

static struct rp_plan_shape plan_shape(const struct rp_cuda *cuda)
{
    struct rp_plan_shape shape = {.layers = cuda->shape.layers,
                                  .hidden = cuda->shape.hidden,
                                  .head = cuda->shape.head};

    for (int f = 0; f < RP_FIELDS; f++)
        shape.classes[f] = cuda->head[f].classes;
    return shape;
}

/* The cluster that keeps most; of equals the smallest but 8, which is quick
 * and every device with clusters has. */
static bool choose(struct rp_cuda *cuda, uint32_t bytes,
                   struct rp_cuda_plan *best)
{
    static const uint32_t blocks[] = {8, 16, 4, 2, 1};
    const struct rp_plan_shape shape = plan_shape(cuda);
    char why[120] = "";
    bool found = false;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct rp_cuda_plan plan;
        if (!rp_cuda_plan_make(&plan, &shape, blocks[i], bytes,
                               rp_cuda_chain_scratch(), why, sizeof why) ||
            (found && plan.kept <= best->kept))
            continue;
        if (rp_cuda_chain_clusters(&plan) < 1)
            continue;
        *best = plan;
        found = true;
    }
    if (found) /* what was tried last may have asked for less */
        found = rp_cuda_chain_clusters(best) > 0;
    if (found)
        rp_log(RP_DEBUG, "cuda",
               "clusters of %u keep %llu of %llu bytes of weights",
               best->blocks, (unsigned long long)best->kept,
               (unsigned long long)best->all);
    else
        rp_log(RP_WARN, "cuda", "no persistent path here: %s",
               *why ? why : "the device takes no such cluster");
    return found;
}

static void point_at_weights(struct rp_cuda *cuda, struct rp_cuda_chain *chain)
{
    const struct rp_layout *at = &cuda->layout;
    const float *plain = cuda->plain;

    for (uint32_t l = 0; l < cuda->shape.layers; l++) {
        struct rp_cuda_chain_layer *layer = &chain->layer[l];
        layer->input = l ? plain + at->view[at->weight_ih[l]].offset
                         : cuda->layer[0].input;
        layer->own = plain + at->view[at->weight_hh[l]].offset;
        layer->bias_ih = plain + at->view[at->bias_ih[l]].offset;
        layer->bias_hh = plain + at->view[at->bias_hh[l]].offset;
    }
    for (int f = 0; f < RP_FIELDS; f++) {
        struct rp_cuda_chain_head *head = &chain->head[f];
        if (!cuda->head[f].classes)
            continue;
        head->condition = cuda->head[f].condition;
        head->middle = plain + at->view[at->head_hidden[f]].offset;
        head->bias = plain + at->view[at->head_bias[f]].offset;
        head->cond = cuda->head[f].cond;
        head->out = plain + at->view[at->head_out[f]].offset;
        head->out_bias = plain + at->view[at->head_out_bias[f]].offset;
    }
}

static rp_status allocate(struct rp_cuda *cuda, struct rp_cuda_chains *chains)
{
    struct rp_cuda_chain *chain = &chains->chain;
    const size_t state =
        (size_t)cuda->shape.layers * cuda->shape.hidden * sizeof(float);
    size_t lane, reader, turn, note;
    rp_status status;

    rp_cuda_roll_sizes(&lane, &reader, &turn, &note);
    status = rp_cuda_alloc(cuda, &chains->memory, &chain->lane,
                           RP_CUDA_CHAINS * chain->plan.blocks * lane);
    if (!status)
        status = rp_cuda_alloc(cuda, &chains->memory, (void **)&chain->state,
                               RP_CUDA_CHAINS * state);
    if (!status)
        status = rp_cuda_alloc_mapped(
            cuda, &chains->memory, (void **)&chains->going,
            (void **)&chain->going, RP_CUDA_CHAINS * sizeof *chain->going);
    return status;
}

rp_status rp_cuda_chains_create(struct rp_cuda *cuda,
                                struct rp_cuda_chains **made)
{
    struct cudaDeviceProp device;
    struct rp_cuda_chains *chains;
    rp_status status = rp_cuda_check(
        cuda, cudaGetDeviceProperties(&device, 0), "asking for the device");

    if (status)
        return status;
    if (device.major < 9) {
        rp_log(RP_WARN, "cuda",
               "no persistent path here: %s has compute capability %d.%d, "
               "clusters need 9.0",
               device.name, device.major, device.minor);
        return RP_ENONE;
    }
    chains = calloc(1, sizeof *chains);
    if (!chains)
        return RP_EMEM;
    chains->chain.room = RP_CUDA_CHAINS;
    chains->chain.notes = NOTES;
    status = choose(cuda, (uint32_t)device.sharedMemPerBlockOptin,
                    &chains->chain.plan)
                 ? allocate(cuda, chains)
                 : RP_ENONE;
    if (status) {
        rp_cuda_chains_free(chains);
        return status;
    }
    point_at_weights(cuda, &chains->chain);
    *made = chains;
    return RP_OK;
}

static bool any_going(const struct rp_cuda_chains *chains, uint32_t candidates)
{
    for (uint32_t i = 0; i < candidates; i++)
        if (chains->going[i])
            return true;
    return false;
}

rp_status rp_cuda_chains_run(struct rp_cuda *cuda,
                             struct rp_cuda_chains *chains,
                             const struct rp_rollout *rollout,
                             const struct rp_cuda_task *task, void *note,
                             void *rolled)
{
    struct rp_cuda_chain *chain = &chains->chain;
    rp_status status;

    chain->task = task;
    chain->note = note;
    chain->rolled = rolled;
    status = rp_cuda_check(cuda, rp_cuda_chain_begin(chain, cuda->behind),
                           "a rollout");
    memset((void *)chains->going, 0, RP_CUDA_CHAINS * sizeof *chains->going);
    while (!status) {
        if (rollout->cancel && atomic_load(rollout->cancel)) {
            /* What was sent is being read. */
            status = rp_cuda_wait(cuda, cuda->behind, "a rollout");
            return status ? status : RP_ECANCEL;
        }
        status = rp_cuda_check(
            cuda,
            rp_cuda_chain_run(chain, rollout->candidates, cuda->behind),
            "a rollout");
        if (!status)
            status = rp_cuda_wait(cuda, cuda->behind, "a rollout");
        if (!status && !any_going(chains, rollout->candidates))
            break;
    }
    return status;
}
