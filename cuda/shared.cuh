/* The sources that say what a network sees and may draw, for the device: the
 * very files of model/, in a namespace of each file that includes this, so
 * that they do not meet the C ones of the same program. Their statics become
 * the device's, too; C++ has a word that they use as a name. */
#ifndef RP_CUDA_SHARED_CUH
#define RP_CUDA_SHARED_CUH

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/math.cuh"

/* What they use of model/net/kernels.h. */
#define RP_KERNELS_H
namespace rp {
namespace {

enum { RP_SOFTMAX_MAX = 128 };

struct kernels {
#ifdef __CUDACC__
    __device__
#endif
        void
        exp(size_t n, const float *x, float shift, float *out) const
    {
        for (size_t i = 0; i < n; i++)
            out[i] = rp_exp(rp_add(x[i], -shift));
    }
};
RP_TABLE kernels the_kernels = {};
RP_DEVICE const kernels *rp_kernels() { return &the_kernels; }

/* rp_log_exact() of model/net/kernels.c. */
RP_DEVICE double rp_log_exact(double x)
{
    if (!(x > 0.0))
        return x == 0.0 ? -(double)INFINITY : (double)NAN;
    if (isinf(x))
        return x;
    int e;
    double m = frexp(x, &e);
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2.0;
        e--;
    }
    double s = (m - 1.0) / (m + 1.0), square = s * s, sum = 0.0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return e * 0x1.62e42fefa39efp-1 + 2.0 * s * sum;
}

/* Bytes that overlap: towards the front, as these sources do it. */
RP_DEVICE void move_bytes(void *to, const void *from, size_t size)
{
    unsigned char *a = (unsigned char *)to;
    const unsigned char *b = (const unsigned char *)from;

    for (size_t i = 0; i < size; i++)
        a[i] = b[i];
}

#ifndef __CUDACC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"
#ifdef __clang__
#pragma clang diagnostic ignored "-Wc99-designator"
#endif
#endif
#ifdef __CUDACC__
#define RP_SHARED __device__
#define static static __device__
#pragma nv_diag_suppress 20091
#endif
#define class class_
#define memmove move_bytes

#include "model/data/chord.c"
#include "model/data/note.c"
#include "model/data/recall.c"
#include "model/data/vocabulary.c"
#include "model/net/rng.c"
#include "model/net/sample.c"
#include "model/play/draw.c"
#include "model/play/turn.c"
/* Names that a file before has, too. */
#define forbid steer_forbid
#include "model/play/steer.c"
#undef forbid

#ifndef __CUDACC__
#pragma GCC diagnostic pop
#endif
#undef memmove
#undef class
#ifdef __CUDACC__
#undef static
#endif

} // namespace
} // namespace rp
#endif
