/* What of the input is a call: only some channels, and not what a synth sends
 * back. Audio thread; part of the cycle.
 *
 * A note ends where it began: its note-off goes where its note-on went, though
 * `listen` or `ignore` were turned meanwhile, and so does the pedal. */
#ifndef RP_SIEVE_H
#define RP_SIEVE_H

#include "rt/clock.h"
#include "rt/held.h"

enum rp_sieve_way {
    RP_SIEVE_CALL, /* is heard, and passed on to thru */
    RP_SIEVE_THRU, /* is passed on, nothing else */
    RP_SIEVE_DROP
};

enum { RP_ECHOES = 512, RP_ROUNDS = 64 };

struct rp_sieve {
    uint8_t note[16][128], pedal[16]; /* enum rp_sieve_way of what is held */
    /* What was sent lately, oldest overwritten. */
    uint32_t sents;
    struct rp_sieve_sent {
        rp_frame frame;
        bool thru; /* on port thru; else out */
        struct rp_event event;
    } sent[RP_ECHOES];
    bool echoed;        /* a note has come back */
    rp_frame echoed_at; /* the last one that did */
    /* What may be the player's or go round, by a hash: how often in a row. */
    struct rp_sieve_round {
        rp_frame frame; /* of the last */
        uint32_t count;
        struct rp_event event;
    } round[RP_ROUNDS];
};

/* `listen`: 1 to 16, the channel that calls, or 0: all do. `ignore`: channels
 * that are not even passed on, bits. Remembers where a note-on goes. */
RP_RT enum rp_sieve_way rp_sieve_way(struct rp_sieve *sieve,
                                     const struct rp_held *held,
                                     uint32_t listen, uint32_t ignore,
                                     struct rp_event event);

/* It was sent, at that frame. */
RP_RT void rp_sieve_sent(struct rp_sieve *sieve, enum rp_source source,
                         rp_frame frame, struct rp_event event);

/* Whether it is what we sent within `guard` frames before, come back. The
 * player's own is never taken for it: a key or pedal that is let go is let go,
 * a key that is struck anew sounds anew; but no player does the same 32 times,
 * each time within `guard`: that goes round. */
RP_RT bool rp_sieve_is_echo(struct rp_sieve *sieve, const struct rp_held *held,
                            rp_frame guard, rp_frame frame, uint32_t rate,
                            struct rp_event event);

#endif
