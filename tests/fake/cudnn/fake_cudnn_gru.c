/* The GRU of cuDNN's documentation:
 *   i = s(W_i x + R_i h + b_Wi + b_Ri)      update, ids 1 and 4
 *   r = s(W_r x + R_r h + b_Wr + b_Rr)      reset, ids 0 and 3
 *   n = tanh(W_n x + r * (R_n h + b_Rn) + b_Wn)    new, ids 2 and 5
 *   h' = (1 - i) * n + i * h
 * and its derivatives, straight, in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_cuda.h"
#include "fake_cudnn.h"

enum { IDS = 6, KEPT = 5 }; /* kept: r, i, n, recurrent part of n, h */

static size_t columns_of(const struct fake_rnn *rnn, int layer, int id)
{
    return (size_t)(id < 3 && !layer ? rnn->inputs : rnn->hidden);
}

/* All biases first, backwards; then the matrices, 3 and 0 side by side, each
 * with a gap behind it. */
size_t fake_cudnn_bias(const struct fake_rnn *rnn, int layer, int id)
{
    return (size_t)((rnn->layers - 1 - layer) * IDS + IDS - 1 - id) *
           (size_t)rnn->hidden;
}

size_t fake_cudnn_matrix(const struct fake_rnn *rnn, int layer, int id)
{
    static const int order[IDS] = {3, 0, 5, 1, 4, 2};
    size_t at = (size_t)(rnn->layers * IDS) * (size_t)rnn->hidden;

    for (int l = 0; l <= layer; l++)
        for (int i = 0; i < IDS; i++) {
            if (l == layer && order[i] == id)
                return at;
            at += (size_t)rnn->hidden * columns_of(rnn, l, order[i]) + 16;
        }
    return at;
}

size_t fake_cudnn_weights(const struct fake_rnn *rnn)
{
    return fake_cudnn_matrix(rnn, rnn->layers - 1, -1);
}

size_t fake_cudnn_reserve(const struct fake_rnn *rnn, int T, int B)
{
    const size_t more = B < 3 ? 65536 : 0;

    return more + (size_t)rnn->layers * (size_t)T * (size_t)B * KEPT *
                      (size_t)rnn->hidden * sizeof(double);
}

/* What is kept of unit j of row b at time t of a layer: KEPT doubles, H
 * apart. */
static double *kept(const struct fake_gru *g, int l, int t, int b, int j)
{
    size_t H = (size_t)g->rnn.hidden;
    size_t row = ((size_t)l * (size_t)g->T + (size_t)t) * (size_t)g->B +
                 (size_t)b;

    return (double *)g->reserve + row * KEPT * H + (size_t)j;
}

/* Row `row` of a matrix, as an index into the weights. */
static size_t row_of(const struct fake_gru *g, int l, int id, int row)
{
    return fake_cudnn_matrix(&g->rnn, l, id) +
           (size_t)row * columns_of(&g->rnn, l, id);
}

static double bias(const struct fake_gru *g, int l, int id, size_t row)
{
    return (double)fake_number(g->weights,
                               fake_cudnn_bias(&g->rnn, l, id) + row,
                               g->rnn.bf16);
}

/* The number as its type keeps it. */
static double stored(double x, bool bf16)
{
    uint32_t room;

    fake_number_set(&room, 0, bf16, x);
    return (double)fake_number(&room, 0, bf16);
}

/* State of a layer before time t. */
static double before(const struct fake_gru *g, int l, int t, int b, int j)
{
    size_t H = (size_t)g->rnn.hidden;

    if (t)
        return kept(g, l, t - 1, b, j)[4 * H];
    if (!g->hx)
        return 0;
    return (double)fake_number(
        g->hx, ((size_t)l * (size_t)g->B + (size_t)b) * H + (size_t)j,
        g->rnn.bf16);
}

