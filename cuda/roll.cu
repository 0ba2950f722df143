#include "cuda/roll.h"

#include "cuda/draw.cuh"

using namespace rp;

static_assert((int)RP_CUDA_FIELDS == (int)RP_FIELDS, "fields");
static_assert(sizeof(rp_indices) <= RP_CUDA_INDICES * sizeof(uint16_t),
              "sparse rows");
/* Warps of a block that draws: few, so that all multiprocessors have some. */
constexpr uint32_t WARPS = 2, SPREAD = 64;

RP_DEVICE rp_indices *sparse_row(uint16_t *rows, uint32_t i)
{
    return (rp_indices *)(rows + (size_t)i * RP_CUDA_INDICES);
}

/* Takes part in what list `at` is for. */
RP_DEVICE void join(const rp_cuda_roll &a, uint32_t at, uint32_t candidate)
{
    if (!warp_lane())
        a.list[(size_t)at * a.room + rp_atomic_add(&a.count[at], 1)] =
            candidate;
}

RP_DEVICE void begin_note(const rp_cuda_roll &a, lane *self, int32_t from,
                          rp_drawing *drawing)
{
    lane_begin_note(self, from, drawing);
    rp_draw_condition(drawing, &self->reader,
                      sparse_row(a.condition, self->candidate));
    join(a, RP_DT, self->candidate);
}

/* One block for each candidate. */
RP_KERNEL begin_kernel(rp_cuda_roll a)
{
    const rp_cuda_task *task = a.task;
    const uint32_t candidate = rp_block();
    const size_t floats = (size_t)a.states.layers * a.states.hidden;
    lane *self = (lane *)a.lane + candidate;

    if (candidate >= task->candidates)
        return;
    copy_words(a.states.side[0] + candidate * floats, task->state,
               floats * sizeof(float));
    lane_begin(self, task, candidate);
    if (rp_thread() < WARP) {
        rp_drawing drawing;
        begin_note(a, self, task->from, &drawing);
        if (!warp_lane())
            self->drawing = drawing;
    }
}

RP_DEVICE void finish(const rp_cuda_roll &a, progress *now, uint32_t candidate,
                      uint8_t why)
{
    now->rolled.why = why;
    now->rolled.logp = (float)now->logp;
    if (!warp_lane())
        a.rolled[candidate] = now->rolled;
}

/* The note is part of the candidate; what it does to the network follows. */
RP_DEVICE void take_note(const rp_cuda_roll &a, lane *self, progress *now)
{
    const uint32_t most = a.task->most, candidate = self->candidate;
    const rp_note note =
        rp_draw_note(&now->drawing, &self->turn, &self->reader);

    if (!warp_lane())
        ((rp_note *)a.note)[(size_t)candidate * most + now->rolled.notes] =
            note;
    now->rolled.notes++;
    if (now->rolled.notes == most) {
        finish(a, now, candidate, RP_DRAWN);
        return;
    }
    lane_take(self, &note);
    rp_reader_push(&self->reader, &note, sparse_row(a.input, candidate));
    join(a, RP_FIELDS, candidate);
    begin_note(a, self, note.onset, &now->drawing);
}

/* One warp for each candidate that draws this field. */
RP_KERNEL draw_kernel(rp_cuda_roll a)
{
    const uint32_t warp = rp_thread() / WARP, i = rp_block() * WARPS + warp;

    if (i >= a.count[a.field])
        return;
    const uint32_t candidate = a.list[(size_t)a.field * a.room + i];
    lane *self = (lane *)a.lane + candidate;
    progress now = {self->drawing, self->rolled, self->logp};
    const rp_field field = now.drawing.field;
    int drew; /* not told */
    draw_field<false>(a.task, self,
                      a.logits + (size_t)candidate * RP_CUDA_LOGITS,
                      draw_ready(self, now.drawing),
                      rp_shared<draw_room>(0, WARPS) + warp, &now, &drew);
    if (now.rolled.why != RP_DRAWN) {
        finish(a, &now, candidate, now.rolled.why);
        return;
    }
    if (now.drawing.field == RP_FIELDS) {
        take_note(a, self, &now);
    } else {
        rp_draw_condition_on(&now.drawing, &self->reader, field,
                             sparse_row(a.condition, candidate));
        join(a, now.drawing.field, candidate);
    }
    lane_store(self, now);
}

RP_KERNEL tell_kernel(rp_cuda_roll a)
{
    rp_store_release_system(a.going, a.count[RP_DT]);
}

void rp_cuda_roll_sizes(size_t *lane_size, size_t *reader, size_t *turn,
                        size_t *note)
{
    *lane_size = sizeof(lane);
    *reader = sizeof(rp_reader);
    *turn = sizeof(rp_turn);
    *note = sizeof(rp_note);
}

static rp_grid grid_of(uint32_t blocks, uint32_t threads)
{
    rp_grid grid = {};

    grid.x = blocks;
    grid.threads = threads;
    return grid;
}

cudaError_t rp_cuda_roll_begin(const struct rp_cuda_roll *roll,
                               cudaStream_t stream)
{
    return rp_launch(begin_kernel, grid_of(roll->wide, SPREAD), stream, *roll);
}

cudaError_t rp_cuda_roll_draw(const struct rp_cuda_roll *roll,
                              cudaStream_t stream)
{
    rp_grid grid = grid_of((roll->wide + WARPS - 1) / WARPS, WARPS * WARP);

    grid.shared = WARPS * sizeof(draw_room);
    return rp_launch(draw_kernel, grid, stream, *roll);
}

cudaError_t rp_cuda_roll_tell(const struct rp_cuda_roll *roll,
                              cudaStream_t stream)
{
    return rp_launch(tell_kernel, grid_of(1, 1), stream, *roll);
}
