/* Candidates thought through side by side are what rp_turn_draw draws note by
 * note, however many advance together. */
#include "model/play/rollout.h"

#include <math.h>
#include <pthread.h>

#include "model/play/memory.h"
#include "model/play/spare.h"
#include "engines.h"
#include "notes.h"
#include "play.h"
#include "test.h"

enum { BAR = 96, START = 4 * BAR, MANY = 24, MOST = 20 };

static struct rp_memory memory;
static struct rp_turn turn;
static const struct rp_taste taste = { 0.9f, 0.97f, 0 };

static void begin(const struct rp_model *model)
{
    struct rp_engine *engine;

    CHECK_INT(rp_memory_engine(model, &engine), RP_OK);
    rp_memory_init(&memory, model, engine);
    rp_memory_metre(&memory, 0, (struct rp_metre){ 4, 4 });
    for (int i = 0; i < 15; i++) {
        struct rp_note note = { i * 24, 24, (uint8_t)(60 + i * 5 % 12), 80 };
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    rp_turn_init(&turn, 5, 1, 3);
    turn.steer.may_end = true;
    turn.steer.earliest = START;
    turn.steer.end = START + 4 * BAR;
    turn.steer.grid = turn.steer.phase = 24;
    turn.alone = true;
    turn.widest = 96;
    turn.close = START + 3 * BAR;
    turn.dynamics.start = START;
    turn.dynamics.length = 4 * BAR;
    turn.dynamics.bar = BAR;
    turn.dynamics.beat = 24;
}

/* One candidate by rp_turn_draw, its likelihood field by field. */
static uint32_t draw_one(uint32_t candidate, struct rp_note *note,
                         enum rp_drawn *why)
{
    struct rp_sight sight = rp_memory_sight(&memory, START, 1000, 0);
    struct rp_turn t = turn;
    int32_t from = START;

    t.candidate += candidate;
    *why = RP_DRAWN;
    while (t.notes < MOST && *why == RP_DRAWN) {
        rp_turn_aim(&t, from);
        *why = rp_turn_draw(&t, &sight, &taste, &note[t.notes]);
        if (*why != RP_DRAWN)
            break;
        rp_turn_take(&t, &note[t.notes]);
        from = note[t.notes - 1].onset;
        CHECK_INT(rp_memory_try(&memory, &sight, &note[t.notes - 1], 0,
                                &sight),
                  RP_OK);
    }
    return t.notes;
}

struct thought {
    struct rp_note note[MANY * MOST];
    struct rp_rolled rolled[MANY];
};

static struct rp_engine *roll(const struct rp_model *model, uint32_t slots,
                              struct rp_rollout *rollout,
                              struct thought *thought)
{
    static float state[4 * 64];
    static struct rp_sight sight;
    struct rp_engine *engine;

    sight = rp_memory_sight(&memory, START, 1000, 0);
    for (uint32_t l = 0; l < model->shape.layers; l++)
        CHECK_INT(memory.engine->ops->state(memory.engine, sight.slot, l,
                                            state +
                                                l * model->shape.hidden),
                  RP_OK);
    *rollout = (struct rp_rollout){ .shape = &model->shape,
                                    .state = state,
                                    .reader = &sight.reader,
                                    .turn = &turn,
                                    .taste = &taste,
                                    .from = START,
                                    .candidates = MANY,
                                    .most = MOST,
                                    .note = thought->note,
                                    .rolled = thought->rolled };
    CHECK_INT(model->ops->create(&engine, &model->shape, slots + 1), RP_OK);
    CHECK_INT(engine->ops->set_params(engine, model->params), RP_OK);
    return engine;
}

static void check_same(const struct rp_model *model, uint32_t slots)
{
    static struct thought thought;
    struct rp_rollout rollout;
    struct rp_engine *engine = roll(model, slots, &rollout, &thought);
    uint32_t notes = 0, whys[RP_DRAWN_ERROR] = { 0 };

    CHECK_INT(rp_rollout_run(engine, 1, slots, &rollout), RP_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        struct rp_note note[MOST];
        enum rp_drawn why;
        uint32_t count = draw_one(i, note, &why);
        CHECK_INT(thought.rolled[i].notes, count);
        CHECK_INT(thought.rolled[i].why, why);
        CHECK(thought.rolled[i].fields >= 3 * count);
        CHECK(thought.rolled[i].logp < 0.0f);
        CHECK(isfinite(thought.rolled[i].logp));
        for (uint32_t k = 0; k < count; k++) {
            const struct rp_note *got = &thought.note[i * MOST + k];
            CHECK_INT(got->onset, note[k].onset);
            CHECK_INT(got->duration, note[k].duration);
            CHECK_INT(got->pitch, note[k].pitch);
            CHECK_INT(got->velocity, note[k].velocity);
            CHECK_INT(got->offset, note[k].offset);
        }
        notes += count;
        whys[why]++;
    }
    CHECK(notes > MANY);
    CHECK(whys[RP_DRAWN_NONE] + whys[RP_DRAWN_END] > 0);
    engine->ops->destroy(engine);
}

static void test_same(void)
{
    struct rp_vocabulary all = { .resolution = 24, .metre = true,
                                 .velocity = true, .timing = true,
                                 .recall = true, .voices = true };
    struct rp_model model[] = { random_model(3, 32),
                                random_model_of(all, 4, 32) };

    for (uint32_t m = 0; m < 2; m++) {
        begin(&model[m]);
        check_same(&model[m], 1);
        check_same(&model[m], 7);
        check_same(&model[m], 64);
        rp_memory_fini(&memory);
        free(model[m].params);
    }
}

/* An engine without logits_many is asked slot by slot. */
static void test_one_by_one(void)
{
    struct rp_model model = random_model(3, 32);
    struct rp_engine_ops plain = *play_engine;
    static struct thought many, one;
    struct rp_rollout rollout;
    struct rp_engine *engine;

    begin(&model);
    engine = roll(&model, 5, &rollout, &many);
    CHECK_INT(rp_rollout_run(engine, 0, 5, &rollout), RP_OK);
    rollout.note = one.note;
    rollout.rolled = one.rolled;
    plain.logits_many = NULL;
    plain.rollout = NULL;
    engine->ops = &plain;
    CHECK_INT(rp_rollout_run(engine, 0, 5, &rollout), RP_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK_INT(many.rolled[i].notes, one.rolled[i].notes);
        CHECK(many.rolled[i].logp == one.rolled[i].logp);
    }
    CHECK(same_notes(many.note, one.note, MANY * MOST));
    engine->ops->destroy(engine);
    rp_memory_fini(&memory);
    free(model.params);
}

/* A network that is sure of nothing: the likelihood can be counted by hand. */
static void test_logp(void)
{
    struct rp_model model = flat_model();
    static struct thought thought;
    struct rp_rollout rollout;
    struct rp_engine *engine;
    double want;

    begin(&model);
    turn.steer.grid = 0;
    turn.alone = false;
    turn.close = INT32_MAX;
    turn.steer.low = 60;
    turn.steer.high = 63;
    turn.steer.end = START + 1; /* one onset, lengths of a tick */
    turn.steer.may_end = false;
    engine = roll(&model, 4, &rollout, &thought);
    rollout.most = 1;
    CHECK_INT(rp_rollout_run(engine, 0, 4, &rollout), RP_OK);
    /* dt: the only onset is one class, and the only rest in it if coarse. */
    want = -log(4.0);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK_INT(thought.rolled[i].notes, 1);
        CHECK_INT(thought.rolled[i].why, RP_DRAWN);
        CHECK(fabs((double)thought.rolled[i].logp - want) < 1e-5);
    }
    engine->ops->destroy(engine);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_cancel(void)
{
    struct rp_model model = random_model(3, 32);
    static struct thought thought;
    struct rp_rollout rollout;
    struct rp_engine *engine;
    _Atomic uint32_t cancel = 1;

    begin(&model);
    engine = roll(&model, 4, &rollout, &thought);
    rollout.cancel = &cancel;
    CHECK_INT(rp_rollout_run(engine, 0, 4, &rollout), RP_ECANCEL);
    cancel = 0;
    CHECK_INT(rp_rollout_run(engine, 0, 4, &rollout), RP_OK);
    rollout.most = 0;
    CHECK_INT(rp_rollout_run(engine, 0, 4, &rollout), RP_EARG);
    engine->ops->destroy(engine);
    rp_memory_fini(&memory);
    free(model.params);
}

/* Lost in the middle of thinking: the CPU's spare gives the same candidates. A
 * rollout of the engine's own is not waited for. */
static void test_lost(const struct rp_engine_ops *fail, const char *call,
                      unsigned number)
{
    const bool lost = strcmp(call, "rollout") != 0;
    static struct thought want, got;
    struct rp_spare_options options = { .ops = fail, .slots = 5, .kept = 0 };
    struct rp_model model = random_model(3, 32);
    struct rp_rollout rollout;
    struct rp_engine *engine;

    begin(&model);
    engine = roll(&model, 4, &rollout, &want);
    CHECK_INT(rp_rollout_run(engine, 1, 4, &rollout), RP_OK);
    engine->ops->destroy(engine);
    fail_at(call, number, "");
    CHECK_INT(rp_spare_create(&engine, &model.shape, &options), RP_OK);
    CHECK_INT(engine->ops->set_params(engine, model.params), RP_OK);
    rollout.note = got.note;
    rollout.rolled = got.rolled;
    for (int i = 0; i < 3; i++) {
        CHECK_TEXT(rp_spare_playing(engine), i && lost ? "cpu" : "fail");
        memset(&got, 0, sizeof got);
        CHECK_INT(rp_rollout_run(engine, 0, 5, &rollout), RP_OK);
        CHECK(same_rolled(want.rolled, got.rolled, MANY));
        for (uint32_t k = 0; k < MANY; k++)
            CHECK(same_notes(want.note + k * MOST, got.note + k * MOST,
                             want.rolled[k].notes));
    }
    engine->ops->destroy(engine);
    fail_never();
    rp_memory_fini(&memory);
    free(model.params);
}

/* Who thinks: whoever is quicker by far, and does not fail. */
static void test_choose(const struct rp_engine_ops *fail)
{
    static const char *const hows[] = { "quick", "", "memory", "late" };
    struct rp_model model = random_model(3, 32);

    for (int i = 0; i < 4; i++) {
        const struct rp_engine_ops *ops = &rp_engine_cpu;
        fail_at("rollout", 1, hows[i]);
        CHECK_INT(rp_rollout_choose(&model.shape, model.params, &ops), RP_OK);
        CHECK(ops == (i ? &rp_engine_cpu : fail));
    }
    fail_never();
    free(model.params);
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    test_same();
    test_one_by_one();
    test_logp();
    test_cancel();
}

int main(int argc, char **argv)
{
    const struct rp_engine_ops *fail = fail_engine(argv[0]);

    on_each_engine(argv[0], test_all);
    play_engine = &rp_engine_cpu;
    CHECK(fail != NULL);
    if (fail) {
        test_lost(fail, "step", 2);
        test_lost(fail, "logits_many", 5);
        test_lost(fail, "set_state", 3);
        test_lost(fail, "rollout", 1);
        test_choose(fail);
    }
    return TEST_END();
}
