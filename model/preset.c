#include "model/preset.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/ini.h"
#include "rt/log.h"

enum { FOLDERS = 5 };

struct folders {
    char path[FOLDERS][PATH_MAX];
    uint32_t count;
};

static void add_folder(struct folders *folders, const char *base,
                       const char *below)
{
    char *path = folders->path[folders->count];

    if (base && *base &&
        snprintf(path, PATH_MAX, "%s%s", base, below) < PATH_MAX) {
        folders->count++;
    }
}

/* PREFIX of PREFIX/bin/riposte: an installation may be moved, or not yet be
 * where it will be. */
static const char *find_prefix(char *path)
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

    path[length < 0 ? 0 : length] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(path, '/');

        if (!slash) {
            return NULL;
        }
        *slash = '\0';
    }
    return path;
}

static void find_folders(struct folders *folders)
{
    const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME");
    char prefix[PATH_MAX];

    folders->count = 0;
    add_folder(folders, getenv("RIPOSTE_PRESETS"), "");
    if (data && *data) {
        add_folder(folders, data, "/riposte/presets");
    } else {
        add_folder(folders, home, "/.local/share/riposte/presets");
    }
    add_folder(folders, find_prefix(prefix), "/" RP_DATADIR "/riposte/presets");
    add_folder(folders, RP_SOURCE_PRESETS, "");
    add_folder(folders, RP_DATA_PRESETS, "");
}

/* Beside the preset unless it is absolute. NULL: out of memory. */
static char *beside(const char *preset, const char *model)
{
    const char *slash = strrchr(preset, '/');
    char *path;

    if (*model == '/' || !slash) {
        return strdup(model);
    }
    if (asprintf(&path, "%.*s%s", (int)(slash - preset) + 1, preset, model) <
        0) {
        return NULL;
    }
    return path;
}

static void list_keys(char *text, size_t size)
{
    int used = snprintf(text, size, "about, model");

    for (int i = 0; i < RP_SETTINGS && used < (int)size; i++) {
        used += snprintf(text + used, size - (size_t)used, ", %s",
                         rp_settings[i].key);
    }
    if (used < (int)size) {
        snprintf(text + used, size - (size_t)used,
                 ", cc1 to cc119, note0 to note127");
    }
}

/* A controller that turns a knob. */
static rp_status read_mapping(struct rp_preset *preset,
                              const struct rp_ini_line *line)
{
    struct rp_mapping mapping, *more;
    char why[512];

    if (rp_mapping_read(line->key, line->value, &mapping, why, sizeof(why)) !=
        RP_OK) {
        return rp_ini_refuse(line, "%s = '%.60s': %s", line->key, line->value,
                             why);
    }
    for (uint32_t i = 0; i < preset->mappings; i++) {
        if (preset->mapping[i].controller == mapping.controller &&
            preset->mapping[i].channel == mapping.channel) {
            return rp_ini_refuse(line, "'%s' is set a second time", line->key);
        }
    }
    more = realloc(preset->mapping, (preset->mappings + 1) * sizeof(*more));
    if (!more) {
        return RP_EMEM;
    }
    preset->mapping = more;
    more[preset->mappings++] = mapping;
    return RP_OK;
}

static rp_status read_setting(struct rp_preset *preset,
                              const struct rp_ini_line *line)
{
    char keys[400];
    int id = rp_setting_find(line->key);

    if (id < 0) {
        list_keys(keys, sizeof(keys));
        return rp_ini_refuse(line, "unknown key '%.40s'; expected one of %s",
                             line->key, keys);
    }
    if (preset->set & 1u << id) {
        return rp_ini_refuse(line, "'%s' is set a second time", line->key);
    }
    if (rp_setting_read(id, line->value, &preset->knobs) != RP_OK) {
        return rp_ini_refuse(line, "%s = '%.60s': expected %s", line->key,
                             line->value, rp_settings[id].want);
    }
    preset->set |= 1u << id;
    return RP_OK;
}

static rp_status read_line(void *self, const struct rp_ini_line *line)
{
    struct rp_preset *preset = self;
    char **text;

    if (rp_mapping_is_key(line->key)) {
        return read_mapping(preset, line);
    }
    if (strcmp(line->key, "about") && strcmp(line->key, "model")) {
        return read_setting(preset, line);
    }
    text = *line->key == 'm' ? &preset->model : &preset->about;
    if (*text) {
        return rp_ini_refuse(line, "'%s' is set a second time", line->key);
    }
    *text = text == &preset->model ? beside(preset->path, line->value)
                                   : strdup(line->value);
    return *text ? RP_OK : RP_EMEM;
}

