#include "tests/fake/fake_rtmidi.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/fake_time.h"
#include "tests/fake/guard.h"

enum { DEVICES = 32, RING = 2340 };

struct fake_rtmidi fake_rtmidi;

/* A device: what RtMidiPtr points to. */
struct device {
    struct RtMidiWrapper wrapper; /* first */
    bool used, input;
    enum RtMidiApi api;
    char name[80];  /* "CLIENT:PORT"; no port yet: "CLIENT" */
    char other[80]; /* connected to it; "": a port of its own */
    bool opened;
    RtMidiCCallback call;
    void *self;
};

static struct device devices[DEVICES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool sounds[3][16][128];

/* ---- for tests ---- */

void fake_rtmidi_boot(enum RtMidiApi api)
{
    bool alsa = api == RTMIDI_API_LINUX_ALSA;

    fake_time_begin();
    fake_time_threads(2);
    fake_time_guard_pace(true);
    memset(&fake_rtmidi, 0, sizeof(fake_rtmidi));
    memset(devices, 0, sizeof(devices));
    memset(sounds, 0, sizeof(sounds));
    fake_rtmidi.works[api] = true;
    fake_rtmidi_come(alsa ? "Midi Through:Port-0 14:0" : "a2j:through", true,
                     true);
    fake_rtmidi_come(alsa ? "Keys:Keys MIDI 1 20:0" : "system:keys", true,
                     true);
    fake_rtmidi_come(alsa ? "Synth:in 130:0" : "synth:in", false, true);
}

void fake_rtmidi_come(const char *name, bool source, bool destination)
{
    int at = 0;

    while (fake_rtmidi.peer[at].used) {
        at++;
    }
    pthread_mutex_lock(&lock);
    fake_rtmidi.peer[at].used = true;
    fake_rtmidi.peer[at].source = source;
    fake_rtmidi.peer[at].destination = destination;
    snprintf(fake_rtmidi.peer[at].name, sizeof(fake_rtmidi.peer[at].name), "%s",
             name);
    pthread_mutex_unlock(&lock);
}

void fake_rtmidi_leave(const char *name)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAKE_RTMIDI_PEERS; i++) {
        fake_rtmidi.peer[i].used &= strcmp(fake_rtmidi.peer[i].name, name) != 0;
    }
    pthread_mutex_unlock(&lock);
}

void fake_rtmidi_arrive(const char *from, const uint8_t *bytes, size_t size)
{
    for (int i = 0; i < DEVICES; i++) {
        struct device one;

        pthread_mutex_lock(&lock);
        one = devices[i];
        pthread_mutex_unlock(&lock);
        if (one.used && one.input && one.opened &&
            !strcmp(one.other, from ? from : "")) {
            guard_enter();
            one.call(0, bytes, size, one.self);
            guard_leave();
        }
    }
}

int fake_rtmidi_connected(const char *name)
{
    int count = 0;

    for (int i = 0; i < DEVICES; i++) {
        count += devices[i].used && devices[i].opened &&
                 !strcmp(devices[i].other, name);
    }
    return count;
}

/* ---- the library: systems ---- */

int rtmidi_get_compiled_api(enum RtMidiApi *apis, unsigned size)
{
    apis[0] = RTMIDI_API_LINUX_ALSA;
    apis[1] = RTMIDI_API_UNIX_JACK;
    apis[2] = RTMIDI_API_RTMIDI_DUMMY;
    return 3;
}

const char *rtmidi_api_name(enum RtMidiApi api)
{
    return api == RTMIDI_API_LINUX_ALSA ? "alsa" : "jack";
}

const char *rtmidi_api_display_name(enum RtMidiApi api)
{
    return api == RTMIDI_API_LINUX_ALSA ? "ALSA" : "Jack";
}

/* ---- the library: devices ---- */

static struct device *of(RtMidiPtr device)
{
    return (struct device *)device;
}

static void complain(struct device *device, const char *text)
{
    fprintf(stderr, "\n%s\n\n", text);
    device->wrapper.ok = false;
}

static RtMidiPtr create(enum RtMidiApi api, const char *name, bool input)
{
    int at = 0;

    pthread_mutex_lock(&lock);
    while (devices[at].used) {
        at++;
    }
    devices[at] = (struct device){
        .used = true, .input = input, .api = api, .wrapper.ok = true};
    devices[at].wrapper.ptr = &devices[at];
    snprintf(devices[at].name, sizeof(devices[at].name), "%s", name);
    fake_rtmidi.open++;
    if (!fake_rtmidi.works[api]) {
        complain(&devices[at], "RtMidi: error creating a client");
        devices[at].wrapper.ptr = NULL;
    }
    pthread_mutex_unlock(&lock);
    return &devices[at].wrapper;
}

RtMidiInPtr rtmidi_in_create(enum RtMidiApi api, const char *name,
                             unsigned limit)
{
    return create(api, name, true);
}

RtMidiOutPtr rtmidi_out_create(enum RtMidiApi api, const char *name)
{
    return create(api, name, false);
}

void rtmidi_in_free(RtMidiInPtr device)
{
    pthread_mutex_lock(&lock);
    of(device)->used = false;
    fake_rtmidi.open--;
    pthread_mutex_unlock(&lock);
}

