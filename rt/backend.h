/* A MIDI system, as one table of functions. What a backend owes:
 *
 * - open finds the system and fixes `rate` and `period`; nothing runs yet. It
 *   logs one line when it cannot (server refuses, no such port) and leaves
 *   nothing behind.
 * - The session sets `cycle`; after start, one thread of the backend calls
 *   rp_backend_cycle once per period, periods in order, frames never running
 *   backwards. Frames go on during whatever keeps the periods from coming
 *   (xrun, server away), so that beats keep their place.
 * - Input is handed in with the frame it came at; bytes that are no message
 *   are counted as stray, never passed on.
 * - Output is delivered at the frame it is written for, and in that order.
 * - When a source is disconnected, `unplugged` rises; when the system has
 *   gone and come back, `release` rises before the first period.
 * - stop ends the calls; after it returns there are none. What was written
 *   before is delivered. close frees everything.
 * - poll, advance, describe and ports are main's. Libraries' own messages go
 *   to the log.
 */
#ifndef RP_BACKEND_H
#define RP_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "rt/cycle.h"
#include "rt/session.h"

struct rp_backend_options {
    const char *name;     /* as others see it */
    /* As rp_session_options; for patchbay.h. */
    const char *in, *out;
    const char *const *ins, *const *outs;
    const char *remember;
    const char *system;    /* rtmidi: which of its own; NULL: any */
    uint32_t rate, period; /* null, alsa and rtmidi; 0: 48000, 128 */
    bool realtime;         /* null only */
    const struct rp_timed_event *call; /* null only, in order of frame */
    uint32_t calls;
};

/* First member of each implementation's own struct. */
struct rp_backend {
    const struct rp_backend_ops *ops;
    struct rp_cycle *cycle;
    uint32_t rate, period;
    int priority; /* SCHED_FIFO priority of its audio thread; 0: none */
    /* (optional) main, from poll: a port of somebody else came or went. */
    void (*on_port)(void *self, const struct rp_port *port, bool there);
    void *on_port_self;
};

struct rp_backend_ops {
    const char *name;
    /* It reaches what others reach: "NAME:SYSTEM" chooses which, and its ports
     * are listed unasked only where no other backend is. */
    bool covers;
    /* Whether it can run here and now; why not, as one line. */
    bool (*probe)(char *text, size_t size);
    RP_MUST rp_status (*open)(struct rp_backend **backend,
                              const struct rp_backend_options *options);
    RP_MUST rp_status (*start)(struct rp_backend *backend);
    void (*stop)(struct rp_backend *backend);
    void (*close)(struct rp_backend *backend);
    /* Whether periods come at present (a server may be away). */
    bool (*alive)(struct rp_backend *backend);
    void (*poll)(struct rp_backend *backend); /* (optional) */
    /* (optional) In virtual time: the period [now, now + frames), run by the
     * caller. */
    void (*advance)(struct rp_backend *backend, uint32_t frames);
    void (*describe)(struct rp_backend *backend, char *text, size_t size);
    RP_MUST rp_status (*ports)(void (*each)(void *self,
                                            const struct rp_port *port),
                               void *self);
};

/* Every backend this build knows, NULL-terminated; "auto" is the first that
 * probes true. RP_ENONE with one logged line for an unknown name. *system is
 * what the name says after a colon, NULL if nothing. */
extern const struct rp_backend_ops *const rp_backends[];
RP_MUST rp_status rp_backend_find(const char *name,
                                  const struct rp_backend_ops **ops,
                                  const char **system);

extern const struct rp_backend_ops rp_backend_null;
extern const struct rp_backend_ops rp_backend_jack;
extern const struct rp_backend_ops rp_backend_alsa;
extern const struct rp_backend_ops rp_backend_rtmidi;

/* For `open` of a backend that chooses its period: as asked for, or as usual.
 * RP_EARG is logged. */
RP_MUST rp_status rp_backend_begin(struct rp_backend *backend,
                                   const struct rp_backend_ops *ops,
                                   const struct rp_backend_options *options);

/* Audio thread: one period, timed for the statistics. */
RP_RT void rp_backend_cycle(struct rp_backend *backend, struct rp_io *io);

/* The port that `want` names among `count` names: its number from 1, its full
 * name, or else a part of it. -1 when there is none. */
int rp_backend_match(const char *want, const char *const *names, int count);

#endif
