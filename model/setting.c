#include "model/setting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/instrument.h"
#include "rt/channels.h"
#include "rt/controls.h"

/* How a value is written. */
enum kind {
    KIND_TEMPO,      /* BPM, kept in thousandths */
    KIND_METRE,      /* 3/4 */
    KIND_WORD,       /* one of a list */
    KIND_COUNT,      /* whole number */
    KIND_REAL,       /* decimal */
    KIND_INSTRUMENT, /* GM name, number, or "none" */
    KIND_CHANNEL,    /* 1..16, kept as 0..15 */
    KIND_LISTEN,     /* 1..16, or all, kept as 0 */
    KIND_CHANNELS,   /* 10, 1-4 or none, kept as bits */
    KIND_END         /* cc66, note36 or none: see rt/controls.h */
};

const struct rp_setting rp_settings[RP_SETTINGS] = {
    {"tempo", "BPM", "quarter notes per minute",
     "a number of BPM from 20 to 400", "100"},
    {"metre", "4/4", "beats in a bar",
     "1 to 32 beats over 1, 2, 4, 8, 16 or 32, such as 3/4", "4/4"},
    {"mode", "answer|trade", "answer when a phrase ends, or trade bars",
     "answer or trade", "answer"},
    {"trade", "BARS", "bars per side in mode trade",
     "a whole number of bars from 1 to 64", "4"},
    {"length", "BARS", "bars per answer; 0: as long as the call",
     "a whole number of bars from 0 to 64", "0"},
    {"temperature", "T", "under 1 safer, over 1 bolder",
     "a number from 0.05 to 4", "1"},
    {"top-p", "P", "draw from this share of the likeliest; 1 is off",
     "a number from 0.01 to 1", "0.95"},
    {"top-k", "K", "draw from the K likeliest; 0 is off",
     "a whole number from 0 to 128", "0"},
    {"window", "BEATS", "how much of what was played counts",
     "a whole number of beats from 1 to 256", "64"},
    {"echo", "E", "how much of the call comes back in the answer",
     "a number from 0 to 1", "0.45"},
    {"candidates", "N", "answers thought through; 0: what time allows",
     "a whole number from 0 to 4096", "0"},
    {"instrument", "NAME|0-127", "General MIDI sound of the answers",
     "a General MIDI name, a program number 0 to 127, or none", "none"},
    {"channel", "1-16", "MIDI channel of the answers", "a channel from 1 to 16",
     "1"},
    {"metronome", "on|off", "click on every beat", "on or off", "off"},
    {"count-in", "BARS", "bars of click before the start",
     "a whole number of bars from 0 to 16", "0"},
    {"click-channel", "1-16", "MIDI channel of the clicks",
     "a channel from 1 to 16", "10"},
    {"sync", "internal|midi|jack",
     "who leads: tempo, a MIDI clock, or JACK's transport",
     "internal, midi or jack", "internal"},
    {"clock-out", "on|off", "send MIDI clock on the port 'clock'", "on or off",
     "on"},
    {"timebase", "on|off", "say bars and tempo for JACK's transport",
     "on or off", "off"},
    {"listen", "all|1-16", "the MIDI channel that calls; the rest is passed on",
     "all, or a channel from 1 to 16", "all"},
    {"ignore", "10|1-4|none", "MIDI channels that are not even passed on",
     "channels such as 10, 2,4 or 1-4, or none", "none"},
    {"echo-guard", "MS", "what the synth sends back so soon is no call; 0: off",
     "a whole number of milliseconds from 0 to 500", "60"},
    {"seed", "N", "the same seed gives the same answers",
     "a whole number from 0 to 4294967295", "1"},
    {"end-turn", "cc66|note36|none", "a pedal or key that ends the turn",
     "cc1 to cc119 but cc32 and cc64, note0 to note127, or none", "none"},
    {"program-change", "on|off", "program changes that come in choose presets",
     "on or off", "on"},
};

struct range {
    enum kind kind;
    double least, most, step;
    const char *const *word; /* KIND_WORD, NULL-terminated */
};

static const char *const mode_words[] = {
    [RP_MODE_ANSWER] = "answer", [RP_MODE_TRADE] = "trade", NULL};
