#include "model/net/bench_engine.h"

#include <stdlib.h>
#include <string.h>

#include "model/net/bench_parts.h"
#include "model/net/engine_cpu.h"
#include "model/net/rng.h"
#include "model/net/sample.h"

enum { SLOTS = 16, NOTES = 64, BURST = 8 };

/* One thing to be measured: an engine of one shape with one path. */
struct trial {
    const struct rp_shape *shape;
    const struct rp_kernels *kernels; /* of the CPU */
    struct rp_engine *engine;
    uint32_t slots;
    struct rp_indices input[NOTES + SLOTS], condition[NOTES + SLOTS];
    float *buffer; /* as large as the weights of a note */
    size_t floats;
    float logits[RP_FIELDS][RP_SOFTMAX_MAX], state[RP_HIDDEN_MAX];
    volatile float sink;
    struct rp_bench_samples note, floor;
};

static bool in_use(const struct rp_shape *shape, int field)
{
    return rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)field) != 0;
}

/* What one note reads: dense weights whole, of the sparse ones the rows of the
 * nine inputs and six conditions that are usual. */
static size_t floats_read(const struct rp_shape *shape)
{
    const size_t H = shape->hidden, E = shape->head;
    size_t sum = (2 * shape->layers - 1) * 3 * H * H + 9 * 3 * H;

    for (int f = 0; f < RP_FIELDS; f++)
        if (in_use(shape, f))
            sum += E * H + 6 * E +
                   E * rp_round16(rp_vocabulary_classes(&shape->vocabulary,
                                                        (enum rp_field)f));
    return (sum + 127) / 128 * 128;
}

/* `count` indices below limit, ascending, different ones for each note. */
static void draw_indices(struct rp_rng *rng, uint32_t limit, uint32_t count,
                         struct rp_indices *out)
{
    out->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = limit * i / count, end = limit * (i + 1) / count;
        if (end > first)
            out->at[out->count++] =
                (uint16_t)(first + rp_rng_below(rng, end - first));
    }
}

/* All fields' conditions fit in the narrowest one that has any. */
static void draw_notes(struct trial *trial)
{
    const struct rp_vocabulary *vocabulary = &trial->shape->vocabulary;
    struct rp_rng rng;

    rp_rng_init(&rng, 1, 0);
    for (int i = 0; i < NOTES + SLOTS; i++) {
        draw_indices(&rng, rp_vocabulary_inputs(vocabulary), 9,
                     &trial->input[i]);
        draw_indices(&rng, rp_vocabulary_condition(vocabulary, RP_DT_REST), 6,
                     &trial->condition[i]);
    }
}

static rp_status trial_init(struct trial *trial,
                            const struct rp_engine_ops *ops)
{
    rp_status status =
        rp_bench_engine_make(&trial->engine, ops, trial->shape, SLOTS);

    if (status)
        return status;
    trial->floats = floats_read(trial->shape);
    trial->buffer = rp_floats_create(trial->floats);
    if (!trial->buffer)
        return RP_EMEM;
    if (trial->kernels)
        rp_engine_cpu_use(trial->engine, trial->kernels);
    draw_notes(trial);
    return RP_OK;
}

static void trial_fini(struct trial *trial)
{
    if (trial->engine)
        trial->engine->ops->destroy(trial->engine);
    free(trial->buffer);
}

static const uint32_t all_slots[SLOTS] = {0, 1, 2,  3,  4,  5,  6,  7,
                                          8, 9, 10, 11, 12, 13, 14, 15};

/* One note in each slot: a step, then every head. */
static rp_status play_note(struct trial *trial, uint32_t note)
{
    const struct rp_engine_ops *ops = trial->engine->ops;
    const struct rp_indices none = {0};
    rp_status status =
        ops->step(trial->engine, trial->slots, all_slots, trial->input + note);

    for (int f = 0; f < RP_FIELDS; f++) {
        if (!in_use(trial->shape, f))
            continue;
        for (uint32_t i = 0; i < trial->slots && !status; i++)
            status = ops->logits(trial->engine, i, (enum rp_field)f,
                                 f ? &trial->condition[note + i] : &none,
                                 trial->logits[f]);
    }
    return status;
}

