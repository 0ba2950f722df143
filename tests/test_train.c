/* The loop: it learns; threads and interruptions change no byte; what cannot
 * be done is refused in one line. */
#include "model/train_update.h"
#include "tests/train_runs.h"
#include "tests/tsan.h"

/* Nats per note; what changes what is learned, or how, may move them. */
#define KNOWN_BEST 4.10
#define KNOWN_TRAIN 4.38

static void test_threads(const char *one)
{
    char out[300];
    struct rp_train_options options;

    snprintf(out, sizeof out, "%s/threads", folder);
    options = small(out);
    options.threads = 3;
    run(&options);
    check_same_runs(one, out);
}

/* One run in one go, and the same in parts of four steps. */
static void check_resumes(const char *name, const struct rp_train_options *how)
{
    char one[300], parts[300], again[320];
    struct rp_train_options options = *how;
    struct rp_train_result whole, result;
    uint32_t count = 0;

    snprintf(one, sizeof one, "%s/%s-one", folder, name);
    snprintf(parts, sizeof parts, "%s/%s-parts", folder, name);
    snprintf(again, sizeof again, "%s/001", parts);
    options.out = one;
    whole = run(&options);
    options.out = parts;
    options.steps_max = 3;
    result = run(&options);
    /* A state that is carried is not saved: stateful, it stops later. */
    CHECK(result.steps > 0 && (how->stateful || result.steps <= 3));
    CHECK(result.steps < whole.steps);
    while (result.steps < whole.steps && count++ < 100) {
        rp_train_defaults(&options); /* the card knows the rest */
        options.dir = dirs;
        options.dirs = 1;
        options.threads = 2;
        options.steps_max = 4;
        options.resume = again;
        result = run(&options);
    }
    CHECK(count >= 2);
    CHECK_INT(result.steps, whole.steps);
    check_same_runs(one, parts);
}

/* What the card of a run's last checkpoint says. */
static double said(const char *out, const char *key)
{
    struct rp_shape shape;
    struct rp_card card = {0};
    float *params = NULL;
    double value;

    CHECK_INT(rp_checkpoint_load(path_of(out, "last.safetensors"), &shape,
                                 &params, &card, NULL, NULL),
              RP_OK);
    value = atof(rp_card_get(&card, key) ? rp_card_get(&card, key) : "nan");
    rp_card_fini(&card);
    free(params);
    return value;
}

static void test_resume(void)
{
    struct rp_train_options options = small(NULL);
    char out[300];

    check_resumes("cosine", &options);
    options.stateful = options.voices = true;
    options.transpose = 2;
    check_resumes("stateful", &options);
    options = small(NULL);
    options.schedule = "plateau";
    options.decay = 0.5f;
    options.average = 0.9f;
    options.lr = 0.1f; /* too much, so that it does stand still */
    options.epochs = 8;
    check_resumes("plateau", &options);
    snprintf(out, sizeof out, "%s/plateau-one", folder);
    CHECK(said(out, "resume.decayed") < 1);
    CHECK(said(out, "resume.decayed") >= 1.0 / 256);
}

/* Killed when last.safetensors is of the new epoch and good.safetensors not
 * yet, then stopped within that epoch. */
static void test_killed_between(const char *one)
{
    struct rp_train_options options;
    struct rp_train_result result;
    char out[300], again[320], kept[320];
    uint64_t epoch;

    snprintf(out, sizeof out, "%s/between", folder);
    snprintf(again, sizeof again, "%s/001", out);
    snprintf(kept, sizeof kept, "%s/kept", out);
    options = small(out);
    epoch = (uint64_t)said(one, "resume.step") / 3;
    options.steps_max = 1;
    CHECK(run(&options).steps < epoch);
    CHECK(!rename(path_of(out, "good.safetensors"), kept));
    CHECK(!link(kept, path_of(out, "good.safetensors")));
    rp_train_defaults(&options);
    options.dir = dirs;
    options.dirs = 1;
    options.resume = again;
    options.steps_max = (uint32_t)epoch - 1;
    result = run(&options);
    CHECK_INT(result.epoch, 1);
    CHECK_INT(said(out, "resume.at"), 0);
    CHECK(!rename(kept, path_of(out, "good.safetensors")));
    options.steps_max = 1;
    CHECK_INT(run(&options).steps, epoch + 1);
    options.steps_max = 0;
    CHECK_INT(run(&options).epoch, 3);
    check_same_runs(one, out);
}