static const char *const sync_words[] = {[RP_SYNC_INTERNAL] = "internal",
                                         [RP_SYNC_MIDI] = "midi",
                                         [RP_SYNC_JACK] = "jack",
                                         NULL};
static const char *const switch_words[] = {"off", "on", NULL};

static const struct range ranges[RP_SETTINGS] = {
    [RP_SET_TEMPO] = {KIND_TEMPO, 20, 400, 1, NULL},
    [RP_SET_METRE] = {KIND_METRE, 0, 0, 0, NULL},
    [RP_SET_MODE] = {KIND_WORD, 0, 1, 1, mode_words},
    [RP_SET_TRADE] = {KIND_COUNT, 1, 64, 1, NULL},
    [RP_SET_LENGTH] = {KIND_COUNT, 0, 64, 1, NULL},
    [RP_SET_TEMPERATURE] = {KIND_REAL, 0.05, 4, 0.05, NULL},
    [RP_SET_TOP_P] = {KIND_REAL, 0.01, 1, 0.01, NULL},
    [RP_SET_TOP_K] = {KIND_COUNT, 0, 128, 1, NULL},
    [RP_SET_WINDOW] = {KIND_COUNT, 1, 256, 4, NULL},
    [RP_SET_ECHO] = {KIND_REAL, 0, 1, 0.05, NULL},
    [RP_SET_CANDIDATES] = {KIND_COUNT, 0, 4096, 16, NULL},
    [RP_SET_INSTRUMENT] = {KIND_INSTRUMENT, -1, 127, 1, NULL},
    [RP_SET_CHANNEL] = {KIND_CHANNEL, 0, 15, 1, NULL},
    [RP_SET_METRONOME] = {KIND_WORD, 0, 1, 1, switch_words},
    [RP_SET_COUNT_IN] = {KIND_COUNT, 0, 16, 1, NULL},
    [RP_SET_CLICK_CHANNEL] = {KIND_CHANNEL, 0, 15, 1, NULL},
    [RP_SET_SYNC] = {KIND_WORD, 0, 2, 1, sync_words},
    [RP_SET_CLOCK_OUT] = {KIND_WORD, 0, 1, 1, switch_words},
    [RP_SET_TIMEBASE] = {KIND_WORD, 0, 1, 1, switch_words},
    [RP_SET_LISTEN] = {KIND_LISTEN, 0, 16, 1, NULL},
    [RP_SET_IGNORE] = {KIND_CHANNELS, 0, 0, 0, NULL},
    [RP_SET_ECHO_GUARD] = {KIND_COUNT, 0, 500, 10, NULL},
    [RP_SET_SEED] = {KIND_COUNT, 0, 4294967295.0, 1, NULL},
    [RP_SET_END_TURN] = {KIND_END, 0, 0, 0, NULL},
    [RP_SET_PROGRAM_CHANGE] = {KIND_WORD, 0, 1, 1, switch_words},
};

/* What the panel steps through; any other metre can be typed. */
static const struct rp_metre metres[] = {{2, 4}, {3, 4}, {4, 4}, {5, 4},
                                         {6, 8}, {7, 8}, {9, 8}, {12, 8}};
enum { METRES = sizeof(metres) / sizeof(metres[0]) };

int rp_setting_find(const char *key)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        if (!strcmp(rp_settings[i].key, key)) {
            return i;
        }
    }
    return -1;
}

