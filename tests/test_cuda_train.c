/* Training of the CUDA module against the reference in double (gru.h) and the
 * CPU's trainer: loss, every named gradient, updates, what is carried and what
 * is saved. */
#include "model/net/gru.h"
#include "model/train_net.h"
#include "model/train_update.h"
#include "tests/learner.h"

static double larger(double a, double b)
{
    return b > a ? b : a;
}

/* Each view's difference against its length. Returns the largest, as a share of
 * it. */
static double check_views(const struct rp_layout *layout, const float *got,
                          const double *want, double scale, double most)
{
    double worst = 0;

    for (uint32_t v = 0; v < layout->count; v++) {
        const struct rp_view *view = &layout->view[v];
        double off = 0, length = 0;
        for (size_t i = view->offset;
             i < view->offset + (size_t)view->rows * view->columns; i++) {
            double is = want[i] * scale;
            off += ((double)got[i] - is) * ((double)got[i] - is);
            length += is * is;
            compared++;
        }
        if (!(sqrt(off) <= most * sqrt(length) + 1e-9))
            printf("%s: off by %g of %g\n", view->name, sqrt(off),
                   sqrt(length));
        CHECK(sqrt(off) <= most * sqrt(length) + 1e-9);
        CHECK(length > 0 || strstr(view->name, "timing") ||
              strstr(view->name, "rest"));
        if (length > 0)
            worst = larger(worst, sqrt(off / length));
    }
    return worst;
}

static double *doubles(const float *from, size_t count)
{
    double *to = calloc(count, sizeof *to);

    for (size_t i = 0; from && i < count; i++)
        to[i] = (double)from[i];
    return to;
}

/* Weights that bf16 has, and heads' units that are clearly on or off. Else a
 * sum near 0 falls to the other side of it now and then, and the unit with it,
 * which alone puts a gradient off by a tenth of its length; so what is left is
 * the rounding of states and gradients, under half a hundredth. */
static void make_plain(struct fixture *f)
{
    for (size_t i = 0; i < f->layout.size; i++) {
        uint32_t bits;
        memcpy(&bits, &f->params[i], sizeof bits);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
        memcpy(&f->params[i], &bits, sizeof bits);
    }
    for (uint32_t v = 0; v < f->layout.count; v++) {
        const struct rp_view *view = &f->layout.view[v];
        if (strstr(view->name, "hidden.bias"))
            for (uint32_t i = 0; i < view->rows; i++)
                f->params[view->offset + i] = i % 4 ? 4 : -4;
    }
    CHECK_INT(ops()->set(f->learner, f->params, f->state), RP_OK);
}

static double worst_loss[2], worst_gradient[2]; /* fp32, bf16 */

/* The loss and every gradient against the reference in double. A device may
 * keep its gates as bf16, too. */
static void check_reference(const struct rp_shape *shape,
                            enum rp_precision precision, bool dropout)
{
    const struct rp_learner_pass pass = {.backward = true};
    const bool half = precision == RP_BF16;
    const double near = half ? 2e-3 : 2e-6;
    const double near_gradient = precision != RP_BF16 ? 2e-5
                                 : device             ? 0.02
                                                      : 0.01;
    struct fixture f;
    struct rp_gru *gru;
    struct rp_learner_result result;
    double by_field[RP_FIELDS], *params, *want;

    init(&f, shape, precision, dropout, false);
    if (precision == RP_BF16)
        make_plain(&f);
    params = doubles(f.params, f.layout.size);
    want = doubles(NULL, f.layout.size);
    for (uint32_t i = 0; i < shape->layers * B * shape->hidden; i++)
        f.start[i] = (float)sin(i * 1.7);
    if (shape->layers == 3)
        f.batch.start = f.start;
    CHECK_INT(rp_gru_create(&gru, shape, T, B), RP_OK);
    rp_gru_forward(gru, params, &f.batch, by_field);
    rp_gru_backward(gru, params, &f.batch, want);
    result = step(&f, &pass, NULL);
    CHECK_NEAR(result.weight, weight_of(&f.batch), 1e-9);
    for (int i = 0; i < RP_FIELDS; i++) {
        double off = fabs(result.loss[i] - by_field[i]);
        CHECK_NEAR(result.loss[i], by_field[i], near * by_field[i]);
        if (by_field[i] > 0)
            worst_loss[half] = larger(worst_loss[half], off / by_field[i]);
    }
    CHECK(by_field[RP_PITCH] > 10);
    CHECK_INT(ops()->gradient(f.learner, f.gradient), RP_OK);
    worst_gradient[half] = larger(worst_gradient[half],
                                  check_views(&f.layout, f.gradient, want,
                                              1 / result.weight,
                                              near_gradient));
    rp_gru_destroy(gru);
    free(params);
    free(want);
    fini(&f);
}

