/* Staccato is told from rests, written out for the network, and answered
 * staccato; legato is as it was. */
#include <unistd.h>

#include "performer.h"
#include "rt/log.h"

static const char weights[] = "presets/melody.safetensors";
static const uint8_t tune[] = { 67, 64, 69, 67, 72, 72, 71 };
enum { TUNE = sizeof tune, LENGTH = 64 };

/* So many notes of a beat, of which `share` thousandths sound. */
static struct rp_touch heard(uint32_t notes, int share, bool pedal)
{
    struct rp_touch touch;

    rp_touch_begin(&touch);
    for (uint32_t i = 0; i < notes; i++)
        rp_touch_hear(&touch, i * RP_BEAT, i * RP_BEAT + RP_BEAT * share / 1000,
                      RP_TOUCH_LATER, pedal);
    return touch;
}

static void test_reading(void)
{
    const rp_beat half = RP_BEAT / 2, later = RP_TOUCH_LATER;
    struct rp_touch touch = heard(5, 500, false);

    /* Half a beat, with the next one after a beat, after two, or unknown. */
    CHECK_INT(rp_touch_written(&touch, 0, half, RP_BEAT), RP_BEAT);
    CHECK_INT(rp_touch_written(&touch, 0, half, 2 * RP_BEAT), RP_BEAT);
    CHECK_INT(rp_touch_written(&touch, 0, half, later), RP_BEAT);
    CHECK_INT(rp_touch_written(&touch, 0, half / 2, half), half);
    CHECK_INT(rp_touch_written(&touch, 0, half, half), half); /* no longer */
    /* A note that is held among short ones is as long as it sounds. */
    CHECK_INT(rp_touch_written(&touch, 0, 2 * RP_BEAT, later), 2 * RP_BEAT);
    CHECK_INT(rp_touch_written(&touch, 0, RP_BEAT, later), RP_BEAT);

    /* One gap may be a rest. */
    rp_touch_begin(&touch);
    CHECK_INT(rp_touch_written(&touch, 0, half, RP_BEAT), half);
    rp_touch_hear(&touch, 0, half, RP_BEAT, false);
    CHECK_INT(rp_touch_written(&touch, 0, half, RP_BEAT), half);
    rp_touch_hear(&touch, RP_BEAT, RP_BEAT + half, 2 * RP_BEAT, false);
    CHECK_INT(rp_touch_written(&touch, 0, half, RP_BEAT), RP_BEAT);

    /* Joined notes, a rest among them: it stays one. */
    touch = heard(5, 920, false);
    rp_touch_hear(&touch, 5 * RP_BEAT, 5 * RP_BEAT + half, 6 * RP_BEAT, false);
    CHECK_INT(rp_touch_written(&touch, 5 * RP_BEAT, 5 * RP_BEAT + half,
                               6 * RP_BEAT),
              half);
    /* A clock that goes back a little. */
    touch = heard(3, -10, false);
    CHECK_INT(touch.notes, 2);
    CHECK_INT(touch.share[0], 0);
    /* One so long tells nothing; a held key is no gap. */
    touch = heard(2, 500, false);
    rp_touch_hear(&touch, 4 * RP_BEAT, later, later, false);
    CHECK_INT(touch.notes, 1);
    rp_touch_hear(&touch, 5 * RP_BEAT, later, later, false);
    CHECK_INT(touch.notes, 2);
    CHECK_INT(touch.share[1], 1000);
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT), RP_BEAT);
}

static void test_sounding(void)
{
    struct rp_touch touch = heard(5, 500, false);

    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT), RP_BEAT / 2);
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT / 2), RP_BEAT / 4);
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT / 12), RP_BEAT / 16); /* heard */
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT / 24), RP_BEAT / 24);
    CHECK_INT(rp_touch_sounds(&touch, 2 * RP_BEAT), 2 * RP_BEAT);
    touch = heard(5, 920, false);
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT), RP_BEAT);
    touch = heard(5, 500, true); /* what the pedal holds is not detached */
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT), RP_BEAT);
    touch = heard(5, 0, false); /* a pad's strokes */
    CHECK_INT(rp_touch_written(&touch, 0, 0, RP_BEAT / 2), RP_BEAT / 2);
    CHECK_INT(rp_touch_written(&touch, 0, 0, RP_TOUCH_LATER), RP_BEAT);
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT), RP_BEAT);
    rp_touch_begin(&touch);
    CHECK_INT(rp_touch_sounds(&touch, RP_BEAT), RP_BEAT);
}

