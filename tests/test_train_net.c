/* The fast network against the plain one in double: loss of every field and
 * gradient of every named parameter; and that shards may be cut anywhere. */
#include "model/net/gru.h"
#include "model/train_batch.h"
#include "model/train_net.h"
#include "tests/songs.h"
#include "tests/test.h"

enum { T = 14, B = 6 };

struct fixture {
    struct rp_dataset set;
    struct rp_train_plan plan;
    struct rp_train_net net;
    struct rp_train_shard shard;
    struct rp_train_batch batch;
    float *params, *gradient;
    size_t size;
};

static bool create(struct fixture *f, enum rp_precision precision,
                   bool velocity, uint32_t layers, uint32_t rows)
{
    struct rp_shape shape = { .layers = layers, .hidden = 32, .head = 16,
                              .vocabulary = { 24, true, velocity,
                                              .recall = layers == 1,
                                              .runs = layers == 3,
                                              .voices = layers == 3 } };
    struct rp_train_plan_options options = { .split = RP_TRAIN, .length = T,
                                             .batch = B, .seed = 3,
                                             .augment = true,
                                             .transpose = 6,
                                             .metre_drop = 0.3f };
    bool whole;

    memset(f, 0, sizeof *f);
    f->set = songs_dataset(20, 40);
    f->set.vocabulary = shape.vocabulary;
    whole = !rp_train_plan_create(&f->set, &options, &f->plan) &&
            !rp_train_net_create(&f->net, &shape, precision) &&
            !rp_train_shard_create(&f->shard, &f->net, T, rows) &&
            !rp_train_batch_create(&f->batch, T, rows);
    if (!whole)
        return false;
    f->size = f->net.layout.size;
    f->params = rp_floats_create(f->size + 64);
    f->gradient = rp_floats_create(f->size + 64);
    rp_shape_init_params(&shape, 11, f->params);
    for (size_t i = 0; i < f->size; i++)
        f->params[i] *= 2; /* far from linear */
    return true;
}

static void fini(struct fixture *f)
{
    free(f->params);
    free(f->gradient);
    rp_train_batch_fini(&f->batch);
    rp_train_shard_fini(&f->shard);
    rp_train_net_fini(&f->net);
    rp_train_plan_fini(&f->plan);
    songs_dataset_fini(&f->set);
}

static void fill(struct fixture *f, const struct rp_train_crop *crop,
                 uint32_t rows)
{
    struct rp_train_batch_options heard = { .seed = 5, .held = 0.2f,
                                            .input_dropout = 0.1f };
    rp_train_batch_fill(&f->batch, &f->set, crop, rows, &heard);
}

/* The larger one; what is no number stays. */
static double worse(double worst, double d)
{
    return worst >= d || isnan(worst) ? worst : d;
}

/* Largest difference within a view, against its own largest value. */
static void compare_view(const struct rp_view *view, const float *got,
                         const double *want)
{
    size_t count = (size_t)view->rows * view->columns;
    double far = 0, most = 0;

    for (size_t i = 0; i < count; i++) {
        double g = (double)got[view->offset + i], w = want[view->offset + i];
        double d = fabs(g - w);
        far = worse(far, d);
        most = fabs(w) > most ? fabs(w) : most;
    }
    if (!(far <= 2e-5 * most + 1e-6))
        printf("%s: off by %g, largest is %g\n", view->name, far, most);
    CHECK(far <= 2e-5 * most + 1e-6);
    CHECK(most > 0);
}

