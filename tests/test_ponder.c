/* Thinking beside playing: in a thread of its own it comes to the same as on
 * the spot, the newest question counts, one that is of no use any more is let
 * go, at a panic too, and what the performer plays is what was thought. */
#include "model/play/performer_parts.h"
#include "model/play/stage.h"
#include "play.h"
#include "test.h"

#include <time.h>

enum { RATE = 48000, PERIOD = 256, BEAT = RATE / 2, TURNS = 3 };
enum { LAST = (8 + 24 * TURNS) * BEAT }; /* frame by which all is answered */

static struct rp_model model;

static void nap(void)
{
    struct timespec time = { 0, 200000 };

    nanosleep(&time, NULL);
}

/* Up to ten seconds: the machine may be busy. */
static const struct rp_thought *wait_thought(struct rp_ponder *ponder)
{
    const struct rp_thought *thought = NULL;

    for (int i = 0; i < 50000 && !thought; i++) {
        thought = rp_ponder_thought(ponder);
        if (!thought)
            nap();
    }
    return thought;
}

/* ---- the ponder ---- */

static void ask(struct rp_ponder *ponder, uint32_t seed, uint32_t candidates)
{
    struct rp_question *question = rp_ponder_question(ponder);
    const struct rp_shape *shape = &model.shape;
    struct rp_turn *turn = &question->turn;

    question->metre[0] = (struct rp_metre_change){ 0, { 4, 4 } };
    rp_reader_init(&question->reader, &shape->vocabulary, question->metre, 1,
                   0);
    memset(question->state, 0,
           shape->layers * shape->hidden * sizeof *question->state);
    rp_turn_init(turn, seed, 1, 0);
    turn->steer.may_end = false;
    turn->steer.earliest = 0;
    turn->steer.end = 384;
    turn->widest = 48;
    turn->dynamics.bar = 96;
    turn->dynamics.beat = 24;
    question->taste = (struct rp_taste){ 1.0f, 1.0f, 0 };
    question->from = 0;
    question->candidates = candidates;
    question->wish = (struct rp_wish){ .key = 0, .expected = 16 };
    rp_ponder_ask(ponder);
}

static bool same_thought(const struct rp_thought *a,
                         const struct rp_thought *b)
{
    if (a->candidate != b->candidate || a->notes != b->notes ||
        a->why != b->why)
        return false;
    for (uint32_t i = 0; i < a->notes; i++)
        if (a->note[i].onset != b->note[i].onset ||
            a->note[i].duration != b->note[i].duration ||
            a->note[i].pitch != b->note[i].pitch ||
            a->note[i].velocity != b->note[i].velocity)
            return false;
    return true;
}

static void test_apart(void)
{
    struct rp_ponder *apart, *here;
    const struct rp_thought *thought, *want;
    uint32_t different = 0, before = 0;

    CHECK_INT(rp_ponder_create(&apart, &model, true), RP_OK);
    CHECK_INT(rp_ponder_create(&here, &model, false), RP_OK);
    CHECK(!rp_ponder_thought(here));
    CHECK(!rp_ponder_thought(apart));
    for (uint32_t seed = 1; seed <= 12; seed++) {
        /* Questions that nobody waits for, some of them long. */
        for (uint32_t i = 0; i < seed % 4; i++)
            ask(apart, 100 + i, 500);
        ask(apart, seed, 24);
        ask(here, seed, 24);
        thought = wait_thought(apart);
        want = rp_ponder_thought(here);
        CHECK(thought && want);
        if (!thought || !want)
            break;
        CHECK(same_thought(thought, want));
        CHECK(want->notes > 0 && want->candidate < 24);
        CHECK(rp_ponder_thought(here) == want); /* still there */
        different += want->candidate != before;
        before = want->candidate;
    }
    CHECK(different > 3);
    rp_ponder_forget(apart);
    CHECK(!rp_ponder_thought(apart));
    /* It ends in the middle of a thought. */
    ask(apart, 5, 4096);
    rp_ponder_destroy(apart);
    ask(here, 5, 4096);
    rp_ponder_forget(here);
    CHECK(!rp_ponder_thought(here));
    rp_ponder_destroy(here);
}

/* ---- the performer ---- */

static void play_tune(struct rp_stage *stage)
{
    static const uint8_t tune[] = { 60, 62, 64, 65, 67, 65, 64, 62 };

    for (uint32_t turn = 0; turn < TURNS; turn++)
        for (uint32_t i = 0; i < 8; i++) {
            rp_frame on = (rp_frame)(8 + 24 * turn + i) * BEAT;
            CHECK_INT(rp_stage_note(stage, on, on + BEAT - BEAT / 16, tune[i],
                                    70),
                      RP_OK);
        }
}

