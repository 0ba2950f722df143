/* cuDNN's descriptors and checks by its documentation. What it does not take,
 * this does not take either; of what it takes, only what cuda/ uses. */
#include "fake_cudnn.h"

#include <stdlib.h>

#include "fake_cuda.h"

const char *cudnnGetErrorString(cudnnStatus_t status)
{
    switch (status) {
    case CUDNN_STATUS_SUCCESS:
        return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_BAD_PARAM:
        return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED:
        return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH:
        return "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH";
    case CUDNN_STATUS_INTERNAL_ERROR:
        return "CUDNN_STATUS_INTERNAL_ERROR";
    case CUDNN_STATUS_EXECUTION_FAILED:
        return "CUDNN_STATUS_EXECUTION_FAILED";
    }
    return "CUDNN_UNKNOWN_STATUS";
}

size_t cudnnGetVersion(void)
{
    return CUDNN_VERSION;
}

static cudnnStatus_t make(void **out, size_t size)
{
    *out = calloc(1, size);
    return *out ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR;
}

static cudnnStatus_t drop(void *descriptor)
{
    free(descriptor);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    return fake_cuda.devices > 0 ? make((void **)handle, sizeof **handle)
                                 : CUDNN_STATUS_INTERNAL_ERROR;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    return drop(handle);
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *tensor)
{
    return make((void **)tensor, sizeof **tensor);
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor)
{
    return drop(tensor);
}

cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t tensor,
                                         cudnnDataType_t type, int dims,
                                         const int dim[], const int stride[])
{
    if (dims < 3 || dims > 8)
        return CUDNN_STATUS_BAD_PARAM;
    tensor->type = type;
    tensor->dims = dims;
    for (int i = 0; i < dims; i++) {
        if (dim[i] < 1 || stride[i] < 1)
            return CUDNN_STATUS_BAD_PARAM;
        tensor->dim[i] = dim[i];
        tensor->stride[i] = stride[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetTensorNdDescriptor(cudnnTensorDescriptor_t tensor,
                                         int wanted, cudnnDataType_t *type,
                                         int *dims, int dim[], int stride[])
{
    *type = tensor->type;
    *dims = tensor->dims;
    for (int i = 0; i < wanted && i < tensor->dims; i++) {
        dim[i] = tensor->dim[i];
        stride[i] = tensor->stride[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t *dropout)
{
    return make((void **)dropout, sizeof **dropout);
}

cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t dropout)
{
    return drop(dropout);
}

cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t dropout,
                                        cudnnHandle_t handle, float share,
                                        void *states, size_t size,
                                        unsigned long long seed)
{
    dropout->share = share;
    return share > 0 ? CUDNN_STATUS_NOT_SUPPORTED : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t *rnn)
{
    return make((void **)rnn, sizeof **rnn);
}

cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t rnn)
{
    return drop(rnn);
}

/* On cue; nothing is said of when a card's refusal comes. */
static cudnnStatus_t asked(bool bf16)
{
    if (bf16 && fake_cuda.refuse_bf16 && !--fake_cuda.refuse_bf16) {
        fake_cuda.refuse_bf16 = 1;
        return CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH;
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetRNNDescriptor_v8(
    cudnnRNNDescriptor_t rnn, cudnnRNNAlgo_t algo, cudnnRNNMode_t mode,
    cudnnRNNBiasMode_t bias, cudnnDirectionMode_t direction,
    cudnnRNNInputMode_t input, cudnnDataType_t type, cudnnDataType_t math,
    cudnnMathType_t cores, int32_t inputs, int32_t hidden, int32_t projected,
    int32_t layers, cudnnDropoutDescriptor_t dropout, uint32_t flags)
{
    if (mode != CUDNN_GRU || bias != CUDNN_RNN_DOUBLE_BIAS ||
        direction != CUDNN_UNIDIRECTIONAL || input != CUDNN_LINEAR_INPUT ||
        algo != CUDNN_RNN_ALGO_STANDARD)
        return CUDNN_STATUS_NOT_SUPPORTED;
    /* bf16 is multiplied by tensor cores, and summed in fp32. */
    if (math != CUDNN_DATA_FLOAT ||
        (type == CUDNN_DATA_BFLOAT16 && cores == CUDNN_FMA_MATH))
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (inputs < 1 || hidden < 1 || layers < 1 || projected != hidden ||
        (dropout && dropout->share > 0))
        return CUDNN_STATUS_BAD_PARAM;
    *rnn = (struct fake_rnn){type == CUDNN_DATA_BFLOAT16, inputs, hidden,
                             layers, flags};
    return asked(rnn->bf16);
}

cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t *data)
{
    return make((void **)data, sizeof **data);
}

cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t data)
{
    return drop(data);
}

cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t data,
                                        cudnnDataType_t type,
                                        cudnnRNNDataLayout_t layout, int T,
                                        int B, int width, const int length[],
                                        void *padding)
{
    if (layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED)
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (T < 1 || B < 1 || width < 1)
        return CUDNN_STATUS_BAD_PARAM;
    *data = (struct fake_rnn_data){type == CUDNN_DATA_BFLOAT16, T, B, width,
                                   true};
    for (int b = 0; b < B; b++) {
        if (length[b] < 1 || length[b] > T)
            return CUDNN_STATUS_BAD_PARAM;
        data->full = data->full && length[b] == T;
    }
    return data->full ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

static size_t size_of(bool bf16)
{
    return bf16 ? 2 : 4;
}

cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t handle,
                                         cudnnRNNDescriptor_t rnn,
                                         size_t *size)
{
    *size = fake_cudnn_weights(rnn) * size_of(rnn->bf16);
    return asked(rnn->bf16);
}

/* A few rows want more than many: the documentation promises nothing else. */
static size_t work_of(const struct fake_rnn_data *x)
{
    return x->B < 3 ? 40 << 20 : 1024;
}

cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t handle,
                                        cudnnRNNDescriptor_t rnn,
                                        cudnnForwardMode_t mode,
                                        cudnnRNNDataDescriptor_t x,
                                        size_t *work, size_t *reserve)
{
    *work = work_of(x);
    if (reserve)
        *reserve = mode == CUDNN_FWD_MODE_TRAINING
                       ? fake_cudnn_reserve(rnn, x->T, x->B)
                       : 0;
    return asked(rnn->bf16);
}

