/* Training on the device, as the files of cuda/train*.c share it. */
#ifndef RP_CUDA_TRAIN_H
#define RP_CUDA_TRAIN_H

#include "cuda/instance.h"
#include "cuda/train_kernels.h"
#include "cuda/train_libs.h"
#include "model/train_ops.h"

enum {
    RP_CUDA_SLOTS = 2,   /* batches that are put and have no result */
    RP_CUDA_ALIGN = 8,   /* columns of a matrix, for tensor cores; */
    RP_CUDA_START = 128, /* numbers, where one begins: 256 bytes of bf16; */
    RP_CUDA_ROWS = 64,   /* rows of a list of targets, */
    RP_CUDA_TIMES = 8,   /* and times of a batch, that make a whole */
    RP_CUDA_PLANS = 128, /* products whose way is remembered */
    RP_CUDA_GRAPHS = 64  /* steps that are */
};

_Static_assert((int)RP_CUDA_DEPTH == (int)RP_LAYERS_MAX,
               "each layer has a dropout of its own");

/* The parameters on the device are views as the layout has them, but that
 * each begins at a whole RP_CUDA_START and rows are as long as RP_CUDA_ALIGN
 * wants; what fills them up is 0 and stays 0. */
struct rp_cuda_view {
    size_t at;
    uint32_t rows, columns, ld;
};

/* What the GPU multiplies in. */
struct rp_cuda_numbers {
    bool bf16;
    bool tf32; /* bf16 is asked for, and cuDNN has none here */
};

/* Layers first .. first + layers of the GRU as one of cuDNN's. */
struct rp_cuda_rnn {
    uint32_t first, layers, inputs;
    cudnnRNNDescriptor_t rnn;
    cudnnRNNDataDescriptor_t x, y;
    cudnnTensorDescriptor_t h;
    size_t space_size;
    void *space, *dspace; /* weights, and their gradient */
    size_t reserve_size;
    void *reserve;
    struct rp_cuda_piece *piece; /* on the device */
    uint32_t pieces;
    size_t most; /* weights of one */
};

/* The network in one kind of number: for passes with backward, or without. */
struct rp_cuda_net {
    bool made;
    struct rp_cuda_numbers numbers;
    struct rp_cuda_rnn rnn[RP_LAYERS_MAX];
    uint32_t rnns;
    void *cells;         /* all parameters as bf16; NULL: the floats */
    const float *source; /* what it was packed from; NULL: it must be */
    bool dropped;        /* and some recurrent weights were left out */
    uint32_t T, B;       /* that the descriptors are for */
};

/* Where in a batch's block everything lies, in bytes. */
struct rp_cuda_lies {
    size_t span, start, link, drop, target[RP_FIELDS], at, condition;
};

/* A batch as it is sent. */
struct rp_cuda_batch {
    void *host, *device;
    size_t room; /* bytes */
    struct rp_cuda_memory memory;
    cudaEvent_t sent, done;
    uint32_t T, B;
    struct rp_learner_pass pass;
    struct rp_cuda_lies lies;
    size_t heard, conditions; /* bytes of indices that there is room for */
    uint32_t drops, most_dropped; /* of them; units of the largest */
    uint32_t P[RP_FIELDS]; /* targets, and what fills them up */
    bool started;          /* it begins in states of its own, */
    bool carried;          /* or some rows in those of the batch before */
    uint64_t drawn[RP_FIELDS];
    double weight;
};

/* Results, in memory that the host reads. */
struct rp_cuda_result {
    double loss[RP_FIELDS], norm;
    uint64_t hits[RP_FIELDS];
};

/* How a product is made: made once for each kind of product. */
struct rp_cuda_product {
    uint32_t M, N, K;
    uint32_t lda, ldb, ldc;
    bool ta, tb, bf16, tf32, adds;
};
struct rp_cuda_plan {
    struct rp_cuda_product is;
    bool made;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a, b, c;
    cublasLtMatmulAlgo_t algo;
};

/* Two steps that are alike are the same launches, and one graph. Compared
 * byte for byte, so there is nothing between its members. */
