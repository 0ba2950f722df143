#include "model/play/bench_phrases.h"

#include <stdlib.h>
#include <string.h>

#include "model/play/performer_parts.h"
#include "rt/log.h"

enum { RATE = 48000, PERIOD = 48, WAIT_BEATS = 12, COUNT = 100 };

struct trial {
    const struct rp_bench_phrases_options *options;
    const struct rp_bench_call *call;
    struct rp_bench_hand hand;
    bool by_onset;
    /* outcome */
    bool cut, over;
    double wait, start;
    uint32_t right, lengths;
};

/* Counts the notes that were heard where they are written: relative to the
 * bar line, or to the first onset where that set the beat. What was heard and
 * what is written go side by side by pitch. */
static void compare(struct trial *trial, const struct rp_call *heard)
{
    const struct rp_note *note = trial->call->piece->note + trial->call->first;
    uint32_t k = 0;
    int32_t bar, from;

    (void)rp_bench_metre(trial->call->piece, trial->hand.resolution,
                         note->onset, &bar);
    if (trial->by_onset)
        bar = note->onset;
    from = trial->by_onset && heard->notes ? heard->note[0].onset : 0;
    for (uint32_t i = 0; i < trial->call->count && k < heard->notes; i++) {
        const struct rp_note *got = &heard->note[k];
        if (got->pitch != note[i].pitch)
            continue; /* lost; the next one may fit */
        k++;
        if (got->onset - from != note[i].onset - bar)
            continue;
        trial->right++;
        trial->lengths += got->duration == note[i].duration;
    }
}

static void report(const struct trial *trial, const struct rp_call *heard)
{
    const struct rp_note *note = trial->call->piece->note + trial->call->first;
    const char *name = strrchr(trial->call->piece->path, '/');

    printf("  %s %s note %u: %s, %u of %u right, %u BPM\n   ",
           trial->by_onset ? "onset" : "beat",
           name ? name + 1 : trial->call->piece->path, trial->call->first,
           trial->cut ? "cut short" : "whole", trial->right,
           trial->call->count, trial->hand.mbpm / 1000);
    for (uint32_t i = 0; i < trial->call->count; i++)
        printf(" %d:%d/%d", note[i].onset - note[0].onset, note[i].pitch,
               note[i].duration);
    printf("\n   ");
    for (uint32_t i = 0; i < heard->notes; i++)
        printf(" %d:%d/%d", heard->note[i].onset - heard->note[0].onset,
               heard->note[i].pitch, heard->note[i].duration);
    printf("\n");
}

static void read_start(struct trial *trial, const struct rp_stage *stage,
                       rp_frame last_off)
{
    double beat = 60000.0 * RATE / trial->hand.mbpm;

    for (uint32_t i = 0; i < stage->planned; i++)
        if (rp_event_is_on(stage->plan[i].event)) {
            trial->start = (double)(stage->plan_frame[i] - last_off) / beat;
            return;
        }
}