/* A rate that is too high, halved until it is not: the same in parts, with
 * stops on both sides of each way back. */
static void test_diverges(void)
{
    struct rp_train_options options = small(NULL);
    char out[300];

    options.lr = 3;
    options.warmup = 0;
    options.batch = 8;
    logged[0] = 0;
    check_resumes("diverges", &options);
    CHECK(strstr(logged, "far above what it was; back to step"));
    snprintf(out, sizeof out, "%s/diverges-one", folder);
    CHECK(said(out, "resume.slower") <= 0.5);
    CHECK(said(out, "resume.slower") >= 1.0 / 64);
}

/* Each optimizer learns, and its state survives; TSan, to which threads are the
 * same in all, sees some. */
static void test_optimizers(void)
{
    for (int i = 0; i < RP_OPTIMIZERS; i += TSAN ? 3 : 1) {
        struct rp_train_options options = small(NULL);
        options.optimizer = rp_optimizer_names[i];
        options.lr = NAN;
        options.batch = 20;
        options.epochs = 2;
        check_resumes(options.optimizer, &options);
    }
}

/* What is frozen is the same to the bit in the new best. */
static void test_freeze(const char *one)
{
    struct rp_train_options options;
    char out[300];
    float *before, *after;
    struct rp_shape shape;
    struct rp_layout layout;
    struct rp_card card = {0};
    uint32_t stayed = 0;

    snprintf(out, sizeof out, "%s/freeze", folder);
    options = small(out);
    options.epochs = 1;
    options.freeze = "gru.*,head.pitch.out.bias";
    CHECK_INT(rp_train_run(&options, NULL, true, NULL), RP_EARG);
    CHECK(strstr(logged, "expected --from too"));
    options.from = path_of(one, "best.safetensors");
    run(&options);
    CHECK_INT(
        rp_checkpoint_load(options.from, &shape, &before, &card, NULL, NULL),
        RP_OK);
    rp_card_fini(&card);
    CHECK_INT(rp_checkpoint_load(path_of(out, "last.safetensors"), &shape,
                                 &after, &card, NULL, NULL),
              RP_OK);
    rp_card_fini(&card);
    rp_shape_layout(&shape, &layout);
    for (uint32_t v = 0; v < layout.count; v++) {
        const struct rp_view *view = &layout.view[v];
        bool same = !memcmp(before + view->offset, after + view->offset,
                            (size_t)view->rows * view->columns * 4);
        CHECK(same == (!strncmp(view->name, "gru.", 4) ||
                       !strcmp(view->name, "head.pitch.out.bias")));
        stayed += same;
    }
    CHECK(stayed == 9);
    free(before);
    free(after);
}

/* The best is the average, which is not the last. */
static void test_average(void)
{
    char out[300];
    struct rp_train_options options;
    float *best, *last, far = 0;
    struct rp_shape shape;
    struct rp_layout layout;
    struct rp_card card = {0};
    float average[2] = {1, 2};

    snprintf(out, sizeof out, "%s/average", folder);
    options = small(out);
    options.average = 0.99f;
    options.epochs = 1;
    run(&options);
    CHECK_INT(rp_checkpoint_load(path_of(out, "best.safetensors"), &shape,
                                 &best, &card, NULL, NULL),
              RP_OK);
    rp_card_fini(&card);
    CHECK_INT(rp_checkpoint_load(path_of(out, "last.safetensors"), &shape,
                                 &last, &card, NULL, NULL),
              RP_OK);
    rp_card_fini(&card);
    rp_shape_layout(&shape, &layout);
    for (size_t i = 0; i < layout.size; i++)
        far = fmaxf(far, fabsf(best[i] - last[i]));
    CHECK(far > 1e-3f && far < 0.1f);
    free(best);
    free(last);
    rp_train_average(2, 0.75f, 1000, (const float[]){3, -2}, average);
    CHECK_NEAR(average[0], 1.5, 1e-6);
    CHECK_NEAR(average[1], 1, 1e-6);
}

