#include "tui/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

const char *const rp_exit_meanings[RP_EXITS] = {
    [RP_EXIT_OK] = "done, or ended by SIGINT or SIGTERM while playing",
    [RP_EXIT_FAILURE] =
        "a file is missing, or a file, device or the system failed",
    [RP_EXIT_USAGE] = "unknown command or option, or a value out of range",
    [RP_EXIT_FORMAT] = "a file is not what it should be",
    [RP_EXIT_NONE] = "a port, preset, backend, engine or server is not here",
    [RP_EXIT_CANCEL] = "stopped before the work was done",
};

int rp_exit_code(rp_status status)
{
    switch (status) {
    case RP_OK:
        return RP_EXIT_OK;
    case RP_EARG:
        return RP_EXIT_USAGE;
    case RP_EFORMAT:
        return RP_EXIT_FORMAT;
    case RP_ENONE:
        return RP_EXIT_NONE;
    case RP_ECANCEL:
        return RP_EXIT_CANCEL;
    default:
        return RP_EXIT_FAILURE;
    }
}

/* One option as parsed and printed, whether it stands in the table or comes
 * from the settings. */
struct found {
    const struct rp_option *option;
    int setting; /* -1: none */
    const char *name, *value, *help;
};

/* The i-th of all; false after the last. */
static bool option_at(const struct rp_option *table, uint32_t i,
                      struct found *found)
{
    for (; table->name || table->kind == RP_OPTION_SETTINGS; table++) {
        if (table->kind != RP_OPTION_SETTINGS) {
            if (i-- == 0) {
                *found = (struct found){table, -1, table->name, table->value,
                                        table->help};
                return true;
            }
            continue;
        }
        for (int s = 0; s < RP_SETTINGS; s++) {
            if (table->mask & 1u << s && i-- == 0) {
                *found =
                    (struct found){table, s, rp_settings[s].key,
                                   rp_settings[s].value, rp_settings[s].help};
                return true;
            }
        }
    }
    return false;
}

/* A switch may stand alone: --metronome is --metronome=on. */
static bool stands_alone(const struct found *found)
{
    return found->setting >= 0 ? !strcmp(found->value, "on|off")
                               : found->option->kind == RP_OPTION_FLAG;
}

void rp_cli_help(const struct rp_cli *cli)
{
    struct found found;

    printf("usage: riposte %s%s%s%s\n", cli->name,
           cli->options->name || cli->options->kind == RP_OPTION_SETTINGS
               ? " [OPTION]..."
               : "",
           cli->args ? " " : "", cli->args ? cli->args : "");
    printf("\n%s\n\n", cli->about);
    for (uint32_t i = 0; option_at(cli->options, i, &found); i++) {
        char left[64];
        bool alone = stands_alone(&found);

        snprintf(left, sizeof(left), "--%s%s%s", found.name, alone ? "" : " ",
                 alone ? "" : found.value);
        /* A long left side gets a line of its own. */
        if (strlen(left) > 24) {
            printf("  %s\n  %-24s %s\n", left, "", found.help);
        } else {
            printf("  %-24s %s\n", left, found.help);
        }
    }
    printf("  %-24s %s\n", "--help", "this text");
}

static uint32_t least3(uint32_t a, uint32_t b, uint32_t c)
{
    a = a < b ? a : b;
    return a < c ? a : c;
}

/* Letters to change, add or take away. */
static uint32_t distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    uint32_t row[MOST + 1];
    size_t n = strlen(a), m = strlen(b);

    if (n > MOST || m > MOST) {
        return MOST;
    }
    for (uint32_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= n; i++) {
        uint32_t corner = row[0];

        row[0] = i;
        for (uint32_t j = 1; j <= m; j++) {
            uint32_t above = row[j];

            row[j] = least3(above + 1, row[j - 1] + 1,
                            corner + (a[i - 1] != b[j - 1]));
            corner = above;
        }
    }
    return row[m];
}

void rp_cli_guess(const char *text,
                  const char *(*name)(const void *self, uint32_t i),
                  const void *self, const char *dashes, char *guess,
                  size_t size)
{
    uint32_t best = 3;
    const char *one;

    *guess = '\0';
    for (uint32_t i = 0; (one = name(self, i)); i++) {
        uint32_t d = distance(text, one);

        if (d < best && d < strlen(one)) {
            best = d;
            snprintf(guess, size, "; did you mean '%s%s'?", dashes, one);
        }
    }
}

static const char *option_name(const void *self, uint32_t i)
{
    struct found found;

    return option_at(self, i, &found) ? found.name : NULL;
}

static int refuse_option(const struct rp_cli *cli, const char *arg,
                         const char *name)
{
    char guess[80];

    rp_cli_guess(name, option_name, cli->options, "--", guess, sizeof(guess));
    rp_log(RP_ERROR, cli->name, "unknown option '%s'%s ('riposte %s --help')",
           arg, guess, cli->name);
    return RP_EXIT_USAGE;
}

static int refuse_value(const struct rp_cli *cli, const struct found *found,
                        const char *value, const char *want)
{
    rp_log(RP_ERROR, cli->name, "--%s '%s': expected %s", found->name, value,
           want);
    return RP_EXIT_USAGE;
}

static bool is_word(const char *words, const char *value)
{
    size_t length = strlen(value);

    for (const char *word = words; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (!strncmp(word, value, length) &&
            (word[length] == '|' || !word[length])) {
            return length > 0;
        }
    }
    return false;
}

