/* Steps and heads, on which the next note waits: what the device is told, how
 * it is launched and how the answer is noticed.
 *
 * Up to RP_CUDA_FEW rows go by few.h, kernel by kernel (what the device is
 * told lies in the launches) or as one graph (it lies in mapped memory); both
 * give the same bits, and the engine keeps what is quicker here. More rows,
 * which nobody plays, go by step.h. */
#include <stdlib.h>
#include <string.h>

#include "cuda/few.h"
#include "cuda/instance.h"
#include "rt/log.h"

enum {
    AHEAD = 64, /* steps whose end nobody has seen: a launch must not block */
    ROUNDS = 32, /* notes of a trial, each way, but for no longer than: */
    TRIAL_US = 10000,
    EARLY_GRAPH = 12030 /* CUDA's version that can */
};

/* What the host writes for many rows and the device reads: host memory, and
 * the same as the device sees it. */
struct many_in {
    struct rp_cuda_row *row, *row_device; /* (slots) */
    uint16_t *indices, *indices_device;   /* (slots, RP_CUDA_INDICES) */
};

_Static_assert(RP_CUDA_FEW * RP_CUDA_LOGITS >= RP_HIDDEN_MAX,
               "a state is said where logits are");

struct rp_cuda_live {
    struct rp_cuda_memory memory;
    bool few;   /* few.h's kernels fit this network and device */
    bool early; /* and may begin early; also in graphs: */
    bool early_graph;
    bool graph; /* few rows go as graphs */
    bool tried; /* which is the better way */
    uint32_t pending; /* steps launched, not known to be done */
    bool reading;     /* one of them may still read step_call or step_in */
    uint32_t number;  /* of the last call of heads */
    struct rp_cuda_few_call *step_call, *step_call_device; /* mapped */
    struct rp_cuda_few_call *head_call, *head_call_device; /* mapped */
    /* Mapped, (RP_CUDA_FEW, RP_CUDA_LOGITS), and no less than a state. */
    uint64_t *said, *said_device;
    cudaGraphExec_t step_graph[RP_CUDA_FEW + 1]; /* by rows */
    cudaGraphExec_t head_graph[(RP_CUDA_FEW + 1) * RP_FIELDS];
    struct many_in step_in, heads_in;
    float *active;                 /* (slots, E), on the device */
    float *logits, *logits_device; /* mapped, (slots, RP_CUDA_LOGITS) */
};

void rp_cuda_live_free(struct rp_cuda *cuda)
{
    struct rp_cuda_live *live = cuda->live;

    if (!live)
        return;
    for (int i = 0; i <= RP_CUDA_FEW; i++)
        if (live->step_graph[i])
            (void)cudaGraphExecDestroy(live->step_graph[i]);
    for (int i = 0; i < (RP_CUDA_FEW + 1) * RP_FIELDS; i++)
        if (live->head_graph[i])
            (void)cudaGraphExecDestroy(live->head_graph[i]);
    rp_cuda_free(&live->memory);
    free(live);
    cuda->live = NULL;
}

static rp_status create_in(struct rp_cuda *cuda, struct many_in *in)
{
    struct rp_cuda_memory *memory = &cuda->live->memory;
    const size_t rows = cuda->slots;
    rp_status status =
        rp_cuda_alloc_mapped(cuda, memory, (void **)&in->row,
                             (void **)&in->row_device, rows * sizeof *in->row);

    if (!status)
        status = rp_cuda_alloc_mapped(
            cuda, memory, (void **)&in->indices, (void **)&in->indices_device,
            rows * RP_CUDA_INDICES * sizeof *in->indices);
    return status;
}

static rp_status create_few(struct rp_cuda *cuda)
{
    struct rp_cuda_live *live = cuda->live;
    const size_t said =
        (size_t)RP_CUDA_FEW * RP_CUDA_LOGITS * sizeof *live->said;
    int major = 0, driver = 0;
    rp_status status = rp_cuda_check(
        cuda,
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0),
        "asking for the device");

    if (status)
        return status;
    live->early = major >= 9;
    (void)cudaDriverGetVersion(&driver);
    live->early_graph = live->early && CUDART_VERSION >= EARLY_GRAPH &&
                        driver >= EARLY_GRAPH;
    live->few = rp_cuda_few_fits(cuda->shape.hidden, cuda->shape.head);
    (void)cudaGetLastError();
    status = rp_cuda_alloc_mapped(
        cuda, &live->memory, (void **)&live->step_call,
        (void **)&live->step_call_device, sizeof *live->step_call);
    if (!status)
        status = rp_cuda_alloc_mapped(
            cuda, &live->memory, (void **)&live->head_call,
            (void **)&live->head_call_device, sizeof *live->head_call);
    if (!status)
        status = rp_cuda_alloc_mapped(cuda, &live->memory,
                                      (void **)&live->said,
                                      (void **)&live->said_device, said);
    if (!status)
        memset(live->said, 0, said); /* no call's number */
    return status;
}

