/* Listens on the port that riposte:out was connected to before its server
 * was killed, and checks that what sounded then is released before anything
 * else sounds.
 *   jack_catch LOG SECONDS     LOG: jack_caller's, with "held" lines
 * Prints "ready" once it listens; the test lets riposte come back then. */
#include "tests/live/jack_common.h"

static jack_client_t *jack;
static jack_port_t *port;
static struct trace heard;

static int process(jack_nframes_t frames, void *self)
{
    (void)self;
    trace_port(&heard, port, jack_last_frame_time(jack), frames, -1);
    return 0;
}

static int read_held(const char *path, struct sounding *held)
{
    char line[128];
    int channel, pitch, count = 0;
    FILE *in = fopen(path, "r");
    if (!in)
        return 0;
    while (fgets(line, sizeof line, in))
        if (sscanf(line, "held %d %d", &channel, &pitch) == 2) {
            held->on[channel & 15][pitch & 127] = 1;
            count++;
        }
    fclose(in);
    return count;
}

int main(int count, char **arg)
{
    struct sounding held = {0};
    if (count != 3)
        return 2;
    int before = read_held(arg[1], &held);
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    jack = jack_join("listener", 10);
    if (!jack || !before) {
        printf("failed: %s\n", jack ? "nothing was held" : "no server");
        return 1;
    }
    port = jack_port_register(jack, "answer", JACK_DEFAULT_MIDI_TYPE,
                              JackPortIsInput, 0);
    jack_set_process_callback(jack, process, NULL);
    if (!port || jack_activate(jack))
        return 1;
    puts("ready");
    fflush(stdout);
    double left = atof(arg[2]);
    uint32_t seen = 0, released = 0;
    for (; left > 0 && sounding_count(&held); left -= 0.01, usleep(10000)) {
        uint32_t now = atomic_load_explicit(&heard.count,
                                            memory_order_acquire);
        for (; seen < now; seen++) {
            const struct traced *e = &heard.event[seen];
            if (is_on(e)) {
                printf("failed: a note-on before %d were released\n",
                       sounding_count(&held));
                return 1;
            }
            int was = sounding_count(&held);
            sounding_hear(&held, e);
            released += (uint32_t)(was - sounding_count(&held));
        }
    }
    jack_client_close(jack);
    printf("%u of %d released, %u events\n", released, before, seen);
    return sounding_count(&held) != 0;
}
