/* A batch on its way to the device: one block of pinned memory, in which the
 * parts stand side by side and each field has a list of the rows that draw
 * it; sent beside what the device works on. */
#include <string.h>

#include "cuda/train.h"
#include "rt/log.h"

/* Where the next thing lies in the block. */
struct cut {
    size_t used;
};

static size_t cut(struct cut *cut, size_t bytes)
{
    size_t at = cut->used;

    cut->used = rp_cuda_round(at + bytes, 256);
    return at;
}

static bool is_drawn(const struct rp_cuda_train *t, int f)
{
    return rp_vocabulary_classes(&t->options.shape.vocabulary,
                                 (enum rp_field)f) > 0;
}

static void *host_at(const struct rp_cuda_batch *batch, size_t at)
{
    return (char *)batch->host + at;
}

static size_t indices_of(const struct rp_learner_part *part,
                         const struct rp_sparse *sparse)
{
    return sparse->begin[(size_t)part->batch->T * part->batch->B];
}

/* Bytes for so many indices: what there was room for, or a good deal more,
 * so that most batches lie alike. */
static size_t room_for(size_t indices, size_t had)
{
    const size_t bytes = indices * sizeof(uint16_t);

    return bytes <= had ? had : rp_cuda_round(bytes + bytes / 4, 4096);
}

/* Everything has its place before it is filled; indices come last, so that
 * only those that are used are sent. */
static size_t place(const struct rp_cuda_train *t, struct rp_cuda_batch *batch,
                    const struct rp_learner_part *part, uint32_t parts)
{
    const struct rp_shape *shape = &t->options.shape;
    const size_t rows = (size_t)batch->T * batch->B;
    const size_t state = (size_t)batch->B * shape->hidden * sizeof(float);
    struct rp_cuda_lies *lies = &batch->lies;
    size_t heard = 0, conditions = 0;
    struct cut c = {0};

    for (uint32_t i = 0; i < parts; i++) {
        heard += indices_of(&part[i], &part[i].batch->input);
        for (int f = 0; f < RP_FIELDS; f++)
            conditions +=
                indices_of(&part[i], &part[i].batch->field[f].condition);
    }
    batch->heard = room_for(heard, batch->heard);
    batch->conditions = room_for(conditions, batch->conditions);
    batch->drops = batch->pass.dropout > 0
                       ? parts * (shape->layers + RP_FIELDS)
                       : 0;
    lies->span = cut(&c, rows * sizeof(struct rp_cuda_span));
    lies->start = cut(&c, batch->started ? shape->layers * state : 0);
    lies->link = cut(&c, batch->B * sizeof(struct rp_cuda_link));
    lies->drop = cut(&c, batch->drops * sizeof(struct rp_cuda_drop));
    for (int f = 0; f < RP_FIELDS; f++)
        lies->target[f] = cut(
            &c, is_drawn(t, f) ? rp_cuda_round(rows, RP_CUDA_ROWS) *
                                     sizeof(struct rp_cuda_target)
                               : 0);
    lies->at = cut(&c, batch->heard);
    lies->condition = cut(&c, batch->conditions);
    return c.used;
}

static rp_status make_room(struct rp_cuda_train *t,
                           struct rp_cuda_batch *batch, size_t bytes)
{
    rp_status status;

    if (bytes <= batch->room)
        return RP_OK;
    rp_cuda_free(&batch->memory);
    batch->room = 0;
    bytes += bytes / 4;
    status = rp_cuda_alloc(&t->cuda, &batch->memory, &batch->device, bytes);
    if (!status) {
        void *mapped;
        status = rp_cuda_alloc_mapped(&t->cuda, &batch->memory, &batch->host,
                                      &mapped, bytes);
    }
    if (!status)
        batch->room = bytes;
    return status;
}

