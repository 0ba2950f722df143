/* What a backend's ports are connected to, and what they are to be connected
 * to. The same for every MIDI system; a backend tells who is there and what is
 * connected, and makes the connections. Main alone.
 *
 * Nothing is connected that was not asked for: by --in and --out, by whoever
 * connected it the last time (port_file.h), or by hand meanwhile. But where
 * nothing is known of our input, the first keyboard that is seen is it.
 *
 * What is asked for and not there is waited for. When a port goes and comes
 * back, its connections are made again; a connection that is cut while both
 * ends are there is forgotten.
 *
 * In a backend:
 *   open     create; begin, peer for each port, end; check; free on failure
 *   start    settle
 *   poll     begin, peer.. end when ports may have changed (or one at a time:
 *            gone); look, link.. looked when connections may have; settle
 *   lost     lose, when the system is gone; then as from open on
 *   close    destroy */
#ifndef RP_PATCHBAY_H
#define RP_PATCHBAY_H

#include "rt/backend.h"
#include "rt/links.h"
#include "rt/port.h"

struct rp_patchbay;

struct rp_patchbay_system {
    const char *tag;          /* the backend's name */
    const char *name;         /* ours, as others see it; may change */
    const char *const *ports; /* ours: in, out, thru and maybe more */
    int count;
    void *self;
    /* Connects our port with theirs; true also when it is already. */
    bool (*connect)(void *self, int port, const struct rp_peer *peer);
    uint64_t slow; /* ns from then until what we send arrives there */
};

/* `options`: in, out, remember. RP_EARG, RP_EMEM are logged; a file that
 * cannot be read is logged, too, and then nothing is remembered. */
RP_MUST rp_status rp_patchbay_create(struct rp_patchbay **patchbay,
                                     struct rp_backend *base,
                                     const struct rp_patchbay_system *system,
                                     const struct rp_backend_options *options);
/* Writes down what is connected. */
void rp_patchbay_destroy(struct rp_patchbay *patchbay);

/* A look at the ports of others: those that were not there before are told to
 * on_port, those not named between begin and end are gone. */
void rp_patchbay_begin(struct rp_patchbay *patchbay);
void rp_patchbay_peer(struct rp_patchbay *patchbay, const struct rp_peer *peer,
                      const char *alias);
void rp_patchbay_end(struct rp_patchbay *patchbay);
/* One has gone (number 0 or name NULL: whatever it is). */
void rp_patchbay_gone(struct rp_patchbay *patchbay, uint32_t number,
                      const char *name);

/* A number that --in or --out gives must be in the list. RP_ENONE is logged.
 * For open, after the first look. */
RP_MUST rp_status rp_patchbay_check(struct rp_patchbay *patchbay);

/* A look at connections: link for each. looked: true when another look is due
 * soon, as one seems to be cut (links.h). */
void rp_patchbay_look(struct rp_patchbay *patchbay, uint64_t now);
void rp_patchbay_link(struct rp_patchbay *patchbay, int port, uint32_t number,
                      const char *name);
bool rp_patchbay_looked(struct rp_patchbay *patchbay, uint64_t now);

/* The system itself is gone, and with it everybody: none of it is forgotten. */
void rp_patchbay_lose(struct rp_patchbay *patchbay);

/* Connects what is to be and is not; writes down what has changed, once a
 * second at most. Receivers that are found again may still sound: then, if
 * `late` (periods are run already), everything is silenced as soon as the
 * connection carries it. */
void rp_patchbay_settle(struct rp_patchbay *patchbay, uint64_t now, bool late);

/* As rp_links_describe. */
void rp_patchbay_describe(const struct rp_patchbay *patchbay, char *text,
                          size_t size);
const struct rp_peers *rp_patchbay_peers(const struct rp_patchbay *patchbay);

#endif
