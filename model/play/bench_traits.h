/* How the notes of many answers are distributed, and how far two such
 * distributions are from each other. */
#ifndef RP_BENCH_TRAITS_H
#define RP_BENCH_TRAITS_H

#include "model/data/note.h"
#include "model/play/bench_candidates.h"

enum { RP_TRAIT_BINS = 96 };

struct rp_bench_traits {
    double count[RP_TRAITS][RP_TRAIT_BINS];
};

/* Adds the notes of one answer to a call; `line` is a bar line, `bar` ticks
 * long. */
void rp_bench_traits_add(struct rp_bench_traits *traits,
                         const struct rp_note *call, uint32_t calls,
                         const struct rp_note *note, uint32_t count,
                         int32_t line, int32_t bar, int32_t resolution);
/* Jensen-Shannon divergence in bits, 0 (the same) .. 1; 0 where one is
 * empty. */
double rp_bench_traits_distance(const struct rp_bench_traits *a,
                                const struct rp_bench_traits *b,
                                enum rp_bench_trait trait);

/* How much farther `b` is from `written` than `a` is, in standard errors: all
 * three are of the same `count` calls, drawn again and again by `seed`. */
double rp_bench_traits_worse(const struct rp_bench_traits *written,
                             const struct rp_bench_traits *a,
                             const struct rp_bench_traits *b, uint32_t count,
                             enum rp_bench_trait trait, uint32_t seed);
/* How much more `b` is than `a` in the mean of the same `count` calls, in
 * standard errors; 0 where they do not differ at all. */
double rp_bench_traits_more(const double *a, const double *b, uint32_t count);

#endif
