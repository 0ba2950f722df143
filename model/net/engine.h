/* Where the arithmetic runs. An engine is one table of functions; the CPU
 * engine is always there, others are loaded modules. Never called from the
 * audio thread.
 *
 * State lives in numbered slots, 0..slots-1, each the hidden states of all
 * layers. Same parameters, same inputs: the same bits on every CPU path
 * (portable, AVX2, AVX-512), and a batch equals its members one by one.
 *
 * One thread at a time calls an instance; instances do not disturb each other,
 * so that candidates can be thought through in one while another follows the
 * player.
 *
 * RP_ELOST from any call: the device is gone or out of time, and the instance
 * answers nothing else from then on; only destroy is left. */
#ifndef RP_ENGINE_H
#define RP_ENGINE_H

#include "model/net/shape.h"

struct rp_engine; /* one instance; an implementation's own struct */
struct rp_rollout;   /* model/play/rollout.h */
struct rp_train_ops; /* model/train_ops.h */

/* Counts up with every change to this table or to what it reaches: a module
 * of another version is refused. */
enum { RP_ENGINE_VERSION = 4 };

struct rp_engine_ops {
    uint32_t version; /* RP_ENGINE_VERSION */
    const char *name; /* "cpu" */

    /* Whether it can run here; writes what was found, or exactly what is
     * missing, as one line. */
    bool (*probe)(char *text, size_t size);

    RP_MUST rp_status (*create)(struct rp_engine **engine,
                                const struct rp_shape *shape, uint32_t slots);
    void (*destroy)(struct rp_engine *engine);

    /* params: rp_layout.size floats, copied (and packed) by the engine. */
    RP_MUST rp_status (*set_params)(struct rp_engine *engine,
                                    const float *params);

    RP_MUST rp_status (*slot_reset)(struct rp_engine *engine, uint32_t slot);
    RP_MUST rp_status (*slot_copy)(struct rp_engine *engine, uint32_t to,
                                   uint32_t from);
    /* One GRU step of `count` slots (all different), input[i] for slot[i]. */
    RP_MUST rp_status (*step)(struct rp_engine *engine, uint32_t count,
                              const uint32_t *slot,
                              const struct rp_indices *input);
    /* Logits of one field from slot's top state under `condition`: N_f
     * floats. */
    RP_MUST rp_status (*logits)(struct rp_engine *engine, uint32_t slot,
                                enum rp_field field,
                                const struct rp_indices *condition,
                                float *logits);
    /* The same for `count` slots (all different) at once, the same bits: row i
     * of logits, RP_SOFTMAX_MAX (kernels.h) floats apart, for slot[i] under
     * condition[i]. NULL: one by one. */
    RP_MUST rp_status (*logits_many)(struct rp_engine *engine, uint32_t count,
                                     const uint32_t *slot, enum rp_field field,
                                     const struct rp_indices *condition,
                                     float *logits);
    /* Top-layer state of a slot, H floats (tests, PyTorch comparison). */
    RP_MUST rp_status (*state)(struct rp_engine *engine, uint32_t slot,
                               uint32_t layer, float *h);
    /* The reverse: so a state goes from one instance to another. */
    RP_MUST rp_status (*set_state)(struct rp_engine *engine, uint32_t slot,
                                   uint32_t layer, const float *h);

    /* Many possible answers at once (rollout.h). NULL: rp_rollout_run() does
     * it by step and logits. */
    RP_MUST rp_status (*rollout)(struct rp_engine *engine,
                                 struct rp_rollout *rollout);
    /* Memory for rollouts of up to so many candidates, now, so that none of
     * them has to allocate. Where it is short *candidates becomes how many
     * there is memory for, RP_EMEM: for none; the caller says so. NULL:
     * rollouts need none of their own. */
    RP_MUST rp_status (*rollout_reserve)(struct rp_engine *engine,
                                         uint32_t *candidates);
    /* Training; NULL: not here. */
    const struct rp_train_ops *train;
};

struct rp_engine {
    const struct rp_engine_ops *ops;
};

/* For engines: whether these are slots of theirs, `slots` in all, and the
 * sparse vectors that come with them lie within `limit`. */
static inline bool rp_engine_takes(uint32_t slots, uint32_t count,
                                   const uint32_t *slot,
                                   const struct rp_indices *indices,
                                   uint32_t limit)
{
    if (count > slots)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (slot[i] >= slots || indices[i].count > RP_INDICES_MAX)
            return false;
        for (uint32_t k = 0; k < indices[i].count; k++)
            if (indices[i].at[k] >= limit)
                return false;
    }
    return true;
}

extern const struct rp_engine_ops rp_engine_cpu;

/* An engine that can be asked for by name. */
struct rp_engine_entry {
    char name[16];
    const struct rp_engine_ops *ops; /* NULL: its module is of no use here, */
    char missing[400];               /* because */
};

enum { RP_ENGINES_MAX = 8 };

/* The CPU's first, then the modules' (module.h), which are looked for at the
 * first call. */
const struct rp_engine_entry *rp_engines(uint32_t *count);
/* Whether it can run here; one line says what was found or is missing. */
bool rp_engine_probe(const struct rp_engine_entry *entry, char *text,
                     size_t size);
/* By name; RP_ENONE with one logged line for an unknown or absent one. */
RP_MUST rp_status rp_engine_find(const char *name,
                                 const struct rp_engine_ops **ops);
/* As rp_engine_find; for "auto", the one that is best for a network of this
 * shape: the CPU's, unless another one that can run here takes less than half
 * its time for a note, as tried now. */
RP_MUST rp_status rp_engine_choose(const char *name,
                                   const struct rp_shape *shape,
                                   const float *params,
                                   const struct rp_engine_ops **ops);

#endif
