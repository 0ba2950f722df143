/* A keyboard at which somebody plays:
 *
 *   seq_play NAME hold COUNT     COUNT keys go down, 0.3 s apart, and stay
 *   seq_play NAME flood COUNT PER_SECOND LISTENERS
 *                                so many events: controllers, bends, and every
 *                                hundredth the beginning or end of a note
 *
 * Client NAME with one port, "keys"; plays when so many (else one) have
 * connected to it. Then says "played" and waits to be killed. */
#include <unistd.h>

#include "tests/vm/seq_common.h"

static void wait_for_listeners(snd_seq_t *seq, int port, int listeners)
{
    snd_seq_port_info_t *info;

    snd_seq_port_info_alloca(&info);
    do {
        usleep(10000);
        check("port", snd_seq_get_port_info(seq, port, info));
    } while (snd_seq_port_info_get_read_use(info) < listeners);
    usleep(100000);
}

static void send(snd_seq_t *seq, int port, snd_seq_event_t *event)
{
    snd_seq_ev_set_source(event, port);
    snd_seq_ev_set_subs(event);
    snd_seq_ev_set_direct(event);
    check("output", snd_seq_event_output_direct(seq, event));
}

static void hold(snd_seq_t *seq, int port, int count)
{
    for (int i = 0; i < count; i++) {
        snd_seq_event_t event;

        snd_seq_ev_clear(&event);
        snd_seq_ev_set_noteon(&event, 0, 60 + 2 * i, 80);
        send(seq, port, &event);
        usleep(300000);
    }
}

static void flood(snd_seq_t *seq, int port, int count, int per_second)
{
    int64_t begin = now_ns();

    for (int i = 0; i < count; i++) {
        int64_t due = begin + (int64_t)i * SECOND / per_second;
        int64_t wait = due - now_ns();
        snd_seq_event_t event;

        if (wait > 0) {
            usleep((useconds_t)(wait / 1000));
        }
        snd_seq_ev_clear(&event);
        if (i % 200 == 0) {
            snd_seq_ev_set_noteon(&event, 0, 48 + i / 200 % 24, 80);
        } else if (i % 200 == 100) {
            snd_seq_ev_set_noteoff(&event, 0, 48 + i / 200 % 24, 64);
        } else if (i % 2) {
            snd_seq_ev_set_controller(&event, 1, 1, i % 128);
        } else {
            snd_seq_ev_set_pitchbend(&event, 1, i % 8192);
        }
        send(seq, port, &event);
    }
}

int main(int count, char **arg)
{
    snd_seq_t *seq;
    int port;

    if (count < 4) {
        return 2;
    }
    seq = seq_open(arg[1]);
    port = seq_port(seq, "keys", false, -1);
    wait_for_listeners(seq, port, count > 5 ? atoi(arg[5]) : 1);
    if (!strcmp(arg[2], "hold")) {
        hold(seq, port, atoi(arg[3]));
    } else if (count > 4) {
        flood(seq, port, atoi(arg[3]), atoi(arg[4]));
    }
    puts("played");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
