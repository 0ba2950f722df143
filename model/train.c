#include "model/train.h"

#include <math.h>
#include <string.h>

#include "model/train_run.h"
#include "model/train_update.h"
#include "rt/log.h"

enum { AUTOSAVE = 600 }; /* seconds: no kill costs more */

/* A step on the CPU; RP_ENONE: the loss is lost, nothing was changed. */
static rp_status learn_here(struct rp_train *train,
                            struct rp_optimizer_step *step,
                            struct rp_train_tally *tally)
{
    const struct rp_train_options *options = &train->options;
    double norm;

    rp_train_net_set(&train->net, train->net.precision, train->params,
                     options->recurrent_dropout,
                     rp_train_net_seed(train, train->step));
    rp_train_batch_run(train, &train->plan, train->at, true, tally);
    norm = rp_train_norm(train->team, &train->net.layout, train->frozen,
                         train->gradient);
    if (rp_train_good_lost(train, tally, norm))
        return RP_ENONE;
    if (options->clip > 0 && norm > (double)options->clip)
        step->scale = (float)((double)options->clip / norm);
    rp_train_update(train->team, &train->net.layout, train->optimizer, step,
                    train->frozen, train->gradient, train->params,
                    train->state);
    if (train->average)
        rp_train_average(train->net.layout.size, options->average, step->step,
                         train->params, train->average);
    tally->norm = norm;
    return RP_OK;
}

/* The same on another engine, which has made the step when the loss is known:
 * the way back undoes that, too. */
static rp_status learn_there(struct rp_train *train,
                             struct rp_optimizer_step *step,
                             struct rp_train_tally *tally)
{
    rp_status status = rp_train_learner_run(train, &train->plan, train->at,
                                            true, step, tally);

    if (status)
        return status;
    return rp_train_good_lost(train, tally, tally->norm) ? RP_ENONE : RP_OK;
}

static rp_status learn_batch(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    struct rp_train_tally tally = {0};
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
    double began = rp_train_now();
    rp_status status = train->learner ? learn_there(train, &step, &tally)
                                      : learn_here(train, &step, &tally);

    if (status == RP_ENONE)
        return rp_train_good_return(train);
    if (status)
        return status;
    tally.batches = 1;
    rp_train_tally_add(&train->tally, &tally);
    train->notes_here += tally.notes;
    train->learned += rp_train_now() - began;
    train->step++;
    train->at++;
    train->steps_here++;
    return RP_OK;
}

static rp_status validate(struct rp_train *train)
{
    struct rp_train_tally tally = {0};
    rp_status status = RP_OK;

    if (!train->learner)
        rp_train_net_set(&train->net, RP_FP32,
                         train->average ? train->average : train->params, 0,
                         0);
    for (uint32_t i = 0; i < train->valid_plan.batches && !status; i++)
        if (train->learner)
            status = rp_train_learner_run(train, &train->valid_plan, i, false,
                                          NULL, &tally);
        else
            rp_train_batch_run(train, &train->valid_plan, i, false, &tally);
    train->valid = tally;
    return status;
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
    return rp_train_save_best(train);
}

static rp_status end_epoch(struct rp_train *train)
{
    rp_status status;

    train->epoch++;
    train->at = 0;
    status = validate(train);
    if (status)
        return status;
    train->usual = fmin(train->usual, rp_train_nats(&train->tally));
    train->since_best++;
    status = keep_best(train);
    if (train->since_best && !strcmp(train->options.schedule, "plateau"))
        train->decayed *= (double)train->options.decay;
    if (!status)
        status = rp_train_persist(train, rp_train_table_add);
    if (!status)
        status = rp_train_persist(train, rp_train_board_epoch);
    if (!status)
        status = rp_train_save_epoch(train);
    rp_train_show_epoch(train);
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

bool rp_train_must_stop(const struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;

    return (train->stop && *train->stop) ||
           (options->steps_max && train->steps_here >= options->steps_max);
}

/* In the middle of an epoch: told to stop, or out of time. What ran out of
 * time has come to the end of its cosine, so it may be the best. */
static rp_status leave(struct rp_train *train)
{
    rp_status status = rp_train_save_last(train);

    if (status || rp_train_must_stop(train))
        return status;
    status = validate(train);
    if (!status)
        status = keep_best(train);
    /* Taken up again, the run knows how good its best is. */
    return status ? status : rp_train_save_last(train);
}

static rp_status after_batch(struct rp_train *train)
{
    rp_status status = rp_train_persist(train, rp_train_board_step);

    if (!status && rp_train_now() - train->saved > AUTOSAVE &&
        !rp_train_plan_carries(&train->plan, train->at))
        status = rp_train_save_last(train);
    rp_train_show_step(train);
    return status;
}

static rp_status learn(struct rp_train *train)
{
    rp_status status = RP_OK;
    bool ended;

    train->patient = true;
    train->began = train->shown = train->saved = rp_train_now();
    ended = is_over(train);
    while (!status && !ended) {
        status = rp_train_plan_epoch(train);
        train->epoch_began = rp_train_now();
        if (train->at == 0) {
            memset(&train->tally, 0, sizeof train->tally);
            if (!status)
                status = rp_train_good_keep(train);
        }
        while (!status && train->at < train->plan.batches) {
            /* A state that is carried is not saved. */
            bool whole = !rp_train_plan_carries(&train->plan, train->at);
            if (whole && (rp_train_must_stop(train) || is_out_of_time(train)))
                return leave(train);
            status = learn_batch(train);
            if (!status)
                status = after_batch(train);
        }
        if (!status)
            status = end_epoch(train);
        ended = is_over(train) || rp_train_must_stop(train);
    }
    return status;
}

rp_status rp_train_run(const struct rp_train_options *options,
                       const volatile sig_atomic_t *stop, bool quiet,
                       struct rp_train_result *result)
{
    struct rp_train train = {.options = *options, .stop = stop, .quiet = quiet};
    rp_status status = rp_train_setup(&train);
    if (!status)
        rp_train_show_begin(&train);
    if (!status)
        status = learn(&train);
    if (status == RP_ELOST)
        rp_log(RP_ERROR, "train",
               "the engine is lost; what was saved is in %s, and --resume "
               "takes it up again, with --engine cpu too",
               train.folder);
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
