#include "model/train_crop.h"

#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

int32_t rp_train_bar(const struct rp_piece *piece, uint32_t resolution,
                     uint32_t first)
{
    int32_t onset = piece->note[first].onset;
    int32_t start = piece->origin;
    int64_t bar = (int64_t)resolution * 4;

    for (uint32_t i = piece->metres; i-- > 0;) {
        const struct rp_metre_change *change = &piece->metre[i];
        if (change->tick > onset)
            continue;
        if (change->metre.unit) {
            start = change->tick;
            bar = (int64_t)resolution * 4 * change->metre.beats /
                  change->metre.unit;
        }
        break;
    }
    if (bar < 1)
        bar = 1;
    if (onset < start)
        return onset;
    return onset - (int32_t)((onset - start) % bar);
}

/* Up to `most` semitones; 6 means all keys, and now and then an octave away
 * where the tune stays singable. */
static int8_t draw_shift(struct rp_train_rng *rng, const struct rp_piece *piece,
                         uint32_t most)
{
    if (most < 6) {
        int few = (int)rp_train_rng_below(rng, 2 * most + 1) - (int)most;
        bool fits = piece->low + few >= 0 && piece->high + few <= 127;
        return (int8_t)(fits ? few : 0);
    }

    int shift = (int)rp_train_rng_below(rng, 12) - 6;
    uint32_t octave = rp_train_rng_below(rng, 8);
    int moved = shift + (octave == 0 ? -12 : octave == 1 ? 12 : 0);

    if (piece->low + moved >= 36 && piece->high + moved <= 96)
        return (int8_t)moved;
    while (piece->low + shift < 0)
        shift += 12;
    while (piece->high + shift > 127)
        shift -= 12;
    return (int8_t)(piece->low + shift < 0 ? 0 : shift);
}

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "train", "out of memory for the plan of an epoch");
    return RP_EMEM;
}

struct draft {
    const struct rp_dataset *dataset;
    const struct rp_train_plan_options *options;
    struct rp_train_plan *plan;
    struct rp_train_rng rng;
    uint32_t room;
};

static rp_status put_crop(struct draft *draft, struct rp_train_crop crop)
{
    struct rp_train_plan *plan = draft->plan;

    if (plan->count == draft->room) {
        uint32_t room = draft->room ? draft->room * 2 : 1024;
        void *more = realloc(plan->crop, room * sizeof *plan->crop);
        if (!more)
            return no_memory();
        plan->crop = more;
        draft->room = room;
    }
    crop.draw = plan->count;
    plan->notes += crop.notes;
    plan->crop[plan->count++] = crop;
    return RP_OK;
}

/* What is random about a crop apart from where it lies. */
static void vary(struct draft *draft, struct rp_train_crop *crop)
{
    const struct rp_train_plan_options *options = draft->options;
    const struct rp_piece *piece = &draft->dataset->piece[crop->piece];

    crop->metre = crop->chord = true;
    if (!options->augment)
        return;
    crop->shift = draw_shift(&draft->rng, piece, options->transpose);
    crop->metre = rp_train_rng_uniform(&draft->rng) >= options->metre_drop;
    /* No number is drawn where none was before there were chords. */
    if (draft->dataset->vocabulary.chord)
        crop->chord = rp_train_rng_uniform(&draft->rng) >= options->chord_drop;
}

static rp_status add_crop(struct draft *draft, uint32_t index, uint32_t first)
{
    const struct rp_train_plan_options *options = draft->options;
    const struct rp_piece *piece = &draft->dataset->piece[index];
    uint32_t resolution = draft->dataset->vocabulary.resolution;
    struct rp_train_crop crop = { .piece = index };

    crop.origin = first ? rp_train_bar(piece, resolution, first)
                        : piece->origin;
    while (first && piece->note[first - 1].onset >= crop.origin)
        first--;
    crop.first = first;
    crop.notes = piece->count - first;
    crop.end = crop.notes < options->length;
    if (!crop.end)
        crop.notes = options->length;
    vary(draft, &crop);
    return put_crop(draft, crop);
}

/* One crop from the beginning, then crops end to end from a random place, so
 * that over the epochs every bar line is a beginning. A short piece begins
 * half of the time at its start, else at a bar line of its first half. */
