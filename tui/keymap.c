#include "tui/keymap.h"

#include <stddef.h>

#include "tui/learn.h"
#include "tui/panel.h"

const struct rp_key rp_keymap[] = {
    {'?', RP_DO_HELP, 0, false, "?  F1", "this list"},
    {RP_KEY_F1, RP_DO_HELP, 0, false, NULL, NULL},
    {RP_KEY_TAB, RP_DO_KEYS, 0, false, "Tab", "letters: notes or commands"},
    {' ', RP_DO_PANIC, 0, false, "Space", "panic: silence everything"},
    {RP_KEY_UP, RP_DO_ROW, -1, false, "Up  Down", "choose a knob"},
    {RP_KEY_DOWN, RP_DO_ROW, 1, false, NULL, NULL},
    {RP_KEY_RIGHT, RP_DO_STEP, 1, false, "Left  Right", "turn it"},
    {RP_KEY_LEFT, RP_DO_STEP, -1, false, NULL, NULL},
    {'+', RP_DO_STEP, 10, false, "+  -", "turn it ten steps"},
    {'=', RP_DO_STEP, 10, false, NULL, NULL},
    {'-', RP_DO_STEP, -10, false, NULL, NULL},
    {RP_KEY_PAGE_DOWN, RP_DO_PRESET, 1, false, "PgUp  PgDn",
     "previous, next preset"},
    {RP_KEY_PAGE_UP, RP_DO_PRESET, -1, false, NULL, NULL},
    {RP_KEY_HOME, RP_DO_OCTAVE, -1, false, "Home  End",
     "played octave down, up"},
    {RP_KEY_END, RP_DO_OCTAVE, 1, false, NULL, NULL},
    {RP_KEY_ENTER, RP_DO_HAND_OVER, 0, false, "Enter", "end the turn now"},
    {RP_KEY_F1 + 1, RP_DO_LEARN, 0, false, "F2", "learn: move a controller"},
    {RP_KEY_ESCAPE, RP_DO_ESCAPE, 0, false, "Escape",
     "leave this list, learning"},
    {RP_KEY_BACKSPACE, RP_DO_FORGET, 0, false, "Backspace",
     "forget its controller"},
    {RP_KEY_F1 + 2, RP_DO_CHANGE, RP_LEARN_FROM, false, "F3  F4",
     "its range: from, to here"},
    {RP_KEY_F1 + 3, RP_DO_CHANGE, RP_LEARN_TO, false, NULL, NULL},
    {RP_KEY_F1 + 4, RP_DO_CHANGE, RP_LEARN_CURVE, false, "F5", "its curve"},
    {RP_KEY_F1 + 5, RP_DO_CHANGE, RP_LEARN_KIND, false, "F6",
     "knob, button or encoder"},
    {RP_KEY_F1 + 6, RP_DO_CHANGE, RP_LEARN_JUMP, false, "F7",
     "pick up, or jump"},
    {RP_KEY_F1 + 7, RP_DO_TAP, 0, false, "F8", "tap the tempo"},
    {'b', RP_DO_TAP, 0, true, NULL, NULL},
    {RP_KEY_F10, RP_DO_QUIT, 0, false, "F10  Ctrl-C", "quit"},
    {'t', RP_DO_SELECT, RP_SET_TEMPO, true, "t", "knob tempo"},
    {'e', RP_DO_SELECT, RP_SET_METRE, true, "e", "knob metre"},
    {'m', RP_DO_TURN, RP_SET_MODE, true, "m", "mode answer / trade"},
    {'r', RP_DO_SELECT, RP_SET_TRADE, true, "r", "knob trade"},
    {'l', RP_DO_SELECT, RP_SET_LENGTH, true, "l", "knob length"},
    {'h', RP_DO_SELECT, RP_SET_TEMPERATURE, true, "h",
     "knob temperature (heat)"},
    {'p', RP_DO_SELECT, RP_SET_TOP_P, true, "p", "knob top-p"},
    {'k', RP_DO_SELECT, RP_SET_TOP_K, true, "k", "knob top-k"},
    {'w', RP_DO_SELECT, RP_SET_WINDOW, true, "w", "knob window"},
    {'x', RP_DO_SELECT, RP_SET_ECHO, true, "x", "knob echo"},
    {'d', RP_DO_SELECT, RP_SET_CANDIDATES, true, "d", "knob candidates"},
    {'i', RP_DO_SELECT, RP_SET_INSTRUMENT, true, "i", "knob instrument"},
    {'c', RP_DO_SELECT, RP_SET_CHANNEL, true, "c", "knob channel"},
    {'n', RP_DO_TURN, RP_SET_METRONOME, true, "n", "metronome on / off"},
    {'o', RP_DO_SELECT, RP_SET_COUNT_IN, true, "o", "knob count-in"},
    {'u', RP_DO_SELECT, RP_SET_CLICK_CHANNEL, true, "u",
     "knob click-channel"},
    {'y', RP_DO_TURN, RP_SET_SYNC, true, "y", "sync: who leads"},
    {'a', RP_DO_TURN, RP_SET_CLOCK_OUT, true, "a", "clock-out on / off"},
    {'j', RP_DO_TURN, RP_SET_TIMEBASE, true, "j", "timebase on / off"},
    {'s', RP_DO_SELECT, RP_SET_SEED, true, "s", "knob seed"},
    {'f', RP_DO_SELECT, RP_SET_END_TURN, true, "f", "knob end-turn"},
    {'g', RP_DO_TURN, RP_SET_PROGRAM_CHANGE, true, "g",
     "program-change on / off"},
    {'v', RP_DO_SELECT, RP_PANEL_PRESET, true, "v", "knob preset"},
    {'q', RP_DO_QUIT, 0, true, "q", "quit"},
    {RP_KEY_NONE, RP_DO_NOTHING, 0, false, NULL, NULL},
};

/* Two rows as on a piano, an octave apart; the white keys are z and q rows of
 * a QWERTY keyboard, the black ones stand between. */
static const char lower[] = "zsxdcvgbhnjm,l.;/";
static const char upper[] = "q2w3er5t6y7ui9o0p";

struct rp_key rp_keymap_find(int key, bool keys)
{
    static const struct rp_key nothing = {RP_KEY_NONE, RP_DO_NOTHING, 0,
                                          false,       NULL,          NULL};

    if (key >= 'A' && key <= 'Z') {
        key += 'a' - 'A'; /* Caps Lock is no reason to be silent */
    }
    if (keys) {
        for (int i = 0; i < (int)sizeof(lower) - 1; i++) {
            if (key == lower[i] || key == upper[i]) {
                return (struct rp_key){
                    key,  RP_DO_PLAY, i + 12 * (key == upper[i]),
                    true, NULL,       NULL};
            }
        }
    }
    for (const struct rp_key *at = rp_keymap; at->key; at++) {
        if (at->key == key && !(at->letter && keys)) {
            return *at;
        }
    }
    return nothing;
}
