/* A CUDA device that is a few fibers on the CPU: for the logic of kernels and
 * of the code that calls them, not for time.
 *
 * What is enqueued on a stream waits there until the stream is synchronized
 * or queried, so that a result read too early is seen to be missing. The
 * threads of a kernel run in an order that the seed chooses, and change
 * wherever they synchronize: code that needs an order it did not ask for
 * gives other results under another seed. Blocks run one after another unless
 * they are a cluster or the grid is cooperative. Threads of the program take
 * turns, call by call. */
#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For tests: what the device is, and what goes wrong when. */
struct fake_cuda {
    int devices;          /* 1; 0: none, -1: no driver */
    int major, minor;     /* compute capability */
    int driver;           /* version, 13000 */
    uint32_t shared;      /* bytes that a block may have */
    uint32_t clusters;    /* blocks of the largest cluster; 0: no clusters */
    uint32_t multiprocessors;
    uint32_t seed;        /* of the order of threads */
    uint32_t hold;        /* of the blocks that run at the same time one that
                             waits for others stands still for so many turns,
                             then another; 0: none */
    size_t memory;        /* bytes that it has; 0: any */
    uint32_t fail_memory; /* the so many-th allocation from now; 0: none */
    uint32_t fail_launch; /* the so many-th kernel from now loses the device */
    uint32_t fail_capture; /* the so many-th thing that is captured from now
                              spoils the capture */
    uint32_t refuse_bf16; /* from the so many-th call about a GRU of bf16 on
                             cuDNN has none; 0: it has */
    uint32_t stall;       /* from the so many-th kernel on none ends */
    bool lost;            /* every call from now on fails */
    /* Counted. */
    uint64_t kernels, graphs, switches;
    size_t live; /* bytes that are allocated */
};
extern struct fake_cuda fake_cuda;
/* Whether it works in this build: not under TSan, which takes the fibers'
 * stacks for one. */
bool fake_cuda_runs(void);
/* As it was at the start; what is allocated stays. */
void fake_cuda_reset(void);

/* For device_fake.h: the thread that runs now. */
struct fake_self {
    uint32_t thread, threads, x, y, blocks;
};
extern const struct fake_self *fake_cuda_self;
enum fake_scope { FAKE_WARP, FAKE_BLOCK, FAKE_CLUSTER, FAKE_SCOPES };
void fake_cuda_sync(enum fake_scope scope);
void fake_cuda_yield(void);
/* Of a launch that may begin early: every thread calls it. */
void fake_cuda_await(void);
void *fake_cuda_shared(uint32_t offset, size_t size);
void *fake_cuda_remote(void *mine, uint32_t rank);
void fake_cuda_shuffle(const void *in, void *out, size_t size, uint32_t bits);
/* out: what all 32 of the warp have. */
void fake_cuda_gather(const void *in, void *out, size_t size);
void fake_cuda_barrier_init(uint64_t *barrier, uint32_t count);
void fake_cuda_barrier_expect(uint64_t *barrier, uint32_t bytes);
uint32_t fake_cuda_barrier_parity(const uint64_t *barrier);
void fake_cuda_send(float *to, float value, uint64_t *barrier);
void fake_cuda_copy(void *to, const void *from, size_t size);
void fake_cuda_copy_group(void);
void fake_cuda_copied(uint32_t but);
/* Of a program that is wrong on any device: says so and aborts. */
void fake_cuda_wrong(const char *what);

struct fake_launch {
    void (*call)(void *kernel, const void *arguments);
    void *kernel;
    uint32_t x, y, threads, shared, cluster;
    bool together, early;
};
cudaError_t fake_cuda_launch(const struct fake_launch *launch,
                             const void *arguments, size_t size,
                             cudaStream_t stream);
cudaError_t fake_cuda_allow(uint32_t shared);
int fake_cuda_clusters(uint32_t cluster);
/* fibers.c: runs one kernel to its end; false: it waits for ever. */
bool fake_fibers_run(const struct fake_launch *launch, const void *arguments);

#ifdef __cplusplus
}
#endif
#endif
