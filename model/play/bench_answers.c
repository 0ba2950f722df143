#include "model/play/bench_answers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/play/key.h"
#include "rt/log.h"
#include "rt/smf_write.h"

enum {
    RATE = 48000,
    PERIOD = 128,
    COUNT = 100,
    NOTES = 512,
    BEATS_LEAST = 3,
    WAIT = 8 /* beats after the call until an answer must have begun */
};

const char *const rp_bench_metre_names[RP_BENCH_METRES] = { "2/4", "3/4",
                                                            "4/4", "6/8",
                                                            "other" };

/* ---- music ---- */

uint32_t rp_bench_repeated(const struct rp_note *note, uint32_t count)
{
    uint32_t longest = 0;

    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = a + 1; b < count; b++) {
            uint32_t n = 0;
            while (a + n < b && b + n < count &&
                   note[a + n].pitch == note[b + n].pitch &&
                   (!n || note[a + n].onset - note[a + n - 1].onset ==
                              note[b + n].onset - note[b + n - 1].onset))
                n++;
            if (n > longest)
                longest = n;
        }
    return longest;
}

static int range_of(const struct rp_note *note, uint32_t count)
{
    int low = 127, high = 0;

    for (uint32_t i = 0; i < count; i++) {
        low = note[i].pitch < low ? note[i].pitch : low;
        high = note[i].pitch > high ? note[i].pitch : high;
    }
    return count ? high - low : 0;
}

static double density_of(const struct rp_note *note, uint32_t count,
                         int32_t resolution)
{
    int32_t length = count ? note[count - 1].onset + note[count - 1].duration -
                                 note[0].onset
                           : 0;

    return length > 0 ? (double)count * resolution / length : 0.0;
}

/* Share of the time from one note to the next that a note sounds, mean. */
static double sounding(const struct rp_note *note, uint32_t count)
{
    double sum = 0.0;

    for (uint32_t i = 0; i + 1 < count; i++) {
        int32_t wide = note[i + 1].onset - note[i].onset;
        sum += note[i].duration < wide ? (double)note[i].duration / wide : 1.0;
    }
    return count > 1 ? sum / (count - 1) : 1.0;
}

/* Adds one answer or continuation to the sums. */
static void look_at(struct rp_bench_look *look, const struct rp_note *call,
                    uint32_t calls, const struct rp_note *note, uint32_t count,
                    int32_t bar, int32_t resolution)
{
    int key = rp_key_find(call, calls), range = range_of(call, calls);
    uint32_t in_key = 0, on_grid = 0, same = 0, leap = 0, repeated;

    look->pieces++;
    if (!count) {
        look->empty++;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        int32_t place = (note[i].onset - bar) % resolution;
        int step = i ? abs(note[i].pitch - note[i - 1].pitch) : 1;
        in_key += rp_key_has(key, note[i].pitch);
        on_grid += place * 4 % resolution == 0 || place * 3 % resolution == 0;
        same += !step;
        leap += i ? (uint32_t)step : 0;
    }
    repeated = rp_bench_repeated(note, count);
    look->monotone += same + 1 == count;
    look->notes += count;
    look->in_key += (double)in_key / count;
    look->on_grid += (double)on_grid / count;
    look->repeated += repeated;
    look->same += (double)same / count;
    look->leap += count > 1 ? (double)leap / (count - 1) : 0.0;
    look->range += (double)range_of(note, count) / (range ? range : 1);
    look->density += density_of(note, count, resolution) /
                     density_of(call, calls, resolution);
    look->home += rp_key_home(key, note[count - 1].pitch);
    look->last += (double)note[count - 1].duration / resolution;
    look->sounds += sounding(note, count);
    if (repeated > look->repeated_most)
        look->repeated_most = repeated;
}

static int metre_of(struct rp_metre metre)
{
    char name[16];
    int i = 0;

    snprintf(name, sizeof name, "%u/%u", metre.beats, metre.unit);
    while (i < RP_BENCH_METRES - 1 && strcmp(name, rp_bench_metre_names[i]))
        i++;
    return i;
}

static void look_at_end(struct rp_bench_ends *ends, const struct rp_note *call,
                        uint32_t calls, const struct rp_note *note,
                        uint32_t count)
{
    int key = rp_key_find(call, calls);

    if (!count)
        return;
    ends->pieces++;
    ends->home += rp_key_home(key, note[count - 1].pitch);
    ends->tonic += note[count - 1].pitch % 12 == key % 12;
}

static void finish(struct rp_bench_look *look)
{
    double *sum[] = { &look->notes, &look->in_key,  &look->on_grid,
                      &look->repeated, &look->same, &look->leap,
                      &look->range,    &look->density, &look->home,
                      &look->last,  &look->sounds };
    uint32_t count = look->pieces - look->empty;

    for (size_t i = 0; i < sizeof sum / sizeof *sum && count; i++)
        *sum[i] /= count;
}

