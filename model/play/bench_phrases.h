/* How well phrases are understood: whether a call is taken to be over inside
 * a phrase, how long it takes to notice its end, and whether the written
 * rhythm is heard. Phrases come from held-back pieces (bench_calls.h) and are
 * played to the real performer in virtual time, each one cold. */
#ifndef RP_BENCH_PHRASES_H
#define RP_BENCH_PHRASES_H

#include <stdio.h>

#include "model/play/bench_calls.h"

struct rp_bench_phrases_options {
    const struct rp_model *model;
    const char *const *dir; /* data */
    uint32_t dirs;
    enum rp_split split;
    uint32_t count; /* phrases of each kind; 100 when 0 */
    double sigma_ms; /* 20 when 0 */
    double touch;    /* as of rp_bench_hand */
    double drift;    /* how much faster than the beat they are played, in
                        per cent; phase by the first onset alone then */
    uint32_t seed;
    bool each; /* print every phrase that went wrong */
};

struct rp_bench_phrases_result {
    uint32_t phrases, cut, never;    /* cut: taken to be over inside */
    double wait_median, wait_worst;  /* beats, last release to decision */
    double start_median;             /* beats, last release to first note */
    uint32_t notes, right;           /* heard where they are written */
    uint32_t lengths;                /* with the written length, too */
};

/* Two ways of knowing the beat: by a metronome (0), by the first onset (1). */
enum { RP_BENCH_BEATS = 2 };
RP_MUST rp_status rp_bench_phrases(
    const struct rp_bench_phrases_options *options,
    struct rp_bench_phrases_result result[RP_BENCH_BEATS][RP_PHRASE_KINDS],
    FILE *out);

#endif
