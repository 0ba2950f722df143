/* The heads: only where a field is drawn are they computed, a chunk of rows at
 * a time, so that what lies between the products stays in the cache. */
#include <string.h>

#include "model/train_parts.h"

struct head {
    const struct rp_train_net *net;
    struct rp_train_shard *shard;
    const struct rp_batch *batch;
    const struct rp_batch_field *field;
    const struct rp_cells *cells;
    enum rp_field f;
    const float *keep;   /* (B, H) dropout; NULL: none */
    uint32_t H, E, N, P; /* P: how many are drawn */
    uint32_t room;       /* N rounded up for the kernels */
    size_t hidden, bias, cond, out, out_bias; /* offsets into the layout */
};

static void head_init(struct head *head, const struct rp_train_pass *pass)
{
    const struct rp_layout *layout = &head->net->layout;
    const struct rp_shape *shape = &head->net->shape;
    enum rp_field f = head->f;
    float *keep = head->shard->keep[RP_LAYERS_MAX + (uint32_t)f];

    head->field = &head->batch->field[f];
    head->cells = head->net->cells;
    head->H = shape->hidden;
    head->E = shape->head;
    head->N = rp_vocabulary_classes(&shape->vocabulary, f);
    head->room = (uint32_t)rp_round16(head->N);
    head->hidden = layout->view[layout->head_hidden[f]].offset;
    head->bias = layout->view[layout->head_bias[f]].offset;
    head->cond = rp_vocabulary_condition(&shape->vocabulary, f)
                     ? layout->view[layout->head_cond[f]].offset
                     : 0;
    head->out = layout->view[layout->head_out[f]].offset;
    head->out_bias = layout->view[layout->head_out_bias[f]].offset;
    head->keep = NULL;
    if (pass->dropout <= 0)
        return;
    rp_train_keep(pass, RP_LAYERS_MAX + (uint32_t)f, head->batch->B * head->H,
                  keep);
    head->keep = keep;
}

/* The rows first .. end where the field is drawn, and the top state there. */
static void gather(struct head *head, uint32_t first, uint32_t end)
{
    const struct rp_train_net *net = head->net;
    struct rp_train_shard *shard = head->shard;
    const struct rp_batch *batch = head->batch;
    const float *top = shard->h[net->shape.layers - 1];
    uint32_t H = head->H;

    head->P = 0;
    for (uint32_t row = first; row < end; row++) {
        void *a = rp_train_cell(net, shard->a, (size_t)head->P * H);
        const void *h = rp_train_cell(net, top, (size_t)row * H);
        if (head->field->class[row] == RP_NO_CLASS || !(batch->weight[row] > 0))
            continue;
        if (head->keep)
            head->cells->times(
                H, h, head->keep + (size_t)(row % batch->B) * H, a);
        else
            memcpy(a, h, H * head->cells->size);
        shard->row[head->P++] = row;
    }
}

static void add_condition(struct head *head)
{
    const struct rp_sparse *condition = &head->field->condition;
    const float *weight = head->net->cond[head->f];
    uint32_t E = head->E;

    for (uint32_t p = 0; p < head->P; p++) {
        uint32_t row = head->shard->row[p], begin = condition->begin[row];
        float *e = head->shard->e + (size_t)p * E;
        head->net->k->sparse_add(E, e, weight, E,
                                 condition->begin[row + 1] - begin,
                                 condition->at + begin, e);
    }
}

static void forward(struct head *head)
{
    const struct rp_train_net *net = head->net;
    struct rp_train_shard *shard = head->shard;

    head->cells->gemm(head->P, head->E, head->H, shard->a, head->H,
                      net->hidden[head->f], net->params + head->bias, 0,
                      shard->e, head->E);
    add_condition(head);
    head->cells->relu((size_t)head->P * head->E, shard->e, shard->e_cells);
    head->cells->gemm(head->P, head->N, head->E, shard->e_cells, head->E,
                      net->out[head->f], net->params + head->out_bias, 0,
                      shard->logits, head->room);
}

/* Moves `smoothing` of each target's share to all classes that the mask
 * leaves. */
static void smooth(const struct rp_cross *cross, float smoothing, float *d)
{
    float times = cross->weight * (1 + (float)cross->escapes);
    uint32_t open = (uint32_t)(__builtin_popcountll(cross->mask[0]) +
                               __builtin_popcountll(cross->mask[1]));

    d[cross->class] += cross->weight * smoothing;
    if (cross->escapes)
        d[cross->escape] += cross->weight * (float)cross->escapes * smoothing;
    for (uint32_t i = 0; i < cross->classes; i++)
        if (cross->mask[i / 64] >> i % 64 & 1)
            d[i] -= times * smoothing / (float)open;
}

/* Whether no class that the mask leaves is likelier than `class`. Nearly
 * always the first loop knows, and it has no branch. */
static bool is_likeliest(const struct rp_cross *cross, const float *logits,
                         uint32_t class)
{
    uint32_t above = 0;

    for (uint32_t i = 0; i < cross->classes; i++)
        above += logits[i] > logits[class];
    for (uint32_t i = 0; above && i < cross->classes; i++)
        if (logits[i] > logits[class] && cross->mask[i / 64] >> i % 64 & 1)
            return false;
    return true;
}

