/* What choosing among more candidates does to answers: calls from held-back
 * pieces are played to the real performer, up to its hand-over; the question
 * that it asks is thought through with the most candidates, and the choice is
 * made among the first 1, 16, ... of the same draws. */
#ifndef RP_BENCH_CANDIDATES_H
#define RP_BENCH_CANDIDATES_H

#include <stdio.h>

#include "model/play/bench_calls.h"
#include "model/play/rollout.h"

enum {
    RP_BENCH_CHOICES = 8, /* rows of either table */
    RP_BENCH_TURNS = 2    /* answers to each call */
};

struct rp_bench_candidates_options {
    const struct rp_model *model;
    const struct rp_knobs *knobs;
    const char *const *dir; /* data */
    uint32_t dirs;
    enum rp_split split;
    uint32_t count; /* calls */
    uint32_t seed;
    uint32_t choices; /* how many of: */
    uint32_t candidates[RP_BENCH_CHOICES]; /* ascending */
};

/* Histograms whose distances are measured: what of the notes is counted. */
enum rp_bench_trait {
    RP_TRAIT_DEGREE,   /* pitch class from the call's tonic, major or minor;
                          of all notes but the last */
    RP_TRAIT_INTERVAL, /* semitones from note to note */
    RP_TRAIT_DURATION, /* in twelfths of a beat */
    RP_TRAIT_PLACE,    /* of the onset in its bar, the same */
    RP_TRAIT_DENSITY,  /* notes a beat against the call's, of whole answers */
    RP_TRAITS
};
extern const char *const rp_bench_trait_names[RP_TRAITS];

struct rp_bench_choice {
    uint32_t candidates;
    float wished;  /* echo */
    uint32_t answers, loops;
    double distance[RP_TRAITS]; /* to the written continuations:
                                   Jensen-Shannon, bits, 0..1 */
    double worse[RP_TRAITS]; /* than the fewest candidates', in standard
                                errors over the calls */
    double echo, tonic, home, foreign; /* means, 0..1 */
    double same; /* share of notes that the other answer to the same call has
                    in the same figures of four */
    double same_more; /* than of the fewest candidates, in standard errors */
    double logp; /* of a class */
    double seconds; /* thinking of one set and choosing in it; mean over the
                       first calls, by_count alone */
};
struct rp_bench_candidates_result {
    uint32_t calls, foreseen; /* whose hand-over was as was thought */
    double seconds;           /* of thinking */
    uint64_t notes;           /* thought of meanwhile */
    struct rp_bench_choice written; /* the composers' own; its distances are
                                       between one half and the other */
    struct rp_bench_choice by_count[RP_BENCH_CHOICES];
    struct rp_bench_choice by_echo[RP_BENCH_CHOICES]; /* of the most */
    uint32_t echoes;
};

RP_MUST rp_status rp_bench_candidates(
    const struct rp_bench_candidates_options *options,
    struct rp_bench_candidates_result *result);
void rp_bench_candidates_print(
    const struct rp_bench_candidates_result *result, FILE *out);

#endif
