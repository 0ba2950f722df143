/* Devices, ports and connections of the RtMidi backend; main's. RtMidi does
 * not tell of what comes and goes: names are looked at again and again, and
 * connections remembered by them. */
#include <rtmidi_c.h>
#include <stdio.h>
#include <string.h>

#include "rt/backend_rtmidi.h"
#include "rt/log.h"
#include "rt/quiet.h"

const char *const rp_rtmidi_port_names[RP_RTMIDI_PORTS] = {"in", "out", "thru"};

/* ---- which ports there are ---- */

/* Our own, and those of others like us. */
static bool is_ours(const char *name, const char *other)
{
    static const char *const kinds[] = {"-in",    "-out",   "-thru", "-link",
                                        "-watch", "-pulse", "-probe"};
    size_t length = strlen(name);

    if (strncmp(other, name, length)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strncmp(other + length, kinds[i], strlen(kinds[i]))) {
            return true;
        }
    }
    return false;
}

/* ALSA's names end in an address, "Keys:Keys MIDI 1 20:0", whose numbers
 * change; the clients below 128 are the kernel's. */
static void read_alsa(struct rp_rtmidi_peer *peer)
{
    char *space = strrchr(peer->name, ' ');
    int client, port, end = 0;

    if (space && sscanf(space, " %d:%d%n", &client, &port, &end) == 2 &&
        !space[end]) {
        *space = '\0';
        peer->hardware =
            client < 128 && strncmp(peer->name, "Midi Through:", 13) != 0;
    }
}

/* RtMidi does not tell what is hardware; the names of its systems do. */
static void read_name(struct rp_rtmidi_peer *peer, int api)
{
    peer->hardware =
        api == RTMIDI_API_MACOSX_CORE || api == RTMIDI_API_WINDOWS_MM;
    if (api == RTMIDI_API_LINUX_ALSA) {
        read_alsa(peer);
    } else if (api == RTMIDI_API_UNIX_JACK) {
        peer->hardware = !strncmp(peer->name, "system:", 7);
    }
}

/* All ports at the other end of a device; those of `except` left out. */
static void look(struct RtMidiWrapper *device, int api, const char *except,
                 struct rp_rtmidi_list *list)
{
    unsigned count = rtmidi_get_port_count(device);

    list->count = 0;
    for (unsigned i = 0; i < count && list->count < RP_RTMIDI_KNOWN; i++) {
        struct rp_rtmidi_peer *peer = &list->peer[list->count];
        int size = sizeof(peer->name);

        if (rtmidi_get_port_name(device, i, peer->name, &size) < 0 ||
            !peer->name[0] || (except && is_ours(except, peer->name))) {
            continue;
        }
        read_name(peer, api);
        peer->number = i;
        list->count++;
    }
}

static const struct rp_rtmidi_peer *find(const struct rp_rtmidi_list *list,
                                         const char *name)
{
    for (int i = 0; i < list->count; i++) {
        if (!strcmp(list->peer[i].name, name)) {
            return &list->peer[i];
        }
    }
    return NULL;
}

rp_status rp_rtmidi_find(const struct rp_rtmidi_list *list, const char *want,
                         bool source, char *name)
{
    const char *names[RP_RTMIDI_KNOWN];
    int at;

    for (int i = 0; i < list->count; i++) {
        names[i] = list->peer[i].name;
    }
    at = rp_backend_match(want, names, list->count);
    if (at < 0) {
        rp_log(RP_ERROR, "rtmidi",
               "no MIDI %s is called '%s' (%d there are; `riposte ports` lists "
               "them)",
               source ? "source" : "destination", want, list->count);
        return RP_ENONE;
    }
    snprintf(name, RP_LINK_NAME, "%s", names[at]);
    return RP_OK;
}

/* ---- devices ---- */

static void free_in(struct RtMidiWrapper *device)
{
    if (device) {
        if (device->ptr) {
            rtmidi_close_port(device);
            rtmidi_in_cancel_callback(device);
        }
        rtmidi_in_free(device);
    }
}

static void free_out(struct RtMidiWrapper *device)
{
    if (device) {
        rtmidi_out_free(device);
    }
}

/* RtMidi's own text is gone by the time its functions return: stderr has it. */
static bool is_good(const struct RtMidiWrapper *device)
{
    return device && device->ptr && device->ok;
}