struct rp_cuda_alike {
    void *device;
    struct rp_cuda_lies lies;
    uint32_t slot, T, B, P[RP_FIELDS], drops, most_dropped;
    uint32_t started, carried, drops_recurrent; /* 0 or 1 */
    float smoothing;
};
_Static_assert(sizeof(struct rp_cuda_alike) ==
                   sizeof(void *) + sizeof(struct rp_cuda_lies) +
                       (9 + RP_FIELDS) * sizeof(uint32_t),
               "steps are compared byte for byte");
struct rp_cuda_graph {
    struct rp_cuda_alike is;
    cudaGraphExec_t exec; /* NULL: there was one step like it so far */
    uint64_t used;        /* when; 0: never */
};

/* Between the heads' products, P rows each. */
struct rp_cuda_scratch {
    void *a, *c, *e, *de, *d;     /* cells: (P, H), (P, C), (P, E) 2x, (P, N) */
    float *e_sums, *logits, *da; /* (P, E), (P, N), (P, H) */
    double *loss;
    uint32_t *hits;
    float *partial; /* of sums of columns */
};

struct rp_cuda_train {
    struct rp_cuda cuda; /* stream, memory and deadline, for call.c */
    const struct rp_cuda_libs *libs;
    struct rp_learner_options options;
    const struct rp_optimizer *optimizer;
    bool frozen[RP_VIEWS_MAX];
    char device[100]; /* its name */
    char about[200];
    size_t about_plain; /* bytes of it that are true without graphs, too */
    struct rp_layout layout;
    struct rp_cuda_view view[RP_VIEWS_MAX];
    size_t size; /* floats of all views */
    uint32_t conditions; /* cells of the widest condition */
    cudaStream_t copies;
    cudnnHandle_t dnn;
    cudnnDropoutDescriptor_t none;
    cublasLtHandle_t blas;
    cublasLtMatmulPreference_t preference;
    struct rp_cuda_plan plan[RP_CUDA_PLANS];
    struct rp_cuda_net net[2]; /* without backward, with it */
    struct rp_cuda_batch batch[RP_CUDA_SLOTS];
    struct rp_cuda_result *result[RP_CUDA_SLOTS], *result_device[RP_CUDA_SLOTS];
    struct rp_cuda_pace *told[RP_CUDA_SLOTS]; /* pinned: what goes to pace */
    uint64_t puts, runs, results; /* counted */
    bool graphs;    /* steps are launched as graphs */
    bool capturing; /* what goes wrong now only ends a capture, */
    bool trying;    /* what cuDNN refuses now is only bf16, */
    char spoiled[120]; /* and this is what did, or was */
    struct rp_cuda_graph graph[RP_CUDA_GRAPHS];
    uint64_t launched;
    /* On the device. */
    float *params, *gradient, *slots, *average;
    struct rp_cuda_stretch *stretch;
    size_t most; /* weights of one */
    double *partial;
    struct rp_cuda_pace *pace;
    struct rp_cuda_norms *norms;
    void *x, *dx;              /* cells (T, B, I) */
    void *start;               /* cells (layers, B, H) */
    float *carry;              /* (layers, B, H): where rows ended; or NULL */
    float *keep; /* (RP_LAYERS_MAX + RP_FIELDS, B, H) of a batch; or NULL */
    void *y[RP_LAYERS_MAX];    /* cells (T, B, H) of each rnn */
    void *heard[RP_LAYERS_MAX]; /* the same after dropout, from t = 1 */
    float *dtop;               /* (T, B, H) */
    void *dy[2];               /* cells (T, B, H) */
    void *work;                /* cuDNN's and cuBLASLt's */
    size_t work_size;
    struct rp_cuda_scratch scratch;
};

/* A function of the runtime, cuDNN or cuBLASLt said something: as a status,
 * logged. */
rp_status rp_cuda_train_check(struct rp_cuda_train *t, cudaError_t error,
                              const char *what);
rp_status rp_cuda_train_dnn(struct rp_cuda_train *t, cudnnStatus_t status,
                            const char *what);
rp_status rp_cuda_train_blas(struct rp_cuda_train *t, cublasStatus_t status,
                             const char *what);