static rp_status crop_piece(struct draft *draft, uint32_t index)
{
    const struct rp_piece *piece = &draft->dataset->piece[index];
    uint32_t length = draft->options->length, first = 0;
    rp_status status = RP_OK;

    if (!draft->options->augment) {
        for (first = 0; first < piece->count && !status; first += length)
            status = add_crop(draft, index, first);
        return status;
    }
    if (piece->count <= length) {
        if (rp_train_rng_below(&draft->rng, 2))
            first = rp_train_rng_below(&draft->rng, piece->count / 2 + 1);
        return add_crop(draft, index, first);
    }
    first = 1 + rp_train_rng_below(&draft->rng, length);
    if (first > length / 2 || rp_train_rng_below(&draft->rng, 2))
        status = add_crop(draft, index, 0);
    /* What would be left over at the end, less than a phrase, is not worth a
     * row of its own. */
    for (; first + 8 < piece->count && !status; first += length)
        status = add_crop(draft, index, first);
    return status;
}

static int longer_first(const void *a, const void *b)
{
    const struct rp_train_crop *x = a, *y = b;
    if (x->notes != y->notes)
        return x->notes > y->notes ? -1 : 1;
    return x->draw < y->draw ? -1 : x->draw > y->draw;
}

static void shuffle(struct rp_train_rng *rng, struct rp_train_crop *crop,
                    uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = rp_train_rng_below(rng, i);
        struct rp_train_crop swap = crop[i - 1];
        crop[i - 1] = crop[j];
        crop[j] = swap;
    }
}

/* Shuffles whole batches; the last, short one stays where it is. */
static void shuffle_batches(struct rp_train_rng *rng,
                            struct rp_train_crop *crop, uint32_t batches,
                            uint32_t batch)
{
    for (uint32_t i = batches; i > 1; i--) {
        uint32_t j = rp_train_rng_below(rng, i);
        for (uint32_t k = 0; k < batch && j != i - 1; k++) {
            struct rp_train_crop swap = crop[(i - 1) * batch + k];
            crop[(i - 1) * batch + k] = crop[j * batch + k];
            crop[j * batch + k] = swap;
        }
    }
}

static void order(struct draft *draft)
{
    struct rp_train_plan *plan = draft->plan;
    uint32_t batch = draft->options->batch;

    plan->batch = batch;
    if (draft->options->augment) {
        uint32_t stretch = batch * 16;
        shuffle(&draft->rng, plan->crop, plan->count);
        for (uint32_t i = 0; i < plan->count; i += stretch) {
            uint32_t n = plan->count - i < stretch ? plan->count - i : stretch;
            qsort(plan->crop + i, n, sizeof *plan->crop, longer_first);
        }
        shuffle_batches(&draft->rng, plan->crop, plan->count / batch, batch);
    } else {
        qsort(plan->crop, plan->count, sizeof *plan->crop, longer_first);
    }
    plan->batches = (plan->count + batch - 1) / batch;
}

/* A piece that is read whole, beside others of about its length. */
struct whole {
    struct rp_train_crop crop; /* what all its crops share */
    uint32_t notes;
    float about; /* its length, give or take: other neighbours each epoch */
};

static int longer_whole(const void *a, const void *b)
{
    const struct whole *x = a, *y = b;
    if (x->about != y->about)
        return x->about > y->about ? -1 : 1;
    return x->crop.piece < y->crop.piece ? -1 : 1;
}

/* `count` pieces, the rows of the same few batches. */
static rp_status cut_group(struct draft *draft, const struct whole *whole,
                           uint32_t count)
{
    uint32_t batch = draft->options->batch, longest = 0, cuts;
    uint32_t most = draft->options->length - 1; /* and END, or the last note
                                                   once more for its state */
    rp_status status = RP_OK;

    if (draft->options->augment) /* not cut at the same notes each time */
        most -= rp_train_rng_below(&draft->rng, most / 4 + 1);
    for (uint32_t i = 0; i < count; i++)
        longest = whole[i].notes > longest ? whole[i].notes : longest;
    cuts = (longest + most - 1) / most;
    for (uint64_t k = 0; k < cuts; k++)
        for (uint32_t i = 0; i < batch && !status; i++) {
            struct rp_train_crop crop = { .piece = whole[0].crop.piece };
            if (i < count) {
                crop = whole[i].crop;
                crop.first = (uint32_t)(k * whole[i].notes / cuts);
                crop.notes = (uint32_t)((k + 1) * whole[i].notes / cuts) -
                             crop.first;
                crop.end = k + 1 == cuts;
                crop.goes_on = !crop.end;
                crop.carried = k > 0;
            }
            status = put_crop(draft, crop);
        }
    return status;
}

