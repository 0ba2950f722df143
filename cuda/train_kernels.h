/* The kernels of training, each enqueued by one call. "Cells" are what is
 * multiplied: bf16 or floats. Nothing adds in an order that is not fixed. */
#ifndef RP_CUDA_TRAIN_KERNELS_H
#define RP_CUDA_TRAIN_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __CUDACC__
#define RP_SHARED __device__
#endif
#include "model/train_drop.h"
#include "model/train_optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RP_CUDA_DEPTH = 4,           /* RP_LAYERS_MAX */
    RP_CUDA_NO_ROW = 0xffffffff, /* a target that only fills its list up */
    RP_CUDA_CHUNK = 256,         /* rows of a partial sum of columns */
    RP_CUDA_NORM_BLOCKS = 64     /* most partial sums of a view's norm */
};

struct rp_cuda_span {
    uint32_t begin, end; /* indices of a sparse row */
};

/* A field that is drawn, as the heads' loss wants it. */
struct rp_cuda_target {
    uint64_t mask[2];
    uint32_t row; /* of the batch, or RP_CUDA_NO_ROW */
    struct rp_cuda_span condition;
    float weight;
    uint16_t escapes, class_;
    uint32_t pad; /* what is sent is all written */
};

/* Row i of `to` (rows, width cells): 1 where it has an index, else 0. The
 * rows are spans, or the conditions of targets. */
struct rp_cuda_spread {
    const struct rp_cuda_span *span;
    const struct rp_cuda_target *target; /* NULL: span */
    const uint16_t *at;
    uint32_t rows, width;
    void *to;
    bool bf16;
};
cudaError_t rp_cuda_spread_enqueue(const struct rp_cuda_spread *a,
                                   cudaStream_t stream);

/* to = from, times by[i % period] where `by` is not NULL. Either may be cells;
 * to may be from. */
struct rp_cuda_convert {
    const void *from;
    void *to;
    const float *by;
    size_t count, period;
    bool from_bf16, to_bf16;
};
cudaError_t rp_cuda_convert_enqueue(const struct rp_cuda_convert *a,
                                    cudaStream_t stream);

/* Between the rows of the batch and those that a field is drawn in; `keep`
 * (B, H) may be NULL. gather: drawn (P, H) cells = top (T, B, H); scatter: top,
 * floats, += drawn, floats. */
struct rp_cuda_drawn {
    const struct rp_cuda_target *target;
    const float *keep;
    uint32_t P, H, B;
    void *top, *drawn;
    bool bf16;
};
cudaError_t rp_cuda_gather_enqueue(const struct rp_cuda_drawn *a,
                                   cudaStream_t stream);
cudaError_t rp_cuda_scatter_enqueue(const struct rp_cuda_drawn *a,
                                    cudaStream_t stream);

/* forward: out (P, E) cells = max(x + bias, 0). back: x, and out as cells, =
 * x where y > 0, else 0. */
struct rp_cuda_relu {
    float *x;
    const float *bias;
    const void *y;
    void *out;
    uint32_t P, E;
    bool bf16;
};
cudaError_t rp_cuda_relu_enqueue(const struct rp_cuda_relu *a,
                                 cudaStream_t stream);
cudaError_t rp_cuda_relu_back_enqueue(const struct rp_cuda_relu *a,
                                      cudaStream_t stream);

/* Loss and hits of each target; with `backward`, logits (P, N) become d loss /
 * d logits, and cells of it. */
struct rp_cuda_loss {
    const struct rp_cuda_target *target;
    const float *bias; /* of the logits, (N) */
    float *logits;
    void *cells;
    double *loss;
    uint32_t *hits; /* (P) */
    uint32_t P, N, escape;
    float smoothing;
    bool backward, bf16;
};
cudaError_t rp_cuda_loss_enqueue(const struct rp_cuda_loss *a,
                                 cudaStream_t stream);

/* Sums of all losses and hits, to where the host reads them. */
struct rp_cuda_tally {
    const double *loss;
    const uint32_t *hits;
    uint32_t P;
    double *loss_sum;
    uint64_t *hits_sum;
};
cudaError_t rp_cuda_tally_enqueue(const struct rp_cuda_tally *a,
                                  cudaStream_t stream);

/* out (columns) = the sum of the rows of x; partial: (rows / RP_CUDA_CHUNK
 * rounded up, columns). */
