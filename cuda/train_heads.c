/* The heads, field by field: the rows that draw it are gathered; what lies
 * between the products is a kernel each. */
#include "cuda/train.h"

struct head {
    struct rp_cuda_train *t;
    struct rp_cuda_net *net;
    const struct rp_cuda_batch *batch;
    const struct rp_cuda_target *target;
    const float *keep;
    uint32_t f, P, H, E, N, C; /* C: the condition's cells; 0: none */
    bool bf16;
};

static struct head head_of(struct rp_cuda_train *t, struct rp_cuda_net *net,
                           const struct rp_cuda_batch *batch, uint32_t f)
{
    const struct rp_shape *shape = &t->options.shape;
    struct head h = {
        .t = t,
        .net = net,
        .batch = batch,
        .f = f,
        .P = batch->P[f],
        .H = shape->hidden,
        .E = shape->head,
        .N = rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)f),
        .bf16 = net->numbers.bf16,
    };

    h.target = rp_cuda_sent(batch, batch->lies.target[f]);
    if (batch->pass.dropout > 0)
        h.keep = rp_cuda_kept(t, batch, RP_LAYERS_MAX + f);
    if (rp_vocabulary_condition(&shape->vocabulary, (enum rp_field)f))
        h.C = t->view[t->layout.head_cond[f]].ld;
    return h;
}

/* out (P, N) = x (P, K) times the view's transpose. */
static rp_status times(const struct head *h, const void *x, uint32_t view,
                       uint32_t N, uint32_t K, bool adds, float *out)
{
    const struct rp_cuda_product is = {
        .M = h->P, .N = N, .K = K, .lda = K, .ldb = h->t->view[view].ld,
        .ldc = N, .tb = true, .adds = adds};

    return rp_cuda_product(h->t, h->net, is, x,
                           rp_cuda_weight(h->t, h->net, view), out);
}

/* out (P, K) = d (P, N) times the view. */
static rp_status times_back(const struct head *h, const void *d, uint32_t view,
                            uint32_t N, uint32_t K, float *out)
{
    const struct rp_cuda_product is = {
        .M = h->P, .N = K, .K = N, .lda = N, .ldb = h->t->view[view].ld,
        .ldc = K};

    return rp_cuda_product(h->t, h->net, is, d,
                           rp_cuda_weight(h->t, h->net, view), out);
}

/* The view's gradient: d (P, N) transposed times x (P, K). */
static rp_status learn(const struct head *h, const void *d, const void *x,
                       uint32_t view, uint32_t N, uint32_t K)
{
    const struct rp_cuda_product is = {
        .M = N, .N = K, .K = h->P, .lda = N, .ldb = K,
        .ldc = h->t->view[view].ld, .ta = true};

    return rp_cuda_product(h->t, h->net, is, d, x,
                           h->t->gradient + h->t->view[view].at);
}

static rp_status sum_columns(const struct head *h, const float *x,
                             uint32_t columns, uint32_t view)
{
    const struct rp_cuda_columns a = {
        .x = x,
        .partial = h->t->scratch.partial,
        .out = h->t->gradient + h->t->view[view].at,
        .rows = h->P,
        .columns = columns};

    return rp_cuda_train_check(
        h->t, rp_cuda_columns_enqueue(&a, h->t->cuda.stream), "adding rows");
}

static struct rp_cuda_drawn drawn_of(const struct head *h, void *top,
                                     void *drawn)
{
    return (struct rp_cuda_drawn){.target = h->target,
                                  .keep = h->keep,
                                  .P = h->P,
                                  .H = h->H,
                                  .B = h->batch->B,
                                  .top = top,
                                  .drawn = drawn,
                                  .bf16 = h->bf16};
}

static struct rp_cuda_relu relu_of(const struct head *h, void *out)
{
    const struct rp_cuda_train *t = h->t;

    return (struct rp_cuda_relu){
        .x = t->scratch.e_sums,
        .bias = h->net->source + t->view[t->layout.head_bias[h->f]].at,
        .y = t->scratch.e,
        .out = out,
        .P = h->P,
        .E = h->E,
        .bf16 = h->bf16};
}

