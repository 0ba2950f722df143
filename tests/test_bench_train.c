/* `bench train`: every row is measured and its shares are a whole; a Python
 * that answers is set beside, one that cannot is named with the reason. */
#include <sys/stat.h>
#include <unistd.h>

#include "model/bench_train.h"
#include "model/net/json.h"
#include "rt/log.h"
#include "tests/test.h"

static struct rp_bench_train_options options = {
    .layers = 1, .hidden = 32, .head = 16, .batch = 4, .length = 16,
    .threads = 2, .precision = {true, true}, .rounds = 3, .steps = 2,
};
static char path[] = "/tmp/riposte-bench-test-XXXXXX";

/* In the place of Python: says hello, then that any steps took 2 s, and 1 s
 * of a core. */
static void write_python(void)
{
    int number = mkstemp(path);
    FILE *file = number < 0 ? NULL : fdopen(number, "w");

    if (!file)
        abort();
    fputs("#!/bin/sh\n"
          "echo '{\"fp32\":{\"threads\":2,\"input\":\"bag\",\"kernels\":"
          "\"9 us of the GRU alone\\\\n7 us, 2 times: bell\"},\"bf16\":"
          "{\"threads\":1,\"input\":\"dense\"},\"loss\":3.5,\"torch\":\"9\"}'\n"
          "while read -r name steps; do\n"
          "echo '{\"seconds\":2,\"core_seconds\":1,\"loss\":1}'\n"
          "done\n", file);
    fclose(file);
    if (chmod(path, 0700))
        abort();
}

static void check_json(const struct rp_bench_train *bench, const char *skipped)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    struct rp_json json = {0};
    struct rp_json_fault fault;
    uint32_t at;

    rp_bench_train_print(bench, true, file);
    fclose(file);
    CHECK_INT(rp_json_parse(text, size, &json, &fault), RP_OK);
    at = json.count ? rp_json_find(&json, 0, "rows") : 0;
    CHECK(at && json.node[at].count == bench->rows);
    at = json.count ? rp_json_find(&json, 0, "torch_skipped") : 0;
    if (skipped)
        CHECK(at && strstr(json.node[at].string, skipped));
    else
        CHECK(!at);
    rp_json_fini(&json);
    free(text);
}

static void check_row(const struct rp_bench_train_row *row)
{
    double sum = 0;

    for (int i = 0; i <= RP_STAGES; i++)
        sum += row->share[i];
    CHECK(isfinite(row->notes_s) && row->least_s > 0);
    CHECK(row->least_s <= row->notes_s && row->notes_s <= row->most_s);
    CHECK(row->core_s > 0 && row->gflops > 0);
    CHECK_NEAR(sum, 1, 1e-6);
}

static void test_skipped(void)
{
    struct rp_bench_train bench;

    options.torch = "/nowhere/python";
    CHECK_INT(rp_bench_train_run(&bench, &options), RP_OK);
    CHECK_INT(bench.rows, 2);
    for (uint32_t i = 0; i < bench.rows; i++) {
        check_row(&bench.row[i]);
        CHECK_INT(bench.row[i].precision, i);
        CHECK(bench.row[i].ratio == 0);
    }
    CHECK(bench.loss > 1 && bench.loss < 30);
    check_json(&bench, "No such file");
}

/* A line for each kernel that PyTorch's GRU ran. */
static void check_kernels(const struct rp_bench_train *bench)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    rp_bench_train_print(bench, false, file);
    fclose(file);
    CHECK(strstr(text, "PyTorch's GRU in fp32 ran, microseconds of a step:\n"
                       "  9 us of the GRU alone\n"
                       "  7 us, 2 times: bell\n") != NULL);
    CHECK(!strstr(text, "GRU in bf16 ran"));
    free(text);
}

static void test_beside(void)
{
    struct rp_bench_train bench;
    double steps = options.steps * options.batch * (options.length - 1.0);

    write_python();
    options.torch = path;
    CHECK_INT(rp_bench_train_run(&bench, &options), RP_OK);
    CHECK_INT(bench.rows, 4);
    CHECK_TEXT(bench.torch_version, "9");
    CHECK_NEAR(bench.torch_loss, 3.5, 1e-9);
    for (uint32_t i = 0; i + 1 < bench.rows; i += 2) {
        check_row(&bench.row[i]);
        CHECK(bench.row[i + 1].torch);
        CHECK_NEAR(bench.row[i + 1].notes_s, steps / 2, 1e-6);
        CHECK_NEAR(bench.row[i + 1].core_s, steps, 1e-6);
        CHECK_NEAR(bench.row[i].ratio, bench.row[i].notes_s / (steps / 2),
                   1e-6 * bench.row[i].ratio);
    }
    CHECK_TEXT(bench.row[1].how, "2 threads, bag");
    check_json(&bench, NULL);
    check_kernels(&bench);
    unlink(path);
}

int main(void)
{
    rp_log_level(RP_ERROR);
    test_skipped();
    test_beside();
    return TEST_END();
}
