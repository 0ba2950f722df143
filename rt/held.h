/* What sounds, counted per source, channel and pitch, and how it is made to
 * stop. Owned by the cycle; audio thread only. */
#ifndef RP_HELD_H
#define RP_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/event.h"

enum rp_source {
    RP_SOURCE_CALL,
    RP_SOURCE_ANSWER,
    RP_SOURCE_METRONOME,
    RP_SOURCES
};

/* The call sounds on port thru, answer and metronome on port out. */
struct rp_held {
    uint8_t count[RP_SOURCES][16][128]; /* note-ons whose note-off is due */
    uint16_t channels[RP_SOURCES];      /* used since the last release, bits */
    uint16_t pedal[RP_SOURCES];         /* pedal down, bits */
    uint32_t sounding[RP_SOURCES];      /* sum of count */
};

/* Messages that are owed to one source's receiver: note-offs first, then CC
 * 64 = 0, CC 123, CC 120 for each channel. */
struct rp_release {
    uint64_t off[16][2];
    uint16_t offs; /* channels with a bit in off[] */
    uint16_t control[3];
};

/* A note-on is about to be sent. True when that pitch sounds there already:
 * its note-off goes first, so that the receiver hears two notes. */
RP_RT bool rp_held_on(struct rp_held *held, enum rp_source source,
                      struct rp_event event);
/* A note-on was not sent though its note-off will come. */
RP_RT void rp_held_skip(struct rp_held *held, enum rp_source source,
                        struct rp_event event);
/* A note-off came. True when it is to be sent: it ends a sounding note and no
 * later note-on of the same pitch on that port still waits for its own. */
RP_RT bool rp_held_off(struct rp_held *held, enum rp_source source,
                       struct rp_event event);
/* Any other channel message was sent (the pedal is watched). */
RP_RT void rp_held_other(struct rp_held *held, enum rp_source source,
                         struct rp_event event);

/* Everything `source` sounds becomes owed and counts as ended. Controllers go
 * to the channels it used and to those in `channels` (bits). */
RP_RT void rp_held_release(struct rp_held *held, enum rp_source source,
                           uint16_t channels, struct rp_release *release);

RP_RT void rp_release_add(struct rp_release *release, struct rp_event off);
/* The next owed message, or size 0; and: it was sent. */
RP_RT struct rp_event rp_release_next(const struct rp_release *release);
RP_RT void rp_release_sent(struct rp_release *release, struct rp_event event);

#endif
