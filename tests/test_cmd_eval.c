/* riposte eval as a user meets it: what it prints is what rp_eval_run says of
 * the same files, and each mistake is one clear line. */
#include <stdarg.h>

#include "model/eval.h"
#include "model/net/checkpoint.h"
#include "tests/folder.h"
#include "tests/songs.h"
#include "tests/test.h"

enum { PIECES = 40 };

static char said[8192];

/* Exit code; `said` is what came on both outputs. */
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
    char command[1024];
    va_list list;
    int n = snprintf(command, sizeof command, "cd %s && \"$RIPOSTE\" ", folder);
    va_start(list, format);
    n += vsnprintf(command + n, sizeof command - (size_t)n, format, list);
    va_end(list);
    snprintf(command + n, sizeof command - (size_t)n, " 2>&1 </dev/null");
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return -1;
    said[fread(said, 1, sizeof said - 1, pipe)] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refused(int code, int want, const char *text)
{
    CHECK_INT(code, want);
    const char *end = strchr(said, '\n');
    if (!strstr(said, text) || !end || end[1]) {
        printf("expected one line with '%s', got:\n%s", text, said);
        CHECK(0);
    }
}

static void save_model(const char *path, struct rp_shape *shape,
                       float **params)
{
    struct rp_layout layout;
    struct rp_card card = {0};
    *shape = (struct rp_shape){.layers = 1, .hidden = 32, .head = 16,
                               .vocabulary = {24, true, false}};
    rp_shape_layout(shape, &layout);
    *params = malloc(layout.size * sizeof **params);
    if (!*params)
        abort();
    rp_shape_init_params(shape, 3, *params);
    CHECK_INT(rp_card_set(&card, "role", "melody"), RP_OK);
    CHECK_INT(rp_checkpoint_save(path, shape, *params, &card, NULL, 0), RP_OK);
    rp_card_fini(&card);
}

static void test_same(void)
{
    struct rp_shape shape;
    float *params;
    struct rp_dataset dataset;
    struct rp_eval eval;
    const char *dir = in_folder("songs");
    char want[80];
    CHECK_INT(mkdir(in_folder("runs"), 0700), 0);
    CHECK_INT(mkdir(in_folder("runs/007"), 0700), 0);
    save_model(in_folder("runs/007/best.safetensors"), &shape, &params);
    struct rp_dataset_options how = {.vocabulary = shape.vocabulary,
                                     .role = "melody", .min_notes = 16,
                                     .max_rest_bars = 2};
    CHECK_INT(rp_dataset_read(&dir, 1, &how, &dataset), RP_OK);
    struct rp_eval_task task = {&rp_engine_cpu, &shape, params, &dataset,
                                RP_TRAIN, false};
    CHECK_INT(rp_eval_run(&task, &eval), RP_OK);
    CHECK_INT(run("eval songs --split train --json"), 0);
    snprintf(want, sizeof want, "\"nats_per_note\": %.6f", rp_eval_nats(&eval));
    CHECK(strstr(said, want));
    CHECK_INT(run("eval --model=runs/007/best.safetensors songs "
                  "--split=train --engine=cpu"),
              0);
    snprintf(want, sizeof want, "train split: %d pieces, %d notes",
             (int)eval.pieces, (int)eval.notes);
    CHECK(strstr(said, want));
    rp_dataset_fini(&dataset);
    free(params);
}

static void write_rolls(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file)
        abort();
    for (int s = 0; s < 3; s++) {
        fprintf(file, "%s\"%s\": [", s ? ", " : "{", rp_split_names[s]);
        for (int i = 0; i < 20; i++)
            fprintf(file, "%s[[], [60, 64], [60], [%d, 69], []]", i ? "," : "",
                    65 + i % 3);
        fprintf(file, "]");
    }
    fprintf(file, "%s", text);
    fclose(file);
}

/* Trained and evaluated by frames: what eval says is what validation said, for
 * whole pieces in one go and cut with their state carried alike. */
