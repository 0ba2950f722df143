#include "cuda/roll.h"

#include "cuda/lane.cuh"

using namespace rp;

static_assert((int)RP_CUDA_FIELDS == (int)RP_FIELDS, "fields");
static_assert(sizeof(rp_indices) <= RP_CUDA_INDICES * sizeof(uint16_t),
              "sparse rows");
/* Threads of a block: few, since each goes its own way, so that all
 * multiprocessors have some. */
constexpr uint32_t THREADS = 8, SPREAD = 64;

RP_DEVICE rp_indices *sparse_row(uint16_t *rows, uint32_t i)
{
    return (rp_indices *)(rows + (size_t)i * RP_CUDA_INDICES);
}

/* Takes part in what list `at` is for. */
RP_DEVICE void join(const rp_cuda_roll &a, uint32_t at, uint32_t candidate)
{
    a.list[(size_t)at * a.room + rp_atomic_add(&a.count[at], 1)] = candidate;
}

RP_DEVICE void begin_note(const rp_cuda_roll &a, lane *self, int32_t from)
{
    lane_begin_note(self, from);
    rp_draw_condition(&self->drawing, &self->reader,
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
    if (!rp_thread())
        begin_note(a, self, task->from);
}

RP_DEVICE void finish(const rp_cuda_roll &a, lane *self, uint8_t why)
{
    self->rolled.why = why;
    self->rolled.logp = (float)self->logp;
    a.rolled[self->candidate] = self->rolled;
}

/* The note is part of the candidate; what it does to the network follows. */
RP_DEVICE void take_note(const rp_cuda_roll &a, lane *self)
{
    const uint32_t most = a.task->most;
    rp_note note = rp_draw_note(&self->drawing, &self->turn, &self->reader);

    ((rp_note *)a.note)[(size_t)self->candidate * most +
                        self->rolled.notes++] = note;
    rp_turn_take(&self->turn, &note);
    if (self->rolled.notes == most) {
        finish(a, self, RP_DRAWN);
        return;
    }
    rp_reader_push(&self->reader, &note, sparse_row(a.input, self->candidate));
    join(a, RP_FIELDS, self->candidate);
    begin_note(a, self, note.onset);
}

/* Draws from the logits until the field is done: an escaped time takes several
 * draws from the same ones. */
RP_DEVICE rp_drawn draw_field(const rp_cuda_roll &a, lane *self,
                              const float *logits)
{
    const rp_reader *reader = &self->reader;
    const rp_field field = self->drawing.field;
    const uint32_t classes =
        rp_vocabulary_classes(&reader->vocabulary, field);
    const rp_taste taste = {a.task->temperature, a.task->top_p,
                            a.task->top_k};
    float weighed[RP_SOFTMAX_MAX];
    rp_drawn drawn = RP_DRAWN;

    memcpy(weighed, logits, classes * sizeof *weighed);
    (void)rp_draw_weigh(&self->drawing, &self->turn, reader, weighed);
    while (drawn == RP_DRAWN && self->drawing.field == field) {
        rp_mask mask = rp_draw_mask(&self->drawing, reader);
        float number =
            rp_rng_uniform(rp_draw_key(&self->drawing, &self->turn));
        int drew = rp_sample(weighed, classes, mask, &taste, number);
        if (drew >= 0) {
            self->logp += (double)rp_sample_logp(logits, classes, mask,
                                                 (uint32_t)drew);
            self->rolled.fields++;
        }
        drawn = rp_draw_give(&self->drawing, &self->turn, reader, drew);
    }
    return drawn;
}

RP_KERNEL draw_kernel(rp_cuda_roll a)
{
    const uint32_t i = rp_block() * rp_threads() + rp_thread();

    if (i >= a.count[a.field])
        return;
    uint32_t candidate = a.list[(size_t)a.field * a.room + i];
    lane *self = (lane *)a.lane + candidate;
    rp_drawn drawn = draw_field(
        a, self, a.logits + (size_t)candidate * RP_CUDA_LOGITS);
    if (drawn != RP_DRAWN) {
        finish(a, self, (uint8_t)drawn);
    } else if (self->drawing.field == RP_FIELDS) {
        take_note(a, self);
    } else {
        rp_draw_condition(&self->drawing, &self->reader,
                          sparse_row(a.condition, candidate));
        join(a, self->drawing.field, candidate);
    }
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
    return rp_launch(begin_kernel, grid_of(roll->room, SPREAD), stream, *roll);
}

cudaError_t rp_cuda_roll_draw(const struct rp_cuda_roll *roll,
                              cudaStream_t stream)
{
    return rp_launch(draw_kernel,
                     grid_of((roll->room + THREADS - 1) / THREADS, THREADS),
                     stream, *roll);
}

cudaError_t rp_cuda_roll_tell(const struct rp_cuda_roll *roll,
                              cudaStream_t stream)
{
    return rp_launch(tell_kernel, grid_of(1, 1), stream, *roll);
}
