/* Crops and batches: where they begin, what they cover, and that the targets
 * spell the notes of the piece. */
#include "model/train_batch.h"
#include "tests/songs.h"
#include "tests/test.h"

enum { LENGTH = 24, ROWS = 8, PIECES = 40, NOTES = 150 };

static struct rp_train_plan plan_of(const struct rp_dataset *set, bool augment,
                                    uint32_t epoch)
{
    struct rp_train_plan_options options = {
        .split = RP_TRAIN, .length = LENGTH, .batch = ROWS, .seed = 4,
        .epoch = epoch, .augment = augment, .transpose = 6,
        .metre_drop = 0.25f,
    };
    struct rp_train_plan plan;

    CHECK_INT(rp_train_plan_create(set, &options, &plan), RP_OK);
    return plan;
}

/* By hand: the beginning of the bar in the songs' two metres. */
static int32_t bar_of(const struct rp_piece *piece, int32_t tick)
{
    int32_t change = piece->metres ? piece->metre[1].tick : INT32_MAX;
    int32_t first = piece->metres ? 24 * piece->metre[0].metre.beats : 96;

    return tick >= change ? change + (tick - change) / 72 * 72
                          : tick / first * first;
}

static void check_crop(const struct rp_dataset *set,
                       const struct rp_train_crop *crop, uint32_t *covered)
{
    const struct rp_piece *piece = &set->piece[crop->piece];

    CHECK_INT(piece->split, RP_TRAIN);
    CHECK_INT(crop->origin, bar_of(piece, piece->note[crop->first].onset));
    CHECK(!crop->first ||
          piece->note[crop->first - 1].onset < crop->origin);
    CHECK(crop->notes >= 1 && crop->notes + crop->end <= LENGTH);
    CHECK_INT(crop->end, crop->first + crop->notes == piece->count &&
                             crop->notes < LENGTH);
    CHECK(piece->low + crop->shift >= 0 && piece->high + crop->shift <= 127);
    for (uint32_t i = 0; i < crop->notes; i++)
        covered[crop->piece * NOTES + crop->first + i]++;
}

static void test_crops(void)
{
    struct rp_dataset set = songs_dataset(PIECES, NOTES);
    static uint32_t covered[PIECES * NOTES];
    uint64_t seen = 0, total = 0, unknown = 0, crops = 0;
    uint32_t never = 0, keys = 0;
    enum { EPOCHS = 20 };

    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        struct rp_train_plan plan = plan_of(&set, true, epoch);
        uint64_t notes = 0;
        for (uint32_t i = 0; i < plan.count; i++) {
            check_crop(&set, &plan.crop[i], covered);
            notes += plan.crop[i].notes;
            unknown += !plan.crop[i].metre;
            keys |= 1u << (plan.crop[i].shift + 120) % 12;
        }
        CHECK_INT(notes, plan.notes);
        CHECK_INT(plan.batches, (plan.count + ROWS - 1) / ROWS);
        crops += plan.count;
        rp_train_plan_fini(&plan);
    }
    for (uint32_t p = 0; p < PIECES; p++)
        for (uint32_t i = 0; i < set.piece[p].count; i++) {
            if (set.piece[p].split != RP_TRAIN)
                continue;
            total++;
            seen += covered[p * NOTES + i];
            never += covered[p * NOTES + i] < EPOCHS / 4;
        }
    /* About once per epoch, and nothing is left out for long. */
    CHECK_NEAR((double)seen / (double)(total * EPOCHS), 1.15, 0.2);
    CHECK_INT(never, 0);
    CHECK_INT(keys, 0xfff);
    CHECK_NEAR((double)unknown / (double)crops, 0.25, 0.05);
    songs_dataset_fini(&set);
}

static void test_same_again(void)
{
    struct rp_dataset set = songs_dataset(PIECES, NOTES);
    struct rp_train_plan a = plan_of(&set, true, 3);
    struct rp_train_plan b = plan_of(&set, true, 3);
    struct rp_train_plan c = plan_of(&set, true, 4);

    CHECK_INT(a.count, b.count);
    CHECK(!memcmp(a.crop, b.crop, a.count * sizeof *a.crop));
    CHECK(c.count != a.count ||
          memcmp(a.crop, c.crop, a.count * sizeof *a.crop));
    rp_train_plan_fini(&a);
    rp_train_plan_fini(&b);
    rp_train_plan_fini(&c);
    songs_dataset_fini(&set);
}

