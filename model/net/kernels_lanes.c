/* The kernels themselves; compiled once per instruction set, with
 * RP_KERNELS_NAME the name of it (portable, avx2, avx512). */
#include "model/net/kernels.h"
#include "model/net/lanes.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define JOIN_OF(a, b) a##b
#define JOIN(a, b) JOIN_OF(a, b)

enum { CHUNK_ROWS = 192 }; /* rows of A that stay in L2 beside a panel */

typedef float word;
typedef lanes words;
#define words_load lanes_load
#define words_set lanes_set
#define words_mac lanes_fma
#include "model/net/tiles.h"

/* One row of A against one (L = 4) or two neighbouring full panels (L = 8):
 * enough sums in flight to be bound by memory, not by the latency of fma. */
LANE_FN void gemv_run(const int L, size_t K, const float *a, const float *b,
                      const float *start, float *c)
{
    const float *second = L > 4 ? b + K * RP_PANEL : b;
    lanes sum[8];

    UNROLL for (int l = 0; l < L; l++) sum[l] =
        start ? lanes_load(start + l * LANES) : lanes_set(0.0f);
    for (size_t k = 0; k < K; k++, b += RP_PANEL, second += RP_PANEL) {
        lanes s = lanes_set(a[k]);
        UNROLL for (int l = 0; l < L; l++) sum[l] = lanes_fma(
            s, lanes_load(l < 4 ? b + l * LANES : second + (l - 4) * LANES),
            sum[l]);
    }
    UNROLL for (int l = 0; l < L; l++) lanes_store(c + l * LANES, sum[l]);
}

static size_t panel_width(size_t N, size_t column)
{
    size_t left = rp_round16(N) - column;
    return left < RP_PANEL ? left : RP_PANEL;
}

static void gemv(size_t N, size_t K, const float *a, const float *b,
                 const float *start, float *c)
{
    size_t column = 0;

    while (column < N) {
        size_t left = rp_round16(N) - column, width = RP_PANEL;
        if (GEMV_LANES == 8 && left >= 2 * RP_PANEL) {
            gemv_run(8, K, a, b, start, c);
            width = 2 * RP_PANEL;
        } else if (GEMV_LANES >= 4 && left >= RP_PANEL) {
            gemv_run(4, K, a, b, start, c);
        } else {
            width = panel_width(N, column);
            tile_any(1, width,
                     (struct tile){K, a, 0, 1, b, width, start, 0, c, 0});
        }
        b += K * width;
        c += width;
        start = start ? start + width : NULL;
        column += width;
    }
}

static void gemm(size_t M, size_t N, size_t K, const float *a, size_t lda,
                 const float *b, const float *start, size_t start_ld, float *c,
                 size_t ldc)
{
    if (M == 1) {
        gemv(N, K, a, b, start, c);
        return;
    }
    for (size_t chunk = 0; chunk < M; chunk += CHUNK_ROWS) {
        size_t end = chunk + CHUNK_ROWS < M ? chunk + CHUNK_ROWS : M;
        for (size_t column = 0; column < N; column += RP_PANEL) {
            size_t width = panel_width(N, column);
            for (size_t m = chunk; m < end; m += TILE_ROWS) {
                size_t rows = end - m < TILE_ROWS ? end - m : TILE_ROWS;
                tile_any(
                    rows, width,
                    (struct tile){K, a + m * lda, lda, 1, b + column * K, width,
                                  start ? start + m * start_ld + column : NULL,
                                  start_ld, c + m * ldc + column, ldc});
            }
        }
    }
}

static void sparse_add(size_t n, const float *start, const float *table,
                       size_t ld, size_t count, const uint16_t *at, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        lanes sum = start ? lanes_load(start + i) : lanes_set(0.0f);
        for (size_t j = 0; j < count; j++)
            sum = lanes_add(sum, lanes_load(table + at[j] * ld + i));
        lanes_store(out + i, sum);
    }
}

