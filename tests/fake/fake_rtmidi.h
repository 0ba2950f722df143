/* RtMidi within the test, in the time of fake_time.h: the pace is under the
 * guard, and so is the callback. The systems it knows are ALSA and JACK; each
 * can be missing, JACK can die without a word. Errors go to stderr, as
 * RtMidi's do. */
#ifndef FAKE_RTMIDI_H
#define FAKE_RTMIDI_H

#include <rtmidi_c.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { FAKE_RTMIDI_SENT = 8192, FAKE_RTMIDI_PEERS = 8 };

struct fake_message {
    uint64_t at; /* ns */
    int size;
    uint8_t bytes[3];
};

extern struct fake_rtmidi {
    bool works[RTMIDI_API_NUM]; /* systems that answer */
    _Atomic bool dead;          /* it takes messages and delivers none */
    bool fails;                 /* no port can be connected to */
    int open;                   /* devices */
    int unheard;                /* messages that no dead server has taken */
    bool ignores;    /* some input leaves out SysEx, clock or sensing */
    uint32_t linked; /* messages to ports we are connected to */
    uint32_t sounding, disorder;
    uint32_t sents[3]; /* by the ports out, thru and clock */
    struct fake_message sent[3][FAKE_RTMIDI_SENT];
    struct {
        bool used, source, destination;
        char name[80];
    } peer[FAKE_RTMIDI_PEERS];
} fake_rtmidi;

/* Anew, with that system alone: a keyboard and a synth, named as it names
 * them. Time is ours from here on. */
void fake_rtmidi_boot(enum RtMidiApi api);
void fake_rtmidi_come(const char *name, bool source, bool destination);
void fake_rtmidi_leave(const char *name);

/* At our own port (NULL), or from the port of that name if we are connected to
 * it: its callback runs, under the guard. */
void fake_rtmidi_arrive(const char *from, const uint8_t *bytes, size_t size);
/* How many of our devices are connected to it. */
int fake_rtmidi_connected(const char *name);

#endif
