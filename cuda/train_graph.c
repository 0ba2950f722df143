/* A step as a graph: captured when one like it comes for the second time, so
 * that the first has opened whatever the libraries open late, and what comes
 * once costs nothing; launched from then on. What differs between two steps
 * that are alike lies in memory: the batch, and what the step is told.
 *
 * Where a library cannot be captured, one line says so, and kernel by kernel
 * it goes on. */
#include <string.h>

#include "cuda/train.h"
#include "rt/log.h"

/* All that the launches of a step depend on. */
static struct rp_cuda_alike alike_of(const struct rp_cuda_train *t,
                                     uint32_t slot)
{
    const struct rp_cuda_batch *batch = &t->batch[slot];
    struct rp_cuda_alike is;

    is.device = batch->device;
    is.slot = slot;
    is.T = batch->T;
    is.B = batch->B;
    is.drops = batch->drops;
    is.most_dropped = batch->most_dropped;
    is.started = batch->started;
    is.carried = batch->carried;
    is.drops_recurrent = batch->pass.recurrent_dropout > 0;
    is.smoothing = batch->pass.smoothing;
    memcpy(is.P, batch->P, sizeof is.P);
    is.lies = batch->lies;
    return is;
}

/* Its place: its own, else an empty one, else that of the one which was not
 * used for longest. */
static struct rp_cuda_graph *find(struct rp_cuda_train *t,
                                  const struct rp_cuda_alike *is)
{
    struct rp_cuda_graph *oldest = &t->graph[0];

    for (int i = 0; i < RP_CUDA_GRAPHS; i++) {
        struct rp_cuda_graph *graph = &t->graph[i];
        if (graph->used && !memcmp(&graph->is, is, sizeof *is))
            return graph;
        if (graph->used < oldest->used)
            oldest = graph;
    }
    return oldest;
}

/* The capture ends whatever happened in it. */
static rp_status capture(struct rp_cuda_train *t, uint32_t slot,
                         cudaGraph_t *graph)
{
    rp_status status = rp_cuda_train_check(
        t,
        cudaStreamBeginCapture(t->cuda.stream,
                               cudaStreamCaptureModeThreadLocal),
        "capturing a step");
    cudaError_t error;

    if (status)
        return status;
    t->capturing = true;
    status = rp_cuda_train_enqueue(t, slot, true);
    error = cudaStreamEndCapture(t->cuda.stream, graph);
    if (!status)
        status = rp_cuda_train_check(t, error, "capturing a step");
    t->capturing = false;
    if (status)
        (void)cudaGetLastError();
    return status;
}

/* RP_ENONE: it stays without. */
static rp_status make(struct rp_cuda_train *t, uint32_t slot,
                      struct rp_cuda_graph *to)
{
    cudaGraph_t graph = NULL;
    rp_status status = capture(t, slot, &graph);

    if (!status) {
        t->capturing = true; /* what goes wrong is no loss yet */
        status = rp_cuda_train_check(
            t, cudaGraphInstantiate(&to->exec, graph, 0), "making a graph");
        t->capturing = false;
    }
    if (graph)
        (void)cudaGraphDestroy(graph);
    if (status == RP_ENONE) {
        to->exec = NULL;
        t->graphs = false;
        t->about[t->about_plain] = 0;
        rp_log(RP_WARN, "cuda",
               "a step cannot be a graph (%s); kernel by kernel it goes on",
               t->spoiled);
    }
    return status;
}

/* What is there is no longer used once the stream is done. */
static rp_status empty(struct rp_cuda_train *t, struct rp_cuda_graph *graph)
{
    rp_status status = RP_OK;

    if (graph->exec)
        status = rp_cuda_wait(&t->cuda, t->cuda.stream, "forgetting a graph");
    if (!status && graph->exec)
        (void)cudaGraphExecDestroy(graph->exec);
    memset(graph, 0, sizeof *graph);
    return status;
}

rp_status rp_cuda_graph_run(struct rp_cuda_train *t, uint32_t slot)
{
    const struct rp_cuda_alike is = alike_of(t, slot);
    struct rp_cuda_graph *graph = find(t, &is);
    const bool again = graph->used && !memcmp(&graph->is, &is, sizeof is);
    rp_status status = RP_OK;

    if (!again)
        status = empty(t, graph);
    if (status)
        return status;
    graph->is = is;
    graph->used = ++t->launched;
    /* Every step packs the weights, as the one that was captured. */
    t->net[1].source = NULL;
    if (again && !graph->exec)
        status = make(t, slot, graph);
    if (status && status != RP_ENONE)
        return status;
    t->net[1].source = NULL;
    if (!graph->exec)
        return rp_cuda_train_enqueue(t, slot, true);
    t->net[0].source = NULL;
    return rp_cuda_train_check(
        t, cudaGraphLaunch(graph->exec, t->cuda.stream), "launching a step");
}

void rp_cuda_graph_fini(struct rp_cuda_train *t)
{
    for (int i = 0; i < RP_CUDA_GRAPHS; i++)
        if (t->graph[i].exec)
            (void)cudaGraphExecDestroy(t->graph[i].exec);
}
