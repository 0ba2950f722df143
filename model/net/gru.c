#include "model/net/gru.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rp_gru {
    struct rp_shape shape;
    struct rp_layout layout;
    uint32_t T, B;
    size_t H, E, layers;
    double *h;    /* (1 + T, B, layers, H); row 0 is the start */
    double *rzn;  /* (T, B, layers, 3H) gates after their squashing */
    double *gh_n; /* (T, B, layers, H): W_hn h + b_hn */
    double *dh;   /* (B, layers, H) gradient carried from t + 1 to t */
    double *gi, *gh, *dgi, *dgh; /* (3H) */
    double *a, *da;              /* (E) */
    double logits[RP_TIME_CLASSES * 2], dlogits[RP_TIME_CLASSES * 2];
};

rp_status rp_gru_create(struct rp_gru **gru, const struct rp_shape *shape,
                        uint32_t T, uint32_t B)
{
    rp_status status = rp_shape_check(shape);
    if (status)
        return status;
    struct rp_gru *g = calloc(1, sizeof *g);
    if (!g)
        return RP_EMEM;
    *g = (struct rp_gru){.shape = *shape,
                         .T = T,
                         .B = B,
                         .H = shape->hidden,
                         .E = shape->head,
                         .layers = shape->layers};
    rp_shape_layout(shape, &g->layout);
    size_t rows = (size_t)T * B * g->layers, wide = 3 * g->H;
    g->h = calloc(rows + B * g->layers, g->H * sizeof(double));
    g->rzn = calloc(rows, wide * sizeof(double));
    g->gh_n = calloc(rows, g->H * sizeof(double));
    g->dh = calloc(B * g->layers, g->H * sizeof(double));
    g->gi = calloc(4 * wide, sizeof(double));
    g->a = calloc(2 * g->E, sizeof(double));
    if (!g->h || !g->rzn || !g->gh_n || !g->dh || !g->gi || !g->a) {
        rp_gru_destroy(g);
        return RP_EMEM;
    }
    g->gh = g->gi + wide;
    g->dgi = g->gh + wide;
    g->dgh = g->dgi + wide;
    g->da = g->a + g->E;
    *gru = g;
    return RP_OK;
}

void rp_gru_destroy(struct rp_gru *g)
{
    if (!g)
        return;
    free(g->h);
    free(g->rzn);
    free(g->gh_n);
    free(g->dh);
    free(g->gi);
    free(g->a);
    free(g);
}

static size_t row_of(const struct rp_gru *g, size_t t, size_t b, size_t l)
{
    return (t * g->B + b) * g->layers + l;
}

/* State of layer l before (t = 0) or after step t - 1. */
static double *state(const struct rp_gru *g, size_t t, size_t b, size_t l)
{
    return g->h + row_of(g, t, b, l) * g->H;
}

/* y (rows) = W x + bias, W (rows, columns) at `view`. */
static void affine(const struct rp_gru *g, const double *params, size_t view,
                   size_t bias, const double *x, double *y)
{
    const struct rp_view *w = &g->layout.view[view];
    const double *W = params + w->offset;
    const double *add = params + g->layout.view[bias].offset;

    for (size_t i = 0; i < w->rows; i++) {
        y[i] = add[i];
        for (size_t j = 0; j < w->columns; j++)
            y[i] += W[i * w->columns + j] * x[j];
    }
}

