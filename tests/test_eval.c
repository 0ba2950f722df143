/* The sums of rp_eval_run against the plain network in double on batches that
 * the trainer's code made: two ways that share only the reader. */
#include "model/eval.h"
#include "model/net/gru.h"
#include "model/train_batch.h"
#include "tests/engines.h"
#include "tests/songs.h"
#include "tests/test.h"

enum { PIECES = 90, NOTES = 40 };

static const struct rp_engine_ops *engine_ops;

struct fixture {
    struct rp_dataset set;
    struct rp_shape shape;
    struct rp_layout layout;
    float *params;
    double *exact;
};

/* No time so long that it escapes: there training is content with one mask for
 * all draws of a time, where evaluation asks the reader at each. */
static void tame(struct rp_piece *piece)
{
    int32_t onset = 0, moved = 0;
    for (uint32_t i = 0; i < piece->count; i++) {
        struct rp_note *note = &piece->note[i];
        int32_t gap = note->onset - onset;
        onset = note->onset;
        moved += gap < 300 ? gap : 300;
        note->onset = moved;
        note->duration = note->duration < 300 ? note->duration : 300;
    }
    piece->count = rp_notes_sort(piece->note, piece->count);
}

static void create(struct fixture *f, bool metre, bool velocity)
{
    f->set = songs_dataset(PIECES, NOTES);
    f->set.vocabulary = (struct rp_vocabulary){24, metre, velocity};
    f->shape = (struct rp_shape){.layers = 2, .hidden = 32, .head = 16,
                                 .vocabulary = f->set.vocabulary};
    rp_shape_layout(&f->shape, &f->layout);
    f->params = malloc(f->layout.size * sizeof *f->params);
    f->exact = malloc(f->layout.size * sizeof *f->exact);
    if (!f->params || !f->exact)
        abort();
    rp_shape_init_params(&f->shape, 5, f->params);
    for (size_t i = 0; i < f->layout.size; i++) {
        f->params[i] *= 3; /* far from uniform */
        f->exact[i] = (double)f->params[i];
    }
    /* Pieces of different length: those that are over leave the batch. */
    for (uint32_t i = 0; i < PIECES; i++) {
        f->set.piece[i].count -= i % 7 * 4;
        tame(&f->set.piece[i]);
    }
}

static void fini(struct fixture *f)
{
    free(f->params);
    free(f->exact);
    songs_dataset_fini(&f->set);
}

static uint64_t in_split(const struct fixture *f, enum rp_split split)
{
    uint64_t notes = 0;
    for (uint32_t i = 0; i < f->set.count; i++)
        if (f->set.piece[i].split == split)
            notes += f->set.piece[i].count;
    return notes;
}

static void check_same(bool metre, bool velocity, enum rp_split split)
{
    struct fixture f;
    struct rp_eval eval;
    struct rp_gru *gru;
    struct rp_train_batch batch;
    struct rp_train_batch_options plain = {0};
    double want[RP_FIELDS] = {0};
    uint64_t draws[RP_FIELDS] = {0};
    create(&f, metre, velocity);
    CHECK_INT(rp_gru_create(&gru, &f.shape, NOTES + 1, 1), RP_OK);
    CHECK_INT(rp_train_batch_create(&batch, NOTES + 1, 1), RP_OK);
    for (uint32_t i = 0; i < PIECES; i++) {
        double field[RP_FIELDS];
        const struct rp_piece *piece = &f.set.piece[i];
        struct rp_train_crop crop = {.piece = i, .notes = piece->count,
                                     .origin = piece->origin, .end = true,
                                     .metre = true};
        if (piece->split != split)
            continue;
        rp_train_batch_fill(&batch, &f.set, &crop, 1, &plain);
        (void)rp_gru_forward(gru, f.exact, &batch.batch, field);
        for (int k = 0; k < RP_FIELDS; k++) {
            want[k] += field[k];
            for (uint32_t t = 0; t < batch.batch.T; t++)
                if (batch.batch.field[k].class[t] != RP_NO_CLASS)
                    draws[k] += 1u + batch.batch.field[k].escapes[t];
        }
    }
    struct rp_eval_task task = {engine_ops, &f.shape, f.params, &f.set,
                                split, false};
    CHECK_INT(rp_eval_run(&task, &eval), RP_OK);
    double all = 0;
    for (int k = 0; k < RP_FIELDS; k++) {
        CHECK_INT(eval.field[k].draws, draws[k]);
        CHECK_NEAR(eval.field[k].nats, want[k], 1e-5 * want[k]);
        CHECK(eval.field[k].hits <= eval.field[k].draws);
        all += want[k];
    }
    CHECK(draws[RP_DT] > draws[RP_PITCH]); /* END is there */
    CHECK(draws[RP_DURATION_REST] > 0 && (draws[RP_VELOCITY] > 0) == velocity);
    CHECK_INT(eval.notes, in_split(&f, split));
    CHECK_NEAR(rp_eval_nats(&eval), all / (double)eval.notes, 1e-4);
    CHECK_NEAR(eval.network.rhythm + eval.network.pitch,
               all - want[RP_VELOCITY], 1e-5 * all);
    CHECK(eval.markov.rhythm > 0 && eval.repeat.pitch > 0);
    rp_train_batch_fini(&batch);
    rp_gru_destroy(gru);
    fini(&f);
}

