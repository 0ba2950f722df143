/* Sixteen floats side by side: one AVX-512 register, two AVX2 registers, or an
 * array. Every operation is the IEEE one on each lane (fma rounds once), and
 * lanes never mix, so the three give the same bits. Included by
 * kernels_lanes.c alone, which is compiled once per kind. */
#ifndef RP_LANES_H
#define RP_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

#define LANE_FN static inline __attribute__((always_inline))

#if defined(__AVX512F__) && defined(__AVX512DQ__)

#include <immintrin.h>

/* Rows and lanes of C that a tile keeps in registers; lanes of a row. */
#define LANE_CALL LANE_FN
#define TILE_ROWS 6
#define TILE_LANES 4
#define GEMV_LANES 8
typedef struct {
    __m512 v;
} lanes;

LANE_FN lanes lanes_load(const float *p)
{
    return (lanes){_mm512_loadu_ps(p)};
}
LANE_FN void lanes_store(float *p, lanes a)
{
    _mm512_storeu_ps(p, a.v);
}
LANE_FN lanes lanes_set(float x)
{
    return (lanes){_mm512_set1_ps(x)};
}
LANE_FN lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes){_mm512_fmadd_ps(a.v, b.v, c.v)};
}
LANE_FN lanes lanes_add(lanes a, lanes b)
{
    return (lanes){_mm512_add_ps(a.v, b.v)};
}
LANE_FN lanes lanes_sub(lanes a, lanes b)
{
    return (lanes){_mm512_sub_ps(a.v, b.v)};
}
LANE_FN lanes lanes_mul(lanes a, lanes b)
{
    return (lanes){_mm512_mul_ps(a.v, b.v)};
}
LANE_FN lanes lanes_div(lanes a, lanes b)
{
    return (lanes){_mm512_div_ps(a.v, b.v)};
}
/* a > b ? a : b, so b where either is NaN. */
LANE_FN lanes lanes_max(lanes a, lanes b)
{
    return (lanes){_mm512_max_ps(a.v, b.v)};
}
LANE_FN lanes lanes_min(lanes a, lanes b)
{
    return (lanes){_mm512_min_ps(a.v, b.v)};
}
/* a < b ? x : y. */
LANE_FN lanes lanes_pick_less(lanes a, lanes b, lanes x, lanes y)
{
    __mmask16 less = _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ);
    return (lanes){_mm512_mask_blend_ps(less, y.v, x.v)};
}
/* |a| with the sign of b. */
LANE_FN lanes lanes_sign(lanes a, lanes b)
{
    __m512 sign = _mm512_set1_ps(-0.0f);
    return (lanes){
        _mm512_or_ps(_mm512_andnot_ps(sign, a.v), _mm512_and_ps(sign, b.v))};
}
/* a * 2^n where the low bits of t, as an integer, hold n. */
LANE_FN lanes lanes_scale(lanes a, lanes t)
{
    __m512i n = _mm512_slli_epi32(_mm512_castps_si512(t.v), 23);
    return (lanes){
        _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v), n))};
}

#elif defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#define LANE_CALL LANE_FN
#define TILE_ROWS 6
#define TILE_LANES 1
#define GEMV_LANES 4
typedef struct {
    __m256 lo, hi;
} lanes;