/* y (rows) += the columns of W that a sparse row names. */
static void add_sparse(const struct rp_gru *g, const double *params,
                       size_t view, const struct rp_sparse *sparse, size_t row,
                       double *y)
{
    const struct rp_view *w = &g->layout.view[view];

    for (uint32_t k = sparse->begin[row]; k < sparse->begin[row + 1]; k++)
        for (size_t i = 0; i < w->rows; i++)
            y[i] += params[w->offset + i * w->columns + sparse->at[k]];
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static void step_forward(struct rp_gru *g, const double *params,
                         const struct rp_batch *batch, size_t t, size_t b,
                         size_t l)
{
    const struct rp_layout *at = &g->layout;
    const size_t H = g->H, row = row_of(g, t, b, l);
    const double *before = state(g, t, b, l);
    double *after = state(g, t + 1, b, l), *rzn = g->rzn + row * 3 * H;

    if (l) {
        affine(g, params, at->weight_ih[l], at->bias_ih[l],
               state(g, t + 1, b, l - 1), g->gi);
    } else {
        memcpy(g->gi, params + at->view[at->bias_ih[0]].offset,
               3 * H * sizeof(double));
        add_sparse(g, params, at->weight_ih[0], &batch->input, t * batch->B + b,
                   g->gi);
    }
    affine(g, params, at->weight_hh[l], at->bias_hh[l], before, g->gh);
    memcpy(g->gh_n + row * H, g->gh + 2 * H, H * sizeof(double));
    for (size_t i = 0; i < H; i++) {
        double r = sigmoid(g->gi[i] + g->gh[i]);
        double z = sigmoid(g->gi[H + i] + g->gh[H + i]);
        double n = tanh(g->gi[2 * H + i] + r * g->gh[2 * H + i]);
        after[i] = (1.0 - z) * n + z * before[i];
        rzn[i] = r;
        rzn[H + i] = z;
        rzn[2 * H + i] = n;
    }
}

static bool takes_step(const struct rp_batch *batch, size_t row)
{
    return batch->input.begin[row + 1] > batch->input.begin[row];
}

/* a (E) and logits (N_f) of one head at (t, b). */
static void head_forward(struct rp_gru *g, const double *params,
                         const struct rp_batch *batch, size_t t, size_t b,
                         int f)
{
    const struct rp_layout *at = &g->layout;
    const double *top = state(g, t + 1, b, g->layers - 1);

    affine(g, params, at->head_hidden[f], at->head_bias[f], top, g->a);
    if (rp_vocabulary_condition(&g->shape.vocabulary, (enum rp_field)f))
        add_sparse(g, params, at->head_cond[f], &batch->field[f].condition,
                   t * batch->B + b, g->a);
    for (size_t i = 0; i < g->E; i++)
        g->a[i] = g->a[i] > 0 ? g->a[i] : 0;
    affine(g, params, at->head_out[f], at->head_out_bias[f], g->a, g->logits);
}

static bool masked_in(const struct rp_batch_field *field, size_t row, size_t i)
{
    return field->mask[row].bits[i / 64] >> (i % 64) & 1;
}

/* The loss of g->logits, and its gradient into g->dlogits. */
static double head_loss(struct rp_gru *g, const struct rp_batch *batch,
                        size_t row, int f)
{
    const struct rp_batch_field *field = &batch->field[f];
    const uint32_t classes =
        rp_vocabulary_classes(&g->shape.vocabulary, (enum rp_field)f);
    const double escapes = field->escapes[row];
    const double weight = (double)batch->weight[row];
    double top = -INFINITY, sum = 0;

    for (size_t i = 0; i < classes; i++)
        if (masked_in(field, row, i) && g->logits[i] > top)
            top = g->logits[i];
    for (size_t i = 0; i < classes; i++)
        sum += masked_in(field, row, i) ? exp(g->logits[i] - top) : 0;
    double all = top + log(sum);
    for (size_t i = 0; i < classes; i++)
        g->dlogits[i] = masked_in(field, row, i)
                            ? weight * (1 + escapes) * exp(g->logits[i] - all)
                            : 0;
    double loss = (1 + escapes) * all - g->logits[field->class[row]];
    g->dlogits[field->class[row]] -= weight;
    if (escapes > 0) {
        loss -= escapes * g->logits[RP_TIME_ESCAPE];
        g->dlogits[RP_TIME_ESCAPE] -= weight * escapes;
    }
    return weight * loss;
}

static bool counts(const struct rp_gru *g, const struct rp_batch *batch,
                   size_t row, int f)
{
    return batch->weight[row] != 0 &&
           rp_vocabulary_classes(&g->shape.vocabulary, (enum rp_field)f) &&
           batch->field[f].class[row] != RP_NO_CLASS;
}

static void begin_states(struct rp_gru *g, const struct rp_batch *batch)
{
    for (size_t b = 0; b < batch->B; b++)
        for (size_t l = 0; l < g->layers; l++)
            for (size_t i = 0; i < g->H; i++)
                state(g, 0, b, l)[i] =
                    batch->start
                        ? (double)batch->start[(l * batch->B + b) * g->H + i]
                        : 0;
}

double rp_gru_forward(struct rp_gru *g, const double *params,
                      const struct rp_batch *batch, double *by_field)
{
    double loss[RP_FIELDS] = {0}, sum = 0;

    begin_states(g, batch);
    for (size_t t = 0; t < batch->T; t++) {
        for (size_t b = 0; b < batch->B; b++) {
            size_t row = t * batch->B + b;
            for (size_t l = 0; l < g->layers; l++) {
                if (takes_step(batch, row))
                    step_forward(g, params, batch, t, b, l);
                else
                    memcpy(state(g, t + 1, b, l), state(g, t, b, l),
                           g->H * sizeof(double));
            }
            for (int f = 0; f < RP_FIELDS; f++) {
                if (!counts(g, batch, row, f))
                    continue;
                head_forward(g, params, batch, t, b, f);
                loss[f] += head_loss(g, batch, row, f);
            }
        }
    }
    for (int f = 0; f < RP_FIELDS; f++) {
        sum += loss[f];
        if (by_field)
            by_field[f] = loss[f];
    }
    return sum;
}

/* y = W x + bias backwards: dW += dy x^T, dbias += dy, dx += W^T dy. */
static void affine_backward(const struct rp_gru *g, const double *params,
                            size_t view, size_t bias, const double *x,
                            const double *dy, double *dparams, double *dx)
{
    const struct rp_view *w = &g->layout.view[view];
    const double *W = params + w->offset;
    double *dW = dparams + w->offset;
    double *dbias = dparams + g->layout.view[bias].offset;

    for (size_t i = 0; i < w->rows; i++) {
        dbias[i] += dy[i];
        for (size_t j = 0; j < w->columns; j++) {
            dW[i * w->columns + j] += dy[i] * x[j];
            dx[j] += W[i * w->columns + j] * dy[i];
        }
    }
}

static void sparse_backward(const struct rp_gru *g, size_t view,
                            const struct rp_sparse *sparse, size_t row,
                            const double *dy, double *dparams)
{
    const struct rp_view *w = &g->layout.view[view];

    for (uint32_t k = sparse->begin[row]; k < sparse->begin[row + 1]; k++)
        for (size_t i = 0; i < w->rows; i++)
            dparams[w->offset + i * w->columns + sparse->at[k]] += dy[i];
}

static void head_backward(struct rp_gru *g, const double *params,
                          const struct rp_batch *batch, size_t t, size_t b,
                          int f, double *dparams)
{
    const struct rp_layout *at = &g->layout;
    const size_t row = t * batch->B + b, top = g->layers - 1;

    head_forward(g, params, batch, t, b, f);
    head_loss(g, batch, row, f);
    memset(g->da, 0, g->E * sizeof(double));
    affine_backward(g, params, at->head_out[f], at->head_out_bias[f], g->a,
                    g->dlogits, dparams, g->da);
    for (size_t i = 0; i < g->E; i++)
        g->da[i] = g->a[i] > 0 ? g->da[i] : 0;
    affine_backward(g, params, at->head_hidden[f], at->head_bias[f],
                    state(g, t + 1, b, top), g->da, dparams,
                    g->dh + (b * g->layers + top) * g->H);
    if (rp_vocabulary_condition(&g->shape.vocabulary, (enum rp_field)f))
        sparse_backward(g, at->head_cond[f], &batch->field[f].condition, row,
                        g->da, dparams);
}

/* dh of layer l at t + 1 becomes dh at t; adds to dh of the layer below. */
static void step_backward(struct rp_gru *g, const double *params,
                          const struct rp_batch *batch, size_t t, size_t b,
                          size_t l, double *dparams)
{
    const struct rp_layout *at = &g->layout;
    const size_t H = g->H, row = row_of(g, t, b, l);
    const double *before = state(g, t, b, l);
    const double *rzn = g->rzn + row * 3 * H, *gh_n = g->gh_n + row * H;
    double *dh = g->dh + (b * g->layers + l) * H;

    for (size_t i = 0; i < H; i++) {
        double r = rzn[i], z = rzn[H + i], n = rzn[2 * H + i];
        double dn = dh[i] * (1 - z) * (1 - n * n);
        double dz = dh[i] * (before[i] - n) * z * (1 - z);
        double dr = dn * gh_n[i] * r * (1 - r);
        g->dgi[i] = g->dgh[i] = dr;
        g->dgi[H + i] = g->dgh[H + i] = dz;
        g->dgi[2 * H + i] = dn;
        g->dgh[2 * H + i] = dn * r;
        dh[i] *= z;
    }
    affine_backward(g, params, at->weight_hh[l], at->bias_hh[l], before, g->dgh,
                    dparams, dh);
    if (l) {
        affine_backward(g, params, at->weight_ih[l], at->bias_ih[l],
                        state(g, t + 1, b, l - 1), g->dgi, dparams, dh - H);
        return;
    }
    for (size_t i = 0; i < 3 * H; i++)
        dparams[at->view[at->bias_ih[0]].offset + i] += g->dgi[i];
    sparse_backward(g, at->weight_ih[0], &batch->input, t * batch->B + b,
                    g->dgi, dparams);
}

void rp_gru_backward(struct rp_gru *g, const double *params,
                     const struct rp_batch *batch, double *dparams)
{
    memset(g->dh, 0, batch->B * g->layers * g->H * sizeof(double));
    for (size_t t = batch->T; t-- > 0;) {
        for (size_t b = 0; b < batch->B; b++) {
            size_t row = t * batch->B + b;
            for (int f = 0; f < RP_FIELDS; f++)
                if (counts(g, batch, row, f))
                    head_backward(g, params, batch, t, b, f, dparams);
            for (size_t l = g->layers; takes_step(batch, row) && l-- > 0;)
                step_backward(g, params, batch, t, b, l, dparams);
        }
    }
}

const double *rp_gru_state(const struct rp_gru *g, uint32_t t, uint32_t b,
                           uint32_t layer)
{
    return g->h + row_of(g, t + 1, b, layer) * g->H;
}

void rp_gru_logits(struct rp_gru *g, const double *params,
                   const struct rp_batch *batch, uint32_t t, uint32_t b,
                   enum rp_field field, double *logits)
{
    head_forward(g, params, batch, t, b, (int)field);
    memcpy(logits, g->logits,
           rp_vocabulary_classes(&g->shape.vocabulary, field) * sizeof(double));
}
