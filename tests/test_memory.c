/* Windows: the state for a bar is what a fresh network would be in after
 * reading from that bar line on; another model reads the same notes; rests
 * lose whole bars. */
#include "model/play/memory.h"
#include "engines.h"
#include "play.h"
#include "test.h"

enum { BAR = 96, NOTES = 40, HIDDEN = 32 };

static struct rp_memory memory;

static void begin(struct rp_memory *m, const struct rp_model *model)
{
    struct rp_engine *engine;

    CHECK_INT(rp_memory_engine(model, &engine), RP_OK);
    rp_memory_init(m, model, engine);
    rp_memory_metre(m, 0, (struct rp_metre){ 4, 4 });
}

static struct rp_note tune(uint32_t i)
{
    return (struct rp_note){ (int32_t)i * 30, 20 + (int32_t)(i % 3) * 5,
                             (uint8_t)(60 + i * 7 % 12), 80 };
}

static void check_state(const struct rp_sight *sight, uint32_t from)
{
    struct rp_model model = random_model(5, HIDDEN);
    float want[HIDDEN], got[HIDDEN];
    struct rp_engine *engine;
    struct rp_reader reader;
    struct rp_indices input;
    uint32_t slot = 0;

    CHECK_INT(model.ops->create(&engine, &model.shape, 1), RP_OK);
    CHECK_INT(model.ops->set_params(engine, model.params), RP_OK);
    CHECK_INT(model.ops->slot_reset(engine, 0), RP_OK);
    rp_reader_init(&reader, &model.shape.vocabulary, memory.metre,
                   memory.metres, tune(from).onset / BAR * BAR);
    for (uint32_t i = from; i < NOTES; i++) {
        struct rp_note note = tune(i);
        rp_reader_push(&reader, &note, &input);
        CHECK_INT(model.ops->step(engine, 1, &slot, &input), RP_OK);
    }
    CHECK_INT(model.ops->state(engine, 0, 1, want), RP_OK);
    CHECK_INT(sight->engine->ops->state(sight->engine, sight->slot, 1, got),
              RP_OK);
    CHECK(!memcmp(want, got, sizeof want));
    CHECK_INT(sight->reader.onset, reader.onset);
    model.ops->destroy(engine);
    free(model.params);
}

/* An answer that yields: the memory knows that its note ended early. */
static void test_cut(void)
{
    struct rp_note note = { 96, 96, 71, 80 };
    struct rp_model own = random_model(4, 32);
    struct rp_engine *engine;
    uint64_t revision;

    CHECK_INT(rp_memory_engine(&own, &engine), RP_OK);
    rp_memory_init(&memory, &own, engine);
    CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    revision = memory.revision;
    rp_memory_cut(&memory, 71, 120);
    CHECK(memory.revision != revision);
    CHECK_INT(rp_memory_sight(&memory, 96, 96, 0).reader.until[71], 120);
    CHECK_INT(memory.note[memory.notes - 1].duration, 24);
    rp_memory_cut(&memory, 71, 144); /* it has ended before */
    CHECK_INT(memory.note[memory.notes - 1].duration, 24);
    rp_memory_fini(&memory);
    free(own.params);
}