/* ---- performing ---- */

static int32_t beat_tick(rp_beat beat, int32_t resolution)
{
    return (int32_t)(beat / (RP_BEAT / resolution));
}

/* The first answer, from what was planned; ticks count from the bar line
 * before the call. */
static uint32_t read_answer(const struct rp_stage *stage, int32_t resolution,
                            struct rp_note *note)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < stage->planned; i++) {
        const struct rp_planned *planned = &stage->plan[i];
        int32_t tick = beat_tick(planned->beat, resolution);
        if (planned->turn != 1)
            break;
        if (rp_event_is_on(planned->event) && count < NOTES)
            note[count++] = (struct rp_note){ tick, 0, planned->event.data[1],
                                              planned->event.data[2] };
        for (uint32_t k = count; rp_event_is_off(planned->event) && k-- > 0;)
            if (note[k].pitch == planned->event.data[1]) {
                note[k].duration = tick - note[k].onset;
                break;
            }
    }
    return count;
}

static rp_status save(const struct rp_bench_answers_options *options,
                      uint32_t number, uint32_t mbpm, struct rp_metre metre,
                      const struct rp_note *const part[2],
                      const uint32_t count[2], const int32_t from[2])
{
    static const char *const name[2] = { "call", "answer" };
    int64_t ppt = RP_SMF_PPQ / options->model->shape.vocabulary.resolution;
    struct rp_smf_write *smf;
    char path[4096];
    rp_status status = rp_smf_write_create(&smf, 2);

    if (status)
        return status;
    status = rp_smf_write_tempo(smf, 0, mbpm);
    if (!status)
        status = rp_smf_write_metre(smf, 0, metre);
    for (uint32_t t = 0; t < 2 && !status; t++) {
        status = rp_smf_write_name(smf, t + 1, name[t]);
        for (uint32_t i = 0; i < 2 * count[t] && !status; i++) {
            const struct rp_note *note = &part[t][i / 2];
            int32_t on = note->onset - from[t];
            status = i % 2 ? rp_smf_write_event(
                                 smf, t + 1, on * ppt,
                                 rp_event_make(RP_NOTE_ON, (uint8_t)t,
                                               note->pitch, note->velocity))
                           : rp_smf_write_event(
                                 smf, t + 1, (on + note->duration) * ppt,
                                 rp_event_make(RP_NOTE_OFF, (uint8_t)t,
                                               note->pitch, 64));
        }
    }
    snprintf(path, sizeof path, "%s/answer-%03u.mid", options->out, number);
    if (!status)
        status = rp_smf_write_save(smf, path);
    rp_smf_write_destroy(smf);
    return status;
}

/* Plays the call, waits for the answer. */
static rp_status perform(const struct rp_bench_answers_options *options,
                         const struct rp_bench_call *call, uint32_t number,
                         enum rp_mode mode, struct rp_note *answer,
                         uint32_t *answers)
{
    int32_t resolution = options->model->shape.vocabulary.resolution, bar;
    const struct rp_note *note = call->piece->note + call->first;
    struct rp_metre metre =
        rp_bench_metre(call->piece, resolution, note->onset, &bar);
    struct rp_bench_hand hand = { 20.0, options->seed, number, resolution,
                                  rp_bench_tempo(call->piece->path),
                                  options->touch };
    const struct rp_note *const part[2] = { note, answer };
    uint32_t count[2] = { call->count, 0 };
    const int32_t from[2] = { bar, 0 };
    rp_frame last_on, last_off, beat = (rp_frame)(60000.0 * RATE / hand.mbpm);
    int32_t length =
        note[call->count - 1].onset + note[call->count - 1].duration - bar;
    int32_t bar_ticks = 4 * resolution * metre.beats / metre.unit;
    int32_t bars = (length + bar_ticks - 1) / bar_ticks;
    struct rp_stage stage;
    rp_status status = rp_stage_init(&stage, options->model, RATE, PERIOD);

    if (status)
        return status;
    if (options->knobs)
        rp_knobs_copy(&stage.knobs, options->knobs);
    atomic_store(&stage.knobs.tempo, hand.mbpm);
    atomic_store(&stage.knobs.metre, (uint32_t)metre.beats << 8 | metre.unit);
    atomic_store(&stage.knobs.mode, mode);
    atomic_store(&stage.knobs.trade, (uint32_t)bars);
    atomic_store(&stage.knobs.seed, options->seed + number);
    rp_stage_anchor(&stage, 0);
    status = rp_bench_play(&stage, call, &hand, 0, &last_on, &last_off);
    if (!status)
        status = rp_stage_run(&stage,
                              last_off + (WAIT + 1 +
                                          2 * bars * bar_ticks / resolution) *
                                             beat);
    *answers = count[1] = read_answer(&stage, resolution, answer);
    if (!status && options->out && mode == RP_MODE_ANSWER)
        status = save(options, number, hand.mbpm, metre, part, count, from);
    rp_stage_fini(&stage);
    return status;
}

