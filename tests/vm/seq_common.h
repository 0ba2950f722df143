/* What the programs of the tests over the ALSA sequencer share: a client and a
 * queue of its own that stamps what comes. Nothing of riposte is linked in. */
#ifndef SEQ_COMMON_H
#define SEQ_COMMON_H

#include <alsa/asoundlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECOND = 1000000000 };

static inline int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static inline void fail(const char *what, int error)
{
    fprintf(stderr, "failed: %s: %s\n", what, snd_strerror(error));
    exit(1);
}

static inline int check(const char *what, int result)
{
    if (result < 0) {
        fail(what, result);
    }
    return result;
}

static inline snd_seq_t *seq_open(const char *name)
{
    snd_seq_t *seq;

    check("open", snd_seq_open(&seq, "default", SND_SEQ_OPEN_DUPLEX, 0));
    check("pool", snd_seq_set_client_pool_input(seq, 2000));
    check("pool", snd_seq_set_client_pool_output(seq, 2000));
    check("name", snd_seq_set_client_name(seq, name));
    return seq;
}

/* A queue, running. What it stamps is exact whatever its timer, which costs
 * the less the coarser it is. */
static inline int seq_queue(snd_seq_t *seq)
{
    int queue = check("queue", snd_seq_alloc_queue(seq));
    snd_seq_queue_timer_t *timer;

    snd_seq_queue_timer_alloca(&timer);
    check("timer", snd_seq_get_queue_timer(seq, queue, timer));
    snd_seq_queue_timer_set_resolution(timer, 100);
    check("timer", snd_seq_set_queue_timer(seq, queue, timer));
    check("start", snd_seq_start_queue(seq, queue, NULL));
    check("start", snd_seq_drain_output(seq));
    return queue;
}

/* A port; what comes in there is stamped by `queue` unless that is -1. */
static inline int seq_port(snd_seq_t *seq, const char *name, bool reads,
                           int queue)
{
    snd_seq_port_info_t *info;

    snd_seq_port_info_alloca(&info);
    snd_seq_port_info_set_name(info, name);
    snd_seq_port_info_set_capability(
        info, reads ? SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_SUBS_WRITE
                    : SND_SEQ_PORT_CAP_READ | SND_SEQ_PORT_CAP_SUBS_READ);
    snd_seq_port_info_set_type(info, SND_SEQ_PORT_TYPE_MIDI_GENERIC |
                                         SND_SEQ_PORT_TYPE_APPLICATION);
    if (queue >= 0) {
        snd_seq_port_info_set_timestamping(info, 1);
        snd_seq_port_info_set_timestamp_real(info, 1);
        snd_seq_port_info_set_timestamp_queue(info, queue);
    }
    check("port", snd_seq_create_port(seq, info));
    return snd_seq_port_info_get_port(info);
}

/* The queue's time less CLOCK_MONOTONIC, ns: the highest of some readings, as
 * a late tick makes the queue seem to be behind. */
static inline int64_t seq_shift(snd_seq_t *seq, int queue)
{
    snd_seq_queue_status_t *status;
    int64_t best = INT64_MIN;

    snd_seq_queue_status_alloca(&status);
    for (int i = 0; i < 200; i++) {
        const snd_seq_real_time_t *time;
        int64_t shift;

        check("status", snd_seq_get_queue_status(seq, queue, status));
        time = snd_seq_queue_status_get_real_time(status);
        shift = (int64_t)time->tv_sec * SECOND + time->tv_nsec - now_ns();
        best = shift > best ? shift : best;
    }
    return best;
}

#endif
