/* The performer while its knobs are turned: they are heard at the next note
 * that does not sound yet, another model goes on from the same notes, and
 * whatever is done in whatever order leaves nothing sounding. */
#include "engines.h"
#include "performer.h"

/* The bars to trade, turned while an answer of two plays: it ends sooner, or
 * goes on. */
static void test_trade_turned(void)
{
    static const uint32_t bars[] = { 1, 4 };

    for (int i = 0; i < 2; i++) {
        struct rp_stage stage;
        struct sums sums;
        begin(&stage, 128);
        atomic_store(&stage.knobs.mode, RP_MODE_TRADE);
        atomic_store(&stage.knobs.trade, 2);
        rp_stage_anchor(&stage, 0);
        play_quarters(&stage, 4 * BEAT, 8);
        CHECK_INT(rp_stage_run(&stage, 14 * BEAT), RP_OK);
        CHECK_INT(state_of(&stage), RP_ANSWERING);
        atomic_store(&stage.knobs.trade, bars[i]);
        CHECK_INT(rp_stage_run(&stage, 60 * BEAT), RP_OK);
        sums = check_plan(&stage, 0);
        CHECK_INT(sums.turns, 1);
        CHECK(sums.first >= 12 * BEAT);
        CHECK(sums.end <= (12 + 4 * (rp_frame)bars[i]) * BEAT);
        if (bars[i] > 2)
            CHECK(sums.last > 20 * BEAT);
        rp_stage_fini(&stage);
    }
}

static void test_knobs(void)
{
    struct rp_stage plain, turned;
    rp_frame released, at;
    uint32_t same = 0, differ = 0, programs = 0;

    begin(&plain, 128);
    released = play_quarters(&plain, 0, 8);
    CHECK_INT(rp_stage_run(&plain, released + 24 * BEAT), RP_OK);
    begin(&turned, 128);
    released = play_quarters(&turned, 0, 8);
    at = released + 3 * BEAT;
    CHECK_INT(rp_stage_run(&turned, at), RP_OK);
    atomic_store(&turned.knobs.temperature, 0.2f);
    atomic_store(&turned.knobs.instrument, 73);
    CHECK_INT(rp_stage_run(&turned, released + 24 * BEAT), RP_OK);
    for (uint32_t i = 0; i < plain.planned && i < turned.planned; i++) {
        bool equal = plain.plan[i].beat == turned.plan[i].beat &&
                     !memcmp(&plain.plan[i].event, &turned.plan[i].event,
                             sizeof plain.plan[i].event);
        if (turned.plan_frame[i] < at + RATE * RP_LEAD_MS / 1000) {
            CHECK(equal);
            same++;
        } else {
            differ += !equal;
        }
    }
    CHECK(same > 0);
    CHECK(differ > 0);
    for (uint32_t i = 0; i + 1 < turned.planned; i++)
        if ((turned.plan[i].event.data[0] & 0xf0) == RP_PROGRAM) {
            programs++;
            CHECK_INT(turned.plan[i].event.data[1], 73);
            CHECK_INT(turned.plan[i].beat, turned.plan[i + 1].beat);
            CHECK(rp_event_is_on(turned.plan[i + 1].event));
            CHECK(turned.plan_frame[i] >= at);
        }
    CHECK_INT(programs, 1);
    rp_stage_fini(&plain);
    rp_stage_fini(&turned);
}

/* Another model in the middle of an answer: heard at the next free note; the
 * old one is given back. */
static void test_model(void)
{
    struct rp_model other = random_model(99, 48);
    struct rp_stage stage, again;
    rp_frame released;

    for (int round = 0; round < 2; round++) {
        struct rp_stage *s = round ? &again : &stage;
        begin(s, round ? 32 : 480);
        released = play_quarters(s, 0, 8);
        CHECK_INT(rp_stage_run(s, released + 3 * BEAT), RP_OK);
        CHECK(rp_performer_model_in_use(s->performer) == &model);
        CHECK_INT(rp_performer_model(s->performer, &other), RP_OK);
        CHECK(rp_performer_model_in_use(s->performer) == &model);
        CHECK_INT(rp_stage_run(s, released + 24 * BEAT), RP_OK);
        CHECK(rp_performer_model_in_use(s->performer) == &other);
        CHECK(check_plan(s, released + 4 * BEAT).ons > 0);
    }
    CHECK_INT(stage.planned, again.planned);
    for (uint32_t i = 0; i < stage.planned && i < again.planned; i++)
        CHECK_INT(stage.plan[i].beat, again.plan[i].beat);
    rp_stage_fini(&stage);
    rp_stage_fini(&again);
    free(other.params);
}

