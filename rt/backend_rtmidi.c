/* RtMidi: what its C functions reach, wherever it runs. It has no periods and
 * sends at once, so the pace runs the one and a sender waits for the other. */
#include <rtmidi_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rt/backend_rtmidi.h"
#include "rt/log.h"

enum {
    SECOND = 1000000000,
    LOOK = SECOND / 5, /* ns between two looks at the ports */
    HEARD = 8192, /* events of an input: most of a second at 10,000 a second */
    SENT = 8192,
    SYSTEMS = RTMIDI_API_NUM
};

/* ---- which of RtMidi's systems ---- */

static int list_systems(enum RtMidiApi *systems)
{
    int count = rtmidi_get_compiled_api(systems, SYSTEMS), kept = 0;

    for (int i = 0; i < count; i++) {
        if (systems[i] != RTMIDI_API_RTMIDI_DUMMY) {
            systems[kept++] = systems[i];
        }
    }
    return kept;
}

/* The first that works, or the one asked for. Why not goes to `why`. */
static rp_status find_system(const char *want, int *system, char *why,
                             size_t size)
{
    enum RtMidiApi systems[SYSTEMS];
    int count = list_systems(systems);
    size_t used = 0;
    bool known = false;
    char said[200];

    snprintf(why, size, "this RtMidi knows no MIDI system");
    for (int i = 0; i < count && used < size; i++) {
        const char *name = rtmidi_api_name(systems[i]);

        if (want && strcmp(want, name)) {
            continue;
        }
        known = true;
        if (rp_rtmidi_try(systems[i], said, sizeof(said))) {
            *system = systems[i];
            return RP_OK;
        }
        used += snprintf(why + used, size - used, "%s%s: %s", used ? "; " : "",
                         name, said);
    }
    if (known) {
        return RP_ENONE;
    }
    for (int i = 0; i < count && used < size; i++) {
        used += snprintf(why + used, size - used, "%s%s",
                         i ? " " : "this RtMidi has not that system, only: ",
                         rtmidi_api_name(systems[i]));
    }
    return RP_EARG;
}

/* ---- the table ---- */

static bool backend_probe(char *text, size_t size)
{
    char why[300];
    int system;

    if (find_system(NULL, &system, why, sizeof(why))) {
        snprintf(text, size, "%s", why);
        return false;
    }
    snprintf(text, size, "RtMidi reaches %s", rtmidi_api_display_name(system));
    return true;
}

static void backend_close(struct rp_backend *backend)
{
    struct rp_rtmidi *rtmidi = (struct rp_rtmidi *)backend;

    rp_pace_stop(&rtmidi->pace);
    rp_rtmidi_send_stop(rtmidi);
    rp_rtmidi_close_system(rtmidi);
    for (int i = 0; i < RP_RTMIDI_INS; i++) {
        rp_ring_fini(&rtmidi->in[i].ring);
    }
    for (int w = 0; w < RP_RTMIDI_OWN; w++) {
        rp_ring_fini(&rtmidi->sent[w]);
    }
    rp_patchbay_destroy(rtmidi->patchbay);
    pthread_mutex_destroy(&rtmidi->lock);
    (void)munlock(rtmidi, sizeof(*rtmidi));
    free(rtmidi);
}

static rp_status create(struct rp_rtmidi **rtmidi,
                        const struct rp_backend_options *options)
{
    struct rp_backend base;
    rp_status status = rp_backend_begin(&base, &rp_backend_rtmidi, options);
    struct rp_rtmidi *made;

    if (status) {
        return status;
    }
    made = aligned_alloc(64, (sizeof(*made) + 63) / 64 * 64);
    if (!made) {
        rp_log(RP_ERROR, "rtmidi", "out of memory");
        return RP_EMEM;
    }
    memset(made, 0, sizeof(*made));
    (void)mlock(made, sizeof(*made));
    pthread_mutex_init(&made->lock, NULL);
    made->base = base;
    snprintf(made->name, sizeof(made->name), "%s", options->name);
    for (int i = 0; i < RP_RTMIDI_INS && status == RP_OK; i++) {
        made->in[i].rtmidi = made;
        status = rp_ring_init(&made->in[i].ring, HEARD,
                              sizeof(struct rp_rtmidi_event));
    }
    for (int w = 0; w < RP_RTMIDI_OWN && status == RP_OK; w++) {
        status =
            rp_ring_init(&made->sent[w], SENT, sizeof(struct rp_rtmidi_event));
    }
    if (status) {
        backend_close(&made->base);
        return status;
    }
    *rtmidi = made;
    return RP_OK;
}

static rp_status backend_open(struct rp_backend **backend,
                              const struct rp_backend_options *options)
{
    struct rp_rtmidi *rtmidi = NULL;
    char why[300];
    rp_status status = create(&rtmidi, options);

    if (status) {
        return status;
    }
    status = find_system(options->system, &rtmidi->api, why, sizeof(why));
    if (status == RP_OK) {
        status = rp_rtmidi_open_system(rtmidi, why, sizeof(why));
    }
    if (status) {
        rp_log(RP_ERROR, "rtmidi", "%s", why);
    } else if ((status = rp_rtmidi_patch(rtmidi, options)) == RP_OK) {
        rp_rtmidi_look(rtmidi);
        status = rp_patchbay_check(rtmidi->patchbay);
    }
    if (status) {
        backend_close(&rtmidi->base);
        return status;
    }
    *backend = &rtmidi->base;
    return RP_OK;
}

