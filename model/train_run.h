/* A run of training: what its files share. */
#ifndef RP_TRAIN_RUN_H
#define RP_TRAIN_RUN_H

#include <stdio.h>

#include "model/net/checkpoint.h"
#include "model/team.h"
#include "model/train.h"
#include "model/train_batch.h"
#include "model/train_net.h"
#include "model/train_ops.h"
#include "model/train_optimizer.h"

/* Most rows of a shard. */
enum { RP_TRAIN_ROWS = 32 };

/* Sums over batches. */
struct rp_train_tally {
    double loss[RP_FIELDS];    /* nats */
    uint64_t drawn[RP_FIELDS]; /* times the field was asked for, */
    uint64_t hits[RP_FIELDS];  /* and what came was the likeliest */
    uint64_t notes, batches;
    double norm; /* of gradients, before they were cut */
};

struct rp_train {
    struct rp_train_options options;
    const volatile sig_atomic_t *stop;
    bool quiet;
    struct rp_dataset dataset;
    struct rp_shape shape;
    struct rp_train_net net;
    struct rp_team *team;
    uint32_t rows, shards;        /* rows: of a shard */
    struct rp_train_shard *shard; /* `shards` of each */
    struct rp_train_batch *batch;
    float **start; /* of each shard, if stateful: (layers, rows, H) */
    const struct rp_train_ops *ops; /* of another engine than the CPU; NULL */
    struct rp_learner *learner;     /* its instance; NULL: the CPU */
    bool moved; /* its weights are newer than those here */
    const struct rp_train_plan *ahead; /* of what was put already, and which */
    uint32_t ahead_index;
    uint64_t ahead_notes, ahead_steps; /* of the GRU, padding too */
    uint64_t steps_there; /* counted: GRU steps that the engine was given */
    struct rp_train_plan plan, valid_plan;
    float *params, *gradient;
    const struct rp_optimizer *optimizer;
    bool frozen[RP_VIEWS_MAX];
    /* All else that a step changes, state_size floats: the optimizer's slots
     * and the averaged weights. */
    float *state;
    size_t state_size;
    float *average; /* within state; NULL: none */
    float *good;    /* params and state as the epoch began */
    /* What --resume restores. */
    uint64_t step, planned;
    uint32_t epoch, at; /* at: next batch of the epoch */
    uint32_t since_best;
    double slower;        /* rate factor: halved when the loss was lost, */
    double decayed;       /* and of schedule plateau */
    double usual, recent; /* nats of a note, for train_good.c */
    double best;          /* lowest valid so far, or infinity */
    struct rp_train_tally tally; /* of this epoch's training */
    struct rp_train_tally valid; /* of the last validation */
    /* Of this process. */
    uint64_t good_step; /* with which the epoch began */
    uint64_t steps_here, notes_here;
    double learned; /* seconds that went into these steps */
    /* Seconds. spent: of the runs it resumes. */
    double began, epoch_began, shown, saved, spent;
    bool patient; /* it has begun: waits for a disk */
    char folder[512];
    struct rp_card begun; /* of a resumed run; its texts are the options' */
};

/* Whether the run is told to end. */
bool rp_train_must_stop(const struct rp_train *train);

/* train_tally.c */
void rp_train_tally_add(struct rp_train_tally *to,
                        const struct rp_train_tally *from);
double rp_train_nats(const struct rp_train_tally *tally); /* per note */
double rp_train_field_nats(const struct rp_train_tally *tally, int field);
/* Share of what came that was the likeliest. */
double rp_train_accuracy(const struct rp_train_tally *tally, int field);
/* Whether a network of this shape draws the field at all. */
bool rp_train_draws(const struct rp_train *train, int field);
double rp_train_mean_norm(const struct rp_train_tally *tally);

/* train_good.c: what is done when the loss is lost. */
RP_MUST rp_status rp_train_good_keep(struct rp_train *train); /* as an epoch
                                                                 begins */
/* Whether the loss of a batch, with those before it, is no number or far
 * above that of the epoch before. */
bool rp_train_good_lost(struct rp_train *train,
                        const struct rp_train_tally *batch, double norm);
/* Back to where the epoch began, at half the rate; RP_EFORMAT after ten
 * times. */
RP_MUST rp_status rp_train_good_return(struct rp_train *train);

/* train_setup.c */
RP_MUST rp_status rp_train_setup(struct rp_train *train);
void rp_train_fini(struct rp_train *train);
RP_MUST rp_status rp_train_plan_epoch(struct rp_train *train);

