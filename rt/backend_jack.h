/* The JACK backend from inside, in three files:
 *
 *   backend_jack.c            the server, periods, the table
 *   backend_jack_ports.c      main: connections, what others may know of us
 *   backend_jack_transport.c  the transport, latencies
 *
 * JACK's process thread runs periods; its notification threads only set
 * flags; all else is main's. */
#ifndef RP_BACKEND_JACK_H
#define RP_BACKEND_JACK_H

#include <jack/jack.h>
#include <pthread.h>

#include "rt/arrivals.h"
#include "rt/backend.h"
#include "rt/follow.h"
#include "rt/patchbay.h"

enum rp_jack_port {
    RP_JACK_IN,
    RP_JACK_OUT,
    RP_JACK_THRU,
    RP_JACK_CLOCK,
    RP_JACK_PORTS
};
enum { RP_JACK_MOVES = 32 };

/* A port came or went. */
struct rp_jack_move {
    bool there;
    char name[RP_PORT_NAME];
};

struct rp_jack {
    struct rp_backend base;
    jack_client_t *client; /* NULL while the server is away; main */
    jack_port_t *port[RP_JACK_PORTS];
    _Atomic bool ready;   /* periods are run; main writes */
    _Atomic bool gone;    /* the server said so */
    _Atomic bool rewired; /* connections changed */
    _Atomic bool moved;   /* ports came or went */
    _Atomic uint32_t rate, period;
    _Atomic uint32_t delay; /* see struct rp_io */
    _Atomic bool timebase;  /* we say the transport's bars; main writes */

    /* Process thread alone while `ready`. */
    struct rp_follow follow;
    uint64_t last_ns;     /* when the last period began; 0: none yet */
    uint32_t last_frames; /* its length */
    void *buffer[RP_JACK_PORTS];
    struct rp_arrivals in;
    struct rp_transport transport;

    /* Ports that came and went since main looked, in that order, as one may be
     * back already: the notification thread writes, main empties it. What has
     * no room is seen by the look alone. */
    pthread_mutex_t lock;
    int moves;
    struct rp_jack_move move[RP_JACK_MOVES];

    /* Main alone. */
    char name[RP_PORT_NAME];
    struct rp_patchbay *patchbay;
    /* Ports that went, so the server said, and yet are in its list for a
     * moment. */
    int lefts;
    char left[RP_JACK_MOVES][RP_PORT_NAME];
    uint64_t left_at;  /* ns; the last of them */
    uint64_t tried_at; /* ns; last look for the server */
    bool timebase_refused;
};

extern const char *const rp_jack_port_names[RP_JACK_PORTS];

/* ---- backend_jack_ports.c: main ---- */

/* Metadata of our port, and without it. */
void rp_jack_describe_port(struct rp_jack *jack, enum rp_jack_port port);
void rp_jack_forget_port(struct rp_jack *jack, enum rp_jack_port port);
/* Before activating: what changes is noticed. */
void rp_jack_watch(struct rp_jack *jack);
/* Makes the patchbay. */
RP_MUST rp_status rp_jack_patch(struct rp_jack *jack,
                                const struct rp_backend_options *options);
/* Everybody's MIDI ports, as they are now. */
void rp_jack_look(struct rp_jack *jack);
/* What has changed since the last time. */
void rp_jack_catch_up(struct rp_jack *jack, uint64_t now);
/* Every port of others, for `riposte ports`. */
void rp_jack_each(jack_client_t *client,
                  void (*each)(void *self, const struct rp_port *port),
                  void *self);

/* ---- backend_jack_transport.c ---- */

/* The process thread: at the beginning of its period. */
RP_RT const struct rp_transport *rp_jack_transport(struct rp_jack *jack);
/* Main: before activating, and in poll. */
void rp_jack_watch_transport(struct rp_jack *jack);
void rp_jack_turn_timebase(struct rp_jack *jack);

#endif
