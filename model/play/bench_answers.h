/* What answers look like beside what the composer wrote next: calls from
 * held-back pieces are performed by the real performer in virtual time. */
#ifndef RP_BENCH_ANSWERS_H
#define RP_BENCH_ANSWERS_H

#include <stdio.h>

#include "model/play/bench_calls.h"

struct rp_bench_answers_options {
    const struct rp_model *model;
    const struct rp_knobs *knobs; /* NULL: the program's defaults */
    const char *const *dir;       /* data */
    uint32_t dirs;
    enum rp_split split;
    uint32_t count; /* calls; 100 when 0 */
    uint32_t seed;
    double touch;    /* as of rp_bench_hand */
    const char *out; /* folder for call and answer as .mid; NULL: none */
};

/* Means over the answers (or continuations); shares 0..1. */
struct rp_bench_look {
    uint32_t pieces, empty, monotone; /* monotone: one pitch alone */
    double notes;
    double in_key;   /* share of notes in the key of the call */
    double on_grid;  /* share of onsets on a 16th or a triplet of eighths */
    double repeated; /* longest figure that comes twice, in notes: mean ... */
    uint32_t repeated_most; /* ... and most */
    double same;     /* share of notes at the pitch of the one before */
    double leap;     /* mean distance from note to note, semitones */
    double range;    /* semitones against the call's */
    double density;  /* notes per beat against the call's */
    double home;     /* share that end on a note of the key's tonic triad */
    double last;     /* length of the last note, beats */
    double sounds;   /* share of the time from note to note that they sound */
};

/* How pieces end, by their metre. */
enum { RP_BENCH_METRES = 5 };
extern const char *const rp_bench_metre_names[RP_BENCH_METRES];
struct rp_bench_ends {
    uint32_t pieces, home, tonic; /* home: on its triad, of the call's key */
};

/* The same calls in both modes; in trade, of as many bars as the call has. */
enum { RP_BENCH_MODES = RP_MODE_TRADE + 1 };
struct rp_bench_answers_result {
    struct rp_bench_look answer[RP_BENCH_MODES], real;
    struct rp_bench_ends ends[RP_BENCH_MODES][RP_BENCH_METRES];
    struct rp_bench_ends real_ends[RP_BENCH_METRES];
};

RP_MUST rp_status rp_bench_answers(
    const struct rp_bench_answers_options *options,
    struct rp_bench_answers_result *result, FILE *out);

/* Longest figure of (pitch, dt) that comes twice without overlap, in notes. */
uint32_t rp_bench_repeated(const struct rp_note *note, uint32_t count);

#endif