/* Hymn tunes to a known loss. */
static void test_learns(void)
{
    static const char *tunes[1] = {"tests/golden/tunes"};
    char out[300];
    struct rp_train_options options;
    struct rp_train_result result;

    snprintf(out, sizeof out, "%s/learns", folder);
    options = small(out);
    options.dir = tunes;
    options.batch = 4;
    options.length = 64;
    options.epochs = 30;
    options.dropout = 0.1f;
    options.recurrent_dropout = 0;
    result = run(&options);
    CHECK_INT(result.epoch, 30);
    CHECK_NEAR(result.best, KNOWN_BEST, 0.1);
    CHECK(result.best <= result.valid);
    CHECK_NEAR(result.train, KNOWN_TRAIN, 0.1);
}

/* In bf16, stopped and taken up again, with any number of threads, the same
 * bytes. */
static void test_bf16(void)
{
    struct rp_train_options options = small(NULL);

    options.precision = "bf16";
    check_resumes("bf16", &options);
}

/* Hymn tunes once more, in bf16: the losses of every epoch within a hundredth
 * of fp32's; and the card says what "auto" was. */
static void test_precision(void)
{
    static const char *tunes[1] = {"tests/golden/tunes"};
    struct rp_train_options options;
    struct rp_train_result result[2];
    char out[2][300];

    for (int i = 0; i < 2; i++) {
        snprintf(out[i], sizeof out[i], "%s/precision-%d", folder, i);
        options = small(out[i]);
        options.dir = tunes;
        options.precision = i ? "bf16" : "fp32";
        options.batch = 4;
        options.length = 64;
        options.epochs = 12;
        result[i] = run(&options);
        CHECK_NEAR(result[i].valid, result[0].valid, 0.01 * result[0].valid);
        CHECK_NEAR(result[i].train, result[0].train, 0.01 * result[0].train);
    }
    CHECK(result[0].valid != result[1].valid);
    rp_train_defaults(&options);
    CHECK_TEXT(options.precision, "auto");
    rp_train_options_settle(&options);
    CHECK_TEXT(options.precision, rp_cells_bf16_fast() ? "bf16" : "fp32");
}

static void test_from(const char *one)
{
    char out[300];
    struct rp_train_options options;
    struct rp_train_result result;

    snprintf(out, sizeof out, "%s/from", folder);
    options = small(out);
    options.from = path_of(one, "best.safetensors");
    options.hidden = 64; /* the file's shape holds */
    options.epochs = 1;
    result = run(&options);
    CHECK_INT(result.epoch, 1);
    CHECK_INT(rp_train_set(&options, "", "hidden=64", NULL), RP_OK);
    CHECK_INT(rp_train_run(&options, NULL, true, NULL), RP_EARG);
    CHECK(strstr(logged, "another shape: hidden 32, and 64 was asked for"));
}

/* How often a fresh network draws some pitch, from its biases alone. */
static double sum_of_prior(const char *out)
{
    struct rp_shape shape;
    struct rp_layout layout;
    struct rp_card card = {0};
    float *params = NULL;
    const float *bias;
    double sum = 0;

    CHECK_INT(rp_checkpoint_load(path_of(out, "last.safetensors"), &shape,
                                 &params, &card, NULL, NULL),
              RP_OK);
    rp_shape_layout(&shape, &layout);
    bias = params + layout.view[layout.head_out_bias[RP_PITCH]].offset;
    for (int i = 0; i < 128; i++)
        sum += exp((double)bias[i]);
    rp_card_fini(&card);
    free(params);
    return sum;
}

