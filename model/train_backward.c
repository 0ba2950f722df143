/* Backward through the layers: back in time, then down. What the forward pass
 * kept of the gates is overwritten by their gradients. */
#include <string.h>

#include "model/train_parts.h"

static void back_in_time(const struct rp_train_net *net,
                         struct rp_train_shard *shard,
                         const struct rp_batch *batch, uint32_t l)
{
    const struct rp_cells *cells = net->cells;
    uint32_t H = net->shape.hidden, B = batch->B;
    size_t step = (size_t)B * H;
    float *carry = shard->carry;

    memset(carry, 0, step * sizeof *carry);
    memset(shard->bias, 0, 4 * H * sizeof *shard->bias);
    for (uint32_t t = batch->T; t-- > 1;) {
        void *gate = rp_train_cell(net, shard->gate[l], 4 * t * step);
        cells->gates_backward(
            H, B, carry, shard->dh + t * step, gate,
            rp_train_cell(net, shard->h[l], (t - 1) * step), shard->bias);
        if (t == 1)
            break;
        cells->gemm(B, H, 2 * H, gate, 4 * H, net->hh_back_rz[l], carry, H,
                    carry, H);
        cells->gemm(B, H, H,
                    rp_train_cell(net, shard->gate[l], 4 * t * step + 3 * H),
                    4 * H, net->hh_back_n[l], carry, H, carry, H);
    }
}

static void spread_input(const struct rp_train_net *net,
                         struct rp_train_shard *shard,
                         const struct rp_batch *batch)
{
    const struct rp_layout *layout = &net->layout;
    float *to = shard->gradient + layout->view[layout->weight_ih[0]].offset;
    uint32_t width = 3 * net->shape.hidden;

    for (size_t row = batch->B; row < (size_t)batch->T * batch->B; row++) {
        uint32_t begin = batch->input.begin[row];
        net->cells->sparse_spread(
            width,
            rp_train_cell(net, shard->gate[0], 4 * row * net->shape.hidden),
            to, width, batch->input.begin[row + 1] - begin,
            batch->input.at + begin);
    }
}

/* The gates' gradient of layer l becomes dh of layer l - 1. */
static void back_down(const struct rp_train_net *net,
                      struct rp_train_shard *shard,
                      const struct rp_batch *batch, uint32_t l,
                      const struct rp_train_pass *pass)
{
    uint32_t H = net->shape.hidden, rows = (batch->T - 1) * batch->B;
    size_t step = (size_t)batch->B * H;

    net->cells->gemm(rows, H, 3 * H,
                     rp_train_cell(net, shard->gate[l], 4 * step), 4 * H,
                     net->ih_back[l], NULL, 0, shard->dh + step, H);
    for (uint32_t t = 1; t < batch->T && pass->dropout > 0; t++)
        rp_train_times(shard->dh + t * step, shard->keep[l], (uint32_t)step);
}

/* Weights that dropout had set to 0 learn nothing. */
static void mask_recurrent(const struct rp_train_net *net, float *gradient,
                           uint32_t l)
{
    size_t size = 3 * (size_t)net->shape.hidden * net->shape.hidden;

    for (size_t i = 0; i < size; i++)
        gradient[i] *= net->kept[l][i];
}

static void add_biases(const struct rp_train_net *net,
                       struct rp_train_shard *shard, uint32_t l)
{
    const struct rp_layout *layout = &net->layout;
    uint32_t H = net->shape.hidden;
    float *ih = shard->gradient + layout->view[layout->bias_ih[l]].offset;
    float *hh = shard->gradient + layout->view[layout->bias_hh[l]].offset;

    rp_train_add(ih, shard->bias, 3 * H);
    rp_train_add(hh, shard->bias, 2 * H);
    rp_train_add(hh + 2 * H, shard->bias + 3 * H, H);
}

/* Gradients of the two matrices of layer l; layer 0 hears sparse rows. */
static void layer_weights(const struct rp_train_net *net,
                          struct rp_train_shard *shard,
                          const struct rp_batch *batch, uint32_t l,
                          const struct rp_train_pass *pass)
{
    const struct rp_layout *layout = &net->layout;
    const struct rp_cells *cells = net->cells;
    uint32_t H = net->shape.hidden, rows = (batch->T - 1) * batch->B;
    size_t step = (size_t)batch->B * H;
    float *hh = shard->gradient + layout->view[layout->weight_hh[l]].offset;
    float *ih = shard->gradient + layout->view[layout->weight_ih[l]].offset;
    const void *d = rp_train_cell(net, shard->gate[l], 4 * step);

    cells->gemm_tn(2 * H, H, rows, d, 4 * H, shard->h[l], H, hh, H,
                   shard->scratch);
    cells->gemm_tn(H, H, rows,
                   rp_train_cell(net, shard->gate[l], 4 * step + 3 * H), 4 * H,
                   shard->h[l], H, hh + 2 * (size_t)H * H, H, shard->scratch);
    if (net->recurrent_dropout > 0)
        mask_recurrent(net, hh, l);
    add_biases(net, shard, l);
    if (l > 0)
        cells->gemm_tn(3 * H, H, rows, d, 4 * H,
                       rp_train_cell(net, rp_train_heard(shard, l, pass),
                                     step),
                       H, ih, H, shard->scratch);
    else
        spread_input(net, shard, batch);
}

void rp_train_backward(const struct rp_train_net *net,
                       struct rp_train_shard *shard,
                       const struct rp_batch *batch,
                       const struct rp_train_pass *pass)
{
    if (batch->T < 2)
        return;
    for (uint32_t l = net->shape.layers; l-- > 0;) {
        back_in_time(net, shard, batch, l);
        rp_train_lap(shard, RP_STAGE_BACKWARD);
        layer_weights(net, shard, batch, l, pass);
        rp_train_lap(shard, RP_STAGE_WEIGHTS);
        if (l > 0)
            back_down(net, shard, batch, l, pass);
        rp_train_lap(shard, RP_STAGE_BACKWARD);
    }
}
