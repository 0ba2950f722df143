/* Ports and connections of the ALSA backend; main's. Who else is there is
 * announced by the sequencer; connections are remembered by names. */
#include <alsa/asoundlib.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rt/backend_alsa.h"
#include "rt/log.h"

enum { SECOND = 1000000000, ANNOUNCEMENTS = 4096 };

const char *const rp_alsa_port_names[RP_ALSA_PORTS] = {"in", "out", "thru"};

/* ---- which ports there are ---- */

static bool has(unsigned caps, unsigned wanted)
{
    return (caps & wanted) == wanted;
}

/* False when the port is nobody else's business. */
static bool read_peer(snd_seq_client_info_t *client, snd_seq_port_info_t *port,
                      struct rp_alsa_peer *peer)
{
    unsigned caps = snd_seq_port_info_get_capability(port);
    unsigned type = snd_seq_port_info_get_type(port);

    peer->client = snd_seq_port_info_get_client(port);
    peer->port = snd_seq_port_info_get_port(port);
    peer->source =
        has(caps, SND_SEQ_PORT_CAP_READ | SND_SEQ_PORT_CAP_SUBS_READ);
    peer->destination =
        has(caps, SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_SUBS_WRITE);
    peer->hardware = type & SND_SEQ_PORT_TYPE_HARDWARE;
    snprintf(peer->name, sizeof(peer->name), "%s:%s",
             snd_seq_client_info_get_name(client),
             snd_seq_port_info_get_name(port));
    return !(caps & SND_SEQ_PORT_CAP_NO_EXPORT) &&
           peer->client != SND_SEQ_CLIENT_SYSTEM &&
           (peer->source || peer->destination);
}

void rp_alsa_look(snd_seq_t *seq, const int except[2],
                  struct rp_alsa_list *list)
{
    snd_seq_client_info_t *client;
    snd_seq_port_info_t *port;

    snd_seq_client_info_alloca(&client);
    snd_seq_port_info_alloca(&port);
    list->count = 0;
    snd_seq_client_info_set_client(client, -1);
    while (snd_seq_query_next_client(seq, client) == 0) {
        int number = snd_seq_client_info_get_client(client);

        if (number == except[0] || number == except[1]) {
            continue;
        }
        snd_seq_port_info_set_client(port, number);
        snd_seq_port_info_set_port(port, -1);
        while (list->count < RP_ALSA_KNOWN &&
               snd_seq_query_next_port(seq, port) == 0) {
            list->count += read_peer(client, port, &list->peer[list->count]);
        }
    }
}

/* Which of ours it can be connected to. */
static bool fits(const struct rp_alsa_peer *peer, int ours)
{
    return ours == RP_ALSA_IN ? peer->source : peer->destination;
}

static const struct rp_alsa_peer *find_name(const struct rp_alsa_list *list,
                                            const char *name, int ours)
{
    for (int i = 0; i < list->count; i++) {
        if (fits(&list->peer[i], ours) && !strcmp(list->peer[i].name, name)) {
            return &list->peer[i];
        }
    }
    return NULL;
}

static int find_address(const struct rp_alsa_list *list, int client, int port)
{
    for (int i = 0; i < list->count; i++) {
        if (list->peer[i].client == client && list->peer[i].port == port) {
            return i;
        }
    }
    return -1;
}

rp_status rp_alsa_find(const struct rp_alsa_list *list, const char *want,
                       bool source, char *name)
{
    const char *names[RP_ALSA_KNOWN];
    int count = 0, at, client, port, end = 0;

    for (int i = 0; i < list->count; i++) {
        if (fits(&list->peer[i], source ? RP_ALSA_IN : RP_ALSA_OUT)) {
            names[count++] = list->peer[i].name;
        }
    }
    at = rp_backend_match(want, names, count);
    if (at >= 0) {
        snprintf(name, RP_LINK_NAME, "%s", names[at]);
        return RP_OK;
    }
    if (sscanf(want, "%d:%d%n", &client, &port, &end) == 2 && !want[end] &&
        (at = find_address(list, client, port)) >= 0 &&
        fits(&list->peer[at], source ? RP_ALSA_IN : RP_ALSA_OUT)) {
        snprintf(name, RP_LINK_NAME, "%s", list->peer[at].name);
        return RP_OK;
    }
    rp_log(RP_ERROR, "alsa",
           "no MIDI %s is called '%s' (%d there are; `riposte ports` lists "
           "them)",
           source ? "source" : "destination", want, count);
    return RP_ENONE;
}

