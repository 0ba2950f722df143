/* What every engine promises, checked on each one that can run here. */
#include "model/net/engine.h"
#include "model/net/gru.h"
#include "model/net/kernels.h"
#include "rt/log.h"
#include "tests/engines.h"
#include "tests/net_batch.h"
#include "tests/test.h"

enum { T = 7, B = 5, SLOTS = 12 };

static int ran; /* engines */

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
    CHECK(engine && engine->ops == ops);
    CHECK_INT(ops->set_params(engine, params), RP_OK);
    return engine;
}

/* Steps column b of the batch through `slot` up to and with row t. */
static void step_to(struct rp_engine *engine, const struct rp_batch *batch,
                    uint32_t slot, uint32_t b, uint32_t t)
{
    struct rp_indices input;

    net_batch_indices(&batch->input, t * B + b, &input);
    if (input.count)
        CHECK_INT(engine->ops->step(engine, 1, &slot, &input), RP_OK);
}

/* States and logits along a batch against the reference in double. */
static void check_reference(const struct rp_engine_ops *ops,
                            const struct rp_shape *shape, const float *params)
{
    struct rp_engine *engine = make_engine(ops, shape, params);
    struct rp_layout layout;
    struct rp_gru *gru = NULL;
    struct rp_batch batch;
    double worst = 0, want[128];
    float h[256], got[128];
    int compared = 0;

    rp_shape_layout(shape, &layout);
    double *wide = calloc(layout.size, sizeof *wide);
    for (size_t i = 0; i < layout.size; i++)
        wide[i] = (double)params[i];
    net_batch_init(&batch, shape, T, B, 11);
    CHECK_INT(rp_gru_create(&gru, shape, T, B), RP_OK);
    CHECK(rp_gru_forward(gru, wide, &batch, NULL) > 0);
    for (uint32_t row = 0; row < T * B; row++) {
        uint32_t t = row / B, b = row % B;
        step_to(engine, &batch, b, b, t);
        for (uint32_t l = 0; l < shape->layers; l++) {
            CHECK_INT(ops->state(engine, b, l, h), RP_OK);
            for (uint32_t i = 0; i < shape->hidden; i++, compared++)
                worst = fmax(
                    worst, fabs((double)h[i] - rp_gru_state(gru, t, b, l)[i]));
        }
        for (int f = 0; f < RP_FIELDS; f++) {
            struct rp_indices condition;
            enum rp_field field = (enum rp_field)f;
            uint32_t n = rp_vocabulary_classes(&shape->vocabulary, field);
            net_batch_indices(&batch.field[f].condition, row, &condition);
            rp_status status = ops->logits(engine, b, field, &condition, got);
            CHECK_INT(status, n ? RP_OK : RP_EARG);
            if (n)
                rp_gru_logits(gru, wide, &batch, t, b, field, want);
            for (uint32_t i = 0; i < n; i++, compared++)
                worst = fmax(worst, fabs((double)got[i] - want[i]));
        }
    }
    printf("%s, %u x %u: %d numbers against the reference, worst %.2g\n",
           ops->name, shape->layers, shape->hidden, compared, worst);
    CHECK(compared > 5000);
    CHECK(worst <= 2e-6);
    net_batch_fini(&batch);
    rp_gru_destroy(gru);
    ops->destroy(engine);
    free(wide);
}

static bool same_states(struct rp_engine *engine, const struct rp_shape *shape,
                        uint32_t a, uint32_t b)
{
    float x[256], y[256];

    for (uint32_t l = 0; l < shape->layers; l++) {
        CHECK_INT(engine->ops->state(engine, a, l, x), RP_OK);
        CHECK_INT(engine->ops->state(engine, b, l, y), RP_OK);
        if (memcmp(x, y, shape->hidden * sizeof *x))
            return false;
    }
    return true;
}

/* A batch of slots equals its members one by one, bit for bit; copies are
 * copies; a reset slot starts over. */
