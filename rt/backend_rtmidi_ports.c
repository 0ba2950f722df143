/* Devices, ports and connections of the RtMidi backend; main's. RtMidi does
 * not tell of what comes and goes: names are looked at again and again, and
 * connections remembered by them. */
#include <rtmidi_c.h>
#include <stdio.h>
#include <string.h>

#include "rt/backend_rtmidi.h"
#include "rt/quiet.h"

const char *const rp_rtmidi_port_names[RP_RTMIDI_PORTS] = {"in", "out", "thru",
                                                           "clock"};

/* ---- which ports there are ---- */

/* Our own, and those of others like us. */
static bool is_ours(const char *name, const char *other)
{
    static const char *const kinds[] = {"-in",   "-out",   "-thru",  "-clock",
                                        "-link", "-watch", "-pulse", "-probe"};
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

/* ALSA's names end in an address, "Keys:Keys MIDI 1 20:0"; the clients below
 * 128 are the kernel's. */
static void read_alsa(struct rp_peer *peer)
{
    char *space = strrchr(peer->name, ' ');
    unsigned client, port;
    int end = 0;

    if (space && sscanf(space, " %u:%u%n", &client, &port, &end) == 2 &&
        !space[end]) {
        *space = '\0';
        peer->number = client << 8 | port;
        peer->hardware =
            client < 128 && strncmp(peer->name, "Midi Through:", 13) != 0;
    }
}

/* What RtMidi does not tell, the names of its systems do. False when there is
 * no such port. */
static bool read_peer(struct RtMidiWrapper *device, int api, unsigned at,
                      struct rp_peer *peer)
{
    int size = sizeof(peer->name);

    memset(peer, 0, sizeof(*peer));
    if (rtmidi_get_port_name(device, at, peer->name, &size) < 0 ||
        !peer->name[0]) {
        return false;
    }
    peer->hardware =
        api == RTMIDI_API_MACOSX_CORE || api == RTMIDI_API_WINDOWS_MM;
    if (api == RTMIDI_API_LINUX_ALSA) {
        read_alsa(peer);
    } else if (api == RTMIDI_API_UNIX_JACK) {
        peer->hardware = !strncmp(peer->name, "system:", 7);
    }
    return true;
}

static bool is_same(const struct rp_peer *a, const struct rp_peer *b)
{
    return a->number == b->number && !strcmp(a->name, b->name);
}

/* Adds all at the other end of a device, sources or destinations; those of
 * `except` and others like us left out. What is both is one. */
static void list_peers(struct RtMidiWrapper *device, int api,
                       const char *except, bool source, struct rp_peers *list)
{
    unsigned count = rtmidi_get_port_count(device);

    for (unsigned i = 0; i < count && list->count < RP_PEERS; i++) {
        struct rp_peer *peer = &list->peer[list->count];
        int at = 0;

        if (!read_peer(device, api, i, peer) ||
            (except && is_ours(except, peer->name))) {
            continue;
        }
        while (!is_same(&list->peer[at], peer)) {
            at++;
        }
        list->count += at == list->count;
        list->peer[at].source |= source;
        list->peer[at].destination |= !source;
    }
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

static bool has_peer(const struct rp_peers *list, const char *name)
{
    for (int i = 0; i < list->count; i++) {
        if (!strcmp(list->peer[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* What leads to our input: its name there is new since `before`. */
static void open_pulse(struct rp_rtmidi *rtmidi, const struct rp_peers *before)
{
    unsigned count = rtmidi_get_port_count(rtmidi->watch);
    struct rp_peer peer;

    rtmidi->pulses = false;
    for (unsigned i = 0; i < count; i++) {
        if (!read_peer(rtmidi->watch, rtmidi->api, i, &peer) ||
            !is_ours(rtmidi->name, peer.name) || has_peer(before, peer.name)) {
            continue;
        }
        rtmidi->pulse = create_out(rtmidi, "pulse");
        if (is_good(rtmidi->pulse)) {
            rtmidi_open_port(rtmidi->pulse, i, "out");
        }
        rtmidi->pulses = is_good(rtmidi->pulse);
        return;
    }
}

static bool open_devices(struct rp_rtmidi *rtmidi)
{
    static struct rp_peers before; /* large */

    rtmidi->watch = create_out(rtmidi, "watch");
    if (!is_good(rtmidi->watch)) {
        return false;
    }
    before.count = 0;
    list_peers(rtmidi->watch, rtmidi->api, NULL, false, &before);
    rtmidi->in[0].device = create_in(rtmidi, 0, "in");
    if (!open_own(rtmidi->in[0].device, RP_RTMIDI_IN)) {
        return false;
    }
    if (rtmidi->api == RTMIDI_API_UNIX_JACK) {
        open_pulse(rtmidi, &before);
    }
    for (int w = 0; w < RP_RTMIDI_OWN; w++) {
        enum rp_rtmidi_port port = RP_RTMIDI_OUT + w;

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

/* Opens a device's port to a peer; the number it has may have changed. */
static bool open_link(struct RtMidiWrapper *device, int api,
                      enum rp_rtmidi_port port, const struct rp_peer *peer)
{
    unsigned count = is_good(device) ? rtmidi_get_port_count(device) : 0;
    struct rp_peer one;

    for (unsigned i = 0; i < count; i++) {
        if (read_peer(device, api, i, &one) && is_same(&one, peer)) {
            rtmidi_open_port(device, i, rp_rtmidi_port_names[port]);
            return is_good(device);
        }
    }
    return false;
}

static bool connect_in(struct rp_rtmidi *rtmidi, const struct rp_peer *peer)
{
    struct rp_rtmidi_in *in = &rtmidi->in[1];
    struct RtMidiWrapper *device;

    while (in < &rtmidi->in[RP_RTMIDI_INS] && in->device) {
        if (is_same(&in->peer, peer)) {
            return true;
        }
        in++;
    }
    if (in == &rtmidi->in[RP_RTMIDI_INS]) {
        return false;
    }
    device = create_in(rtmidi, (int)(in - rtmidi->in), "link");
    if (!open_link(device, rtmidi->api, RP_RTMIDI_IN, peer)) {
        free_in(device);
        return false;
    }
    in->device = device;
    in->peer = *peer;
    return true;
}

static bool connect_out(struct rp_rtmidi *rtmidi, enum rp_rtmidi_port port,
                        const struct rp_peer *peer)
{
    struct rp_rtmidi_out *out = &rtmidi->out[RP_RTMIDI_OWN];
    struct RtMidiWrapper *device;
    enum rp_way way = port - RP_RTMIDI_OUT;

    while (out < &rtmidi->out[RP_RTMIDI_OUTS] && out->device) {
        if (out->way == way && is_same(&out->peer, peer)) {
            return true;
        }
        out++;
    }
    if (out == &rtmidi->out[RP_RTMIDI_OUTS]) {
        return false;
    }
    device = create_out(rtmidi, "link");
    if (!open_link(device, rtmidi->api, port, peer)) {
        free_out(device);
        return false;
    }
    out->peer = *peer;
    pthread_mutex_lock(&rtmidi->lock);
    out->way = way;
    out->device = device;
    pthread_mutex_unlock(&rtmidi->lock);
    return true;
}

static bool connect_ports(void *self, int port, const struct rp_peer *peer)
{
    struct rp_rtmidi *rtmidi = self;
    struct rp_quiet quiet;
    bool good;

    rp_quiet_begin(&quiet);
    good = port == RP_RTMIDI_IN ? connect_in(rtmidi, peer)
                                : connect_out(rtmidi, port, peer);
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
    return good;
}

rp_status rp_rtmidi_patch(struct rp_rtmidi *rtmidi,
                          const struct rp_backend_options *options)
{
    const struct rp_patchbay_system system = {.tag = "rtmidi",
                                              .name = rtmidi->name,
                                              .ports = rp_rtmidi_port_names,
                                              .count = RP_RTMIDI_PORTS,
                                              .self = rtmidi,
                                              .connect = connect_ports};

    return rp_patchbay_create(&rtmidi->patchbay, &rtmidi->base, &system,
                              options);
}

/* ---- what comes and goes ---- */

static bool is_there(const struct rp_rtmidi *rtmidi, bool source,
                     const struct rp_peer *peer)
{
    return rp_peers_at(rp_patchbay_peers(rtmidi->patchbay), source,
                       peer->number, peer->name) != NULL;
}

/* Ends what leads to somebody who has gone. */
static void close_links(struct rp_rtmidi *rtmidi)
{
    for (int i = 1; i < RP_RTMIDI_INS; i++) {
        struct rp_rtmidi_in *in = &rtmidi->in[i];

        if (in->device && !is_there(rtmidi, true, &in->peer)) {
            free_in(in->device);
            in->device = NULL;
            atomic_store(&rtmidi->pulled, true);
        }
    }
    for (int i = RP_RTMIDI_OWN; i < RP_RTMIDI_OUTS; i++) {
        struct rp_rtmidi_out *out = &rtmidi->out[i];
        struct RtMidiWrapper *device = out->device;

        if (device && !is_there(rtmidi, false, &out->peer)) {
            pthread_mutex_lock(&rtmidi->lock);
            out->device = NULL;
            pthread_mutex_unlock(&rtmidi->lock);
            free_out(device);
        }
    }
}

void rp_rtmidi_look(struct rp_rtmidi *rtmidi)
{
    static struct rp_peers list; /* large */
    struct rp_quiet quiet;

    rp_quiet_begin(&quiet);
    list.count = 0;
    list_peers(rtmidi->in[0].device, rtmidi->api, rtmidi->name, true, &list);
    list_peers(rtmidi->watch, rtmidi->api, rtmidi->name, false, &list);
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
    rp_patchbay_begin(rtmidi->patchbay);
    for (int i = 0; i < list.count; i++) {
        rp_patchbay_peer(rtmidi->patchbay, &list.peer[i], NULL);
    }
    rp_patchbay_end(rtmidi->patchbay);
    rp_quiet_begin(&quiet);
    close_links(rtmidi);
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
}

void rp_rtmidi_each(int api, const char *backend,
                    void (*each)(void *self, const struct rp_port *port),
                    void *self)
{
    static struct rp_peers list;     /* large */
    struct RtMidiWrapper *device[2]; /* outputs, inputs */
    struct rp_quiet quiet;

    rp_quiet_begin(&quiet);
    device[0] = rtmidi_out_create(api, "riposte-probe");
    device[1] = rtmidi_in_create(api, "riposte-probe", 1);
    rp_quiet_end(&quiet, "rtmidi", NULL, 0);
    for (int input = 1; input >= 0; input--) {
        list.count = 0;
        if (is_good(device[input])) {
            rp_quiet_begin(&quiet);
            list_peers(device[input], api, "riposte", input, &list);
            rp_quiet_end(&quiet, "rtmidi", NULL, 0);
        }
        for (int i = 0; i < list.count; i++) {
            struct rp_port port = {
                .backend = backend, .name = list.peer[i].name, .input = input};

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