static void sparse_spread(size_t n, const float *x, float *table, size_t ld,
                          size_t count, const uint16_t *at)
{
    for (size_t j = 0; j < count; j++) {
        float *row = table + at[j] * ld;
        for (size_t i = 0; i < n; i += LANES)
            lanes_store(row + i,
                        lanes_add(lanes_load(row + i), lanes_load(x + i)));
    }
}

static void add_rows(size_t n, size_t rows, const float *x, size_t ld,
                     float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        lanes sum = lanes_load(out + i);
        for (size_t r = 0; r < rows; r++)
            sum = lanes_add(sum, lanes_load(x + r * ld + i));
        lanes_store(out + i, sum);
    }
}

static void gates(size_t n, size_t rows, const float *gi, const float *gh,
                  const float *h, float *out)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < n; i += LANES)
            lanes_store(out + i,
                        lanes_gru(gi + i, gh + i, n, lanes_load(h + i)).h);
        gi += 3 * n;
        gh += 3 * n;
        h += n;
        out += n;
    }
}

static void relu(size_t n, const float *x, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        lanes_store(out + i, lanes_max(lanes_set(0.0f), lanes_load(x + i)));
}

static void exp_all(size_t n, const float *x, float shift, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        lanes_store(out + i,
                    lanes_exp(lanes_sub(lanes_load(x + i), lanes_set(shift))));
}

static void sigmoid_all(size_t n, const float *x, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        lanes_store(out + i, lanes_sigmoid(lanes_load(x + i)));
}

static void tanh_all(size_t n, const float *x, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        lanes_store(out + i, lanes_tanh(lanes_load(x + i)));
}

static double cross(const struct rp_cross *x, const float *logits,
                    float *dlogits)
{
    float e[RP_SOFTMAX_MAX] = {0}, top = -INFINITY;
    double sum = 0;
    const uint32_t room = (uint32_t)rp_round16(x->classes);

    for (uint32_t i = 0; i < x->classes; i++)
        if (x->mask[i / 64] >> (i % 64) & 1 && !(logits[i] <= top))
            top = logits[i];
    memcpy(e, logits, x->classes * sizeof *e);
    exp_all(room, e, top, e);
    for (uint32_t i = 0; i < room; i++) {
        if (i >= x->classes || !(x->mask[i / 64] >> (i % 64) & 1))
            e[i] = 0.0f;
        sum += (double)e[i];
    }
    double weight = (double)x->weight, drawn = 1.0 + (double)x->escapes;
    double loss =
        drawn * (rp_log_exact(sum) + (double)top) - (double)logits[x->class];
    if (x->escapes)
        loss -= (double)x->escapes * (double)logits[x->escape];
    if (!dlogits)
        return weight * loss;
    float scale = (float)(weight * drawn / sum);
    for (uint32_t i = 0; i < room; i++)
        dlogits[i] = e[i] * scale;
    dlogits[x->class] -= x->weight;
    if (x->escapes)
        dlogits[x->escape] -= x->weight * (float)x->escapes;
    return weight * loss;
}

static float stream(size_t n, const float *x)
{
    lanes sum[8];
    float out[LANES];

    UNROLL for (int l = 0; l < 8; l++) sum[l] = lanes_set(0.0f);
    for (size_t i = 0; i < n; i += 8 * LANES)
        UNROLL for (int l = 0; l < 8; l++) sum[l] =
            lanes_add(sum[l], lanes_load(x + i + l * LANES));
    for (int l = 1; l < 8; l++)
        sum[0] = lanes_add(sum[0], sum[l]);
    lanes_store(out, sum[0]);
    return out[0];
}

extern const struct rp_kernels JOIN(rp_kernels_, RP_KERNELS_NAME);
const struct rp_kernels JOIN(rp_kernels_, RP_KERNELS_NAME) = {
    .name = TEXT(RP_KERNELS_NAME),
    .gemm = gemm,
    .sparse_add = sparse_add,
    .sparse_spread = sparse_spread,
    .add_rows = add_rows,
    .gates = gates,
    .relu = relu,
    .exp = exp_all,
    .sigmoid = sigmoid_all,
    .tanh = tanh_all,
    .cross = cross,
    .stream = stream,
};
