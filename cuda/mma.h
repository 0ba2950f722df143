/* The products of step.h by tensor cores: weights and what they are multiplied
 * with as bf16, sums and all else in fp32. For many rows at once. Kernels in
 * mma.cu; called from C. */
#ifndef RP_CUDA_MMA_H
#define RP_CUDA_MMA_H

#include "cuda/step.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Before the first call: room for these kernels' shared memory. */
cudaError_t rp_cuda_mma_allow(void);
/* states.cells of side 0, of so many slots, from the states. */
cudaError_t rp_cuda_mma_begin(const struct rp_cuda_states *states,
                              uint32_t slots, cudaStream_t stream);
cudaError_t rp_cuda_mma_step(const struct rp_cuda_step *step,
                             cudaStream_t stream);
/* `active` is not needed. */
cudaError_t rp_cuda_mma_heads(const struct rp_cuda_heads *heads,
                              cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
