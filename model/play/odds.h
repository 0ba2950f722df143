/* What the network expects of a time: the log-probability of each dt or
 * duration in ticks, and of "later than". Natural logarithms. */
#ifndef RP_ODDS_H
#define RP_ODDS_H

#include "model/play/turn.h"

struct rp_odds {
    const struct rp_sight *sight;
    const struct rp_draft *draft;
    enum rp_field field; /* RP_DT or RP_DURATION */
    float log[RP_TIME_CLASSES]; /* log P, under the reader's mask */
    float p[RP_TIME_CLASSES];
    uint8_t rest_class; /* whose rest is in `rest`; 0: none */
    float rest[32], rest_p[32]; /* RP_TIME_WIDTH of them */
};

/* `sight` and `draft`, final up to the field, outlive the odds. */
RP_MUST rp_status rp_odds_init(struct rp_odds *odds,
                               const struct rp_sight *sight,
                               const struct rp_draft *draft,
                               enum rp_field field);
/* log P(exactly `ticks`); very small where it is impossible. */
float rp_odds_at(struct rp_odds *odds, int32_t ticks);
/* P(more than `ticks`), END counted as never. 0..1. */
float rp_odds_after(struct rp_odds *odds, int32_t ticks);

#endif
