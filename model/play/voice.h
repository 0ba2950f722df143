/* How a network that has learned single lines hears a keyboard. Of what two
 * hands play it is told the tune, as its training read files: the highest note
 * of a chord, and nothing that lies under a note that goes on. And it is told
 * in a register that it knows: a call that begins lower or higher than the
 * network's songs do is read some octaves off, and its answer sounds where the
 * call was. Other networks hear everything as it is played. */
#ifndef RP_VOICE_H
#define RP_VOICE_H

#include "model/play/late.h"
#include "model/play/memory.h"
#include "rt/clock.h"

struct rp_listen_note;

struct rp_voice {
    bool line;         /* the network has learned single lines */
    uint8_t low, high; /* where its songs begin, all but four in a hundred */
    /* Of the call so far. */
    bool begun;
    int octaves;     /* how much higher it is read than it was played */
    uint8_t pitch;   /* the tune's last note, as it was played */
    rp_frame on_frame, off_frame;
    uint8_t under;   /* the highest note far below the tune that was left out;
                        0: none */
};

/* What the memory's model has learned; its engine is asked. */
void rp_voice_learn(struct rp_voice *voice, const struct rp_memory *memory);
/* The next note begins a call. */
void rp_voice_begin(struct rp_voice *voice);

/* Whether two notes, the first no later, sound together for half of the
 * shorter one: a legato line overlaps for less. */
bool rp_voice_together(const struct rp_listen_note *first,
                       const struct rp_listen_note *second);
/* Whether a note is none of the tune: one above it goes on, or is struck at
 * almost the same time (`later`, in order of onset, was heard after it), or it
 * is as far down as what was under the tune before. */
bool rp_voice_is_under(const struct rp_voice *voice,
                       const struct rp_listen_note *note,
                       const struct rp_listen_note *later, uint32_t count,
                       const struct rp_clock *clock);
/* The note is the tune's next one; it is left out; a key was let go. */
void rp_voice_follow(struct rp_voice *voice,
                     const struct rp_listen_note *note);
void rp_voice_leave(struct rp_voice *voice,
                    const struct rp_listen_note *note);
void rp_voice_release(struct rp_voice *voice, uint8_t pitch, rp_frame frame);

/* How many octaves higher what begins on a pitch is read. */
int rp_voice_octaves(const struct rp_voice *voice, uint8_t pitch);
/* A pitch as the network is told it, and one of its own as it sounds: so many
 * octaves off, folded into MIDI's range. */
uint8_t rp_voice_read(int octaves, uint8_t pitch);
uint8_t rp_voice_sound(int octaves, uint8_t pitch);

#endif
