/* OSC over UDP: a socket, a thread that only reads and parses, and a ring of
 * messages from it to main. Everything but the thread is main's. */
#ifndef RP_WIRE_H
#define RP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "rt/status.h"

enum { RP_WIRE_PATH = 96, RP_WIRE_ARGS = 8, RP_WIRE_TEXT = 1400 };

struct rp_wire_peer {
    struct sockaddr_storage address;
    socklen_t size; /* 0: nobody */
};

enum rp_wire_type { RP_WIRE_NUMBER, RP_WIRE_TEXTUAL };
struct rp_wire_arg {
    enum rp_wire_type type;
    double number;    /* of the types i h f d T F; else 0 */
    const char *text; /* of the types s S; else NULL */
};

struct rp_wire_message {
    struct rp_wire_peer from;
    uint64_t ns; /* CLOCK_MONOTONIC, on arrival */
    char path[RP_WIRE_PATH];
    uint32_t args;
    struct rp_wire_arg arg[RP_WIRE_ARGS];
    char text[RP_WIRE_TEXT]; /* what the arguments point into */
};

/* Counters since it was opened. */
struct rp_wire_view {
    uint64_t messages;  /* handed to main, or on the way to it */
    uint64_t malformed; /* packets that are no OSC, or too long for us */
    uint64_t lost;      /* more than main or the system had room for */
};

struct rp_wire;

/* Whether this build speaks OSC; why not, as one line. */
bool rp_wire_probe(char *text, size_t size);
/* Listens on `port` (NULL: any free one) of `address`, a number or a name.
 * `tag` is for the log. RP_ENONE in a build that speaks no OSC. */
RP_MUST rp_status rp_wire_open(struct rp_wire **wire, const char *tag,
                               const char *address, const char *port);
void rp_wire_close(struct rp_wire *wire); /* NULL is nothing */
uint16_t rp_wire_port(const struct rp_wire *wire);

/* The next message; false when there is none. It is whole until the next
 * call. */
bool rp_wire_next(struct rp_wire *wire, struct rp_wire_message *message);
void rp_wire_look(struct rp_wire *wire, struct rp_wire_view *view);

/* One message to `count` peers, never waiting. `types` as in OSC: i (int),
 * f (double), s (const char *), h (int64_t). False when it went to none. */
bool rp_wire_send(struct rp_wire *wire, const struct rp_wire_peer *to,
                  uint32_t count, const char *path, const char *types, ...);

/* RP_ENONE (logged) where the name stands for nobody. May take as long as
 * asking for a name takes. */
RP_MUST rp_status rp_wire_find(const char *tag, const char *host,
                               const char *port, struct rp_wire_peer *peer);
/* The address of this machine that `peer` sees, without its port. */
RP_MUST rp_status rp_wire_facing(const struct rp_wire_peer *peer, char *text,
                                 size_t size);
bool rp_wire_same(const struct rp_wire_peer *a, const struct rp_wire_peer *b);
/* The same machine, another port. */
void rp_wire_turn_to(struct rp_wire_peer *peer, uint16_t port);
/* "127.0.0.1:9000", "[::1]:9000". */
void rp_wire_name(const struct rp_wire_peer *peer, char *text, size_t size);

#endif
