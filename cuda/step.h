/* The network on the device in fp32, with the bits of the CPU engine: every
 * sum runs in order along K by fma. For many rows; few.h is for those that the
 * next note waits for. Kernels in step.cu; called from C. */
#ifndef RP_CUDA_STEP_H
#define RP_CUDA_STEP_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RP_CUDA_UNITS = 16,            /* hidden units of a strip */
    RP_CUDA_STRIP = 3 * RP_CUDA_UNITS, /* columns of it: r, z and n of each */
    RP_CUDA_SLICE = 16,            /* columns of a strip of a head */
    RP_CUDA_LOGITS = 128,          /* floats from row to row */
    RP_CUDA_INDICES = 448 + 8      /* of a sparse row, and its count first */
};

/* Which state a row is: side 0 or 1 of a slot. A step reads that one and
 * writes the other. */
struct rp_cuda_row {
    uint32_t slot, side;
};

/* How many rows: `most` where `count` is NULL; else *count, on the device,
 * and list[i] says which row of everything the i-th is. `spent`, if not NULL,
 * is a count that nobody reads any more, which becomes 0. */
struct rp_cuda_rows {
    uint32_t most;
    const uint32_t *count, *list;
    uint32_t *spent;
};

/* A layer, packed: strips of 16 units one after another, (K / 4, 48, 4). */
struct rp_cuda_layer {
    const float *input;  /* layer 0: (I, 3H) as it is; else strips */
    const float *hidden; /* strips */
    const float *bias_ih, *bias_hh; /* (3H) */
    /* As bf16, (3H, K) as they came; for mma.h. */
    const uint16_t *input_cells, *hidden_cells;
};

struct rp_cuda_states {
    float *side[2];     /* (slots, layers, H) each */
    uint16_t *cells[2]; /* the same as bf16, for mma.h; NULL: not kept */
    uint32_t layers, hidden;
};

struct rp_cuda_step {
    struct rp_cuda_rows rows;
    const struct rp_cuda_row *row;
    const uint16_t *input; /* (rows, RP_CUDA_INDICES): count, then indices */
    struct rp_cuda_states states;
    struct rp_cuda_layer layer;
    uint32_t number; /* of the layer */
};

/* A head, packed: strips of 16 columns, (K / 4, 16, 4) each. */
struct rp_cuda_head {
    uint32_t classes; /* 0: not in use */
    uint32_t condition; /* C_f */
    const float *hidden, *bias, *cond; /* cond: (C_f, E) */
    const float *out, *out_bias;
    /* As bf16: (E, H), (classes rounded up to 16, E). */
    const uint16_t *hidden_cells, *out_cells;
};

struct rp_cuda_heads {
    struct rp_cuda_rows rows;
    const struct rp_cuda_row *row;
    const uint16_t *condition; /* (rows, RP_CUDA_INDICES) */
    struct rp_cuda_states states;
    struct rp_cuda_head head;
    uint32_t width; /* E */
    float *active;  /* (rows, E) */
    float *logits;  /* (rows, RP_CUDA_LOGITS) */
};

cudaError_t rp_cuda_step_enqueue(const struct rp_cuda_step *step,
                                 cudaStream_t stream);
cudaError_t rp_cuda_heads_enqueue(const struct rp_cuda_heads *heads,
                                  cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
