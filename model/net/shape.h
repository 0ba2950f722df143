/* The shape of a network and where each parameter lies in the one flat float
 * array that crosses every interface (engines, checkpoints, the trainer).
 *
 * One GRU step per note. Layer 0 reads a sparse 0/1 vector of I inputs
 * (vocabulary.h says which), layer k reads layer k-1. On the top state stand
 * small heads, one per field, in the order of enum rp_field:
 *
 *   a = relu(hidden.weight h + cond.weight c + hidden.bias)      (E)
 *   logits = out.weight a + out.bias                             (N_f)
 *
 * c is the sparse 0/1 vector of what is known when the field is drawn: the
 * fields chosen so far and what the NEW onset implies (vocabulary.h).
 *
 * Gates r, z, n in that order, "reset after" as in PyTorch and cuDNN:
 *   r = s(W_ir x + b_ir + W_hr h + b_hr)
 *   z = s(W_iz x + b_iz + W_hz h + b_hz)
 *   n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
 *   h' = (1 - z) * n + z * h
 */
#ifndef RP_SHAPE_H
#define RP_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "model/data/vocabulary.h"
#include "rt/status.h"

enum { RP_LAYERS_MAX = 4, RP_HIDDEN_MAX = 2048, RP_HEAD_MAX = 1024 };

struct rp_shape {
    uint32_t layers; /* 1..RP_LAYERS_MAX */
    uint32_t hidden; /* H, a multiple of 16 */
    uint32_t head;   /* E, a multiple of 16 */
    struct rp_vocabulary vocabulary;
};

/* One named parameter: `rows` x `columns` row-major (columns 1 for a bias) at
 * `offset` floats into the flat array. Names are PyTorch's:
 *   gru.weight_ih_l0 (3H, I)   gru.weight_hh_l0 (3H, H)
 *   gru.bias_ih_l0 (3H)        gru.bias_hh_l0 (3H)      ... per layer
 *   head.pitch.hidden.weight (E, H)   head.pitch.hidden.bias (E)
 *   head.pitch.cond.weight (E, C_f)   head.pitch.out.weight (N_f, E)
 *   head.pitch.out.bias (N_f)                           ... per field in use
 * A field with C_f = 0 has no cond.weight. */
struct rp_view {
    char name[40];
    size_t offset;
    uint32_t rows, columns;
};

enum { RP_VIEWS_MAX = 4 * RP_LAYERS_MAX + 5 * 8 };

struct rp_layout {
    size_t size; /* floats in all */
    uint32_t count;
    struct rp_view view[RP_VIEWS_MAX];
    /* indices into view[] */
    uint8_t weight_ih[RP_LAYERS_MAX], weight_hh[RP_LAYERS_MAX];
    uint8_t bias_ih[RP_LAYERS_MAX], bias_hh[RP_LAYERS_MAX];
    uint8_t head_hidden[RP_FIELDS], head_bias[RP_FIELDS];
    uint8_t head_cond[RP_FIELDS]; /* valid only where C_f > 0 */
    uint8_t head_out[RP_FIELDS], head_out_bias[RP_FIELDS];
};

/* RP_EARG with one logged line when the shape is out of bounds. */
RP_MUST rp_status rp_shape_check(const struct rp_shape *shape);
void rp_shape_layout(const struct rp_shape *shape, struct rp_layout *layout);
/* Where training begins: uniform in +-1/sqrt(H), the output heads in
 * +-1/sqrt(E), a pure function of shape and seed. */
void rp_shape_init_params(const struct rp_shape *shape, uint32_t seed,
                          float *params);

#endif
