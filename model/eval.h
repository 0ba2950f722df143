/* How well a network predicts: nats over one split, teacher-forced, each piece
 * whole, from its origin and the zero state, END included; beside what it has
 * to beat (markov.h), over the same events.
 *
 * Of piano rolls (data/frames.h), nats per frame: all fields of all notes, END
 * and the silence after the last note, over all frames, the first included. A
 * roll is one sequence of notes and one tail, so this is the length of a code
 * for it. */
#ifndef RP_EVAL_H
#define RP_EVAL_H

#include <stdio.h>

#include "model/data/dataset.h"
#include "model/markov.h"
#include "model/net/engine.h"

struct rp_eval_field {
    uint64_t draws; /* times it was drawn; each ESCAPE is a draw */
    uint64_t hits;  /* times the likeliest class was the one */
    double nats;    /* sum of -log P */
};

struct rp_eval {
    enum rp_split split;
    bool rolls;
    uint64_t pieces, notes; /* END is no note */
    uint64_t frames;        /* of piano rolls */
    double tail;            /* nats of the silent frames after their notes */
    struct rp_eval_field field[RP_FIELDS];
    /* Sums of nats over the same notes: dt and duration, and pitch. */
    struct rp_markov_nats network, markov, repeat;
    double again_rhythm, again_pitch; /* fitted shares of `repeat` */
    double seconds;                   /* the network took */
};

/* What is to be predicted by what. */
struct rp_eval_task {
    const struct rp_engine_ops *ops;
    const struct rp_shape *shape;
    const float *params; /* as engine.h has them */
    const struct rp_dataset *dataset;
    enum rp_split split;
    bool held; /* the network hears no durations: HELD in place of each */
};

/* RP_ENONE, logged, when the split is empty. */
RP_MUST rp_status rp_eval_run(const struct rp_eval_task *task,
                              struct rp_eval *eval);

/* The nats of each piece of the split, its tail included, in the dataset's
 * order; `nats` has room for all. */
RP_MUST rp_status rp_eval_pieces(const struct rp_eval_task *task,
                                 double *nats);

/* Nats in all, of all fields, and tails; per note; per frame. */
double rp_eval_total(const struct rp_eval *eval);
double rp_eval_nats(const struct rp_eval *eval);
double rp_eval_frame_nats(const struct rp_eval *eval);
/* eval_print.c: for people, and as a JSON object. */
void rp_eval_print(const struct rp_eval *eval, FILE *file);
void rp_eval_print_json(const struct rp_eval *eval, FILE *file);

#endif