/* The field of an id, one of two types. */
static _Atomic uint32_t *whole_field(struct rp_knobs *knobs, int id)
{
    switch (id) {
    case RP_SET_TEMPO:
        return &knobs->tempo;
    case RP_SET_METRE:
        return &knobs->metre;
    case RP_SET_MODE:
        return &knobs->mode;
    case RP_SET_TRADE:
        return &knobs->trade;
    case RP_SET_LENGTH:
        return &knobs->length;
    case RP_SET_TOP_K:
        return &knobs->top_k;
    case RP_SET_WINDOW:
        return &knobs->window;
    case RP_SET_CANDIDATES:
        return &knobs->candidates;
    case RP_SET_CHANNEL:
        return &knobs->channel;
    case RP_SET_METRONOME:
        return &knobs->metronome;
    case RP_SET_COUNT_IN:
        return &knobs->count_in;
    case RP_SET_CLICK_CHANNEL:
        return &knobs->click_channel;
    case RP_SET_SYNC:
        return &knobs->sync;
    case RP_SET_CLOCK_OUT:
        return &knobs->clock_out;
    case RP_SET_TIMEBASE:
        return &knobs->timebase;
    case RP_SET_LISTEN:
        return &knobs->listen;
    case RP_SET_IGNORE:
        return &knobs->ignore;
    case RP_SET_ECHO_GUARD:
        return &knobs->echo_guard;
    case RP_SET_SEED:
        return &knobs->seed;
    case RP_SET_END_TURN:
        return &knobs->end_turn;
    case RP_SET_PROGRAM_CHANGE:
        return &knobs->program_change;
    }
    return NULL;
}

static double get(enum rp_setting_id id, const struct rp_knobs *from)
{
    struct rp_knobs *knobs = (struct rp_knobs *)from; /* only read below */

    switch (id) {
    case RP_SET_TEMPERATURE:
        return knobs->temperature;
    case RP_SET_TOP_P:
        return knobs->top_p;
    case RP_SET_ECHO:
        return knobs->echo;
    case RP_SET_INSTRUMENT:
        return knobs->instrument;
    case RP_SET_TEMPO:
        return knobs->tempo / 1000.0;
    default:
        return *whole_field(knobs, id);
    }
}

static void put(enum rp_setting_id id, struct rp_knobs *knobs, double value)
{
    switch (id) {
    case RP_SET_TEMPERATURE:
        knobs->temperature = (float)value;
        break;
    case RP_SET_TOP_P:
        knobs->top_p = (float)value;
        break;
    case RP_SET_ECHO:
        knobs->echo = (float)value;
        break;
    case RP_SET_INSTRUMENT:
        knobs->instrument = (int32_t)value;
        break;
    case RP_SET_TEMPO:
        knobs->tempo = (uint32_t)lround(value * 1000);
        break;
    default:
        *whole_field(knobs, id) = (uint32_t)value;
    }
}

static bool read_number(const char *text, bool whole, double *value)
{
    char *end;

    /* strtod alone would take "inf", "0x10" and leading blanks. */
    if (!*text || text[strspn(text, whole ? "0123456789" : "0123456789.")]) {
        return false;
    }
    *value = strtod(text, &end);
    return !*end;
}

static bool read_metre(const char *text, double *value)
{
    unsigned beats, unit;
    int used = 0;

    if (sscanf(text, "%2u/%2u%n", &beats, &unit, &used) != 2 || text[used] ||
        beats < 1 || beats > 32 || unit < 1 || unit > 32 ||
        (unit & (unit - 1))) {
        return false;
    }
    *value = beats << 8 | unit;
    return true;
}

static bool read_word(const char *const *word, const char *text, double *value)
{
    for (int i = 0; word[i]; i++) {
        if (!strcasecmp(word[i], text)) {
            *value = i;
            return true;
        }
    }
    return false;
}

/* What the panel steps through; any other can be typed. */
static const uint32_t ends[] = {0, RP_END_CONTROL | 66, RP_END_CONTROL | 67,
                                RP_END_CONTROL | 69};
enum { ENDS = sizeof(ends) / sizeof(ends[0]) };

static bool read_end(const char *text, double *value)
{
    double number = 0;
    bool note = !strncasecmp(text, "note", 4);

    if (!strcasecmp(text, "none")) {
        *value = 0;
        return true;
    }
    if ((!note && strncasecmp(text, "cc", 2)) ||
        !read_number(text + (note ? 4 : 2), true, &number) || number > 127 ||
        (!note && !rp_controls_may_learn((uint8_t)number))) {
        return false;
    }
    *value = number + (note ? RP_END_NOTE : RP_END_CONTROL);
    return true;
}

static bool read_channels(const char *text, double *value)
{
    uint32_t channels;
    bool read = rp_channels_read(text, &channels);

    *value = read ? channels : 0;
    return read;
}

