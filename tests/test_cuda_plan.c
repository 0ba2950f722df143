/* How a network lies on a cluster: every output has one owner, nothing lies on
 * anything else, what fits is kept. */
#include "cuda/plan.h"

#include <stdbool.h>

#include "tests/test.h"

enum { SCRATCH = 6000, BYTES = 227 * 1024 };

static const struct rp_plan_shape shapes[] = {
    {2, 256, 128, {64, 24, 128, 64, 24}},
    {2, 512, 256, {64, 24, 128, 64, 24, 16, 16}},
    {1, 16, 16, {64, 24, 128, 64, 24}},
    {4, 2048, 1024, {64, 24, 128, 64, 24}},
};

/* Bytes of a block's shared memory, marked by who has them. */
static unsigned char owner[BYTES + 16];

static void mark(const struct rp_cuda_plan *plan, uint32_t offset,
                 uint64_t bytes, unsigned char who)
{
    if (offset == RP_PLAN_NONE)
        return;
    CHECK_INT(offset % 16, 0);
    CHECK(offset + bytes <= plan->shared);
    for (uint64_t i = offset; i < offset + bytes && i < BYTES; i++) {
        CHECK_INT(owner[i], 0);
        owner[i] = who;
    }
}

static void check_places(const struct rp_cuda_plan *plan)
{
    const uint64_t H = plan->hidden, E = plan->head;
    const uint64_t gates = 3ull * plan->units * H * 4;
    unsigned char who = 6;

    memset(owner, 0, sizeof owner);
    mark(plan, plan->barrier, 8, 1);
    mark(plan, plan->state, 2 * plan->layers * H * 4, 2);
    mark(plan, plan->active, E * 4, 3);
    mark(plan, plan->logits, 128 * 4, 4);
    mark(plan, plan->scratch, SCRATCH, 5);
    for (uint32_t l = 0; l < plan->layers; l++) {
        mark(plan, plan->own[l], gates, who++);
        mark(plan, plan->input[l], gates, who++);
    }
    CHECK_INT(plan->input[0], RP_PLAN_NONE);
    for (uint32_t f = 0; f < RP_PLAN_FIELDS; f++) {
        mark(plan, plan->middle[f], plan->actives * H * 4, who++);
        mark(plan, plan->out[f],
             rp_plan_classes(plan->classes[f], plan->blocks, 0) * E * 4,
             who++);
    }
}

/* Each row of the gates, each class: one block's. */
static void check_owners(const struct rp_cuda_plan *plan)
{
    static uint32_t rows[3 * 2048], classes[128];

    memset(rows, 0, sizeof rows);
    for (uint32_t b = 0; b < plan->blocks; b++)
        for (uint32_t i = 0; i < 3 * plan->units; i++)
            rows[rp_plan_gate_row(plan->hidden, plan->units, b, i)]++;
    for (uint32_t i = 0; i < 3 * plan->hidden; i++)
        CHECK_INT(rows[i], 1);
    for (uint32_t f = 0; f < RP_PLAN_FIELDS; f++) {
        memset(classes, 0, sizeof classes);
        for (uint32_t b = 0; b < plan->blocks; b++)
            for (uint32_t i = 0;
                 i < rp_plan_classes(plan->classes[f], plan->blocks, b); i++)
                classes[b + i * plan->blocks]++;
        for (uint32_t n = 0; n < 128; n++)
            CHECK_INT(classes[n], n < plan->classes[f]);
    }
    CHECK_INT(plan->units * plan->blocks, plan->hidden);
    CHECK_INT(plan->actives * plan->blocks, plan->head);
}

static void test_plans(void)
{
    static const uint32_t blocks[] = {1, 2, 4, 8, 16};
    struct rp_cuda_plan plan;
    char why[120];
    int made = 0;

    for (uint32_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (uint32_t b = 0; b < 5; b++) {
            if (!rp_cuda_plan_make(&plan, &shapes[s], blocks[b], BYTES,
                                   SCRATCH, why, sizeof why)) {
                CHECK(strlen(why) > 10);
                continue;
            }
            made++;
            CHECK(plan.shared <= BYTES && plan.kept <= plan.all);
            CHECK(plan.threads % 32 == 0 && plan.threads >= 64 &&
                  plan.threads <= 512);
            check_places(&plan);
            check_owners(&plan);
        }
    CHECK(made >= 15);
}

static bool keeps(uint32_t shape, uint32_t blocks, struct rp_cuda_plan *plan)
{
    char why[120];

    CHECK(rp_cuda_plan_make(plan, &shapes[shape], blocks, BYTES, SCRATCH, why,
                            sizeof why));
    for (uint32_t l = 0; l < plan->layers; l++)
        if (plan->own[l] == RP_PLAN_NONE ||
            (l && plan->input[l] == RP_PLAN_NONE))
            return false;
    return true;
}

/* What a H100's shared memory holds, in fp32. */
static void test_known(void)
{
    struct rp_cuda_plan plan;
    char why[120];

    CHECK(!keeps(0, 8, &plan));
    CHECK(keeps(0, 16, &plan));
    CHECK_INT(plan.units, 16);
    CHECK(plan.kept > 2300000);
    CHECK(!keeps(1, 16, &plan));
    CHECK(plan.kept > 3000000);
    CHECK(!rp_cuda_plan_make(&plan, &shapes[2], 32, BYTES, SCRATCH, why,
                             sizeof why));
    CHECK_TEXT(why, "16 units do not divide among 32 blocks");
    CHECK(!rp_cuda_plan_make(&plan, &shapes[2], 8, 4096, SCRATCH, why,
                             sizeof why));
    CHECK(strstr(why, "4096 bytes of shared memory") != NULL);
}

int main(void)
{
    test_plans();
    test_known();
    return TEST_END();
}
