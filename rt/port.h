/* Ports of others: who they are, whatever number they have today, and which of
 * them are there. Main alone. */
#ifndef RP_PORT_H
#define RP_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RP_PORT_NAME = 320, RP_PEERS = 256 };

/* A port of somebody else. `number` is the system's own of the moment, 0 where
 * it has none; `id` is the same after a replug: the name without numbers that
 * change, and " [2]" after it for the second that is there of that name. */
struct rp_peer {
    uint32_t number;
    bool source, destination; /* can be read from, written to */
    bool hardware;
    bool seen; /* in the look that goes on */
    char name[RP_PORT_NAME];
    char id[RP_PORT_NAME];
};

struct rp_peers {
    int count;
    struct rp_peer peer[RP_PEERS]; /* in the order in which they came */
};

/* "a2j:Keys [20] (capture): MIDI 1" is "a2j:Keys (capture): MIDI 1", and
 * "Keys:MIDI 1 20:0" is "Keys:MIDI 1". */
void rp_port_identity(const char *name, char *id, size_t size);

/* A look at who is there: begin, see for each, and when all have been seen
 * rp_peers_gone until it is NULL. A peer that was there before (same number,
 * same name) stays as it is. `alias`, or NULL, is what to make the id of
 * where the name is only a number. NULL when it was there, or no room is. */
void rp_peers_begin(struct rp_peers *peers);
const struct rp_peer *rp_peers_see(struct rp_peers *peers,
                                   const struct rp_peer *peer,
                                   const char *alias);
/* The next that was not seen, taken out of the list; valid until the next
 * call. */
const struct rp_peer *rp_peers_gone(struct rp_peers *peers);
/* Without a look: that one is gone. NULL when it was not there. */
const struct rp_peer *rp_peers_drop(struct rp_peers *peers, uint32_t number,
                                    const char *name);

/* The one of that number (not 0), and of the same ways, has another name now.
 * NULL when it has not; else its id was `was`. */
const struct rp_peer *rp_peers_rename(struct rp_peers *peers,
                                      const struct rp_peer *now, char *was);

/* By number and name (either 0 or NULL: whatever it is), among sources or
 * destinations. NULL: there is none. */
const struct rp_peer *rp_peers_at(const struct rp_peers *peers, bool source,
                                  uint32_t number, const char *name);
const struct rp_peer *rp_peers_find(const struct rp_peers *peers, bool source,
                                    const char *id);
/* What the player means by `want`: its number from 1 in the list that `riposte
 * ports` prints, its name, or else a part of that; or an address "20:0". */
const struct rp_peer *rp_peers_match(const struct rp_peers *peers, bool source,
                                     const char *want);
bool rp_port_is_number(const char *want);

#endif
