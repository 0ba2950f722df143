/* Ports and connections of the JACK backend; main's, but for the one
 * callback that says so. */
#include <errno.h>
#include <jack/jack.h>
#if HAVE_JACK_METADATA
#include <jack/metadata.h>
#include <jack/uuid.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/backend_jack.h"

enum { SECOND = 1000000000 };

const char *const rp_jack_port_names[RP_JACK_PORTS] = {"in", "out", "thru",
                                                       "clock"};

/* ---- what others may know of our ports ---- */

void rp_jack_describe_port(struct rp_jack *jack, enum rp_jack_port port)
{
#if HAVE_JACK_METADATA
    static const char *const pretty[RP_JACK_PORTS] = {
        "what you play", "the answer", "what you play, passed on",
        "MIDI clock"};
    static const char *const order[RP_JACK_PORTS] = {"1", "2", "3", "4"};
    jack_uuid_t uuid = jack_port_uuid(jack->port[port]);

    (void)jack_set_property(jack->client, uuid, JACK_METADATA_PRETTY_NAME,
                            pretty[port], "text/plain");
    (void)jack_set_property(jack->client, uuid, JACK_METADATA_EVENT_TYPES,
                            "MIDI", "text/plain");
    (void)jack_set_property(jack->client, uuid, JACK_METADATA_ORDER,
                            order[port],
                            "http://www.w3.org/2001/XMLSchema#integer");
#endif
}

void rp_jack_forget_port(struct rp_jack *jack, enum rp_jack_port port)
{
#if HAVE_JACK_METADATA
    (void)jack_remove_properties(jack->client,
                                 jack_port_uuid(jack->port[port]));
#endif
}

/* ---- notification threads ---- */

static void on_connect(jack_port_id_t from, jack_port_id_t to, int connected,
                       void *self)
{
    struct rp_jack *jack = self;

    atomic_store(&jack->rewired, true);
    if (!connected &&
        jack_port_by_id(jack->client, to) == jack->port[RP_JACK_IN]) {
        atomic_fetch_add(&jack->base.cycle->unplugged, 1);
    }
}

static void on_port(jack_port_id_t id, int there, void *self)
{
    struct rp_jack *jack = self;
    jack_port_t *port = jack_port_by_id(jack->client, id);
    const char *name = port ? jack_port_name(port) : NULL;

    pthread_mutex_lock(&jack->lock);
    if (name && *name && jack->moves < RP_JACK_MOVES) {
        struct rp_jack_move *move = &jack->move[jack->moves++];

        move->there = there;
        snprintf(move->name, sizeof(move->name), "%s", name);
    }
    pthread_mutex_unlock(&jack->lock);
    atomic_store(&jack->moved, true);
}

void rp_jack_watch(struct rp_jack *jack)
{
    jack_set_port_connect_callback(jack->client, on_connect, jack);
    jack_set_port_registration_callback(jack->client, on_port, jack);
}

/* ---- connections ---- */

static bool connect_ports(void *self, int port, const struct rp_peer *peer)
{
    struct rp_jack *jack = self;
    const char *ours = jack_port_name(jack->port[port]);
    int result = port == RP_JACK_IN
                     ? jack_connect(jack->client, peer->name, ours)
                     : jack_connect(jack->client, ours, peer->name);

    return result == 0 || result == EEXIST;
}

/* Nanoseconds until a connection carries what we send: PipeWire makes it in
 * its own time after it has said that it is made. */
static uint64_t slow(void)
{
    return strstr(jack_get_version_string(), "PipeWire") ? SECOND / 5 : 0;
}

rp_status rp_jack_patch(struct rp_jack *jack,
                        const struct rp_backend_options *options)
{
    const struct rp_patchbay_system system = {.tag = "jack",
                                              .name = jack->name,
                                              .ports = rp_jack_port_names,
                                              .count = RP_JACK_PORTS,
                                              .self = jack,
                                              .connect = connect_ports,
                                              .slow = slow()};

    return rp_patchbay_create(&jack->patchbay, &jack->base, &system, options);
}

/* A name that is only a number, "system:midi_capture_1", has a better one
 * among its aliases. True when it was found. */
static bool read_alias(const jack_port_t *port, const char *name, char *alias)
{
    char *one = malloc((size_t)jack_port_name_size());
    char *two = malloc((size_t)jack_port_name_size());
    char *const both[] = {one, two};
    bool found = one && two && !strncmp(name, "system:midi_", 12) &&
                 jack_port_get_aliases(port, both) > 0;

    if (found) {
        snprintf(alias, RP_PORT_NAME, "%s", one);
    }
    free(one);
    free(two);
    return found;
}

static int find_left(const struct rp_jack *jack, const char *name)
{
    for (int i = 0; i < jack->lefts; i++) {
        if (!strcmp(jack->left[i], name)) {
            return i;
        }
    }
    return -1;
}

