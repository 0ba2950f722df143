/* Training: reads folders of .mid, learns, keeps the best checkpoint.
 *
 * A run is a numbered folder under `out` (001, 002, ...) with
 *   best.safetensors  the weights with the lowest validation loss so far
 *   last.safetensors  the newest, with all that --resume needs
 *   good.safetensors  the same as the epoch began, to go back to
 *   run.csv           one line per epoch
 *   data.json         the data report (data/report.h)
 *   events.out.tfevents.riposte  the same and more, for TensorBoard
 *   config.ini        what it was begun with
 * Same data, options and seed: the same bytes (where they do not tell the
 * time), with any number of threads and however often the run was stopped,
 * killed and resumed, unless time_limit ends it. */
#ifndef RP_TRAIN_H
#define RP_TRAIN_H

#include <signal.h>

#include "model/net/shape.h"

struct rp_train_options {
    const char *const *dir; /* folders to read, or one prepared file */
    uint32_t dirs;
    bool frames;      /* dir[0] is a file of piano rolls (data/frames.h) */
    const char *role; /* rp_role_name */
    uint32_t resolution; /* ticks per beat */
    uint32_t layers, hidden, head;
    uint32_t batch, length; /* rows (0: auto), positions of a row */
    const char *precision; /* "auto", "fp32" or "bf16" */
    const char *engine;    /* "cpu", "auto" or the name of another */
    uint32_t epochs;
    const char *optimizer; /* model/train_optimizer.h */
    /* NAN: the optimizer's own. */
    float lr, momentum, beta2, epsilon, weight_decay;
    bool nesterov;
    float clip;
    uint32_t warmup; /* steps */
    const char *schedule; /* "cosine" or "plateau" */
    float decay;   /* plateau: of the rate, after an epoch without a better
                      valid */
    float average; /* share of the past in averaged weights; 0: none */
    float dropout;   /* between the layers and before the heads */
    float recurrent_dropout; /* of single weights of weight_hh, per step */
    float input_dropout;     /* of whole fields of the input */
    uint32_t transpose;      /* semitones, 0..6; 6: all keys */
    float held, metre_drop;  /* model/train_batch.h, train_crop.h */
    float chord_drop;
    bool chord, timing, runs, voices; /* of the vocabulary */
    float smoothing;         /* of labels; 0 off */
    uint32_t patience;       /* epochs without a better valid; 0: none */
    uint64_t seed;
    uint32_t threads; /* 0: one per core */
    uint32_t memory; /* MiB that pieces may take; 0: half of the machine's */
    bool velocity, metre, recall;
    bool stateful; /* model/train_crop.h */
    bool prior;         /* a fresh network begins at the data's frequencies */
    const char *freeze; /* patterns of names of weights, or NULL */
    double time_limit; /* minutes; 0: none. The rate then falls to its end
                          (cosine) by what is further on, the steps or the
                          time */
    const char *out;
    const char *from;   /* checkpoint to start from, or NULL */
    const char *resume; /* run folder to go on with, or NULL */
    const char *message, *licence, *attribution; /* for the card, or NULL */
    const char *command;                         /* for the card, or NULL */
    uint32_t steps_max; /* stop after so many steps as if told to; 0: none */
    uint64_t given; /* bit i: rp_train_knobs[i] was set by someone */
};

struct rp_train_result {
    char folder[512];
    uint64_t steps;
    uint32_t epoch;
    double train, valid, best; /* nats per note */
};

void rp_train_defaults(struct rp_train_options *options);

/* Trains until the planned end, `*stop` != 0, patience or the time limit.
 * Progress lines go to stdout unless `quiet`. result may be NULL. */
RP_MUST rp_status rp_train_run(const struct rp_train_options *options,
                               const volatile sig_atomic_t *stop, bool quiet,
                               struct rp_train_result *result);

#endif
