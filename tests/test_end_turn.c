/* The player ends the turn: it is answered on the next line, whatever is held;
 * our own turn gives way within a beat. The event's frame decides, not when
 * the performer ran. */
#include "model/play/performer_parts.h"
#include "model/play/stage.h"
#include "play.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2 }; /* 120 BPM */

static struct rp_model model;

static void begin(struct rp_stage *stage, uint32_t period, uint32_t mode)
{
    CHECK_INT(rp_stage_init(stage, &model, RATE, period), RP_OK);
    atomic_store(&stage->knobs.tempo, 120000);
    atomic_store(&stage->knobs.mode, mode);
    atomic_store(&stage->knobs.trade, 4);
    atomic_store(&stage->knobs.seed, 5);
    rp_stage_anchor(stage, 0);
}

static void end_turn(struct rp_stage *stage, rp_frame frame)
{
    struct rp_heard heard = { .frame = frame, .kind = RP_HEARD_END };

    CHECK_INT(rp_stage_run(stage, frame), RP_OK);
    CHECK(rp_ring_push(&stage->in, &heard, NULL));
}

static uint32_t state_of(struct rp_stage *stage)
{
    struct rp_performer_view view;

    rp_performer_look(stage->performer, &view);
    return view.state;
}

/* Three notes, the pedal and the last key still down. */
static void play(struct rp_stage *stage)
{
    CHECK_INT(rp_stage_play(stage, 0, rp_event_make(RP_CONTROL, 0, 64, 127)),
              RP_OK);
    for (int i = 0; i < 3; i++)
        CHECK_INT(rp_stage_note(stage, i * BEAT,
                                i < 2 ? (i + 1) * BEAT - 999 : 20 * BEAT,
                                (uint8_t)(60 + 2 * i), 80),
                  RP_OK);
}

static rp_frame first_on(const struct rp_stage *stage)
{
    for (uint32_t i = 0; i < stage->planned; i++)
        if (rp_event_is_on(stage->plan[i].event))
            return stage->plan_frame[i];
    return -1;
}

static void test_listening(void)
{
    static const uint32_t period[] = { 16, 128, 1024 };
    struct rp_stage stage, first;

    for (uint32_t i = 0; i < 3; i++) {
        begin(&stage, period[i], RP_MODE_ANSWER);
        play(&stage);
        /* Without it the pedal holds the turn. */
        CHECK_INT(rp_stage_run(&stage, 12 * BEAT), RP_OK);
        CHECK_INT(state_of(&stage), RP_LISTENING);
        end_turn(&stage, 12 * BEAT + 1234);
        CHECK_INT(rp_stage_run(&stage, 13 * BEAT + 10), RP_OK);
        CHECK_INT(state_of(&stage), RP_ANSWERING);
        CHECK_INT(rp_stage_run(&stage, 40 * BEAT), RP_OK);
        CHECK(stage.planned > 2);
        CHECK_INT(first_on(&stage) % (BEAT / 24), 0);
        CHECK(first_on(&stage) >= 13 * BEAT && first_on(&stage) < 15 * BEAT);
        if (!i) {
            first = stage;
            continue;
        }
        CHECK_INT(stage.planned, first.planned);
        for (uint32_t k = 0; k < stage.planned && k < first.planned; k++)
            CHECK(stage.plan[k].beat == first.plan[k].beat &&
                  stage.plan[k].event.data[1] == first.plan[k].event.data[1]);
        rp_stage_fini(&stage);
    }
    rp_stage_fini(&first);
}

/* Bars are traded: it begins on the next bar line. */
static void test_trade(void)
{
    struct rp_stage stage;

    begin(&stage, 128, RP_MODE_TRADE);
    play(&stage);
    end_turn(&stage, 5 * BEAT + 7);
    CHECK_INT(rp_stage_run(&stage, 40 * BEAT), RP_OK);
    CHECK(stage.planned > 2);
    CHECK_INT(stage.performer->start, 8 * RP_BEAT);
    CHECK(first_on(&stage) >= 8 * BEAT && first_on(&stage) < 12 * BEAT);
    rp_stage_fini(&stage);
}

static void test_answering(void)
{
    struct rp_stage stage;
    rp_frame stop = 16 * BEAT + 4321;

    begin(&stage, 128, RP_MODE_ANSWER);
    atomic_store(&stage.knobs.length, 8);
    play(&stage);
    end_turn(&stage, 12 * BEAT);
    CHECK_INT(rp_stage_run(&stage, stop), RP_OK);
    CHECK_INT(state_of(&stage), RP_ANSWERING);
    end_turn(&stage, stop);
    CHECK_INT(rp_stage_run(&stage, stop + 2 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    CHECK(stage.planned > 1);
    for (uint32_t i = 0; i < stage.planned; i++)
        CHECK(stage.plan_frame[i] <= stop + BEAT + 1);
    rp_stage_fini(&stage);
}

/* Nothing was played, or it was answered already: nothing happens. */
static void test_waiting(void)
{
    struct rp_stage stage;
    uint32_t planned;

    begin(&stage, 128, RP_MODE_ANSWER);
    end_turn(&stage, 999);
    CHECK_INT(rp_stage_run(&stage, 8 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    CHECK_INT(stage.planned, 0);
    CHECK_INT(rp_stage_note(&stage, 8 * BEAT, 9 * BEAT, 60, 80), RP_OK);
    end_turn(&stage, 9 * BEAT);
    CHECK_INT(rp_stage_run(&stage, 60 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    planned = stage.planned;
    CHECK(planned > 0);
    end_turn(&stage, 60 * BEAT + 1);
    CHECK_INT(rp_stage_run(&stage, 80 * BEAT), RP_OK);
    CHECK_INT(stage.planned, planned);
    rp_stage_fini(&stage);
}

int main(void)
{
    model = random_model(3, 32);
    test_listening();
    test_trade();
    test_answering();
    test_waiting();
    free(model.params);
    return TEST_END();
}
