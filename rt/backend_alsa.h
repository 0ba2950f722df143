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

#include "rt/links.h"
#include "rt/pace.h"

enum rp_alsa_port { RP_ALSA_IN, RP_ALSA_OUT, RP_ALSA_THRU, RP_ALSA_PORTS };

enum { RP_ALSA_KNOWN = 256 };

/* A port of another client. Its name is "client:port"; numbers change. */
struct rp_alsa_peer {
    uint8_t client, port;
    bool source, destination; /* can be read from, written to */
    bool hardware;
    char name[RP_LINK_NAME];
};

/* Every port there is, in the kernel's order. */
struct rp_alsa_list {
    int count;
    struct rp_alsa_peer peer[RP_ALSA_KNOWN];
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
    int64_t last_sent[RP_WAYS]; /* the queue's time it was given */
    bool unplug; /* `unplugged` rises when all that came before was heard */

    /* Main alone. */
    struct _snd_seq *watch; /* NULL while there is no sequencer */
    int watcher;            /* its client number */
    char name[64], in_name[RP_LINK_NAME], out_name[RP_LINK_NAME];
    struct rp_links links;
    struct rp_alsa_list known;
    bool rewired;      /* connections changed: look */
    uint64_t tried_at; /* ns; last look for what is lost */
};

extern const char *const rp_alsa_port_names[RP_ALSA_PORTS];

/* ---- backend_alsa_io.c ---- */

/* The pace's thread: one period. */
RP_RT void rp_alsa_run(struct rp_backend *backend);
/* Main, after the pace has stopped: what was sent reaches its receivers. */
void rp_alsa_flush(struct rp_alsa *alsa);

/* ---- backend_alsa_ports.c: main ---- */

/* All ports but System's, those not for others and those of the two clients
 * given. */
void rp_alsa_look(struct _snd_seq *seq, const int except[2],
                  struct rp_alsa_list *list);
/* The port that `want` means: number or part of its name as others have it,
 * or an address "20:0". RP_ENONE is logged. */
RP_MUST rp_status rp_alsa_find(const struct rp_alsa_list *list,
                               const char *want, bool source, char *name);
/* Connections as asked for at start. */
void rp_alsa_connect_first(struct rp_alsa *alsa);
/* Makes again what was lost; the receivers it found are silenced first. */
void rp_alsa_restore(struct rp_alsa *alsa, bool late);
/* What has happened since the last time: ports that came and went. */
void rp_alsa_watch(struct rp_alsa *alsa, uint64_t now);

#endif
