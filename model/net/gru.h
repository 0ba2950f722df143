/* The network written out plainly, in double: what every engine and the
 * trainer are checked against. Slow on purpose; never in a product path.
 *
 * Gates r, z, n in that order, "reset after", as PyTorch and cuDNN:
 *   r = s(W_ir x + b_ir + W_hr h + b_hr)
 *   z = s(W_iz x + b_iz + W_hz h + b_hz)
 *   n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
 *   h' = (1 - z) * n + z * h
 * and the heads of shape.h, and the loss of batch.h. dX is the gradient of the
 * loss with respect to X. */
#ifndef RP_GRU_H
#define RP_GRU_H

#include "model/net/batch.h"
#include "model/net/shape.h"

struct rp_gru;

/* Room for batches of at most T x B. */
RP_MUST rp_status rp_gru_create(struct rp_gru **gru,
                                const struct rp_shape *shape, uint32_t T,
                                uint32_t B);
void rp_gru_destroy(struct rp_gru *gru);

/* Runs a batch; params are rp_layout.size doubles. Returns the loss, summed
 * over notes; by_field (RP_FIELDS) may be NULL. */
double rp_gru_forward(struct rp_gru *gru, const double *params,
                      const struct rp_batch *batch, double *by_field);
/* After forward with the same arguments: adds the gradient of its loss to
 * dparams (rp_layout.size). */
void rp_gru_backward(struct rp_gru *gru, const double *params,
                     const struct rp_batch *batch, double *dparams);

/* After forward: state (H) of a layer at (t, b), and the logits of a field
 * there (N_f, written to `logits`). */
const double *rp_gru_state(const struct rp_gru *gru, uint32_t t, uint32_t b,
                           uint32_t layer);
void rp_gru_logits(struct rp_gru *gru, const double *params,
                   const struct rp_batch *batch, uint32_t t, uint32_t b,
                   enum rp_field field, double *logits);

#endif
