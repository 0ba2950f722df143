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

enum { DEPTH_MAX = 32 }; /* folders in folders */

/* A folder and those that it is in, so that a loop of links ends. */
struct place {
    const struct place *outer;
    dev_t device;
    ino_t number;
    int depth;
};

static bool is_within(const struct place *place, const struct stat *folder)
{
    for (; place; place = place->outer)
        if (place->device == folder->st_dev && place->number == folder->st_ino)
            return true;
    return false;
}

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

static rp_status add_folder(struct rp_walk *walk, const char *folder,
                            const struct place *outer);

/* What is in a folder: a folder, a .mid, or nothing of ours. Takes `path`
 * over. */
static rp_status add_item(struct rp_walk *walk, char *path,
                          const struct place *place)
{
    rp_status status = RP_OK;
    struct stat about;

    if (stat(path, &about)) {
        rp_log(RP_WARN, "walk", "%s: %s", path, strerror(errno));
    } else if (S_ISREG(about.st_mode) && is_midi(path)) {
        return add_path(walk, path);
    } else if (S_ISDIR(about.st_mode) && place->depth < DEPTH_MAX &&
               !is_within(place, &about)) {
        status = add_folder(walk, path, place);
        /* Said already; the rest can be read. */
        status = status == RP_EIO ? RP_OK : status;
    }
    free(path);
    return status;
}

static rp_status add_folder(struct rp_walk *walk, const char *folder,
                            const struct place *outer)
{
    struct place place = {.outer = outer};
    struct stat about;
    DIR *dir = opendir(folder);
    if (!dir || fstat(dirfd(dir), &about)) {
        rp_log(outer ? RP_WARN : RP_ERROR, "walk", "%s: %s", folder,
               strerror(errno));
        if (dir)
            closedir(dir);
        return RP_EIO;
    }
    place.depth = outer ? outer->depth + 1 : 0;
    place.device = about.st_dev;
    place.number = about.st_ino;
    rp_status status = RP_OK;
    size_t size = strlen(folder);
    const char *slash = size && folder[size - 1] == '/' ? "" : "/";
    for (struct dirent *item; !status && (item = readdir(dir));) {
        char *path;
        if (item->d_name[0] == '.')
            continue;
        if (asprintf(&path, "%s%s%s", folder, slash, item->d_name) < 0)
            status = no_memory();
        else
            status = add_item(walk, path, &place);
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
        return add_folder(walk, path, NULL);
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
