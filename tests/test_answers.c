/* The shipped model and the shipped call, played twenty times with human
 * timing: the call is heard as it is written, taken to be over when it is, and
 * answered by something that has more than one pitch, mostly in its key. And
 * the measures themselves, on notes that can be counted by hand. */
#include <unistd.h>

#include "model/play/bench_answers.h"
#include "model/play/key.h"
#include "model/play/performer_parts.h"
#include "rt/log.h"
#include "test.h"

enum { RATE = 48000, TIMES = 20, NOTES = 256 };

static const char weights[] = "presets/melody.safetensors";
static const char call_path[] = "presets/call.mid";

static void test_measures(void)
{
    static const uint8_t c_major[] = { 60, 62, 64, 65, 67, 69, 71, 72, 67, 60 };
    static const uint8_t a_minor[] = { 69, 71, 72, 74, 76, 77, 80, 81, 76, 69 };
    static const uint8_t figure[] = { 1, 2, 3, 9, 1, 2, 3, 8 };
    struct rp_note note[10];

    for (int minor = 0; minor < 2; minor++) {
        for (int i = 0; i < 10; i++)
            note[i] = (struct rp_note){ i * 24, 24,
                                        minor ? a_minor[i] : c_major[i], 80 };
        CHECK_INT(rp_key_find(note, 10), minor ? 12 + 9 : 0);
        for (int i = 0; i < 10; i++)
            CHECK(rp_key_has(minor ? 12 + 9 : 0, note[i].pitch));
    }
    CHECK(!rp_key_has(0, 66));
    CHECK(!rp_key_has(2, 65)); /* F in D major */
    CHECK(rp_key_has(2, 66));
    for (int i = 0; i < 8; i++)
        note[i] = (struct rp_note){ i * 12, 12, figure[i], 80 };
    CHECK_INT(rp_bench_repeated(note, 8), 3);
    note[6].onset++; /* other rhythm */
    CHECK_INT(rp_bench_repeated(note, 8), 2);
    CHECK_INT(rp_bench_repeated(note, 3), 0);
}

struct tally {
    uint32_t notes, right, answers, in_key;
};

/* What was planned as turn 1: on the grid of the beat, more than one pitch. */
static void check_answer(const struct rp_stage *stage, int key,
                         struct tally *tally)
{
    uint8_t first = 255;
    uint32_t others = 0, ons = 0, offs = 0;

    for (uint32_t i = 0; i < stage->planned; i++) {
        struct rp_event event = stage->plan[i].event;
        CHECK_INT(stage->plan[i].turn, 1);
        if (!rp_event_is_on(event)) {
            offs += rp_event_is_off(event);
            continue;
        }
        if (!ons++) {
            CHECK_INT(stage->plan[i].beat % RP_BEAT, 0);
            first = event.data[1];
        }
        others += event.data[1] != first;
        tally->in_key += rp_key_has(key, event.data[1]);
    }
    CHECK(ons >= 3);
    CHECK_INT(ons, offs);
    CHECK(others > 0);
    tally->answers += ons;
}

static void play_once(const struct rp_model *model,
                      const struct rp_bench_call *call, uint32_t number,
                      struct tally *tally)
{
    struct rp_bench_hand hand = { 20.0, 1, number,
                                  model->shape.vocabulary.resolution, 108000 };
    rp_frame beat = (rp_frame)(60000.0 * RATE / hand.mbpm), last_on, last_off;
    const struct rp_call *heard;
    struct rp_stage stage;

    CHECK_INT(rp_stage_init(&stage, model, RATE, 128), RP_OK);
    atomic_store(&stage.knobs.tempo, hand.mbpm);
    atomic_store(&stage.knobs.seed, number);
    rp_stage_anchor(&stage, 0);
    CHECK_INT(rp_bench_play(&stage, call, &hand, 0, &last_on, &last_off),
              RP_OK);
    heard = &stage.performer->listen.call;
    CHECK_INT(rp_stage_run(&stage, last_on + 1), RP_OK);
    CHECK_INT(stage.performer->turns, 0); /* not over inside */
    CHECK_INT(rp_stage_run(&stage, last_off + 5 * beat / 2), RP_OK);
    CHECK_INT(stage.performer->turns, 1); /* but soon after */
    tally->notes += call->count;
    for (uint32_t i = 0; i < call->count && i < heard->notes; i++)
        tally->right += heard->note[i].onset == call->piece->note[i].onset &&
                        heard->note[i].pitch == call->piece->note[i].pitch;
    CHECK_INT(rp_stage_run(&stage, 3 * last_off + 8 * beat), RP_OK);
    check_answer(&stage,
                 rp_key_find(call->piece->note, call->piece->count), tally);
    rp_stage_fini(&stage);
}

int main(void)
{
    const char *const dirs[] = { call_path };
    struct rp_dataset dataset;
    struct rp_bench_call call;
    struct rp_model model;
    struct tally tally = { 0 };

    test_measures();
    if (access(weights, R_OK) && !test_failures)
        SKIP("presets/melody.safetensors is not there");
    rp_log_level(RP_WARN);
    CHECK_INT(rp_model_load(weights, "cpu", &model), RP_OK);
    struct rp_dataset_options options = { model.shape.vocabulary, "melody", 4,
                                          2 };
    CHECK_INT(rp_dataset_read(dirs, 1, &options, &dataset), RP_OK);
    if (test_failures)
        return TEST_END();
    call = (struct rp_bench_call){ dataset.piece, 0, dataset.piece->count,
                                   RP_PHRASE_REST };
    for (uint32_t i = 0; i < TIMES; i++)
        play_once(&model, &call, i, &tally);
    printf("heard as written: %u of %u notes; answers in key: %u of %u\n",
           tally.right, tally.notes, tally.in_key, tally.answers);
    CHECK(tally.right * 100 >= tally.notes * 95);
    CHECK(tally.in_key * 100 >= tally.answers * 75);
    rp_dataset_fini(&dataset);
    rp_model_fini(&model);
    return TEST_END();
}
