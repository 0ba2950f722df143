#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/data/frames.h"
#include "model/eval.h"
#include "model/preset.h"
#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"

/* As `riposte train` reads them, so that both see the same pieces. */
enum { MIN_NOTES = 16, MAX_REST_BARS = 2 };

struct wish {
    const char *model, *frames, *out, *split, *role, *engine;
    bool json, held;
};

#define AT(field) offsetof(struct wish, field)

static const struct rp_option options[] = {
    {"model", "FILE", "weights; default: the newest run's best",
     RP_OPTION_TEXT, AT(model)},
    {"frames", "FILE.json", "piano rolls instead of folders: nats per frame",
     RP_OPTION_TEXT, AT(frames)},
    {"out", "DIR", "where runs are kept (runs)", RP_OPTION_TEXT, AT(out)},
    {"split", "train|valid|test", "pieces to predict (test)", RP_OPTION_WORD,
     AT(split), 0, 0, "train|valid|test"},
    {"role", "ROLE", "notes of a file; default: as it was trained",
     RP_OPTION_TEXT, AT(role)},
    {"held", NULL, "the network hears no durations, as of notes still down",
     RP_OPTION_FLAG, AT(held)},
    {"engine", "NAME", "one that 'riposte engines' lists (auto)",
     RP_OPTION_TEXT, AT(engine)},
    {"json", NULL, "print a JSON object", RP_OPTION_FLAG, AT(json)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "eval",
    .args = "DIR... | --frames FILE.json",
    .about = "How well a network predicts the .mid files in the folders: nats "
             "per note, whole and\nper field, beside an order-2 Markov chain "
             "and \"the last note again\", counted on\nthe train split of the "
             "same folders. Of piano rolls ({\"train\": [[[60, 64], ...], "
             "...], \"valid\": ..., \"test\": ...})\nalso nats per frame.",
    .least_args = 0,
    .most_args = 64,
    .options = options,
};

/* The best weights of the newest numbered run under `out`. */
static bool newest_best(const char *out, char *path, size_t size)
{
    long newest = 0;
    DIR *dir = opendir(out);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char found[512], *end = NULL;
        long number = strtol(entry->d_name, &end, 10);

        if (end == entry->d_name || *end || number <= newest ||
            snprintf(found, sizeof(found), "%s/%s/best.safetensors", out,
                     entry->d_name) >= (int)sizeof(found) ||
            access(found, R_OK)) {
            continue;
        }
        newest = number;
        snprintf(path, size, "%s", found);
    }
    if (dir) {
        closedir(dir);
    }
    if (!newest) {
        rp_log(RP_ERROR, "eval",
               "no --model, and no NNN/best.safetensors in %s", out);
    }
    return newest != 0;
}

static enum rp_split split_of(const char *name)
{
    enum rp_split split = RP_TRAIN;

    while (strcmp(rp_split_names[split], name)) {
        split++;
    }
    return split;
}

static rp_status read_data(const struct wish *wish,
                           const struct rp_texts *dirs,
                           const struct rp_model *model,
                           struct rp_dataset *dataset)
{
    const char *trained = rp_card_get(&model->card, "role");
    struct rp_dataset_options how = {
        .vocabulary = model->shape.vocabulary,
        .role = wish->role ? wish->role : trained ? trained : "melody",
        .min_notes = MIN_NOTES,
        .max_rest_bars = MAX_REST_BARS,
    };

    if (wish->frames) {
        return rp_dataset_read_frames(wish->frames, &how.vocabulary, dataset);
    }
    return rp_dataset_read(dirs->text, dirs->count, &how, dataset);
}

static rp_status evaluate(const struct wish *wish, const struct rp_texts *dirs,
                          const struct rp_model *model)
{
    const char *hash = rp_card_get(&model->card, "data_hash");
    struct rp_dataset dataset;
    struct rp_eval eval;
    rp_status status = read_data(wish, dirs, model, &dataset);

    if (status) {
        return status;
    }
    if (hash && strcmp(hash, dataset.hash)) {
        rp_log(RP_INFO, "eval",
               "these are not the very data that the model was trained on");
    }
    struct rp_eval_task task = {model->ops, &model->shape, model->params,
                                &dataset, split_of(wish->split), wish->held};
    status = rp_eval_run(&task, &eval);
    if (!status && wish->json) {
        rp_eval_print_json(&eval, stdout);
    } else if (!status) {
        rp_eval_print(&eval, stdout);
    }
    rp_dataset_fini(&dataset);
    return status;
}

int rp_cmd_eval(int argc, char **argv)
{
    struct wish wish = {.out = "runs", .split = "test", .engine = "auto"};
    struct rp_texts dirs = {0};
    struct rp_model model;
    char newest[512];
    int exit_code = rp_cli_parse(&cli, argc, argv, &wish, &dirs);
    rp_status status = RP_ENONE;

    if (exit_code < 0 && !dirs.count == !wish.frames) {
        rp_log(RP_ERROR, "eval", "expected %s ('riposte eval --help')",
               wish.frames ? "folders or --frames, not both"
                           : cli.args);
        exit_code = RP_EXIT_USAGE;
    }
    if (exit_code >= 0) {
        rp_texts_fini(&dirs);
        return exit_code;
    }
    if (!wish.model && newest_best(wish.out, newest, sizeof(newest))) {
        wish.model = newest;
    }
    if (wish.model) {
        status = rp_model_load(wish.model, wish.engine, &model);
    }
    if (!status) {
        status = evaluate(&wish, &dirs, &model);
        rp_model_fini(&model);
    }
    rp_texts_fini(&dirs);
    return rp_exit_code(status);
}
