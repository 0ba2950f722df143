#include "model/train_net.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/train_crop.h"
#include "model/train_parts.h"
#include "rt/log.h"

/* Hands out pieces of one block; with no block it only counts. */
struct cutter {
    float *block;
    size_t used;
};

static float *cut(struct cutter *cutter, size_t floats)
{
    float *at = cutter->block ? cutter->block + cutter->used : NULL;
    cutter->used += rp_round16(floats) + 16;
    return at;
}

static void cut_net(struct rp_train_net *net, struct cutter *cutter)
{
    const struct rp_shape *shape = &net->shape;
    uint32_t H = shape->hidden, E = shape->head;
    uint32_t I = rp_vocabulary_inputs(&shape->vocabulary);

    for (uint32_t l = 0; l < shape->layers; l++) {
        net->hh[l] = cut(cutter, rp_packed_size(3 * H, H));
        net->hh_back[l] = cut(cutter, rp_packed_size(H, 3 * H));
        net->ih[l] = cut(cutter, l ? rp_packed_size(3 * H, H)
                                   : (size_t)I * 3 * H);
        net->ih_back[l] = cut(cutter, l ? rp_packed_size(H, 3 * H) : 0);
        net->kept[l] = cut(cutter, 3 * (size_t)H * H);
    }
    net->masked = cut(cutter, 3 * (size_t)H * H);
    for (int f = 0; f < RP_FIELDS; f++) {
        enum rp_field field = (enum rp_field)f;
        uint32_t N = rp_vocabulary_classes(&shape->vocabulary, field);
        uint32_t C = rp_vocabulary_condition(&shape->vocabulary, field);
        net->hidden[f] = cut(cutter, rp_packed_size(E, H));
        net->hidden_back[f] = cut(cutter, rp_packed_size(H, E));
        net->out[f] = cut(cutter, rp_packed_size(N, E));
        net->out_back[f] = cut(cutter, rp_packed_size(E, N));
        net->cond[f] = cut(cutter, (size_t)C * E);
    }
}

rp_status rp_train_net_create(struct rp_train_net *net,
                              const struct rp_shape *shape)
{
    struct cutter cutter = { NULL, 0 };
    rp_status status = rp_shape_check(shape);

    if (status)
        return status;
    memset(net, 0, sizeof *net);
    net->shape = *shape;
    net->k = rp_kernels();
    rp_shape_layout(shape, &net->layout);
    cut_net(net, &cutter);
    net->store = cutter.block = rp_floats_create(cutter.used);
    if (!net->store) {
        rp_log(RP_ERROR, "train", "out of memory for %zu floats", cutter.used);
        return RP_EMEM;
    }
    cutter.used = 0;
    cut_net(net, &cutter);
    return RP_OK;
}

void rp_train_net_fini(struct rp_train_net *net)
{
    free(net->store);
    memset(net, 0, sizeof *net);
}

/* to (columns, rows) = from (rows, columns) turned. */
static void turn(const float *from, uint32_t rows, uint32_t columns, float *to)
{
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < columns; c++)
            to[(size_t)c * rows + r] = from[(size_t)r * columns + c];
}

/* weight_hh of layer l, some of it dropped. */
static const float *recurrent(struct rp_train_net *net, uint32_t l,
                              uint64_t seed)
{
    const struct rp_layout *layout = &net->layout;
    const float *weight =
        net->params + layout->view[layout->weight_hh[l]].offset;
    uint32_t size = 3 * net->shape.hidden * net->shape.hidden;
    struct rp_train_pass pass = { .dropout = net->recurrent_dropout,
                                  .seed = seed };

    if (net->recurrent_dropout <= 0)
        return weight;
    rp_train_keep(&pass, l, size, net->kept[l]);
    memcpy(net->masked, weight, size * sizeof *weight);
    rp_train_times(net->masked, net->kept[l], size);
    return net->masked;
}

static void set_head(struct rp_train_net *net, int f)
{
    const struct rp_layout *layout = &net->layout;
    const struct rp_vocabulary *vocabulary = &net->shape.vocabulary;
    uint32_t H = net->shape.hidden, E = net->shape.head;
    uint32_t N = rp_vocabulary_classes(vocabulary, (enum rp_field)f);
    uint32_t C = rp_vocabulary_condition(vocabulary, (enum rp_field)f);
    const float *hidden, *out;

    if (!N)
        return;
    hidden = net->params + layout->view[layout->head_hidden[f]].offset;
    out = net->params + layout->view[layout->head_out[f]].offset;
    rp_pack(E, H, hidden, H, true, net->hidden[f]);
    rp_pack(H, E, hidden, H, false, net->hidden_back[f]);
    rp_pack(N, E, out, E, true, net->out[f]);
    rp_pack(E, N, out, E, false, net->out_back[f]);
    if (C)
        turn(net->params + layout->view[layout->head_cond[f]].offset, E, C,
             net->cond[f]);
}

void rp_train_net_set(struct rp_train_net *net, const float *params,
                      float recurrent_dropout, uint64_t seed)
{
    const struct rp_layout *layout = &net->layout;
    uint32_t H = net->shape.hidden;
    uint32_t I = rp_vocabulary_inputs(&net->shape.vocabulary);

    net->params = params;
    net->recurrent_dropout = recurrent_dropout;
    for (uint32_t l = 0; l < net->shape.layers; l++) {
        const float *hh = recurrent(net, l, seed);
        const float *ih = params + layout->view[layout->weight_ih[l]].offset;
        rp_pack(3 * H, H, hh, H, true, net->hh[l]);
        rp_pack(H, 3 * H, hh, H, false, net->hh_back[l]);
        if (l == 0) {
            turn(ih, 3 * H, I, net->ih[0]);
        } else {
            rp_pack(3 * H, H, ih, H, true, net->ih[l]);
            rp_pack(H, 3 * H, ih, H, false, net->ih_back[l]);
        }
    }
    for (int f = 0; f < RP_FIELDS; f++)
        set_head(net, f);
}

