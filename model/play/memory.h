/* What was played so far, and the network's states over it. A GRU carries no
 * window, so there is one state per recent bar in which something began, each
 * from the zero state at its bar line; all are stepped as one batch with every
 * note of call and answer. Choosing a window is choosing a state.
 *
 * Nothing is allocated after create. Owned by whoever performs. */
#ifndef RP_MEMORY_H
#define RP_MEMORY_H

#include "model/play/turn.h"
#include "model/preset.h"

enum {
    RP_MEMORY_BARS = 17,
    RP_MEMORY_TRIALS = 8, /* states to try continuations in: slots */
    RP_MEMORY_TRIAL = 2 * RP_MEMORY_BARS + 1, /* ... from here on */
    RP_MEMORY_AGAIN = 32, /* notes that are read again at a release, at most */
    RP_MEMORY_NOTES = 4096,
    RP_MEMORY_METRES = 32,
    RP_MEMORY_REST_BARS = 2 /* longer rests lose whole bars, as in training */
};

struct rp_memory_state {
    int32_t start;   /* the bar line where it began */
    uint64_t first;  /* number of the first note it read */
    struct rp_reader reader;
};

/* The states before the first of the notes that are still held. */
struct rp_memory_mark {
    bool set;
    uint64_t number; /* of that note */
    int32_t silent;
    struct rp_memory_state state[RP_MEMORY_BARS];
};

struct rp_memory {
    const struct rp_model *model;
    struct rp_engine *engine; /* owned; state i is its slot i, then come one
                                 that stays zero, those of the mark and the
                                 trials */
    struct rp_memory_mark mark;
    uint32_t states; /* begun so far; the last RP_MEMORY_BARS are kept */
    struct rp_memory_state state[RP_MEMORY_BARS];
    uint64_t notes; /* pushed so far; the last RP_MEMORY_NOTES are kept */
    struct rp_note note[RP_MEMORY_NOTES];
    int32_t silent; /* tick at which the last note so far has ended */
    uint64_t revision; /* counts up with every change */
    uint32_t metres;
    struct rp_metre_change metre[RP_MEMORY_METRES];
    const struct rp_chord_change *chord; /* not owned; NULL: not told */
    uint32_t chords;
    struct rp_indices input[RP_MEMORY_BARS];
};

/* The engine for a model, with as many slots as a memory needs. */
RP_MUST rp_status rp_memory_engine(const struct rp_model *model,
                                   struct rp_engine **engine);
/* The same with a spare beside it (spare.h), for a performance. */
RP_MUST rp_status rp_memory_spare(const struct rp_model *model,
                                  uint64_t late_ns, struct rp_engine **engine);
/* Takes the engine over. */
void rp_memory_init(struct rp_memory *memory, const struct rp_model *model,
                    struct rp_engine *engine);
void rp_memory_fini(struct rp_memory *memory);

/* Forgets every note; the metre stays. */
void rp_memory_forget(struct rp_memory *memory);
/* From `tick` on, a bar line, bars are of this metre. */
void rp_memory_metre(struct rp_memory *memory, int32_t tick,
                     struct rp_metre metre);
/* The chords, for notes from now on; they stay the caller's. Ticks are of
 * this model's resolution: a switch to another forgets them. */
void rp_memory_chords(struct rp_memory *memory,
                      const struct rp_chord_change *chord, uint32_t chords);
/* The last bar line at or before a tick, and the length of that bar. */
int32_t rp_memory_bar(const struct rp_memory *memory, int32_t tick,
                      int32_t *length);

/* A note is final: every state reads it. Onsets do not go back. */
RP_MUST rp_status rp_memory_push(struct rp_memory *memory,
                                 const struct rp_note *note);
/* A note that was pushed as held stops at `tick`. If few enough came after it,
 * they are read again with what is known of its length now. */
void rp_memory_release(struct rp_memory *memory, uint8_t pitch, int32_t tick);
/* What is read so far stays as it was read, also once what is held stops. */
void rp_memory_settle(struct rp_memory *memory);

/* A note that was pushed ends earlier than was meant: at `tick`. */
void rp_memory_cut(struct rp_memory *memory, uint8_t pitch, int32_t tick);

/* The state whose beginning is the oldest within `window` ticks before `now`,
 * but no more than `notes` notes ago (0: any); the newest when none is. */
struct rp_sight rp_memory_sight(const struct rp_memory *memory, int32_t now,
                                int32_t window, uint32_t notes);
/* That of the beginning of a piece, before any note. */
struct rp_sight rp_memory_blank(const struct rp_memory *memory);
/* Tries a note: a sight one note further on. `trial` < RP_MEMORY_TRIALS; what
 * that trial held before is gone. */
RP_MUST rp_status rp_memory_try(const struct rp_memory *memory,
                                const struct rp_sight *from,
                                const struct rp_note *note, uint32_t trial,
                                struct rp_sight *sight);
/* Rests are counted as in training: makes the sight ready for a note at about
 * `tick`. */
void rp_memory_rest(const struct rp_memory *memory, struct rp_reader *reader,
                    int32_t tick);

/* A tick at another resolution, rounded. */
int32_t rp_memory_rescale(int32_t tick, int64_t to, int64_t from);
/* Reads everything again into another model's engine, which it takes over;
 * returns the engine used before. Ticks are converted when the resolutions
 * differ. */
struct rp_engine *rp_memory_switch(struct rp_memory *memory,
                                   const struct rp_model *model,
                                   struct rp_engine *engine);

#endif
