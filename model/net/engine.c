#include "model/net/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "model/net/module.h"
#include "rt/log.h"

static struct rp_engine_entry entries[RP_ENGINES_MAX];
static uint32_t entries_count;

static void find_entries(void)
{
    snprintf(entries[0].name, sizeof entries[0].name, "%s",
             rp_engine_cpu.name);
    entries[0].ops = &rp_engine_cpu;
    entries_count = 1;
    rp_module_find(entries, &entries_count, RP_ENGINES_MAX);
}

const struct rp_engine_entry *rp_engines(uint32_t *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find_entries);
    *count = entries_count;
    return entries;
}

bool rp_engine_probe(const struct rp_engine_entry *entry, char *text,
                     size_t size)
{
    if (entry->ops)
        return entry->ops->probe(text, size);
    snprintf(text, size, "%s", entry->missing);
    return false;
}

/* "cpu, cuda". */
static void list_names(char *text, size_t size)
{
    uint32_t count;
    const struct rp_engine_entry *entry = rp_engines(&count);
    size_t used = 0;

    text[0] = 0;
    for (uint32_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 i ? ", " : "", entry[i].name);
}

rp_status rp_engine_find(const char *name, const struct rp_engine_ops **ops)
{
    char text[sizeof entries[0].missing], names[160];
    const struct rp_engine_entry *entry;
    uint32_t count;

    /* Playing on the CPU needs no module, good or bad. */
    if (!strcmp(name, rp_engine_cpu.name)) {
        *ops = &rp_engine_cpu;
        return RP_OK;
    }
    entry = rp_engines(&count);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(name, entry[i].name))
            continue;
        if (rp_engine_probe(&entry[i], text, sizeof text)) {
            *ops = entry[i].ops;
            return RP_OK;
        }
        rp_log(RP_ERROR, "engine", "%s cannot run here: %s", name, text);
        return RP_ENONE;
    }
    list_names(names, sizeof names);
    rp_log(RP_ERROR, "engine", "no engine \"%s\"; expected auto, %s", name,
           names);
    return RP_ENONE;
}