void rtmidi_out_free(RtMidiOutPtr device)
{
    rtmidi_in_free(device);
}

void rtmidi_in_ignore_types(RtMidiInPtr device, bool sysex, bool time,
                            bool sense)
{
    fake_rtmidi.ignores |= sysex || time || sense;
}

void rtmidi_in_set_callback(RtMidiInPtr device, RtMidiCCallback call,
                            void *self)
{
    pthread_mutex_lock(&lock);
    of(device)->call = call;
    of(device)->self = self;
    pthread_mutex_unlock(&lock);
}

void rtmidi_in_cancel_callback(RtMidiInPtr device)
{
    pthread_mutex_lock(&lock);
    of(device)->call = NULL;
    pthread_mutex_unlock(&lock);
}

/* ---- the library: ports ---- */

/* The name of a port that a device can be connected to; false after the last.
 * Our own ports of the other direction are among them. */
static bool name_of(const struct device *device, unsigned number, char *name,
                    size_t size)
{
    unsigned count = 0;

    for (int i = 0; i < FAKE_RTMIDI_PEERS; i++) {
        bool fits = device->input ? fake_rtmidi.peer[i].source
                                  : fake_rtmidi.peer[i].destination;

        if (fake_rtmidi.peer[i].used && fits && count++ == number) {
            snprintf(name, size, "%s", fake_rtmidi.peer[i].name);
            return true;
        }
    }
    for (int i = 0; i < DEVICES; i++) {
        const struct device *other = &devices[i];

        if (other->used && other->opened && other->input != device->input &&
            count++ == number) {
            snprintf(name, size, "%s%s", other->name,
                     device->api == RTMIDI_API_LINUX_ALSA ? " 131:0" : "");
            return true;
        }
    }
    return false;
}

unsigned rtmidi_get_port_count(RtMidiPtr device)
{
    char name[80];
    unsigned count = 0;

    guard_forbid("rtmidi_get_port_count");
    while (name_of(of(device), count, name, sizeof(name))) {
        count++;
    }
    return count;
}

int rtmidi_get_port_name(RtMidiPtr device, unsigned number, char *name,
                         int *size)
{
    guard_forbid("rtmidi_get_port_name");
    return name_of(of(device), number, name, (size_t)*size) ? (int)strlen(name)
                                                            : -1;
}

static void open_port(struct device *device, const char *port)
{
    size_t used = strlen(device->name);

    if (device->input && !device->call &&
        strcmp(device->name, "riposte-probe") != 0) {
        abort(); /* messages would pile up in RtMidi */
    }
    pthread_mutex_lock(&lock);
    snprintf(device->name + used, sizeof(device->name) - used, ":%s", port);
    device->opened = true;
    pthread_mutex_unlock(&lock);
}

void rtmidi_open_port(RtMidiPtr device, unsigned number, const char *port)
{
    struct device *self = of(device);
    char other[80] = "";

    if (fake_rtmidi.fails || !name_of(self, number, other, sizeof(other))) {
        complain(self, "RtMidi::openPort: it cannot be connected");
        return;
    }
    pthread_mutex_lock(&lock);
    memcpy(self->other, other, sizeof(other));
    pthread_mutex_unlock(&lock);
    open_port(self, port);
}

void rtmidi_open_virtual_port(RtMidiPtr device, const char *port)
{
    open_port(of(device), port);
}

void rtmidi_close_port(RtMidiPtr device)
{
    pthread_mutex_lock(&lock);
    of(device)->opened = false;
    pthread_mutex_unlock(&lock);
}

/* ---- the library: messages ---- */

static void track(int way, const unsigned char *bytes)
{
    bool *sound = &sounds[way][bytes[0] & 15][bytes[1]];
    bool on = bytes[0] >> 4 == 9;

    if ((on || bytes[0] >> 4 == 8) && *sound != on) {
        *sound = on;
        fake_rtmidi.sounding += on ? 1 : -1;
    }
}

static void keep(int way, const unsigned char *bytes, int size)
{
    struct fake_message *sent = &fake_rtmidi.sent[way][fake_rtmidi.sents[way]];

    if (fake_rtmidi.sents[way] == FAKE_RTMIDI_SENT) {
        return;
    }
    sent->at = fake_time_now();
    sent->size = size;
    memcpy(sent->bytes, bytes, (size_t)size);
    if (fake_rtmidi.sents[way] && sent[-1].at > sent->at) {
        fake_rtmidi.disorder++;
    }
    fake_rtmidi.sents[way]++;
    track(way, bytes);
}

int rtmidi_out_send_message(RtMidiOutPtr device, const unsigned char *bytes,
                            int size)
{
    struct device *self = of(device);

    guard_forbid("rtmidi_out_send_message");
    if (!self->opened || size > 3) {
        abort();
    }
    if (atomic_load(&fake_rtmidi.dead)) {
        if (++fake_rtmidi.unheard > RING) {
            abort(); /* it would wait for ever */
        }
    } else if (strstr(self->other, "riposte-in:in")) {
        fake_rtmidi_arrive(NULL, bytes, (size_t)size);
    } else if (self->other[0]) {
        fake_rtmidi.linked++;
    } else {
        keep(strstr(self->name, ":clock")  ? 2
             : strstr(self->name, ":thru") ? 1
                                           : 0,
             bytes, size);
    }
    return 0;
}