/* Returns the bytes of the indices. */
static size_t put_input(struct rp_cuda_batch *batch,
                        const struct rp_learner_part *part, uint32_t parts)
{
    struct rp_cuda_span *span = host_at(batch, batch->lies.span);
    uint16_t *at = host_at(batch, batch->lies.at);
    uint32_t first = 0, used = 0;

    for (uint32_t i = 0; i < parts; i++) {
        const struct rp_batch *from = part[i].batch;
        const struct rp_sparse *input = &from->input;
        for (uint32_t t = 0; t < batch->T; t++)
            for (uint32_t b = 0; b < from->B; b++) {
                const size_t row = (size_t)t * from->B + b;
                struct rp_cuda_span *to =
                    &span[(size_t)t * batch->B + first + b];
                *to = (struct rp_cuda_span){0, 0};
                if (t < from->T)
                    *to = (struct rp_cuda_span){used + input->begin[row],
                                                used + input->begin[row + 1]};
            }
        memcpy(at + used, input->at,
               indices_of(&part[i], input) * sizeof *at);
        used += (uint32_t)indices_of(&part[i], input);
        first += from->B;
    }
    return used * sizeof *at;
}

/* The rows of a part in which field f is drawn. Returns the indices used. */
static uint32_t put_targets(struct rp_cuda_batch *batch,
                            const struct rp_batch *from, int f,
                            uint32_t first, uint32_t used)
{
    const struct rp_batch_field *field = &from->field[f];
    struct rp_cuda_target *to = host_at(batch, batch->lies.target[f]);
    uint16_t *at = host_at(batch, batch->lies.condition);

    for (uint32_t row = 0; row < from->T * from->B; row++) {
        uint32_t begin = field->condition.begin[row];
        uint32_t count = field->condition.begin[row + 1] - begin;
        if (field->class[row] == RP_NO_CLASS || !(from->weight[row] > 0))
            continue;
        memcpy(at + used, field->condition.at + begin, count * sizeof *at);
        to[batch->P[f]++] = (struct rp_cuda_target){
            .mask = {field->mask[row].bits[0], field->mask[row].bits[1]},
            .row = row / from->B * batch->B + first + row % from->B,
            .condition = {used, used + count},
            .weight = from->weight[row],
            .escapes = field->escapes[row],
            .class_ = field->class[row],
        };
        batch->drawn[f] += 1u + field->escapes[row];
        used += count;
    }
    return used;
}

/* Targets of a list that has P: one of a few sizes, an eighth of all rows more
 * at most, so that a few products and graphs do. */
static uint32_t filled(const struct rp_cuda_batch *batch, uint32_t P)
{
    const size_t rows = (size_t)batch->T * batch->B;
    const size_t most = rp_cuda_round(rows, RP_CUDA_ROWS);
    size_t all = RP_CUDA_ROWS;

    if (!P)
        return 0;
    while (all < P && all * 8 < most)
        all *= 2;
    all = rp_cuda_round(P, all);
    return (uint32_t)(all < most ? all : most);
}

/* Returns the bytes of the conditions. */
static size_t put_fields(struct rp_cuda_train *t, struct rp_cuda_batch *batch,
                         const struct rp_learner_part *part, uint32_t parts)
{
    uint32_t used = 0;

    for (int f = 0; f < RP_FIELDS; f++) {
        struct rp_cuda_target *to = host_at(batch, batch->lies.target[f]);
        uint32_t first = 0;
        batch->P[f] = 0;
        batch->drawn[f] = 0;
        if (!is_drawn(t, f))
            continue;
        for (uint32_t i = 0; i < parts; i++) {
            used = put_targets(batch, part[i].batch, f, first, used);
            first += part[i].batch->B;
        }
        for (first = filled(batch, batch->P[f]); batch->P[f] < first;)
            to[batch->P[f]++] = (struct rp_cuda_target){.row = RP_CUDA_NO_ROW};
    }
    return used * sizeof(uint16_t);
}

/* The masks that the CPU's trainer would have drawn for these parts, for the
 * device to draw. */
static void put_drops(struct rp_cuda_train *t, struct rp_cuda_batch *batch,
                      const struct rp_learner_part *part, uint32_t parts)
{
    const uint32_t H = t->options.shape.hidden, L = t->options.shape.layers;
    struct rp_cuda_drop *to = host_at(batch, batch->lies.drop);

    batch->most_dropped = 0;
    for (uint32_t i = 0; i < L + RP_FIELDS; i++) {
        const uint32_t place = i < L ? i : i - L + RP_LAYERS_MAX;
        uint32_t first = place * batch->B * H;
        for (uint32_t k = 0; k < parts; k++) {
            uint32_t count = part[k].batch->B * H;
            *to++ = (struct rp_cuda_drop){
                rp_train_drop_of(batch->pass.dropout, part[k].seed, place,
                                 count),
                first, count};
            first += count;
            if (count > batch->most_dropped)
                batch->most_dropped = count;
        }
    }
}

