#include "tui/project.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rt/ini.h"
#include "rt/log.h"
#include "rt/replace.h"
#include "tui/said.h"

/* ---- reading ---- */

static rp_status read_text(const struct rp_ini_line *line, char **text)
{
    if (*text) {
        return rp_ini_refuse(line, "'%s' is set a second time", line->key);
    }
    *text = strdup(line->value);
    return *text ? RP_OK : RP_EMEM;
}

static rp_status read_line(void *self, const struct rp_ini_line *line)
{
    struct rp_project *project = self;
    int id = rp_setting_find(line->key);

    if (!strcmp(line->key, "preset")) {
        return read_text(line, &project->preset);
    }
    if (!strcmp(line->key, "model")) {
        return read_text(line, &project->model);
    }
    if (id < 0) {
        return rp_ini_refuse(line,
                             "unknown key '%.40s'; expected preset, model or "
                             "a setting",
                             line->key);
    }
    if (project->set & 1u << id) {
        return rp_ini_refuse(line, "'%s' is set a second time", line->key);
    }
    if (rp_setting_read(id, line->value, &project->knobs) != RP_OK) {
        return rp_ini_refuse(line, "%s = '%.60s': expected %s", line->key,
                             line->value, rp_settings[id].want);
    }
    project->set |= 1u << id;
    return RP_OK;
}

/* With all that is above it. */
static rp_status make_folder(const char *path)
{
    char *copy = strdup(path);
    int error = copy ? 0 : ENOMEM;

    for (char *c = copy; c && *c && !error; c++) {
        if (*c == '/' && c > copy) {
            *c = '\0';
            error = mkdir(copy, 0777) && errno != EEXIST ? errno : 0;
            *c = '/';
        }
    }
    if (!error && mkdir(copy, 0777) && errno != EEXIST) {
        error = errno;
    }
    free(copy);
    if (error) {
        rp_log(RP_ERROR, "project", "%s: cannot make the folder: %s", path,
               strerror(error));
        return RP_EIO;
    }
    return RP_OK;
}

static bool name_file(const struct rp_project *project, const char *name,
                      char **path)
{
    if (asprintf(path, "%s/%s", project->folder, name) < 0) {
        *path = NULL;
    }
    return *path != NULL;
}

rp_status rp_project_open(struct rp_project *project, const char *folder)
{
    rp_status status = RP_EMEM;

    memset(project, 0, sizeof(*project));
    rp_knobs_init(&project->knobs);
    project->folder = strdup(folder);
    if (project->folder && name_file(project, "riposte.ini", &project->ini) &&
        name_file(project, "learn.ini", &project->learn) &&
        name_file(project, "ports", &project->ports) &&
        name_file(project, "take.mid", &project->take)) {
        status = make_folder(folder);
    }
    if (status == RP_OK) {
        status = rp_ini_read("project", project->ini, true, read_line, project);
        project->there = status == RP_OK;
        status = status == RP_ENONE ? RP_OK : status;
    }
    return status;
}

void rp_project_fini(struct rp_project *project)
{
    free(project->folder);
    free(project->ini);
    free(project->learn);
    free(project->ports);
    free(project->take);
    free(project->preset);
    free(project->model);
    free(project->path);
    free(project->written);
    memset(project, 0, sizeof(*project));
}

void rp_project_apply(const struct rp_project *project, struct rp_knobs *knobs)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        if (project->set & 1u << i) {
            rp_setting_copy(i, knobs, &project->knobs);
        }
    }
}

/* ---- saving ---- */

/* By name where the name finds it, so that the project survives an update of
 * riposte, or another machine; else by its whole path. */
static char *write_preset(const struct rp_preset *preset)
{
    struct rp_preset found;
    struct rp_said said; /* that the name finds nothing is no error */
    char *whole = NULL;
    bool same = false;

    rp_said_begin(&said);
    if (rp_preset_find(preset->name, &found) == RP_OK) {
        same = !strcmp(found.path, preset->path);
        rp_preset_fini(&found);
    }
    rp_said_end(&said);
    if (!same) {
        whole = realpath(preset->path, NULL);
    }
    return whole ? whole : strdup(same ? preset->name : preset->path);
}

/* 30 times a second: the preset is looked up when it is another one. */
static const char *preset_of(struct rp_project *project,
                             const struct rp_rig *rig)
{
    if (!project->path || strcmp(project->path, rig->preset.path)) {
        free(project->path);
        free(project->written);
        project->path = strdup(rig->preset.path);
        project->written = write_preset(&rig->preset);
    }
    return project->written ? project->written : rig->preset.name;
}

static void print(struct rp_project *project, const struct rp_rig *rig,
                  char *text)
{
    const char *model =
        rig->models ? rig->model[rig->models - 1]->path : rig->preset.model;
    char value[64];
    int used = snprintf(text, RP_PROJECT_TEXT,
                        "# riposte keeps preset and settings here.\n"
                        "preset = %s\n",
                        preset_of(project, rig));

    if (strcmp(model, rig->preset.model) && used < RP_PROJECT_TEXT) {
        used += snprintf(text + used, (size_t)(RP_PROJECT_TEXT - used),
                         "model = %s\n", model);
    }
    for (int i = 0; i < RP_SETTINGS && used < RP_PROJECT_TEXT; i++) {
        rp_setting_print(i, &rig->knobs, value, sizeof(value));
        used += snprintf(text + used, (size_t)(RP_PROJECT_TEXT - used),
                         "%s = %s\n", rp_settings[i].key, value);
    }
}

void rp_project_settle(struct rp_project *project, const struct rp_rig *rig)
{
    if (project->there) {
        print(project, rig, project->saved);
    }
}

bool rp_project_is_saved(struct rp_project *project, const struct rp_rig *rig)
{
    char text[RP_PROJECT_TEXT];

    print(project, rig, text);
    return !strcmp(text, project->saved);
}

rp_status rp_project_save(struct rp_project *project, const struct rp_rig *rig)
{
    char text[RP_PROJECT_TEXT];
    rp_status status;

    print(project, rig, text);
    status = rp_replace_file("project", project->ini, text, strlen(text));
    if (status == RP_OK) {
        memcpy(project->saved, text, sizeof(text));
        project->there = true;
    }
    return status;
}