static rp_status run_trial(struct trial *trial)
{
    const struct rp_bench_call *call = trial->call;
    const struct rp_performer *p;
    double beat = 60000.0 * RATE / trial->hand.mbpm;
    struct rp_bench_hand hand = trial->hand;
    rp_frame begin = RATE, last_on, last_off, stop;
    struct rp_stage stage;
    struct rp_metre metre;
    int32_t bar;
    rp_status status =
        rp_stage_init(&stage, trial->options->model, RATE, PERIOD);

    if (status)
        return status;
    p = stage.performer;
    metre = rp_bench_metre(call->piece, trial->hand.resolution,
                           call->piece->note[call->first].onset, &bar);
    atomic_store(&stage.knobs.tempo, trial->hand.mbpm);
    atomic_store(&stage.knobs.metre, (uint32_t)metre.beats << 8 | metre.unit);
    atomic_store(&stage.knobs.mode, RP_MODE_ANSWER);
    if (!trial->by_onset)
        rp_stage_anchor(&stage, begin);
    hand.mbpm += (uint32_t)(int64_t)(hand.mbpm * trial->options->drift / 100.0);
    status = rp_bench_play(&stage, call, &hand, begin, &last_on, &last_off);
    stop = last_off + (rp_frame)(WAIT_BEATS * beat);
    while (!status && stage.frame < stop && !p->turns)
        status = rp_stage_run(&stage, stage.frame + PERIOD);
    trial->over = p->turns > 0;
    trial->cut = trial->over && stage.frame <= last_on;
    trial->wait = (double)(stage.frame - last_off) / beat;
    compare(trial, &p->listen.call);
    if (trial->options->each &&
        (trial->cut || trial->right < call->count))
        report(trial, &p->listen.call);
    if (!status)
        status = rp_stage_run(&stage, stage.frame + (rp_frame)(4 * beat));
    read_start(trial, &stage, last_off);
    rp_stage_fini(&stage);
    return status;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(double *value, uint32_t count)
{
    if (!count)
        return 0.0;
    qsort(value, count, sizeof *value, compare_double);
    return value[count / 2];
}

/* All phrases of a kind, with the beat known in one way. */
static rp_status run_kind(const struct rp_bench_phrases_options *options,
                          const struct rp_bench_calls *calls, bool by_onset,
                          struct rp_bench_phrases_result *result)
{
    uint32_t count = options->count ? options->count : COUNT, waits = 0;
    double *wait, *start;
    rp_status status = RP_OK;

    if (count > calls->count)
        count = calls->count;
    wait = calloc(count, sizeof *wait);
    start = calloc(count, sizeof *start);
    for (uint32_t i = 0; i < count && wait && start && !status; i++) {
        struct trial trial = { .options = options,
                               .call = &calls->call[i],
                               .by_onset = by_onset };
        trial.hand = (struct rp_bench_hand){
            options->sigma_ms > 0 ? options->sigma_ms : 20.0, options->seed, i,
            options->model->shape.vocabulary.resolution,
            rp_bench_tempo(trial.call->piece->path), options->touch
        };
        status = run_trial(&trial);
        result->phrases++;
        result->cut += trial.cut;
        result->never += !trial.over;
        if (!trial.cut) {
            result->notes += trial.call->count;
            result->right += trial.right;
            result->lengths += trial.lengths;
        }
        if (trial.over && !trial.cut) {
            wait[waits] = trial.wait;
            start[waits++] = trial.start;
        }
    }
    if (!wait || !start) {
        rp_log(RP_ERROR, "bench", "out of memory");
        status = RP_EMEM;
    } else {
        result->wait_median = median_of(wait, waits);
        result->wait_worst = waits ? wait[waits - 1] : 0.0;
        result->start_median = median_of(start, waits);
    }
    free(wait);
    free(start);
    return status;
}

static void print_result(FILE *out, const char *beats, const char *kind,
                         const struct rp_bench_phrases_result *r)
{
    double notes = r->notes ? r->notes : 1;

    fprintf(out,
            "%-7s %-5s %7u %5u (%4.1f %%) %5u %8.2f %8.2f %8.2f %7u %6.1f %% "
            "%6.1f %%\n",
            beats, kind, r->phrases, r->cut,
            100.0 * r->cut / (r->phrases ? r->phrases : 1), r->never,
            r->wait_median, r->wait_worst, r->start_median, r->notes,
            100.0 * r->right / notes, 100.0 * r->lengths / notes);
}

rp_status rp_bench_phrases(
    const struct rp_bench_phrases_options *options,
    struct rp_bench_phrases_result result[RP_BENCH_BEATS][RP_PHRASE_KINDS],
    FILE *out)
{
    struct rp_dataset_options wanted = {
        options->model->shape.vocabulary, "melody", 16, 2
    };
    struct rp_dataset dataset;
    rp_status status =
        rp_dataset_read(options->dir, options->dirs, &wanted, &dataset);

    if (status)
        return status;
    memset(result, 0, RP_BENCH_BEATS * sizeof result[0]);
    fprintf(out,
            "beat by ends  phrases cut inside  never wait/med    worst    "
            "start   notes rhythm   length\n");
    for (int kind = 0; kind < RP_PHRASE_KINDS && !status; kind++) {
        struct rp_bench_calls calls;
        status = rp_bench_calls_cut(&dataset, options->split,
                                    (enum rp_phrase_kind)kind, options->seed,
                                    &calls);
        if (status)
            break;
        for (int b = options->drift ? 1 : 0; b < RP_BENCH_BEATS && !status;
             b++) {
            status = run_kind(options, &calls, b, &result[b][kind]);
            print_result(out, b ? "onset" : "click",
                         rp_phrase_kind_names[kind], &result[b][kind]);
        }
        rp_bench_calls_fini(&calls);
    }
    rp_dataset_fini(&dataset);
    return status;
}
