#include "model/train_batch.h"

#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

static bool sparse_create(struct rp_sparse *sparse, size_t rows, size_t most)
{
    sparse->begin = malloc((rows + 1) * sizeof *sparse->begin);
    sparse->at = malloc(rows * most * sizeof *sparse->at);
    return sparse->begin && sparse->at;
}

rp_status rp_train_batch_create(struct rp_train_batch *batch, uint32_t T,
                                uint32_t B)
{
    size_t rows = (size_t)T * B;
    bool whole;

    memset(batch, 0, sizeof *batch);
    batch->T_max = T;
    batch->B_max = B;
    batch->reader = malloc(B * sizeof *batch->reader);
    batch->batch.weight = malloc(rows * sizeof *batch->batch.weight);
    whole = batch->reader && batch->batch.weight &&
            sparse_create(&batch->batch.input, rows, RP_INDICES_MAX);
    for (int f = 0; f < RP_FIELDS && whole; f++) {
        struct rp_batch_field *field = &batch->batch.field[f];
        field->class = malloc(rows * sizeof *field->class);
        field->escapes = malloc(rows * sizeof *field->escapes);
        field->mask = malloc(rows * sizeof *field->mask);
        whole = field->class && field->escapes && field->mask &&
                sparse_create(&field->condition, rows, RP_INDICES_MAX);
    }
    if (whole)
        return RP_OK;
    rp_log(RP_ERROR, "train", "out of memory for a batch of %u x %u", T, B);
    rp_train_batch_fini(batch);
    return RP_EMEM;
}

void rp_train_batch_fini(struct rp_train_batch *batch)
{
    free(batch->reader);
    free(batch->batch.weight);
    free(batch->batch.input.begin);
    free(batch->batch.input.at);
    for (int f = 0; f < RP_FIELDS; f++) {
        struct rp_batch_field *field = &batch->batch.field[f];
        free(field->class);
        free(field->escapes);
        free(field->mask);
        free(field->condition.begin);
        free(field->condition.at);
    }
    memset(batch, 0, sizeof *batch);
}

static void put_row(struct rp_sparse *sparse, size_t row,
                    const struct rp_indices *indices)
{
    uint32_t begin = sparse->begin[row];
    memcpy(sparse->at + begin, indices->at,
           indices->count * sizeof *indices->at);
    sparse->begin[row + 1] = begin + indices->count;
}

/* Forgets whole fields of what the network hears. The blocks of a field are
 * forgotten together: a remainder without its class means nothing, and what
 * began at the same onset would tell that dt is 0. */
static void forget(struct rp_indices *input,
                   const struct rp_vocabulary *vocabulary,
                   struct rp_train_rng *rng, float chance)
{
    static const uint8_t group[RP_IN_BLOCKS] = {
        [RP_IN_DT] = 0,       [RP_IN_DT_REST] = 0,       [RP_IN_PITCH] = 1,
        [RP_IN_DURATION] = 2, [RP_IN_DURATION_REST] = 2, [RP_IN_SOUNDING] = 3,
        [RP_IN_METRE] = 4,    [RP_IN_BEAT] = 4,          [RP_IN_GRID] = 4,
        [RP_IN_VELOCITY] = 5,
        [RP_IN_CHORD_ROOT] = 6, [RP_IN_CHORD_QUALITY] = 6,
        [RP_IN_CHORD_TONES] = 6, [RP_IN_TIMING] = 7,
        [RP_IN_RECALL] = 8, [RP_IN_RECALL_DT] = 8, [RP_IN_RECALL_PITCH] = 8,
        [RP_IN_ENDED] = 0, [RP_IN_STRUCK] = 0,
    };
    /* Groups that no block is of draw no number. */
    uint32_t groups = vocabulary->recall   ? 9
                      : vocabulary->timing ? 8
                      : vocabulary->chord  ? 7
                                           : 6;
    uint32_t gone = 0, kept = 0, block = 0;
    uint32_t after = rp_vocabulary_block(vocabulary, 1);

    for (uint32_t i = 0; i < groups; i++)
        if (rp_train_rng_uniform(rng) < chance)
            gone |= 1u << i;
    if (!gone)
        return;
    for (uint32_t i = 0; i < input->count; i++) {
        while (input->at[i] >= after && block < RP_IN_BLOCKS - 1)
            after = rp_vocabulary_block(vocabulary,
                                        (enum rp_input_block)(++block + 1));
        if (!(gone >> group[block] & 1))
            input->at[kept++] = input->at[i];
    }
    /* An empty row would mean that nothing was heard at all. */
    if (kept)
        input->count = (uint16_t)kept;
}

