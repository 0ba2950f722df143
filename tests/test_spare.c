/* An engine with a spare, lost at any call in any way, computes what the CPU
 * engine would have from the beginning, bit for bit; it says so in one line;
 * and at the loss there is little left to read. */
#include "model/play/spare.h"
#include "engines.h"
#include "model/net/kernels.h"
#include "model/net/rng.h"
#include "rt/log.h"
#include "test.h"

enum { SLOTS = 9, KEPT = 5, HIDDEN = 32, ROUNDS = 300 };

static const struct rp_engine_ops *fail;
static const struct rp_shape shape = {2, HIDDEN, 16, {24, true, false}};
static float *params;
static char logged[500];
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

static float *make_params(void)
{
    struct rp_layout layout;
    float *made;

    rp_shape_layout(&shape, &layout);
    made = malloc(layout.size * sizeof *made);
    if (!made)
        abort();
    rp_shape_init_params(&shape, 5, made);
    return made;
}

static struct rp_engine *make(const struct rp_engine_ops *ops,
                              uint64_t late_ns)
{
    struct rp_spare_options options = {.ops = ops,
                                       .slots = SLOTS,
                                       .kept = KEPT,
                                       .late_ns = late_ns};
    struct rp_engine *engine = NULL;

    CHECK_INT(rp_spare_create(&engine, &shape, &options), RP_OK);
    if (!engine)
        exit(TEST_END());
    CHECK_INT(engine->ops->set_params(engine, params), RP_OK);
    for (uint32_t i = 0; i < SLOTS; i++)
        CHECK_INT(engine->ops->slot_reset(engine, i), RP_OK);
    return engine;
}

/* ---- the same calls to both ---- */

struct pair {
    struct rp_engine *cpu, *spare;
    struct rp_rng rng;
    bool holds[SLOTS]; /* slots that may be asked for */
};

static uint32_t any(struct pair *p)
{
    uint32_t slot;

    do {
        slot = rp_rng_below(&p->rng, SLOTS);
    } while (!p->holds[slot]);
    return slot;
}

static void draw_indices(struct pair *p, uint32_t limit,
                         struct rp_indices *out)
{
    out->count = (uint16_t)(1 + rp_rng_below(&p->rng, 6));
    for (uint32_t i = 0; i < out->count; i++)
        out->at[i] = (uint16_t)(limit / 6 * i +
                                rp_rng_below(&p->rng, limit / 6));
}

#define BOTH(call, ...)                                                        \
    do {                                                                       \
        CHECK_INT(p->cpu->ops->call(p->cpu, __VA_ARGS__), RP_OK);              \
        CHECK_INT(p->spare->ops->call(p->spare, __VA_ARGS__), RP_OK);          \
    } while (0)

static void step(struct pair *p)
{
    struct rp_indices input[SLOTS];
    uint32_t slot[SLOTS], count = 0;

    for (uint32_t i = 0; i < SLOTS; i++)
        if (p->holds[i] && rp_rng_below(&p->rng, 2)) {
            draw_indices(p, rp_vocabulary_inputs(&shape.vocabulary),
                         &input[count]);
            slot[count++] = i;
        }
    BOTH(step, count, slot, input);
}

static void compare_logits(struct pair *p)
{
    enum rp_field field = RP_PITCH;
    float a[256], b[256];
    struct rp_indices condition;
    uint32_t slot = any(p);

    draw_indices(p, rp_vocabulary_condition(&shape.vocabulary, field),
                 &condition);
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    CHECK_INT(p->cpu->ops->logits(p->cpu, slot, field, &condition, a), RP_OK);
    CHECK_INT(p->spare->ops->logits(p->spare, slot, field, &condition, b),
              RP_OK);
    CHECK(!memcmp(a, b, sizeof a));
}

/* Several slots at once. */
static void compare_many(struct pair *p)
{
    static float a[SLOTS * RP_SOFTMAX_MAX], b[SLOTS * RP_SOFTMAX_MAX];
    struct rp_indices condition[SLOTS];
    enum rp_field field = RP_DURATION;
    uint32_t slot[SLOTS], count = 0;
    size_t classes = rp_vocabulary_classes(&shape.vocabulary, field);

    for (uint32_t i = 0; i < SLOTS; i++)
        if (p->holds[i]) {
            draw_indices(p, rp_vocabulary_condition(&shape.vocabulary, field),
                         &condition[count]);
            slot[count++] = i;
        }
    CHECK_INT(p->cpu->ops->logits_many(p->cpu, count, slot, field, condition,
                                       a),
              RP_OK);
    CHECK_INT(p->spare->ops->logits_many(p->spare, count, slot, field,
                                         condition, b),
              RP_OK);
    for (uint32_t i = 0; i < count; i++)
        CHECK(!memcmp(a + i * RP_SOFTMAX_MAX, b + i * RP_SOFTMAX_MAX,
                      classes * sizeof *a));
}

