#include "model/mapping.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/controls.h"

static const char *const kind_words[RP_MAP_KINDS] = {
    "absolute", "toggle", "relative-twos", "relative-offset", "relative-sign"};
static const char *const curve_words[RP_MAP_CURVES] = {"linear", "exp", "log"};

/* ---- knobs by name ---- */

const char *rp_knob_name(int knob)
{
    return knob < 0                    ? NULL
           : knob < RP_SETTINGS        ? rp_settings[knob].key
           : knob == RP_KNOB_PRESET    ? "preset"
           : knob == RP_KNOB_PANIC     ? "panic"
           : knob == RP_KNOB_HAND_OVER ? "hand-over"
                                       : NULL;
}

int rp_knob_find(const char *name)
{
    for (int knob = 0; knob < RP_KNOBS; knob++) {
        if (!strcmp(rp_knob_name(knob), name)) {
            return knob;
        }
    }
    return -1;
}

void rp_knob_list(char *text, size_t size)
{
    size_t used = 0;

    *text = '\0';
    for (int knob = 0; knob < RP_KNOBS && used < size; knob++) {
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 knob ? ", " : "", rp_knob_name(knob));
    }
}

/* ---- reading ---- */

static rp_status refuse(char *why, size_t size, const char *expected)
{
    snprintf(why, size, "expected %s", expected);
    return RP_EARG;
}

static int find_word(const char *const *word, int count, const char *text)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(word[i], text)) {
            return i;
        }
    }
    return -1;
}

bool rp_mapping_is_key(const char *key)
{
    int at = !strncmp(key, "cc", 2) ? 2 : !strncmp(key, "note", 4) ? 4 : 0;

    return at && key[at] >= '0' && key[at] <= '9';
}

rp_status rp_mapping_read_controller(const char *text,
                                     struct rp_mapping *mapping, char *why,
                                     size_t size)
{
    unsigned controller, channel = 0;
    int used = 0, more = 0;
    bool note = *text == 'n';

    if (!rp_mapping_is_key(text) ||
        sscanf(text, note ? "note%3u%n" : "cc%3u%n", &controller, &used) != 1 ||
        (text[used] && (sscanf(text + used, "/%2u%n", &channel, &more) != 1 ||
                        text[used + more] || channel < 1 || channel > 16)) ||
        controller > 127) {
        return refuse(why, size, "a controller such as cc21, or cc21/3 on "
                                 "channel 3 alone, or a key such as note36");
    }
    if (!note && !rp_controls_may_learn((uint8_t)controller)) {
        return refuse(why, size, "another controller: 0, 32, 64 and 120 to "
                                 "127 have meanings of their own");
    }
    mapping->controller = (uint8_t)(controller + (note ? RP_CONTROL_NOTE : 0));
    mapping->kind = note ? RP_MAP_TOGGLE : RP_MAP_ABSOLUTE;
    mapping->channel = (uint8_t)channel;
    return RP_OK;
}

static bool is_relative(const struct rp_mapping *mapping)
{
    return mapping->kind >= RP_MAP_TWOS;
}

bool rp_knob_is_press(int knob)
{
    return knob == RP_KNOB_PANIC || knob == RP_KNOB_HAND_OVER;
}

static bool has_range(int knob)
{
    return knob < RP_SETTINGS && rp_setting_form(knob) != RP_FORM_TEXT;
}

static bool read_end(int knob, const char *text, double *number)
{
    struct rp_knobs scratch;

    rp_knobs_init(&scratch);
    if (rp_setting_read(knob, text, &scratch) != RP_OK) {
        return false;
    }
    *number = rp_setting_number(knob, &scratch);
    return true;
}

