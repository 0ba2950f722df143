/* Options of a command: one table is what is parsed and what --help prints.
 * "--name value" and "--name=value"; "--" ends the options. */
#ifndef RP_CLI_H
#define RP_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/setting.h"

/* The one table of exit codes; riposte.1 prints it. */
enum {
    RP_EXIT_OK = 0,
    RP_EXIT_FAILURE = 1,
    RP_EXIT_USAGE = 2,
    RP_EXIT_FORMAT = 3,
    RP_EXIT_NONE = 4,
    RP_EXIT_CANCEL = 5,
    RP_EXITS
};
extern const char *const rp_exit_meanings[RP_EXITS];
int rp_exit_code(rp_status status);

enum rp_option_kind {
    RP_OPTION_FLAG,    /* bool */
    RP_OPTION_TEXT,    /* const char * */
    RP_OPTION_TEXTS,   /* struct rp_texts: may be given again */
    RP_OPTION_WORD,    /* const char *: one of `words` */
    RP_OPTION_COUNT,   /* uint32_t, least..most */
    RP_OPTION_REAL,    /* double, least..most */
    RP_OPTION_SETTINGS /* struct rp_given: every setting in `mask` */
};

struct rp_texts {
    const char **text; /* owned, NULL after the last; the strings are argv's */
    uint32_t count;
};

/* Settings named on the command line: bit i of `set` for rp_settings[i]. */
struct rp_given {
    uint32_t set;
    struct rp_knobs knobs;
};

struct rp_option {
    const char *name;  /* without dashes; NULL ends the table, except for
                          RP_OPTION_SETTINGS, which has none */
    const char *value; /* what --help calls the value */
    const char *help;
    enum rp_option_kind kind;
    size_t at; /* offset in the command's struct */
    double least, most;
    const char *words; /* "auto|jack|null" */
    uint32_t mask;
};
#define RP_OPTION_END                                                          \
    {                                                                          \
        NULL, NULL, NULL, RP_OPTION_FLAG, 0, 0, 0, NULL, 0                     \
    }

struct rp_cli {
    const char *name;  /* of the command */
    const char *args;  /* "DIR..."; NULL: none are taken */
    const char *about; /* a paragraph for --help */
    uint32_t least_args, most_args;
    const struct rp_option *options;
};

/* argv[0] is the command's name. -1: go on; otherwise the exit code (after
 * --help, or one logged line). `into` holds the defaults on entry. */
int rp_cli_parse(const struct rp_cli *cli, int argc, char **argv, void *into,
                 struct rp_texts *args);
void rp_cli_help(const struct rp_cli *cli);
void rp_texts_fini(struct rp_texts *texts);

/* "; did you mean 'tempo'?" or "". `name(self, i)` is NULL after the last. */
void rp_cli_guess(const char *text,
                  const char *(*name)(const void *self, uint32_t i),
                  const void *self, const char *dashes, char *guess,
                  size_t size);

#endif
