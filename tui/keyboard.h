/* The computer keyboard as a MIDI keyboard. A terminal tells no release, so a
 * note sounds for a fixed time; another key that is not part of a chord ends
 * it before, which makes a melody legato. Time is the caller's, in ms. */
#ifndef RP_KEYBOARD_H
#define RP_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/event.h"

enum {
    RP_KEYBOARD_KEYS = 16,   /* notes that may sound at once */
    RP_KEYBOARD_CHORD = 60,  /* ms: keys struck within are one chord */
    RP_KEYBOARD_REPEAT = 60, /* ms: closer strikes of a key are its repeat */
    RP_KEYBOARD_VELOCITY = 84
};

struct rp_keyboard {
    uint32_t count;
    struct {
        uint8_t pitch;
        int64_t struck, seen, until; /* seen: last strike or repeat */
    } key[RP_KEYBOARD_KEYS];
    /* Where events go. */
    void (*play)(void *self, struct rp_event event);
    void *self;
};

/* `length`: ms that a note sounds. */
void rp_keyboard_strike(struct rp_keyboard *keyboard, int pitch, int64_t now,
                        int64_t length);
/* Ends what has sounded long enough. When the next is due; INT64_MAX. */
int64_t rp_keyboard_expire(struct rp_keyboard *keyboard, int64_t now);
void rp_keyboard_release(struct rp_keyboard *keyboard); /* all */

#endif