/* "0.5..1.5"; `dots` is where the dots are. */
static rp_status read_range(char *text, char *dots, struct rp_mapping *mapping,
                            char *why, size_t size)
{
    char want[160];

    if (!has_range(mapping->knob) || mapping->ranged) {
        return refuse(why, size, mapping->ranged ? "one range"
                                                 : "no range for this knob");
    }
    *dots = '\0';
    if (!read_end(mapping->knob, text, &mapping->from) ||
        !read_end(mapping->knob, dots + 2, &mapping->to) ||
        !(mapping->from < mapping->to || mapping->to < mapping->from)) {
        snprintf(want, sizeof(want), "FROM..TO, each %s",
                 rp_settings[mapping->knob].want);
        return refuse(why, size, want);
    }
    mapping->ranged = true;
    return RP_OK;
}

/* What may follow the knob, in any order. */
static rp_status read_word(char *word, struct rp_mapping *mapping, char *why,
                           size_t size)
{
    char *dots = strstr(word, "..");
    int kind = find_word(kind_words, RP_MAP_KINDS, word);
    int curve = find_word(curve_words, RP_MAP_CURVES, word);

    if (dots) {
        return read_range(word, dots, mapping, why, size);
    }
    if (kind >= 0) {
        mapping->kind = (uint8_t)kind;
    } else if (curve >= 0) {
        mapping->curve = (uint8_t)curve;
    } else if (!strcmp(word, "jump") || !strcmp(word, "pickup")) {
        mapping->jump = *word == 'j';
    } else {
        return refuse(why, size,
                      "FROM..TO, linear, exp, log, absolute, toggle, "
                      "relative-twos, relative-offset, relative-sign, pickup "
                      "or jump after the knob");
    }
    return RP_OK;
}

static rp_status check(const struct rp_mapping *mapping, char *why, size_t size)
{
    if (mapping->controller >= RP_CONTROL_NOTE &&
        mapping->kind != RP_MAP_TOGGLE) {
        return refuse(why, size, "a key to be pressed (toggle), not turned");
    }
    if (mapping->kind != RP_MAP_ABSOLUTE && mapping->curve != RP_MAP_LINEAR) {
        return refuse(why, size, "a curve with an absolute controller only");
    }
    if (rp_knob_is_press(mapping->knob) && is_relative(mapping)) {
        return refuse(why, size, "a controller that is pressed, not turned");
    }
    return RP_OK;
}

void rp_mapping_fill(struct rp_mapping *mapping)
{
    if (!mapping->ranged && mapping->knob < RP_SETTINGS) {
        rp_setting_sweep(mapping->knob, &mapping->from, &mapping->to);
    }
}

rp_status rp_mapping_read(const char *controller, const char *text,
                          struct rp_mapping *mapping, char *why, size_t size)
{
    struct rp_mapping made = {0};
    char words[160], list[400], *rest = words, *word;
    rp_status status =
        rp_mapping_read_controller(controller, &made, why, size);

    if (status != RP_OK) {
        return status;
    }
    snprintf(words, sizeof(words), "%s", text);
    word = strtok_r(words, " \t", &rest);
    made.knob = word ? rp_knob_find(word) : -1;
    if (made.knob < 0 || strlen(text) >= sizeof(words)) {
        rp_knob_list(list, sizeof(list));
        return refuse(why, size, list);
    }
    while (status == RP_OK && (word = strtok_r(NULL, " \t", &rest))) {
        status = read_word(word, &made, why, size);
    }
    if (status == RP_OK) {
        status = check(&made, why, size);
    }
    if (status == RP_OK) {
        rp_mapping_fill(&made);
        *mapping = made;
    }
    return status;
}

rp_status rp_mapping_read_line(const char *line, struct rp_mapping *mapping,
                               char *why, size_t size)
{
    const char *equals = strchr(line, '=');
    char controller[16];
    int length;

    if (!equals) {
        return refuse(why, size, "CONTROLLER=KNOB, such as cc21=temperature");
    }
    length = (int)strcspn(line, " \t=");
    snprintf(controller, sizeof(controller), "%.*s", length, line);
    return rp_mapping_read(controller, equals + 1, mapping, why, size);
}

/* ---- printing ---- */