static bool read_value(const struct range *range, const char *text,
                       double *value)
{
    switch (range->kind) {
    case KIND_METRE:
        return read_metre(text, value);
    case KIND_END:
        return read_end(text, value);
    case KIND_CHANNELS:
        return read_channels(text, value);
    case KIND_WORD:
        return read_word(range->word, text, value);
    case KIND_INSTRUMENT:
        *value = rp_instrument_find(text);
        return *value >= 0 || !strcasecmp(text, "none");
    case KIND_CHANNEL:
        if (!read_number(text, true, value)) {
            return false;
        }
        *value -= 1;
        break;
    case KIND_LISTEN:
        if (!strcasecmp(text, "all")) {
            *value = 0;
            return true;
        }
        return read_number(text, true, value) && *value >= 1 &&
               *value <= range->most;
    case KIND_COUNT:
        if (!read_number(text, true, value)) {
            return false;
        }
        break;
    case KIND_TEMPO:
    case KIND_REAL:
        if (!read_number(text, false, value)) {
            return false;
        }
        break;
    }
    return *value >= range->least && *value <= range->most;
}

rp_status rp_setting_read(enum rp_setting_id id, const char *text,
                          struct rp_knobs *knobs)
{
    double value = 0;

    if (!read_value(&ranges[id], text, &value)) {
        return RP_EARG;
    }
    put(id, knobs, value);
    return RP_OK;
}

static void print(enum rp_setting_id id, const struct rp_knobs *knobs,
                  bool name, char *text, size_t size)
{
    double value = get(id, knobs);
    unsigned whole = ranges[id].kind == KIND_INSTRUMENT ? 0 : (unsigned)value;

    switch (ranges[id].kind) {
    case KIND_METRE:
        snprintf(text, size, "%u/%u", whole >> 8, whole & 255);
        break;
    case KIND_END:
        if (!whole) {
            snprintf(text, size, "none");
            break;
        }
        snprintf(text, size, "%s%u",
                 (whole & ~127u) == RP_END_NOTE ? "note" : "cc", whole & 127);
        break;
    case KIND_CHANNELS:
        rp_channels_print(whole, text, size);
        break;
    case KIND_LISTEN:
        snprintf(text, size, whole ? "%u" : "all", whole);
        break;
    case KIND_WORD:
        snprintf(text, size, "%s", ranges[id].word[whole]);
        break;
    case KIND_INSTRUMENT:
        if (value < 0) {
            snprintf(text, size, "none");
        } else if (name) {
            snprintf(text, size, "%d %s", (int)value,
                     rp_instrument_names[(int)value]);
        } else {
            snprintf(text, size, "%d", (int)value);
        }
        break;
    case KIND_CHANNEL:
        snprintf(text, size, "%u", whole + 1);
        break;
    case KIND_COUNT:
        snprintf(text, size, "%u", whole);
        break;
    case KIND_TEMPO:
    case KIND_REAL:
        snprintf(text, size, "%.6g", value);
        break;
    }
}

void rp_setting_print(enum rp_setting_id id, const struct rp_knobs *knobs,
                      char *text, size_t size)
{
    print(id, knobs, false, text, size);
}

void rp_setting_show(enum rp_setting_id id, const struct rp_knobs *knobs,
                     char *text, size_t size)
{
    print(id, knobs, true, text, size);
}

enum rp_setting_form rp_setting_form(enum rp_setting_id id)
{
    switch (ranges[id].kind) {
    case KIND_METRE:
    case KIND_END:
    case KIND_CHANNELS:
        return RP_FORM_TEXT;
    case KIND_WORD:
        return RP_FORM_WORD;
    case KIND_COUNT:
    case KIND_INSTRUMENT:
    case KIND_CHANNEL:
    case KIND_LISTEN:
        return RP_FORM_WHOLE;
    case KIND_TEMPO:
    case KIND_REAL:
        break;
    }
    return RP_FORM_REAL;
}

double rp_setting_number(enum rp_setting_id id, const struct rp_knobs *knobs)
{
    if (rp_setting_form(id) == RP_FORM_TEXT) {
        return 0;
    }
    return get(id, knobs) + (ranges[id].kind == KIND_CHANNEL);
}