rp_status rp_cuda_live_create(struct rp_cuda *cuda)
{
    struct rp_cuda_live *live = cuda->live = calloc(1, sizeof *live);
    const size_t slots = cuda->slots;
    const size_t rows = slots > RP_CUDA_FEW ? slots : RP_CUDA_FEW;
    rp_status status = live ? create_few(cuda) : RP_EMEM;

    if (!status)
        status = create_in(cuda, &live->step_in);
    if (!status)
        status = create_in(cuda, &live->heads_in);
    if (!status)
        status = rp_cuda_alloc(cuda, &live->memory, (void **)&live->active,
                               rows * cuda->shape.head * sizeof(float));
    if (!status)
        status = rp_cuda_alloc_mapped(cuda, &live->memory,
                                      (void **)&live->logits,
                                      (void **)&live->logits_device,
                                      slots * RP_CUDA_LOGITS * sizeof(float));
    if (!status)
        live->graph = cuda->path == RP_CUDA_GRAPH;
    return status;
}

rp_status rp_cuda_live_wait(struct rp_cuda *cuda, const char *what)
{
    rp_status status = rp_cuda_wait_live(cuda, cuda->stream, what);

    if (!status) {
        cuda->live->pending = 0;
        cuda->live->reading = false;
    }
    return status;
}

/* ---- few rows ---- */

static bool few_enough(const struct rp_cuda *cuda, uint32_t count,
                       const struct rp_indices *indices)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < count && i < RP_CUDA_FEW; i++)
        sum += indices[i].count;
    return cuda->live->few && count <= RP_CUDA_FEW &&
           sum <= RP_CUDA_FEW_INDICES;
}

static void write_call(const struct rp_cuda *cuda, uint32_t count,
                       const uint32_t *slot, const struct rp_indices *indices,
                       struct rp_cuda_few_call *call)
{
    uint16_t used = 0;

    call->rows = count;
    for (uint32_t i = 0; i < count; i++) {
        call->row[i] = (struct rp_cuda_few_row){
            slot[i], cuda->side[slot[i]], used, indices[i].count};
        memcpy(call->index + used, indices[i].at,
               indices[i].count * sizeof *call->index);
        used = (uint16_t)(used + indices[i].count);
    }
}

static rp_status enqueue_step(struct rp_cuda *cuda,
                              struct rp_cuda_few_step *step, uint32_t rows)
{
    rp_status status = RP_OK;

    step->states = cuda->states;
    step->early = step->at ? cuda->live->early_graph : cuda->live->early;
    for (uint32_t l = 0; l < cuda->shape.layers && !status; l++) {
        step->number = l;
        step->layer = cuda->layer[l];
        status = rp_cuda_check(
            cuda, rp_cuda_few_step_enqueue(step, rows, cuda->stream),
            "a step");
    }
    return status;
}

static rp_status enqueue_heads(struct rp_cuda *cuda,
                               struct rp_cuda_few_heads *heads, uint32_t rows,
                               enum rp_field field)
{
    heads->states = cuda->states;
    heads->early = heads->at ? cuda->live->early_graph : cuda->live->early;
    heads->head = cuda->head[field];
    heads->width = cuda->shape.head;
    heads->active = cuda->live->active;
    heads->said = cuda->live->said_device;
    return rp_cuda_check(
        cuda, rp_cuda_few_heads_enqueue(heads, rows, cuda->stream), "a head");
}

static rp_status capture_step(struct rp_cuda *cuda, uint32_t rows)
{
    struct rp_cuda_few_step step = {.at = cuda->live->step_call_device};

    return enqueue_step(cuda, &step, rows);
}

/* `which`: field + RP_FIELDS * rows. */
static rp_status capture_heads(struct rp_cuda *cuda, uint32_t which)
{
    struct rp_cuda_few_heads heads = {.at = cuda->live->head_call_device};

    return enqueue_heads(cuda, &heads, which / RP_FIELDS,
                         (enum rp_field)(which % RP_FIELDS));
}

