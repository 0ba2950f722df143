/* A preset is a named set-up: NAME.ini (commented settings) and the weights it
 * names. A model is weights made ready to run: shape, parameters, card. */
#ifndef RP_PRESET_H
#define RP_PRESET_H

#include "model/net/checkpoint.h"
#include "model/net/engine.h"
#include "rt/link.h"

struct rp_model {
    char *path;
    struct rp_shape shape;
    float *params; /* rp_layout.size floats */
    struct rp_card card;
    const struct rp_engine_ops *ops; /* engine it will run on */
};
RP_MUST rp_status rp_model_load(const char *path, const char *engine,
                                struct rp_model *model);
void rp_model_fini(struct rp_model *model);

struct rp_preset {
    char *name, *path;
    char *model; /* path of the weights, resolved beside the .ini */
    char *about; /* one line */
    /* Settings the file names; `set` has one bit per key of the table in
     * preset.c. The same words as command-line options. */
    struct rp_knobs knobs;
};

/* Looks in $RIPOSTE_PRESETS, $XDG_DATA_HOME/riposte/presets, the source tree
 * the program was built from, and the installed data folder. NAME may also be
 * a path of an .ini. Errors carry path:line. Unknown keys are errors. */
RP_MUST rp_status rp_preset_find(const char *name, struct rp_preset *preset);
void rp_preset_fini(struct rp_preset *preset);
/* Every preset that can be found, in order of name. */
RP_MUST rp_status rp_preset_list(void (*each)(void *self,
                                              const struct rp_preset *preset),
                                 void *self);

/* Program defaults; then a preset's; then the command line's. */
void rp_knobs_init(struct rp_knobs *knobs);
void rp_knobs_copy(struct rp_knobs *to, const struct rp_knobs *from);

#endif
