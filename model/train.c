#include "model/train.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "model/train_run.h"
#include "model/train_update.h"
#include "rt/log.h"

/* One line for people; at most every 10 seconds within an epoch. */
static void show(struct rp_train *train, bool epoch_done)
{
    double at = rp_train_now(), spent = at - train->began, left, speed;
    uint64_t to_go = train->planned > train->step
                         ? train->planned - train->step
                         : 0;

    if (train->quiet || (!epoch_done && at - train->shown < 10))
        return;
    train->shown = at;
    speed = spent > 0 ? (double)train->notes_here / spent : 0;
    left = train->steps_here
               ? (double)to_go * spent / (double)train->steps_here
               : 0;
    if (train->options.time_limit > 0) {
        double limit = 60 * train->options.time_limit - rp_train_spent(train);
        left = limit < left ? limit : left;
    }
    left = left > 0 ? left : 0;
    printf("epoch %u of %u  step %" PRIu64 "  loss %.4f", train->epoch,
           train->options.epochs, train->step, rp_train_nats(&train->tally));
    if (train->valid.notes)
        printf("  valid %.4f  best %.4f", rp_train_nats(&train->valid),
               train->best);
    printf("  lr %.2e  %.0f notes/s  %d:%02d left\n", (double)rp_train_rate(train),
           speed, (int)left / 60, (int)left % 60);
    fflush(stdout);
}

static void keep_good(struct rp_train *train)
{
    size_t size = train->net.layout.size;
    memcpy(train->good, train->params, size * sizeof(float));
    memcpy(train->good + size, train->state,
           train->state_size * sizeof(float));
    train->good_step = train->step;
    train->good_at = train->at;
    train->good_tally = train->tally;
}

/* The loss is no number any more: back to where the epoch began, or was taken
 * up in its middle, at half the rate. */
static rp_status go_back(struct rp_train *train)
{
    size_t size = train->net.layout.size;

    if (train->slower < 1e-3) {
        rp_log(RP_ERROR, "train",
               "the loss is not a number however small the rate; best so far "
               "%.4f is in %s",
               train->best, train->folder);
        return RP_EFORMAT;
    }
    train->slower /= 2;
    rp_log(RP_WARN, "train",
           "step %" PRIu64 ": the loss is not a number; back to step %" PRIu64
           " with %g of the rate",
           train->step, train->good_step, train->slower);
    memcpy(train->params, train->good, size * sizeof(float));
    memcpy(train->state, train->good + size,
           train->state_size * sizeof(float));
    train->step = train->good_step;
    train->at = train->good_at;
    train->tally = train->good_tally;
    return RP_OK;
}

static rp_status learn_batch(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    struct rp_train_tally tally = { 0 };
    struct rp_optimizer_step step = {
        .step = train->step + 1,
        .lr = rp_train_rate(train),
        .weight_decay = options->weight_decay,
        .momentum = options->momentum,
        .beta2 = options->beta2,
        .epsilon = options->epsilon,
        .nesterov = options->nesterov,
        .scale = 1,
    };
    double norm;

    rp_train_net_set(&train->net, train->params, options->recurrent_dropout,
                     options->seed * 7919 + train->step);
    rp_train_batch_run(train, &train->plan, train->at, true, &tally);
    norm = rp_train_norm(&train->net.layout, train->frozen, train->gradient);
    if (!isfinite(norm) || !isfinite(rp_train_nats(&tally)))
        return go_back(train);
    if (options->clip > 0 && norm > (double)options->clip)
        step.scale = (float)((double)options->clip / norm);
    rp_train_update(&train->net.layout, train->optimizer, &step,
                    train->frozen, train->gradient, train->params,
                    train->state);
    if (train->average)
        rp_train_average(train->net.layout.size, options->average,
                         step.step, train->params, train->average);
    for (int f = 0; f < RP_FIELDS; f++)
        train->tally.loss[f] += tally.loss[f];
    train->tally.notes += tally.notes;
    train->notes_here += tally.notes;
    train->step++;
    train->at++;
    train->steps_here++;
    return RP_OK;
}

static void validate(struct rp_train *train)
{
    struct rp_train_tally tally = { 0 };

    rp_train_net_set(&train->net,
                     train->average ? train->average : train->params, 0, 0);
    for (uint32_t i = 0; i < train->valid_plan.batches; i++)
        rp_train_batch_run(train, &train->valid_plan, i, false, &tally);
    train->valid = tally;
}

/* Keeps the weights if they are the best so far. Without validation they
 * always are; no number never is. */
static rp_status keep_best(struct rp_train *train)
{
    double nats = rp_train_nats(&train->valid);

    if (train->valid.notes && !(nats < train->best))
        return RP_OK;
    if (train->valid.notes)
        train->best = nats;
    train->since_best = 0;
    return rp_train_save(train, "best.safetensors", false);
}

static rp_status end_epoch(struct rp_train *train)
{
    rp_status status;

    train->epoch++;
    train->at = 0;
    validate(train);
    train->since_best++;
    status = keep_best(train);
    if (train->since_best && !strcmp(train->options.schedule, "plateau"))
        train->decayed *= (double)train->options.decay;
    if (!status)
        status = rp_train_csv(train);
    if (!status)
        status = rp_train_save(train, "last.safetensors", true);
    show(train, true);
    return status;
}

static bool is_out_of_time(const struct rp_train *train)
{
    return train->options.time_limit > 0 && rp_train_progress(train) >= 1;
}

static bool is_over(const struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;

    return train->epoch >= options->epochs ||
           (options->patience && train->since_best >= options->patience) ||
           is_out_of_time(train);
}

static bool must_stop(const struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;

    return (train->stop && *train->stop) ||
           (options->steps_max && train->steps_here >= options->steps_max);
}

/* In the middle of an epoch: told to stop, or out of time. What ran out of
 * time has come to the end of its cosine, so it may be the best. */
static rp_status leave(struct rp_train *train)
{
    rp_status status = rp_train_save(train, "last.safetensors", true);

    if (status || must_stop(train))
        return status;
    validate(train);
    return keep_best(train);
}

static rp_status learn(struct rp_train *train)
{
    rp_status status = RP_OK;
    bool ended;

    train->began = train->shown = rp_train_now();
    ended = is_over(train);
    while (!status && !ended) {
        status = rp_train_plan_epoch(train);
        if (train->at == 0)
            memset(&train->tally, 0, sizeof train->tally);
        keep_good(train);
        while (!status && train->at < train->plan.batches) {
            if (must_stop(train) || is_out_of_time(train))
                return leave(train);
            status = learn_batch(train);
            show(train, false);
        }
        if (!status)
            status = end_epoch(train);
        ended = is_over(train) || must_stop(train);
    }
    return status;
}

rp_status rp_train_run(const struct rp_train_options *options,
                       const volatile sig_atomic_t *stop, bool quiet,
                       struct rp_train_result *result)
{
    struct rp_train train = { .options = *options, .stop = stop,
                              .quiet = quiet };
    rp_status status = rp_train_setup(&train);
    if (!status && !quiet)
        printf("%s: %u pieces, %" PRIu64 " notes a pass, %zu weights, %s\n",
               train.folder, train.dataset.count, train.plan.notes,
               train.net.layout.size, train.net.k->name);
    if (!status)
        status = learn(&train);
    if (!status && result) {
        memcpy(result->folder, train.folder, sizeof result->folder);
        result->steps = train.step;
        result->epoch = train.epoch;
        result->train = rp_train_nats(&train.tally);
        result->valid = rp_train_nats(&train.valid);
        result->best = train.best;
    }
    rp_train_fini(&train);
    return status;
}
