#include "model/net/bench_engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/net/engine_cpu.h"
#include "model/net/rng.h"
#include "model/net/sample.h"

enum { SLOTS = 16, NOTES = 64, SAMPLES_MAX = 4000 };

/* One thing to be measured: an engine of one shape with one path. */
struct trial {
    const struct rp_shape *shape;
    const struct rp_kernels *kernels;
    struct rp_engine *engine;
    uint32_t slots;
    struct rp_indices input[NOTES + SLOTS], condition[NOTES + SLOTS];
    float *buffer; /* as large as the weights of a note */
    size_t floats;
    float logits[RP_FIELDS][RP_SOFTMAX_MAX];
    volatile float sink;
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

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
                            const struct rp_engine_ops *ops,
                            const struct rp_shape *shape, uint32_t slots,
                            const struct rp_kernels *kernels)
{
    struct rp_layout layout;

    *trial = (struct trial){.shape = shape,
                            .kernels = kernels,
                            .slots = slots,
                            .floats = floats_read(shape)};
    rp_shape_layout(shape, &layout);
    rp_status status = ops->create(&trial->engine, shape, SLOTS);
    if (status)
        return status;
    float *params = rp_floats_create(layout.size);
    trial->buffer = rp_floats_create(trial->floats);
    if (!params || !trial->buffer) {
        free(params);
        return RP_EMEM;
    }
    rp_shape_init_params(shape, 1, params);
    status = ops->set_params(trial->engine, params);
    free(params);
    if (kernels)
        rp_engine_cpu_use(trial->engine, kernels);
    draw_notes(trial);
    return status;
}

static void trial_fini(struct trial *trial)
{
    if (trial->engine)
        trial->engine->ops->destroy(trial->engine);
    free(trial->buffer);
}

/* One note in each slot: a step, then every head. */
static rp_status play_note(struct trial *trial, uint32_t note)
{
    static const uint32_t slot[SLOTS] = {0, 1, 2,  3,  4,  5,  6,  7,
                                         8, 9, 10, 11, 12, 13, 14, 15};
    const struct rp_engine_ops *ops = trial->engine->ops;
    const struct rp_indices none = {0};
    rp_status status =
        ops->step(trial->engine, trial->slots, slot, trial->input + note);

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

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *sample, uint32_t count)
{
    qsort(sample, count, sizeof *sample, compare);
    return sample[count / 2];
}

/* Bursts of notes and of floors in turn, so that a neighbour who slows the
 * machine down slows down both; the first of each burst warms the cache. */
static rp_status measure(struct trial *trial, double seconds,
                         struct rp_bench_engine_row *row)
{
    enum { BURST = 8 };
    static double note_us[SAMPLES_MAX], floor_us[SAMPLES_MAX];
    double until = now_us() + seconds * 1e6;
    uint32_t count = 0;

    while (count + BURST <= SAMPLES_MAX && (!count || now_us() < until)) {
        for (int i = -1; i < BURST; i++) {
            double began = now_us();
            rp_status status = play_note(trial, (count + (uint32_t)i) % NOTES);
            if (status)
                return status;
            if (i >= 0)
                note_us[count + (uint32_t)i] = now_us() - began;
        }
        for (int i = -1; trial->kernels && i < BURST; i++) {
            double began = now_us();
            trial->sink = trial->kernels->stream(trial->floats, trial->buffer);
            if (i >= 0)
                floor_us[count + (uint32_t)i] = now_us() - began;
        }
        count += BURST;
    }
    row->us = median(note_us, count) / trial->slots;
    row->least_us = note_us[0] / trial->slots;
    row->p999_us = note_us[count - 1 - count / 1000] / trial->slots;
    row->floor_us = trial->kernels ? median(floor_us, count) : 0;
    row->bytes = 4.0 * (double)trial->floats;
    return RP_OK;
}

