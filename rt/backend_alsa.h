/* The ALSA backend from inside, in three files:
 *
 *   backend_alsa.c        main: open, start, stop, what poll does, the table
 *   backend_alsa_ports.c  main: which ports there are, connections, hot-plug
 *   backend_alsa_io.c     the pace's thread: bytes in, bytes out, the queue
 *
 * Two clients of the sequencer: `seq` is the pace's thread's while that runs,
 * and `watch`, main's, hears announcements and makes connections; so neither
 * waits for the other. */
#ifndef RP_BACKEND_ALSA_H
#define RP_BACKEND_ALSA_H

#include "rt/pace.h"
#include "rt/patchbay.h"

enum rp_alsa_port {
    RP_ALSA_IN,
    RP_ALSA_OUT,
    RP_ALSA_THRU,
    RP_ALSA_CLOCK,
    RP_ALSA_PORTS
};

struct rp_alsa {
    struct rp_backend base;
    struct rp_pace pace;
    struct _snd_seq *seq; /* the pace's thread while it runs, else main */
    int client, port[RP_ALSA_PORTS], queue;
    uint64_t tick;     /* ns between two ticks of the queue's timer */
    _Atomic bool gone; /* the sequencer failed; the thread writes */

    /* The pace's thread alone while it runs. */
    struct snd_midi_event *decoder, *encoder;
    struct _snd_seq_queue_status *status;
    struct rp_arrivals in;
    bool mapped;
    int64_t shift;              /* the queue's time less CLOCK_MONOTONIC, ns */
    uint64_t last_due;          /* ns; when the last event sent is due */
    int64_t last_sent[RP_WAY_CLOCK + 1]; /* the queue's time it was given */
    bool unplug; /* `unplugged` rises when all that came before was heard */

    /* Main alone. */
    struct _snd_seq *watch; /* NULL while there is no sequencer */
    int watcher;            /* its client number */
    char name[64];
    struct rp_patchbay *patchbay;
    bool rewired;      /* connections changed: look */
    uint64_t tried_at; /* ns; last look for the sequencer */
};

extern const char *const rp_alsa_port_names[RP_ALSA_PORTS];

/* ---- backend_alsa_io.c ---- */

/* The pace's thread: one period. */
RP_RT void rp_alsa_run(struct rp_backend *backend);
/* Main, after the pace has stopped: what was sent reaches its receivers. */
void rp_alsa_flush(struct rp_alsa *alsa);

/* ---- backend_alsa_ports.c: main ---- */

/* Makes the patchbay. */
RP_MUST rp_status rp_alsa_patch(struct rp_alsa *alsa,
                                const struct rp_backend_options *options);
/* Everybody's ports, as they are now. */
void rp_alsa_look(struct rp_alsa *alsa);
/* What has happened since the last time: ports that came and went. */
void rp_alsa_watch(struct rp_alsa *alsa, uint64_t now);
/* Every port of others, for `riposte ports`. */
void rp_alsa_each(struct _snd_seq *seq,
                  void (*each)(void *self, const struct rp_port *port),
                  void *self);

#endif
