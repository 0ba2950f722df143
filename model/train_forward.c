/* Forward through the layers, and through the heads to the loss. */
#include <string.h>

#include "model/train_parts.h"

/* Gates of layer 0: what is heard is a few ones, so their columns are added. */
static void hear_sparse(const struct rp_train_net *net,
                        const struct rp_batch *batch, uint32_t t, float *gi)
{
    const struct rp_layout *layout = &net->layout;
    const float *bias = net->params + layout->view[layout->bias_ih[0]].offset;
    uint32_t width = 3 * net->shape.hidden;

    for (uint32_t b = 0; b < batch->B; b++) {
        size_t row = (size_t)t * batch->B + b;
        uint32_t begin = batch->input.begin[row];
        net->k->sparse_add(width, bias, net->ih[0], width,
                           batch->input.begin[row + 1] - begin,
                           batch->input.at + begin, gi + (size_t)b * width);
    }
}

/* Gates of layer l >= 1 at times first .. end, from h of the layer below after
 * dropout. */
static void hear_layer(const struct rp_train_net *net,
                       struct rp_train_shard *shard,
                       const struct rp_batch *batch, uint32_t l,
                       uint32_t first, uint32_t end,
                       const struct rp_train_pass *pass)
{
    uint32_t H = net->shape.hidden;
    size_t step = (size_t)batch->B * H;
    const struct rp_layout *layout = &net->layout;
    const float *bias = net->params + layout->view[layout->bias_ih[l]].offset;

    for (uint32_t t = first; t < end && pass->dropout > 0; t++)
        net->cells->times(step,
                          rp_train_cell(net, shard->h[l - 1], t * step),
                          shard->keep[l],
                          rp_train_cell(net, shard->x[l], t * step));
    net->cells->gemm((size_t)(end - first) * batch->B, 3 * H, H,
                     rp_train_cell(net, rp_train_heard(shard, l, pass),
                                   first * step),
                     H, net->ih[l], bias, 0, shard->gi, 3 * H);
}

/* One step of layer l: gi is what comes from below. */
static void step_layer(const struct rp_train_net *net,
                       struct rp_train_shard *shard,
                       const struct rp_batch *batch, uint32_t l, uint32_t t,
                       const float *gi, bool keep)
{
    uint32_t H = net->shape.hidden, B = batch->B;
    size_t step = (size_t)B * H;
    const struct rp_layout *layout = &net->layout;
    const float *bias = net->params + layout->view[layout->bias_hh[l]].offset;

    net->cells->gemm(B, 3 * H, H,
                     rp_train_cell(net, shard->h[l], (t - 1) * step), H,
                     net->hh[l], bias, 0, shard->gh, 3 * H);
    net->cells->gates(
        H, B, gi, shard->gh, shard->state,
        rp_train_cell(net, shard->h[l], t * step),
        keep ? rp_train_cell(net, shard->gate[l], 4 * t * step) : NULL);
    rp_train_lap(shard, RP_STAGE_RECURRENT);
}

/* At t = 0 nothing is heard: the state is where the batch starts. What comes
 * from below is computed for as many times at once as stay in the cache. */
static void layer_forward(const struct rp_train_net *net,
                          struct rp_train_shard *shard,
                          const struct rp_batch *batch, uint32_t l,
                          const struct rp_train_pass *pass)
{
    size_t step = (size_t)batch->B * net->shape.hidden;
    uint32_t times = l && batch->B < RP_TRAIN_CHUNK
                         ? RP_TRAIN_CHUNK / batch->B
                         : 1;

    if (batch->start)
        memcpy(shard->state, batch->start + l * step, step * sizeof(float));
    else
        memset(shard->state, 0, step * sizeof(float));
    net->cells->narrow(step, shard->state, shard->h[l]);
    if (l && pass->dropout > 0)
        rp_train_keep(pass, l, (uint32_t)step, shard->keep[l]);
    for (uint32_t first = 1; first < batch->T; first += times) {
        uint32_t end = first + times < batch->T ? first + times : batch->T;
        if (l)
            hear_layer(net, shard, batch, l, first, end, pass);
        else
            hear_sparse(net, batch, first, shard->gi);
        rp_train_lap(shard, RP_STAGE_INPUT);
        for (uint32_t t = first; t < end; t++)
            step_layer(net, shard, batch, l, t,
                       shard->gi + 3 * (t - first) * step, pass->backward);
    }
}

void rp_train_forward(const struct rp_train_net *net,
                      struct rp_train_shard *shard,
                      const struct rp_batch *batch,
                      const struct rp_train_pass *pass)
{
    for (uint32_t l = 0; l < net->shape.layers; l++)
        layer_forward(net, shard, batch, l, pass);
}