static rp_status cut_whole(struct draft *draft, struct whole *whole,
                           uint32_t count)
{
    uint32_t batch = draft->options->batch;
    uint32_t groups = (count + batch - 1) / batch;
    uint32_t *group = malloc((groups + 1u) * sizeof *group);
    rp_status status = RP_OK;

    if (!group)
        return no_memory();
    for (uint32_t i = 0; i < groups; i++)
        group[i] = i;
    for (uint32_t i = groups; i > 1 && draft->options->augment; i--) {
        uint32_t j = rp_train_rng_below(&draft->rng, i), swap = group[i - 1];
        group[i - 1] = group[j];
        group[j] = swap;
    }
    for (uint32_t i = 0; i < groups && !status; i++) {
        uint32_t first = group[i] * batch;
        status = cut_group(draft, whole + first,
                           count - first < batch ? count - first : batch);
    }
    free(group);
    draft->plan->batch = batch;
    draft->plan->batches = draft->plan->count / batch;
    return status;
}

static rp_status plan_whole(struct draft *draft, uint32_t every)
{
    const struct rp_dataset *dataset = draft->dataset;
    struct whole *whole = malloc((dataset->count + 1u) * sizeof *whole);
    uint32_t count = 0, seen = 0;
    rp_status status;

    if (!whole)
        return no_memory();
    for (uint32_t i = 0; i < dataset->count; i++) {
        const struct rp_piece *piece = &dataset->piece[i];
        struct whole *here = &whole[count];
        if (piece->split != draft->options->split || !piece->count ||
            seen++ % every)
            continue;
        *here = (struct whole){ { .piece = i, .origin = piece->origin },
                                piece->count, (float)piece->count };
        vary(draft, &here->crop);
        if (draft->options->augment)
            here->about *= 0.8f + 0.4f * rp_train_rng_uniform(&draft->rng);
        count++;
    }
    qsort(whole, count, sizeof *whole, longer_whole);
    status = cut_whole(draft, whole, count);
    free(whole);
    return status;
}

static uint64_t notes_of(const struct rp_dataset *dataset, enum rp_split split)
{
    uint64_t notes = 0;
    for (uint32_t i = 0; i < dataset->count; i++)
        if (dataset->piece[i].split == split)
            notes += dataset->piece[i].count;
    return notes;
}

rp_status rp_train_plan_create(const struct rp_dataset *dataset,
                               const struct rp_train_plan_options *o,
                               struct rp_train_plan *plan)
{
    struct draft draft = { .dataset = dataset, .options = o, .plan = plan };
    uint32_t every = 1, seen = 0;
    rp_status status = RP_OK;

    memset(plan, 0, sizeof *plan);
    if (o->notes_max)
        every = (uint32_t)(notes_of(dataset, o->split) / o->notes_max) + 1;
    draft.rng = rp_train_rng_from(o->seed, 1, o->epoch);
    if (o->stateful)
        status = plan_whole(&draft, every);
    for (uint32_t i = 0; i < dataset->count && !status && !o->stateful; i++) {
        if (dataset->piece[i].split != o->split || !dataset->piece[i].count)
            continue;
        if (seen++ % every == 0)
            status = crop_piece(&draft, i);
    }
    if (!status && !plan->count)
        status = RP_ENONE;
    if (status) {
        rp_train_plan_fini(plan);
        return status;
    }
    if (!o->stateful)
        order(&draft);
    return RP_OK;
}

bool rp_train_plan_carries(const struct rp_train_plan *plan, uint32_t index)
{
    uint32_t first = index * plan->batch;

    for (uint32_t i = first; i < first + plan->batch && i < plan->count; i++)
        if (plan->crop[i].carried)
            return true;
    return false;
}

void rp_train_plan_fini(struct rp_train_plan *plan)
{
    free(plan->crop);
    memset(plan, 0, sizeof *plan);
}