void rp_mapping_print_controller(const struct rp_mapping *mapping, char *text,
                                 size_t size)
{
    bool note = mapping->controller >= RP_CONTROL_NOTE;

    snprintf(text, size, mapping->channel ? "%s%u/%u" : "%s%u",
             note ? "note" : "cc", mapping->controller % RP_CONTROL_NOTE,
             mapping->channel);
}

void rp_mapping_print(const struct rp_mapping *mapping, char *text, size_t size)
{
    char range[64] = "", from[24], to[24];
    bool says_kind = mapping->kind && mapping->controller < RP_CONTROL_NOTE;
    struct rp_knobs scratch;

    if (mapping->ranged) {
        rp_knobs_init(&scratch);
        (void)!rp_setting_put(mapping->knob, mapping->from, &scratch);
        rp_setting_print(mapping->knob, &scratch, from, sizeof(from));
        (void)!rp_setting_put(mapping->knob, mapping->to, &scratch);
        rp_setting_print(mapping->knob, &scratch, to, sizeof(to));
        snprintf(range, sizeof(range), " %s..%s", from, to);
    }
    snprintf(text, size, "%s%s%s%s%s%s%s", rp_knob_name(mapping->knob), range,
             says_kind ? " " : "",
             says_kind ? kind_words[mapping->kind] : "",
             mapping->curve ? " " : "",
             mapping->curve ? curve_words[mapping->curve] : "",
             mapping->jump ? " jump" : "");
}

struct rp_mapping rp_mapping_make(uint8_t channel, uint8_t controller, int knob)
{
    struct rp_mapping mapping = {
        .controller = controller, .channel = channel, .knob = knob};

    rp_mapping_fill(&mapping);
    return mapping;
}

/* ---- turning ---- */

bool rp_mapping_pressed(struct rp_mapping_hand *hand, uint8_t value)
{
    bool pressed = value >= 64 && hand->was < 64;

    hand->was = value;
    return pressed;
}

int rp_mapping_steps(const struct rp_mapping *mapping, uint8_t value)
{
    int v = value & 127;

    switch (mapping->kind) {
    case RP_MAP_TWOS:
        return v <= 64 ? v : v - 128;
    case RP_MAP_OFFSET:
        return v - 64;
    case RP_MAP_SIGN:
        return v < 64 ? v : 64 - v;
    default:
        return 0;
    }
}

static double bend(uint8_t curve, double place)
{
    return curve == RP_MAP_EXP   ? place * place
           : curve == RP_MAP_LOG ? 1 - (1 - place) * (1 - place)
                                 : place;
}

uint32_t rp_mapping_place(const struct rp_mapping *mapping, uint8_t value,
                          uint32_t count)
{
    return count ? (uint32_t)lround(bend(mapping->curve, value / 127.0) *
                                    (count - 1))
                 : 0;
}

/* Hundredths are fine enough for a hand. */
static double value_at(const struct rp_mapping *mapping, int place)
{
    double at = place < 0 ? 0 : place > 127 ? 1 : place / 127.0;
    double value = mapping->from +
                   (mapping->to - mapping->from) * bend(mapping->curve, at);

    return rp_setting_form(mapping->knob) == RP_FORM_REAL
               ? round(value * 100) / 100
               : round(value);
}

static void turn_step(const struct rp_mapping *mapping, int steps,
                      struct rp_knobs *knobs)
{
    double least = fmin(mapping->from, mapping->to), number;
    double most = fmax(mapping->from, mapping->to);
    struct rp_knobs scratch;

    rp_knobs_copy(&scratch, knobs); /* other threads read `knobs` */
    steps = mapping->from > mapping->to ? -steps : steps;
    rp_setting_step(mapping->knob, &scratch, steps);
    if (has_range(mapping->knob)) {
        number = rp_setting_number(mapping->knob, &scratch);
        number = number < least ? least : number > most ? most : number;
        (void)!rp_setting_put(mapping->knob, number, &scratch);
    }
    rp_setting_copy(mapping->knob, knobs, &scratch);
}

