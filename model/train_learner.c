/* Training on another engine than the CPU (train_ops.h). The trainer fills the
 * next batch and sends it while the engine works on this one; it waits between
 * steps, when that is done already, so that a loss is judged before the next
 * step begins, as on the CPU. */
#include <string.h>

#include "model/net/engine.h"
#include "model/train_options.h"
#include "model/train_run.h"
#include "rt/log.h"

enum { PARTS_MAX = 64 }; /* shards of a batch */

void rp_train_learner_choose(struct rp_train_options *options)
{
    const struct rp_engine_entry *entry;
    char text[sizeof entry->missing];
    uint32_t count;

    if (strcmp(options->engine, "auto"))
        return;
    options->engine = "cpu";
    entry = rp_engines(&count);
    for (uint32_t i = 1; i < count; i++)
        if (entry[i].ops && entry[i].ops->train &&
            rp_engine_probe(&entry[i], text, sizeof text)) {
            options->engine = entry[i].name;
            return;
        }
}

rp_status rp_train_learner_open(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    const struct rp_engine_ops *ops = NULL;
    const struct rp_learner_options how = {
        .shape = train->shape,
        .T = options->length,
        .B = options->batch,
        .precision = rp_train_precision(options),
        .optimizer = options->optimizer,
        .dropout = options->dropout > 0,
        .average = train->average != NULL,
        .stateful = options->stateful,
        .frozen = train->frozen,
    };
    rp_status status;

    if (!strcmp(options->engine, "cpu"))
        return RP_OK;
    status = rp_engine_find(options->engine, &ops);
    if (!status && !ops->train) {
        rp_log(RP_ERROR, "train", "engine %s only plays, expected cpu or cuda",
               options->engine);
        status = RP_ENONE;
    }
    if (!status)
        status = ops->train->create(&train->learner, &how);
    if (!status)
        train->ops = ops->train;
    return status;
}

void rp_train_learner_close(struct rp_train *train)
{
    if (train->learner)
        train->ops->destroy(train->learner);
    train->learner = NULL;
}

rp_status rp_train_learner_drain(struct rp_train *train)
{
    struct rp_learner_result result;
    rp_status status;

    if (!train->ahead)
        return RP_OK;
    train->ahead = NULL;
    status = train->ops->run(train->learner, NULL);
    return status ? status : train->ops->result(train->learner, &result);
}

rp_status rp_train_learner_set(struct rp_train *train)
{
    rp_status status;

    if (!train->learner)
        return RP_OK;
    status = rp_train_learner_drain(train);
    train->moved = false;
    return status ? status
                  : train->ops->set(train->learner, train->params,
                                    train->state);
}

/* What waits ahead changes nothing, so that may stay. */
rp_status rp_train_learner_get(struct rp_train *train)
{
    rp_status status;

    if (!train->moved)
        return RP_OK;
    status = train->ops->get(train->learner, train->params, train->state);
    train->moved = status != RP_OK;
    return status;
}

/* All rows go on as long as the longest. */
static uint64_t count_steps(const struct rp_train *train, uint32_t shards)
{
    uint32_t T = 1, B = 0;

    for (uint32_t s = 0; s < shards; s++) {
        const struct rp_batch *batch = &train->batch[s].batch;
        T = batch->T > T ? batch->T : T;
        B += batch->B;
    }
    return (uint64_t)(T - 1) * B;
}

/* Fills and puts a batch that `later` steps come before. */
static rp_status put(struct rp_train *train, const struct rp_train_plan *plan,
                     uint32_t index, bool backward, uint32_t later)
{
    const struct rp_train_options *options = &train->options;
    const struct rp_train_crop *crop = plan->crop + index * plan->batch;
    struct rp_learner_part part[PARTS_MAX];
    struct rp_learner_row row[PARTS_MAX * RP_TRAIN_ROWS];
    const struct rp_learner_pass pass = {
        .backward = backward,
        .average = !backward && train->average,
        .dropout = backward ? options->dropout : 0,
        .smoothing = backward ? options->smoothing : 0,
        .recurrent_dropout = backward ? options->recurrent_dropout : 0,
        .seed = rp_train_net_seed(train, train->step + later),
    };
    uint32_t shards = rp_train_batch_fill_all(train, plan, index, backward);
    rp_status status;

    for (uint32_t s = 0; s < shards; s++)
        part[s] = (struct rp_learner_part){
            &train->batch[s].batch,
            rp_train_shard_seed(train, train->step + later, s),
            options->stateful ? row + s * train->rows : NULL};
    for (uint32_t b = 0; options->stateful && b < plan->batch; b++)
        row[b] = (struct rp_learner_row){
            crop[b].carried, crop[b].goes_on ? crop[b].notes : 0};
    status = train->ops->put(train->learner, part, shards, &pass);
    if (status)
        return status;
    train->ahead = plan;
    train->ahead_index = index;
    train->ahead_notes = 0;
    train->ahead_steps = count_steps(train, shards);
    for (uint32_t s = 0; s < shards; s++)
        train->ahead_notes += train->batch[s].notes;
    return RP_OK;
}

static void add_up(const struct rp_learner_result *result, uint64_t notes,
                   struct rp_train_tally *tally)
{
    for (int f = 0; f < RP_FIELDS; f++) {
        tally->loss[f] += result->loss[f];
        tally->drawn[f] += result->drawn[f];
        tally->hits[f] += result->hits[f];
    }
    tally->notes += notes;
    tally->norm = result->norm;
}

rp_status rp_train_learner_run(struct rp_train *train,
                               const struct rp_train_plan *plan,
                               uint32_t index, bool backward,
                               const struct rp_optimizer_step *step,
                               struct rp_train_tally *tally)
{
    const struct rp_train_options *options = &train->options;
    struct rp_learner_update update = {.clip = options->clip,
                                       .average = options->average};
    struct rp_learner_result result;
    uint64_t notes;
    bool there = train->ahead == plan && train->ahead_index == index;
    rp_status status = there ? RP_OK : rp_train_learner_drain(train);

    if (!status && !there)
        status = put(train, plan, index, backward, 0);
    if (status)
        return status;
    notes = train->ahead_notes;
    train->steps_there += train->ahead_steps;
    train->ahead = NULL;
    if (step)
        update.step = *step;
    status = train->ops->run(train->learner, step ? &update : NULL);
    train->moved = train->moved || step;
    /* One that is only tried has none after it. */
    if (!status && (step || !backward) && index + 1 < plan->batches)
        status = put(train, plan, index + 1, backward, step != NULL);
    if (!status)
        status = train->ops->result(train->learner, &result);
    if (!status)
        add_up(&result, notes, tally);
    return status;
}
