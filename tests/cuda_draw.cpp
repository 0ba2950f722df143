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
    const rp_mask mask = {{in->mask[0], in->mask[1]}};
    const int drew =
        draw_class(rp_shared<draw_room>(0, WARPS) + warp, weighed, mask,
                   {in->temperature, in->top_p, in->top_k}, in->number);
    const draw_scale scale = draw_scale_of(own, mask);
    if (!warp_lane()) {
        a.out[i].drew = drew;
        a.out[i].logp = drew < 0 ? 0.0f : draw_logp(scale, in->own[drew]);
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
