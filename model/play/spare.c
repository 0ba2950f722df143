#include "model/play/spare.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/net/kernels.h"
#include "rt/log.h"

enum kind { RESET, COPY, STEP };

/* What was done to one slot. */
struct entry {
    enum kind kind;
    bool dead;       /* nobody can ask any more for what came of it */
    uint32_t slot;
    uint32_t from;   /* COPY */
    uint32_t number; /* of the call; the slots of one step share it */
    struct rp_indices input; /* STEP */
};

struct spare {
    struct rp_engine base;    /* its table is `ops` */
    struct rp_engine_ops ops; /* named as the engine that may be lost */
    struct rp_engine *engine; /* that one */
    struct rp_engine *cpu;
    bool lost; /* the CPU engine plays; the other waits to be destroyed */
    struct rp_vocabulary vocabulary;
    uint32_t slots, kept;

    /* What the CPU engine has not read yet: a ring. */
    struct entry *entry;
    uint32_t first, entries, number;
    uint32_t *slot; /* (slots): one step of several */
    struct rp_indices *input;

    uint64_t late_ns, began;
    uint32_t late, calls;
    char said[200]; /* by the engine, in the call that runs */
    enum rp_level said_level;
};

static struct spare *spare_of(struct rp_engine *engine)
{
    return (struct spare *)engine;
}

/* ---- what the CPU engine is to read ---- */

static struct entry *entry_at(struct spare *spare, uint32_t i)
{
    return &spare->entry[(spare->first + i) % RP_SPARE_LOG];
}

/* The oldest call that is not read yet. */
static void read_one(struct spare *spare)
{
    struct entry *oldest = entry_at(spare, 0);
    const struct rp_engine_ops *ops = spare->cpu->ops;
    rp_status status = RP_OK;
    uint32_t steps = 0;

    if (oldest->kind == STEP) {
        uint32_t number = oldest->number;
        while (spare->entries && entry_at(spare, 0)->number == number) {
            const struct entry *entry = entry_at(spare, 0);
            if (!entry->dead) {
                spare->slot[steps] = entry->slot;
                spare->input[steps++] = entry->input;
            }
            spare->first = (spare->first + 1) % RP_SPARE_LOG;
            spare->entries--;
        }
        status = ops->step(spare->cpu, steps, spare->slot, spare->input);
    } else {
        if (oldest->kind == RESET && !oldest->dead)
            status = ops->slot_reset(spare->cpu, oldest->slot);
        if (oldest->kind == COPY && !oldest->dead)
            status = ops->slot_copy(spare->cpu, oldest->slot, oldest->from);
        spare->first = (spare->first + 1) % RP_SPARE_LOG;
        spare->entries--;
    }
    if (status)
        rp_log(RP_ERROR, "spare", "the CPU engine could not read along");
}

static void read_all(struct spare *spare)
{
    while (spare->entries)
        read_one(spare);
}

/* A slot is written anew: what it held before is of no more use, but for what
 * has been copied from it. */
static void forget_slot(struct spare *spare, uint32_t slot)
{
    for (uint32_t i = spare->entries; i-- > 0;) {
        struct entry *entry = entry_at(spare, i);
        if (entry->dead)
            continue;
        if (entry->kind == COPY && entry->from == slot)
            return;
        if (entry->slot == slot)
            entry->dead = true;
    }
}

/* Room for the `count` entries of one call. */
static void begin_entries(struct spare *spare, uint32_t count)
{
    while (RP_SPARE_LOG - spare->entries < count)
        read_one(spare);
    spare->number++;
}

static struct entry *add_entry(struct spare *spare, enum kind kind,
                               uint32_t slot, uint32_t from)
{
    struct entry *entry = entry_at(spare, spare->entries++);

    entry->kind = kind;
    entry->dead = false;
    entry->slot = slot;
    entry->from = from;
    entry->number = spare->number;
    return entry;
}

/* ---- losing ---- */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    struct spare *spare = self;

    snprintf(spare->said, sizeof spare->said, "%s", text);
    spare->said_level = level;
}

static void lose(struct spare *spare, const char *why)
{
    spare->lost = true;
    read_all(spare);
    rp_log(RP_ERROR, "engine", "%s is lost: %s; the CPU engine goes on",
           spare->ops.name, why);
}

/* Before and after each call of the engine that may be lost. What it says
 * meanwhile is said in one line with what follows from it. */
static void begin(struct spare *spare)
{
    spare->said[0] = 0;
    rp_log_divert(keep_line, spare);
    if (spare->late_ns)
        spare->began = now_ns();
}

static bool is_late(struct spare *spare, char *why, size_t size)
{
    uint64_t took = spare->late_ns ? now_ns() - spare->began : 0;

    if (++spare->calls == RP_SPARE_CALLS)
        spare->calls = spare->late = 0;
    if (took <= spare->late_ns || ++spare->late < RP_SPARE_LATE)
        return false;
    snprintf(why, size, "%d of its calls were late, the last took %.1f ms",
             RP_SPARE_LATE, (double)took / 1e6);
    return true;
}

