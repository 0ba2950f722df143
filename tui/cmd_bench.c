#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/bench_train.h"
#include "model/net/bench_engine.h"
#include "model/play/bench_answers.h"
#include "model/play/bench_candidates.h"
#include "model/play/bench_fallback.h"
#include "model/play/bench_phrases.h"
#include "model/play/bench_rollout.h"
#include "model/play/bench_sync.h"
#include "rt/log.h"
#include "tui/bench_latency.h"
#include "tui/cli.h"
#include "tui/cmd.h"

/* What every measurement needs. */
struct wish {
    const char *preset, *model, *engine, *backend, *split, *out, *precision;
    const char *most, *path, *what;
    struct rp_given given;
    uint32_t notes, turns, count, seed, candidates;
    double sigma, seconds, touch;
    bool json, each;
    struct rp_bench_train_options train;
};

#define AT(field) offsetof(struct wish, field)
#define MODEL_OPTIONS                                                          \
    {"preset", "NAME", "named set-up, or the path of an .ini (melody)",        \
     RP_OPTION_TEXT, AT(preset)},                                              \
        {"model", "FILE", "other weights than the preset's", RP_OPTION_TEXT,   \
         AT(model)},                                                           \
    {                                                                          \
        "engine", "NAME", "one that 'riposte engines' lists (auto)",           \
            RP_OPTION_TEXT, AT(engine)                                         \
    }

#define TOUCH_OPTION                                                           \
    {                                                                          \
        "touch", "SHARE", "of its length that a note of up to a beat sounds "  \
            "(1)",                                                             \
            RP_OPTION_REAL, AT(touch), 0.01, 1                                 \
    }

#define SPLIT_OPTION                                                           \
    {                                                                          \
        "split", "NAME", "train, valid or test (test)", RP_OPTION_WORD,        \
            AT(split), 0, 0, "train|valid|test"                                \
    }
#define SEED_OPTION(help)                                                      \
    {                                                                          \
        "seed", "N", help, RP_OPTION_COUNT, AT(seed), 0, 4294967295.0          \
    }

static const struct rp_option engine_options[] = {
    MODEL_OPTIONS,
    {"seconds", "S", "time for each row (0.5)", RP_OPTION_REAL, AT(seconds),
     0.01, 60},
    {"path", "NAME", "only this path of a GPU's", RP_OPTION_WORD, AT(path), 0,
     0, "plain|graph|cluster-fp32|cluster-bf16|grid-fp32|grid-bf16|bf16"},
    {"what", "NAME", "only such rows: note, layers, live, rollout",
     RP_OPTION_WORD, AT(what), 0, 0, "note|layers|live|rollout"},
    {"candidates", "N", "of rollouts, only those of so many",
     RP_OPTION_COUNT, AT(candidates), 1, RP_ROLLOUT_CANDIDATES},
    {"notes", "N", "of rollouts, only those of so many notes each",
     RP_OPTION_COUNT, AT(notes), 1, RP_ROLLOUT_NOTES},
    {"json", NULL, "print JSON", RP_OPTION_FLAG, AT(json)},
    RP_OPTION_END,
};
static const struct rp_cli engine_cli = {
    .name = "bench engine",
    .about = "Microseconds for a note, of the preset's network and of one of "
             "2 x 512, beside the\ntime that reading its weights takes; from "
             "a note heard to the next one drawn; and for\nrollouts of "
             "2 x 512. On a GPU also of 2 x 1024, on each of its paths, and "
             "which of them\nis the quickest.",
    .options = engine_options,
};

static const struct rp_option fallback_options[] = {
    MODEL_OPTIONS,
    {"json", NULL, "print JSON", RP_OPTION_FLAG, AT(json)},
    RP_OPTION_END,
};
static const struct rp_cli fallback_cli = {
    .name = "bench fallback",
    .about = "An engine is lost in the middle of an answer: microseconds "
             "until the CPU's has\nwhat the next note is drawn from, and what "
             "it takes to read along until then.",
    .options = fallback_options,
};

