#include "model/net/module.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "riposte-"
#define SUFFIX ".so"

/* Said to be missing where they are. */
static const char *const known[] = {"cuda", NULL};

struct search {
    struct rp_engine_entry *entry;
    uint32_t *count, most;
    char folders[PATH_MAX]; /* looked through, with ':' between them */
};

/* A module's line becomes one of ours. */
static void relay(void *self, enum rp_level level, const char *tag,
                  const char *text)
{
    rp_log(level, tag, "%s", text);
}

static bool is_whole(const struct rp_engine_ops *ops)
{
    return ops->name && ops->probe && ops->create && ops->destroy &&
           ops->set_params && ops->slot_reset && ops->slot_copy && ops->step &&
           ops->logits && ops->state && ops->set_state;
}

/* Why a file is of no use. Of a long path the end is kept. */
static void __attribute__((format(printf, 3, 4)))
refuse(struct rp_engine_entry *entry, const char *path, const char *format, ...)
{
    size_t length = strlen(path), most = sizeof entry->missing / 2, used;
    va_list list;

    snprintf(entry->missing, most, "%s%s: ", length < most - 8 ? "" : "...",
             length < most - 8 ? path : path + length - (most - 8));
    used = strlen(entry->missing);
    va_start(list, format);
    vsnprintf(entry->missing + used, sizeof entry->missing - used, format,
              list);
    va_end(list);
}

/* Whether the module is one of ours; if not, the entry says why. */
static bool accept(const struct rp_engine_module *module, const char *path,
                   struct rp_engine_entry *entry)
{
    if (!module)
        refuse(entry, path, "exports no %s", RP_MODULE_SYMBOL);
    else if (module->version != RP_ENGINE_VERSION)
        refuse(entry, path, "is of version %u, expected %d",
               (unsigned)module->version, RP_ENGINE_VERSION);
    else if (!module->ops || !module->log_to ||
             module->ops->version != RP_ENGINE_VERSION ||
             !is_whole(module->ops))
        refuse(entry, path, "its table is not whole");
    else if (strcmp(module->ops->name, entry->name))
        refuse(entry, path, "is the engine \"%.20s\", expected \"%s\"",
               module->ops->name, entry->name);
    else
        return true;
    return false;
}

static void load(const char *path, struct rp_engine_entry *entry)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct rp_engine_module *module;

    if (!so) {
        const char *why = dlerror();
        size_t length = strlen(path);
        bool named = !strncmp(why, path, length) && why[length] == ':';
        refuse(entry, path, "%s", named ? why + length + 2 : why);
        return;
    }
    module = dlsym(so, RP_MODULE_SYMBOL);
    if (!accept(module, path, entry)) {
        dlclose(so);
        return;
    }
    module->log_to(relay, NULL);
    entry->ops = module->ops;
}

static bool is_listed(const struct search *search, const char *name)
{
    for (uint32_t i = 0; i < *search->count; i++)
        if (!strcmp(search->entry[i].name, name))
            return true;
    return false;
}

static struct rp_engine_entry *add_entry(struct search *search,
                                         const char *name)
{
    struct rp_engine_entry *entry;

    if (*search->count == search->most || is_listed(search, name))
        return NULL;
    entry = &search->entry[(*search->count)++];
    *entry = (struct rp_engine_entry){0};
    snprintf(entry->name, sizeof entry->name, "%s", name);
    return entry;
}

/* "riposte-NAME.so" -> NAME; false for any other file. */
static bool module_name(const char *file, char *name, size_t size)
{
    size_t before = strlen(PREFIX), after = strlen(SUFFIX);
    size_t length = strlen(file);

    if (length <= before + after || length - before - after >= size ||
        strncmp(file, PREFIX, before) ||
        strcmp(file + length - after, SUFFIX))
        return false;
    snprintf(name, size, "%.*s", (int)(length - before - after),
             file + before);
    return true;
}

static void look_into(struct search *search, const char *folder)
{
    size_t used = strlen(search->folders);
    struct dirent **file;
    int files = scandir(folder, &file, NULL, alphasort);

    snprintf(search->folders + used, sizeof search->folders - used, "%s%s",
             used ? ":" : "", folder);
    for (int i = 0; i < files; i++) {
        char path[PATH_MAX], name[sizeof search->entry->name];
        struct rp_engine_entry *entry = NULL;
        if (module_name(file[i]->d_name, name, sizeof name))
            entry = add_entry(search, name);
        if (entry) {
            snprintf(path, sizeof path, "%s/%s", folder, file[i]->d_name);
            load(path, entry);
        }
        free(file[i]);
    }
    if (files >= 0)
        free(file);
}

static void look_into_all(struct search *search, const char *folders)
{
    char *copy = strdup(folders), *rest = copy, *folder;

    while (copy && (folder = strsep(&rest, ":")))
        if (*folder)
            look_into(search, folder);
    free(copy);
}

/* The command and the tests lie one folder below the root of a build. */
static void look_beside_build(struct search *search)
{
    char path[PATH_MAX], folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash;

    for (int up = 0; up < 2; up++) {
        if (length <= 0)
            return;
        path[length] = 0;
        slash = strrchr(path, '/');
        length = slash ? slash - path : 0;
    }
    snprintf(folder, sizeof folder, "%.*s/cuda", (int)length, path);
    if (!access(folder, F_OK))
        look_into(search, folder);
}

void rp_module_find(struct rp_engine_entry *entry, uint32_t *count,
                    uint32_t most)
{
    struct search search = {.entry = entry, .count = count, .most = most};
    const char *given = getenv("RIPOSTE_MODULES");

    if (given) {
        look_into_all(&search, given);
    } else {
        look_beside_build(&search);
        look_into(&search, RP_LIB_MODULES);
    }
    for (int i = 0; known[i]; i++) {
        struct rp_engine_entry *missing = add_entry(&search, known[i]);
        const char *where = search.folders;
        if (missing)
            snprintf(missing->missing, sizeof missing->missing,
                     "no module " PREFIX "%s" SUFFIX "%s %.300s", known[i],
                     *where ? " in" : ":",
                     *where ? where : "RIPOSTE_MODULES names no folder");
    }
}
