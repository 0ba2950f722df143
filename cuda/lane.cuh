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

RP_DEVICE void lane_begin_note(lane *self, int32_t from)
{
    rp_turn_aim(&self->turn, from);
    rp_draw_begin(&self->drawing, &self->turn);
}

} // namespace
} // namespace rp
#endif
