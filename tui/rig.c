#include "tui/rig.h"

#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

/* The session is made before the performer, whose rate and period it knows;
 * its thread starts only after both. */
static void perform(void *self, rp_frame until, struct rp_ring *in,
                    struct rp_ring *out)
{
    struct rp_rig *rig = self;

    rp_performer_run(rig->performer, until, in, out);
}

static rp_frame wake(void *self)
{
    struct rp_rig *rig = self;

    return rp_performer_wake(rig->performer);
}

static rp_status load_model(struct rp_rig *rig, const char *path)
{
    struct rp_model *model;
    rp_status status;

    if (rig->models == RP_RIG_MODELS) {
        rp_log(RP_ERROR, "rig", "too many presets at once; wait a moment");
        return RP_EARG;
    }
    model = calloc(1, sizeof(*model));
    if (!model) {
        return RP_EMEM;
    }
    status = rp_model_load(path, rig->engine, model);
    if (status != RP_OK) {
        free(model);
        return status;
    }
    rig->model[rig->models++] = model;
    return RP_OK;
}

static void drop_model(struct rp_model *model)
{
    rp_model_fini(model);
    free(model);
}

/* ---- controllers ---- */

void rp_rig_press(struct rp_rig *rig, int knob)
{
    if (knob == RP_KNOB_PANIC) {
        rp_rig_panic(rig);
    } else {
        rp_rig_hand_over(rig);
    }
}

static void press(void *self, int knob)
{
    rp_rig_press(self, knob);
}

static void obey_choice(struct rp_rig *rig)
{
    int chosen = rig->chosen, steps = rig->steps;

    rig->chosen = -1;
    rig->steps = 0;
    if (chosen >= 0) {
        rp_rig_preset_at(rig, (uint32_t)chosen);
    }
    if (steps) {
        rp_rig_step_preset(rig, steps);
    }
}

static void choose_preset(void *self, int place, bool steps)
{
    struct rp_rig *rig = self;

    if (steps) {
        rig->steps += place;
    } else {
        rig->chosen = place;
        rig->steps = 0;
    }
    if (!rig->live) {
        obey_choice(rig);
    }
}

static void hear_control(void *self, struct rp_event event)
{
    struct rp_rig *rig = self;

    if ((event.data[0] & 0xf0) == RP_PROGRAM) {
        choose_preset(rig, event.data[1], false);
    } else {
        rp_learn_hear(&rig->learn, event);
    }
}

rp_status rp_rig_load(struct rp_rig *rig, const char *preset, const char *model,
                      const char *engine)
{
    rp_status status;

    memset(rig, 0, sizeof(*rig));
    rp_knobs_init(&rig->knobs);
    rp_learn_init(&rig->learn, &rig->knobs);
    rig->learn.self = rig;
    rig->learn.press = press;
    rig->learn.preset = choose_preset;
    rig->chosen = -1;
    rig->engine = engine;
    status = rp_preset_find(preset, &rig->preset);
    if (status != RP_OK) {
        return status;
    }
    rp_preset_apply(&rig->preset, &rig->knobs);
    rp_learn_preset(&rig->learn, &rig->preset);
    return load_model(rig, model ? model : rig->preset.model);
}

rp_status rp_rig_open(struct rp_rig *rig,
                      const struct rp_session_options *options)
{
    struct rp_session_options own = *options;
    struct rp_performer_options performer = {.model = rig->model[0],
                                             .knobs = &rig->knobs};
    rp_status status;

    own.knobs = &rig->knobs;
    own.performing = (struct rp_performing){rig, perform, wake};
    own.controlling =
        (struct rp_controlling){rig, hear_control, &rig->learn.taken};
    rig->live = options->realtime;
    status = rp_session_create(&rig->session, &own);
    if (status != RP_OK) {
        return status;
    }
    rp_session_format(rig->session, &rig->rate, &rig->period);
    performer.rate = rig->rate;
    performer.period = rig->period;
    performer.live = options->realtime;
    return rp_performer_create(&rig->performer, &performer);
}

rp_status rp_rig_start(struct rp_rig *rig)
{
    return rp_session_start(rig->session);
}

rp_status rp_rig_stop(struct rp_rig *rig)
{
    return rig->session ? rp_session_stop(rig->session) : RP_OK;
}

void rp_rig_fini(struct rp_rig *rig)
{
    if (rig->session) {
        rp_session_destroy(rig->session);
    }
    if (rig->performer) {
        rp_performer_destroy(rig->performer);
    }
    for (uint32_t i = 0; i < rig->models; i++) {
        drop_model(rig->model[i]);
    }
    rp_preset_fini(&rig->preset);
    memset(rig, 0, sizeof(*rig));
}