LANE_FN lanes lanes_load(const float *p)
{
    return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
LANE_FN void lanes_store(float *p, lanes a)
{
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}
LANE_FN lanes lanes_set(float x)
{
    return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
LANE_FN lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes){_mm256_fmadd_ps(a.lo, b.lo, c.lo),
                   _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
LANE_FN lanes lanes_add(lanes a, lanes b)
{
    return (lanes){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
LANE_FN lanes lanes_sub(lanes a, lanes b)
{
    return (lanes){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
LANE_FN lanes lanes_mul(lanes a, lanes b)
{
    return (lanes){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
LANE_FN lanes lanes_div(lanes a, lanes b)
{
    return (lanes){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
LANE_FN lanes lanes_max(lanes a, lanes b)
{
    return (lanes){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
LANE_FN lanes lanes_min(lanes a, lanes b)
{
    return (lanes){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
LANE_FN lanes lanes_pick_less(lanes a, lanes b, lanes x, lanes y)
{
    __m256 lo = _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ);
    __m256 hi = _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ);
    return (lanes){_mm256_blendv_ps(y.lo, x.lo, lo),
                   _mm256_blendv_ps(y.hi, x.hi, hi)};
}
LANE_FN lanes lanes_sign(lanes a, lanes b)
{
    __m256 sign = _mm256_set1_ps(-0.0f);
    return (lanes){
        _mm256_or_ps(_mm256_andnot_ps(sign, a.lo), _mm256_and_ps(sign, b.lo)),
        _mm256_or_ps(_mm256_andnot_ps(sign, a.hi), _mm256_and_ps(sign, b.hi))};
}
LANE_FN __m256 lanes_scale_half(__m256 a, __m256 t)
{
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), n));
}
LANE_FN lanes lanes_scale(lanes a, lanes t)
{
    return (lanes){lanes_scale_half(a.lo, t.lo), lanes_scale_half(a.hi, t.hi)};
}

#else

#define LANE_CALL static __attribute__((noinline)) /* 16 lanes of plain code   \
                                                    */
#define TILE_ROWS 2
#define TILE_LANES 1
#define GEMV_LANES 1
typedef struct {
    float v[LANES];
} lanes;

LANE_FN float lane_from(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
LANE_FN uint32_t lane_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

#define LANE_EACH(expression)                                                  \
    lanes out;                                                                 \
    for (int i = 0; i < LANES; i++)                                            \
        out.v[i] = (expression);                                               \
    return out

LANE_FN lanes lanes_load(const float *p)
{
    LANE_EACH(p[i]);
}
LANE_FN void lanes_store(float *p, lanes a)
{
    for (int i = 0; i < LANES; i++)
        p[i] = a.v[i];
}
LANE_FN lanes lanes_set(float x)
{
    LANE_EACH(x);
}
#if defined(__SSE2__) && !defined(__FMA__)
#include <emmintrin.h>

/* a * b + c rounded once, without the instruction: the product is exact in
 * double, the sum is rounded to odd there (towards what was lost, when its
 * last bit is even), and 53 bits are enough (2 * 24 + 2) for the rounding to
 * float to be the only one that counts. The conversions are intrinsics because
 * gcc 12 loses (float) between vectors of double at -O3. */
LANE_FN __m128d lane_fma_odd(__m128d a, __m128d b, __m128d c)
{
    __m128d p = a * b, sum = p + c, back = sum - p;
    __m128d lost = (p - (sum - back)) + (c - back), zero = _mm_setzero_pd();
    __m128i bits = _mm_castpd_si128(sum);
    __m128i negative = _mm_castpd_si128(_mm_cmplt_pd(sum, zero));
    __m128i up = _mm_castpd_si128(_mm_cmpgt_pd(lost, zero));
    __m128i down = _mm_castpd_si128(_mm_cmplt_pd(lost, zero));
    __m128i away = _mm_sub_epi64(down, up); /* +1 up, -1 down */
    away = _mm_sub_epi64(_mm_xor_si128(away, negative), negative);
    __m128i odd = _mm_and_si128(bits, _mm_set1_epi64x(1));
    away = _mm_and_si128(away, _mm_sub_epi64(odd, _mm_set1_epi64x(1)));
    return _mm_castsi128_pd(_mm_add_epi64(bits, away));
}
LANE_CALL lanes lanes_fma(lanes a, lanes b, lanes c)
{
    lanes out;
    for (int i = 0; i < LANES; i += 4) {
        __m128 x = _mm_loadu_ps(a.v + i), y = _mm_loadu_ps(b.v + i);
        __m128 z = _mm_loadu_ps(c.v + i);
        __m128d low =
            lane_fma_odd(_mm_cvtps_pd(x), _mm_cvtps_pd(y), _mm_cvtps_pd(z));
        __m128d high = lane_fma_odd(_mm_cvtps_pd(_mm_movehl_ps(x, x)),
                                    _mm_cvtps_pd(_mm_movehl_ps(y, y)),
                                    _mm_cvtps_pd(_mm_movehl_ps(z, z)));
        _mm_storeu_ps(out.v + i,
                      _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high)));
    }
    return out;
}
#else
/* An instruction on most other machines, else libm's, which is exact too. */
LANE_CALL lanes lanes_fma(lanes a, lanes b, lanes c)
{
    LANE_EACH(fmaf(a.v[i], b.v[i], c.v[i]));
}
#endif
LANE_FN lanes lanes_add(lanes a, lanes b)
{
    LANE_EACH(a.v[i] + b.v[i]);
}
LANE_FN lanes lanes_sub(lanes a, lanes b)
{
    LANE_EACH(a.v[i] - b.v[i]);
}
LANE_FN lanes lanes_mul(lanes a, lanes b)
{
    LANE_EACH(a.v[i] * b.v[i]);
}
LANE_FN lanes lanes_div(lanes a, lanes b)
{
    LANE_EACH(a.v[i] / b.v[i]);
}
LANE_FN lanes lanes_max(lanes a, lanes b)
{
    LANE_EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}
LANE_FN lanes lanes_min(lanes a, lanes b)
{
    LANE_EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]);
}
LANE_FN lanes lanes_pick_less(lanes a, lanes b, lanes x, lanes y)
{
    LANE_EACH(a.v[i] < b.v[i] ? x.v[i] : y.v[i]);
}
LANE_FN lanes lanes_sign(lanes a, lanes b)
{
    LANE_EACH(lane_from((lane_bits(a.v[i]) & 0x7fffffffu) |
                        (lane_bits(b.v[i]) & 0x80000000u)));
}
LANE_FN lanes lanes_scale(lanes a, lanes t)
{
    LANE_EACH(lane_from(lane_bits(a.v[i]) + (lane_bits(t.v[i]) << 23)));
}

#endif

/* e^x for x clamped to [-87, 88]; relative error under 2e-7. */
LANE_CALL lanes lanes_exp(lanes x)
{
    const lanes round = lanes_set(0x1.8p23f); /* leaves n in the low bits */
    x = lanes_max(lanes_set(-87.0f), lanes_min(lanes_set(88.0f), x));
    lanes t = lanes_fma(x, lanes_set(0x1.715476p+0f), round);
    lanes n = lanes_sub(t, round);
    lanes r = lanes_fma(n, lanes_set(-0x1.62e4p-1f), x);
    r = lanes_fma(n, lanes_set(-0x1.7f7d1cp-20f), r);
    lanes p = lanes_set(0x1.6a2434p-10f);
    p = lanes_fma(p, r, lanes_set(0x1.1239e2p-7f));
    p = lanes_fma(p, r, lanes_set(0x1.5558f2p-5f));
    p = lanes_fma(p, r, lanes_set(0x1.555492p-3f));
    p = lanes_fma(p, r, lanes_set(0x1.fffffcp-2f));
    p = lanes_fma(p, r, lanes_set(1.0f));
    p = lanes_fma(p, r, lanes_set(1.0f));
    return lanes_scale(p, t);
}

LANE_CALL lanes lanes_sigmoid(lanes x)
{
    const lanes one = lanes_set(1.0f);
    lanes e = lanes_exp(lanes_sub(lanes_set(0.0f), x));
    return lanes_div(one, lanes_add(one, e));
}

LANE_CALL lanes lanes_tanh(lanes x)
{
    const lanes one = lanes_set(1.0f), two = lanes_set(2.0f);
    lanes size = lanes_sign(x, one), square = lanes_mul(x, x);
    lanes p = lanes_set(-0x1.6e69b0p-8f);
    p = lanes_fma(p, square, lanes_set(0x1.50820ep-6f));
    p = lanes_fma(p, square, lanes_set(-0x1.b7fd50p-5f));
    p = lanes_fma(p, square, lanes_set(0x1.110552p-3f));
    p = lanes_fma(p, square, lanes_set(-0x1.55552ap-2f));
    lanes small = lanes_fma(lanes_mul(square, size), p, size);
    lanes e = lanes_exp(lanes_add(size, size));
    lanes large = lanes_sub(one, lanes_div(two, lanes_add(e, one)));
    return lanes_sign(lanes_pick_less(size, lanes_set(0.625f), small, large),
                      x);
}

/* One GRU update: gi = W_i x + b_i and gh = W_h h + b_h of the three gates. */
struct lanes_gates {
    lanes r, z, c, h;
};
LANE_FN struct lanes_gates lanes_gru(const float *gi, const float *gh, size_t n,
                                     lanes before)
{
    struct lanes_gates g;

    g.r = lanes_sigmoid(lanes_add(lanes_load(gi), lanes_load(gh)));
    g.z = lanes_sigmoid(lanes_add(lanes_load(gi + n), lanes_load(gh + n)));
    g.c = lanes_tanh(
        lanes_fma(g.r, lanes_load(gh + 2 * n), lanes_load(gi + 2 * n)));
    g.h = lanes_fma(g.z, lanes_sub(before, g.c), g.c);
    return g;
}

#endif
