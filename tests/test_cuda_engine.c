/* The CUDA module on the fake device (fake/cuda) against the CPU engine: the
 * same bits whichever path, whatever order the threads run in; what fails is
 * said and lost. */
#include "fake/cuda/fake_cuda.h"
#include "model/net/engine.h"
#include "model/net/kernels.h"
#include "model/net/module.h"
#include "rt/log.h"
#include "tests/net_batch.h"
#include "tests/test.h"

enum { T = 4, B = 6, SLOTS = 20 /* more than live calls have */ };

/* Few cases, for tools that take a hundred times as long: --brief. */
static bool brief;

static char logged[400];
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

/* The module over the fake device, or with --device the one that was built for
 * a GPU (tests/gpu.sh). */
static const struct rp_engine_ops *device;

static const struct rp_engine_ops *cuda(void)
{
    return device ? device : rp_engine_module.ops;
}

static const struct rp_shape shapes[] = {
    {1, 16, 16, {24, false, false}},
    {2, 48, 32, {24, true, true, true, true, true, true, true}},
    {3, 80, 48, {480, true, false, true}},
};

static float *make_params(const struct rp_shape *shape)
{
    struct rp_layout layout;

    rp_shape_layout(shape, &layout);
    float *params = rp_floats_create(layout.size);
    rp_shape_init_params(shape, 5, params);
    return params;
}

static struct rp_engine *make_engine(const struct rp_engine_ops *ops,
                                     const struct rp_shape *shape,
                                     const float *params)
{
    struct rp_engine *engine = NULL;

    CHECK_INT(ops->create(&engine, shape, SLOTS), RP_OK);
    CHECK_INT(ops->set_params(engine, params), RP_OK);
    return engine;
}

static int compared;

static void check_states(struct rp_engine *a, struct rp_engine *b,
                         const struct rp_shape *shape, uint32_t slot)
{
    float x[256], y[256];

    for (uint32_t l = 0; l < shape->layers; l++) {
        CHECK_INT(a->ops->state(a, slot, l, x), RP_OK);
        CHECK_INT(b->ops->state(b, slot, l, y), RP_OK);
        CHECK(!memcmp(x, y, shape->hidden * sizeof *x));
        compared += (int)shape->hidden;
    }
}

static void check_logits(struct rp_engine *a, struct rp_engine *b,
                         const struct rp_shape *shape,
                         const struct rp_batch *batch, uint32_t row,
                         uint32_t slot)
{
    float x[128], y[128];

    for (int f = 0; f < RP_FIELDS; f++) {
        enum rp_field field = (enum rp_field)f;
        uint32_t n = rp_vocabulary_classes(&shape->vocabulary, field);
        struct rp_indices condition;
        net_batch_indices(&batch->field[f].condition, row, &condition);
        CHECK_INT(a->ops->logits(a, slot, field, &condition, x),
                  n ? RP_OK : RP_EARG);
        CHECK_INT(b->ops->logits(b, slot, field, &condition, y),
                  n ? RP_OK : RP_EARG);
        CHECK(!memcmp(x, y, n * sizeof *x));
        compared += (int)n;
    }
}

/* Logits of so many slots in one call. */
static void check_many(struct rp_engine *a, struct rp_engine *b,
                       const struct rp_shape *shape,
                       const struct rp_batch *batch, uint32_t count)
{
    static float x[SLOTS * 128], y[SLOTS * 128];
    struct rp_indices condition[SLOTS];
    uint32_t slot[SLOTS];

    for (int f = 0; f < RP_FIELDS; f++) {
        enum rp_field field = (enum rp_field)f;
        uint32_t n = rp_vocabulary_classes(&shape->vocabulary, field);
        for (uint32_t i = 0; n && i < count; i++) {
            slot[i] = SLOTS - 1 - i;
            net_batch_indices(&batch->field[f].condition, (B + i) % (T * B),
                              &condition[i]);
        }
        rp_status want = n ? RP_OK : RP_EARG;
        CHECK_INT(a->ops->logits_many(a, count, slot, field, condition, x),
                  want);
        CHECK_INT(b->ops->logits_many(b, count, slot, field, condition, y),
                  want);
        for (uint32_t i = 0; i < count; i++)
            CHECK(!memcmp(x + i * 128, y + i * 128, n * sizeof *x));
        compared += (int)(count * n);
    }
}

/* More rows, and more indices, than there are in a live call. */
static void step_many(struct rp_engine *engine, uint32_t inputs)
{
    struct rp_indices input[SLOTS];
    uint32_t slot[SLOTS];

    for (uint32_t i = 0; i < SLOTS; i++) {
        slot[i] = i;
        input[i].count = (uint16_t)(i % 4);
        for (uint32_t k = 0; k < input[i].count; k++)
            input[i].at[k] = (uint16_t)((7 * i + k) % inputs);
    }
    CHECK_INT(engine->ops->step(engine, SLOTS, slot, input), RP_OK);
    for (uint32_t i = 0; i < 2; i++) {
        input[i].count = 300;
        for (uint32_t k = 0; k < 300; k++)
            input[i].at[k] = (uint16_t)((i + k) % inputs);
    }
    CHECK_INT(engine->ops->step(engine, 2, slot, input), RP_OK);
    CHECK_INT(engine->ops->step(engine, 3, slot + 1, input + 2), RP_OK);
}

