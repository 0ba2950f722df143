#include "tests/fake/fake_jack.h"

#include <errno.h>
#include <jack/jack.h>
#include <jack/metadata.h>
#include <jack/thread.h>
#include <jack/transport.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/fake/guard.h"

struct fake_jack fake_jack;

static struct {
    JackProcessCallback process;
    JackInfoShutdownCallback shutdown;
    JackXRunCallback xrun;
    JackSampleRateCallback rate;
    JackBufferSizeCallback period;
    JackPortConnectCallback connect;
    JackPortRegistrationCallback port;
    JackLatencyCallback latency;
    JackTimebaseCallback timebase;
    void *self[9];
    void (*error)(const char *text);
} on;

enum {
    SELF_process,
    SELF_shutdown,
    SELF_xrun,
    SELF_rate,
    SELF_period,
    SELF_connect,
    SELF_port,
    SELF_latency,
    SELF_timebase
};

static pthread_mutex_t server_lock = PTHREAD_MUTEX_INITIALIZER;
static bool sounds[2][16][128]; /* behind out and thru */

const char *JACK_METADATA_PRETTY_NAME = "pretty-name";
const char *JACK_METADATA_EVENT_TYPES = "event-types";
const char *JACK_METADATA_ORDER = "order";

#define SERVER ((jack_client_t *)&fake_jack)

/* ---- the server, for tests ---- */

struct fake_port *fake_jack_port(const char *name)
{
    for (int i = 0; i < FAKE_PORTS; i++) {
        if (fake_jack.port[i].used && !strcmp(fake_jack.port[i].name, name)) {
            return &fake_jack.port[i];
        }
    }
    return NULL;
}

struct fake_port *fake_jack_add(const char *name, bool input, bool physical)
{
    for (int i = 0; i < FAKE_PORTS; i++) {
        struct fake_port *port = &fake_jack.port[i];

        if (!port->used) {
            memset(port, 0, sizeof(*port));
            port->used = true;
            port->input = input;
            port->physical = physical;
            snprintf(port->name, sizeof(port->name), "%s", name);
            if (on.port && fake_jack.active) {
                on.port(i, 1, on.self[6]);
            }
            return port;
        }
    }
    return NULL;
}

void fake_jack_boot(uint32_t rate, uint32_t period)
{
    int opens = fake_jack.opens;

    memset(&fake_jack, 0, sizeof(fake_jack));
    memset(sounds, 0, sizeof(sounds));
    fake_jack.opens = opens;
    fake_jack.running = true;
    fake_jack.rate = rate;
    fake_jack.period = period;
    fake_jack.time = 4294960000u; /* wraps soon */
    fake_jack.room = FAKE_EVENTS;
    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        fake_jack.connection[i].from = -1;
    }
    fake_jack_add("kbd:out", false, true);
    fake_jack_add("synth:in", true, true);
    fake_jack_add("other:in", true, false);
}

void fake_jack_die(void)
{
    fake_jack.running = false;
    fake_jack.active = false;
    if (on.shutdown) {
        on.shutdown(JackServerError, "gone", on.self[1]);
    }
}

static int index_of(const char *name)
{
    struct fake_port *port = fake_jack_port(name);

    return port ? (int)(port - fake_jack.port) : -1;
}

static int find_connection(int from, int to)
{
    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        if (fake_jack.connection[i].from == from &&
            (from < 0 || fake_jack.connection[i].to == to)) {
            return i;
        }
    }
    return -1;
}

bool fake_jack_connected(const char *from, const char *to)
{
    return find_connection(index_of(from), index_of(to)) >= 0 &&
           index_of(from) >= 0;
}

void fake_jack_connect(const char *from, const char *to, bool connect)
{
    int f = index_of(from), t = index_of(to);
    int at = find_connection(connect ? -1 : f, t);

    if (f < 0 || t < 0 || at < 0) {
        return;
    }
    fake_jack.connection[at].from = connect ? f : -1;
    fake_jack.connection[at].to = t;
    if (on.connect && fake_jack.active) {
        on.connect(f, t, connect, on.self[5]);
    }
}

