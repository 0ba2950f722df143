#include "model/net/cells.h"

#include <stdlib.h>
#include <string.h>

const char *const rp_precision_names[RP_PRECISIONS] = {"fp32", "bf16"};

extern const struct rp_cells rp_cells_fp32_portable, rp_cells_bf16_portable;
#if HAVE_X86
extern const struct rp_cells rp_cells_fp32_avx2, rp_cells_bf16_avx2,
    rp_cells_fp32_avx512, rp_cells_bf16_avx512bf16;
#endif

/* Best first; `runs` names the kernels (kernels.h) of the CPUs that have it. */
static const struct path {
    enum rp_precision precision;
    const struct rp_cells *cells;
    const char *runs;
} paths[] = {
#if HAVE_X86
    {RP_FP32, &rp_cells_fp32_avx512, "avx512"},
    {RP_FP32, &rp_cells_fp32_avx2, "avx2"},
    {RP_BF16, &rp_cells_bf16_avx512bf16, "avx512"},
    {RP_BF16, &rp_cells_bf16_avx2, "avx2"},
#endif
    {RP_FP32, &rp_cells_fp32_portable, "portable"},
    {RP_BF16, &rp_cells_bf16_portable, "portable"},
};
enum { PATHS = sizeof paths / sizeof *paths };

static bool can_run(const struct path *path)
{
#if HAVE_X86
    __builtin_cpu_init();
    if (path->cells == &rp_cells_bf16_avx512bf16 &&
        !__builtin_cpu_supports("avx512bf16"))
        return false;
#endif
    return rp_kernels_find(path->runs) != NULL;
}

const struct rp_cells *rp_cells_find(enum rp_precision precision,
                                     const char *name)
{
    for (int i = 0; i < PATHS; i++)
        if (paths[i].precision == precision &&
            !strcmp(paths[i].cells->name, name) && can_run(&paths[i]))
            return paths[i].cells;
    return NULL;
}

/* Not better than what rp_kernels() chose, or was told to. */
const struct rp_cells *rp_cells(enum rp_precision precision)
{
    const char *most = rp_kernels()->name;
    bool allowed = false;

    for (int i = 0; i < PATHS; i++) {
        if (paths[i].precision != precision)
            continue;
        allowed = allowed || !strcmp(paths[i].runs, most);
        if (allowed && can_run(&paths[i]))
            return paths[i].cells;
    }
    return NULL; /* never: portable runs anywhere */
}

bool rp_cells_bf16_fast(void)
{
    return rp_cells_find(RP_BF16, "avx512bf16") != NULL;
}
