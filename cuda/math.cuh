/* The functions of model/net/lanes.h for one number: the same constants and
 * the same roundings, so the same bits as on every CPU path. */
#ifndef RP_CUDA_MATH_CUH
#define RP_CUDA_MATH_CUH

#include "cuda/device.cuh"

RP_DEVICE uint32_t rp_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

RP_DEVICE float rp_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A product and a sum that are rounded one by one: nothing may make an fma
 * of them. */
RP_DEVICE float rp_mul(float a, float b)
{
#ifdef __CUDA_ARCH__
    return __fmul_rn(a, b);
#else
    return a * b;
#endif
}
RP_DEVICE float rp_add(float a, float b)
{
#ifdef __CUDA_ARCH__
    return __fadd_rn(a, b);
#else
    return a + b;
#endif
}

/* e^x for x clamped to [-87, 88]. */
RP_DEVICE float rp_exp(float x)
{
    const float round = 12582912.0f; /* 0x1.8p23: leaves n in the low bits */

    /* min and max as the CPU's: the second where either is no number */
    x = 88.0f < x ? 88.0f : x;
    x = -87.0f > x ? -87.0f : x;
    float t = fmaf(x, 0x1.715476p+0f, round);
    float n = rp_add(t, -round);
    float r = fmaf(n, -0x1.62e4p-1f, x);
    r = fmaf(n, -0x1.7f7d1cp-20f, r);
    float p = 0x1.6a2434p-10f;
    p = fmaf(p, r, 0x1.1239e2p-7f);
    p = fmaf(p, r, 0x1.5558f2p-5f);
    p = fmaf(p, r, 0x1.555492p-3f);
    p = fmaf(p, r, 0x1.fffffcp-2f);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    return rp_float_of(rp_bits_of(p) + (rp_bits_of(t) << 23));
}

RP_DEVICE float rp_sigmoid(float x)
{
    return 1.0f / rp_add(1.0f, rp_exp(rp_add(0.0f, -x)));
}

RP_DEVICE float rp_tanh(float x)
{
    float size = rp_float_of(rp_bits_of(x) & 0x7fffffffu);
    float square = rp_mul(x, x), p = -0x1.6e69b0p-8f, y;

    p = fmaf(p, square, 0x1.50820ep-6f);
    p = fmaf(p, square, -0x1.b7fd50p-5f);
    p = fmaf(p, square, 0x1.110552p-3f);
    p = fmaf(p, square, -0x1.55552ap-2f);
    y = fmaf(rp_mul(square, size), p, size);
    if (!(size < 0.625f)) {
        float e = rp_exp(rp_add(size, size));
        y = rp_add(1.0f, -(2.0f / rp_add(e, 1.0f)));
    }
    return rp_float_of((rp_bits_of(y) & 0x7fffffffu) |
                       (rp_bits_of(x) & 0x80000000u));
}

/* One GRU update of one unit: gi and gh of r, z, n. */
RP_DEVICE float rp_gates(const float gi[3], const float gh[3], float before)
{
    float r = rp_sigmoid(rp_add(gi[0], gh[0]));
    float z = rp_sigmoid(rp_add(gi[1], gh[1]));
    float n = rp_tanh(fmaf(r, gh[2], gi[2]));
    return fmaf(z, rp_add(before, -n), n);
}

#endif
