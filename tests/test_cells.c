/* Products and steps of training: every path gives the bits of the sum as it
 * is defined, edge values included, for both kinds of cell. */
#include "model/net/cells.h"
#include "model/net/rng.h"
#include "tests/test.h"

static const char *const names[] = {"portable", "avx2", "avx512",
                                    "avx512bf16"};
enum { NAMES = 4 };

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool same(float a, float b)
{
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

/* Any bits at all: huge, tiny, denormal, infinite, no number. */
static void random_bits(struct rp_rng *rng, size_t count, float *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] = float_of(rp_rng_bits(rng));
}

static void random_floats(struct rp_rng *rng, size_t count, float *x)
{
    for (size_t i = 0; i < count; i++)
        x[i] = 2.0f * rp_rng_float(rng) - 1.0f;
}

/* How a float becomes a cell, written down once more: to nearest, ties to
 * even, denormals to zero; as a float again. */
static float rounded(enum rp_precision precision, float x)
{
    uint32_t bits = bits_of(x), rest = bits & 0xffff, up;

    if (precision == RP_FP32 || isnan(x) || isinf(x))
        return x;
    if (fabsf(x) < 0x1p-126f)
        return copysignf(0.0f, x);
    bits &= 0xffff0000u;
    up = rest > 0x8000 || (rest == 0x8000 && bits >> 16 & 1);
    return float_of(bits + (up << 16));
}

static float flushed(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : x;
}

/* sum + a b with one rounding; a b is exact in double, the double sum is
 * rounded to odd so that rounding it again is the only rounding. Below the
 * normal numbers, seen with 24 bits, it is zero. */
static float mac_bf16(float a, float b, float sum)
{
    double p = (double)flushed(a) * (double)flushed(b);
    double c = (double)flushed(sum), s = p + c, back = s - p;
    double lost = (p - (s - back)) + (c - back);
    uint64_t bits;

    if (isfinite(s) && lost != 0) {
        memcpy(&bits, &s, sizeof bits);
        if (!(bits & 1))
            bits += (lost > 0) == (s > 0) ? 1 : -1;
        memcpy(&s, &bits, sizeof s);
    }
    return fabs(s) < 0x1.ffffffp-127 ? copysignf(0.0f, (float)s) : (float)s;
}

/* The sum as cells.h defines it: in order, but the odd one of a pair first. */
static float one_sum(enum rp_precision precision, const float *a,
                     size_t a_step, const float *b, size_t b_step, size_t K,
                     float sum)
{
    for (size_t i = 0; i < K + (precision == RP_BF16 ? K % 2 : 0); i++) {
        size_t k = precision == RP_BF16 ? i ^ 1 : i;
        float x = k < K ? a[k * a_step] : 0, y = k < K ? b[k * b_step] : 0;
        sum = precision == RP_BF16 ? mac_bf16(x, y, sum) : fmaf(x, y, sum);
    }
    return sum;
}

struct product {
    enum rp_precision precision;
    const struct rp_cells *cells;
    size_t M, N, K;
    float *a, *b, *c, *start; /* a, b: rounded */
    void *a_cells, *b_cells;
    int wrong;
};

/* Any cells with `wild`, else numbers about 1. */
static void product_init(struct product *p, bool wild)
{
    size_t room = rp_round16(p->M), wide = rp_round16(p->N);
    size_t deep = rp_round16(p->K) + 2;
    struct rp_rng rng;
    void (*draw)(struct rp_rng *, size_t, float *) =
        wild ? random_bits : random_floats;

    rp_rng_init(&rng, (uint32_t)(p->M * 1000 + p->K), (uint32_t)p->N);
    p->a = rp_floats_create(deep * room);
    p->b = rp_floats_create(deep * wide);
    p->c = rp_floats_create(room * wide);
    p->start = rp_floats_create(room * wide);
    p->a_cells = rp_floats_create(deep * room);
    p->b_cells = rp_floats_create(deep * wide);
    draw(&rng, p->K * room, p->a);
    draw(&rng, p->K * wide, p->b);
    draw(&rng, room * wide, p->start);
    p->cells->narrow(deep * room, p->a, p->a_cells);
    p->cells->narrow(deep * wide, p->b, p->b_cells);
    for (size_t i = 0; i < deep * room; i++)
        p->a[i] = rounded(p->precision, p->a[i]);
    for (size_t i = 0; i < deep * wide; i++)
        p->b[i] = rounded(p->precision, p->b[i]);
}

static void product_fini(struct product *p)
{
    free(p->a), free(p->b), free(p->c), free(p->start);
    free(p->a_cells), free(p->b_cells);
}

static void compare(struct product *p, size_t m, size_t n, float want)
{
    float got = p->c[m * rp_round16(p->N) + n];

    if (same(got, want))
        return;
    if (p->wrong++ < 3)
        printf("%s %s %zu x %zu x %zu at %zu, %zu: %a, expected %a\n",
               rp_precision_names[p->precision], p->cells->name, p->M, p->N,
               p->K, m, n, (double)got, (double)want);
}

