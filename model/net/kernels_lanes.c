/* The kernels themselves; compiled once per instruction set, with
 * RP_KERNELS_NAME the name of it (portable, avx2, avx512). */
#include "model/net/kernels.h"
#include "model/net/lanes.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define JOIN_OF(a, b) a##b
#define JOIN(a, b) JOIN_OF(a, b)

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

enum {
    CHUNK_ROWS = 192, /* rows of A that stay in the L2 cache beside a panel */
    BLOCK_K = 256     /* of gemm_tn: what one packed block covers */
};

/* What a tile reads and writes. A is at a[row * a_row + k * a_k]. */
struct tile {
    size_t K;
    const float *a;
    size_t a_row, a_k;
    const float *b;
    size_t b_k;
    const float *start;
    size_t start_row;
    float *c;
    size_t c_row;
};

/* R rows x L lanes of C, kept in registers along the whole of K. */
LANE_FN void tile_run(const int R, const int L, const struct tile *t)
{
    lanes sum[TILE_ROWS][TILE_LANES];
    const float *a = t->a, *b = t->b;
    const size_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k;

    UNROLL for (int r = 0; r < R; r++) UNROLL for (int l = 0; l < L; l++)
        sum[r][l] =
            t->start ? lanes_load(t->start + r * t->start_row + l * LANES)
                     : lanes_set(0.0f);
    for (size_t k = 0; k < t->K; k++, a += a_k, b += b_k) {
        lanes x[TILE_LANES];
        UNROLL for (int l = 0; l < L; l++) x[l] = lanes_load(b + l * LANES);
        UNROLL for (int r = 0; r < R; r++)
        {
            lanes s = lanes_set(a[r * a_row]);
            UNROLL for (int l = 0; l < L; l++) sum[r][l] =
                lanes_fma(s, x[l], sum[r][l]);
        }
    }
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int l = 0; l < L; l++)
        lanes_store(t->c + r * t->c_row + l * LANES, sum[r][l]);
}

/* The rows are constants to each copy of tile_run, so that C is in registers.
 */
LANE_FN void tile_rows(size_t rows, const int L, const struct tile *t)
{
    switch (rows) {
    case 1:
        tile_run(1, L, t);
        return;
    case 2:
        tile_run(2, L, t);
        return;
#if TILE_ROWS == 6
    case 3:
        tile_run(3, L, t);
        return;
    case 4:
        tile_run(4, L, t);
        return;
    case 5:
        tile_run(5, L, t);
        return;
    case 6:
        tile_run(6, L, t);
        return;
#endif
    }
}

static void tile_lane(size_t rows, const struct tile *t)
{
    tile_rows(rows, 1, t);
}

#if TILE_LANES == 4
static void tile_panel(size_t rows, const struct tile *t)
{
    tile_rows(rows, 4, t);
}
#endif

/* `rows` x `width` of C, width a multiple of 16 up to a panel's. */
static void tile_any(size_t rows, size_t width, struct tile t)
{
    size_t column = 0;

    while (column < width) {
#if TILE_LANES == 4
        if (width - column == RP_PANEL) {
            tile_panel(rows, &t);
            return;
        }
#endif
        tile_lane(rows, &t);
        column += LANES;
        t.b += LANES;
        t.c += LANES;
        if (t.start)
            t.start += LANES;
    }
}

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

/* Columns first .. first + count of A (K rows) as strips of TILE_ROWS columns,
 * k-major; the last strip is filled with zeros. */
static void pack_columns(size_t K, size_t count, const float *a, size_t lda,
                         float *out)
{
    for (size_t m = 0; m < count; m += TILE_ROWS) {
        size_t rows = count - m < TILE_ROWS ? count - m : TILE_ROWS;
        for (size_t k = 0; k < K; k++, out += TILE_ROWS)
            for (size_t r = 0; r < TILE_ROWS; r++)
                out[r] = r < rows ? a[k * lda + m + r] : 0.0f;
    }
}

/* One packed block of A against all of B's columns. */
static void tn_block(size_t M, size_t N, size_t K, const float *strips,
                     const float *b, size_t ldb, float *c, size_t ldc,
                     float *panel)
{
    for (size_t column = 0; column < N; column += RP_PANEL) {
        size_t width = panel_width(N, column);
        for (size_t k = 0; k < K; k++)
            memcpy(panel + k * width, b + k * ldb + column, width * sizeof *b);
        for (size_t m = 0; m < M; m += TILE_ROWS) {
            size_t rows = M - m < TILE_ROWS ? M - m : TILE_ROWS;
            float *to = c + m * ldc + column;
            tile_any(rows, width,
                     (struct tile){K, strips + m * K, 1, TILE_ROWS, panel,
                                   width, to, ldc, to, ldc});
        }
    }
}

