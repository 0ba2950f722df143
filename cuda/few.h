/* What the next note waits for: a step or the heads of a few rows in fp32, with
 * the bits of step.h, made for little time from the host and back. Kernels in
 * few.cu; called from C.
 *
 * What the host says comes with the launch, not through memory. Weights are on
 * their way into shared memory before the kernel before this one is done. A
 * logit is written to the host together with the number of the call, eight
 * bytes at once, so whoever finds the number has the logit: neither a fence
 * nor the end of a kernel is waited for. */
#ifndef RP_CUDA_FEW_H
#define RP_CUDA_FEW_H

#include "cuda/step.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RP_CUDA_FEW = 16,         /* rows of a call */
    RP_CUDA_FEW_INDICES = 512 /* of all of them together */
};

/* A row and where its indices lie in the call's. */
struct rp_cuda_few_row {
    uint32_t slot;
    uint16_t side, first, count;
};

struct rp_cuda_few_call {
    uint32_t rows;
    uint32_t number; /* said with every logit; never 0 */
    struct rp_cuda_few_row row[RP_CUDA_FEW];
    uint16_t index[RP_CUDA_FEW_INDICES];
};

/* at: NULL, or mapped memory where a graph, whose arguments stay the same,
 * finds what would be in `call`. */
struct rp_cuda_few_step {
    struct rp_cuda_few_call call;
    const struct rp_cuda_few_call *at;
    struct rp_cuda_states states;
    struct rp_cuda_layer layer;
    uint32_t number; /* of the layer */
    bool early;      /* the device takes early launches (device.cuh) */
};

struct rp_cuda_few_heads {
    struct rp_cuda_few_call call;
    const struct rp_cuda_few_call *at;
    struct rp_cuda_states states;
    struct rp_cuda_head head;
    uint32_t width; /* E */
    float *active;  /* (RP_CUDA_FEW, E) */
    /* Mapped, (RP_CUDA_FEW, RP_CUDA_LOGITS): a logit, and above it the number
     * of the call. */
    uint64_t *said;
    bool early;
};

/* A layer's state of a slot, said as logits are. */
struct rp_cuda_few_state {
    const float *state; /* (count) */
    uint32_t count, number;
    uint64_t *said; /* (count), mapped */
    bool early;
};

/* Before the first call: whether blocks may have as much shared memory as
 * networks of this size need. */
bool rp_cuda_few_fits(uint32_t hidden, uint32_t head);
/* Of call.rows rows, or of `rows` where that lies in memory. */
cudaError_t rp_cuda_few_step_enqueue(const struct rp_cuda_few_step *step,
                                     uint32_t rows, cudaStream_t stream);
cudaError_t rp_cuda_few_heads_enqueue(const struct rp_cuda_few_heads *heads,
                                      uint32_t rows, cudaStream_t stream);

cudaError_t rp_cuda_few_state_enqueue(const struct rp_cuda_few_state *state,
                                      cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
