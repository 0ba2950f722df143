/* The network as training runs it: many rows at once, forward with the
 * layers' values kept, backward to one flat gradient.
 *
 * The arithmetic of one shard (its rows of the batch) never looks at another
 * shard, and each has its own gradient; whoever runs them adds the gradients
 * in the order of the shards. So threads change nothing in the result. */
#ifndef RP_TRAIN_NET_H
#define RP_TRAIN_NET_H

#include "model/net/batch.h"
#include "model/net/kernels.h"
#include "model/net/shape.h"

/* Weights in the orders that the kernels want; written by one thread between
 * steps, read by all during one. */
struct rp_train_net {
    struct rp_shape shape;
    struct rp_layout layout;
    const struct rp_kernels *k;
    const float *params; /* of the last rp_train_net_set, not owned */
    float *store;        /* owns all of the below */
    float *hh[RP_LAYERS_MAX];      /* h -> gates, packed */
    float *hh_back[RP_LAYERS_MAX]; /* gates -> h, packed */
    float *ih[RP_LAYERS_MAX];      /* layer 0: (I, 3H) rows; else packed */
    float *ih_back[RP_LAYERS_MAX]; /* layers >= 1, packed */
    float *hidden[RP_FIELDS], *hidden_back[RP_FIELDS]; /* packed */
    float *out[RP_FIELDS], *out_back[RP_FIELDS];       /* packed */
    float *cond[RP_FIELDS];        /* (C, E) rows */
    float *masked;                 /* (3H, H): weight_hh after dropout */
    float *kept[RP_LAYERS_MAX];    /* (3H, H): 0 or 1 / (1 - dropout) */
    float recurrent_dropout;      /* of the last set */
};

RP_MUST rp_status rp_train_net_create(struct rp_train_net *net,
                                      const struct rp_shape *shape);
void rp_train_net_fini(struct rp_train_net *net);
/* Packs `params`, which must stay until the next set. `recurrent_dropout` of
 * the recurrent weights, chosen by `seed`, are 0 until then. */
void rp_train_net_set(struct rp_train_net *net, const float *params,
                      float recurrent_dropout, uint64_t seed);

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

struct rp_train_shard {
    uint32_t T_max, B_max;
    double spent[RP_STAGES], lap; /* seconds, and when the last stage ended */
    double loss[RP_FIELDS];  /* nats, summed */
    uint64_t drawn[RP_FIELDS]; /* times the field was asked for, */
    uint64_t hits[RP_FIELDS];  /* and what came was the likeliest */
    double weight;           /* of all notes, END included */
    /* d loss / d params, summed over the shard. As layout has it, except that
     * what layer 0 reads and the conditions are transposed:
     * rp_train_net_gradient turns them. */
    float *gradient;
    float *store; /* owns all of the below */
    float *h[RP_LAYERS_MAX];                      /* (T, B, H) */
    float *gate[RP_LAYERS_MAX], *gh[RP_LAYERS_MAX]; /* (T, B, 3H) */
    float *x[RP_LAYERS_MAX]; /* (T, B, H) what layers >= 1 read */
    float *dh, *carry;       /* (T, B, H), (B, H) */
    float *keep;             /* (B, H): dropout of one place */
    float *a, *da;           /* (P, H): heads' input, P = T B */
    float *e, *de;           /* (P, E) */
    float *logits, *dlogits; /* (P, 128) */
    float *scratch;          /* of gemm_tn */
    uint32_t *row;           /* (P): which row each is */
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

/* The time since the last lap goes to `stage`; RP_STAGES: to none. */
void rp_train_lap(struct rp_train_shard *shard, enum rp_train_stage stage);

/* The shards' gradients, added in order and times `scale`, as the layout
 * says. The first shard's own is lost. */
void rp_train_net_gradient(const struct rp_train_net *net,
                           struct rp_train_shard *shard, uint32_t shards,
                           float scale, float *gradient);

#endif
