/* What came in during one period: bytes from outside made into events with
 * offsets. For backends; audio thread, a packet also any other. */
#ifndef RP_ARRIVALS_H
#define RP_ARRIVALS_H

#include <stddef.h>

#include "rt/outbox.h"

enum { RP_ARRIVALS = 8192 };

struct rp_arrivals {
    uint32_t count;
    bool sysex; /* one is going on across packets */
    uint32_t source; /* of what is added now */
    struct rp_arrival item[RP_ARRIVALS];
};

/* One packet of a system that delivers whole messages. Normally that is one
 * message, but anything may come: several, running status, a piece. What
 * completes no message within its packet is stray. */
struct rp_packet {
    const uint8_t *bytes; /* what is not read yet */
    size_t size;
    struct rp_parser parser;
    bool begun; /* a status byte still waits for its data */
    uint32_t stray;
};

/* `sysex`: one goes on from the packet before; after the last message
 * `parser.sysex` says whether it goes on into the next. */
RP_RT void rp_packet_init(struct rp_packet *packet, const uint8_t *bytes,
                          size_t size, bool sysex);
/* Its next message; false after the last, and `stray` is complete. */
RP_RT bool rp_packet_next(struct rp_packet *packet, struct rp_event *event);

/* The messages of a packet, all at that offset; offsets do not fall. */
RP_RT void rp_arrivals_add(struct rp_arrivals *arrivals, struct rp_stats *stats,
                           uint32_t offset, const uint8_t *bytes, size_t size);

/* One message; counted as lost when there is no room. */
RP_RT void rp_arrivals_put(struct rp_arrivals *arrivals, struct rp_stats *stats,
                           uint32_t offset, struct rp_event event);

/* For a system without periods: how many of them belong to a period of that
 * many frames; and after it: the rest is moved into the one that follows. */
RP_RT uint32_t rp_arrivals_due(const struct rp_arrivals *arrivals,
                               uint32_t frames);
RP_RT void rp_arrivals_pass(struct rp_arrivals *arrivals, uint32_t frames);

#endif
