/* A loss that is lost, and the way back: to where the epoch began, with half
 * the rate. What is judged and restored is a function of the run alone, so a
 * run that was stopped goes back the same. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "model/train_run.h"
#include "rt/log.h"

#define SLOWEST 1e-3 /* of the rate: ten times back, then no more */
#define RECENT 0.9   /* share of the past in the recent loss */
/* The recent loss is far above the usual one at so many times and nats. */
#define FAR_TIMES 2.0
#define FAR_NATS 1.0

rp_status rp_train_good_keep(struct rp_train *train)
{
    size_t size = train->net.layout.size;
    rp_status status = rp_train_learner_get(train);

    if (status)
        return status;
    memcpy(train->good, train->params, size * sizeof(float));
    memcpy(train->good + size, train->state, train->state_size * sizeof(float));
    train->good_step = train->step;
    return RP_OK;
}

bool rp_train_good_lost(struct rp_train *train,
                        const struct rp_train_tally *batch, double norm)
{
    double nats = rp_train_nats(batch);

    if (!isfinite(norm) || !isfinite(nats))
        return true;
    if (train->usual <= 0) /* the very first */
        train->usual = nats;
    if (train->at == 0)
        train->recent = train->usual;
    train->recent = RECENT * train->recent + (1 - RECENT) * nats;
    return train->recent > FAR_TIMES * train->usual + FAR_NATS;
}

rp_status rp_train_good_return(struct rp_train *train)
{
    size_t size = train->net.layout.size;
    char best[80] = "";
    rp_status status;

    if (isfinite(train->best))
        snprintf(best, sizeof best, ", with the best so far, %.4f",
                 train->best);
    if (train->slower < SLOWEST) {
        rp_log(RP_ERROR, "train",
               "the loss is lost however small the rate; what was saved is in "
               "%s%s",
               train->folder, best);
        return RP_EFORMAT;
    }
    train->slower /= 2;
    rp_log(RP_WARN, "train",
           "step %" PRIu64 ": the loss is %s; back to step %" PRIu64
           " with %g of the rate",
           train->step,
           train->recent > FAR_TIMES * train->usual + FAR_NATS
               ? "far above what it was"
               : "not a number",
           train->good_step, train->slower);
    memcpy(train->params, train->good, size * sizeof(float));
    memcpy(train->state, train->good + size, train->state_size * sizeof(float));
    train->step = train->good_step;
    train->at = 0;
    memset(&train->tally, 0, sizeof train->tally);
    status = rp_train_learner_set(train);
    return status ? status : rp_train_persist(train, rp_train_board_begin);
}
