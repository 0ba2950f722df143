/* A JACK library and server within the test: the server runs a period when
 * told to, under the guard, and can refuse, vanish, come back, lose periods
 * and fill up. Functions that may block abort under the guard. */
#ifndef FAKE_JACK_H
#define FAKE_JACK_H

#include <stdbool.h>
#include <stdint.h>

#include <jack/transport.h>

enum { FAKE_EVENTS = 4096, FAKE_BYTES = 64 };

struct fake_event {
    uint32_t time;
    uint32_t size;
    uint8_t bytes[FAKE_BYTES];
};

struct fake_port {
    bool used;
    bool input; /* of its owner */
    bool ours;  /* the backend's */
    bool physical;
    char name[64];
    char alias[64]; /* "": none */
    jack_latency_range_t latency[2]; /* capture, playback */
    uint32_t lost; /* events that had no room, said for every period */
    uint32_t events;
    struct fake_event event[FAKE_EVENTS];
};

enum { FAKE_PORTS = 16, FAKE_CONNECTIONS = 32 };

extern struct fake_jack {
    bool running;          /* a server answers */
    int refuse;            /* jack_status_t of the next open; 0: none */
    bool refuse_ports;     /* jack_port_register fails */
    uint32_t rate, period; /* as the server has them */
    uint32_t time;         /* frame time of the next period */
    uint32_t room;         /* events a port's buffer takes */
    bool open, active;
    bool rolling;             /* the transport: moves with each period */
    jack_position_t position; /* and who says bars and beats fills it */
    int opens, properties; /* counted */
    uint32_t disorder;     /* events written out of order or range */
    uint32_t sounding;     /* pitches that sound behind thru and out */
    struct fake_port port[FAKE_PORTS];
    struct {
        int from, to; /* ports; from < 0: free */
    } connection[FAKE_CONNECTIONS];
} fake_jack;

/* A server with a keyboard "kbd:out" and two synths "synth:in", "other:in". */
void fake_jack_boot(uint32_t rate, uint32_t period);
/* The server dies: shutdown is announced, its ports are gone. */
void fake_jack_die(void);
struct fake_port *fake_jack_port(const char *name);
struct fake_port *fake_jack_add(const char *name, bool input, bool physical);
/* Its owner, or the cable, is gone; what was connected to it no longer is. */
void fake_jack_remove(const char *name);
bool fake_jack_connected(const char *from, const char *to);
void fake_jack_connect(const char *from, const char *to, bool connect);
/* One period with what lies in the port "riposte:in" (emptied afterwards); what
 * is sent lies in "riposte:out" and "riposte:thru". */
void fake_jack_period(void);
void fake_jack_arrive(uint32_t time, const uint8_t *bytes, uint32_t size);
/* The server's own thread runs a period every millisecond, or stops. */
void fake_jack_pump(bool run);
/* Latencies have changed: the backend is told. */
void fake_jack_latency(void);
/* Periods are lost: time goes on by `frames`. */
void fake_jack_xrun(uint32_t frames);
void fake_jack_resize(uint32_t rate, uint32_t period);

#endif
