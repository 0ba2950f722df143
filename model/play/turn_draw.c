/* One note from one state of an engine. */
#include "model/net/kernels.h"
#include "model/play/draw.h"

enum rp_drawn rp_turn_draw(const struct rp_turn *turn,
                           const struct rp_sight *sight,
                           const struct rp_taste *taste, struct rp_note *note)
{
    const struct rp_reader *reader = &sight->reader;
    enum rp_field field = RP_FIELDS; /* whose logits these are */
    struct rp_drawing drawing;
    float logits[RP_SOFTMAX_MAX];

    rp_draw_begin(&drawing, turn);
    while (drawing.field != RP_FIELDS) {
        struct rp_indices condition;
        enum rp_drawn drawn;
        int class;
        if (field != drawing.field) {
            field = drawing.field;
            rp_draw_condition(&drawing, reader, &condition);
            if (sight->engine->ops->logits(sight->engine, sight->slot, field,
                                           &condition, logits))
                return RP_DRAWN_ERROR;
            (void)rp_draw_weigh(&drawing, turn, reader, logits);
        }
        class = rp_sample(logits,
                          rp_vocabulary_classes(&reader->vocabulary, field),
                          rp_draw_mask(&drawing, reader), taste,
                          rp_rng_uniform(rp_draw_key(&drawing, turn)));
        drawn = rp_draw_give(&drawing, turn, reader, class);
        if (drawn != RP_DRAWN)
            return drawn;
    }
    *note = rp_draw_note(&drawing, turn, reader);
    return RP_DRAWN;
}