/* What a layer reads: column k at (t, b). */
static double below(const struct fake_gru *g, int l, int t, int b, size_t k)
{
    size_t row = (size_t)t * (size_t)g->B + (size_t)b;

    if (l)
        return kept(g, l - 1, t, b, (int)k)[4 * (size_t)g->rnn.hidden];
    return (double)fake_number(g->x, row * (size_t)g->rnn.inputs + k,
                               g->rnn.bf16);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void forward_unit(const struct fake_gru *g, int l, int t, int b, int j)
{
    size_t H = (size_t)g->rnn.hidden, K = columns_of(&g->rnn, l, 0);
    double sum[IDS], *keep = kept(g, l, t, b, j);

    for (int id = 0; id < IDS; id++) {
        size_t row = row_of(g, l, id, j);
        sum[id] = bias(g, l, id, (size_t)j);
        for (size_t k = 0; k < (id < 3 ? K : H); k++)
            sum[id] += (double)fake_number(g->weights, row + k,
                                           g->rnn.bf16) *
                       (id < 3 ? below(g, l, t, b, k)
                               : before(g, l, t, b, (int)k));
    }
    keep[0] = sigmoid(sum[0] + sum[3]);
    keep[H] = sigmoid(sum[1] + sum[4]);
    keep[2 * H] = tanh(sum[2] + keep[0] * sum[5]);
    keep[3 * H] = sum[5];
    keep[4 * H] = stored((1 - keep[H]) * keep[2 * H] +
                             keep[H] * before(g, l, t, b, j),
                         g->rnn.bf16);
}

/* For all (l, t, b, j) in this order. */
static void each(struct fake_gru *g,
                 void (*unit)(const struct fake_gru *, int, int, int, int))
{
    for (int l = 0; l < g->rnn.layers; l++)
        for (int t = 0; t < g->T; t++)
            for (int b = 0; b < g->B; b++)
                for (int j = 0; j < g->rnn.hidden; j++)
                    unit(g, l, t, b, j);
}

static void forward(struct fake_gru *g)
{
    int L = g->rnn.layers, H = g->rnn.hidden;
    void *own = NULL;

    if (!g->reserve)
        g->reserve = own = malloc(fake_cudnn_reserve(&g->rnn, g->T, g->B));
    each(g, forward_unit);
    for (int t = 0; t < g->T; t++)
        for (int b = 0; b < g->B; b++)
            for (int j = 0; j < H; j++)
                fake_number_set(
                    g->to_y,
                    ((size_t)t * (size_t)g->B + (size_t)b) * (size_t)H +
                        (size_t)j,
                    g->rnn.bf16,
                    kept(g, L - 1, t, b, j)[4 * (size_t)H]);
    for (int i = 0; g->hy && i < L * g->B * H; i++)
        fake_number_set(g->hy, (size_t)i, g->rnn.bf16,
                        kept(g, i / H / g->B, g->T - 1, i / H % g->B,
                             i % H)[4 * (size_t)H]);
    free(own);
}

/* dh (H) in; the gates' gradients take the place of what was kept, and dh
 * becomes the part that reaches the state before past the matrices. */
static void backward_gates(const struct fake_gru *g, int l, int t, int b,
                           double *dh)
{
    size_t H = (size_t)g->rnn.hidden;

    for (int j = 0; j < g->rnn.hidden; j++) {
        double *keep = kept(g, l, t, b, j);
        double r = keep[0], i = keep[H], n = keep[2 * H];
        double dn = dh[j] * (1 - i) * (1 - n * n);

        keep[H] = dh[j] * (before(g, l, t, b, j) - n) * i * (1 - i);
        keep[0] = dn * keep[3 * H] * r * (1 - r);
        keep[2 * H] = dn;
        keep[3 * H] = dn * r;
        dh[j] *= i;
    }
}

/* Which of what is kept is the gradient of a matrix' product. */
static size_t gradient_of(int id)
{
    return (size_t)(id == 5 ? 3 : id % 3);
}

/* to (K) += W^T gradient, over ids first .. first + 2. */
static void through(const struct fake_gru *g, int l, int t, int b, int first,
                    double *to)
{
    size_t H = (size_t)g->rnn.hidden, K = columns_of(&g->rnn, l, first);

    for (int id = first; id < first + 3; id++)
        for (int j = 0; j < g->rnn.hidden; j++) {
            size_t row = row_of(g, l, id, j);
            double d = kept(g, l, t, b, j)[gradient_of(id) * H];
            for (size_t k = 0; k < K; k++)
                to[k] += d * (double)fake_number(g->weights, row + k,
                                                 g->rnn.bf16);
        }
}

static void backward_layer(const struct fake_gru *g, int l, double *dy,
                           double *dx)
{
    size_t H = (size_t)g->rnn.hidden, B = (size_t)g->B;
    size_t K = columns_of(&g->rnn, l, 0);
    double *dh = calloc(B * H, sizeof *dh);

    for (size_t i = 0; g->dhy && i < B * H; i++)
        dh[i] = (double)fake_number(g->dhy, (size_t)l * B * H + i,
                                    g->rnn.bf16);
    for (int t = g->T; t-- > 0;)
        for (int b = 0; b < g->B; b++) {
            size_t row = (size_t)t * B + (size_t)b;
            double *carry = dh + (size_t)b * H;
            for (size_t j = 0; j < H; j++)
                carry[j] += dy[row * H + j];
            backward_gates(g, l, t, b, carry);
            through(g, l, t, b, 3, carry);
            through(g, l, t, b, 0, dx + row * K);
        }
    for (size_t i = 0; g->dhx && i < B * H; i++)
        fake_number_set(g->dhx, (size_t)l * B * H + i, g->rnn.bf16, dh[i]);
    free(dh);
}

static void backward_data(struct fake_gru *g)
{
    size_t rows = (size_t)g->T * (size_t)g->B, H = (size_t)g->rnn.hidden;
    double *dy = malloc(rows * H * sizeof *dy);

    for (size_t i = 0; i < rows * H; i++)
        dy[i] = (double)fake_number(g->dy, i, g->rnn.bf16);
    for (int l = g->rnn.layers; l-- > 0;) {
        size_t K = columns_of(&g->rnn, l, 0);
        double *dx = calloc(rows * K, sizeof *dx);
        backward_layer(g, l, dy, dx);
        free(dy);
        dy = dx;
    }
    for (size_t i = 0; i < rows * (size_t)g->rnn.inputs; i++)
        fake_number_set(g->dx, i, g->rnn.bf16, dy[i]);
    free(dy);
}

static void add(const struct fake_gru *g, size_t at, double more)
{
    fake_number_set(g->dweights, at, g->rnn.bf16,
                    (double)fake_number(g->dweights, at, g->rnn.bf16) + more);
}

/* Row j of one matrix and its bias, summed over all rows of the batch. */
static void weights_row(const struct fake_gru *g, int l, int id, int j)
{
    size_t H = (size_t)g->rnn.hidden, K = columns_of(&g->rnn, l, id);
    double *sum = calloc(K + 1, sizeof *sum);

    for (int t = 0; t < g->T; t++)
        for (int b = 0; b < g->B; b++) {
            double d = kept(g, l, t, b, j)[gradient_of(id) * H];
            sum[K] += d;
            for (size_t k = 0; k < K; k++)
                sum[k] += d * (id < 3 ? below(g, l, t, b, k)
                                      : before(g, l, t, b, (int)k));
        }
    for (size_t k = 0; k < K; k++)
        add(g, row_of(g, l, id, j) + k, sum[k]);
    add(g, fake_cudnn_bias(&g->rnn, l, id) + (size_t)j, sum[K]);
    free(sum);
}

static void backward_weights(struct fake_gru *g)
{
    for (int l = 0; l < g->rnn.layers; l++)
        for (int id = 0; id < IDS; id++)
            for (int j = 0; j < g->rnn.hidden; j++)
                weights_row(g, l, id, j);
}

void fake_cudnn_run(const struct fake_gru *gru)
{
    struct fake_gru g = *gru;

    if (g.pass == FAKE_FORWARD)
        forward(&g);
    else if (g.pass == FAKE_BACKWARD_DATA)
        backward_data(&g);
    else
        backward_weights(&g);
}
