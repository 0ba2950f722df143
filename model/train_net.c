#include "model/train_net.h"

#include <stdlib.h>
#include <string.h>

#include "model/train_crop.h"
#include "model/train_parts.h"
#include "rt/log.h"

enum { SLICE = 192 }; /* outputs packed at once: whole panels of any path */

static float *cut_pack(struct rp_train_net *net, struct rp_train_cutter *cutter,
                       struct rp_train_pack pack)
{
    size_t size = (size_t)pack.columns * pack.rows;

    /* Both kinds of cell fit; forward, rows are outputs. */
    if (pack.how != RP_PACK_TURN)
        size = rp_round16(pack.how == RP_PACK_FORWARD ? pack.rows
                                                      : pack.columns) *
               (size_t)(pack.how == RP_PACK_FORWARD ? pack.columns
                                                    : pack.rows + 1);
    pack.to = rp_train_cut(cutter, size);
    net->pack[net->packs++] = pack;
    return pack.to;
}

static void cut_layer(struct rp_train_net *net, uint32_t l,
                      struct rp_train_cutter *cutter)
{
    const struct rp_layout *layout = &net->layout;
    uint32_t H = net->shape.hidden, hh = layout->weight_hh[l];
    uint32_t I = layout->view[layout->weight_ih[0]].columns;
    uint32_t ih = layout->weight_ih[l];
    size_t size = 3 * (size_t)H * H;

    net->masked[l] = rp_train_cut(cutter, size);
    net->kept[l] = rp_train_cut(cutter, size);
    net->hh[l] = cut_pack(net, cutter, (struct rp_train_pack){
        hh, 0, 3 * H, H, RP_PACK_FORWARD, NULL });
    net->hh_back_rz[l] = cut_pack(net, cutter, (struct rp_train_pack){
        hh, 0, 2 * H, H, RP_PACK_BACK, NULL });
    net->hh_back_n[l] = cut_pack(net, cutter, (struct rp_train_pack){
        hh, 2 * H, H, H, RP_PACK_BACK, NULL });
    net->ih[l] = cut_pack(net, cutter, (struct rp_train_pack){
        ih, 0, 3 * H, l ? H : I, l ? RP_PACK_FORWARD : RP_PACK_TURN, NULL });
    if (l)
        net->ih_back[l] = cut_pack(net, cutter, (struct rp_train_pack){
            ih, 0, 3 * H, H, RP_PACK_BACK, NULL });
}

static void cut_head(struct rp_train_net *net, int f,
                     struct rp_train_cutter *cutter)
{
    const struct rp_layout *layout = &net->layout;
    const struct rp_vocabulary *vocabulary = &net->shape.vocabulary;
    uint32_t H = net->shape.hidden, E = net->shape.head;
    uint32_t N = rp_vocabulary_classes(vocabulary, (enum rp_field)f);
    uint32_t C = rp_vocabulary_condition(vocabulary, (enum rp_field)f);
    uint32_t hidden = layout->head_hidden[f], out = layout->head_out[f];

    if (!N)
        return;
    net->hidden[f] = cut_pack(net, cutter, (struct rp_train_pack){
        hidden, 0, E, H, RP_PACK_FORWARD, NULL });
    net->hidden_back[f] = cut_pack(net, cutter, (struct rp_train_pack){
        hidden, 0, E, H, RP_PACK_BACK, NULL });
    net->out[f] = cut_pack(net, cutter, (struct rp_train_pack){
        out, 0, N, E, RP_PACK_FORWARD, NULL });
    net->out_back[f] = cut_pack(net, cutter, (struct rp_train_pack){
        out, 0, N, E, RP_PACK_BACK, NULL });
    if (C)
        net->cond[f] = cut_pack(net, cutter, (struct rp_train_pack){
            layout->head_cond[f], 0, E, C, RP_PACK_TURN, NULL });
}

