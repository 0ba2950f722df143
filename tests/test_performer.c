/* The performer as a state machine in virtual time: what it places does not
 * depend on how often it runs, answers begin on beat lines, end in time, end
 * their own notes, give way to the player, and hear a turned knob at the next
 * note that does not sound yet. */
#include "engines.h"
#include "performer.h"

static void test_answer(void)
{
    struct rp_stage stage;
    rp_frame start = 12345, released;
    struct sums sums;

    begin(&stage, 128);
    CHECK_INT(rp_stage_run(&stage, start), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    CHECK_INT(rp_performer_wake(stage.performer), INT64_MAX);
    released = play_quarters(&stage, start, 8);
    CHECK_INT(rp_stage_run(&stage, released), RP_OK);
    CHECK_INT(state_of(&stage), RP_LISTENING);
    CHECK_INT(stage.planned, 0);
    CHECK_INT(rp_stage_run(&stage, released + 24 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    sums = check_plan(&stage, 0);
    CHECK(sums.ons > 0);
    CHECK_INT(sums.ons, sums.offs);
    CHECK_INT(sums.programs, 0);
    CHECK_INT(sums.turns, 1);
    /* On a beat line of the clock that the first onset set. */
    CHECK_INT((sums.first - start) % BEAT, 0);
    CHECK(sums.first > released);
    /* No longer than the call, counted from the beat it could begin on. */
    CHECK(sums.end <= released + 2 * BEAT + 8 * BEAT);
    rp_stage_fini(&stage);
}

/* One session with a bit of everything; the planned events as the result. */
static void scene(struct rp_stage *stage, uint32_t period)
{
    rp_frame released;

    begin(stage, period);
    released = play_quarters(stage, 4800, 6);
    /* Into the answer. */
    released = play_quarters(stage, released + 3 * BEAT + 777, 5);
    CHECK_INT(rp_stage_run(stage, released + 4 * BEAT + 1234), RP_OK);
    atomic_store(&stage->knobs.temperature, 1.7f);
    atomic_store(&stage->knobs.instrument, 40);
    CHECK_INT(rp_stage_run(stage, stage->frame + 9 * BEAT + 17), RP_OK);
    rp_stage_tempo(stage, 141000);
    play_quarters(stage, stage->frame + BEAT, 9);
    CHECK_INT(rp_stage_run(stage, stage->frame + 40 * BEAT), RP_OK);
}

static void test_period(void)
{
    static const uint32_t period[] = { 32, 128, 480, 960 };
    struct rp_stage first, other;

    scene(&first, 64);
    check_plan(&first, 0);
    CHECK(first.planned > 20);
    CHECK(first.plan[first.planned - 1].turn >= 3);
    for (uint32_t i = 0; i < 4; i++) {
        scene(&other, period[i]);
        CHECK_INT(other.planned, first.planned);
        for (uint32_t k = 0; k < first.planned && k < other.planned; k++) {
            CHECK_INT(other.plan[k].beat, first.plan[k].beat);
            CHECK_INT(other.plan[k].turn, first.plan[k].turn);
            CHECK(!memcmp(&other.plan[k].event, &first.plan[k].event,
                          sizeof first.plan[k].event));
        }
        rp_stage_fini(&other);
    }
    rp_stage_fini(&first);
}

/* What is heard of the answer are notes, no clicks: each sounds for a quarter
 * beat at least, if it was to. */
static void check_no_clicks(struct rp_stage *stage)
{
    rp_beat on[128] = { 0 }, least[128] = { 0 };
    struct rp_shown shown;

    for (uint32_t i = 0; i < stage->planned; i++) {
        const struct rp_planned *planned = &stage->plan[i];
        uint8_t pitch = planned->event.data[1];
        if (rp_event_is_on(planned->event)) {
            CHECK(rp_performer_shown(stage->performer, &shown));
            on[pitch] = planned->beat;
            least[pitch] = RP_BEAT / 4 < shown.duration ? RP_BEAT / 4
                                                        : shown.duration;
        } else if (rp_event_is_off(planned->event)) {
            CHECK(planned->beat - on[pitch] >= least[pitch]);
        }
    }
}

static void test_interruption(void)
{
    struct rp_stage stage;
    rp_frame released, stop;
    uint32_t turn;

    for (uint32_t offset = 0; offset < 16; offset++) {
        begin(&stage, 128);
        released = play_quarters(&stage, 0, 8);
        /* Somewhere in the second bar of the answer. */
        stop = released + 5 * BEAT + (rp_frame)offset * BEAT / 16;
        CHECK_INT(rp_stage_note(&stage, stop, stop + 3 * BEAT, 72, 90), RP_OK);
        CHECK_INT(rp_stage_run(&stage, stop), RP_OK);
        CHECK_INT(state_of(&stage), RP_ANSWERING);
        CHECK_INT(rp_stage_run(&stage, stop + 3 * BEAT), RP_OK);
        CHECK_INT(state_of(&stage), RP_LISTENING);
        turn = stage.plan[stage.planned - 1].turn;
        for (uint32_t i = 0; i < stage.planned; i++) {
            rp_frame at = stage.plan_frame[i];
            if (rp_event_is_on(stage.plan[i].event))
                CHECK(at < stop + RATE * RP_LEAD_MS / 1000);
            CHECK(at <= stop + BEAT + RATE * RP_LEAD_MS / 1000);
        }
        check_plan(&stage, 0);
        check_no_clicks(&stage);
        /* What was played into it is a call of its own. */
        CHECK_INT(rp_stage_run(&stage, stop + 12 * BEAT), RP_OK);
        CHECK_INT(stage.plan[stage.planned - 1].turn, turn + 1);
        rp_stage_fini(&stage);
    }
}

/* A note after the decision and before anything sounds: the call goes on. */
static void test_resume(void)
{
    struct rp_stage stage;
    rp_frame released, line;

    begin(&stage, 16);
    released = play_quarters(&stage, 0, 8);
    CHECK_INT(rp_stage_run(&stage, released), RP_OK);
    while (state_of(&stage) == RP_LISTENING)
        CHECK_INT(rp_stage_run(&stage, stage.frame + 16), RP_OK);
    line = (stage.frame + BEAT - 1) / BEAT * BEAT;
    CHECK_INT(rp_stage_note(&stage, line - 480, line + BEAT, 69, 80), RP_OK);
    CHECK_INT(rp_stage_run(&stage, line), RP_OK);
    CHECK_INT(state_of(&stage), RP_LISTENING);
    CHECK_INT(stage.performer->listen.call.onsets, 9);
    CHECK_INT(rp_stage_run(&stage, line + 16 * BEAT), RP_OK);
    CHECK_INT(stage.plan[stage.planned - 1].turn, 2);
    CHECK_INT(stage.performer->listen.call.notes, 9);
    check_plan(&stage, 0);
    rp_stage_fini(&stage);
}

/* The clock is set anew: on to a later bar while nobody plays, what was heard
 * stays; in the middle of an answer, it ends at once. */
static void test_place(void)
{
    struct rp_stage stage;
    rp_frame released;
    uint32_t planned;

    begin(&stage, 128);
    released = play_quarters(&stage, 0, 8);
    CHECK_INT(rp_stage_run(&stage, released + 24 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    CHECK(stage.performer->memory.notes > 8);
    stage.clock.frame = stage.frame + 333;
    stage.clock.beat = stage.clock.bar = 40 * RP_BEAT;
    rp_stage_clock(&stage);
    CHECK_INT(rp_stage_run(&stage, stage.frame + 333), RP_OK);
    CHECK(stage.performer->memory.notes > 8);
    released = play_quarters(&stage, stage.frame, 8);
    CHECK_INT(rp_stage_run(&stage, released + 3 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_ANSWERING);
    planned = stage.planned;
    stage.clock.beat += 1000 * RP_BEAT;
    rp_stage_clock(&stage);
    CHECK_INT(rp_stage_run(&stage, stage.frame + 4 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    CHECK_INT(stage.performer->memory.notes, 0);
    for (uint32_t i = planned; i < stage.planned; i++)
        CHECK(rp_event_is_off(stage.plan[i].event));
    rp_stage_fini(&stage);
}

/* Longer periods while it plays: from then on notes are placed two of them
 * before they sound, and at another rate RP_LEAD_MS of it. */
/* A model with timing places notes off the grid, half a tick at most, in
 * order, and the first one not before its beat line. */
static void test_timing(void)
{
    struct rp_model own = model;
    struct rp_stage stage;
    rp_beat tick = RP_BEAT / 24;
    uint32_t ons = 0, off = 0;

    model = random_model_of(
        (struct rp_vocabulary){ 24, .metre = true, .timing = true }, 3, 32);
    begin(&stage, 64);
    atomic_store(&stage.knobs.length, 4);
    play_quarters(&stage, RATE, 8);
    CHECK_INT(rp_stage_run(&stage, RATE + 60 * BEAT), RP_OK);
    CHECK(check_plan(&stage, 0).turns > 0);
    for (uint32_t i = 0; i < stage.planned; i++) {
        rp_beat from = (stage.plan[i].beat + tick / 2) % tick - tick / 2;
        if (!rp_event_is_on(stage.plan[i].event)) {
            CHECK_INT(from, 0); /* ends are on the grid */
            continue;
        }
        CHECK(from >= (ons ? -tick / 2 : 0) && from <= tick * 7 / 16);
        CHECK_INT(from % (tick / 16), 0);
        ons++;
        off += from != 0;
    }
    CHECK(ons > 4 && off > ons / 2);
    rp_stage_fini(&stage);
    free(model.params);
    model = own;
}

static void test_lead(void)
{
    struct rp_stage stage;
    rp_frame released;
    uint32_t placed = 0;

    begin(&stage, 128);
    CHECK_INT(stage.performer->lead, RATE * RP_LEAD_MS / 1000);
    rp_performer_period(stage.performer, 4096);
    released = play_quarters(&stage, 0, 8);
    CHECK_INT(rp_stage_run(&stage, released + 24 * BEAT), RP_OK);
    for (uint32_t i = 0; i < stage.planned; i++) {
        if (rp_event_is_on(stage.plan[i].event)) {
            CHECK(stage.plan_frame[i] - stage.decided[i] >= 2 * 4096 - 128);
            placed++;
        }
    }
    CHECK(placed > 0);
    rp_performer_period(stage.performer, 128);
    stage.clock.rate = 96000;
    stage.clock.frame = stage.frame;
    rp_stage_clock(&stage);
    CHECK_INT(rp_stage_run(&stage, stage.frame + 256), RP_OK);
    CHECK_INT(stage.performer->lead, 96000 * RP_LEAD_MS / 1000);
    rp_stage_fini(&stage);
}

static void test_panic(void)
{
    struct rp_stage stage;
    rp_frame released;
    uint32_t planned;

    begin(&stage, 128);
    released = play_quarters(&stage, 0, 8);
    CHECK_INT(rp_stage_run(&stage, released + 3 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_ANSWERING);
    planned = stage.planned;
    CHECK(planned > 0);
    rp_stage_panic(&stage);
    CHECK_INT(rp_stage_run(&stage, released + 20 * BEAT), RP_OK);
    CHECK_INT(state_of(&stage), RP_WAITING);
    CHECK_INT(stage.planned, planned);
    rp_stage_fini(&stage);
}

static void test_pedal(void)
{
    struct rp_stage stage;
    rp_frame released, up;

    begin(&stage, 128);
    CHECK_INT(rp_stage_play(&stage, 10, rp_event_make(RP_CONTROL, 0,
                                                      RP_CC_PEDAL, 127)),
              RP_OK);
    released = play_quarters(&stage, 100, 4);
    up = released + 9 * BEAT;
    CHECK_INT(rp_stage_play(&stage, up, rp_event_make(RP_CONTROL, 0,
                                                      RP_CC_PEDAL, 0)),
              RP_OK);
    CHECK_INT(rp_stage_run(&stage, up), RP_OK);
    CHECK_INT(stage.planned, 0);
    CHECK_INT(state_of(&stage), RP_LISTENING);
    CHECK_INT(rp_stage_run(&stage, up + 20 * BEAT), RP_OK);
    CHECK(stage.planned > 0);
    rp_stage_fini(&stage);
}

static void test_trade(void)
{
    struct rp_stage stage;
    struct sums sums;
    rp_frame second;

    begin(&stage, 128);
    atomic_store(&stage.knobs.mode, RP_MODE_TRADE);
    atomic_store(&stage.knobs.trade, 2);
    rp_stage_anchor(&stage, 0);
    /* From the second beat of bar 2 on: its block is bars 2 and 3. */
    play_quarters(&stage, 5 * BEAT, 6);
    CHECK_INT(rp_stage_run(&stage, 12 * BEAT - RATE * RP_LEAD_MS / 1000),
              RP_OK);
    CHECK_INT(stage.planned, 0);
    CHECK_INT(rp_stage_run(&stage, 24 * BEAT), RP_OK);
    sums = check_plan(&stage, 0);
    CHECK(sums.ons > 0);
    CHECK(sums.first >= 12 * BEAT);
    CHECK_INT(sums.first % BEAT, 0);
    CHECK(sums.end <= 20 * BEAT);
    CHECK_INT(sums.turns, 1);
    /* The next block is silent; the call after it sets a block of its own. */
    second = 37 * BEAT;
    play_quarters(&stage, second, 3);
    CHECK_INT(rp_stage_run(&stage, 44 * BEAT - RATE * RP_LEAD_MS / 1000),
              RP_OK);
    CHECK_INT(check_plan(&stage, 0).turns, 1);
    CHECK_INT(rp_stage_run(&stage, 60 * BEAT), RP_OK);
    sums = check_plan(&stage, second);
    CHECK_INT(sums.turns, 2);
    CHECK(sums.first >= 44 * BEAT);
    CHECK(sums.end <= 52 * BEAT);
    rp_stage_fini(&stage);
}

/* A long note and one that has just begun give way: on the next line, and where
 * it was to end; they are let go in that order. */
static void test_order(void)
{
    const int32_t tick = 24;
    const struct rp_note note[] = { { 0, 3 * tick, 60, 80 },
                                    { tick * 5 / 6, tick * 2 / 3, 64, 80 } };
    struct rp_performer *p;
    struct rp_stage stage;

    begin(&stage, 128);
    rp_stage_anchor(&stage, 0);
    CHECK_INT(rp_stage_run(&stage, BEAT * 7 / 8), RP_OK);
    p = stage.performer;
    for (uint32_t i = 0; i < 2; i++) {
        rp_turn_take(&p->turn, &note[i]);
        p->off[1 - i] = (struct rp_planned){
            rp_listen_beat(&p->listen, note[i].onset + note[i].duration), 1,
            rp_event_make(RP_NOTE_OFF, 3, note[i].pitch, 64)
        };
    }
    p->offs = 2;
    p->over = p->off[1].beat;
    rp_answer_yield(p);
    CHECK_INT(p->offs, 2);
    CHECK_INT(p->off[0].beat, RP_BEAT);
    CHECK_INT(p->off[0].event.data[1], 60);
    CHECK_INT(p->off[1].beat, RP_BEAT * 3 / 2);
    CHECK_INT(p->over, RP_BEAT * 3 / 2);
    p->offs = 0;
    rp_stage_fini(&stage);
}

/* Who plays on over the bar line, as well as fingers can, hears the answer give
 * way: no click, and the answer to all of it where the next block begins. */
static void test_over_the_line(void)
{
    for (int ms = -60; ms <= 60; ms += 10) {
        struct rp_stage stage;
        struct sums sums;
        begin(&stage, 128);
        atomic_store(&stage.knobs.mode, RP_MODE_TRADE);
        atomic_store(&stage.knobs.trade, 2);
        rp_stage_anchor(&stage, 0);
        play_quarters(&stage, 0, 8);
        play_quarters(&stage, 8 * BEAT + (rp_frame)ms * RATE / 1000, 4);
        CHECK_INT(rp_stage_run(&stage, 24 * BEAT), RP_OK);
        sums = check_plan(&stage, 0);
        check_no_clicks(&stage);
        CHECK(sums.last >= 16 * BEAT);
        for (uint32_t i = 0; i < stage.planned; i++)
            CHECK(stage.plan_frame[i] <= 9 * BEAT + RATE / 10 ||
                  stage.plan_frame[i] >= 16 * BEAT);
        rp_stage_fini(&stage);
    }
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    model = random_model(3, 32);
    test_answer();
    test_interruption();
    if (ops == &rp_engine_cpu) { /* where it matters not who computes */
        test_period();
        test_resume();
        test_place();
        test_timing();
        test_lead();
        test_panic();
        test_pedal();
        test_trade();
        test_over_the_line();
        test_order();
    }
    free(model.params);
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
