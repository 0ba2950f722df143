/* What the player plays, made into notes on the grid. Onsets within 35 ms that
 * sound together fold into a chord. The tick of an onset and the length of a
 * note are those that the network's own expectation times the timing error
 * makes most likely, the next onset looked at too when it is there. Notes are
 * pushed to the memory in order of onset as soon as their length is known;
 * after a beat a held note lets its successors go on over HELD. A network of
 * one voice is told the tune alone, in its register (voice.h), and how long its
 * notes would be written (touch.h). */
#ifndef RP_LISTEN_H
#define RP_LISTEN_H

#include "model/play/late.h"
#include "model/play/touch.h"
#include "model/play/voice.h"
#include "rt/event.h"

enum {
    RP_LISTEN_FOLD_MS = 35,   /* chord notes */
    RP_LISTEN_LEGATO_MS = 70, /* between a release and the next onset */
    RP_LISTEN_PENDING = 256,
    RP_LISTEN_BESIDE = 128,
    RP_LISTEN_CALL = 1024
};

struct rp_listen_note {
    rp_frame on_frame, off_frame; /* off_frame RP_FRAME_NEVER: held */
    rp_beat on, off;
    uint8_t pitch, velocity, channel;
};

/* The call so far. Ticks are of the model's resolution. */
struct rp_call {
    uint32_t onsets;        /* heard, also while not yet pushed */
    rp_frame first_frame;   /* of the first onset */
    rp_beat first_beat;
    rp_frame last_on, last_off; /* latest onset and release heard */
    rp_beat longest_rest;   /* longest silence between two notes */
    uint32_t notes;         /* pushed; the first RP_LISTEN_CALL are kept */
    struct rp_note note[RP_LISTEN_CALL];
    int32_t end;            /* tick at which the last of them ends */
    uint8_t low, high;
};

/* A note that a network of one voice is not told; it tells the key, too. */
struct rp_listen_beside {
    rp_beat on, length; /* 0: it was held */
    uint8_t pitch;
};

struct rp_listen {
    struct rp_memory *memory; /* not owned */
    uint32_t pending;
    struct rp_listen_note note[RP_LISTEN_PENDING]; /* in order of onset */
    uint16_t down[128]; /* per pitch: channels whose key is down */
    uint16_t pedal;     /* channels whose pedal is down */
    uint8_t over[128];  /* went into the memory as held, still sounds: 1 + the
                           pitch it was read as; 0: no */
    rp_frame hurry; /* what is held waits no longer than this; else
                       RP_FRAME_NEVER */
    struct rp_voice voice;
    struct rp_touch touch; /* of the call's tune; of one voice alone */
    struct rp_late late;
    uint32_t besides; /* so far; the last ones are kept: */
    struct rp_listen_beside beside[RP_LISTEN_BESIDE];
    struct rp_call call;
};

void rp_listen_init(struct rp_listen *listen, struct rp_memory *memory);
/* The memory has another model. */
void rp_listen_learn(struct rp_listen *listen);
/* Panic: nothing is held, pending or known of the player's timing. */
void rp_listen_reset(struct rp_listen *listen);
/* The next onset begins a new call. What is pending belongs to the old one and
 * must have been closed. */
void rp_listen_begin(struct rp_listen *listen);

/* True when it was a note-on. */
bool rp_listen_event(struct rp_listen *listen, const struct rp_clock *clock,
                     rp_frame frame, struct rp_event event);
/* Whether a key or the pedal is down. */
bool rp_listen_holds(const struct rp_listen *listen);

/* The frame at which a pending note can be pushed if nothing else happens,
 * RP_FRAME_NEVER when none can; and pushing all that can be by `now`. */
rp_frame rp_listen_due(const struct rp_listen *listen,
                       const struct rp_clock *clock);
RP_MUST rp_status rp_listen_settle(struct rp_listen *listen,
                                   const struct rp_clock *clock, rp_frame now);
/* Hand-over: everything is pushed, what sounds as HELD. */
RP_MUST rp_status rp_listen_close(struct rp_listen *listen,
                                  const struct rp_clock *clock);

/* The memory's resolution changed: the call's ticks are converted. */
void rp_listen_rescale(struct rp_listen *listen, uint32_t to, uint32_t from);

/* Ticks <-> beats at the memory's resolution; nearest tick. */
int32_t rp_listen_tick(const struct rp_listen *listen, rp_beat beat);
rp_beat rp_listen_beat(const struct rp_listen *listen, int32_t tick);
/* The beat of an onset, its offset from the tick too. */
rp_beat rp_listen_onset(const struct rp_listen *listen,
                        const struct rp_note *note);

#endif
