/* The CUDA runtime's side of the fake device: memory, streams, graphs and
 * what goes wrong on cue. */
#include "fake_cuda.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Threads of the program take turns, call by call. */
static pthread_mutex_t turn;

__attribute__((constructor)) static void make_turn(void)
{
    pthread_mutexattr_t how;

    pthread_mutexattr_init(&how);
    pthread_mutexattr_settype(&how, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&turn, &how);
    pthread_mutexattr_destroy(&how);
}

static pthread_mutex_t *take_turn(void)
{
    pthread_mutex_lock(&turn);
    return &turn;
}

static void end_turn(pthread_mutex_t **mine)
{
    pthread_mutex_unlock(*mine);
}

/* Until the end of the function. */
#define IN_TURN                                                                \
    __attribute__((cleanup(end_turn), unused)) pthread_mutex_t *in_turn =      \
        take_turn()

#define INITIAL                                                                \
    {                                                                          \
        .devices = 1, .major = 9, .minor = 0, .driver = 13000,                 \
        .shared = 227 * 1024, .clusters = 16, .multiprocessors = 16, .seed = 1 \
    }
static const struct fake_cuda initial = INITIAL;
struct fake_cuda fake_cuda = INITIAL;

enum kind { LAUNCH, COPY, SET, RECORD, WAIT };

struct op {
    struct op *next;
    enum kind kind;
    struct fake_launch launch;
    void *to;
    const void *from;
    size_t size;
    int value;
    struct fake_event *event;
    unsigned char arguments[];
};

struct list {
    struct op *first, *last;
};
struct fake_graph {
    struct list list;
};
struct fake_stream {
    struct list list;
    struct fake_graph *capture; /* not NULL: what is enqueued goes here */
    bool spoiled;               /* and that comes to nothing */
};
/* The one that this thread captures; where the thread waits or allocates
 * meanwhile, that comes to nothing. */
static _Thread_local struct fake_stream *capturing;
struct fake_event {
    uint32_t due; /* recordings that have not run */
    struct fake_stream *stream; /* of the last one */
};

void fake_cuda_reset(void)
{
    size_t live = fake_cuda.live;

    fake_cuda = initial;
    fake_cuda.live = live;
}

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorInvalidValue:
        return "invalid argument";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInsufficientDriver:
        return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    case cudaErrorNotReady:
        return "device not ready";
    case cudaErrorLaunchFailure:
        return "unspecified launch failure";
    case cudaErrorStreamCaptureUnsupported:
        return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
        return "operation failed due to a previous error during capture";
    }
    return "unrecognized error code";
}

static cudaError_t here(void)
{
    if (fake_cuda.devices < 0)
        return cudaErrorInsufficientDriver;
    if (!fake_cuda.devices)
        return cudaErrorNoDevice;
    return fake_cuda.lost ? cudaErrorLaunchFailure : cudaSuccess;
}

