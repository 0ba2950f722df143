/* Steps of training on the CUDA module, one after another: the same bits under
 * other orders of threads and as graphs, batches put ahead, what fails. */
#include "tests/learner.h"

/* Ten steps of two batches that are not alike, each in both slots, put ahead;
 * to params and state. */
static void learn_two(struct fixture *f, const char *path)
{
    const struct rp_learner_pass pass = {.backward = true,
                                         .dropout = 0.2f,
                                         .recurrent_dropout = 0.1f,
                                         .seed = 3};
    struct rp_learner_update one = update;
    struct rp_learner_result result;
    struct rp_batch other;
    struct rp_learner_part part[2] = {{&f->batch, 1, NULL}, {&other, 2, NULL}};

    setenv("RIPOSTE_CUDA_TRAIN", path, 1);
    init_parts(f, &shapes[1]);
    net_batch_init(&other, &shapes[1], T - 1, B, 77);
    CHECK_INT(make_learner(f, RP_BF16, true, true), RP_OK);
    CHECK_INT(ops()->set(f->learner, f->params, f->state), RP_OK);
    CHECK_INT(ops()->put(f->learner, &part[0], 1, &pass), RP_OK);
    for (uint64_t i = 1; i <= 10; i++) {
        one.step.step = i;
        one.step.lr = 1e-3f * (float)i;
        CHECK_INT(ops()->run(f->learner, &one), RP_OK);
        CHECK_INT(ops()->put(f->learner, &part[i / 3 % 2], 1, &pass), RP_OK);
        CHECK_INT(ops()->result(f->learner, &result), RP_OK);
        CHECK(result.loss[RP_PITCH] > 1);
    }
    CHECK_INT(ops()->get(f->learner, f->params, f->state), RP_OK);
    net_batch_fini(&other);
    unsetenv("RIPOSTE_CUDA_TRAIN");
}

/* Ten steps twice. Of a real device it is said, for its libraries promise no
 * more than cuda/README.md tells. */
static void test_again(void)
{
    struct fixture f, again;
    bool same;

    learn_two(&f, "plain");
    learn_two(&again, "plain");
    same = !memcmp(f.params, again.params, f.layout.size * sizeof *f.params);
    printf("the same steps again: %s\n", same ? "the same bits" : "other bits");
    CHECK(device || same);
    fini(&f);
    fini(&again);
}

/* On a real device a library may choose otherwise in a graph. */
static void check_device_graphs(const struct fixture *plain)
{
    const struct rp_layout *layout = &plain->layout;
    struct fixture f, begun;
    bool same;

    init_parts(&begun, plain->shape);
    begun.learner = NULL;
    learn_two(&f, "graph");
    same = !memcmp(f.params, plain->params, layout->size * sizeof(float));
    printf("graphs: %s\n", same ? "the same bits" : "other bits");
    check_moved(layout, f.params, plain->params, begun.params, 0.02);
    CHECK(!!strstr(ops()->about(f.learner), ", graphs"));
    fini(&begun);
    fini(&f);
}

/* As graphs: the bits of launches one by one. A capture that fails, at its
 * beginning or near its end, is said once, and changes nothing. */
static void test_graphs(void)
{
    static const uint32_t fails[] = {0, 1, 60};
    struct fixture plain;

    learn_two(&plain, "plain");
    if (device) {
        check_device_graphs(&plain);
        fini(&plain);
        return;
    }
    for (size_t i = 0; i < sizeof fails / sizeof *fails; i++) {
        const size_t size = plain.layout.size * sizeof(float);
        const uint64_t before = fake_cuda.graphs;
        struct fixture f;
        lines = 0;
        fake_cuda.fail_capture = fails[i];
        learn_two(&f, "graph");
        CHECK(!memcmp(f.params, plain.params, size));
        CHECK(!memcmp(f.state, plain.state, 3 * size));
        CHECK_INT(fake_cuda.fail_capture, 0);
        CHECK_INT(lines, fails[i] ? 1 : 0);
        CHECK(!fails[i] || strstr(logged, "cuda: a step cannot be a graph ("));
        CHECK(fails[i] != 1 ||
              strstr(logged, "(clearing a gradient: operation not permitted"));
        CHECK(!fails[i] == !!strstr(ops()->about(f.learner), ", graphs"));
        CHECK(fails[i] ? fake_cuda.graphs == before
                       : fake_cuda.graphs > before + 4);
        fini(&f);
    }
    fini(&plain);
}

