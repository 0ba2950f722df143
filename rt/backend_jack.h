/* The JACK backend from inside, in two files:
 *
 *   backend_jack.c        the server, periods, the table
 *   backend_jack_ports.c  main: connections, and what others may know of us
 *
 * JACK's process thread runs periods; its notification threads only set
 * flags; all else is main's. */
#ifndef RP_BACKEND_JACK_H
#define RP_BACKEND_JACK_H

#include <jack/jack.h>

#include "rt/arrivals.h"
#include "rt/backend.h"
#include "rt/follow.h"
#include "rt/links.h"

enum rp_jack_port { RP_JACK_IN, RP_JACK_OUT, RP_JACK_THRU, RP_JACK_PORTS };

struct rp_jack {
    struct rp_backend base;
    jack_client_t *client; /* NULL while the server is away; main */
    jack_port_t *port[RP_JACK_PORTS];
    _Atomic bool ready;   /* periods are run; main writes */
    _Atomic bool gone;    /* the server said so */
    _Atomic bool rewired; /* connections changed */
    _Atomic uint32_t rate, period;

    /* Process thread alone while `ready`. */
    struct rp_follow follow;
    uint64_t last_ns;     /* when the last period began; 0: none yet */
    uint32_t last_frames; /* its length */
    void *buffer[RP_JACK_PORTS];
    struct rp_arrivals in;

    /* Main alone. */
    char name[RP_LINK_NAME];
    char in_name[RP_LINK_NAME], out_name[RP_LINK_NAME]; /* "": not asked */
    struct rp_links links;
    uint64_t tried_at; /* ns; last look for the server */
};

extern const char *const rp_jack_port_names[RP_JACK_PORTS];

/* ---- backend_jack_ports.c: main ---- */

/* Metadata of our port, and without it. */
void rp_jack_describe_port(struct rp_jack *jack, enum rp_jack_port port);
void rp_jack_forget_port(struct rp_jack *jack, enum rp_jack_port port);
/* Before activating: changes of connections are noticed. */
void rp_jack_watch(struct rp_jack *jack);
/* The one port that `want` means, copied to `name` (RP_LINK_NAME bytes).
 * RP_ENONE is logged. */
RP_MUST rp_status rp_jack_find(struct rp_jack *jack, const char *want,
                               bool source, char *name);
/* The port asked for, or every keyboard there is. */
void rp_jack_connect_first(struct rp_jack *jack);
/* What is connected now. */
void rp_jack_look(struct rp_jack *jack, uint64_t now);
/* Connects again what was lost. A receiver that comes late may still sound. */
void rp_jack_restore(struct rp_jack *jack, bool late);

#endif
