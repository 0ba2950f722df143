/* ALSA sequencer: ports in, out, thru, and a queue of its own that sends at
 * the time given. The sequencer has no period, so the pace runs one. */
#include <alsa/asoundlib.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rt/backend_alsa.h"
#include "rt/log.h"

enum {
    SECOND = 1000000000,
    TIMER_HZ = 6250,    /* the kernel's most */
    TICK_MAX = 1000000, /* ns; slower than that is worth a word */
    POOL = 2000,        /* events; the kernel's most */
    BUFFER = 1 << 16    /* bytes; 28 an event */
};

/* ---- the library's own messages ---- */

static void on_message(const char *file, int line, const char *function,
                       int error, const char *format, ...)
{
    char text[300];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    rp_log(RP_DEBUG, "alsa", "%s: %s%s%s", function, text, error ? ": " : "",
           error ? snd_strerror(error) : "");
}

static int open_seq(snd_seq_t **seq, const char *name, char *why, size_t size)
{
    int result;

    snd_lib_error_set_handler(on_message);
    result =
        snd_seq_open(seq, "default", SND_SEQ_OPEN_DUPLEX, SND_SEQ_NONBLOCK);
    if (result < 0) {
        snprintf(why, size, "no ALSA sequencer (/dev/snd/seq): %s",
                 snd_strerror(result));
        return result;
    }
    snd_seq_set_client_name(*seq, name);
    return 0;
}

/* ---- the queue ---- */

/* The period of our queue's timer, ns, and its name; 0 when nobody says. */
static uint64_t read_tick(int queue, char *name, size_t size)
{
    FILE *in = fopen("/proc/asound/seq/timer", "r");
    char line[200];
    uint64_t tick = 0;
    bool ours = false;

    while (in && fgets(line, sizeof(line), in)) {
        unsigned long s, ns;
        int number, at = 0;

        if (sscanf(line, "Timer for queue %d : %n", &number, &at) == 1 && at) {
            ours = number == queue;
            snprintf(name, ours ? size : 0, "%.*s",
                     (int)strcspn(line + at, "\n"), line + at);
        } else if (ours &&
                   sscanf(line, " Period time : %lu.%lu", &s, &ns) == 2) {
            tick = s * SECOND + ns;
        }
    }
    if (in) {
        fclose(in);
    }
    return tick;
}

/* As fine a timer as the kernel has; says so when that is not fine. */
static void choose_timer(struct rp_alsa *alsa)
{
    snd_seq_queue_timer_t *timer;
    snd_timer_id_t *id;

    snd_seq_queue_timer_alloca(&timer);
    snd_timer_id_alloca(&id);
    snd_timer_id_set_class(id, SND_TIMER_CLASS_GLOBAL);
    snd_timer_id_set_sclass(id, SND_TIMER_SCLASS_NONE);
    snd_timer_id_set_card(id, -1);
    snd_timer_id_set_device(id, SND_TIMER_GLOBAL_HRTIMER);
    snd_timer_id_set_subdevice(id, 0);
    if (snd_seq_get_queue_timer(alsa->seq, alsa->queue, timer) < 0) {
        return;
    }
    snd_seq_queue_timer_set_id(timer, id);
    snd_seq_queue_timer_set_resolution(timer, TIMER_HZ);
    if (snd_seq_set_queue_timer(alsa->seq, alsa->queue, timer) < 0) {
        rp_log(RP_DEBUG, "alsa", "the queue's timer stays as it is");
    }
}

static void say_tick(struct rp_alsa *alsa)
{
    static bool told; /* once is enough */
    char name[100] = "";
    uint64_t tick = read_tick(alsa->queue, name, sizeof(name));

    alsa->tick = tick ? tick : SECOND / TIMER_HZ;
    if (alsa->tick > TICK_MAX && !told) {
        told = true;
        rp_log(RP_WARN, "alsa",
               "the kernel times notes by its %s, every %.1f ms: they may "
               "come %.1f ms early or late (`modprobe snd-hrtimer` mends it)",
               name, (double)tick * 1e-6, (double)tick * 0.5e-6);
    }
}

static int start_queue(struct rp_alsa *alsa)
{
    int result;

    alsa->queue = snd_seq_alloc_named_queue(alsa->seq, alsa->name);
    if (alsa->queue < 0) {
        return alsa->queue;
    }
    choose_timer(alsa);
    if ((result = snd_seq_start_queue(alsa->seq, alsa->queue, NULL)) < 0 ||
        (result = snd_seq_drain_output(alsa->seq)) < 0) {
        return result;
    }
    say_tick(alsa);
    alsa->mapped = false;
    memset(alsa->last_sent, 0, sizeof(alsa->last_sent));
    return 0;
}

/* ---- our clients ---- */

