/* A step: one sequence of launches on one stream, or a graph of it. Nothing in
 * it waits for the host, which fills and sends the next batch meanwhile. */
#include <string.h>

#include "cuda/train.h"

/* All that a step is told that the one before was not. */
static rp_status tell(struct rp_cuda_train *t, uint32_t slot,
                      const struct rp_learner_update *update)
{
    const double weight = t->batch[slot].weight;
    const struct rp_learner_pass *pass = &t->batch[slot].pass;
    const uint32_t H = t->options.shape.hidden;
    struct rp_cuda_pace *told = t->told[slot];

    memset(told, 0, sizeof *told);
    told->mean = (float)(weight > 0 ? 1 / weight : 0);
    for (uint32_t l = 0; l < t->options.shape.layers; l++)
        told->drop[l] = rp_train_drop_of(pass->recurrent_dropout, pass->seed,
                                         l, 3 * H * H);
    if (update) {
        const struct rp_optimizer_step *step = &update->step;
        const float early = (float)(1 + step->step) / (float)(10 + step->step);
        told->clip = update->clip;
        told->decay = step->lr * step->weight_decay;
        told->share = early < update->average ? early : update->average;
        told->rates = t->optimizer->rates(step);
    }
    return rp_cuda_train_check(t,
                               cudaMemcpyAsync(t->pace, told, sizeof *told,
                                               cudaMemcpyHostToDevice,
                                               t->cuda.stream),
                               "telling a step");
}

/* The mean over the batch's notes and its norm; then the optimizer's step. */
static rp_status learn(struct rp_cuda_train *t, bool update,
                       struct rp_cuda_result *result)
{
    const struct rp_cuda_settle settle = {.pace = t->pace,
                                          .stretch = t->stretch,
                                          .stretches = t->layout.count,
                                          .most = t->most,
                                          .gradient = t->gradient,
                                          .partial = t->partial,
                                          .norms = t->norms,
                                          .norm_out = &result->norm};
    const struct rp_cuda_update step = {
        .pace = t->pace,
        .stretch = t->stretch,
        .stretches = t->layout.count,
        .optimizer = (uint32_t)(t->optimizer - rp_optimizers),
        .most = t->most,
        .norms = t->norms,
        .gradient = t->gradient,
        .params = t->params,
        .average = t->average,
        .slots = {t->slots,
                  t->optimizer->slots > 1 ? t->slots + t->size : NULL}};
    rp_status status = rp_cuda_train_check(
        t, rp_cuda_settle_enqueue(&settle, t->cuda.stream), "the norm");

    if (status || !update)
        return status;
    t->net[0].source = t->net[1].source = NULL;
    return rp_cuda_train_check(
        t, rp_cuda_update_enqueue(&step, t->cuda.stream), "the update");
}

rp_status rp_cuda_train_enqueue(struct rp_cuda_train *t, uint32_t slot,
                                bool update)
{
    const struct rp_cuda_batch *batch = &t->batch[slot];
    const bool backward = batch->pass.backward;
    struct rp_cuda_net *net = &t->net[backward];
    rp_status status = RP_OK;

    if (backward)
        status = rp_cuda_train_check(
            t,
            cudaMemsetAsync(t->gradient, 0, t->size * sizeof(float),
                            t->cuda.stream),
            "clearing a gradient");
    if (!status)
        status = rp_cuda_rnn_forward(t, net, batch);
    if (!status)
        status = rp_cuda_heads_run(t, net, batch, t->result_device[slot]);
    if (!status && backward)
        status = rp_cuda_rnn_backward(t, net, batch);
    if (!status && backward)
        status = learn(t, update, t->result_device[slot]);
    return status;
}

rp_status rp_cuda_train_run(struct rp_learner *learner,
                            const struct rp_learner_update *update)
{
    struct rp_cuda_train *t = (struct rp_cuda_train *)learner;
    const uint32_t slot = t->runs % RP_CUDA_SLOTS;
    struct rp_cuda_batch *batch = &t->batch[slot];
    rp_status status;

    if (t->cuda.lost)
        return RP_ELOST;
    if (t->runs == t->puts || (update && !batch->pass.backward))
        return RP_EARG;
    memset(t->result[slot], 0, sizeof *t->result[slot]);
    status = rp_cuda_train_check(
        t, cudaStreamWaitEvent(t->cuda.stream, batch->sent, 0), "waiting");
    if (!status && batch->pass.backward)
        status = tell(t, slot, update);
    if (!status)
        status = t->graphs && update
                     ? rp_cuda_graph_run(t, slot)
                     : rp_cuda_train_enqueue(t, slot, update != NULL);
    if (!status)
        status = rp_cuda_train_check(
            t, cudaEventRecord(batch->done, t->cuda.stream), "launching");
    t->runs += !status;
    return status;
}

rp_status rp_cuda_train_result(struct rp_learner *learner,
                               struct rp_learner_result *out)
{
    struct rp_cuda_train *t = (struct rp_cuda_train *)learner;
    const uint32_t slot = t->results % RP_CUDA_SLOTS;
    const struct rp_cuda_batch *batch = &t->batch[slot];
    rp_status status;

    if (t->cuda.lost)
        return RP_ELOST;
    if (t->results == t->runs)
        return RP_EARG;
    status = rp_cuda_wait_event(&t->cuda, batch->done, "a step");
    if (status)
        return status;
    for (int f = 0; f < RP_FIELDS; f++) {
        out->loss[f] = t->result[slot]->loss[f];
        out->hits[f] = t->result[slot]->hits[f];
        out->drawn[f] = batch->drawn[f];
    }
    out->weight = batch->weight;
    out->norm = t->result[slot]->norm;
    t->results++;
    return RP_OK;
}
