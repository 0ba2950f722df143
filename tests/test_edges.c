/* Calls at the edges of what players do: one note, a drone, a pedal let go by
 * a reset, many notes; each is answered, and by more than an echo. */
#include "model/play/performer_parts.h"
#include "model/play/stage.h"
#include "engines.h"
#include "play.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2 }; /* 120 BPM */

static struct rp_model model;
static struct rp_stage stage;

static void begin(uint32_t seed, uint32_t length)
{
    CHECK_INT(rp_stage_init(&stage, &model, RATE, 128), RP_OK);
    atomic_store(&stage.knobs.tempo, 120000);
    atomic_store(&stage.knobs.mode, RP_MODE_ANSWER);
    atomic_store(&stage.knobs.length, length);
    atomic_store(&stage.knobs.seed, seed);
    stage.clock.mbpm = 120000;
}

struct answer {
    uint32_t notes, pitches;
    rp_frame first, end;
};

static struct answer answer_after(rp_frame from, uint32_t beats)
{
    struct answer answer = { .first = INT64_MAX };
    bool seen[128] = { 0 };

    CHECK_INT(rp_stage_run(&stage, from + (rp_frame)beats * BEAT), RP_OK);
    for (uint32_t i = 0; i < stage.planned; i++) {
        struct rp_event event = stage.plan[i].event;
        rp_frame at = stage.plan_frame[i];
        if (rp_event_is_on(event)) {
            answer.notes++;
            answer.pitches += !seen[event.data[1]];
            seen[event.data[1]] = true;
            answer.first = at < answer.first ? at : answer.first;
        }
        answer.end = at > answer.end ? at : answer.end;
    }
    rp_stage_fini(&stage);
    return answer;
}

static void test_one_note(void)
{
    uint32_t different = 0;

    for (uint32_t seed = 1; seed <= 8; seed++) {
        begin(seed, 0);
        CHECK_INT(rp_stage_note(&stage, 1000, 1000 + BEAT - 2000, 60, 80),
                  RP_OK);
        struct answer answer = answer_after(BEAT, 16);
        CHECK(answer.notes >= 2);
        CHECK(answer.end - answer.first > BEAT);
        different += answer.pitches > 1;
    }
    CHECK(different >= 6);
}

static void test_drone(void)
{
    static const uint32_t beats[] = { 100, 265, 280, 700 };

    for (uint32_t i = 0; i < 4; i++) {
        rp_frame off = 1000 + (rp_frame)beats[i] * BEAT - 2000;
        begin(3, 1);
        CHECK_INT(rp_stage_note(&stage, 1000, off, 60, 80), RP_OK);
        CHECK(answer_after(off, 16).notes > 0);
    }
}

static void control(rp_frame at, uint8_t number, uint8_t value)
{
    CHECK_INT(rp_stage_play(&stage, at, rp_event_make(RP_CONTROL, 0, number,
                                                       value)),
              RP_OK);
}

/* Reset All Controllers lifts the pedal; a change of mode ends all notes. */
static void test_reset(void)
{
    static const uint8_t ends[] = { RP_CC_PEDAL, RP_CC_RESET, 123, 124, 127 };

    for (uint32_t i = 0; i < 5; i++) {
        begin(5, 0);
        control(900, RP_CC_PEDAL, 127);
        for (int n = 0; n < 4; n++) {
            rp_frame on = 1000 + n * BEAT;
            bool held = n == 3 && ends[i] > RP_CC_RESET;
            CHECK_INT(rp_stage_note(&stage, on,
                                    on + (held ? 99 : 1) * BEAT - 2000,
                                    (uint8_t)(60 + n), 80),
                      RP_OK);
        }
        control(1000 + 4 * BEAT - 1900, ends[i] > RP_CC_RESET ? RP_CC_PEDAL
                                                             : ends[i], 0);
        if (ends[i] > RP_CC_RESET)
            control(1000 + 4 * BEAT - 1800, ends[i], 0);
        CHECK(answer_after(4 * BEAT, 20).notes > 0);
    }
}

/* Told how long, an answer is so long; else at most a quarter is lost to close
 * on a bar line. */
static void test_length(void)
{
    for (uint32_t start = 1; start <= 4; start++) {
        begin(7, 0);
        for (uint32_t n = 0; n < 3 + start; n++) {
            rp_frame on = 1000 + n * BEAT;
            CHECK_INT(rp_stage_note(&stage, on, on + BEAT - 2000,
                                    (uint8_t)(60 + n), 80),
                      RP_OK);
        }
        struct rp_performer *p = stage.performer;
        CHECK_INT(rp_stage_run(&stage, (rp_frame)(6 + start) * BEAT), RP_OK);
        CHECK(p->turns == 1);
        rp_beat length = (3 + start) * RP_BEAT;
        CHECK(4 * (p->end - p->start) >= 3 * length);
        CHECK_INT(p->end % (4 * RP_BEAT), 0);
        rp_stage_fini(&stage);
    }
}

/* In trade mode an upbeat is no bar of the player's: two bars, answer. */
static void test_upbeat(void)
{
    begin(9, 0);
    atomic_store(&stage.knobs.mode, RP_MODE_TRADE);
    atomic_store(&stage.knobs.trade, 2);
    rp_stage_anchor(&stage, 0);
    for (int n = 3; n < 12; n++) {
        rp_frame on = (rp_frame)n * BEAT;
        CHECK_INT(rp_stage_note(&stage, on, on + BEAT - 2000,
                                (uint8_t)(57 + n), 80),
                  RP_OK);
    }
    struct answer answer = answer_after(12 * BEAT, 20);
    CHECK(answer.notes > 0);
    CHECK(answer.first >= 12 * BEAT && answer.first <= 13 * BEAT);
    CHECK(answer.end <= 20 * BEAT);
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    model = random_model(5, 32);
    test_one_note();
    test_drone();
    test_reset();
    test_length();
    test_upbeat();
    free(model.params);
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