/* Whether the call's result counts; false: the CPU engine is to be asked. */
static bool end(struct spare *spare, rp_status status, const char *call)
{
    char why[240];

    rp_log_divert(NULL, NULL);
    if (status == RP_OK || status == RP_EARG || status == RP_ECANCEL) {
        if (spare->said[0])
            rp_log(spare->said_level, spare->ops.name, "%s", spare->said);
        if (is_late(spare, why, sizeof why))
            lose(spare, why);
        return !spare->lost;
    }
    if (spare->said[0])
        snprintf(why, sizeof why, "%s", spare->said);
    else
        snprintf(why, sizeof why, "%s failed", call);
    lose(spare, why);
    return false;
}

/* ---- the table ---- */

static void spare_destroy(struct rp_engine *engine)
{
    struct spare *spare = spare_of(engine);

    if (!spare)
        return;
    if (spare->engine)
        spare->engine->ops->destroy(spare->engine);
    if (spare->cpu)
        spare->cpu->ops->destroy(spare->cpu);
    free(spare->entry);
    free(spare->slot);
    free(spare->input);
    free(spare);
}

static rp_status spare_set_params(struct rp_engine *engine,
                                  const float *params)
{
    struct spare *spare = spare_of(engine);
    rp_status status;

    if (!spare->lost) {
        read_all(spare);
        begin(spare);
        status = spare->engine->ops->set_params(spare->engine, params);
        if (end(spare, status, "set_params") && status)
            return status;
    }
    return spare->cpu->ops->set_params(spare->cpu, params);
}

static rp_status spare_slot_reset(struct rp_engine *engine, uint32_t slot)
{
    struct spare *spare = spare_of(engine);
    rp_status status;

    if (!spare->lost) {
        begin(spare);
        status = spare->engine->ops->slot_reset(spare->engine, slot);
        if (end(spare, status, "slot_reset")) {
            if (!status) {
                forget_slot(spare, slot);
                begin_entries(spare, 1);
                add_entry(spare, RESET, slot, slot);
            }
            return status;
        }
    }
    return spare->cpu->ops->slot_reset(spare->cpu, slot);
}

static rp_status spare_slot_copy(struct rp_engine *engine, uint32_t to,
                                 uint32_t from)
{
    struct spare *spare = spare_of(engine);
    rp_status status;

    if (!spare->lost) {
        begin(spare);
        status = spare->engine->ops->slot_copy(spare->engine, to, from);
        if (end(spare, status, "slot_copy")) {
            if (!status && to != from) {
                forget_slot(spare, to);
                begin_entries(spare, 1);
                add_entry(spare, COPY, to, from);
                if (to < spare->kept && from >= spare->kept)
                    read_all(spare);
            }
            return status;
        }
    }
    return spare->cpu->ops->slot_copy(spare->cpu, to, from);
}

static rp_status spare_step(struct rp_engine *engine, uint32_t count,
                            const uint32_t *slot,
                            const struct rp_indices *input)
{
    struct spare *spare = spare_of(engine);
    rp_status status;

    if (!spare->lost) {
        begin(spare);
        status = spare->engine->ops->step(spare->engine, count, slot, input);
        if (end(spare, status, "step")) {
            if (!status)
                begin_entries(spare, count);
            for (uint32_t i = 0; !status && i < count; i++)
                add_entry(spare, STEP, slot[i], 0)->input = input[i];
            return status;
        }
    }
    return spare->cpu->ops->step(spare->cpu, count, slot, input);
}

static bool are_numbers(const struct spare *spare, enum rp_field field,
                        const float *logits)
{
    uint32_t classes = rp_vocabulary_classes(&spare->vocabulary, field);

    for (uint32_t i = 0; i < classes; i++)
        if (!(fabsf(logits[i]) <= FLT_MAX))
            return false;
    return true;
}

static rp_status spare_logits(struct rp_engine *engine, uint32_t slot,
                              enum rp_field field,
                              const struct rp_indices *condition,
                              float *logits)
{
    struct spare *spare = spare_of(engine);
    rp_status status;

    if (!spare->lost) {
        begin(spare);
        status = spare->engine->ops->logits(spare->engine, slot, field,
                                            condition, logits);
        if (end(spare, status, "logits")) {
            if (status || are_numbers(spare, field, logits))
                return status;
            lose(spare, "its logits are no numbers");
        }
    }
    return spare->cpu->ops->logits(spare->cpu, slot, field, condition, logits);
}

static rp_status spare_logits_many(struct rp_engine *engine, uint32_t count,
                                   const uint32_t *slot, enum rp_field field,
                                   const struct rp_indices *condition,
                                   float *logits)
{
    struct spare *spare = spare_of(engine);
    rp_status status = RP_OK;
    bool good = true;

    if (!spare->lost && !spare->engine->ops->logits_many) {
        for (uint32_t i = 0; i < count && !status; i++)
            status = spare_logits(engine, slot[i], field, &condition[i],
                                  logits + (size_t)i * RP_SOFTMAX_MAX);
        return status;
    }
    if (!spare->lost) {
        begin(spare);
        status = spare->engine->ops->logits_many(spare->engine, count, slot,
                                                 field, condition, logits);
        if (end(spare, status, "logits_many")) {
            for (uint32_t i = 0; !status && i < count; i++)
                good = good && are_numbers(spare, field,
                                           logits + (size_t)i * RP_SOFTMAX_MAX);
            if (good)
                return status;
            lose(spare, "its logits are no numbers");
        }
    }
    return spare->cpu->ops->logits_many(spare->cpu, count, slot, field,
                                        condition, logits);
}

