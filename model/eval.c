#include "model/eval.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/data/frames.h"
#include "model/net/sample.h"
#include "rt/log.h"

enum { SLOTS = 64 }; /* pieces read side by side */

/* What one piece gave; summed in the dataset's order, so that nothing depends
 * on which pieces shared a batch. */
struct tally {
    struct rp_eval_field field[RP_FIELDS];
    double tail; /* nats of the silence after it */
};

struct lane {
    const struct rp_piece *piece;
    struct tally *tally;
    struct rp_reader reader;
    uint32_t at; /* note that comes next; count: END */
};

struct run {
    struct rp_engine *engine;
    const struct rp_vocabulary *vocabulary;
    bool held;
    struct lane lane[SLOTS];
    struct rp_indices input[SLOTS];
};

static bool is_possible(struct rp_mask mask, uint32_t class)
{
    return mask.bits[class / 64] >> class % 64 & 1;
}

static rp_status draw(struct run *run, uint32_t slot, enum rp_field field,
                      struct rp_draft *draft, uint32_t class)
{
    struct lane *lane = &run->lane[slot];
    struct rp_eval_field *to = &lane->tally->field[field];
    struct rp_indices condition = {0};
    float logits[128];
    uint32_t n = rp_vocabulary_classes(run->vocabulary, field), best = n;
    rp_reader_condition(&lane->reader, draft, field, &condition);
    struct rp_mask mask = rp_reader_mask(&lane->reader, draft, field);
    /* What was written is possible, whatever the reader thinks. */
    mask.bits[class / 64] |= UINT64_C(1) << class % 64;
    rp_status status =
        run->engine->ops->logits(run->engine, slot, field, &condition, logits);
    if (status)
        return status;
    for (uint32_t i = 0; i < n; i++)
        if (is_possible(mask, i) && (best == n || logits[i] > logits[best]))
            best = i;
    to->draws++;
    to->hits += best == class;
    to->nats -= (double)rp_sample_logp(logits, n, mask, class);
    rp_draft_set(draft, field, (uint8_t) class);
    return RP_OK;
}

/* Every field of the note that comes next, or of END. */
static rp_status score(struct run *run, uint32_t slot)
{
    struct lane *lane = &run->lane[slot];
    struct rp_draft want = {.end = true}, draft = {0};
    rp_status status = RP_OK;
    if (lane->at < lane->piece->count)
        want = rp_reader_draft(&lane->reader, &lane->piece->note[lane->at]);
    for (int f = 0; f < RP_FIELDS && !status; f++) {
        enum rp_field field = (enum rp_field)f;
        if (!rp_reader_needs(&lane->reader, &want, field))
            continue;
        uint32_t escapes = field == RP_DT         ? want.dt.escapes
                           : field == RP_DURATION ? want.duration.escapes
                                                  : 0;
        for (uint32_t i = 0; i < escapes && !status; i++)
            status = draw(run, slot, field, &draft, RP_TIME_ESCAPE);
        if (!status)
            status =
                draw(run, slot, field, &draft, rp_draft_class(&want, field));
    }
    return status;
}

/* The network hears the note that was scored; that a HELD one still sounds at
 * a later onset is known all the same. */
static void hear(struct run *run, uint32_t slot)
{
    struct lane *lane = &run->lane[slot];
    struct rp_note note = lane->piece->note[lane->at++];
    int32_t until = note.onset + note.duration;
    if (run->held)
        note.duration = 0;
    rp_reader_push(&lane->reader, &note, &run->input[slot]);
    if (run->held)
        rp_reader_release(&lane->reader, note.pitch, until);
}

/* `count` pieces, the longest first, one slot each. */
static rp_status run_batch(struct run *run, uint32_t count)
{
    rp_status status = RP_OK;
    uint32_t slots[SLOTS];
    for (uint32_t i = 0; i < count && !status; i++) {
        const struct rp_piece *piece = run->lane[i].piece;
        slots[i] = i;
        rp_reader_init(&run->lane[i].reader, run->vocabulary, piece->metre,
                       piece->metres, piece->origin);
        rp_reader_chords(&run->lane[i].reader, piece->chord, piece->chords,
                         0);
        status = run->engine->ops->slot_reset(run->engine, i);
    }
    while (!status) {
        uint32_t live = 0;
        for (uint32_t i = 0; i < count && !status; i++) {
            struct lane *lane = &run->lane[i];
            status = score(run, i);
            if (lane->at == lane->piece->count)
                continue;
            hear(run, i);
            live = i + 1;
        }
        /* Sorted by length: those that are over are at the end. */
        count = live;
        if (!live)
            break;
        if (!status)
            status =
                run->engine->ops->step(run->engine, live, slots, run->input);
    }
    return status;
}

struct order {
    const struct rp_piece *piece;
    uint32_t index;
};

static int compare(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->piece->count != y->piece->count)
        return x->piece->count > y->piece->count ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static rp_status run_all(struct run *run, struct order *order, uint32_t count,
                         struct tally *tally)
{
    rp_status status = RP_OK;
    qsort(order, count, sizeof *order, compare);
    for (uint32_t from = 0; from < count && !status; from += SLOTS) {
        uint32_t part = count - from < SLOTS ? count - from : SLOTS;
        for (uint32_t i = 0; i < part; i++)
            run->lane[i] =
                (struct lane){.piece = order[from + i].piece,
                              .tally = &tally[order[from + i].index]};
        status = run_batch(run, part);
    }
    return status;
}

