#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/train_config.h"
#include "model/train_options.h"
#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"

enum { KNOBS_MAX = 64, OTHERS = 6 };

struct wish {
    const char *knob[KNOBS_MAX]; /* as given; NULL: not given */
    struct rp_texts set;
    const char *frames, *config;
    bool resume, quiet;
};

#define AT(field) offsetof(struct wish, field)

static const struct rp_option others[OTHERS] = {
    {"frames", "FILE.json", "learn from piano rolls instead of folders",
     RP_OPTION_TEXT, AT(frames)},
    {"config", "FILE.ini",
     "begin as it says, one key = value a line; options win over it",
     RP_OPTION_TEXT, AT(config)},
    {"set", "KEY=VALUE", "the same, one; may be given again", RP_OPTION_TEXTS,
     AT(set)},
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

/* What --help says of a knob, and what it is when nothing is said. */
struct words {
    char value[80], help[160];
};

static void describe(const struct rp_train_knob *knob, struct words *words)
{
    struct rp_train_options usual;
    char text[64];
    const char *now;

    rp_train_defaults(&usual);
    now = rp_train_knob_text(knob, &usual, text, sizeof text);
    rp_train_knob_value(knob, words->value, sizeof words->value);
    snprintf(words->help, sizeof words->help, now ? "%s (%s)" : "%s",
             knob->help, now);
}

static int parse(int argc, char **argv, struct wish *wish,
                 struct rp_texts *dirs)
{
    struct rp_option options[KNOBS_MAX + OTHERS];
    struct words words[KNOBS_MAX];
    struct rp_cli cli = {
        .name = "train",
        .args = "DIR... | --frames FILE.json",
        .about = "Learns from the .mid files in the folders. Keeps "
                 "best.safetensors, last.safetensors,\nrun.csv, config.ini "
                 "and TensorBoard's events in a numbered folder. Ctrl-C "
                 "saves;\n--resume goes on.",
        .least_args = 0,
        .most_args = RP_TRAIN_DIRS_MAX,
        .options = options,
    };

    for (uint32_t i = 0; i < rp_train_knob_count; i++) {
        describe(&rp_train_knobs[i], &words[i]);
        options[i] = (struct rp_option){
            .name = rp_train_knobs[i].name,
            .value = words[i].value,
            .help = words[i].help,
            .kind = RP_OPTION_TEXT,
            .at = offsetof(struct wish, knob) + i * sizeof(char *),
        };
    }
    memcpy(options + rp_train_knob_count, others, sizeof others);
    return rp_cli_parse(&cli, argc, argv, wish, dirs);
}

/* The config file, then --set, then options. */
static rp_status read_knobs(const struct wish *wish,
                            struct rp_train_options *options,
                            struct rp_train_config *config)
{
    rp_status status = RP_OK;

    if (wish->config)
        status = rp_train_config_load(wish->config, options, config);
    for (uint32_t i = 0; i < wish->set.count && !status; i++)
        status = rp_train_set(options, "set: ", wish->set.text[i], NULL);
    for (uint32_t i = 0; i < rp_train_knob_count && !status; i++)
        if (wish->knob[i])
            status = rp_train_knob_set(&rp_train_knobs[i], options, "",
                                       wish->knob[i]);
    return status;
}

/* Piano rolls are learned as runs and voices unless it was said otherwise. */
static void take_frames(struct rp_train_options *options,
                        const char *const *path)
{
    options->frames = true;
    options->dir = path;
    options->dirs = 1;
    if (!rp_train_knob_given(rp_train_knob_find("runs"), options))
        options->runs = true;
    if (!rp_train_knob_given(rp_train_knob_find("voices"), options))
        options->voices = true;
}

/* Where the music is: as the command line says, else as the file does. */
static rp_status find_music(const struct wish *wish,
                            const struct rp_texts *dirs,
                            const struct rp_train_config *config,
                            struct rp_train_options *options)
{
    bool said = dirs->count || wish->frames;
    const char *const *frames = said ? &wish->frames : &config->frames;

    options->dir = said ? dirs->text : config->dir;
    options->dirs = said ? dirs->count : config->dirs;
    if (*frames && !options->dirs) {
        take_frames(options, frames);
        return RP_OK;
    }
    if (options->dirs && !*frames)
        return RP_OK;
    rp_log(RP_ERROR, "train", "expected %s ('riposte train --help')",
           *frames ? "folders or piano rolls, not both"
                   : "DIR... | --frames FILE.json");
    return RP_EARG;
}

/* What was asked for and cannot be, because it is decided. */
static void warn_of_resume(const struct rp_train_options *options)
{
    for (uint32_t i = 0; i < rp_train_knob_count; i++)
        if (rp_train_knob_given(&rp_train_knobs[i], options) &&
            !rp_train_knobs[i].passing)
            rp_log(RP_WARN, "train",
                   "%s: a resumed run goes on as it was begun",
                   rp_train_knobs[i].name);
}

/* The newest run, and its own config where no music is named. */
static rp_status find_run(const struct wish *wish, const struct rp_texts *dirs,
                          struct rp_train_options *options,
                          struct rp_train_config *config, char folder[512])
{
    struct rp_train_options begun = *options;
    char path[600];

    if (wish->config) {
        rp_log(RP_ERROR, "train", "expected --config or --resume, not both");
        return RP_EARG;
    }
    if (options->from) {
        rp_log(RP_ERROR, "train", "expected --from or --resume, not both");
        return RP_EARG;
    }
    if (!newest_run(options->out, folder, 512))
        return RP_ENONE;
    options->resume = folder;
    warn_of_resume(options);
    if (dirs->count || wish->frames)
        return RP_OK;
    snprintf(path, sizeof path, "%s/config.ini", folder);
    return rp_train_config_load(path, &begun, config);
}

static void print_result(const struct rp_train_result *result)
{
    printf("%s: %s after %u epochs, %llu steps; ", result->folder,
           stop ? "stopped" : "done", result->epoch,
           (unsigned long long)result->steps);
    if (isfinite(result->best))
        printf("best valid %.4f nats per note\n", result->best);
    else
        puts(result->epoch ? "nothing to validate on" : "not yet validated");
}

static rp_status train(const struct wish *wish, const struct rp_texts *dirs,
                       const char *command)
{
    struct rp_train_options options;
    struct rp_train_config config = {0};
    struct rp_train_result result;
    char folder[512];
    rp_status status;

    rp_train_defaults(&options);
    options.command = command;
    status = read_knobs(wish, &options, &config);
    if (!status && wish->resume)
        status = find_run(wish, dirs, &options, &config, folder);
    if (!status)
        status = find_music(wish, dirs, &config, &options);
    if (!status)
        status = rp_train_run(&options, &stop, wish->quiet, &result);
    if (!status)
        print_result(&result);
    rp_train_config_fini(&config);
    return !status && stop ? RP_ECANCEL : status;
}

/* Above a line in place. */
static void log_line(void *self, enum rp_level level, const char *tag,
                     const char *text)
{
    static const char *const names[] = {
        [RP_WARN] = "warning: ", [RP_ERROR] = "error: "};

    fputs("\r\033[K", stdout);
    fflush(stdout);
    fprintf(stderr, "riposte: %s: %s%s\n", tag,
            level >= RP_WARN ? names[level] : "", text);
}

int rp_cmd_train(int argc, char **argv)
{
    struct wish wish = {0};
    struct sigaction action = {.sa_handler = on_signal};
    struct rp_texts dirs = {0};
    char command[2048];
    int code;

    spell(argc, argv, command, sizeof command);
    code = parse(argc, argv, &wish, &dirs);
    if (code < 0) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        /* A file that may not grow is an error to say, not a way to die. */
        signal(SIGXFSZ, SIG_IGN);
        if (isatty(STDOUT_FILENO))
            rp_log_to(log_line, NULL);
        code = rp_exit_code(train(&wish, &dirs, command));
    }
    rp_texts_fini(&wish.set);
    rp_texts_fini(&dirs);
    return code;
}
