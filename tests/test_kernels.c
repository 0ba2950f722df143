/* The three paths give the same bits, a batch equals its rows one by one, and
 * the numbers are right against double. */
#include "model/net/kernels.h"
#include "model/net/rng.h"
#include "tests/test.h"

static const char *const names[] = {"portable", "avx2", "avx512"};

static float *random_floats(size_t count, uint32_t stream, float scale)
{
    float *x = rp_floats_create(count);
    struct rp_rng rng;

    rp_rng_init(&rng, 1, stream);
    for (size_t i = 0; i < count; i++)
        x[i] = scale * (2.0f * rp_rng_float(&rng) - 1.0f);
    return x;
}

static bool same(const float *a, const float *b, size_t count)
{
    return !memcmp(a, b, count * sizeof *a);
}

/* What the sum is defined as: start, then fma along k. */
static float one_sum(const float *a, size_t a_step, const float *b,
                     size_t b_step, size_t K, float start)
{
    for (size_t k = 0; k < K; k++)
        start = fmaf(a[k * a_step], b[k * b_step], start);
    return start;
}

static void check_gemm(const struct rp_kernels *k, size_t M, size_t N, size_t K)
{
    size_t ldc = rp_round16(N) + 16;
    float *w = random_floats(N * K, 1, 1), *a = random_floats(M * K, 2, 1);
    float *bias = random_floats(rp_round16(N), 3, 1);
    float *packed = rp_floats_create(rp_packed_size(N, K));
    float *c = random_floats(M * ldc, 4, 1), *again = rp_floats_create(M * ldc);
    float *first = rp_floats_create(M * ldc);
    int wrong = 0;

    memcpy(first, c, M * ldc * sizeof *c);
    memcpy(again, c, M * ldc * sizeof *c);
    rp_pack(N, K, w, K, true, packed);
    k->gemm(M, N, K, a, K, packed, bias, 0, c, ldc);
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++)
            wrong += c[m * ldc + n] !=
                     one_sum(a + m * K, 1, w + n * K, 1, K, bias[n]);
    CHECK_INT(wrong, 0);
    for (size_t m = 0; m < M; m++)
        k->gemm(1, N, K, a + m * K, K, packed, bias, 0, again + m * ldc, ldc);
    CHECK(same(c, again, M * ldc));

    /* into C, and from the other orientation */
    rp_pack(N, K, w, N, false, packed);
    memcpy(c, first, M * ldc * sizeof *c);
    k->gemm(M, N, K, a, K, packed, c, ldc, c, ldc);
    wrong = 0;
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++)
            wrong += c[m * ldc + n] !=
                     one_sum(a + m * K, 1, w + n, N, K, first[m * ldc + n]);
    CHECK_INT(wrong, 0);
    free(w), free(a), free(bias), free(packed);
    free(c), free(again), free(first);
}

/* fma of the portable path against the one rounding of libm's, over random bit
 * patterns: tiny, huge, cancelling, subnormal. */
static void check_fma(const struct rp_kernels *k)
{
    struct rp_rng rng;
    int wrong = 0, compared = 0;

    rp_rng_init(&rng, 2, 0);
    for (int round = 0; round < 20000; round++) {
        float a, b, start[16], packed[16], c[16];
        uint32_t bits = rp_rng_bits(&rng);
        memcpy(&a, &bits, 4);
        for (int i = 0; i < 16; i++) {
            bits = rp_rng_bits(&rng);
            memcpy(&packed[i], &bits, 4);
            bits = rp_rng_bits(&rng);
            memcpy(&start[i], &bits, 4);
            /* half of the sums nearly cancel */
            if (bits & 1)
                start[i] = (float)((double)-a * packed[i] *
                                   (1.0 + 0x1p-24 * (bits >> 28)));
        }
        k->gemm(1, 16, 1, &a, 1, packed, start, 0, c, 16);
        for (int i = 0; i < 16; i++) {
            b = fmaf(a, packed[i], start[i]);
            if (isnan(b) || isinf(a) || isinf(packed[i]) || isinf(start[i]))
                continue;
            compared++;
            wrong += memcmp(&b, &c[i], 4) != 0;
        }
    }
    CHECK(compared > 200000);
    CHECK_INT(wrong, 0);
}

static void check_curves(const struct rp_kernels *k)
{
    enum { POINTS = 400000 };
    float *x = rp_floats_create(POINTS), *y = rp_floats_create(POINTS);
    double worst_exp = 0, worst_sigmoid = 0, worst_tanh = 0;

    for (int i = 0; i < POINTS; i++)
        x[i] = -30.0f + 60.0f * (float)i / POINTS;
    k->sigmoid(POINTS, x, y);
    for (int i = 0; i < POINTS; i++)
        worst_sigmoid = fmax(worst_sigmoid,
                             fabs((double)y[i] - 1 / (1 + exp(-(double)x[i]))));
    k->tanh(POINTS, x, y);
    for (int i = 0; i < POINTS; i++)
        worst_tanh = fmax(worst_tanh, fabs((double)y[i] - tanh((double)x[i])));
    k->exp(POINTS, x, 0, y);
    for (int i = 0; i < POINTS; i++)
        worst_exp = fmax(worst_exp, fabs((double)y[i] / exp((double)x[i]) - 1));
    printf("%s: error of exp %.2g (relative), sigmoid %.2g, tanh %.2g\n",
           k->name, worst_exp, worst_sigmoid, worst_tanh);
    CHECK(worst_exp <= 2e-7);
    CHECK(worst_sigmoid <= 2e-7);
    CHECK(worst_tanh <= 2e-7);

    float edge[16] = {-INFINITY, -1e30f, -88,      -87, 0,      -0.0f,
                      88,        1e30f,  INFINITY, NAN, 1e-40f, -1e-40f},
          out[16];
    k->exp(16, edge, 0, out);
    CHECK(out[0] == out[3] && out[1] == out[3] && out[3] > 0);
    CHECK(out[4] == 1 && out[5] == 1);
    CHECK(out[6] == out[7] && out[7] == out[8] && isfinite(out[8]));
    CHECK(isnan(out[9]));
    k->tanh(16, edge, out);
    CHECK(out[0] == -1 && out[8] == 1 && out[4] == 0 && isnan(out[9]));
    CHECK(signbit(out[5]) && out[10] == 1e-40f && out[11] == -1e-40f);
    k->sigmoid(16, edge, out);
    CHECK(out[0] >= 0 && out[0] < 1e-30f && out[8] == 1 && isnan(out[9]));
    free(x), free(y);
}

