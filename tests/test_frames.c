/* Piano rolls: frames to notes and back, the silence at both ends, every
 * mistake in a file one line, and that what `eval` adds up is a probability:
 * summed over all small rolls it stays at 1. */
#include <unistd.h>

#include "model/data/frames.h"
#include "model/eval.h"
#include "rt/log.h"
#include "tests/test.h"

static char path[] = "/tmp/riposte-frames-XXXXXX";
static char logged[600];
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    snprintf(logged, sizeof logged, "%s", text);
    lines++;
}

static const struct rp_vocabulary plain = { .resolution = 4, .runs = true,
                                            .metre = true, .recall = true,
                                            .voices = true };

static rp_status read_text(const char *text, struct rp_dataset *set)
{
    FILE *file = fopen(path, "w");

    if (!file)
        abort();
    fputs(text, file);
    fclose(file);
    lines = 0;
    return rp_dataset_read_frames(path, &plain, set);
}

static void check_note(const struct rp_piece *piece, uint32_t i, int onset,
                       int duration, int pitch)
{
    CHECK_INT(piece->note[i].onset, onset);
    CHECK_INT(piece->note[i].duration, duration);
    CHECK_INT(piece->note[i].pitch, pitch);
}

static void test_notes(void)
{
    struct rp_dataset set;
    const char *text =
        "{\"train\": [[[], [60, 64], [60], [64, 60], []], [], [[], []]],\n"
        " \"test\" : [ [ [0,127] ] ], \"valid\": []}\n";

    CHECK_INT(read_text(text, &set), RP_OK);
    CHECK_INT(set.count, 4);
    CHECK(set.rolls);
    CHECK_INT(set.piece[0].count, 3);
    CHECK_INT(set.piece[0].length, 5);
    check_note(&set.piece[0], 0, 1, 1, 64);
    check_note(&set.piece[0], 1, 1, 3, 60);
    check_note(&set.piece[0], 2, 3, 1, 64);
    CHECK_INT(set.piece[0].low, 60);
    CHECK_INT(set.piece[0].high, 64);
    CHECK_INT(set.piece[1].length + (int)set.piece[1].count, 0);
    CHECK_INT(set.piece[2].length, 2);
    CHECK_INT(set.piece[3].split, RP_TEST);
    check_note(&set.piece[3], 0, 0, 1, 127);
    /* Two of three end in sound or are empty: tails 1, 0, 2. */
    struct rp_frames_tail tail = rp_frames_tail_fit(&set);
    CHECK_NEAR(tail.none, 1.5 / 4, 1e-12);
    CHECK_NEAR(tail.stop, 2.5 / 4, 1e-12);
    CHECK_NEAR(rp_frames_tail_nats(&tail, &set.piece[1]), -log(0.375), 1e-12);
    CHECK_NEAR(rp_frames_tail_nats(&tail, &set.piece[2]),
               -log(0.625 * 0.625 * 0.375), 1e-12);
    rp_dataset_fini(&set);
}

/* A run of 602 frames, as the benchmarks have it. */
static void test_long(void)
{
    char text[8000], *at = text;
    struct rp_dataset set;

    at += sprintf(at, "{\"valid\":[],\"train\":[],\"test\":[[[]");
    for (int i = 0; i < 602; i++)
        at += sprintf(at, ",[71]");
    sprintf(at, "]]}");
    CHECK_INT(read_text(text, &set), RP_OK);
    CHECK_INT(set.piece[0].count, 1);
    check_note(&set.piece[0], 0, 1, 602, 71);
    CHECK_INT(set.piece[0].length, 603);
    rp_dataset_fini(&set);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *said;
    } bad[] = {
        { "", "byte 0: expected piano rolls" },
        { "[[60]]", "byte 0: expected piano rolls" },
        { "{\"train\": 3}", "byte 10: expected a list of pieces" },
        { "{\"trane\": []}", "byte 1: expected \"train\", \"valid\" or" },
        { "{\"train\":[],\"train\":[]}", "byte 12: expected \"train\"" },
        { "{\"train\":[],\"valid\":[]}", "byte 22: expected ','" },
        { "{\"train\":[60]}", "byte 10: expected a piece" },
        { "{\"train\":[[60]]}", "byte 11: expected a frame" },
        { "{\"train\":[[[128]]]}", "byte 12: expected a pitch, 0 to 127" },
        { "{\"train\":[[[-1]]]}", "byte 12: expected a pitch" },
        { "{\"train\":[[[6.5]]]}", "byte 12: expected a pitch" },
        { "{\"train\":[[[060]]]}", "byte 12: expected a pitch" },
        { "{\"train\":[[[60,60]]]}", "byte 15: expected every pitch of a" },
        { "{\"train\":[[[60,]]]}", "byte 15: expected another element" },
        { "{\"train\":[[[60 61]]]}", "byte 15: expected ',' or ']'" },
        { "{\"train\":[[[60", "byte 14: expected ',' or ']'" },
        { "{\"train\":[],\"valid\":[],\"test\":[]} x",
          "byte 34: expected nothing more" },
    };
    struct rp_dataset set;

    rp_log_to(keep_line, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(read_text(bad[i].text, &set), RP_EFORMAT);
        CHECK_INT(lines, 1);
        CHECK(strstr(logged, path) && strstr(logged, bad[i].said));
        if (!strstr(logged, bad[i].said))
            printf("'%s' said '%s'\n", bad[i].text, logged);
    }
    lines = 0;
    CHECK_INT(rp_dataset_read_frames("/nowhere.json", &plain, &set), RP_EIO);
    CHECK(lines == 1 && strstr(logged, "/nowhere.json: No such file"));
    rp_log_to(NULL, NULL);
}