/* A model that counts in other ticks. */
static void test_resolution(void)
{
    struct rp_model other = random_model(98, 16);
    struct rp_stage stage;
    rp_frame released;

    other.shape.vocabulary.resolution = 12;
    begin(&stage, 128);
    released = play_quarters(&stage, 0, 8);
    CHECK_INT(rp_stage_run(&stage, released + 3 * BEAT), RP_OK);
    CHECK_INT(rp_performer_model(stage.performer, &other), RP_OK);
    CHECK_INT(rp_stage_run(&stage, released + 20 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    released = play_quarters(&stage, stage.frame, 8);
    CHECK_INT(rp_stage_run(&stage, released + 20 * BEAT), RP_OK);
    CHECK_INT(check_plan(&stage, 0).turns, 2);
    CHECK(check_plan(&stage, released).ons > 1);
    rp_stage_fini(&stage);
    free(other.params);
}

/* Anything, in any order: nothing is left sounding, nothing comes too late,
 * and twice the same is the same. */
static void chaos(uint32_t seed, uint32_t period, struct rp_stage *stage)
{
    struct rp_rng rng;

    begin(stage, period);
    rp_rng_init(&rng, seed, 3);
    for (int i = 0; i < 400; i++) {
        uint32_t what = rp_rng_below(&rng, 100);
        uint8_t pitch = (uint8_t)(55 + rp_rng_below(&rng, 14));
        uint8_t velocity = (uint8_t)(1 + rp_rng_below(&rng, 127));
        uint8_t channel = (uint8_t)rp_rng_below(&rng, 2);
        rp_frame at = stage->frame, wait = rp_rng_below(&rng, BEAT / 2);
        struct rp_event event = { 0 };
        if (what < 40)
            event = rp_event_make(RP_NOTE_ON, channel, pitch, velocity);
        else if (what < 80)
            event = rp_event_make(RP_NOTE_OFF, channel, pitch, 64);
        else if (what < 83)
            event = rp_event_make(RP_CONTROL, channel, RP_CC_PEDAL,
                                  what == 82 ? 127 : 0);
        else if (what < 86)
            event = rp_event_make(RP_CONTROL, channel, RP_CC_NOTES_OFF, 0);
        else if (what < 88)
            atomic_store(&stage->knobs.mode, what & 1);
        else if (what < 90)
            atomic_store(&stage->knobs.length, velocity % 3);
        else if (what < 92)
            atomic_store(&stage->knobs.window, velocity);
        else if (what < 93)
            rp_stage_tempo(stage, 40000 + 2000u * velocity);
        else
            wait = 6 * BEAT;
        if (event.size)
            CHECK_INT(rp_stage_play(stage, at, event), RP_OK);
        CHECK_INT(rp_stage_run(stage, at + wait), RP_OK);
    }
    for (uint8_t c = 0; c < 2; c++) {
        CHECK_INT(rp_stage_play(stage, stage->frame,
                                rp_event_make(RP_CONTROL, c, RP_CC_NOTES_OFF,
                                              0)),
                  RP_OK);
        CHECK_INT(rp_stage_play(stage, stage->frame,
                                rp_event_make(RP_CONTROL, c, RP_CC_PEDAL, 0)),
                  RP_OK);
    }
    CHECK_INT(rp_stage_run(stage, stage->frame + 3000 * BEAT), RP_OK);
    CHECK_INT(state_of(stage), RP_WAITING);
}

static void test_chaos(void)
{
    uint32_t ons = 0;

    for (uint32_t seed = 0; seed < 12; seed++) {
        struct rp_stage a, b;
        int sounding[128] = { 0 };
        chaos(seed, 64, &a);
        chaos(seed, 700, &b);
        CHECK_INT(a.planned, b.planned);
        for (uint32_t i = 0; i < a.planned && i < b.planned; i++) {
            struct rp_event event = a.plan[i].event;
            CHECK_INT(a.plan[i].beat, b.plan[i].beat);
            CHECK(!memcmp(&event, &b.plan[i].event, sizeof event));
            if (i && a.plan[i].turn == a.plan[i - 1].turn)
                CHECK(a.plan[i].beat >= a.plan[i - 1].beat);
            ons += rp_event_is_on(event);
            if (rp_event_is_on(event))
                CHECK_INT(sounding[event.data[1]]++, 0);
            if (rp_event_is_off(event))
                CHECK_INT(sounding[event.data[1]]--, 1);
        }
        for (int i = 0; i < 128; i++)
            CHECK_INT(sounding[i], 0);
        rp_stage_fini(&a);
        rp_stage_fini(&b);
    }
    CHECK(ons > 300);
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    model = random_model(3, 32);
    test_knobs();
    test_model();
    test_resolution();
    if (ops == &rp_engine_cpu) { /* where it matters not who computes */
        test_trade_turned();
        test_chaos();
    }
    free(model.params);
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
