/* A performance whose engine is lost: whichever call fails, and however, the
 * notes go on as if nothing had happened. With an engine that computes as the
 * CPU's does until it fails, the whole plan is the undisturbed one. */
#include "engines.h"
#include "model/play/stage.h"
#include "play.h"
#include "rt/log.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2, PERIOD = 256, TURNS = 2 };

static const struct rp_engine_ops *fail;
static struct rp_model model; /* its engine is set by each test */
static char logged[500];
static int lines, thoughts; /* said of playing, and of thinking beside it */

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    if (level < RP_WARN) {
        thoughts += !strcmp(tag, "ponder");
        return;
    }
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

static void begin(struct rp_stage *stage)
{
    CHECK_INT(rp_stage_init(stage, &model, RATE, PERIOD), RP_OK);
    if (!stage->performer)
        exit(TEST_END());
    atomic_store(&stage->knobs.tempo, 120000);
    atomic_store(&stage->knobs.mode, RP_MODE_ANSWER);
    atomic_store(&stage->knobs.seed, 11);
    atomic_store(&stage->knobs.candidates, 8); /* the same on every engine */
    atomic_store(&stage->knobs.instrument, -1);
    atomic_store(&stage->knobs.candidates, 6); /* whatever the engine */
    stage->clock.mbpm = 120000;
}

/* Some bars, quarters and a chord; the answer has time enough. */
static void play_turn(struct rp_stage *stage, uint32_t turn)
{
    static const uint8_t tune[] = {60, 62, 64, 65, 67, 65, 64, 62};
    rp_frame from = (rp_frame)(8 + turn * 24) * BEAT;

    for (uint32_t i = 0; i < 8; i++) {
        rp_frame on = from + i * BEAT;
        CHECK_INT(rp_stage_note(stage, on, on + BEAT - BEAT / 16, tune[i], 70),
                  RP_OK);
    }
    CHECK_INT(rp_stage_note(stage, from, from + 2 * BEAT, 48, 60), RP_OK);
    CHECK_INT(rp_stage_run(stage, from + 20 * BEAT), RP_OK);
}

static void play(struct rp_stage *stage)
{
    begin(stage);
    for (uint32_t i = 0; i < TURNS; i++)
        play_turn(stage, i);
}

/* The engine of the whole performance, but for what is lost. */
static void check_view(struct rp_stage *stage, const char *plays,
                       const char *lost)
{
    struct rp_performer_view view;

    rp_performer_look(stage->performer, &view);
    CHECK_TEXT(view.engine, plays);
    CHECK((view.lost && lost && !strcmp(view.lost, lost)) ||
          view.lost == lost);
}

static bool same_plan(const struct rp_stage *a, const struct rp_stage *b)
{
    if (a->planned != b->planned)
        return false;
    for (uint32_t i = 0; i < a->planned; i++)
        if (memcmp(&a->plan[i], &b->plan[i], sizeof a->plan[i]) ||
            a->plan_frame[i] != b->plan_frame[i] ||
            a->decided[i] != b->decided[i])
            return false;
    return true;
}

/* Whether it was lost at all. */
static bool lose_at(const char *call, unsigned number, const char *how,
                    const struct rp_stage *want)
{
    struct rp_stage stage;
    bool lost;

    fail_at(call, number, how);
    lines = 0;
    play(&stage);
    lost = lines > 0;
    CHECK_INT(lines, lost);
    if (lost)
        CHECK(strstr(logged, "engine: fail is lost: ") == logged);
    if (!same_plan(&stage, want))
        printf("%s:%u:%s: another plan\n", call, number, how);
    CHECK(same_plan(&stage, want));
    check_view(&stage, lost ? "cpu" : "fail", lost ? "fail" : NULL);
    rp_stage_fini(&stage);
    return lost;
}

/* Every call of the table, at many places of the performance. */
static void test_all(const struct rp_stage *want)
{
    static const char *const calls[] = {"create",    "set_params",
                                        "slot_reset", "slot_copy",
                                        "step",      "logits", NULL};
    int losses = 0;

    for (int c = 0; calls[c]; c++) {
        unsigned number = 1, found = 0;
        while (lose_at(calls[c], number, number % 2 ? "" : "memory", want)) {
            found++;
            if (!strcmp(calls[c], "create"))
                break;
            number += 1 + number / 3;
        }
        CHECK(found > 0);
        printf("%s: lost in %u places, up to number %u\n", calls[c], found,
               number);
        losses += (int)found;
    }
    CHECK(losses > 30);
    CHECK(lose_at("logits", 9, "numbers", want));
    CHECK(lose_at("logits", 100, "numbers", want));
}

/* Whoever thinks about answers has an instance of its own: it is lost by
 * itself, and the same answers are thought of. */
static void test_thinking(const struct rp_stage *want)
{
    static const char *const hows[] = {"", "memory"};
    int lost = 0;

    for (unsigned number = 1; number < 12; number++) {
        thoughts = 0;
        (void)lose_at("rollout", number, hows[number % 2], want);
        CHECK(thoughts <= 1);
        lost += thoughts;
    }
    CHECK(lost > 1);
    printf("thinking: lost in %d places\n", lost);
}

/* Never lost, and late where time does not count: nothing is said. */
static void test_undisturbed(const struct rp_stage *want)
{
    CHECK(!lose_at("step", 1000000, "", want));
}

/* After a loss another preset's model tries the engine again; one that was
 * lost is let go by main. */
static void test_again(void)
{
    struct rp_model other = random_model(3, 32);
    struct rp_stage stage;

    other.ops = fail;
    fail_at("step", 5, "");
    lines = 0;
    begin(&stage);
    play_turn(&stage, 0);
    CHECK_INT(lines, 1);
    check_view(&stage, "cpu", "fail");
    CHECK_INT(rp_performer_model(stage.performer, &other), RP_OK);
    CHECK_INT(rp_stage_run(&stage, stage.frame + BEAT), RP_OK);
    CHECK(rp_performer_model_in_use(stage.performer) == &other);
    play_turn(&stage, 1);
    CHECK_INT(lines, 2); /* it failed again, at its own fifth step */
    fail_never();
    CHECK_INT(rp_performer_model(stage.performer, &model), RP_OK);
    CHECK_INT(rp_stage_run(&stage, stage.frame + BEAT), RP_OK);
    check_view(&stage, "fail", NULL);
    play_turn(&stage, 2);
    check_view(&stage, "fail", NULL);
    CHECK_INT(lines, 2);
    CHECK(stage.planned && stage.plan[stage.planned - 1].turn == 3);
    rp_stage_fini(&stage);
    free(other.params);
}

int main(int argc, char **argv)
{
    struct rp_stage want;

    fail = fail_engine(argv[0]);
    CHECK(fail != NULL);
    if (!fail)
        return TEST_END();
    rp_log_to(keep_line, NULL);
    model = random_model(7, 48);
    fail_never();
    play(&want);
    CHECK_INT(lines, 0);
    CHECK(want.planned > 20);
    CHECK(want.plan[want.planned - 1].turn == TURNS);
    check_view(&want, "cpu", NULL);
    model.ops = fail;
    test_all(&want);
    test_thinking(&want);
    test_undisturbed(&want);
    test_again();
    rp_stage_fini(&want);
    free(model.params);
    return TEST_END();
}