/* A network whose only weights are one bias says what it is worth by hand:
 * every pitch the same, END and one dt by their logits. */
static void test_hand(void)
{
    struct fixture f;
    struct rp_eval eval;
    create(&f, false, false);
    memset(f.params, 0, f.layout.size * sizeof *f.params);
    const struct rp_view *bias = &f.layout.view[f.layout.head_out_bias[RP_DT]];
    f.params[bias->offset + RP_TIME_END] = 9;
    /* The second note is two ESCAPEs and a bit away, and lasts one and. */
    struct rp_note note[] = {{0, 24, 60, 64}, {770, 385, 62, 64}};
    struct rp_piece piece = {.split = RP_TEST, .count = 2, .note = note};
    struct rp_dataset one = {.vocabulary = f.set.vocabulary, .count = 1,
                             .piece = &piece};
    struct rp_eval_task task = {engine_ops, &f.shape, f.params, &one,
                                RP_TEST, false};
    CHECK_INT(rp_eval_run(&task, &eval), RP_OK);
    /* dt: 63 classes and END, at the second note without dt 0 only when
     * nothing can be below it; after an ESCAPE no END. Duration: neither 0 nor
     * HELD, then 0 as well. */
    double sum = 63 + exp(9);
    CHECK_NEAR(eval.field[RP_DT].nats, 3 * log(sum) + 2 * log(63) - 9, 1e-4);
    CHECK_NEAR(eval.field[RP_PITCH].nats, 2 * log(128), 1e-4);
    CHECK_NEAR(eval.field[RP_DURATION].nats, 2 * log(62) + log(63), 1e-4);
    CHECK_INT(eval.field[RP_DT].draws, 5);
    CHECK_INT(eval.field[RP_DURATION].draws, 3);
    CHECK_INT(eval.field[RP_DT].hits, 1); /* END alone */
    CHECK_INT(eval.field[RP_DT_REST].draws, 0);
    CHECK_INT(eval.field[RP_VELOCITY].draws, 0);
    struct rp_eval other;
    task.split = RP_VALID;
    CHECK_INT(rp_eval_run(&task, &other), RP_ENONE);

    /* What is printed is what was measured. */
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        abort();
    rp_eval_print(&eval, file);
    rp_eval_print_json(&eval, file);
    fclose(file);
    char want[80];
    snprintf(want, sizeof want, "test split: 1 pieces, 2 notes");
    CHECK(strstr(text, want));
    snprintf(want, sizeof want, "\"nats_per_note\": %.6f", rp_eval_nats(&eval));
    CHECK(strstr(text, want));
    snprintf(want, sizeof want, "pitch               %.4f           2     128",
             log(128));
    CHECK(strstr(text, want));
    CHECK(!strstr(text, "velocity"));
    free(text);
    fini(&f);
}

static void test_all(const struct rp_engine_ops *ops)
{
    engine_ops = ops;
    check_same(true, false, RP_TRAIN); /* 72 pieces: more than one batch */
    check_same(false, true, RP_VALID);
    test_hand();
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
