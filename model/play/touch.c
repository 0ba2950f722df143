#include "model/play/touch.h"

#include <string.h>

enum {
    WHOLE = 1000,
    DETACHED = 850, /* less of the time than this: fingers leave no more of a
                       gap between notes that are meant to be joined */
    LEAST = 2,      /* gaps; one may be a rest */
    TAPPED = 20,    /* less is a pad's, which sends no lengths at all */
    REST_HALVES = 5 /* what is farther from the next note, in half beats, is
                       followed by a rest: nothing tells how long it was meant
                       to be */
};

void rp_touch_begin(struct rp_touch *touch)
{
    memset(touch, 0, sizeof *touch);
}

/* A clock that is set back a little may end a note before it begins. */
static void add(struct rp_touch *touch, rp_beat sounds, rp_beat wide)
{
    rp_beat share = sounds < wide ? WHOLE * sounds / wide : WHOLE;

    if (share < 0)
        share = 0;
    touch->share[touch->notes++ % RP_TOUCH_NOTES] = (uint16_t)share;
    if (share < DETACHED && wide > touch->widest)
        touch->widest = wide;
}

/* That of the last note is known with the onset of its next one. */
static void know(struct rp_touch *touch, rp_beat next)
{
    rp_beat wide = next - touch->on;

    if (!touch->waits)
        return;
    touch->waits = false;
    if (wide > 0 && 2 * wide <= REST_HALVES * RP_BEAT)
        add(touch, touch->off == RP_TOUCH_LATER ? wide : touch->off - touch->on,
            wide);
}

void rp_touch_hear(struct rp_touch *touch, rp_beat on, rp_beat off,
                   rp_beat next, bool pedal)
{
    know(touch, on);
    touch->heard++;
    touch->pedalled += pedal;
    touch->waits = true;
    touch->on = on;
    touch->off = off;
    if (next != RP_TOUCH_LATER)
        know(touch, next);
}

/* The median; of two the more legato one. */
static uint16_t usual(const struct rp_touch *touch)
{
    uint16_t sorted[RP_TOUCH_NOTES];
    uint32_t count =
        touch->notes < RP_TOUCH_NOTES ? touch->notes : RP_TOUCH_NOTES;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        for (; at > 0 && sorted[at - 1] > touch->share[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = touch->share[i];
    }
    return count >= LEAST ? sorted[count / 2] : WHOLE;
}

bool rp_touch_is_detached(const struct rp_touch *touch)
{
    return usual(touch) < DETACHED;
}

/* Who plays short notes detached may well hold a long one. */
static bool is_held(const struct rp_touch *touch, rp_beat written)
{
    return 2 * written > 3 * touch->widest;
}

rp_beat rp_touch_written(const struct rp_touch *touch, rp_beat on, rp_beat off,
                         rp_beat next)
{
    rp_beat sounds = off - on, written;
    uint16_t share = usual(touch);

    if (share >= DETACHED)
        return sounds;
    written = share < TAPPED ? touch->widest : sounds * WHOLE / share;
    if (is_held(touch, written))
        written = sounds;
    /* Nearly up to the next one is up to it. */
    if (next != RP_TOUCH_LATER && 4 * written > 3 * (next - on))
        written = next - on;
    return written > sounds ? written : sounds;
}

rp_beat rp_touch_sounds(const struct rp_touch *touch, rp_beat written)
{
    uint16_t share = usual(touch);
    rp_beat least = RP_BEAT / 16, sounds = written * share / WHOLE;

    if (share >= DETACHED || share < TAPPED ||
        2 * touch->pedalled >= touch->heard || is_held(touch, written))
        return written;
    if (sounds < least)
        sounds = least < written ? least : written;
    return sounds;
}
