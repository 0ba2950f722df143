/* The answers that were given last: who asks the same again hears another. */
#ifndef RP_GIVEN_H
#define RP_GIVEN_H

#include "model/play/rollout.h"

enum { RP_GIVEN = 16 };

struct rp_given {
    uint32_t mark[RP_GIVEN]; /* by turn: what came of its pitches and rhythm;
                                0: nothing */
};

/* Turn `turn` begins; it gives a note, `dt` ticks after the one before. */
void rp_given_begin(struct rp_given *given, uint32_t turn);
void rp_given_note(struct rp_given *given, uint32_t turn, uint8_t pitch,
                   int32_t dt);
/* Candidates that were given before count as having no note, unless there is
 * no other. */
void rp_given_leave_out(const struct rp_given *given, struct rp_rollout *set);

#endif
