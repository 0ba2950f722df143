#include "model/train_optimizer.h"

#include <math.h>
#include <string.h>

/* 1 - beta^step: how much of a running mean is not the zero it began with. */
static float begun(float beta, uint64_t step)
{
    return (float)(1 - pow((double)beta, (double)step));
}

static void adamw(const struct rp_optimizer_step *step, size_t count,
                  const float *g, float *p, float *a, float *b)
{
    const float b1 = step->momentum, b2 = step->beta2;
    const float rate = step->lr / begun(b1, step->step);
    const float root = 1 / sqrtf(begun(b2, step->step));

    for (size_t i = 0; i < count; i++) {
        float d = g[i] * step->scale;
        a[i] = b1 * a[i] + (1 - b1) * d;
        b[i] = b2 * b[i] + (1 - b2) * d * d;
        p[i] -= rate * a[i] / (sqrtf(b[i]) * root + step->epsilon);
    }
}

static void sgd(const struct rp_optimizer_step *step, size_t count,
                const float *g, float *p, float *a, float *b)
{
    const float of_d = step->nesterov ? step->lr : 0;
    const float of_a = step->nesterov ? step->lr * step->momentum : step->lr;

    for (size_t i = 0; i < count; i++) {
        float d = g[i] * step->scale;
        a[i] = step->momentum * a[i] + d;
        p[i] -= of_d * d + of_a * a[i];
    }
}

static void rmsprop(const struct rp_optimizer_step *step, size_t count,
                    const float *g, float *p, float *a, float *b)
{
    const float alpha = step->beta2;

    for (size_t i = 0; i < count; i++) {
        float d = g[i] * step->scale;
        b[i] = alpha * b[i] + (1 - alpha) * d * d;
        a[i] = step->momentum * a[i] + d / (sqrtf(b[i]) + step->epsilon);
        p[i] -= step->lr * a[i];
    }
}

static void adagrad(const struct rp_optimizer_step *step, size_t count,
                    const float *g, float *p, float *a, float *b)
{
    for (size_t i = 0; i < count; i++) {
        float d = g[i] * step->scale;
        a[i] += d * d;
        p[i] -= step->lr * d / (sqrtf(a[i]) + step->epsilon);
    }
}

static void adadelta(const struct rp_optimizer_step *step, size_t count,
                     const float *g, float *p, float *a, float *b)
{
    const float rho = step->beta2;

    for (size_t i = 0; i < count; i++) {
        float d = g[i] * step->scale, by;
        a[i] = rho * a[i] + (1 - rho) * d * d;
        by = sqrtf(b[i] + step->epsilon) / sqrtf(a[i] + step->epsilon) * d;
        b[i] = rho * b[i] + (1 - rho) * by * by;
        p[i] -= step->lr * by;
    }
}

static void adamax(const struct rp_optimizer_step *step, size_t count,
                   const float *g, float *p, float *a, float *b)
{
    const float b1 = step->momentum;
    const float rate = step->lr / begun(b1, step->step);

    for (size_t i = 0; i < count; i++) {
        float d = g[i] * step->scale, size = fabsf(d) + step->epsilon;
        float old = step->beta2 * b[i];
        a[i] = b1 * a[i] + (1 - b1) * d;
        b[i] = old > size ? old : size;
        p[i] -= rate * a[i] / b[i];
    }
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

static void nadam(const struct rp_optimizer_step *step, size_t count,
                  const float *g, float *p, float *a, float *b)
{
    const float b1 = step->momentum, b2 = step->beta2;
    const float root = 1 / sqrtf(begun(b2, step->step));
    const double now = mu((double)b1, step->step);
    const double next = mu((double)b1, step->step + 1);
    const double product = mu_product((double)b1, step->step);
    const float of_g = step->lr * (float)((1 - now) / (1 - product));
    const float of_a = step->lr * (float)(next / (1 - product * next));

    for (size_t i = 0; i < count; i++) {
        float d = g[i] * step->scale, size;
        a[i] = b1 * a[i] + (1 - b1) * d;
        b[i] = b2 * b[i] + (1 - b2) * d * d;
        size = sqrtf(b[i]) * root + step->epsilon;
        p[i] -= of_g * d / size + of_a * a[i] / size;
    }
}

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
    [RP_ADAMW] = {2, USUAL(3e-3f, 0.05f, 0.9f, 0.98f, 1e-8f), adamw},
    [RP_SGD] = {1, USUAL(0.3f, 3e-4f, 0.9f, 0, 0), sgd},
    [RP_RMSPROP] = {2, USUAL(3e-3f, 0.03f, 0, 0.99f, 1e-8f), rmsprop},
    [RP_ADAGRAD] = {1, USUAL(0.05f, 2e-3f, 0, 0, 1e-10f), adagrad},
    [RP_ADADELTA] = {2, USUAL(3, 3e-5f, 0, 0.9f, 1e-6f), adadelta},
    [RP_ADAMAX] = {2, USUAL(8e-3f, 0.0125f, 0.9f, 0.999f, 1e-8f), adamax},
    [RP_NADAM] = {2, USUAL(3e-3f, 0.05f, 0.9f, 0.999f, 1e-8f), nadam},
};

const struct rp_optimizer *rp_optimizer_find(const char *name)
{
    for (int i = 0; i < RP_OPTIMIZERS; i++)
        if (!strcmp(name, rp_optimizer_names[i]))
            return &rp_optimizers[i];
    return NULL;
}