static void test_stop(void)
{
    char out[300];
    struct rp_train_options options;
    struct rp_train_result result = {0};
    volatile sig_atomic_t stop = 1;

    snprintf(out, sizeof out, "%s/stop", folder);
    options = small(out);
    CHECK_INT(rp_train_run(&options, &stop, true, &result), RP_OK);
    CHECK_INT(result.steps, 0);
    CHECK_NEAR(sum_of_prior(out), 1, 1e-4);
    snprintf(out, sizeof out, "%s/noprior", folder);
    options.prior = false;
    CHECK_INT(rp_train_run(&options, &stop, true, &result), RP_OK);
    CHECK(sum_of_prior(out) > 100);
}

/* A hundredth of the time that the epochs would take: it ends by itself, at
 * the end of the cosine, and keeps what it has. */
static void test_time_limit(void)
{
    char out[300];
    struct rp_train_options options;
    struct rp_train_result result = {0};

    snprintf(out, sizeof out, "%s/time", folder);
    options = small(out);
    options.epochs = 100000;
    options.time_limit = 1.0 / 60;
    result = run(&options);
    CHECK(result.steps > 1);
    CHECK(result.epoch < 5000);
    CHECK(!access(path_of(out, "last.safetensors"), R_OK));
    CHECK(!access(path_of(out, "best.safetensors"), R_OK));
    /* Out of time at once, in the middle of an epoch: whoever resumes it must
     * know of the best that was kept then. */
    snprintf(out, sizeof out, "%s/hurried", folder);
    options.epochs = 1;
    options.time_limit = 1e-6;
    result = run(&options);
    CHECK_INT(result.epoch, 0);
    CHECK(isfinite(result.best));
    CHECK(said(out, "resume.best") == result.best);
}

/* Options that change nothing are said, others not. */
static void test_idle(void)
{
    static const struct {
        const char *name, *value, *line;
    } idle[] = {
        {"nesterov", "yes", "nesterov has no effect: only sgd looks ahead"},
        {"decay", "0.5", "decay has no effect: only schedule plateau decays"},
        {"chord-drop", "0.3", "chord-drop has no effect: no chords are told"},
        {"dropout", "0.1", ""},
    };
    char out[300];
    struct rp_train_options options;

    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        snprintf(out, sizeof out, "%s/idle%zu", folder, i);
        options = small(out);
        options.steps_max = 1;
        CHECK_INT(rp_train_set(&options, "", idle[i].name, idle[i].value),
                  RP_OK);
        logged[0] = 0;
        run(&options);
        if (!strstr(logged, idle[i].line) ||
            (strstr(logged, "no effect") && !idle[i].line[0]))
            printf("%s: said \"%s\"\n", idle[i].name, logged);
        CHECK(strstr(logged, idle[i].line) != NULL);
        CHECK(idle[i].line[0] || !strstr(logged, "no effect"));
    }
}

/* The weights fly away at once: said aloud, tried at half the rate, given up
 * in the end. */
static void test_no_number(void)
{
    char out[300];
    struct rp_train_options options;

    snprintf(out, sizeof out, "%s/nan", folder);
    options = small(out);
    options.lr = 3e38f;
    options.warmup = 0;
    logged[0] = 0;
    CHECK_INT(rp_train_run(&options, NULL, true, NULL), RP_EFORMAT);
    CHECK(strstr(logged, "lost however small"));
}

/* A few songs, none of which falls into the validation split: the weights of
 * every epoch, and of the end of the time, are the best. */
