/* Many possible answers at once, thought through from one state to their end:
 * the work that a GPU is for, and on the CPU the same with fewer. Nothing
 * here knows which one is good (candidates.h does). */
#ifndef RP_ROLLOUT_H
#define RP_ROLLOUT_H

#include <stdatomic.h>

#include "model/play/turn.h"

enum {
    RP_ROLLOUT_CANDIDATES = 4096,
    RP_ROLLOUT_NOTES = 128 /* of one candidate */
};

/* How one candidate went. */
struct rp_rolled {
    uint16_t notes;
    uint8_t why;   /* enum rp_drawn of the draw that ended it; RP_DRAWN: it
                      was cut off at the most notes */
    uint16_t fields; /* classes drawn, escapes and those of a last draw that
                        came to no note included */
    float logp;    /* natural log, summed over them in double: of the model
                      alone (what rp_draw_weigh adds apart), under the masks,
                      temperature 1 */
};

/* What the work of one rollout at a time needs, made beforehand by whoever may
 * not allocate while playing. RP_EMEM is logged. */
struct rp_rollout_room;
RP_MUST rp_status rp_rollout_room_create(struct rp_rollout_room **room,
                                         uint32_t slots);
void rp_rollout_room_destroy(struct rp_rollout_room *room);

struct rp_rollout {
    /* From where; none of it is changed or kept. */
    const struct rp_shape *shape;   /* of the engine's network */
    const float *state;             /* (layers, H), as the engine's state() */
    const struct rp_reader *reader; /* beside it, ready for the first note */
    const struct rp_turn *turn;     /* ready to draw its first note; candidate
                                       i draws as number turn->candidate + i */
    const struct rp_taste *taste;
    int32_t from;                   /* of rp_turn_aim for the first note */
    uint32_t candidates;            /* 1..RP_ROLLOUT_CANDIDATES */
    uint32_t most;                  /* notes of each, 1..RP_ROLLOUT_NOTES */
    const _Atomic uint32_t *cancel; /* not 0: stop within a note; NULL: none */
    struct rp_rollout_room *room;   /* for as many slots as are given, or more;
                                       NULL: made for this call. An engine
                                       with a rollout of its own needs none */
    /* To where; owned by the caller. */
    struct rp_note *note;     /* (candidates, most) */
    struct rp_rolled *rolled; /* (candidates) */
};

/* The draws are those of rp_turn_draw with the same keys, so a candidate can
 * be drawn again note by note. RP_ECANCEL: what was written means nothing;
 * RP_ELOST as for every call of an engine. An engine with a rollout of its own
 * is asked; any other works through step and logits in the slots
 * first .. first + slots - 1, as many candidates at a time as there are
 * slots. */
RP_MUST rp_status rp_rollout_run(struct rp_engine *engine, uint32_t first,
                                 uint32_t slots, struct rp_rollout *rollout);

/* Whose rollouts are the quickest for a network: `*ops`, unless another engine
 * that can run here takes less than half its time, as tried now. One that
 * fails is not taken. */
RP_MUST rp_status rp_rollout_choose(const struct rp_shape *shape,
                                    const float *params,
                                    const struct rp_engine_ops **ops);

#endif