static void test_reference(bool velocity, uint32_t layers)
{
    struct fixture f;
    struct rp_gru *gru;
    struct rp_train_pass pass = { .backward = true };
    double by_field[RP_FIELDS], *params, *gradient;
    float start[3 * B * 32];

    CHECK(create(&f, RP_FP32, velocity, layers, B));
    CHECK_INT(rp_gru_create(&gru, &f.net.shape, T, B), RP_OK);
    params = calloc(f.size, sizeof *params);
    gradient = calloc(f.size, sizeof *gradient);
    for (size_t i = 0; i < f.size; i++)
        params[i] = (double)f.params[i];
    fill(&f, f.plan.crop, B);
    for (uint32_t i = 0; i < 3 * B * 32; i++)
        start[i] = (float)sin(i * 1.7);
    if (layers == 3) /* as if a batch before had ended so */
        f.batch.batch.start = start;
    rp_train_net_set(&f.net, RP_FP32, f.params, 0, 0);
    rp_train_shard_run(&f.net, &f.shard, &f.batch.batch, &pass);
    rp_train_net_gradient(&f.net, &f.shard, 1, 1, f.gradient);
    rp_gru_forward(gru, params, &f.batch.batch, by_field);
    rp_gru_backward(gru, params, &f.batch.batch, gradient);
    for (int i = 0; i < RP_FIELDS; i++)
        CHECK_NEAR(f.shard.loss[i], by_field[i], 1e-4 + 2e-6 * by_field[i]);
    CHECK(by_field[RP_PITCH] > 50);
    CHECK(by_field[RP_DT_REST] > 0);
    CHECK(velocity ? by_field[RP_VELOCITY] > 50 : by_field[RP_VELOCITY] == 0);
    for (uint32_t v = 0; v < f.net.layout.count; v++)
        compare_view(&f.net.layout.view[v], f.gradient, gradient);
    CHECK(f.net.layout.count >= 4 * layers + 20);
    rp_gru_destroy(gru);
    free(params);
    free(gradient);
    fini(&f);
}

static double loss_of(struct fixture *f, const float *params,
                      const struct rp_train_pass *pass)
{
    double sum = 0;
    rp_train_net_set(&f->net, RP_FP32, params, 0.25f, 9);
    rp_train_shard_run(&f->net, &f->shard, &f->batch.batch, pass);
    for (int i = 0; i < RP_FIELDS; i++)
        sum += f->shard.loss[i];
    return sum;
}

/* With dropout of all kinds the reference is no help: each parameter's
 * gradient along itself against a central difference. */
static void test_dropout(void)
{
    struct fixture f;
    struct rp_train_pass pass = { .backward = true, .dropout = 0.3f,
                                  .seed = 8 };
    float *moved;

    CHECK(create(&f, RP_FP32, false, 2, B));
    moved = rp_floats_create(f.size + 64);
    fill(&f, f.plan.crop, B);
    loss_of(&f, f.params, &pass);
    rp_train_net_gradient(&f.net, &f.shard, 1, 1, f.gradient);
    pass.backward = false;
    for (uint32_t v = 0; v < f.net.layout.count; v++) {
        const struct rp_view *view = &f.net.layout.view[v];
        size_t count = (size_t)view->rows * view->columns;
        double norm = 0, side[2], step = 0.01;
        for (size_t i = 0; i < count; i++)
            norm += pow((double)f.gradient[view->offset + i], 2);
        norm = sqrt(norm);
        CHECK(norm > 0);
        for (int s = 0; s < 2; s++) {
            memcpy(moved, f.params, f.size * sizeof *moved);
            for (size_t i = view->offset; i < view->offset + count; i++)
                moved[i] += (float)((s ? step : -step) *
                                    (double)f.gradient[i] / norm);
            side[s] = loss_of(&f, moved, &pass);
        }
        CHECK_NEAR((side[1] - side[0]) / (2 * step), norm,
                   0.01 * norm + 0.02);
    }
    free(moved);
    fini(&f);
}