static void check_slots(const struct rp_engine_ops *ops,
                        const struct rp_shape *shape, const float *params)
{
    struct rp_engine *engine = make_engine(ops, shape, params);
    struct rp_batch batch;
    struct rp_indices input[B];
    const uint32_t together[B] = {11, 3, 7, 1, 5};
    const uint32_t alone[B] = {0, 2, 4, 6, 8};

    net_batch_init(&batch, shape, T, B, 12);
    for (uint32_t t = 1; t <= T - B; t++) {
        for (uint32_t b = 0; b < B; b++)
            net_batch_indices(&batch.input, t * B + b, &input[b]);
        CHECK_INT(ops->step(engine, B, together, input), RP_OK);
        for (uint32_t b = 0; b < B; b++)
            CHECK_INT(ops->step(engine, 1, &alone[b], &input[b]), RP_OK);
        for (uint32_t b = 0; b < B; b++)
            CHECK(same_states(engine, shape, together[b], alone[b]));
    }
    CHECK(!same_states(engine, shape, 0, 2));
    CHECK_INT(ops->slot_copy(engine, 9, 0), RP_OK);
    CHECK(same_states(engine, shape, 9, 11));
    CHECK_INT(ops->step(engine, 1, &alone[0], &input[0]), RP_OK);
    CHECK(same_states(engine, shape, 9, 11));
    CHECK(!same_states(engine, shape, 0, 11));
    CHECK_INT(ops->slot_reset(engine, 9), RP_OK);
    CHECK(same_states(engine, shape, 9, 10)); /* 10 was never touched */
    net_batch_fini(&batch);
    ops->destroy(engine);
}

/* Logits of several slots at once are those of each, bit for bit. */
static void check_many(const struct rp_engine_ops *ops,
                       const struct rp_shape *shape, const float *params)
{
    struct rp_engine *engine = make_engine(ops, shape, params);
    const uint32_t slot[B] = {11, 3, 7, 1, 5}, far = SLOTS;
    static float many[B * RP_SOFTMAX_MAX], one[RP_SOFTMAX_MAX];
    struct rp_indices condition[B];
    struct rp_batch batch;
    int compared = 0;

    net_batch_init(&batch, shape, T, B, 13);
    for (uint32_t b = 0; b < B; b++)
        step_to(engine, &batch, slot[b], b, 1);
    for (int f = 0; f < RP_FIELDS; f++) {
        enum rp_field field = (enum rp_field)f;
        uint32_t n = rp_vocabulary_classes(&shape->vocabulary, field);
        for (uint32_t b = 0; b < B; b++)
            net_batch_indices(&batch.field[f].condition, B + b,
                              &condition[b]);
        CHECK_INT(ops->logits_many(engine, B, slot, field, condition, many),
                  n ? RP_OK : RP_EARG);
        for (uint32_t b = 0; n && b < B; b++, compared++) {
            CHECK_INT(ops->logits(engine, slot[b], field, &condition[b], one),
                      RP_OK);
            CHECK(!memcmp(one, many + (size_t)b * RP_SOFTMAX_MAX,
                          n * sizeof *one));
        }
    }
    CHECK(compared >= 5 * B);
    CHECK_INT(ops->logits_many(engine, 1, &far, RP_PITCH, condition, many),
              RP_EARG);
    net_batch_fini(&batch);
    ops->destroy(engine);
}

static void check_refusals(const struct rp_engine_ops *ops,
                           const struct rp_shape *shape, const float *params)
{
    struct rp_engine *engine = make_engine(ops, shape, params), *none = NULL;
    struct rp_indices input = {1, {0}}, far = {1, {9999}};
    uint32_t slot = SLOTS, fine = 0;
    float out[256];

    CHECK_INT(ops->slot_reset(engine, SLOTS), RP_EARG);
    CHECK_INT(ops->slot_copy(engine, 0, SLOTS), RP_EARG);
    CHECK_INT(ops->slot_copy(engine, SLOTS, 0), RP_EARG);
    CHECK_INT(ops->step(engine, 1, &slot, &input), RP_EARG);
    CHECK_INT(ops->step(engine, 1, &fine, &far), RP_EARG);
    CHECK_INT(ops->logits(engine, SLOTS, RP_PITCH, &input, out), RP_EARG);
    CHECK_INT(ops->logits(engine, 0, RP_PITCH, &far, out), RP_EARG);
    CHECK_INT(ops->state(engine, 0, shape->layers, out), RP_EARG);
    far.count = RP_INDICES_MAX + 1;
    CHECK_INT(ops->step(engine, 1, &fine, &far), RP_EARG);
    CHECK_INT(ops->step(engine, 0, NULL, NULL), RP_OK);
    ops->destroy(engine);
    CHECK_INT(ops->create(&none, shape, 0), RP_EARG);
    CHECK(!none);
}