void fake_jack_remove(const char *name)
{
    int at = index_of(name);

    for (int c = 0; c < FAKE_CONNECTIONS; c++) {
        int from = fake_jack.connection[c].from;
        int to = fake_jack.connection[c].to;

        if (from >= 0 && (from == at || to == at)) {
            fake_jack_connect(fake_jack.port[from].name,
                              fake_jack.port[to].name, false);
        }
    }
    fake_jack.port[at].used = false;
    if (on.port && fake_jack.active) {
        on.port(at, 0, on.self[6]);
    }
}

static void receive(const struct fake_port *port, bool channels[16][128])
{
    for (uint32_t i = 0; port && i < port->events; i++) {
        const uint8_t *bytes = port->event[i].bytes;
        bool *note = &channels[bytes[0] & 15][bytes[1] & 127];
        bool begins = (bytes[0] & 0xf0) == 0x90 && bytes[2];

        if ((bytes[0] & 0xe0) == 0x80 && *note != begins) {
            *note = begins;
            fake_jack.sounding += begins ? 1 : -1;
        }
    }
}

void fake_jack_period(void)
{
    struct fake_port *in;

    pthread_mutex_lock(&server_lock);
    in = fake_jack_port("riposte:in");
    if (fake_jack.active && in) {
        guard_enter();
        on.process(fake_jack.period, on.self[SELF_process]);
        if (fake_jack.rolling) {
            fake_jack.position.frame += fake_jack.period;
        }
        if (on.timebase) {
            on.timebase(JackTransportRolling, fake_jack.period,
                        &fake_jack.position, false, on.self[SELF_timebase]);
        }
        guard_leave();
        in->events = 0;
        fake_jack.time += fake_jack.period;
        receive(fake_jack_port("riposte:out"), sounds[0]);
        receive(fake_jack_port("riposte:thru"), sounds[1]);
    }
    pthread_mutex_unlock(&server_lock);
}

static pthread_t pump_thread;
static _Atomic bool pumping;

static void *pump(void *self)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};

    while (atomic_load(&pumping)) {
        fake_jack_period();
        nanosleep(&millisecond, NULL);
    }
    return NULL;
}

void fake_jack_pump(bool run)
{
    if (run && !atomic_exchange(&pumping, true)) {
        if (pthread_create(&pump_thread, NULL, pump, NULL)) {
            abort();
        }
    } else if (!run && atomic_exchange(&pumping, false)) {
        pthread_join(pump_thread, NULL);
    }
}

void fake_jack_arrive(uint32_t time, const uint8_t *bytes, uint32_t size)
{
    struct fake_port *in = fake_jack_port("riposte:in");
    struct fake_event *event;

    if (in && in->events < FAKE_EVENTS && size <= FAKE_BYTES) {
        event = &in->event[in->events++];
        event->time = time;
        event->size = size;
        if (size) {
            memcpy(event->bytes, bytes, size);
        }
    }
}

void fake_jack_xrun(uint32_t frames)
{
    fake_jack.time += frames;
    on.xrun(on.self[2]);
}

void fake_jack_resize(uint32_t rate, uint32_t period)
{
    fake_jack.rate = rate;
    fake_jack.period = period;
    on.rate(rate, on.self[3]);
    on.period(period, on.self[4]);
}

/* ---- the library ---- */

void jack_set_error_function(void (*function)(const char *))
{
    guard_forbid("jack_set_error_function");
    on.error = function;
}

void jack_set_info_function(void (*function)(const char *))
{
    guard_forbid("jack_set_info_function");
}

jack_client_t *jack_client_open(const char *name, jack_options_t options,
                                jack_status_t *status, ...)
{
    guard_forbid("jack_client_open");
    if (!(options & JackNoStartServer)) {
        abort();
    }
    if (!fake_jack.running || fake_jack.refuse) {
        *status = fake_jack.refuse ? fake_jack.refuse
                                   : (int)(JackFailure | JackServerFailed);
        if (on.error) {
            on.error("Cannot connect to server socket");
        }
        return NULL;
    }
    *status = 0;
    fake_jack.opens++;
    fake_jack.open = true;
    return SERVER;
}