/* NAME of .../NAME.ini. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);

    if (length > 4 && !strcmp(name + length - 4, ".ini")) {
        length -= 4;
    }
    return strndup(name, length);
}

static rp_status fill_gaps(struct rp_preset *preset)
{
    char file[NAME_MAX + 16];

    if (!preset->model) {
        snprintf(file, sizeof(file), "%s.safetensors", preset->name);
        preset->model = beside(preset->path, file);
    }
    if (!preset->about) {
        preset->about = strdup("");
    }
    return preset->model && preset->about ? RP_OK : RP_EMEM;
}

static rp_status read_preset(const char *path, struct rp_preset *out)
{
    struct rp_preset preset = {.path = strdup(path), .name = name_of(path)};
    rp_status status = preset.path && preset.name ? RP_OK : RP_EMEM;

    rp_knobs_init(&preset.knobs);
    if (status == RP_OK) {
        status = rp_ini_read("preset", path, false, read_line, &preset);
    }
    if (status == RP_OK) {
        status = fill_gaps(&preset);
    }
    if (status != RP_OK) {
        rp_preset_fini(&preset);
        return status;
    }
    *out = preset;
    return RP_OK;
}

rp_status rp_preset_find(const char *name, struct rp_preset *preset)
{
    struct folders folders;
    char path[PATH_MAX + NAME_MAX], names[256];
    size_t length = strlen(name);

    if (strchr(name, '/') ||
        (length > 4 && !strcmp(name + length - 4, ".ini"))) {
        return read_preset(name, preset);
    }
    find_folders(&folders);
    for (uint32_t i = 0; i < folders.count; i++) {
        if (snprintf(path, sizeof(path), "%s/%s.ini", folders.path[i], name) <
                (int)sizeof(path) &&
            !access(path, F_OK)) {
            return read_preset(path, preset);
        }
    }
    rp_preset_names(names, sizeof(names));
    rp_log(RP_ERROR, "preset", "no preset '%s'; there %s", name,
           *names ? names : "is none at all");
    return RP_ENONE;
}

void rp_preset_fini(struct rp_preset *preset)
{
    free(preset->name);
    free(preset->path);
    free(preset->model);
    free(preset->about);
    free(preset->mapping);
    preset->mapping = NULL;
    preset->mappings = 0;
    preset->name = preset->path = preset->model = preset->about = NULL;
}

struct found {
    char **path;
    uint32_t count;
};

static void free_found(struct found *found)
{
    for (uint32_t i = 0; i < found->count; i++) {
        free(found->path[i]);
    }
    free(found->path);
}

static bool same_name(const char *a, const char *b)
{
    return !strcmp(strrchr(a, '/'), strrchr(b, '/'));
}

/* Keeps the first of a name: an earlier folder hides a later one. */
static rp_status add_found(struct found *found, const char *folder,
                           const char *file)
{
    char **more, *path;

    if (asprintf(&path, "%s/%s", folder, file) < 0) {
        return RP_EMEM;
    }
    for (uint32_t i = 0; i < found->count; i++) {
        if (same_name(found->path[i], path)) {
            free(path);
            return RP_OK;
        }
    }
    more = realloc(found->path, (found->count + 1) * sizeof(*more));
    if (!more) {
        free(path);
        return RP_EMEM;
    }
    found->path = more;
    found->path[found->count++] = path;
    return RP_OK;
}

static rp_status scan_folder(struct found *found, const char *folder)
{
    DIR *dir = opendir(folder);
    rp_status status = RP_OK;
    struct dirent *entry;

    if (!dir) {
        return RP_OK; /* most of the places do not exist */
    }
    while (status == RP_OK && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);

        if (length > 4 && entry->d_name[0] != '.' &&
            !strcmp(entry->d_name + length - 4, ".ini")) {
            status = add_found(found, folder, entry->d_name);
        }
    }
    closedir(dir);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(strrchr(*(char *const *)a, '/'),
                  strrchr(*(char *const *)b, '/'));
}

static rp_status find_all(struct found *found)
{
    struct folders folders;
    rp_status status = RP_OK;

    *found = (struct found){0};
    find_folders(&folders);
    for (uint32_t i = 0; i < folders.count && status == RP_OK; i++) {
        status = scan_folder(found, folders.path[i]);
    }
    if (found->count) {
        qsort(found->path, found->count, sizeof(*found->path), by_name);
    }
    return status;
}

rp_status rp_preset_list(void (*each)(void *self,
                                      const struct rp_preset *preset),
                         void *self)
{
    struct found found;
    rp_status status = find_all(&found);

    for (uint32_t i = 0; i < found.count; i++) {
        struct rp_preset preset;
        rp_status one = read_preset(found.path[i], &preset);

        if (one == RP_OK) {
            each(self, &preset);
            rp_preset_fini(&preset);
        } else {
            status = one; /* was logged; the others are still listed */
        }
    }
    free_found(&found);
    return status;
}

void rp_preset_names(char *text, size_t size)
{
    struct found found;
    int used = 0;

    *text = '\0';
    if (find_all(&found) == RP_OK && found.count) {
        used = snprintf(text, size, found.count > 1 ? "are" : "is");
        for (uint32_t i = 0; i < found.count && used < (int)size; i++) {
            char *name = name_of(found.path[i]);

            used += snprintf(text + used, size - (size_t)used, "%s %s",
                             i ? "," : "", name ? name : "");
            free(name);
        }
    }
    free_found(&found);
}

void rp_preset_apply(const struct rp_preset *preset, struct rp_knobs *knobs)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        if (preset->set & 1u << i) {
            rp_setting_copy(i, knobs, &preset->knobs);
        }
    }
}
