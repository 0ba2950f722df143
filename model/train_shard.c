#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/train_parts.h"
#include "rt/log.h"

float *rp_train_cut(struct rp_train_cutter *cutter, size_t floats)
{
    float *at = cutter->block ? cutter->block + cutter->used : NULL;
    cutter->used += rp_round16(floats) + 16;
    return at;
}

static void cut_layers(struct rp_train_shard *shard,
                       const struct rp_train_net *net,
                       struct rp_train_cutter *cutter)
{
    size_t H = net->shape.hidden, B = shard->B_max;
    size_t rows = (size_t)shard->T_max * B;
    size_t cell = rp_cells(net->precision)->size;

    for (uint32_t l = 0; l < net->shape.layers; l++) {
        shard->h[l] = rp_train_cut(cutter, rows * H);
        shard->x[l] = rp_train_cut(cutter, l ? rows * H : 0);
        shard->gate[l] = rp_train_cut(cutter, rows * H * cell);
    }
    for (int i = 0; i < RP_LAYERS_MAX + RP_FIELDS; i++)
        shard->keep[i] = rp_train_cut(cutter, B * H);
    shard->state = rp_train_cut(cutter, B * H);
    shard->gi = rp_train_cut(
        cutter, (B > RP_TRAIN_CHUNK ? B : RP_TRAIN_CHUNK) * 3 * H);
    shard->gh = rp_train_cut(cutter, B * 3 * H);
    shard->dh = rp_train_cut(cutter, rows * H);
    shard->carry = rp_train_cut(cutter, B * H);
    shard->bias = rp_train_cut(cutter, 4 * H);
}

static void cut_shard(struct rp_train_shard *shard,
                      const struct rp_train_net *net,
                      struct rp_train_cutter *cutter)
{
    size_t H = net->shape.hidden, E = net->shape.head, P = RP_TRAIN_CHUNK;

    /* Kernels write a little past the end of what they were asked for. */
    shard->gradient = rp_train_cut(cutter, net->layout.size + 64);
    cut_layers(shard, net, cutter);
    shard->a = rp_train_cut(cutter, P * H);
    shard->da = rp_train_cut(cutter, P * H);
    shard->e = rp_train_cut(cutter, P * E);
    shard->e_cells = rp_train_cut(cutter, P * E);
    shard->de = rp_train_cut(cutter, P * E);
    shard->de_cells = rp_train_cut(cutter, P * E);
    shard->logits = rp_train_cut(cutter, P * RP_SOFTMAX_MAX);
    shard->dlogits = rp_train_cut(cutter, P * RP_SOFTMAX_MAX);
    shard->dlogits_cells = rp_train_cut(cutter, P * RP_SOFTMAX_MAX);
    shard->scratch = rp_train_cut(cutter, RP_CELLS_SCRATCH);
}

rp_status rp_train_shard_create(struct rp_train_shard *shard,
                                const struct rp_train_net *net, uint32_t T,
                                uint32_t B)
{
    struct rp_train_cutter cutter = { NULL, 0 };

    memset(shard, 0, sizeof *shard);
    shard->T_max = T;
    shard->B_max = B;
    cut_shard(shard, net, &cutter);
    shard->store = cutter.block = rp_floats_create(cutter.used);
    if (!shard->store) {
        rp_log(RP_ERROR, "train", "out of memory for %u rows of %u notes", B,
               T);
        return RP_EMEM;
    }
    cutter.used = 0;
    cut_shard(shard, net, &cutter);
    return RP_OK;
}

void rp_train_shard_fini(struct rp_train_shard *shard)
{
    free(shard->store);
    memset(shard, 0, sizeof *shard);
}

void rp_train_lap(struct rp_train_shard *shard, enum rp_train_stage stage)
{
    struct timespec now;
    double at;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
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

void rp_train_shard_state(const struct rp_train_net *net,
                          const struct rp_train_shard *shard,
                          const struct rp_batch *batch, uint32_t l, uint32_t t,
                          uint32_t b, float *state)
{
    uint32_t H = net->shape.hidden;
    size_t row = (size_t)t * batch->B + b;

    net->cells->widen(H, rp_train_cell(net, shard->h[l], row * H), state);
}
