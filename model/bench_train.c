#include "model/bench_train.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/bench_torch.h"
#include "model/net/bench_card.h"
#include "model/net/engine.h"
#include "model/net/rng.h"
#include "model/train_options.h"
#include "model/train_run.h"
#include "model/train_update.h"
#include "rt/log.h"

enum { ROUNDS_MAX = 1000, PIECES = 600 };

/* A walk over a scale in even and dotted rhythms; long enough that every crop
 * of a batch is full. */
static rp_status make_piece(struct rp_piece *piece, uint32_t number,
                            uint32_t count)
{
    static const uint8_t scale[] = {60, 62, 64, 65, 67, 69, 71, 72, 74, 76};
    static const uint8_t length[] = {12, 12, 12, 24, 24, 6, 6, 18, 36, 48};
    struct rp_rng rng;
    uint32_t degree = 4;
    int32_t tick = 0;

    piece->note = calloc(count, sizeof *piece->note);
    piece->metre = calloc(1, sizeof *piece->metre);
    if (!piece->note || !piece->metre)
        return RP_EMEM;
    rp_rng_init(&rng, 1, number);
    for (uint32_t i = 0; i < count; i++) {
        int32_t ticks = length[rp_rng_below(&rng, 10)];
        degree = (degree + 9 + rp_rng_below(&rng, 3)) % 10;
        piece->note[i] = (struct rp_note){.onset = tick,
                                          .duration = ticks,
                                          .pitch = scale[degree],
                                          .velocity = 80};
        tick += ticks;
    }
    piece->metre[0].metre = (struct rp_metre){4, 4};
    piece->metres = 1;
    piece->count = count;
    piece->split = RP_TRAIN;
    piece->low = 60;
    piece->high = 76;
    return RP_OK;
}

static rp_status make_notes(struct rp_train *train)
{
    struct rp_dataset *set = &train->dataset;
    rp_status status = RP_OK;

    set->vocabulary = train->shape.vocabulary;
    set->piece = calloc(PIECES, sizeof *set->piece);
    if (!set->piece)
        return RP_EMEM;
    for (set->count = 0; set->count < PIECES && !status; set->count++)
        status = make_piece(&set->piece[set->count], set->count,
                            2 * train->options.length);
    return status;
}

static rp_status read_notes(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    struct rp_dataset_options how = {.vocabulary = train->shape.vocabulary,
                                     .role = options->role,
                                     .min_notes = 16,
                                     .max_rest_bars = 2};
    struct rp_train_plan_options plan = {.split = RP_TRAIN,
                                         .length = options->length,
                                         .batch = options->batch,
                                         .seed = 1,
                                         .augment = true};
    rp_status status = options->dirs
                           ? rp_dataset_read(options->dir, options->dirs, &how,
                                             &train->dataset)
                           : make_notes(train);

    return status ? status
                  : rp_train_plan_create(&train->dataset, &plan, &train->plan);
}

static rp_status create(struct rp_train *train,
                        const struct rp_bench_train_options *asked)
{
    struct rp_train_options *options = &train->options;
    rp_status status;
    size_t size;

    rp_train_defaults(options);
    options->dir = asked->dir;
    options->dirs = asked->dirs;
    options->layers = asked->layers;
    options->hidden = asked->hidden;
    options->head = asked->head;
    options->batch = asked->batch;
    options->length = asked->length;
    options->threads = asked->threads;
    options->dropout = 0;
    train->shape = (struct rp_shape){
        .layers = options->layers,
        .hidden = options->hidden,
        .head = options->head,
        .vocabulary = {.resolution = 24, .metre = true},
    };
    status = rp_train_net_create(&train->net, &train->shape, RP_FP32);
    if (!status)
        status = read_notes(train);
    if (status)
        return status;
    size = train->net.layout.size;
    train->params = rp_floats_create(size + 64);
    train->gradient = rp_floats_create(size + 64);
    train->state = rp_floats_create(2 * size);
    if (!train->params || !train->gradient || !train->state)
        return RP_EMEM;
    rp_shape_init_params(&train->shape, 1, train->params);
    return rp_train_step_create(train);
}

static void fini(struct rp_train *train)
{
    rp_train_step_fini(train);
    free(train->params);
    free(train->gradient);
    free(train->state);
    rp_train_plan_fini(&train->plan);
    rp_train_net_fini(&train->net);
    rp_dataset_fini(&train->dataset);
}

/* One step as a run takes it. Returns the seconds of the update. */
static double step(struct rp_train *train, enum rp_precision precision,
                   struct rp_train_tally *tally)
{
    struct rp_optimizer_step update = rp_optimizers[RP_ADAMW].usual;
    double begun = rp_train_now(), spent, norm;

