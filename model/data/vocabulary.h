/* The vocabulary: how a note is written as classes, and what the network sees.
 *
 * A note is (dt since the previous onset, pitch, duration, velocity). Times
 * are never clipped: `escapes` times RP_TIME_SPAN ticks, plus a class, plus
 * (for the coarse classes) a remainder that a field of its own spells. END is
 * a class of dt: the piece is over. HELD, the same index, is a class of the
 * duration as INPUT only: the note still sounds.
 *
 * Chords are notes with dt 0, highest pitch first. The first dt of a sequence
 * counts from the bar line at or before its first onset.
 */
#ifndef RP_VOCABULARY_H
#define RP_VOCABULARY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/data/mask.h"
#include "model/shared.h"
#include "rt/clock.h"

/* Classes of a time t in ticks, 0 <= t:
 *   0..47   exactly t
 *   48..61  48 + 24 (class - 48) + rest, rest 0..23      (t in 48..383)
 *   62      ESCAPE: RP_TIME_SPAN ticks more, then another class (any number)
 *   63      END (dt) or HELD (duration, input only)
 * One-to-one: t = escapes * 384 + (what is left, 0..383). */
enum {
    RP_TIME_EXACT = 48,
    RP_TIME_WIDTH = 24,
    RP_TIME_ESCAPE = 62,
    RP_TIME_END = 63,
    RP_TIME_HELD = 63,
    RP_TIME_CLASSES = 64,
    RP_TIME_SPAN = 384
};

/* Fields in the order they are drawn. */
enum rp_field {
    RP_DT,            /* 64 classes */
    RP_DT_REST,       /* 24, only after a coarse dt */
    RP_PITCH,         /* 128 */
    RP_DURATION,      /* 64 (END never a target) */
    RP_DURATION_REST, /* 24, only after a coarse duration */
    RP_VELOCITY,      /* 16, only where the vocabulary has velocity */
    RP_TIMING,        /* 16, only where it has timing */
    RP_FIELDS
};

enum { RP_VELOCITIES = 16 }; /* class = velocity / 8 */

/* How far an onset is off its tick, in 16ths of a tick, -8..7: class =
 * offset + 8. */
enum { RP_TIMINGS = 16, RP_TIMING_ZERO = 8 };

/* Where an onset stands in its bar. */
enum {
    RP_METRE_CLASSES = 24, /* 0 unknown; 1..16 bar length in eighths, simple;
                              17 6/8, 18 9/8, 19 12/8, 20 longer than 8 beats,
                              21 a bar that is no whole number of eighths */
    RP_BEAT_CLASSES = 17,  /* 0..15 beat in the bar (15: or later), 16 unknown
                            */
    RP_GRID_CLASSES = 24   /* place in the beat, in 24ths */
};

/* What a model was built for; kept in its checkpoint. */
struct rp_vocabulary {
    uint16_t resolution; /* ticks per beat, 1..960; 24 is usual */
    bool metre;          /* position in the bar is an input and condition */
    bool velocity;       /* velocity is an input and a field */
    bool chord;          /* the chord in force is an input and condition */
    bool timing;         /* the offset from the tick is an input and a field */
    bool recall;         /* how an earlier phrase like the last went on is an
                            input and condition (recall.h) */
    bool runs;           /* a note is a maximal run: what ends at an onset does
                            not begin again there */
    bool voices;         /* what the other notes do is condition and input:
                            what ends, what begins, how long the rest goes on */
};

/* The switches of a vocabulary by name, as a checkpoint spells them. A new
 * one is off in files that do not say it. */
enum rp_feature {
    RP_HAS_METRE,
    RP_HAS_VELOCITY,
    RP_HAS_CHORD,
    RP_HAS_TIMING,
    RP_HAS_RECALL,
    RP_HAS_RUNS,
    RP_HAS_VOICES,
    RP_FEATURES
};
extern const char *const rp_feature_names[RP_FEATURES];
RP_SHARED
bool rp_vocabulary_has(const struct rp_vocabulary *vocabulary,
                       enum rp_feature feature);
RP_SHARED
void rp_vocabulary_set(struct rp_vocabulary *vocabulary,
                       enum rp_feature feature, bool on);

/* The input of the GRU: one sparse 0/1 vector over these blocks, in order; a
 * block that the vocabulary lacks has width 0. An escaped time sets the ESCAPE
 * index as well as its class. */
