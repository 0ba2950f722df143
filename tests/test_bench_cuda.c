/* Every row that a GPU is judged by, over the CUDA module on the fake device,
 * loaded as the command loads one: that all are there on each path, that what
 * fails is said and the rest goes on, and that the tables name what is kept.
 * The times mean nothing here. */
#include "model/bench_train.h"
#include "model/net/json.h"
#include "model/play/bench_rollout.h"
#include "rt/log.h"
#include "tests/test.h"
#include "tests/tsan.h"

enum { PATHS = 7, CANDIDATES = 1, NOTES = 1, MANY = 20 };
static const char *const paths[PATHS] = {
    "plain",     "graph",     "cluster-fp32", "cluster-bf16",
    "grid-fp32", "grid-bf16", "bf16"};
static const struct rp_shape shapes[] = {{2, 32, 16, {24, true}},
                                         {2, 48, 16, {24, true}}};
extern int fake_nvml_open; /* fake/nvml */
static char logged[400];

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    if (level >= RP_WARN)
        snprintf(logged, sizeof logged, "%s: %s", tag, text);
}

static char *text_of(const struct rp_bench_engine *bench, bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    rp_bench_engine_print(bench, json, out);
    fclose(out);
    return text;
}

/* How many rows a path has that are like this one. */
static uint32_t count_rows(const struct rp_bench_engine *bench,
                           const char *path,
                           const struct rp_bench_engine_row *like)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_engine_row *row = &bench->row[i];
        count += !strcmp(row->kernels, path) && row->what == like->what &&
                 row->hidden == like->hidden &&
                 row->layers == (like->layers ? like->layers : 2) &&
                 row->slots == like->slots &&
                 row->candidates == like->candidates &&
                 row->most == like->most && !row->status && row->us > 0 &&
                 row->us <= row->p99_us && row->p99_us <= row->p999_us;
    }
    return count;
}

/* What is measured, in small, and on which paths: bit 0 is "plain". What goes
 * the same way on another path is measured there. */
enum { ALL = 0x7f, STEPS = 0x03, WIDE = 0x43 };
static const struct wanted {
    uint32_t on;
    struct rp_bench_engine_row row;
} wanted[] = {
    {STEPS, {.what = RP_BENCH_NOTE, .hidden = 32, .slots = 1}},
    {STEPS, {.what = RP_BENCH_NOTE, .hidden = 32, .slots = 16}},
    {STEPS, {.what = RP_BENCH_NOTE, .hidden = 48, .slots = 1}},
    {STEPS, {.what = RP_BENCH_LAYERS, .hidden = 32, .slots = 1}},
    {STEPS, {.what = RP_BENCH_LAYERS, .hidden = 48, .slots = 1}},
    {STEPS, {.what = RP_BENCH_LIVE, .hidden = 32}},
    {WIDE, {.what = RP_BENCH_LIVE, .hidden = 32, .candidates = CANDIDATES,
            .most = NOTES}},
    {ALL, {.what = RP_BENCH_ROLLOUT, .hidden = 32, .candidates = 1,
           .most = NOTES}},
    {ALL, {.what = RP_BENCH_ROLLOUT, .hidden = 48, .candidates = 1,
           .most = NOTES}},
    {ALL, {.what = RP_BENCH_ROLLOUT, .layers = 1, .hidden = 32,
           .candidates = 1, .most = NOTES}},
};
enum { WANTED = sizeof wanted / sizeof *wanted };

static struct rp_bench_engine_options options = {
    .seconds = 0.001, .instead = shapes, .insteads = 2,
    .candidates = CANDIDATES, .notes = NOTES};

static void test_rows(void)
{
    static struct rp_bench_engine bench;
    uint32_t kept = 0;
    char *text;

    CHECK_INT(rp_bench_all(&bench, &options), RP_OK);
    CHECK_TEXT(logged, ""); /* of a path, say, that the engine knows not */
    CHECK(strstr(bench.device, "Fake Device") != NULL);
    CHECK_TEXT(bench.clocks, "driver 580.99, SM clock 1755 of 1980 MHz, "
                             "memory 3201 MHz, 345 W, 41 C");
    CHECK_INT(fake_nvml_open, 0);
    for (int p = 0; p < PATHS; p++)
        for (int i = 0; i < WANTED; i++)
            CHECK_INT(count_rows(&bench, paths[p], &wanted[i].row),
                      wanted[i].on >> p & 1);
    for (uint32_t i = 0; i < bench.rows; i++)
        kept += bench.row[i].kept;
    CHECK_INT(kept, WANTED + 1); /* 2 x 48 in 16 slots too */
    text = text_of(&bench, false);
    printf("%s", text);
    CHECK(strstr(text, "\nkept, by the median of microseconds:\n"
                       "note 2 x 32 in 1 slot: ") != NULL);
    CHECK(strstr(text, "\nlayers 2 x 32: ") != NULL);
    CHECK(strstr(text, "\nlive 2 x 32: ") != NULL);
    CHECK(strstr(text, "\nlive 2 x 32 beside 1 x 1: ") != NULL);
    CHECK(strstr(text, "\nrollout 2 x 48 1 x 1: ") != NULL);
    free(text);
}