static void cut_shard(struct rp_train_shard *shard,
                      const struct rp_train_net *net, struct cutter *cutter)
{
    size_t H = net->shape.hidden, E = net->shape.head;
    size_t rows = (size_t)shard->T_max * shard->B_max;

    /* Kernels write a little past the end of what they were asked for. */
    shard->gradient = cut(cutter, net->layout.size + 64);
    for (uint32_t l = 0; l < net->shape.layers; l++) {
        shard->h[l] = cut(cutter, rows * H);
        shard->gate[l] = cut(cutter, rows * 3 * H);
        shard->gh[l] = cut(cutter, rows * 3 * H);
        shard->x[l] = cut(cutter, l ? rows * H : 0);
    }
    shard->dh = cut(cutter, rows * H);
    shard->carry = cut(cutter, shard->B_max * H);
    shard->keep = cut(cutter, shard->B_max * H);
    shard->a = cut(cutter, rows * H);
    shard->da = cut(cutter, rows * H);
    shard->e = cut(cutter, rows * E);
    shard->de = cut(cutter, rows * E);
    shard->logits = cut(cutter, rows * RP_SOFTMAX_MAX);
    shard->dlogits = cut(cutter, rows * RP_SOFTMAX_MAX);
    shard->scratch = cut(cutter, RP_KERNELS_SCRATCH);
}

rp_status rp_train_shard_create(struct rp_train_shard *shard,
                                const struct rp_train_net *net, uint32_t T,
                                uint32_t B)
{
    struct cutter cutter = { NULL, 0 };

    memset(shard, 0, sizeof *shard);
    shard->T_max = T;
    shard->B_max = B;
    cut_shard(shard, net, &cutter);
    shard->store = cutter.block = rp_floats_create(cutter.used);
    shard->row = malloc((size_t)T * B * sizeof *shard->row);
    if (!shard->store || !shard->row) {
        rp_log(RP_ERROR, "train", "out of memory for %u rows of %u notes", B,
               T);
        rp_train_shard_fini(shard);
        return RP_EMEM;
    }
    cutter.used = 0;
    cut_shard(shard, net, &cutter);
    return RP_OK;
}

void rp_train_shard_fini(struct rp_train_shard *shard)
{
    free(shard->store);
    free(shard->row);
    memset(shard, 0, sizeof *shard);
}

void rp_train_lap(struct rp_train_shard *shard, enum rp_train_stage stage)
{
    struct timespec now;
    double at;

    clock_gettime(CLOCK_MONOTONIC, &now);
    at = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (stage < RP_STAGES)
        shard->spent[stage] += at - shard->lap;
    shard->lap = at;
}

void rp_train_shard_run(const struct rp_train_net *net,
                        struct rp_train_shard *shard,
                        const struct rp_batch *batch,
                        const struct rp_train_pass *pass)
{
    memset(shard->loss, 0, sizeof shard->loss);
    memset(shard->drawn, 0, sizeof shard->drawn);
    memset(shard->hits, 0, sizeof shard->hits);
    shard->weight = 0;
    for (size_t i = 0; i < (size_t)batch->T * batch->B; i++)
        shard->weight += (double)batch->weight[i];
    if (pass->backward)
        memset(shard->gradient, 0, net->layout.size * sizeof(float));
    if (!batch->T || !batch->B)
        return;
    rp_train_forward(net, shard, batch, pass);
    rp_train_heads(net, shard, batch, pass);
    rp_train_lap(shard, RP_STAGE_HEADS);
    if (pass->backward)
        rp_train_backward(net, shard, batch, pass);
}

/* Whether a view's gradient is kept transposed. */
static bool is_turned(const struct rp_train_net *net, uint32_t view)
{
    const struct rp_vocabulary *vocabulary = &net->shape.vocabulary;

    if (view == net->layout.weight_ih[0])
        return true;
    for (int f = 0; f < RP_FIELDS; f++)
        if (rp_vocabulary_classes(vocabulary, (enum rp_field)f) &&
            rp_vocabulary_condition(vocabulary, (enum rp_field)f) &&
            view == net->layout.head_cond[f])
            return true;
    return false;
}

void rp_train_net_gradient(const struct rp_train_net *net,
                           struct rp_train_shard *shard, uint32_t shards,
                           float scale, float *gradient)
{
    size_t size = net->layout.size;
    float *sum = shard[0].gradient;

    for (uint32_t s = 1; s < shards; s++)
        rp_train_add(sum, shard[s].gradient, (uint32_t)size);
    for (size_t i = 0; i < size; i++)
        sum[i] *= scale;
    for (uint32_t v = 0; v < net->layout.count; v++) {
        const struct rp_view *view = &net->layout.view[v];
        if (is_turned(net, v))
            turn(sum + view->offset, view->columns, view->rows,
                 gradient + view->offset);
        else
            memcpy(gradient + view->offset, sum + view->offset,
                   (size_t)view->rows * view->columns * sizeof *sum);
    }
}
