/* A performance on the CUDA module, whose device is lost, hangs or has no
 * memory left: the answer goes on, and as the module computes what the CPU
 * does, with the very notes that the CPU alone would have played. */
#include "fake/cuda/fake_cuda.h"
#include "model/net/module.h"
#include "model/play/ponder.h"
#include "model/play/stage.h"
#include "play.h"
#include "rt/log.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2, PERIOD = 256 };

static struct rp_model model; /* its engine is set by each test */
static char logged[500], mild[500]; /* warned of, or only told */
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    if (level < RP_WARN) {
        snprintf(mild, sizeof mild, "%s: %s", tag, text);
        return;
    }
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

/* One turn; `candidates` 1: nobody thinks beside. */
static void play(struct rp_stage *stage, uint32_t candidates)
{
    static const uint8_t tune[] = {60, 62, 64, 65, 67, 65, 64, 62};

    CHECK_INT(rp_stage_init(stage, &model, RATE, PERIOD), RP_OK);
    if (!stage->performer)
        exit(TEST_END());
    atomic_store(&stage->knobs.tempo, 120000);
    atomic_store(&stage->knobs.mode, RP_MODE_ANSWER);
    atomic_store(&stage->knobs.seed, 11);
    atomic_store(&stage->knobs.instrument, -1);
    atomic_store(&stage->knobs.candidates, candidates);
    stage->clock.mbpm = 120000;
    for (uint32_t i = 0; i < 8; i++) {
        rp_frame on = (rp_frame)(4 + i) * BEAT;
        CHECK_INT(rp_stage_note(stage, on, on + BEAT - BEAT / 16, tune[i], 70),
                  RP_OK);
    }
    CHECK_INT(rp_stage_run(stage, 26 * BEAT), RP_OK);
}

static void check_plan(const struct rp_stage *got, const struct rp_stage *want)
{
    CHECK_INT(got->planned, want->planned);
    for (uint32_t i = 0; i < got->planned && i < want->planned; i++)
        CHECK(!memcmp(&got->plan[i], &want->plan[i], sizeof got->plan[i]) &&
              got->plan_frame[i] == want->plan_frame[i] &&
              got->decided[i] == want->decided[i]);
}

/* How it goes wrong, from the so many-th kernel or allocation on. */
enum fault { LAUNCH, STALL, MEMORY, FAULTS };

/* Whether it went wrong at all. */
static bool play_lost(enum fault fault, uint32_t number, uint32_t candidates,
                      const struct rp_stage *want)
{
    static const char *const said[FAULTS] = {"", "not done after 25 ms",
                                             "out of memory"};
    struct rp_performer_view view;
    struct rp_stage stage;
    bool lost;

    fake_cuda_reset();
    lines = 0;
    setenv("RIPOSTE_CUDA_DEADLINE", fault == STALL ? "25" : "60000", 1);
    if (fault == LAUNCH)
        fake_cuda.fail_launch = number;
    else if (fault == STALL)
        fake_cuda.stall = (uint32_t)fake_cuda.kernels + number;
    else
        fake_cuda.fail_memory = number;
    play(&stage, candidates);
    rp_performer_look(stage.performer, &view);
    lost = view.lost != NULL;
    CHECK_TEXT(view.engine, lost ? "cpu" : "cuda");
    CHECK_INT(lines, lost);
    if (lost)
        CHECK(strstr(logged, "cuda is lost: ") && strstr(logged, said[fault]));
    check_plan(&stage, want);
    rp_stage_fini(&stage);
    fake_cuda_reset();
    return lost;
}

/* A ponder on a device of so many bytes, 0: any; how many it takes. */
static size_t think_in(size_t bytes)
{
    const size_t before = fake_cuda.live;
    struct rp_ponder *ponder;
    size_t took;

    lines = 0;
    fake_cuda.memory = bytes;
    CHECK_INT(rp_ponder_create(&ponder, &model, false), RP_OK);
    took = fake_cuda.live - before;
    rp_ponder_destroy(ponder);
    CHECK(fake_cuda.live == before);
    fake_cuda_reset();
    return took;
}

/* Where its memory is short fewer are thought through, where there is none for
 * any the CPU engine thinks: said once. */
static void test_short(void)
{
    enum { SLOTS = 40 }; /* some more than a ponder's */
    const size_t all = think_in(0), before = fake_cuda.live;
    struct rp_engine *engine;
    size_t alone;

    CHECK_INT(lines, 0);
    CHECK_INT(model.ops->create(&engine, &model.shape, SLOTS), RP_OK);
    CHECK_INT(model.ops->set_params(engine, model.params), RP_OK);
    alone = fake_cuda.live - before;
    model.ops->destroy(engine);
    CHECK(think_in(all / 3) < all / 3);
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged,
               "ponder: cuda has memory for 1024 candidates, not for 4096");
    CHECK(think_in(alone) < alone); /* no device memory */
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged, "ponder: cuda has no memory to think with; the CPU "
                       "engine thinks");
    CHECK_INT(think_in(1), 0); /* the engine itself */
    CHECK_TEXT(mild, "ponder: cuda is lost: allocating: out of memory; the CPU "
                     "engine thinks on");
    CHECK_INT(lines, 0);
}

int main(void)
{
    static const char *const names[FAULTS] = {"lost", "hung", "no memory"};
    struct rp_stage want, thought;

    if (!fake_cuda_runs())
        SKIP("no CUDA: the fake device's fibers are unknown to TSan");
    rp_log_to(keep_line, NULL);
    model = random_model(7, 32);
    play(&want, 1);
    play(&thought, 4);
    CHECK(want.planned > 10);
    CHECK_INT(lines, 0);
    model.ops = rp_engine_module.ops;
    test_short();
    for (int f = 0; f < FAULTS; f++) {
        uint32_t number = 1, losses = 0;
        while (play_lost((enum fault)f, number, 1, &want)) {
            losses++;
            number += 1 + number / 2;
        }
        CHECK(losses > 2);
        printf("%s: in %u places, the last before %u\n", names[f], losses,
               number);
    }
    /* Thinking on it, too, and undisturbed. */
    CHECK(!play_lost(LAUNCH, 1000000, 4, &thought));
    CHECK(play_lost(LAUNCH, 60, 4, &thought));
    rp_stage_fini(&want);
    rp_stage_fini(&thought);
    free(model.params);
    return TEST_END();
}