static void test_reference(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_reference(&shapes[i], RP_FP32, false);
        check_reference(&shapes[i], RP_FP32, true);
        check_reference(&shapes[i], RP_BF16, false);
    }
    for (int half = 0; half < 2; half++)
        printf("%s: losses off by at most %.1g, gradients by %.1g of their "
               "length\n", half ? "bf16" : "fp32", worst_loss[half],
               worst_gradient[half]);
}

/* The CPU's trainer, shard by shard. */
struct cpu {
    struct rp_train_net net;
    float recurrent_dropout;
    struct rp_train_shard shard[2];
};

static void cpu_run(struct cpu *cpu, const float *params,
                    const struct rp_batch *batch, uint32_t parts,
                    const struct rp_train_pass *pass, float *gradient)
{
    double weight = 0;

    rp_train_net_set(&cpu->net, RP_FP32, params, cpu->recurrent_dropout, 6);
    for (uint32_t i = 0; i < parts; i++) {
        struct rp_train_pass own = *pass;
        own.seed += i;
        rp_train_shard_run(&cpu->net, &cpu->shard[i], &batch[i], &own);
        weight += cpu->shard[i].weight;
    }
    if (pass->backward)
        rp_train_net_gradient(&cpu->net, cpu->shard, parts,
                              (float)(1 / weight), gradient);
}

static void cpu_init(struct cpu *cpu, const struct rp_shape *shape)
{
    memset(cpu, 0, sizeof *cpu);
    CHECK_INT(rp_train_net_create(&cpu->net, shape, RP_FP32), RP_OK);
    for (int i = 0; i < 2; i++)
        CHECK_INT(rp_train_shard_create(&cpu->shard[i], &cpu->net, T, B),
                  RP_OK);
}

static void cpu_fini(struct cpu *cpu)
{
    for (int i = 0; i < 2; i++)
        rp_train_shard_fini(&cpu->shard[i]);
    rp_train_net_fini(&cpu->net);
}

/* Two shards of other lengths, dropout of units and of recurrent weights, and
 * smoothing: the CPU's masks, losses, hits and gradient. */
static void test_parts(void)
{
    const struct rp_learner_pass pass = {.backward = true,
                                         .dropout = 0.3f,
                                         .smoothing = 0.1f,
                                         .recurrent_dropout = 0.25f,
                                         .seed = 6};
    const struct rp_train_pass own = {
        .backward = true, .dropout = 0.3f, .smoothing = 0.1f, .seed = 40};
    struct rp_batch batch[2];
    struct rp_learner_part part[2] = {{&batch[0], 40, NULL},
                                      {&batch[1], 41, NULL}};
    struct rp_learner_result result;
    float *want;
    double *wide;
    struct fixture f;
    struct cpu cpu;

    init(&f, &shapes[1], RP_FP32, true, false);
    cpu_init(&cpu, &shapes[1]);
    cpu.recurrent_dropout = pass.recurrent_dropout;
    net_batch_init(&batch[0], &shapes[1], T, 3, 7);
    net_batch_init(&batch[1], &shapes[1], T - 2, 1, 9);
    want = rp_floats_create(f.layout.size + 64);
    cpu_run(&cpu, f.params, batch, 2, &own, want);
    CHECK_INT(ops()->put(f.learner, part, 2, &pass), RP_OK);
    CHECK_INT(ops()->run(f.learner, NULL), RP_OK);
    CHECK_INT(ops()->result(f.learner, &result), RP_OK);
    CHECK_INT(ops()->gradient(f.learner, f.gradient), RP_OK);
    for (int i = 0; i < RP_FIELDS; i++) {
        const struct rp_train_shard *s = cpu.shard;
        double loss = s[0].loss[i] + s[1].loss[i];
        CHECK_NEAR(result.loss[i], loss, 4e-6 * loss);
        CHECK_INT(result.hits[i], s[0].hits[i] + s[1].hits[i]);
        CHECK_INT(result.drawn[i], s[0].drawn[i] + s[1].drawn[i]);
    }
    CHECK(result.hits[RP_PITCH] + result.hits[RP_DT] > 0);
    CHECK(result.drawn[RP_DT] > 5);
    wide = doubles(want, f.layout.size);
    check_views(&f.layout, f.gradient, wide, 1, 1e-4);
    free(wide);
    free(want);
    net_batch_fini(&batch[0]);
    net_batch_fini(&batch[1]);
    cpu_fini(&cpu);
    fini(&f);
}

