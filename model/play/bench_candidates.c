#include "model/play/bench_candidates.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/play/bench_traits.h"
#include "model/play/key.h"
#include "model/play/performer_parts.h"
#include "rt/log.h"

enum {
    RATE = 48000,
    PERIOD = 256,
    SLOTS = 32,
    NOTES = 512,
    BEATS_LEAST = 3,
    WAIT_BEATS = 12, /* until a call must have been handed over */
    SAME = 4,        /* notes of a figure that two answers share */
    WORSE = 2,       /* standard errors */
    TIMED = 8        /* calls over which sets of every size are timed */
};
static const float echoes[] = { 0.0f, 0.25f, 0.5f, 0.75f, 1.0f };
enum { ECHOES = sizeof echoes / sizeof echoes[0] };

/* One row while it is counted. */
struct row {
    struct rp_bench_choice *choice;
    struct rp_bench_traits traits;
    struct rp_bench_traits *each; /* of every call */
    double *same;                 /* the same: notes that its answers share */
};

/* The answers of one row to one call. */
struct answer {
    uint32_t count;
    struct rp_note note[NOTES];
};

struct bench {
    const struct rp_bench_candidates_options *options;
    struct rp_bench_candidates_result *result;
    struct rp_engine *engine;
    struct rp_rollout_room *room;
    struct rp_question question; /* with room for its state */
    struct rp_rollout set;
    float *order;
    struct row written, half[2], count[RP_BENCH_CHOICES], echo[ECHOES];
    struct answer turn[RP_BENCH_CHOICES + ECHOES][RP_BENCH_TURNS];
};

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- the question ---- */

/* Plays the call until it is handed over; keeps what the performer thought
 * would be asked for. `foreseen`: and that it was. */
static rp_status ask(struct bench *bench, const struct rp_bench_call *call,
                     uint32_t number, int32_t *bar, bool *foreseen)
{
    const struct rp_model *model = bench->options->model;
    int32_t resolution = model->shape.vocabulary.resolution, line;
    const struct rp_note *note = call->piece->note + call->first;
    struct rp_metre metre =
        rp_bench_metre(call->piece, resolution, note->onset, &line);
    struct rp_bench_hand hand = { 20.0, bench->options->seed, number,
                                  resolution,
                                  rp_bench_tempo(call->piece->path) };
    rp_frame last_on, last_off, asked = -1, stop;
    const struct rp_performer *p;
    struct rp_stage stage;
    rp_status status = rp_stage_init(&stage, model, RATE, PERIOD);

    if (status)
        return status;
    p = stage.performer;
    rp_knobs_copy(&stage.knobs, bench->options->knobs);
    atomic_store(&stage.knobs.tempo, hand.mbpm);
    atomic_store(&stage.knobs.metre, (uint32_t)metre.beats << 8 | metre.unit);
    atomic_store(&stage.knobs.mode, RP_MODE_ANSWER);
    atomic_store(&stage.knobs.seed, bench->options->seed + number);
    atomic_store(&stage.knobs.candidates, 2);
    rp_stage_anchor(&stage, 0);
    status = rp_bench_play(&stage, call, &hand, 0, &last_on, &last_off);
    stop = last_off + (rp_frame)(WAIT_BEATS * 60000.0 * RATE / hand.mbpm);
    while (!status && stage.frame < stop && !p->turns) {
        status = rp_stage_run(&stage, stage.frame + PERIOD);
        if (status || !p->expected.asked || p->expected.frame == asked)
            continue;
        asked = p->expected.frame;
        status = rp_brief_question(p, 1, p->expected.start, p->expected.end,
                                   &bench->question);
    }
    *foreseen = p->turns && asked >= 0 && p->start == p->expected.start &&
                p->end == p->expected.end;
    *bar = bench->question.turn.dynamics.bar;
    rp_stage_fini(&stage);
    return status;
}

/* ---- looking at answers ---- */

/* Share of the notes of a that stand in a figure of b: the same pitches at the
 * same distances. */
