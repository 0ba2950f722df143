/* The performer as a state machine in virtual time: what it places does not
 * depend on how often it runs, answers begin on beat lines, end in time, end
 * their own notes, give way to the player, and hear a turned knob at the next
 * note that does not sound yet. */
#include "model/play/performer_parts.h"
#include "model/play/stage.h"
#include "engines.h"
#include "play.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2 }; /* 120 BPM */

static struct rp_model model;

static uint32_t noise_state = 1;

/* Frames, uniform within +-ms. */
static rp_frame noise(int ms)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return ((rp_frame)(noise_state >> 8) % (2 * ms + 1) - ms) * RATE / 1000;
}

/* `count` quarter notes, each let go a little early; the frame of the last
 * release. */
static rp_frame play_quarters(struct rp_stage *stage, rp_frame from,
                              uint32_t count)
{
    static const uint8_t tune[] = { 60, 62, 64, 65, 67, 65, 64, 62 };
    rp_frame off = from;

    for (uint32_t i = 0; i < count; i++) {
        rp_frame on = from + i * BEAT + (i ? noise(10) : 0);
        off = from + (i + 1) * BEAT - BEAT / 16;
        CHECK_INT(rp_stage_note(stage, on, off, tune[i % 8], 70), RP_OK);
    }
    return off;
}

static void begin(struct rp_stage *stage, uint32_t period)
{
    noise_state = 1;
    CHECK_INT(rp_stage_init(stage, &model, RATE, period), RP_OK);
    atomic_store(&stage->knobs.tempo, 120000);
    atomic_store(&stage->knobs.mode, RP_MODE_ANSWER);
    atomic_store(&stage->knobs.length, 0);
    atomic_store(&stage->knobs.temperature, 1.0f);
    atomic_store(&stage->knobs.top_p, 1.0f);
    atomic_store(&stage->knobs.top_k, 0);
    atomic_store(&stage->knobs.window, 32);
    atomic_store(&stage->knobs.instrument, -1);
    atomic_store(&stage->knobs.channel, 3);
    atomic_store(&stage->knobs.seed, 11);
    stage->clock.mbpm = 120000;
}

struct sums {
    uint32_t ons, offs, programs, turns;
    rp_frame first, last;  /* onsets */
    rp_frame end;          /* last event */
};

/* Counts what was planned for frames >= from and checks what always holds. */
static struct sums check_plan(const struct rp_stage *stage, rp_frame from)
{
    struct sums sums = { .first = INT64_MAX, .last = -1, .end = -1 };
    int sounding[128] = { 0 };

    for (uint32_t i = 0; i < stage->planned; i++) {
        struct rp_event event = stage->plan[i].event;
        rp_frame at = stage->plan_frame[i];
        CHECK_INT(event.data[0] & 15, 3);
        /* Placed before it is due, but not before it has to be. */
        CHECK(at >= stage->decided[i] - (rp_frame)stage->period +
                        RATE * RP_LEAD_MS / 1000 - 1);
        CHECK(at <= stage->decided[i] + RATE * RP_LEAD_MS / 1000);
        if (i)
            CHECK(stage->plan[i].beat >= stage->plan[i - 1].beat ||
                  stage->plan[i].turn != stage->plan[i - 1].turn);
        if (rp_event_is_on(event)) {
            CHECK_INT(sounding[event.data[1]], 0);
            sounding[event.data[1]]++;
        } else if (rp_event_is_off(event)) {
            CHECK_INT(sounding[event.data[1]], 1);
            sounding[event.data[1]]--;
        }
        if (at < from)
            continue;
        sums.end = at > sums.end ? at : sums.end;
        if (rp_event_is_on(event)) {
            sums.ons++;
            sums.first = at < sums.first ? at : sums.first;
            sums.last = at > sums.last ? at : sums.last;
        } else if (rp_event_is_off(event)) {
            sums.offs++;
        } else {
            sums.programs++;
        }
    }
    for (int i = 0; i < 128; i++)
        CHECK_INT(sounding[i], 0);
    sums.turns = stage->planned ? stage->plan[stage->planned - 1].turn : 0;
    return sums;
}

static uint32_t state_of(struct rp_stage *stage)
{
    struct rp_performer_view view;

    rp_performer_look(stage->performer, &view);
    return view.state;
}

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
            CHECK(at <= stop + BEAT + 1);
        }
        check_plan(&stage, 0);
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
    test_answer();
    test_interruption();
    test_knobs();
    test_model();
    test_resolution();
    if (ops == &rp_engine_cpu) { /* where it matters not who computes */
        test_period();
        test_resume();
        test_place();
        test_timing();
        test_lead();
        test_panic();
        test_pedal();
        test_trade();
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
