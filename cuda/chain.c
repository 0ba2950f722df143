/* Rollouts of a few candidates by blocks that keep the weights on the chip:
 * finding what the device takes, and running it some notes at a time, so that
 * a cancel is heard and a live step gets its turn. */
#include <stdlib.h>
#include <string.h>

#include "cuda/chain.h"
#include "cuda/instance.h"
#include "model/play/rollout.h"
#include "rt/log.h"

/* Notes in one launch, which loads the weights first. Beside a cluster a live
 * step finds room; for a grid's launch it has to wait, so that one is short. */
enum {
    NOTES = 16,
    NOTES_GRID = 4,
    ENOUGH = 900 /* thousandths of them on the chip: what is left is read while
                    a field is drawn */
};

struct rp_cuda_chains {
    struct rp_cuda_memory memory;
    struct rp_cuda_chain chain;
    uint32_t packed; /* cuda->weights_set of the image */
    volatile uint32_t *going; /* mapped */
};

/* What is tried, the quickest by reckoning first (README.md): the first that
 * keeps enough of the weights on the chip is taken, else that which keeps
 * most. */
static const struct way {
    const char *name;
    enum rp_plan_form form;
    uint32_t width;
} ways[] = {{"cluster-fp32", RP_PLAN_CLUSTER, RP_PLAN_FP32},
            {"cluster-bf16", RP_PLAN_CLUSTER, RP_PLAN_BF16},
            {"grid-fp32", RP_PLAN_GRID, RP_PLAN_FP32},
            {"grid-bf16", RP_PLAN_GRID, RP_PLAN_BF16}};
enum { WAYS = sizeof ways / sizeof *ways };

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

/* ---- choosing ---- */

struct choice {
    struct rp_cuda_plan plan;
    const char *name; /* of the way; NULL: nothing yet */
    char why[120];    /* not */
};

/* Of all weights, in thousandths. */
static uint32_t on_chip(const struct rp_cuda_plan *plan)
{
    return (uint32_t)((plan->held + plan->kept) * 1000ull / plan->cells);
}

/* Whether it is better than what was found, and the device takes it. */
static bool consider(struct rp_cuda *cuda, const struct way *way,
                     uint32_t blocks, uint32_t bytes, struct choice *choice)
{
    const struct rp_plan_shape shape = plan_shape(cuda);
    const struct rp_plan_room room = {.form = way->form,
                                      .width = way->width,
                                      .blocks = blocks,
                                      .bytes = bytes,
                                      .scratch = rp_cuda_chain_scratch()};
    struct rp_cuda_plan plan;

    if (!rp_cuda_plan_make(&plan, &shape, &room, choice->why,
                           sizeof choice->why) ||
        (choice->name && on_chip(&plan) <= on_chip(&choice->plan)) ||
        rp_cuda_chain_fits(&plan, bytes) < 1)
        return false;
    choice->plan = plan;
    choice->name = way->name;
    return true;
}

/* The cluster that keeps most; of equals the smallest but 8, which is quick
 * and every device with clusters has. */
static void try_clusters(struct rp_cuda *cuda, const struct way *way,
                         uint32_t bytes, struct choice *choice)
{
    static const uint32_t blocks[] = {8, 16, 4, 2, 1};

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        (void)consider(cuda, way, blocks[i], bytes, choice);
}

/* As many blocks as there may be, one to a multiprocessor. */
static void try_grids(struct rp_cuda *cuda, const struct way *way,
                      const struct cudaDeviceProp *device,
                      struct choice *choice)
{
    for (uint32_t n = (uint32_t)device->multiProcessorCount; n; n--)
        if (cuda->shape.hidden % n == 0 && cuda->shape.head % n == 0 &&
            consider(cuda, way, n, (uint32_t)device->sharedMemPerBlockOptin,
                     choice))
            break;
}

static bool choose(struct rp_cuda *cuda, const struct cudaDeviceProp *device,
                   struct rp_cuda_plan *best)
{
    const uint32_t bytes = (uint32_t)device->sharedMemPerBlockOptin;
    const char *only = getenv("RIPOSTE_CUDA_CHAIN");
    struct choice choice = {0};
    bool known = !only;

