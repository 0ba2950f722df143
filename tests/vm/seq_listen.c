/* A synth that writes down what it is sent, and when:
 *
 *   seq_listen NAME LOG [IDLE]
 *
 * Client NAME with the ports "answer", "thru" and "call"; a line for each
 * event: the port's name, when it came (ns of CLOCK_MONOTONIC, stamped in the
 * kernel), when it was read here, three bytes. Ends on SIGTERM, or when for
 * IDLE seconds after the first event nothing has come. Then a last line says
 * how many notes sound, by what every port was sent. */
#include <poll.h>
#include <signal.h>

#include "tests/vm/seq_common.h"

enum { ANSWER, THRU, CALL, PORTS, ROOM = 1 << 20 };

struct seen {
    int port;
    int64_t stamp, read;
    unsigned char bytes[3];
};

static const char *const names[PORTS] = {"answer", "thru", "call"};
static struct seen *seen;
static unsigned seens, lost;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    ended = number;
}

static void write_down(snd_midi_event_t *decoder, const snd_seq_event_t *event)
{
    struct seen *one = &seen[seens];

    memset(one, 0, sizeof(*one));
    if (seens == ROOM || snd_seq_ev_is_variable(event) ||
        snd_midi_event_decode(decoder, one->bytes, 3, event) <= 0) {
        return; /* connections made and cut */
    }
    one->port = event->dest.port;
    one->stamp =
        (int64_t)event->time.time.tv_sec * SECOND + event->time.time.tv_nsec;
    one->read = now_ns();
    seens++;
}

static void listen(snd_seq_t *seq, snd_midi_event_t *decoder, double idle)
{
    struct pollfd fd;
    snd_seq_event_t *event;

    snd_seq_poll_descriptors(seq, &fd, 1, POLLIN);
    snd_seq_nonblock(seq, 1);
    while (!ended) {
        int result = snd_seq_event_input(seq, &event);

        if (result >= 0) {
            write_down(decoder, event);
        } else if (result == -ENOSPC) {
            lost++;
        } else if (result != -EAGAIN) {
            fail("reading", result);
        } else if (poll(&fd, 1, seens && idle > 0 ? (int)(idle * 1000) : 100) ==
                       0 &&
                   seens && idle > 0) {
            return;
        }
    }
}

static int still_sounding(void)
{
    static unsigned char on[PORTS][16][128];
    int count = 0;

    for (unsigned i = 0; i < seens; i++) {
        const unsigned char *bytes = seen[i].bytes;
        int kind = bytes[0] >> 4, channel = bytes[0] & 15;

        if (kind == 8 || kind == 9) {
            on[seen[i].port][channel][bytes[1] & 127] = kind == 9 && bytes[2];
        } else if (kind == 11 && (bytes[1] == 123 || bytes[1] == 120)) {
            memset(on[seen[i].port][channel], 0, 128);
        }
    }
    for (int port = 0; port < CALL; port++) {
        for (int c = 0; c < 16; c++) {
            for (int p = 0; p < 128; p++) {
                count += on[port][c][p];
            }
        }
    }
    return count;
}

int main(int count, char **arg)
{
    snd_midi_event_t *decoder;
    snd_seq_t *seq;
    int64_t shift, later;
    FILE *log;
    int queue;

    if (count < 3) {
        return 2;
    }
    seen = calloc(ROOM + 1, sizeof(*seen));
    seq = seq_open(arg[1]);
    queue = seq_queue(seq);
    for (int p = 0; p < PORTS; p++) {
        seq_port(seq, names[p], true, queue);
    }
    check("decoder", snd_midi_event_new(16, &decoder));
    snd_midi_event_no_status(decoder, 1);
    shift = seq_shift(seq, queue);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    listen(seq, decoder, count > 3 ? atof(arg[3]) : 0);
    later = seq_shift(seq, queue);
    log = fopen(arg[2], "w");
    if (!log) {
        perror(arg[2]);
        return 1;
    }
    for (unsigned i = 0; i < seens; i++) {
        fprintf(log, "%s %lld %lld %d %d %d\n", names[seen[i].port],
                (long long)(seen[i].stamp - shift), (long long)seen[i].read,
                seen[i].bytes[0], seen[i].bytes[1], seen[i].bytes[2]);
    }
    fprintf(log, "sounding %d lost %u drift_ns %lld\n", still_sounding(), lost,
            (long long)(later - shift));
    return fclose(log) != 0;
}