static rp_status run(struct rp_rtmidi *rtmidi)
{
    rp_status status;

    atomic_store_explicit(&rtmidi->ready, true, memory_order_release);
    status = rp_pace_start(&rtmidi->pace, &rtmidi->base, rp_rtmidi_run);
    if (status == RP_OK && (status = rp_rtmidi_send_start(rtmidi))) {
        rp_pace_stop(&rtmidi->pace);
    }
    if (status) {
        atomic_store(&rtmidi->ready, false);
    }
    return status;
}

static rp_status backend_start(struct rp_backend *backend)
{
    struct rp_rtmidi *rtmidi = (struct rp_rtmidi *)backend;
    rp_status status = run(rtmidi);

    if (status == RP_OK) {
        rtmidi->looked_at = rp_pace_now();
        rp_patchbay_settle(rtmidi->patchbay, rtmidi->looked_at, false);
    }
    return status;
}

static void backend_stop(struct rp_backend *backend)
{
    struct rp_rtmidi *rtmidi = (struct rp_rtmidi *)backend;

    rp_pace_stop(&rtmidi->pace);
    rp_rtmidi_send_stop(rtmidi);
    rp_log(RP_DEBUG, "rtmidi", "nothing was sent later than %.3f ms",
           (double)atomic_load(&rtmidi->worst) * 1e-6);
}

static bool backend_alive(struct rp_backend *backend)
{
    struct rp_rtmidi *rtmidi = (struct rp_rtmidi *)backend;

    return rtmidi->there && !atomic_load(&rtmidi->gone);
}

/* What waits in the rings goes nowhere: it ends by what `release` sends. */
static void lose_system(struct rp_rtmidi *rtmidi)
{
    rp_log(RP_WARN, "rtmidi", "%s is gone; looking for it every second",
           rtmidi_api_display_name(rtmidi->api));
    rp_pace_stop(&rtmidi->pace);
    rp_rtmidi_send_stop(rtmidi);
    atomic_store(&rtmidi->ready, false);
    rp_rtmidi_close_system(rtmidi);
    rp_patchbay_lose(rtmidi->patchbay);
}

/* What came in before it went is no news. No thread runs. */
static void forget_input(struct rp_rtmidi *rtmidi)
{
    for (int i = 0; i < RP_RTMIDI_INS; i++) {
        while (rp_ring_pop(&rtmidi->in[i].ring, NULL)) {
        }
    }
    rtmidi->arrivals.count = 0;
    rtmidi->unplug = false;
    atomic_store(&rtmidi->pulled, false);
}

static void find_again(struct rp_rtmidi *rtmidi)
{
    struct rp_cycle *cycle = rtmidi->base.cycle;
    char why[300];

    if (rp_rtmidi_open_system(rtmidi, why, sizeof(why))) {
        rp_log(RP_DEBUG, "rtmidi", "%s", why);
        return;
    }
    rp_rtmidi_look(rtmidi);
    rp_patchbay_settle(rtmidi->patchbay, rp_pace_now(), false);
    forget_input(rtmidi);
    /* First of all what sounded when it went ends at its receivers. */
    atomic_fetch_add(&cycle->unplugged, 1);
    atomic_fetch_add(&cycle->release, 1);
    if (run(rtmidi)) {
        rp_rtmidi_close_system(rtmidi);
        return;
    }
    rp_stats_add(&cycle->stats.reconnects, 1);
    rp_log(RP_INFO, "rtmidi", "%s is back",
           rtmidi_api_display_name(rtmidi->api));
}

static void backend_poll(struct rp_backend *backend)
{
    struct rp_rtmidi *rtmidi = (struct rp_rtmidi *)backend;
    uint64_t now = rp_pace_now();

    if (rtmidi->there && atomic_load(&rtmidi->gone)) {
        lose_system(rtmidi);
        rtmidi->looked_at = now;
    }
    if (rtmidi->there && now - rtmidi->looked_at >= LOOK) {
        rtmidi->looked_at = now;
        rp_rtmidi_look(rtmidi);
        rp_patchbay_settle(rtmidi->patchbay, now, true);
    } else if (!rtmidi->there && now - rtmidi->looked_at >= SECOND) {
        rtmidi->looked_at = now;
        find_again(rtmidi);
    }
}

static void backend_describe(struct rp_backend *backend, char *text,
                             size_t size)
{
    struct rp_rtmidi *rtmidi = (struct rp_rtmidi *)backend;

    if (!backend_alive(backend)) {
        snprintf(text, size, "rtmidi: %s is gone",
                 rtmidi_api_display_name(rtmidi->api));
        return;
    }
    snprintf(text, size, "rtmidi:%s %u Hz %u frames",
             rtmidi_api_name(rtmidi->api), backend->rate, backend->period);
    rp_patchbay_describe(rtmidi->patchbay, text, size);
}

/* Those of every system that works, each under its own name. */
static rp_status
backend_ports(void (*each)(void *self, const struct rp_port *port), void *self)
{
    enum RtMidiApi systems[SYSTEMS];
    int count = list_systems(systems), listed = 0;
    char why[300];

    for (int i = 0; i < count; i++) {
        char name[40];

        if (rp_rtmidi_try(systems[i], why, sizeof(why))) {
            snprintf(name, sizeof(name), "rtmidi:%s",
                     rtmidi_api_name(systems[i]));
            rp_rtmidi_each(systems[i], name, each, self);
            listed++;
        }
    }
    if (!listed) {
        rp_log(RP_ERROR, "rtmidi", "RtMidi reaches no MIDI system");
    }
    return listed ? RP_OK : RP_ENONE;
}

const struct rp_backend_ops rp_backend_rtmidi = {
    .name = "rtmidi",
    .covers = true,
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
