/* The sources that say what a network sees and may draw, for the device: the
 * very files of model/, in a namespace of each file that includes this, so
 * that they do not meet the C ones of the same program. Their statics become
 * the device's, too; C++ has a word that they use as a name. What of them has
 * a loop is called by all of a warp. */
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

namespace rp {
namespace {

constexpr uint32_t WARP = 32;
constexpr uint32_t RP_SOFTMAX_MAX = 128; /* of model/net/kernels.h */

RP_DEVICE uint32_t warp_lane() { return rp_thread() % WARP; }
RP_DEVICE uint64_t warp_or(uint64_t bits)
{
    return (uint64_t)rp_warp_or((uint32_t)(bits >> 32)) << 32 |
           rp_warp_or((uint32_t)bits);
}
#ifdef __CUDACC__
RP_DEVICE uint32_t lowest(uint64_t bits) { return (uint32_t)__ffsll(bits) - 1; }
RP_DEVICE uint32_t bits_in(uint32_t bits) { return (uint32_t)__popc(bits); }
#else
RP_DEVICE uint32_t lowest(uint64_t bits) { return __builtin_ctzll(bits); }
RP_DEVICE uint32_t bits_in(uint32_t bits) { return __builtin_popcount(bits); }
#endif

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
#define RP_UNROLL _Pragma("unroll")
#define static static __device__
#pragma nv_diag_suppress 20091
#else
#define RP_SHARED
#define RP_UNROLL
#endif
/* What the words of model/shared.h are to a warp. */
#define RP_FIRST warp_lane()
#define RP_STEP WARP
#define RP_WRITES (warp_lane() == 0)
#define rp_meet() rp_sync_warp()
#define rp_all_or(bits) warp_or(bits)
#define rp_all_max(number) rp_warp_max(number)
#define rp_lowest(bits) lowest(bits)
#define class class_

#include "model/data/chord.c"
#include "model/data/note.c"
#include "model/data/recall.c"
#include "model/data/vocabulary.c"
#include "model/net/rng.c"
#include "model/play/draw.c"
#include "model/play/turn.c"
/* Names that a file before has, too. */
#define forbid steer_forbid
#include "model/play/steer.c"
#undef forbid

#ifndef __CUDACC__
#pragma GCC diagnostic pop
#endif
#undef class
#ifdef __CUDACC__
#undef static
#endif

} // namespace
} // namespace rp
#endif
