/* What the player sends to riposte itself: controllers that turn knobs, the
 * pedal or key that ends a turn, program changes. It is taken out of what is
 * played: the performer does not hear it, thru does not pass it on, the take
 * does not have it. Part of the cycle; main alone says what is taken. */
#ifndef RP_CONTROLS_H
#define RP_CONTROLS_H

#include "rt/held.h"
#include "rt/link.h"
#include "rt/ring.h"

/* Written by main alone, read by the audio thread. Zeroed: nothing. */
struct rp_taken {
    _Atomic uint32_t control[16][8]; /* a bit each, see RP_CONTROL_NOTE */
    _Atomic uint32_t learning; /* 1: any controller that may be is taken */
};

/* audio -> main, ring control_to_main. */
struct rp_controlled {
    rp_frame frame;
    struct rp_event event;
};

/* A control is a controller's number, or this and a key's: pads send notes. */
enum { RP_CONTROL_NOTE = 128 };
/* Of a control change or a note, -1 of others; how far it is down. */
RP_RT int rp_controls_number(struct rp_event event);
RP_RT uint8_t rp_controls_value(struct rp_event event);

/* Not bank select (0, 32), the pedal (64), channel mode (120 and above). */
RP_RT bool rp_controls_may_learn(uint8_t controller);
/* `held`: a note of the call that sounds still ends as one; NULL: none does. */
RP_RT bool rp_controls_taken(const struct rp_taken *taken,
                             const struct rp_held *held,
                             struct rp_event event);
/* Main. */
void rp_controls_take(struct rp_taken *taken, uint8_t channel, uint8_t control,
                      bool take);

/* The knob end_turn: 0 is none, else the status and the number of what ends
 * a turn. */
enum { RP_END_CONTROL = RP_CONTROL << 8, RP_END_NOTE = RP_NOTE_ON << 8 };
enum rp_ending {
    RP_ENDING_NOT,  /* something else */
    RP_ENDING,      /* it was pressed: the turn ends */
    RP_ENDING_IDLE  /* it was let go, or is still down */
};
/* `down`: channels on which it is, kept by the caller. A note of the call that
 * sounds still ends as one. */
RP_RT enum rp_ending rp_controls_ending(uint32_t end_turn, uint16_t *down,
                                        const struct rp_held *held,
                                        struct rp_event event);

#endif
