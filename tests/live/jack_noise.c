/* Writes garbage into riposte:in for some seconds: random bytes in events of
 * random size, cut messages, data without a status, floods. Ends with every
 * note off and pedal up, so that a call can follow.
 *   jack_noise SECONDS SEED */
#include "tests/live/jack_common.h"

static jack_client_t *jack;
static jack_port_t *port;
static uint32_t state;
static _Atomic int phase; /* 0 garbage, 1..16 clean up channel, 17 quiet */
static _Atomic uint32_t events;

static uint32_t dice(uint32_t sides)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % sides;
}

static void garbage(void *buffer, jack_nframes_t frames)
{
    uint32_t count = dice(8) ? dice(4) : 200;
    jack_nframes_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[64];
        size_t size = dice(20) ? 1 + dice(4) : 1 + dice(64);
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)(dice(3) ? dice(256) : 0x80 | dice(128));
        at += dice(frames) / (count + 1);
        if (!jack_midi_event_write(buffer, at, bytes, size))
            atomic_fetch_add(&events, 1);
    }
}

static void clean_up(void *buffer, uint8_t channel)
{
    const uint8_t end[] = {0xf7}; /* of a SysEx that garbage began */
    jack_midi_event_write(buffer, 0, end, 1);
    for (uint8_t pitch = 0; pitch < 128; pitch++) {
        const uint8_t off[] = {(uint8_t)(0x80 | channel), pitch, 0};
        jack_midi_event_write(buffer, 0, off, 3);
    }
    const uint8_t pedal[] = {(uint8_t)(0xb0 | channel), 64, 0};
    jack_midi_event_write(buffer, 0, pedal, 3);
}

static int process(jack_nframes_t frames, void *self)
{
    (void)self;
    void *buffer = jack_port_get_buffer(port, frames);
    int now = atomic_load(&phase);
    jack_midi_clear_buffer(buffer);
    if (now == 0)
        garbage(buffer, frames);
    else if (now <= 16) {
        clean_up(buffer, (uint8_t)(now - 1));
        atomic_store(&phase, now + 1);
    }
    return 0;
}

int main(int count, char **arg)
{
    if (count != 3)
        return 2;
    state = (uint32_t)atoi(arg[2]) * 2654435761u + 1;
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    jack = jack_join("noise", 5);
    if (!jack)
        return 1;
    port = jack_port_register(jack, "out", JACK_DEFAULT_MIDI_TYPE,
                              JackPortIsOutput, 0);
    jack_set_process_callback(jack, process, NULL);
    if (!port || !wait_port(jack, "riposte:in", 10) || jack_activate(jack) ||
        !join_ports(jack, "noise:out", "riposte:in"))
        return 1;
    usleep((useconds_t)(atof(arg[1]) * 1e6));
    atomic_store(&phase, 1);
    for (int i = 0; i < 1000 && atomic_load(&phase) < 17; i++)
        usleep(10000);
    usleep(100000);
    printf("%u garbage events sent\n", atomic_load(&events));
    jack_client_close(jack);
    return atomic_load(&phase) != 17;
}
