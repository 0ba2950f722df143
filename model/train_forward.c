/* Forward through the layers, and through the heads to the loss. */
#include <string.h>

#include "model/train_crop.h"
#include "model/train_parts.h"

void rp_train_keep(const struct rp_train_pass *pass, uint32_t place,
                   uint32_t count, float *keep)
{
    struct rp_train_rng rng = rp_train_rng_from(pass->seed, place, count);
    uint32_t limit = (uint32_t)(pass->dropout * 65536.0f);
    float scale = 1.0f / (1.0f - (float)limit / 65536.0f);

    for (uint32_t i = 0; i < count; i += 4) {
        uint64_t bits = rp_train_rng_next(&rng);
        for (uint32_t j = 0; j < 4 && i + j < count; j++)
            keep[i + j] = (bits >> (16 * j) & 65535) < limit ? 0.0f : scale;
    }
}

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

/* x = h of the layer below after dropout, all rows; then their gates. */
static void hear_layer(const struct rp_train_net *net,
                       struct rp_train_shard *shard,
                       const struct rp_batch *batch, uint32_t l,
                       const struct rp_train_pass *pass)
{
    uint32_t H = net->shape.hidden;
    size_t step = (size_t)batch->B * H;
    const struct rp_layout *layout = &net->layout;
    const float *bias = net->params + layout->view[layout->bias_ih[l]].offset;

    if (pass->dropout > 0)
        rp_train_keep(pass, l, (uint32_t)step, shard->keep);
    for (uint32_t t = 1; t < batch->T; t++) {
        float *x = shard->x[l] + t * step;
        memcpy(x, shard->h[l - 1] + t * step, step * sizeof *x);
        if (pass->dropout > 0)
            rp_train_times(x, shard->keep, (uint32_t)step);
    }
    net->k->gemm((size_t)(batch->T - 1) * batch->B, 3 * H, H,
                 shard->x[l] + step, H, net->ih[l], bias, 0,
                 shard->gate[l] + 3 * step, 3 * H);
}

/* gate (T, B, 3H) holds what comes from below and becomes r, z, n. At t = 0
 * nothing is heard: the state is where the batch starts. */
static void layer_forward(const struct rp_train_net *net,
                          struct rp_train_shard *shard,
                          const struct rp_batch *batch, uint32_t l,
                          const struct rp_train_pass *pass)
{
    uint32_t H = net->shape.hidden, B = batch->B;
    size_t step = (size_t)B * H;
    const struct rp_layout *layout = &net->layout;
    const float *bias = net->params + layout->view[layout->bias_hh[l]].offset;

    if (batch->start)
        memcpy(shard->h[l], batch->start + l * step, step * sizeof(float));
    else
        memset(shard->h[l], 0, step * sizeof(float));
    if (l > 0 && batch->T > 1)
        hear_layer(net, shard, batch, l, pass);
    for (uint32_t t = 1; t < batch->T; t++) {
        float *gi = shard->gate[l] + 3 * t * step;
        float *gh = shard->gh[l] + 3 * t * step;
        const float *h = shard->h[l] + (t - 1) * step;
        if (l == 0)
            hear_sparse(net, batch, t, gi);
        rp_train_lap(shard, RP_STAGE_INPUT);
        net->k->gemm(B, 3 * H, H, h, H, net->hh[l], bias, 0, gh, 3 * H);
        net->k->gates(H, B, gi, gh, h, shard->h[l] + t * step, gi);
        rp_train_lap(shard, RP_STAGE_RECURRENT);
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
