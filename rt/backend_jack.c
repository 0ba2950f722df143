/* JACK: ports in, out, thru, clock. JACK's process thread runs on_process; its
 * notification threads run the other on_*, which only set flags; all else is
 * main's. When the server goes, poll looks for it every second. */
#include <jack/jack.h>
#include <jack/midiport.h>
#include <jack/thread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "rt/backend_jack.h"
#include "rt/log.h"
#include "rt/trust.h"

enum { SECOND = 1000000000 };

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
RP_RT uint32_t jack_midi_get_lost_event_count(void *buffer);
RP_RT int jack_midi_event_get(jack_midi_event_t *event, void *buffer,
                              uint32_t index);
RP_RT int jack_midi_event_write(void *buffer, jack_nframes_t time,
                                const jack_midi_data_t *data, size_t size);
RP_RT void jack_midi_clear_buffer(void *buffer);
RP_TRUST_END

/* ---- process thread ---- */

/* The frame at which this period begins, as the server counts; while there
 * was no server the machine's clock counted. False when it was run already. */
static RP_RT bool count_frames(struct rp_jack *jack, jack_nframes_t frames,
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

static RP_RT void gather(struct rp_jack *jack, jack_nframes_t frames)
{
    jack_nframes_t events = jack_midi_get_event_count(jack->buffer[RP_JACK_IN]);
    uint32_t last = 0, lost;

    for (uint32_t i = 0; i < jack->in.count; i++) { /* of a period not run */
        jack->in.item[i].offset = 0;
    }
    for (jack_nframes_t i = 0; i < events; i++) {
        jack_midi_event_t event;

        if (jack_midi_event_get(&event, jack->buffer[RP_JACK_IN], i)) {
            continue;
        }
        if (event.time > last) {
            last = event.time < frames ? event.time : frames - 1;
        }
        rp_arrivals_add(&jack->in, &jack->base.cycle->stats, last, event.buffer,
                        event.size);
    }
    lost = jack_midi_get_lost_event_count(jack->buffer[RP_JACK_IN]);
    if (lost) { /* the server mixes all that is connected into one buffer */
        rp_stats_add(&jack->base.cycle->stats.lost_heard, lost);
    }
}

static const enum rp_jack_port ports[] = {[RP_WAY_OUT] = RP_JACK_OUT,
                                          [RP_WAY_THRU] = RP_JACK_THRU,
                                          [RP_WAY_CLOCK] = RP_JACK_CLOCK};

static RP_RT bool write_event(struct rp_io *io, enum rp_way way,
                              uint32_t offset, struct rp_event event)
{
    struct rp_jack *jack = io->self;

    return jack_midi_event_write(jack->buffer[ports[way]], offset, event.data,
                                 event.size) == 0;
}

static RP_RT int on_process(jack_nframes_t frames, void *self)
{
    struct rp_jack *jack = self;
    struct rp_io io = {.frames = frames,
                       .in = jack->in.item,
                       .clock = true,
                       .write = write_event,
                       .self = jack};

    for (int p = 0; p < RP_JACK_PORTS; p++) {
        jack->buffer[p] = jack_port_get_buffer(jack->port[p], frames);
    }
    jack_midi_clear_buffer(jack->buffer[RP_JACK_OUT]);
    jack_midi_clear_buffer(jack->buffer[RP_JACK_THRU]);
    jack_midi_clear_buffer(jack->buffer[RP_JACK_CLOCK]);
    if (!frames || !atomic_load_explicit(&jack->ready, memory_order_acquire)) {
        return 0;
    }
    gather(jack, frames);
    if (!count_frames(jack, frames, &io.frame)) {
        return 0; /* what came in waits for the next */
    }
    io.rate = atomic_load_explicit(&jack->rate, memory_order_relaxed);
    io.ins = jack->in.count;
    io.delay = atomic_load_explicit(&jack->delay, memory_order_relaxed);
    io.transport = rp_jack_transport(jack);
    rp_backend_cycle(&jack->base, &io);
    jack->in.count = 0;
    return 0;
}

/* ---- notification threads ---- */

static void on_shutdown(void *self)
{
    atomic_store(&((struct rp_jack *)self)->gone, true);
}

static void on_info_shutdown(jack_status_t code, const char *reason, void *self)
{
    on_shutdown(self);
}

static int on_xrun(void *self)
{
    rp_stats_add(&((struct rp_jack *)self)->base.cycle->stats.xruns, 1);
    return 0;
}

static int on_rate(jack_nframes_t rate, void *self)
{
    atomic_store(&((struct rp_jack *)self)->rate, rate);
    return 0;
}

static int on_period(jack_nframes_t period, void *self)
{
    atomic_store(&((struct rp_jack *)self)->period, period);
    return 0;
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

/* Client, ports and callbacks; not active yet. */
static rp_status open_server(struct rp_jack *jack, char *why, size_t size)
{
    jack->client = open_client(jack->name, why, size);
    if (!jack->client) {
        return RP_ENONE;
    }
    /* a name that is taken gets a number */
    snprintf(jack->name, RP_PORT_NAME, "%s",
             jack_get_client_name(jack->client));
    for (int p = 0; p < RP_JACK_PORTS; p++) {
        jack->port[p] = jack_port_register(
            jack->client, rp_jack_port_names[p], JACK_DEFAULT_MIDI_TYPE,
            p == RP_JACK_IN ? JackPortIsInput : JackPortIsOutput, 0);
        if (!jack->port[p]) {
            snprintf(why, size, "the JACK server refuses the port '%s'",
                     rp_jack_port_names[p]);
            jack_client_close(jack->client);
            jack->client = NULL;
            return RP_EIO;
        }
        rp_jack_describe_port(jack, p);
    }
    jack_set_process_callback(jack->client, on_process, jack);
    jack_on_shutdown(jack->client, on_shutdown, jack); /* PipeWire 0.3 */
    jack_on_info_shutdown(jack->client, on_info_shutdown, jack);
    jack_set_xrun_callback(jack->client, on_xrun, jack);
    jack_set_sample_rate_callback(jack->client, on_rate, jack);
    jack_set_buffer_size_callback(jack->client, on_period, jack);
    rp_jack_watch(jack);
    rp_jack_watch_transport(jack);
    atomic_store(&jack->rate, jack_get_sample_rate(jack->client));
    atomic_store(&jack->period, jack_get_buffer_size(jack->client));
    atomic_store(&jack->gone, false);
    jack->base.rate = atomic_load(&jack->rate);
    jack->base.period = atomic_load(&jack->period);
    return RP_OK;
}

/* ---- main: the table ---- */

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
    struct rp_jack *jack = (struct rp_jack *)backend;

    if (jack->client) {
        for (int p = 0; p < RP_JACK_PORTS && !atomic_load(&jack->gone); p++) {
            rp_jack_forget_port(jack, p);
        }
        jack_client_close(jack->client);
    }
    rp_patchbay_destroy(jack->patchbay);
    pthread_mutex_destroy(&jack->lock);
    (void)munlock(jack, sizeof(*jack));
    free(jack);
}

static rp_status backend_open(struct rp_backend **backend,
                              const struct rp_backend_options *options)
{
    struct rp_jack *jack = calloc(1, sizeof(*jack));
    char why[300];
    rp_status status;

    if (!jack) {
        rp_log(RP_ERROR, "jack", "out of memory");
        return RP_EMEM;
    }
    (void)mlock(jack, sizeof(*jack));
    pthread_mutex_init(&jack->lock, NULL);
    jack->base.ops = &rp_backend_jack;
    snprintf(jack->name, RP_PORT_NAME, "%s", options->name);
    status = open_server(jack, why, sizeof(why));
    if (status) {
        rp_log(RP_ERROR, "jack", "%s", why);
    }
    if (status == RP_OK && (status = rp_jack_patch(jack, options)) == RP_OK) {
        rp_jack_look(jack);
        status = rp_patchbay_check(jack->patchbay);
    }
    if (status) {
        backend_close(&jack->base);
        return status;
    }
    *backend = &jack->base;
    return RP_OK;
}

static rp_status backend_start(struct rp_backend *backend)
{
    struct rp_jack *jack = (struct rp_jack *)backend;
    int priority = jack_client_real_time_priority(jack->client);

    if (jack_activate(jack->client)) {
        rp_log(RP_ERROR, "jack", "the JACK server does not activate us");
        return RP_EIO;
    }
    rp_patchbay_settle(jack->patchbay, now_ns(), false);
    backend->priority = priority > 0 ? priority : 0;
    atomic_store_explicit(&jack->ready, true, memory_order_release);
    return RP_OK;
}

static void backend_stop(struct rp_backend *backend)
{
    struct rp_jack *jack = (struct rp_jack *)backend;

    atomic_store(&jack->ready, false);
    if (jack->client && !atomic_load(&jack->gone)) {
        jack_deactivate(jack->client);
    }
}

static bool backend_alive(struct rp_backend *backend)
{
    struct rp_jack *jack = (struct rp_jack *)backend;

    return jack->client && !atomic_load(&jack->gone);
}

static void lose_server(struct rp_jack *jack, uint64_t now)
{
    rp_log(RP_WARN, "jack",
           "the JACK server is gone; looking for it every second");
    atomic_store(&jack->ready, false);
    jack_client_close(jack->client);
    jack->client = NULL;
    jack->tried_at = now;
    rp_patchbay_lose(jack->patchbay);
}

/* What is sent before connections carry it would reach nobody. */
static void wait_for_links(void)
{
    const struct timespec time = {.tv_nsec = 200000000};

    nanosleep(&time, NULL);
}

static void find_server(struct rp_jack *jack)
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
    rp_jack_look(jack);
    rp_patchbay_settle(jack->patchbay, now_ns(), false);
    wait_for_links();
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
    struct rp_jack *jack = (struct rp_jack *)backend;
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
    rp_jack_catch_up(jack, now);
    rp_jack_turn_timebase(jack);
}

static void backend_describe(struct rp_backend *backend, char *text,
                             size_t size)
{
    struct rp_jack *jack = (struct rp_jack *)backend;

    if (!jack->client || atomic_load(&jack->gone)) {
        snprintf(text, size, "jack: the server is gone");
        return;
    }
    snprintf(text, size, "jack %u Hz %u frames", backend->rate,
             backend->period);
    rp_patchbay_describe(jack->patchbay, text, size);
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
    rp_jack_each(client, each, self);
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