static const struct rp_option latency_options[] = {
    MODEL_OPTIONS,
    {"backend", "NAME", "auto, jack or null in real time (auto)",
     RP_OPTION_WORD, AT(backend), 0, 0, RP_BACKEND_NAMES},
    {"notes", "N", "keys to press (200)", RP_OPTION_COUNT, AT(notes), 1,
     RP_BENCH_LATENCY_MOST},
    {"turns", "N", "calls to be answered (10)", RP_OPTION_COUNT, AT(turns), 0,
     1000},
    {"json", NULL, "print JSON", RP_OPTION_FLAG, AT(json)},
    RP_OPTION_END,
};
static const struct rp_cli latency_cli = {
    .name = "bench latency",
    .about = "Live: time from a key press to thru, and from the decision to "
             "answer to the\nfirst event of the answer.",
    .options = latency_options,
};

static const struct rp_option phrases_options[] = {
    MODEL_OPTIONS,
    SPLIT_OPTION,
    {"count", "N", "phrases of each kind (100)", RP_OPTION_COUNT, AT(count), 1,
     100000},
    {"sigma", "MS", "how unevenly they are played (20)", RP_OPTION_REAL,
     AT(sigma), 0.001, 200},
    TOUCH_OPTION,
    SEED_OPTION("draws them (1)"),
    {"each", NULL, "print every phrase that went wrong", RP_OPTION_FLAG,
     AT(each)},
    RP_OPTION_END,
};
static const struct rp_cli phrases_cli = {
    .name = "bench phrases",
    .args = "DIR...",
    .about = "Phrases cut from the .mid files of DIRs, played with human "
             "timing: false\ntriggers, how long the hand-over takes, and "
             "whether the rhythm was heard.",
    .least_args = 1,
    .most_args = 1000,
    .options = phrases_options,
};

static const struct rp_option answers_options[] = {
    MODEL_OPTIONS,
    {NULL, NULL, NULL, RP_OPTION_SETTINGS, AT(given), 0, 0, NULL,
     1 << RP_SET_LENGTH | 1 << RP_SET_TEMPERATURE | 1 << RP_SET_TOP_P |
         1 << RP_SET_TOP_K | 1 << RP_SET_WINDOW | 1 << RP_SET_ECHO |
         1 << RP_SET_CANDIDATES | 1 << RP_SET_SEED},
    SPLIT_OPTION,
    {"count", "N", "calls (100)", RP_OPTION_COUNT, AT(count), 1, 100000},
    TOUCH_OPTION,
    {"out", "DIR", "write calls and answers there, as .mid", RP_OPTION_TEXT,
     AT(out)},
    RP_OPTION_END,
};
static const struct rp_cli answers_cli = {
    .name = "bench answers",
    .args = "DIR...",
    .about = "Calls cut from the .mid files of DIRs and answered, in either "
             "mode: key, grid,\nrepetition, range and density of the answers, "
             "and how they end, beside what the\ncomposers wrote next.",
    .least_args = 1,
    .most_args = 1000,
    .options = answers_options,
};

static const struct rp_option candidates_options[] = {
    MODEL_OPTIONS,
    {NULL, NULL, NULL, RP_OPTION_SETTINGS, AT(given), 0, 0, NULL,
     1 << RP_SET_LENGTH | 1 << RP_SET_TEMPERATURE | 1 << RP_SET_TOP_P |
         1 << RP_SET_TOP_K | 1 << RP_SET_WINDOW | 1 << RP_SET_ECHO |
         1 << RP_SET_SEED},
    SPLIT_OPTION,
    {"count", "N", "calls (200)", RP_OPTION_COUNT, AT(count), 1, 100000},
    {"of", "N,...", "chosen among so many (1,16,256)", RP_OPTION_TEXT,
     AT(most)},
    RP_OPTION_END,
};
static const struct rp_cli candidates_cli = {
    .name = "bench candidates",
    .args = "DIR...",
    .about = "Calls cut from the .mid files of DIRs: how far answers that are "
             "chosen among\nmore candidates are from what the composers wrote "
             "next, and whether the echo\nfollows its knob.",
    .least_args = 1,
    .most_args = 1000,
    .options = candidates_options,
};

