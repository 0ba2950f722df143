/* Who leads the beat: ourselves, a MIDI clock that comes in, or JACK's
 * transport. Part of the cycle, audio thread alone: sync.c is what they have in
 * common, sync_midi.c and sync_jack.c are the leaders from outside.
 *
 * Our beats never go backwards. Where a leader starts, locates or loops, we go
 * on with the next of our beats that has its place in the bar; `song` is the
 * difference. Small errors are made up for by a little more or less tempo. */
#ifndef RP_SYNC_H
#define RP_SYNC_H

#include "rt/chase.h"
#include "rt/event.h"
#include "rt/link.h"
#include "rt/senders.h"

struct rp_cycle;
struct rp_io;

/* JACK's transport at the beginning of a period. */
struct rp_transport {
    bool rolling;
    int64_t frame; /* of the song */
    bool led;      /* somebody else says all that follows */
    int64_t bar;   /* from 0 */
    rp_beat into;  /* since the bar line, rounded down ... */
    rp_beat grain; /* ... to this */
    uint32_t mbpm; /* quarters, as in rp_clock */
    struct rp_metre metre;
};

enum rp_leader {
    RP_LEADER_NONE,   /* has not said anything: we have our own beat */
    RP_LEADER_STANDS, /* stopped; the same */
    RP_LEADER_ROLLS
};

struct rp_sync {
    uint32_t by; /* enum rp_sync_by, as obeyed */
    uint8_t leader;
    uint32_t knob;       /* the tempo knob as last seen */
    uint32_t knob_metre; /* and that of the metre */
    bool led;            /* the tempo is a leader's until the knob is turned */
    rp_beat song;        /* our beat where the song begins */

    /* A MIDI clock. */
    uint32_t source; /* who sent what is heard now; 0: unknown */
    struct rp_senders senders;
    struct rp_chase chase;
    bool armed;       /* the next tick is the first: at song beat ... */
    rp_beat position; /* ... or the last that was told or came */
    bool counted;     /* the ticks have beats: tick 0 would be ... */
    rp_beat zero;     /* ... this one of ours */
    rp_frame steered; /* no need to look before */
    uint32_t heard;   /* ticks in this period */

    /* JACK's transport. */
    int64_t expected;    /* frame of the song, if nothing happens */
    struct rp_clock map; /* the song's frames and beats, when nobody else
                            says them */
};

/* ---- sync.c ---- */

/* For main: who leads, what it does, whether a MIDI clock is heard, and
 * whether from more than one. */
RP_RT uint32_t rp_sync_state(const struct rp_cycle *cycle);
#define RP_SYNC_STATE_BY(state) ((state)&255)
#define RP_SYNC_STATE_LEADER(state) ((state) >> 8 & 255)
#define RP_SYNC_STATE_HEARD(state) ((state) >> 16 & 1)
#define RP_SYNC_STATE_CROWD(state) ((state) >> 17) /* enum rp_crowd */

/* Whether a beat runs that others may follow. */
RP_RT bool rp_sync_rolls(const struct rp_cycle *cycle);
/* Each period, before anything is heard. */
RP_RT void rp_sync_turn(struct rp_cycle *cycle, const struct rp_io *io);
/* The leader has stopped. */
RP_RT void rp_sync_stand(struct rp_cycle *cycle);
/* At `frame` the song has got `into` a bar, at `position` of all its beats:
 * so have we, here or later. */
RP_RT void rp_sync_locate(struct rp_cycle *cycle, rp_frame frame,
                          rp_beat position, rp_beat into);
/* From `frame` on: as fast as the leader, and so that an `error` (our beat is
 * behind, > 0, or ahead) is gone in half a beat. */
RP_RT void rp_sync_steer(struct rp_cycle *cycle, rp_frame frame, double mbpm,
                         rp_beat error);

/* ---- the leaders ---- */

/* A system message that came in, heard at `frame`. */
RP_RT void rp_sync_midi(struct rp_cycle *cycle, rp_frame frame,
                        struct rp_event event);
/* The transport, as it is at the beginning of this period; followed where it
 * leads. */
RP_RT void rp_sync_jack(struct rp_cycle *cycle, const struct rp_io *io);
/* After the period: the song's beats around that frame, when we say them;
 * `moved`: it was located there. */
RP_RT void rp_sync_map(struct rp_cycle *cycle, int64_t frame, bool moved,
                       struct rp_clock *map);

#endif
