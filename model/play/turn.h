/* An answer being drawn, note by note. Drawing reads a state and changes
 * nothing but the note; taking a note makes it part of the answer. So a note
 * that was drawn and not yet taken may be drawn again under other knobs: the
 * same key gives the same draw. The same code draws live and offline. */
#ifndef RP_TURN_H
#define RP_TURN_H

#include "model/net/engine.h"
#include "model/play/steer.h"
#include "model/shared.h"

/* Where the next note is predicted from: a state and the reader beside it. */
struct rp_sight {
    struct rp_engine *engine;
    uint32_t slot;
    struct rp_reader reader;
};

/* How loud an answer is, where the model does not say: the call's loudness
 * along its length, and an accent on bar lines and beats. */
enum { RP_DYNAMICS_POINTS = 5 };
struct rp_dynamics {
    uint8_t point[RP_DYNAMICS_POINTS]; /* velocities, evenly over the call */
    uint8_t softest, loudest;
    int32_t start, length; /* ticks over which the answer spreads them */
    int32_t bar, beat;     /* ticks each; 0: no accents */
    int32_t line;          /* tick of a bar line */
};

enum { RP_TURN_RECENT = 32 };
struct rp_turn {
    uint32_t seed, number, candidate; /* of the draws */
    uint32_t notes;                   /* taken so far */
    struct rp_steer steer;
    struct rp_dynamics dynamics;
    uint32_t repeats; /* a pitch may follow itself so often */
    uint32_t least;   /* notes that there must be */
    bool alone;       /* one voice: no onset while a note of its own sounds */
    int32_t widest;   /* ticks: longest wait between two onsets; 0: any */
    int32_t close;    /* tick: a note on a beat from here on tends to be long,
                         as last notes are; INT32_MAX: none does */
    /* Chords to keep to where the model knows none: what falls on a beat
     * (dynamics.beat) is one of the chord's tones. Not owned; NULL: any. */
    const struct rp_chord_change *chord;
    uint32_t chords;
    int32_t until[128]; /* tick at which its note of that pitch ends: a window
                           may have begun after it did */
    struct rp_note recent[RP_TURN_RECENT]; /* the last ones taken, a ring */
    int32_t recent_dt[RP_TURN_RECENT];
};

enum rp_drawn {
    RP_DRAWN,      /* a note */
    RP_DRAWN_END,  /* the model ends here */
    RP_DRAWN_NONE, /* nothing is possible under the steering */
    RP_DRAWN_ERROR /* the engine failed; logged there */
};

/* Steering free, dynamics at 80. */
RP_SHARED
void rp_turn_init(struct rp_turn *turn, uint32_t seed, uint32_t number,
                  uint32_t candidate);
enum rp_drawn rp_turn_draw(const struct rp_turn *turn,
                           const struct rp_sight *sight,
                           const struct rp_taste *taste, struct rp_note *note);
/* Sets how late the next note may begin by what was taken so far: no longer
 * silence than `widest` unless the answer is over, and at least `least` notes.
 * What cannot begin before the end is not drawn: there the answer is over. */
RP_SHARED
void rp_turn_bound(struct rp_turn *turn);
/* The same for an answer that begins on a beat: the first note falls on the
 * line where it may begin (tick `from`) or the one after it. */
RP_SHARED
void rp_turn_aim(struct rp_turn *turn, int32_t from);
RP_SHARED
void rp_turn_take(struct rp_turn *turn, const struct rp_note *note);
/* The last note taken; NULL before the first. */
RP_SHARED
const struct rp_note *rp_turn_last(const struct rp_turn *turn);
/* Where in `recent` the note taken `back` notes ago is, 1 the last one. */
RP_SHARED
uint32_t rp_turn_ago(const struct rp_turn *turn, uint32_t back);
/* Velocity of a note at a tick by the dynamics. */
RP_SHARED
uint8_t rp_dynamics_at(const struct rp_dynamics *dynamics, int32_t tick);

#endif