/* train_prior.c: sets the biases of the heads' outputs. */
void rp_train_prior(struct rp_train *train);

/* train_rate.c */
double rp_train_now(void); /* seconds, of no particular beginning */
/* Seconds, with those of the runs it resumes. */
double rp_train_spent(const struct rp_train *train);
/* How far the run is, 0 to 1. */
double rp_train_progress(const struct rp_train *train);
float rp_train_rate(const struct rp_train *train);   /* of the next step */
double rp_train_speed(const struct rp_train *train); /* notes per second */
double rp_train_left(const struct rp_train *train);  /* seconds, about */

/* train_step.c: the team and its shards, for train's options and net. */
RP_MUST rp_status rp_train_step_create(struct rp_train *train);
void rp_train_step_fini(struct rp_train *train);
/* One batch of a plan, over all threads. Adds to the tally. With `backward`,
 * gradient is the mean over the batch's notes. */
void rp_train_batch_run(struct rp_train *train,
                        const struct rp_train_plan *plan, uint32_t index,
                        bool backward, struct rp_train_tally *tally);

/* Only fills batch `index` of the plan; returns how many shards it has. */
uint32_t rp_train_batch_fill_all(struct rp_train *train,
                                 const struct rp_train_plan *plan,
                                 uint32_t index, bool learn);
/* Of the dropout of a shard. */
uint64_t rp_train_shard_seed(const struct rp_train *train, uint64_t step,
                             uint32_t shard);
/* Of the recurrent weights' dropout. */
uint64_t rp_train_net_seed(const struct rp_train *train, uint64_t step);

/* train_learner.c: runs on another engine than the CPU. choose: options.engine
 * "auto" becomes a name. open: the learner, or none; sets train->learner. */
void rp_train_learner_choose(struct rp_train_options *options);
RP_MUST rp_status rp_train_learner_open(struct rp_train *train);
void rp_train_learner_close(struct rp_train *train);
/* params and state to the engine, and from there; nothing on the CPU. */
RP_MUST rp_status rp_train_learner_set(struct rp_train *train);
RP_MUST rp_status rp_train_learner_get(struct rp_train *train);
/* What was put ahead and is not wanted goes through, and is forgotten. */
RP_MUST rp_status rp_train_learner_drain(struct rp_train *train);
/* As rp_train_batch_run; with `step` (NULL: none) the weights change, and
 * tally->norm is the gradient's. */
RP_MUST rp_status rp_train_learner_run(struct rp_train *train,
                                       const struct rp_train_plan *plan,
                                       uint32_t index, bool backward,
                                       const struct rp_optimizer_step *step,
                                       struct rp_train_tally *tally);

/* train_folder.c: a folder of its own, on a disk with room for the run. */
RP_MUST rp_status rp_train_folder_create(struct rp_train *train);

/* train_save.c. Once the run has begun, a disk that is full, or gone, makes it
 * wait and try again, up to an hour; what was saved before stays whole. */
RP_MUST rp_status rp_train_persist(struct rp_train *train,
                                   rp_status (*write)(struct rp_train *));
RP_MUST rp_status rp_train_save_best(struct rp_train *train);
/* last.safetensors, anywhere in an epoch. */
RP_MUST rp_status rp_train_save_last(struct rp_train *train);
/* As an epoch begins: last, and good.safetensors. */
RP_MUST rp_status rp_train_save_epoch(struct rp_train *train);
/* good.safetensors, of the bytes of last, which must be from the beginning of
 * an epoch. */
RP_MUST rp_status rp_train_save_good(struct rp_train *train);

/* train_resume.c: from train->folder. */
RP_MUST rp_status rp_train_resume(struct rp_train *train);

/* train_show.c: nothing when quiet. */
void rp_train_show_begin(struct rp_train *train); /* and how long it takes */
void rp_train_show_step(struct rp_train *train);
void rp_train_show_epoch(struct rp_train *train);

/* train_board.c: TensorBoard's file. begin: a new one, or the old one without
 * the steps to come. */
RP_MUST rp_status rp_train_board_begin(struct rp_train *train);
RP_MUST rp_status rp_train_board_step(struct rp_train *train);
RP_MUST rp_status rp_train_board_epoch(struct rp_train *train);

/* train_table.c: run.csv. */
RP_MUST rp_status rp_train_table_add(struct rp_train *train);
/* Only lines of epochs that are done stay. */
RP_MUST rp_status rp_train_table_trim(const struct rp_train *train);

#endif
