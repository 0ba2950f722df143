/* What a step does to the weights, once their gradient is known. The team may
 * be NULL; its threads change no bit. */
#ifndef RP_TRAIN_UPDATE_H
#define RP_TRAIN_UPDATE_H

#include "model/net/shape.h"
#include "model/team.h"
#include "model/train_optimizer.h"

/* Lets go of the gradient where `frozen` (of each view), and says how long
 * what is left is. */
double rp_train_norm(struct rp_team *team, const struct rp_layout *layout,
                     const bool *frozen, float *gradient);
/* All weights but the frozen; biases do not decay. `slots`: the optimizer's,
 * each layout->size. */
void rp_train_update(struct rp_team *team, const struct rp_layout *layout,
                     const struct rp_optimizer *optimizer,
                     const struct rp_optimizer_step *step, const bool *frozen,
                     const float *gradient, float *params, float *slots);
/* Draws the average towards params after so many steps; early on it forgets
 * faster, so that it never remembers the weights of the beginning. */
void rp_train_average(size_t size, float share, uint64_t steps,
                      const float *params, float *average);

/* Which views a list of shell patterns ("gru.*_l0,head.pitch.*") names.
 * RP_EARG with one logged line when one names none, or all are named. */
RP_MUST rp_status rp_train_freeze(const struct rp_layout *layout,
                                  const char *list, bool *frozen);

#endif
