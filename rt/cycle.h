/* One audio period: all musical timing is here. A backend calls rp_cycle_run
 * once per period and only moves bytes. */
#ifndef RP_CYCLE_H
#define RP_CYCLE_H

#include <semaphore.h>

#include "rt/clock_out.h"
#include "rt/controls.h"
#include "rt/link.h"
#include "rt/outbox.h"
#include "rt/ring.h"
#include "rt/session.h"
#include "rt/sieve.h"
#include "rt/stats.h"
#include "rt/sync.h"

/* audio -> recorder, ring to_recorder. */
enum rp_recorded_kind {
    RP_RECORDED_CALL,
    RP_RECORDED_ANSWER,
    RP_RECORDED_CLOCK
};
struct rp_recorded {
    rp_frame frame;
    rp_beat beat;
    uint8_t kind;
    struct rp_event event; /* call and answer */
    struct rp_clock clock; /* holds from `frame` on */
};

enum { RP_PENDING = 1024 };

/* Everything the audio thread touches. Made by the session, locked in memory;
 * the part below the line belongs to the audio thread alone. */
struct rp_cycle {
    struct rp_knobs *knobs; /* main writes, audio reads */
    struct rp_stats stats;

    /* Writer audio, reader performer. Full: lost_heard counts, everything is
     * silenced and the performer begins anew when there is room. */
    struct rp_ring to_performer; /* struct rp_heard */
    /* Writer performer's thread, reader audio. Full: the performer waits. */
    struct rp_ring from_performer; /* struct rp_planned */
    /* Writer audio, reader recorder. 10 s of two saturated MIDI cables. Full:
     * lost_recorded counts, an error. */
    struct rp_ring to_recorder; /* struct rp_recorded */
    /* Writer audio, reader main. Full: lost_seen counts, only the panel
     * misses something. */
    struct rp_ring audio_to_ui; /* struct rp_seen */
    /* Writer main, reader audio: the computer keyboard. Full: not played,
     * the caller is told. */
    struct rp_ring main_to_audio; /* struct rp_event */

    /* Writer audio, reader main: what turns knobs. Holds seconds of a flood.
     * Full: lost_controls counts, a turn of a knob is missing. */
    struct rp_ring control_to_main; /* struct rp_controlled */

    const struct rp_taken *taken; /* main writes; NULL: nothing is taken */
    bool live; /* not in virtual time: program changes may be taken, too */
    sem_t *wake;             /* posted when the performer has something to do */
    _Atomic int64_t end;     /* frame up to which everything was heard */
    _Atomic int64_t wake_at; /* performer writes; INT64_MAX: never. Audio
                                sets it to INT64_MAX when it posted */
    _Atomic uint32_t silences;  /* told to the performer; stored after `end` */
    _Atomic uint32_t release;   /* counts up: silence everything (main; the
                                   server is back) */
    _Atomic uint32_t unplugged; /* counts up: end the notes of the call (any
                                   thread of the backend) */
    _Atomic uint32_t leading;   /* rp_sync_state, of this period */
    _Atomic uint32_t stopping;  /* 1: silence everything, play nothing more */
    _Atomic uint32_t released;  /* 1: stopping was obeyed and all of it sent */
    bool recording;             /* to_recorder has a reader; set before start */

    /* The clock for other threads: odd while it is being written. */
    _Atomic uint32_t clock_turns;
    _Atomic uint64_t clock_words[(sizeof(struct rp_clock) + 7) / 8];

    /* ---- audio thread alone ---- */
    struct rp_io *io;              /* this period's */
    struct rp_clock clock, before; /* before: until this period's turn */
    struct rp_sync sync;
    struct rp_clock_out clock_out;
    bool begun, owe_panic, owe_clock, told;
    uint32_t panic_seen, release_seen, unplugged_seen, hand_over_seen;
    uint16_t end_down; /* channels whose pedal that ends a turn is down */
    uint32_t silenced; /* how often everything was silenced */
    uint32_t obeyed;   /* the last silence the performer has obeyed */
    bool stopped;
    rp_beat click;       /* next beat line */
    rp_beat rest;        /* since then nothing was played */
    rp_beat void_before; /* planned notes before it are not played */
    rp_frame click_off;
    rp_frame told_time; /* the take's last record; see tell_time */
    rp_frame played;    /* up to here everything was played */
    struct rp_event clicked;
    uint32_t pendings;
    struct rp_planned pending[RP_PENDING]; /* in order of beat */
    struct rp_sieve sieve;
    struct rp_outbox outbox;
};

/* Main, before the first period. The rings and `wake` are the caller's. */
void rp_cycle_init(struct rp_cycle *cycle, struct rp_knobs *knobs,
                   uint32_t rate);

/* Audio thread. */
RP_RT void rp_cycle_run(struct rp_cycle *cycle, struct rp_io *io);

/* Audio thread: when a beat sounds in this period or after it, never before
 * where it was not due yet. */
RP_RT rp_frame rp_cycle_due(const struct rp_cycle *cycle,
                            const struct rp_io *io, rp_beat beat);

/* Any thread: a copy of the clock as it is now. */
void rp_cycle_clock(struct rp_cycle *cycle, struct rp_clock *clock);

/* Performer's thread: after a run that had seen `silences`, tells the cycle
 * that what follows in from_performer is meant. False when there was no room:
 * say it again. */
RP_RT bool rp_cycle_obey(struct rp_cycle *cycle, uint32_t silences);

#endif
