/* The kernels of training; compiled once per instruction set and kind of cell,
 * with RP_KERNELS_NAME the one and RP_CELL_BF16 (0 or 1) the other. */
#include "model/net/cell_lanes.h"
#include "model/net/cells.h"
#include "model/net/tiles.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define JOIN_OF(a, b) a##b
#define JOIN(a, b) JOIN_OF(a, b)
#if RP_CELL_BF16
#define TABLE JOIN(rp_cells_bf16_, RP_KERNELS_NAME)
#else
#define TABLE JOIN(rp_cells_fp32_, RP_KERNELS_NAME)
#endif

enum {
    PANEL = TILE_LANES * LANES, /* columns of B side by side when packed */
    PASS_ROWS = 96,             /* rows of A that gemm takes at once */
    CHUNK_ROWS = 96,            /* rows of A, as packed by gemm_tn, ... */
    BLOCK_N = 576,              /* ... columns of B, ... */
    BLOCK_K = 128,              /* ... and words of both along K */
    BUFFER = 512                /* cells that pack narrows at once */
};
_Static_assert((CHUNK_ROWS + BLOCK_N) * BLOCK_K + BLOCK_N <= RP_CELLS_SCRATCH,
               "scratch of gemm_tn");
_Static_assert(BLOCK_N % PANEL == 0 && CHUNK_ROWS % TILE_ROWS == 0,
               "whole panels and tiles");

static size_t panel_width(size_t N, size_t column)
{
    size_t left = rp_round16(N) - column;
    return left < PANEL ? left : PANEL;
}

static size_t words_of(size_t K)
{
    return (K + CELL_PAIR - 1) / CELL_PAIR;
}

static size_t packed_size(size_t N, size_t K)
{
    return rp_round16(N) * words_of(K) * sizeof(word);
}

static void narrow(size_t n, const float *x, void *to)
{
    cell *out = to;

    for (size_t i = 0; i < n; i += LANES)
        cell_store(out + i, lanes_load(x + i));
}

/* Up to `count` of the floats at x, then zeros, as cells: a whole number of
 * LANES up to `room`. */
static void narrow_some(size_t count, size_t room, const float *x, cell *out)
{
    size_t whole = count / LANES * LANES;
    float last[LANES] = {0};

    narrow(whole, x, out);
    for (size_t i = whole; i < room; i += LANES) {
        memcpy(last, x + i, (i < count ? count - i : 0) * sizeof *x);
        cell_store(out + i, lanes_load(last));
        memset(last, 0, sizeof last);
    }
}

/* One word from each of 16 rows of cells, `ld` apart. */
static void put_column(const cell *from, size_t ld, word *to)
{
    for (int i = 0; i < LANES; i++)
        memcpy(to + i, from + i * ld, sizeof *to);
}

/* Sixteen outputs of a transposed B: rows of src become columns. */
static void pack_turned(size_t count, size_t K, const float *src, size_t ld,
                        size_t width, word *out)
{
    cell line[LANES * BUFFER];

    memset(line, 0, sizeof line);
    for (size_t k = 0; k < K; k += BUFFER) {
        size_t depth = K - k < BUFFER ? K - k : BUFFER;
        size_t room = rp_round16(depth);
        for (size_t n = 0; n < count; n++)
            narrow_some(depth, room, src + n * ld + k, line + n * BUFFER);
        for (size_t w = 0; w < words_of(depth); w++, out += width)
            put_column(line + w * CELL_PAIR, BUFFER, out);
    }
}

/* Sixteen outputs of a B that lies as it is. */
static void pack_plain(size_t count, size_t K, const float *src, size_t ld,
                       size_t width, word *out)
{
    cell line[CELL_PAIR][LANES] = {{0}};

    for (size_t k = 0; k < K; k += CELL_PAIR, out += width) {
        for (size_t i = 0; i < CELL_PAIR; i++)
            narrow_some(k + i < K ? count : 0, LANES, src + (k + i) * ld,
                        line[i]);
#if CELL_PAIR == 2
        words_store(out, words_join(line[0], line[1]));
#else
        memcpy(out, line[0], sizeof line[0]);
#endif
    }
}

static void pack(size_t N, size_t K, const float *src, size_t ld,
                 bool transposed, void *packed)
{
    for (size_t first = 0; first < N; first += PANEL) {
        size_t width = panel_width(N, first);
        word *panel = (word *)packed + first * words_of(K);
        for (size_t column = 0; column < width; column += LANES) {
            size_t at = first + column, left = at < N ? N - at : 0;
            size_t count = left < LANES ? left : LANES;
            if (transposed)
                pack_turned(count, K, src + at * ld, ld, width, panel + column);
            else
                pack_plain(count, K, src + at, ld, width, panel + column);
        }
    }
}

