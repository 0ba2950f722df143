/* The table of engines, for tests: all of them, and the one that fails on cue,
 * a module from fake/ beside the tests (tests/fake/engine_fail.c says what
 * cues there are). */
#ifndef TEST_ENGINES_H
#define TEST_ENGINES_H

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/net/engine.h"

/* Modules are those of this build; first of all in main. */
static inline void use_modules(const char *argv0)
{
    char folders[2 * PATH_MAX], *self = realpath(argv0, NULL), *here;

    if (!self)
        abort();
    here = dirname(self);
    snprintf(folders, sizeof folders, "%s/fake:%s/../cuda", here, here);
    free(self);
    setenv("RIPOSTE_MODULES", folders, 1);
}

/* Once for every engine that runs here; why another does not is said. */
static inline void on_each_engine(const char *argv0,
                                  void (*tests)(const struct rp_engine_ops *))
{
    const struct rp_engine_entry *entry;
    char text[400];
    uint32_t count;

    use_modules(argv0);
    entry = rp_engines(&count);
    for (uint32_t i = 0; i < count; i++) {
        bool runs = rp_engine_probe(&entry[i], text, sizeof text);
        printf("%s%s: %s\n", runs ? "" : "skipped: ", entry[i].name, text);
        if (runs)
            tests(entry[i].ops);
    }
}

/* NULL: not to be had. */
static inline const struct rp_engine_ops *fail_engine(const char *argv0)
{
    const struct rp_engine_ops *ops = NULL;

    use_modules(argv0);
    return rp_engine_find("fail", &ops) ? NULL : ops;
}

/* How the instances made from now on fail. */
static inline void fail_at(const char *call, unsigned number, const char *how)
{
    char cue[64];

    snprintf(cue, sizeof cue, "%s:%u:%s", call, number, how);
    setenv("RIPOSTE_FAIL", cue, 1);
}

static inline void fail_never(void)
{
    unsetenv("RIPOSTE_FAIL");
}

#endif
