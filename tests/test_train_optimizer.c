/* Ten steps of each optimizer beside PyTorch's (golden/make_optimizers.py);
 * what is frozen stays; what freezes nothing, or all, is refused. */
#include "model/train_optimizer.h"
#include "model/train_update.h"
#include "rt/log.h"
#include "tests/test.h"

enum { N = 6, STEPS = 10 };

static char logged[2048];

static void keep_log(void *self, enum rp_level level, const char *tag,
                     const char *text)
{
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
}

static const struct rp_layout layout = {
    .size = N,
    .count = 2,
    .view = { { "gru.weight", 0, 2, 2 }, { "gru.bias", 4, 2, 1 } },
};

/* As the golden file has it: a bowl with a kink at 0. */
static void slope(const float *x, float *g)
{
    static const float bowl[N][N] = {
        { 2, 0.3f, 0, -0.5f, 0.1f, 0 }, { 0.3f, 1, 0.2f, 0, 0, 0.4f },
        { 0, 0.2f, 0.5f, 0.1f, -0.2f, 0 }, { -0.5f, 0, 0.1f, 3, 0, 0.2f },
        { 0.1f, 0, -0.2f, 0, 1.5f, 0 }, { 0, 0.4f, 0, 0.2f, 0, 0.01f },
    };

    for (int i = 0; i < N; i++) {
        g[i] = x[i] > 0 ? 0.5f : -0.5f;
        for (int j = 0; j < N; j++)
            g[i] += bowl[i][j] * x[j];
    }
}

/* The settings of a golden run, from its name. */
static const struct rp_optimizer *settings(const char *run,
                                           struct rp_optimizer_step *step)
{
    const struct rp_optimizer *optimizer;
    char name[32];

    snprintf(name, sizeof name, "%.*s", (int)strcspn(run, "-"), run);
    optimizer = rp_optimizer_find(name);
    if (!optimizer)
        return NULL;
    *step = optimizer->usual;
    step->lr = 0.05f;
    step->weight_decay = 0.1f;
    step->nesterov = strstr(run, "-nesterov");
    if (strstr(run, "-plain"))
        step->momentum = 0;
    if (strstr(run, "-momentum"))
        step->momentum = 0.8f;
    return optimizer;
}

static int check_run(FILE *file, const char *run, const float *first)
{
    float p[N] = { 1, -2, 0.5f, 3, -0.25f, 4 }, slots[2 * N] = { 0 }, g[N];
    float want[N];
    struct rp_optimizer_step step;
    const struct rp_optimizer *optimizer = settings(run, &step);
    char again[32];
    int compared = 0;

    CHECK(optimizer != NULL);
    for (uint64_t i = 1; optimizer && i <= STEPS; i++) {
        memcpy(want, first, sizeof want);
        if (i > 1)
            CHECK_INT(fscanf(file, "%31s %f %f %f %f %f %f", again, &want[0],
                             &want[1], &want[2], &want[3], &want[4],
                             &want[5]),
                      7);
        slope(p, g);
        step.step = i;
        rp_train_update(NULL, &layout, optimizer, &step,
                        (bool[RP_VIEWS_MAX]){ false }, g, p, slots);
        for (int j = 0; j < N; j++, compared++)
            if (!(fabsf(p[j] - want[j]) <= 2e-6f + 1e-5f * fabsf(want[j]))) {
                printf("%s step %d [%d]: %.9g, PyTorch has %.9g\n", run,
                       (int)i, j, (double)p[j], (double)want[j]);
                test_failures++;
            }
    }
    return compared;
}

