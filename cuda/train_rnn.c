/* The GRU by cuDNN. It hears dense rows of cells: that a row of layer 0's
 * input is a few ones of about 1,300 costs one product with the input's
 * matrix, as much as two of a layer's recurrent ones at H = 512, all rows at
 * once where the recurrent ones come T one after another; 0 and 1 are exact in
 * any number. So the whole stack is cuDNN's, and with it the gradient of all
 * its weights in a fixed order, where gathering columns would need atomics or
 * sorting to add them back.
 *
 * Nothing is heard at t = 0, and from there on all rows are full: cuDNN runs
 * t = 1 .. T - 1 of all sequences, and y begins with the states before.
 *
 * Dropout of ours is one mask per row, all along its sequence, which cuDNN's
 * is not: where any pass drops, each layer is a GRU of its own and the mask
 * lies between; else one of all layers lets cuDNN work on some at once. They
 * are apart, too, where rows are carried: each may end at a time of its own,
 * and only y has the states of all times.
 *
 * Recurrent dropout is of weights, the same all along the sequences: it is a
 * matter of what is packed into cuDNN's space, and what comes back. */
#include <stdlib.h>
#include <string.h>

#include "cuda/train.h"
#include "rt/log.h"

enum { IDS = 6 }; /* matrices and biases of a layer: 0..2 ih, 3..5 hh */

