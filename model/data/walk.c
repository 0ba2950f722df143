#include "model/data/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "rt/log.h"

enum { DEPTH_MAX = 32 }; /* folders in folders; a loop of links ends here */

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "walk", "out of memory");
    return RP_EMEM;
}

static bool is_midi(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".mid") || !strcasecmp(dot, ".midi") ||
                   !strcasecmp(dot, ".smf") || !strcasecmp(dot, ".kar"));
}

/* Takes `path` over. */
static rp_status add_path(struct rp_walk *walk, char *path)
{
    if (walk->count == walk->room) {
        uint32_t room = walk->room ? 2 * walk->room : 256;
        char **grown = realloc(walk->path, room * sizeof *grown);
        if (!grown) {
            free(path);
            return no_memory();
        }
        walk->path = grown;
        walk->room = room;
    }
    walk->path[walk->count++] = path;
    return RP_OK;
}

static rp_status add_folder(struct rp_walk *walk, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        rp_log(RP_ERROR, "walk", "%s: %s", folder, strerror(errno));
        return RP_EIO;
    }
    rp_status status = RP_OK;
    size_t size = strlen(folder);
    const char *slash = size && folder[size - 1] == '/' ? "" : "/";
    for (struct dirent *item; !status && (item = readdir(dir));) {
        struct stat stat_;
        char *path;
        if (item->d_name[0] == '.')
            continue;
        if (asprintf(&path, "%s%s%s", folder, slash, item->d_name) < 0) {
            status = no_memory();
        } else if (stat(path, &stat_)) {
            rp_log(RP_WARN, "walk", "%s: %s", path, strerror(errno));
            free(path);
        } else if (S_ISDIR(stat_.st_mode) && depth < DEPTH_MAX) {
            status = add_folder(walk, path, depth + 1);
            free(path);
        } else if (S_ISREG(stat_.st_mode) && is_midi(item->d_name)) {
            status = add_path(walk, path);
        } else {
            free(path);
        }
    }
    closedir(dir);
    return status;
}

static bool begins_as_midi(const char *path)
{
    char head[4];
    FILE *file = fopen(path, "rb");
    bool is = file && fread(head, sizeof head, 1, file) == 1 &&
              (!memcmp(head, "MThd", 4) || !memcmp(head, "RIFF", 4));
    if (file)
        fclose(file);
    return is;
}

rp_status rp_walk_add(struct rp_walk *walk, const char *path)
{
    struct stat stat_;
    char *copy;
    if (stat(path, &stat_) || !S_ISREG(stat_.st_mode))
        return add_folder(walk, path, 0);
    if (!is_midi(path) && !begins_as_midi(path)) {
        rp_log(RP_ERROR, "walk",
               "%s: expected a folder, a .mid, or what 'riposte prepare' "
               "writes",
               path);
        return RP_EFORMAT;
    }
    return (copy = strdup(path)) ? add_path(walk, copy) : no_memory();
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void rp_walk_sort(struct rp_walk *walk)
{
    uint32_t kept = 0;
    if (walk->count)
        qsort(walk->path, walk->count, sizeof *walk->path, compare);
    for (uint32_t i = 0; i < walk->count; i++) {
        if (kept && !strcmp(walk->path[kept - 1], walk->path[i]))
            free(walk->path[i]);
        else
            walk->path[kept++] = walk->path[i];
    }
    walk->count = kept;
}

void rp_walk_fini(struct rp_walk *walk)
{
    for (uint32_t i = 0; i < walk->count; i++)
        free(walk->path[i]);
    free(walk->path);
    *walk = (struct rp_walk){0};
}