/* Whatever the order of threads, in bf16 too; and validation, which reads the
 * averaged weights in fp32, changes nothing. */
static void test_same(void)
{
    const struct rp_learner_pass pass = {.backward = true, .dropout = 0.2f};
    const struct rp_learner_pass look = {.average = true};
    float *first = NULL;
    double loss = 0;

    for (uint32_t seed = 1; seed <= 3; seed++) {
        struct fixture f;
        struct rp_learner_update one = update;
        struct rp_learner_result result;
        fake_cuda.seed = seed;
        init(&f, &shapes[1], RP_BF16, true, true);
        one.step.step = 1;
        step(&f, &pass, &one);
        result = step(&f, &look, NULL);
        CHECK(result.loss[RP_PITCH] > 10);
        CHECK(seed == 1 || result.loss[RP_PITCH] == loss);
        loss = result.loss[RP_PITCH];
        step(&f, &pass, NULL);
        CHECK_INT(ops()->gradient(f.learner, f.gradient), RP_OK);
        if (first)
            CHECK(!memcmp(first, f.gradient,
                          f.layout.size * sizeof *first));
        else
            first = rp_floats_create(f.layout.size);
        memcpy(first, f.gradient, f.layout.size * sizeof *first);
        fini(&f);
    }
    free(first);
    fake_cuda_reset();
}

/* Two batches on their way: results come in order. */
static void test_ahead(void)
{
    const struct rp_learner_pass pass = {.backward = true};
    struct rp_learner_result result;
    struct rp_batch other;
    struct fixture f;
    struct rp_learner_part part = {&f.batch, 1, NULL};
    struct rp_learner_part next = {&other, 2, NULL};
    double weight[2];

    init(&f, &shapes[0], RP_FP32, false, false);
    net_batch_init(&other, &shapes[0], 3, 2, 77);
    weight[0] = weight_of(&f.batch);
    weight[1] = weight_of(&other);
    CHECK_INT(ops()->result(f.learner, &result), RP_EARG);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(ops()->put(f.learner, &part, 1, &pass), RP_OK);
        CHECK_INT(ops()->run(f.learner, NULL), RP_OK);
        CHECK_INT(ops()->put(f.learner, &next, 1, &pass), RP_OK);
        CHECK_INT(ops()->put(f.learner, &next, 1, &pass), RP_EARG);
        CHECK_INT(ops()->run(f.learner, NULL), RP_OK);
        CHECK_INT(ops()->run(f.learner, NULL), RP_EARG);
        for (int k = 0; k < 2; k++) {
            CHECK_INT(ops()->result(f.learner, &result), RP_OK);
            CHECK_NEAR(result.weight, weight[k], 1e-9);
            CHECK(result.loss[RP_PITCH] > 1);
        }
    }
    net_batch_fini(&other);
    fini(&f);
}

/* What is no deadline is said, and nothing is lost by it. */
static void test_deadline(void)
{
    const struct rp_learner_pass pass = {.backward = true};
    struct fixture f;

    setenv("RIPOSTE_CUDA_DEADLINE", "soon", 1);
    lines = 0;
    init(&f, &shapes[0], RP_FP32, false, false);
    unsetenv("RIPOSTE_CUDA_DEADLINE");
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged, "cuda: RIPOSTE_CUDA_DEADLINE=soon: expected "
                       "milliseconds, 1 or more");
    CHECK(step(&f, &pass, NULL).loss[RP_PITCH] > 1);
    fini(&f);
}