static char logged[300];
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

static void check_find(void)
{
    const struct rp_engine_ops *ops = NULL;

    CHECK_INT(rp_engine_find("cpu", &ops), RP_OK);
    CHECK(ops == &rp_engine_cpu);
    rp_log_to(keep_line, NULL);
    CHECK_INT(rp_engine_find("abacus", &ops), RP_ENONE);
    rp_log_to(NULL, NULL);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "abacus") && strstr(logged, "cpu"));
}

static const struct rp_shape shapes[] = {
    {1, 16, 16, {24, false, false}},
    {2, 48, 32, {24, true, false}},
    {4, 80, 48, {480, true, true}},
    {1, 32, 16, {.resolution = 24, .recall = true}}, /* dt has conditions */
};

/* Prints a hash (FNV-1a) of all that the CPU engine computes along a batch. */
static int print_hash(void)
{
    const struct rp_shape *shape = &shapes[1];
    float *params = make_params(shape), out[256];
    struct rp_engine *engine = make_engine(&rp_engine_cpu, shape, params);
    struct rp_indices condition;
    struct rp_batch batch;
    uint64_t hash = 0xcbf29ce484222325u;

    net_batch_init(&batch, shape, T, B, 13);
    for (uint32_t row = 0; row < T * B; row++) {
        step_to(engine, &batch, row % B, row % B, row / B);
        net_batch_indices(&batch.field[RP_PITCH].condition, row, &condition);
        CHECK_INT(
            rp_engine_cpu.logits(engine, row % B, RP_PITCH, &condition, out),
            RP_OK);
        CHECK_INT(rp_engine_cpu.state(engine, row % B, 1, out + 128), RP_OK);
        for (size_t i = 0; i < (128 + shape->hidden) * sizeof *out; i++)
            hash = (hash ^ ((unsigned char *)out)[i]) * 0x100000001b3u;
    }
    printf("%016llx\n", (unsigned long long)hash);
    net_batch_fini(&batch);
    rp_engine_cpu.destroy(engine);
    free(params);
    return test_failures != 0;
}

/* The same hash on every path this CPU has, each in a process of its own. */
static void check_paths(const char *self)
{
    static const char *const names[] = {"portable", "avx2", "avx512"};
    char command[600], first[20] = "", hash[20];
    int paths = 0;

    for (int i = 0; i < 3; i++) {
        if (!rp_kernels_find(names[i]))
            continue;
        snprintf(command, sizeof command, "RIPOSTE_KERNELS=%s '%s' --hash",
                 names[i], self);
        FILE *pipe = popen(command, "r");
        CHECK(pipe && fgets(hash, sizeof hash, pipe));
        CHECK(pipe && pclose(pipe) == 0);
        if (paths++)
            CHECK_TEXT(hash, first);
        else
            strcpy(first, hash);
    }
    CHECK(paths >= 1 && strlen(first) == 17);
    /* an unknown path: one line, and the best there is */
    snprintf(command, sizeof command, "RIPOSTE_KERNELS=x '%s' --hash 2>&1",
             self);
    FILE *pipe = popen(command, "r");
    char line[300] = "";
    CHECK(pipe && fgets(line, sizeof line, pipe));
    CHECK(strstr(line, "RIPOSTE_KERNELS=x") && strchr(line, '\n'));
    CHECK(pipe && fgets(hash, sizeof hash, pipe));
    CHECK_TEXT(hash, first);
    CHECK(pipe && !fgets(line, sizeof line, pipe));
    CHECK(pipe && pclose(pipe) == 0);
}

static void test_all(const struct rp_engine_ops *ops)
{
    for (int s = 0; s < 3; s++) {
        float *params = make_params(&shapes[s]);
        check_reference(ops, &shapes[s], params);
        check_slots(ops, &shapes[s], params);
        check_many(ops, &shapes[s], params);
        check_refusals(ops, &shapes[s], params);
        free(params);
    }
    ran++;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--hash"))
        return print_hash();
    on_each_engine(argv[0], test_all);
    CHECK(ran >= 1);
    check_find();
    check_paths(argv[0]);
    return TEST_END();
}
