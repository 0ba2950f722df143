/* What goes out: everything between "this is to be sent" and the ports. Keeps
 * what a full port did not take, knows what sounds, and can end all of it.
 * Audio thread only; part of the cycle. */
#ifndef RP_OUTBOX_H
#define RP_OUTBOX_H

#include "rt/clock.h"
#include "rt/held.h"
#include "rt/stats.h"

/* The output ports: two for notes, which the outbox feeds, and where a backend
 * has it one for MIDI clock (clock_out.h). */
enum rp_way { RP_WAY_OUT, RP_WAY_THRU, RP_WAYS, RP_WAY_CLOCK = RP_WAYS };

struct rp_arrival {
    uint32_t offset; /* frames since the period began */
    struct rp_event event;
    uint32_t source; /* who sent it, a number; 0: the system does not say */
};

/* What a backend hands in for one period. */
struct rp_io {
    uint32_t rate;   /* frames per second */
    rp_frame frame;  /* first frame of the period; never runs backwards, may
                        jump ahead (xrun, server away) */
    uint32_t frames; /* length of the period, >= 1 */
    const struct rp_arrival *in; /* in order of offset, offset < frames */
    uint32_t ins;
    uint32_t delay; /* frames from when an event came until what is sent at its
                       frame sounds: a MIDI clock is followed that much ahead */
    bool clock;     /* RP_WAY_CLOCK has a port */
    const struct rp_transport *transport; /* sync.h; NULL: there is none */
    /* Sends one event; offsets of one way never fall within a period. False
     * when the port's buffer is full: the cycle keeps it for the next. */
    RP_RT bool (*write)(struct rp_io *io, enum rp_way way, uint32_t offset,
                        struct rp_event event);
    void *self; /* the backend's */
};

enum { RP_QUEUE = 4096 };

struct rp_outgoing {
    rp_frame frame;
    uint8_t source;
    struct rp_event event;
};

struct rp_queue { /* what one port has still to send, in order of frame */
    uint32_t first, count;
    uint64_t passed; /* items that have left it: the number of the first */
    uint64_t cancelled[16][128]; /* note-ons of lower number are not sent */
    struct rp_outgoing item[RP_QUEUE];
};

struct rp_outbox {
    struct rp_stats *stats;
    struct rp_held held;
    struct rp_release owed[RP_SOURCES]; /* goes before all that is queued */
    struct rp_queue queue[RP_WAYS];
};

/* To be sent at `frame`, no earlier than what was given before for that port.
 * A note-on that finds no room is dropped and counted, a note-off never. The
 * note-off of a note that does not sound, or that sounds anew, is not sent
 * (but thru passes what the player does as it is). */
RP_RT void rp_outbox_send(struct rp_outbox *outbox, enum rp_source source,
                          rp_frame frame, struct rp_event event);
/* A planned note-on that will not be sent though its note-off comes. */
RP_RT void rp_outbox_skip(struct rp_outbox *outbox, enum rp_source source,
                          struct rp_event event);

/* Writes what is owed, then what is queued, and tells of each event written.
 * False when the port was full before the end. */
typedef RP_RT void rp_outbox_sent(void *self, enum rp_source source,
                                  rp_frame frame, struct rp_event event);
RP_RT bool rp_outbox_flush(struct rp_outbox *outbox, struct rp_io *io,
                           enum rp_way way, rp_outbox_sent *sent, void *self);

/* Forgets what is queued on a port and ends all that sounds there. Controllers
 * go to the channels in use and to those in `channels` (bits). */
RP_RT void rp_outbox_silence(struct rp_outbox *outbox, enum rp_way way,
                             uint16_t channels);

#endif