/* Bursts of notes and of floors in turn, so that a neighbour who slows the
 * machine down slows down both; the first of each burst warms the cache. */
static rp_status play_notes(struct trial *trial, double seconds)
{
    double until = rp_bench_now_us() + seconds * 1e6;
    bool room = true;

    while (room && (!trial->note.count || rp_bench_now_us() < until)) {
        for (int i = -1; i < BURST; i++) {
            double began = rp_bench_now_us();
            rp_status status =
                play_note(trial, (trial->note.count + (uint32_t)i) % NOTES);
            if (status)
                return status;
            if (i >= 0)
                room = rp_bench_samples_add(&trial->note,
                                            rp_bench_now_us() - began);
        }
        for (int i = -1; trial->kernels && i < BURST; i++) {
            double began = rp_bench_now_us();
            trial->sink = trial->kernels->stream(trial->floats, trial->buffer);
            if (i >= 0)
                (void)rp_bench_samples_add(&trial->floor,
                                           rp_bench_now_us() - began);
        }
    }
    return RP_OK;
}

/* Steps alone, one after another, so many at least: the recurrent part. An
 * engine may come back before a step is done; who reads a state waits for
 * it. */
static rp_status step_on(struct trial *trial, double seconds, uint32_t least,
                         double *us)
{
    const struct rp_engine_ops *ops = trial->engine->ops;
    rp_status status = ops->state(trial->engine, 0, 0, trial->state);
    double began = rp_bench_now_us(), until = began + seconds * 0.25e6;
    uint32_t count = 0;

    do
        for (uint32_t i = 0; i < BURST && !status; i++)
            status = ops->step(trial->engine, trial->slots, all_slots,
                               trial->input + count++ % NOTES);
    while (!status && (count < least || rp_bench_now_us() < until));
    if (!status)
        status = ops->state(trial->engine, 0, 0, trial->state);
    if (!status)
        *us = (rp_bench_now_us() - began) / count / trial->slots;
    return status;
}

static rp_status measure(struct trial *trial, double seconds,
                         struct rp_bench_engine_row *row)
{
    rp_status status = play_notes(trial, seconds);

    if (!status)
        status = step_on(trial, seconds, BURST, &row->step_us);
    if (status)
        return status;
    if (trial->kernels) {
        rp_bench_samples_sum_up(&trial->floor, 1, row);
        row->floor_us = row->us;
    }
    rp_bench_samples_sum_up(&trial->note, trial->slots, row);
    row->bytes = 4.0 * (double)trial->floats;
    return RP_OK;
}

/* So many steps alone make a sample: who waits for them does so once. */
static rp_status measure_steps(struct trial *trial, double seconds,
                               struct rp_bench_engine_row *row)
{
    const double until = rp_bench_now_us() + seconds * 1e6;
    rp_status status = RP_OK;
    bool room = true;

    while (!status && room &&
           (!trial->note.count || rp_bench_now_us() < until)) {
        status = step_on(trial, 0, NOTES, &row->step_us);
        if (!status)
            room = rp_bench_samples_add(&trial->note, row->step_us);
    }
    rp_bench_samples_sum_up(&trial->note, 1, row);
    return status;
}

/* Of which network, and with which of the CPU's kernels. */
struct subject {
    const struct rp_shape *shape;
    const struct rp_kernels *kernels;
};

static rp_status measure_note(struct rp_bench_engine *bench,
                              struct rp_bench_engine_row *row,
                              const void *with)
{
    const struct subject *subject = with;
    struct trial *trial = calloc(1, sizeof *trial);
    rp_status status;

    if (!trial)
        return RP_EMEM;
    trial->shape = subject->shape;
    trial->kernels = subject->kernels;
    trial->slots = row->slots;
    status = trial_init(trial, bench->options.ops);
    if (!status)
        status = row->what == RP_BENCH_LAYERS
                     ? measure_steps(trial, bench->options.seconds, row)
                     : measure(trial, bench->options.seconds, row);
    trial_fini(trial);
    free(trial);
    return status;
}