static rp_status spare_state(struct rp_engine *engine, uint32_t slot,
                             uint32_t layer, float *h)
{
    struct spare *spare = spare_of(engine);
    rp_status status;

    if (!spare->lost) {
        begin(spare);
        status = spare->engine->ops->state(spare->engine, slot, layer, h);
        if (end(spare, status, "state"))
            return status;
    }
    return spare->cpu->ops->state(spare->cpu, slot, layer, h);
}

static rp_status spare_set_state(struct rp_engine *engine, uint32_t slot,
                                 uint32_t layer, const float *h)
{
    struct spare *spare = spare_of(engine);
    rp_status status;

    if (!spare->lost) {
        begin(spare);
        status = spare->engine->ops->set_state(spare->engine, slot, layer, h);
        if (end(spare, status, "set_state") && status)
            return status;
        read_all(spare);
    }
    return spare->cpu->ops->set_state(spare->cpu, slot, layer, h);
}

/* ---- life ---- */

static bool is_spare(const struct rp_engine *engine)
{
    return engine->ops->destroy == spare_destroy;
}

/* No rollout: that of a device may take its time, and who rolls out here waits
 * for the next note. Steps and logits are never late for long. */
static const struct rp_engine_ops *set_table(struct spare *spare,
                                             const struct rp_engine_ops *ops)
{
    spare->ops = (struct rp_engine_ops){
        .version = RP_ENGINE_VERSION,
        .name = ops->name,
        .probe = ops->probe,
        .create = ops->create,
        .destroy = spare_destroy,
        .set_params = spare_set_params,
        .slot_reset = spare_slot_reset,
        .slot_copy = spare_slot_copy,
        .step = spare_step,
        .logits = spare_logits,
        .logits_many = spare_logits_many,
        .state = spare_state,
        .set_state = spare_set_state,
    };
    return &spare->ops;
}

static rp_status create(struct spare **made, const struct rp_shape *shape,
                        const struct rp_spare_options *o)
{
    struct spare *spare = calloc(1, sizeof *spare);
    rp_status status = RP_EMEM;

    if (!spare)
        return RP_EMEM;
    spare->base.ops = set_table(spare, o->ops);
    spare->vocabulary = shape->vocabulary;
    spare->slots = o->slots;
    spare->kept = o->kept;
    spare->late_ns = o->late_ns;
    spare->entry = calloc(RP_SPARE_LOG, sizeof *spare->entry);
    spare->slot = calloc(o->slots, sizeof *spare->slot);
    spare->input = calloc(o->slots, sizeof *spare->input);
    if (spare->entry && spare->slot && spare->input)
        status = rp_engine_cpu.create(&spare->cpu, shape, o->slots);
    if (status) {
        spare_destroy(&spare->base);
        return status;
    }
    /* No page of it is to be touched first while music plays. */
    memset(spare->entry, 1, RP_SPARE_LOG * sizeof *spare->entry);
    memset(spare->input, 1, o->slots * sizeof *spare->input);
    *made = spare;
    return RP_OK;
}

rp_status rp_spare_create(struct rp_engine **engine,
                          const struct rp_shape *shape,
                          const struct rp_spare_options *options)
{
    struct spare *spare;
    rp_status status;

    if (options->ops == &rp_engine_cpu)
        return rp_engine_cpu.create(engine, shape, options->slots);
    status = create(&spare, shape, options);
    if (status)
        return status;
    begin(spare);
    status = options->ops->create(&spare->engine, shape, options->slots);
    if (!end(spare, status, "create")) {
        *engine = spare->cpu;
        spare->cpu = NULL;
        spare_destroy(&spare->base);
        return RP_OK;
    }
    if (status) {
        spare_destroy(&spare->base);
        return status;
    }
    *engine = &spare->base;
    return RP_OK;
}

void rp_spare_follow(struct rp_engine *engine)
{
    struct spare *spare = spare_of(engine);

    if (!is_spare(engine) || spare->lost)
        return;
    for (uint32_t i = 0; i < spare->entries; i++)
        if (entry_at(spare, i)->slot >= spare->kept)
            entry_at(spare, i)->dead = true;
    read_all(spare);
}

void rp_spare_lose(struct rp_engine *engine, const char *why)
{
    if (is_spare(engine) && !spare_of(engine)->lost)
        lose(spare_of(engine), why);
}

const char *rp_spare_playing(const struct rp_engine *engine)
{
    if (is_spare(engine) && ((const struct spare *)engine)->lost)
        return rp_engine_cpu.name;
    return engine->ops->name;
}