static void begin(struct rp_stage *stage, bool live, uint32_t candidates)
{
    struct rp_performer_options options = { .model = &model,
                                            .knobs = &stage->knobs,
                                            .rate = RATE,
                                            .period = PERIOD,
                                            .live = live };

    CHECK_INT(rp_stage_init(stage, &model, RATE, PERIOD), RP_OK);
    rp_performer_destroy(stage->performer);
    atomic_store(&stage->knobs.tempo, 120000);
    atomic_store(&stage->knobs.candidates, candidates);
    CHECK_INT(rp_performer_create(&stage->performer, &options), RP_OK);
    stage->clock.mbpm = 120000;
    play_tune(stage);
}

/* All the turns; `patient`: virtual time waits for the thoughts. */
static void play(struct rp_stage *stage, bool patient)
{
    struct rp_performer *p = stage->performer;

    while (stage->frame < LAST) {
        CHECK_INT(rp_stage_run(stage, stage->frame + PERIOD), RP_OK);
        if (patient && p->expected.asked)
            CHECK(wait_thought(p->ponder) != NULL);
    }
}

static bool same_plan(const struct rp_stage *a, const struct rp_stage *b)
{
    if (a->planned != b->planned || !a->planned)
        return false;
    for (uint32_t i = 0; i < a->planned; i++)
        if (memcmp(a->plan[i].event.data, b->plan[i].event.data, 3) ||
            a->plan[i].beat != b->plan[i].beat)
            return false;
    return true;
}

static uint32_t thought_short(const struct rp_stage *stage)
{
    struct rp_performer_view view;

    rp_performer_look(stage->performer, &view);
    CHECK_INT(view.turn, TURNS);
    return view.thought_short;
}

/* In a thread or in lock-step, in either mode: the same answers. */
static void test_lock_step(enum rp_mode mode)
{
    struct rp_stage here, apart;

    begin(&here, false, 16);
    begin(&apart, true, 16);
    atomic_store(&here.knobs.mode, mode);
    atomic_store(&apart.knobs.mode, mode);
    atomic_store(&here.knobs.trade, 2);
    atomic_store(&apart.knobs.trade, 2);
    play(&here, false);
    play(&apart, true);
    CHECK(here.planned > 20);
    CHECK(same_plan(&here, &apart));
    CHECK_INT(thought_short(&here), 0);
    CHECK_INT(thought_short(&apart), 0);
    rp_stage_fini(&here);
    rp_stage_fini(&apart);
}

/* Virtual time that waits for nobody, and more candidates than there is time
 * for: every call is answered all the same. */
static void test_short(void)
{
    struct rp_stage stage;

    begin(&stage, true, 4096);
    play(&stage, false);
    CHECK(thought_short(&stage) > 0);
    CHECK(stage.planned > 20);
    rp_stage_fini(&stage);
}

/* One candidate is no choice: the notes are drawn as they come; and the first
 * of many is the same. */
static void test_one(void)
{
    struct rp_question question = { .candidates = 1 };
    static struct rp_thought thought;
    struct rp_engine *engine;
    struct rp_stage one, many;
    struct rp_desk desk;
    bool asked = false;
    uint32_t notes = 0;

    begin(&one, false, 1);
    begin(&many, false, 16);
    question.state = calloc(RP_LAYERS_MAX * RP_HIDDEN_MAX,
                            sizeof *question.state);
    while (!many.performer->turns && many.frame < LAST) {
        const struct rp_expected *expected = &many.performer->expected;
        CHECK_INT(rp_stage_run(&many, many.frame + PERIOD), RP_OK);
        if (many.performer->turns || !expected->asked)
            continue;
        asked = true;
        CHECK_INT(rp_brief_question(many.performer, 1, expected->start,
                                    expected->end, &question),
                  RP_OK);
    }
    CHECK(asked);
    question.candidates = 1;
    CHECK_INT(rp_desk_init(&desk, 2, 4), RP_OK);
    CHECK_INT(model.ops->create(&engine, &model.shape, 2), RP_OK);
    CHECK_INT(engine->ops->set_params(engine, model.params), RP_OK);
    CHECK_INT(rp_desk_think(&desk, engine, 0, &model.shape, &question, 0, NULL,
                            &thought),
              RP_OK);
    play(&one, false);
    for (uint32_t i = 0; i < one.planned && one.plan[i].turn == 1; i++)
        if (rp_event_is_on(one.plan[i].event)) {
            CHECK(notes < thought.notes);
            CHECK_INT(one.plan[i].event.data[1], thought.note[notes].pitch);
            CHECK_INT(one.plan[i].event.data[2], thought.note[notes].velocity);
            notes++;
        }
    CHECK_INT(notes, thought.notes);
    engine->ops->destroy(engine);
    rp_desk_fini(&desk);
    free(question.state);
    rp_stage_fini(&one);
    rp_stage_fini(&many);
}

/* Who trades bars plays up to the line, and beyond it: there was time to think
 * all the same. */
