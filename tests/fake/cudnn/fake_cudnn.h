/* The inside of the fake cuDNN: descriptors (fake_cudnn.c), and the layers as
 * its documentation has them (fake_cudnn_gru.c), in double. */
#ifndef FAKE_CUDNN_PARTS_H
#define FAKE_CUDNN_PARTS_H

#include "cudnn.h"
#include "fake_number.h"

struct fake_cudnn {
    cudaStream_t stream;
};
struct fake_tensor {
    cudnnDataType_t type;
    int dims, dim[8], stride[8];
};
struct fake_dropout {
    float share;
};
struct fake_rnn {
    bool bf16;
    int32_t inputs, hidden, layers;
    uint32_t flags;
};
struct fake_rnn_data {
    bool bf16;
    int T, B, width;
    bool full; /* all sequences are T long */
};

/* Where a matrix (3..5: recurrent) and its bias lie in the weight space, in
 * numbers. The order is none that anybody would guess. */
size_t fake_cudnn_matrix(const struct fake_rnn *rnn, int layer, int id);
size_t fake_cudnn_bias(const struct fake_rnn *rnn, int layer, int id);
size_t fake_cudnn_weights(const struct fake_rnn *rnn); /* in numbers */

/* One call, as it waits in a stream. */
enum fake_pass { FAKE_FORWARD, FAKE_BACKWARD_DATA, FAKE_BACKWARD_WEIGHTS };
struct fake_gru {
    enum fake_pass pass;
    struct fake_rnn rnn;
    int T, B;
    const void *x, *hx, *dy, *dhy, *weights, *y;
    void *to_y, *hy, *dx, *dhx, *dweights, *reserve;
    bool add; /* to what dweights holds */
};
/* Bytes of the reserve: of each layer (T, B, 5H) doubles: r, z, n, the
 * recurrent part of n, h; their gradients take their places. */
size_t fake_cudnn_reserve(const struct fake_rnn *rnn, int T, int B);
void fake_cudnn_run(const struct fake_gru *gru);

#endif
