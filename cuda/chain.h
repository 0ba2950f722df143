/* Notes one after another by a cluster of blocks that keeps the weights in its
 * shared memory, draws on the device and feeds itself: one cluster for each
 * candidate. Kernels in chain.cu; called from C. */
#ifndef RP_CUDA_CHAIN_H
#define RP_CUDA_CHAIN_H

#include "cuda/plan.h"
#include "cuda/roll.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A matrix of gates or of a head (N, K) as PyTorch has it, row by row. */
struct rp_cuda_chain_layer {
    const float *input; /* layer 0: (I, 3H), a row for each input */
    const float *own, *bias_ih, *bias_hh;
};
struct rp_cuda_chain_head {
    uint32_t condition; /* C_f */
    const float *middle, *bias, *cond, *out, *out_bias; /* cond: (C_f, E) */
};

struct rp_cuda_chain {
    const struct rp_cuda_task *task;
    struct rp_cuda_plan plan;
    struct rp_cuda_chain_layer layer[RP_PLAN_LAYERS];
    struct rp_cuda_chain_head head[RP_PLAN_FIELDS];
    uint32_t room;  /* candidates that there is memory for */
    void *lane;     /* (room, blocks): each block has its own */
    float *state;   /* (room, layers, H) */
    uint32_t notes; /* so many in one launch */
    void *note;     /* (candidates, most) struct rp_note */
    struct rp_cuda_rolled *rolled;
    uint32_t *going; /* (room) for the host: 1: goes on */
};

/* Bytes of shared memory that a draw needs. */
uint32_t rp_cuda_chain_scratch(void);
/* Whether the device takes such clusters: how many at once, 0: it does not. */
int rp_cuda_chain_clusters(const struct rp_cuda_plan *plan);
cudaError_t rp_cuda_chain_begin(const struct rp_cuda_chain *chain,
                                cudaStream_t stream);
cudaError_t rp_cuda_chain_run(const struct rp_cuda_chain *chain,
                              uint32_t candidates, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
