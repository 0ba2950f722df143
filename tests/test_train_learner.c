/* Runs on another engine: the CUDA module over the fake device, loaded as the
 * command loads one. It learns what the CPU learns; stopped and resumed, the
 * same bytes; what was begun there goes on here; a device that is lost leaves
 * what was saved. */
#include <math.h>

#include "model/net/engine.h"
#include "tests/train_runs.h"
#include "tests/tsan.h"

static struct rp_train_options tiny(const char *name, const char *engine)
{
    static char out[4][300];
    static int next;
    struct rp_train_options options;

    next = (next + 1) % 4;
    snprintf(out[next], sizeof out[next], "%s/%s", folder, name);
    options = small(out[next]);
    options.hidden = 16;
    options.batch = 6;
    options.length = 12;
    options.epochs = 2;
    options.recurrent_dropout = 0;
    options.average = 0.9f;
    options.smoothing = 0.05f;
    options.engine = engine;
    return options;
}

static struct rp_train_options again(const char *path, const char *engine)
{
    struct rp_train_options options;

    rp_train_defaults(&options);
    options.dir = dirs;
    options.dirs = 1;
    options.threads = 1;
    options.resume = path;
    options.engine = engine;
    return options;
}

static float *params_of(const char *out, const char *name, size_t *size)
{
    struct rp_card card = {0};
    struct rp_shape shape;
    struct rp_layout layout;
    float *params = NULL;

    CHECK_INT(rp_checkpoint_load(path_of(out, name), &shape, &params, &card,
                                 NULL, NULL),
              RP_OK);
    rp_card_fini(&card);
    rp_shape_layout(&shape, &layout);
    *size = layout.size;
    return params;
}

/* Two runs' weights, against how long they are. */
static void check_near(const char *a, const char *b, const char *name)
{
    size_t size, other;
    float *x = params_of(a, name, &size), *y = params_of(b, name, &other);
    double off = 0, length = 0;

    CHECK(x && y && size == other);
    for (size_t i = 0; x && y && i < size; i++) {
        off += pow((double)x[i] - (double)y[i], 2);
        length += pow((double)x[i], 2);
    }
    CHECK(length > 1);
    CHECK(off <= 1e-6 * length);
    CHECK(off > 0); /* or the same engine ran twice */
    free(x);
    free(y);
}

/* The CPU's run but for rounding. */
static void check_same_run(struct rp_train_options cpu,
                           struct rp_train_options cuda)
{
    struct rp_train_result a = run(&cpu), b = run(&cuda);

    CHECK(a.steps > 4);
    CHECK_INT(a.steps, b.steps);
    CHECK_NEAR(a.train, b.train, 1e-4 * a.train);
    CHECK_NEAR(a.valid, b.valid, 1e-4 * a.valid);
    CHECK(a.best < 100); /* something was validated */
    CHECK_NEAR(a.best, b.best, 1e-4 * a.best);
    check_near(cpu.out, cuda.out, "best.safetensors");
    check_near(cpu.out, cuda.out, "last.safetensors");
}

/* Same dropout, same batches, same formulas. */
static void test_same_run(void)
{
    struct rp_train_options cpu = tiny("cpu", "cpu");
    struct rp_train_options cuda = tiny("cuda", "cuda");

    check_same_run(cpu, cuda);
    cpu = tiny("cpu-sgd", "cpu");
    cuda = tiny("cuda-sgd", "cuda");
    cpu.optimizer = cuda.optimizer = "sgd";
    cpu.lr = cuda.lr = 0.1f;
    cpu.stateful = cuda.stateful = true;
    cpu.recurrent_dropout = cuda.recurrent_dropout = 0.2f;
    check_same_run(cpu, cuda);
}

/* Stopped after four steps and taken up again: there, the bytes of the run
 * that was not stopped; on the CPU, about its weights. */
static void test_resume(void)
{
    static const char *const on[] = {"cuda", "cpu"};

    for (int i = 0; i < 2; i++) {
        struct rp_train_options options =
            tiny(i ? "there-here" : "there", "cuda"), more;
        char path[320], whole[300];
        options.steps_max = 4;
        CHECK_INT(run(&options).steps, 4);
        snprintf(path, sizeof path, "%s/001", options.out);
        snprintf(whole, sizeof whole, "%s/cuda", folder);
        more = again(path, on[i]);
        CHECK(run(&more).steps > 4);
        if (i == 0)
            check_same_runs(options.out, whole);
        else
            check_near(options.out, whole, "last.safetensors");
    }
}

/* Steps as graphs, over batches of several lengths: the same bytes. */
static void test_graphs(void)
{
    struct rp_train_options options = tiny("graphs", "cuda");
    char whole[300];

    setenv("RIPOSTE_CUDA_TRAIN", "graph", 1);
    CHECK(run(&options).steps > 4);
    unsetenv("RIPOSTE_CUDA_TRAIN");
    snprintf(whole, sizeof whole, "%s/cuda", folder);
    check_same_runs(options.out, whole);
}

/* What can train is taken. */
static void test_auto(void)
{
    struct rp_train_options options = tiny("auto", "auto");
    options.steps_max = 1;
    CHECK_INT(run(&options).steps, 1);
}

/* The device is lost in the second epoch: one line, and the run goes on from
 * what the first one left, here. */
static void test_lost(void)
{
    struct rp_train_options options = tiny("lost", "cuda"), more;
    struct rp_train_result result;
    char path[320], last[400];

    setenv("FAKE_CUDA_FAIL_LAUNCH", "600", 1);
    logged[0] = 0;
    CHECK_INT(rp_train_run(&options, NULL, true, &result), RP_ELOST);
    unsetenv("FAKE_CUDA_FAIL_LAUNCH");
    snprintf(path, sizeof path, "%s/001", options.out);
    CHECK(strstr(logged, "train: the engine is lost; what was saved is in") ==
          logged);
    snprintf(last, sizeof last, "%s/last.safetensors", path);
    CHECK(access(last, R_OK) == 0);
    more = again(path, "cpu");
    result = run(&more);
    CHECK_INT(result.epoch, 2);
}

int main(void)
{
    const struct rp_engine_ops *ops;

    if (TSAN)
        SKIP("the fake device's fibers are unknown to TSan");
    setenv("RIPOSTE_MODULES", FAKE_MODULES, 1);
    rp_log_to(keep_log, NULL);
    snprintf(folder, sizeof folder, "%s/riposte-train-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    dirs[0] = folder;
    if (!songs_folder(folder, 24, 30))
        return 1;
    CHECK_INT(rp_engine_find("cuda", &ops), RP_OK);
    test_same_run();
    test_resume();
    test_graphs();
    test_auto();
    test_lost();
    songs_remove(folder);
    return TEST_END();
}
