#include "cuda/plan.h"

#include <stdio.h>
#include <string.h>

enum { LOGITS = 128 };

static uint32_t round_up(uint32_t n, uint32_t to)
{
    return (n + to - 1) / to * to;
}

static uint32_t place(struct rp_cuda_plan *plan, uint32_t bytes)
{
    uint32_t at = plan->shared;

    plan->shared += round_up(bytes, 16);
    return at;
}

static uint32_t place_floats(struct rp_cuda_plan *plan, uint32_t floats)
{
    return place(plan, floats * (uint32_t)sizeof(float));
}

static struct rp_plan_slice slice(struct rp_cuda_plan *plan, uint32_t rows,
                                  uint32_t columns)
{
    struct rp_plan_slice slice = {
        .rows = rows,
        .strips = (rows + RP_PLAN_STRIP - 1) / RP_PLAN_STRIP,
        .cells = (columns + plan->width - 1) / plan->width,
        .first = plan->cells};

    plan->cells += slice.strips * slice.cells;
    return slice;
}

/* In the order of how much waits for it: what may be read while a field is
 * drawn comes last. */
static void make_image(struct rp_cuda_plan *plan)
{
    const uint32_t H = plan->hidden, gates = 3 * plan->units;

    if (plan->layers > 1)
        plan->input[1] = slice(plan, gates, H);
    plan->middle = slice(plan, plan->fields * plan->actives, H);
    plan->out = slice(plan, plan->out.rows, plan->head);
    for (uint32_t l = 2; l < plan->layers; l++)
        plan->input[l] = slice(plan, gates, H);
    for (uint32_t l = 0; l < plan->layers; l++)
        plan->own[l] = slice(plan, gates, H);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What registers hold is the image's beginning. */
static void hold(struct rp_cuda_plan *plan)
{
    const uint32_t cells = plan->middle.cells;
    const uint32_t inputs = plan->input[1].strips;

    if (plan->width != RP_PLAN_BF16 ||
        cells != RP_PLAN_HELD_CELLS * RP_PLAN_WARPS)
        return;
    plan->held_input = least(inputs, RP_PLAN_HELD_INPUT);
    if (plan->held_input == inputs)
        plan->held_middle = least(plan->middle.strips, RP_PLAN_HELD_MIDDLE);
    plan->held = (plan->held_input + plan->held_middle) * cells;
    plan->aside = place(plan, plan->held / RP_PLAN_WARPS * RP_PLAN_CELL);
    plan->weights = plan->shared;
}

static void count_fields(struct rp_cuda_plan *plan,
                         const struct rp_plan_shape *shape)
{
    for (uint32_t f = 0; f < RP_PLAN_FIELDS; f++) {
        plan->classes[f] = shape->classes[f];
        plan->index[f] = plan->fields;
        plan->fields += shape->classes[f] > 0;
        plan->out_row[f] = plan->out.rows;
        plan->out.rows += rp_plan_classes(shape->classes[f], plan->blocks, 0);
    }
}

static void place_common(struct rp_cuda_plan *plan)
{
    plan->stride = round_up(plan->hidden, RP_PLAN_COLUMNS);
    plan->middle_at = 2 * plan->layers * plan->stride;
    plan->logits_at = plan->middle_at + plan->fields * plan->head;
    plan->logits = plan->blocks > LOGITS
                       ? round_up(plan->blocks, RP_PLAN_COLUMNS)
                       : LOGITS;
    plan->commons = plan->logits_at + 2 * plan->logits;
    plan->common = place_floats(plan, plan->commons);
}

/* Beside the weights. */
static void place_rest(struct rp_cuda_plan *plan, uint32_t scratch)
{
    const uint32_t gates = round_up(3 * plan->units, RP_PLAN_STRIP);
    const uint32_t rows[] = {
        gates, round_up(plan->middle.rows, RP_PLAN_STRIP),
        round_up(plan->out.rows, RP_PLAN_STRIP), plan->head};

    plan->barrier = place(plan, 2 * sizeof(uint64_t));
    place_common(plan);
    plan->active =
        place_floats(plan, round_up(plan->head, RP_PLAN_COLUMNS));
    for (int i = 0; i < 4; i++)
        if (plan->sum_rows < rows[i])
            plan->sum_rows = rows[i];
    plan->sums = place_floats(plan, RP_PLAN_WARPS * plan->sum_rows);
    plan->own_sums = place_floats(plan, plan->layers * RP_PLAN_WARPS * gates);
    plan->bias = place_floats(plan, plan->layers * 4 * plan->units +
                                        plan->middle.rows + plan->out.rows);
    plan->scratch = place(plan, scratch);
    plan->weights = plan->shared;
}

bool rp_cuda_plan_make(struct rp_cuda_plan *plan,
                       const struct rp_plan_shape *shape,
                       const struct rp_plan_room *room, char *why, size_t size)
{
    memset(plan, 0, sizeof *plan);
    if (shape->hidden % room->blocks || shape->head % room->blocks) {
        snprintf(why, size, "%u units do not divide among %u blocks",
                 shape->hidden, room->blocks);
        return false;
    }
    plan->form = room->form;
    plan->width = room->width;
    plan->blocks = room->blocks;
    plan->layers = shape->layers;
    plan->hidden = shape->hidden;
    plan->head = shape->head;
    plan->units = shape->hidden / room->blocks;
    plan->actives = shape->head / room->blocks;
    count_fields(plan, shape);
    make_image(plan);
    place_rest(plan, room->scratch);
    if (plan->shared > room->bytes) {
        snprintf(why, size, "%u bytes of shared memory, %u are needed",
                 room->bytes, plan->shared);
        return false;
    }
    hold(plan);
    plan->kept = least(plan->cells - plan->held,
                       (room->bytes - plan->shared) / RP_PLAN_CELL);
    plan->shared += plan->kept * RP_PLAN_CELL;
    return true;
}
