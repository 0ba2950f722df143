/* The engine that fails on cue, loaded as a module from fake/ beside the
 * tests (tests/fake/engine_fail.c says what cues there are). */
#ifndef TEST_FAIL_ENGINE_H
#define TEST_FAIL_ENGINE_H

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/net/engine.h"

/* NULL: not to be had; call it first in main. */
static inline const struct rp_engine_ops *fail_engine(const char *argv0)
{
    const struct rp_engine_ops *ops = NULL;
    char folder[PATH_MAX + 8], *self = realpath(argv0, NULL);

    if (!self)
        return NULL;
    snprintf(folder, sizeof folder, "%s/fake", dirname(self));
    free(self);
    setenv("RIPOSTE_MODULES", folder, 1);
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
