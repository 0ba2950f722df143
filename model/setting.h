/* The table of settings. One word each, everywhere: the option of the command
 * line, the key of a preset, the field of struct rp_knobs ('-' for '_'), the
 * row of the panel. */
#ifndef RP_SETTING_H
#define RP_SETTING_H

#include <stddef.h>

#include "rt/link.h"

enum rp_setting_id {
    RP_SET_TEMPO,
    RP_SET_METRE,
    RP_SET_MODE,
    RP_SET_TRADE,
    RP_SET_LENGTH,
    RP_SET_TEMPERATURE,
    RP_SET_TOP_P,
    RP_SET_TOP_K,
    RP_SET_WINDOW,
    RP_SET_ECHO,
    RP_SET_CANDIDATES,
    RP_SET_INSTRUMENT,
    RP_SET_CHANNEL,
    RP_SET_METRONOME,
    RP_SET_COUNT_IN,
    RP_SET_CLICK_CHANNEL,
    RP_SET_SYNC,
    RP_SET_CLOCK_OUT,
    RP_SET_TIMEBASE,
    RP_SET_LISTEN,
    RP_SET_IGNORE,
    RP_SET_ECHO_GUARD,
    RP_SET_SEED,
    RP_SET_END_TURN,
    RP_SET_PROGRAM_CHANGE,
    RP_SETTINGS
};

struct rp_setting {
    const char *key;   /* "top-p" */
    const char *value; /* what to write for the value: "BPM" */
    const char *help;  /* one line */
    const char *want;  /* "a number of BPM, 20 to 400" */
    const char *usual; /* the default, as text */
};
extern const struct rp_setting rp_settings[RP_SETTINGS];

/* Index of a key, or -1. */
int rp_setting_find(const char *key);

/* Reads `text` into the knob. On RP_EARG nothing changed; say `want`. */
RP_MUST rp_status rp_setting_read(enum rp_setting_id id, const char *text,
                                  struct rp_knobs *knobs);
/* As rp_setting_read would take it back. */
void rp_setting_print(enum rp_setting_id id, const struct rp_knobs *knobs,
                      char *text, size_t size);
/* The same with the instrument's name, for people. */
void rp_setting_show(enum rp_setting_id id, const struct rp_knobs *knobs,
                     char *text, size_t size);
/* The value as a number, as people count: channels from 1, words from 0 in the
 * order of `value`, no instrument is -1. */
enum rp_setting_form {
    RP_FORM_TEXT,  /* no number (metre) */
    RP_FORM_WORD,  /* one of a list */
    RP_FORM_WHOLE, /* whole number */
    RP_FORM_REAL
};
enum rp_setting_form rp_setting_form(enum rp_setting_id id);
/* 0 for RP_FORM_TEXT. */
double rp_setting_number(enum rp_setting_id id, const struct rp_knobs *knobs);
/* Rounds where the setting is whole. On RP_EARG nothing changed; say `want`. */
RP_MUST rp_status rp_setting_put(enum rp_setting_id id, double value,
                                 struct rp_knobs *knobs);
/* What a controller sweeps unless it is told otherwise, as rp_setting_number;
 * for RP_FORM_TEXT the places of what is stepped through, from 0. */
void rp_setting_sweep(enum rp_setting_id id, double *from, double *to);
/* Steps up (> 0) or down; stops at the ends of the range. Main thread. */
void rp_setting_step(enum rp_setting_id id, struct rp_knobs *knobs, int steps);
void rp_setting_copy(enum rp_setting_id id, struct rp_knobs *to,
                     const struct rp_knobs *from);

/* Program defaults; then a preset's; then the command line's. */
void rp_knobs_init(struct rp_knobs *knobs);
void rp_knobs_copy(struct rp_knobs *to, const struct rp_knobs *from);

#endif