/* A (M, K) lies in rows of K, rounded up to be even; B comes transposed, then
 * plain, from floats that need rounding themselves. */
static void check_gemm(struct product p, bool transposed, bool wild)
{
    size_t lda = p.K + p.K % 2, wide = rp_round16(p.N);
    void *packed;

    product_init(&p, wild);
    packed = rp_floats_create(p.cells->packed_size(p.N, p.K) / 4);
    p.cells->pack(p.N, p.K, p.b, transposed ? p.K : wide, transposed, packed);
    p.cells->gemm(p.M, p.N, p.K, p.a_cells, lda, packed, p.start, wide, p.c,
                  wide);
    for (size_t m = 0; m < p.M; m++)
        for (size_t n = 0; n < p.N; n++)
            compare(&p, m, n,
                    one_sum(p.precision, p.a + m * lda, 1,
                            p.b + (transposed ? n * p.K : n),
                            transposed ? 1 : wide, p.K,
                            p.start[m * wide + n]));
    CHECK_INT(p.wrong, 0);
    free(packed);
    product_fini(&p);
}

static void check_gemm_tn(struct product p, bool wild)
{
    size_t room = rp_round16(p.M), wide = rp_round16(p.N);
    float *scratch = rp_floats_create(RP_CELLS_SCRATCH);

    product_init(&p, wild);
    memcpy(p.c, p.start, room * wide * sizeof *p.c);
    p.cells->gemm_tn(p.M, p.N, p.K, p.a_cells, room, p.b_cells, wide, p.c,
                     wide, scratch);
    for (size_t m = 0; m < p.M; m++)
        for (size_t n = 0; n < p.N; n++)
            compare(&p, m, n,
                    one_sum(p.precision, p.a + m, room, p.b + n, wide, p.K,
                            p.start[m * wide + n]));
    CHECK_INT(p.wrong, 0);
    free(scratch);
    product_fini(&p);
}

static void check_products(enum rp_precision precision,
                           const struct rp_cells *cells)
{
    const size_t rows[] = {1, 2, 7, 8, 13, 33};
    struct product p = {.precision = precision, .cells = cells};

    for (int i = 0; i < 6; i++) {
        const size_t shape[][2] = {{16, 3}, {24, 32}, {96, 48}, {112, 530}};
        for (int j = 0; j < 4; j++) {
            p.M = rows[i];
            p.N = shape[j][0];
            p.K = shape[j][1];
            check_gemm(p, i & 1, false);
        }
    }
    for (int i = 0; i < 40; i++) {
        p.M = 8;
        p.N = 64;
        p.K = 1 + (size_t)i % 2; /* longer sums end in no number */
        check_gemm(p, i & 1, true);
        check_gemm_tn(p, true);
        p.N += 16 * (size_t)(i % 3);
    }
    p.M = 24, p.N = 48, p.K = 70;
    check_gemm_tn(p, false);
    p.M = 200, p.N = 80, p.K = 555;
    check_gemm_tn(p, false);
    p.M = 13, p.N = 608, p.K = 9;
    check_gemm_tn(p, false);
}

/* Sums that nearly cancel, and sums about the smallest normal number. */
static void check_small_sums(enum rp_precision precision,
                             const struct rp_cells *cells)
{
    float a[16 * 16], b[2 * 16], start[16 * 16], c[16 * 16];
    float packed[16 * 16], a_cells[16 * 16];
    struct rp_rng rng;
    int wrong = 0, zeros = 0;

    rp_rng_init(&rng, 6, 0);
    for (int round = 0; round < 2000; round++) {
        uint32_t low = round & 1 ? 50u : 110u;
        for (int i = 0; i < 32; i++)
            b[i] = float_of((rp_rng_bits(&rng) & 0x807f0000u) |
                            (low + rp_rng_below(&rng, 26)) << 23);
        for (int i = 0; i < 16; i++)
            a[i] = float_of((rp_rng_bits(&rng) & 0x807f0000u) |
                            (low + rp_rng_below(&rng, 26)) << 23);
        for (int i = 0; i < 256; i++) {
            size_t m = (size_t)i / 16 % 8, n = (size_t)i % 16;
            float p = a[2 * m] * b[n] + a[2 * m + 1] * b[16 + n];
            start[i] = float_of(bits_of(-p) + rp_rng_below(&rng, 5) - 2);
            if (i % 3 == 0)
                start[i] = float_of((rp_rng_bits(&rng) & 0x80000003u) |
                                    0x00800000u);
        }
        cells->narrow(16, a, a_cells);
        cells->pack(16, 2, b, 16, false, packed);
        cells->gemm(8, 16, 2, a_cells, 2, packed, start, 16, c, 16);
        for (size_t i = 0; i < 128; i++) {
            float want = one_sum(precision, a + i / 16 * 2, 1, b + i % 16, 16,
                                 2, start[i]);
            wrong += !same(c[i], want);
            zeros += want == 0;
        }
    }
    CHECK_INT(wrong, 0);
    CHECK(precision == RP_FP32 || zeros > 1000);
}