static void cut_net(struct rp_train_net *net, struct rp_train_cutter *cutter)
{
    net->packs = 0;
    for (uint32_t l = 0; l < net->shape.layers; l++)
        cut_layer(net, l, cutter);
    for (int f = 0; f < RP_FIELDS; f++)
        cut_head(net, f, cutter);
}

rp_status rp_train_net_create(struct rp_train_net *net,
                              const struct rp_shape *shape,
                              enum rp_precision precision)
{
    struct rp_train_cutter cutter = { NULL, 0 };
    rp_status status = rp_shape_check(shape);

    if (status)
        return status;
    memset(net, 0, sizeof *net);
    net->shape = *shape;
    net->precision = precision;
    net->k = rp_kernels();
    net->cells = rp_cells(precision);
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

/* Columns first .. end of from (rows, columns) become rows of to. */
static void turn(const float *from, uint32_t rows, uint32_t columns,
                 uint32_t first, uint32_t end, float *to)
{
    for (uint32_t r0 = 0; r0 < rows; r0 += 16)
        for (uint32_t c = first; c < end; c++)
            for (uint32_t r = r0; r < r0 + 16 && r < rows; r++)
                to[(size_t)c * rows + r] = from[(size_t)r * columns + c];
}

/* The recurrent weights of layer l, some of them dropped. */
static void drop_recurrent(void *self, uint32_t l)
{
    struct rp_train_net *net = self;
    const struct rp_layout *layout = &net->layout;
    uint32_t size = 3 * net->shape.hidden * net->shape.hidden;
    struct rp_train_pass pass = { .dropout = net->recurrent_dropout,
                                  .seed = net->seed };

    rp_train_keep(&pass, l, size, net->kept[l]);
    memcpy(net->masked[l],
           net->params + layout->view[layout->weight_hh[l]].offset,
           size * sizeof(float));
    rp_train_times(net->masked[l], net->kept[l], size);
}

/* Where a matrix is read from: after dropout if it was dropped from. */
static const float *source_of(const struct rp_train_net *net,
                              const struct rp_train_pack *pack)
{
    const struct rp_view *view = &net->layout.view[pack->view];
    const float *from = net->params + view->offset;

    for (uint32_t l = 0; l < net->shape.layers; l++)
        if (net->recurrent_dropout > 0 &&
            pack->view == net->layout.weight_hh[l])
            from = net->masked[l];
    return from + (size_t)pack->first_row * view->columns;
}

/* How many slices a matrix is packed in, and one of them: outputs first ..
 * first + SLICE. */
static uint32_t slices_of(const struct rp_train_pack *pack)
{
    uint32_t outputs =
        pack->how == RP_PACK_FORWARD ? pack->rows : pack->columns;
    return (outputs + SLICE - 1) / SLICE;
}

static void pack_slice(const struct rp_train_net *net,
                       const struct rp_train_pack *pack, uint32_t first)
{
    bool forward = pack->how == RP_PACK_FORWARD;
    uint32_t outputs = forward ? pack->rows : pack->columns;
    uint32_t inputs = forward ? pack->columns : pack->rows;
    uint32_t ld = net->layout.view[pack->view].columns;
    uint32_t end = first + SLICE < outputs ? first + SLICE : outputs;
    const float *from = source_of(net, pack);
    char *to = (char *)pack->to;

    if (pack->how == RP_PACK_TURN)
        turn(from, pack->rows, pack->columns, first, end, pack->to);
    else
        net->cells->pack(end - first, inputs,
                         from + (forward ? (size_t)first * ld : first), ld,
                         forward,
                         to + net->cells->packed_size(first, inputs));
}

static void pack_piece(void *self, uint32_t i)
{
    struct rp_train_net *net = self;

    for (uint32_t p = 0; p < net->packs; p++) {
        uint32_t slices = slices_of(&net->pack[p]);
        if (i < slices) {
            pack_slice(net, &net->pack[p], i * SLICE);
            return;
        }
        i -= slices;
    }
}

void rp_train_net_set(struct rp_train_net *net, enum rp_precision precision,
                      const float *params, float recurrent_dropout,
                      uint64_t seed)
{
    uint32_t pieces = 0;

    net->params = params;
    net->cells = rp_cells(precision);
    net->recurrent_dropout = recurrent_dropout;
    net->seed = seed;
    if (recurrent_dropout > 0)
        rp_team_run(net->team, net->shape.layers, drop_recurrent, net);
    for (uint32_t p = 0; p < net->packs; p++)
        pieces += slices_of(&net->pack[p]);
    rp_team_run(net->team, pieces, pack_piece, net);
}

/* Whether a view's gradient is kept transposed. */
static bool is_turned(const struct rp_train_net *net, uint32_t view)
{
    for (uint32_t p = 0; p < net->packs; p++)
        if (net->pack[p].view == view && net->pack[p].how == RP_PACK_TURN)
            return true;
    return false;
}

struct sum {
    const struct rp_train_net *net;
    const struct rp_train_shard *shard;
    uint32_t shards;
    float scale;
    float *gradient;
};

/* One row of the gradient as the shards keep it. */
static void sum_row(const struct sum *sum, size_t at, uint32_t count,
                    float *restrict to)
{
    memcpy(to, sum->shard[0].gradient + at, count * sizeof *to);
    for (uint32_t s = 1; s < sum->shards; s++)
        rp_train_add(to, sum->shard[s].gradient + at, count);
    for (uint32_t i = 0; i < count; i++)
        to[i] *= sum->scale;
}

/* Sixteen rows of a view that is kept transposed: columns of the gradient. */
static void sum_turned(const struct sum *sum, const struct rp_view *view,
                       uint32_t first)
{
    enum { ROWS = 64 }; /* at a time: that little stack is needed */
    float line[16][ROWS];
    uint32_t end = first + 16 < view->columns ? first + 16 : view->columns;

    for (uint32_t from = 0; from < view->rows; from += ROWS) {
        uint32_t rows = view->rows - from < ROWS ? view->rows - from : ROWS;
        float *to = sum->gradient + view->offset + (size_t)from * view->columns;
        for (uint32_t c = first; c < end; c++)
            sum_row(sum, view->offset + (size_t)c * view->rows + from, rows,
                    line[c - first]);
        for (uint32_t r = 0; r < rows; r++)
            for (uint32_t c = first; c < end; c++)
                to[(size_t)r * view->columns + c] = line[c - first][r];
    }
}

static void sum_view(void *self, uint32_t i)
{
    const struct sum *sum = self;
    const struct rp_layout *layout = &sum->net->layout;

    for (uint32_t v = 0; v < layout->count; v++) {
        const struct rp_view *view = &layout->view[v];
        bool turned = is_turned(sum->net, v);
        uint32_t lines = turned ? view->columns : view->rows;
        uint32_t pieces = (lines + 15) / 16, first = 16 * i;
        if (i < pieces && turned) {
            sum_turned(sum, view, first);
            return;
        }
        if (i < pieces) {
            size_t at = view->offset + (size_t)first * view->columns;
            uint32_t rows = lines - first < 16 ? lines - first : 16;
            sum_row(sum, at, rows * view->columns, sum->gradient + at);
            return;
        }
        i -= pieces;
    }
}

void rp_train_net_gradient(const struct rp_train_net *net,
                           const struct rp_train_shard *shard, uint32_t shards,
                           float scale, float *gradient)
{
    struct sum sum = { net, shard, shards, scale, gradient };
    uint32_t pieces = 0;

    for (uint32_t v = 0; v < net->layout.count; v++) {
        const struct rp_view *view = &net->layout.view[v];
        pieces += ((is_turned(net, v) ? view->columns : view->rows) + 15) / 16;
    }
    rp_team_run(net->team, pieces, sum_view, &sum);
}