/* A matrix is 1 x rows x columns, a bias 1 x rows x 1. */
static void describe(cudnnTensorDescriptor_t tensor, bool bf16, int rows,
                     int columns)
{
    if (tensor)
        *tensor = (struct fake_tensor){
            bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT,
            3,
            {1, rows, columns},
            {rows * columns, columns, 1}};
}

cudnnStatus_t cudnnGetRNNWeightParams(
    cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, int32_t layer, size_t size,
    const void *space, int32_t id, cudnnTensorDescriptor_t matrix,
    void **matrix_at, cudnnTensorDescriptor_t bias, void **bias_at)
{
    size_t cell = size_of(rnn->bf16);
    int columns = id < 3 && !layer ? rnn->inputs : rnn->hidden;

    if (layer < 0 || layer >= rnn->layers || id < 0 || id > 5 ||
        size != fake_cudnn_weights(rnn) * cell)
        return CUDNN_STATUS_BAD_PARAM;
    *matrix_at = (char *)(uintptr_t)space +
                 fake_cudnn_matrix(rnn, layer, id) * cell;
    *bias_at =
        (char *)(uintptr_t)space + fake_cudnn_bias(rnn, layer, id) * cell;
    describe(matrix, rnn->bf16, rnn->hidden, columns);
    describe(bias, rnn->bf16, rnn->hidden, 1);
    return asked(rnn->bf16);
}

/* Whether h is (layers, B, H), fully packed. */
static bool is_state(cudnnTensorDescriptor_t h, const struct fake_rnn *rnn,
                     int B)
{
    return h && h->dims == 3 && h->dim[0] == rnn->layers && h->dim[1] == B &&
           h->dim[2] == rnn->hidden && h->stride[2] == 1 &&
           h->stride[1] == rnn->hidden && h->stride[0] == B * rnn->hidden &&
           (h->type == CUDNN_DATA_BFLOAT16) == rnn->bf16;
}

static bool is_data(const struct fake_rnn_data *data,
                    const struct fake_rnn *rnn, int width)
{
    return data && data->bf16 == rnn->bf16 && data->width == width;
}

struct call {
    cudnnHandle_t handle;
    cudnnRNNDescriptor_t rnn;
    cudnnRNNDataDescriptor_t x, y;
    cudnnTensorDescriptor_t h;
    size_t weights, work, reserve;
    const void *work_at, *reserve_at;
};

