/* An engine that may be lost, with the CPU's beside it: to whoever calls it
 * one engine that does not fail. The CPU engine reads along behind, so that at
 * a loss there is next to nothing left to read and the call that failed is
 * answered at once; from then on it is the one that plays.
 *
 * Lost is an engine that says so, that has no memory left, whose logits are no
 * numbers, or that is late again and again. Whatever its states were, they are
 * not asked for: the CPU engine has its own. A call that never comes back
 * cannot be helped here: an engine has a deadline of its own and then says
 * RP_ELOST. */
#ifndef RP_SPARE_H
#define RP_SPARE_H

#include "model/net/engine.h"

struct rp_spare_options {
    const struct rp_engine_ops *ops; /* the engine that may be lost */
    uint32_t slots;
    uint32_t kept;    /* slots 0..kept-1 hold what lasts; the others only until
                         the next rp_spare_follow() */
    uint64_t late_ns; /* a call that takes longer is late; 0: none is */
};

enum {
    RP_SPARE_LATE = 3,    /* so many late calls ... */
    RP_SPARE_CALLS = 32,  /* ... of so many: it is lost */
    RP_SPARE_LOG = 1024   /* single steps that the CPU engine may be behind */
};

/* The CPU engine itself where that is what was asked for, or where the other
 * one cannot be made, which is logged. */
RP_MUST rp_status rp_spare_create(struct rp_engine **engine,
                                  const struct rp_shape *shape,
                                  const struct rp_spare_options *options);
/* The CPU engine reads what it has not read yet; for when there is time. Any
 * engine may be given: nothing is done where there is no spare. */
void rp_spare_follow(struct rp_engine *engine);
/* As if the engine had been lost just now, for this reason. */
void rp_spare_lose(struct rp_engine *engine, const char *why);
/* Name of the engine that plays. */
const char *rp_spare_playing(const struct rp_engine *engine);

#endif
