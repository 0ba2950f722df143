/* Ports and connections of the ALSA backend; main's. Who else is there is
 * announced by the sequencer; connections are remembered by names. */
#include <alsa/asoundlib.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rt/backend_alsa.h"

enum { ANNOUNCEMENTS = 4096 };

const char *const rp_alsa_port_names[RP_ALSA_PORTS] = {"in", "out", "thru",
                                                       "clock"};

/* ---- which ports there are ---- */

static uint32_t number_of(snd_seq_addr_t addr)
{
    return (uint32_t)addr.client << 8 | addr.port;
}

static bool has(unsigned caps, unsigned wanted)
{
    return (caps & wanted) == wanted;
}

/* False when the port is nobody else's business. */
static bool read_peer(snd_seq_client_info_t *client, snd_seq_port_info_t *port,
                      struct rp_peer *peer)
{
    unsigned caps = snd_seq_port_info_get_capability(port);
    unsigned type = snd_seq_port_info_get_type(port);
    snd_seq_addr_t addr = *snd_seq_port_info_get_addr(port);

    peer->number = number_of(addr);
    peer->source =
        has(caps, SND_SEQ_PORT_CAP_READ | SND_SEQ_PORT_CAP_SUBS_READ);
    peer->destination =
        has(caps, SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_SUBS_WRITE);
    peer->hardware = type & SND_SEQ_PORT_TYPE_HARDWARE;
    snprintf(peer->name, sizeof(peer->name), "%s:%s",
             snd_seq_client_info_get_name(client),
             snd_seq_port_info_get_name(port));
    return !(caps & SND_SEQ_PORT_CAP_NO_EXPORT) &&
           addr.client != SND_SEQ_CLIENT_SYSTEM &&
           (peer->source || peer->destination);
}

/* All ports but System's and those not for others. */
static void each_peer(snd_seq_t *seq,
                      void (*each)(void *self, const struct rp_peer *peer),
                      void *self)
{
    snd_seq_client_info_t *client;
    snd_seq_port_info_t *port;

    snd_seq_client_info_alloca(&client);
    snd_seq_port_info_alloca(&port);
    snd_seq_client_info_set_client(client, -1);
    while (snd_seq_query_next_client(seq, client) == 0) {
        snd_seq_port_info_set_client(port,
                                     snd_seq_client_info_get_client(client));
        snd_seq_port_info_set_port(port, -1);
        while (snd_seq_query_next_port(seq, port) == 0) {
            struct rp_peer peer = {0};

            if (read_peer(client, port, &peer)) {
                each(self, &peer);
            }
        }
    }
}

/* Our own are not among them. */
static void see_peer(void *self, const struct rp_peer *peer)
{
    struct rp_alsa *alsa = self;
    int client = (int)(peer->number >> 8);

    if (client != alsa->client && client != alsa->watcher) {
        rp_patchbay_peer(alsa->patchbay, peer, NULL);
    }
}

void rp_alsa_look(struct rp_alsa *alsa)
{
    rp_patchbay_begin(alsa->patchbay);
    each_peer(alsa->watch, see_peer, alsa);
    rp_patchbay_end(alsa->patchbay);
}

/* ---- connections ---- */

static bool connect_ports(void *self, int port, const struct rp_peer *peer)
{
    struct rp_alsa *alsa = self;
    snd_seq_port_subscribe_t *wish;
    snd_seq_addr_t ours = {alsa->client, alsa->port[port]};
    snd_seq_addr_t other = {peer->number >> 8, peer->number & 255};
    int result;

    snd_seq_port_subscribe_alloca(&wish);
    snd_seq_port_subscribe_set_sender(wish,
                                      port == RP_ALSA_IN ? &other : &ours);
    snd_seq_port_subscribe_set_dest(wish, port == RP_ALSA_IN ? &ours : &other);
    result = snd_seq_subscribe_port(alsa->watch, wish);
    return result == 0 || result == -EBUSY; /* it is connected already */
}

rp_status rp_alsa_patch(struct rp_alsa *alsa,
                        const struct rp_backend_options *options)
{
    const struct rp_patchbay_system system = {.tag = "alsa",
                                              .name = alsa->name,
                                              .ports = rp_alsa_port_names,
                                              .count = RP_ALSA_PORTS,
                                              .self = alsa,
                                              .connect = connect_ports};

    return rp_patchbay_create(&alsa->patchbay, &alsa->base, &system, options);
}

/* Calls `each` for all that is connected to a port, one way or the other. */
static void each_link(snd_seq_t *seq, snd_seq_addr_t root,
                      snd_seq_query_subs_type_t type,
                      void (*each)(void *self, snd_seq_addr_t addr), void *self)
{
    snd_seq_query_subscribe_t *query;

    snd_seq_query_subscribe_alloca(&query);
    snd_seq_query_subscribe_set_root(query, &root);
    snd_seq_query_subscribe_set_type(query, type);
    for (int i = 0;; i++) {
        snd_seq_query_subscribe_set_index(query, i);
        if (snd_seq_query_port_subscribers(seq, query) < 0) {
            return;
        }
        each(self, *snd_seq_query_subscribe_get_addr(query));
    }
}

struct looking {
    struct rp_alsa *alsa;
    int port;
};

static void see_link(void *self, snd_seq_addr_t addr)
{
    const struct looking *looking = self;

    rp_patchbay_link(looking->alsa->patchbay, looking->port, number_of(addr),
                     NULL);
}