enum rp_input_block {
    RP_IN_DT,            /* 64 */
    RP_IN_DT_REST,       /* 24 */
    RP_IN_PITCH,         /* 128 */
    RP_IN_DURATION,      /* 64 */
    RP_IN_DURATION_REST, /* 24 */
    RP_IN_SOUNDING,      /* 128: begun earlier, sounds at this onset */
    RP_IN_METRE,         /* 24 */
    RP_IN_BEAT,          /* 17 */
    RP_IN_GRID,          /* 24 */
    RP_IN_VELOCITY,      /* 16 */
    RP_IN_CHORD_ROOT,    /* 12 */
    RP_IN_CHORD_QUALITY, /* 11; no bit of the chord: it is not told */
    RP_IN_CHORD_TONES,   /* 12: pitch classes of the chord */
    RP_IN_TIMING,        /* 16 */
    RP_IN_RECALL,        /* 8: size * 2 + key */
    RP_IN_RECALL_DT,     /* 4 x 64: size, dt class that followed */
    RP_IN_RECALL_PITCH,  /* 4 x 128: size, pitch that followed */
    RP_IN_ENDED,         /* 128: ended at this onset */
    RP_IN_STRUCK,        /* 128: begun at this onset, this note not */
    RP_IN_BLOCKS
};

/* The condition of the heads, in order; field f sees the first C_f of it.
 * Position, chord, `sounding` and the voices are those at the NEW onset, but
 * for RP_ON_LEFT. RP_DT sees how an earlier phrase went on and what is left,
 * RP_DT_REST up to the dt class, RP_PITCH up to `goes`, RP_DURATION up to the
 * duration recalled, RP_DURATION_REST up to the duration class, RP_VELOCITY up
 * to the duration's rest, RP_TIMING all. */
enum rp_condition_block {
    RP_ON_RECALL,    /* 8: size * 2 + key */
    RP_ON_RECALL_DT, /* 4 x 64: size, dt class */
    RP_ON_LEFT,      /* 64: how long what sounds goes on after the LAST onset,
                        classes of times */
    RP_ON_DT,
    RP_ON_DT_REST,
    RP_ON_METRE,
    RP_ON_BEAT,
    RP_ON_GRID,
    RP_ON_CHORD_ROOT,
    RP_ON_CHORD_QUALITY,
    RP_ON_CHORD_TONES,
    RP_ON_SOUNDING,
    RP_ON_RECALL_PITCH, /* 5 x 128: size, or 4 where the dt is another */
    RP_ON_ENDED,        /* 128: pitches that end at the onset */
    RP_ON_STRUCK,       /* 128: pitches begun there so far */
    RP_ON_GOES,         /* 64: how long what sounds goes on from there */
    RP_ON_PITCH,
    RP_ON_RECALL_DURATION, /* 5 x 64: size, or 4 where dt or pitch is another
                            */
    RP_ON_DURATION,
    RP_ON_DURATION_REST,
    RP_ON_VELOCITY,
    RP_ON_BLOCKS
};

enum { RP_INDICES_MAX = 448 }; /* set bits in one sparse vector */

struct rp_indices {
    uint16_t count;
    uint16_t at[RP_INDICES_MAX];
};

RP_SHARED
uint32_t rp_vocabulary_inputs(const struct rp_vocabulary *vocabulary); /* I */
/* First index of a block in the input vector. */
RP_SHARED
uint32_t rp_vocabulary_block(const struct rp_vocabulary *vocabulary,
                             enum rp_input_block block);
RP_SHARED
uint32_t rp_vocabulary_input_width(const struct rp_vocabulary *vocabulary,
                                   enum rp_input_block block);
RP_SHARED
uint32_t rp_vocabulary_condition_width(const struct rp_vocabulary *vocabulary,
                                       enum rp_condition_block block);
/* How many blocks of the condition a field sees. */
RP_SHARED
uint32_t rp_vocabulary_sees(enum rp_field field);
/* C_f; N_f (0 where the field is not in use). */
RP_SHARED
uint32_t rp_vocabulary_condition(const struct rp_vocabulary *vocabulary,
                                 enum rp_field field);
RP_SHARED
uint32_t rp_vocabulary_classes(const struct rp_vocabulary *vocabulary,
                               enum rp_field field);
extern const char *const rp_field_names[RP_FIELDS]; /* dt dt_rest pitch
                                      duration duration_rest velocity timing */

/* Where an onset stands: classes of the metre, beat and grid blocks. */
struct rp_place {
    uint8_t metre, beat, grid;
};
/* `from_bar`: ticks since the bar line, >= 0 (since any beat line where the
 * metre is unknown, unit 0: then only `grid` means something). */
RP_SHARED
struct rp_place rp_vocabulary_place(const struct rp_vocabulary *vocabulary,
                                    struct rp_metre metre, int32_t from_bar);

struct rp_time {
    uint32_t escapes;
    uint8_t class; /* 0..61, or RP_TIME_END / RP_TIME_HELD */
    uint8_t rest;  /* 0..23, 0 for exact classes */
};
RP_SHARED
struct rp_time rp_time_from(uint32_t ticks);
RP_SHARED
uint32_t rp_time_ticks(struct rp_time time); /* not for END and HELD */

#endif
