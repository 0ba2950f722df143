#include "model/play/bench_fallback.h"

#include <stdlib.h>
#include <time.h>

#include "model/net/kernels.h"
#include "model/play/memory.h"
#include "model/play/spare.h"
#include "rt/link.h"
#include "rt/log.h"

enum { EACH_BAR = 8, BARS = RP_MEMORY_BARS + 1 }; /* eighths */

static const uint32_t behind[RP_BENCH_BEHIND] = { 0, 1, 4, 16 };

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static rp_status play(struct rp_memory *memory, uint32_t number)
{
    static const uint8_t tune[] = { 60, 64, 67, 65, 62, 71, 69, 72 };
    int32_t eighth = memory->model->shape.vocabulary.resolution / 2;
    struct rp_note note = { .onset = (int32_t)number * eighth,
                            .duration = eighth,
                            .pitch = tune[number % 8],
                            .velocity = 80 };

    return rp_memory_push(memory, &note);
}

/* All states begun, the CPU engine at the last note; its time for a note. */
static rp_status begin(struct rp_memory *memory, uint32_t *number,
                       double *follow_us)
{
    rp_status status = RP_OK;

    rp_memory_metre(memory, 0, (struct rp_metre){ 4, 4 });
    for (*number = 0; *number < EACH_BAR * BARS && !status; ++*number) {
        double began;
        status = play(memory, *number);
        began = now_us();
        rp_spare_follow(memory->engine);
        *follow_us = now_us() - began; /* the last one, of all states */
    }
    return status;
}

/* What a draw needs first, after a loss `late` notes after the last that the
 * CPU engine has read. */
static rp_status lose(struct rp_memory *memory, uint32_t number, uint32_t late,
                      double *us)
{
    static const struct rp_indices nothing;
    float logits[RP_SOFTMAX_MAX];
    struct rp_sight sight;
    rp_status status = RP_OK;
    double began;

    for (uint32_t i = 0; i < late && !status; i++)
        status = play(memory, number + i);
    began = now_us();
    rp_spare_lose(memory->engine, "to measure it");
    sight = rp_memory_sight(memory, memory->silent, INT32_MAX / 2, 0);
    if (!status)
        status = sight.engine->ops->logits(sight.engine, sight.slot, RP_DT,
                                           &nothing, logits);
    *us = now_us() - began;
    return status;
}

static rp_status measure(const struct rp_model *model, uint32_t late,
                         double *follow_us, double *us)
{
    struct rp_memory *memory = malloc(sizeof *memory);
    struct rp_engine *engine;
    uint32_t number;
    rp_status status = RP_EMEM;

    if (memory)
        status = rp_memory_spare(model, 0, &engine);
    if (status) {
        free(memory);
        return status;
    }
    rp_memory_init(memory, model, engine);
    status = begin(memory, &number, follow_us);
    if (!status)
        status = lose(memory, number, late, us);
    rp_memory_fini(memory);
    free(memory);
    return status;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void keep_quiet(void *self, enum rp_level level, const char *tag,
                       const char *text)
{
}

rp_status rp_bench_fallback_run(struct rp_bench_fallback *bench,
                                const struct rp_model *model)
{
    double follow[RP_BENCH_LOSSES], us[RP_BENCH_LOSSES];
    struct rp_engine_ops other = *model->ops;
    struct rp_model own = *model;
    rp_status status = RP_OK;

    /* A table of its own: the CPU engine, too, has a spare here. */
    own.ops = &other;
    *bench = (struct rp_bench_fallback){ .engine = model->ops->name,
                                         .states = RP_MEMORY_BARS };
    rp_log_to(keep_quiet, NULL); /* every loss says a line */
    for (uint32_t b = 0; b < RP_BENCH_BEHIND && !status; b++) {
        for (uint32_t i = 0; i < RP_BENCH_LOSSES && !status; i++)
            status = measure(&own, behind[b], &follow[i], &us[i]);
        qsort(us, RP_BENCH_LOSSES, sizeof *us, by_size);
        qsort(follow, RP_BENCH_LOSSES, sizeof *follow, by_size);
        bench->behind[b] = behind[b];
        bench->median_us[b] = us[RP_BENCH_LOSSES / 2];
        bench->worst_us[b] = us[RP_BENCH_LOSSES - 1];
        bench->follow_us = follow[RP_BENCH_LOSSES / 2];
    }
    rp_log_to(NULL, NULL);
    return status;
}

void rp_bench_fallback_print(const struct rp_bench_fallback *bench, bool json,
                             FILE *file)
{
    if (json)
        fprintf(file,
                "{\"engine\": \"%s\", \"states\": %u, \"lead_us\": %d, "
                "\"follow_us\": %.1f, \"lost\": [",
                bench->engine, bench->states, 1000 * RP_LEAD_MS,
                bench->follow_us);
    else
        fprintf(file,
                "%s lost, %u states; the lead before a note is %d us\n"
                "%-34s %8s %8s\n%-34s %8.1f\n",
                bench->engine, bench->states, 1000 * RP_LEAD_MS, "us",
                "median", "worst", "the spare reads a note along",
                bench->follow_us);
    for (int b = 0; b < RP_BENCH_BEHIND; b++)
        if (json)
            fprintf(file,
                    "%s{\"behind\": %u, \"median_us\": %.1f, "
                    "\"worst_us\": %.1f}",
                    b ? ", " : "", bench->behind[b], bench->median_us[b],
                    bench->worst_us[b]);
        else
            fprintf(file, "loss to first draw, %2u notes behind %8.1f %8.1f\n",
                    bench->behind[b], bench->median_us[b], bench->worst_us[b]);
    if (json)
        fprintf(file, "]}\n");
}