/* A loss, and how it was computed by what the learner says. */
static double loss_as(const struct rp_shape *shape,
                      enum rp_precision precision, const char *how)
{
    const struct rp_learner_pass pass = {.backward = true};
    struct fixture f;
    double loss;

    init(&f, shape, precision, false, false);
    CHECK(!!strstr(ops()->about(f.learner), how));
    loss = step(&f, &pass, NULL).loss[RP_PITCH];
    fini(&f);
    return loss;
}

/* A card on which cuDNN has no bf16 for a GRU, whichever call says so: one
 * line, and TF32, which is fp32 here. */
static void test_refused(void)
{
    enum { CALLS = 3 + 6 * 3 + 3 }; /* describe, measure, look, try */
    const struct rp_shape *shape = &shapes[2];
    const double exact = loss_as(shape, RP_FP32, ", fp32");
    struct fixture f;

    CHECK(loss_as(shape, RP_BF16, ", bf16") != exact);
    for (uint32_t i = 1; i <= CALLS; i++) {
        lines = 0;
        fake_cuda.refuse_bf16 = i;
        CHECK(loss_as(shape, RP_BF16, ", tf32") == exact);
        CHECK_INT(lines, 1);
        CHECK(strstr(logged, "cuda: cuDNN has no bf16 for a GRU on Fake Device "
                             "("));
        CHECK(strstr(logged, ": CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH): "
                             "TF32"));
    }
    CHECK(strstr(logged, "(going backward: "));
    fake_cuda.refuse_bf16 = CALLS + 1; /* what was tried is all there is */
    init(&f, shape, RP_BF16, false, false);
    CHECK(!!strstr(ops()->about(f.learner), ", bf16"));
    fini(&f);
    fake_cuda_reset();
}

/* Every allocation failing once, and the device lost in the middle. */
static void test_faults(void)
{
    const struct rp_learner_pass pass = {.backward = true};
    struct fixture f;
    size_t live = fake_cuda.live;
    uint32_t fails = 0;

    init_parts(&f, &shapes[0]);
    for (uint32_t i = 1;; i++) {
        rp_status status;
        fake_cuda.fail_memory = i;
        status = make_learner(&f, RP_BF16, true, true);
        if (!status)
            break;
        CHECK_INT(status, RP_EMEM);
        CHECK(fake_cuda.live == live);
        fails++;
    }
    CHECK(fails > 30);
    fake_cuda.fail_memory = 0;
    CHECK_INT(ops()->set(f.learner, f.params, f.state), RP_OK);
    for (uint32_t i = 1; i <= 40; i += 13) {
        const struct rp_learner_part part = {&f.batch, 8, NULL};
        struct rp_learner_result result;
        rp_status status;
        lines = 0;
        fake_cuda.fail_launch = i;
        status = ops()->put(f.learner, &part, 1, &pass);
        if (!status)
            status = ops()->run(f.learner, NULL);
        if (!status)
            status = ops()->result(f.learner, &result);
        CHECK_INT(status, RP_ELOST);
        CHECK_INT(lines, 1);
        CHECK_INT(ops()->get(f.learner, f.params, f.state), RP_ELOST);
        ops()->destroy(f.learner);
        fake_cuda_reset();
        CHECK(fake_cuda.live == live);
        CHECK_INT(make_learner(&f, RP_BF16, true, true), RP_OK);
        CHECK_INT(ops()->set(f.learner, f.params, f.state), RP_OK);
    }
    fini(&f);
    CHECK(fake_cuda.live == live);
}

int main(int argc, char **argv)
{
    if (!begin(argc, argv))
        return TEST_END();
    test_ahead();
    test_graphs();
    test_again();
    if (!device) {
        test_same();
        test_deadline();
        test_refused();
        test_faults();
    }
    return TEST_END();
}
