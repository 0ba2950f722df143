/* How a network lies on blocks: every output has one owner, nothing lies on
 * anything else, what fits is kept. */
#include "cuda/plan.h"

#include <stdbool.h>

#include "tests/test.h"

enum { SCRATCH = 12000, BYTES = 227 * 1024 };

static const struct rp_plan_shape shapes[] = {
    {2, 256, 128, {64, 24, 128, 64, 24}},
    {2, 512, 128, {64, 24, 128, 64, 24, 16, 16}},
    {1, 16, 16, {64, 24, 128, 64, 24}},
    {4, 2048, 1024, {64, 24, 128, 64, 24}},
    {2, 1024, 128, {64, 0, 128, 64, 0, 16}},
    {3, 48, 48, {64, 24, 128, 64, 24}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static bool make(struct rp_cuda_plan *plan, uint32_t shape,
                 enum rp_plan_form form, uint32_t width, uint32_t blocks,
                 char *why, size_t size)
{
    const struct rp_plan_room room = {form, width, blocks, BYTES, SCRATCH};

    return rp_cuda_plan_make(plan, &shapes[shape], &room, why, size);
}

/* Bytes of a block's shared memory, marked by who has them. */
static unsigned char owner[BYTES + 16];

static void mark(const struct rp_cuda_plan *plan, uint32_t offset,
                 uint64_t bytes, unsigned char who)
{
    CHECK_INT(offset % 16, 0);
    CHECK(offset + bytes <= plan->shared);
    for (uint64_t i = offset; i < offset + bytes && i < BYTES; i++) {
        CHECK_INT(owner[i], 0);
        owner[i] = who;
    }
}

static void check_places(const struct rp_cuda_plan *plan)
{
    const uint32_t H = plan->hidden, E = plan->head, L = plan->layers;
    const uint32_t gates = plan->own[0].strips * RP_PLAN_STRIP;
    const uint32_t columns = RP_PLAN_COLUMNS;

    memset(owner, 0, sizeof owner);
    mark(plan, plan->barrier, 16, 1);
    mark(plan, plan->common, plan->commons * 4ull, 2);
    mark(plan, plan->active, (E + columns - 1) / columns * columns * 4, 3);
    mark(plan, plan->sums, RP_PLAN_WARPS * plan->sum_rows * 4ull, 4);
    mark(plan, plan->own_sums, (uint64_t)L * RP_PLAN_WARPS * gates * 4, 5);
    mark(plan, plan->bias,
         (L * 4 * plan->units + plan->middle.rows + plan->out.rows) * 4, 6);
    mark(plan, plan->scratch, SCRATCH, 7);
    mark(plan, plan->weights, (uint64_t)plan->kept * RP_PLAN_CELL, 8);
    mark(plan, plan->aside, plan->held / RP_PLAN_WARPS * RP_PLAN_CELL, 9);
    CHECK(plan->stride >= H && plan->stride % columns == 0);
    CHECK(plan->middle_at >= 2 * L * plan->stride);
    CHECK(plan->logits_at >= plan->middle_at + plan->fields * E);
    CHECK(plan->commons >= plan->logits_at + 2 * 128);
    CHECK(plan->sum_rows >= gates && plan->sum_rows >= E &&
          plan->sum_rows >= plan->middle.strips * RP_PLAN_STRIP &&
          plan->sum_rows >= plan->out.strips * RP_PLAN_STRIP);
}

/* The slices follow one another and fill the image. */
static uint32_t check_slice(const struct rp_cuda_plan *plan,
                            const struct rp_plan_slice *slice, uint32_t at,
                            uint32_t columns)
{
    CHECK_INT(slice->first, at);
    CHECK(slice->strips * RP_PLAN_STRIP >= slice->rows &&
          slice->strips * RP_PLAN_STRIP < slice->rows + RP_PLAN_STRIP);
    CHECK(slice->cells * plan->width >= columns &&
          slice->cells * plan->width < columns + plan->width);
    return at + slice->strips * slice->cells;
}

static void check_image(const struct rp_cuda_plan *plan)
{
    const uint32_t H = plan->hidden, gates = 3 * plan->units;
    uint32_t at = 0;

    if (plan->layers > 1)
        at = check_slice(plan, &plan->input[1], at, H);
    at = check_slice(plan, &plan->middle, at, H);
    at = check_slice(plan, &plan->out, at, plan->head);
    for (uint32_t l = 2; l < plan->layers; l++)
        at = check_slice(plan, &plan->input[l], at, H);
    for (uint32_t l = 0; l < plan->layers; l++) {
        at = check_slice(plan, &plan->own[l], at, H);
        CHECK_INT(plan->own[l].rows, gates);
        CHECK_INT(plan->input[l].rows, l ? gates : 0);
    }
    CHECK_INT(at, plan->cells);
    CHECK(plan->held + plan->kept <= plan->cells);
    CHECK_INT(plan->held, (plan->held_input + plan->held_middle) *
                              plan->middle.cells);
    CHECK(plan->held_input <= RP_PLAN_HELD_INPUT &&
          plan->held_input <= plan->input[1].strips &&
          plan->held_middle <= RP_PLAN_HELD_MIDDLE &&
          plan->held_middle <= plan->middle.strips);
    CHECK(!plan->held || (plan->width == RP_PLAN_BF16 &&
                          plan->middle.cells ==
                              RP_PLAN_HELD_CELLS * RP_PLAN_WARPS));
    /* As much as fits. */
    CHECK(plan->held + plan->kept == plan->cells ||
          plan->shared + RP_PLAN_CELL > BYTES);
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
        const uint32_t end =
            f + 1 < RP_PLAN_FIELDS ? plan->out_row[f + 1] : plan->out.rows;
        memset(classes, 0, sizeof classes);
        for (uint32_t b = 0; b < plan->blocks; b++) {
            uint32_t n = rp_plan_classes(plan->classes[f], plan->blocks, b);
            CHECK(plan->out_row[f] + n <= end);
            for (uint32_t i = 0; i < n; i++)
                classes[b + i * plan->blocks]++;
        }
        for (uint32_t n = 0; n < 128; n++)
            CHECK_INT(classes[n], n < plan->classes[f]);
    }
    CHECK_INT(plan->units * plan->blocks, plan->hidden);
    CHECK_INT(plan->actives * plan->blocks, plan->head);
}

static void test_plans(void)
{
    static const uint32_t blocks[] = {1, 2, 4, 8, 16, 128};
    struct rp_cuda_plan plan;
    char why[120];
    int made = 0;

    for (uint32_t s = 0; s < SHAPES; s++)
        for (uint32_t b = 0; b < 12; b++) {
            if (!make(&plan, s, b % 6 == 5 ? RP_PLAN_GRID : RP_PLAN_CLUSTER,
                      b < 6 ? RP_PLAN_FP32 : RP_PLAN_BF16, blocks[b % 6], why,
                      sizeof why)) {
                CHECK(strlen(why) > 10);
                continue;
            }
            made++;
            CHECK(plan.shared <= BYTES);
            check_places(&plan);
            check_image(&plan);
            check_owners(&plan);
        }
    CHECK(made >= 50);
}

/* A cell's 8 rows by so many columns: each number is one lane's. */
static void test_cells(void)
{
    for (uint32_t width = 16; width <= 32; width *= 2) {
        uint32_t seen[8][32] = {{0}}, row, column;
        for (uint32_t lane = 0; lane < 32; lane++)
            for (uint32_t i = 0; i < width / 4; i++) {
                rp_plan_place(width, lane, i, &row, &column);
                CHECK(row < 8 && column < width);
                seen[row % 8][column % 32]++;
            }
        for (row = 0; row < 8; row++)
            for (column = 0; column < width; column++)
                CHECK_INT(seen[row][column], 1);
    }
}

static bool is_whole(uint32_t shape, enum rp_plan_form form, uint32_t width,
                     uint32_t blocks, struct rp_cuda_plan *plan)
{
    char why[120];

    CHECK(make(plan, shape, form, width, blocks, why, sizeof why));
    return plan->held + plan->kept == plan->cells;
}

/* What a H100's chip holds. */
static void test_known(void)
{
    const enum rp_plan_form cluster = RP_PLAN_CLUSTER, grid = RP_PLAN_GRID;
    struct rp_cuda_plan plan;
    char why[120];

    CHECK(!is_whole(0, cluster, RP_PLAN_FP32, 8, &plan));
    CHECK(is_whole(0, cluster, RP_PLAN_FP32, 16, &plan));
    CHECK(is_whole(0, cluster, RP_PLAN_BF16, 8, &plan));
    CHECK_INT(plan.held, 0); /* its rows are too short for that */
    /* 2 x 512: bf16, with layer 1's input and the middle layers in registers
     * and nearly all else in shared memory. */
    CHECK(!is_whole(1, cluster, RP_PLAN_FP32, 16, &plan));
    CHECK(!is_whole(1, cluster, RP_PLAN_BF16, 8, &plan));
    CHECK(!is_whole(1, cluster, RP_PLAN_BF16, 16, &plan)); /* but for that */
    CHECK((plan.held + plan.kept) * 100 >= plan.cells * 92);
    CHECK_INT(plan.held_input, 12);
    CHECK_INT(plan.held_middle, 7);
    CHECK(is_whole(1, grid, RP_PLAN_FP32, 128, &plan));
    CHECK_INT(plan.held, 0);
    /* 2 x 1024: bf16, on all multiprocessors. */
    CHECK(!is_whole(4, cluster, RP_PLAN_BF16, 16, &plan));
    CHECK(!is_whole(4, grid, RP_PLAN_FP32, 128, &plan));
    CHECK(is_whole(4, grid, RP_PLAN_BF16, 128, &plan));
    CHECK(!make(&plan, 2, cluster, RP_PLAN_FP32, 32, why, sizeof why));
    CHECK_TEXT(why, "16 units do not divide among 32 blocks");
    const struct rp_plan_room small = {cluster, RP_PLAN_FP32, 8, 4096,
                                       SCRATCH};
    CHECK(!rp_cuda_plan_make(&plan, &shapes[2], &small, why, sizeof why));
    CHECK(strstr(why, "4096 bytes of shared memory") != NULL);
}

int main(void)
{
    test_plans();
    test_cells();
    test_known();
    return TEST_END();
}