/* An end is a time of the batch, or the device would read elsewhere. */
static void put_links(struct rp_cuda_batch *batch,
                      const struct rp_learner_part *part, uint32_t parts)
{
    struct rp_cuda_link *to = host_at(batch, batch->lies.link);

    batch->carried = false;
    for (uint32_t i = 0; i < parts; i++)
        for (uint32_t b = 0; b < part[i].batch->B; b++, to++) {
            *to = (struct rp_cuda_link){0, 0};
            if (!part[i].row)
                continue;
            to->carried = part[i].row[b].carried;
            to->end = part[i].row[b].end;
            if (to->end >= batch->T)
                to->end = batch->T - 1;
            batch->carried = batch->carried || to->carried;
        }
}

static void put_start(struct rp_cuda_train *t, struct rp_cuda_batch *batch,
                      const struct rp_learner_part *part, uint32_t parts)
{
    const size_t H = t->options.shape.hidden;
    float *to = host_at(batch, batch->lies.start);

    for (uint32_t l = 0; l < t->options.shape.layers; l++)
        for (uint32_t i = 0; i < parts; i++) {
            const struct rp_batch *from = part[i].batch;
            size_t count = from->B * H;
            if (from->start)
                memcpy(to, from->start + l * count, count * sizeof *to);
            else
                memset(to, 0, count * sizeof *to);
            to += count;
        }
}

/* One of a few lengths: what is past the end counts nothing. */
static uint32_t longer(const struct rp_cuda_train *t, uint32_t T)
{
    const uint32_t all = (uint32_t)rp_cuda_round(T, RP_CUDA_TIMES);

    return all < t->options.T ? all : t->options.T;
}

static rp_status measure(struct rp_cuda_train *t, struct rp_cuda_batch *batch,
                         const struct rp_learner_part *part, uint32_t parts)
{
    batch->T = batch->B = 0;
    batch->weight = 0;
    batch->started = false;
    for (uint32_t i = 0; i < parts; i++) {
        const struct rp_batch *from = part[i].batch;
        batch->T = from->T > batch->T ? from->T : batch->T;
        batch->B += from->B;
        batch->started = batch->started || from->start;
        for (uint32_t row = 0; row < from->T * from->B; row++)
            batch->weight += (double)from->weight[row];
    }
    if (batch->T && batch->B && batch->T <= t->options.T &&
        batch->B <= t->options.B) {
        batch->T = batch->T > 1 ? longer(t, batch->T) : 1;
        return RP_OK;
    }
    rp_log(RP_ERROR, "cuda", "a batch of %u x %u, expected up to %u x %u",
           batch->T, batch->B, t->options.T, t->options.B);
    return RP_EARG;
}

/* Bytes begin .. end of the block, where there are any. */
static rp_status send(struct rp_cuda_train *t, struct rp_cuda_batch *batch,
                      size_t begin, size_t end)
{
    if (begin == end)
        return RP_OK;
    return rp_cuda_train_check(
        t,
        cudaMemcpyAsync((char *)batch->device + begin,
                        (char *)batch->host + begin, end - begin,
                        cudaMemcpyHostToDevice, t->copies),
        "sending a batch");
}

rp_status rp_cuda_batch_put(struct rp_cuda_train *t,
                            struct rp_cuda_batch *batch,
                            const struct rp_learner_part *part,
                            uint32_t parts, const struct rp_learner_pass *pass)
{
    rp_status status = measure(t, batch, part, parts);
    size_t heard, conditions;

    batch->pass = *pass;
    if (!status)
        status = make_room(t, batch, place(t, batch, part, parts));
    if (status)
        return status;
    heard = put_input(batch, part, parts);
    conditions = put_fields(t, batch, part, parts);
    if (pass->dropout > 0)
        put_drops(t, batch, part, parts);
    put_links(batch, part, parts);
    if (batch->started)
        put_start(t, batch, part, parts);
    status = send(t, batch, 0, batch->lies.at + heard);
    if (!status)
        status = send(t, batch, batch->lies.condition,
                      batch->lies.condition + conditions);
    if (!status)
        status = rp_cuda_train_check(t, cudaEventRecord(batch->sent, t->copies),
                                     "sending a batch");
    return status;
}