/* Slots stepped together and alone, copied, reset, set: as the CPU's. */
static void check_same(const struct rp_shape *shape)
{
    static const uint32_t slot[B] = {7, 2, 5, 0, 8, 3};
    float *params = make_params(shape), h[256];
    struct rp_engine *a = make_engine(cuda(), shape, params);
    struct rp_engine *b = make_engine(&rp_engine_cpu, shape, params);
    struct rp_engine *both[2] = {a, b};
    struct rp_indices input[B];
    struct rp_batch batch;

    net_batch_init(&batch, shape, T, B, 12);
    for (uint32_t t = 1; t < T; t++) {
        uint32_t count = t == 1 ? B : t;
        for (uint32_t i = 0; i < B; i++)
            net_batch_indices(&batch.input, T % 2 + B + i, &input[i]);
        for (int e = 0; e < 2; e++)
            CHECK_INT(both[e]->ops->step(both[e], count, slot, input), RP_OK);
        for (uint32_t i = 0; i < B; i++)
            check_states(a, b, shape, slot[i]);
        check_logits(a, b, shape, &batch, t * B, slot[t]);
    }
    for (int e = 0; e < 2; e++) {
        const struct rp_engine_ops *ops = both[e]->ops;
        CHECK_INT(ops->slot_copy(both[e], 1, 7), RP_OK);
        CHECK_INT(ops->step(both[e], 1, slot, input), RP_OK);
        CHECK_INT(ops->slot_copy(both[e], 4, 7), RP_OK);
        CHECK_INT(ops->slot_reset(both[e], 7), RP_OK);
        CHECK_INT(ops->state(both[e], 5, 0, h), RP_OK);
        CHECK_INT(ops->set_state(both[e], 6, shape->layers - 1, h), RP_OK);
        step_many(both[e], rp_vocabulary_inputs(&shape->vocabulary));
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        check_states(a, b, shape, i);
    check_many(a, b, shape, &batch, SLOTS);
    check_many(a, b, shape, &batch, 7);
    net_batch_fini(&batch);
    a->ops->destroy(a);
    b->ops->destroy(b);
    free(params);
}

/* Ways of a call: by path, and where launches may not begin early (before
 * compute capability 9.0), or there is too little shared memory for live
 * calls' kernels. */
static const struct way {
    const char *path;
    int major;
    uint32_t shared_kb, shapes;
} ways[] = {{"plain", 9, 227, 3}, {"graph", 9, 227, 3}, {"auto", 9, 227, 2},
            {"plain", 8, 99, 1},  {"graph", 9, 48, 2}};

static void check_way(const struct way *way, uint32_t seed)
{
    bool graph = !strcmp(way->path, "graph") && way->shared_kb > 48;

    setenv("RIPOSTE_CUDA_PATH", way->path, 1);
    fake_cuda_reset();
    fake_cuda.seed = seed;
    fake_cuda.major = way->major;
    fake_cuda.shared = way->shared_kb * 1024;
    check_same(&shapes[seed]);
    CHECK(device || fake_cuda.kernels > 20);
    CHECK(device || !strcmp(way->path, "auto") ||
          (fake_cuda.graphs > 10) == graph);
}

static void test_same(void)
{
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
        for (uint32_t s = 0; s < (brief ? 1 : ways[w].shapes); s++)
            check_way(&ways[w], s);
    unsetenv("RIPOSTE_CUDA_PATH");
    fake_cuda_reset();
    CHECK_INT(fake_cuda.live, 0);
    printf("%d numbers are the CPU's\n", compared);
    CHECK(compared > (brief ? 1000 : 30000));
}

static void check_probe(bool want, const char *part)
{
    char text[300];

    CHECK_INT(cuda()->probe(text, sizeof text), want);
    CHECK(strstr(text, part) != NULL);
    CHECK(!strchr(text, '\n'));
    if (!strstr(text, part))
        printf("\"%s\" lacks \"%s\"\n", text, part);
}

static void test_probe(void)
{
    fake_cuda_reset();
    check_probe(true, "Fake Device, compute capability 9.0, driver for CUDA "
                      "13.0, runtime 13.0, ");
    fake_cuda.major = 7;
    fake_cuda.minor = 5;
    check_probe(false, "capability 7.5, expected 8.0 or newer");
    fake_cuda.devices = 0;
    check_probe(false, "no NVIDIA GPU (driver for CUDA 13.0)");
    fake_cuda.devices = -1;
    check_probe(false, "no NVIDIA driver: libcuda.so.1 was not found");
    fake_cuda_reset();
}

/* Each allocation fails once: one line, nothing left behind. */
static void test_memory(void)
{
    struct rp_engine *engine = NULL;
    rp_status status = RP_EMEM;
    int tried = 0;

    rp_log_to(keep_line, NULL);
    while (status) {
        fake_cuda_reset();
        fake_cuda.fail_memory = (uint32_t)++tried;
        lines = 0;
        status = cuda()->create(&engine, &shapes[1], SLOTS);
        if (status) {
            CHECK_INT(status, RP_EMEM);
            CHECK_INT(lines, 1);
            CHECK_TEXT(logged, "cuda: allocating: out of memory");
            CHECK(!engine);
            CHECK_INT(fake_cuda.live, 0);
        }
    }
    CHECK(tried > 8);
    cuda()->destroy(engine);
    CHECK_INT(fake_cuda.live, 0);
    rp_log_to(NULL, NULL);
}

/* Every call of an instance that is lost says so, and nothing else. */
static void check_lost(struct rp_engine *engine)
{
    const struct rp_engine_ops *ops = engine->ops;
    struct rp_indices input = {1, {0}};
    uint32_t slot = 0;
    float out[256];

    lines = 0;
    CHECK_INT(ops->step(engine, 1, &slot, &input), RP_ELOST);
    CHECK_INT(ops->logits(engine, 0, RP_PITCH, &input, out), RP_ELOST);
    CHECK_INT(ops->slot_reset(engine, 0), RP_ELOST);
    CHECK_INT(ops->slot_copy(engine, 1, 0), RP_ELOST);
    CHECK_INT(ops->state(engine, 0, 0, out), RP_ELOST);
    CHECK_INT(ops->set_state(engine, 0, 0, out), RP_ELOST);
    CHECK_INT(ops->set_params(engine, out), RP_ELOST);
    CHECK_INT(lines, 0);
    ops->destroy(engine);
}

/* The device goes, or a kernel never ends, in a step or in a head. */
static void check_loss(bool stall, bool heads, const char *part)
{
    float *params = make_params(&shapes[0]), out[128];
    struct rp_engine *engine = make_engine(cuda(), &shapes[0], params);
    struct rp_indices input = {2, {0, 5}}, none = {0};
    uint32_t slot = 3;
    rp_status status;

    rp_log_to(keep_line, NULL);
    lines = 0;
    if (heads)
        CHECK_INT(engine->ops->logits(engine, 3, RP_DT, &none, out), RP_OK);
    if (stall)
        fake_cuda.stall = (uint32_t)fake_cuda.kernels + 1;
    else
        fake_cuda.fail_launch = 1;
    status = heads ? engine->ops->logits(engine, 3, RP_DT, &none, out)
                   : engine->ops->step(engine, 1, &slot, &input);
    if (!heads) {
        CHECK_INT(status, RP_OK); /* not waited for yet */
        status = engine->ops->state(engine, 3, 0, out);
    }
    CHECK_INT(status, RP_ELOST);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, part) != NULL);
    check_lost(engine);
    rp_log_to(NULL, NULL);
    fake_cuda_reset();
    free(params);
}

