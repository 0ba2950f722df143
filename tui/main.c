#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"

static const struct rp_command commands[] = {
    {"play", rp_cmd_play, "listen and answer"},
    {"generate", rp_cmd_generate, "continue a melody, to .mid files"},
    {"learn", rp_cmd_learn, "which controllers turn which knobs"},
    {"ports", rp_cmd_ports, "MIDI ports that can be connected"},
    {"presets", rp_cmd_presets, "named set-ups that can be found"},
    {"engines", rp_cmd_engines, "where the arithmetic can run here"},
    {"prepare", rp_cmd_prepare, "read folders of .mid once, and report"},
    {"train", rp_cmd_train, "train a network on folders of .mid"},
    {"eval", rp_cmd_eval, "how well a network predicts folders of .mid"},
    {"encode", rp_cmd_encode, ".mid files as JSON and words, and back"},
    {"bench", rp_cmd_bench, "measure: engine, latency, phrases, answers"},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void help(void)
{
    printf("riposte: a MIDI instrument that answers back\n\n"
           "usage: riposte COMMAND [OPTION]...\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    }
    printf("\n'riposte COMMAND --help' lists its options; "
           "'riposte --version'.\n");
}

static const struct rp_command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++) {
        if (!strcmp(commands[i].name, name)) {
            return &commands[i];
        }
    }
    return NULL;
}

static const char *command_name(const void *self, uint32_t i)
{
    return i < COMMANDS ? commands[i].name : NULL;
}

static int refuse_command(const char *name)
{
    char guess[64], list[256];
    int used = 0;

    rp_cli_guess(name, command_name, NULL, "", guess, sizeof(guess));
    for (int i = 0; i < COMMANDS; i++) {
        used += snprintf(list + used, sizeof(list) - (size_t)used, "%s%s",
                         i ? ", " : "", commands[i].name);
    }
    rp_log(RP_ERROR, "main", "unknown command '%s'; there are %s%s", name,
           list, guess);
    return RP_EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    char *managed[] = {argv[0], "play", NULL};
    const struct rp_command *command;

    if (!*name && getenv("NSM_URL")) { /* a session manager says no more */
        name = managed[1];
        argc = 2;
        argv = managed;
    }
    setlocale(LC_CTYPE, ""); /* numbers stay in the C locale */
    if (!strcmp(name, "--version")) {
        puts("riposte " RP_VERSION);
        return RP_EXIT_OK;
    }
    if (!strcmp(name, "help") && argc > 2) {
        char *ask[] = {argv[2], "--help", NULL};

        command = find_command(argv[2]);
        return command ? command->run(2, ask) : refuse_command(argv[2]);
    }
    if (!*name || !strcmp(name, "help") || !strcmp(name, "--help") ||
        !strcmp(name, "-h")) {
        help();
        return *name ? RP_EXIT_OK : RP_EXIT_USAGE;
    }
    command = find_command(name);
    return command ? command->run(argc - 1, argv + 1) : refuse_command(name);
}

/* What a full disk or a closed pipe swallowed was not said. */
int main(int argc, char **argv)
{
    int exit_code = run(argc, argv);

    if (fflush(stdout) || ferror(stdout)) {
        rp_log(RP_ERROR, "main", "the output could not be written");
        return exit_code ? exit_code : RP_EXIT_FAILURE;
    }
    return exit_code;
}