static double shared(const struct answer *a, const struct answer *b)
{
    uint32_t covered = 0, to = 0;

    for (uint32_t i = 0; i + SAME <= a->count; i++) {
        bool found = false;
        for (uint32_t k = 0; k + SAME <= b->count && !found; k++) {
            found = true;
            for (uint32_t n = 0; n < SAME && found; n++)
                found = a->note[i + n].pitch == b->note[k + n].pitch &&
                        a->note[i + n].onset - a->note[i].onset ==
                            b->note[k + n].onset - b->note[k].onset;
        }
        if (found) {
            covered += i + SAME - (to > i ? to : i);
            to = i + SAME;
        }
    }
    return a->count ? (double)covered / a->count : 0.0;
}

static void look_at(struct row *row, uint32_t at, const struct rp_note *call,
                    uint32_t calls, const struct answer *answer, int32_t line,
                    int32_t bar, int32_t resolution)
{
    struct rp_bench_choice *choice = row->choice;
    int key = rp_key_find(call, calls);
    uint32_t foreign = 0;

    if (!answer->count)
        return;
    rp_bench_traits_add(&row->traits, call, calls, answer->note,
                        answer->count, line, bar, resolution);
    rp_bench_traits_add(&row->each[at], call, calls, answer->note,
                        answer->count, line, bar, resolution);
    for (uint32_t i = 0; i < answer->count; i++)
        foreign += !rp_key_has(key, answer->note[i].pitch);
    choice->answers++;
    choice->loops += rp_candidates_loops(answer->note, answer->count);
    choice->echo += (double)rp_candidates_echo(call, calls, answer->note,
                                               answer->count);
    choice->foreign += (double)foreign / answer->count;
    choice->home += rp_key_home(key, answer->note[answer->count - 1].pitch);
    choice->tonic +=
        answer->note[answer->count - 1].pitch % 12 == key % 12;
}

/* ---- one call ---- */

static void choose(struct bench *bench, struct row *row, uint32_t candidates,
                   float echo, struct answer *answer)
{
    const struct rp_question *question = &bench->question;
    struct rp_wish wish = question->wish;
    struct rp_rollout set = bench->set;
    const struct rp_rolled *rolled;
    uint32_t chosen;

    wish.echo = rp_wish_echo(echo, question->turn.seed, question->turn.number);
    wish.third = rp_wish_third(question->turn.seed, question->turn.number);
    set.candidates = candidates;
    chosen = rp_candidates_choose(&wish, &set, bench->order);
    rolled = &set.rolled[chosen];
    answer->count = rolled->notes;
    memcpy(answer->note, set.note + (size_t)chosen * set.most,
           answer->count * sizeof *answer->note);
    if (rolled->fields)
        row->choice->logp += (double)rolled->logp / rolled->fields;
    look_at(row, bench->result->foreseen, wish.call, wish.notes, answer,
            question->turn.dynamics.line, question->turn.dynamics.bar,
            question->reader.vocabulary.resolution);
}

/* A set of each size by itself: how long until there is a choice. The first
 * one of all makes room. */
static rp_status time_sets(struct bench *bench)
{
    const struct rp_bench_candidates_options *options = bench->options;
    bool first = !bench->result->foreseen;
    rp_status status = RP_OK;

    bench->set.from = bench->question.from;
    for (uint32_t i = 0; i < options->choices && !status; i++) {
        struct rp_bench_choice *choice = &bench->result->by_count[i];
        struct rp_rollout set = bench->set;
        double began;
        set.candidates = options->candidates[i];
        if (first)
            status = rp_rollout_run(bench->engine, 0, SLOTS, &set);
        began = now_s();
        if (!status)
            status = rp_rollout_run(bench->engine, 0, SLOTS, &set);
        if (!status)
            (void)rp_candidates_choose(&bench->question.wish, &set,
                                       bench->order);
        choice->seconds += now_s() - began;
    }
    return status;
}