/* Of what may not be while a stream captures. */
static cudaError_t spoil(void)
{
    if (!capturing)
        return here();
    capturing->spoiled = true;
    return cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaGetLastError(void)
{
    return fake_cuda.lost ? cudaErrorLaunchFailure : cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = fake_cuda.devices > 0 ? fake_cuda.devices : 0;
    return here();
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device)
{
    memset(prop, 0, sizeof *prop);
    snprintf(prop->name, sizeof prop->name, "Fake Device");
    prop->major = fake_cuda.major;
    prop->minor = fake_cuda.minor;
    prop->multiProcessorCount = (int)fake_cuda.multiprocessors;
    prop->totalGlobalMem = (size_t)1 << 30;
    prop->sharedMemPerBlockOptin = fake_cuda.shared;
    return here();
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute,
                                   int device)
{
    *value = fake_cuda.major;
    return here();
}

cudaError_t cudaSetDevice(int device)
{
    const char *fail = getenv("FAKE_CUDA_FAIL_LAUNCH");

    if (fail) /* for who cannot reach fake_cuda */
        fake_cuda.fail_launch = (uint32_t)atoi(fail);
    return device ? cudaErrorInvalidValue : here();
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = fake_cuda.devices < 0 ? 0 : fake_cuda.driver;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0;
    *greatest = -5;
    return here();
}

/* The size lies before it. */
static cudaError_t allocate(void **memory, size_t size)
{
    IN_TURN;
    size_t *made;

    if (spoil())
        return spoil();
    if (fake_cuda.fail_memory && !--fake_cuda.fail_memory)
        return cudaErrorMemoryAllocation;
    if (fake_cuda.memory && fake_cuda.live + size > fake_cuda.memory)
        return cudaErrorMemoryAllocation;
    if (posix_memalign((void **)&made, 256, size + 256))
        return cudaErrorMemoryAllocation;
    *made = size;
    fake_cuda.live += size;
    *memory = (char *)made + 256;
    memset(*memory, 0xff, size); /* not numbers */
    return cudaSuccess;
}

static cudaError_t release(void *memory)
{
    IN_TURN;
    size_t *made = memory ? (void *)((char *)memory - 256) : NULL;

    if (made)
        fake_cuda.live -= *made;
    free(made);
    return here();
}

cudaError_t cudaMalloc(void **memory, size_t size)
{
    return allocate(memory, size);
}

cudaError_t cudaFree(void *memory)
{
    return release(memory);
}

cudaError_t cudaHostAlloc(void **memory, size_t size, unsigned flags)
{
    return allocate(memory, size);
}

cudaError_t cudaFreeHost(void *memory)
{
    return release(memory);
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned flags)
{
    *device = host;
    return here();
}

static void list_add(struct list *list, struct op *op)
{
    op->next = NULL;
    if (list->last)
        list->last->next = op;
    else
        list->first = op;
    list->last = op;
}

/* What follows a launch are its arguments. */
static struct op *op_copy(const struct op *op, const void *arguments)
{
    size_t more = op->kind == LAUNCH ? op->size : 0;
    struct op *copy = malloc(sizeof *op + more);

    if (!copy)
        abort();
    *copy = *op;
    if (more && arguments)
        memcpy(copy->arguments, arguments, more);
    return copy;
}

static void list_free(struct list *list)
{
    while (list->first) {
        struct op *op = list->first;
        list->first = op->next;
        free(op);
    }
    list->last = NULL;
}

static cudaError_t enqueue(cudaStream_t stream, const struct op *op,
                           const void *arguments)
{
    IN_TURN;
    if (here())
        return here();
    if (stream->capture &&
        (op->kind == RECORD || op->kind == WAIT ||
         (fake_cuda.fail_capture && !--fake_cuda.fail_capture)))
        return spoil();
    if (op->kind == RECORD) {
        op->event->due++;
        op->event->stream = stream;
    }
    list_add(stream->capture ? &stream->capture->list : &stream->list,
             op_copy(op, arguments));
    return cudaSuccess;
}

cudaError_t fake_cuda_launch(const struct fake_launch *launch,
                             const void *arguments, size_t size,
                             cudaStream_t stream)
{
    struct op op = {.kind = LAUNCH, .launch = *launch, .size = size};

    if (!launch->x || !launch->threads || launch->threads > 1024 ||
        launch->shared > fake_cuda.shared ||
        launch->cluster > fake_cuda.clusters ||
        (launch->cluster && launch->x % launch->cluster))
        return cudaErrorInvalidValue;
    return enqueue(stream, &op, arguments);
}

cudaError_t fake_cuda_allow(uint32_t shared)
{
    return shared > fake_cuda.shared ? cudaErrorInvalidValue : here();
}

int fake_cuda_clusters(uint32_t cluster)
{
    return cluster <= fake_cuda.clusters;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size,
                            cudaMemcpyKind kind, cudaStream_t stream)
{
    struct op op = {.kind = COPY, .to = to, .from = from, .size = size};

    return enqueue(stream, &op, NULL);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t size,
                            cudaStream_t stream)
{
    struct op op = {.kind = SET, .to = to, .value = value, .size = size};

    return enqueue(stream, &op, NULL);
}

/* False: it goes on for ever, and so does what comes after it. */
static bool run_launch(const struct op *op)
{
    fake_cuda.kernels++;
    if (fake_cuda.stall && fake_cuda.stall <= fake_cuda.kernels)
        return false;
    if (fake_cuda.fail_launch && !--fake_cuda.fail_launch) {
        fake_cuda.lost = true;
        return true;
    }
    return fake_fibers_run(&op->launch, op->arguments);
}

static cudaError_t advance(cudaStream_t stream);

/* What another stream waits for; false: for ever. */
static bool run_until(const struct fake_event *event)
{
    cudaError_t error = cudaErrorNotReady;

    while (event->due && error == cudaErrorNotReady) {
        if (fake_cuda.stall && fake_cuda.kernels >= fake_cuda.stall)
            return false;
        error = advance(event->stream);
    }
    return true;
}

static bool run_op(const struct op *op)
{
    if (op->kind == LAUNCH)
        return run_launch(op);
    if (op->kind == COPY)
        memmove(op->to, op->from, op->size);
    else if (op->kind == SET)
        memset(op->to, op->value, op->size);
    else if (op->kind == RECORD)
        op->event->due--;
    else
        return run_until(op->event);
    return true;
}

/* The first thing that waits in a stream. */
static cudaError_t advance(cudaStream_t stream)
{
    IN_TURN;
    struct op *op = stream->list.first;

    if (here())
        return here();
    if (!op)
        return cudaSuccess;
    if (!run_op(op))
        return cudaErrorNotReady;
    stream->list.first = op->next;
    if (!op->next)
        stream->list.last = NULL;
    free(op);
    return here() ? here() : cudaErrorNotReady;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags,
                                         int priority)
{
    if (here())
        return here();
    *stream = calloc(1, sizeof **stream);
    return *stream ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    list_free(&stream->list);
    free(stream);
    return here();
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    IN_TURN;
    if (spoil())
        return spoil();
    return stream->list.first ? advance(stream) : here();
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    cudaError_t error = spoil();

    if (error)
        return error;
    do {
        if (fake_cuda.stall && fake_cuda.kernels >= fake_cuda.stall)
            fake_cuda_wrong("synchronizes with a kernel that never ends");
        error = advance(stream);
    } while (error == cudaErrorNotReady);
    return error;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    if (here())
        return here();
    *event = calloc(1, sizeof **event);
    return *event ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    free(event);
    return here();
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    struct op op = {.kind = RECORD, .event = event};

    return enqueue(stream, &op, NULL);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
                                unsigned flags)
{
    struct op op = {.kind = WAIT, .event = event};

    return enqueue(stream, &op, NULL);
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    IN_TURN;
    if (spoil())
        return spoil();
    if (!event->due)
        return cudaSuccess;
    return advance(event->stream) == cudaErrorLaunchFailure
               ? cudaErrorLaunchFailure
               : cudaErrorNotReady;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream,
                                   cudaStreamCaptureMode mode)
{
    if (here())
        return here();
    stream->capture = calloc(1, sizeof *stream->capture);
    stream->spoiled = false;
    capturing = stream->capture ? stream : NULL;
    return stream->capture ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = stream->capture;
    stream->capture = NULL;
    capturing = NULL;
    if (!stream->spoiled)
        return here();
    (void)cudaGraphDestroy(*graph);
    *graph = NULL;
    return here() ? here() : cudaErrorStreamCaptureInvalidated;
}

static void list_append(struct list *to, const struct list *from)
{
    for (const struct op *op = from->first; op; op = op->next)
        list_add(to, op_copy(op, op->arguments));
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags)
{
    IN_TURN;
    if (here())
        return here();
    *exec = calloc(1, sizeof **exec);
    if (!*exec)
        return cudaErrorMemoryAllocation;
    list_append(&(*exec)->list, &graph->list);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    list_free(&graph->list);
    free(graph);
    return here();
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    return cudaGraphDestroy(exec);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    IN_TURN;
    if (here())
        return here();
    fake_cuda.graphs++;
    list_append(&stream->list, &exec->list);
    return cudaSuccess;
}