static int create_port(struct rp_alsa *alsa, enum rp_alsa_port ours)
{
    snd_seq_port_info_t *info;
    int result;

    snd_seq_port_info_alloca(&info);
    snd_seq_port_info_set_name(info, rp_alsa_port_names[ours]);
    snd_seq_port_info_set_capability(
        info, ours == RP_ALSA_IN
                  ? SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_SUBS_WRITE
                  : SND_SEQ_PORT_CAP_READ | SND_SEQ_PORT_CAP_SUBS_READ);
    snd_seq_port_info_set_type(info, SND_SEQ_PORT_TYPE_MIDI_GENERIC |
                                         SND_SEQ_PORT_TYPE_SOFTWARE |
                                         SND_SEQ_PORT_TYPE_APPLICATION);
    snd_seq_port_info_set_midi_channels(info, 16);
    if (ours == RP_ALSA_IN) { /* stamped in the kernel */
        snd_seq_port_info_set_timestamping(info, 1);
        snd_seq_port_info_set_timestamp_real(info, 1);
        snd_seq_port_info_set_timestamp_queue(info, alsa->queue);
    }
    result = snd_seq_create_port(alsa->seq, info);
    alsa->port[ours] = result < 0 ? -1 : snd_seq_port_info_get_port(info);
    return result;
}

/* Main's: it hears what comes and goes. */
static int open_watch(struct rp_alsa *alsa, char *why, size_t size)
{
    int port, result = open_seq(&alsa->watch, "riposte watch", why, size);

    if (result < 0) {
        return result;
    }
    alsa->watcher = snd_seq_client_id(alsa->watch);
    port = snd_seq_create_simple_port(alsa->watch, "announcements",
                                      SND_SEQ_PORT_CAP_WRITE |
                                          SND_SEQ_PORT_CAP_NO_EXPORT,
                                      SND_SEQ_PORT_TYPE_APPLICATION);
    if (port >= 0) {
        snd_seq_set_client_pool_input(alsa->watch, POOL);
        result = snd_seq_connect_from(alsa->watch, port, SND_SEQ_CLIENT_SYSTEM,
                                      SND_SEQ_PORT_SYSTEM_ANNOUNCE);
    }
    return port < 0 ? port : result;
}

static void close_system(struct rp_alsa *alsa)
{
    if (alsa->seq) {
        snd_seq_close(alsa->seq);
    }
    if (alsa->watch) {
        snd_seq_close(alsa->watch);
    }
    alsa->seq = alsa->watch = NULL;
}

/* Clients, queue and ports; nothing runs yet. Why not goes to `why`. */
static rp_status open_system(struct rp_alsa *alsa, char *why, size_t size)
{
    int result = open_seq(&alsa->seq, alsa->name, why, size);

    if (result < 0) {
        return RP_ENONE;
    }
    alsa->client = snd_seq_client_id(alsa->seq);
    snd_seq_set_output_buffer_size(alsa->seq, BUFFER);
    snd_seq_set_input_buffer_size(alsa->seq, BUFFER);
    snd_seq_set_client_pool_output(alsa->seq, POOL);
    snd_seq_set_client_pool_input(alsa->seq, POOL);
    snprintf(why, size, "the ALSA sequencer gives no queue or no port");
    result = start_queue(alsa);
    for (int p = 0; p < RP_ALSA_PORTS && result >= 0; p++) {
        result = create_port(alsa, p);
    }
    if (result >= 0) {
        result = open_watch(alsa, why, size);
    }
    if (result < 0) {
        rp_log(RP_DEBUG, "alsa", "%s", snd_strerror(result));
        close_system(alsa);
        return RP_EIO;
    }
    atomic_store(&alsa->gone, false);
    return RP_OK;
}

/* ---- the table ---- */

static bool backend_probe(char *text, size_t size)
{
    snd_seq_t *seq;

    if (open_seq(&seq, "riposte probe", text, size) < 0) {
        return false;
    }
    snprintf(text, size, "the ALSA sequencer answers");
    snd_seq_close(seq);
    return true;
}

static void backend_close(struct rp_backend *backend)
{
    struct rp_alsa *alsa = (struct rp_alsa *)backend;

    rp_pace_stop(&alsa->pace);
    close_system(alsa);
    snd_midi_event_free(alsa->decoder);
    snd_midi_event_free(alsa->encoder);
    snd_seq_queue_status_free(alsa->status);
    rp_patchbay_destroy(alsa->patchbay);
    (void)munlock(alsa, sizeof(*alsa));
    free(alsa);
}

