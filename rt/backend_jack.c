/* JACK: ports in, out, thru. JACK's process thread runs on_process; its
 * notification threads run the other on_*, which only set flags; all else is
 * main's. When the server goes, poll looks for it every second. */
#include <jack/jack.h>
#include <jack/midiport.h>
#include <jack/thread.h>
#if HAVE_JACK_METADATA
#include <jack/metadata.h>
#include <jack/uuid.h>
#endif
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "rt/arrivals.h"
#include "rt/backend.h"
#include "rt/follow.h"
#include "rt/links.h"
#include "rt/log.h"
#include "rt/trust.h"

enum { NAME = RP_LINK_NAME, SECOND = 1000000000 };
enum port { IN, OUT, THRU, PORTS };

struct jack {
    struct rp_backend base;
    jack_client_t *client; /* NULL while the server is away; main */
    jack_port_t *port[PORTS];
    _Atomic bool ready;   /* periods are run; main writes */
    _Atomic bool gone;    /* the server said so */
    _Atomic bool rewired; /* connections changed */
    _Atomic uint32_t rate, period;

    /* Process thread alone while `ready`. */
    struct rp_follow follow;
    uint64_t last_ns;     /* when the last period began; 0: none yet */
    uint32_t last_frames; /* its length */
    void *buffer[PORTS];
    struct rp_arrivals in;

    /* Main alone. */
    char name[NAME], in_name[NAME], out_name[NAME]; /* "": nothing asked */
    struct rp_links links;
    uint64_t tried_at; /* ns; last look for the server */
};

static const char *const port_names[PORTS] = {"in", "out", "thru"};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* What the process thread calls; JACK's manual says that it may. */
RP_TRUST_BEGIN
RP_RT jack_nframes_t jack_last_frame_time(const jack_client_t *client);
RP_RT void *jack_port_get_buffer(jack_port_t *port, jack_nframes_t frames);
RP_RT uint32_t jack_midi_get_event_count(void *buffer);
RP_RT int jack_midi_event_get(jack_midi_event_t *event, void *buffer,
                              uint32_t index);
RP_RT int jack_midi_event_write(void *buffer, jack_nframes_t time,
                                const jack_midi_data_t *data, size_t size);
RP_RT void jack_midi_clear_buffer(void *buffer);
RP_TRUST_END

/* ---- process thread ---- */

/* The frame at which this period begins, as the server counts; while there
 * was no server the machine's clock counted. False when it was run already. */
static RP_RT bool count_frames(struct jack *jack, jack_nframes_t frames,
                               rp_frame *frame)
{
    uint64_t now = now_ns();

    if (!jack->follow.begun && jack->last_ns) {
        rp_frame gap = (rp_frame)((unsigned __int128)(now - jack->last_ns) *
                                  atomic_load(&jack->rate) / SECOND) -
                       jack->last_frames;

        jack->follow.next += gap > 0 ? gap : 0;
    }
    jack->last_ns = now;
    jack->last_frames = frames;
    return rp_follow_run(&jack->follow, jack_last_frame_time(jack->client),
                         frames, frame);
}

static RP_RT void gather(struct jack *jack, jack_nframes_t frames)
{
    jack_nframes_t events = jack_midi_get_event_count(jack->buffer[IN]);
    uint32_t last = 0;

    for (uint32_t i = 0; i < jack->in.count; i++) { /* of a period not run */
        jack->in.item[i].offset = 0;
    }
    for (jack_nframes_t i = 0; i < events; i++) {
        jack_midi_event_t event;

        if (jack_midi_event_get(&event, jack->buffer[IN], i)) {
            continue;
        }
        if (event.time > last) {
            last = event.time < frames ? event.time : frames - 1;
        }
        rp_arrivals_add(&jack->in, &jack->base.cycle->stats, last, event.buffer,
                        event.size);
    }
}

static RP_RT bool write_event(struct rp_io *io, enum rp_way way,
                              uint32_t offset, struct rp_event event)
{
    struct jack *jack = io->self;

    return jack_midi_event_write(jack->buffer[way == RP_WAY_OUT ? OUT : THRU],
                                 offset, event.data, event.size) == 0;
}

