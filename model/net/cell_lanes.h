/* Cells as lanes: load, store, and the step along K of a product, which is one
 * float, or two bf16 side by side (the lower half is the even one). Included
 * by kernels_cells.c alone, with RP_CELL_BF16 0 or 1. */
#ifndef RP_CELL_LANES_H
#define RP_CELL_LANES_H

#include "model/net/lanes.h"

#undef TILE_ROWS
#undef TILE_LANES

#if !RP_CELL_BF16

typedef float cell;
typedef float word;
typedef lanes words;
#define CELL_PAIR 1 /* cells of a word */
#define words_load lanes_load
#define words_store lanes_store
#define words_set lanes_set
#define words_mac lanes_fma
#define cell_load lanes_load
#define cell_store lanes_store

#if defined(__AVX512F__)
#define TILE_ROWS 8
#define TILE_LANES 3
#elif defined(__AVX2__)
#define TILE_ROWS 6
#define TILE_LANES 1
#else
#define TILE_ROWS 2
#define TILE_LANES 1
#endif

#else

typedef uint16_t cell;
typedef uint32_t word;
#define CELL_PAIR 2

#if defined(__AVX512BF16__)

#define TILE_ROWS 8
#define TILE_LANES 3
typedef struct {
    __m512i v;
} words;

LANE_FN words words_load(const word *p)
{
    return (words){_mm512_loadu_si512(p)};
}
LANE_FN void words_store(word *p, words a)
{
    _mm512_storeu_si512(p, a.v);
}
LANE_FN words words_set(word x)
{
    return (words){_mm512_set1_epi32((int)x)};
}
LANE_FN lanes words_mac(words a, words b, lanes sum)
{
    return (lanes){_mm512_dpbf16_ps(sum.v, (__m512bh)a.v, (__m512bh)b.v)};
}
LANE_FN lanes cell_load(const cell *p)
{
    __m512i half = _mm512_cvtepu16_epi32(
        _mm256_loadu_si256((const __m256i *)(const void *)p));
    return (lanes){_mm512_castsi512_ps(_mm512_slli_epi32(half, 16))};
}
LANE_FN void cell_store(cell *p, lanes a)
{
    _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh(a.v));
}
/* Sixteen cells of one row of B and sixteen of the next. */
LANE_FN words words_join(const cell *even, const cell *odd)
{
    __m512i low = _mm512_cvtepu16_epi32(
        _mm256_loadu_si256((const __m256i *)(const void *)even));
    __m512i high = _mm512_cvtepu16_epi32(
        _mm256_loadu_si256((const __m256i *)(const void *)odd));
    return (words){_mm512_or_si512(low, _mm512_slli_epi32(high, 16))};
}

#else

/* bf16 of a float as VCVTNEPS2BF16 has it: denormals become 0, NaN quiet. */
LANE_FN cell cell_from(float x)
{
    uint32_t bits, size;

    memcpy(&bits, &x, sizeof bits);
    size = bits & 0x7fffffffu;
    if (size > 0x7f800000u)
        return (cell)(bits >> 16 | 0x40);
    if (size < 0x00800000u)
        return (cell)(bits >> 31 << 15);
    return (cell)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
LANE_FN void cell_store(cell *p, lanes a)
{
    float x[LANES];

    lanes_store(x, a);
    for (int i = 0; i < LANES; i++)
        p[i] = cell_from(x[i]);
}
LANE_FN lanes cell_load(const cell *p)
{
    uint32_t bits[LANES];
    float x[LANES];

    for (int i = 0; i < LANES; i++)
        bits[i] = (uint32_t)p[i] << 16;
    memcpy(x, bits, sizeof x);
    return lanes_load(x);
}

#if defined(__AVX2__)

#define TILE_ROWS 4
#define TILE_LANES 1
typedef struct {
    __m256i lo, hi;
} words;

LANE_FN words words_load(const word *p)
{
    return (words){_mm256_loadu_si256((const __m256i *)(const void *)p),
                   _mm256_loadu_si256((const __m256i *)(const void *)(p + 8))};
}
LANE_FN void words_store(word *p, words a)
{
    _mm256_storeu_si256((__m256i *)(void *)p, a.lo);
    _mm256_storeu_si256((__m256i *)(void *)(p + 8), a.hi);
}
LANE_FN words words_set(word x)
{
    return (words){_mm256_set1_epi32((int)x), _mm256_set1_epi32((int)x)};
}
LANE_FN __m256 words_half_mac(__m256i a, __m256i b, __m256 sum)
{
    const __m256i upper = _mm256_set1_epi32(-65536);
    sum = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_and_si256(a, upper)),
                          _mm256_castsi256_ps(_mm256_and_si256(b, upper)), sum);
    return _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
                           _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)), sum);
}
LANE_FN lanes words_mac(words a, words b, lanes sum)
{
    return (lanes){words_half_mac(a.lo, b.lo, sum.lo),
                   words_half_mac(a.hi, b.hi, sum.hi)};
}