const char *jack_get_version_string(void)
{
    return "1.9.21";
}

int jack_client_close(jack_client_t *client)
{
    guard_forbid("jack_client_close");
    pthread_mutex_lock(&server_lock);
    for (int i = 0; i < FAKE_PORTS; i++) {
        if (fake_jack.port[i].ours) {
            fake_jack.port[i].used = false;
        }
        for (int c = 0; c < FAKE_CONNECTIONS; c++) {
            if (fake_jack.port[i].ours && (fake_jack.connection[c].from == i ||
                                           fake_jack.connection[c].to == i)) {
                fake_jack.connection[c].from = -1;
            }
        }
        fake_jack.port[i].ours = false;
    }
    fake_jack.open = fake_jack.active = false;
    pthread_mutex_unlock(&server_lock);
    return 0;
}

char *jack_get_client_name(jack_client_t *client)
{
    return "riposte";
}

jack_port_t *jack_port_register(jack_client_t *client, const char *name,
                                const char *type, unsigned long flags,
                                unsigned long size)
{
    char full[64];
    struct fake_port *port;

    guard_forbid("jack_port_register");
    if (fake_jack.refuse_ports) {
        return NULL;
    }
    snprintf(full, sizeof(full), "riposte:%s", name);
    port = fake_jack_add(full, flags & JackPortIsInput, false);
    port->ours = true;
    return (jack_port_t *)port;
}