static rp_status create(struct rp_alsa **alsa,
                        const struct rp_backend_options *options)
{
    struct rp_backend base;
    rp_status status = rp_backend_begin(&base, &rp_backend_alsa, options);
    struct rp_alsa *made;

    if (status) {
        return status;
    }
    made = calloc(1, sizeof(*made));
    if (!made || snd_midi_event_new(16, &made->decoder) < 0 ||
        snd_midi_event_new(16, &made->encoder) < 0 ||
        snd_seq_queue_status_malloc(&made->status) < 0) {
        rp_log(RP_ERROR, "alsa", "out of memory");
        if (made) {
            backend_close(&made->base);
        }
        return RP_EMEM;
    }
    (void)mlock(made, sizeof(*made));
    snd_midi_event_no_status(made->decoder, 1);
    made->base = base;
    snprintf(made->name, sizeof(made->name), "%s", options->name);
    *alsa = made;
    return RP_OK;
}

static rp_status backend_open(struct rp_backend **backend,
                              const struct rp_backend_options *options)
{
    struct rp_alsa *alsa = NULL;
    char why[300];
    rp_status status = create(&alsa, options);

    if (status) {
        return status;
    }
    if ((status = open_system(alsa, why, sizeof(why)))) {
        rp_log(RP_ERROR, "alsa", "%s", why);
    }
    if (status == RP_OK && (status = rp_alsa_patch(alsa, options)) == RP_OK) {
        rp_alsa_look(alsa);
        status = rp_patchbay_check(alsa->patchbay);
    }
    if (status) {
        backend_close(&alsa->base);
        return status;
    }
    *backend = &alsa->base;
    return RP_OK;
}

static rp_status backend_start(struct rp_backend *backend)
{
    struct rp_alsa *alsa = (struct rp_alsa *)backend;
    rp_status status = rp_pace_start(&alsa->pace, backend, rp_alsa_run);

    if (status == RP_OK) {
        rp_patchbay_settle(alsa->patchbay, rp_pace_now(), false);
    }
    return status;
}

static void backend_stop(struct rp_backend *backend)
{
    struct rp_alsa *alsa = (struct rp_alsa *)backend;

    rp_pace_stop(&alsa->pace);
    if (alsa->seq && !atomic_load(&alsa->gone)) {
        rp_alsa_flush(alsa);
    }
}

static bool backend_alive(struct rp_backend *backend)
{
    struct rp_alsa *alsa = (struct rp_alsa *)backend;

    return alsa->seq && !atomic_load(&alsa->gone);
}

static void lose_system(struct rp_alsa *alsa, uint64_t now)
{
    rp_log(RP_WARN, "alsa",
           "the ALSA sequencer is gone; looking for it every second");
    rp_pace_stop(&alsa->pace);
    close_system(alsa);
    alsa->tried_at = now;
    rp_patchbay_lose(alsa->patchbay);
}

static void find_system(struct rp_alsa *alsa)
{
    struct rp_cycle *cycle = alsa->base.cycle;
    char why[300];

    if (open_system(alsa, why, sizeof(why))) {
        rp_log(RP_DEBUG, "alsa", "%s", why);
        return;
    }
    alsa->in.count = 0;
    alsa->in.sysex = false;
    rp_alsa_look(alsa);
    rp_patchbay_settle(alsa->patchbay, rp_pace_now(), false);
    /* First of all what sounded when it went ends at its receivers. */
    atomic_fetch_add(&cycle->unplugged, 1);
    atomic_fetch_add(&cycle->release, 1);
    if (rp_pace_start(&alsa->pace, &alsa->base, rp_alsa_run)) {
        close_system(alsa);
        return;
    }
    rp_stats_add(&cycle->stats.reconnects, 1);
    rp_log(RP_INFO, "alsa", "the ALSA sequencer is back");
}

static void backend_poll(struct rp_backend *backend)
{
    struct rp_alsa *alsa = (struct rp_alsa *)backend;
    uint64_t now = rp_pace_now();

    if (alsa->seq && atomic_load(&alsa->gone)) {
        lose_system(alsa, now);
    }
    if (alsa->seq) {
        rp_alsa_watch(alsa, now);
    } else if (now - alsa->tried_at >= SECOND) {
        alsa->tried_at = now;
        find_system(alsa);
    }
}

static void backend_describe(struct rp_backend *backend, char *text,
                             size_t size)
{
    struct rp_alsa *alsa = (struct rp_alsa *)backend;

    if (!backend_alive(backend)) {
        snprintf(text, size, "alsa: the sequencer is gone");
        return;
    }
    snprintf(text, size, "alsa %u Hz %u frames", backend->rate,
             backend->period);
    rp_patchbay_describe(alsa->patchbay, text, size);
}

static rp_status
backend_ports(void (*each)(void *self, const struct rp_port *port), void *self)
{
    char why[300];
    snd_seq_t *seq;

    if (open_seq(&seq, "riposte ports", why, sizeof(why)) < 0) {
        rp_log(RP_ERROR, "alsa", "%s", why);
        return RP_ENONE;
    }
    rp_alsa_each(seq, each, self);
    snd_seq_close(seq);
    return RP_OK;
}

const struct rp_backend_ops rp_backend_alsa = {
    .name = "alsa",
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
