#include "model/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/data/frames.h"
#include "model/train_options.h"
#include "model/train_run.h"
#include "model/train_update.h"
#include "rt/log.h"

enum { VALID_NOTES = 60000 }; /* about so many are looked at per epoch */

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
    struct rp_train_update update = { .step = train->step + 1,
                                      .lr = rp_train_rate(train),
                                      .weight_decay = options->weight_decay,
                                      .scale = 1 };
    double norm;

    rp_train_net_set(&train->net, train->params, options->recurrent_dropout,
                     options->seed * 7919 + train->step);
    rp_train_batch_run(train, &train->plan, train->at, true, &tally);
    norm = rp_train_norm(train->gradient, train->net.layout.size);
    if (!isfinite(norm) || !isfinite(rp_train_nats(&tally)))
        return go_back(train);
    if (options->clip > 0 && norm > (double)options->clip)
        update.scale = (float)((double)options->clip / norm);
    rp_train_update(&train->net.layout, &update, train->gradient,
                    train->params, train->state);
    if (train->average)
        rp_train_average(train->net.layout.size, options->average,
                         update.step, train->params, train->average);
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

static rp_status plan_epoch(struct rp_train *train, uint32_t epoch,
                            struct rp_train_plan *plan)
{
    const struct rp_train_options *options = &train->options;
    struct rp_train_plan_options how = {
        .split = RP_TRAIN,
        .length = options->length,
        .batch = options->batch,
        .seed = options->seed,
        .epoch = epoch,
        .augment = true,
        .metre_drop = options->metre_drop,
    };

