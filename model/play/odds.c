#include "model/play/odds.h"

#include "model/net/kernels.h"

#define IMPOSSIBLE (-60.0f)

/* logits -> log P and P over the classes of the mask. Rooms are multiples of
 * 16 floats. */
static void normalise(const float *logits, uint32_t n, struct rp_mask mask,
                      float *log_p, float *p)
{
    float top = -3e38f, sum = 0.0f, log_sum;

    for (uint32_t i = 0; i < n; i++)
        if ((mask.bits[0] >> i & 1) && logits[i] > top)
            top = logits[i];
    rp_kernels()->exp(n, logits, top, p);
    for (uint32_t i = 0; i < n; i++) {
        if (!(mask.bits[0] >> i & 1))
            p[i] = 0.0f;
        sum += p[i];
    }
    log_sum = (float)rp_log_exact(sum);
    for (uint32_t i = 0; i < n; i++) {
        log_p[i] = p[i] > 0.0f ? logits[i] - top - log_sum : IMPOSSIBLE;
        p[i] /= sum;
    }
}

rp_status rp_odds_init(struct rp_odds *odds, const struct rp_sight *sight,
                       const struct rp_draft *draft, enum rp_field field)
{
    struct rp_mask mask = rp_reader_mask(&sight->reader, draft, field);
    struct rp_indices condition;
    float logits[RP_TIME_CLASSES];
    rp_status status;

    odds->sight = sight;
    odds->draft = draft;
    odds->field = field;
    odds->rest_class = 0;
    rp_reader_condition(&sight->reader, draft, field, &condition);
    status = sight->engine->ops->logits(sight->engine, sight->slot, field,
                                        &condition, logits);
    if (!status)
        normalise(logits, RP_TIME_CLASSES, mask, odds->log, odds->p);
    return status;
}

/* What is expected of the remainder after a coarse class; false when the
 * engine failed. */
static bool load_rest(struct rp_odds *odds, struct rp_time time)
{
    static const struct rp_mask any = { { (1u << RP_TIME_WIDTH) - 1, 0 } };
    enum rp_field field = odds->field == RP_DT ? RP_DT_REST
                                               : RP_DURATION_REST;
    const struct rp_sight *sight = odds->sight;
    struct rp_draft draft = *odds->draft;
    struct rp_indices condition;
    float logits[32] = { 0 };

    if (odds->rest_class == time.class)
        return true;
    time.rest = 0;
    if (odds->field == RP_DT)
        draft.dt = time;
    else
        draft.duration = time;
    rp_reader_condition(&sight->reader, &draft, field, &condition);
    if (sight->engine->ops->logits(sight->engine, sight->slot, field,
                                   &condition, logits))
        return false;
    normalise(logits, RP_TIME_WIDTH, any, odds->rest, odds->rest_p);
    odds->rest_class = time.class;
    return true;
}

float rp_odds_at(struct rp_odds *odds, int32_t ticks)
{
    struct rp_time time;
    float log;

    if (ticks < 0)
        return IMPOSSIBLE;
    time = rp_time_from((uint32_t)ticks);
    log = (float)time.escapes * odds->log[RP_TIME_ESCAPE] +
          odds->log[time.class];
    if (time.class >= RP_TIME_EXACT)
        log += load_rest(odds, time) ? odds->rest[time.rest] : IMPOSSIBLE;
    return log > IMPOSSIBLE ? log : IMPOSSIBLE;
}

float rp_odds_after(struct rp_odds *odds, int32_t ticks)
{
    struct rp_time time = rp_time_from(ticks > 0 ? (uint32_t)ticks : 0);
    float later = odds->p[RP_TIME_ESCAPE], scale = 1.0f, rest = 0.0f;

    for (uint32_t i = 0; i < time.escapes; i++)
        scale *= odds->p[RP_TIME_ESCAPE];
    for (uint32_t class = time.class + 1u; class < RP_TIME_ESCAPE; class++)
        later += odds->p[class];
    if (time.class >= RP_TIME_EXACT && load_rest(odds, time)) {
        for (uint32_t r = time.rest + 1u; r < RP_TIME_WIDTH; r++)
            rest += odds->rest_p[r];
        later += odds->p[time.class] * rest;
    }
    return scale * later;
}