/* Where the CPU's rows ended, as the next batch's start. */
static void cpu_carry(const struct cpu *cpu, struct fixture *f,
                      const struct rp_learner_row *now,
                      const struct rp_learner_row *next)
{
    const uint32_t H = f->shape->hidden;

    for (uint32_t l = 0; l < f->shape->layers; l++)
        for (uint32_t b = 0; b < B; b++) {
            float *to = f->start + ((size_t)l * B + b) * H;
            rp_train_shard_state(&cpu->net, &cpu->shard[0], &f->batch, l,
                                 now[b].end, b, to);
            if (!next[b].carried)
                memset(to, 0, H * sizeof *to);
        }
    f->batch.start = f->start;
}

/* Rows that go on where they ended, each at a time of its own, or do not; the
 * next batch is put before the one before it has run. */
static void check_carried(float dropout, enum rp_precision precision)
{
    static const struct rp_learner_row row[4][B] = {
        {{false, T - 1}, {false, 2}, {false, 1}, {false, 0}},
        {{true, 3}, {true, T - 1}, {false, 2}, {false, 1}},
        {{true, 0}, {false, 0}, {true, 0}, {true, 0}},
        {{false, 0}, {false, 0}, {false, 0}, {false, 0}},
    };
    const struct rp_learner_pass pass = {.backward = true, .dropout = dropout};
    const struct rp_train_pass own = {
        .backward = true, .dropout = dropout, .seed = 8};
    const double near = precision == RP_BF16 ? 2e-2 : 4e-6;
    struct rp_learner_part part[4];
    struct fixture f;
    struct cpu cpu;

    init_parts(&f, &shapes[1]);
    f.stateful = true;
    CHECK_INT(make_learner(&f, precision, dropout > 0, false), RP_OK);
    CHECK_INT(ops()->set(f.learner, f.params, f.state), RP_OK);
    for (int i = 0; i < 4; i++)
        part[i] = (struct rp_learner_part){&f.batch, 8, row[i]};
    cpu_init(&cpu, &shapes[1]);
    CHECK_INT(ops()->put(f.learner, &part[0], 1, &pass), RP_OK);
    for (int i = 0; i < 3; i++) {
        struct rp_learner_result result;
        CHECK_INT(ops()->run(f.learner, NULL), RP_OK);
        f.batch.start = NULL;
        CHECK_INT(ops()->put(f.learner, &part[i + 1], 1, &pass), RP_OK);
        CHECK_INT(ops()->result(f.learner, &result), RP_OK);
        f.batch.start = i ? f.start : NULL;
        cpu_run(&cpu, f.params, &f.batch, 1, &own, f.gradient);
        for (int k = 0; k < RP_FIELDS; k++)
            CHECK_NEAR(result.loss[k], cpu.shard[0].loss[k],
                       near * cpu.shard[0].loss[k]);
        cpu_carry(&cpu, &f, row[i], row[i + 1]);
    }
    cpu_fini(&cpu);
    fini(&f);
}

static void test_carried(void)
{
    check_carried(0, RP_FP32);
    check_carried(0.3f, RP_FP32);
    check_carried(0, RP_BF16);
}

/* Steps first .. last by the CPU's trainer. */
static void cpu_learn(struct cpu *cpu, struct fixture *f,
                      const struct rp_learner_update *how, uint64_t first,
                      uint64_t last)
{
    const struct rp_train_pass pass = {.backward = true};
    const struct rp_optimizer *optimizer = &rp_optimizers[f->optimizer];
    const size_t size = f->layout.size;

    for (uint64_t i = first; i <= last; i++) {
        struct rp_optimizer_step one = how->step;
        double norm;
        cpu_run(cpu, f->params, &f->batch, 1, &pass, f->gradient);
        norm = rp_train_norm(NULL, &f->layout, f->frozen, f->gradient);
        CHECK(norm > (double)how->clip); /* or nothing would be cut */
        one.step = i;
        one.scale = (float)((double)how->clip / norm);
        rp_train_update(NULL, &f->layout, optimizer, &one, f->frozen,
                        f->gradient, f->params, f->state);
        rp_train_average(size, how->average, i, f->params,
                         f->state + optimizer->slots * size);
    }
}