    rp_train_plan_fini(plan);
    return rp_train_plan_create(&train->dataset, &how, plan);
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
        status = plan_epoch(train, train->epoch, &train->plan);
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

/* `from`: weights of another run, whose shape this one takes. */
static rp_status take_from(struct rp_train *train, float **params)
{
    struct rp_card card = { 0 };
    struct rp_shape shape;
    rp_status status = rp_checkpoint_load(train->options.from, &shape, params,
                                          &card, NULL, NULL);

    if (status)
        return status;
    rp_card_fini(&card);
    train->shape = shape;
    train->options.layers = shape.layers;
    train->options.hidden = shape.hidden;
    train->options.head = shape.head;
    train->options.metre = shape.vocabulary.metre;
    train->options.velocity = shape.vocabulary.velocity;
    train->options.resolution = shape.vocabulary.resolution;
    return RP_OK;
}

static rp_status read_data(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    struct rp_dataset_options how = {
        .vocabulary = train->shape.vocabulary,
        .role = options->role,
        .min_notes = 16,
        .max_rest_bars = 2,
    };
    struct rp_train_plan_options valid = {
        .split = RP_VALID,
        .length = options->length,
        .batch = options->batch,
        .seed = options->seed,
        .notes_max = VALID_NOTES,
    };
    rp_status status =
        options->frames
            ? rp_dataset_read_frames(options->dir[0], &how.vocabulary,
                                     &train->dataset)
            : rp_dataset_read(options->dir, options->dirs, &how,
                              &train->dataset);

    if (status)
        return status;
    status = rp_train_plan_create(&train->dataset, &valid, &train->valid_plan);
    if (status == RP_ENONE)
        rp_log(RP_WARN, "train",
               "no piece fell into the validation split: every epoch counts "
               "as the best");
    if (status && status != RP_ENONE)
        return status;
    status = plan_epoch(train, 0, &train->plan);
    if (status == RP_ENONE)
        rp_log(RP_ERROR, "train", "no piece fell into the training split");
    train->planned = (uint64_t)train->plan.batches * options->epochs;
    return status;
}

static rp_status make_params(struct rp_train *train, const float *from)
{
    size_t size;
    bool averaged;
    rp_status status = rp_train_net_create(&train->net, &train->shape);

    if (status)
        return status;
    size = train->net.layout.size;
    /* Kernels may read and write a little past the end. */
    train->params = rp_floats_create(size + 64);
    train->gradient = rp_floats_create(size + 64);
    averaged = train->options.average > 0;
    train->state_size = (averaged ? 3 : 2) * size;
    train->state = rp_floats_create(train->state_size + (averaged ? 64 : 0));
    train->good = rp_floats_create(size + train->state_size);
    if (!train->params || !train->gradient || !train->state || !train->good)
        return RP_EMEM;
    if (from)
        memcpy(train->params, from, size * sizeof *from);
    else
        rp_shape_init_params(&train->shape, (uint32_t)train->options.seed,
                             train->params);
    if (averaged) {
        train->average = train->state + 2 * size;
        memcpy(train->average, train->params, size * sizeof(float));
    }
    return rp_train_step_create(train);
}

static rp_status prepare(struct rp_train *train)
{
    struct rp_train_options *options = &train->options;
    float *from = NULL;
    rp_status status = RP_OK;

    train->shape = (struct rp_shape){
        .layers = options->layers,
        .hidden = options->hidden,
        .head = options->head,
        .vocabulary = { .resolution = options->resolution,
                        .metre = options->metre,
                        .velocity = options->velocity },
    };
    train->slower = train->decayed = 1;
    train->best = INFINITY;
    if (options->from && !options->resume)
        status = take_from(train, &from);
    if (status)
        return status;
    status = rp_shape_check(&train->shape);
    if (!status)
        status = read_data(train);
    if (!status)
        status = make_params(train, from);
    free(from);
    if (status == RP_EMEM)
        rp_log(RP_ERROR, "train", "out of memory");
    if (status)
        return status;
    if (!options->resume)
        return rp_train_folder_create(train);
    snprintf(train->folder, sizeof train->folder, "%s", options->resume);
    return rp_train_resume(train);
}

static void fini(struct rp_train *train)
{
    rp_train_step_fini(train);
    for (int i = 0; i < 4; i++)
        free(train->text[i]);
    free(train->params);
    free(train->gradient);
    free(train->state);
    free(train->good);
    rp_train_plan_fini(&train->plan);
    rp_train_plan_fini(&train->valid_plan);
    rp_train_net_fini(&train->net);
    rp_dataset_fini(&train->dataset);
}

/* What the card says where nothing else was said now. */
static const char *recall_text(struct rp_train *train, int i, const char *key,
                               const struct rp_card *card, const char *given)
{
    const char *text = rp_card_get(card, key);

    if (given || !text)
        return given;
    train->text[i] = strdup(text);
    return train->text[i];
}

/* A resumed run goes on with the options it was begun with. */
static rp_status recall(struct rp_train *train)
{
    struct rp_train_options *options = &train->options;
    struct rp_card card = { 0 };
    struct rp_shape shape;
    float *params = NULL;
    char path[600];
    rp_status status;

    snprintf(path, sizeof path, "%s/last.safetensors", options->resume);
    status = rp_checkpoint_load(path, &shape, &params, &card, NULL, NULL);
    if (status)
        return status;
    free(params);
    status = rp_train_options_load(options, &card);
    options->resolution = shape.vocabulary.resolution;
    options->message =
        recall_text(train, 0, "message", &card, options->message);
    options->licence =
        recall_text(train, 1, "licence", &card, options->licence);
    options->attribution =
        recall_text(train, 2, "attribution", &card, options->attribution);
    /* How it was begun is what reproduces it. */
    options->command = recall_text(train, 3, "command", &card, NULL);
    rp_card_fini(&card);
    return status;
}

rp_status rp_train_run(const struct rp_train_options *options,
                       const volatile sig_atomic_t *stop, bool quiet,
                       struct rp_train_result *result)
{
    struct rp_train train = { .options = *options, .stop = stop,
                              .quiet = quiet };
    rp_status status = RP_OK;

    if (options->resume)
        status = recall(&train);
    if (!status)
        status = prepare(&train);
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
    fini(&train);
    return status;
}
