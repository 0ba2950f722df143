/* Random training batches for tests of the network: any shape, sequences of
 * different lengths, absent fields, escapes, partial masks. */
#ifndef NET_BATCH_H
#define NET_BATCH_H

#include <stdlib.h>
#include <string.h>

#include "model/net/batch.h"
#include "model/net/rng.h"
#include "model/net/shape.h"

/* One sparse row: each of `limit` indices with the chance to hold about
 * `wanted` of them, at least one. */
static inline void net_batch_row(struct rp_rng *rng, struct rp_sparse *sparse,
                                 uint32_t row, uint32_t limit, uint32_t wanted)
{
    uint32_t end = sparse->begin[row];

    for (uint32_t i = 0; i < limit; i++)
        if (rp_rng_below(rng, limit) < wanted &&
            end - sparse->begin[row] < RP_INDICES_MAX)
            sparse->at[end++] = (uint16_t)i;
    if (limit && wanted && end == sparse->begin[row])
        sparse->at[end++] = (uint16_t)rp_rng_below(rng, limit);
    sparse->begin[row + 1] = end;
}

static inline void net_batch_target(struct rp_rng *rng,
                                    struct rp_batch_field *field, int f,
                                    uint32_t row, uint32_t classes)
{
    bool time = f == RP_DT || f == RP_DURATION;

    field->class[row] = RP_NO_CLASS;
    field->escapes[row] = 0;
    if (!classes || rp_rng_below(rng, 4) == 0)
        return;
    field->class[row] = (uint8_t)rp_rng_below(rng, time ? 62 : classes);
    if (time)
        field->escapes[row] = (uint16_t)(rp_rng_below(rng, 4) / 2);
    for (uint32_t i = 0; i < classes; i++)
        if (rp_rng_below(rng, 3) || i == field->class[row] ||
            (time && i == RP_TIME_ESCAPE))
            field->mask[row].bits[i / 64] |= 1ull << (i % 64);
}

static inline void *net_batch_memory(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (!memory)
        abort();
    return memory;
}

static inline void net_batch_init(struct rp_batch *batch,
                                  const struct rp_shape *shape, uint32_t T,
                                  uint32_t B, uint32_t seed)
{
    const uint32_t rows = T * B;
    struct rp_rng rng;

    rp_rng_init(&rng, seed, 100);
    *batch = (struct rp_batch){.T = T, .B = B};
    batch->weight = net_batch_memory(rows, sizeof *batch->weight);
    batch->input.begin = net_batch_memory(rows + 1, sizeof(uint32_t));
    batch->input.at = net_batch_memory(rows * RP_INDICES_MAX, 2);
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t t = row / B, length = T - row % B % T;
        batch->weight[row] = t < length ? 0.5f + rp_rng_float(&rng) : 0.0f;
        net_batch_row(&rng, &batch->input, row,
                      rp_vocabulary_inputs(&shape->vocabulary),
                      t && t < length ? 9 : 0);
    }
    for (int f = 0; f < RP_FIELDS; f++) {
        struct rp_batch_field *field = &batch->field[f];
        field->class = net_batch_memory(rows, 1);
        field->escapes = net_batch_memory(rows, 2);
        field->mask = net_batch_memory(rows, sizeof *field->mask);
        field->condition.begin = net_batch_memory(rows + 1, sizeof(uint32_t));
        field->condition.at = net_batch_memory(rows * RP_INDICES_MAX, 2);
        for (uint32_t row = 0; row < rows; row++) {
            net_batch_target(
                &rng, field, f, row,
                rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)f));
            net_batch_row(
                &rng, &field->condition, row,
                rp_vocabulary_condition(&shape->vocabulary, (enum rp_field)f),
                6);
        }
    }
}

static inline void net_batch_fini(struct rp_batch *batch)
{
    free(batch->weight);
    free(batch->input.begin);
    free(batch->input.at);
    for (int f = 0; f < RP_FIELDS; f++) {
        free(batch->field[f].class);
        free(batch->field[f].escapes);
        free(batch->field[f].mask);
        free(batch->field[f].condition.begin);
        free(batch->field[f].condition.at);
    }
}

static inline void net_batch_indices(const struct rp_sparse *sparse,
                                     uint32_t row, struct rp_indices *out)
{
    out->count = (uint16_t)(sparse->begin[row + 1] - sparse->begin[row]);
    memcpy(out->at, sparse->at + sparse->begin[row], out->count * 2u);
}

#endif
