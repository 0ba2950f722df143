/* The reference: gradients against central differences, padding that counts
 * nothing, and PyTorch's own nn.GRU on one of our checkpoints. */
#include "model/net/gru.h"
#include "model/net/checkpoint.h"
#include "tests/net_batch.h"
#include "tests/test.h"

enum { T = 5, B = 3 };

static double *make_params(const struct rp_shape *shape,
                           struct rp_layout *layout)
{
    rp_shape_layout(shape, layout);
    float *params = calloc(layout->size, sizeof *params);
    double *wide = calloc(layout->size, sizeof *wide);
    if (!params || !wide)
        abort();
    rp_shape_init_params(shape, 3, params);
    for (size_t i = 0; i < layout->size; i++)
        wide[i] = (double)params[i];
    free(params);
    return wide;
}

/* Parameters to test of a view: those with a gradient first, others too. */
static void check_view(struct rp_gru *gru, const struct rp_batch *batch,
                       const struct rp_view *view, double *params,
                       const double *gradient, int *live)
{
    const size_t size = (size_t)view->rows * view->columns;
    const double step = 1e-5;
    struct rp_rng rng;
    int tried = 0;

    rp_rng_init(&rng, 7, (uint32_t)view->offset);
    for (int i = 0; i < 4000 && tried < 12; i++) {
        size_t at = view->offset + rp_rng_below(&rng, (uint32_t)size);
        if (gradient[at] == 0 && i % 100)
            continue;
        double keep = params[at];
        params[at] = keep + step;
        double up = rp_gru_forward(gru, params, batch, NULL);
        params[at] = keep - step;
        double down = rp_gru_forward(gru, params, batch, NULL);
        params[at] = keep;
        double want = (up - down) / (2 * step);
        if (!(fabs(gradient[at] - want) <= 1e-7 + 1e-6 * fabs(want)))
            printf("%s[%zu]\n", view->name, at - view->offset);
        CHECK_NEAR(gradient[at], want, 1e-7 + 1e-6 * fabs(want));
        *live += gradient[at] != 0;
        tried++;
    }
    CHECK(tried >= 4);
}

static void check_gradients(const struct rp_shape *shape, const float *start)
{
    struct rp_layout layout;
    double *params = make_params(shape, &layout), by_field[RP_FIELDS], sum = 0;
    double *gradient = calloc(layout.size, sizeof *gradient);
    struct rp_gru *gru = NULL;
    struct rp_batch batch;
    int live = 0;

    net_batch_init(&batch, shape, T, B, 21);
    batch.start = start;
    CHECK_INT(rp_gru_create(&gru, shape, T, B), RP_OK);
    double loss = rp_gru_forward(gru, params, &batch, by_field);
    CHECK(loss > 0);
    for (int f = 0; f < RP_FIELDS; f++)
        sum += by_field[f];
    CHECK_NEAR(loss, sum, 1e-9);
    rp_gru_backward(gru, params, &batch, gradient);
    for (uint32_t v = 0; v < layout.count; v++)
        check_view(gru, &batch, &layout.view[v], params, gradient, &live);
    CHECK(live >= (int)layout.count * 4);
    net_batch_fini(&batch);
    rp_gru_destroy(gru);
    free(params);
    free(gradient);
}

/* Notes of weight 0 change neither loss nor gradient; a batch is the sum of
 * its columns. */
static void check_padding(const struct rp_shape *shape)
{
    struct rp_layout layout;
    double *params = make_params(shape, &layout);
    double *gradient = calloc(layout.size, sizeof *gradient);
    double *parts = calloc(layout.size, sizeof *parts), loss, sum = 0;
    struct rp_gru *gru = NULL;
    struct rp_batch batch;
    float weight[T * B];
    int wrong = 0;

    net_batch_init(&batch, shape, T, B, 22);
    CHECK_INT(rp_gru_create(&gru, shape, T + 2, B + 1), RP_OK);
    loss = rp_gru_forward(gru, params, &batch, NULL);
    rp_gru_backward(gru, params, &batch, gradient);
    memcpy(weight, batch.weight, sizeof weight);
    for (uint32_t b = 0; b < B; b++) {
        for (uint32_t row = 0; row < T * B; row++)
            batch.weight[row] = row % B == b ? weight[row] : 0;
        sum += rp_gru_forward(gru, params, &batch, NULL);
        rp_gru_backward(gru, params, &batch, parts);
    }
    CHECK_NEAR(sum, loss, 1e-9);
    for (size_t i = 0; i < layout.size; i++)
        wrong += !(fabs(parts[i] - gradient[i]) <= 1e-10);
    CHECK_INT(wrong, 0);
    net_batch_fini(&batch);
    rp_gru_destroy(gru);
    free(params);
    free(gradient);
    free(parts);
}

