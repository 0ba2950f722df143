/* One note being drawn, field by field, without an engine: who has the logits
 * asks which field is next, under which condition and which mask, and tells
 * the class. So one note is drawn from one state, and many notes of many
 * candidates side by side, by the same code. Pure functions of the turn, the
 * reader and the drawing; nothing is allocated. On a GPU by a warp (shared.h);
 * each of its threads has the drawing for itself. */
#ifndef RP_DRAW_H
#define RP_DRAW_H

#include "model/play/turn.h"
#include "model/shared.h"

struct rp_drawing {
    struct rp_steer steer; /* of this note */
    struct rp_draft draft;
    enum rp_field field; /* being drawn; RP_FIELDS: the note is complete */
    uint32_t escapes;    /* drawn of this field so far */
};

/* The first field: RP_DT. */
RP_SHARED
void rp_draw_begin(struct rp_drawing *drawing, const struct rp_turn *turn);

/* Of the field that is being drawn. The condition and what is added to the
 * logits stay the same while it escapes; mask and key do not. */
RP_SHARED
void rp_draw_condition(const struct rp_drawing *drawing,
                       const struct rp_reader *reader,
                       struct rp_indices *condition);
/* The same where `condition` holds that of field `before`, which was the one
 * drawn last. */
RP_SHARED
void rp_draw_condition_on(const struct rp_drawing *drawing,
                          const struct rp_reader *reader, enum rp_field before,
                          struct rp_indices *condition);
/* Makes the network's logits those that are drawn from; false: they are. It
 * adds rp_draw_weight() of each class where rp_draw_closes(). */
RP_SHARED
bool rp_draw_weigh(const struct rp_drawing *drawing,
                   const struct rp_turn *turn, const struct rp_reader *reader,
                   float *logits);
RP_SHARED
bool rp_draw_closes(const struct rp_drawing *drawing,
                    const struct rp_turn *turn, const struct rp_reader *reader);
RP_SHARED
float rp_draw_weight(const struct rp_turn *turn, uint32_t class);
RP_SHARED
struct rp_mask rp_draw_mask(const struct rp_drawing *drawing,
                            const struct rp_reader *reader);
RP_SHARED
struct rp_draw_key rp_draw_key(const struct rp_drawing *drawing,
                               const struct rp_turn *turn);

/* The class that was drawn. A time that escapes is drawn on: the field stays.
 * Else the next one that this note needs, if it goes on. RP_DRAWN_END: the
 * model ends here; RP_DRAWN_NONE for a class below 0: nothing is possible. */
RP_SHARED
enum rp_drawn rp_draw_give(struct rp_drawing *drawing,
                           const struct rp_turn *turn,
                           const struct rp_reader *reader, int class);

/* The complete note. */
RP_SHARED
struct rp_note rp_draw_note(const struct rp_drawing *drawing,
                            const struct rp_turn *turn,
                            const struct rp_reader *reader);

#endif
