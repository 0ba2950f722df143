/* Sends MIDI messages to a port, one a period with a pause after each, and
 * says how many came back from another one meanwhile: each line on stdin is
 * messages, such as "176,21,64 192,1", or "wait"; each is answered by a line
 * "back N".
 *   jack_send TO BACK */
#include "tests/live/jack_common.h"

static jack_client_t *jack;
static jack_port_t *out, *in;
static _Atomic uint32_t word; /* the message to send, 0: none */
static _Atomic uint32_t back;

static int process(jack_nframes_t frames, void *self)
{
    (void)self;
    void *buffer = jack_port_get_buffer(out, frames);
    uint32_t now = atomic_exchange(&word, 0);
    uint8_t bytes[3] = {(uint8_t)now, (uint8_t)(now >> 8),
                        (uint8_t)(now >> 16)};
    jack_midi_clear_buffer(buffer);
    if (now)
        jack_midi_event_write(buffer, 0, bytes,
                              (bytes[0] & 0xf0) == 0xc0 ? 2 : 3);
    atomic_fetch_add(&back, jack_midi_get_event_count(
                                jack_port_get_buffer(in, frames)));
    return 0;
}

static int send(const char *text)
{
    unsigned byte[3] = {0};
    if (sscanf(text, "%u,%u,%u", &byte[0], &byte[1], &byte[2]) < 2)
        return 0;
    atomic_store(&word, byte[0] | byte[1] << 8 | byte[2] << 16);
    for (int i = 0; i < 1000 && atomic_load(&word); i++)
        usleep(1000);
    return !atomic_load(&word);
}

static int send_line(char *line)
{
    uint32_t before = atomic_load(&back);
    for (char *text = strtok(line, " \n"); text; text = strtok(NULL, " \n")) {
        int wait = !strcmp(text, "wait");
        if (!wait && !send(text))
            return printf("failed: '%s' was not sent\n", text), 0;
        usleep(wait ? 300000 : 20000);
    }
    usleep(50000);
    printf("back %u\n", atomic_load(&back) - before);
    return 1;
}

int main(int count, char **arg)
{
    char line[1024];
    if (count != 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    jack = jack_join("sender", 10);
    if (!jack)
        return printf("failed: no server\n"), 1;
    out = jack_port_register(jack, "out", JACK_DEFAULT_MIDI_TYPE,
                             JackPortIsOutput, 0);
    in = jack_port_register(jack, "in", JACK_DEFAULT_MIDI_TYPE,
                            JackPortIsInput, 0);
    jack_set_process_callback(jack, process, NULL);
    if (!out || !in || jack_activate(jack) ||
        jack_connect(jack, jack_port_name(out), arg[1]) ||
        jack_connect(jack, arg[2], jack_port_name(in)))
        return printf("failed: %s, %s: no such ports\n", arg[1], arg[2]), 1;
    sleep(1); /* a receiver that is there anew is first told to be silent */
    puts("ready");
    while (fgets(line, sizeof line, stdin) && send_line(line)) {
    }
    jack_client_close(jack);
    return 0;
}