static RP_RT int on_process(jack_nframes_t frames, void *self)
{
    struct jack *jack = self;
    struct rp_io io = {.frames = frames,
                       .in = jack->in.item,
                       .write = write_event,
                       .self = jack};

    for (int p = 0; p < PORTS; p++) {
        jack->buffer[p] = jack_port_get_buffer(jack->port[p], frames);
    }
    jack_midi_clear_buffer(jack->buffer[OUT]);
    jack_midi_clear_buffer(jack->buffer[THRU]);
    if (!frames || !atomic_load_explicit(&jack->ready, memory_order_acquire)) {
        return 0;
    }
    gather(jack, frames);
    if (!count_frames(jack, frames, &io.frame)) {
        return 0; /* what came in waits for the next */
    }
    io.rate = atomic_load_explicit(&jack->rate, memory_order_relaxed);
    io.ins = jack->in.count;
    rp_backend_cycle(&jack->base, &io);
    jack->in.count = 0;
    return 0;
}

/* ---- notification threads ---- */

static void on_shutdown(jack_status_t code, const char *reason, void *self)
{
    atomic_store(&((struct jack *)self)->gone, true);
}

static int on_xrun(void *self)
{
    rp_stats_add(&((struct jack *)self)->base.cycle->stats.xruns, 1);
    return 0;
}

static int on_rate(jack_nframes_t rate, void *self)
{
    atomic_store(&((struct jack *)self)->rate, rate);
    return 0;
}

static int on_period(jack_nframes_t period, void *self)
{
    atomic_store(&((struct jack *)self)->period, period);
    return 0;
}

static void on_connect(jack_port_id_t from, jack_port_id_t to, int connected,
                       void *self)
{
    struct jack *jack = self;

    atomic_store(&jack->rewired, true);
    if (!connected && jack_port_by_id(jack->client, to) == jack->port[IN]) {
        atomic_fetch_add(&jack->base.cycle->unplugged, 1);
    }
}

static void on_message(const char *text)
{
    rp_log(RP_DEBUG, "jack", "%s", text);
}

/* ---- main: the server ---- */

static jack_client_t *open_client(const char *name, char *why, size_t size)
{
    jack_status_t status = 0;
    jack_client_t *client;

    jack_set_error_function(on_message);
    jack_set_info_function(on_message);
    client = jack_client_open(name, JackNoStartServer, &status);
    if (!client) {
        snprintf(why, size, "%s (status 0x%x)",
                 status & JackVersionError   ? "the JACK server speaks another "
                                               "version than this library"
                 : status & JackServerFailed ? "no JACK server answers"
                                             : "the JACK server refuses",
                 (unsigned)status);
    }
    return client;
}

