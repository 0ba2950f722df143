/* The heads: only where a field is drawn are they computed. */
#include <string.h>

#include "model/train_parts.h"

struct head {
    const struct rp_train_net *net;
    struct rp_train_shard *shard;
    const struct rp_batch *batch;
    const struct rp_batch_field *field;
    enum rp_field f;
    uint32_t H, E, N, P; /* P: how many are drawn */
    uint32_t room;       /* N rounded up for the kernels */
    size_t hidden, bias, cond, out, out_bias; /* offsets into the layout */
};

static void head_init(struct head *head)
{
    const struct rp_layout *layout = &head->net->layout;
    const struct rp_shape *shape = &head->net->shape;
    enum rp_field f = head->f;

    head->field = &head->batch->field[f];
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
}

/* The rows where the field is drawn, and the top state there. */
static void gather(struct head *head, const struct rp_train_pass *pass)
{
    struct rp_train_shard *shard = head->shard;
    const struct rp_batch *batch = head->batch;
    uint32_t rows = batch->T * batch->B, H = head->H;
    const float *top = shard->h[head->net->shape.layers - 1];

    if (pass->dropout > 0)
        rp_train_keep(pass, RP_LAYERS_MAX + (uint32_t)head->f, batch->B * H,
                      shard->keep);
    head->P = 0;
    for (uint32_t row = 0; row < rows; row++) {
        float *a = shard->a + (size_t)head->P * H;
        if (head->field->class[row] == RP_NO_CLASS || !(batch->weight[row] > 0))
            continue;
        memcpy(a, top + (size_t)row * H, H * sizeof *a);
        if (pass->dropout > 0)
            rp_train_times(a, shard->keep + (size_t)(row % batch->B) * H, H);
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

    net->k->gemm(head->P, head->E, head->H, shard->a, head->H,
                 net->hidden[head->f], net->params + head->bias, 0, shard->e,
                 head->E);
    add_condition(head);
    net->k->relu((size_t)head->P * head->E, shard->e, shard->e);
    net->k->gemm(head->P, head->N, head->E, shard->e, head->E,
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

    k->relu_backward((size_t)P * E, shard->e, shard->de, shard->de);
    k->add_rows(E, P, shard->de, E, shard->gradient + head->bias);
    for (uint32_t p = 0; p < P; p++) {
        uint32_t row = shard->row[p], begin = condition->begin[row];
        k->sparse_spread(E, shard->de + (size_t)p * E,
                         shard->gradient + head->cond, E,
                         condition->begin[row + 1] - begin,
                         condition->at + begin);
    }
    k->gemm_tn(E, head->H, P, shard->de, E, shard->a, head->H,
               shard->gradient + head->hidden, head->H, shard->scratch);
}

/* shard->keep still holds this head's dropout. */
static void backward(struct head *head, const struct rp_train_pass *pass)
{
    const struct rp_train_net *net = head->net;
    struct rp_train_shard *shard = head->shard;
    uint32_t H = head->H, E = head->E, N = head->N, P = head->P;

    net->k->gemm_tn(N, E, P, shard->dlogits, head->room, shard->e, E,
                    shard->gradient + head->out, E, shard->scratch);
    for (uint32_t p = 0; p < P; p++)
        rp_train_add(shard->gradient + head->out_bias,
                     shard->dlogits + (size_t)p * head->room, N);
    net->k->gemm(P, E, N, shard->dlogits, head->room, net->out_back[head->f],
                 NULL, 0, shard->de, E);
    backward_hidden(head);
    net->k->gemm(P, H, E, shard->de, E, net->hidden_back[head->f], NULL, 0,
                 shard->da, H);
    for (uint32_t p = 0; p < P; p++) {
        uint32_t row = shard->row[p];
        float *da = shard->da + (size_t)p * H;
        if (pass->dropout > 0)
            rp_train_times(da,
                           shard->keep + (size_t)(row % head->batch->B) * H,
                           H);
        rp_train_add(shard->dh + (size_t)row * H, da, H);
    }
}

void rp_train_heads(const struct rp_train_net *net,
                    struct rp_train_shard *shard, const struct rp_batch *batch,
                    const struct rp_train_pass *pass)
{
    size_t rows = (size_t)batch->T * batch->B;

    if (pass->backward)
        memset(shard->dh, 0, rows * net->shape.hidden * sizeof(float));
    for (int f = 0; f < RP_FIELDS; f++) {
        struct head head = { net, shard, batch, .f = (enum rp_field)f };
        if (!rp_vocabulary_classes(&net->shape.vocabulary, head.f))
            continue;
        head_init(&head);
        gather(&head, pass);
        if (!head.P)
            continue;
        forward(&head);
        for (uint32_t p = 0; p < head.P; p++)
            judge(&head, p, pass);
        if (pass->backward)
            backward(&head, pass);
    }
}