/* What a tile begins with, on its way while the one before is computed. */
LANE_FN void fetch(const struct tile *t, size_t rows, size_t width)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i += LANES)
            __builtin_prefetch(t->start + r * t->start_row + i);
}

/* All of a product whose B is packed; b_k 0: a panel is as wide as it is. */
static __attribute__((noinline)) void
multiply(size_t M, size_t N, struct tile whole, size_t panel_size)
{
    for (size_t column = 0; column < N; column += PANEL) {
        size_t width = panel_width(N, column);
        struct tile t = whole;
        t.b += column / PANEL * panel_size;
        t.b_k = whole.b_k ? whole.b_k : width;
        t.c += column;
        t.start = t.start ? t.start + column : NULL;
        for (size_t m = 0; m < M; m += TILE_ROWS) {
            struct tile next = t;
            next.a +=
                whole.a_k == 1 ? TILE_ROWS * whole.a_row : TILE_ROWS * whole.K;
            next.c += TILE_ROWS * whole.c_row;
            next.start = t.start ? t.start + TILE_ROWS * whole.start_row : NULL;
            if (next.start && M - m > TILE_ROWS)
                fetch(&next, TILE_ROWS, width);
            tile_any(M - m < TILE_ROWS ? M - m : TILE_ROWS, width, t);
            t = next;
        }
    }
}

static void gemm(size_t M, size_t N, size_t K, const void *a, size_t lda,
                 const void *b, const float *start, size_t start_ld, float *c,
                 size_t ldc)
{
    size_t depth = words_of(K);
    unsigned mode = cells_mode();

    /* Rows of A that stay in the L2 cache while B goes by. */
    for (size_t m = 0; m < M; m += PASS_ROWS)
        multiply(M - m < PASS_ROWS ? M - m : PASS_ROWS, N,
                 (struct tile){depth, (const word *)a + m * (lda / CELL_PAIR),
                               lda / CELL_PAIR, 1, b, 0,
                               start ? start + m * start_ld : NULL, start_ld,
                               c + m * ldc, ldc},
                 PANEL * depth);
    cells_mode_back(mode);
}

/* Row k of A or B as words, with the row that follows it: `count` of them,
 * rounded up to LANES. */
static const word *join_rows(size_t count, size_t k, size_t K, const cell *row,
                             size_t ld, word *line)
{
#if CELL_PAIR == 2
    static const cell zeros[LANES];

    for (size_t i = 0; i < count; i += LANES)
        words_store(line + i,
                    words_join(row + i, k + 1 < K ? row + ld + i : zeros));
    return line;
#else
    (void)count, (void)k, (void)K, (void)ld, (void)line;
    return row;
#endif
}

/* `count` columns of K rows as strips of `width` columns, each strip k-major
 * and K words long; what is past the last column is anything. */
static void pack_strips(size_t K, size_t count, size_t width, const cell *from,
                        size_t ld, word *line, word *out)
{
    const size_t depth = words_of(K);

    for (size_t w = 0; w < depth; w++, from += CELL_PAIR * ld) {
        const word *row = join_rows(count, w * CELL_PAIR, K, from, ld, line);
        word *to = out + w * width;
        size_t i = 0;
        for (; i + width <= count; i += width, to += depth * width)
            memcpy(to, row + i, width * sizeof *to);
        memcpy(to, row + i, (count - i) * sizeof *to);
    }
}

static void gemm_tn(size_t M, size_t N, size_t K, const void *at, size_t lda,
                    const void *bt, size_t ldb, float *c, size_t ldc,
                    float *scratch)
{
    const cell *a = at, *b = bt;
    word *strips = (word *)(void *)scratch;
    word *panels = strips + CHUNK_ROWS * BLOCK_K;
    word *line = panels + BLOCK_N * BLOCK_K;
    const size_t block = BLOCK_K * CELL_PAIR;
    unsigned mode = cells_mode();

    for (size_t k = 0; k < K; k += block)
        for (size_t n = 0; n < N; n += BLOCK_N) {
            size_t depth = K - k < block ? K - k : block;
            size_t width = N - n < BLOCK_N ? N - n : BLOCK_N;
            pack_strips(depth, width, PANEL, b + k * ldb + n, ldb, line,
                        panels);
            for (size_t m = 0; m < M; m += CHUNK_ROWS) {
                size_t rows = M - m < CHUNK_ROWS ? M - m : CHUNK_ROWS;
                float *to = c + m * ldc + n;
                pack_strips(depth, rows, TILE_ROWS, a + k * lda + m, lda, line,
                            strips);
                multiply(rows, width,
                         (struct tile){words_of(depth), strips, 1, TILE_ROWS,
                                       panels, PANEL, to, ldc, to, ldc},
                         PANEL * words_of(depth));
            }
        }
    cells_mode_back(mode);
}