    rp_train_net_set(&train->net, precision, train->params, 0, 0);
    spent = rp_train_now() - begun;
    rp_train_batch_run(train, &train->plan,
                       (uint32_t)(train->step % train->plan.batches), true,
                       tally);
    begun = rp_train_now();
    norm = rp_train_norm(train->team, &train->net.layout, train->frozen,
                         train->gradient);
    update.step = train->step + 1;
    update.lr = 1e-4f;
    update.scale = norm > 1 ? (float)(1 / norm) : 1;
    rp_train_update(train->team, &train->net.layout, &rp_optimizers[RP_ADAMW],
                    &update, train->frozen, train->gradient, train->params,
                    train->state);
    train->step++;
    return spent + rp_train_now() - begun;
}

/* Products alone: 2 for each weight forward, 4 backward. */
static double count_flops(const struct rp_train *train, double steps,
                          const struct rp_train_tally *tally)
{
    const struct rp_shape *shape = &train->shape;
    double H = shape->hidden, E = shape->head;
    double sum = steps * (2.0 * shape->layers - 1) * 3 * H * H;

    for (int f = 0; f < RP_FIELDS; f++) {
        uint32_t N =
            rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)f);
        sum += (double)tally->drawn[f] * (E * H + N * E);
    }
    return 6 * sum;
}

/* GRU steps of the batch that the CPU has just learned from. */
static double count_steps(const struct rp_train *train)
{
    double steps = 0;

    for (uint32_t s = 0; s < train->shards; s++) {
        const struct rp_batch *batch = &train->batch[s].batch;
        steps += (double)(batch->T ? batch->T - 1 : 0) * batch->B;
    }
    return steps;
}

/* One step on another engine. */
static rp_status step_there(struct rp_train *train,
                            struct rp_train_tally *tally)
{
    struct rp_optimizer_step update = rp_optimizers[RP_ADAMW].usual;

    update.step = ++train->step;
    update.lr = 1e-4f;
    return rp_train_learner_run(
        train, &train->plan,
        (uint32_t)((train->step - 1) % train->plan.batches), true, &update,
        tally);
}

/* One way of training, while it is measured. */
struct trial {
    enum rp_precision precision;
    bool torch;
    const char *path; /* of the CUDA module: kernel by kernel, or as graphs */
    struct rp_learner *learner; /* NULL: the CPU or PyTorch */
    rp_status status;           /* what it failed with; it is left out then */
    double speed[ROUNDS_MAX], core[ROUNDS_MAX];
    double seconds, flops, update, spent[RP_STAGES]; /* all rounds */
};

static double core_seconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static rp_status run_round(struct rp_train *train, struct trial *trial,
                           uint32_t steps, uint32_t number)
{
    struct rp_train_tally tally = {0};
    double begun = rp_train_now(), core = core_seconds();
    double taken = 0, seconds;
    rp_status status = RP_OK;

    for (uint32_t s = 0; s < train->shards; s++)
        memset(train->shard[s].spent, 0, sizeof train->shard[s].spent);
    train->learner = trial->learner;
    train->steps_there = 0;
    for (uint32_t i = 0; i < steps && !status; i++) {
        if (trial->learner) {
            status = step_there(train, &tally);
        } else {
            trial->update += step(train, trial->precision, &tally);
            taken += count_steps(train);
        }
    }
    if (status)
        return status;
    taken += (double)train->steps_there;
    seconds = rp_train_now() - begun;
    trial->seconds += seconds;
    trial->speed[number] = taken / seconds;
    trial->core[number] = taken / (core_seconds() - core);
    trial->flops = count_flops(train, taken, &tally) / taken;
    for (uint32_t s = 0; s < train->shards; s++)
        for (int i = 0; i < RP_STAGES; i++)
            trial->spent[i] += train->shard[s].spent[i];
    return rp_train_learner_drain(train); /* the next round is another's */
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* As many GRU steps of the batch that it was given. */
static rp_status run_torch(struct rp_bench_torch *torch, struct trial *trial,
                           const struct rp_batch *batch, uint32_t steps,
                           uint32_t number)
{
    double seconds = 1, core = 1, taken = (double)steps * batch->B;
    rp_status status =
        rp_bench_torch_run(torch, trial->precision, steps, &seconds, &core);

    taken *= batch->T - 1;
    trial->speed[number] = taken / seconds;
    trial->core[number] = taken / core;
    return status;
}

/* The stages' seconds were counted on every thread, the update's on one. */
static void share_out(const struct trial *trial, struct rp_bench_train_row *row)
{
    double sum = 0, update = trial->update / trial->seconds;

    for (int i = 0; i < RP_STAGES; i++)
        sum += trial->spent[i];
    for (int i = 0; i < RP_STAGES; i++)
        row->share[i] = sum > 0 ? trial->spent[i] * (1 - update) / sum : 0;
    row->share[RP_STAGES] = update;
}

static void sum_up(struct trial *trial, uint32_t rounds, double flops,
                   struct rp_bench_train_row *row)
{
    qsort(trial->speed, rounds, sizeof *trial->speed, compare);
    qsort(trial->core, rounds, sizeof *trial->core, compare);
    row->notes_s = trial->speed[rounds / 2];
    row->least_s = trial->speed[0];
    row->most_s = trial->speed[rounds - 1];
    row->core_s = trial->core[rounds / 2];
    row->gflops = row->notes_s * flops * 1e-9;
    if (trial->torch || trial->learner)
        return;
    snprintf(row->how, sizeof row->how, "%s", rp_cells(trial->precision)->name);
    share_out(trial, row);
}

/* What is being measured. */
struct bench {
    struct rp_bench_train *out;
    struct rp_train train;
    struct rp_train_batch whole; /* the first batch, for PyTorch */
    struct rp_bench_torch torch;
    bool has_torch;
    struct trial trial[RP_BENCH_TRAIN_ROWS];
};

/* What fails is left out from then on; the first failure. */
static rp_status run_all(struct bench *bench, uint32_t steps, uint32_t number)
{
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < bench->out->rows; i++) {
        struct trial *trial = &bench->trial[i];
        if (trial->status)
            continue;
        if (trial->torch)
            trial->status = run_torch(&bench->torch, trial,
                                      &bench->whole.batch, steps, number);
        else
            trial->status = run_round(&bench->train, trial, steps, number);
        status = status ? status : trial->status;
    }
    return status;
}

