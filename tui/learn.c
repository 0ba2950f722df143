#include "tui/learn.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rt/ini.h"
#include "rt/log.h"
#include "rt/replace.h"
#include "tui/rig.h"

static const struct rp_mapping_hand new_hand = RP_HAND;

void rp_learn_init(struct rp_learn *learn, struct rp_knobs *knobs)
{
    memset(learn, 0, sizeof(*learn));
    learn->knobs = knobs;
    learn->learning = -1;
}

/* ---- what is in force ---- */

static bool fits(const struct rp_mapping *mapping, uint8_t channel,
                 uint8_t controller)
{
    return mapping->controller == controller &&
           (!mapping->channel || mapping->channel == channel);
}

/* The later layer wins; within one, the channel's own over any channel's. */
const struct rp_learn_map *rp_learn_find(const struct rp_learn *learn,
                                         uint8_t channel, uint8_t controller)
{
    for (int layer = RP_LEARN_LAYERS - 1; layer >= 0; layer--) {
        const struct rp_learn_map *found = NULL;

        for (uint32_t i = 0; i < learn->maps[layer]; i++) {
            const struct rp_learn_map *map = &learn->map[layer][i];

            if (fits(&map->mapping, channel, controller) &&
                (!found || map->mapping.channel)) {
                found = map;
            }
        }
        if (found) {
            return found;
        }
    }
    return NULL;
}

const struct rp_learn_map *rp_learn_of(const struct rp_learn *learn, int knob)
{
    for (int layer = RP_LEARN_LAYERS - 1; layer >= 0; layer--) {
        for (uint32_t i = 0; i < learn->maps[layer]; i++) {
            const struct rp_learn_map *map = &learn->map[layer][i];
            const struct rp_mapping *mapping = &map->mapping;

            if (mapping->knob == knob &&
                rp_learn_find(learn, mapping->channel ? mapping->channel : 1,
                              mapping->controller) == map) {
                return map;
            }
        }
    }
    return NULL;
}

/* The audio thread takes out what is in force, and nothing else. */
static void publish(struct rp_learn *learn)
{
    for (int channel = 0; channel < 16; channel++) {
        for (int c = 0; c < 2 * RP_CONTROL_NOTE; c++) {
            bool taken = rp_learn_find(learn, (uint8_t)(channel + 1),
                                       (uint8_t)c) != NULL;

            rp_controls_take(&learn->taken, (uint8_t)channel, (uint8_t)c,
                             taken);
        }
    }
}

/* False when the layer is full. */
static bool put(struct rp_learn *learn, enum rp_learn_layer layer,
                const struct rp_mapping *mapping)
{
    struct rp_learn_map *map = learn->map[layer];
    uint32_t at = 0;

    while (at < learn->maps[layer] &&
           (map[at].mapping.controller != mapping->controller ||
            map[at].mapping.channel != mapping->channel)) {
        at++;
    }
    if (at == RP_LEARN_MAPS) {
        rp_log(RP_ERROR, "learn", "%d controllers are mapped already",
               RP_LEARN_MAPS);
        return false;
    }
    learn->maps[layer] += at == learn->maps[layer];
    map[at] = (struct rp_learn_map){*mapping, new_hand, 0};
    return true;
}

/* Takes out of a layer what `drop` says. */
static bool sift(struct rp_learn *learn, int layer,
                 bool (*drop)(const struct rp_mapping *mapping,
                              const void *self),
                 const void *self)
{
    uint32_t kept = 0, all = learn->maps[layer];

    for (uint32_t i = 0; i < all; i++) {
        if (!drop(&learn->map[layer][i].mapping, self)) {
            learn->map[layer][kept++] = learn->map[layer][i];
        }
    }
    learn->maps[layer] = kept;
    return kept < all;
}

static bool is_knob(const struct rp_mapping *mapping, const void *self)
{
    return mapping->knob == *(const int *)self;
}

static bool is_controller(const struct rp_mapping *mapping, const void *self)
{
    const struct rp_mapping *other = self;

    return mapping->controller == other->controller &&
           (!mapping->channel || !other->channel ||
            mapping->channel == other->channel);
}

/* ---- the user's file ---- */

void rp_learn_place(char *path, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int length = 0;

    *path = '\0';
    if (config && *config == '/') { /* others are to be passed over */
        length = snprintf(path, size, "%s/riposte/learn.ini", config);
    } else if (home && *home) {
        length = snprintf(path, size, "%s/.config/riposte/learn.ini", home);
    }
    if (length >= (int)size) {
        *path = '\0';
    }
}

