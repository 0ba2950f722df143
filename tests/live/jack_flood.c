/* Floods the input of riposte over JACK: RATE events a second, all on channel
 * 16, for some seconds or until SIGTERM, and checks that every one of them
 * comes out of thru, in order.
 *   jack_flood KIND SECONDS RATE [rtmidi]
 * KIND notes: note-ons and note-offs. KIND mixed: pitch bends, and between them
 * whole SysEx, SysEx in pieces, bytes without a status, messages cut short; how
 * many bytes belong to no message is said: "stray N".
 * rtmidi: the ports are called as RtMidi has them.
 *
 * Two JACK clients, so that the graph has no loop. */
#include <signal.h>

#include "tests/live/jack_common.h"

static jack_client_t *sender, *listener;
static jack_port_t *port_out, *port_in;
static double rate; /* events a frame */
static int notes;
static _Atomic int flooding;
static _Atomic uint32_t sent, stray, back, wrong, behind;
static uint32_t refused; /* the port was full: this test's own fault */

/* What is sent as number `n`; both sides know it. */
static void event_of(uint32_t n, uint8_t bytes[3])
{
    bytes[0] = notes ? (n & 1 ? 0x8f : 0x9f) : 0xef;
    bytes[1] = notes ? (n >> 1) & 127 : n & 127;
    bytes[2] = notes ? (n & 1 ? 64 : 1 + (n >> 8) % 127) : (n >> 7) & 127;
}

static int put(void *buffer, jack_nframes_t at, const uint8_t *bytes,
               size_t size)
{
    refused += jack_midi_event_write(buffer, at, bytes, size) != 0;
    return 1;
}

/* One bend in eight is followed by what is none. */
static int junk(void *buffer, jack_nframes_t at, uint32_t n)
{
    static uint8_t sysex[120];
    static const uint8_t bare[] = {0x3c, 0x40}, cut[] = {0x90},
                         piece[][3] = {{0xf0, 1, 2}, {3, 4, 5}, {6, 7, 0xf7}};
    if (n % 8)
        return 0;
    switch (n / 8 % 4) {
    case 0:
        memset(sysex, 0x11, sizeof sysex);
        sysex[0] = 0xf0;
        sysex[sizeof sysex - 1] = 0xf7;
        return put(buffer, at, sysex, sizeof sysex);
    case 1:
        atomic_fetch_add(&stray, 2);
        return put(buffer, at, bare, sizeof bare);
    case 2:
        atomic_fetch_add(&stray, 1);
        return put(buffer, at, cut, sizeof cut);
    default:
        return put(buffer, at, piece[0], 3) + put(buffer, at, piece[1], 3) +
               put(buffer, at, piece[2], 3);
    }
}

static int send_process(jack_nframes_t frames, void *self)
{
    static double due; /* messages of this period, and what was left over */
    void *buffer = jack_port_get_buffer(port_out, frames);
    uint32_t n = atomic_load(&sent);
    int put_now = 0;
    (void)self;
    jack_midi_clear_buffer(buffer);
    if (!atomic_load(&flooding)) {
        if (notes && n & 1) { /* what sounds on would be silenced later */
            uint8_t bytes[3];
            event_of(n, bytes);
            put(buffer, 0, bytes, 3);
            atomic_store(&sent, n + 1);
        }
        return 0;
    }
    due += rate * frames;
    while (due - put_now >= 1) {
        jack_nframes_t at = (jack_nframes_t)(put_now * frames / due);
        uint8_t bytes[3];
        event_of(n, bytes);
        put_now += put(buffer, at, bytes, 3);
        if (!notes)
            put_now += junk(buffer, at, n);
        n++;
    }
    due -= put_now;
    atomic_store(&sent, n);
    return 0;
}

static int listen_process(jack_nframes_t frames, void *self)
{
    void *buffer = jack_port_get_buffer(port_in, frames);
    uint32_t count = jack_midi_get_event_count(buffer);
    uint32_t n = atomic_load(&back), late;
    (void)self;
    for (uint32_t i = 0; i < count; i++) {
        jack_midi_event_t event;
        uint8_t bytes[3];
        if (jack_midi_event_get(&event, buffer, i) ||
            (event.buffer[0] & 15) != 15 || event.buffer[0] >= 0xf0 ||
            event.buffer[0] == 0xbf)
            continue; /* somebody else plays there; it may be silenced */
        event_of(n, bytes);
        if (event.size != 3 || memcmp(bytes, event.buffer, 3))
            atomic_fetch_add(&wrong, 1);
        n++;
    }
    atomic_store(&back, n);
    late = atomic_load(&sent) - n;
    if (late > atomic_load(&behind) && atomic_load(&flooding))
        atomic_store(&behind, late);
    return 0;
}

static int open_ports(int rtmidi)
{
    const char *to = rtmidi ? "riposte-in:in" : "riposte:in";
    const char *from = rtmidi ? "riposte-thru:thru" : "riposte:thru";
    sender = jack_join("flood", 5);
    listener = jack_join("drain", 5);
    if (!sender || !listener)
        return 0;
    port_out = jack_port_register(sender, "out", JACK_DEFAULT_MIDI_TYPE,
                                  JackPortIsOutput, 0);
    port_in = jack_port_register(listener, "in", JACK_DEFAULT_MIDI_TYPE,
                                 JackPortIsInput, 0);
    jack_set_process_callback(sender, send_process, NULL);
    jack_set_process_callback(listener, listen_process, NULL);
    return port_out && port_in && !jack_activate(sender) &&
           !jack_activate(listener) && wait_port(sender, to, 10) &&
           join_ports(sender, "flood:out", to) &&
           join_ports(sender, from, "drain:in");
}

static void on_term(int number)
{
    (void)number; /* sleep ends */
}

int main(int count, char **arg)
{
    if (count < 4)
        return 2;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL);
    notes = !strcmp(arg[1], "notes");
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    if (!open_ports(count > 4 && !strcmp(arg[4], "rtmidi"))) {
        printf("failed: cannot connect to riposte\n");
        return 1;
    }
    rate = atof(arg[3]) / (double)jack_get_sample_rate(sender);
    printf("flooding\n");
    fflush(stdout);
    atomic_store(&flooding, 1);
    usleep((useconds_t)(atof(arg[2]) * 1e6));
    atomic_store(&flooding, 0);
    for (int i = 0; i < 200 && atomic_load(&back) < atomic_load(&sent); i++)
        usleep(10000);
    usleep(100000);
    jack_client_close(sender);
    jack_client_close(listener);
    printf("%u events sent, %u came back, %u of them wrong, %u at most on "
           "their way; stray %u\n",
           sent, back, wrong, behind, stray);
    if (refused)
        printf("failed: JACK refused %u events of this test\n", refused);
    if (sent != back || wrong)
        printf("failed: flood: %u sent, %u back, %u wrong\n", sent, back,
               wrong);
    return refused || sent != back || wrong || !sent;
}