/* With another engine, a learner for each of its ways. What is tried first is
 * prepared first, so each has its own weights and batch on the way. */
static rp_status open_learners(struct bench *bench)
{
    struct rp_train *train = &bench->train;
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < bench->out->rows; i++) {
        struct trial *trial = &bench->trial[i];
        if (!bench->out->options.engine || trial->torch)
            continue;
        train->options.engine = bench->out->options.engine;
        train->options.precision = rp_precision_names[trial->precision];
        train->learner = NULL;
        setenv("RIPOSTE_CUDA_TRAIN", trial->path, 1);
        trial->status = rp_train_learner_open(train);
        trial->learner = train->learner;
        if (!trial->status)
            trial->status = rp_train_learner_set(train);
        status = status ? status : trial->status;
    }
    train->learner = NULL;
    return status;
}

static void close_learners(struct bench *bench)
{
    for (uint32_t i = 0; i < RP_BENCH_TRAIN_ROWS; i++) {
        bench->train.learner = bench->trial[i].learner;
        rp_train_learner_close(&bench->train);
    }
}

/* For each precision our own ways, then PyTorch's. */
static void list_trials(struct bench *bench)
{
    static const char *const path[] = {"plain", "graph"};
    struct rp_bench_train *out = bench->out;
    int ways = out->options.engine ? 2 : 1;

    for (int p = 0; p < RP_PRECISIONS; p++)
        for (int way = 0; way < ways + bench->has_torch; way++)
            if (out->options.precision[p])
                bench->trial[out->rows++] =
                    (struct trial){.precision = (enum rp_precision)p,
                                   .torch = way == ways,
                                   .path = path[way % ways]};
}

/* Against PyTorch's row, of our rows of the same precision. */
static void compare_with(const struct rp_bench_train_row *torch,
                         struct rp_bench_train *out)
{
    for (uint32_t i = 0; i < out->rows; i++) {
        struct rp_bench_train_row *row = &out->row[i];
        if (row->torch || row->status || row->precision != torch->precision)
            continue;
        row->ratio = row->notes_s / torch->notes_s;
        row->core_ratio = row->core_s / torch->core_s;
    }
}

static void sum_all_up(struct bench *bench)
{
    struct rp_bench_train *out = bench->out;
    double flops = 0;

    for (uint32_t i = 0; i < out->rows; i++) {
        struct trial *trial = &bench->trial[i];
        struct rp_bench_train_row *row = &out->row[i];
        row->precision = trial->precision;
        row->torch = trial->torch;
        row->status = trial->status;
        snprintf(row->how, sizeof row->how, "%s",
                 trial->path ? trial->path : "");
        if (row->status)
            continue;
        flops = trial->torch ? flops : trial->flops;
        sum_up(trial, out->options.rounds, flops, row);
        if (trial->learner)
            snprintf(row->how, sizeof row->how, "%s",
                     bench->train.ops->about(trial->learner));
        if (trial->torch) {
            snprintf(row->how, sizeof row->how, "%s",
                     bench->torch.how[row->precision]);
            compare_with(row, out);
        }
    }
}