static void look_at_links(struct rp_alsa *alsa, uint64_t now)
{
    rp_patchbay_look(alsa->patchbay, now);
    for (int p = 0; p < RP_ALSA_PORTS; p++) {
        snd_seq_addr_t ours = {alsa->client, alsa->port[p]};
        struct looking looking = {alsa, p};

        each_link(alsa->watch, ours,
                  p == RP_ALSA_IN ? SND_SEQ_QUERY_SUBS_WRITE
                                  : SND_SEQ_QUERY_SUBS_READ,
                  see_link, &looking);
    }
    alsa->rewired = rp_patchbay_looked(alsa->patchbay, now); /* look again? */
}

/* ---- what comes and goes ---- */

static void leave_client(struct rp_alsa *alsa, unsigned client)
{
    const struct rp_peers *peers = rp_patchbay_peers(alsa->patchbay);

    for (int i = peers->count - 1; i >= 0; i--) {
        uint32_t number = peers->peer[i].number;

        if (number >> 8 == client) {
            rp_patchbay_gone(alsa->patchbay, number, NULL);
        }
    }
}

static void appear(struct rp_alsa *alsa, snd_seq_addr_t addr)
{
    snd_seq_client_info_t *client;
    snd_seq_port_info_t *port;
    struct rp_peer peer = {0};

    snd_seq_client_info_alloca(&client);
    snd_seq_port_info_alloca(&port);
    if (snd_seq_get_any_client_info(alsa->watch, addr.client, client) == 0 &&
        snd_seq_get_any_port_info(alsa->watch, addr.client, addr.port, port) ==
            0 &&
        read_peer(client, port, &peer)) {
        see_peer(alsa, &peer);
    }
}

/* Something changed, or announcements were lost: all that is there now. */
static void look_anew(struct rp_alsa *alsa)
{
    rp_alsa_look(alsa);
    alsa->rewired = true;
}

static void obey(struct rp_alsa *alsa, const snd_seq_event_t *event)
{
    snd_seq_addr_t addr = event->data.addr;

    switch (event->type) {
    case SND_SEQ_EVENT_CLIENT_EXIT:
        leave_client(alsa, addr.client);
        break;
    case SND_SEQ_EVENT_PORT_EXIT:
        rp_patchbay_gone(alsa->patchbay, number_of(addr), NULL);
        break;
    case SND_SEQ_EVENT_PORT_START:
        appear(alsa, addr);
        break;
    case SND_SEQ_EVENT_PORT_CHANGE:
    case SND_SEQ_EVENT_CLIENT_CHANGE:
        look_anew(alsa);
        break;
    case SND_SEQ_EVENT_PORT_SUBSCRIBED:
    case SND_SEQ_EVENT_PORT_UNSUBSCRIBED:
        alsa->rewired = true;
        break;
    default:
        break;
    }
}

void rp_alsa_watch(struct rp_alsa *alsa, uint64_t now)
{
    snd_seq_event_t *event;

    for (int i = 0; i < ANNOUNCEMENTS; i++) {
        int result = snd_seq_event_input(alsa->watch, &event);

        if (result >= 0) {
            obey(alsa, event);
        } else if (result == -ENOSPC) {
            look_anew(alsa);
        } else {
            break;
        }
    }
    if (alsa->rewired) {
        look_at_links(alsa, now);
    }
    rp_patchbay_settle(alsa->patchbay, now, true);
}

/* ---- riposte ports ---- */

struct listing {
    snd_seq_t *seq;
    bool input;
    void (*each)(void *self, const struct rp_port *port);
    void *self;
    size_t used; /* of `connected` */
    char connected[4 * RP_PORT_NAME];
};

/* Ports of any riposte. */
static void list_link(void *self, snd_seq_addr_t addr)
{
    struct listing *listing = self;
    size_t room = sizeof(listing->connected) - listing->used;
    snd_seq_client_info_t *client;
    snd_seq_port_info_t *port;

    snd_seq_client_info_alloca(&client);
    snd_seq_port_info_alloca(&port);
    if (snd_seq_get_any_client_info(listing->seq, addr.client, client) == 0 &&
        snd_seq_get_any_port_info(listing->seq, addr.client, addr.port, port) ==
            0 &&
        !strncmp(snd_seq_client_info_get_name(client), "riposte", 7) &&
        listing->used < sizeof(listing->connected)) {
        listing->used += (size_t)snprintf(
            listing->connected + listing->used, room, "%s%s:%s",
            listing->used ? ", " : "", snd_seq_client_info_get_name(client),
            snd_seq_port_info_get_name(port));
    }
}

static void list_peer(void *self, const struct rp_peer *peer)
{
    struct listing *listing = self;
    snd_seq_addr_t addr = {peer->number >> 8, peer->number & 255};
    struct rp_port port = {.backend = "alsa",
                           .name = peer->name,
                           .input = listing->input,
                           .connected = listing->connected};

    if (!(listing->input ? peer->source : peer->destination)) {
        return;
    }
    listing->used = 0;
    listing->connected[0] = '\0';
    each_link(listing->seq, addr,
              listing->input ? SND_SEQ_QUERY_SUBS_READ
                             : SND_SEQ_QUERY_SUBS_WRITE,
              list_link, listing);
    listing->each(listing->self, &port);
}

void rp_alsa_each(snd_seq_t *seq,
                  void (*each)(void *self, const struct rp_port *port),
                  void *self)
{
    struct listing listing = {.seq = seq, .each = each, .self = self};

    for (int input = 1; input >= 0; input--) {
        listing.input = input;
        each_peer(seq, list_peer, &listing);
    }
}