#else

#define TILE_ROWS 2
#define TILE_LANES 1
typedef struct {
    word v[LANES];
} words;

LANE_FN words words_load(const word *p)
{
    words out;
    memcpy(out.v, p, sizeof out.v);
    return out;
}
LANE_FN void words_store(word *p, words a)
{
    memcpy(p, a.v, sizeof a.v);
}
LANE_FN words words_set(word x)
{
    words out;
    for (int i = 0; i < LANES; i++)
        out.v[i] = x;
    return out;
}

#if defined(__SSE2__)
/* Denormals are the mode's business: cells_mode. */
LANE_FN lanes words_flush(lanes a)
{
    return a;
}
LANE_FN lanes words_fma(lanes a, lanes b, lanes sum)
{
    return lanes_fma(a, b, sum);
}
#else
LANE_FN float lane_flush(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : x;
}
LANE_FN lanes words_flush(lanes a)
{
    LANE_EACH(lane_flush(a.v[i]));
}
/* A sum is tiny when it is so after rounding to 24 bits with any exponent,
 * which a denormal's fewer bits hide: the next size up shows it. */
LANE_FN float lane_fma_flush(float a, float b, float sum)
{
    float x = fmaf(a, b, sum);
    float up = fabsf(a) < fabsf(b) ? fmaf(a * 0x1p24f, b, sum * 0x1p24f)
                                   : fmaf(a, b * 0x1p24f, sum * 0x1p24f);
    return fabsf(x) <= 0x1p-126f && fabsf(up) < 0x1p-102f ? copysignf(0.0f, x)
                                                          : x;
}
LANE_FN lanes words_fma(lanes a, lanes b, lanes sum)
{
    LANE_EACH(lane_fma_flush(a.v[i], b.v[i], sum.v[i]));
}
#endif

LANE_FN lanes words_mac(words a, words b, lanes sum)
{
    lanes x, y;
    for (int i = 0; i < LANES; i++) {
        x.v[i] = lane_from(a.v[i] & 0xffff0000u);
        y.v[i] = lane_from(b.v[i] & 0xffff0000u);
    }
    sum = words_fma(words_flush(x), words_flush(y), words_flush(sum));
    for (int i = 0; i < LANES; i++) {
        x.v[i] = lane_from(a.v[i] << 16);
        y.v[i] = lane_from(b.v[i] << 16);
    }
    return words_fma(words_flush(x), words_flush(y), sum);
}

#endif

LANE_FN words words_join(const cell *even, const cell *odd)
{
    word x[LANES];

    for (int i = 0; i < LANES; i++)
        x[i] = even[i] | (word)odd[i] << 16;
    return words_load(x);
}

#endif
#endif

/* Denormals count as 0 while a product runs, as VDPBF16PS has it, which looks
 * at no mode itself. What it returns goes into cells_mode_back. */
#if RP_CELL_BF16 && defined(__SSE2__) && !defined(__AVX512BF16__)
#include <immintrin.h>
LANE_FN unsigned cells_mode(void)
{
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* FTZ, DAZ */
    return before;
}
LANE_FN void cells_mode_back(unsigned before)
{
    _mm_setcsr(before);
}
#else
LANE_FN unsigned cells_mode(void)
{
    return 0;
}
LANE_FN void cells_mode_back(unsigned before)
{
    (void)before;
}
#endif

#endif