static void test_windows(void)
{
    struct rp_model model = random_model(5, HIDDEN);
    int32_t now = tune(NOTES - 1).onset; /* 1170, in bar 12 */
    struct rp_sight sight;

    begin(&memory, &model);
    for (uint32_t i = 0; i < NOTES; i++) {
        struct rp_note note = tune(i);
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    sight = rp_memory_sight(&memory, now, 10 * BAR * 10, 0);
    check_state(&sight, 0);
    /* Bars from tick 1170 - 400 = 770 on: bar 9 at 864, note 29 at 870. */
    sight = rp_memory_sight(&memory, now, 400, 0);
    check_state(&sight, 29);
    /* Shorter than a bar: the bar that runs, at 1152; its first note 39. */
    sight = rp_memory_sight(&memory, now, 1, 0);
    check_state(&sight, 39);
    /* No more than 8 notes: bar 11 at 1056, note 36. */
    sight = rp_memory_sight(&memory, now, 10000, 6);
    check_state(&sight, 36);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_old_bars_go(void)
{
    struct rp_model model = random_model(5, HIDDEN);
    struct rp_sight sight;

    begin(&memory, &model);
    for (int32_t bar = 0; bar < 50; bar++) {
        struct rp_note note = { bar * BAR, 24, 60, 80 };
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    sight = rp_memory_sight(&memory, 50 * BAR, 1000 * BAR, 0);
    CHECK_INT(memory.state[sight.slot].start, (50 - RP_MEMORY_BARS) * BAR);
    rp_memory_forget(&memory);
    sight = rp_memory_sight(&memory, 50 * BAR + 5, 1000 * BAR, 0);
    CHECK_INT(sight.reader.pitch, -1);
    CHECK_INT(sight.reader.onset, 50 * BAR);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_switch(void)
{
    struct rp_model old = random_model(6, 48), model = random_model(5, HIDDEN);
    struct rp_engine *engine;
    struct rp_sight sight;

    begin(&memory, &old);
    for (uint32_t i = 0; i < NOTES; i++) {
        struct rp_note note = tune(i);
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    CHECK_INT(rp_memory_engine(&model, &engine), RP_OK);
    engine = rp_memory_switch(&memory, &model, engine);
    CHECK(engine->ops == old.ops);
    engine->ops->destroy(engine);
    sight = rp_memory_sight(&memory, tune(NOTES - 1).onset, 400, 0);
    check_state(&sight, 29);
    /* Half the resolution: ticks are halved. */
    struct rp_model coarse = random_model(7, 16);
    coarse.shape.vocabulary.resolution = 12;
    CHECK_INT(rp_memory_engine(&coarse, &engine), RP_OK);
    engine = rp_memory_switch(&memory, &coarse, engine);
    engine->ops->destroy(engine);
    CHECK_INT(memory.note[39].onset, 585);
    CHECK_INT(memory.note[4].onset, 60);
    rp_memory_fini(&memory);
    free(old.params);
    free(model.params);
    free(coarse.params);
}

/* Ticks of many hours, where twice the tick no longer fits an int. */
static void test_late(void)
{
    CHECK_INT(rp_memory_rescale(2000000000, 24, 48), 1000000000);
    CHECK_INT(rp_memory_rescale(-2000000000, 24, 48), -1000000000);
    CHECK_INT(rp_memory_rescale(1500000001, 480, 960), 750000001);
}

/* Some notes lie as drones: what of a call is held, and let go of after the
 * last. The tune; and a long rest under a drone, in which bars are lost. */
struct held {
    uint32_t count, drone[2];
    struct rp_note note[12];
};

static struct held held_tune(void)
{
    struct held held = { 12, { 3, 7 }, { { 0 } } };

    for (uint32_t i = 0; i < held.count; i++)
        held.note[i] = tune(i);
    for (int i = 0; i < 2; i++) {
        struct rp_note *note = &held.note[held.drone[i]];
        note->pitch = (uint8_t)(36 + i);
        note->duration = i ? 3 * BAR / 2 : 2 * BAR;
    }
    return held;
}

static struct held held_rest(void)
{
    struct held held = { 5, { 1, 2 }, { { 0 } } };
    static const struct rp_note note[] = { { 0, 24, 60, 80 },
                                           { 24, 2 * BAR, 36, 80 },
                                           { 30, BAR, 40, 80 },
                                           { 7 * BAR, 24, 64, 80 },
                                           { 7 * BAR + 48, 24, 67, 80 } };

    memcpy(held.note, note, sizeof note);
    return held;
}

/* Beside a memory that knew the lengths from the beginning: every state. */
static void check_known(const struct rp_model *model, const struct held *held,
                        bool same)
{
    static struct rp_memory known;
    uint32_t differ = 0;

    begin(&known, model);
    for (uint32_t i = 0; i < held->count; i++)
        CHECK_INT(rp_memory_push(&known, &held->note[i]), RP_OK);
    CHECK_INT(memory.states, known.states);
    for (uint32_t i = 0; i < known.states; i++) {
        float want[HIDDEN], got[HIDDEN];
        const struct rp_reader *a = &memory.state[i].reader;
        const struct rp_reader *b = &known.state[i].reader;
        CHECK_INT(model->ops->state(known.engine, i, 1, want), RP_OK);
        CHECK_INT(model->ops->state(memory.engine, i, 1, got), RP_OK);
        differ += memcmp(want, got, sizeof want) || a->onset != b->onset ||
                  memcmp(a->until, b->until, sizeof a->until);
    }
    CHECK_INT(differ > 0, !same);
    if (same)
        CHECK_INT(memory.silent, known.silent);
    rp_memory_fini(&known);
}

/* Settled, states stay as they were read. */
static void test_held(struct held held, bool settled)
{
    struct rp_model model = random_model(5, HIDDEN);

    begin(&memory, &model);
    for (uint32_t i = 0; i < held.count; i++) {
        struct rp_note note = held.note[i];
        if (i == held.drone[0] || i == held.drone[1])
            note.duration = 0;
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    CHECK(memory.mark.set);
    if (settled)
        rp_memory_settle(&memory);
    for (int i = 0; i < 2; i++) {
        const struct rp_note *note = &held.note[held.drone[i]];
        /* Not quite on the grid. */
        rp_memory_release(&memory, note->pitch,
                          note->onset + note->duration + 2 - 4 * i);
        CHECK_INT(memory.note[held.drone[i]].duration, note->duration);
        CHECK_INT(memory.mark.set, !settled && i == 0);
    }
    check_known(&model, &held, !settled);
    rp_memory_fini(&memory);
    free(model.params);
}

/* A key that was down before the first one that is read again. */
static void test_held_before(void)
{
    struct rp_model model = random_model(5, HIDDEN);
    int32_t end = 41 * 30;

    begin(&memory, &model);
    for (uint32_t i = 0; i < 40; i++) {
        struct rp_note note = tune(i);
        if (i == 1 || i == 36) {
            note.pitch = i == 1 ? 30 : 31;
            note.duration = 0;
        }
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    CHECK(memory.mark.set);
    CHECK_INT(memory.mark.number, 36);
    CHECK_INT(memory.state[0].reader.until[30], INT32_MAX);
    rp_memory_release(&memory, 30, end);
    CHECK_INT(memory.state[0].reader.until[30], end);
    rp_memory_release(&memory, 31, end);
    CHECK_INT(memory.state[0].reader.until[30], end);
    CHECK(!memory.mark.set);
    rp_memory_fini(&memory);
    free(model.params);
}

/* Whatever changes what the states are of, settles them. */
static void test_settled(void)
{
    struct rp_model model = random_model(5, HIDDEN);
    struct rp_note held = { 0, 0, 60, 80 };
    struct rp_engine *engine;

    begin(&memory, &model);
    for (int i = 0; i < 5; i++) {
        held.onset += 24;
        CHECK_INT(rp_memory_push(&memory, &held), RP_OK);
        CHECK(memory.mark.set);
        if (i == 0)
            rp_memory_metre(&memory, 0, (struct rp_metre){ 3, 4 });
        else if (i == 1)
            rp_memory_chords(&memory, NULL, 0);
        else if (i == 2)
            rp_memory_cut(&memory, 60, held.onset + 12);
        else if (i == 3)
            rp_memory_forget(&memory);
        else if (!rp_memory_engine(&model, &engine)) {
            engine = rp_memory_switch(&memory, &model, engine);
            engine->ops->destroy(engine);
        }
        CHECK(!memory.mark.set);
    }
    rp_memory_fini(&memory);
    free(model.params);
}

/* A key that is held for ever does not make ever more be read again. */
static void test_held_long(void)
{
    struct rp_model model = random_model(5, HIDDEN);

    begin(&memory, &model);
    for (uint32_t i = 0; i < 3 * RP_MEMORY_AGAIN; i++) {
        struct rp_note note = tune(i);
        if (i == 1)
            note.duration = 0;
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
        CHECK_INT(memory.mark.set, i >= 1 && i <= RP_MEMORY_AGAIN);
    }
    rp_memory_release(&memory, tune(1).pitch, tune(3 * RP_MEMORY_AGAIN).onset);
    CHECK(!memory.mark.set);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_rest(void)
{
    struct rp_model model = random_model(5, HIDDEN);
    struct rp_note note = { 10, 20, 60, 80 };
    struct rp_reader reader;

    begin(&memory, &model);
    CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    reader = memory.state[0].reader;
    rp_memory_rest(&memory, &reader, 30 + 2 * BAR); /* just two bars */
    CHECK_INT(reader.onset, 10);
    rp_memory_rest(&memory, &reader, 30 + 2 * BAR + 1);
    CHECK_INT(reader.onset, 10 + BAR);
    reader = memory.state[0].reader;
    rp_memory_rest(&memory, &reader, 30 + 9 * BAR + 5);
    CHECK_INT(reader.onset, 10 + 8 * BAR);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_metre(void)
{
    struct rp_model model = random_model(5, HIDDEN);
    int32_t length;

    begin(&memory, &model);
    rp_memory_metre(&memory, 192, (struct rp_metre){ 3, 4 });
    CHECK_INT(rp_memory_bar(&memory, 191, &length), 96);
    CHECK_INT(length, 96);
    CHECK_INT(rp_memory_bar(&memory, 300, &length), 264);
    CHECK_INT(length, 72);
    CHECK_INT(rp_memory_bar(&memory, -1, &length), -96);
    for (int32_t i = 1; i < 100; i++)
        rp_memory_metre(&memory, 192 + i * 72, (struct rp_metre){ 3, 4 });
    CHECK(memory.metres <= RP_MEMORY_METRES);
    CHECK_INT(rp_memory_bar(&memory, 192 + 99 * 72 + 73, &length),
              192 + 100 * 72);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    test_windows();
    test_cut();
    test_old_bars_go();
    test_switch();
    test_late();
    test_held(held_tune(), false);
    test_held(held_tune(), true);
    test_held(held_rest(), false);
    test_held_before();
    test_settled();
    test_held_long();
    test_rest();
    test_metre();
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