static rp_status add_row(struct rp_bench_engine *bench,
                         enum rp_bench_what what,
                         const struct rp_shape *shape, uint32_t slots,
                         const struct rp_kernels *kernels, const char *path)
{
    const struct subject subject = {shape, kernels};
    const struct rp_bench_engine_row row = {.what = what,
                                            .kernels = kernels ? kernels->name
                                                               : path,
                                            .layers = shape->layers,
                                            .hidden = shape->hidden,
                                            .head = shape->head,
                                            .slots = slots};

    return rp_bench_engine_add(bench, &row, measure_note, &subject);
}

static rp_status add_cpu(struct rp_bench_engine *bench,
                         const struct rp_shape *shape)
{
    static const char *const paths[] = {"avx512", "avx2", "portable"};
    const struct rp_kernels *best = rp_kernels();
    rp_status status = add_row(bench, RP_BENCH_NOTE, shape, 1, best, "");

    if (!status)
        status = add_row(bench, RP_BENCH_NOTE, shape, SLOTS, best, "");
    for (int i = 0; !status && i < 3; i++) {
        const struct rp_kernels *path = rp_kernels_find(paths[i]);
        if (path && path != best)
            status = add_row(bench, RP_BENCH_NOTE, shape, 1, path, "");
    }
    return status;
}

static rp_status add_shape(struct rp_bench_engine *bench,
                           const struct rp_shape *shape)
{
    rp_status status = RP_OK, one;
    const char *path;

    if (bench->options.ops == &rp_engine_cpu)
        return add_cpu(bench, shape);
    for (uint32_t p = 0; (path = rp_bench_engine_path(bench, p)); p++) {
        rp_bench_engine_take(path);
        one = add_row(bench, RP_BENCH_NOTE, shape, 1, NULL, path);
        if (!one)
            one = add_row(bench, RP_BENCH_NOTE, shape, SLOTS, NULL, path);
        if (!one)
            one = add_row(bench, RP_BENCH_LAYERS, shape, 1, NULL, path);
        status = status ? status : one;
    }
    return status;
}

/* Five draws with everything on: temperature, top-k and top-p. */
static double measure_draw(void)
{
    static const uint32_t classes[] = {64, 24, 128, 64, 24};
    const struct rp_mask all = {{UINT64_MAX, UINT64_MAX}};
    const struct rp_taste taste = {0.9f, 0.95f, 40};
    float logits[128];
    struct rp_bench_samples *samples = calloc(1, sizeof *samples);
    struct rp_bench_engine_row row = {0};
    struct rp_rng rng;
    int sum = 0;

    rp_rng_init(&rng, 2, 0);
    for (int i = 0; samples && i < 1000; i++) {
        for (int k = 0; k < 128; k++)
            logits[k] = 6.0f * rp_rng_float(&rng);
        double began = rp_bench_now_us();
        for (int f = 0; f < 5; f++)
            sum += rp_sample(logits, classes[f], all, &taste, 0.5f);
        (void)rp_bench_samples_add(samples, rp_bench_now_us() - began);
    }
    if (samples && sum >= 0)
        rp_bench_samples_sum_up(samples, 1, &row);
    free(samples);
    return row.us;
}

rp_status rp_bench_engine_run(struct rp_bench_engine *bench,
                              const struct rp_bench_engine_options *options)
{
    const struct rp_shape *shape;
    rp_status status = RP_OK, one;
    uint32_t count;

    *bench = (struct rp_bench_engine){.options = *options};
    (void)options->ops->probe(bench->device, sizeof bench->device);
    if (options->shape)
        status = add_shape(bench, options->shape);
    shape = rp_bench_engine_shapes(bench, &count);
    for (uint32_t i = 0; i < count; i++) {
        one = add_shape(bench, &shape[i]);
        status = status ? status : one;
    }
    bench->draw_us = measure_draw();
    rp_bench_engine_judge(bench);
    return status;
}