static void check_narrow(enum rp_precision precision,
                         const struct rp_cells *cells)
{
    enum { COUNT = 65536 };
    const float edge[16] = {0.0f, -0.0f, 0x1p-126f, -0x1.fffffep-127f,
                            0x1p-149f, INFINITY, -INFINITY, NAN, 2.0f,
                            0x1.fffffep127f, 0x1.008p0f, 0x1.018p0f, 0x1.007p0f,
                            -0x1.0080001p0f, 1.0f, 0x1.ffp0f};
    float *x = rp_floats_create(COUNT), *y = rp_floats_create(COUNT);
    float *out = rp_floats_create(COUNT);
    struct rp_rng rng;
    int wrong = 0;

    rp_rng_init(&rng, 5, 0);
    random_bits(&rng, COUNT, x);
    memcpy(x, edge, sizeof edge);
    cells->narrow(COUNT, x, out);
    cells->widen(COUNT, out, y);
    for (int i = 0; i < COUNT; i++)
        wrong += !same(y[i], rounded(precision, x[i]));
    CHECK_INT(wrong, 0);
    free(x), free(y), free(out);
}

/* Everything between the products, of one path, as one array of bits. */
enum { N = 48, ROWS = 3, BITS = 6000 };

static void elementwise(const struct rp_cells *k, float *out)
{
    float *x = rp_floats_create(BITS), *cells = rp_floats_create(BITS);
    const uint16_t at[] = {0, 2, 7, 9};
    struct rp_rng rng;

    rp_rng_init(&rng, 8, 0);
    random_floats(&rng, BITS, x);
    memset(out, 0, BITS * sizeof *out);
    k->narrow(BITS, x, cells);
    memcpy(out + 200, x, 200 * sizeof *x); /* h, in place */
    k->gates(N, ROWS, x, x + 500, out + 200, out, out + 400);
    k->gates(N, ROWS, x, x + 500, out + 200, out + 2800, NULL);
    memcpy(out + 1000, x + 1000, 200 * sizeof *x); /* dh, in place */
    k->gates_backward(N, ROWS, out + 1000, x + 1500, out + 400, cells,
                      out + 1300);
    k->sparse_spread(N, cells, out + 1600, N, 4, at);
    k->relu(N, x, out + 2200);
    k->relu_backward(N, out + 2200, x + 200, out + 2300, out + 2400);
    k->times(N, cells, x + 300, out + 2500);
    k->widen(N, cells, out + 2600);
    free(x), free(cells);
}

/* The steps against the other kind of cell: same formulas, less precision. */
static void check_near(const struct rp_cells *exact,
                       const struct rp_cells *cells)
{
    float h[2][N * ROWS], dh[2][N * ROWS], bias[2][4 * N] = {{0}};
    float *x = rp_floats_create(BITS), *gate = rp_floats_create(BITS);
    float *out = rp_floats_create(BITS);
    const struct rp_cells *each[2] = {exact, cells};
    struct rp_rng rng;

    rp_rng_init(&rng, 9, 0);
    random_floats(&rng, BITS, x);
    for (int i = 0; i < 2; i++) {
        memcpy(h[i], x + 1000, sizeof h[i]);
        memcpy(dh[i], x + 1200, sizeof dh[i]);
        each[i]->gates(N, ROWS, x, x + 500, h[i], out, gate);
        each[i]->narrow(N * ROWS, x + 1000, out);
        each[i]->gates_backward(N, ROWS, dh[i], x + 1500, gate, out, bias[i]);
    }
    for (int i = 0; i < N * ROWS; i++) {
        CHECK(h[0][i] == h[1][i]);
        CHECK_NEAR(dh[1][i], dh[0][i], 0.01 * fabs((double)dh[0][i]) + 1e-3);
    }
    for (int i = 0; i < 4 * N; i++)
        CHECK_NEAR(bias[1][i], bias[0][i], 0.02);
    free(x), free(gate), free(out);
}

int main(void)
{
    static float first[BITS], other[BITS];

    for (int p = 0; p < RP_PRECISIONS; p++) {
        enum rp_precision precision = (enum rp_precision)p;
        int paths = 0;
        for (int i = 0; i < NAMES; i++) {
            const struct rp_cells *cells = rp_cells_find(precision, names[i]);
            if (!cells) {
                printf("%s %s: not on this CPU\n", rp_precision_names[p],
                       names[i]);
                continue;
            }
            CHECK_TEXT(cells->name, names[i]);
            check_products(precision, cells);
            check_small_sums(precision, cells);
            check_narrow(precision, cells);
            elementwise(cells, paths ? other : first);
            CHECK(!paths || !memcmp(first, other, sizeof first));
            paths++;
        }
        CHECK(paths >= 1);
        CHECK(rp_cells(precision) && rp_cells(precision)->size == (p ? 2 : 4));
    }
    check_near(rp_cells(RP_FP32), rp_cells(RP_BF16));
    CHECK(!rp_cells_find(RP_FP32, "avx512bf16"));
    CHECK(!rp_cells_find(RP_BF16, "sse9"));
    return TEST_END();
}