/* Everything elementwise, of one path, as one array of bits. */
enum { N = 48, ROWS = 3, WIDE = 3 * N, BITS = 8000 };

static void elementwise(const struct rp_kernels *k, float *out)
{
    float *x = random_floats(BITS, 8, 3);
    uint16_t at[] = {0, 2, 7, 9};
    struct rp_cross cross = {100, 5, 2, 62, {~8ull, 0x7ffffffff}, 0.5f};

    memset(out, 0, BITS * sizeof *out);
    k->gates(N, ROWS, x, x + 500, x + 1000, out);
    k->sparse_add(N, x, x + 100, N, 4, at, out + 1900);
    k->sparse_spread(N, x, out + 2000, N, 4, at);
    k->add_rows(N, 10, x, 64, out + 2600);
    k->relu(N, x, out + 2700);
    double loss = k->cross(&cross, x, out + 2900);
    memcpy(out + 3100, &loss, sizeof loss);
    k->exp(1600, x, 0.3f, out + 3200);
    k->sigmoid(1600, x, out + 4800);
    k->tanh(1600, x, out + 6400);
    free(x);
}

static void check_sparse(const struct rp_kernels *k)
{
    float table[4 * 16], out[16], grown[4 * 16] = {0};
    const uint16_t at[] = {1, 3};

    for (int i = 0; i < 64; i++)
        table[i] = (float)i;
    k->sparse_add(16, NULL, table, 16, 2, at, out);
    for (int i = 0; i < 16; i++)
        CHECK(out[i] == table[16 + i] + table[48 + i]);
    k->sparse_spread(16, out, grown, 16, 2, at);
    for (int i = 0; i < 16; i++)
        CHECK(!grown[i] && grown[16 + i] == out[i] && !grown[32 + i] &&
              grown[48 + i] == out[i]);
}

/* Against double, and the gradient against the definition. */
static void check_cross(const struct rp_kernels *k)
{
    float *logits = random_floats(128, 9, 4), dlogits[128];
    struct rp_cross cross = {64, 7, 3, 62, {0xf0f0f0f0f0f0f0f0, 0}, 0.25f};
    double sum = 0;

    for (int i = 0; i < 64; i++)
        sum += cross.mask[0] >> i & 1 ? exp((double)logits[i]) : 0;
    double loss = 4 * log(sum) - 3 * (double)logits[62] - (double)logits[7];
    CHECK_NEAR(k->cross(&cross, logits, dlogits), 0.25 * loss, 1e-5);
    for (int i = 0; i < 64; i++) {
        double p = cross.mask[0] >> i & 1 ? exp((double)logits[i]) / sum : 0;
        double want = 0.25 * (4 * p - (i == 7) - 3 * (i == 62));
        CHECK_NEAR(dlogits[i], want, 1e-6);
    }
    CHECK_NEAR(k->cross(&cross, logits, NULL), 0.25 * loss, 1e-5);
    free(logits);
}

static void check_log(void)
{
    struct rp_rng rng;

    rp_rng_init(&rng, 3, 0);
    for (int i = 0; i < 1000; i++) {
        double x = exp(40.0 * (double)rp_rng_float(&rng) - 20.0);
        CHECK_NEAR(rp_log_exact(x), log(x), 1e-15 + 4e-16 * fabs(log(x)));
    }
    CHECK(rp_log_exact(1.0) == 0.0);
    CHECK(isinf(rp_log_exact(0.0)) && isnan(rp_log_exact(-1.0)));
}

int main(void)
{
    static float first[BITS], other[BITS];
    int paths = 0;

    for (int i = 0; i < 3; i++) {
        const struct rp_kernels *k = rp_kernels_find(names[i]);
        if (!k) {
            printf("%s: not on this CPU\n", names[i]);
            continue;
        }
        CHECK_TEXT(k->name, names[i]);
        const size_t rows[] = {1, 2, 5, 6, 7, 13, 200};
        for (int r = 0; r < 7; r++) {
            check_gemm(k, rows[r], 16, 3);
            check_gemm(k, rows[r], 24, 32);
            check_gemm(k, rows[r], 144, 48);
            check_gemm(k, rows[r], 320, 17);
        }
        check_fma(k);
        check_curves(k);
        check_sparse(k);
        check_cross(k);
        elementwise(k, paths ? other : first);
        CHECK(!paths || same(first, other, BITS));
        paths++;
    }
    CHECK(paths >= 1);
    check_log();
    CHECK(!rp_kernels_find("sse9"));
    CHECK(rp_kernels() == rp_kernels());
    return TEST_END();
}