static void print_look(FILE *out, const char *name,
                       const struct rp_bench_look *l)
{
    fprintf(out,
            "%-8s %5u %5u %8u %6.1f %6.1f %% %6.1f %% %5.1f (%2u) %6.1f %% "
            "%5.2f %6.2f %7.2f %5.0f %% %5.2f %6.2f\n",
            name, l->pieces, l->empty, l->monotone, l->notes,
            100.0 * l->in_key, 100.0 * l->on_grid, l->repeated,
            l->repeated_most, 100.0 * l->same, l->leap, l->range, l->density,
            100.0 * l->home, l->last, l->sounds);
}

static void print_ends(FILE *out, const char *name,
                       const struct rp_bench_ends *ends)
{
    fprintf(out, "%-8s", name);
    for (int i = 0; i < RP_BENCH_METRES; i++) {
        double of = ends[i].pieces ? ends[i].pieces : 1;
        fprintf(out, " %4u %5.0f %% %3.0f %%", ends[i].pieces,
                100.0 * ends[i].home / of, 100.0 * ends[i].tonic / of);
    }
    putc('\n', out);
}

static void print(FILE *out, const struct rp_bench_answers_result *result)
{
    static const char *const name[RP_BENCH_MODES] = { "answers", "trades" };

    fprintf(out,
            "          calls empty one-note  notes   in key  on grid "
            "repeats    same    leap  range density  home   last sounds\n");
    for (int mode = 0; mode < RP_BENCH_MODES; mode++)
        print_look(out, name[mode], &result->answer[mode]);
    print_look(out, "written", &result->real);
    fprintf(out, "ends    ");
    for (int i = 0; i < RP_BENCH_METRES; i++)
        fprintf(out, " %4s  home tonic", rp_bench_metre_names[i]);
    putc('\n', out);
    for (int mode = 0; mode < RP_BENCH_MODES; mode++)
        print_ends(out, name[mode], result->ends[mode]);
    print_ends(out, "written", result->real_ends);
}

static rp_status run_calls(const struct rp_bench_answers_options *options,
                           const struct rp_bench_calls *calls,
                           struct rp_bench_answers_result *result)
{
    int32_t resolution = options->model->shape.vocabulary.resolution, bar;
    uint32_t count = options->count ? options->count : COUNT, done = 0;
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < calls->count && done < count && !status; i++) {
        const struct rp_bench_call *call = &calls->call[i];
        const struct rp_note *note = call->piece->note + call->first;
        uint32_t real = rp_bench_continuation(call), answers = 0;
        int in;
        struct rp_note answer[NOTES];
        if (!real || note[call->count - 1].onset - note[0].onset <
                         BEATS_LEAST * resolution)
            continue;
        in = metre_of(rp_bench_metre(call->piece, resolution, note->onset,
                                     &bar));
        for (int mode = 0; mode < RP_BENCH_MODES && !status; mode++) {
            status = perform(options, call, done, (enum rp_mode)mode, answer,
                             &answers);
            look_at(&result->answer[mode], note, call->count, answer, answers,
                    0, resolution);
            look_at_end(&result->ends[mode][in], note, call->count, answer,
                        answers);
        }
        done++;
        look_at(&result->real, note, call->count, note + call->count, real,
                bar, resolution);
        look_at_end(&result->real_ends[in], note, call->count,
                    note + call->count, real);
    }
    return status;
}

rp_status rp_bench_answers(const struct rp_bench_answers_options *options,
                           struct rp_bench_answers_result *result, FILE *out)
{
    struct rp_dataset_options wanted = { options->model->shape.vocabulary,
                                         "melody", 16, 2 };
    struct rp_bench_calls calls;
    struct rp_dataset dataset;
    rp_status status =
        rp_dataset_read(options->dir, options->dirs, &wanted, &dataset);

    if (status)
        return status;
    memset(result, 0, sizeof *result);
    status = rp_bench_calls_cut(&dataset, options->split, RP_PHRASE_REST,
                                options->seed, &calls);
    if (!status) {
        status = run_calls(options, &calls, result);
        rp_bench_calls_fini(&calls);
    }
    rp_dataset_fini(&dataset);
    for (int mode = 0; mode < RP_BENCH_MODES; mode++)
        finish(&result->answer[mode]);
    finish(&result->real);
    print(out, result);
    return status;
}
