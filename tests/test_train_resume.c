/* Resuming from a file that somebody changed: what does not fit is refused in
 * one line, and a number that is none is gone back from. */
#include "tests/train_runs.h"

static struct rp_train_options many_steps(const char *out)
{
    struct rp_train_options options = small(out);

    options.batch = 4;
    options.epochs = 1;
    return options;
}

/* A run that stopped after three steps, in the middle of its first epoch;
 * then one key of its card says something else. With `push` one weight is so
 * near the end of float that it overflows soon at the full rate, and does not
 * at a fraction of it. */
static const char *stopped(const char *name, const char *key, const char *text,
                           bool push)
{
    static char out[300], path[320];
    struct rp_train_options options;
    struct rp_card card = {0};
    struct rp_shape shape;
    struct rp_layout layout;
    float *params = NULL, *extra = NULL;
    size_t extra_size, at;

    snprintf(out, sizeof out, "%s/%s", folder, name);
    options = many_steps(out);
    options.steps_max = 3;
    CHECK_INT(run(&options).steps, 3);
    snprintf(path, sizeof path, "%s", path_of(out, "last.safetensors"));
    CHECK_INT(
        rp_checkpoint_load(path, &shape, &params, &card, &extra, &extra_size),
        RP_OK);
    CHECK(rp_card_get(&card, key) != NULL);
    CHECK_INT(rp_card_set(&card, key, text), RP_OK);
    if (push) {
        rp_shape_layout(&shape, &layout);
        at = layout.view[layout.head_out_bias[RP_PITCH]].offset;
        params[at] = 3.39e38f;
        extra[at] = -1e38f;
        extra[layout.size + at] = 1;
    }
    CHECK_INT(
        rp_checkpoint_save(path, &shape, params, &card, extra, extra_size),
        RP_OK);
    free(params);
    free(extra);
    rp_card_fini(&card);
    *strrchr(path, '/') = 0;
    return path;
}

static rp_status resume(const char *path, struct rp_train_result *result)
{
    struct rp_train_options options;

    rp_train_defaults(&options);
    options.dir = dirs;
    options.dirs = 1;
    options.threads = 2;
    options.resume = path;
    logged[0] = 0;
    return rp_train_run(&options, NULL, true, result);
}

/* A card that does not fit the weights below it, or counts beyond counting. */
static void test_hostile_card(void)
{
    static const struct {
        const char *key, *text, *said;
    } cards[] = {
        {"train.layers", "1", "layers 2, hidden 32"},
        {"train.layers", "4", "layers 2, hidden 32"},
        {"train.hidden", "64", "those of its card: 2, 64"},
        {"train.head", "64", "head 16"},
        {"train.metre", "no", "metre 1"},
        {"train.velocity", "yes", "velocity 0"},
        {"train.chord", "yes", "chord 0"},
        {"train.timing", "yes", "timing 0"},
        {"resume.step", "-1", "'resume.step' is -1, expected 0 to"},
        {"resume.notes", "1e300", "'resume.notes' is 1e300"},
        {"resume.epoch", "4294967296", "'resume.epoch' is 4294967296"},
        {"resume.at", "nan", "'resume.at' is nan"},
        {"resume.best", "nan", "'resume.best' is nan"},
        {"resume.slower", "2", "'resume.slower' is 2, expected 0 to 1"},
        {"resume.spent", "inf", "'resume.spent' is inf"},
        {"resume.loss_pitch", "nan", "'resume.loss_pitch' is nan"},
    };
    char name[20];

    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        const char *path;
        snprintf(name, sizeof name, "card%zu", i);
        path = stopped(name, cards[i].key, cards[i].text, false);
        CHECK_INT(resume(path, NULL), RP_EFORMAT);
        if (!strstr(logged, cards[i].said))
            printf("got: %s\n", logged);
        CHECK(strstr(logged, cards[i].said) && strstr(logged, name));
    }
}

/* No number soon after a resume: it goes on from there, and the steps before
 * it are not run, nor counted, twice. */
static void test_back_to_resumed(void)
{
    struct rp_train_result result = {0};
    struct rp_train_options options;
    char out[300];
    const char *path;
    uint64_t steps;

    snprintf(out, sizeof out, "%s/whole", folder);
    options = many_steps(out);
    steps = run(&options).steps;
    CHECK(steps > 20);
    path = stopped("back", "message", "pushed", true);
    CHECK_INT(resume(path, &result), RP_OK);
    CHECK(strstr(logged, "the loss is far above what it was; back to step 0 "
                         "with 0.5 of the rate"));
    CHECK_INT(result.steps, steps);
}

int main(void)
{
    if (!runs_begin())
        return 1;
    test_hostile_card();
    test_back_to_resumed();
    songs_remove(folder);
    return TEST_END();
}
