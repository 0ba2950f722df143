#include "tui/keyboard.h"

static void end_key(struct rp_keyboard *keyboard, uint32_t i)
{
    keyboard->play(keyboard->self,
                   rp_event_make(RP_NOTE_OFF, 0, keyboard->key[i].pitch, 64));
    keyboard->key[i] = keyboard->key[--keyboard->count];
}

void rp_keyboard_strike(struct rp_keyboard *keyboard, int pitch, int64_t now,
                        int64_t length)
{
    if (pitch < 0 || pitch > 127) {
        return;
    }
    for (uint32_t i = 0; i < keyboard->count; i++) {
        if (keyboard->key[i].pitch == pitch &&
            now - keyboard->key[i].seen < RP_KEYBOARD_REPEAT) {
            keyboard->key[i].seen = now; /* held down: it sounds on */
            if (keyboard->key[i].until < now + 2 * RP_KEYBOARD_REPEAT) {
                keyboard->key[i].until = now + 2 * RP_KEYBOARD_REPEAT;
            }
            return;
        }
    }
    for (uint32_t i = keyboard->count; i-- > 0;) {
        if (keyboard->key[i].pitch == pitch ||
            now - keyboard->key[i].struck > RP_KEYBOARD_CHORD) {
            end_key(keyboard, i);
        }
    }
    if (keyboard->count == RP_KEYBOARD_KEYS) {
        end_key(keyboard, 0);
    }
    keyboard->key[keyboard->count].pitch = (uint8_t)pitch;
    keyboard->key[keyboard->count].struck = now;
    keyboard->key[keyboard->count].seen = now;
    keyboard->key[keyboard->count].until = now + length;
    keyboard->count++;
    keyboard->play(keyboard->self, rp_event_make(RP_NOTE_ON, 0, (uint8_t)pitch,
                                                 RP_KEYBOARD_VELOCITY));
}

int64_t rp_keyboard_expire(struct rp_keyboard *keyboard, int64_t now)
{
    int64_t next = INT64_MAX;

    for (uint32_t i = keyboard->count; i-- > 0;) {
        if (keyboard->key[i].until <= now) {
            end_key(keyboard, i);
        }
    }
    for (uint32_t i = 0; i < keyboard->count; i++) {
        if (keyboard->key[i].until < next) {
            next = keyboard->key[i].until;
        }
    }
    return next;
}

void rp_keyboard_release(struct rp_keyboard *keyboard)
{
    while (keyboard->count) {
        end_key(keyboard, keyboard->count - 1);
    }
}