static const struct rp_option sync_options[] = {
    {"seconds", "S", "virtual time for each row (600)", RP_OPTION_REAL,
     AT(seconds), 8, 86400},
    SEED_OPTION("draws the jitter (1)"),
    RP_OPTION_END,
};
static const struct rp_cli sync_cli = {
    .name = "bench sync",
    .about = "Follows simulated MIDI clocks with jitter, drift, steps, lost "
             "ticks and stops: how\nfar the notes are from where the sender "
             "meant them, in ms; the two beats after a\nstep apart.",
    .options = sync_options,
};

#define SHAPE_OPTION(name, least, most, help)                                  \
    {                                                                          \
        #name, "N", help, RP_OPTION_COUNT, AT(train.name), least, most         \
    }

static const struct rp_option train_options[] = {
    SHAPE_OPTION(layers, 1, RP_LAYERS_MAX, "GRU layers (2)"),
    SHAPE_OPTION(hidden, 16, RP_HIDDEN_MAX, "units of a layer (512)"),
    SHAPE_OPTION(head, 16, RP_HEAD_MAX, "units of an output head (128)"),
    SHAPE_OPTION(batch, 1, 1024, "phrases learned at once (64)"),
    SHAPE_OPTION(length, 8, 4096, "notes of such a phrase (128)"),
    {"precision", "NAME", "bf16, fp32 or both (both)", RP_OPTION_WORD,
     AT(precision), 0, 0, "both|bf16|fp32"},
    SHAPE_OPTION(threads, 0, 256, "0: one per core (0)"),
    SHAPE_OPTION(rounds, 1, 1000, "how often it is measured (7)"),
    SHAPE_OPTION(steps, 1, 1000, "steps of a round (2)"),
    {"engine", "NAME", "cpu or cuda (cpu)", RP_OPTION_WORD, AT(engine), 0, 0,
     "cpu|cuda"},
    {"torch", "PYTHON", "a Python with PyTorch, to train beside in turns",
     RP_OPTION_TEXT, AT(train.torch)},
    {"json", NULL, "print JSON", RP_OPTION_FLAG, AT(json)},
    RP_OPTION_END,
};
static const struct rp_cli train_cli = {
    .name = "bench train",
    .args = "[DIR...]",
    .about = "How many notes a second training learns from, and where the "
             "time goes: whole\nsteps, on the notes of DIRs, or on made-up "
             "ones.",
    .most_args = 1000,
    .options = train_options,
};

/* The preset's knobs, and what was given. */
static rp_status load_model(const struct wish *wish, struct rp_model *model,
                            struct rp_knobs *knobs)
{
    struct rp_preset preset;
    rp_status status = rp_preset_find(wish->preset, &preset);

    if (status != RP_OK) {
        return status;
    }
    rp_knobs_init(knobs);
    rp_preset_apply(&preset, knobs);
    for (int i = 0; i < RP_SETTINGS; i++) {
        if (wish->given.set & 1u << i) {
            rp_setting_copy(i, knobs, &wish->given.knobs);
        }
    }
    status = rp_model_load(wish->model ? wish->model : preset.model,
                           wish->engine, model);
    rp_preset_fini(&preset);
    return status;
}