rp_status rp_cuda_train_alloc(struct rp_cuda_train *t, void *out, size_t size);

static inline size_t rp_cuda_round(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}
static inline void *rp_cuda_cell(const struct rp_cuda_net *net, void *base,
                                 size_t cells)
{
    return (char *)base + cells * (net->numbers.bf16 ? 2 : 4);
}
/* What a batch has at an offset of its lies, on the device. */
static inline void *rp_cuda_sent(const struct rp_cuda_batch *batch, size_t at)
{
    return (char *)batch->device + at;
}
/* What dropout leaves of a place's units, (B, H). */
static inline float *rp_cuda_kept(const struct rp_cuda_train *t,
                                  const struct rp_cuda_batch *batch,
                                  uint32_t place)
{
    return t->keep + (size_t)place * batch->B * t->options.shape.hidden;
}
/* A parameter as cells. */
static inline void *rp_cuda_weight(const struct rp_cuda_train *t,
                                   const struct rp_cuda_net *net,
                                   uint32_t view)
{
    size_t at = t->view[view].at;
    return net->cells ? (void *)((uint16_t *)net->cells + at)
                      : (void *)((float *)net->source + at);
}

/* train_layout.c: where the parameters lie; between there and the layout. */
void rp_cuda_train_layout(struct rp_cuda_train *t);
void rp_cuda_train_spread(const struct rp_cuda_train *t, const float *flat,
                          float *views);
void rp_cuda_train_collect(const struct rp_cuda_train *t, const float *views,
                           float *flat);

/* train_batch.c */
rp_status rp_cuda_batch_put(struct rp_cuda_train *t,
                            struct rp_cuda_batch *batch,
                            const struct rp_learner_part *part,
                            uint32_t parts,
                            const struct rp_learner_pass *pass);

/* train_step.c: of the table; and the launches of a step alone. */
rp_status rp_cuda_train_run(struct rp_learner *learner,
                            const struct rp_learner_update *update);
rp_status rp_cuda_train_result(struct rp_learner *learner,
                               struct rp_learner_result *out);
rp_status rp_cuda_train_enqueue(struct rp_cuda_train *t, uint32_t slot,
                                bool update);

/* train_graph.c: a step with an update, as a graph where it was seen before. */
rp_status rp_cuda_graph_run(struct rp_cuda_train *t, uint32_t slot);
void rp_cuda_graph_fini(struct rp_cuda_train *t);

/* train_product.c: C (M, N) = op(A) op(B), or += where it adds; row-major, A
 * and B cells, C floats; A is (K, M) where ta, B is (N, K) where tb. */
rp_status rp_cuda_product(struct rp_cuda_train *t,
                          const struct rp_cuda_net *net,
                          struct rp_cuda_product is, const void *a,
                          const void *b, float *c);
void rp_cuda_product_fini(struct rp_cuda_train *t);

/* train_rnn.c: cuDNN's side. make: descriptors and weight spaces. */
rp_status rp_cuda_rnn_make(struct rp_cuda_train *t, struct rp_cuda_net *net,
                           bool backward);
/* Every call of a step once, over zeros, when all memory is there. */
rp_status rp_cuda_rnn_try(struct rp_cuda_train *t, struct rp_cuda_net *net);
void rp_cuda_rnn_fini(struct rp_cuda_train *t, struct rp_cuda_net *net);
/* Packs the parameters if they changed; all layers, all times. */
rp_status rp_cuda_rnn_forward(struct rp_cuda_train *t,
                              struct rp_cuda_net *net,
                              const struct rp_cuda_batch *batch);
/* From t->dtop to the gradient of the layers' weights. */
rp_status rp_cuda_rnn_backward(struct rp_cuda_train *t,
                               struct rp_cuda_net *net,
                               const struct rp_cuda_batch *batch);

/* train_heads.c: loss and hits; with backward the heads' gradient, and
 * t->dtop. */
rp_status rp_cuda_heads_run(struct rp_cuda_train *t, struct rp_cuda_net *net,
                            const struct rp_cuda_batch *batch,
                            struct rp_cuda_result *result);

#endif
