/* What tests of training on the CUDA module share: one network with a learner,
 * on the fake device (fake/cuda) with cuDNN and cuBLASLt as their documentation
 * has them (fake/cudnn), or on a real one. */
#ifndef LEARNER_H
#define LEARNER_H

#include "fake/cuda/fake_cuda.h"
#include "model/net/module.h"
#include "model/train_ops.h"
#include "rt/log.h"
#include "tests/net_batch.h"
#include "tests/test.h"

enum { T = 5, B = 4 };

static char logged[400];
static int lines;

static inline void keep_line(void *self, enum rp_level level, const char *tag,
                             const char *text)
{
    (void)self;
    (void)level;
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

static const struct rp_engine_ops *device; /* --device: a real one's */

static inline const struct rp_train_ops *ops(void)
{
    return (device ? device : rp_engine_module.ops)->train;
}

static const struct rp_shape shapes[] = {
    {1, 16, 16, {24, false, false}},
    {2, 32, 16, {24, true, true, true, true, true, true, true}},
    {3, 16, 32, {480, true, false, true}},
};

/* One network with a learner, what it learns, and how it begins. */
struct fixture {
    const struct rp_shape *shape;
    struct rp_layout layout;
    struct rp_learner *learner;
    float *params, *state, *gradient;
    struct rp_batch batch;
    bool frozen[RP_VIEWS_MAX];
    enum rp_optimizer_id optimizer;
    bool stateful;
    float start[4 * B * 64];
};

static inline rp_status make_learner(struct fixture *f,
                                     enum rp_precision precision, bool dropout,
                                     bool average)
{
    const struct rp_learner_options options = {
        .shape = *f->shape,
        .T = T,
        .B = B,
        .precision = precision,
        .optimizer = rp_optimizer_names[f->optimizer],
        .dropout = dropout,
        .average = average,
        .stateful = f->stateful,
        .frozen = f->frozen};

    return ops()->create(&f->learner, &options);
}

static inline void init_parts(struct fixture *f, const struct rp_shape *shape)
{
    memset(f, 0, sizeof *f);
    f->shape = shape;
    rp_shape_layout(shape, &f->layout);
    f->params = rp_floats_create(f->layout.size + 64);
    f->gradient = rp_floats_create(f->layout.size + 64);
    f->state = rp_floats_create(3 * f->layout.size);
    rp_shape_init_params(shape, 5, f->params);
    net_batch_init(&f->batch, shape, T, B, 12);
}

static inline void init(struct fixture *f, const struct rp_shape *shape,
                        enum rp_precision precision, bool dropout, bool average)
{
    init_parts(f, shape);
    CHECK_INT(make_learner(f, precision, dropout, average), RP_OK);
    memcpy(f->state + 2 * f->layout.size, f->params,
           f->layout.size * sizeof *f->params);
    CHECK_INT(ops()->set(f->learner, f->params, f->state), RP_OK);
}

static inline void fini(struct fixture *f)
{
    ops()->destroy(f->learner);
    net_batch_fini(&f->batch);
    free(f->params);
    free(f->gradient);
    free(f->state);
}

/* One batch there and back. */
static inline struct rp_learner_result
step(struct fixture *f, const struct rp_learner_pass *pass,
     const struct rp_learner_update *update)
{
    const struct rp_learner_part part = {&f->batch, 8, NULL};
    struct rp_learner_result result;

    memset(&result, 0xff, sizeof result);
    CHECK_INT(ops()->put(f->learner, &part, 1, pass), RP_OK);
    CHECK_INT(ops()->run(f->learner, update), RP_OK);
    CHECK_INT(ops()->result(f->learner, &result), RP_OK);
    return result;
}

static int compared;

static inline double weight_of(const struct rp_batch *batch)
{
    double sum = 0;

    for (uint32_t i = 0; i < batch->T * batch->B; i++)
        sum += (double)batch->weight[i];
    return sum;
}

/* Far from `want` by at most so much of how far `want` moved. */
static inline void check_moved(const struct rp_layout *layout, const float *got,
                               const float *want, const float *from,
                               double most)
{
    double off = 0, moved = 0;

    for (size_t i = 0; i < layout->size; i++) {
        off += pow((double)got[i] - (double)want[i], 2);
        moved += pow((double)want[i] - (double)from[i], 2);
        compared++;
    }
    if (!(sqrt(off) <= most * sqrt(moved)))
        printf("off by %g of %g\n", sqrt(off), sqrt(moved));
    CHECK(moved > 0);
    CHECK(sqrt(off) <= most * sqrt(moved));
}

static const struct rp_learner_update update = {.step = {.lr = 3e-3f,
                                                         .weight_decay = 0.05f,
                                                         .momentum = 0.9f,
                                                         .beta2 = 0.98f,
                                                         .epsilon = 1e-8f,
                                                         .scale = 1},
                                                .clip = 0.5f,
                                                .average = 0.9f};

/* --device: on a real one. False: there is none, which was said. */
static inline bool begin(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--device")) {
        CHECK_INT(rp_engine_find("cuda", &device), RP_OK);
        if (!device)
            return false;
    } else if (!fake_cuda_runs()) {
        SKIP("the fake device's fibers are unknown to TSan");
    }
    rp_log_to(device ? NULL : keep_line, NULL);
    return true;
}

#endif
