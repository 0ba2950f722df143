/* A run: one backend, the cycle, the performer's thread, the recorder. Main
 * creates it, turns knobs, reads what happened; everything else is inside. */
#ifndef RP_SESSION_H
#define RP_SESSION_H

#include <stddef.h>

#include "rt/controls.h"
#include "rt/link.h"
#include "rt/ring.h"
#include "rt/stats.h"

/* What listens and answers, seen from rt/ (model/play/performer.h is the real
 * one). `run` is called by one thread at a time with every heard message of
 * frames < until in `in`; it pushes what is planned up to its lead beyond
 * `until` to `out`. `wake` is the frame at which it wants to run even if
 * nothing is heard (INT64_MAX: never). */
struct rp_performing {
    void *self;
    void (*run)(void *self, rp_frame until, struct rp_ring *in,
                struct rp_ring *out);
    rp_frame (*wake)(void *self);
};

/* What the player turns knobs with: `turn` is called by main, in
 * rp_session_poll or, in virtual time, just after the frame at which it was
 * heard. */
struct rp_controlling {
    void *self;
    void (*turn)(void *self, struct rp_event event);
    const struct rp_taken *taken; /* owned by main; NULL: nothing */
};

/* A knob turned or notes played at an exact frame, for the null backend and
 * tests: `turn` is called as main would, just before the cycle that begins at
 * `frame` (the period is cut short to make it so). */
struct rp_cue {
    rp_frame frame;
    void (*turn)(void *self, struct rp_knobs *knobs);
    void *self;
};
struct rp_timed_event {
    rp_frame frame;
    struct rp_event event;
};

struct rp_session_options {
    const char *backend;   /* auto jack alsa rtmidi[:SYSTEM] null */
    const char *name;      /* as others see it; "riposte" when NULL */
    const char *in, *out;  /* a port to connect, by a part of its name or by
                              number; NULL: as it was the last time */
    /* Or several: lists that NULL ends. They outlive the session, and so does
     * `remember`, the path of a file as port_file.h has it; NULL: nothing is
     * remembered. */
    const char *const *ins, *const *outs;
    const char *remember;
    uint32_t rate, period; /* but for jack; 0: 48000, 128 */
    const char *take;      /* .mid to record to; NULL: none */
    bool realtime;         /* null backend: pace by the wall clock */
    /* null backend in virtual time: what is played, in order of frame */
    const struct rp_timed_event *call;
    uint32_t calls;
    const struct rp_cue *cue;
    uint32_t cues;
    struct rp_knobs *knobs; /* owned by main, outlives the session */
    struct rp_performing performing;
    struct rp_controlling controlling;
};

struct rp_session;
RP_MUST rp_status rp_session_create(struct rp_session **session,
                                    const struct rp_session_options *options);
/* Threads run and sound may come from here on (null in virtual time: only
 * rp_session_advance moves it). */
RP_MUST rp_status rp_session_start(struct rp_session *session);
/* Releases every sounding note at the receiver, ends threads, closes the
 * take: not RP_OK when the take was not written; its journal is left. A second
 * call says the same again. */
rp_status rp_session_stop(struct rp_session *session);
void rp_session_destroy(struct rp_session *session);

/* Null backend in virtual time: cycle and performer in lock-step until
 * `frame`, as fast as the machine can. */
void rp_session_advance(struct rp_session *session, rp_frame frame);

/* Computer keyboard: main -> audio; false when the ring is full (counted). */
bool rp_session_play(struct rp_session *session, struct rp_event event);

/* Live: the performer runs now, though nothing was heard: something was turned
 * that it alone can take. Main, between start and stop. */
void rp_session_wake(struct rp_session *session);

/* Main's turn, about 30 times a second: turns numbered notes from the audio
 * thread into log lines, reconnects a lost server. */
void rp_session_poll(struct rp_session *session);

/* What sounded, for the panel; false when there is nothing more. */
enum rp_seen_kind { RP_SEEN_CALL, RP_SEEN_ANSWER, RP_SEEN_METRONOME };
struct rp_seen {
    rp_frame frame;
    rp_beat beat;
    uint8_t kind;
    struct rp_event event;
};
bool rp_session_seen(struct rp_session *session, struct rp_seen *seen);
/* Copy of the clock and of now, and of the counters. */
void rp_session_now(struct rp_session *session, struct rp_clock *clock,
                    rp_frame *frame);
void rp_session_stats(struct rp_session *session, struct rp_stats_view *view);
/* Frames per second and per period, as of the last poll: a JACK server may
 * change its period. */
void rp_session_format(const struct rp_session *session, uint32_t *rate,
                       uint32_t *period);
/* "jack 48000 Hz 128 frames, riposte:in <- a2j:Keyboard"; for the panel. */
void rp_session_describe(struct rp_session *session, char *text, size_t size);

/* Ports that exist, for `riposte ports`; calls `each` for every one. */
struct rp_port {
    const char *backend, *name;
    bool input; /* riposte can read from it */
    /* Ports of a riposte that it is connected to, such as "riposte:out,
     * riposte:thru"; NULL or "": none. For rp_session_ports. */
    const char *connected;
};
RP_MUST rp_status rp_session_ports(const char *backend,
                                   void (*each)(void *self,
                                                const struct rp_port *port),
                                   void *self);

#endif
