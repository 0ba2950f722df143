#include "cuda/train_libs.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#if RP_CUDA_LINKED /* the tests': fakes are part of the program */

const struct rp_cuda_libs *rp_cuda_libs(char *why, size_t size)
{
#define MEMBER(name) .name = name,
    static const struct rp_cuda_libs libs = {
        RP_CUDA_CUDNN(MEMBER) RP_CUDA_CUBLAS(MEMBER)};
#undef MEMBER

    (void)why;
    (void)size;
    return &libs;
}

#else

/* The function `name` of the library, or NULL and why not. */
static void *find(void *so, const char *file, const char *name, char *why,
                  size_t size)
{
    void *at = dlsym(so, name);

    if (!at && !*why)
        snprintf(why, size, "%s has no %s", file, name);
    return at;
}

static void *open_library(const char *file, const char *what, char *why,
                          size_t size)
{
    void *so = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!so && !*why)
        snprintf(why, size, "no %s: %s", what, dlerror());
    return so;
}

static void take(struct rp_cuda_libs *libs, char *why, size_t size)
{
    const char *dnn = "libcudnn.so.9";
    char blas[32];
    void *so = open_library(dnn, "cuDNN 9", why, size);

    if (!so)
        return;
#define MEMBER(name) libs->name = find(so, dnn, #name, why, size);
    RP_CUDA_CUDNN(MEMBER)
#undef MEMBER
    snprintf(blas, sizeof blas, "libcublasLt.so.%d", CUDART_VERSION / 1000);
    so = *why ? NULL : open_library(blas, "cuBLASLt", why, size);
    if (!so)
        return;
#define MEMBER(name) libs->name = find(so, blas, #name, why, size);
    RP_CUDA_CUBLAS(MEMBER)
#undef MEMBER
}

const struct rp_cuda_libs *rp_cuda_libs(char *why, size_t size)
{
    static struct rp_cuda_libs libs;
    static bool opened;

    *why = 0;
    if (!opened)
        take(&libs, why, size);
    opened = !*why;
    return opened ? &libs : NULL;
}

#endif