static void test_frames(void)
{
    double best = 0, nats = 0, frame = 0;
    write_rolls(in_folder("rolls.json"), "}");
    write_rolls(in_folder("more.json"), ", ");
    CHECK_INT(run("train --frames rolls.json --out rolls --epochs 2 --batch 8 "
                  "--hidden 32 --head 16 --layers 1 --stateful yes --length 8 "
                  "--transpose 0 --warmup 1 --resolution 4"),
              0);
    const char *at = strstr(said, "best valid ");
    CHECK(at && sscanf(at, "best valid %lf", &best) == 1);
    CHECK_INT(run("eval --out rolls --frames rolls.json --split valid --json"),
              0);
    at = strstr(said, "\"nats_per_note\": ");
    CHECK(at && sscanf(at, "\"nats_per_note\": %lf", &nats) == 1);
    at = strstr(said, "\"nats_per_frame\": ");
    CHECK(at && sscanf(at, "\"nats_per_frame\": %lf", &frame) == 1);
    /* 4 notes and 5 frames each, and a tail that is nearly sure. */
    CHECK_NEAR(nats, best - log(20.5 / 21) / 4 - log(20.5 / 21) / 4, 2e-3);
    CHECK_NEAR(frame * 5, nats * 4, 1e-4);
    CHECK_INT(run("eval --out rolls --frames rolls.json"), 0);
    CHECK(strstr(said, "test split: 20 pieces, 80 notes, 100 frames"));
    CHECK(strstr(said, "nats per frame"));
    CHECK_INT(run("train --frames rolls.json --out held --epochs 9 --batch 8 "
                  "--hidden 32 --head 16 --layers 1 --stateful yes --length 9 "
                  "--transpose 0 --warmup 1 --held 1 --voices no --lr 0.02"),
              0);
    at = strstr(said, "best valid ");
    CHECK(at && sscanf(at, "best valid %lf", &best) == 1);
    for (int held = 0; held < 2; held++) {
        CHECK_INT(run("eval --out held --frames rolls.json --split valid "
                      "--json%s",
                      held ? " --held" : ""),
                  0);
        at = strstr(said, "\"nats_per_note\": ");
        CHECK(at && sscanf(at, "\"nats_per_note\": %lf", &nats) == 1);
        nats += log(20.5 / 21) / 2;
        CHECK(held == (fabs(nats - best) < 1e-3));
    }
    refused(run("eval --out rolls --frames more.json"), 3, "more.json: byte ");
    refused(run("train --frames more.json"), 3, "more.json: byte ");
    refused(run("eval songs --frames rolls.json"), 2, "not both");
    refused(run("train songs --frames rolls.json"), 2, "not both");
}

static void test_refused(void)
{
    refused(run("eval"), 2, "DIR");
    refused(run("eval songs --split dev"), 2, "train|valid|test");
    refused(run("eval songs --model none.safetensors"), 1, "none.safetensors");
    refused(run("eval nowhere"), 1, "nowhere: No such file or directory");
    refused(run("eval runs"), 4, "no piece in 0 files");
    refused(run("eval songs --out empty"), 4,
            "no --model, and no NNN/best.safetensors in empty");
    refused(run("eval songs --engine abacus"), 4, "abacus");
    CHECK_INT(truncate(in_folder("runs/007/best.safetensors"), 3000), 0);
    refused(run("eval songs"), 3, "runs/007/best.safetensors: byte ");
}

int main(void)
{
    char songs[128];
    if (!getenv("RIPOSTE"))
        SKIP("RIPOSTE does not say where the command is");
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(songs, sizeof songs, "%s/songs", folder);
    CHECK_INT(mkdir(songs, 0700), 0);
    for (uint32_t i = 0; i < PIECES; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%02u.mid", songs, i);
        CHECK(songs_save(path, i, 40));
    }
    test_same();
    test_frames();
    test_refused();
    songs_remove(folder);
    return TEST_END();
}