static rp_status think(struct bench *bench, uint32_t turn)
{
    const struct rp_bench_candidates_options *options = bench->options;
    struct rp_bench_candidates_result *result = bench->result;
    struct rp_question *question = &bench->question;
    float wished = atomic_load(&options->knobs->echo);
    double began = now_s();
    rp_status status;

    question->turn.number = 1 + turn;
    bench->set.from = question->from;
    status = rp_rollout_run(bench->engine, 0, SLOTS, &bench->set);
    result->seconds += now_s() - began;
    if (status)
        return status;
    for (uint32_t i = 0; i < bench->set.candidates; i++)
        result->notes += bench->set.rolled[i].notes;
    for (uint32_t i = 0; i < options->choices; i++)
        choose(bench, &bench->count[i], options->candidates[i], wished,
               &bench->turn[i][turn]);
    for (uint32_t i = 0; i < ECHOES; i++)
        choose(bench, &bench->echo[i], bench->set.candidates, echoes[i],
               &bench->turn[RP_BENCH_CHOICES + i][turn]);
    return RP_OK;
}

static void compare_turns(struct bench *bench)
{
    for (uint32_t i = 0; i < RP_BENCH_CHOICES + ECHOES; i++) {
        struct row *row = i < RP_BENCH_CHOICES
                              ? &bench->count[i]
                              : &bench->echo[i - RP_BENCH_CHOICES];
        if (!row->choice)
            continue;
        row->same[bench->result->foreseen] =
            shared(&bench->turn[i][0], &bench->turn[i][1]);
        row->choice->same += row->same[bench->result->foreseen];
    }
}

/* What the composer wrote next, in place of an answer. */
static void look_at_written(struct bench *bench,
                            const struct rp_bench_call *call, uint32_t count,
                            int32_t bar)
{
    int32_t resolution = bench->options->model->shape.vocabulary.resolution;
    const struct rp_note *note = call->piece->note + call->first;
    struct answer answer = { .count = count < NOTES ? count : NOTES };
    struct row *half = &bench->half[bench->result->foreseen % 2];
    int32_t line;

    (void)rp_bench_metre(call->piece, resolution, note[call->count].onset,
                         &line);
    memcpy(answer.note, note + call->count, answer.count * sizeof *note);
    look_at(&bench->written, bench->result->foreseen, note, call->count,
            &answer, line, bar, resolution);
    rp_bench_traits_add(&half->traits, note, call->count, answer.note,
                        answer.count, line, bar, resolution);
}

static rp_status run_call(struct bench *bench,
                          const struct rp_bench_call *call, uint32_t written)
{
    uint32_t number = bench->result->calls++;
    rp_status status;
    bool foreseen;
    int32_t bar;

    status = ask(bench, call, number, &bar, &foreseen);
    if (status || !foreseen)
        return status;
    look_at_written(bench, call, written, bar);
    if (bench->result->foreseen < TIMED)
        status = time_sets(bench);
    for (uint32_t turn = 0; turn < RP_BENCH_TURNS && !status; turn++)
        status = think(bench, turn);
    if (!status)
        compare_turns(bench);
    bench->result->foreseen++;
    return status;
}

/* ---- all ---- */

static void finish(struct bench *bench, struct row *row)
{
    struct rp_bench_choice *choice = row->choice;
    double answers = choice->answers ? choice->answers : 1;
    double calls = bench->result->foreseen ? bench->result->foreseen : 1;

    for (int t = 0; t < RP_TRAITS; t++)
        choice->distance[t] = rp_bench_traits_distance(
            &row->traits, &bench->written.traits, (enum rp_bench_trait)t);
    for (int t = 0; t < RP_TRAITS; t++)
        choice->worse[t] = rp_bench_traits_worse(
            bench->written.each, bench->count[0].each, row->each,
            bench->result->foreseen, (enum rp_bench_trait)t,
            bench->options->seed);
    choice->echo /= answers;
    choice->tonic /= answers;
    choice->home /= answers;
    choice->foreign /= answers;
    choice->logp /= answers;
    choice->same /= calls;
    choice->same_more = rp_bench_traits_more(bench->count[0].same, row->same,
                                             bench->result->foreseen);
}

