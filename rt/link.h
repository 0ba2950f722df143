/* What crosses between the audio thread, the performer and main: messages and
 * knobs. Plain data only. */
#ifndef RP_LINK_H
#define RP_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rt/clock.h"
#include "rt/event.h"

/* Shortest time from a decision to the first note it places, and how far
 * ahead answers are handed to the audio thread: fixed, so that the period
 * size does not change the music. Two periods where that is longer; 50 ms are
 * two periods of 1024 frames at 44100 Hz and above. */
#define RP_LEAD_MS 50

/* audio -> performer, ring `to_performer`. In order of frame. */
enum rp_heard_kind {
    RP_HEARD_MIDI,  /* event: what the player did */
    RP_HEARD_CLOCK, /* clock: from `frame` on this segment holds */
    RP_HEARD_PANIC, /* everything was silenced: drop the plan, listen anew */
    RP_HEARD_END    /* the turn ends now, whoever has it */
};
struct rp_heard {
    rp_frame frame;
    uint8_t kind;
    struct rp_event event;
    struct rp_clock clock;
};

/* performer -> audio, ring `from_performer`. In order of beat within a turn;
 * beats, not frames, so that a tempo change moves what is planned. An event of
 * size 0 is the session's own mark that a silence was obeyed (cycle.h). */
struct rp_planned {
    rp_beat beat;
    uint32_t turn;  /* answers are numbered from 1 */
    struct rp_event event;
};

enum rp_mode { RP_MODE_ANSWER, RP_MODE_TRADE };
enum rp_sync_by { RP_SYNC_INTERNAL, RP_SYNC_MIDI, RP_SYNC_JACK };

/* Written by main alone, read anywhere; a change is heard at the next note
 * that does not sound yet. */
struct rp_knobs {
    _Atomic uint32_t tempo;      /* thousandths of a BPM */
    _Atomic uint32_t metre;      /* beats << 8 | unit */
    _Atomic uint32_t mode;       /* enum rp_mode */
    _Atomic uint32_t trade;      /* bars per side in trade mode, >= 1 */
    _Atomic uint32_t length;     /* bars per answer; 0: as long as the call */
    _Atomic float temperature;   /* > 0; 1 is the model's own */
    _Atomic float top_p;         /* (0, 1]; 1 is off */
    _Atomic uint32_t top_k;      /* 0 is off */
    _Atomic uint32_t window;     /* beats of primer, >= 1 */
    _Atomic float echo;          /* 0..1: how much of a call returns */
    _Atomic uint32_t candidates; /* thought through; 0: what time allows */
    _Atomic int32_t instrument;  /* GM program 0..127; -1: send none */
    _Atomic uint32_t channel;    /* MIDI channel of answers, 0..15 */
    _Atomic uint32_t listen;     /* channel that calls, 1..16; 0: all do */
    _Atomic uint32_t ignore;     /* channels that are not heard at all, bits */
    _Atomic uint32_t echo_guard; /* ms; what comes back so soon is no call */
    _Atomic uint32_t seed;
    _Atomic uint32_t metronome;  /* 0 or 1 */
    _Atomic uint32_t count_in;   /* bars */
    _Atomic uint32_t click_channel; /* of metronome and count-in, 0..15 */
    _Atomic uint32_t sync;       /* enum rp_sync_by: who leads the beat */
    _Atomic uint32_t clock_out;  /* 0 or 1: MIDI clock is sent */
    _Atomic uint32_t timebase;   /* 0 or 1: JACK's transport has our beat */
    _Atomic uint32_t end_turn;   /* what ends a turn, see controls.h; 0: none */
    _Atomic uint32_t program_change; /* 1: they choose presets, live */
    _Atomic uint32_t panic;      /* counts up: each new value is one panic */
    _Atomic uint32_t hand_over;  /* counts up: each new value ends the turn */
};

#endif