/* Few rows by name, and more candidates than clusters are for. */
static void test_asked(void)
{
    static struct rp_bench_engine bench;
    struct rp_bench_engine_options asked = options;

    asked.what = "rollout";
    asked.candidates = asked.only = MANY;
    CHECK_INT(rp_bench_all(&bench, &asked), RP_OK);
    CHECK_INT(bench.rows, 3);
    for (uint32_t i = 0; i < bench.rows; i++) {
        CHECK_INT(bench.row[i].what, RP_BENCH_ROLLOUT);
        CHECK_INT(bench.row[i].candidates, MANY);
        CHECK_TEXT(bench.row[i].kernels, paths[i < 2 ? i : PATHS - 1]);
    }
    asked.only = 1;
    asked.path = "graph";
    asked.insteads = 1;
    CHECK_INT(rp_bench_all(&bench, &asked), RP_OK);
    CHECK_INT(bench.rows, 2); /* of two layers, and of one */
    CHECK_TEXT(bench.row[0].kernels, "graph");
    CHECK_INT(bench.row[0].candidates, 1);
    CHECK(!bench.row[0].kept); /* of what? */
}

static const struct rp_bench_train_options train = {
    .layers = 2, .hidden = 16, .head = 16, .batch = 4, .length = 8,
    .threads = 1, .precision = {true, true}, .rounds = 2, .steps = 1,
    .engine = "cuda", .torch = "/nowhere/python"};

static void test_train(void)
{
    static struct rp_bench_train bench;

    CHECK_INT(rp_bench_train_run(&bench, &train), RP_OK);
    rp_bench_train_print(&bench, false, stdout);
    CHECK_INT(bench.rows, 4); /* fp32 and bf16, by launches and by graphs */
    for (uint32_t i = 0; i < bench.rows; i++) {
        CHECK(bench.row[i].notes_s > 0 && !bench.row[i].torch);
        CHECK(strstr(bench.row[i].how, i < 2 ? "fp32" : "bf16") != NULL);
        CHECK_INT(strstr(bench.row[i].how, ", graphs") != NULL, i % 2);
    }
    CHECK(strstr(bench.torch_skipped, "No such file") != NULL);
    CHECK(strstr(bench.device, "Fake Device") != NULL);
}

/* A way that the engine does not know: it goes another one with a warning, and
 * that is no measurement. */
static void test_other_way(void)
{
    static struct rp_bench_engine bench;
    struct rp_bench_engine_options asked = options;

    asked.what = "note";
    asked.path = "scenic";
    setenv("RIPOSTE_CUDA_PATH", "scenic", 1);
    CHECK_INT(rp_bench_all(&bench, &asked), RP_ENONE);
    CHECK_INT(bench.rows, 1);
    CHECK_INT(bench.row[0].status, RP_ENONE);
    CHECK(strstr(logged, "scenic") != NULL);
    unsetenv("RIPOSTE_CUDA_PATH");
}

/* The device goes in a step: every way of training fails, and it is said of
 * each. */
static void test_train_lost(void)
{
    static struct rp_bench_train bench;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    setenv("FAKE_CUDA_FAIL_LAUNCH", "30", 1);
    CHECK_INT(rp_bench_train_run(&bench, &train), RP_ELOST);
    unsetenv("FAKE_CUDA_FAIL_LAUNCH");
    CHECK_INT(bench.rows, 4);
    rp_bench_train_print(&bench, false, out);
    fclose(out);
    CHECK(strstr(text, "\nriposte fp32 plain failed\n"
                       "riposte fp32 graph failed\n"
                       "riposte bf16 plain failed\n") != NULL);
    CHECK(!strstr(text, "notes/s ("));
    free(text);
}

/* so that the first row of each path fails, which is said; the others are not
 * tried. */
static void test_lost(void)
{
    static struct rp_bench_engine bench;
    struct rp_json json = {0};
    struct rp_json_fault fault;
    uint32_t failed = 0;
    char *text;

    CHECK_INT(rp_bench_engine_run(&bench, &options), RP_ELOST);
    for (uint32_t i = 0; i < bench.rows; i++)
        failed += bench.row[i].status != RP_OK;
    CHECK_INT(failed, 2);
    CHECK_INT(bench.rows, 2);
    text = text_of(&bench, false);
    CHECK(strstr(text, "plain        2 x 32    failed\n") != NULL);
    free(text);
    text = text_of(&bench, true);
    CHECK_INT(rp_json_parse(text, strlen(text), &json, &fault), RP_OK);
    rp_json_fini(&json);
    free(text);
}

int main(void)
{
    if (TSAN)
        SKIP("the fake device's fibers are unknown to TSan");
    setenv("RIPOSTE_MODULES", FAKE_MODULES, 1);
    setenv("RIPOSTE_CUDA_DEADLINE", "60000", 1);
    rp_log_to(keep_line, NULL);
    CHECK_INT(rp_engine_find("cuda", &options.ops), RP_OK);
    CHECK_TEXT(logged, "");
    if (!options.ops)
        return TEST_END();
    test_rows();
    test_asked();
    test_train();
    test_other_way();
    test_train_lost(); /* and for good, */
    test_lost();
    return TEST_END();
}