static void test_loss(void)
{
    size_t live;

    fake_cuda_reset();
    check_loss(false, false, "unspecified launch failure");
    check_loss(false, true, "unspecified launch failure");
    CHECK_INT(fake_cuda.live, 0);
    setenv("RIPOSTE_CUDA_DEADLINE", "30", 1);
    check_loss(true, false, "not done after 30 ms");
    live = fake_cuda.live;
    CHECK(live > 0); /* what never ends may still write there */
    check_loss(true, true, "a head: not done after 30 ms");
    CHECK(fake_cuda.live > live);
}

static void test_settings(void)
{
    struct rp_engine *engine = NULL;

    rp_log_to(keep_line, NULL);
    lines = 0;
    setenv("RIPOSTE_CUDA_PATH", "scenic", 1);
    CHECK_INT(cuda()->create(&engine, &shapes[0], 1), RP_OK);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "RIPOSTE_CUDA_PATH=scenic: no such path") != NULL);
    cuda()->destroy(engine);
    unsetenv("RIPOSTE_CUDA_PATH");
    rp_log_to(NULL, NULL);
}

int main(int argc, char **argv)
{
    brief = argc > 1 && !strcmp(argv[argc - 1], "--brief");
    if (argc > 1 && !strcmp(argv[1], "--device")) {
        CHECK_INT(rp_engine_find("cuda", &device), RP_OK);
        if (device)
            test_same();
        return TEST_END();
    }
    if (!fake_cuda_runs())
        SKIP("the fake device's fibers are unknown to TSan");
    setenv("RIPOSTE_CUDA_DEADLINE", "60000", 1);
    test_probe();
    test_same();
    test_settings();
    test_memory();
    test_loss();
    return TEST_END();
}
