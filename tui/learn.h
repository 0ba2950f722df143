/* MIDI learn: which controllers turn which knobs. Three layers, the later
 * wins: the user's learn.ini, the preset's lines, the command line's. What is
 * learned while it plays goes to the user's. Main's; the audio thread only
 * reads `taken`. */
#ifndef RP_LEARN_H
#define RP_LEARN_H

#include <limits.h>

#include "model/mapping.h"
#include "model/preset.h"
#include "rt/controls.h"

enum rp_learn_layer {
    RP_LEARN_USER,
    RP_LEARN_PRESET,
    RP_LEARN_LINE,
    RP_LEARN_LAYERS
};
enum {
    RP_LEARN_MAPS = 256, /* of one layer */
    RP_LEARN_VALUES = 16 /* that may tell of what kind a controller is */
};

struct rp_learn_map {
    struct rp_mapping mapping;
    struct rp_mapping_hand hand;
    int wait; /* as rp_mapping_turn said it last */
};

struct rp_learn {
    struct rp_taken taken;
    uint32_t maps[RP_LEARN_LAYERS];
    struct rp_learn_map map[RP_LEARN_LAYERS][RP_LEARN_MAPS];
    int learning; /* the knob that the next controller turns; -1: none */
    struct rp_learn_ear {
        uint8_t channel, controller; /* that was learned last */
        double before;               /* the knob's value then */
        uint32_t count;              /* values since; 0: enough was heard */
        uint8_t value[RP_LEARN_VALUES];
    } ear;
    char path[PATH_MAX]; /* of the user's file; empty: neither read nor kept */
    struct rp_knobs *knobs;
    /* What is no setting: a press, or a preset by its place (steps: from the
     * one that is played). */
    void *self;
    void (*press)(void *self, int knob);
    void (*preset)(void *self, int place, bool steps);
};

void rp_learn_init(struct rp_learn *learn, struct rp_knobs *knobs);
/* $XDG_CONFIG_HOME/riposte/learn.ini; empty where there is no such place. */
void rp_learn_place(char *path, size_t size);
/* Reads the user's file, and keeps there what is learned from now on. A bad
 * one is an error with path:line; none is fine. */
RP_MUST rp_status rp_learn_open(struct rp_learn *learn, const char *path);
/* "cc21=temperature"; what is wrong is logged. */
RP_MUST rp_status rp_learn_line(struct rp_learn *learn, const char *line);
/* Another preset's lines instead of the last one's. */
void rp_learn_preset(struct rp_learn *learn, const struct rp_preset *preset);

/* A controller was moved or a key pressed; others are passed over. */
void rp_learn_hear(struct rp_learn *learn, struct rp_event event);

/* The next controller turns this knob; -1: none does. */
void rp_learn_begin(struct rp_learn *learn, int knob);
/* Here and in the user's file. RP_EIO: it could not be kept there. */
RP_MUST rp_status rp_learn_add(struct rp_learn *learn,
                               const struct rp_mapping *mapping);
/* What turns a knob no longer does, or a controller ("cc21") no longer turns
 * any. RP_EARG is logged. */
RP_MUST rp_status rp_learn_forget(struct rp_learn *learn, const char *what);

/* In the panel: changes how the controller in force turns the knob. */
enum rp_learn_change {
    RP_LEARN_KIND,  /* the next kind */
    RP_LEARN_FROM,  /* its range begins, */
    RP_LEARN_TO,    /* ends at the knob's value now */
    RP_LEARN_CURVE, /* the next curve */
    RP_LEARN_JUMP   /* jump or pickup */
};
void rp_learn_change(struct rp_learn *learn, int knob,
                     enum rp_learn_change change);

/* The map in force: of a controller, of a knob (the first). NULL: none. */
const struct rp_learn_map *rp_learn_find(const struct rp_learn *learn,
                                         uint8_t channel, uint8_t controller);
const struct rp_learn_map *rp_learn_of(const struct rp_learn *learn, int knob);
/* "cc21", with < or > while it waits to be moved there; "" for none. */
void rp_learn_label(const struct rp_learn *learn, int knob, char *text,
                    size_t size);

#endif