static void test_no_validation(void)
{
    char songs[300], out[320], path[400];
    const char *here[1] = {songs};
    struct rp_train_options options;
    struct rp_train_result result;

    snprintf(songs, sizeof songs, "%s/two", folder);
    CHECK(!mkdir(songs, 0777));
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/s%u.mid", songs, i);
        CHECK(songs_save(path, i, 60));
    }
    snprintf(out, sizeof out, "%s/alone", folder);
    options = small(out);
    options.dir = here;
    options.patience = 1;
    logged[0] = 0;
    result = run(&options);
    CHECK(strstr(logged, "every epoch counts as the best"));
    CHECK_INT(result.epoch, 3);
    CHECK(!access(path_of(out, "best.safetensors"), R_OK));
    snprintf(out, sizeof out, "%s/hurry", folder);
    options.batch = 1;
    options.epochs = 1;
    options.time_limit = 1e-6;
    result = run(&options);
    CHECK_INT(result.epoch, 0);
    CHECK(!access(path_of(out, "best.safetensors"), R_OK));
}

static void test_refused(const char *one)
{
    struct rp_train_options options = small("/nowhere/at/all");
    const struct rp_train_knob *knob = rp_train_knob_find("dropout");
    char other[300], run_folder[320];
    static const char *other_dirs[1];

    CHECK_INT(rp_train_run(&options, NULL, true, NULL), RP_EIO);
    CHECK(strstr(logged, "/nowhere/at/all"));
    CHECK_INT(rp_train_knob_set(knob, &options, "", "1.5"), RP_EARG);
    CHECK(strstr(logged, "dropout: '1.5' is not a number from 0 to 0.9"));
    CHECK_INT(
        rp_train_knob_set(rp_train_knob_find("layers"), &options, "", "2.5"),
        RP_EARG);
    CHECK(!rp_train_knob_find("drop"));
    snprintf(other, sizeof other, "%s/other", folder);
    CHECK(!mkdir(other, 0777));
    for (int i = 0; i < 12; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/o%d.mid", other, i);
        CHECK(songs_save(path, 1000 + (uint32_t)i, 60));
    }
    snprintf(run_folder, sizeof run_folder, "%s/001", one);
    other_dirs[0] = other;
    options = small(one);
    options.dir = other_dirs;
    options.resume = run_folder;
    CHECK_INT(rp_train_run(&options, NULL, true, NULL), RP_EARG);
    CHECK(strstr(logged, "other data"));
}

/* Every knob survives the way through a card. */
static void test_card(void)
{
    struct rp_train_options options, back;
    struct rp_card card = {0};
    uint32_t passing = 0;

    rp_train_defaults(&options);
    rp_train_options_settle(&options);
    options.batch = 17;
    options.freeze = "gru.*";
    options.lr = 0.1f / 3;
    options.seed = 123456789012345;
    options.role = "polyphony";
    options.metre = false;
    CHECK_INT(rp_train_options_save(&options, &card), RP_OK);
    for (uint32_t i = 0; i < rp_train_knob_count; i++)
        passing += rp_train_knobs[i].passing;
    CHECK(passing > 5);
    CHECK_INT(card.count, rp_train_knob_count - passing);
    rp_train_defaults(&back);
    CHECK_INT(rp_train_options_load(&back, &card), RP_OK);
    CHECK(back.lr == options.lr && back.seed == options.seed);
    CHECK_TEXT(back.role, "polyphony");
    CHECK_TEXT(back.freeze, "gru.*");
    CHECK_INT(back.batch, 17);
    CHECK(!back.metre);
    rp_card_fini(&card);
}

int main(void)
{
    char one[300];
    struct rp_train_options options;
    struct rp_train_result result;

    if (!runs_begin())
        return 1;
    test_card();
    snprintf(one, sizeof one, "%s/one", folder);
    options = small(one);
    result = run(&options);
    CHECK(result.steps > 6 && result.epoch == 3);
    test_threads(one);
    test_resume();
    test_killed_between(one);
    test_average();
    test_optimizers();
    test_freeze(one);
    test_from(one);
    test_stop();
    test_idle();
    test_bf16();
    if (!TSAN) { /* minutes, and nothing new between threads */
        test_diverges();
        test_time_limit();
        test_learns();
        test_precision();
        test_no_number();
    }
    test_no_validation();
    test_refused(one);
    songs_remove(folder);
    return TEST_END();
}