rp_status rp_setting_put(enum rp_setting_id id, double value,
                         struct rp_knobs *knobs)
{
    const struct range *range = &ranges[id];

    value -= range->kind == KIND_CHANNEL;
    if (rp_setting_form(id) != RP_FORM_REAL) {
        value = round(value);
    }
    /* Written so that NaN is refused. */
    if (rp_setting_form(id) == RP_FORM_TEXT ||
        !(value >= range->least && value <= range->most)) {
        return RP_EARG;
    }
    put(id, knobs, value);
    return RP_OK;
}

void rp_setting_sweep(enum rp_setting_id id, double *from, double *to)
{
    const struct range *range = &ranges[id];
    static const struct {
        double from, to;
    } narrow[RP_SETTINGS] = {/* where the whole range is not for a hand */
                             [RP_SET_TEMPO] = {60, 180},
                             [RP_SET_LENGTH] = {0, 16},
                             [RP_SET_TEMPERATURE] = {0.2, 2},
                             [RP_SET_INSTRUMENT] = {0, 127},
                             [RP_SET_WINDOW] = {1, 128},
                             [RP_SET_SEED] = {0, 127}};

    *from = range->least + (range->kind == KIND_CHANNEL);
    *to = range->most + (range->kind == KIND_CHANNEL);
    if (narrow[id].to > 0) {
        *from = narrow[id].from;
        *to = narrow[id].to;
    }
    if (rp_setting_form(id) == RP_FORM_TEXT) {
        *to = range->kind == KIND_METRE ? METRES - 1
              : range->kind == KIND_END ? ENDS - 1
                                        : 16;
    }
}

static double step_metre(double value, int steps)
{
    int at = 0;

    /* From a metre that is not in the list: the first of as many beats. */
    for (int i = METRES - 1; i >= 0; i--) {
        if (metres[i].beats <= (unsigned)value >> 8) {
            at = i;
            break;
        }
    }
    for (int i = 0; i < METRES; i++) {
        if ((metres[i].beats << 8 | metres[i].unit) == (int)value) {
            at = i;
        }
    }
    at = at + steps < 0 ? 0 : at + steps >= METRES ? METRES - 1 : at + steps;
    return metres[at].beats << 8 | metres[at].unit;
}

static double step_end(double value, int steps)
{
    int at = 0;

    for (int i = 0; i < ENDS; i++) {
        at = ends[i] == (uint32_t)value ? i : at;
    }
    at += steps;
    return ends[at < 0 ? 0 : at >= ENDS ? ENDS - 1 : at];
}

/* None, then one channel after the other. */
static double step_channels(double value, int steps)
{
    int at = ffs((int)value) + steps;

    return at <= 0 ? 0 : 1u << ((at > 16 ? 16 : at) - 1);
}

void rp_setting_step(enum rp_setting_id id, struct rp_knobs *knobs, int steps)
{
    const struct range *range = &ranges[id];
    double value = get(id, knobs);

    if (range->kind == KIND_METRE) {
        put(id, knobs, step_metre(value, steps));
        return;
    }
    if (range->kind == KIND_END) {
        put(id, knobs, step_end(value, steps));
        return;
    }
    if (range->kind == KIND_CHANNELS) {
        put(id, knobs, step_channels(value, steps));
        return;
    }
    /* On the grid of steps, so that 0.05 twenty times is 1 again. */
    value = range->step * (round(value / range->step) + steps);
    value = value < range->least ? range->least : value;
    put(id, knobs, value > range->most ? range->most : value);
}

void rp_setting_copy(enum rp_setting_id id, struct rp_knobs *to,
                     const struct rp_knobs *from)
{
    put(id, to, get(id, from));
}

void rp_knobs_init(struct rp_knobs *knobs)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        double value = 0;

        /* The defaults are in the table, as text, and tested to be valid. */
        (void)read_value(&ranges[i], rp_settings[i].usual, &value);
        put(i, knobs, value);
    }
    knobs->panic = knobs->hand_over = 0;
}

void rp_knobs_copy(struct rp_knobs *to, const struct rp_knobs *from)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        rp_setting_copy(i, to, from);
    }
    to->panic = from->panic;
    to->hand_over = from->hand_over;
}
