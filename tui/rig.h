/* A rig is what is set up to play: knobs, preset, model, performer, session.
 * Everything here is main's. */
#ifndef RP_RIG_H
#define RP_RIG_H

#include "model/play/performer.h"
#include "model/preset.h"
#include "rt/session.h"
#include "tui/learn.h"

enum { RP_RIG_MODELS = 8 };

struct rp_rig {
    struct rp_knobs knobs;
    struct rp_preset preset;
    const char *engine; /* as asked for: "auto" */
    /* The last is the newest; the ones before it wait until the performer
     * has let go of them. */
    struct rp_model *model[RP_RIG_MODELS];
    uint32_t models;
    struct rp_performer *performer;
    struct rp_session *session;
    uint32_t rate, period;
    struct rp_learn learn;
    bool live;
    /* Live, what controllers chose since the last poll: only the last counts,
     * a model is not loaded for each. */
    int chosen; /* place of a preset; -1: none */
    int steps;
    uint32_t missing; /* place of the last one that is not there */
};

/* The preset (its model, unless `model` names another) and its settings.
 * rp_rig_fini in any case. */
RP_MUST rp_status rp_rig_load(struct rp_rig *rig, const char *preset,
                              const char *model, const char *engine);
/* Session and performer, with rig->knobs as they are now; nothing sounds yet.
 * `options` needs no knobs and no performing. */
RP_MUST rp_status rp_rig_open(struct rp_rig *rig,
                              const struct rp_session_options *options);
RP_MUST rp_status rp_rig_start(struct rp_rig *rig);
/* Ends every note, the threads and the take; as rp_session_stop. */
rp_status rp_rig_stop(struct rp_rig *rig);
void rp_rig_fini(struct rp_rig *rig);

/* While it plays: another preset, its settings with it but for tempo and
 * metre. On failure (logged) everything stays as it was. */
RP_MUST rp_status rp_rig_preset(struct rp_rig *rig, const char *name);
/* By place in the list of all, from 0; so many further, round; how many. */
void rp_rig_preset_at(struct rp_rig *rig, uint32_t place);
void rp_rig_step_preset(struct rp_rig *rig, int steps);
uint32_t rp_rig_presets(void);
/* "tempo" "120", "preset" "melody", "panic" "1", "hand-over" "1"; "learn"
 * "tempo" (the next controller turns it), "none" or "cc21=tempo", "forget"
 * "tempo". RP_EARG is logged. */
RP_MUST rp_status rp_rig_turn(struct rp_rig *rig, const char *key,
                              const char *value);
/* A deed whose value does not matter. */
bool rp_rig_is_plain(const char *key);
/* Whether rp_rig_turn would take it; logs why not. */
RP_MUST rp_status rp_rig_check(const char *key, const char *value);
void rp_rig_panic(struct rp_rig *rig);
/* Ends the turn, whoever has it. */
void rp_rig_hand_over(struct rp_rig *rig);
/* RP_KNOB_PANIC or RP_KNOB_HAND_OVER. */
void rp_rig_press(struct rp_rig *rig, int knob);
/* About 30 times a second: the session's turn, and models that were let go. */
void rp_rig_poll(struct rp_rig *rig);

#endif