static rp_status forward(const struct head *h)
{
    struct rp_cuda_train *t = h->t;
    const struct rp_cuda_scratch *s = &t->scratch;
    const struct rp_cuda_drawn drawn =
        drawn_of(h, t->y[h->net->rnns - 1], s->a);
    const struct rp_cuda_spread spread = {
        .target = h->target,
        .at = rp_cuda_sent(h->batch, h->batch->lies.condition),
        .rows = h->P,
        .width = h->C,
        .to = s->c,
        .bf16 = h->bf16};
    const struct rp_cuda_relu relu = relu_of(h, s->e);
    rp_status status = rp_cuda_train_check(
        t, rp_cuda_gather_enqueue(&drawn, t->cuda.stream), "gathering");

    if (!status)
        status = times(h, s->a, t->layout.head_hidden[h->f], h->E, h->H,
                       false, s->e_sums);
    if (!status && h->C)
        status = rp_cuda_train_check(
            t, rp_cuda_spread_enqueue(&spread, t->cuda.stream), "spreading");
    if (!status && h->C)
        status = times(h, s->c, t->layout.head_cond[h->f], h->E, h->C, true,
                       s->e_sums);
    if (!status)
        status = rp_cuda_train_check(
            t, rp_cuda_relu_enqueue(&relu, t->cuda.stream), "relu");
    if (!status)
        status = times(h, s->e, t->layout.head_out[h->f], h->N, h->E, false,
                       s->logits);
    return status;
}

static rp_status judge(const struct head *h, struct rp_cuda_result *result)
{
    struct rp_cuda_train *t = h->t;
    const struct rp_cuda_scratch *s = &t->scratch;
    const struct rp_cuda_loss loss = {
        .target = h->target,
        .bias = h->net->source + t->view[t->layout.head_out_bias[h->f]].at,
        .logits = s->logits,
        .cells = s->d,
        .loss = s->loss,
        .hits = s->hits,
        .P = h->P,
        .N = h->N,
        .escape = RP_TIME_ESCAPE,
        .smoothing = h->batch->pass.smoothing,
        .backward = h->batch->pass.backward,
        .bf16 = h->bf16};
    const struct rp_cuda_tally tally = {.loss = s->loss,
                                        .hits = s->hits,
                                        .P = h->P,
                                        .loss_sum = &result->loss[h->f],
                                        .hits_sum = &result->hits[h->f]};
    cudaError_t error = rp_cuda_loss_enqueue(&loss, t->cuda.stream);

    if (!error)
        error = rp_cuda_tally_enqueue(&tally, t->cuda.stream);
    return rp_cuda_train_check(t, error, "the loss");
}

static rp_status backward(const struct head *h)
{
    struct rp_cuda_train *t = h->t;
    const struct rp_cuda_scratch *s = &t->scratch;
    const struct rp_layout *layout = &t->layout;
    const uint32_t f = h->f;
    const struct rp_cuda_relu relu = relu_of(h, s->de);
    const struct rp_cuda_drawn drawn = drawn_of(h, t->dtop, s->da);
    rp_status status =
        learn(h, s->d, s->e, layout->head_out[f], h->N, h->E);

    if (!status)
        status = sum_columns(h, s->logits, h->N, layout->head_out_bias[f]);
    if (!status)
        status = times_back(h, s->d, layout->head_out[f], h->N, h->E,
                            s->e_sums);
    if (!status)
        status = rp_cuda_train_check(
            t, rp_cuda_relu_back_enqueue(&relu, t->cuda.stream), "relu");
    if (!status)
        status = sum_columns(h, s->e_sums, h->E, layout->head_bias[f]);
    if (!status && h->C)
        status = learn(h, s->de, s->c, layout->head_cond[f], h->E, h->C);
    if (!status)
        status = learn(h, s->de, s->a, layout->head_hidden[f], h->E, h->H);
    if (!status)
        status = times_back(h, s->de, layout->head_hidden[f], h->E, h->H,
                            s->da);
    if (!status)
        status = rp_cuda_train_check(
            t, rp_cuda_scatter_enqueue(&drawn, t->cuda.stream), "scattering");
    return status;
}

rp_status rp_cuda_heads_run(struct rp_cuda_train *t, struct rp_cuda_net *net,
                            const struct rp_cuda_batch *batch,
                            struct rp_cuda_result *result)
{
    const size_t rows = (size_t)batch->T * batch->B;
    rp_status status = RP_OK;

    if (batch->pass.backward)
        status = rp_cuda_train_check(
            t,
            cudaMemsetAsync(t->dtop, 0,
                            rows * t->options.shape.hidden * sizeof(float),
                            t->cuda.stream),
            "clearing a gradient");
    for (uint32_t f = 0; f < RP_FIELDS && !status; f++) {
        const struct head h = head_of(t, net, batch, f);
        if (!h.N || !h.P)
            continue;
        status = forward(&h);
        if (!status)
            status = judge(&h, result);
        if (!status && batch->pass.backward)
            status = backward(&h);
    }
    return status;
}
