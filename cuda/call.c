/* Calls of the CUDA runtime: what they say, how long they may take. */
#include "cuda/instance.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/log.h"

/* Who waits for rollouts has time: after SPIN_US it naps, so that the core is
 * somebody else's. Spinning, the device is asked whether it is still there once
 * in ASK turns (some 20 us), since a question takes longer than a look. */
enum { SPIN_US = 50, NAP_NS = 30000, ASK = 512 };

uint64_t rp_cuda_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint32_t rp_cuda_deadline(void)
{
    const char *text = getenv("RIPOSTE_CUDA_DEADLINE");
    const int ms = text ? atoi(text) : 0;

    if (text && ms < 1)
        rp_log(RP_WARN, "cuda",
               "RIPOSTE_CUDA_DEADLINE=%s: expected milliseconds, 1 or more",
               text);
    return ms > 0 ? (uint32_t)ms : 0;
}

/* Leaves the core's other thread the core, for some 40 ns. */
static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

rp_status rp_cuda_check(struct rp_cuda *cuda, cudaError_t error,
                        const char *what)
{
    if (!error)
        return RP_OK;
    (void)cudaGetLastError();
    if (error == cudaErrorMemoryAllocation && cuda->sparing)
        return RP_EMEM;
    rp_log(RP_ERROR, "cuda", "%s: %s", what, cudaGetErrorString(error));
    if (error == cudaErrorMemoryAllocation)
        return RP_EMEM;
    cuda->lost = true;
    return RP_ELOST;
}

static rp_status too_long(struct rp_cuda *cuda, uint32_t most_ms,
                          const char *what)
{
    rp_log(RP_ERROR, "cuda", "%s: not done after %u ms", what, most_ms);
    cuda->lost = cuda->stuck = true;
    return RP_ELOST;
}

/* A stream, or an event where that is not NULL. */
static rp_status wait(struct rp_cuda *cuda, cudaStream_t stream,
                      cudaEvent_t event, uint32_t most_ms, bool naps,
                      const char *what)
{
    const struct timespec nap = {0, NAP_NS};
    uint64_t began = 0;

    for (uint32_t i = 0;; i++) {
        cudaError_t error =
            event ? cudaEventQuery(event) : cudaStreamQuery(stream);
        if (error != cudaErrorNotReady)
            return rp_cuda_check(cuda, error, what);
        relax();
        if (i % 16)
            continue;
        uint64_t now = rp_cuda_now_us();
        if (!began)
            began = now;
        if (now - began >= (uint64_t)most_ms * 1000)
            return too_long(cuda, most_ms, what);
        if (naps && now - began > SPIN_US)
            nanosleep(&nap, NULL);
    }
}

rp_status rp_cuda_wait(struct rp_cuda *cuda, cudaStream_t stream,
                       const char *what)
{
    return wait(cuda, stream, NULL, cuda->deadline_ms, true, what);
}

rp_status rp_cuda_wait_awake(struct rp_cuda *cuda, cudaStream_t stream,
                             const char *what)
{
    return wait(cuda, stream, NULL, cuda->deadline_ms, false, what);
}

rp_status rp_cuda_wait_event(struct rp_cuda *cuda, cudaEvent_t event,
                             const char *what)
{
    return wait(cuda, NULL, event, cuda->deadline_ms, true, what);
}

rp_status rp_cuda_wait_live(struct rp_cuda *cuda, cudaStream_t stream,
                            const char *what)
{
    return wait(cuda, stream, NULL, cuda->live_ms, false, what);
}

/* As many as are there from `at` on. */
static uint32_t take_said(const uint64_t *said, uint32_t total,
                          uint32_t classes, uint32_t number, uint32_t at,
                          float *logits)
{
    for (; at < total; at++) {
        size_t place = (size_t)(at / classes) * RP_CUDA_LOGITS + at % classes;
        uint64_t word = __atomic_load_n(&said[place], __ATOMIC_ACQUIRE);
        uint32_t bits = (uint32_t)word;
        if (word >> 32 != number)
            break;
        memcpy(&logits[place], &bits, sizeof bits);
    }
    return at;
}

