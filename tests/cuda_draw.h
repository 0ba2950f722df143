/* The drawing of a class by a warp (cuda/draw.cuh) by itself, as a kernel. */
#ifndef CUDA_DRAW_H
#define CUDA_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DRAW_CASE_CLASSES = 128 };
struct draw_case {
    float own[DRAW_CASE_CLASSES], weighed[DRAW_CASE_CLASSES];
    uint64_t mask[2];
    uint32_t classes, top_k;
    float temperature, top_p, number;
};
struct draw_told {
    int drew;
    float logp;
};

/* All cases at once; false: the device failed. */
bool draw_cases(const struct draw_case *in, struct draw_told *out,
                uint32_t cases);

#ifdef __cplusplus
}
#endif
#endif
