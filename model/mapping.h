/* One controller that turns one knob: how it is written, and how its numbers
 * become values. "cc21 = temperature 0.5..1.5 exp" in a preset, the user's
 * learn.ini or on the command line. */
#ifndef RP_MAPPING_H
#define RP_MAPPING_H

#include "model/setting.h"

/* A knob is a setting, or one of these. */
enum {
    RP_KNOB_PRESET = RP_SETTINGS, /* by its place in the list */
    RP_KNOB_PANIC,
    RP_KNOB_HAND_OVER,
    RP_KNOBS
};
/* "temperature", "panic"; and back, -1: there is none. */
const char *rp_knob_name(int knob);
int rp_knob_find(const char *name);
/* Not turned but pressed: panic, hand-over. */
bool rp_knob_is_press(int knob);
/* "tempo, metre, ..." for messages. */
void rp_knob_list(char *text, size_t size);

/* How the controller sends: its place, a press, or how far it was turned. */
enum rp_mapping_kind {
    RP_MAP_ABSOLUTE,
    RP_MAP_TOGGLE, /* each press (64 or more) goes on to the next value */
    RP_MAP_TWOS,   /* 1 to 64 up, 127 to 65 down: two's complement */
    RP_MAP_OFFSET, /* above 64 up, below it down */
    RP_MAP_SIGN,   /* 1 to 63 up, 65 to 127 down: bit 6 is the sign */
    RP_MAP_KINDS
};
enum rp_mapping_curve {
    RP_MAP_LINEAR,
    RP_MAP_EXP, /* fine at the beginning of the range: x squared */
    RP_MAP_LOG, /* fine at its end */
    RP_MAP_CURVES
};

struct rp_mapping {
    uint8_t controller; /* or a key, see RP_CONTROL_NOTE */
    uint8_t channel;    /* 1..16; 0: any */
    uint8_t kind, curve;
    bool jump; /* else the knob waits until the controller passes its value */
    bool ranged;
    double from, to; /* as rp_setting_number; unless `ranged` the usual ones */
    int knob;
};

/* "cc21", "cc21/3" or "note36", and "temperature 0.5..1.5 exp jump". On RP_EARG
 * `why` says what was expected. */
RP_MUST rp_status rp_mapping_read(const char *controller, const char *text,
                                  struct rp_mapping *mapping, char *why,
                                  size_t size);
/* The controller and the channel alone. */
RP_MUST rp_status rp_mapping_read_controller(const char *text,
                                             struct rp_mapping *mapping,
                                             char *why, size_t size);
/* Both in one: "cc21 = temperature". */
RP_MUST rp_status rp_mapping_read_line(const char *line,
                                       struct rp_mapping *mapping, char *why,
                                       size_t size);
/* Whether a key of an .ini is meant as a controller. */
bool rp_mapping_is_key(const char *key);
/* As they are read. */
void rp_mapping_print_controller(const struct rp_mapping *mapping, char *text,
                                 size_t size);
void rp_mapping_print(const struct rp_mapping *mapping, char *text,
                      size_t size);
/* What the controller stands for: the knob's whole usual range, linear. */
struct rp_mapping rp_mapping_make(uint8_t channel, uint8_t controller,
                                  int knob);
/* The range anew, where it was not given. */
void rp_mapping_fill(struct rp_mapping *mapping);

/* What is remembered between two turns; begins as RP_HAND. */
struct rp_mapping_hand {
    int was;     /* value that came last; -1: none */
    bool joined; /* the knob follows the controller */
    double left; /* where it left the knob */
};
#define RP_HAND {-1, false, 0}

/* Turns a setting. -1, 1: it waits, the controller is to go down or up; 0: it
 * has turned, or there was nothing to turn. Main. */
int rp_mapping_turn(const struct rp_mapping *mapping,
                    struct rp_mapping_hand *hand, uint8_t value,
                    struct rp_knobs *knobs);
/* For the other knobs: whether it was pressed; how many steps it was turned;
 * its place among `count` values. */
bool rp_mapping_pressed(struct rp_mapping_hand *hand, uint8_t value);
int rp_mapping_steps(const struct rp_mapping *mapping, uint8_t value);
uint32_t rp_mapping_place(const struct rp_mapping *mapping, uint8_t value,
                          uint32_t count);

#endif