static rp_status read_line(void *self, const struct rp_ini_line *line)
{
    struct rp_learn *learn = self;
    struct rp_mapping mapping;
    uint32_t before = learn->maps[RP_LEARN_USER];
    char why[512];

    if (rp_mapping_read(line->key, line->value, &mapping, why, sizeof(why)) !=
        RP_OK) {
        return rp_ini_refuse(line, "%s = '%s': %s", line->key, line->value,
                             why);
    }
    if (!put(learn, RP_LEARN_USER, &mapping)) {
        return RP_EFORMAT;
    }
    if (learn->maps[RP_LEARN_USER] == before) {
        return rp_ini_refuse(line, "'%s' is set a second time", line->key);
    }
    return RP_OK;
}

rp_status rp_learn_open(struct rp_learn *learn, const char *path)
{
    rp_status status = RP_OK;

    learn->maps[RP_LEARN_USER] = 0;
    if (*path) {
        status = rp_ini_read("learn", path, true, read_line, learn);
    }
    if (status == RP_OK || status == RP_ENONE) {
        snprintf(learn->path, sizeof(learn->path), "%s", path);
        status = RP_OK;
    }
    publish(learn);
    return status;
}

static rp_status make_folders(const char *path)
{
    char folder[PATH_MAX];

    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(at - path), path);
        if (mkdir(folder, 0700) && errno != EEXIST) {
            rp_log(RP_ERROR, "learn", "%s: %m", folder);
            return RP_EIO;
        }
    }
    return RP_OK;
}

static rp_status save(const struct rp_learn *learn)
{
    char *text = NULL, controller[16], knob[160];
    size_t size = 0;
    FILE *file;
    rp_status status;

    if (!*learn->path) {
        return RP_OK;
    }
    file = open_memstream(&text, &size);
    if (!file) {
        return RP_EMEM;
    }
    fprintf(file, "# Which MIDI controller turns which knob; riposte writes "
                  "this file anew when one\n# is learned. "
                  "CONTROLLER[/CHANNEL] = KNOB [FROM..TO] [exp|log] [KIND] "
                  "[jump]\n");
    for (uint32_t i = 0; i < learn->maps[RP_LEARN_USER]; i++) {
        const struct rp_mapping *mapping =
            &learn->map[RP_LEARN_USER][i].mapping;

        rp_mapping_print_controller(mapping, controller, sizeof(controller));
        rp_mapping_print(mapping, knob, sizeof(knob));
        fprintf(file, "%s = %s\n", controller, knob);
    }
    status = fclose(file) ? RP_EMEM : make_folders(learn->path);
    if (status == RP_OK) {
        status = rp_replace_file("learn", learn->path, text, size);
    }
    free(text);
    return status;
}

/* ---- the other layers ---- */

rp_status rp_learn_line(struct rp_learn *learn, const char *line)
{
    struct rp_mapping mapping;
    char why[512];

    if (rp_mapping_read_line(line, &mapping, why, sizeof(why)) != RP_OK) {
        rp_log(RP_ERROR, "learn", "'%s': %s", line, why);
        return RP_EARG;
    }
    if (!put(learn, RP_LEARN_LINE, &mapping)) {
        return RP_EARG;
    }
    publish(learn);
    return RP_OK;
}

void rp_learn_preset(struct rp_learn *learn, const struct rp_preset *preset)
{
    learn->maps[RP_LEARN_PRESET] = 0;
    for (uint32_t i = 0; i < preset->mappings; i++) {
        (void)put(learn, RP_LEARN_PRESET, &preset->mapping[i]);
    }
    publish(learn);
}

/* ---- learning ---- */

void rp_learn_begin(struct rp_learn *learn, int knob)
{
    learn->learning = knob;
    learn->taken.learning = knob >= 0;
}

static void tell(const struct rp_mapping *mapping)
{
    char controller[16], knob[160];

    rp_mapping_print_controller(mapping, controller, sizeof(controller));
    rp_mapping_print(mapping, knob, sizeof(knob));
    rp_log(RP_INFO, "learn", "%s = %s", controller, knob);
}

static rp_status add(struct rp_learn *learn, const struct rp_mapping *mapping)
{
    for (int layer = 0; layer < RP_LEARN_LAYERS; layer++) {
        (void)sift(learn, layer, is_controller, mapping);
    }
    if (!put(learn, RP_LEARN_USER, mapping)) {
        return RP_EARG;
    }
    publish(learn);
    tell(mapping);
    return save(learn);
}

rp_status rp_learn_add(struct rp_learn *learn, const struct rp_mapping *mapping)
{
    learn->ear.count = 0; /* its kind was said */
    return add(learn, mapping);
}