/* ---- the shipped network ---- */

struct answer {
    uint32_t count;
    struct rp_note note[LENGTH]; /* 1/24 beats, as it sounds */
};

/* Notes of `unit` ticks, of which `share` hundredths sound; what the network
 * was told of them, and the answer. */
static struct answer play(int32_t unit, int share, bool pedal)
{
    const rp_beat tick = RP_BEAT / 24;
    const rp_frame wide = unit * BEAT / 24;
    struct answer answer = { 0 };
    struct rp_stage stage;

    begin(&stage, 128);
    atomic_store(&stage.knobs.top_p, 0.92f);
    if (pedal)
        CHECK_INT(rp_stage_play(&stage, 0, rp_event_make(RP_CONTROL, 0,
                                                         RP_CC_PEDAL, 127)),
                  RP_OK);
    for (uint32_t i = 0; i < TUNE; i++)
        CHECK_INT(rp_stage_note(&stage, i * wide,
                                i * wide + wide * share / 100, tune[i], 80),
                  RP_OK);
    if (pedal)
        CHECK_INT(rp_stage_play(&stage, TUNE * wide,
                                rp_event_make(RP_CONTROL, 0, RP_CC_PEDAL, 0)),
                  RP_OK);
    CHECK_INT(rp_stage_run(&stage, 24 * BEAT), RP_OK);
    CHECK_INT(stage.performer->turns, 1);
    CHECK_INT(stage.performer->listen.call.notes, TUNE);
    for (uint32_t i = 0; i < stage.performer->listen.call.notes; i++)
        CHECK_INT(stage.performer->listen.call.note[i].duration, unit);
    for (uint32_t i = 0; i < stage.planned; i++) {
        struct rp_event event = stage.plan[i].event;
        int32_t at = (int32_t)(stage.plan[i].beat / tick);
        if (rp_event_is_on(event) && answer.count < LENGTH)
            answer.note[answer.count++] =
                (struct rp_note){ at, 0, event.data[1], 0 };
        else if (rp_event_is_off(event) && answer.count)
            answer.note[answer.count - 1].duration =
                at - answer.note[answer.count - 1].onset;
    }
    rp_stage_fini(&stage);
    CHECK(answer.count >= 4);
    return answer;
}

/* The notes of the legato one, each as short; those longer than a beat and a
 * half in full. */
static void check_alike(const struct answer *full, const struct answer *other,
                        int share)
{
    CHECK_INT(other->count, full->count);
    for (uint32_t i = 0; i < full->count && i < other->count; i++) {
        int32_t written = full->note[i].duration;
        CHECK_INT(other->note[i].onset, full->note[i].onset);
        CHECK_INT(other->note[i].pitch, full->note[i].pitch);
        CHECK_INT(other->note[i].duration,
                  written > 36 ? written : written * share / 100);
    }
}

static void test_answers(void)
{
    struct answer legato = play(24, 97, false), short_, pedal;

    for (int share = 25; share <= 75; share += 25) {
        short_ = play(24, share, false);
        check_alike(&legato, &short_, share);
    }
    pedal = play(24, 50, true);
    check_alike(&legato, &pedal, 100);
    /* The call ends where it would be written to, so no sooner is answered. */
    legato = play(12, 97, false);
    short_ = play(12, 10, false);
    CHECK_INT(short_.note[0].onset, legato.note[0].onset);
}

int main(void)
{
    test_reading();
    test_sounding();
    if (access(weights, R_OK) && !test_failures)
        SKIP("presets/melody.safetensors is not there");
    rp_log_level(RP_WARN);
    CHECK_INT(rp_model_load(weights, "cpu", &model), RP_OK);
    if (!test_failures)
        test_answers();
    rp_model_fini(&model);
    return TEST_END();
}