static rp_status step_few(struct rp_cuda *cuda, uint32_t count,
                          const uint32_t *slot,
                          const struct rp_indices *input)
{
    struct rp_cuda_live *live = cuda->live;
    struct rp_cuda_few_step step;

    if (live->graph) {
        write_call(cuda, count, slot, input, live->step_call);
        live->reading = true;
        return rp_cuda_launch_graph(cuda, cuda->stream,
                                    &live->step_graph[count], capture_step,
                                    count);
    }
    step.at = NULL;
    step.call.number = 0;
    write_call(cuda, count, slot, input, &step.call);
    return enqueue_step(cuda, &step, count);
}

/* Until the device has said so many classes of each row. */
static rp_status read_said(struct rp_cuda *cuda, uint32_t rows,
                           uint32_t classes, float *to, const char *what)
{
    struct rp_cuda_live *live = cuda->live;
    rp_status status = rp_cuda_wait_said(cuda, live->said, rows, classes,
                                         live->number, to, what);

    if (!status) {
        live->pending = 0;
        live->reading = false;
    }
    return status;
}

static uint32_t next_number(struct rp_cuda_live *live)
{
    if (!++live->number)
        live->number = 1;
    return live->number;
}

rp_status rp_cuda_live_state(struct rp_cuda *cuda, const float *at, float *h)
{
    const struct rp_cuda_few_state state = {
        .state = at,
        .count = cuda->shape.hidden,
        .number = next_number(cuda->live),
        .said = cuda->live->said_device,
        .early = cuda->live->early};
    rp_status status = rp_cuda_check(
        cuda, rp_cuda_few_state_enqueue(&state, cuda->stream), "a state");

    return status ? status
                  : read_said(cuda, 1, cuda->shape.hidden, h, "a state");
}

static rp_status heads_few(struct rp_cuda *cuda, uint32_t count,
                           const uint32_t *slot, enum rp_field field,
                           const struct rp_indices *condition, float *logits)
{
    struct rp_cuda_live *live = cuda->live;
    const uint32_t which = (uint32_t)field + RP_FIELDS * count;
    struct rp_cuda_few_heads heads;
    rp_status status;

    next_number(live);
    if (live->graph) {
        write_call(cuda, count, slot, condition, live->head_call);
        live->head_call->number = live->number;
        status = rp_cuda_launch_graph(cuda, cuda->stream,
                                      &live->head_graph[which], capture_heads,
                                      which);
    } else {
        heads.at = NULL;
        write_call(cuda, count, slot, condition, &heads.call);
        heads.call.number = live->number;
        status = enqueue_heads(cuda, &heads, count, field);
    }
    return status ? status
                  : read_said(cuda, count, cuda->head[field].classes, logits,
                              "a head");
}

/* ---- many ---- */

static void write_rows(struct rp_cuda *cuda, struct many_in *in,
                       uint32_t count, const uint32_t *slot,
                       const struct rp_indices *indices)
{
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *to = in->indices + (size_t)i * RP_CUDA_INDICES;
        in->row[i] = (struct rp_cuda_row){slot[i], cuda->side[slot[i]]};
        to[0] = indices[i].count;
        memcpy(to + 1, indices[i].at, indices[i].count * sizeof *to);
    }
}

static rp_status step_many(struct rp_cuda *cuda, uint32_t count,
                           const uint32_t *slot,
                           const struct rp_indices *input)
{
    struct rp_cuda_live *live = cuda->live;
    struct rp_cuda_step step = {.rows.most = count,
                                .row = live->step_in.row_device,
                                .input = live->step_in.indices_device,
                                .states = cuda->states};
    rp_status status = RP_OK;

    write_rows(cuda, &live->step_in, count, slot, input);
    live->reading = true;
    for (uint32_t l = 0; l < cuda->shape.layers && !status; l++) {
        step.number = l;
        step.layer = cuda->layer[l];
        status = rp_cuda_check(
            cuda, rp_cuda_step_enqueue(&step, cuda->stream), "a step");
    }
    return status;
}

static rp_status heads_many(struct rp_cuda *cuda, uint32_t count,
                            const uint32_t *slot, enum rp_field field,
                            const struct rp_indices *condition, float *logits)
{
    struct rp_cuda_live *live = cuda->live;
    const struct rp_cuda_heads heads = {
        .rows.most = count,
        .row = live->heads_in.row_device,
        .condition = live->heads_in.indices_device,
        .states = cuda->states,
        .head = cuda->head[field],
        .width = cuda->shape.head,
        .active = live->active,
        .logits = live->logits_device};
    rp_status status;

    write_rows(cuda, &live->heads_in, count, slot, condition);
    status = rp_cuda_check(cuda, rp_cuda_heads_enqueue(&heads, cuda->stream),
                           "a head");
    if (!status)
        status = rp_cuda_live_wait(cuda, "a head");
    for (uint32_t i = 0; !status && i < count; i++)
        memcpy(logits + (size_t)i * RP_CUDA_LOGITS,
               live->logits + (size_t)i * RP_CUDA_LOGITS,
               heads.head.classes * sizeof *logits);
    return status;
}