rp_status rp_learn_forget(struct rp_learn *learn, const char *what)
{
    int knob = rp_knob_find(what);
    struct rp_mapping controller = {0};
    char why[512];
    bool any = false;

    if (knob < 0 && rp_mapping_read_controller(what, &controller, why,
                                               sizeof(why)) != RP_OK) {
        rp_log(RP_ERROR, "learn", "'%s': expected a knob, or a controller "
                                  "such as cc21",
               what);
        return RP_EARG;
    }
    for (int layer = 0; layer < RP_LEARN_LAYERS; layer++) {
        any |= knob < 0 ? sift(learn, layer, is_controller, &controller)
                        : sift(learn, layer, is_knob, &knob);
    }
    publish(learn);
    rp_log(RP_INFO, "learn", any ? "%s is forgotten" : "%s was not learned",
           what);
    return any ? save(learn) : RP_OK;
}

/* RP_LEARN_FROM or RP_LEARN_TO; false, and said, where there is no range. */
static bool change_range(struct rp_mapping *mapping, bool from,
                         const struct rp_knobs *knobs)
{
    double now;

    if (mapping->knob >= RP_SETTINGS ||
        rp_setting_form(mapping->knob) == RP_FORM_TEXT) {
        rp_log(RP_INFO, "learn", "%s has no range",
               rp_knob_name(mapping->knob));
        return false;
    }
    now = rp_setting_number(mapping->knob, knobs);
    if (fabs(now - (from ? mapping->to : mapping->from)) < 1e-6) {
        rp_log(RP_INFO, "learn", "a range has two ends: turn %s first",
               rp_knob_name(mapping->knob));
        return false;
    }
    *(from ? &mapping->from : &mapping->to) = now;
    mapping->ranged = true;
    return true;
}

void rp_learn_change(struct rp_learn *learn, int knob,
                     enum rp_learn_change change)
{
    const struct rp_learn_map *map = rp_learn_of(learn, knob);
    struct rp_mapping mapping;

    if (!map) {
        rp_log(RP_INFO, "learn", "no controller turns %s yet",
               rp_knob_name(knob));
        return;
    }
    mapping = map->mapping;
    switch (change) {
    case RP_LEARN_KIND:
        mapping.kind = (mapping.kind + 1) % RP_MAP_KINDS;
        if (rp_knob_is_press(knob) ||
            mapping.controller >= RP_CONTROL_NOTE) { /* there is no other */
            mapping.kind = map->mapping.kind;
        }
        mapping.curve = RP_MAP_LINEAR;
        break;
    case RP_LEARN_CURVE:
        mapping.curve = mapping.kind == RP_MAP_ABSOLUTE
                            ? (mapping.curve + 1) % RP_MAP_CURVES
                            : RP_MAP_LINEAR;
        break;
    case RP_LEARN_JUMP:
        mapping.jump = !mapping.jump;
        break;
    default:
        if (!change_range(&mapping, change == RP_LEARN_FROM, learn->knobs)) {
            return;
        }
    }
    (void)!rp_learn_add(learn, &mapping); /* was logged */
}

/* ---- of what kind it is ---- */

/* The values that say a few steps, beside those that say the opposite. */
static bool are_near(const struct rp_learn_ear *ear, int up, int down,
                     bool *any_up, bool *any_down)
{
    *any_up = *any_down = false;
    for (uint32_t i = 0; i < ear->count; i++) {
        bool is_up = ear->value[i] >= up && ear->value[i] < up + 8;
        bool is_down = ear->value[i] <= down && ear->value[i] > down - 8;

        if (!is_up && !is_down) {
            return false;
        }
        *any_up |= is_up;
        *any_down |= is_down;
    }
    return true;
}

/* An encoder repeats itself, or goes to and fro between two small regions; a
 * knob with ends passes all that lies between. A button may repeat 127. */
static enum rp_mapping_kind guess_kind(const struct rp_learn_ear *ear)
{
    uint32_t signs = 0;
    bool up, down, only = true;

    for (uint32_t i = 1; i < ear->count; i++) {
        int off = ear->value[i] - ear->value[i - 1];

        signs += off == 0 || off > 32 || off < -32;
    }
    for (uint32_t i = 0; i < ear->count; i++) {
        only &= ear->value[i] == 127;
    }
    if (ear->count < 4 || signs < 2 || only) {
        return RP_MAP_ABSOLUTE;
    }
    if (are_near(ear, 1, 127, &up, &down)) {
        return RP_MAP_TWOS;
    }
    if (are_near(ear, 65, 63, &up, &down)) {
        return RP_MAP_OFFSET;
    }
    if (are_near(ear, 1, 72, &up, &down) && up && down) {
        return RP_MAP_SIGN;
    }
    return RP_MAP_ABSOLUTE;
}