static bool fits(const struct call *call, bool training)
{
    const struct fake_rnn *rnn = call->rnn;
    size_t weights = fake_cudnn_weights(rnn) * size_of(rnn->bf16);

    /* Unpacked layouts are there with padded I/O only. */
    return rnn->flags & CUDNN_RNN_PADDED_IO_ENABLED &&
           is_data(call->x, rnn, rnn->inputs) &&
           is_data(call->y, rnn, rnn->hidden) && call->x->T == call->y->T &&
           call->x->B == call->y->B && is_state(call->h, rnn, call->x->B) &&
           call->weights == weights && call->work >= work_of(call->x) &&
           call->work_at &&
           (!training ||
            (call->reserve_at &&
             call->reserve >=
                 fake_cudnn_reserve(rnn, call->x->T, call->x->B)));
}

static void run(void *kernel, const void *arguments)
{
    struct fake_gru gru;

    memcpy(&gru, arguments, sizeof gru);
    fake_cudnn_run(&gru);
}

static cudnnStatus_t enqueue(const struct call *call, struct fake_gru *gru)
{
    struct fake_launch launch = {.call = run, .x = 1, .y = 1, .threads = 1};

    cudnnStatus_t refused = asked(call->rnn->bf16);

    if (refused)
        return refused;
    gru->rnn = *call->rnn;
    gru->T = call->x->T;
    gru->B = call->x->B;
    return fake_cuda_launch(&launch, gru, sizeof *gru, call->handle->stream)
               ? CUDNN_STATUS_EXECUTION_FAILED
               : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNForward(
    cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, cudnnForwardMode_t mode,
    const int32_t lengths[], cudnnRNNDataDescriptor_t x_is, const void *x,
    cudnnRNNDataDescriptor_t y_is, void *y, cudnnTensorDescriptor_t h_is,
    const void *hx, void *hy, cudnnTensorDescriptor_t c_is, const void *cx,
    void *cy, size_t weights_size, const void *weights, size_t work_size,
    void *work, size_t reserve_size, void *reserve)
{
    bool training = mode == CUDNN_FWD_MODE_TRAINING;
    struct call call = {handle, rnn, x_is, y_is, h_is, weights_size,
                        work_size, reserve_size, work, reserve};
    struct fake_gru gru = {.pass = FAKE_FORWARD, .x = x, .hx = hx,
                           .weights = weights, .to_y = y, .hy = hy,
                           .reserve = training ? reserve : NULL};

    return x && y && weights && fits(&call, training)
               ? enqueue(&call, &gru)
               : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnRNNBackwardData_v8(
    cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, const int32_t lengths[],
    cudnnRNNDataDescriptor_t y_is, const void *y, const void *dy,
    cudnnRNNDataDescriptor_t x_is, void *dx, cudnnTensorDescriptor_t h_is,
    const void *hx, const void *dhy, void *dhx, cudnnTensorDescriptor_t c_is,
    const void *cx, const void *dcy, void *dcx, size_t weights_size,
    const void *weights, size_t work_size, void *work, size_t reserve_size,
    void *reserve)
{
    struct call call = {handle, rnn, x_is, y_is, h_is, weights_size,
                        work_size, reserve_size, work, reserve};
    struct fake_gru gru = {.pass = FAKE_BACKWARD_DATA, .y = y, .dy = dy,
                           .hx = hx, .dhy = dhy, .weights = weights, .dx = dx,
                           .dhx = dhx, .reserve = reserve};

    return y && dy && dx && weights && fits(&call, true)
               ? enqueue(&call, &gru)
               : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnRNNBackwardWeights_v8(
    cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, cudnnWgradMode_t add,
    const int32_t lengths[], cudnnRNNDataDescriptor_t x_is, const void *x,
    cudnnTensorDescriptor_t h_is, const void *hx, cudnnRNNDataDescriptor_t y_is,
    const void *y, size_t weights_size, void *dweights, size_t work_size,
    void *work, size_t reserve_size, void *reserve)
{
    struct call call = {handle, rnn, x_is, y_is, h_is, weights_size,
                        work_size, reserve_size, work, reserve};
    struct fake_gru gru = {.pass = FAKE_BACKWARD_WEIGHTS, .x = x, .hx = hx,
                           .y = y, .dweights = dweights, .reserve = reserve,
                           .add = true};

    /* Only adding is supported, the documentation says. */
    if (add != CUDNN_WGRAD_MODE_ADD)
        return CUDNN_STATUS_NOT_SUPPORTED;
    return x && y && dweights && fits(&call, true) ? enqueue(&call, &gru)
                                                   : CUDNN_STATUS_BAD_PARAM;
}
