#include "model/train_optimizer.h"

#include <math.h>
#include <string.h>

/* 1 - beta^step: how much of a running mean is not the zero it began with. */
static float begun(float beta, uint64_t step)
{
    return (float)(1 - pow((double)beta, (double)step));
}

static struct rp_optimizer_rates rates_of(const struct rp_optimizer_step *step)
{
    return (struct rp_optimizer_rates){.scale = step->scale,
                                       .beta1 = step->momentum,
                                       .beta2 = step->beta2,
                                       .epsilon = step->epsilon,
                                       .of_d = step->lr,
                                       .of_a = step->lr};
}

static struct rp_optimizer_rates adamw(const struct rp_optimizer_step *step)
{
    struct rp_optimizer_rates r = rates_of(step);

    r.of_a = step->lr / begun(step->momentum, step->step);
    r.root = 1 / sqrtf(begun(step->beta2, step->step));
    return r;
}

static struct rp_optimizer_rates sgd(const struct rp_optimizer_step *step)
{
    struct rp_optimizer_rates r = rates_of(step);

    r.of_d = step->nesterov ? step->lr : 0;
    r.of_a = step->nesterov ? step->lr * step->momentum : step->lr;
    return r;
}

static struct rp_optimizer_rates adamax(const struct rp_optimizer_step *step)
{
    struct rp_optimizer_rates r = rates_of(step);

    r.of_a = step->lr / begun(step->momentum, step->step);
    return r;
}

/* nadam's momentum of a step; it grows towards beta1. */
static double mu(double beta1, uint64_t step)
{
    return beta1 * (1 - 0.5 * pow(0.96, 0.004 * (double)step));
}

/* The product of all momentums up to a step, 0 where that makes no odds. */
static double mu_product(double beta1, uint64_t step)
{
    double product = 1;

    for (uint64_t i = 1; i <= step && product > 1e-18; i++)
        product *= mu(beta1, i);
    return product;
}

static struct rp_optimizer_rates nadam(const struct rp_optimizer_step *step)
{
    const double b1 = (double)step->momentum;
    const double now = mu(b1, step->step);
    const double next = mu(b1, step->step + 1);
    const double product = mu_product(b1, step->step);
    struct rp_optimizer_rates r = rates_of(step);

    r.root = 1 / sqrtf(begun(step->beta2, step->step));
    r.of_d = step->lr * (float)((1 - now) / (1 - product));
    r.of_a = step->lr * (float)(next / (1 - product * next));
    return r;
}

/* Each formula over many weights; the rates stand in registers. */
#define RUN(name, ...)                                                         \
    static void run_##name(const struct rp_optimizer_rates *rates,             \
                           size_t count, const float *g, float *p, float *a,   \
                           float *b)                                           \
    {                                                                          \
        const struct rp_optimizer_rates r = *rates;                            \
                                                                               \
        for (size_t i = 0; i < count; i++)                                     \
            rp_##name(&r, g[i] * r.scale, &p[i], __VA_ARGS__);                 \
    }
RUN(adamw, &a[i], &b[i])
RUN(sgd, &a[i])
RUN(rmsprop, &a[i], &b[i])
RUN(adagrad, &a[i])
RUN(adadelta, &a[i], &b[i])
RUN(adamax, &a[i], &b[i])
RUN(nadam, &a[i], &b[i])

const char *const rp_optimizer_names[RP_OPTIMIZERS + 1] = {
    [RP_ADAMW] = "adamw",       [RP_SGD] = "sgd",
    [RP_RMSPROP] = "rmsprop",   [RP_ADAGRAD] = "adagrad",
    [RP_ADADELTA] = "adadelta", [RP_ADAMAX] = "adamax",
    [RP_NADAM] = "nadam",
};

/* The usual rate times the usual decay is about 1e-4 in each. */
#define USUAL(rate, decay, one, two, tiny)                                     \
    {                                                                          \
        .lr = rate, .weight_decay = decay, .momentum = one, .beta2 = two,      \
        .epsilon = tiny, .scale = 1                                            \
    }
const struct rp_optimizer rp_optimizers[RP_OPTIMIZERS] = {
    [RP_ADAMW] = {2, USUAL(3e-3f, 0.05f, 0.9f, 0.98f, 1e-8f), adamw,
                  run_adamw},
    [RP_SGD] = {1, USUAL(0.3f, 3e-4f, 0.9f, 0, 0), sgd, run_sgd},
    [RP_RMSPROP] = {2, USUAL(3e-3f, 0.03f, 0, 0.99f, 1e-8f), rates_of,
                    run_rmsprop},
    [RP_ADAGRAD] = {1, USUAL(0.05f, 2e-3f, 0, 0, 1e-10f), rates_of,
                    run_adagrad},
    [RP_ADADELTA] = {2, USUAL(3, 3e-5f, 0, 0.9f, 1e-6f), rates_of,
                     run_adadelta},
    [RP_ADAMAX] = {2, USUAL(8e-3f, 0.0125f, 0.9f, 0.999f, 1e-8f), adamax,
                   run_adamax},
    [RP_NADAM] = {2, USUAL(3e-3f, 0.05f, 0.9f, 0.999f, 1e-8f), nadam,
                  run_nadam},
};

const struct rp_optimizer *rp_optimizer_find(const char *name)
{
    for (int i = 0; i < RP_OPTIMIZERS; i++)
        if (!strcmp(name, rp_optimizer_names[i]))
            return &rp_optimizers[i];
    return NULL;
}
