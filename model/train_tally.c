/* What batches added up to. */
#include <math.h>

#include "model/train_run.h"

void rp_train_tally_add(struct rp_train_tally *to,
                        const struct rp_train_tally *from)
{
    for (int f = 0; f < RP_FIELDS; f++) {
        to->loss[f] += from->loss[f];
        to->drawn[f] += from->drawn[f];
        to->hits[f] += from->hits[f];
    }
    to->notes += from->notes;
    to->batches += from->batches;
    to->norm += from->norm;
}

bool rp_train_draws(const struct rp_train *train, int field)
{
    return rp_vocabulary_classes(&train->shape.vocabulary,
                                 (enum rp_field)field) != 0;
}

double rp_train_nats(const struct rp_train_tally *tally)
{
    double sum = 0;

    for (int f = 0; f < RP_FIELDS; f++)
        sum += tally->loss[f];
    return tally->notes ? sum / (double)tally->notes : 0;
}

double rp_train_field_nats(const struct rp_train_tally *tally, int field)
{
    return tally->notes ? tally->loss[field] / (double)tally->notes : 0;
}

double rp_train_accuracy(const struct rp_train_tally *tally, int field)
{
    return tally->drawn[field]
               ? (double)tally->hits[field] / (double)tally->drawn[field]
               : 0;
}

double rp_train_mean_norm(const struct rp_train_tally *tally)
{
    return tally->batches ? tally->norm / (double)tally->batches : 0;
}