static void describe_port(struct jack *jack, enum port port)
{
#if HAVE_JACK_METADATA
    static const char *const pretty[PORTS] = {"what you play", "the answer",
                                              "what you play, passed on"};
    static const char *const order[PORTS] = {"1", "2", "3"};
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

static void forget_port(struct jack *jack, enum port port)
{
#if HAVE_JACK_METADATA
    (void)jack_remove_properties(jack->client,
                                 jack_port_uuid(jack->port[port]));
#endif
}

/* Client, ports and callbacks; not active yet. */
static rp_status open_server(struct jack *jack, char *why, size_t size)
{
    jack->client = open_client(jack->name, why, size);
    if (!jack->client) {
        return RP_ENONE;
    }
    /* a name that is taken gets a number */
    snprintf(jack->name, NAME, "%s", jack_get_client_name(jack->client));
    for (int p = 0; p < PORTS; p++) {
        jack->port[p] = jack_port_register(
            jack->client, port_names[p], JACK_DEFAULT_MIDI_TYPE,
            p == IN ? JackPortIsInput : JackPortIsOutput, 0);
        if (!jack->port[p]) {
            snprintf(why, size, "the JACK server refuses the port '%s'",
                     port_names[p]);
            jack_client_close(jack->client);
            jack->client = NULL;
            return RP_EIO;
        }
        describe_port(jack, p);
    }
    jack_set_process_callback(jack->client, on_process, jack);
    jack_on_info_shutdown(jack->client, on_shutdown, jack);
    jack_set_xrun_callback(jack->client, on_xrun, jack);
    jack_set_sample_rate_callback(jack->client, on_rate, jack);
    jack_set_buffer_size_callback(jack->client, on_period, jack);
    jack_set_port_connect_callback(jack->client, on_connect, jack);
    atomic_store(&jack->rate, jack_get_sample_rate(jack->client));
    atomic_store(&jack->period, jack_get_buffer_size(jack->client));
    atomic_store(&jack->gone, false);
    jack->base.rate = atomic_load(&jack->rate);
    jack->base.period = atomic_load(&jack->period);
    return RP_OK;
}

/* ---- main: connections ---- */

static bool connect_link(struct jack *jack, const struct rp_link *link)
{
    const char *ours = jack_port_name(jack->port[link->port]);

    if (!jack_port_by_name(jack->client, link->other)) {
        return false;
    }
    return (link->port == IN
                ? jack_connect(jack->client, link->other, ours)
                : jack_connect(jack->client, ours, link->other)) == 0;
}

static void look_at_links(struct jack *jack, uint64_t now)
{
    rp_links_begin(&jack->links, now);
    for (int p = 0; p < PORTS; p++) {
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

/* Connects again what was lost. A receiver that comes late may still sound. */
static void restore_links(struct jack *jack, bool late)
{
    for (int i = 0; i < jack->links.count; i++) {
        struct rp_link *link = &jack->links.link[i];

        if (link->restore && connect_link(jack, link)) {
            link->restore = false;
            link->missed_at = 0;
            rp_log(RP_INFO, "jack", "%s:%s and %s are connected again",
                   jack->name, port_names[link->port], link->other);
            if (late && link->port != IN) {
                atomic_fetch_add(&jack->base.cycle->release, 1);
            }
        }
    }
}

/* ---- main: the table ---- */

/* The one port that `want` means, copied to `name`. */
static rp_status find_port(struct jack *jack, const char *want, bool source,
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
        snprintf(name, NAME, "%s", names[at]);
    } else {
        rp_log(RP_ERROR, "jack",
               "no MIDI %s is called '%s' (%d there are; `riposte ports` "
               "lists them)",
               source ? "source" : "destination", want, count);
    }
    jack_free(names);
    return at >= 0 ? RP_OK : RP_ENONE;
}

static bool backend_probe(char *text, size_t size)
{
    jack_client_t *client = open_client("riposte-probe", text, size);

    if (client) {
        snprintf(text, size, "a JACK server answers");
        jack_client_close(client);
    }
    return client != NULL;
}

static void backend_close(struct rp_backend *backend)
{
    struct jack *jack = (struct jack *)backend;

    if (jack->client) {
        for (int p = 0; p < PORTS && !atomic_load(&jack->gone); p++) {
            forget_port(jack, p);
        }
        jack_client_close(jack->client);
    }
    (void)munlock(jack, sizeof(*jack));
    free(jack);
}

static rp_status backend_open(struct rp_backend **backend,
                              const struct rp_backend_options *options)
{
    struct jack *jack = calloc(1, sizeof(*jack));
    char why[300];
    rp_status status;

    if (!jack) {
        rp_log(RP_ERROR, "jack", "out of memory");
        return RP_EMEM;
    }
    (void)mlock(jack, sizeof(*jack));
    jack->base.ops = &rp_backend_jack;
    snprintf(jack->name, NAME, "%s", options->name);
    status = open_server(jack, why, sizeof(why));
    if (status) {
        rp_log(RP_ERROR, "jack", "%s", why);
    }
    if (status == RP_OK && options->in) {
        status = find_port(jack, options->in, true, jack->in_name);
    }
    if (status == RP_OK && options->out) {
        status = find_port(jack, options->out, false, jack->out_name);
    }
    if (status) {
        backend_close(&jack->base);
        return status;
    }
    *backend = &jack->base;
    return RP_OK;
}

/* The port asked for, or every keyboard there is. */
static void connect_first(struct jack *jack)
{
    const char **names = NULL;

    if (jack->in_name[0]) {
        rp_links_add(&jack->links, IN, jack->in_name);
    } else {
        names = jack_get_ports(jack->client, NULL, JACK_DEFAULT_MIDI_TYPE,
                               JackPortIsOutput | JackPortIsPhysical);
        for (int i = 0; names && names[i]; i++) {
            rp_links_add(&jack->links, IN, names[i]);
        }
        jack_free(names);
    }
    if (jack->out_name[0]) {
        rp_links_add(&jack->links, OUT, jack->out_name);
        rp_links_add(&jack->links, THRU, jack->out_name);
    }
    for (int i = 0; i < jack->links.count; i++) {
        if (!connect_link(jack, &jack->links.link[i])) {
            rp_log(RP_WARN, "jack", "%s:%s cannot be connected to %s",
                   jack->name, port_names[jack->links.link[i].port],
                   jack->links.link[i].other);
        }
    }
}

static rp_status backend_start(struct rp_backend *backend)
{
    struct jack *jack = (struct jack *)backend;
    int priority = jack_client_real_time_priority(jack->client);

    if (jack_activate(jack->client)) {
        rp_log(RP_ERROR, "jack", "the JACK server does not activate us");
        return RP_EIO;
    }
    connect_first(jack);
    backend->priority = priority > 0 ? priority : 0;
    atomic_store_explicit(&jack->ready, true, memory_order_release);
    return RP_OK;
}

static void backend_stop(struct rp_backend *backend)
{
    struct jack *jack = (struct jack *)backend;

    atomic_store(&jack->ready, false);
    if (jack->client && !atomic_load(&jack->gone)) {
        jack_deactivate(jack->client);
    }
}

static bool backend_alive(struct rp_backend *backend)
{
    struct jack *jack = (struct jack *)backend;

    return jack->client && !atomic_load(&jack->gone);
}

static void lose_server(struct jack *jack, uint64_t now)
{
    rp_log(RP_WARN, "jack",
           "the JACK server is gone; looking for it every second");
    atomic_store(&jack->ready, false);
    jack_client_close(jack->client);
    jack->client = NULL;
    jack->tried_at = now;
    rp_links_lose(&jack->links);
}

static void find_server(struct jack *jack)
{
    char why[300];

    if (open_server(jack, why, sizeof(why))) {
        rp_log(RP_DEBUG, "jack", "%s", why);
        return;
    }
    jack->follow.begun = false; /* our frames go on by the machine's clock */
    jack->in.sysex = false;
    if (jack_activate(jack->client)) {
        rp_log(RP_DEBUG, "jack", "the JACK server does not activate us");
        jack_client_close(jack->client);
        jack->client = NULL;
        return;
    }
    restore_links(jack, false);
    /* First of all what sounded when it went ends at its receivers. */
    atomic_fetch_add(&jack->base.cycle->unplugged, 1);
    atomic_fetch_add(&jack->base.cycle->release, 1);
    rp_stats_add(&jack->base.cycle->stats.reconnects, 1);
    atomic_store_explicit(&jack->ready, true, memory_order_release);
    rp_log(RP_INFO, "jack", "the JACK server is back: %u Hz, %u frames",
           jack->base.rate, jack->base.period);
}

static void backend_poll(struct rp_backend *backend)
{
    struct jack *jack = (struct jack *)backend;
    uint64_t now = now_ns();

    if (jack->client && atomic_load(&jack->gone)) {
        lose_server(jack, now);
    }
    if (!jack->client) {
        if (now - jack->tried_at >= SECOND) {
            jack->tried_at = now;
            find_server(jack);
        }
        return;
    }
    backend->rate = atomic_load(&jack->rate);
    backend->period = atomic_load(&jack->period);
    if (atomic_exchange(&jack->rewired, false)) {
        look_at_links(jack, now);
    }
    if (now - jack->tried_at >= SECOND) {
        jack->tried_at = now;
        restore_links(jack, true);
    }
}

static void backend_describe(struct rp_backend *backend, char *text,
                             size_t size)
{
    struct jack *jack = (struct jack *)backend;

    if (!jack->client || atomic_load(&jack->gone)) {
        snprintf(text, size, "jack: the server is gone");
        return;
    }
    snprintf(text, size, "jack %u Hz %u frames", backend->rate,
             backend->period);
    rp_links_describe(&jack->links, jack->name, port_names, text, size);
}

static rp_status
backend_ports(void (*each)(void *self, const struct rp_port *port), void *self)
{
    char why[300];
    jack_client_t *client = open_client("riposte-ports", why, sizeof(why));

    if (!client) {
        rp_log(RP_ERROR, "jack", "%s", why);
        return RP_ENONE;
    }
    for (int input = 1; input >= 0; input--) {
        const char **names =
            jack_get_ports(client, NULL, JACK_DEFAULT_MIDI_TYPE,
                           input ? JackPortIsOutput : JackPortIsInput);

        for (int i = 0; names && names[i]; i++) {
            struct rp_port port = {
                .backend = "jack", .name = names[i], .input = input};

            each(self, &port);
        }
        jack_free(names);
    }
    jack_client_close(client);
    return RP_OK;
}

const struct rp_backend_ops rp_backend_jack = {
    .name = "jack",
    .probe = backend_probe,
    .open = backend_open,
    .start = backend_start,
    .stop = backend_stop,
    .close = backend_close,
    .alive = backend_alive,
    .poll = backend_poll,
    .describe = backend_describe,
    .ports = backend_ports,
};