/* One shard of six rows, or three of two: the same gradient up to rounding. */
static void test_shards(void)
{
    struct fixture f;
    struct rp_train_shard part[3];
    struct rp_train_pass pass = { .backward = true };
    double loss = 0, worst = 0;
    float *whole;

    CHECK(create(&f, RP_FP32, false, 2, B));
    whole = rp_floats_create(f.size + 64);
    rp_train_net_set(&f.net, RP_FP32, f.params, 0, 0);
    fill(&f, f.plan.crop, B);
    rp_train_shard_run(&f.net, &f.shard, &f.batch.batch, &pass);
    rp_train_net_gradient(&f.net, &f.shard, 1, 0.5f, whole);
    for (uint32_t s = 0; s < 3; s++) {
        CHECK_INT(rp_train_shard_create(&part[s], &f.net, T, 2), RP_OK);
        fill(&f, f.plan.crop + 2 * s, 2);
        rp_train_shard_run(&f.net, &part[s], &f.batch.batch, &pass);
        loss += part[s].loss[RP_PITCH];
    }
    CHECK_NEAR(loss, f.shard.loss[RP_PITCH], 1e-6 * loss);
    rp_train_net_gradient(&f.net, part, 3, 0.5f, f.gradient);
    for (size_t i = 0; i < f.size; i++) {
        double d = fabs((double)whole[i] - (double)f.gradient[i]);
        worst = worse(worst, d);
    }
    CHECK(worst <= 1e-4);
    for (uint32_t s = 0; s < 3; s++)
        rp_train_shard_fini(&part[s]);
    free(whole);
    fini(&f);
}

/* bf16 against fp32: the loss within a thousandth, each gradient within a few
 * hundredths of its length, which is what eight bits leave. */
static void test_bf16(void)
{
    struct fixture exact, f;
    struct rp_train_pass pass = { .backward = true, .dropout = 0.2f,
                                  .seed = 4 };
    struct fixture *each[2] = { &exact, &f };
    uint32_t compared = 0;

    for (int i = 0; i < 2; i++) {
        enum rp_precision precision = i ? RP_BF16 : RP_FP32;
        CHECK(create(each[i], precision, false, 2, B));
        fill(each[i], each[i]->plan.crop, B);
        rp_train_net_set(&each[i]->net, precision, each[i]->params, 0.1f, 9);
        rp_train_shard_run(&each[i]->net, &each[i]->shard,
                           &each[i]->batch.batch, &pass);
        rp_train_net_gradient(&each[i]->net, &each[i]->shard, 1, 1,
                              each[i]->gradient);
    }
    for (int i = 0; i < RP_FIELDS; i++)
        CHECK_NEAR(f.shard.loss[i], exact.shard.loss[i],
                   4e-3 * exact.shard.loss[i]);
    for (uint32_t v = 0; v < f.net.layout.count; v++) {
        const struct rp_view *view = &f.net.layout.view[v];
        double far = 0, length = 0;
        for (size_t i = view->offset;
             i < view->offset + (size_t)view->rows * view->columns; i++) {
            far += pow((double)f.gradient[i] - (double)exact.gradient[i], 2);
            length += pow((double)exact.gradient[i], 2);
        }
        if (!(sqrt(far) <= 0.04 * sqrt(length)))
            printf("%s: off by %g of %g\n", view->name, sqrt(far),
                   sqrt(length));
        CHECK(length > 0 && sqrt(far) <= 0.04 * sqrt(length));
        compared += far > 0;
    }
    CHECK(compared >= 20); /* it is not the same arithmetic */
    fini(&exact);
    fini(&f);
}

/* A net of bf16, set to fp32 to validate, has the very loss of one of fp32. */
static void test_validation(void)
{
    struct fixture exact, f;
    struct rp_train_pass pass = { .backward = false };

    CHECK(create(&exact, RP_FP32, false, 2, B));
    CHECK(create(&f, RP_BF16, false, 2, B));
    fill(&exact, exact.plan.crop, B);
    fill(&f, f.plan.crop, B);
    rp_train_net_set(&exact.net, RP_FP32, exact.params, 0, 0);
    rp_train_shard_run(&exact.net, &exact.shard, &exact.batch.batch, &pass);
    rp_train_net_set(&f.net, RP_FP32, f.params, 0, 0);
    rp_train_shard_run(&f.net, &f.shard, &f.batch.batch, &pass);
    for (int i = 0; i < RP_FIELDS; i++)
        CHECK(f.shard.loss[i] == exact.shard.loss[i]);
    CHECK(f.shard.loss[RP_PITCH] > 50);
    fini(&exact);
    fini(&f);
}

int main(void)
{
    test_reference(false, 2);
    test_reference(true, 1);
    test_reference(true, 3);
    test_dropout();
    test_shards();
    test_bf16();
    test_validation();
    return TEST_END();
}