static struct rp_draft draft_of(const struct rp_batch *batch, size_t row)
{
    struct rp_draft draft = { 0 };

    for (int f = 0; f < RP_FIELDS; f++) {
        const struct rp_batch_field *field = &batch->field[f];
        if (field->class[row] == RP_NO_CLASS)
            continue;
        for (uint32_t i = 0; i < field->escapes[row]; i++)
            rp_draft_set(&draft, (enum rp_field)f, RP_TIME_ESCAPE);
        rp_draft_set(&draft, (enum rp_field)f, field->class[row]);
    }
    return draft;
}

static bool row_is(const struct rp_sparse *sparse, size_t row,
                   const struct rp_indices *want)
{
    uint32_t begin = sparse->begin[row];
    return sparse->begin[row + 1] - begin == want->count &&
           !memcmp(sparse->at + begin, want->at,
                   want->count * sizeof *want->at);
}

/* Row b of the batch spells crop b: targets decode to its notes, inputs are
 * what a reader says of the note before. */
static void check_row(const struct rp_dataset *set,
                      const struct rp_batch *batch,
                      const struct rp_train_crop *crop, uint32_t b)
{
    const struct rp_piece *piece = &set->piece[crop->piece];
    struct rp_reader reader;
    struct rp_indices input = { 0 };

    rp_reader_init(&reader, &set->vocabulary,
                   crop->metre && piece->metres ? piece->metre : NULL,
                   crop->metre ? piece->metres : 0, crop->origin);
    for (uint32_t i = 0; i < crop->first && crop->carried; i++) {
        struct rp_note before = piece->note[i];
        before.pitch = (uint8_t)(before.pitch + crop->shift);
        rp_reader_push(&reader, &before, &input);
    }
    input.count = 0; /* its last one was heard in the batch before */
    for (uint32_t t = 0; t < batch->T; t++) {
        size_t row = (size_t)t * batch->B + b;
        struct rp_draft draft = draft_of(batch, row);
        struct rp_note got, want;
        CHECK(batch->weight[row] == (t < crop->notes + crop->end));
        if (t < crop->notes + crop->end + crop->goes_on)
            CHECK(row_is(&batch->input, row, &input));
        if (t >= crop->notes) {
            CHECK_INT(draft.end, t == crop->notes && crop->end);
            continue;
        }
        got = rp_reader_note(&reader, &draft);
        want = piece->note[crop->first + t];
        want.pitch = (uint8_t)(want.pitch + crop->shift);
        CHECK_INT(got.onset, want.onset);
        CHECK_INT(got.pitch, want.pitch);
        CHECK_INT(got.duration, want.duration);
        rp_reader_push(&reader, &want, &input);
    }
}

static void test_rows(bool augment)
{
    struct rp_dataset set = songs_dataset(PIECES, NOTES);
    struct rp_train_plan plan = plan_of(&set, augment, 1);
    struct rp_train_batch batch;
    struct rp_train_batch_options options = { .seed = 1 };

    CHECK_INT(rp_train_batch_create(&batch, LENGTH, ROWS), RP_OK);
    for (uint32_t i = 0; i < plan.count; i += ROWS) {
        uint32_t rows = plan.count - i < ROWS ? plan.count - i : ROWS;
        uint32_t notes = 0;
        rp_train_batch_fill(&batch, &set, plan.crop + i, rows, &options);
        CHECK_INT(batch.batch.B, rows);
        for (uint32_t b = 0; b < rows; b++) {
            check_row(&set, &batch.batch, &plan.crop[i + b], b);
            notes += plan.crop[i + b].notes;
        }
        CHECK_INT(batch.notes, notes);
    }
    rp_train_batch_fini(&batch);
    rp_train_plan_fini(&plan);
    songs_dataset_fini(&set);
}