static int bench_engine(int argc, char **argv)
{
    struct wish wish = {.preset = "melody", .engine = "auto", .seconds = 0.5};
    int exit_code = rp_cli_parse(&engine_cli, argc, argv, &wish, NULL);
    static struct rp_bench_engine bench;
    struct rp_model model = {0};
    struct rp_knobs knobs;
    rp_status status;

    if (exit_code >= 0) {
        return exit_code;
    }
    status = load_model(&wish, &model, &knobs);
    if (status == RP_OK && wish.path && !strcmp(model.ops->name, "cpu")) {
        rp_log(RP_ERROR, "bench", "--path %s: expected --engine cuda",
               wish.path);
        status = RP_EARG;
    }
    if (status == RP_OK) {
        const struct rp_bench_engine_options options = {
            .ops = model.ops,
            .shape = &model.shape,
            .seconds = wish.seconds,
            .path = wish.path,
            .what = wish.what,
            .only = wish.candidates,
            .only_notes = wish.notes};
        status = rp_bench_all(&bench, &options);
        if (status == RP_OK && !bench.rows) {
            rp_log(RP_ERROR, "bench",
                   "there are no such rows: expected another --what or "
                   "--path, other --candidates or --notes");
            status = RP_EARG;
        } else {
            rp_bench_engine_print(&bench, wish.json, stdout);
        }
    }
    rp_model_fini(&model);
    return rp_exit_code(status);
}

static int bench_fallback(int argc, char **argv)
{
    struct wish wish = {.preset = "melody", .engine = "auto"};
    int exit_code = rp_cli_parse(&fallback_cli, argc, argv, &wish, NULL);
    struct rp_bench_fallback bench;
    struct rp_model model = {0};
    struct rp_knobs knobs;
    rp_status status;

    if (exit_code >= 0) {
        return exit_code;
    }
    status = load_model(&wish, &model, &knobs);
    if (status == RP_OK) {
        status = rp_bench_fallback_run(&bench, &model);
    }
    if (status == RP_OK) {
        rp_bench_fallback_print(&bench, wish.json, stdout);
    }
    rp_model_fini(&model);
    return rp_exit_code(status);
}

static int bench_sync(int argc, char **argv)
{
    struct wish wish = {.seconds = 600, .seed = 1};
    int exit_code = rp_cli_parse(&sync_cli, argc, argv, &wish, NULL);

    if (exit_code >= 0) {
        return exit_code;
    }
    rp_log_level(RP_WARN); /* every clock that begins would be a line */
    return rp_exit_code(rp_bench_sync(wish.seconds, wish.seed, stdout));
}

static int bench_latency(int argc, char **argv)
{
    struct wish wish = {.preset = "melody",
                        .engine = "auto",
                        .backend = "auto",
                        .notes = 200,
                        .turns = 10};
    struct rp_session_options session = {.realtime = true};
    struct rp_bench_latency bench = {0};
    int exit_code = rp_cli_parse(&latency_cli, argc, argv, &wish, NULL);
    struct rp_rig rig;
    rp_status status;

    if (exit_code >= 0) {
        return exit_code;
    }
    rp_log_level(RP_WARN); /* every turn ends in a panic */
    session.backend = wish.backend;
    bench.notes = wish.notes;
    bench.turns = wish.turns;
    status = rp_rig_load(&rig, wish.preset, wish.model, wish.engine);
    if (status == RP_OK) {
        status = rp_rig_open(&rig, &session);
    }
    if (status == RP_OK) {
        status = rp_bench_latency_run(&bench, &rig);
    }
    if (status == RP_OK) {
        rp_bench_latency_print(&bench, &rig, wish.json, stdout);
    }
    rp_bench_latency_fini(&bench);
    rp_rig_fini(&rig);
    return rp_exit_code(status);
}

static enum rp_split split_of(const char *name)
{
    return !strcmp(name, "train")   ? RP_TRAIN
           : !strcmp(name, "valid") ? RP_VALID
                                    : RP_TEST;
}