static void widen(size_t n, const void *from, float *out)
{
    const cell *x = from;

    for (size_t i = 0; i < n; i += LANES)
        lanes_store(out + i, cell_load(x + i));
}

static void times(size_t n, const void *from, const float *by, void *to)
{
    const cell *x = from;
    cell *out = to;

    for (size_t i = 0; i < n; i += LANES)
        cell_store(out + i, lanes_mul(cell_load(x + i), lanes_load(by + i)));
}

static void relu(size_t n, const float *x, void *to)
{
    cell *out = to;

    for (size_t i = 0; i < n; i += LANES)
        cell_store(out + i, lanes_max(lanes_set(0.0f), lanes_load(x + i)));
}

static void relu_backward(size_t n, const void *of, const float *dy, float *dx,
                          void *to)
{
    const lanes zero = lanes_set(0.0f);
    const cell *y = of;
    cell *out = to;

    for (size_t i = 0; i < n; i += LANES) {
        lanes d =
            lanes_pick_less(zero, cell_load(y + i), lanes_load(dy + i), zero);
        lanes_store(dx + i, d);
        cell_store(out + i, d);
    }
}

static void sparse_spread(size_t n, const void *from, float *table, size_t ld,
                          size_t count, const uint16_t *at)
{
    const cell *x = from;

    for (size_t j = 0; j < count; j++) {
        float *row = table + at[j] * ld;
        for (size_t i = 0; i < n; i += LANES)
            lanes_store(row + i,
                        lanes_add(lanes_load(row + i), cell_load(x + i)));
    }
}

static void gates(size_t n, size_t rows, const float *gi, const float *gh,
                  float *h, void *to, void *keep)
{
    cell *out = to, *gate = keep;

    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < n; i += LANES) {
            struct lanes_gates g =
                lanes_gru(gi + i, gh + i, n, lanes_load(h + i));
            lanes_store(h + i, g.h);
            cell_store(out + i, g.h);
            if (!gate)
                continue;
            cell_store(gate + i, g.r);
            cell_store(gate + n + i, g.z);
            cell_store(gate + 2 * n + i, g.c);
            cell_store(gate + 3 * n + i, lanes_load(gh + 2 * n + i));
        }
        gi += 3 * n;
        gh += 3 * n;
        h += n;
        out += n;
        gate = gate ? gate + 4 * n : NULL;
    }
}

/* The gradient x of one gate, in its place and in its bias. */
LANE_FN void put_gradient(cell *gate, float *bias, lanes x)
{
    cell_store(gate, x);
    lanes_store(bias, lanes_add(lanes_load(bias), x));
}

static void gates_backward(size_t n, size_t rows, float *dh, const float *more,
                           void *kept, const void *of, float *bias)
{
    const lanes one = lanes_set(1.0f);
    const cell *before = of;
    cell *gate = kept;

    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < n; i += LANES) {
            lanes d = lanes_add(lanes_load(dh + i), lanes_load(more + i));
            lanes r = cell_load(gate + i), z = cell_load(gate + n + i);
            lanes c = cell_load(gate + 2 * n + i);
            lanes dc = lanes_mul(d, lanes_sub(one, z));
            lanes dz = lanes_mul(d, lanes_sub(cell_load(before + i), c));
            dc = lanes_mul(dc, lanes_sub(one, lanes_mul(c, c)));
            dz = lanes_mul(dz, lanes_mul(z, lanes_sub(one, z)));
            lanes dr = lanes_mul(dc, cell_load(gate + 3 * n + i));
            dr = lanes_mul(dr, lanes_mul(r, lanes_sub(one, r)));
            lanes_store(dh + i, lanes_mul(d, z));
            put_gradient(gate + i, bias + i, dr);
            put_gradient(gate + n + i, bias + n + i, dz);
            put_gradient(gate + 2 * n + i, bias + 2 * n + i, dc);
            put_gradient(gate + 3 * n + i, bias + 3 * n + i, lanes_mul(dc, r));
        }
        dh += n;
        more += n;
        gate += 4 * n;
        before += n;
    }
}

extern const struct rp_cells TABLE;
const struct rp_cells TABLE = {
    .name = TEXT(RP_KERNELS_NAME),
    .size = sizeof(cell),
    .packed_size = packed_size,
    .pack = pack,
    .gemm = gemm,
    .gemm_tn = gemm_tn,
    .widen = widen,
    .narrow = narrow,
    .times = times,
    .relu = relu,
    .relu_backward = relu_backward,
    .sparse_spread = sparse_spread,
    .gates = gates,
    .gates_backward = gates_backward,
};
