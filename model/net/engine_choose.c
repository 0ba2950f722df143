/* Which engine is best for a network: tried, not guessed. A small one is quick
 * on a CPU, and whatever a call of another device costs is paid by every
 * note. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "model/net/engine.h"
#include "model/net/kernels.h"
#include "rt/log.h"

enum {
    SLOTS = 17, /* as many states as a performance steps */
    WARM = 4,
    NOTES = 16,
    MARGIN = 2 /* so many times quicker than the CPU, to be sure of it */
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* A step of all slots and every head of one. */
static rp_status play_note(struct rp_engine *engine,
                           const struct rp_vocabulary *vocabulary)
{
    static const struct rp_indices nothing;
    struct rp_indices input[SLOTS];
    float logits[RP_SOFTMAX_MAX];
    uint32_t slot[SLOTS];
    rp_status status;

    for (uint32_t i = 0; i < SLOTS; i++) {
        slot[i] = i;
        input[i].count = 1;
        input[i].at[0] = (uint16_t)i;
    }
    status = engine->ops->step(engine, SLOTS, slot, input);
    for (int f = 0; f < RP_FIELDS && !status; f++)
        if (rp_vocabulary_classes(vocabulary, (enum rp_field)f))
            status = engine->ops->logits(engine, 0, (enum rp_field)f, &nothing,
                                         logits);
    return status;
}

/* Microseconds of the quickest note. */
static rp_status try_engine(const struct rp_engine_ops *ops,
                            const struct rp_shape *shape, const float *params,
                            double *us)
{
    struct rp_engine *engine = NULL;
    rp_status status = ops->create(&engine, shape, SLOTS);
    double best = 1e9;

    if (status)
        return status;
    status = ops->set_params(engine, params);
    for (uint32_t i = 0; i < SLOTS && !status; i++)
        status = ops->slot_reset(engine, i);
    for (int i = 0; i < WARM + NOTES && !status; i++) {
        double began = now_us(), took;
        status = play_note(engine, &shape->vocabulary);
        took = now_us() - began;
        if (i >= WARM && took < best)
            best = took;
    }
    ops->destroy(engine);
    *us = best;
    return status;
}

rp_status rp_engine_choose(const char *name, const struct rp_shape *shape,
                           const float *params,
                           const struct rp_engine_ops **ops)
{
    const struct rp_engine_entry *entry;
    const struct rp_engine_ops *best = &rp_engine_cpu;
    double cpu_us = 0, best_us = 0, us;
    char text[sizeof entry->missing];
    uint32_t count;

    if (strcmp(name, "auto"))
        return rp_engine_find(name, ops);
    entry = rp_engines(&count);
    for (uint32_t i = 1; i < count; i++) {
        if (!rp_engine_probe(&entry[i], text, sizeof text))
            continue;
        if (cpu_us == 0) {
            rp_status status =
                try_engine(&rp_engine_cpu, shape, params, &cpu_us);
            if (status)
                return status;
            best_us = cpu_us / MARGIN;
        }
        if (try_engine(entry[i].ops, shape, params, &us)) {
            rp_log(RP_WARN, "engine", "%s failed when tried; not used",
                   entry[i].name);
        } else {
            rp_log(RP_INFO, "engine", "%s: %.0f us for a note, cpu %.0f",
                   entry[i].name, us, cpu_us);
            if (us < best_us) {
                best_us = us;
                best = entry[i].ops;
            }
        }
    }
    *ops = best;
    return RP_OK;
}
