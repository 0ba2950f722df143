#include "tui/said.h"

#include <stdio.h>
#include <string.h>

static _Thread_local struct rp_said *current;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    struct rp_said *said = self;

    said->level = level;
    snprintf(said->tag, sizeof(said->tag), "%s", tag);
    snprintf(said->text, sizeof(said->text), "%s", text);
}

void rp_said_begin(struct rp_said *said)
{
    memset(said, 0, sizeof(*said));
    said->outer = current;
    current = said;
    rp_log_divert(keep, said);
}

void rp_said_end(struct rp_said *said)
{
    current = said->outer;
    rp_log_divert(current ? keep : NULL, current);
}

void rp_said_log(const struct rp_said *said)
{
    if (*said->text) {
        rp_log(said->level, said->tag, "%s", said->text);
    }
}
