/* The network as training runs it: many rows at once, forward with the
 * layers' values kept, backward to one flat gradient.
 *
 * The arithmetic of one shard (its rows of the batch) never looks at another
 * shard, and each has its own gradient; whoever runs them adds the gradients
 * in the order of the shards. So threads change nothing in the result. */
#ifndef RP_TRAIN_NET_H
#define RP_TRAIN_NET_H

#include "model/net/batch.h"
#include "model/net/cells.h"
#include "model/net/shape.h"
#include "model/team.h"

enum { RP_TRAIN_PACKS = 5 * RP_LAYERS_MAX + 5 * RP_FIELDS };

/* One matrix in the order that the kernels want it: packed, or, for those that
 * are read a row at a time, turned. */
struct rp_train_pack {
    uint32_t view, first_row; /* where it lies in the parameters */
    uint32_t rows, columns;
    enum { RP_PACK_FORWARD, RP_PACK_BACK, RP_PACK_TURN } how;
    float *to;
};

/* Weights in the orders that the kernels want; written by rp_train_net_set
 * between steps, read by all during one. */
struct rp_train_net {
    struct rp_shape shape;
    struct rp_layout layout;
    enum rp_precision precision; /* of steps with backward */
    const struct rp_kernels *k;
    const struct rp_cells *cells; /* of the last set */
    const float *params;          /* of the last set, not owned */
    struct rp_team *team;         /* packs; not owned; NULL: nobody helps */
    float *store;                 /* owns all of the below */
    uint32_t packs;
    struct rp_train_pack pack[RP_TRAIN_PACKS];
    /* Packed cells, but for what is said to be rows of floats. */
    float *hh[RP_LAYERS_MAX];        /* h -> gates */
    float *hh_back_rz[RP_LAYERS_MAX]; /* gates r, z -> h */
    float *hh_back_n[RP_LAYERS_MAX];  /* gate n -> h */
    float *ih[RP_LAYERS_MAX];        /* layer 0: (I, 3H) rows */
    float *ih_back[RP_LAYERS_MAX];   /* layers >= 1 */
    float *hidden[RP_FIELDS], *hidden_back[RP_FIELDS];
    float *out[RP_FIELDS], *out_back[RP_FIELDS];
    float *cond[RP_FIELDS];          /* (C, E) rows */
    float *masked[RP_LAYERS_MAX]; /* (3H, H): weight_hh after dropout */
    float *kept[RP_LAYERS_MAX];   /* (3H, H): 0 or 1 / (1 - dropout) */
    float recurrent_dropout;      /* of the last set, */
    uint64_t seed;                /* and what chose them */
};

RP_MUST rp_status rp_train_net_create(struct rp_train_net *net,
                                      const struct rp_shape *shape,
                                      enum rp_precision precision);
void rp_train_net_fini(struct rp_train_net *net);
/* Packs `params`, which must stay until the next set, as cells of `precision`:
 * the net's own, or RP_FP32 for passes without backward. `recurrent_dropout`
 * of the recurrent weights, chosen by `seed`, are 0 until then. */
void rp_train_net_set(struct rp_train_net *net, enum rp_precision precision,
                      const float *params, float recurrent_dropout,
                      uint64_t seed);

struct rp_train_pass {
    bool backward;
    float dropout;
    float smoothing;
    uint64_t seed; /* of this shard in this step */
};

/* Where the time goes, for bench. */
enum rp_train_stage {
    RP_STAGE_FILL,      /* the rows, from notes */
    RP_STAGE_INPUT,     /* forward: what is heard */
    RP_STAGE_RECURRENT, /* forward: the state */
    RP_STAGE_HEADS,     /* both ways, the loss between */
    RP_STAGE_BACKWARD,  /* through the layers */
    RP_STAGE_WEIGHTS,   /* the gradient of the layers' weights */
    RP_STAGES
};

enum { RP_TRAIN_CHUNK = 256 }; /* rows that stay in a cache together */

struct rp_train_shard {
    uint32_t T_max, B_max;
    /* The thread's own seconds, and when the last stage ended. */
    double spent[RP_STAGES], lap;
    double loss[RP_FIELDS];  /* nats, summed */
    uint64_t drawn[RP_FIELDS]; /* times the field was asked for, */
    uint64_t hits[RP_FIELDS];  /* and what came was the likeliest */
    double weight;           /* of all notes, END included */
    /* d loss / d params, summed over the shard. As layout has it, except that
     * what layer 0 reads and the conditions are transposed:
     * rp_train_net_gradient turns them. */
    float *gradient;
    float *store; /* owns all of the below; "cells": of the last set */
    float *h[RP_LAYERS_MAX];    /* cells (T, B, H) */
    float *x[RP_LAYERS_MAX];    /* cells (T, B, H): h of the layer below after
                                   dropout, where there is any */
    float *gate[RP_LAYERS_MAX]; /* cells (T, B, 4H), as rp_cells.gates */
    float *state;               /* (B, H): h in full, of one layer and time */
    float *gi, *gh;             /* (about RP_TRAIN_CHUNK, 3H), (B, 3H) */
    float *dh, *carry;          /* (T, B, H), (B, H) */
    float *bias;                /* (4H) */
    float *keep[RP_LAYERS_MAX + RP_FIELDS]; /* (B, H): dropout of one place */
    /* Of the heads, for a chunk of rows: */
    float *a, *da;                     /* cells, and floats (P, H) */
    float *e, *e_cells, *de, *de_cells; /* (P, E) */
    float *logits, *dlogits, *dlogits_cells; /* (P, 128) */
    float *scratch;                    /* of gemm_tn */
    uint32_t row[RP_TRAIN_CHUNK];      /* (P): which row each is */
};

RP_MUST rp_status rp_train_shard_create(struct rp_train_shard *shard,
                                        const struct rp_train_net *net,
                                        uint32_t T, uint32_t B);
void rp_train_shard_fini(struct rp_train_shard *shard);
/* Loss, and with pass->backward the gradient, of a batch of at most T_max x
 * B_max whose first row of input is empty. */
void rp_train_shard_run(const struct rp_train_net *net,
                        struct rp_train_shard *shard,
                        const struct rp_batch *batch,
                        const struct rp_train_pass *pass);

/* State of layer l at row (t, b) of the last run, (H). */
void rp_train_shard_state(const struct rp_train_net *net,
                          const struct rp_train_shard *shard,
                          const struct rp_batch *batch, uint32_t l, uint32_t t,
                          uint32_t b, float *state);

/* The time since the last lap goes to `stage`; RP_STAGES: to none. */
void rp_train_lap(struct rp_train_shard *shard, enum rp_train_stage stage);

/* The shards' gradients, added in order and times `scale`, as the layout
 * says. */
void rp_train_net_gradient(const struct rp_train_net *net,
                           const struct rp_train_shard *shard, uint32_t shards,
                           float scale, float *gradient);

#endif