static int bench_phrases(int argc, char **argv)
{
    struct wish wish = {.preset = "melody",
                        .engine = "auto",
                        .split = "test",
                        .count = 100,
                        .sigma = 20,
                        .seed = 1};
    struct rp_bench_phrases_result result[RP_BENCH_BEATS][RP_PHRASE_KINDS];
    struct rp_texts dirs = {0};
    int exit_code = rp_cli_parse(&phrases_cli, argc, argv, &wish, &dirs);
    struct rp_bench_phrases_options asked = {.count = wish.count,
                                             .sigma_ms = wish.sigma,
                                             .touch = wish.touch,
                                             .seed = wish.seed,
                                             .each = wish.each};
    struct rp_model model = {0};
    struct rp_knobs knobs;
    rp_status status;

    if (exit_code >= 0) {
        return exit_code;
    }
    status = load_model(&wish, &model, &knobs);
    asked.model = &model;
    asked.dir = dirs.text;
    asked.dirs = dirs.count;
    asked.split = split_of(wish.split);
    if (status == RP_OK) {
        status = rp_bench_phrases(&asked, result, stdout);
    }
    rp_model_fini(&model);
    rp_texts_fini(&dirs);
    return rp_exit_code(status);
}

static int bench_answers(int argc, char **argv)
{
    struct wish wish = {
        .preset = "melody", .engine = "auto", .split = "test", .count = 100};
    struct rp_bench_answers_options asked = {0};
    struct rp_bench_answers_result result;
    struct rp_texts dirs = {0};
    struct rp_model model = {0};
    struct rp_knobs knobs;
    rp_status status;
    int exit_code;

    rp_knobs_init(&wish.given.knobs);
    exit_code = rp_cli_parse(&answers_cli, argc, argv, &wish, &dirs);
    if (exit_code >= 0) {
        return exit_code;
    }
    status = load_model(&wish, &model, &knobs);
    asked = (struct rp_bench_answers_options){.model = &model,
                                              .knobs = &knobs,
                                              .dir = dirs.text,
                                              .dirs = dirs.count,
                                              .split = split_of(wish.split),
                                              .count = wish.count,
                                              .seed = knobs.seed,
                                              .touch = wish.touch,
                                              .out = wish.out};
    if (status == RP_OK) {
        status = rp_bench_answers(&asked, &result, stdout);
    }
    rp_model_fini(&model);
    rp_texts_fini(&dirs);
    return rp_exit_code(status);
}

/* "1,16,256", ascending. */
static rp_status read_counts(const char *text,
                             struct rp_bench_candidates_options *options)
{
    unsigned long count, before = 0;
    const char *at = text;
    char *end;

    options->choices = 0;
    do {
        count = strtoul(at, &end, 10);
        if (end == at || (*end && *end != ',') || count <= before ||
            count > RP_ROLLOUT_CANDIDATES ||
            options->choices == RP_BENCH_CHOICES) {
            rp_log(RP_ERROR, "bench",
                   "--of '%s': character %d: expected up to %d numbers that "
                   "rise, 1 to %d, such as 1,16,256",
                   text, (int)(at - text) + 1, RP_BENCH_CHOICES,
                   RP_ROLLOUT_CANDIDATES);
            return RP_EARG;
        }
        options->candidates[options->choices++] = (uint32_t)count;
        before = count;
        at = end + 1;
    } while (*end);
    return RP_OK;
}