/* Through all values of a word or a list, else between the two ends. */
static void toggle(const struct rp_mapping *mapping, struct rp_knobs *knobs)
{
    int knob = mapping->knob;
    double now = rp_setting_number(knob, knobs);
    char before[64], after[64];
    struct rp_knobs scratch;

    if (mapping->ranged || (rp_setting_form(knob) != RP_FORM_WORD &&
                            rp_setting_form(knob) != RP_FORM_TEXT)) {
        bool there = fabs(now - mapping->from) < 1e-6;

        (void)!rp_setting_put(knob, there ? mapping->to : mapping->from,
                              knobs);
        return;
    }
    rp_knobs_copy(&scratch, knobs);
    rp_setting_print(knob, &scratch, before, sizeof(before));
    rp_setting_step(knob, &scratch, 1);
    rp_setting_print(knob, &scratch, after, sizeof(after));
    if (!strcmp(before, after)) {
        rp_setting_step(knob, &scratch, -1000);
    }
    rp_setting_copy(knob, knobs, &scratch);
}

/* A list that has no numbers: by its place. */
static void choose(const struct rp_mapping *mapping, uint8_t value,
                   struct rp_knobs *knobs)
{
    struct rp_knobs scratch;

    rp_knobs_copy(&scratch, knobs);
    rp_setting_step(mapping->knob, &scratch, -1000);
    rp_setting_step(
        mapping->knob, &scratch,
        (int)rp_mapping_place(mapping, value, (uint32_t)mapping->to + 1));
    rp_setting_copy(mapping->knob, knobs, &scratch);
}

/* The knob joins when the controller comes within two of its value, or passes
 * it. What lies outside the range counts as its nearest end. */
static bool joins(const struct rp_mapping *mapping,
                  const struct rp_mapping_hand *hand, uint8_t value, double now)
{
    double least = fmin(mapping->from, mapping->to);
    double most = fmax(mapping->from, mapping->to);
    double a = value_at(mapping, value - 2), b = value_at(mapping, value + 2);
    double low = fmin(a, b), high = fmax(a, b);

    now = now < least ? least : now > most ? most : now;
    if (hand->was >= 0) {
        low = fmin(low, value_at(mapping, hand->was));
        high = fmax(high, value_at(mapping, hand->was));
    }
    return low <= now && now <= high;
}

static int follow(const struct rp_mapping *mapping,
                  struct rp_mapping_hand *hand, uint8_t value,
                  struct rp_knobs *knobs)
{
    double now = rp_setting_number(mapping->knob, knobs);
    double want = value_at(mapping, value);
    bool waits =
        !mapping->jump && rp_setting_form(mapping->knob) != RP_FORM_WORD;

    if (waits && hand->joined && fabs(now - hand->left) > 1e-4) {
        hand->joined = false; /* somebody else turned it */
    }
    if (waits && !hand->joined && !joins(mapping, hand, value, now)) {
        hand->was = value;
        return (now > want) == (mapping->to > mapping->from) ? 1 : -1;
    }
    (void)!rp_setting_put(mapping->knob, want, knobs);
    hand->was = value;
    hand->joined = true;
    hand->left = rp_setting_number(mapping->knob, knobs);
    return 0;
}

int rp_mapping_turn(const struct rp_mapping *mapping,
                    struct rp_mapping_hand *hand, uint8_t value,
                    struct rp_knobs *knobs)
{
    if (is_relative(mapping)) {
        turn_step(mapping, rp_mapping_steps(mapping, value), knobs);
    } else if (mapping->kind == RP_MAP_TOGGLE) {
        if (rp_mapping_pressed(hand, value)) {
            toggle(mapping, knobs);
        }
    } else if (rp_setting_form(mapping->knob) == RP_FORM_TEXT) {
        choose(mapping, value, knobs);
    } else {
        return follow(mapping, hand, value, knobs);
    }
    return 0;
}
