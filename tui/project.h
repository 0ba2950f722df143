/* What a session manager keeps of a run, in a folder of its own: riposte.ini
 * (preset and settings, as last saved), learn.ini and ports (controllers and
 * connections, kept up to date as they change) and take.mid. Main's. */
#ifndef RP_PROJECT_H
#define RP_PROJECT_H

#include <limits.h>

#include "tui/rig.h"

enum { RP_PROJECT_TEXT = 4096 };

struct rp_project {
    char *folder;
    char *ini, *learn, *ports, *take; /* the files in it */
    bool there;           /* it was saved before; else it is a new one */
    char *preset, *model; /* NULL: not named; a model is no preset's */
    uint32_t set;         /* bit i: rp_settings[i] is named */
    struct rp_knobs knobs;
    char saved[RP_PROJECT_TEXT]; /* as it was read or saved last */
    /* How the preset is written that was at `path`. */
    char *path, *written;
};

/* Makes the folder where there is none. RP_EFORMAT is logged with path:line.
 * rp_project_fini in any case. */
RP_MUST rp_status rp_project_open(struct rp_project *project,
                                  const char *folder);
void rp_project_fini(struct rp_project *project);

/* Over whatever the preset sets. */
void rp_project_apply(const struct rp_project *project, struct rp_knobs *knobs);

/* It has just been opened: as the rig is now, it was saved, unless it is new.
 */
void rp_project_settle(struct rp_project *project, const struct rp_rig *rig);
/* The rig is as it was saved. */
bool rp_project_is_saved(struct rp_project *project, const struct rp_rig *rig);
RP_MUST rp_status rp_project_save(struct rp_project *project,
                                  const struct rp_rig *rig);

#endif