static void compare_states(struct pair *p, uint32_t slot)
{
    float a[HIDDEN], b[HIDDEN];

    for (uint32_t l = 0; l < shape.layers; l++) {
        CHECK_INT(p->cpu->ops->state(p->cpu, slot, l, a), RP_OK);
        CHECK_INT(p->spare->ops->state(p->spare, slot, l, b), RP_OK);
        CHECK(!memcmp(a, b, sizeof a));
    }
}

static void set_state(struct pair *p)
{
    uint32_t slot = any(p), layer = rp_rng_below(&p->rng, shape.layers);
    float h[HIDDEN];

    for (int i = 0; i < HIDDEN; i++)
        h[i] = rp_rng_float(&p->rng) - 0.5f;
    BOTH(set_state, slot, layer, h);
}

static void follow(struct pair *p)
{
    rp_spare_follow(p->spare);
    for (int i = KEPT; i < SLOTS; i++)
        p->holds[i] = false;
}

static void one_call(struct pair *p)
{
    uint32_t slot = rp_rng_below(&p->rng, SLOTS), from = any(p);

    switch (rp_rng_below(&p->rng, 12)) {
    case 0:
        BOTH(slot_reset, slot);
        p->holds[slot] = true;
        break;
    case 1:
    case 2:
    case 3:
        BOTH(slot_copy, slot, from);
        p->holds[slot] = true;
        break;
    case 4:
        follow(p);
        break;
    case 5:
        compare_logits(p);
        break;
    case 6:
        compare_states(p, from);
        break;
    case 7:
        compare_many(p);
        if (!rp_rng_below(&p->rng, 4))
            set_state(p);
        break;
    default:
        step(p);
        break;
    }
}

static void play_pair(uint32_t seed, uint32_t rounds)
{
    struct pair p = {.cpu = make(&rp_engine_cpu, 0),
                            .spare = make(fail, 0)};

    rp_rng_init(&p.rng, seed, 3);
    for (int i = 0; i < SLOTS; i++)
        p.holds[i] = true;
    for (uint32_t i = 0; i < rounds; i++)
        one_call(&p);
    for (uint32_t i = 0; i < SLOTS; i++)
        if (p.holds[i])
            compare_states(&p, i);
    p.cpu->ops->destroy(p.cpu);
    p.spare->ops->destroy(p.spare);
}

static void test_any_call(void)
{
    static const char *const calls[] = {"set_params", "slot_reset",
                                        "slot_copy",  "step",
                                        "logits",     "state",
                                        "set_state",  "logits_many",
                                        NULL};
    static const char *const hows[] = {"", "memory"};
    char start[64];
    int lost = 0;

    for (int c = 0; calls[c]; c++)
        for (uint32_t number = 1; number < 40; number += 1 + number / 3) {
            const char *how = hows[number % 2];
            fail_at(calls[c], number, how);
            lines = 0;
            play_pair(number, ROUNDS);
            CHECK(lines <= 1);
            if (!lines)
                continue; /* so many there are not of this call */
            lost++;
            snprintf(start, sizeof start, "engine: fail is lost: %s %s",
                     *how ? "out of memory in" : "lost in", calls[c]);
            CHECK(!strncmp(logged, start, strlen(start)));
            CHECK(strstr(logged, "on cue; the CPU engine goes on") != NULL);
        }
    CHECK(lost > 40);
    printf("%d losses\n", lost);
}

/* More steps than it may be behind, and never time to read them. */
static void test_behind(void)
{
    struct rp_indices input = {1, {3}};
    struct pair pair, *p = &pair;
    uint32_t slot = 2;

    fail_at("step", 3 * RP_SPARE_LOG, "");
    pair = (struct pair){.cpu = make(&rp_engine_cpu, 0),
                            .spare = make(fail, 0)};
    /* A state forgets soon: what is stepped but once shows what was lost. */
    BOTH(step, 1, &slot, &input);
    slot = 1;
    for (int i = 0; i < 3 * RP_SPARE_LOG + 10; i++) {
        input.at[0] = (uint16_t)(i % 50);
        if (i % 700 == 0)
            BOTH(slot_copy, KEPT, 1);
        BOTH(step, 1, &slot, &input);
    }
    compare_states(&pair, 1);
    compare_states(&pair, 2);
    compare_states(&pair, KEPT);
    CHECK_TEXT(rp_spare_playing(p->spare), "cpu");
    p->cpu->ops->destroy(p->cpu);
    p->spare->ops->destroy(p->spare);
}