static rp_status add_row(struct rp_bench_engine *bench,
                         const struct rp_engine_ops *ops,
                         const struct rp_shape *shape, uint32_t slots,
                         const struct rp_kernels *kernels, const char *path,
                         double seconds)
{
    struct rp_bench_engine_row row = {.engine = ops->name,
                                      .kernels = kernels ? kernels->name : path,
                                      .layers = shape->layers,
                                      .hidden = shape->hidden,
                                      .head = shape->head,
                                      .slots = slots};
    struct trial *trial = calloc(1, sizeof *trial);

    if (!trial)
        return RP_EMEM;
    rp_status status = trial_init(trial, ops, shape, slots, kernels);
    if (!status)
        status = measure(trial, seconds, &row);
    if (!status && bench->rows < RP_BENCH_ENGINE_ROWS)
        bench->row[bench->rows++] = row;
    trial_fini(trial);
    free(trial);
    return status;
}

static rp_status add_cpu(struct rp_bench_engine *bench,
                         const struct rp_engine_ops *ops,
                         const struct rp_shape *shape, double seconds)
{
    static const char *const paths[] = {"avx512", "avx2", "portable"};
    const struct rp_kernels *best = rp_kernels();
    rp_status status = add_row(bench, ops, shape, 1, best, "", seconds);

    if (!status)
        status = add_row(bench, ops, shape, SLOTS, best, "", seconds);
    for (int i = 0; !status && i < 3; i++) {
        const struct rp_kernels *path = rp_kernels_find(paths[i]);
        if (path && path != best)
            status = add_row(bench, ops, shape, 1, path, "", seconds);
    }
    return status;
}

const char *const *rp_bench_engine_paths(const struct rp_engine_ops *ops)
{
    static const char *const cuda[] = {"plain", "graph", "persistent",
                                       "bf16", NULL};
    static const char *const one[] = {"", NULL};

    return strcmp(ops->name, "cuda") ? one : cuda;
}

void rp_bench_engine_take(const char *path)
{
    if (*path)
        setenv("RIPOSTE_CUDA_PATH", path, 1);
}

static rp_status add_shape(struct rp_bench_engine *bench,
                           const struct rp_engine_ops *ops,
                           const struct rp_shape *shape, double seconds)
{
    const char *const *path = rp_bench_engine_paths(ops);
    rp_status status = RP_OK;

    if (ops == &rp_engine_cpu)
        return add_cpu(bench, ops, shape, seconds);
    for (; *path && !status; path++) {
        rp_bench_engine_take(*path);
        status = add_row(bench, ops, shape, 1, NULL, *path, seconds);
        if (!status)
            status = add_row(bench, ops, shape, SLOTS, NULL, *path, seconds);
    }
    return status;
}

/* Five draws with everything on: temperature, top-k and top-p. */
static double measure_draw(void)
{
    static const uint32_t classes[] = {64, 24, 128, 64, 24};
    static double sample[1000];
    const struct rp_mask all = {{UINT64_MAX, UINT64_MAX}};
    const struct rp_taste taste = {0.9f, 0.95f, 40};
    float logits[128];
    struct rp_rng rng;
    int sum = 0;

    rp_rng_init(&rng, 2, 0);
    for (int i = 0; i < 1000; i++) {
        for (int k = 0; k < 128; k++)
            logits[k] = 6.0f * rp_rng_float(&rng);
        double began = now_us();
        for (int f = 0; f < 5; f++)
            sum += rp_sample(logits, classes[f], all, &taste, 0.5f);
        sample[i] = now_us() - began;
    }
    return sum >= 0 ? median(sample, 1000) : 0;
}

rp_status rp_bench_engine_run(struct rp_bench_engine *bench,
                              const struct rp_engine_ops *ops,
                              const struct rp_shape *shape, double seconds)
{
    const struct rp_shape two_512 = {2, 512, 256, {24, true, false}};
    rp_status status = RP_OK;

    *bench = (struct rp_bench_engine){0};
    (void)ops->probe(bench->device, sizeof bench->device);
    if (shape)
        status = add_shape(bench, ops, shape, seconds);
    if (!status)
        status = add_shape(bench, ops, &two_512, seconds);
    bench->draw_us = measure_draw();
    return status;
}