static cudnnDataType_t type_of(const struct rp_cuda_net *net)
{
    return net->numbers.bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

static size_t size_of(const struct rp_cuda_net *net)
{
    return net->numbers.bf16 ? 2 : 4;
}

/* cuDNN's default on fp32 may be TF32: only tf32 wants that. */
static rp_status describe(struct rp_cuda_train *t, struct rp_cuda_net *net,
                          struct rp_cuda_rnn *r)
{
    const struct rp_cuda_libs *libs = t->libs;
    const int32_t H = (int32_t)t->options.shape.hidden;
    const bool exact = !net->numbers.bf16 && !net->numbers.tf32;
    cudnnStatus_t status = libs->cudnnCreateRNNDescriptor(&r->rnn);

    if (!status)
        status = libs->cudnnCreateRNNDataDescriptor(&r->x);
    if (!status)
        status = libs->cudnnCreateRNNDataDescriptor(&r->y);
    if (!status)
        status = libs->cudnnCreateTensorDescriptor(&r->h);
    if (!status)
        status = libs->cudnnSetRNNDescriptor_v8(
            r->rnn, CUDNN_RNN_ALGO_STANDARD, CUDNN_GRU, CUDNN_RNN_DOUBLE_BIAS,
            CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, type_of(net),
            CUDNN_DATA_FLOAT, exact ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH,
            (int32_t)r->inputs, H, H, (int32_t)r->layers, t->none,
            CUDNN_RNN_PADDED_IO_ENABLED);
    if (!status)
        status = libs->cudnnGetRNNWeightSpaceSize(t->dnn, r->rnn,
                                                  &r->space_size);
    return rp_cuda_train_dnn(t, status, "describing a GRU");
}

/* The descriptors of a batch's data. */
static rp_status fit(struct rp_cuda_train *t, struct rp_cuda_net *net,
                     struct rp_cuda_rnn *r, uint32_t T, uint32_t B)
{
    const struct rp_cuda_libs *libs = t->libs;
    const int H = (int)t->options.shape.hidden, b = (int)B;
    const int dim[3] = {(int)r->layers, b, H}, stride[3] = {b * H, H, 1};
    int *length = malloc(B * sizeof *length);
    cudnnStatus_t status;

    if (!length)
        return RP_EMEM;
    for (uint32_t i = 0; i < B; i++)
        length[i] = (int)T;
    status = libs->cudnnSetRNNDataDescriptor(
        r->x, type_of(net), CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED, (int)T,
        b, (int)r->inputs, length, NULL);
    if (!status)
        status = libs->cudnnSetRNNDataDescriptor(
            r->y, type_of(net), CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
            (int)T, b, H, length, NULL);
    if (!status)
        status = libs->cudnnSetTensorNdDescriptor(r->h, type_of(net), 3, dim,
                                                  stride);
    free(length);
    return rp_cuda_train_dnn(t, status, "describing a batch");
}

/* What cuDNN wants for a batch: sizes only grow. */
static rp_status measure(struct rp_cuda_train *t, struct rp_cuda_rnn *r,
                         bool backward)
{
    size_t work = 0, reserve = 0;
    rp_status status = rp_cuda_train_dnn(
        t,
        t->libs->cudnnGetRNNTempSpaceSizes(
            t->dnn, r->rnn,
            backward ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE,
            r->x, &work, backward ? &reserve : NULL),
        "measuring a GRU");

    if (status)
        return status;
    if (work > t->work_size)
        t->work_size = work;
    if (reserve > r->reserve_size)
        r->reserve_size = reserve;
    return RP_OK;
}

/* Of a smaller batch cuDNN may want more than of the largest one. What graphs
 * know of stays where it was, until the end. */
static rp_status make_room(struct rp_cuda_train *t, struct rp_cuda_rnn *r,
                           bool backward)
{
    const size_t work = t->work_size, reserve = r->reserve_size;
    rp_status status = measure(t, r, backward);

    if (!status && t->work_size > work)
        status = rp_cuda_train_alloc(t, &t->work, t->work_size);
    if (status)
        t->work_size = work;
    if (!status && r->reserve_size > reserve)
        status = rp_cuda_train_alloc(t, &r->reserve, r->reserve_size);
    if (status)
        r->reserve_size = reserve;
    return status;
}

/* Numbers id of layer l: where they lie in our parameters and in cuDNN's
 * space. Gates r, z, n are ids 0, 1, 2 (3, 4, 5 of the recurrent ones). */
static rp_status find(struct rp_cuda_train *t, struct rp_cuda_net *net,
                      struct rp_cuda_rnn *r, uint32_t l, int id,
                      cudnnTensorDescriptor_t matrix,
                      cudnnTensorDescriptor_t bias,
                      struct rp_cuda_piece piece[2])
{
    const struct rp_layout *layout = &t->layout;
    const uint32_t layer = r->first + l, H = t->options.shape.hidden;
    const uint32_t w =
        id < 3 ? layout->weight_ih[layer] : layout->weight_hh[layer];
    const uint32_t b = id < 3 ? layout->bias_ih[layer] : layout->bias_hh[layer];
    const uint32_t gate = (uint32_t)id % 3;
    cudnnDataType_t type;
    int dims = 0, dim[3] = {0}, stride[3] = {0};
    void *at[2] = {NULL, NULL};
    cudnnStatus_t status = t->libs->cudnnGetRNNWeightParams(
        t->dnn, r->rnn, (int32_t)l, r->space_size, r->space, id, matrix,
        &at[0], bias, &at[1]);

    if (!status)
        status = t->libs->cudnnGetTensorNdDescriptor(matrix, 3, &type, &dims,
                                                     dim, stride);
    /* Row-major and without gaps, by the documentation. */
    if (!status && (!at[0] || !at[1] || dim[1] != (int)H ||
                    dim[2] != (int)t->view[w].ld || stride[2] != 1 ||
                    stride[1] != dim[2]))
        status = CUDNN_STATUS_NOT_SUPPORTED;
    if (status)
        return rp_cuda_train_dnn(t, status, "looking for weights");
    for (int i = 0; i < 2; i++) {
        const struct rp_cuda_view *view = &t->view[i ? b : w];
        piece[i].count = (size_t)H * view->ld;
        piece[i].param = view->at + gate * piece[i].count;
        piece[i].cell = (size_t)((char *)at[i] - (char *)r->space) /
                        size_of(net);
        piece[i].drop = id >= 3 && !i ? layer + 1 : 0;
        piece[i].first = gate * (uint32_t)piece[i].count;
        if (piece[i].count > r->most)
            r->most = piece[i].count;
    }
    return RP_OK;
}

static rp_status find_all(struct rp_cuda_train *t, struct rp_cuda_net *net,
                          struct rp_cuda_rnn *r)
{
    struct rp_cuda_piece piece[2 * IDS * RP_LAYERS_MAX];
    cudnnTensorDescriptor_t matrix = NULL, bias = NULL;
    cudnnStatus_t made = t->libs->cudnnCreateTensorDescriptor(&matrix);
    rp_status status;

    if (!made)
        made = t->libs->cudnnCreateTensorDescriptor(&bias);
    status = rp_cuda_train_dnn(t, made, "looking for weights");
    for (uint32_t l = 0; l < r->layers; l++)
        for (int id = 0; id < IDS && !status; id++) {
            status = find(t, net, r, l, id, matrix, bias, piece + r->pieces);
            r->pieces += 2;
        }
    if (matrix)
        (void)t->libs->cudnnDestroyTensorDescriptor(matrix);
    if (bias)
        (void)t->libs->cudnnDestroyTensorDescriptor(bias);
    if (!status)
        status = rp_cuda_train_alloc(t, &r->piece,
                                     r->pieces * sizeof *piece);
    if (!status)
        status = rp_cuda_train_check(
            t,
            cudaMemcpyAsync(r->piece, piece, r->pieces * sizeof *piece,
                            cudaMemcpyHostToDevice, t->cuda.stream),
            "sending a table");
    return status ? status : rp_cuda_wait(&t->cuda, t->cuda.stream, "opening");
}

static rp_status make(struct rp_cuda_train *t, struct rp_cuda_net *net,
                      struct rp_cuda_rnn *r, bool backward)
{
    rp_status status = describe(t, net, r);

    if (!status)
        status = fit(t, net, r, t->options.T > 1 ? t->options.T - 1 : 1,
                     t->options.B);
    if (!status)
        status = measure(t, r, backward);
    if (!status)
        status = rp_cuda_train_alloc(t, &r->space, r->space_size);
    if (!status)
        status = rp_cuda_train_check(
            t, cudaMemsetAsync(r->space, 0, r->space_size, t->cuda.stream),
            "clearing weights");
    if (!status && backward)
        status = rp_cuda_train_alloc(t, &r->dspace, r->space_size);
    if (!status && backward)
        status = rp_cuda_train_alloc(t, &r->reserve, r->reserve_size);
    return status ? status : find_all(t, net, r);
}

rp_status rp_cuda_rnn_make(struct rp_cuda_train *t, struct rp_cuda_net *net,
                           bool backward)
{
    const uint32_t L = t->options.shape.layers;
    const uint32_t layers = t->options.dropout || t->options.stateful ? 1 : L;
    rp_status status = RP_OK;

    for (uint32_t l = 0; l < L && !status; l += layers) {
        struct rp_cuda_rnn *r = &net->rnn[net->rnns++];
        r->first = l;
        r->layers = layers;
        r->inputs = t->view[t->layout.weight_ih[l]].ld;
        status = make(t, net, r, backward);
    }
    net->T = t->options.T;
    net->B = t->options.B;
    return status;
}

void rp_cuda_rnn_fini(struct rp_cuda_train *t, struct rp_cuda_net *net)
{
    for (uint32_t i = 0; i < net->rnns; i++) {
        struct rp_cuda_rnn *r = &net->rnn[i];
        if (r->rnn)
            (void)t->libs->cudnnDestroyRNNDescriptor(r->rnn);
        if (r->x)
            (void)t->libs->cudnnDestroyRNNDataDescriptor(r->x);
        if (r->y)
            (void)t->libs->cudnnDestroyRNNDataDescriptor(r->y);
        if (r->h)
            (void)t->libs->cudnnDestroyTensorDescriptor(r->h);
    }
    net->rnns = 0;
}

static const struct rp_train_drop *
drop_of(const struct rp_cuda_train *t, const struct rp_cuda_batch *batch)
{
    return batch->pass.recurrent_dropout > 0 ? t->pace->drop : NULL;
}

static rp_status pack(struct rp_cuda_train *t, struct rp_cuda_net *net,
                      const struct rp_cuda_batch *batch)
{
    float *source = batch->pass.average ? t->average : t->params;
    const bool drops = batch->pass.recurrent_dropout > 0;
    const struct rp_cuda_convert narrow = {
        .from = source, .to = net->cells, .count = t->size, .to_bf16 = true};
    rp_status status = RP_OK;

    if (net->source == source && !drops && !net->dropped)
        return RP_OK;
    if (net->cells)
        status = rp_cuda_train_check(
            t, rp_cuda_convert_enqueue(&narrow, t->cuda.stream), "packing");
    for (uint32_t i = 0; i < net->rnns && !status; i++) {
        const struct rp_cuda_rnn *r = &net->rnn[i];
        const struct rp_cuda_pack a = {.drop = drop_of(t, batch),
                                       .piece = r->piece,
                                       .pieces = r->pieces,
                                       .most = r->most,
                                       .params = source,
                                       .space = r->space,
                                       .bf16 = net->numbers.bf16};
        status = rp_cuda_train_check(
            t, rp_cuda_pack_enqueue(&a, t->cuda.stream), "packing");
    }
    net->source = source;
    net->dropped = drops;
    return status;
}

static struct rp_cuda_carry carry_of(const struct rp_cuda_train *t,
                                     const struct rp_cuda_net *net,
                                     const struct rp_cuda_batch *batch,
                                     const void *from, void *to)
{
    return (struct rp_cuda_carry){
        .link = rp_cuda_sent(batch, batch->lies.link),
        .layers = t->options.shape.layers,
        .B = batch->B,
        .H = t->options.shape.hidden,
        .from = from,
        .to = to,
        .bf16 = net->numbers.bf16};
}

/* The states before, as cells; y of each GRU begins with its top one's. */
static rp_status begin(struct rp_cuda_train *t, struct rp_cuda_net *net,
                       const struct rp_cuda_batch *batch)
{
    const size_t step = (size_t)batch->B * t->options.shape.hidden;
    const size_t all = t->options.shape.layers * step;
    const struct rp_cuda_convert narrow = {
        .from = rp_cuda_sent(batch, batch->lies.start),
        .to = t->start,
        .count = all,
        .to_bf16 = net->numbers.bf16};
    const struct rp_cuda_carry take = carry_of(t, net, batch, t->carry,
                                               t->start);
    cudaError_t error =
        batch->started ? rp_cuda_convert_enqueue(&narrow, t->cuda.stream)
        : batch->carried
            ? rp_cuda_take_enqueue(&take, t->cuda.stream)
            : cudaMemsetAsync(t->start, 0, all * size_of(net),
                              t->cuda.stream);

    for (uint32_t i = 0; i < net->rnns && !error; i++) {
        uint32_t top = net->rnn[i].first + net->rnn[i].layers - 1;
        error = cudaMemcpyAsync(
            t->y[i], rp_cuda_cell(net, t->start, top * step),
            step * size_of(net), cudaMemcpyDeviceToDevice, t->cuda.stream);
    }
    return rp_cuda_train_check(t, error, "setting states");
}

/* Where the rows ended, for the batch after. */
static rp_status leave(struct rp_cuda_train *t, struct rp_cuda_net *net,
                       const struct rp_cuda_batch *batch)
{
    const size_t step = (size_t)batch->B * t->options.shape.hidden;
    cudaError_t error = cudaSuccess;

    for (uint32_t l = 0; t->carry && l < net->rnns && !error; l++) {
        const struct rp_cuda_carry a =
            carry_of(t, net, batch, t->y[l], t->carry + l * step);
        error = rp_cuda_leave_enqueue(&a, t->cuda.stream);
    }
    return rp_cuda_train_check(t, error, "keeping states");
}

/* What all units of a row are multiplied by, all along its sequence. */
static rp_status keep(struct rp_cuda_train *t,
                      const struct rp_cuda_batch *batch)
{
    const struct rp_cuda_keep a = {
        .drop = rp_cuda_sent(batch, batch->lies.drop),
        .drops = batch->drops,
        .most = batch->most_dropped,
        .keep = t->keep};

    if (!batch->drops)
        return RP_OK;
    return rp_cuda_train_check(t, rp_cuda_keep_enqueue(&a, t->cuda.stream),
                               "choosing units");
}

/* What GRU i hears, (T - 1, B, inputs). */
static void *heard(const struct rp_cuda_train *t,
                   const struct rp_cuda_net *net,
                   const struct rp_cuda_batch *batch, uint32_t i)
{
    const size_t step = (size_t)batch->B * t->options.shape.hidden;

    if (!i)
        return rp_cuda_cell(net, t->x, (size_t)batch->B * net->rnn[0].inputs);
    return batch->pass.dropout > 0 ? t->heard[i]
                                   : rp_cuda_cell(net, t->y[i - 1], step);
}

/* Times 1 .. T - 1 of `from`, times the mask of the place, to `to`. */
static rp_status drop(struct rp_cuda_train *t, struct rp_cuda_net *net,
                      const struct rp_cuda_batch *batch, uint32_t place,
                      const void *from, void *to)
{
    const size_t step = (size_t)batch->B * t->options.shape.hidden;
    const struct rp_cuda_convert a = {
        .from = from,
        .to = to,
        .by = rp_cuda_kept(t, batch, place),
        .count = (batch->T - 1) * step,
        .period = step,
        .from_bf16 = net->numbers.bf16,
        .to_bf16 = net->numbers.bf16};

    return rp_cuda_train_check(t, rp_cuda_convert_enqueue(&a, t->cuda.stream),
                               "dropping units");
}

static rp_status forward(struct rp_cuda_train *t, struct rp_cuda_net *net,
                         const struct rp_cuda_batch *batch, uint32_t i)
{
    const struct rp_cuda_rnn *r = &net->rnn[i];
    const size_t step = (size_t)batch->B * t->options.shape.hidden;
    const bool train = batch->pass.backward;
    rp_status status = RP_OK;

    if (i && batch->pass.dropout > 0)
        status = drop(t, net, batch, r->first,
                      rp_cuda_cell(net, t->y[i - 1], step), t->heard[i]);
    if (status)
        return status;
    return rp_cuda_train_dnn(
        t,
        t->libs->cudnnRNNForward(
            t->dnn, r->rnn,
            train ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, NULL,
            r->x, heard(t, net, batch, i), r->y,
            rp_cuda_cell(net, t->y[i], step), r->h,
            rp_cuda_cell(net, t->start, r->first * step), NULL, NULL, NULL,
            NULL, r->space_size, r->space, t->work_size, t->work,
            train ? r->reserve_size : 0, train ? r->reserve : NULL),
        "going forward");
}

static rp_status hear(struct rp_cuda_train *t, struct rp_cuda_net *net,
                      const struct rp_cuda_batch *batch)
{
    const struct rp_cuda_spread a = {
        .span = rp_cuda_sent(batch, batch->lies.span),
        .at = rp_cuda_sent(batch, batch->lies.at),
        .rows = batch->T * batch->B,
        .width = net->rnn[0].inputs,
        .to = t->x,
        .bf16 = net->numbers.bf16};

    return rp_cuda_train_check(t, rp_cuda_spread_enqueue(&a, t->cuda.stream),
                               "spreading the input");
}

rp_status rp_cuda_rnn_forward(struct rp_cuda_train *t,
                              struct rp_cuda_net *net,
                              const struct rp_cuda_batch *batch)
{
    rp_status status = pack(t, net, batch);
    bool other = net->T != batch->T || net->B != batch->B;

    for (uint32_t i = 0; other && batch->T > 1 && i < net->rnns && !status;
         i++) {
        status = fit(t, net, &net->rnn[i], batch->T - 1, batch->B);
        if (!status)
            status = make_room(t, &net->rnn[i], net == &t->net[1]);
    }
    if (!status && batch->T > 1) {
        net->T = batch->T;
        net->B = batch->B;
    }
    if (!status)
        status = keep(t, batch);
    if (!status)
        status = begin(t, net, batch);
    if (!status && batch->T > 1)
        status = hear(t, net, batch);
    for (uint32_t i = 0; batch->T > 1 && i < net->rnns && !status; i++)
        status = forward(t, net, batch, i);
    return status ? status : leave(t, net, batch);
}

/* dy of GRU i to dx, and the gradient of its weights. */
static rp_status backward(struct rp_cuda_train *t, struct rp_cuda_net *net,
                          const struct rp_cuda_batch *batch, uint32_t i,
                          const void *dy, void *dx)
{
    const struct rp_cuda_rnn *r = &net->rnn[i];
    const size_t step = (size_t)batch->B * t->options.shape.hidden;
    void *y = rp_cuda_cell(net, t->y[i], step);
    void *hx = rp_cuda_cell(net, t->start, r->first * step);
    const struct rp_cuda_pack unpack = {.drop = drop_of(t, batch),
                                        .piece = r->piece,
                                        .pieces = r->pieces,
                                        .most = r->most,
                                        .params = t->gradient,
                                        .space = r->dspace,
                                        .bf16 = net->numbers.bf16};
    rp_status status = rp_cuda_train_dnn(
        t,
        t->libs->cudnnRNNBackwardData_v8(
            t->dnn, r->rnn, NULL, r->y, y, dy, r->x, dx, r->h, hx, NULL, NULL,
            NULL, NULL, NULL, NULL, r->space_size, r->space, t->work_size,
            t->work, r->reserve_size, r->reserve),
        "going backward");

    /* It only adds. */
    if (!status)
        status = rp_cuda_train_check(
            t, cudaMemsetAsync(r->dspace, 0, r->space_size, t->cuda.stream),
            "clearing a gradient");
    if (!status)
        status = rp_cuda_train_dnn(
            t,
            t->libs->cudnnRNNBackwardWeights_v8(
                t->dnn, r->rnn, CUDNN_WGRAD_MODE_ADD, NULL, r->x,
                heard(t, net, batch, i), r->h, hx, r->y, y, r->space_size,
                r->dspace, t->work_size, t->work, r->reserve_size,
                r->reserve),
            "going backward");
    if (!status)
        status = rp_cuda_train_check(
            t, rp_cuda_unpack_enqueue(&unpack, t->cuda.stream), "unpacking");
    return status;
}

rp_status rp_cuda_rnn_backward(struct rp_cuda_train *t,
                               struct rp_cuda_net *net,
                               const struct rp_cuda_batch *batch)
{
    const size_t step = (size_t)batch->B * t->options.shape.hidden;
    const struct rp_cuda_convert narrow = {.from = t->dtop + step,
                                           .to = t->dy[0],
                                           .count = (batch->T - 1) * step,
                                           .to_bf16 = net->numbers.bf16};
    rp_status status;
    uint32_t side = 0;

    if (batch->T < 2) /* nothing was heard */
        return RP_OK;
    status = rp_cuda_train_check(
        t, rp_cuda_convert_enqueue(&narrow, t->cuda.stream), "narrowing");
    for (uint32_t i = net->rnns; i-- > 0 && !status; side ^= 1) {
        void *dx = i ? t->dy[side ^ 1] : t->dx;
        status = backward(t, net, batch, i, t->dy[side], dx);
        if (!status && i && batch->pass.dropout > 0)
            status = drop(t, net, batch, net->rnn[i].first, dx, dx);
    }
    return status;
}

/* The weights are zeros already, and the gradient is cleared by a step. */
rp_status rp_cuda_rnn_try(struct rp_cuda_train *t, struct rp_cuda_net *net)
{
    const struct rp_cuda_batch batch = {.T = net->T,
                                        .B = net->B,
                                        .pass = {.backward = true}};
    const size_t step = (size_t)net->B * t->options.shape.hidden;
    const struct {
        void *at;
        size_t cells;
    } zero[] = {{t->x, net->T * net->B * (size_t)net->rnn[0].inputs},
                {t->start, t->options.shape.layers * step},
                {t->dy[0], net->T * step},
                {t->dy[1], net->T * step}};
    rp_status status = RP_OK;

    if (net->T < 2)
        return RP_OK;
    for (size_t i = 0; i < sizeof zero / sizeof *zero && !status; i++)
        status = rp_cuda_train_check(
            t, cudaMemsetAsync(zero[i].at, 0, zero[i].cells * size_of(net),
                               t->cuda.stream),
            "clearing a trial");
    for (uint32_t i = 0; i < net->rnns && !status; i++)
        status = forward(t, net, &batch, i);
    for (uint32_t i = net->rnns; i-- > 0 && !status;)
        status = backward(t, net, &batch, i, t->dy[0], i ? t->dy[1] : t->dx);
    return status ? status : rp_cuda_wait(&t->cuda, t->cuda.stream, "a trial");
}
