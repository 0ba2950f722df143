/* What the JACK programs of the live tests share: recorded events and how
 * frames compare with the musical grid. Nothing of riposte is linked in. */
#ifndef JACK_COMMON_H
#define JACK_COMMON_H

#include <errno.h>
#include <jack/jack.h>
#include <jack/midiport.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRACE_ROOM = 1 << 18, JUMP_ROOM = 1 << 16 };

struct traced {
    jack_nframes_t frame;
    uint8_t size, data[3];
};

/* Written by one process callback, read by main up to `count`. */
struct trace {
    _Atomic uint32_t count;
    uint32_t lost; /* larger than three bytes, or no room */
    struct traced event[TRACE_ROOM];
};

static inline void trace_add(struct trace *trace, jack_nframes_t frame,
                             const uint8_t *data, size_t size)
{
    uint32_t n = atomic_load_explicit(&trace->count, memory_order_relaxed);
    if (n == TRACE_ROOM || size > 3 || size == 0) {
        trace->lost++;
        return;
    }
    struct traced *e = &trace->event[n];
    e->frame = frame;
    e->size = (uint8_t)size;
    memset(e->data, 0, 3);
    memcpy(e->data, data, size);
    atomic_store_explicit(&trace->count, n + 1, memory_order_release);
}

/* Frames that the server left out: it was late and its time jumped. What was
 * due then sounds at `to`, where the next period begins. */
struct jump {
    jack_nframes_t from, to;
};

/* Written by one process callback, read by main up to `count`. */
struct jumps {
    int begun;
    jack_nframes_t next;
    _Atomic uint32_t count;
    struct jump jump[JUMP_ROOM];
};

/* The frame at which a period begins. The server is in synchronous mode (-S):
 * it does not go on while a program is in its callback, so that JACK's time is
 * the same for all in a period, however late they are. */
static inline jack_nframes_t period_frame(struct jumps *jumps,
                                         jack_nframes_t time,
                                         jack_nframes_t frames)
{
    uint32_t n = atomic_load_explicit(&jumps->count, memory_order_relaxed);
    if (jumps->begun && time != jumps->next && n < JUMP_ROOM) {
        jumps->jump[n] = (struct jump){jumps->next, time};
        atomic_store_explicit(&jumps->count, n + 1, memory_order_release);
    }
    jumps->begun = 1;
    jumps->next = time + frames;
    return time;
}

/* What is on channel `except` (-1: none) is left out. */
static inline void trace_port(struct trace *trace, jack_port_t *port,
                              jack_nframes_t start, jack_nframes_t frames,
                              int except)
{
    void *buffer = jack_port_get_buffer(port, frames);
    uint32_t count = jack_midi_get_event_count(buffer);
    for (uint32_t i = 0; i < count; i++) {
        jack_midi_event_t event;
        if (!jack_midi_event_get(&event, buffer, i) &&
            (event.buffer[0] & 15) != except)
            trace_add(trace, start + event.time, event.buffer, event.size);
    }
}

static inline int is_on(const struct traced *e)
{
    return e->data[0] >> 4 == 9 && e->data[2];
}

static inline int is_off(const struct traced *e)
{
    return e->data[0] >> 4 == 8 || (e->data[0] >> 4 == 9 && !e->data[2]);
}

/* What sounds after `count` events: by channel and pitch how many note-ons
 * are open; a note-off ends all of its pitch, as synths do. */
struct sounding {
    uint8_t on[16][128], pedal[16];
};

static inline void sounding_hear(struct sounding *s, const struct traced *e)
{
    int channel = e->data[0] & 15;
    if (is_on(e))
        s->on[channel][e->data[1] & 127] = 1;
    else if (is_off(e))
        s->on[channel][e->data[1] & 127] = 0;
    else if (e->data[0] >> 4 == 0xb && e->data[1] == 64)
        s->pedal[channel] = e->data[2] >= 64;
}

static inline int sounding_count(const struct sounding *s)
{
    int n = 0;
    for (int c = 0; c < 16; c++) {
        n += s->pedal[c];
        for (int p = 0; p < 128; p++)
            n += s->on[c][p];
    }
    return n;
}

/* Every channel has had its pedal lifted and its notes and sounds ended. False
 * also when something else came. */
static inline int silenced(struct trace *trace)
{
    static const uint8_t ends[] = {64, 120, 123};
    uint32_t count = atomic_load(&trace->count), seen[16] = {0}, all = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *data = trace->event[i].data;
        uint8_t *end = memchr(ends, data[1], sizeof ends);
        if (data[0] >> 4 != 0xb || !end || data[2])
            return 0;
        seen[data[0] & 15] |= 1u << (end - ends);
    }
    for (int c = 0; c < 16; c++)
        all += seen[c] == 7;
    return all == 16;
}

/* A JACK client; waits up to `seconds` for a server. */
static inline jack_client_t *jack_join(const char *name, double seconds)
{
    jack_status_t status;
    for (;;) {
        jack_client_t *jack = jack_client_open(
            name, JackNoStartServer | JackUseExactName, &status);
        if (jack || seconds <= 0)
            return jack;
        usleep(20000);
        seconds -= 0.02;
    }
}

static inline int wait_port(jack_client_t *jack, const char *port,
                            double seconds)
{
    while (!jack_port_by_name(jack, port)) {
        if (seconds <= 0) {
            fprintf(stderr, "no port %s\n", port);
            return 0;
        }
        usleep(20000);
        seconds -= 0.02;
    }
    return 1;
}

/* Connects; a program whose ports are there may take a moment to run. */
static inline int join_ports(jack_client_t *jack, const char *from,
                             const char *to)
{
    for (int tries = 0; tries < 200; tries++, usleep(20000)) {
        int error = jack_connect(jack, from, to);
        if (!error || error == EEXIST)
            return 1;
    }
    fprintf(stderr, "cannot connect %s to %s\n", from, to);
    return 0;
}

static inline void quiet(const char *text)
{
    (void)text;
}

#endif