static void test_numbers(void)
{
    struct pair p;

    fail_at("logits", 2, "numbers");
    p = (struct pair){.cpu = make(&rp_engine_cpu, 0),
                            .spare = make(fail, 0)};
    rp_rng_init(&p.rng, 1, 1);
    p.holds[0] = true;
    step(&p);
    compare_logits(&p);
    CHECK_TEXT(rp_spare_playing(p.spare), "fail");
    lines = 0;
    compare_logits(&p);
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged, "engine: fail is lost: its logits are no numbers; "
                       "the CPU engine goes on");
    CHECK_TEXT(rp_spare_playing(p.spare), "cpu");
    compare_logits(&p);
    compare_states(&p, 0);
    p.cpu->ops->destroy(p.cpu);
    p.spare->ops->destroy(p.spare);
}

/* Calls that come late: counted, then it is enough; not where time does not
 * count. */
static void test_late(uint64_t late_ns, bool lost)
{
    struct pair p;

    fail_at("logits", 1, "late");
    p = (struct pair){.cpu = make(&rp_engine_cpu, 0),
                      .spare = make(fail, late_ns)};
    rp_rng_init(&p.rng, 1, 1);
    p.holds[2] = true;
    step(&p);
    lines = 0;
    for (int i = 1; i < RP_SPARE_LATE; i++)
        compare_logits(&p);
    CHECK_INT(lines, 0);
    CHECK_TEXT(rp_spare_playing(p.spare), "fail");
    compare_logits(&p);
    CHECK_INT(lines, lost);
    CHECK_TEXT(rp_spare_playing(p.spare), lost ? "cpu" : "fail");
    if (lost)
        CHECK(strstr(logged, "3 of its calls were late, the last took "));
    compare_states(&p, 2);
    p.cpu->ops->destroy(p.cpu);
    p.spare->ops->destroy(p.spare);
}

/* One that cannot be made: the CPU's from the start. No spare for the CPU. */
static void test_create(void)
{
    static const char *const hows[] = {"", "memory"};
    struct rp_engine *engine;

    for (int i = 0; i < 2; i++) {
        fail_at("create", 1, hows[i]);
        lines = 0;
        engine = make(fail, 0);
        CHECK_INT(lines, 1);
        CHECK_TEXT(logged, "engine: fail is lost: create, on cue; the CPU "
                           "engine goes on");
        CHECK_TEXT(rp_spare_playing(engine), "cpu");
        engine->ops->destroy(engine);
    }
    fail_never();
    engine = make(&rp_engine_cpu, 0);
    CHECK(engine->ops == &rp_engine_cpu);
    rp_spare_follow(engine);
    rp_spare_lose(engine, "for fun");
    CHECK_TEXT(rp_spare_playing(engine), "cpu");
    engine->ops->destroy(engine);
    engine = make(fail, 0);
    CHECK_TEXT(engine->ops->name, "fail");
    lines = 0;
    rp_spare_lose(engine, "for fun");
    rp_spare_lose(engine, "for fun");
    CHECK_INT(lines, 1);
    CHECK_TEXT(rp_spare_playing(engine), "cpu");
    engine->ops->destroy(engine);
}

/* What is wrong is wrong for both, and no reason to lose anything. */
static void test_refusals(void)
{
    struct rp_engine *engine;
    uint32_t slot = SLOTS;
    struct rp_indices input = {1, {0}};

    fail_never();
    engine = make(fail, 0);
    CHECK_INT(engine->ops->slot_reset(engine, SLOTS), RP_EARG);
    CHECK_INT(engine->ops->slot_copy(engine, 0, SLOTS), RP_EARG);
    CHECK_INT(engine->ops->step(engine, 1, &slot, &input), RP_EARG);
    CHECK_TEXT(rp_spare_playing(engine), "fail");
    rp_spare_follow(engine);
    engine->ops->destroy(engine);
}

int main(int argc, char **argv)
{
    fail = fail_engine(argv[0]);
    CHECK(fail != NULL);
    if (!fail)
        return TEST_END();
    params = make_params();
    rp_log_to(keep_line, NULL);
    test_any_call();
    test_behind();
    test_numbers();
    test_late(10000000, true);
    test_late(0, false);
    test_create();
    test_refusals();
    free(params);
    return TEST_END();
}
