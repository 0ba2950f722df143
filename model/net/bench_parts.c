#include "model/net/bench_parts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/log.h"

double rp_bench_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

bool rp_bench_samples_add(struct rp_bench_samples *samples, double us)
{
    if (samples->count == RP_BENCH_SAMPLES)
        return false;
    samples->us[samples->count++] = us;
    return true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rp_bench_samples_sum_up(struct rp_bench_samples *samples, uint32_t each,
                             struct rp_bench_engine_row *row)
{
    const double *us = samples->us;
    uint32_t count = samples->count;

    if (!count)
        return;
    qsort(samples->us, count, sizeof *us, compare);
    row->samples = count;
    row->us = us[count / 2] / each;
    row->least_us = us[0] / each;
    row->p99_us = us[count - 1 - count / 100] / each;
    row->p999_us = us[count - 1 - count / 1000] / each;
    row->most_us = us[count - 1] / each;
}

rp_status rp_bench_engine_make(struct rp_engine **engine,
                               const struct rp_engine_ops *ops,
                               const struct rp_shape *shape, uint32_t slots)
{
    struct rp_layout layout;
    float *params;
    rp_status status;

    rp_shape_layout(shape, &layout);
    params = rp_floats_create(layout.size);
    if (!params)
        return RP_EMEM;
    rp_shape_init_params(shape, 1, params);
    status = ops->create(engine, shape, slots);
    if (!status)
        status = ops->set_params(*engine, params);
    if (status && *engine) {
        ops->destroy(*engine);
        *engine = NULL;
    }
    free(params);
    return status;
}

/* Whether what was to be measured on this path has failed already. */
static bool is_broken(const struct rp_bench_engine *bench, const char *path)
{
    for (uint32_t i = 0; i < bench->rows; i++)
        if (bench->row[i].status && !strcmp(bench->row[i].kernels, path))
            return true;
    return false;
}

const char *const rp_bench_what_names[RP_BENCH_WHATS] = {"note", "layers",
                                                         "live", "rollout"};

static bool is_asked(const struct rp_bench_engine_options *options,
                     const struct rp_bench_engine_row *row)
{
    if (options->what && strcmp(options->what, rp_bench_what_names[row->what]))
        return false;
    if (row->what != RP_BENCH_ROLLOUT)
        return true;
    return (!options->only || row->candidates == options->only) &&
           (!options->only_notes || row->most == options->only_notes);
}

/* A row as it comes, for who watches, and for who finds the log of a run that
 * was killed. */
static void say(const struct rp_bench_engine_row *row)
{
    if (row->status)
        rp_log(RP_WARN, "bench", "%s, %u x %u, path '%s': it failed",
               rp_bench_what_names[row->what], row->layers, row->hidden,
               row->kernels);
    else
        rp_log(RP_INFO, "bench", "%s, %u x %u, %s, %u of %u: %.1f us",
               rp_bench_what_names[row->what], row->layers, row->hidden,
               row->kernels,
               row->slots ? row->slots : row->candidates,
               row->slots ? 1 : row->most, row->us);
}

const struct rp_shape *
rp_bench_engine_shapes(const struct rp_bench_engine *bench, uint32_t *count)
{
    static const struct rp_shape large[] = {{2, 512, 256, {24, true, false}},
                                            {2, 1024, 256, {24, true, false}}};

    if (bench->options.instead) {
        *count = bench->options.insteads;
        return bench->options.instead;
    }
    *count = strcmp(bench->options.ops->name, "cpu") ? 2 : 1;
    return large;
}

/* What the CUDA module's settings are for a path, and what goes another way on
 * it: steps and heads do on the first two alone, and clusters and grids are for
 * a few candidates. */
static const struct path {
    const char *name, *path, *chain;
    bool live;       /* steps and heads too */
    uint32_t widest; /* candidates; 0: as many as there may be */
} paths[] = {
    {"plain", "plain", "", true, 0},
    {"graph", "graph", "", true, 0},
    {"cluster-fp32", "persistent", "cluster-fp32", false, 16},
    {"cluster-bf16", "persistent", "cluster-bf16", false, 16},
    {"grid-fp32", "persistent", "grid-fp32", false, 16},
    {"grid-bf16", "persistent", "grid-bf16", false, 16},
    {"bf16", "bf16", "", false, 0},
};
enum { PATHS = sizeof paths / sizeof *paths };

const char *rp_bench_engine_path(const struct rp_bench_engine *bench,
                                 uint32_t number)
{
    const char *only = bench->options.path;

    if (strcmp(bench->options.ops->name, "cuda"))
        return number ? NULL : "";
    if (only)
        return number ? NULL : only;
    return number < PATHS ? paths[number].name : NULL;
}

static const struct path *find_path(const char *name)
{
    for (int i = 0; i < PATHS; i++)
        if (!strcmp(name, paths[i].name))
            return &paths[i];
    return NULL;
}

void rp_bench_engine_take(const char *name)
{
    const struct path *path = find_path(name);

    if (!path)
        return;
    setenv("RIPOSTE_CUDA_PATH", path->path, 1);
    if (*path->chain)
        setenv("RIPOSTE_CUDA_CHAIN", path->chain, 1);
    else
        unsetenv("RIPOSTE_CUDA_CHAIN");
}

/* Not what is done in the same way on another path. */
static bool is_its_own(const struct rp_bench_engine_row *row)
{
    const struct path *path = find_path(row->kernels);

    if (!path || path->live)
        return true;
    if (row->slots || (row->what == RP_BENCH_LIVE &&
                       (path->widest || !row->candidates)))
        return false;
    return !path->widest || row->candidates <= path->widest;
}

/* What is said while a row is measured, to be said afterwards. */
enum { LINES = 8 };
struct heard {
    uint32_t lines;
    bool warned;
    struct {
        enum rp_level level;
        char tag[16], text[300];
    } line[LINES];
};

static void hear(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    struct heard *heard = self;

    heard->warned |= level >= RP_WARN;
    if (heard->lines == LINES)
        return;
    heard->line[heard->lines].level = level;
    snprintf(heard->line[heard->lines].tag, sizeof heard->line->tag, "%s",
             tag);
    snprintf(heard->line[heard->lines++].text, sizeof heard->line->text, "%s",
             text);
}

/* An engine that cannot go the way it was told says so in a warning and goes
 * another: that is not what was to be measured. */
static rp_status listen(struct rp_bench_engine *bench,
                        struct rp_bench_engine_row *row,
                        rp_bench_measure *measure, const void *with)
{
    struct heard heard = {0};
    rp_status status;

    rp_log_divert(hear, &heard);
    status = measure(bench, row, with);
    rp_log_divert(NULL, NULL);
    for (uint32_t i = 0; i < heard.lines; i++)
        rp_log(heard.line[i].level, heard.line[i].tag, "%s",
               heard.line[i].text);
    return !status && heard.warned ? RP_ENONE : status;
}

rp_status rp_bench_engine_add(struct rp_bench_engine *bench,
                              const struct rp_bench_engine_row *what,
                              rp_bench_measure *measure, const void *with)
{
    struct rp_bench_engine_row row = *what;

    if (bench->rows == RP_BENCH_ENGINE_ROWS ||
        !is_asked(&bench->options, &row) || !is_its_own(&row) ||
        is_broken(bench, row.kernels))
        return RP_OK;
    row.engine = bench->options.ops->name;
    row.status = listen(bench, &row, measure, with);
    bench->row[bench->rows++] = row;
    if (strcmp(row.engine, "cpu"))
        say(&row);
    return row.status;
}

bool rp_bench_engine_same(const struct rp_bench_engine_row *a,
                          const struct rp_bench_engine_row *b)
{
    return a->what == b->what && a->layers == b->layers &&
           a->hidden == b->hidden && a->head == b->head &&
           a->slots == b->slots && a->candidates == b->candidates &&
           a->most == b->most;
}

void rp_bench_engine_judge(struct rp_bench_engine *bench)
{
    for (uint32_t i = 0; i < bench->rows; i++) {
        struct rp_bench_engine_row *row = &bench->row[i];
        uint32_t others = 0;
        row->kept = !row->status && strcmp(row->engine, "cpu");
        for (uint32_t k = 0; k < bench->rows; k++) {
            const struct rp_bench_engine_row *other = &bench->row[k];
            if (k == i || other->status || !rp_bench_engine_same(row, other))
                continue;
            others++;
            if (other->us < row->us || (!(row->us < other->us) && k < i))
                row->kept = false;
        }
        row->kept = row->kept && others;
    }
}
