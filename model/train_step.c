/* One batch, cut into shards of rows that the team's threads share. */
#include <stdlib.h>
#include <string.h>

#include "model/train_run.h"
#include "rt/log.h"

/* Rows of a shard: two shards at least, so that two cores are busy with a
 * small batch too, and no more than the weights are worth reading for. What
 * it is decides in which order gradients are added, so it looks at the batch
 * alone, never at the machine. */
static uint32_t shard_rows(uint32_t batch)
{
    uint32_t half = (batch + 1) / 2;
    return half < RP_TRAIN_ROWS ? half : RP_TRAIN_ROWS;
}

rp_status rp_train_step_create(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    uint32_t rows = shard_rows(options->batch);
    rp_status status = rp_team_create(&train->team, options->threads);

    train->net.team = train->team;
    train->rows = rows;
    train->shards = (options->batch + rows - 1) / rows;
    train->shard = calloc(train->shards, sizeof *train->shard);
    train->batch = calloc(train->shards, sizeof *train->batch);
    train->start = calloc(train->shards, sizeof *train->start);
    if (!status && (!train->shard || !train->batch || !train->start))
        return RP_EMEM;
    for (uint32_t i = 0; i < train->shards && !status; i++) {
        status = rp_train_batch_create(&train->batch[i], options->length,
                                       rows);
        if (!status && options->stateful) {
            train->start[i] = rp_floats_create((size_t)train->shape.layers *
                                               rows * train->shape.hidden);
            status = train->start[i] ? RP_OK : RP_EMEM;
        }
        if (!status && !train->learner)
            status = rp_train_shard_create(&train->shard[i], &train->net,
                                           options->length, rows);
    }
    return status;
}

void rp_train_step_fini(struct rp_train *train)
{
    for (uint32_t i = 0; i < train->shards; i++) {
        if (train->shard)
            rp_train_shard_fini(&train->shard[i]);
        if (train->batch)
            rp_train_batch_fini(&train->batch[i]);
        if (train->start)
            free(train->start[i]);
    }
    free(train->start);
    free(train->shard);
    free(train->batch);
    rp_team_destroy(train->team);
}

struct step {
    struct rp_train *train;
    const struct rp_train_crop *crop;
    uint32_t rows;
    bool backward;
};

/* Where a carried row ended; zero for the others. */
static void set_start(struct rp_train *train, uint32_t s,
                      const struct rp_train_crop *crop, uint32_t rows)
{
    size_t H = train->shape.hidden;

    for (size_t i = 0; i < (size_t)train->shape.layers * rows; i++)
        if (!crop[i % rows].carried)
            memset(train->start[s] + i * H, 0, H * sizeof(float));
    train->batch[s].batch.start = train->start[s];
}

static void keep_start(struct rp_train *train, uint32_t s,
                       const struct rp_train_crop *crop, uint32_t rows)
{
    size_t H = train->shape.hidden;

    for (uint32_t l = 0; l < train->shape.layers; l++)
        for (uint32_t b = 0; b < rows; b++)
            if (crop[b].goes_on)
                rp_train_shard_state(&train->net, &train->shard[s],
                                     &train->batch[s].batch, l, crop[b].notes,
                                     b,
                                     train->start[s] +
                                         ((size_t)l * rows + b) * H);
}

static uint32_t rows_of(const struct step *step, uint32_t s)
{
    uint32_t left = step->rows - s * step->train->rows;
    return left < step->train->rows ? left : step->train->rows;
}

static void fill_shard(void *self, uint32_t s)
{
    struct step *step = self;
    struct rp_train *train = step->train;
    const struct rp_train_options *options = &train->options;
    bool learn = step->backward;
    struct rp_train_batch_options heard = {
        .seed = options->seed,
        .epoch = train->epoch,
        /* What never hears a duration is validated without any. */
        .held = learn || options->held >= 1 ? options->held : 0,
        .input_dropout = learn ? options->input_dropout : 0,
    };

    rp_train_batch_fill(&train->batch[s], &train->dataset,
                        step->crop + s * train->rows, rows_of(step, s),
                        &heard);
}

uint64_t rp_train_shard_seed(const struct rp_train *train, uint64_t step,
                             uint32_t shard)
{
    return train->options.seed * 1000003 + step * 64 + shard;
}

uint64_t rp_train_net_seed(const struct rp_train *train, uint64_t step)
{
    return train->options.seed * 7919 + step;
}

static void run_shard(void *self, uint32_t s)
{
    struct step *step = self;
    struct rp_train *train = step->train;
    const struct rp_train_options *options = &train->options;
    bool learn = step->backward;
    struct rp_train_pass pass = {
        .backward = learn,
        .dropout = learn ? options->dropout : 0,
        .smoothing = learn ? options->smoothing : 0,
        .seed = rp_train_shard_seed(train, train->step, s),
    };
    const struct rp_train_crop *crop = step->crop + s * train->rows;
    uint32_t rows = rows_of(step, s);

    rp_train_lap(&train->shard[s], RP_STAGES);
    fill_shard(step, s);
    if (options->stateful)
        set_start(train, s, crop, rows);
    rp_train_lap(&train->shard[s], RP_STAGE_FILL);
    rp_train_shard_run(&train->net, &train->shard[s], &train->batch[s].batch,
                       &pass);
    if (options->stateful)
        keep_start(train, s, crop, rows);
}

/* In the order of the shards, whoever ran them. */
static void add_up(struct rp_train *train, uint32_t shards, bool backward,
                   struct rp_train_tally *tally)
{
    double weight = 0;

    for (uint32_t s = 0; s < shards; s++) {
        for (int f = 0; f < RP_FIELDS; f++) {
            tally->loss[f] += train->shard[s].loss[f];
            tally->drawn[f] += train->shard[s].drawn[f];
            tally->hits[f] += train->shard[s].hits[f];
        }
        tally->notes += train->batch[s].notes;
        weight += train->shard[s].weight;
    }
    if (backward)
        rp_train_net_gradient(&train->net, train->shard, shards,
                              (float)(weight > 0 ? 1 / weight : 0),
                              train->gradient);
}

static struct step step_of(struct rp_train *train,
                           const struct rp_train_plan *plan, uint32_t index,
                           bool backward, uint32_t *shards)
{
    uint32_t first = index * plan->batch, left = plan->count - first;
    struct step step = { .train = train, .backward = backward };

    step.crop = plan->crop + first;
    step.rows = left < plan->batch ? left : plan->batch;
    *shards = (step.rows + train->rows - 1) / train->rows;
    return step;
}

uint32_t rp_train_batch_fill_all(struct rp_train *train,
                                 const struct rp_train_plan *plan,
                                 uint32_t index, bool learn)
{
    uint32_t shards;
    struct step step = step_of(train, plan, index, learn, &shards);

    rp_team_run(train->team, shards, fill_shard, &step);
    return shards;
}

void rp_train_batch_run(struct rp_train *train,
                        const struct rp_train_plan *plan, uint32_t index,
                        bool backward, struct rp_train_tally *tally)
{
    uint32_t shards;
    struct step step = step_of(train, plan, index, backward, &shards);

    rp_team_run(train->team, shards, run_shard, &step);
    add_up(train, shards, backward, tally);
}
