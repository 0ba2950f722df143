/* How a network lies on a cluster: each block owns a slice of every matrix's
 * outputs and keeps as many of them as fit in its shared memory; the rest is
 * read from the L2 cache. Host code, read by the kernel of chain.cu. */
#ifndef RP_CUDA_PLAN_H
#define RP_CUDA_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RP_PLAN_LAYERS = 4, /* RP_LAYERS_MAX */
    RP_PLAN_FIELDS = 7, /* RP_FIELDS */
    RP_PLAN_NONE = UINT32_MAX, /* not kept */
    RP_PLAN_WARP = 32
};

/* Bytes from the start of a block's shared memory, each a multiple of 16. A
 * kept slice of a matrix (N, K) is its rows one after another, in the order in
 * which plan_row() counts them. */
struct rp_cuda_plan {
    uint32_t blocks, threads, shared; /* of the cluster, of a block, bytes */
    uint32_t layers, hidden, head, classes[RP_PLAN_FIELDS];
    uint32_t units, actives; /* hidden units, parts of a head's middle layer
                                that a block owns */
    uint32_t barrier;
    uint32_t state;   /* float (2, layers, H): two, by notes in turn */
    uint32_t active;  /* float (E) */
    uint32_t logits;  /* float (128) */
    uint32_t scratch; /* what a draw and a sparse row need */
    uint32_t input[RP_PLAN_LAYERS]; /* (3 units, H); layer 0 has none */
    uint32_t own[RP_PLAN_LAYERS];   /* (3 units, H) */
    uint32_t middle[RP_PLAN_FIELDS]; /* (actives, H) */
    uint32_t out[RP_PLAN_FIELDS];    /* (most of a block's classes, E) */
    uint64_t kept, all; /* bytes of weights on the chip, of all blocks */
};

struct rp_plan_shape {
    uint32_t layers, hidden, head, classes[RP_PLAN_FIELDS];
};

/* A cluster of `blocks` with so many bytes for each; false, with the reason,
 * where it cannot be. scratch: bytes that the kernel needs for itself. */
bool rp_cuda_plan_make(struct rp_cuda_plan *plan,
                       const struct rp_plan_shape *shape, uint32_t blocks,
                       uint32_t bytes, uint32_t scratch, char *why,
                       size_t size);

/* Of a block's rows of a matrix of three gates, the i-th: row of (3H, K). */
static inline
#ifdef __CUDACC__
    __host__ __device__
#endif
        uint32_t
        rp_plan_gate_row(uint32_t hidden, uint32_t units, uint32_t rank,
                         uint32_t i)
{
    return i / units * hidden + rank * units + i % units;
}

/* How many of N classes a block owns: classes rank, rank + blocks, ... */
static inline
#ifdef __CUDACC__
    __host__ __device__
#endif
        uint32_t
        rp_plan_classes(uint32_t n, uint32_t blocks, uint32_t rank)
{
    return n > rank ? (n - rank + blocks - 1) / blocks : 0;
}

#ifdef __cplusplus
}
#endif
#endif
