/* Drawing an answer: steering holds whatever the network wants, the same key
 * draws the same note, one pitch or one figure does not go on for ever. */
#include "model/play/memory.h"
#include "notes.h"
#include "play.h"
#include "test.h"

static struct rp_memory memory;

static void begin(const struct rp_model *model)
{
    struct rp_engine *engine;
    struct rp_note note = { 0, 24, 60, 80 };

    CHECK_INT(rp_memory_engine(model, &engine), RP_OK);
    rp_memory_init(&memory, model, engine);
    rp_memory_metre(&memory, 0, (struct rp_metre){ 4, 4 });
    CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
}

static void end(struct rp_model *model)
{
    rp_memory_fini(&memory);
    free(model->params);
}

static const struct rp_taste plain = { 1.0f, 1.0f, 0 };

static void test_steer(void)
{
    struct rp_model model = random_model(8, 32);
    uint32_t drawn = 0, none = 0;

    begin(&model);
    for (uint32_t seed = 0; seed < 3000; seed++) {
        struct rp_sight sight = rp_memory_sight(&memory, 0, 1000, 0);
        struct rp_steer *steer;
        struct rp_turn turn;
        struct rp_note note, again;
        enum rp_drawn got;
        rp_turn_init(&turn, seed, 1, 0);
        steer = &turn.steer;
        steer->may_end = false;
        steer->earliest = (int32_t)(seed % 700);
        steer->latest = steer->earliest + 60;
        steer->grid = seed % 2 ? 24 : 0;
        steer->phase = 12;
        steer->end = steer->earliest + 1 + (int32_t)(seed % 101);
        steer->low = (uint8_t)(seed % 100);
        steer->high = (uint8_t)(steer->low + seed % 20);
        got = rp_turn_draw(&turn, &sight, &plain, &note);
        if (got == RP_DRAWN_NONE) {
            none++; /* drew a dt that leaves no room before the end */
            continue;
        }
        CHECK_INT(got, RP_DRAWN);
        drawn++;
        CHECK(note.onset >= steer->earliest);
        CHECK(note.onset <= steer->latest);
        CHECK(!steer->grid || (note.onset - 12) % 24 == 0);
        CHECK(note.duration >= 1);
        CHECK(note.onset + note.duration <= steer->end);
        CHECK(note.pitch >= steer->low && note.pitch <= steer->high);
        CHECK_INT(rp_turn_draw(&turn, &sight, &plain, &again), RP_DRAWN);
        CHECK(same_notes(&note, &again, 1));
    }
    CHECK(drawn > 1500);
    CHECK(none > 0);
    end(&model);
}

static void test_far(void)
{
    struct rp_model model = random_model(9, 32);
    struct rp_sight sight;
    struct rp_turn turn;
    struct rp_note note;

    /* Escaped times: nearly three spans ahead, and a long note. */
    begin(&model);
    sight = rp_memory_sight(&memory, 0, 1000, 0);
    rp_turn_init(&turn, 1, 1, 0);
    turn.steer.earliest = turn.steer.latest = 1100;
    turn.steer.may_end = false;
    CHECK_INT(rp_turn_draw(&turn, &sight, &plain, &note), RP_DRAWN);
    CHECK_INT(note.onset, 1100);
    /* No tick is left: nothing is drawn. */
    turn.steer.grid = 24;
    turn.steer.phase = 1;
    CHECK_INT(rp_turn_draw(&turn, &sight, &plain, &note), RP_DRAWN_NONE);
    end(&model);
}

/* A network that wants one pitch, or one figure, above all. */
static void test_dullness(void)
{
    struct rp_model model = flat_model();
    struct rp_turn turn;
    uint32_t run = 0, longest = 0;

    expect_class(&model, RP_PITCH, 64, 30.0f);
    expect_class(&model, RP_DT, 12, 30.0f);
    expect_class(&model, RP_DURATION, 12, 30.0f);
    begin(&model);
    rp_turn_init(&turn, 3, 1, 0);
    turn.repeats = 3;
    for (uint32_t i = 0; i < 60; i++) {
        struct rp_sight sight = rp_memory_sight(&memory, 0, 1000, 0);
        struct rp_note note;
        uint8_t before = turn.notes ? rp_turn_last(&turn)->pitch : 255;
        CHECK_INT(rp_turn_draw(&turn, &sight, &plain, &note), RP_DRAWN);
        run = note.pitch == before ? run + 1 : 1;
        longest = run > longest ? run : longest;
        rp_turn_take(&turn, &note);
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    CHECK_INT(longest, 3);
    CHECK_INT(turn.notes, 60);
    end(&model);
}

static void test_bound(void)
{
    struct rp_turn turn;
    struct rp_note note = { 100, 10, 60, 80 };

    rp_turn_init(&turn, 1, 1, 0);
    turn.widest = 48;
    turn.least = 2;
    turn.steer.end = 1000;
    rp_turn_take(&turn, &note);
    rp_turn_bound(&turn);
    CHECK_INT(turn.steer.latest, 148); /* no longer silence */
    note.onset = 960;
    rp_turn_take(&turn, &note);
    rp_turn_bound(&turn);
    CHECK_INT(turn.steer.latest, INT32_MAX); /* may be over */
    turn.least = 4;
    rp_turn_bound(&turn);
    CHECK(turn.steer.latest >= 960 && turn.steer.latest < 1000);
    CHECK_INT(turn.steer.earliest, 960);
}

static void test_dynamics(void)
{
    struct rp_dynamics d = { { 40, 60, 80, 60, 40 }, 30, 90, 0, 400,
                             96,                     24, 0 };

    CHECK_INT(rp_dynamics_at(&d, 0), 46);   /* a bar line */
    CHECK_INT(rp_dynamics_at(&d, 24), 46);  /* 44.8 and a beat */
    CHECK_INT(rp_dynamics_at(&d, 50), 47);  /* 50 less off the beat */
    CHECK_INT(rp_dynamics_at(&d, 200), 77); /* the middle, off the beat */
    CHECK_INT(rp_dynamics_at(&d, 10000), 37);
    d.loudest = 50;
    CHECK_INT(rp_dynamics_at(&d, 200), 50);
}

int main(void)
{
    test_steer();
    test_far();
    test_dullness();
    test_bound();
    test_dynamics();
    return TEST_END();
}