#define SET(kind, field, number)                                               \
    int jack_set_##kind(jack_client_t *client, field, void *self)              \
    {                                                                          \
        guard_forbid("jack_set_" #kind);                                       \
        on.number = callback;                                                  \
        on.self[SELF_##number] = self;                                         \
        return 0;                                                              \
    }
SET(process_callback, JackProcessCallback callback, process)
SET(xrun_callback, JackXRunCallback callback, xrun)
SET(sample_rate_callback, JackSampleRateCallback callback, rate)
SET(buffer_size_callback, JackBufferSizeCallback callback, period)
SET(port_connect_callback, JackPortConnectCallback callback, connect)
SET(port_registration_callback, JackPortRegistrationCallback callback, port)
SET(latency_callback, JackLatencyCallback callback, latency)

int jack_set_timebase_callback(jack_client_t *client, int conditional,
                               JackTimebaseCallback callback, void *self)
{
    guard_forbid("jack_set_timebase_callback");
    on.timebase = callback;
    on.self[SELF_timebase] = self;
    return 0;
}

int jack_release_timebase(jack_client_t *client)
{
    guard_forbid("jack_release_timebase");
    on.timebase = NULL;
    return 0;
}

jack_transport_state_t jack_transport_query(const jack_client_t *client,
                                            jack_position_t *position)
{
    *position = fake_jack.position;
    return fake_jack.rolling ? JackTransportRolling : JackTransportStopped;
}

void jack_port_get_latency_range(jack_port_t *port,
                                 jack_latency_callback_mode_t mode,
                                 jack_latency_range_t *range)
{
    guard_forbid("jack_port_get_latency_range");
    *range = ((struct fake_port *)port)->latency[mode];
}

void jack_port_set_latency_range(jack_port_t *port,
                                 jack_latency_callback_mode_t mode,
                                 jack_latency_range_t *range)
{
    guard_forbid("jack_port_set_latency_range");
    ((struct fake_port *)port)->latency[mode] = *range;
}

void fake_jack_latency(void)
{
    on.latency(JackCaptureLatency, on.self[SELF_latency]);
    on.latency(JackPlaybackLatency, on.self[SELF_latency]);
}

void jack_on_shutdown(jack_client_t *client, JackShutdownCallback callback,
                      void *arg)
{
    guard_forbid("jack_on_shutdown"); /* jackd calls the other if it is set */
}

void jack_on_info_shutdown(jack_client_t *client,
                           JackInfoShutdownCallback callback, void *self)
{
    guard_forbid("jack_on_info_shutdown");
    on.shutdown = callback;
    on.self[SELF_shutdown] = self;
}

jack_nframes_t jack_get_sample_rate(jack_client_t *client)
{
    return fake_jack.rate;
}

jack_nframes_t jack_get_buffer_size(jack_client_t *client)
{
    return fake_jack.period;
}

jack_nframes_t jack_last_frame_time(const jack_client_t *client)
{
    return fake_jack.time;
}

int jack_activate(jack_client_t *client)
{
    guard_forbid("jack_activate");
    fake_jack.active = fake_jack.running;
    return fake_jack.running ? 0 : -1;
}

int jack_deactivate(jack_client_t *client)
{
    guard_forbid("jack_deactivate");
    pthread_mutex_lock(&server_lock); /* not within a period */
    fake_jack.active = false;
    pthread_mutex_unlock(&server_lock);
    return 0;
}

int jack_client_real_time_priority(jack_client_t *client)
{
    return -1;
}

/* ---- ports and connections ---- */

const char *jack_port_name(const jack_port_t *port)
{
    return ((const struct fake_port *)port)->name;
}

jack_port_t *jack_port_by_name(jack_client_t *client, const char *name)
{
    guard_forbid("jack_port_by_name");
    return (jack_port_t *)fake_jack_port(name);
}

jack_port_t *jack_port_by_id(jack_client_t *client, jack_port_id_t id)
{
    return (jack_port_t *)&fake_jack.port[id];
}

int jack_port_is_mine(const jack_client_t *client, const jack_port_t *port)
{
    return ((const struct fake_port *)port)->ours;
}

int jack_port_flags(const jack_port_t *port)
{
    const struct fake_port *fake = (const struct fake_port *)port;

    return (fake->input ? JackPortIsInput : JackPortIsOutput) |
           (fake->physical ? JackPortIsPhysical : 0);
}

int jack_port_name_size(void)
{
    return sizeof(fake_jack.port[0].name);
}

int jack_port_get_aliases(const jack_port_t *port, char *const aliases[2])
{
    const struct fake_port *fake = (const struct fake_port *)port;

    snprintf(aliases[0], sizeof(fake->alias), "%s", fake->alias);
    return fake->alias[0] != 0;
}

const char **jack_get_ports(jack_client_t *client, const char *name,
                            const char *type, unsigned long flags)
{
    const char **names = calloc(FAKE_PORTS + 1, sizeof(*names));
    int count = 0;

    guard_forbid("jack_get_ports");
    for (int i = 0; i < FAKE_PORTS; i++) {
        const struct fake_port *port = &fake_jack.port[i];

        if (port->used && port->input == ((flags & JackPortIsInput) != 0) &&
            (port->physical || !(flags & JackPortIsPhysical))) {
            names[count++] = port->name;
        }
    }
    return names;
}

const char **jack_port_get_all_connections(const jack_client_t *client,
                                           const jack_port_t *port)
{
    const char **names = calloc(FAKE_CONNECTIONS + 1, sizeof(*names));
    int own = (int)((const struct fake_port *)port - fake_jack.port);
    int count = 0;

    guard_forbid("jack_port_get_all_connections");
    for (int i = 0; i < FAKE_CONNECTIONS; i++) {
        int from = fake_jack.connection[i].from;
        int to = fake_jack.connection[i].to;

        if (from >= 0 && (from == own || to == own)) {
            names[count++] = fake_jack.port[from == own ? to : from].name;
        }
    }
    return names;
}

int jack_connect(jack_client_t *client, const char *from, const char *to)
{
    guard_forbid("jack_connect");
    if (fake_jack_connected(from, to)) {
        return EEXIST;
    }
    fake_jack_connect(from, to, true);
    return fake_jack_connected(from, to) ? 0 : -1;
}

void jack_free(void *pointer)
{
    guard_forbid("jack_free");
    free(pointer);
}
