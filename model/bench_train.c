#include "model/bench_train.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/net/rng.h"
#include "model/train_options.h"
#include "model/train_run.h"
#include "model/train_update.h"
#include "rt/log.h"

enum { ROUNDS_MAX = 1000, PIECES = 600 };

static const char *const stage_names[RP_STAGES + 1] = {
    "fill", "input", "recurrent", "heads", "backward", "weights", "update",
};

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
    norm = rp_train_norm(&train->net.layout, train->frozen, train->gradient);
    update.step = train->step + 1;
    update.lr = 1e-4f;
    update.scale = norm > 1 ? (float)(1 / norm) : 1;
    rp_train_update(&train->net.layout, &rp_optimizers[RP_ADAMW], &update,
                    train->frozen, train->gradient, train->params,
                    train->state);
    train->step++;
    return spent + rp_train_now() - begun;
}

/* Products alone: 2 for each weight forward, 4 backward. */
static double count_flops(const struct rp_train *train, double *steps)
{
    const struct rp_shape *shape = &train->shape;
    double H = shape->hidden, E = shape->head, sum = 0;

    for (uint32_t s = 0; s < train->shards; s++) {
        const struct rp_batch *batch = &train->batch[s].batch;
        double rows = (double)(batch->T ? batch->T - 1 : 0) * batch->B;
        *steps += rows;
        sum += rows * (2.0 * shape->layers - 1) * 3 * H * H;
        for (int f = 0; f < RP_FIELDS; f++) {
            uint32_t N =
                rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)f);
            sum += (double)train->shard[s].drawn[f] * (E * H + N * E);
        }
    }
    return 6 * sum;
}

/* One way of training, while it is measured. */
struct trial {
    enum rp_precision precision;
    double speed[ROUNDS_MAX], core[ROUNDS_MAX];
    double seconds, flops, update, spent[RP_STAGES]; /* all rounds */
};