static rp_status read_network(const struct rp_eval_task *task,
                              struct order *order, uint32_t count,
                              struct tally *tally)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run) {
        rp_log(RP_ERROR, "eval", "out of memory");
        return RP_EMEM;
    }
    run->vocabulary = &task->shape->vocabulary;
    run->held = task->held;
    rp_status status = task->ops->create(&run->engine, task->shape, SLOTS);
    if (!status) {
        status = task->ops->set_params(run->engine, task->params);
        if (!status)
            status = run_all(run, order, count, tally);
        task->ops->destroy(run->engine);
    }
    free(run);
    return status;
}

static void add_up(struct rp_eval *eval, const struct tally *tally,
                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        eval->tail += tally[i].tail;
        for (int f = 0; f < RP_FIELDS; f++) {
            eval->field[f].draws += tally[i].field[f].draws;
            eval->field[f].hits += tally[i].field[f].hits;
            eval->field[f].nats += tally[i].field[f].nats;
        }
    }
    eval->network.rhythm =
        eval->field[RP_DT].nats + eval->field[RP_DT_REST].nats +
        eval->field[RP_DURATION].nats + eval->field[RP_DURATION_REST].nats;
    eval->network.pitch = eval->field[RP_PITCH].nats;
}

static rp_status add_others(struct rp_eval *eval,
                            const struct rp_dataset *dataset)
{
    struct rp_markov *markov;
    rp_status status = rp_markov_create(&markov, dataset);
    if (status)
        return status;
    for (uint32_t i = 0; i < dataset->count; i++) {
        struct rp_markov_nats nats;
        if (dataset->piece[i].split != eval->split)
            continue;
        rp_markov_chain(markov, &dataset->piece[i], &nats);
        eval->markov.rhythm += nats.rhythm;
        eval->markov.pitch += nats.pitch;
        rp_markov_repeat(markov, &dataset->piece[i], &nats);
        eval->repeat.rhythm += nats.rhythm;
        eval->repeat.pitch += nats.pitch;
    }
    rp_markov_shares(markov, &eval->again_rhythm, &eval->again_pitch);
    rp_markov_destroy(markov);
    return RP_OK;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* The pieces of a split, and what each of them gave. */
struct pieces {
    uint32_t count;
    struct order *order;
    struct tally *tally;
};

static rp_status pieces_init(struct pieces *pieces,
                             const struct rp_dataset *dataset,
                             enum rp_split split)
{
    struct rp_frames_tail tail = {0};
    *pieces = (struct pieces){
        .order = malloc((dataset->count + 1u) * sizeof *pieces->order),
        .tally = calloc(dataset->count + 1u, sizeof *pieces->tally)};
    if (!pieces->order || !pieces->tally) {
        rp_log(RP_ERROR, "eval", "out of memory");
        return RP_EMEM;
    }
    if (dataset->rolls)
        tail = rp_frames_tail_fit(dataset);
    for (uint32_t i = 0; i < dataset->count; i++) {
        const struct rp_piece *piece = &dataset->piece[i];
        uint32_t at = pieces->count;
        if (piece->split != split)
            continue;
        if (dataset->rolls)
            pieces->tally[at].tail = rp_frames_tail_nats(&tail, piece);
        pieces->order[at] = (struct order){piece, at};
        pieces->count++;
    }
    if (pieces->count)
        return RP_OK;
    rp_log(RP_ERROR, "eval", "no piece of %u is in the %s split",
           dataset->count, rp_split_names[split]);
    return RP_ENONE;
}

static void pieces_fini(struct pieces *pieces)
{
    free(pieces->order);
    free(pieces->tally);
}

rp_status rp_eval_run(const struct rp_eval_task *task, struct rp_eval *eval)
{
    struct rp_eval made = {.split = task->split,
                           .rolls = task->dataset->rolls};
    struct pieces pieces;
    double start = now();
    rp_status status = pieces_init(&pieces, task->dataset, task->split);
    for (uint32_t i = 0; !status && i < pieces.count; i++) {
        made.notes += pieces.order[i].piece->count;
        made.frames += (uint64_t)pieces.order[i].piece->length;
    }
    made.pieces = pieces.count;
    if (!status)
        status =
            read_network(task, pieces.order, pieces.count, pieces.tally);
    made.seconds = now() - start;
    if (!status) {
        add_up(&made, pieces.tally, pieces.count);
        status = add_others(&made, task->dataset);
    }
    if (!status)
        *eval = made;
    pieces_fini(&pieces);
    return status;
}

rp_status rp_eval_pieces(const struct rp_eval_task *task, double *nats)
{
    struct pieces pieces;
    rp_status status = pieces_init(&pieces, task->dataset, task->split);
    if (!status)
        status =
            read_network(task, pieces.order, pieces.count, pieces.tally);
    for (uint32_t i = 0; !status && i < pieces.count; i++) {
        nats[i] = pieces.tally[i].tail;
        for (int f = 0; f < RP_FIELDS; f++)
            nats[i] += pieces.tally[i].field[f].nats;
    }
    pieces_fini(&pieces);
    return status;
}

double rp_eval_total(const struct rp_eval *eval)
{
    double nats = eval->tail;
    for (int f = 0; f < RP_FIELDS; f++)
        nats += eval->field[f].nats;
    return nats;
}

double rp_eval_nats(const struct rp_eval *eval)
{
    return eval->notes ? rp_eval_total(eval) / (double)eval->notes : 0;
}

double rp_eval_frame_nats(const struct rp_eval *eval)
{
    return eval->frames ? rp_eval_total(eval) / (double)eval->frames : 0;
}
