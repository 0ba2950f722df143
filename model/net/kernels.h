/* The arithmetic that everything heavy is made of (what training adds is in
 * cells.h). One source, compiled for
 * portable C, AVX2 + FMA and AVX-512, chosen at run time; all three give the
 * same bits: every output is one sequential sum over k with fma, whatever the
 * tile, so neither the instruction set nor the number of rows shows.
 *
 * Matrices are row-major with a leading dimension (floats from row to row).
 * `n` of a kernel is a multiple of 16 unless said otherwise. Nothing here
 * allocates, and arrays need no alignment (64 bytes is fastest). */
#ifndef RP_KERNELS_H
#define RP_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rt/status.h"

enum {
    RP_PANEL = 64,       /* outputs side by side when packed */
    RP_SOFTMAX_MAX = 128 /* most classes of one softmax */
};

struct rp_cross; /* below */

struct rp_kernels {
    const char *name; /* "portable", "avx2", "avx512" */

    /* C (M, N) = start + A (M, K) B (K, N), B packed by rp_pack. Row m of start
     * is at start + m * start_ld: 0 repeats one row (a bias), C itself adds to
     * C, NULL is zero. N may be any number, but rows of C and start have room
     * for N rounded up to 16; what is past N is garbage. */
    void (*gemm)(size_t M, size_t N, size_t K, const float *a, size_t lda,
                 const float *b, const float *start, size_t start_ld, float *c,
                 size_t ldc);
    /* out (n) = start + the rows of table that `at` lists, in that order.
     * start may be out; NULL is zero. */
    void (*sparse_add)(size_t n, const float *start, const float *table,
                       size_t ld, size_t count, const uint16_t *at, float *out);
    /* The reverse: table row at[i] += x, for each i. */
    void (*sparse_spread)(size_t n, const float *x, float *table, size_t ld,
                          size_t count, const uint16_t *at);
    /* out (n) += the sum of `rows` rows of x. */
    void (*add_rows)(size_t n, size_t rows, const float *x, size_t ld,
                     float *out);

    /* One GRU update of `rows` rows: gi = W_i x + b_i and gh = W_h h + b_h
     * (rows, 3n), h (rows, n) -> out (rows, n), which may be h. */
    void (*gates)(size_t n, size_t rows, const float *gi, const float *gh,
                  const float *h, float *out);

    /* Elementwise, in place allowed; any n with room up to a multiple of 16. */
    void (*relu)(size_t n, const float *x, float *out);
    void (*exp)(size_t n, const float *x, float shift, float *out); /* e^(x -
                             shift), clamped to e^-87 .. e^88 */
    void (*sigmoid)(size_t n, const float *x, float *out);
    void (*tanh)(size_t n, const float *x, float *out);

    /* Masked softmax cross-entropy of one row; see struct rp_cross. Returns
     * the loss, natural log, times the weight. */
    double (*cross)(const struct rp_cross *cross, const float *logits,
                    float *dlogits);

    /* Reads n floats (a multiple of 128) as wide as gemm does and adds them up:
     * how fast memory can be, for bench. */
    float (*stream)(size_t n, const float *x);
};

/* loss = weight * (escapes * -log P(escape) + -log P(class)). dlogits (room
 * for classes rounded up to 16) is overwritten; NULL: only the loss. */
struct rp_cross {
    uint32_t classes, class, escapes, escape; /* classes <= RP_SOFTMAX_MAX */
    uint64_t mask[2];
    float weight;
};

/* The best that this CPU runs, or what RIPOSTE_KERNELS names; asked once. */
const struct rp_kernels *rp_kernels(void);
/* By name; NULL where this build or CPU has none. */
const struct rp_kernels *rp_kernels_find(const char *name);

/* B (K inputs, N outputs) from plain row-major: B[k][n] = src[k * ld + n], or,
 * transposed, src[n * ld + k] (a weight (outputs, inputs)). Panels of RP_PANEL
 * outputs, k-major inside; the last panel is as narrow as 16 allows. */
size_t rp_packed_size(size_t N, size_t K); /* floats */
void rp_pack(size_t N, size_t K, const float *src, size_t ld, bool transposed,
             float *packed);

/* 64-byte aligned, zeroed; NULL when there is no memory. Freed with free(). */
float *rp_floats_create(size_t count);

static inline size_t rp_round16(size_t n)
{
    return (n + 15) / 16 * 16;
}

/* Natural log, the same bits on every machine. */
double rp_log_exact(double x);

#endif
