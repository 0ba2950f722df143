/* An ALSA sequencer within the test, in the time of fake_time.h: from its first
 * look at the queue to its next sleep the pace is under the guard. The
 * sequencer can be missing, fail, fill up, lose input and count time at a speed
 * of its own; ports come and go. */
#ifndef FAKE_ALSA_H
#define FAKE_ALSA_H

#include <stdbool.h>
#include <stdint.h>

enum { FAKE_SENT = 8192, FAKE_PEERS = 8, FAKE_SUBS = 32, FAKE_CLIENTS = 8 };

struct fake_sent {
    int64_t due; /* ns of CLOCK_MONOTONIC; as the queue has it */
    uint8_t size, bytes[3];
};

struct fake_peer {
    bool used;
    uint8_t client, port;
    unsigned caps, type;
    char client_name[40], name[40];
};

extern struct fake_alsa {
    bool there;        /* /dev/snd/seq can be opened */
    bool fails;        /* every call says ENODEV */
    bool no_queue;     /* none is left */
    bool overrun;      /* the next read says ENOSPC, and input is lost */
    uint32_t room;     /* events the kernel takes in one go */
    double speed;      /* of the queue's clock: 1 is CLOCK_MONOTONIC's */
    int open;          /* clients */
    unsigned timer;    /* Hz asked for */
    uint32_t disorder; /* events due before the one sent before */
    uint32_t sounding; /* pitches that sound behind thru and out */
    uint32_t sents[3]; /* out, thru, clock */
    struct fake_sent sent[3][FAKE_SENT];
    struct fake_peer peer[FAKE_PEERS];
} fake_alsa;

/* Anew: a keyboard "Keys:Keys MIDI 1" (20:0, hardware), a synth "Synth:in"
 * (130:0) and "Midi Through:Port-0" (14:0). Time is ours from here on. */
void fake_alsa_boot(void);

/* At riposte:in at that time, stamped by the kernel. */
void fake_alsa_arrive(uint64_t at, const uint8_t *bytes, uint32_t size);
/* The same with an event as it is (snd_seq_event_t). */
void fake_alsa_event(uint64_t at, const void *event);

void fake_alsa_come(uint8_t client, uint8_t port, unsigned type,
                    const char *client_name, const char *name);
/* The client of that number is killed. */
void fake_alsa_leave(uint8_t client);
/* Whether riposte's port `ours` and that one are connected; and cut it. */
bool fake_alsa_connected(int ours, uint8_t client, uint8_t port);
void fake_alsa_cut(int ours, uint8_t client, uint8_t port);

#endif