static struct RtMidiWrapper *create_in(struct rp_rtmidi *rtmidi, int slot,
                                       const char *kind)
{
    struct rp_rtmidi_in *in = &rtmidi->in[slot];
    struct RtMidiWrapper *device;
    char name[64];

    snprintf(name, sizeof(name), "%s-%s", rtmidi->name, kind);
    device = rtmidi_in_create(rtmidi->api, name, 100);
    if (is_good(device)) {
        in->sysex = false;
        rtmidi_in_ignore_types(device, false, false, false);
        rtmidi_in_set_callback(device, rp_rtmidi_hear, in);
    }
    return device;
}

static struct RtMidiWrapper *create_out(struct rp_rtmidi *rtmidi,
                                        const char *kind)
{
    char name[64];

    snprintf(name, sizeof(name), "%s-%s", rtmidi->name, kind);
    return rtmidi_out_create(rtmidi->api, name);
}

/* Our own port of that name, where the system has such. */
static bool open_own(struct RtMidiWrapper *device, enum rp_rtmidi_port port)
{
    if (is_good(device)) {
        rtmidi_open_virtual_port(device, rp_rtmidi_port_names[port]);
    }
    return is_good(device);
}

bool rp_rtmidi_try(int api, char *why, size_t size)
{
    struct RtMidiWrapper *device;
    struct rp_quiet quiet;
    bool good;

    rp_quiet_begin(&quiet);
    device = rtmidi_in_create(api, "riposte-probe", 1);
    good = open_own(device, RP_RTMIDI_IN);
    if (device) {
        rtmidi_in_free(device);
    }
    rp_quiet_end(&quiet, "rtmidi", why, size);
    if (!good && !why[0]) {
        snprintf(why, size, "it does not say why");
    }
    return good;
}

/* ---- our own ports ---- */

/* What leads to our input: its name there is new since `before`. */
static void open_pulse(struct rp_rtmidi *rtmidi,
                       const struct rp_rtmidi_list *before)
{
    static struct rp_rtmidi_list now; /* large */

    rtmidi->pulses = false;
    if (rtmidi->api != RTMIDI_API_UNIX_JACK) {
        return;
    }
    look(rtmidi->watch, rtmidi->api, NULL, &now);
    for (int i = 0; i < now.count; i++) {
        if (find(before, now.peer[i].name) ||
            !is_ours(rtmidi->name, now.peer[i].name)) {
            continue;
        }
        rtmidi->pulse = create_out(rtmidi, "pulse");
        if (is_good(rtmidi->pulse)) {
            rtmidi_open_port(rtmidi->pulse, now.peer[i].number, "out");
        }
        rtmidi->pulses = is_good(rtmidi->pulse);
        return;
    }
}

static bool open_devices(struct rp_rtmidi *rtmidi)
{
    static struct rp_rtmidi_list before; /* large */

    rtmidi->watch = create_out(rtmidi, "watch");
    if (!is_good(rtmidi->watch)) {
        return false;
    }
    look(rtmidi->watch, rtmidi->api, NULL, &before);
    rtmidi->in[0].device = create_in(rtmidi, 0, "in");
    if (!open_own(rtmidi->in[0].device, RP_RTMIDI_IN)) {
        return false;
    }
    open_pulse(rtmidi, &before);
    for (int w = 0; w < RP_WAYS; w++) {
        enum rp_rtmidi_port port =
            w == RP_WAY_OUT ? RP_RTMIDI_OUT : RP_RTMIDI_THRU;

        rtmidi->out[w].way = w;
        rtmidi->out[w].device = create_out(rtmidi, rp_rtmidi_port_names[port]);
        if (!open_own(rtmidi->out[w].device, port)) {
            return false;
        }
    }
    return true;
}

void rp_rtmidi_close_system(struct rp_rtmidi *rtmidi)
{
    struct rp_quiet quiet;

    rp_quiet_begin(&quiet);
    for (int i = 0; i < RP_RTMIDI_INS; i++) {
        free_in(rtmidi->in[i].device);
        rtmidi->in[i].device = NULL;
    }
    for (int i = 0; i < RP_RTMIDI_OUTS; i++) {
        free_out(rtmidi->out[i].device);
        rtmidi->out[i].device = NULL;
    }
    free_out(rtmidi->pulse);
    free_out(rtmidi->watch);
    rtmidi->pulse = rtmidi->watch = NULL;
    rtmidi->there = false;
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
}

static void look_at_all(struct rp_rtmidi *rtmidi,
                        struct rp_rtmidi_list *sources,
                        struct rp_rtmidi_list *destinations)
{
    struct rp_quiet quiet;

    rp_quiet_begin(&quiet);
    look(rtmidi->in[0].device, rtmidi->api, rtmidi->name, sources);
    look(rtmidi->watch, rtmidi->api, rtmidi->name, destinations);
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
}