/* ---- the table's ---- */

rp_status rp_cuda_step(struct rp_engine *engine, uint32_t count,
                       const uint32_t *slot, const struct rp_indices *input)
{
    struct rp_cuda *cuda = (struct rp_cuda *)engine;
    struct rp_cuda_live *live = cuda->live;
    rp_status status = RP_OK;

    if (cuda->lost)
        return RP_ELOST;
    if (!rp_engine_takes(cuda->slots, count, slot, input, cuda->inputs))
        return RP_EARG;
    if (!count)
        return RP_OK;
    if (live->reading || live->pending >= AHEAD)
        status = rp_cuda_live_wait(cuda, "a step");
    if (!status)
        status = few_enough(cuda, count, input)
                     ? step_few(cuda, count, slot, input)
                     : step_many(cuda, count, slot, input);
    for (uint32_t i = 0; !status && i < count; i++)
        cuda->side[slot[i]] ^= 1;
    live->pending++;
    return status;
}

rp_status rp_cuda_logits_many(struct rp_engine *engine, uint32_t count,
                              const uint32_t *slot, enum rp_field field,
                              const struct rp_indices *condition,
                              float *logits)
{
    struct rp_cuda *cuda = (struct rp_cuda *)engine;

    if (cuda->lost)
        return RP_ELOST;
    if ((unsigned)field >= RP_FIELDS || !cuda->head[field].classes ||
        !rp_engine_takes(cuda->slots, count, slot, condition,
                         cuda->head[field].condition))
        return RP_EARG;
    if (!count)
        return RP_OK;
    return few_enough(cuda, count, condition)
               ? heads_few(cuda, count, slot, field, condition, logits)
               : heads_many(cuda, count, slot, field, condition, logits);
}

rp_status rp_cuda_logits(struct rp_engine *engine, uint32_t slot,
                         enum rp_field field,
                         const struct rp_indices *condition, float *logits)
{
    return rp_cuda_logits_many(engine, 1, &slot, field, condition, logits);
}

/* ---- which way ---- */

/* A step of slot 0, which is forgotten, and all heads; microseconds. */
static rp_status try_note(struct rp_cuda *cuda, bool graph, uint64_t *us)
{
    const uint64_t began = rp_cuda_now_us();
    const struct rp_indices none = {0};
    const uint32_t slot = 0;
    float logits[RP_CUDA_LOGITS];
    rp_status status;

    cuda->live->graph = graph;
    status = step_few(cuda, 1, &slot, &none);
    for (int f = 0; f < RP_FIELDS && !status; f++)
        if (cuda->head[f].classes)
            status = heads_few(cuda, 1, &slot, (enum rp_field)f, &none,
                               logits);
    *us = rp_cuda_now_us() - began;
    return status;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

rp_status rp_cuda_live_choose(struct rp_cuda *cuda)
{
    struct rp_cuda_live *live = cuda->live;
    const uint64_t until = rp_cuda_now_us() + TRIAL_US;
    uint64_t us[2][ROUNDS], first;
    rp_status status = RP_OK;
    uint32_t rounds = 0;

    if (live->tried || !live->few || cuda->path == RP_CUDA_PLAIN ||
        cuda->path == RP_CUDA_GRAPH)
        return RP_OK;
    for (int way = 0; way < 2 && !status; way++) /* graphs are made */
        status = try_note(cuda, way, &first);
    do
        for (int way = 0; way < 2 && !status; way++)
            status = try_note(cuda, way, &us[way][rounds]);
    while (!status && ++rounds < ROUNDS && rp_cuda_now_us() < until);
    if (status)
        return status;
    for (int way = 0; way < 2; way++)
        qsort(us[way], rounds, sizeof us[way][0], compare);
    live->tried = true;
    live->graph = us[1][rounds / 2] < us[0][rounds / 2];
    rp_log(RP_DEBUG, "cuda",
           "a note kernel by kernel takes %llu us, as graphs %llu us: %s",
           (unsigned long long)us[0][rounds / 2],
           (unsigned long long)us[1][rounds / 2],
           live->graph ? "as graphs" : "kernel by kernel");
    return RP_OK;
}
