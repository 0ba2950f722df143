/* What each key does: one table, for the panel and its help. Letters and
 * digits play notes (`keys` on) or are commands; every other key is always a
 * command. */
#ifndef RP_KEYMAP_H
#define RP_KEYMAP_H

#include <stdbool.h>
#include <stdint.h>

/* Keys: Unicode, or one of these. */
enum rp_key_code {
    RP_KEY_NONE = 0,
    RP_KEY_TAB = '\t',
    RP_KEY_ENTER = '\n',
    RP_KEY_ESCAPE = 27,
    RP_KEY_BACKSPACE = 127,
    RP_KEY_UP = 0x110000, /* above all of Unicode */
    RP_KEY_DOWN,
    RP_KEY_LEFT,
    RP_KEY_RIGHT,
    RP_KEY_PAGE_UP,
    RP_KEY_PAGE_DOWN,
    RP_KEY_HOME,
    RP_KEY_END,
    RP_KEY_F1,
    RP_KEY_F10 = RP_KEY_F1 + 9,
    RP_KEY_RESIZE,
    RP_KEY_UNKNOWN /* a key without a meaning here */
};

enum rp_action {
    RP_DO_NOTHING,
    RP_DO_QUIT,
    RP_DO_HELP,
    RP_DO_KEYS, /* letters play or command */
    RP_DO_PANIC,
    RP_DO_ROW,    /* argument: -1 or +1 rows */
    RP_DO_STEP,   /* argument: steps of the selected knob */
    RP_DO_SELECT, /* argument: enum rp_setting_id, or the preset's row */
    RP_DO_TAP,
    RP_DO_TURN,   /* argument: a knob that is stepped round at once */
    RP_DO_PRESET, /* argument: -1 or +1 */
    RP_DO_OCTAVE, /* argument: -1 or +1 */
    RP_DO_HAND_OVER,
    RP_DO_LEARN,  /* the next controller turns the selected knob */
    RP_DO_ESCAPE, /* or it does not */
    RP_DO_FORGET,
    RP_DO_CHANGE, /* argument: enum rp_learn_change */
    RP_DO_PLAY    /* argument: semitones above the keyboard's C */
};

struct rp_key {
    int key;
    enum rp_action action;
    int argument;
    bool letter;      /* only while letters are commands */
    const char *name; /* for the help; NULL: said with the row before */
    const char *help;
};
extern const struct rp_key rp_keymap[]; /* ends with key RP_KEY_NONE */

/* What a key means now. RP_DO_PLAY comes from here alone, with `keys` on. */
struct rp_key rp_keymap_find(int key, bool keys);

#endif
