#include "model/net/kernels.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

extern const struct rp_kernels rp_kernels_portable;
#if HAVE_X86
extern const struct rp_kernels rp_kernels_avx2, rp_kernels_avx512;
#endif

const struct rp_kernels *rp_kernels_find(const char *name)
{
#if HAVE_X86
    __builtin_cpu_init();
    if (!strcmp(name, "avx512") && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq"))
        return &rp_kernels_avx512;
    if (!strcmp(name, "avx2") && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("fma"))
        return &rp_kernels_avx2;
#endif
    return strcmp(name, "portable") ? NULL : &rp_kernels_portable;
}

static const struct rp_kernels *chosen;

static void choose(void)
{
    static const char *const best[] = {"avx512", "avx2", "portable"};
    const char *wish = getenv("RIPOSTE_KERNELS");

    if (wish && *wish)
        chosen = rp_kernels_find(wish);
    for (int i = 0; !chosen; i++) {
        chosen = rp_kernels_find(best[i]);
        if (chosen && wish && *wish)
            rp_log(RP_WARN, "kernels",
                   "RIPOSTE_KERNELS=%s: this CPU or build has no such path "
                   "(portable, avx2, avx512); using %s",
                   wish, chosen->name);
    }
}

const struct rp_kernels *rp_kernels(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, choose);
    return chosen;
}

size_t rp_packed_size(size_t N, size_t K)
{
    return rp_round16(N) * K;
}

void rp_pack(size_t N, size_t K, const float *src, size_t ld, bool transposed,
             float *packed)
{
    for (size_t first = 0; first < N; first += RP_PANEL) {
        size_t left = N - first, width = rp_round16(left);
        float *panel = packed + first * K;
        if (left > RP_PANEL)
            left = width = RP_PANEL;
        memset(panel, 0, K * width * sizeof *panel);
        if (transposed) {
            for (size_t n = 0; n < left; n++)
                for (size_t k = 0; k < K; k++)
                    panel[k * width + n] = src[(first + n) * ld + k];
        } else {
            for (size_t k = 0; k < K; k++)
                memcpy(panel + k * width, src + k * ld + first,
                       left * sizeof *panel);
        }
    }
}

float *rp_floats_create(size_t count)
{
    void *memory;

    if (count > SIZE_MAX / sizeof(float) - 16 ||
        posix_memalign(&memory, 64, rp_round16(count + 1) * sizeof(float)))
        return NULL;
    memset(memory, 0, rp_round16(count + 1) * sizeof(float));
    return memory;
}

/* x = m 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m-1)/(m+1)) by its
 * series. Plain IEEE operations only: libm's log differs between machines. */
double rp_log_exact(double x)
{
    if (!(x > 0.0))
        return x == 0.0 ? -INFINITY : NAN;
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