struct rp_cuda_columns {
    const float *x;
    float *partial, *out;
    uint32_t rows, columns;
};
cudaError_t rp_cuda_columns_enqueue(const struct rp_cuda_columns *a,
                                    cudaStream_t stream);

/* Some of a place's units, which are kept by a sequence of their own. */
struct rp_cuda_drop {
    struct rp_train_drop drop;
    uint32_t first, count;
};
/* keep: 0 or what units are multiplied by. */
struct rp_cuda_keep {
    const struct rp_cuda_drop *drop;
    uint32_t drops;
    uint32_t most; /* units of one */
    float *keep;
};
cudaError_t rp_cuda_keep_enqueue(const struct rp_cuda_keep *a,
                                 cudaStream_t stream);

/* How a row stands between two batches (rp_learner_row). */
struct rp_cuda_link {
    uint32_t carried, end;
};
/* take: to (layers, B, H) cells = from, floats, where a row is carried, else
 * 0. leave: to (B, H) floats = from (T, B, H) cells, where a row ended. */
struct rp_cuda_carry {
    const struct rp_cuda_link *link;
    uint32_t layers, B, H;
    const void *from;
    void *to;
    bool bf16;
};
cudaError_t rp_cuda_take_enqueue(const struct rp_cuda_carry *a,
                                 cudaStream_t stream);
cudaError_t rp_cuda_leave_enqueue(const struct rp_cuda_carry *a,
                                  cudaStream_t stream);

/* A matrix or bias in the parameters, and in cuDNN's weight space. */
struct rp_cuda_piece {
    size_t param, cell, count;
    uint32_t drop;  /* 1 + its layer where it is of recurrent weights; 0 */
    uint32_t first; /* which of those it begins with */
};
struct rp_cuda_pack {
    const struct rp_train_drop *drop; /* of each layer; NULL: nothing is */
    const struct rp_cuda_piece *piece;
    uint32_t pieces;
    size_t most;   /* weights of a piece */
    float *params; /* back: the gradient */
    void *space;
    bool bf16;
};
cudaError_t rp_cuda_pack_enqueue(const struct rp_cuda_pack *a,
                                 cudaStream_t stream);
cudaError_t rp_cuda_unpack_enqueue(const struct rp_cuda_pack *a,
                                   cudaStream_t stream);

/* Where a view's weights lie on the device. */
struct rp_cuda_stretch {
    size_t at, count;
    uint32_t decays, frozen; /* 0 or 1 */
};
struct rp_cuda_norms {
    double norm;
    float scale; /* of the gradient: what clipping leaves; */
    uint32_t sound; /* 0: the norm is no number */
};
/* What a step is told, in device memory, so that its kernels' arguments never
 * change. */
struct rp_cuda_pace {
    float mean;  /* 1 / the batch's weight; */
    float clip;  /* longest gradient; 0: any */
    float decay; /* share that a matrix' weights lose */
    float share; /* of the past in the average */
    struct rp_optimizer_rates rates; /* but for its scale */
    struct rp_train_drop drop[RP_CUDA_DEPTH]; /* of recurrent weights */
};
/* gradient times pace->mean, 0 where frozen; then its norm. */
struct rp_cuda_settle {
    const struct rp_cuda_pace *pace;
    const struct rp_cuda_stretch *stretch;
    uint32_t stretches, blocks; /* blocks of each: enqueue's to say */
    size_t most;                /* weights of a stretch */
    float *gradient;
    double *partial; /* (stretches, RP_CUDA_NORM_BLOCKS) */
    struct rp_cuda_norms *norms;
    double *norm_out; /* the host's */
};
cudaError_t rp_cuda_settle_enqueue(const struct rp_cuda_settle *a,
                                   cudaStream_t stream);

/* The optimizer's step (model/train_formula.h); then the average, where there
 * is one. */
struct rp_cuda_update {
    const struct rp_cuda_pace *pace;
    const struct rp_cuda_stretch *stretch;
    uint32_t stretches, optimizer; /* which: rp_optimizers */
    size_t most;                   /* weights of a stretch */
    const struct rp_cuda_norms *norms;
    const float *gradient;
    float *params, *average;
    float *slots[2]; /* NULL: it keeps less */
};
cudaError_t rp_cuda_update_enqueue(const struct rp_cuda_update *a,
                                   cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