/* In turns, so that what else the machine does hits all alike; a round of one
 * step only warms up. */
static rp_status measure(struct bench *bench)
{
    const struct rp_bench_train_options *options = &bench->out->options;
    rp_status status, first;

    list_trials(bench);
    status = open_learners(bench);
    if (status == RP_ENONE) { /* said why; there is nothing to measure */
        bench->out->rows = 0;
        return status;
    }
    first = run_all(bench, 1, 0);
    status = status ? status : first;
    for (uint32_t i = 0; i < RP_BENCH_TRAIN_ROWS; i++) {
        bench->trial[i].seconds = bench->trial[i].update = 0;
        memset(bench->trial[i].spent, 0, sizeof bench->trial[i].spent);
    }
    for (uint32_t round = 0; round < options->rounds; round++) {
        first = run_all(bench, options->steps, round);
        status = status ? status : first;
    }
    sum_all_up(bench);
    return status;
}

/* Loss of the batch that PyTorch gets, to see that the two networks are one. */
static void take_loss(struct bench *bench)
{
    struct rp_train *train = &bench->train;
    struct rp_train_tally tally = {0};
    double weight = 0, nats = 0;

    rp_train_net_set(&train->net, RP_FP32, train->params, 0, 0);
    rp_train_batch_run(train, &train->plan, 0, false, &tally);
    for (uint32_t s = 0; s < train->shards; s++)
        weight += train->shard[s].weight;
    for (int f = 0; f < RP_FIELDS; f++)
        nats += tally.loss[f];
    bench->out->loss = weight > 0 ? nats / weight : 0;
}

static rp_status open_torch(struct bench *bench)
{
    struct rp_train *train = &bench->train;
    const struct rp_train_options *options = &train->options;
    struct rp_bench_train *out = bench->out;
    struct rp_train_batch_options heard = {.seed = options->seed};
    uint32_t rows =
        train->plan.count < options->batch ? train->plan.count : options->batch;
    struct rp_bench_torch_work work = {.python = out->options.torch,
                                       .shape = &train->shape,
                                       .params = train->params,
                                       .batch = &bench->whole.batch,
                                       .threads = out->threads,
                                       .device = out->options.engine,
                                       .precision = out->options.precision};
    rp_status status =
        rp_train_batch_create(&bench->whole, options->length, rows);

    if (status)
        return status;
    rp_train_batch_fill(&bench->whole, &train->dataset, train->plan.crop, rows,
                        &heard);
    rp_log(RP_INFO, "bench", "waiting for PyTorch to find its best set-up");
    status = rp_bench_torch_open(&bench->torch, &work, out->torch_skipped,
                                 sizeof out->torch_skipped);
    bench->has_torch = !status;
    out->torch_loss = bench->torch.loss;
    memcpy(out->torch_version, bench->torch.version, sizeof out->torch_version);
    memcpy(out->torch_kernels, bench->torch.kernels, sizeof out->torch_kernels);
    return status == RP_ENONE ? RP_OK : status;
}

/* While it is still warm. */
static void look_at_device(struct bench *bench)
{
    const struct rp_engine_ops *ops;
    struct rp_bench_train *out = bench->out;

    rp_bench_card(out->clocks, sizeof out->clocks);
    if (!rp_engine_find(out->options.engine, &ops))
        (void)ops->probe(out->device, sizeof out->device);
}

rp_status rp_bench_train_run(struct rp_bench_train *out,
                             const struct rp_bench_train_options *options)
{
    const struct rp_engine_ops *ops;
    struct bench *bench = calloc(1, sizeof *bench);
    rp_status status = bench ? create(&bench->train, options) : RP_EMEM;

    memset(out, 0, sizeof *out);
    out->options = *options;
    if (out->options.rounds > ROUNDS_MAX)
        out->options.rounds = ROUNDS_MAX;
    if (!status) {
        bench->out = out;
        out->threads = rp_team_threads(bench->train.team);
        out->weights = bench->train.net.layout.size;
        if (options->engine)
            status = rp_engine_find(options->engine, &ops);
    }
    if (!status) {
        take_loss(bench);
        if (options->torch)
            status = open_torch(bench);
    }
    if (!status)
        status = measure(bench);
    if (bench && bench->out && options->engine)
        look_at_device(bench);
    if (status == RP_EMEM)
        rp_log(RP_ERROR, "bench", "out of memory");
    if (bench) {
        rp_bench_torch_close(&bench->torch);
        close_learners(bench);
        rp_train_batch_fini(&bench->whole);
        fini(&bench->train);
    }
    free(bench);
    return status;
}