/* Share of heard notes whose duration is HELD, and of fields forgotten. */
static void test_noise(void)
{
    struct rp_dataset set = songs_dataset(PIECES, NOTES);
    struct rp_train_plan plan = plan_of(&set, true, 2);
    struct rp_train_batch batch;
    struct rp_train_batch_options options = { .seed = 1, .held = 0.2f,
                                              .input_dropout = 0.1f };
    uint32_t held = rp_vocabulary_block(&set.vocabulary, RP_IN_DURATION) +
                    RP_TIME_HELD;
    uint32_t pitch = rp_vocabulary_block(&set.vocabulary, RP_IN_PITCH);
    uint64_t rows = 0, helds = 0, pitches = 0;

    CHECK_INT(rp_train_batch_create(&batch, LENGTH, ROWS), RP_OK);
    for (uint32_t i = 0; i + ROWS <= plan.count; i += ROWS) {
        const struct rp_sparse *input = &batch.batch.input;
        rp_train_batch_fill(&batch, &set, plan.crop + i, ROWS, &options);
        for (size_t r = 0; r < (size_t)batch.batch.T * ROWS; r++) {
            rows += input->begin[r + 1] > input->begin[r];
            for (uint32_t j = input->begin[r]; j < input->begin[r + 1]; j++) {
                helds += input->at[j] == held;
                pitches += input->at[j] >= pitch && input->at[j] < pitch + 128;
            }
        }
    }
    CHECK(rows > 3000);
    CHECK_NEAR((double)helds / (double)rows, 0.2 * 0.9, 0.02);
    CHECK_NEAR((double)pitches / (double)rows, 0.9, 0.02);
    rp_train_batch_fini(&batch);
    rp_train_plan_fini(&plan);
    songs_dataset_fini(&set);
}

/* Whole pieces, each once, cut end to end; a row knows what its earlier crops
 * were about, and asks for the state that the batch before left. */
static void test_stateful(bool augment)
{
    struct rp_dataset set = songs_dataset(PIECES, NOTES);
    struct rp_train_plan_options options = {
        .split = RP_TRAIN, .length = LENGTH, .batch = ROWS, .seed = 4,
        .stateful = true, .augment = augment, .transpose = 2,
    };
    struct rp_train_plan plan;
    struct rp_train_batch batch;
    struct rp_train_batch_options heard = { .seed = 1 };
    uint32_t done[PIECES] = { 0 }, moved = 0, carried = 0;
    uint64_t notes = 0;

    for (uint32_t i = 0; i < PIECES; i++)
        set.piece[i].count -= i % 9 * 16; /* not all of one length */
    set.vocabulary.voices = true;
    CHECK_INT(rp_train_plan_create(&set, &options, &plan), RP_OK);
    CHECK_INT(rp_train_batch_create(&batch, LENGTH, ROWS), RP_OK);
    CHECK_INT(plan.count, plan.batches * ROWS);
    for (uint32_t i = 0; i < plan.count; i++) {
        const struct rp_train_crop *crop = &plan.crop[i], *old = crop - ROWS;
        if (!crop->notes && !crop->end && !crop->goes_on)
            continue; /* a row without a piece */
        CHECK_INT(crop->first, done[crop->piece]);
        CHECK_INT(crop->carried, crop->first > 0);
        CHECK_INT(crop->goes_on, !crop->end);
        CHECK(crop->notes < LENGTH);
        if (crop->carried)
            CHECK(i >= ROWS && old->piece == crop->piece && old->goes_on &&
                  old->shift == crop->shift);
        CHECK(crop->shift >= -2 && crop->shift <= 2);
        moved += crop->shift != 0;
        done[crop->piece] += crop->notes;
        carried += crop->carried;
        notes += crop->notes;
    }
    for (uint32_t i = 0; i < PIECES; i++)
        CHECK_INT(done[i], set.piece[i].split == RP_TRAIN ? set.piece[i].count
                                                          : 0);
    CHECK(carried > 50 && (moved > 0) == augment);
    CHECK_INT(plan.notes, notes);
    for (uint32_t i = 0; i < plan.batches; i++) {
        CHECK_INT(rp_train_plan_carries(&plan, i),
                  plan.crop[i * ROWS].carried);
        rp_train_batch_fill(&batch, &set, plan.crop + i * ROWS, ROWS, &heard);
        for (uint32_t b = 0; b < ROWS; b++)
            check_row(&set, &batch.batch, &plan.crop[i * ROWS + b], b);
    }
    rp_train_batch_fini(&batch);
    rp_train_plan_fini(&plan);
    songs_dataset_fini(&set);
}

int main(void)
{
    test_crops();
    test_same_again();
    test_rows(false);
    test_rows(true);
    test_noise();
    test_stateful(false);
    test_stateful(true);
    return TEST_END();
}