/* What was learned a moment ago moves on: its values may say that it is an
 * encoder. What they did as places is undone. */
static void listen(struct rp_learn *learn, uint8_t channel, int control,
                   uint8_t value)
{
    struct rp_learn_ear *ear = &learn->ear;
    const struct rp_learn_map *map;
    struct rp_mapping mapping;

    if (!ear->count || ear->channel != channel || ear->controller != control) {
        return;
    }
    map = rp_learn_find(learn, channel, (uint8_t)control);
    ear->value[ear->count++] = value;
    if (!map || rp_knob_is_press(map->mapping.knob)) {
        ear->count = 0;
        return;
    }
    mapping = map->mapping;
    mapping.kind = guess_kind(ear);
    if (mapping.kind != map->mapping.kind && mapping.kind != RP_MAP_ABSOLUTE) {
        if (map->mapping.kind == RP_MAP_ABSOLUTE &&
            mapping.knob < RP_SETTINGS) {
            (void)!rp_setting_put(mapping.knob, ear->before, learn->knobs);
        }
        (void)!add(learn, &mapping); /* was logged */
    }
    if (ear->count == RP_LEARN_VALUES) {
        ear->count = 0;
    }
}

/* Moved while a knob waits to learn. A knob has one controller: the one before
 * goes. */
static void learn_it(struct rp_learn *learn, uint8_t channel,
                     uint8_t controller, uint8_t value)
{
    int knob = learn->learning;
    struct rp_mapping mapping = rp_mapping_make(channel, controller, knob);

    for (int layer = 0; layer < RP_LEARN_LAYERS; layer++) {
        (void)sift(learn, layer, is_knob, &knob);
    }
    rp_learn_begin(learn, -1);
    (void)!add(learn, &mapping); /* was logged */
    learn->ear = (struct rp_learn_ear){.channel = channel,
                                       .controller = controller,
                                       .count = 1,
                                       .value = {value}};
    if (knob < RP_SETTINGS) {
        learn->ear.before = rp_setting_number(knob, learn->knobs);
    }
}

/* ---- turning ---- */

static void turn_preset(struct rp_learn *learn, struct rp_learn_map *map,
                        uint8_t value)
{
    int steps = rp_mapping_steps(&map->mapping, value);

    if (map->mapping.kind == RP_MAP_ABSOLUTE) {
        learn->preset(learn->self,
                      (int)rp_mapping_place(&map->mapping, value,
                                            rp_rig_presets()),
                      false);
    } else if (map->mapping.kind == RP_MAP_TOGGLE) {
        if (rp_mapping_pressed(&map->hand, value)) {
            learn->preset(learn->self, 1, true);
        }
    } else if (steps) {
        learn->preset(learn->self, steps, true);
    }
}

void rp_learn_hear(struct rp_learn *learn, struct rp_event event)
{
    uint8_t channel = (uint8_t)((event.data[0] & 15) + 1);
    int control = rp_controls_number(event);
    uint8_t value = rp_controls_value(event);
    struct rp_learn_map *map;
    bool learned = learn->learning >= 0 && control < RP_CONTROL_NOTE;

    if (control < 0) {
        return;
    }
    if (learned) {
        learn_it(learn, channel, (uint8_t)control, value);
    } else {
        listen(learn, channel, control, value);
    }
    map = (struct rp_learn_map *)rp_learn_find(learn, channel,
                                               (uint8_t)control);
    if (!map) {
        return; /* it was on its way when it was forgotten */
    }
    if (learned) { /* that press was meant to be learned, no more */
        map->hand.was = value;
    }
    if (map->mapping.knob < RP_SETTINGS) {
        map->wait =
            rp_mapping_turn(&map->mapping, &map->hand, value, learn->knobs);
    } else if (map->mapping.knob == RP_KNOB_PRESET) {
        turn_preset(learn, map, value);
    } else if (rp_mapping_pressed(&map->hand, value)) {
        learn->press(learn->self, map->mapping.knob);
    }
}

void rp_learn_label(const struct rp_learn *learn, int knob, char *text,
                    size_t size)
{
    const struct rp_learn_map *map = rp_learn_of(learn, knob);

    *text = '\0';
    if (map) {
        bool note = map->mapping.controller >= RP_CONTROL_NOTE;

        snprintf(text, size, "%s%s%u%s", map->wait < 0 ? "<" : "",
                 note ? "note" : "cc",
                 map->mapping.controller % RP_CONTROL_NOTE,
                 map->wait > 0 ? ">" : "");
    }
}
