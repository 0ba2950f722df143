/* What a network has to beat: an order-2 Markov chain and "the last note
 * again", both counted on the train split and both normalised over the same
 * events that the network predicts.
 *
 * A note is a rhythm (dt, duration) and a pitch; END is a rhythm of its own.
 * The chain runs over rhythms and, apart from them, over pitch intervals. It
 * interpolates order 2 with 1 with 0 as Witten and Bell do (a past that was
 * followed by many different things trusts the lower order more), down to a
 * distribution that leaves nothing impossible. Pitches that the reader's mask
 * rules out get nothing, as for the network. */
#ifndef RP_MARKOV_H
#define RP_MARKOV_H

#include "model/data/dataset.h"

struct rp_markov;

/* -log P of the rhythms (END included) and of the pitches of a piece. */
struct rp_markov_nats {
    double rhythm, pitch;
};

/* Counts the train split; fits how far "the last note again" is believed on
 * the valid split (on train where there is no valid). */
RP_MUST rp_status rp_markov_create(struct rp_markov **markov,
                                   const struct rp_dataset *dataset);
void rp_markov_destroy(struct rp_markov *markov);

void rp_markov_chain(const struct rp_markov *markov,
                     const struct rp_piece *piece,
                     struct rp_markov_nats *nats);
void rp_markov_repeat(const struct rp_markov *markov,
                      const struct rp_piece *piece,
                      struct rp_markov_nats *nats);
/* The fitted shares of "again" in the mixture with order 0. */
void rp_markov_shares(const struct rp_markov *markov, double *rhythm,
                      double *pitch);

/* Single probabilities, for tests: a rhythm after two others, an interval
 * after two others (RP_MARKOV_START before the first). */
#define RP_MARKOV_START INT32_MIN
struct rp_rhythm {
    int32_t dt, duration; /* ticks; END is {-1, 0} */
};
extern const struct rp_rhythm rp_rhythm_end, rp_rhythm_start;
double rp_markov_rhythm(const struct rp_markov *markov, struct rp_rhythm two,
                        struct rp_rhythm one, struct rp_rhythm rhythm);
double rp_markov_interval(const struct rp_markov *markov, int32_t two,
                          int32_t one, int32_t interval);

#endif
