#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/train_options.h"
#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"

enum { KNOBS_MAX = 64, OTHERS = 4 };

struct wish {
    const char *knob[KNOBS_MAX]; /* as given; NULL: not given */
    const char *frames;
    bool resume, quiet;
};

#define AT(field) offsetof(struct wish, field)

static const struct rp_option others[OTHERS] = {
    {"frames", "FILE.json", "learn from piano rolls instead of folders",
     RP_OPTION_TEXT, AT(frames)},
    {"resume", NULL, "go on with the newest run there, as it was begun",
     RP_OPTION_FLAG, AT(resume)},
    {"quiet", NULL, "no progress lines", RP_OPTION_FLAG, AT(quiet)},
    RP_OPTION_END,
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    /* A second time ends at once. */
    signal(number, SIG_DFL);
    stop = 1;
}

/* The newest numbered folder under `out` that can be resumed. */
static bool newest_run(const char *out, char *folder, size_t size)
{
    char path[512];
    long newest = 0;
    DIR *dir = opendir(out);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char *end = NULL;
        long number = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end || number <= newest)
            continue;
        if (snprintf(path, sizeof path, "%s/%s/last.safetensors", out,
                     entry->d_name) >= (int)sizeof path ||
            access(path, R_OK))
            continue;
        newest = number;
        snprintf(folder, size, "%s/%s", out, entry->d_name);
    }
    if (dir)
        closedir(dir);
    if (!newest)
        rp_log(RP_ERROR, "train",
               "%s: no run to resume, expected NNN/last.safetensors in it",
               out);
    return newest != 0;
}

/* The command line as it was given, for the card; folders without the path
 * that leads to them. */
static void spell(int argc, char **argv, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "riposte");

    for (int i = 0; i < argc && used + 1 < size; i++) {
        bool spaced = strchr(argv[i], ' ') != NULL;
        const char *slash = spaced ? NULL : strrchr(argv[i], '/');
        const char *word = slash && slash[1] ? slash + 1 : argv[i];
        used += (size_t)snprintf(text + used, size - used,
                                 spaced ? " '%s'" : " %s", word);
    }
}

static int parse(int argc, char **argv, struct wish *wish,
                 struct rp_texts *dirs)
{
    struct rp_option options[KNOBS_MAX + OTHERS];
    char value[KNOBS_MAX][80];
    struct rp_cli cli = {
        .name = "train",
        .args = "DIR... | --frames FILE.json",
        .about = "Learns from the .mid files in the folders. Keeps "
                 "best.safetensors, last.safetensors\nand run.csv in a "
                 "numbered folder. Ctrl-C saves; --resume goes on.",
        .least_args = 0,
        .most_args = 64,
        .options = options,
    };
    int code;

    for (uint32_t i = 0; i < rp_train_knob_count; i++) {
        rp_train_knob_value(&rp_train_knobs[i], value[i], sizeof value[i]);
        options[i] = (struct rp_option){
            .name = rp_train_knobs[i].name,
            .value = value[i],
            .help = rp_train_knobs[i].help,
            .kind = RP_OPTION_TEXT,
            .at = offsetof(struct wish, knob) + i * sizeof(char *),
        };
    }
    memcpy(options + rp_train_knob_count, others, sizeof others);
    code = rp_cli_parse(&cli, argc, argv, wish, dirs);
    if (code >= 0 || !dirs->count != !wish->frames)
        return code;
    rp_log(RP_ERROR, "train", "expected %s ('riposte train --help')",
           wish->frames ? "folders or --frames, not both" : cli.args);
    return RP_EXIT_USAGE;
}

static rp_status train(const struct wish *wish, const struct rp_texts *dirs,
                       const char *command)
{
    struct rp_train_options options;
    struct rp_train_result result;
    char folder[512];
    rp_status status = RP_OK;

    rp_train_defaults(&options);
    options.frames = options.runs = options.voices = wish->frames != NULL;
    for (uint32_t i = 0; i < rp_train_knob_count && !status; i++)
        if (wish->knob[i])
            status = rp_train_knob_set(&rp_train_knobs[i], &options, "",
                                       wish->knob[i]);
    if (status)
        return status;
    options.dir = wish->frames ? &wish->frames : dirs->text;
    options.dirs = wish->frames ? 1 : dirs->count;
    options.command = command;
    if (wish->resume) {
        if (!newest_run(options.out, folder, sizeof folder))
            return RP_ENONE;
        options.resume = folder;
    }
    status = rp_train_run(&options, &stop, wish->quiet, &result);
    if (status)
        return status;
    printf("%s: %s after %u epochs, %llu steps; ", result.folder,
           stop ? "stopped" : "done", result.epoch,
           (unsigned long long)result.steps);
    if (isfinite(result.best))
        printf("best valid %.4f nats per note\n", result.best);
    else
        puts("nothing to validate on");
    return RP_OK;
}

int rp_cmd_train(int argc, char **argv)
{
    struct wish wish = { 0 };
    struct sigaction action = { .sa_handler = on_signal };
    struct rp_texts dirs = { 0 };
    char command[2048];
    int code;

    spell(argc, argv, command, sizeof command);
    code = parse(argc, argv, &wish, &dirs);
    if (code < 0) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        /* A file that may not grow is an error to say, not a way to die. */
        signal(SIGXFSZ, SIG_IGN);
        code = rp_exit_code(train(&wish, &dirs, command));
    }
    rp_texts_fini(&dirs);
    return code;
}
