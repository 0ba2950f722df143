/* A run of training: what its files share. */
#ifndef RP_TRAIN_RUN_H
#define RP_TRAIN_RUN_H

#include <stdio.h>

#include "model/net/checkpoint.h"
#include "model/team.h"
#include "model/train.h"
#include "model/train_batch.h"
#include "model/train_net.h"
#include "model/train_optimizer.h"

/* Most rows of a shard. */
enum { RP_TRAIN_ROWS = 32 };

struct rp_train_tally {
    double loss[RP_FIELDS]; /* nats, summed */
    uint64_t notes;
};

struct rp_train {
    struct rp_train_options options;
    const volatile sig_atomic_t *stop;
    bool quiet;
    struct rp_dataset dataset;
    struct rp_shape shape;
    struct rp_train_net net;
    struct rp_team *team;
    uint32_t rows, shards; /* rows: of a shard */
    struct rp_train_shard *shard; /* `shards` of each */
    struct rp_train_batch *batch;
    struct rp_train_plan plan, valid_plan;
    float *params, *gradient;
    const struct rp_optimizer *optimizer;
    bool frozen[RP_VIEWS_MAX];
    /* All else that a step changes, state_size floats: the optimizer's slots
     * and the averaged weights. */
    float *state;
    size_t state_size;
    float *average; /* within state; NULL: none */
    float *good;    /* params and state to go back to */
    /* What --resume restores. */
    uint64_t step, planned;
    uint32_t epoch, at; /* at: next batch of the epoch */
    uint32_t since_best;
    double slower; /* rate factor: halved when the loss was no number, */
    double decayed; /* and of schedule plateau */
    double best;   /* lowest valid so far, or infinity */
    struct rp_train_tally tally; /* of this epoch's training */
    struct rp_train_tally valid; /* of the last validation */
    /* Of this process. */
    uint64_t good_step; /* where `good` was kept, */
    uint32_t good_at;   /* its batch of the epoch */
    struct rp_train_tally good_tally; /* and what was counted by then */
    uint64_t steps_here, notes_here;
    double began, shown, spent; /* seconds */
    char folder[512];
    struct rp_card begun; /* of a resumed run; its texts are the options' */
};

double rp_train_nats(const struct rp_train_tally *tally); /* per note */

/* train_setup.c */
RP_MUST rp_status rp_train_setup(struct rp_train *train);
void rp_train_fini(struct rp_train *train);
RP_MUST rp_status rp_train_plan_epoch(struct rp_train *train);

/* train_rate.c */
double rp_train_now(void); /* seconds, of no particular beginning */
/* Seconds, with those of the runs it resumes. */
double rp_train_spent(const struct rp_train *train);
/* How far the run is, 0 to 1. */
double rp_train_progress(const struct rp_train *train);
float rp_train_rate(const struct rp_train *train); /* of the next step */

/* train_step.c: the team and its shards, for train's options and net. */
RP_MUST rp_status rp_train_step_create(struct rp_train *train);
void rp_train_step_fini(struct rp_train *train);
/* One batch of a plan, over all threads. Adds to the tally. With `backward`,
 * gradient is the mean over the batch's notes. */
void rp_train_batch_run(struct rp_train *train,
                        const struct rp_train_plan *plan, uint32_t index,
                        bool backward, struct rp_train_tally *tally);

/* train_files.c */
RP_MUST rp_status rp_train_folder_create(struct rp_train *train);
RP_MUST rp_status rp_train_save(const struct rp_train *train,
                                const char *name, bool whole);
RP_MUST rp_status rp_train_resume(struct rp_train *train);
RP_MUST rp_status rp_train_csv(const struct rp_train *train);

#endif