rp_status rp_cuda_wait_said(struct rp_cuda *cuda, const uint64_t *said,
                            uint32_t rows, uint32_t classes, uint32_t number,
                            float *logits, const char *what)
{
    const uint32_t total = rows * classes;
    uint64_t until = 0;
    uint32_t at = 0;

    for (uint32_t i = 1;; i++) {
        at = take_said(said, total, classes, number, at, logits);
        if (at == total)
            return RP_OK;
        relax();
        if (i % ASK)
            continue;
        cudaError_t error = cudaStreamQuery(cuda->stream);
        if (error && error != cudaErrorNotReady)
            return rp_cuda_check(cuda, error, what);
        uint64_t now = rp_cuda_now_us();
        if (!until)
            until = now + (uint64_t)cuda->live_ms * 1000;
        if (now >= until)
            return too_long(cuda, cuda->live_ms, what);
    }
}

rp_status rp_cuda_launch_graph(struct rp_cuda *cuda, cudaStream_t stream,
                               cudaGraphExec_t *exec,
                               rp_status (*enqueue)(struct rp_cuda *,
                                                    uint32_t),
                               uint32_t argument)
{
    cudaGraph_t graph = NULL;
    rp_status status, made;

    if (!*exec) {
        status = rp_cuda_check(
            cuda,
            cudaStreamBeginCapture(stream,
                                   cudaStreamCaptureModeThreadLocal),
            "capturing a graph");
        if (status)
            return status;
        status = enqueue(cuda, argument);
        made = rp_cuda_check(cuda, cudaStreamEndCapture(stream, &graph),
                             "capturing a graph");
        if (!status)
            status = made;
        if (!status)
            status = rp_cuda_check(cuda, cudaGraphInstantiate(exec, graph, 0),
                                   "making a graph");
        if (graph)
            (void)cudaGraphDestroy(graph);
        if (status)
            return status;
    }
    return rp_cuda_check(cuda, cudaGraphLaunch(*exec, stream),
                         "launching a graph");
}

static rp_status keep(struct rp_cuda *cuda, struct rp_cuda_memory *memory,
                      cudaError_t error, void *made, bool host)
{
    if (!error && memory->pieces == RP_CUDA_PIECES) {
        error = cudaErrorMemoryAllocation;
        (void)(host ? cudaFreeHost(made) : cudaFree(made));
    }
    if (error)
        return rp_cuda_check(cuda, error, "allocating");
    memory->piece[memory->pieces] = made;
    memory->host[memory->pieces++] = host;
    return RP_OK;
}

rp_status rp_cuda_alloc(struct rp_cuda *cuda, struct rp_cuda_memory *memory,
                        void **out, size_t size)
{
    void *made = NULL;
    cudaError_t error = cudaMalloc(&made, size ? size : 1);
    rp_status status = keep(cuda, memory, error, made, false);

    if (!status)
        *out = made;
    return status;
}

rp_status rp_cuda_alloc_mapped(struct rp_cuda *cuda,
                               struct rp_cuda_memory *memory, void **out,
                               void **device, size_t size)
{
    void *made = NULL;
    cudaError_t error =
        cudaHostAlloc(&made, size ? size : 1, cudaHostAllocMapped);
    rp_status status = keep(cuda, memory, error, made, true);

    if (status)
        return status;
    *out = made;
    return rp_cuda_check(cuda, cudaHostGetDevicePointer(device, made, 0),
                         "mapping");
}

void rp_cuda_free(struct rp_cuda_memory *memory)
{
    while (memory->pieces) {
        uint32_t i = --memory->pieces;
        if (memory->host[i])
            (void)cudaFreeHost(memory->piece[i]);
        else
            (void)cudaFree(memory->piece[i]);
    }
}
