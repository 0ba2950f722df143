/* Thinking beside playing: possible answers are thought through and one is
 * chosen while the call still goes on. It has an engine of its own, so a live
 * step never waits for it.
 *
 * What comes of a question is a function of the question (and the engine)
 * alone. Apart, in a thread of its own, a newer question ends the work on the
 * one before within a note; otherwise nothing is done before the thought is
 * wanted, which then takes as long as it takes. */
#ifndef RP_PONDER_H
#define RP_PONDER_H

#include "model/play/candidates.h"
#include "model/play/given.h"
#include "model/play/memory.h"

struct rp_question {
    struct rp_reader reader; /* ready for the first note; its metre is: */
    struct rp_metre_change metre[RP_MEMORY_METRES];
    struct rp_turn turn; /* ready to draw its first note */
    struct rp_taste taste;
    int32_t from;        /* tick at which the answer may begin */
    uint32_t candidates; /* 0: as many as the engine has time for */
    struct rp_wish wish;
    struct rp_given given; /* it is none of these */
    float *state; /* (layers, H), room for it is there */
    uint64_t serial;
};

/* The chosen answer. */
struct rp_thought {
    uint64_t serial;    /* of its question */
    uint32_t candidate; /* which draws are its */
    uint32_t notes;
    uint8_t why;        /* as of rp_rolled: RP_DRAWN where it is to go on */
    struct rp_note note[RP_ROLLOUT_NOTES];
};

/* What thinking about one question at a time needs. */
struct rp_desk {
    struct rp_rollout_room *room;
    uint32_t slots;      /* of the engine, that advance together */
    uint32_t candidates; /* most */
    struct rp_note *note;
    struct rp_rolled *rolled;
    float *order;
};
RP_MUST rp_status rp_desk_init(struct rp_desk *desk, uint32_t slots,
                               uint32_t candidates);
void rp_desk_fini(struct rp_desk *desk);
/* With the engine's slots from `first` on. At most the desk's candidates, at
 * most `notes` notes in all (0: any). As rp_rollout_run. */
RP_MUST rp_status rp_desk_think(struct rp_desk *desk,
                                struct rp_engine *engine, uint32_t first,
                                const struct rp_shape *shape,
                                const struct rp_question *question,
                                uint32_t notes,
                                const _Atomic uint32_t *cancel,
                                struct rp_thought *thought);

struct rp_ponder;
/* `apart`: in a thread of its own. The model outlives it. */
RP_MUST rp_status rp_ponder_create(struct rp_ponder **ponder,
                                   const struct rp_model *model, bool apart);
void rp_ponder_destroy(struct rp_ponder *ponder);

/* The performer's thread. A question to be filled in, then asked. */
struct rp_question *rp_ponder_question(struct rp_ponder *ponder);
void rp_ponder_ask(struct rp_ponder *ponder);
/* What was asked last is of no use any more. */
void rp_ponder_forget(struct rp_ponder *ponder);
/* What came of the last question; NULL: it is not thought through yet. */
const struct rp_thought *rp_ponder_thought(struct rp_ponder *ponder);

#endif