    for (int i = 0; i < WAYS; i++) {
        if (only && strcmp(only, ways[i].name))
            continue;
        known = true;
        if (choice.name && on_chip(&choice.plan) >= ENOUGH)
            break;
        if (ways[i].form == RP_PLAN_CLUSTER)
            try_clusters(cuda, &ways[i], bytes, &choice);
        else
            try_grids(cuda, &ways[i], device, &choice);
    }
    *best = choice.plan;
    if (choice.name)
        rp_log(RP_DEBUG, "cuda",
               "%s: %u blocks keep %u of %u KiB of weights each, %u of them "
               "in registers",
               choice.name, best->blocks, (best->held + best->kept) / 2,
               best->cells / 2, best->held / 2);
    else if (!known)
        rp_log(RP_WARN, "cuda",
               "no persistent path: RIPOSTE_CUDA_CHAIN=%s is none of "
               "cluster-fp32, cluster-bf16, grid-fp32, grid-bf16",
               only);
    else
        rp_log(RP_WARN, "cuda", "no persistent path here: %s",
               *choice.why ? choice.why
                           : "the device takes no such blocks");
    return choice.name != NULL;
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
    const struct rp_cuda_plan *plan = &chain->plan;
    const size_t state =
        (size_t)cuda->shape.layers * cuda->shape.hidden * sizeof(float);
    const size_t words = plan->commons * sizeof *chain->words;
    size_t lane, reader, turn, note;
    rp_status status;

    rp_cuda_roll_sizes(&lane, &reader, &turn, &note);
    status = rp_cuda_alloc(cuda, &chains->memory, &chain->lane,
                           RP_CUDA_CHAINS * lane);
    if (!status)
        status = rp_cuda_alloc(cuda, &chains->memory, (void **)&chain->state,
                               RP_CUDA_CHAINS * state);
    if (!status)
        status = rp_cuda_alloc(cuda, &chains->memory, &chain->image,
                               (size_t)plan->blocks * plan->cells *
                                   RP_PLAN_CELL);
    if (!status)
        status = rp_cuda_alloc(cuda, &chains->memory, (void **)&chain->words,
                               words);
    if (!status)
        status = rp_cuda_alloc_mapped(
            cuda, &chains->memory, (void **)&chains->going,
            (void **)&chain->going, RP_CUDA_CHAINS * sizeof *chain->going);
    if (!status) /* the last: what is enqueued is not freed */
        status = rp_cuda_check(
            cuda, cudaMemsetAsync(chain->words, 0, words, cuda->behind),
            "a rollout");
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
    status = choose(cuda, &device, &chains->chain.plan)
                 ? allocate(cuda, chains)
                 : RP_ENONE;
    if (status) {
        rp_cuda_chains_free(chains);
        return status;
    }
    chains->chain.notes =
        chains->chain.plan.form == RP_PLAN_GRID ? NOTES_GRID : NOTES;
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

static rp_status launch(struct rp_cuda *cuda, struct rp_cuda_chain *chain,
                        uint32_t first, uint32_t candidates)
{
    chain->first = first;
    chain->round += RP_CUDA_CHAIN_ROUNDS;
    return rp_cuda_check(
        cuda, rp_cuda_chain_run(chain, candidates, cuda->behind),
        "a rollout");
}

/* Some notes more of those that go on: all beside each other, or, where one
 * takes the whole device, one after another. */
static rp_status run_some(struct rp_cuda *cuda, struct rp_cuda_chains *chains,
                          uint32_t candidates)
{
    rp_status status = RP_OK;

    if (chains->chain.plan.form == RP_PLAN_CLUSTER)
        status = launch(cuda, &chains->chain, 0, candidates);
    else
        for (uint32_t i = 0; i < candidates && !status; i++)
            if (chains->going[i])
                status = launch(cuda, &chains->chain, i, 1);
    return status ? status : rp_cuda_wait(cuda, cuda->behind, "a rollout");
}

/* Candidates to where they begin; weights, where others were set. */
static rp_status begin(struct rp_cuda *cuda, struct rp_cuda_chains *chains,
                       uint32_t candidates)
{
    cudaError_t error = cudaSuccess;

    if (chains->packed != cuda->weights_set)
        error = rp_cuda_chain_pack(&chains->chain, cuda->behind);
    if (!error)
        error = rp_cuda_chain_begin(&chains->chain, cuda->behind);
    chains->packed = cuda->weights_set;
    for (uint32_t i = 0; i < RP_CUDA_CHAINS; i++)
        chains->going[i] = i < candidates;
    return rp_cuda_check(cuda, error, "a rollout");
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
    status = begin(cuda, chains, rollout->candidates);
    while (!status && any_going(chains, rollout->candidates)) {
        if (rollout->cancel && atomic_load(rollout->cancel)) {
            /* What was sent is being read. */
            status = rp_cuda_wait(cuda, cuda->behind, "a rollout");
            return status ? status : RP_ECANCEL;
        }
        status = run_some(cuda, chains, rollout->candidates);
    }
    return status;
}