/* Targets of one note: what the heads must say, and under which condition. */
static void put_targets(struct rp_batch *batch, size_t row,
                        const struct rp_reader *reader,
                        const struct rp_draft *draft)
{
    struct rp_draft partial = { 0 };
    struct rp_indices indices = { 0 };

    for (int f = 0; f < RP_FIELDS; f++) {
        struct rp_batch_field *field = &batch->field[f];
        enum rp_field name = (enum rp_field)f;
        uint32_t class, escapes = 0;

        field->class[row] = RP_NO_CLASS;
        field->escapes[row] = 0;
        indices.count = 0;
        if (draft && rp_reader_needs(reader, draft, name)) {
            class = rp_draft_class(draft, name);
            escapes = name == RP_DT         ? draft->dt.escapes
                      : name == RP_DURATION ? draft->duration.escapes
                                            : 0;
            rp_reader_condition(reader, &partial, name, &indices);
            field->class[row] = (uint8_t)class;
            field->escapes[row] =
                (uint16_t)(escapes < UINT16_MAX ? escapes : UINT16_MAX);
            field->mask[row] = rp_reader_mask(reader, &partial, name);
            field->mask[row].bits[class / 64] |= UINT64_C(1) << class % 64;
            for (uint32_t i = 0; i < escapes; i++)
                rp_draft_set(&partial, name, RP_TIME_ESCAPE);
            rp_draft_set(&partial, name, (uint8_t)class);
        }
        put_row(&field->condition, row, &indices);
    }
}

/* The note as written, transposed. */
static struct rp_note note_of(const struct rp_piece *piece,
                              const struct rp_train_crop *crop, uint32_t i)
{
    struct rp_note note = piece->note[crop->first + i];
    note.pitch = (uint8_t)(note.pitch + crop->shift);
    return note;
}

struct row {
    const struct rp_train_crop *crop;
    const struct rp_piece *piece;
    struct rp_reader *reader;
    struct rp_train_rng rng;
};

/* The network hears note i. Now and then its length is not known yet, as at a
 * hand-over; whether it still sounds at a later onset always is. */
static void hear(struct row *row, uint32_t i, struct rp_indices *input,
                 const struct rp_train_batch_options *options)
{
    struct rp_note note = note_of(row->piece, row->crop, i);
    int32_t until = note.onset + note.duration;
    bool held = rp_train_rng_uniform(&row->rng) < options->held;

    if (held)
        note.duration = 0;
    rp_reader_push(row->reader, &note, input);
    if (held)
        rp_reader_release(row->reader, note.pitch, until);
    if (options->input_dropout > 0)
        forget(input, &row->reader->vocabulary, &row->rng,
               options->input_dropout);
}

static void put_note(struct rp_train_batch *batch, size_t at, uint32_t t,
                     struct row *row,
                     const struct rp_train_batch_options *options)
{
    struct rp_indices input = { 0 };
    struct rp_draft draft = { .end = true };
    const struct rp_train_crop *crop = row->crop;
    bool target = t < crop->notes + crop->end;

    if (t > 0 && t <= crop->notes)
        hear(row, t - 1, &input, options);
    if (target && t < crop->notes) {
        struct rp_note note = note_of(row->piece, crop, t);
        draft = rp_reader_draft(row->reader, &note);
        batch->notes++;
    }
    put_row(&batch->batch.input, at, &input);
    put_targets(&batch->batch, at, row->reader, target ? &draft : NULL);
    batch->batch.weight[at] = target ? 1.0f : 0.0f;
}

/* Past what the batches before have heard. */
static void catch_up(struct row *row)
{
    struct rp_indices unused;

    for (uint32_t i = 0; i < row->crop->first; i++) {
        struct rp_note note = row->piece->note[i];
        note.pitch = (uint8_t)(note.pitch + row->crop->shift);
        rp_reader_push(row->reader, &note, &unused);
    }
}

static void begin(struct rp_batch *batch)
{
    batch->input.begin[0] = 0;
    for (int f = 0; f < RP_FIELDS; f++)
        batch->field[f].condition.begin[0] = 0;
}

void rp_train_batch_fill(struct rp_train_batch *batch,
                         const struct rp_dataset *dataset,
                         const struct rp_train_crop *crop, uint32_t count,
                         const struct rp_train_batch_options *options)
{
    struct row row[count ? count : 1];
    uint32_t T = 0;

    for (uint32_t b = 0; b < count; b++) {
        const struct rp_piece *piece = &dataset->piece[crop[b].piece];
        uint32_t length = crop[b].notes + crop[b].end;
        row[b] = (struct row){ &crop[b], piece, &batch->reader[b],
                               rp_train_rng_from(options->seed,
                                                 2 + (uint64_t)options->epoch,
                                                 crop[b].draw) };
        rp_reader_init(row[b].reader, &dataset->vocabulary,
                       crop[b].metre && piece->metres ? piece->metre : NULL,
                       crop[b].metre ? piece->metres : 0, crop[b].origin);
        if (crop[b].chord)
            rp_reader_chords(row[b].reader, piece->chord, piece->chords,
                             crop[b].shift);
        if (crop[b].carried)
            catch_up(&row[b]);
        length += crop[b].goes_on;
        if (length > T)
            T = length;
    }
    batch->batch.T = T;
    batch->batch.B = count;
    batch->notes = 0;
    begin(&batch->batch);
    for (uint32_t t = 0; t < T; t++)
        for (uint32_t b = 0; b < count; b++)
            put_note(batch, (size_t)t * count + b, t, &row[b], options);
}