static void finish_all(struct bench *bench)
{
    const struct rp_bench_candidates_options *options = bench->options;
    struct rp_bench_candidates_result *result = bench->result;
    uint32_t timed = result->foreseen < TIMED ? result->foreseen : TIMED;

    for (uint32_t i = 0; i < options->choices; i++) {
        finish(bench, &bench->count[i]);
        result->by_count[i].seconds /= timed ? timed : 1;
    }
    for (uint32_t i = 0; i < ECHOES; i++)
        finish(bench, &bench->echo[i]);
    finish(bench, &bench->written);
    memset(result->written.worse, 0, sizeof result->written.worse);
    result->written.same_more = 0.0;
    for (int t = 0; t < RP_TRAITS; t++)
        result->written.distance[t] = rp_bench_traits_distance(
            &bench->half[0].traits, &bench->half[1].traits,
            (enum rp_bench_trait)t);
}

/* Row number i of all of them; NULL past the last. */
static struct row *row_at(struct bench *bench, uint32_t i)
{
    if (i == 0)
        return &bench->written;
    if (--i < RP_BENCH_CHOICES)
        return &bench->count[i];
    i -= RP_BENCH_CHOICES;
    return i < ECHOES ? &bench->echo[i] : NULL;
}

static bool begin_rows(struct bench *bench)
{
    struct row *row;

    for (uint32_t i = 0; (row = row_at(bench, i)); i++) {
        row->each = calloc(bench->options->count, sizeof *row->each);
        row->same = calloc(bench->options->count, sizeof *row->same);
        if (!row->each || !row->same)
            return false;
    }
    return true;
}

static rp_status begin(struct bench *bench)
{
    const struct rp_bench_candidates_options *options = bench->options;
    const struct rp_model *model = options->model;
    uint32_t most = options->candidates[options->choices - 1];
    rp_status status = model->ops->create(&bench->engine, &model->shape,
                                          SLOTS);

    if (!status)
        status = model->ops->set_params(bench->engine, model->params);
    if (!status)
        status = rp_rollout_room_create(&bench->room, SLOTS);
    if (status)
        return status;
    bench->question.state = calloc(
        (size_t)model->shape.layers * model->shape.hidden, sizeof(float));
    bench->order = calloc(most, sizeof *bench->order);
    bench->set = (struct rp_rollout){
        .shape = &model->shape,
        .state = bench->question.state,
        .reader = &bench->question.reader,
        .turn = &bench->question.turn,
        .taste = &bench->question.taste,
        .candidates = most,
        .most = RP_ROLLOUT_NOTES,
        .room = bench->room,
        .note = calloc((size_t)most * RP_ROLLOUT_NOTES,
                       sizeof *bench->set.note),
        .rolled = calloc(most, sizeof *bench->set.rolled),
    };
    bench->written.choice = &bench->result->written;
    for (uint32_t i = 0; i < options->choices; i++) {
        bench->count[i].choice = &bench->result->by_count[i];
        bench->count[i].choice->candidates = options->candidates[i];
        bench->count[i].choice->wished = atomic_load(&options->knobs->echo);
    }
    bench->result->echoes = ECHOES;
    for (uint32_t i = 0; i < ECHOES; i++) {
        bench->echo[i].choice = &bench->result->by_echo[i];
        bench->echo[i].choice->candidates = most;
        bench->echo[i].choice->wished = echoes[i];
    }
    return bench->question.state && bench->order && bench->set.note &&
                   bench->set.rolled && begin_rows(bench)
               ? RP_OK
               : RP_EMEM;
}

static void end(struct bench *bench)
{
    if (bench->engine)
        bench->engine->ops->destroy(bench->engine);
    rp_rollout_room_destroy(bench->room);
    for (uint32_t i = 0; row_at(bench, i); i++) {
        free(row_at(bench, i)->each);
        free(row_at(bench, i)->same);
    }
    free(bench->question.state);
    free(bench->order);
    free(bench->set.note);
    free(bench->set.rolled);
    free(bench);
}

