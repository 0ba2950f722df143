/* Backward through the layers: back in time, then down. What the forward pass
 * kept of the gates is overwritten by their gradients: gate (T, B, 3H) by that
 * of what came from below, gh by that of what came from the state before. */
#include <string.h>

#include "model/train_parts.h"

static void back_in_time(const struct rp_train_net *net,
                         struct rp_train_shard *shard,
                         const struct rp_batch *batch, uint32_t l)
{
    uint32_t H = net->shape.hidden, B = batch->B;
    size_t step = (size_t)B * H;
    float *carry = shard->carry;

    memset(carry, 0, step * sizeof *carry);
    for (uint32_t t = batch->T; t-- > 1;) {
        float *gate = shard->gate[l] + 3 * t * step;
        float *gh = shard->gh[l] + 3 * t * step;
        rp_train_add(carry, shard->dh + t * step, (uint32_t)step);
        net->k->gates_backward(H, B, carry, gate, gh,
                               shard->h[l] + (t - 1) * step, gate, gh, carry);
        if (t > 1)
            net->k->gemm(B, H, 3 * H, gh, 3 * H, net->hh_back[l], carry, H,
                         carry, H);
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
        net->k->sparse_spread(width, shard->gate[0] + row * width, to, width,
                              batch->input.begin[row + 1] - begin,
                              batch->input.at + begin);
    }
}

/* The gates' gradient of layer l becomes dh of layer l - 1. */
static void back_down(const struct rp_train_net *net,
                      struct rp_train_shard *shard,
                      const struct rp_batch *batch, uint32_t l,
                      const struct rp_train_pass *pass)
{
    const struct rp_layout *layout = &net->layout;
    uint32_t H = net->shape.hidden, rows = (batch->T - 1) * batch->B;
    size_t step = (size_t)batch->B * H;
    const float *dgi = shard->gate[l] + 3 * step;

    net->k->gemm_tn(3 * H, H, rows, dgi, 3 * H, shard->x[l] + step, H,
                    shard->gradient +
                        layout->view[layout->weight_ih[l]].offset,
                    H, shard->scratch);
    rp_train_lap(shard, RP_STAGE_WEIGHTS);
    net->k->gemm(rows, H, 3 * H, dgi, 3 * H, net->ih_back[l], NULL, 0,
                 shard->dh + step, H);
    if (pass->dropout <= 0)
        return;
    rp_train_keep(pass, l, (uint32_t)step, shard->keep);
    for (uint32_t t = 1; t < batch->T; t++)
        rp_train_times(shard->dh + t * step, shard->keep, (uint32_t)step);
}

/* Weights that dropout had set to 0 learn nothing. */
static void mask_recurrent(const struct rp_train_net *net, float *gradient,
                           uint32_t l)
{
    size_t size = 3 * (size_t)net->shape.hidden * net->shape.hidden;

    for (size_t i = 0; i < size; i++)
        gradient[i] *= net->kept[l][i];
}

void rp_train_backward(const struct rp_train_net *net,
                       struct rp_train_shard *shard,
                       const struct rp_batch *batch,
                       const struct rp_train_pass *pass)
{
    const struct rp_layout *layout = &net->layout;
    uint32_t H = net->shape.hidden, rows = (batch->T - 1) * batch->B;
    size_t step = (size_t)batch->B * H;

    if (batch->T < 2)
        return;
    for (uint32_t l = net->shape.layers; l-- > 0;) {
        float *gradient = shard->gradient;
        float *hh = gradient + layout->view[layout->weight_hh[l]].offset;
        const float *dgi = shard->gate[l] + 3 * step;
        const float *dgh = shard->gh[l] + 3 * step;
        back_in_time(net, shard, batch, l);
        rp_train_lap(shard, RP_STAGE_BACKWARD);
        net->k->gemm_tn(3 * H, H, rows, dgh, 3 * H, shard->h[l], H, hh, H,
                        shard->scratch);
        if (net->recurrent_dropout > 0)
            mask_recurrent(net, hh, l);
        net->k->add_rows(3 * H, rows, dgi, 3 * H,
                         gradient + layout->view[layout->bias_ih[l]].offset);
        net->k->add_rows(3 * H, rows, dgh, 3 * H,
                         gradient + layout->view[layout->bias_hh[l]].offset);
        if (l > 0)
            back_down(net, shard, batch, l, pass);
        else
            spread_input(net, shard, batch);
        rp_train_lap(shard, l > 0 ? RP_STAGE_BACKWARD : RP_STAGE_WEIGHTS);
    }
}