/* One field, one note, by hand: P = 1/2 and 1/4 under uniform logits. */
static void check_escapes(void)
{
    const struct rp_shape shape = {1, 16, 16, {24, false, false}};
    struct rp_layout layout;
    struct rp_gru *gru = NULL;
    struct rp_batch batch;

    rp_shape_layout(&shape, &layout);
    double *zero = calloc(layout.size, sizeof *zero);
    net_batch_init(&batch, &shape, 1, 1, 1);
    for (int f = 0; f < RP_FIELDS; f++)
        batch.field[f].class[0] = RP_NO_CLASS;
    batch.weight[0] = 2.0f;
    batch.field[RP_DT].class[0] = 3;
    batch.field[RP_DT].escapes[0] = 2;
    batch.field[RP_DT].mask[0].bits[0] =
        1ull << 3 | 1ull << RP_TIME_ESCAPE | 1ull << 5 | 1ull << 6;
    CHECK_INT(rp_gru_create(&gru, &shape, 1, 1), RP_OK);
    CHECK_NEAR(rp_gru_forward(gru, zero, &batch, NULL), 2 * 3 * log(4), 1e-12);
    net_batch_fini(&batch);
    rp_gru_destroy(gru);
    free(zero);
}

static const struct rp_shape golden = {2, 16, 16, {24, true, true}};

/* The checkpoint that tests/golden/make_gru.py reads. */
static int write_golden(const char *path)
{
    struct rp_layout layout;
    rp_shape_layout(&golden, &layout);
    float *params = calloc(layout.size, sizeof *params);
    if (!params)
        abort();
    rp_shape_init_params(&golden, 3, params);
    rp_status status = rp_checkpoint_save(path, &golden, params, NULL, NULL, 0);
    free(params);
    return status != RP_OK;
}

/* tests/golden/gru.txt: hidden states that PyTorch's nn.GRU computed from that
 * checkpoint. Each line is "input i j k ..." or "state t layer h0 h1 ...". */
static void check_pytorch(void)
{
    struct rp_layout layout;
    struct rp_gru *gru = NULL;
    FILE *file = fopen("tests/golden/gru.txt", "r");
    uint32_t begin[64] = {0}, steps = 0, at_step, layer;
    uint16_t at[2000];
    char word[16];
    int compared = 0, index;
    double worst = 0, want;

    CHECK(file != NULL);
    if (!file)
        return;
    double *wide = make_params(&golden, &layout);
    while (fscanf(file, "%15s", word) == 1 && !strcmp(word, "input")) {
        uint32_t end = begin[steps++];
        while (fscanf(file, "%d", &index) == 1 && end < 2000 && steps < 63)
            at[end++] = (uint16_t)index;
        begin[steps] = end;
    }
    float weight[64] = {0};
    struct rp_batch batch = {
        .T = steps, .B = 1, .weight = weight, .input = {begin, at}};
    CHECK_INT(rp_gru_create(&gru, &golden, steps, 1), RP_OK);
    rp_gru_forward(gru, wide, &batch, NULL);
    do {
        CHECK_INT(fscanf(file, "%u %u", &at_step, &layer), 2);
        CHECK(at_step < steps && layer < golden.layers);
        const double *h = rp_gru_state(gru, at_step, 0, layer);
        for (uint32_t i = 0; i < golden.hidden; i++, compared++) {
            CHECK_INT(fscanf(file, "%lf", &want), 1);
            worst = fmax(worst, fabs(h[i] - want));
        }
    } while (fscanf(file, "%15s", word) == 1 && !strcmp(word, "state"));
    printf("PyTorch: %d hidden units over %u steps, worst %.2g\n", compared,
           steps, worst);
    CHECK(compared >= 500);
    CHECK(worst <= 1e-5);
    fclose(file);
    rp_gru_destroy(gru);
    free(wide);
}

int main(int argc, char **argv)
{
    const struct rp_shape one = {1, 16, 16, {24, true, true}};
    const struct rp_shape three = {3, 16, 32, {24, true, false}};
    const struct rp_shape recall = {
        1, 16, 16, {.resolution = 24, .recall = true}};
    float start[3 * B * 16];

    if (argc == 3 && !strcmp(argv[1], "--write"))
        return write_golden(argv[2]);
    for (int i = 0; i < 3 * B * 16; i++)
        start[i] = sinf((float)i);
    check_gradients(&one, NULL);
    check_gradients(&three, start);
    check_gradients(&recall, NULL);
    check_padding(&three);
    check_escapes();
    check_pytorch();
    return TEST_END();
}