/* ---- connections ---- */

static bool connect_link(struct rp_alsa *alsa, const struct rp_link *link)
{
    const struct rp_alsa_peer *peer =
        find_name(&alsa->known, link->other, link->port);
    snd_seq_port_subscribe_t *wish;
    snd_seq_addr_t ours = {alsa->client, alsa->port[link->port]}, other;
    int result;

    if (!peer) {
        return false;
    }
    other = (snd_seq_addr_t){peer->client, peer->port};
    snd_seq_port_subscribe_alloca(&wish);
    snd_seq_port_subscribe_set_sender(wish, link->port == RP_ALSA_IN ? &other
                                                                     : &ours);
    snd_seq_port_subscribe_set_dest(wish,
                                    link->port == RP_ALSA_IN ? &ours : &other);
    result = snd_seq_subscribe_port(alsa->watch, wish);
    return result == 0 || result == -EBUSY; /* it is connected already */
}

void rp_alsa_connect_first(struct rp_alsa *alsa)
{
    if (alsa->in_name[0]) {
        rp_links_add(&alsa->links, RP_ALSA_IN, alsa->in_name);
    }
    for (int i = 0; i < alsa->known.count && !alsa->in_name[0]; i++) {
        const struct rp_alsa_peer *peer = &alsa->known.peer[i];

        if (peer->source && peer->hardware) {
            rp_links_add(&alsa->links, RP_ALSA_IN, peer->name);
        }
    }
    if (alsa->out_name[0]) {
        rp_links_add(&alsa->links, RP_ALSA_OUT, alsa->out_name);
        rp_links_add(&alsa->links, RP_ALSA_THRU, alsa->out_name);
    }
    for (int i = 0; i < alsa->links.count; i++) {
        const struct rp_link *link = &alsa->links.link[i];

        if (!connect_link(alsa, link)) {
            rp_log(RP_WARN, "alsa", "%s:%s cannot be connected to %s",
                   alsa->name, rp_alsa_port_names[link->port], link->other);
        }
    }
}

void rp_alsa_restore(struct rp_alsa *alsa, bool late)
{
    for (int i = 0; i < alsa->links.count; i++) {
        struct rp_link *link = &alsa->links.link[i];

        if (link->restore && connect_link(alsa, link)) {
            link->restore = false;
            link->missed_at = 0;
            rp_log(RP_INFO, "alsa", "%s:%s and %s are connected again",
                   alsa->name, rp_alsa_port_names[link->port], link->other);
            if (late && link->port != RP_ALSA_IN) {
                atomic_fetch_add(&alsa->base.cycle->release, 1);
            }
        }
    }
}

/* All that is connected to one of our ports. */
static void look_at_port(struct rp_alsa *alsa, enum rp_alsa_port ours)
{
    snd_seq_addr_t root = {alsa->client, alsa->port[ours]};
    snd_seq_query_subscribe_t *query;

    snd_seq_query_subscribe_alloca(&query);
    snd_seq_query_subscribe_set_root(query, &root);
    snd_seq_query_subscribe_set_type(query, ours == RP_ALSA_IN
                                                ? SND_SEQ_QUERY_SUBS_WRITE
                                                : SND_SEQ_QUERY_SUBS_READ);
    for (int i = 0;; i++) {
        const snd_seq_addr_t *addr;
        int at;

        snd_seq_query_subscribe_set_index(query, i);
        if (snd_seq_query_port_subscribers(alsa->watch, query) < 0) {
            return;
        }
        addr = snd_seq_query_subscribe_get_addr(query);
        at = find_address(&alsa->known, addr->client, addr->port);
        if (at >= 0) {
            rp_links_add(&alsa->links, ours, alsa->known.peer[at].name);
        }
    }
}

static void look_at_links(struct rp_alsa *alsa, uint64_t now)
{
    rp_links_begin(&alsa->links, now);
    for (int p = 0; p < RP_ALSA_PORTS; p++) {
        look_at_port(alsa, p);
    }
    alsa->rewired = rp_links_end(&alsa->links, now); /* look again? */
}

/* ---- what comes and goes ---- */

