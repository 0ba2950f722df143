/* Training on an engine other than the CPU (engine.h: ops->train): the
 * weights, their gradient, the optimizer's state and the batches live where
 * the engine is. The trainer fills batches and judges losses.
 *
 * A step is put, run, result: while the engine works on one batch, the next is
 * filled and put. At most two batches are put and have no result yet; they
 * are run, and give results, in the order in which they were put. One thread
 * calls a learner.
 *
 * RP_ELOST from any call: the device is gone or out of time; only destroy is
 * left. */
#ifndef RP_TRAIN_OPS_H
#define RP_TRAIN_OPS_H

#include "model/net/batch.h"
#include "model/net/cells.h"
#include "model/net/shape.h"
#include "model/train_optimizer.h"

struct rp_learner; /* one instance; an implementation's own struct */

struct rp_learner_options {
    struct rp_shape shape;
    uint32_t T, B; /* of the largest batch */
    enum rp_precision precision; /* of passes with backward; others: fp32 */
    const char *optimizer;       /* rp_optimizer_names */
    bool dropout;                /* whether any pass drops */
    bool average;                /* whether averaged weights are kept */
    bool stateful;               /* whether any row is carried */
    const bool *frozen;          /* of each view; copied */
};

/* How a row stands between the batches before and after it. */
struct rp_learner_row {
    bool carried; /* it begins in the state in which this row of the batch
                     that was run before ended */
    uint32_t end; /* time of that state; 0 where no batch goes on */
};

/* Some rows of a batch, which stand beside each other in one: the shards of
 * the CPU's trainer. */
struct rp_learner_part {
    const struct rp_batch *batch;
    uint64_t seed; /* of this part's dropout: the masks are the CPU's */
    const struct rp_learner_row *row; /* of each; NULL: all begin anew */
};

struct rp_learner_pass {
    bool backward;
    bool average; /* read the averaged weights */
    float dropout;
    float smoothing;
    float recurrent_dropout; /* of single recurrent weights, */
    uint64_t seed;           /* which this chooses */
};

struct rp_learner_update {
    struct rp_optimizer_step step; /* its scale is the engine's to find */
    float clip;                    /* longest gradient; 0: any */
    float average;                 /* as rp_train_average */
};

/* Of one batch; as struct rp_train_shard has them. */
struct rp_learner_result {
    double loss[RP_FIELDS];
    uint64_t drawn[RP_FIELDS], hits[RP_FIELDS];
    double weight;
    double norm; /* of the mean gradient before it was cut; 0 if no update */
};

struct rp_train_ops {
    /* RP_ENONE with one logged line that says exactly what is missing, or
     * which of the options is not there. */
    RP_MUST rp_status (*create)(struct rp_learner **learner,
                                const struct rp_learner_options *options);
    void (*destroy)(struct rp_learner *learner);
    /* What it is, for people: the device, the library, the precision. */
    const char *(*about)(const struct rp_learner *learner);

    /* rp_layout.size floats, and the state as a checkpoint has it: the
     * optimizer's slots, then the averaged weights. */
    RP_MUST rp_status (*set)(struct rp_learner *learner, const float *params,
                             const float *state);
    RP_MUST rp_status (*get)(struct rp_learner *learner, float *params,
                             float *state);
    /* Of the last run with backward: the mean over the batch's notes, 0 where
     * frozen (rp_layout.size). */
    RP_MUST rp_status (*gradient)(struct rp_learner *learner,
                                  float *gradient);

    /* The parts may change when this returns. */
    RP_MUST rp_status (*put)(struct rp_learner *learner,
                             const struct rp_learner_part *part,
                             uint32_t parts,
                             const struct rp_learner_pass *pass);
    /* Begins the oldest batch that was put; with `update` (which may be NULL)
     * the weights are changed, unless the gradient is no number. */
    RP_MUST rp_status (*run)(struct rp_learner *learner,
                             const struct rp_learner_update *update);
    /* Waits for the oldest that runs. */
    RP_MUST rp_status (*result)(struct rp_learner *learner,
                                struct rp_learner_result *result);
};

#endif