/* Steps first .. last on the device, from params and state, and back there. */
static void gpu_learn(struct fixture *f, const struct rp_learner_update *how,
                      uint64_t first, uint64_t last, float *params,
                      float *state)
{
    const struct rp_learner_pass pass = {.backward = true};
    struct rp_learner_update one = *how;

    CHECK_INT(make_learner(f, RP_FP32, false, true), RP_OK);
    CHECK_INT(ops()->set(f->learner, params, state), RP_OK);
    for (uint64_t i = first; i <= last; i++) {
        one.step.step = i;
        CHECK(step(f, &pass, &one).norm > (double)how->clip);
    }
    CHECK_INT(ops()->get(f->learner, params, state), RP_OK);
    ops()->destroy(f->learner);
    f->learner = NULL;
}

static void check_frozen(const struct fixture *f, const float *got,
                         const float *begun)
{
    for (uint32_t v = 0; v < f->layout.count; v++)
        if (f->frozen[v])
            CHECK(!memcmp(got + f->layout.view[v].offset,
                          begun + f->layout.view[v].offset,
                          f->layout.view[v].rows * f->layout.view[v].columns *
                              sizeof *got));
}

/* Ten updates, cut and averaged, some views frozen: three on the device, two
 * here, and five there by another learner, against all ten here. What is
 * handed over is what a checkpoint holds. */
static void check_updates(const struct rp_shape *shape,
                          enum rp_optimizer_id optimizer,
                          const struct rp_learner_update *how)
{
    const uint32_t slots = rp_optimizers[optimizer].slots;
    struct fixture f, other;
    struct cpu cpu;
    size_t size;
    float *begun, *none;

    init_parts(&f, shape);
    init_parts(&other, shape);
    f.optimizer = other.optimizer = optimizer;
    size = f.layout.size;
    CHECK_INT(rp_train_freeze(&f.layout, "gru.*_l0,head.pitch.out.*",
                              f.frozen),
              RP_OK);
    memcpy(other.frozen, f.frozen, sizeof f.frozen);
    begun = rp_floats_create(size);
    none = rp_floats_create(size);
    memcpy(begun, f.params, size * sizeof *begun);
    memcpy(f.state + slots * size, begun, size * sizeof *begun);
    memcpy(other.state, f.state, 3 * size * sizeof *begun);
    cpu_init(&cpu, shape);
    cpu_learn(&cpu, &f, how, 1, 10);
    gpu_learn(&other, how, 1, 3, other.params, other.state);
    cpu_learn(&cpu, &other, how, 4, 5);
    gpu_learn(&other, how, 6, 10, other.params, other.state);
    check_moved(&f.layout, other.params, f.params, begun, 1e-3);
    for (uint32_t i = 0; i < slots; i++)
        check_moved(&f.layout, other.state + i * size, f.state + i * size,
                    none, 1e-4);
    check_moved(&f.layout, other.state + slots * size,
                f.state + slots * size, begun, 1e-3);
    check_frozen(&f, other.params, begun);
    cpu_fini(&cpu);
    free(begun);
    free(none);
    fini(&other);
    fini(&f);
}

static void test_updates(void)
{
    check_updates(&shapes[1], RP_ADAMW, &update);
    for (int i = 0; i < RP_OPTIMIZERS; i++) {
        struct rp_learner_update how = update;
        how.step = rp_optimizers[i].usual;
        how.step.nesterov = i == RP_SGD;
        if (i == RP_RMSPROP)
            how.step.momentum = 0.5f;
        check_updates(&shapes[0], (enum rp_optimizer_id)i, &how);
    }
}

int main(int argc, char **argv)
{
    if (!begin(argc, argv))
        return TEST_END();
    if (argc > 1 && !strcmp(argv[argc - 1], "--brief")) {
        check_reference(&shapes[0], RP_FP32, true);
        check_reference(&shapes[0], RP_BF16, false);
        return TEST_END(); /* for tools that take a hundred times as long */
    }
    test_reference();
    test_parts();
    test_carried();
    test_updates();
    CHECK(compared > 100000);
    return TEST_END();
}
