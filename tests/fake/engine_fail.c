/* An engine module that fails on cue: the CPU engine, until a call that
 * $RIPOSTE_FAIL names. "step:12" is an instance's twelfth step; after it come
 * more letters of how: nothing, it is lost; "memory"; "late", it and every
 * call after it takes 40 ms; "numbers", logits are no numbers. "create:1" is
 * the first instance of all, "probe:1" the device that is not there. A lost
 * instance leaves garbage wherever it is asked to write. "rollout:1:quick" does
 * not fail: rollouts are over at once, with nothing in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/net/kernels.h"
#include "model/net/module.h"
#include "model/play/rollout.h"
#include "rt/log.h"

enum { LATE_NS = 40000000, LANES = 8 /* slots for rollouts */ };

enum call {
    PROBE,
    CREATE,
    SET_PARAMS,
    SLOT_RESET,
    SLOT_COPY,
    STEP,
    LOGITS,
    STATE,
    SET_STATE,
    LOGITS_MANY,
    ROLLOUT,
    CALLS
};
static const char *const call_names[CALLS] = {
    "probe", "create", "set_params", "slot_reset", "slot_copy",
    "step",  "logits", "state",      "set_state",  "logits_many", "rollout"};

struct cue {
    enum call call; /* CALLS: never */
    unsigned number;
    char how[16];
};

struct fail {
    struct rp_engine base;
    struct rp_engine *inner;
    struct rp_shape shape;
    uint32_t slots;
    struct cue cue;
    unsigned made[CALLS];
    bool lost, late;
};

static const struct rp_engine_ops fail_ops;

static struct cue read_cue(void)
{
    const char *text = getenv("RIPOSTE_FAIL");
    struct cue cue = {.call = CALLS};
    char name[16];

    if (!text || sscanf(text, "%15[a-z_]:%u:%15[a-z]", name, &cue.number,
                        cue.how) < 2)
        return cue;
    for (int i = 0; i < CALLS; i++)
        if (!strcmp(name, call_names[i]))
            cue.call = (enum call)i;
    return cue;
}

static bool fail_probe(char *text, size_t size)
{
    bool missing = read_cue().call == PROBE;

    snprintf(text, size, missing ? "no device, on cue" : "fails on cue");
    return !missing;
}

/* Nothing that was computed may be of use to anyone. */
static void spoil(struct fail *fail)
{
    float h[RP_HIDDEN_MAX];

    for (int i = 0; i < RP_HIDDEN_MAX; i++)
        h[i] = i % 2 ? 1e30f : -1e30f;
    for (uint32_t slot = 0; slot < fail->slots; slot++)
        for (uint32_t l = 0; l < fail->shape.layers; l++)
            (void)!rp_engine_cpu.set_state(fail->inner, slot, l, h);
}

static rp_status fall(struct fail *fail, enum call call)
{
    if (!strcmp(fail->cue.how, "memory")) {
        rp_log(RP_ERROR, "fail", "out of memory in %s, on cue",
               call_names[call]);
        return RP_EMEM;
    }
    rp_log(RP_ERROR, "fail", "lost in %s, on cue", call_names[call]);
    return RP_ELOST;
}

/* What comes before every call. */
static rp_status cued(struct rp_engine *engine, enum call call)
{
    struct fail *fail = (struct fail *)engine;
    static const struct timespec late = {0, LATE_NS};

    if (fail->lost)
        return RP_ELOST;
    if (++fail->made[call] == fail->cue.number && call == fail->cue.call) {
        if (!strcmp(fail->cue.how, "late")) {
            fail->late = true;
        } else if (strcmp(fail->cue.how, "numbers") &&
                   strcmp(fail->cue.how, "quick")) {
            fail->lost = true;
            spoil(fail);
            return fall(fail, call);
        }
    }
    if (fail->late)
        nanosleep(&late, NULL);
    return RP_OK;
}

static void fail_destroy(struct rp_engine *engine)
{
    struct fail *fail = (struct fail *)engine;

    if (!fail)
        return;
    rp_engine_cpu.destroy(fail->inner);
    free(fail);
}

static rp_status fail_create(struct rp_engine **engine,
                             const struct rp_shape *shape, uint32_t slots)
{
    static unsigned created;
    struct cue cue = read_cue();
    struct fail *fail;
    rp_status status;

    if (cue.call == CREATE && ++created >= cue.number) {
        bool memory = !strcmp(cue.how, "memory");
        rp_log(RP_ERROR, "fail", "create, on cue");
        return memory ? RP_EMEM : RP_ELOST;
    }
    if (!slots)
        return RP_EARG;
    fail = calloc(1, sizeof *fail);
    if (!fail)
        return RP_EMEM;
    fail->base.ops = &fail_ops;
    fail->shape = *shape;
    fail->slots = slots;
    fail->cue = cue;
    status = rp_engine_cpu.create(&fail->inner, shape, slots + LANES);
    if (status) {
        free(fail);
        return status;
    }
    *engine = &fail->base;
    return RP_OK;
}

#define CUED(engine, call)                                                     \
    do {                                                                       \
        rp_status cued_ = cued(engine, call);                                  \
        if (cued_)                                                             \
            return cued_;                                                      \
    } while (0)