static double core_seconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void run_round(struct rp_train *train, struct trial *trial,
                      uint32_t steps, uint32_t number)
{
    struct rp_train_tally tally = {0};
    double begun = rp_train_now(), core = core_seconds();
    double taken = 0, flops = 0, seconds;

    for (uint32_t s = 0; s < train->shards; s++)
        memset(train->shard[s].spent, 0, sizeof train->shard[s].spent);
    for (uint32_t i = 0; i < steps; i++) {
        trial->update += step(train, trial->precision, &tally);
        flops += count_flops(train, &taken);
    }
    seconds = rp_train_now() - begun;
    trial->seconds += seconds;
    trial->speed[number] = taken / seconds;
    trial->core[number] = taken / (core_seconds() - core);
    trial->flops = flops / taken;
    for (uint32_t s = 0; s < train->shards; s++)
        for (int i = 0; i < RP_STAGES; i++)
            trial->spent[i] += train->shard[s].spent[i];
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The stages' seconds were counted on every thread, the update's on one. */
static void sum_up(struct trial *trial, uint32_t rounds,
                   struct rp_bench_train_row *row)
{
    double sum = 0, update = trial->update / trial->seconds;

    qsort(trial->speed, rounds, sizeof *trial->speed, compare);
    qsort(trial->core, rounds, sizeof *trial->core, compare);
    row->name = rp_precision_names[trial->precision];
    row->kernels = rp_cells(trial->precision)->name;
    row->notes_s = trial->speed[rounds / 2];
    row->least_s = trial->speed[0];
    row->most_s = trial->speed[rounds - 1];
    row->core_s = trial->core[rounds / 2];
    row->gflops = row->notes_s * trial->flops * 1e-9;
    for (int i = 0; i < RP_STAGES; i++)
        sum += trial->spent[i];
    for (int i = 0; i < RP_STAGES; i++)
        row->share[i] = sum > 0 ? trial->spent[i] * (1 - update) / sum : 0;
    row->share[RP_STAGES] = update;
}

/* In turns, so that what else the machine does hits all alike; the first
 * round only warms up. */
static void measure(struct rp_train *train, struct rp_bench_train *bench,
                    struct trial *trial)
{
    const struct rp_bench_train_options *options = &bench->options;

    for (int p = 0; p < RP_PRECISIONS; p++)
        if (options->precision[p])
            trial[bench->rows++].precision = (enum rp_precision)p;
    for (uint32_t i = 0; i < bench->rows; i++) {
        struct trial warm = {.precision = trial[i].precision};
        run_round(train, &warm, 1, 0);
    }
    for (uint32_t round = 0; round < options->rounds; round++)
        for (uint32_t i = 0; i < bench->rows; i++)
            run_round(train, &trial[i], options->steps, round);
    for (uint32_t i = 0; i < bench->rows; i++)
        sum_up(&trial[i], options->rounds, &bench->row[i]);
}

rp_status rp_bench_train_run(struct rp_bench_train *bench,
                             const struct rp_bench_train_options *options)
{
    struct rp_train train = {0};
    struct trial trial[RP_BENCH_TRAIN_ROWS] = {0};
    rp_status status = create(&train, options);

    memset(bench, 0, sizeof *bench);
    bench->options = *options;
    if (bench->options.rounds > ROUNDS_MAX)
        bench->options.rounds = ROUNDS_MAX;
    if (!status) {
        bench->threads = rp_team_threads(train.team);
        bench->weights = train.net.layout.size;
        measure(&train, bench, trial);
    }
    if (status == RP_EMEM)
        rp_log(RP_ERROR, "bench", "out of memory");
    fini(&train);
    return status;
}

static void print_text(const struct rp_bench_train *bench, FILE *out)
{
    const struct rp_bench_train_options *options = &bench->options;

    fprintf(out,
            "training %u x %u, head %u, %zu weights; batch %u, %u notes a "
            "row, %u threads\nnotes/s: GRU steps, median of %u rounds of %u "
            "steps (least, most)\n",
            options->layers, options->hidden, options->head, bench->weights,
            options->batch, options->length, bench->threads, options->rounds,
            options->steps);
    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_train_row *row = &bench->row[i];
        fprintf(out,
                "%-5s %-9s %8.0f notes/s (%.0f, %.0f)  %.0f GFLOP/s; "
                "%.0f a core\n ",
                row->name, row->kernels, row->notes_s, row->least_s,
                row->most_s, row->gflops, row->core_s);
        for (int s = 0; s <= RP_STAGES; s++)
            fprintf(out, "%s %s %.1f %%", s ? "," : "", stage_names[s],
                    100 * row->share[s]);
        putc('\n', out);
    }
}

static void print_json(const struct rp_bench_train *bench, FILE *out)
{
    const struct rp_bench_train_options *options = &bench->options;

    fprintf(out,
            "{\"layers\":%u,\"hidden\":%u,\"head\":%u,\"weights\":%zu,"
            "\"batch\":%u,\"length\":%u,\"threads\":%u,\"rows\":[",
            options->layers, options->hidden, options->head, bench->weights,
            options->batch, options->length, bench->threads);
    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_train_row *row = &bench->row[i];
        fprintf(out,
                "%s\n{\"name\":\"%s\",\"kernels\":\"%s\",\"notes_s\":%.1f,"
                "\"least_s\":%.1f,\"most_s\":%.1f,\"core_s\":%.1f,"
                "\"gflops\":%.2f,\"share\":{",
                i ? "," : "", row->name, row->kernels, row->notes_s,
                row->least_s, row->most_s, row->core_s, row->gflops);
        for (int s = 0; s <= RP_STAGES; s++)
            fprintf(out, "%s\"%s\":%.4f", s ? "," : "", stage_names[s],
                    row->share[s]);
        fputs("}}", out);
    }
    fputs("]}\n", out);
}

void rp_bench_train_print(const struct rp_bench_train *bench, bool json,
                          FILE *out)
{
    if (json)
        print_json(bench, out);
    else
        print_text(bench, out);
}
