/* What the tests of backends share: the log as text, and knobs. */
#ifndef BACKEND_LOG_H
#define BACKEND_LOG_H

#include <string.h>

#include "rt/link.h"
#include "rt/log.h"

#include "tests/test.h"

static char logged[4096];
static int lines; /* of level info and above */

static inline void listen(void *self, enum rp_level level, const char *tag,
                          const char *text)
{
    size_t used = strlen(logged);

    snprintf(logged + used, sizeof(logged) - used, "%d %s: %s\n", level, tag,
             text);
    lines += level >= RP_INFO;
}

static inline void quiet(void)
{
    logged[0] = '\0';
    lines = 0;
}

static inline void set_knobs(struct rp_knobs *knobs)
{
    memset(knobs, 0, sizeof(*knobs));
    knobs->tempo = 97000;
    knobs->metre = 4 << 8 | 4;
    knobs->metronome = 1;
}

#endif