void rp_rtmidi_look(struct rp_rtmidi *rtmidi)
{
    look_at_all(rtmidi, &rtmidi->sources, &rtmidi->destinations);
}

rp_status rp_rtmidi_open_system(struct rp_rtmidi *rtmidi, char *why,
                                size_t size)
{
    struct rp_quiet quiet;

    rp_quiet_begin(&quiet);
    rtmidi->there = open_devices(rtmidi);
    rp_quiet_end(&quiet, "rtmidi", why, size);
    if (!rtmidi->there) {
        rp_rtmidi_close_system(rtmidi);
        return RP_ENONE;
    }
    atomic_store(&rtmidi->gone, false);
    return RP_OK;
}

/* ---- connections ---- */

static bool connect_in(struct rp_rtmidi *rtmidi, const char *name)
{
    const struct rp_rtmidi_peer *peer = find(&rtmidi->sources, name);
    struct RtMidiWrapper *device;
    int slot = 1;

    while (slot < RP_RTMIDI_INS && rtmidi->in[slot].device) {
        slot++;
    }
    if (!peer || slot == RP_RTMIDI_INS) {
        return false;
    }
    device = create_in(rtmidi, slot, "link");
    if (is_good(device)) {
        rtmidi_open_port(device, peer->number, "in");
    }
    if (!is_good(device)) {
        free_in(device);
        return false;
    }
    rtmidi->in[slot].device = device;
    snprintf(rtmidi->in[slot].name, RP_LINK_NAME, "%s", name);
    return true;
}

static bool connect_out(struct rp_rtmidi *rtmidi, enum rp_rtmidi_port port,
                        const char *name)
{
    const struct rp_rtmidi_peer *peer = find(&rtmidi->destinations, name);
    struct RtMidiWrapper *device;
    int slot = RP_WAYS;

    while (slot < RP_RTMIDI_OUTS && rtmidi->out[slot].device) {
        slot++;
    }
    if (!peer || slot == RP_RTMIDI_OUTS) {
        return false;
    }
    device = create_out(rtmidi, "link");
    if (is_good(device)) {
        rtmidi_open_port(device, peer->number, rp_rtmidi_port_names[port]);
    }
    if (!is_good(device)) {
        free_out(device);
        return false;
    }
    snprintf(rtmidi->out[slot].name, RP_LINK_NAME, "%s", name);
    pthread_mutex_lock(&rtmidi->lock);
    rtmidi->out[slot].way = port == RP_RTMIDI_OUT ? RP_WAY_OUT : RP_WAY_THRU;
    rtmidi->out[slot].device = device;
    pthread_mutex_unlock(&rtmidi->lock);
    return true;
}

static bool connect_link(struct rp_rtmidi *rtmidi, const struct rp_link *link)
{
    struct rp_quiet quiet;
    bool good;

    rp_quiet_begin(&quiet);
    good = link->port == RP_RTMIDI_IN
               ? connect_in(rtmidi, link->other)
               : connect_out(rtmidi, link->port, link->other);
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
    return good;
}

void rp_rtmidi_connect_first(struct rp_rtmidi *rtmidi)
{
    struct rp_links *links = &rtmidi->links;

    if (rtmidi->in_name[0]) {
        rp_links_add(links, RP_RTMIDI_IN, rtmidi->in_name);
    }
    for (int i = 0; i < rtmidi->sources.count && !rtmidi->in_name[0]; i++) {
        const struct rp_rtmidi_peer *peer = &rtmidi->sources.peer[i];

        if (peer->hardware) {
            rp_links_add(links, RP_RTMIDI_IN, peer->name);
        }
    }
    if (rtmidi->out_name[0]) {
        rp_links_add(links, RP_RTMIDI_OUT, rtmidi->out_name);
        rp_links_add(links, RP_RTMIDI_THRU, rtmidi->out_name);
    }
    for (int i = 0; i < links->count; i++) {
        struct rp_link *link = &links->link[i];

        if (!connect_link(rtmidi, link)) {
            link->restore = true;
            rp_log(RP_WARN, "rtmidi", "%s:%s cannot be connected to %s",
                   rtmidi->name, rp_rtmidi_port_names[link->port],
                   link->other);
        }
    }
}

void rp_rtmidi_restore(struct rp_rtmidi *rtmidi, bool late)
{
    for (int i = 0; i < rtmidi->links.count; i++) {
        struct rp_link *link = &rtmidi->links.link[i];

        if (link->restore && connect_link(rtmidi, link)) {
            link->restore = false;
            link->missed_at = 0;
            rp_log(RP_INFO, "rtmidi", "%s:%s and %s are connected again",
                   rtmidi->name, rp_rtmidi_port_names[link->port],
                   link->other);
            if (late && link->port != RP_RTMIDI_IN) {
                atomic_fetch_add(&rtmidi->base.cycle->release, 1);
            }
        }
    }
}

