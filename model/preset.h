/* A preset is a named set-up: NAME.ini (commented settings) and the weights it
 * names. A model is weights made ready to run: shape, parameters, card. */
#ifndef RP_PRESET_H
#define RP_PRESET_H

#include "model/mapping.h"
#include "model/net/checkpoint.h"
#include "model/net/engine.h"
#include "model/setting.h"

struct rp_model {
    char *path;
    struct rp_shape shape;
    float *params; /* rp_layout.size floats */
    struct rp_card card;
    const struct rp_engine_ops *ops; /* engine it will run on */
    const struct rp_engine_ops *thinks; /* whose rollouts; NULL: the same */
};
RP_MUST rp_status rp_model_load(const char *path, const char *engine,
                                struct rp_model *model);
void rp_model_fini(struct rp_model *model);
/* Whether it has learned single lines. */
bool rp_model_is_melodic(const struct rp_model *model);

struct rp_preset {
    char *name, *path;
    char *model; /* path of the weights, resolved beside the .ini */
    char *about; /* one line */
    /* Settings the file names: bit i of `set` says that rp_settings[i] is
     * named. The others hold the program's defaults. */
    uint32_t set;
    struct rp_knobs knobs;
    struct rp_mapping *mapping; /* its own controllers */
    uint32_t mappings;
};

/* Looks in $RIPOSTE_PRESETS, $XDG_DATA_HOME/riposte/presets, the data folder
 * beside the program, the source tree it was built from, and the data folder
 * it was made for. NAME may also be a path of an .ini. Errors carry path:line. Unknown keys are errors. */
RP_MUST rp_status rp_preset_find(const char *name, struct rp_preset *preset);
void rp_preset_fini(struct rp_preset *preset);
/* Every preset that can be found, in order of name. */
RP_MUST rp_status rp_preset_list(void (*each)(void *self,
                                              const struct rp_preset *preset),
                                 void *self);

/* Only what the preset names. Main thread. */
void rp_preset_apply(const struct rp_preset *preset, struct rp_knobs *knobs);
/* "is melody" or "are drums, melody", for messages; "" when there is none. */
void rp_preset_names(char *text, size_t size);

#endif
