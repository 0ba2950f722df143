/* Who asks the same again hears another answer. */
#include <unistd.h>

#include "performer.h"
#include "rt/log.h"

enum { TURNS = 8, MOST = 4 };

static struct rp_note note[3 * MOST] = {
    { 0, 12, 60, 80 },  { 12, 12, 62, 80 }, { 24, 24, 64, 80 }, { 0 },
    { 0, 12, 60, 80 },  { 12, 12, 62, 80 }, { 36, 12, 64, 80 }, { 0 },
    { 48, 6, 60, 90 },  { 60, 9, 62, 90 },  { 72, 24, 64, 90 }, { 0 },
};

static void give(struct rp_given *given, uint32_t turn, uint32_t candidate)
{
    const struct rp_note *n = note + candidate * MOST;

    rp_given_begin(given, turn);
    for (uint32_t i = 0; i < 3; i++)
        rp_given_note(given, turn, n[i].pitch,
                      i ? n[i].onset - n[i - 1].onset : 0);
}

/* The third is the first one, louder, shorter and later. */
static void test_left_out(void)
{
    struct rp_rolled rolled[3] = { { .notes = 3 }, { .notes = 3 },
                                   { .notes = 3 } };
    struct rp_rollout set = { .candidates = 3, .most = MOST, .note = note,
                              .rolled = rolled };
    struct rp_given given = { { 0 } };

    rp_given_leave_out(&given, &set);
    for (int i = 0; i < 3; i++)
        CHECK_INT(rolled[i].notes, 3);
    give(&given, 1, 2);
    rp_given_leave_out(&given, &set);
    CHECK_INT(rolled[0].notes, 0);
    CHECK_INT(rolled[1].notes, 3);
    CHECK_INT(rolled[2].notes, 0);
    /* All were given: none is left out. */
    rolled[0].notes = rolled[2].notes = 3;
    give(&given, 2, 1);
    rp_given_leave_out(&given, &set);
    for (int i = 0; i < 3; i++)
        CHECK_INT(rolled[i].notes, 3);
    /* Long ago. */
    for (uint32_t turn = 3; turn < 2 + RP_GIVEN; turn++)
        rp_given_begin(&given, turn);
    rp_given_leave_out(&given, &set);
    CHECK_INT(rolled[0].notes, 3);
    CHECK_INT(rolled[1].notes, 0);
    CHECK_INT(rolled[2].notes, 3);
}

/* Three notes, over and over: as many answers. */
static void test_turns(void)
{
    static uint8_t pitch[TURNS][32];
    static rp_beat beat[TURNS][32];
    uint32_t notes[TURNS] = { 0 }, same = 0;
    struct rp_stage stage;

    begin(&stage, 128);
    for (uint32_t turn = 0; turn < TURNS; turn++)
        for (uint32_t i = 0; i < 3; i++) {
            rp_frame on = turn * 12 * BEAT + i * BEAT / 2;
            CHECK_INT(rp_stage_note(&stage, on,
                                    on + (i < 2 ? BEAT / 2 : BEAT) - 1000,
                                    (uint8_t)(60 + 2 * i), 80),
                      RP_OK);
        }
    CHECK_INT(rp_stage_run(&stage, TURNS * 12 * BEAT), RP_OK);
    CHECK_INT(stage.performer->turns, TURNS);
    for (uint32_t i = 0; i < stage.planned; i++) {
        uint32_t turn = stage.plan[i].turn - 1;
        if (!rp_event_is_on(stage.plan[i].event) || notes[turn] == 32)
            continue;
        pitch[turn][notes[turn]] = stage.plan[i].event.data[1];
        beat[turn][notes[turn]++] = stage.plan[i].beat - turn * 12 * RP_BEAT;
    }
    for (uint32_t a = 0; a < TURNS; a++)
        for (uint32_t b = a + 1; b < TURNS; b++)
            same += notes[a] == notes[b] &&
                    !memcmp(pitch[a], pitch[b], notes[a]) &&
                    !memcmp(beat[a], beat[b], notes[a] * sizeof **beat);
    printf("%u turns, %u pairs of answers the same\n", TURNS, same);
    CHECK_INT(same, 0);
    rp_stage_fini(&stage);
}

int main(void)
{
    static const char weights[] = "presets/melody.safetensors";

    test_left_out();
    if (access(weights, R_OK) && !test_failures)
        SKIP("presets/melody.safetensors is not there");
    rp_log_level(RP_WARN);
    CHECK_INT(rp_model_load(weights, "cpu", &model), RP_OK);
    if (!test_failures)
        test_turns();
    rp_model_fini(&model);
    return TEST_END();
}