static void gemm_tn(size_t M, size_t N, size_t K, const float *a, size_t lda,
                    const float *b, size_t ldb, float *c, size_t ldc,
                    float *scratch)
{
    float *strips = scratch, *panel = scratch + CHUNK_ROWS * BLOCK_K;

    for (size_t k = 0; k < K; k += BLOCK_K) {
        size_t depth = K - k < BLOCK_K ? K - k : BLOCK_K;
        for (size_t m = 0; m < M; m += CHUNK_ROWS) {
            size_t rows = M - m < CHUNK_ROWS ? M - m : CHUNK_ROWS;
            pack_columns(depth, rows, a + k * lda + m, lda, strips);
            tn_block(rows, N, depth, strips, b + k * ldb, ldb, c + m * ldc, ldc,
                     panel);
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
                  const float *h, float *out, float *rzn)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < n; i += LANES) {
            lanes r = lanes_sigmoid(
                lanes_add(lanes_load(gi + i), lanes_load(gh + i)));
            lanes z = lanes_sigmoid(
                lanes_add(lanes_load(gi + n + i), lanes_load(gh + n + i)));
            lanes c = lanes_tanh(lanes_fma(r, lanes_load(gh + 2 * n + i),
                                           lanes_load(gi + 2 * n + i)));
            lanes before = lanes_load(h + i);
            if (rzn) {
                lanes_store(rzn + i, r);
                lanes_store(rzn + n + i, z);
                lanes_store(rzn + 2 * n + i, c);
            }
            lanes_store(out + i, lanes_fma(z, lanes_sub(before, c), c));
        }
        gi += 3 * n;
        gh += 3 * n;
        h += n;
        out += n;
        rzn = rzn ? rzn + 3 * n : NULL;
    }
}

static void gates_backward(size_t n, size_t rows, const float *dh,
                           const float *rzn, const float *gh, const float *h,
                           float *dgi, float *dgh, float *dh_before)
{
    const lanes one = lanes_set(1.0f);

    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < n; i += LANES) {
            lanes d = lanes_load(dh + i), r = lanes_load(rzn + i);
            lanes z = lanes_load(rzn + n + i), c = lanes_load(rzn + 2 * n + i);
            lanes dc = lanes_mul(d, lanes_sub(one, z));
            lanes dz = lanes_mul(d, lanes_sub(lanes_load(h + i), c));
            dc = lanes_mul(dc, lanes_sub(one, lanes_mul(c, c)));
            dz = lanes_mul(dz, lanes_mul(z, lanes_sub(one, z)));
            lanes dr = lanes_mul(dc, lanes_load(gh + 2 * n + i));
            dr = lanes_mul(dr, lanes_mul(r, lanes_sub(one, r)));
            lanes_store(dgi + i, dr);
            lanes_store(dgi + n + i, dz);
            lanes_store(dgi + 2 * n + i, dc);
            lanes_store(dgh + i, dr);
            lanes_store(dgh + n + i, dz);
            lanes_store(dgh + 2 * n + i, lanes_mul(dc, r));
            lanes_store(dh_before + i, lanes_mul(d, z));
        }
        dh += n;
        rzn += 3 * n;
        gh += 3 * n;
        h += n;
        dgi += 3 * n;
        dgh += 3 * n;
        dh_before += n;
    }
}

static void relu(size_t n, const float *x, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        lanes_store(out + i, lanes_max(lanes_set(0.0f), lanes_load(x + i)));
}

static void relu_backward(size_t n, const float *y, const float *dy, float *dx)
{
    const lanes zero = lanes_set(0.0f);

    for (size_t i = 0; i < n; i += LANES)
        lanes_store(dx + i, lanes_pick_less(zero, lanes_load(y + i),
                                            lanes_load(dy + i), zero));
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
    .gemm_tn = gemm_tn,
    .sparse_add = sparse_add,
    .sparse_spread = sparse_spread,
    .add_rows = add_rows,
    .gates = gates,
    .gates_backward = gates_backward,
    .relu = relu,
    .relu_backward = relu_backward,
    .exp = exp_all,
    .sigmoid = sigmoid_all,
    .tanh = tanh_all,
    .cross = cross,
    .stream = stream,
};
