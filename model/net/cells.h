/* What training adds to the kernels: products of many rows both ways, and the
 * steps between them. What goes into a product is kept as cells: fp32 as it
 * is, or bf16 (the upper half of a float, rounded to nearest even), which
 * halves what crosses memory and doubles what a CPU with VDPBF16PS multiplies.
 * Sums, biases and weights to be updated are fp32 either way.
 *
 * One source, compiled for both kinds of cell and for portable C, AVX2 + FMA
 * and AVX-512 (with AVX512_BF16 for bf16), all with the same bits:
 *  - a sum runs in order along K, by fma;
 *  - bf16 takes K in pairs, as VDPBF16PS does: the odd one of a pair first,
 *    each fma rounded to nearest even, denormals 0 on the way in and out (a
 *    product of two bf16 is exact in fp32). K past its end counts as zeros.
 *
 * Matrices are row-major; a leading dimension counts cells or floats, is even,
 * and n is a multiple of 16, unless said otherwise. Arrays of cells begin at
 * a multiple of 4 bytes. */
#ifndef RP_CELLS_H
#define RP_CELLS_H

#include "model/net/kernels.h"

enum rp_precision { RP_FP32, RP_BF16, RP_PRECISIONS };
extern const char *const rp_precision_names[RP_PRECISIONS];

enum { RP_CELLS_SCRATCH = (96 + 576) * 128 + 576 }; /* floats for gemm_tn */

struct rp_cells {
    const char *name; /* "portable", "avx2", "avx512", "avx512bf16" */
    size_t size;      /* of a cell, in bytes */

    /* Bytes of a B (K, N), packed; and packing it from plain floats, B[k][n] =
     * src[k * ld + n], or src[n * ld + k] when transposed. */
    size_t (*packed_size)(size_t N, size_t K);
    void (*pack)(size_t N, size_t K, const float *src, size_t ld,
                 bool transposed, void *packed);
    /* C (M, N) = start + A (M, K) B (K, N), as rp_kernels.gemm. Where K is
     * odd, what follows a row of A must be a number. */
    void (*gemm)(size_t M, size_t N, size_t K, const void *a, size_t lda,
                 const void *b, const float *start, size_t start_ld, float *c,
                 size_t ldc);
    /* C (M, N) += A^T B with A (K, M), B (K, N); any M with room up to a
     * multiple of 16 in A. scratch: RP_CELLS_SCRATCH floats, this thread's. */
    void (*gemm_tn)(size_t M, size_t N, size_t K, const void *a, size_t lda,
                    const void *b, size_t ldb, float *c, size_t ldc,
                    float *scratch);

    void (*widen)(size_t n, const void *x, float *out);
    /* out (n cells) = x, = x * by, = max(x, 0). */
    void (*narrow)(size_t n, const float *x, void *out);
    void (*times)(size_t n, const void *x, const float *by, void *out);
    void (*relu)(size_t n, const float *x, void *out);
    /* dx, and out as cells, = dy where y > 0, else 0; dx may be dy. */
    void (*relu_backward)(size_t n, const void *y, const float *dy, float *dx,
                          void *out);
    /* table row at[i] += x, for each i. */
    void (*sparse_spread)(size_t n, const void *x, float *table, size_t ld,
                          size_t count, const uint16_t *at);

    /* One GRU update of `rows` rows, h (rows, n) in place: gi, gh (rows, 3n)
     * as rp_kernels.gates; out (rows, n) is h as cells. gate (rows, 4n) keeps
     * r, z, n and the n part of gh for gates_backward; NULL: not kept. */
    void (*gates)(size_t n, size_t rows, const float *gi, const float *gh,
                  float *h, void *out, void *gate);
    /* dh + more (rows, n) is the gradient of out; `before` are the cells of h
     * before the update. gate becomes its gradient: of r, z and n as gi has
     * them, then of the n part of gh; bias (4n) grows by its rows. dh becomes
     * the part that reaches `before` past W_h. */
    void (*gates_backward)(size_t n, size_t rows, float *dh, const float *more,
                           void *gate, const void *before, float *bias);
};

/* The best that this CPU runs, or what RIPOSTE_KERNELS names where it can. */
const struct rp_cells *rp_cells(enum rp_precision precision);
/* By name; NULL where this build or CPU has none. */
const struct rp_cells *rp_cells_find(enum rp_precision precision,
                                     const char *name);
/* Whether bf16 is an instruction of this CPU: without it, it only is slow. */
bool rp_cells_bf16_fast(void);

#endif