static struct rp_engine *inner(struct rp_engine *engine)
{
    return ((struct fail *)engine)->inner;
}

static rp_status fail_set_params(struct rp_engine *engine, const float *params)
{
    CUED(engine, SET_PARAMS);
    return rp_engine_cpu.set_params(inner(engine), params);
}

/* The slots of rollouts are nobody's business. */
static bool is_slot(const struct rp_engine *engine, uint32_t slot)
{
    return slot < ((const struct fail *)engine)->slots;
}

static rp_status fail_slot_reset(struct rp_engine *engine, uint32_t slot)
{
    if (!is_slot(engine, slot))
        return RP_EARG;
    CUED(engine, SLOT_RESET);
    return rp_engine_cpu.slot_reset(inner(engine), slot);
}

static rp_status fail_slot_copy(struct rp_engine *engine, uint32_t to,
                                uint32_t from)
{
    if (!is_slot(engine, to) || !is_slot(engine, from))
        return RP_EARG;
    CUED(engine, SLOT_COPY);
    return rp_engine_cpu.slot_copy(inner(engine), to, from);
}

static rp_status fail_step(struct rp_engine *engine, uint32_t count,
                           const uint32_t *slot,
                           const struct rp_indices *input)
{
    for (uint32_t i = 0; i < count; i++)
        if (!is_slot(engine, slot[i]))
            return RP_EARG;
    CUED(engine, STEP);
    return rp_engine_cpu.step(inner(engine), count, slot, input);
}

static rp_status fail_logits(struct rp_engine *engine, uint32_t slot,
                             enum rp_field field,
                             const struct rp_indices *condition, float *logits)
{
    struct fail *fail = (struct fail *)engine;
    uint32_t classes = rp_vocabulary_classes(&fail->shape.vocabulary, field);
    rp_status status;

    if (!is_slot(engine, slot))
        return RP_EARG;
    status = cued(engine, LOGITS);
    if (!status)
        status = rp_engine_cpu.logits(fail->inner, slot, field, condition,
                                      logits);
    if (fail->lost || (fail->cue.call == LOGITS &&
                       !strcmp(fail->cue.how, "numbers") &&
                       fail->made[LOGITS] >= fail->cue.number))
        memset(logits, 0xff, classes * sizeof *logits);
    return status;
}

static rp_status fail_logits_many(struct rp_engine *engine, uint32_t count,
                                  const uint32_t *slot, enum rp_field field,
                                  const struct rp_indices *condition,
                                  float *logits)
{
    rp_status status = cued(engine, LOGITS_MANY);

    for (uint32_t i = 0; i < count && !status; i++)
        status = fail_logits(engine, slot[i], field, &condition[i],
                             logits + (size_t)i * RP_SOFTMAX_MAX);
    return status;
}

static rp_status fail_rollout(struct rp_engine *engine,
                              struct rp_rollout *rollout)
{
    struct fail *fail = (struct fail *)engine;
    rp_status status = cued(engine, ROLLOUT);

    if (!status && !strcmp(fail->cue.how, "quick")) {
        memset(rollout->rolled, 0,
               rollout->candidates * sizeof *rollout->rolled);
        return RP_OK;
    }
    if (!status)
        return rp_rollout_run(fail->inner, fail->slots, LANES, rollout);
    memset(rollout->note, 0xff,
           (size_t)rollout->candidates * rollout->most * sizeof *rollout->note);
    memset(rollout->rolled, 0xff,
           rollout->candidates * sizeof *rollout->rolled);
    return status;
}

static rp_status fail_state(struct rp_engine *engine, uint32_t slot,
                            uint32_t layer, float *h)
{
    struct fail *fail = (struct fail *)engine;
    rp_status status;

    if (!is_slot(engine, slot))
        return RP_EARG;
    status = cued(engine, STATE);
    if (!status)
        return rp_engine_cpu.state(fail->inner, slot, layer, h);
    memset(h, 0xff, fail->shape.hidden * sizeof *h);
    return status;
}

static rp_status fail_set_state(struct rp_engine *engine, uint32_t slot,
                                uint32_t layer, const float *h)
{
    if (!is_slot(engine, slot))
        return RP_EARG;
    CUED(engine, SET_STATE);
    return rp_engine_cpu.set_state(inner(engine), slot, layer, h);
}

static const struct rp_engine_ops fail_ops = {
    .version = RP_ENGINE_VERSION,
    .name = "fail",
    .probe = fail_probe,
    .create = fail_create,
    .destroy = fail_destroy,
    .set_params = fail_set_params,
    .slot_reset = fail_slot_reset,
    .slot_copy = fail_slot_copy,
    .step = fail_step,
    .logits = fail_logits,
    .logits_many = fail_logits_many,
    .state = fail_state,
    .set_state = fail_set_state,
    .rollout = fail_rollout,
};

#ifndef FAIL_VERSION
#define FAIL_VERSION RP_ENGINE_VERSION
#endif

const struct rp_engine_module rp_engine_module = {
    .version = FAIL_VERSION,
    .ops = &fail_ops,
    .log_to = rp_log_to,
};