static int bench_candidates(int argc, char **argv)
{
    struct wish wish = {.preset = "melody",
                        .engine = "auto",
                        .split = "test",
                        .most = "1,16,256",
                        .count = 200};
    struct rp_bench_candidates_options asked = {0};
    struct rp_bench_candidates_result result;
    struct rp_texts dirs = {0};
    struct rp_model model = {0};
    struct rp_knobs knobs;
    rp_status status;
    int exit_code;

    rp_knobs_init(&wish.given.knobs);
    exit_code = rp_cli_parse(&candidates_cli, argc, argv, &wish, &dirs);
    if (exit_code >= 0) {
        return exit_code;
    }
    if (read_counts(wish.most, &asked) != RP_OK) {
        rp_texts_fini(&dirs);
        return RP_EXIT_USAGE;
    }
    status = load_model(&wish, &model, &knobs);
    asked.model = &model;
    asked.knobs = &knobs;
    asked.dir = dirs.text;
    asked.dirs = dirs.count;
    asked.split = split_of(wish.split);
    asked.count = wish.count;
    asked.seed = knobs.seed;
    if (status == RP_OK) {
        status = rp_bench_candidates(&asked, &result);
    }
    if (status == RP_OK) {
        rp_bench_candidates_print(&result, stdout);
    }
    rp_model_fini(&model);
    rp_texts_fini(&dirs);
    return rp_exit_code(status);
}

static int bench_train(int argc, char **argv)
{
    struct wish wish = {.precision = "both",
                        .train = {.layers = 2,
                                  .hidden = 512,
                                  .head = 128,
                                  .batch = 64,
                                  .length = 128,
                                  .rounds = 7,
                                  .steps = 2}};
    struct rp_texts dirs = {0};
    int exit_code = rp_cli_parse(&train_cli, argc, argv, &wish, &dirs);
    struct rp_bench_train bench;
    rp_status status;

    if (exit_code >= 0) {
        return exit_code;
    }
    wish.train.dir = dirs.text;
    wish.train.dirs = dirs.count;
    if (wish.engine && strcmp(wish.engine, "cpu")) {
        wish.train.engine = wish.engine;
    }
    for (int i = 0; i < RP_PRECISIONS; i++) {
        wish.train.precision[i] =
            !strcmp(wish.precision, "both") ||
            !strcmp(wish.precision, rp_precision_names[i]);
    }
    status = rp_bench_train_run(&bench, &wish.train);
    if (status == RP_OK || bench.rows) { /* some of them may have failed */
        rp_bench_train_print(&bench, wish.json, stdout);
    }
    rp_texts_fini(&dirs);
    return rp_exit_code(status);
}

static const struct rp_command benches[] = {
    {"engine", bench_engine, "what a note costs, beside reading the weights"},
    {"fallback", bench_fallback, "what losing an engine costs an answer"},
    {"latency", bench_latency, "key press to thru, decision to answer"},
    {"answers", bench_answers, "answers beside what composers wrote"},
    {"phrases", bench_phrases, "hand-over and rhythm over real phrases"},
    {"candidates", bench_candidates, "what choosing among more does to them"},
    {"sync", bench_sync, "how well a MIDI clock is followed"},
    {"train", bench_train, "notes learned from in a second"},
};
enum { BENCHES = sizeof(benches) / sizeof(benches[0]) };

static int help(void)
{
    printf("usage: riposte bench WHAT [OPTION]...\n\n");
    for (int i = 0; i < BENCHES; i++) {
        printf("  %-10s %s\n", benches[i].name, benches[i].help);
    }
    printf("\n'riposte bench WHAT --help' lists its options.\n");
    return RP_EXIT_OK;
}

static int refuse(const char *name)
{
    char list[128];
    int used = 0;

    for (int i = 0; i < BENCHES; i++) {
        used += snprintf(list + used, sizeof(list) - (size_t)used, "%s%s",
                         i ? ", " : "", benches[i].name);
    }
    rp_log(RP_ERROR, "bench", "'%s': expected one of %s", name, list);
    return RP_EXIT_USAGE;
}

int rp_cmd_bench(int argc, char **argv)
{
    if (argc < 2) {
        return refuse("");
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        return help();
    }
    for (int i = 0; i < BENCHES; i++) {
        if (!strcmp(argv[1], benches[i].name)) {
            return benches[i].run(argc - 1, argv + 1);
        }
    }
    return refuse(argv[1]);
}