static bool read_real(const struct rp_option *option, const char *value,
                      double *real)
{
    bool whole = option->kind == RP_OPTION_COUNT;
    char *end;

    if (!*value || value[strspn(value, whole ? "0123456789" : "0123456789.")]) {
        return false;
    }
    *real = strtod(value, &end);
    return !*end && *real >= option->least && *real <= option->most;
}

static rp_status add_text(struct rp_texts *texts, const char *text)
{
    const char **more =
        realloc(texts->text, (texts->count + 2) * sizeof(*more));

    if (!more) {
        return RP_EMEM;
    }
    texts->text = more;
    texts->text[texts->count++] = text;
    texts->text[texts->count] = NULL;
    return RP_OK;
}

void rp_texts_fini(struct rp_texts *texts)
{
    free(texts->text);
    *texts = (struct rp_texts){0};
}

static int take_setting(const struct rp_cli *cli, const struct found *found,
                        const char *value, struct rp_given *given)
{
    if (rp_setting_read(found->setting, value, &given->knobs) != RP_OK) {
        return refuse_value(cli, found, value,
                            rp_settings[found->setting].want);
    }
    given->set |= 1u << found->setting;
    return -1;
}

static int take_number(const struct rp_cli *cli, const struct found *found,
                       const char *value, void *to)
{
    const struct rp_option *option = found->option;
    char want[80];
    double real;

    if (!read_real(option, value, &real)) {
        snprintf(want, sizeof(want), "a %snumber from %.10g to %.10g",
                 option->kind == RP_OPTION_COUNT ? "whole " : "", option->least,
                 option->most);
        return refuse_value(cli, found, value, want);
    }
    if (option->kind == RP_OPTION_COUNT) {
        *(uint32_t *)to = (uint32_t)real;
    } else {
        *(double *)to = real;
    }
    return -1;
}

static int take_value(const struct rp_cli *cli, const struct found *found,
                      const char *value, void *into)
{
    void *to = (char *)into + found->option->at;

    switch (found->option->kind) {
    case RP_OPTION_SETTINGS:
        return take_setting(cli, found, value, to);
    case RP_OPTION_FLAG:
        return refuse_value(cli, found, value, "no value");
    case RP_OPTION_WORD:
        if (!is_word(found->option->words, value)) {
            return refuse_value(cli, found, value, found->option->words);
        }
        *(const char **)to = value;
        return -1;
    case RP_OPTION_TEXT:
        *(const char **)to = value;
        return -1;
    case RP_OPTION_TEXTS:
        return add_text(to, value) == RP_OK ? -1 : RP_EXIT_FAILURE;
    default:
        return take_number(cli, found, value, to);
    }
}

/* argv[*i] is an option; moves past the value that it takes. */
static int take_option(const struct rp_cli *cli, int argc, char **argv, int *i,
                       void *into)
{
    const char *arg = argv[*i], *equals = strchr(arg, '=');
    char name[64];
    struct found found;
    uint32_t at = 0;

    snprintf(name, sizeof(name), "%.*s",
             equals ? (int)(equals - arg) - 2 : (int)strlen(arg) - 2, arg + 2);
    while (option_at(cli->options, at, &found) && strcmp(found.name, name)) {
        at++;
    }
    if (!option_at(cli->options, at, &found)) {
        return refuse_option(cli, arg, name);
    }
    if (equals) {
        return take_value(cli, &found, equals + 1, into);
    }
    if (stands_alone(&found)) {
        if (found.setting >= 0) {
            return take_value(cli, &found, "on", into);
        }
        *(bool *)((char *)into + found.option->at) = true;
        return -1;
    }
    if (*i + 1 >= argc) {
        rp_log(RP_ERROR, cli->name, "--%s: expected %s after it", name,
               found.value);
        return RP_EXIT_USAGE;
    }
    return take_value(cli, &found, argv[++*i], into);
}

static int check_args(const struct rp_cli *cli, const struct rp_texts *args)
{
    if (args->count > cli->most_args) {
        rp_log(RP_ERROR, cli->name,
               "'%s' is one too many ('riposte %s --help')",
               args->text[cli->most_args], cli->name);
        return RP_EXIT_USAGE;
    }
    if (args->count < cli->least_args) {
        rp_log(RP_ERROR, cli->name, "expected %s ('riposte %s --help')",
               cli->args, cli->name);
        return RP_EXIT_USAGE;
    }
    return -1;
}

int rp_cli_parse(const struct rp_cli *cli, int argc, char **argv, void *into,
                 struct rp_texts *args)
{
    struct rp_texts rest = {0};
    bool options = true;
    int exit_code = -1;

    for (int i = 1; i < argc && exit_code < 0; i++) {
        if (options && !strcmp(argv[i], "--")) {
            options = false;
        } else if (options &&
                   (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
            rp_cli_help(cli);
            exit_code = RP_EXIT_OK;
        } else if (options && !strncmp(argv[i], "--", 2)) {
            exit_code = take_option(cli, argc, argv, &i, into);
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            exit_code = refuse_option(cli, argv[i], argv[i] + 1);
        } else {
            exit_code =
                add_text(&rest, argv[i]) == RP_OK ? -1 : RP_EXIT_FAILURE;
        }
    }
    if (exit_code < 0) {
        exit_code = check_args(cli, &rest);
    }
    if (exit_code < 0 && args) {
        *args = rest;
    } else {
        rp_texts_fini(&rest);
    }
    return exit_code;
}
