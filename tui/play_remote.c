/* The run as others steer it: OSC, and a session manager. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/replace.h"
#include "tui/cli.h"
#include "tui/nsm.h"
#include "tui/osc.h"
#include "tui/play.h"
#include "tui/said.h"

static void tell_seen(void *self, const struct rp_seen *seen)
{
    struct rp_play *play = self;

    rp_osc_seen(play->osc, seen);
}

void rp_play_attach(struct rp_play *play)
{
    if (play->osc) {
        play->watch.seen = tell_seen;
        play->watch.seen_self = play;
    }
}

/* ---- a session manager ---- */

/* A new project begins with the controllers that the player has learned. They
 * are read, and refused, where the rig is loaded. */
static rp_status copy_learn(const struct rp_project *project)
{
    char path[PATH_MAX], text[65536];
    rp_status status = RP_OK;
    FILE *file;
    size_t size;

    if (!access(project->learn, F_OK)) {
        return RP_OK; /* it was learned in, and never saved */
    }
    rp_learn_place(path, sizeof(path));
    file = *path ? fopen(path, "re") : NULL;
    if (file) {
        size = fread(text, 1, sizeof(text), file);
        fclose(file);
        status = rp_replace_file("project", project->learn, text, size);
    }
    return status;
}

static rp_status open_project(struct rp_play *play, struct rp_project *project)
{
    struct rp_said said;
    rp_status status;

    rp_said_begin(&said);
    status = rp_project_open(project, rp_nsm_folder(play->nsm));
    if (status == RP_OK) {
        status = copy_learn(project);
    }
    rp_said_end(&said);
    rp_said_log(&said);
    if (status != RP_OK) {
        rp_nsm_answer(play->nsm, status,
                      *said.text ? said.text : "out of memory");
        rp_project_fini(project);
    }
    return status;
}

rp_status rp_play_join(struct rp_play *play)
{
    const char *url = getenv("NSM_URL");

    if (url && *url) {
        rp_nsm_open(&play->nsm, url);
    }
    if (!play->nsm || !*rp_nsm_folder(play->nsm)) {
        return RP_OK;
    }
    rp_nsm_progress(play->nsm, 0);
    return open_project(play, &play->project);
}

void rp_play_leave(struct rp_play *play)
{
    rp_project_fini(&play->project);
    rp_nsm_close(play->nsm);
    play->nsm = NULL;
}

/* The preset is what people know a run by. */
static void tell_preset(struct rp_play *play)
{
    char text[RP_PANEL_TEXT + 96];

    if (!strcmp(play->told, play->rig.preset.name)) {
        return;
    }
    snprintf(play->told, sizeof(play->told), "%s", play->rig.preset.name);
    snprintf(text, sizeof(text), "preset %s, %s", play->told,
             play->panel.backend);
    rp_nsm_message(play->nsm, 0, text);
    rp_nsm_label(play->nsm, play->told);
}

void rp_play_opened(struct rp_play *play, rp_status status)
{
    if (!play->nsm) {
        return;
    }
    if (status != RP_OK) {
        rp_nsm_answer(play->nsm, status,
                      rp_exit_meanings[rp_exit_code(status)]);
        return;
    }
    if (play->project.folder) {
        rp_project_settle(&play->project, &play->rig);
    }
    rp_nsm_progress(play->nsm, 1);
    rp_nsm_answer(play->nsm, RP_OK, "open");
    *play->told = '\0';
}

static void save(struct rp_play *play)
{
    struct rp_said said;
    rp_status status;

    rp_said_begin(&said);
    status = rp_project_save(&play->project, &play->rig);
    rp_said_end(&said);
    rp_said_log(&said);
    if (status == RP_OK) {
        rp_log(RP_INFO, "nsm", "saved in %s", play->project.folder);
    }
    rp_nsm_answer(play->nsm, status,
                  status == RP_OK ? "saved"
                  : *said.text    ? said.text
                                  : "out of memory");
}

/* Another project: this run ends, and the next begins. One that cannot be read
 * changes nothing. */
static void turn_to(struct rp_play *play)
{
    if (open_project(play, &play->next) == RP_OK) {
        rp_nsm_progress(play->nsm, 0);
        play->again = true;
    }
}

static void obey_manager(struct rp_play *play)
{
    enum rp_nsm_ask ask;

    while (!play->again && (ask = rp_nsm_next(play->nsm))) {
        if (ask == RP_NSM_SAVE && play->project.folder) {
            save(play);
        } else if (ask == RP_NSM_SAVE) {
            rp_nsm_answer(play->nsm, RP_EARG, "nothing is open");
        } else {
            turn_to(play);
        }
    }
    if (play->project.folder && !play->again) {
        rp_nsm_dirty(play->nsm,
                     !rp_project_is_saved(&play->project, &play->rig));
    }
    tell_preset(play);
}

bool rp_play_turns(struct rp_play *play)
{
    if (!play->again) {
        return false;
    }
    play->again = false;
    rp_project_fini(&play->project);
    play->project = play->next;
    memset(&play->next, 0, sizeof(play->next));
    play->began = 0;
    return true;
}

/* ---- main's turn ---- */

void rp_play_poll(struct rp_play *play)
{
    rp_watch_poll(&play->watch);
    if (play->osc) {
        rp_osc_poll(play->osc, &play->rig, &play->panel);
        rp_osc_look(play->osc, &play->panel.osc);
    }
    if (play->nsm) {
        obey_manager(play);
    }
}