static rp_status run_calls(struct bench *bench,
                           const struct rp_bench_calls *calls)
{
    int32_t resolution = bench->options->model->shape.vocabulary.resolution;
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < calls->count && !status &&
                         bench->result->calls < bench->options->count;
         i++) {
        const struct rp_bench_call *call = &calls->call[i];
        const struct rp_note *note = call->piece->note + call->first;
        uint32_t written = rp_bench_next_phrase(call, (uint32_t)resolution);
        if (!written || note[call->count - 1].onset - note[0].onset <
                            BEATS_LEAST * resolution)
            continue;
        status = run_call(bench, call, written);
    }
    return status;
}

rp_status rp_bench_candidates(const struct rp_bench_candidates_options *options,
                              struct rp_bench_candidates_result *result)
{
    struct rp_dataset_options wanted = { options->model->shape.vocabulary,
                                         "melody", 16, 2 };
    struct bench *bench = calloc(1, sizeof *bench);
    struct rp_bench_calls calls;
    struct rp_dataset dataset;
    rp_status status;

    memset(result, 0, sizeof *result);
    if (!bench)
        return RP_EMEM;
    bench->options = options;
    bench->result = result;
    status = begin(bench);
    if (!status)
        status =
            rp_dataset_read(options->dir, options->dirs, &wanted, &dataset);
    if (status) {
        end(bench);
        return status;
    }
    status = rp_bench_calls_cut(&dataset, options->split, RP_PHRASE_REST,
                                options->seed, &calls);
    if (!status) {
        status = run_calls(bench, &calls);
        rp_bench_calls_fini(&calls);
    }
    rp_dataset_fini(&dataset);
    finish_all(bench);
    end(bench);
    return status;
}

/* ---- printing ---- */

static void print_row(FILE *out, const char *name, const char *of,
                      const struct rp_bench_choice *c)
{
    fprintf(out, "%-8s %5s", name, of);
    for (int t = 0; t < RP_TRAITS; t++)
        fprintf(out, " %8.4f%s", c->distance[t],
                c->worse[t] > WORSE ? "*" : " ");
    fprintf(out, " %6.3f %6.1f %% %5.1f %% %6.1f %% %6.1f %%%s %5u %7.3f",
            c->echo, 100.0 * c->tonic, 100.0 * c->home, 100.0 * c->foreign,
            100.0 * c->same, c->same_more > WORSE ? "*" : " ", c->loops,
            c->logp);
    if (c->seconds > 0)
        fprintf(out, " %9.3f", 1e3 * c->seconds);
    putc('\n', out);
}

void rp_bench_candidates_print(
    const struct rp_bench_candidates_result *result, FILE *out)
{
    char of[16];

    fprintf(out,
            "%u calls, %u handed over as foreseen, %d answers to each; "
            "%.1f us a note thought of\n",
            result->calls, result->foreseen, RP_BENCH_TURNS,
            result->notes ? 1e6 * result->seconds / (double)result->notes
                          : 0.0);
    fprintf(out, "%-8s %5s", "", "");
    for (int t = 0; t < RP_TRAITS; t++)
        fprintf(out, " %8s ", rp_bench_trait_names[t]);
    fprintf(out,
            "   echo    tonic    home  foreign     same  loops  logp/cl"
            "   ms a set\n");
    print_row(out, "written", "", &result->written);
    for (uint32_t i = 0; i < RP_BENCH_CHOICES; i++) {
        const struct rp_bench_choice *c = &result->by_count[i];
        snprintf(of, sizeof of, "%u", c->candidates);
        if (c->candidates)
            print_row(out, "of", of, c);
    }
    for (uint32_t i = 0; i < result->echoes; i++) {
        snprintf(of, sizeof of, "%.2f", (double)result->by_echo[i].wished);
        print_row(out, "echo", of, &result->by_echo[i]);
    }
    fprintf(out,
            "* farther, or more of the same, than with the fewest, by more "
            "than %d standard\n  errors over the calls\n", WORSE);
}
