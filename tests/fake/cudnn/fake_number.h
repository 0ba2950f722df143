/* Numbers as the fake libraries store them: fp32, or bf16 rounded to nearest
 * even. */
#ifndef FAKE_NUMBER_H
#define FAKE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline float fake_number(const void *at, size_t i, bool bf16)
{
    uint32_t bits;
    float x;

    if (!bf16)
        return ((const float *)at)[i];
    bits = (uint32_t)((const uint16_t *)at)[i] << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void fake_number_set(void *at, size_t i, bool bf16, double value)
{
    float x = (float)value;
    uint32_t bits;

    if (!bf16) {
        ((float *)at)[i] = x;
        return;
    }
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) <= 0x7f800000)
        bits += 0x7fff + (bits >> 16 & 1);
    ((uint16_t *)at)[i] = (uint16_t)(bits >> 16);
}

#endif
