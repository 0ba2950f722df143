/* Notes, and the reader that walks along a sequence of them: it says what the
 * network sees at each note, what each head may draw and under which
 * condition. Training, evaluation, generation and the live performer all use
 * this one reader, so they cannot disagree. */
#ifndef RP_NOTE_H
#define RP_NOTE_H

#include "model/data/chord.h"
#include "model/data/recall.h"
#include "model/data/vocabulary.h"
#include "model/shared.h"
#include "rt/clock.h"

struct rp_note {
    int32_t onset;    /* ticks at the model's resolution */
    int32_t duration; /* ticks, >= 1; 0: still held (HELD) */
    uint8_t pitch;    /* 0..127 */
    uint8_t velocity; /* 1..127 */
    int8_t offset;    /* 16ths of a tick that it begins later, -8..7; 0 where
                         the vocabulary has no timing */
};

/* Metre in force from `tick` on; a bar begins at `tick`. unit 0: unknown. */
struct rp_metre_change {
    int32_t tick;
    struct rp_metre metre;
};

/* Canonical order (onset, then pitch from high to low), doubled notes dropped,
 * a note cut where its pitch is struck again. Returns the new count. */
uint32_t rp_notes_sort(struct rp_note *note, uint32_t count);

/* A note half drawn. Fields before the one being drawn are final. */
struct rp_draft {
    struct rp_time dt, duration;
    uint8_t pitch, velocity; /* velocity 1..127 */
    int8_t offset;
    bool end;                /* dt was END: nothing follows */
};

struct rp_reader {
    struct rp_vocabulary vocabulary;
    const struct rp_metre_change *metre; /* not owned; NULL: unknown metre */
    uint32_t metres;
    const struct rp_chord_change *chord; /* not owned; NULL: not told */
    uint32_t chords;
    int8_t shift;      /* semitones that the chords are to be moved up */
    int32_t origin;    /* a bar line at or before the first onset */
    int32_t onset;     /* of the last note; before the first: the origin */
    int16_t pitch;     /* of the last note; -1 before the first */
    int32_t until[128]; /* tick at which a pitch stops; INT32_MAX while HELD;
                           INT32_MIN when it never sounded */
    struct rp_recall recall; /* empty unless the vocabulary has it */
    int32_t since[128]; /* tick at which its last note began, or INT32_MIN */
};

/* `origin` is a bar line at or before the first onset; first dt counts from
 * it. Nothing sounds. */
RP_SHARED
void rp_reader_init(struct rp_reader *reader,
                    const struct rp_vocabulary *vocabulary,
                    const struct rp_metre_change *metre, uint32_t metres,
                    int32_t origin);
/* The chords over the notes, as the metre is given; `shift` where the notes
 * are transposed. Without this call no chord is told. */
RP_SHARED
void rp_reader_chords(struct rp_reader *reader,
                      const struct rp_chord_change *chord, uint32_t chords,
                      int shift);

/* The draft of a note as seen from here (its dt from reader->onset). */
RP_SHARED
struct rp_draft rp_reader_draft(const struct rp_reader *reader,
                                const struct rp_note *note);
/* The note that a complete draft means. */
RP_SHARED
struct rp_note rp_reader_note(const struct rp_reader *reader,
                              const struct rp_draft *draft);

/* Whether `field` is drawn at all given the fields before it in `draft`
 * (REST only after a coarse class, nothing after END). */
RP_SHARED
bool rp_reader_needs(const struct rp_reader *reader,
                     const struct rp_draft *draft, enum rp_field field);

/* The heads' condition for `field`, and the classes that are possible:
 * dt 0 always before the first note, later only if a lower pitch than the
 * last is left; at dt 0 only lower pitches than the last; never a pitch that
 * still sounds at the new onset, duration at least one tick and never HELD.
 * The probability of a time with k escapes is P(ESCAPE)^k P(class): the same
 * logits each time. */
RP_SHARED
void rp_reader_condition(const struct rp_reader *reader,
                         const struct rp_draft *draft, enum rp_field field,
                         struct rp_indices *out);
/* The same where `out` holds the first `seen` blocks of it already, of an
 * earlier field of the same draft: adds the others. */
RP_SHARED
void rp_reader_condition_on(const struct rp_reader *reader,
                            const struct rp_draft *draft, uint32_t seen,
                            enum rp_field field, struct rp_indices *out);
RP_SHARED
struct rp_mask rp_reader_mask(const struct rp_reader *reader,
                              const struct rp_draft *draft,
                              enum rp_field field);
/* The class that `draft` holds for `field` (ESCAPEs apart). */
RP_SHARED
uint8_t rp_draft_class(const struct rp_draft *draft, enum rp_field field);
RP_SHARED
void rp_draft_set(struct rp_draft *draft, enum rp_field field, uint8_t class);

/* The note is final: writes the GRU's input for it and moves on. A pitch that
 * still sounds is cut at this onset. */
RP_SHARED
void rp_reader_push(struct rp_reader *reader, const struct rp_note *note,
                    struct rp_indices *input);
/* The length of a held note became known: it stops at `tick`. */
RP_SHARED
void rp_reader_release(struct rp_reader *reader, uint8_t pitch, int32_t tick);

#endif