static void tell(struct rp_alsa *alsa, const struct rp_alsa_peer *peer,
                 bool there)
{
    struct rp_backend *base = &alsa->base;

    for (int input = 0; input <= 1; input++) {
        struct rp_port port = {
            .backend = "alsa", .name = peer->name, .input = input};

        if (base->on_port && (input ? peer->source : peer->destination)) {
            base->on_port(base->on_port_self, &port, there);
        }
    }
}

/* What was connected to it is to be connected again when it is back. */
static void leave(struct rp_alsa *alsa, int at)
{
    struct rp_alsa_list *known = &alsa->known;
    struct rp_alsa_peer peer = known->peer[at];
    bool connected = false;

    known->count--;
    memmove(&known->peer[at], &known->peer[at + 1],
            (known->count - at) * sizeof(peer));
    for (int i = 0; i < alsa->links.count; i++) {
        struct rp_link *link = &alsa->links.link[i];

        if (!strcmp(link->other, peer.name) && fits(&peer, link->port)) {
            link->restore = true;
            connected = true;
        }
    }
    rp_log(connected ? RP_WARN : RP_INFO, "alsa", "%s is gone%s", peer.name,
           connected ? "; it is connected again when it comes back" : "");
    tell(alsa, &peer, false);
}

static void appear(struct rp_alsa *alsa, int number, int at)
{
    struct rp_alsa_peer *peer = &alsa->known.peer[alsa->known.count];
    snd_seq_client_info_t *client;
    snd_seq_port_info_t *port;

    snd_seq_client_info_alloca(&client);
    snd_seq_port_info_alloca(&port);
    if (number == alsa->client || number == alsa->watcher ||
        alsa->known.count == RP_ALSA_KNOWN ||
        find_address(&alsa->known, number, at) >= 0 ||
        snd_seq_get_any_client_info(alsa->watch, number, client) < 0 ||
        snd_seq_get_any_port_info(alsa->watch, number, at, port) < 0 ||
        !read_peer(client, port, peer)) {
        return;
    }
    alsa->known.count++;
    rp_log(RP_INFO, "alsa", "%s is there", peer->name);
    tell(alsa, peer, true);
}

/* A client may name itself after its ports are there. */
static void name_anew(struct rp_alsa *alsa, struct rp_alsa_peer *peer,
                      const char *name)
{
    for (int i = 0; i < alsa->links.count; i++) {
        struct rp_link *link = &alsa->links.link[i];

        if (!link->restore && !strcmp(link->other, peer->name)) {
            snprintf(link->other, sizeof(link->other), "%s", name);
        }
    }
    snprintf(peer->name, sizeof(peer->name), "%s", name);
}

/* Something changed, or announcements were lost: all that is there now. */
static void look_anew(struct rp_alsa *alsa)
{
    static struct rp_alsa_list now; /* large */

    rp_alsa_look(alsa->watch, (int[]){alsa->client, alsa->watcher}, &now);
    for (int i = alsa->known.count - 1; i >= 0; i--) {
        struct rp_alsa_peer *was = &alsa->known.peer[i];
        int at = find_address(&now, was->client, was->port);

        if (at < 0) {
            leave(alsa, i);
        } else if (strcmp(now.peer[at].name, was->name)) {
            name_anew(alsa, was, now.peer[at].name);
        }
    }
    for (int i = 0; i < now.count; i++) {
        appear(alsa, now.peer[i].client, now.peer[i].port);
    }
    rp_alsa_restore(alsa, true);
    alsa->rewired = true;
}

static void obey(struct rp_alsa *alsa, const snd_seq_event_t *event)
{
    snd_seq_addr_t addr = event->data.addr;

    switch (event->type) {
    case SND_SEQ_EVENT_CLIENT_EXIT:
    case SND_SEQ_EVENT_PORT_EXIT:
        for (int i = alsa->known.count - 1; i >= 0; i--) {
            const struct rp_alsa_peer *peer = &alsa->known.peer[i];

            if (peer->client == addr.client &&
                (event->type == SND_SEQ_EVENT_CLIENT_EXIT ||
                 peer->port == addr.port)) {
                leave(alsa, i);
            }
        }
        break;
    case SND_SEQ_EVENT_PORT_START:
        appear(alsa, addr.client, addr.port);
        rp_alsa_restore(alsa, true);
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
    if (now - alsa->tried_at >= SECOND) {
        alsa->tried_at = now;
        rp_alsa_restore(alsa, true);
    }
}