/* Loss and d loss / d logits of row p of those drawn. */
static void judge(struct head *head, uint32_t p,
                  const struct rp_train_pass *pass)
{
    const struct rp_batch_field *field = head->field;
    uint32_t row = head->shard->row[p];
    float *d = head->shard->dlogits + (size_t)p * head->room;
    const float *logits = head->shard->logits + (size_t)p * head->room;
    struct rp_cross cross = {
        .classes = head->N,
        .class = field->class[row],
        .escapes = field->escapes[row],
        .escape = RP_TIME_ESCAPE,
        .mask = { field->mask[row].bits[0], field->mask[row].bits[1] },
        .weight = head->batch->weight[row],
    };

    head->shard->loss[head->f] +=
        head->net->k->cross(&cross, logits, pass->backward ? d : NULL);
    head->shard->drawn[head->f] += 1 + cross.escapes;
    head->shard->hits[head->f] += is_likeliest(&cross, logits, cross.class);
    if (cross.escapes && is_likeliest(&cross, logits, cross.escape))
        head->shard->hits[head->f] += cross.escapes;
    if (pass->backward && pass->smoothing > 0)
        smooth(&cross, pass->smoothing, d);
}

static void backward_hidden(struct head *head)
{
    const struct rp_kernels *k = head->net->k;
    struct rp_train_shard *shard = head->shard;
    const struct rp_sparse *condition = &head->field->condition;
    uint32_t E = head->E, P = head->P;

    head->cells->relu_backward((size_t)P * E, shard->e_cells, shard->de,
                               shard->de, shard->de_cells);
    k->add_rows(E, P, shard->de, E, shard->gradient + head->bias);
    for (uint32_t p = 0; p < P; p++) {
        uint32_t row = shard->row[p], begin = condition->begin[row];
        k->sparse_spread(E, shard->de + (size_t)p * E,
                         shard->gradient + head->cond, E,
                         condition->begin[row + 1] - begin,
                         condition->at + begin);
    }
    head->cells->gemm_tn(E, head->H, P, shard->de_cells, E, shard->a, head->H,
                         shard->gradient + head->hidden, head->H,
                         shard->scratch);
}

static void backward(struct head *head)
{
    const struct rp_train_net *net = head->net;
    struct rp_train_shard *shard = head->shard;
    const struct rp_cells *cells = head->cells;
    uint32_t H = head->H, E = head->E, N = head->N, P = head->P;
    uint32_t room = head->room;

    cells->narrow((size_t)P * room, shard->dlogits, shard->dlogits_cells);
    cells->gemm_tn(N, E, P, shard->dlogits_cells, room, shard->e_cells, E,
                   shard->gradient + head->out, E, shard->scratch);
    for (uint32_t p = 0; p < P; p++)
        rp_train_add(shard->gradient + head->out_bias,
                     shard->dlogits + (size_t)p * room, N);
    cells->gemm(P, E, N, shard->dlogits_cells, room, net->out_back[head->f],
                NULL, 0, shard->de, E);
    backward_hidden(head);
    cells->gemm(P, H, E, shard->de_cells, E, net->hidden_back[head->f], NULL,
                0, shard->da, H);
    for (uint32_t p = 0; p < P; p++) {
        uint32_t row = shard->row[p];
        float *da = shard->da + (size_t)p * H;
        if (head->keep)
            rp_train_times(da, head->keep + (size_t)(row % head->batch->B) * H,
                           H);
        rp_train_add(shard->dh + (size_t)row * H, da, H);
    }
}

static void run_chunk(struct head *head, uint32_t first, uint32_t end,
                      const struct rp_train_pass *pass)
{
    gather(head, first, end);
    if (!head->P)
        return;
    forward(head);
    for (uint32_t p = 0; p < head->P; p++)
        judge(head, p, pass);
    if (pass->backward)
        backward(head);
}

void rp_train_heads(const struct rp_train_net *net,
                    struct rp_train_shard *shard, const struct rp_batch *batch,
                    const struct rp_train_pass *pass)
{
    uint32_t rows = batch->T * batch->B, heads = 0;
    struct head head[RP_FIELDS];

    for (int f = 0; f < RP_FIELDS; f++) {
        if (!rp_vocabulary_classes(&net->shape.vocabulary, (enum rp_field)f))
            continue;
        head[heads] = (struct head){ .net = net, .shard = shard,
                                     .batch = batch,
                                     .f = (enum rp_field)f };
        head_init(&head[heads++], pass);
    }
    for (uint32_t first = 0; first < rows; first += RP_TRAIN_CHUNK) {
        uint32_t left = rows - first;
        uint32_t end = first + (left < RP_TRAIN_CHUNK ? left : RP_TRAIN_CHUNK);
        if (pass->backward)
            memset(shard->dh + (size_t)first * net->shape.hidden, 0,
                   (end - first) * net->shape.hidden * sizeof(float));
        for (uint32_t h = 0; h < heads; h++)
            run_chunk(&head[h], first, end, pass);
    }
}