struct model {
    struct rp_shape shape;
    struct rp_layout layout;
    float *params;
};

static void model_init(struct model *model)
{
    model->shape = (struct rp_shape){ .layers = 1, .hidden = 16, .head = 16,
                                      .vocabulary = plain };
    rp_shape_layout(&model->shape, &model->layout);
    model->params = calloc(model->layout.size + 64, sizeof(float));
    if (!model->params)
        abort();
}

static float *bias(struct model *model, enum rp_field field)
{
    return model->params +
           model->layout.view[model->layout.head_out_bias[field]].offset;
}

/* Weights all zero: every possible class is as likely as another, so a roll's
 * nats can be counted on the fingers. */
static void test_by_hand(void)
{
    struct rp_dataset set;
    struct rp_eval eval;
    struct model model;
    double want, tail = -log(1.5 / 2);

    model_init(&model);
    CHECK_INT(read_text("{\"train\": [[[1]]], \"valid\": [],"
                        " \"test\": [[[60], [62, 60], [60, 61]]]}",
                        &set),
              RP_OK);
    struct rp_eval_task task = { &rp_engine_cpu, &model.shape, model.params,
                                 &set, RP_TEST, false };
    CHECK_INT(rp_eval_run(&task, &eval), RP_OK);
    /* dt: 64 classes each time, END too (there is always room below). Pitch:
     * 128; 127 as 60 sounds; 126 as 60 sounds and 62 just ended. Duration: 62,
     * neither 0 nor HELD. */
    want = 4 * log(64) + log(128) + log(127) + log(126) + 3 * log(62);
    CHECK_INT(eval.notes, 3);
    CHECK_INT(eval.frames, 3);
    CHECK_NEAR(eval.tail, tail, 1e-9);
    CHECK_NEAR(rp_eval_total(&eval), want + tail, 1e-4);
    CHECK_NEAR(rp_eval_frame_nats(&eval), (want + tail) / 3, 1e-4);
    rp_dataset_fini(&set);
    free(model.params);
}

/* Roll number `code` of `frames` frames over the pitches 60 and 61. */
static void put_roll(FILE *file, uint32_t frames, uint32_t code)
{
    static const char *const frame[] = { "[]", "[60]", "[61]", "[60,61]" };

    for (uint32_t i = 0; i < frames; i++)
        fprintf(file, "%s%s", i ? "," : "", frame[code >> 2 * i & 3]);
}

enum { FRAMES = 6 };

/* Every roll of at most FRAMES frames over two pitches, as the test split. */
static void write_all(void)
{
    FILE *file = fopen(path, "w");
    const char *comma = "";

    if (!file)
        abort();
    fputs("{\"train\": [[[60]],[[60],[]],[[61]],[[60]],[[61]],[[]]],"
          "\"valid\": [], \"test\": [", file);
    for (uint32_t frames = 0; frames <= FRAMES; frames++)
        for (uint32_t code = 0; code >> 2 * frames == 0; code++) {
            fprintf(file, "%s[", comma);
            put_roll(file, frames, code);
            fputs("]", file);
            comma = ",";
        }
    fputs("]}", file);
    fclose(file);
}

/* A network with random weights that leans to these two pitches, to short
 * times and to an early end: nearly all it believes in is among the rolls
 * above. Coding one roll twice, or a length for free, would go over 1. */
static void test_sums_to_one(void)
{
    struct rp_dataset set;
    struct model model;
    double *nats, sum = 0, longest = 0;

    model_init(&model);
    rp_shape_init_params(&model.shape, 3, model.params);
    for (int i = 0; i < 128; i++)
        bias(&model, RP_PITCH)[i] += i == 60 || i == 61 ? 20 : 0;
    for (int i = 0; i < 64; i++) {
        bias(&model, RP_DT)[i] += i == 63 ? 22 : i == 0 ? 20 : i == 1 ? 19 : 0;
        bias(&model, RP_DURATION)[i] += i == 1 ? 20 : i == 2 ? 19 : 0;
    }
    write_all();
    CHECK_INT(rp_dataset_read_frames(path, &plain, &set), RP_OK);
    nats = calloc(set.count, sizeof *nats);
    if (!nats)
        abort();
    struct rp_eval_task task = { &rp_engine_cpu, &model.shape, model.params,
                                 &set, RP_TEST, false };
    CHECK_INT(rp_eval_pieces(&task, nats), RP_OK);
    for (uint32_t i = 0; i < set.count - 6; i++) {
        sum += exp(-nats[i]);
        longest = nats[i] > longest ? nats[i] : longest;
    }
    CHECK_INT(set.count - 6, (4 << 2 * FRAMES) / 3);
    CHECK(sum > 0.99);
    CHECK(sum <= 1 + 1e-5);
    CHECK(isfinite(longest) && longest > 20);
    printf("all rolls of up to %d frames: %.6f\n", FRAMES, sum);
    free(nats);
    free(model.params);
    rp_dataset_fini(&set);
}

int main(void)
{
    int file = mkstemp(path);

    if (file < 0)
        abort();
    close(file);
    test_notes();
    test_long();
    test_refused();
    test_by_hand();
    test_sums_to_one();
    unlink(path);
    return TEST_END();
}