/* ---- what comes and goes ---- */

static void tell(struct rp_rtmidi *rtmidi, const char *name, bool source,
                 bool there)
{
    struct rp_backend *base = &rtmidi->base;
    struct rp_port port = {.backend = "rtmidi", .name = name, .input = source};

    if (base->on_port) {
        base->on_port(base->on_port_self, &port, there);
    }
}

static void close_in(struct rp_rtmidi *rtmidi, const char *name)
{
    for (int i = 1; i < RP_RTMIDI_INS; i++) {
        struct rp_rtmidi_in *in = &rtmidi->in[i];

        if (in->device && !strcmp(in->name, name)) {
            free_in(in->device);
            in->device = NULL;
            atomic_store(&rtmidi->pulled, true);
        }
    }
}

static void close_out(struct rp_rtmidi *rtmidi, const char *name)
{
    for (int i = RP_WAYS; i < RP_RTMIDI_OUTS; i++) {
        struct rp_rtmidi_out *out = &rtmidi->out[i];
        struct RtMidiWrapper *device = out->device;

        if (device && !strcmp(out->name, name)) {
            pthread_mutex_lock(&rtmidi->lock);
            out->device = NULL;
            pthread_mutex_unlock(&rtmidi->lock);
            free_out(device);
        }
    }
}

/* What was connected to it is to be connected again when it is back. */
static void leave(struct rp_rtmidi *rtmidi, const char *name, bool source)
{
    bool connected = false;

    for (int i = 0; i < rtmidi->links.count; i++) {
        struct rp_link *link = &rtmidi->links.link[i];

        if (!strcmp(link->other, name) &&
            (link->port == RP_RTMIDI_IN) == source) {
            connected |= !link->restore;
            link->restore = true;
        }
    }
    if (connected) {
        struct rp_quiet quiet;

        rp_quiet_begin(&quiet);
        (source ? close_in : close_out)(rtmidi, name);
        rp_quiet_end(&quiet, "rtmidi", NULL, 0);
    }
    rp_log(connected ? RP_WARN : RP_INFO, "rtmidi", "%s is gone%s", name,
           connected ? "; it is connected again when it comes back" : "");
    tell(rtmidi, name, source, false);
}

static void compare(struct rp_rtmidi *rtmidi, struct rp_rtmidi_list *was,
                    const struct rp_rtmidi_list *now, bool source)
{
    for (int i = 0; i < was->count; i++) {
        if (!find(now, was->peer[i].name)) {
            leave(rtmidi, was->peer[i].name, source);
        }
    }
    for (int i = 0; i < now->count; i++) {
        if (!find(was, now->peer[i].name)) {
            rp_log(RP_INFO, "rtmidi", "%s is there", now->peer[i].name);
            tell(rtmidi, now->peer[i].name, source, true);
        }
    }
    *was = *now;
}

void rp_rtmidi_watch(struct rp_rtmidi *rtmidi)
{
    static struct rp_rtmidi_list sources, destinations; /* large */

    look_at_all(rtmidi, &sources, &destinations);
    compare(rtmidi, &rtmidi->sources, &sources, true);
    compare(rtmidi, &rtmidi->destinations, &destinations, false);
    rp_rtmidi_restore(rtmidi, true);
}

void rp_rtmidi_each(int api, const char *backend,
                    void (*each)(void *self, const struct rp_port *port),
                    void *self)
{
    static struct rp_rtmidi_list list; /* large */
    struct RtMidiWrapper *device[2];   /* outputs, inputs */
    struct rp_quiet quiet;

    rp_quiet_begin(&quiet);
    device[0] = rtmidi_out_create(api, "riposte-probe");
    device[1] = rtmidi_in_create(api, "riposte-probe", 1);
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
    for (int input = 1; input >= 0; input--) {
        list.count = 0;
        if (is_good(device[input])) {
            rp_quiet_begin(&quiet);
            look(device[input], api, NULL, &list);
            rp_quiet_end(&quiet, "rtmidi", NULL, 0);
        }
        for (int i = 0; i < list.count; i++) {
            struct rp_port port = {.backend = backend,
                                   .name = list.peer[i].name,
                                   .input = input};

            each(self, &port);
        }
    }
    rp_quiet_begin(&quiet);
    free_out(device[0]);
    if (device[1]) {
        rtmidi_in_free(device[1]);
    }
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
}
