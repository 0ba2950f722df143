#include "model/net/shape.h"
#include "rt/log.h"
#include "tests/test.h"

static int lines;

static void count_line(void *self, enum rp_level level, const char *tag,
                       const char *text)
{
    lines++;
}

static void check_bounds(void)
{
    const struct rp_shape good = {2, 64, 32, {24, true, false}};
    struct rp_shape bad[11];

    CHECK_INT(rp_shape_check(&good), RP_OK);
    for (int i = 0; i < 11; i++)
        bad[i] = good;
    bad[0].layers = 0;
    bad[1].layers = RP_LAYERS_MAX + 1;
    bad[2].hidden = 0;
    bad[3].hidden = 65;
    bad[4].hidden = RP_HIDDEN_MAX + 16;
    bad[5].head = 0;
    bad[6].head = 24;
    bad[7].head = RP_HEAD_MAX + 16;
    bad[8].vocabulary.resolution = 0;
    bad[9].vocabulary.resolution = 961;
    bad[10].hidden = UINT32_MAX - 15;
    rp_log_to(count_line, NULL);
    for (int i = 0; i < 11; i++) {
        CHECK_INT(rp_shape_check(&bad[i]), RP_EARG);
        CHECK_INT(lines, i + 1);
    }
    rp_log_to(NULL, NULL);
}

/* Views lie end to end and have PyTorch's names and sizes. */
static void check_layout(const struct rp_shape *shape)
{
    struct rp_layout layout;
    size_t end = 0;
    uint32_t heads = 0;

    rp_shape_layout(shape, &layout);
    CHECK(layout.count <= RP_VIEWS_MAX);
    for (uint32_t v = 0; v < layout.count; v++) {
        CHECK(layout.view[v].offset == end);
        end += (size_t)layout.view[v].rows * layout.view[v].columns;
        for (uint32_t w = 0; w < v; w++)
            CHECK(strcmp(layout.view[v].name, layout.view[w].name));
    }
    CHECK(end == layout.size);
    for (int f = 0; f < RP_FIELDS; f++) {
        enum rp_field field = (enum rp_field)f;
        uint32_t n = rp_vocabulary_classes(&shape->vocabulary, field);
        uint32_t c = rp_vocabulary_condition(&shape->vocabulary, field);
        heads += n ? 4 + (c > 0) : 0;
        if (!n)
            continue;
        CHECK_INT(layout.view[layout.head_out[f]].rows, n);
        CHECK_INT(layout.view[layout.head_out[f]].columns, shape->head);
        CHECK_INT(layout.view[layout.head_out_bias[f]].rows, n);
        CHECK_INT(layout.view[layout.head_hidden[f]].columns, shape->hidden);
        if (c)
            CHECK_INT(layout.view[layout.head_cond[f]].columns, c);
    }
    CHECK_INT(layout.count, 4 * shape->layers + heads);
}

static const struct rp_view *find(const struct rp_layout *layout,
                                  const char *name)
{
    static const struct rp_view none = {.name = "none"};

    for (uint32_t v = 0; v < layout->count; v++)
        if (!strcmp(layout->view[v].name, name))
            return &layout->view[v];
    return &none;
}

static void check_names(void)
{
    const struct rp_shape shape = {2, 48, 32, {24, true, false}};
    struct rp_layout layout;

    rp_shape_layout(&shape, &layout);
    const struct rp_view *first = find(&layout, "gru.weight_ih_l0");
    CHECK(first->offset == 0 && first->rows == 144);
    CHECK_INT(first->columns, rp_vocabulary_inputs(&shape.vocabulary));
    CHECK_INT(find(&layout, "gru.weight_ih_l1")->columns, 48);
    CHECK_INT(find(&layout, "gru.bias_hh_l1")->rows, 144);
    CHECK_INT(find(&layout, "head.pitch.out.weight")->rows, 128);
    CHECK_INT(find(&layout, "head.duration_rest.hidden.weight")->rows, 32);
    CHECK_INT(find(&layout, "head.dt.cond.weight")->rows, 0);
    CHECK_INT(find(&layout, "head.velocity.out.weight")->rows, 0);
}

static void check_init(void)
{
    const struct rp_shape shape = {1, 64, 16, {24, false, false}};
    struct rp_layout layout;

    rp_shape_layout(&shape, &layout);
    float *a = calloc(layout.size, sizeof *a),
          *b = calloc(layout.size, sizeof *b);
    rp_shape_init_params(&shape, 1, a);
    rp_shape_init_params(&shape, 1, b);
    CHECK(!memcmp(a, b, layout.size * sizeof *a));
    rp_shape_init_params(&shape, 2, b);
    CHECK(memcmp(a, b, layout.size * sizeof *a));
    for (uint32_t v = 0; v < layout.count; v++) {
        const struct rp_view *view = &layout.view[v];
        float bound = strstr(view->name, "out.") ? 0.25f : 0.125f, top = 0;
        size_t size = (size_t)view->rows * view->columns;
        for (size_t i = 0; i < size; i++)
            top = fmaxf(top, fabsf(a[view->offset + i]));
        CHECK(top <= bound && top > 0.5f * bound);
    }
    free(a);
    free(b);
}

int main(void)
{
    const struct rp_shape shapes[] = {
        {1, 16, 16, {24, false, false}},
        {2, 512, 256, {24, true, false}},
        {RP_LAYERS_MAX, RP_HIDDEN_MAX, RP_HEAD_MAX, {960, true, true}},
    };

    check_bounds();
    for (int i = 0; i < 3; i++)
        check_layout(&shapes[i]);
    check_names();
    check_init();
    return TEST_END();
}