static void test_to_the_line(void)
{
    for (rp_frame over = -1; over <= 1; over++) {
        const struct rp_performer *p;
        struct rp_stage stage;

        begin(&stage, false, 16);
        p = stage.performer;
        stage.plays = 0; /* not that tune */
        atomic_store(&stage.knobs.mode, RP_MODE_TRADE);
        atomic_store(&stage.knobs.trade, 1);
        rp_stage_anchor(&stage, 0);
        for (uint32_t i = 0; i < 4; i++)
            CHECK_INT(rp_stage_note(&stage, i * BEAT,
                                    (i + 1) * BEAT + over * BEAT / 20,
                                    (uint8_t)(60 + 2 * i), 70),
                      RP_OK);
        CHECK_INT(rp_stage_run(&stage, 6 * BEAT), RP_OK);
        CHECK_INT(p->turns, 1);
        CHECK(stage.planned > 0);
        CHECK_INT(p->listen.call.notes, 4);
        CHECK_INT(p->thought.notes, 0); /* nothing on the spot */
        rp_stage_fini(&stage);
    }
}

/* The CPU's engine, and how many steps it took to think. */
static _Atomic uint32_t steps;
static struct rp_engine_ops counted;

static rp_status count_step(struct rp_engine *engine, uint32_t count,
                            const uint32_t *slot,
                            const struct rp_indices *input)
{
    atomic_fetch_add(&steps, 1);
    return rp_engine_cpu.step(engine, count, slot, input);
}

static rp_status create_counted(struct rp_engine **engine,
                                const struct rp_shape *shape, uint32_t slots)
{
    rp_status status = rp_engine_cpu.create(engine, shape, slots);

    if (!status)
        (*engine)->ops = &counted;
    return status;
}

/* Up to ten seconds, until it thinks; then how many steps there were when it
 * had not taken one for a while. */
static void wait_busy(void)
{
    for (int i = 0; i < 50000 && !atomic_load(&steps); i++)
        nap();
}

static uint32_t wait_idle(void)
{
    uint32_t before, now = 0;

    do {
        before = now;
        for (int i = 0; i < 100; i++)
            nap();
        now = atomic_load(&steps);
    } while (now != before);
    return now;
}

/* Who is silenced in the middle of a call is not thought about any more; nor
 * where there is to be nothing to choose from. */
static void test_silenced(void)
{
    counted = rp_engine_cpu;
    counted.create = create_counted;
    counted.step = count_step;
    model.thinks = &counted;
    for (int panic = 0; panic < 2; panic++) {
        struct rp_stage stage;
        uint32_t seen;

        atomic_store(&steps, 0);
        begin(&stage, true, RP_ROLLOUT_CANDIDATES);
        while (!stage.performer->expected.asked && stage.frame < LAST)
            CHECK_INT(rp_stage_run(&stage, stage.frame + PERIOD), RP_OK);
        CHECK(stage.performer->expected.asked);
        wait_busy();
        if (panic)
            rp_stage_panic(&stage);
        else
            atomic_store(&stage.knobs.candidates, 1);
        CHECK_INT(rp_stage_run(&stage, stage.frame + PERIOD), RP_OK);
        seen = atomic_load(&steps);
        /* Of every 32 candidates one note, at least, were it to go on. */
        CHECK(seen > 0 && seen < RP_ROLLOUT_CANDIDATES / 32);
        CHECK(wait_idle() <= seen + 1);
        CHECK(!rp_ponder_thought(stage.performer->ponder));
        rp_stage_fini(&stage);
    }
    model.thinks = NULL;
}

/* Another model and turned knobs while a call is thought about and while an
 * answer plays. */
static void test_changes(void)
{
    struct rp_model other = random_model(9, 32);
    struct rp_stage stage;

    begin(&stage, true, 64);
    CHECK_INT(rp_stage_run(&stage, 14 * BEAT), RP_OK);
    CHECK_INT(rp_performer_model(stage.performer, &other), RP_OK);
    CHECK_INT(rp_stage_run(&stage, 19 * BEAT), RP_OK);
    CHECK(rp_performer_model_in_use(stage.performer) == &other);
    atomic_store(&stage.knobs.temperature, 0.5f);
    CHECK_INT(rp_stage_run(&stage, 20 * BEAT), RP_OK);
    atomic_store(&stage.knobs.echo, 1.0f);
    CHECK_INT(rp_performer_model(stage.performer, &model), RP_OK);
    play(&stage, false);
    CHECK(rp_performer_model_in_use(stage.performer) == &model);
    CHECK_INT(stage.performer->turns, TURNS);
    rp_stage_fini(&stage);
    free(other.params);
}

int main(void)
{
    model = random_model(7, 48);
    test_apart();
    test_lock_step(RP_MODE_ANSWER);
    test_lock_step(RP_MODE_TRADE);
    test_short();
    test_one();
    test_to_the_line();
    test_silenced();
    test_changes();
    free(model.params);
    return TEST_END();
}