static void see_ports(struct rp_jack *jack, bool source)
{
    const char **names =
        jack_get_ports(jack->client, NULL, JACK_DEFAULT_MIDI_TYPE,
                       source ? JackPortIsOutput : JackPortIsInput);

    for (int i = 0; names && names[i]; i++) {
        jack_port_t *port = jack_port_by_name(jack->client, names[i]);
        struct rp_peer peer = {.source = source, .destination = !source};
        char alias[RP_PORT_NAME];

        if (port && !jack_port_is_mine(jack->client, port) &&
            find_left(jack, names[i]) < 0) {
            peer.hardware = jack_port_flags(port) & JackPortIsPhysical;
            snprintf(peer.name, sizeof(peer.name), "%s", names[i]);
            rp_patchbay_peer(jack->patchbay, &peer,
                             read_alias(port, names[i], alias) ? alias : NULL);
        }
    }
    jack_free(names);
}

void rp_jack_look(struct rp_jack *jack)
{
    rp_patchbay_begin(jack->patchbay);
    see_ports(jack, true);
    see_ports(jack, false);
    rp_patchbay_end(jack->patchbay);
}

static void look_at_links(struct rp_jack *jack, uint64_t now)
{
    rp_patchbay_look(jack->patchbay, now);
    for (int p = 0; p < RP_JACK_PORTS; p++) {
        const char **others =
            jack_port_get_all_connections(jack->client, jack->port[p]);

        for (int i = 0; others && others[i]; i++) {
            rp_patchbay_link(jack->patchbay, p, 0, others[i]);
        }
        jack_free(others);
    }
    if (rp_patchbay_looked(jack->patchbay, now)) {
        atomic_store(&jack->rewired, true); /* look again */
    }
}

static void follow_move(struct rp_jack *jack, const struct rp_jack_move *move)
{
    int at = find_left(jack, move->name);

    if (move->there) {
        if (at >= 0) {
            memcpy(jack->left[at], jack->left[--jack->lefts], RP_PORT_NAME);
        }
        return;
    }
    rp_patchbay_gone(jack->patchbay, 0, move->name);
    if (at < 0 && jack->lefts < RP_JACK_MOVES) {
        memcpy(jack->left[jack->lefts++], move->name, RP_PORT_NAME);
    }
}

static void follow_moves(struct rp_jack *jack, uint64_t now)
{
    struct rp_jack_move move[RP_JACK_MOVES];
    int moves;

    pthread_mutex_lock(&jack->lock);
    moves = jack->moves;
    memcpy(move, jack->move, (size_t)moves * sizeof(move[0]));
    jack->moves = 0;
    pthread_mutex_unlock(&jack->lock);
    for (int i = 0; i < moves; i++) {
        follow_move(jack, &move[i]);
        jack->left_at = move[i].there ? jack->left_at : now;
    }
    if (now - jack->left_at >= SECOND) {
        jack->lefts = 0; /* it is there, whatever was said */
    }
    rp_jack_look(jack);
    if (jack->lefts) {
        atomic_store(&jack->moved, true); /* look again */
    }
}

void rp_jack_catch_up(struct rp_jack *jack, uint64_t now)
{
    if (atomic_exchange(&jack->moved, false)) {
        follow_moves(jack, now);
    }
    if (atomic_exchange(&jack->rewired, false)) {
        look_at_links(jack, now);
    }
    rp_patchbay_settle(jack->patchbay, now, true);
}

/* ---- riposte ports ---- */

/* What of any riposte it is connected to: "riposte:out, riposte:thru". */
static void name_connected(jack_client_t *client, const char *name, char *text,
                           size_t size)
{
    jack_port_t *port = jack_port_by_name(client, name);
    const char **others =
        port ? jack_port_get_all_connections(client, port) : NULL;
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; others && others[i] && used < size; i++) {
        if (!strncmp(others[i], "riposte", 7)) {
            used += (size_t)snprintf(text + used, size - used, "%s%s",
                                     used ? ", " : "", others[i]);
        }
    }
    jack_free(others);
}

void rp_jack_each(jack_client_t *client,
                  void (*each)(void *self, const struct rp_port *port),
                  void *self)
{
    for (int input = 1; input >= 0; input--) {
        const char **names =
            jack_get_ports(client, NULL, JACK_DEFAULT_MIDI_TYPE,
                           input ? JackPortIsOutput : JackPortIsInput);

        for (int i = 0; names && names[i]; i++) {
            char connected[4 * RP_PORT_NAME];
            struct rp_port port = {.backend = "jack",
                                   .name = names[i],
                                   .input = input,
                                   .connected = connected};

            name_connected(client, names[i], connected, sizeof(connected));
            each(self, &port);
        }
        jack_free(names);
    }
}
