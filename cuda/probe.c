/* What of CUDA is here, or what exactly is missing. */
#include <dlfcn.h>
#include <stdio.h>

#include "cuda/instance.h"

enum { LEAST_MAJOR = 8 }; /* compute capability */

static void write_version(int version, char *text, size_t size)
{
    snprintf(text, size, "%d.%d", version / 1000, version % 1000 / 10);
}

/* Playing does without cuDNN, so it is looked for by hand. */
static void write_cudnn(char *text, size_t size)
{
    void *so = dlopen("libcudnn.so.9", RTLD_LAZY | RTLD_LOCAL);
    size_t (*version)(void) =
        so ? (size_t (*)(void))dlsym(so, "cudnnGetVersion") : NULL;
    size_t is = version ? version() : 0;

    if (is)
        snprintf(text, size, "cuDNN %zu.%zu.%zu", is / 10000, is / 100 % 100,
                 is % 100);
    else
        snprintf(text, size, "no cuDNN 9 (only training needs it)");
    if (so)
        dlclose(so);
}

static void write_missing(cudaError_t error, int driver, int runtime,
                          char *text, size_t size)
{
    char has[16], wants[16];

    write_version(driver, has, sizeof has);
    write_version(runtime, wants, sizeof wants);
    if (!driver)
        snprintf(text, size, "no NVIDIA driver: libcuda.so.1 was not found");
    else if (error == cudaErrorInsufficientDriver)
        snprintf(text, size,
                 "the NVIDIA driver is for CUDA %s, expected %s or newer", has,
                 wants);
    else if (error == cudaErrorNoDevice || !error)
        snprintf(text, size, "no NVIDIA GPU (driver for CUDA %s)", has);
    else
        snprintf(text, size, "the NVIDIA driver says: %s",
                 cudaGetErrorString(error));
}

bool rp_cuda_probe(char *text, size_t size)
{
    int driver = 0, runtime = 0, devices = 0;
    struct cudaDeviceProp device;
    char has[16], built[16], cudnn[60];
    cudaError_t error;

    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    error = cudaGetDeviceCount(&devices);
    if (!error && devices)
        error = cudaGetDeviceProperties(&device, 0);
    if (error || !devices) {
        (void)cudaGetLastError();
        write_missing(error, driver, runtime, text, size);
        return false;
    }
    write_version(driver, has, sizeof has);
    write_version(runtime, built, sizeof built);
    write_cudnn(cudnn, sizeof cudnn);
    if (device.major < LEAST_MAJOR) {
        snprintf(text, size,
                 "%s has compute capability %d.%d, expected %d.0 or newer",
                 device.name, device.major, device.minor, LEAST_MAJOR);
        return false;
    }
    snprintf(text, size,
             "%s, compute capability %d.%d, driver for CUDA %s, runtime %s, "
             "%s",
             device.name, device.major, device.minor, has, built, cudnn);
    return true;
}
