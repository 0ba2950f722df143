#include "cuda/plan.h"

#include <stdio.h>
#include <string.h>

enum { THREADS_MIN = 64, THREADS_MAX = 512, LOGITS = 128 };

static uint32_t place(struct rp_cuda_plan *plan, uint64_t bytes)
{
    uint32_t at = plan->shared;

    plan->shared += (uint32_t)((bytes + 15) / 16 * 16);
    return at;
}

/* Kept where it still fits. */
static uint32_t keep(struct rp_cuda_plan *plan, uint32_t rows, uint32_t columns,
                     uint32_t bytes)
{
    uint64_t size = (uint64_t)rows * columns * sizeof(float);

    plan->all += size * plan->blocks;
    if (plan->shared + size + 15 > bytes)
        return RP_PLAN_NONE;
    plan->kept += size * plan->blocks;
    return place(plan, size);
}

/* A warp for each unit, within reason. */
static uint32_t threads_for(uint32_t units)
{
    uint32_t threads = units * RP_PLAN_WARP;

    return threads < THREADS_MIN   ? THREADS_MIN
           : threads > THREADS_MAX ? THREADS_MAX
                                   : threads;
}

bool rp_cuda_plan_make(struct rp_cuda_plan *plan,
                       const struct rp_plan_shape *shape, uint32_t blocks,
                       uint32_t bytes, uint32_t scratch, char *why,
                       size_t size)
{
    const uint32_t H = shape->hidden, E = shape->head;

    memset(plan, 0, sizeof *plan);
    if (H % blocks || E % blocks) {
        snprintf(why, size, "%u units do not divide among %u blocks", H,
                 blocks);
        return false;
    }
    plan->blocks = blocks;
    plan->layers = shape->layers;
    plan->hidden = H;
    plan->head = E;
    plan->units = H / blocks;
    plan->actives = E / blocks;
    plan->threads = threads_for(plan->units);
    plan->barrier = place(plan, sizeof(uint64_t));
    plan->state = place(plan, 2ull * shape->layers * H * sizeof(float));
    plan->active = place(plan, E * sizeof(float));
    plan->logits = place(plan, LOGITS * sizeof(float));
    plan->scratch = place(plan, scratch);
    if (plan->shared > bytes) {
        snprintf(why, size, "%u bytes of shared memory, %u are needed", bytes,
                 plan->shared);
        return false;
    }
    /* What every note reads, in the order of how much waits for it. */
    for (uint32_t l = 0; l < shape->layers; l++) {
        plan->own[l] = keep(plan, 3 * plan->units, H, bytes);
        plan->input[l] =
            l ? keep(plan, 3 * plan->units, H, bytes) : RP_PLAN_NONE;
    }
    for (uint32_t f = 0; f < RP_PLAN_FIELDS; f++) {
        plan->classes[f] = shape->classes[f];
        plan->middle[f] = plan->out[f] = RP_PLAN_NONE;
        if (!shape->classes[f])
            continue;
        plan->middle[f] = keep(plan, plan->actives, H, bytes);
        plan->out[f] = keep(
            plan, rp_plan_classes(shape->classes[f], blocks, 0), E, bytes);
    }
    return true;
}
