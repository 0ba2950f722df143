#include "tests/cuda_draw.h"

#include "cuda/draw.cuh"

using namespace rp;

enum { WARPS = 2 };

struct arguments {
    const draw_case *in;
    draw_told *out;
    uint32_t cases;
};

RP_KERNEL draw_cases_kernel(arguments a)
{
    const uint32_t warp = rp_thread() / WARP, i = rp_block() * WARPS + warp;
    float own[DRAW_ROWS], weighed[DRAW_ROWS];

    if (i >= a.cases)
        return;
    const draw_case *in = &a.in[i];
    for (uint32_t r = 0; r < DRAW_ROWS; r++) {
        const uint32_t k = warp_lane() + r * WARP;
        own[r] = k < in->classes ? in->own[k] : 0.0f;
        weighed[r] = k < in->classes ? in->weighed[k] : 0.0f;
    }
    const draw_result result =
        draw_class(rp_shared<draw_room>(0, WARPS) + warp, own, weighed,
                   {{in->mask[0], in->mask[1]}},
                   {in->temperature, in->top_p, in->top_k}, in->number);
    if (!warp_lane()) {
        a.out[i].drew = result.drew;
        a.out[i].logp = result.logp;
    }
}

bool draw_cases(const struct draw_case *in, struct draw_told *out,
                uint32_t cases)
{
    const arguments a = {in, out, cases};
    cudaStream_t stream;
    rp_grid grid = {};

    grid.x = (cases + WARPS - 1) / WARPS;
    grid.threads = WARPS * WARP;
    grid.shared = WARPS * sizeof(draw_room);
    return !cudaStreamCreateWithPriority(&stream, 0, 0) &&
           !rp_launch(draw_cases_kernel, grid, stream, a) &&
           !cudaStreamSynchronize(stream) && !cudaStreamDestroy(stream);
}
