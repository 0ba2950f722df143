/* A keyboard or a synth whose cable can be pulled (kill -9), beside riposte.
 *
 *   jack_gear keys NAME PITCH COUNT   as hardware: COUNT keys from PITCH on go
 *                                     down, 0.15 s apart, and stay down; that
 *                                     as soon as somebody is connected
 *   jack_gear synth NAME              NAME:in; "echo" after it: sends back on
 *                                     NAME:out what it receives
 *
 * Says "played" when all keys are down, "silenced" when 48 messages of silence
 * came before any note; on SIGTERM "sounding N of M notes" and ends. */
#include <signal.h>

#include "tests/live/jack_common.h"

static jack_client_t *jack;
static jack_port_t *in, *out;
static struct trace heard;
static int pitch, count;
static int pressed;
static _Atomic int due; /* keys that are to be down */
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    ended = number;
}

static void press(void *buffer)
{
    while (pressed < atomic_load(&due)) {
        uint8_t key[3] = {0x90, (uint8_t)(pitch + 2 * pressed), 80};

        if (jack_midi_event_write(buffer, 0, key, 3))
            return;
        pressed++;
    }
}

static int process(jack_nframes_t frames, void *self)
{
    void *buffer = out ? jack_port_get_buffer(out, frames) : NULL;

    (void)self;
    if (buffer)
        jack_midi_clear_buffer(buffer);
    if (in) {
        uint32_t from = heard.count;
        trace_port(&heard, in, jack_last_frame_time(jack), frames, -1);
        for (uint32_t i = from; buffer && i < heard.count; i++)
            (void)jack_midi_event_write(buffer, 0, heard.event[i].data,
                                        heard.event[i].size);
    } else {
        press(buffer);
    }
    return 0;
}

static void play(void)
{
    while (!ended && !jack_port_connected(out))
        usleep(10000);
    usleep(100000);
    for (int i = 1; i <= count && !ended; i++) {
        atomic_store(&due, i);
        usleep(150000);
    }
    puts("played");
    fflush(stdout);
}

/* All that a receiver is told to be silent by: CC 64, 123, 120. */
static int is_silence(const struct traced *e)
{
    return e->data[0] >> 4 == 0xb && !e->data[2] &&
           (e->data[1] == 64 || e->data[1] == 123 || e->data[1] == 120);
}

static void listen(void)
{
    struct sounding now = {0};
    uint32_t seen = 0, silence = 0, notes = 0;

    while (!ended) {
        uint32_t until =
            atomic_load_explicit(&heard.count, memory_order_acquire);
        for (; seen < until; seen++) {
            sounding_hear(&now, &heard.event[seen]);
            notes += is_on(&heard.event[seen]) != 0;
            silence += !notes && is_silence(&heard.event[seen]);
            if (silence == 48 && !notes) {
                puts("silenced");
                fflush(stdout);
                silence++;
            }
        }
        usleep(5000);
    }
    printf("sounding %d of %u notes\n", sounding_count(&now), notes);
}

int main(int args, char **arg)
{
    int keys = args == 5 && !strcmp(arg[1], "keys");
    int echo = args == 4 && !strcmp(arg[3], "echo");

    if (!keys && !(args == 3 || echo))
        return 2;
    signal(SIGTERM, on_signal);
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    jack = jack_join(arg[2], 10);
    if (!jack)
        return 1;
    if (keys) {
        pitch = atoi(arg[3]);
        count = atoi(arg[4]);
        out = jack_port_register(jack, "keys", JACK_DEFAULT_MIDI_TYPE,
                                 JackPortIsOutput | JackPortIsPhysical, 0);
    } else {
        in = jack_port_register(jack, "in", JACK_DEFAULT_MIDI_TYPE,
                                JackPortIsInput, 0);
        out = echo ? jack_port_register(jack, "out", JACK_DEFAULT_MIDI_TYPE,
                                        JackPortIsOutput, 0)
                   : NULL;
    }
    jack_set_process_callback(jack, process, NULL);
    if (!(keys ? out : in) || jack_activate(jack))
        return 1;
    puts("there");
    fflush(stdout);
    if (keys)
        play();
    else
        listen();
    while (!ended)
        pause();
    jack_client_close(jack);
    return 0;
}