bool rp_bench_engine_within(const struct rp_bench_engine_row *row)
{
    return row->floor_us > 0 &&
           row->us <=
               RP_BENCH_ENGINE_FLOORS * row->floor_us + RP_BENCH_ENGINE_MORE_US;
}

static void print_text(const struct rp_bench_engine *bench, FILE *out)
{
    fprintf(out,
            "%s\none note: a step and all heads; microseconds, median\n"
            "engine kernels   shape     head slots    us/note    least"
            "    99.9 %%      floor  weights\n",
            bench->device);
    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_engine_row *row = &bench->row[i];
        fprintf(out, "%-6s %-9s %u x %-5u %4u %5u %10.1f %8.1f %9.1f",
                row->engine, row->kernels, row->layers, row->hidden, row->head,
                row->slots, row->us, row->least_us, row->p999_us);
        if (row->floor_us > 0)
            fprintf(out, " %10.1f %6.2f MB", row->floor_us, row->bytes * 1e-6);
        if (row->floor_us > 0 && row->slots == 1)
            fprintf(out, "  %.2f floors%s", row->us / row->floor_us,
                    rp_bench_engine_within(row) ? ", within 1.3 + 20 us" : "");
        putc('\n', out);
    }
    fprintf(out, "drawing five fields of a note: %.1f us\n"
                 "rollouts: candidates x notes in one call\n"
                 "engine path      shape     candidates      us, median"
                 "      99.9 %%  notes\n",
            bench->draw_us);
    for (uint32_t i = 0; i < bench->rollouts; i++) {
        const struct rp_bench_engine_rollout *row = &bench->rollout[i];
        fprintf(out, "%-6s %-9s %u x %-5u %5u x %-3u %14.1f %11.1f %6u\n",
                row->engine, row->path, row->layers, row->hidden,
                row->candidates, row->most, row->us, row->p999_us, row->notes);
    }
}

static void print_json(const struct rp_bench_engine *bench, FILE *out)
{
    fprintf(out, "{\"device\":\"%s\",\"rows\":[", bench->device);
    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_engine_row *row = &bench->row[i];
        fprintf(out,
                "%s\n{\"engine\":\"%s\",\"kernels\":\"%s\",\"layers\":%u,"
                "\"hidden\":%u,\"head\":%u,\"slots\":%u,\"us\":%.2f,"
                "\"least_us\":%.2f,\"p999_us\":%.2f,\"floor_us\":%.2f,"
                "\"bytes\":%.0f,\"within\":%s}",
                i ? "," : "", row->engine, row->kernels, row->layers,
                row->hidden, row->head, row->slots, row->us, row->least_us,
                row->p999_us, row->floor_us, row->bytes,
                rp_bench_engine_within(row) ? "true" : "false");
    }
    fprintf(out, "],\n\"rollouts\":[");
    for (uint32_t i = 0; i < bench->rollouts; i++) {
        const struct rp_bench_engine_rollout *row = &bench->rollout[i];
        fprintf(out,
                "%s\n{\"engine\":\"%s\",\"path\":\"%s\",\"layers\":%u,"
                "\"hidden\":%u,\"candidates\":%u,\"most\":%u,\"notes\":%u,"
                "\"us\":%.2f,\"p999_us\":%.2f}",
                i ? "," : "", row->engine, row->path, row->layers, row->hidden,
                row->candidates, row->most, row->notes, row->us, row->p999_us);
    }
    fprintf(out, "],\n\"draw_us\":%.2f}\n", bench->draw_us);
}

void rp_bench_engine_print(const struct rp_bench_engine *bench, bool json,
                           FILE *out)
{
    if (json)
        print_json(bench, out);
    else
        print_text(bench, out);
}