rp_status rp_rig_preset(struct rp_rig *rig, const char *name)
{
    struct rp_preset preset;
    rp_status status = rp_preset_find(name, &preset);

    if (status != RP_OK) {
        return status;
    }
    status = load_model(rig, preset.model);
    if (status == RP_OK) {
        status =
            rp_performer_model(rig->performer, rig->model[rig->models - 1]);
        if (status != RP_OK) {
            drop_model(rig->model[--rig->models]);
        }
    }
    if (status != RP_OK) {
        rp_preset_fini(&preset);
        return status;
    }
    rp_preset_fini(&rig->preset);
    rig->preset = preset;
    rp_learn_preset(&rig->learn, &preset);
    /* The beat is running: another sound must not make it stumble. */
    preset.set &= ~(1u << RP_SET_TEMPO | 1u << RP_SET_METRE | 1u << RP_SET_SYNC);
    rp_preset_apply(&preset, &rig->knobs);
    rp_session_wake(rig->session); /* nothing may be heard for long */
    rp_log(RP_INFO, "rig", "preset %s", preset.name);
    return RP_OK;
}

void rp_rig_panic(struct rp_rig *rig)
{
    rig->knobs.panic++;
}

void rp_rig_hand_over(struct rp_rig *rig)
{
    rig->knobs.hand_over++;
}

/* Keys that are no settings. */
static const char *const deeds[] = {"preset", "panic", "hand-over", "learn",
                                    "forget"};
enum deed { PRESET, PANIC, HAND_OVER, LEARN, FORGET, DEEDS };

static int find_deed(const char *key)
{
    for (int i = 0; i < DEEDS; i++) {
        if (!strcmp(deeds[i], key)) {
            return i;
        }
    }
    return -1;
}

bool rp_rig_is_plain(const char *key)
{
    int deed = find_deed(key);

    return deed == PANIC || deed == HAND_OVER;
}

/* What is learned: by a knob, by none, or a whole line. What is forgotten: a
 * knob or a controller. */
static rp_status check_learn(const char *key, const char *value)
{
    struct rp_mapping mapping;
    char why[512];
    rp_status status = RP_OK;

    if (rp_knob_find(value) >= 0) {
        return RP_OK;
    }
    if (!strcmp(key, "forget")) {
        status =
            rp_mapping_read_controller(value, &mapping, why, sizeof(why));
    } else if (strcmp(value, "none")) {
        status = rp_mapping_read_line(value, &mapping, why, sizeof(why));
    }
    if (status != RP_OK) {
        rp_log(RP_ERROR, "rig", "%s '%s': %s, or a knob", key, value, why);
    }
    return status;
}

rp_status rp_rig_check(const char *key, const char *value)
{
    struct rp_knobs scratch;
    int id = rp_setting_find(key), deed = find_deed(key);

    if (deed >= 0) {
        return deed >= LEARN ? check_learn(key, value) : RP_OK;
    }
    if (id < 0) {
        rp_log(RP_ERROR, "rig", "no knob '%s'", key);
        return RP_EARG;
    }
    rp_knobs_init(&scratch);
    if (rp_setting_read(id, value, &scratch) != RP_OK) {
        rp_log(RP_ERROR, "rig", "%s '%s': expected %s", key, value,
               rp_settings[id].want);
        return RP_EARG;
    }
    return RP_OK;
}

static rp_status learn(struct rp_rig *rig, const char *value)
{
    struct rp_mapping mapping;
    char why[512];

    if (!strchr(value, '=')) {
        rp_learn_begin(&rig->learn, rp_knob_find(value));
        return RP_OK;
    }
    if (rp_mapping_read_line(value, &mapping, why, sizeof(why)) != RP_OK) {
        return RP_EARG; /* was checked, and logged there */
    }
    return rp_learn_add(&rig->learn, &mapping);
}

rp_status rp_rig_turn(struct rp_rig *rig, const char *key, const char *value)
{
    rp_status status = rp_rig_check(key, value);

    if (status != RP_OK) {
        return status;
    }
    switch (find_deed(key)) {
    case PRESET:
        return rp_rig_preset(rig, value);
    case PANIC:
        rp_rig_panic(rig);
        return RP_OK;
    case HAND_OVER:
        rp_rig_hand_over(rig);
        return RP_OK;
    case LEARN:
        return learn(rig, value);
    case FORGET:
        return rp_learn_forget(&rig->learn, value);
    default:
        return rp_setting_read(rp_setting_find(key), value, &rig->knobs);
    }
}

/* Once the newest is in use, no other can come into use any more. */
static void drop_models(struct rp_rig *rig)
{
    struct rp_model *newest = rig->model[rig->models - 1];

    if (rp_performer_model_in_use(rig->performer) != newest) {
        return;
    }
    for (uint32_t i = 0; i + 1 < rig->models; i++) {
        drop_model(rig->model[i]);
    }
    rig->model[0] = newest;
    rig->models = 1;
}

void rp_rig_poll(struct rp_rig *rig)
{
    uint32_t rate, period = rig->period;

    rp_session_poll(rig->session);
    obey_choice(rig);
    rp_session_format(rig->session, &rate, &rig->period);
    if (rig->period != period) {
        rp_performer_period(rig->performer, rig->period);
    }
    if (rig->models > 1) {
        drop_models(rig);
    }
}
