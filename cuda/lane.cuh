/* A candidate as the device keeps it between two kernels, and how it begins. */
#ifndef RP_CUDA_LANE_CUH
#define RP_CUDA_LANE_CUH

#include "cuda/roll.h"
#include "cuda/shared.cuh"

namespace rp {
namespace {

struct lane {
    rp_reader reader;
    rp_turn turn;
    rp_drawing drawing;
    rp_cuda_rolled rolled;
    double logp;
    uint32_t candidate;
    bool done;
};

RP_DEVICE void copy_words(void *to, const void *from, size_t bytes)
{
    for (size_t i = rp_thread(); i < bytes / 4; i += rp_threads())
        ((uint32_t *)to)[i] = ((const uint32_t *)from)[i];
}

/* By all threads of a block; ready after it. */
RP_DEVICE void lane_begin(lane *self, const rp_cuda_task *task,
                          uint32_t candidate)
{
    copy_words(&self->reader, task->reader, sizeof self->reader);
    copy_words(&self->turn, task->turn, sizeof self->turn);
    rp_sync();
    if (!rp_thread()) {
        self->candidate = candidate;
        self->turn.candidate += candidate;
        self->rolled = rp_cuda_rolled();
        self->rolled.why = RP_DRAWN;
        self->logp = 0.0;
        self->done = false;
    }
    rp_sync();
}

/* What a draw changes of a candidate: each thread has it for itself. */
struct progress {
    rp_drawing drawing;
    rp_cuda_rolled rolled;
    double logp;
};

/* By a warp: where the next note is aimed at; ready after it. */
RP_DEVICE void lane_begin_note(lane *self, int32_t from, rp_drawing *drawing)
{
    rp_sync_warp();
    if (!warp_lane())
        rp_turn_aim(&self->turn, from);
    rp_sync_warp();
    rp_draw_begin(drawing, &self->turn);
}

/* The note is part of the answer; ready after it. */
RP_DEVICE void lane_take(lane *self, const rp_note *note)
{
    rp_sync_warp();
    if (!warp_lane())
        rp_turn_take(&self->turn, note);
    rp_sync_warp();
}
/* By a warp that has read it. */
RP_DEVICE void lane_store(lane *self, const progress &now)
{
    rp_sync_warp();
    if (!warp_lane()) {
        self->drawing = now.drawing;
        self->rolled = now.rolled;
        self->logp = now.logp;
    }
    rp_sync_warp();
}

} // namespace
} // namespace rp
#endif
