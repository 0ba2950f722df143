#include "model/net/engine.h"

#include <stdio.h>
#include <string.h>

#include "rt/log.h"

const struct rp_engine_ops *const rp_engines[] = {&rp_engine_cpu, NULL};

/* "cpu, cuda" of this build. */
static void list_names(char *text, size_t size)
{
    size_t used = 0;

    text[0] = 0;
    for (int i = 0; rp_engines[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 i ? ", " : "", rp_engines[i]->name);
}

rp_status rp_engine_find(const char *name, const struct rp_engine_ops **ops)
{
    char text[200], names[100];
    bool any = !strcmp(name, "auto");

    for (int i = 0; rp_engines[i]; i++) {
        if (!any && strcmp(name, rp_engines[i]->name))
            continue;
        if (rp_engines[i]->probe(text, sizeof text)) {
            *ops = rp_engines[i];
            return RP_OK;
        }
        if (!any) {
            rp_log(RP_ERROR, "engine", "%s cannot run here: %s", name, text);
            return RP_ENONE;
        }
    }
    list_names(names, sizeof names);
    rp_log(RP_ERROR, "engine", "no engine \"%s\"; this build has: %s", name,
           names);
    return RP_ENONE;
}
