/* Ports and connections of the JACK backend; main's, but for the one
 * callback that says so. */
#include <jack/jack.h>
#if HAVE_JACK_METADATA
#include <jack/metadata.h>
#include <jack/uuid.h>
#endif
#include <stdio.h>
#include <string.h>

#include "rt/backend_jack.h"
#include "rt/log.h"

const char *const rp_jack_port_names[RP_JACK_PORTS] = {"in", "out", "thru"};

/* ---- what others may know of our ports ---- */

void rp_jack_describe_port(struct rp_jack *jack, enum rp_jack_port port)
{
#if HAVE_JACK_METADATA
    static const char *const pretty[RP_JACK_PORTS] = {
        "what you play", "the answer", "what you play, passed on"};
    static const char *const order[RP_JACK_PORTS] = {"1", "2", "3"};
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

/* ---- connections ---- */

static bool connect_link(struct rp_jack *jack, const struct rp_link *link)
{
    const char *ours = jack_port_name(jack->port[link->port]);

    if (!jack_port_by_name(jack->client, link->other)) {
        return false;
    }
    return (link->port == RP_JACK_IN
                ? jack_connect(jack->client, link->other, ours)
                : jack_connect(jack->client, ours, link->other)) == 0;
}

/* JACK's notification thread. */
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

void rp_jack_watch(struct rp_jack *jack)
{
    jack_set_port_connect_callback(jack->client, on_connect, jack);
}

void rp_jack_look(struct rp_jack *jack, uint64_t now)
{
    rp_links_begin(&jack->links, now);
    for (int p = 0; p < RP_JACK_PORTS; p++) {
        const char **others =
            jack_port_get_all_connections(jack->client, jack->port[p]);

        for (int i = 0; others && others[i]; i++) {
            rp_links_add(&jack->links, p, others[i]);
        }
        jack_free(others);
    }
    if (rp_links_end(&jack->links, now)) {
        atomic_store(&jack->rewired, true); /* look again */
    }
}

void rp_jack_restore(struct rp_jack *jack, bool late)
{
    for (int i = 0; i < jack->links.count; i++) {
        struct rp_link *link = &jack->links.link[i];

        if (link->restore && connect_link(jack, link)) {
            link->restore = false;
            link->missed_at = 0;
            rp_log(RP_INFO, "jack", "%s:%s and %s are connected again",
                   jack->name, rp_jack_port_names[link->port], link->other);
            if (late && link->port != RP_JACK_IN) {
                atomic_fetch_add(&jack->base.cycle->release, 1);
            }
        }
    }
}

rp_status rp_jack_find(struct rp_jack *jack, const char *want, bool source,
                       char *name)
{
    const char **names =
        jack_get_ports(jack->client, NULL, JACK_DEFAULT_MIDI_TYPE,
                       source ? JackPortIsOutput : JackPortIsInput);
    int count = 0, at;

    for (int i = 0; names && names[i]; i++) { /* not our own ports */
        if (!jack_port_is_mine(jack->client,
                               jack_port_by_name(jack->client, names[i]))) {
            names[count++] = names[i];
        }
    }
    at = rp_backend_match(want, names, count);
    if (at >= 0) {
        snprintf(name, RP_LINK_NAME, "%s", names[at]);
    } else {
        rp_log(RP_ERROR, "jack",
               "no MIDI %s is called '%s' (%d there are; `riposte ports` "
               "lists them)",
               source ? "source" : "destination", want, count);
    }
    jack_free(names);
    return at >= 0 ? RP_OK : RP_ENONE;
}

void rp_jack_connect_first(struct rp_jack *jack)
{
    const char **names = NULL;

    if (jack->in_name[0]) {
        rp_links_add(&jack->links, RP_JACK_IN, jack->in_name);
    } else {
        names = jack_get_ports(jack->client, NULL, JACK_DEFAULT_MIDI_TYPE,
                               JackPortIsOutput | JackPortIsPhysical);
        for (int i = 0; names && names[i]; i++) {
            rp_links_add(&jack->links, RP_JACK_IN, names[i]);
        }
        jack_free(names);
    }
    if (jack->out_name[0]) {
        rp_links_add(&jack->links, RP_JACK_OUT, jack->out_name);
        rp_links_add(&jack->links, RP_JACK_THRU, jack->out_name);
    }
    for (int i = 0; i < jack->links.count; i++) {
        if (!connect_link(jack, &jack->links.link[i])) {
            rp_log(RP_WARN, "jack", "%s:%s cannot be connected to %s",
                   jack->name, rp_jack_port_names[jack->links.link[i].port],
                   jack->links.link[i].other);
        }
    }
}