static void test_golden(void)
{
    FILE *file = fopen("tests/golden/optimizers.txt", "r");
    bool seen[RP_OPTIMIZERS] = { false };
    char run[32];
    float want[N];
    int compared = 0;

    CHECK(file != NULL);
    while (file && fscanf(file, "%31s %f %f %f %f %f %f", run, &want[0],
                          &want[1], &want[2], &want[3], &want[4],
                          &want[5]) == 7) {
        compared += check_run(file, run, want);
        run[strcspn(run, "-")] = 0;
        for (int i = 0; i < RP_OPTIMIZERS; i++)
            seen[i] |= !strcmp(run, rp_optimizer_names[i]);
    }
    if (file)
        fclose(file);
    CHECK_INT(compared, 10 * STEPS * N);
    for (int i = 0; i < RP_OPTIMIZERS; i++)
        CHECK(seen[i]);
}

/* Far from the beginning nadam's product is 0, and nothing is no number. */
static void test_late(void)
{
    for (int i = 0; i < RP_OPTIMIZERS; i++) {
        struct rp_optimizer_step step = rp_optimizers[i].usual;
        float p[N] = { 1, -2, 0.5f, 3, -0.25f, 4 }, g[N], slots[2 * N] = { 0 };
        step.step = UINT64_C(1) << 40;
        slope(p, g);
        rp_train_update(NULL, &layout, &rp_optimizers[i], &step,
                        (bool[RP_VIEWS_MAX]){ false }, g, p, slots);
        for (int j = 0; j < N; j++)
            CHECK(isfinite(p[j]));
    }
}

static void test_freeze(void)
{
    bool frozen[RP_VIEWS_MAX];
    struct rp_optimizer_step step = rp_optimizers[RP_SGD].usual;
    float p[N] = { 1, 2, 3, 4, 5, 6 }, g[N] = { 1, 1, 1, 1, 3, 4 };
    float slots[N] = { 0 };

    CHECK_INT(rp_train_freeze(&layout, NULL, frozen), RP_OK);
    CHECK(!frozen[0] && !frozen[1]);
    CHECK_INT(rp_train_freeze(&layout, "*.weight", frozen), RP_OK);
    CHECK(frozen[0] && !frozen[1]);
    CHECK_NEAR(rp_train_norm(NULL, &layout, frozen, g), 5, 1e-6);
    step.step = 1;
    rp_train_update(NULL, &layout, &rp_optimizers[RP_SGD], &step, frozen, g, p,
                    slots);
    for (int i = 0; i < 4; i++)
        CHECK(p[i] == (float)(i + 1));
    CHECK(p[4] < 5 && p[5] < 6);
    CHECK_INT(rp_train_freeze(&layout, "gru.bias,head.*", frozen), RP_EARG);
    CHECK_TEXT(logged, "train: freeze: 'head.*' names no weights; there are "
                       "gru.weight, gru.bias");
    CHECK_INT(rp_train_freeze(&layout, "*", frozen), RP_EARG);
    CHECK(strstr(logged, "all weights"));
}

/* The table of the man page: what is used when nothing is said. */
static void test_man(void)
{
    FILE *file = fopen("tui/riposte.1", "r");
    char line[400], begin[40], end[20];
    int found = 0;

    CHECK(file != NULL);
    while (file && fgets(line, sizeof line, file))
        for (int i = 0; i < RP_OPTIMIZERS; i++) {
            const struct rp_optimizer_step *usual = &rp_optimizers[i].usual;
            snprintf(begin, sizeof begin, "%s|%.6g|", rp_optimizer_names[i],
                     (double)usual->lr);
            snprintf(end, sizeof end, "|%.6g\n", (double)usual->weight_decay);
            if (!strncmp(line, begin, strlen(begin)) &&
                strlen(line) > strlen(end) &&
                !strcmp(line + strlen(line) - strlen(end), end))
                found++;
        }
    if (file)
        fclose(file);
    CHECK_INT(found, RP_OPTIMIZERS);
}

int main(void)
{
    rp_log_to(keep_log, NULL);
    test_golden();
    test_late();
    test_freeze();
    test_man();
    CHECK(!rp_optimizer_find("adam"));
    return TEST_END();
}
