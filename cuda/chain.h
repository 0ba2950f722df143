/* Notes one after another by blocks that keep the weights on the chip, draw on
 * the device and feed themselves: a cluster for each candidate, or for one
 * candidate all multiprocessors. Kernels in chain.cu; called from C. */
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

enum { RP_CUDA_CHAIN_ROUNDS = 4096 /* more exchanges than a launch has */ };

struct rp_cuda_chain {
    const struct rp_cuda_task *task;
    struct rp_cuda_plan plan;
    struct rp_cuda_chain_layer layer[RP_PLAN_LAYERS];
    struct rp_cuda_chain_head head[RP_PLAN_FIELDS];
    void *image;     /* (blocks, cells) */
    uint64_t *words; /* what the blocks of a grid tell each other, by place in
                        `common`; two rounds' numbers are never the same */
    uint32_t round;  /* of the launch's first exchange */
    uint32_t first;  /* candidate of the launch */
    uint32_t room;   /* candidates that there is memory for */
    void *lane;      /* (room) */
    float *state;    /* (room, layers, H) */
    uint32_t notes;  /* so many in one launch */
    void *note;      /* (candidates, most) struct rp_note */
    struct rp_cuda_rolled *rolled;
    uint32_t *going; /* (room) for the host: 1: goes on */
};

/* Bytes of shared memory that a draw needs. */
uint32_t rp_cuda_chain_scratch(void);
/* Whether the device, whose blocks may have so much shared memory, takes such
 * clusters: how many at once, or, of a grid, blocks on a multiprocessor; 0: it
 * does not. */
int rp_cuda_chain_fits(const struct rp_cuda_plan *plan, uint32_t bytes);
/* Lays the weights as the plan says. */
cudaError_t rp_cuda_chain_pack(const struct rp_cuda_chain *chain,
                               cudaStream_t stream);
cudaError_t rp_cuda_chain_begin(const struct rp_cuda_chain *chain,
                                cudaStream_t stream);
/* From the first on; of a grid one. */
cudaError_t rp_cuda_chain_run(const struct rp_cuda_chain *chain,
                              uint32_t candidates, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
