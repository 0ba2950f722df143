/* Many candidates at once, note by note in the stream that gives way to live
 * steps: at most two notes are enqueued, so a cancel is heard within them. */
#include "model/play/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "cuda/instance.h"
#include "cuda/mma.h"
#include "cuda/roll.h"
#include "rt/log.h"

enum {
    AHEAD = 2,
    ROUND = 32,
    CHANGES = 64, /* of chord and of metre: more than a player's metres */
    ROUNDS = 4    /* of a trial, each way */
};

/* What a rollout is sent as, in one copy: this, the state and changes. */
struct parcel {
    struct rp_cuda_task task;
    struct rp_reader reader;
    struct rp_turn turn;
    _Alignas(16) unsigned char more[];
};

struct rp_cuda_rollout {
    struct rp_cuda_memory memory;
    uint32_t room;     /* candidates */
    uint32_t changes;  /* of chord and metre that there is room for */
    struct rp_cuda_roll roll;
    struct parcel *parcel, *parcel_device; /* host; the device's copy */
    size_t parcel_size;
    bool graph;  /* a note goes as a graph; */
    bool chosen; /* whether it does is known */
    struct rp_cuda_row *row[2]; /* (room) all on side 0, on side 1 */
    float *active;              /* (room, E); NULL in bf16 */
    struct rp_note *note;       /* mapped, (room, RP_ROLLOUT_NOTES) */
    struct rp_cuda_rolled *rolled; /* mapped */
    volatile uint32_t *going;      /* mapped, by notes modulo AHEAD */
    uint32_t *going_device;
    cudaGraphExec_t graphs[2]; /* of a note on side 0, on side 1, roll.wide
                                  candidates wide */
    cudaEvent_t done[AHEAD];
    struct rp_cuda_chains *chains; /* NULL: this path or device has none */
};

_Static_assert(sizeof(struct rp_cuda_rolled) == sizeof(struct rp_rolled) &&
                   offsetof(struct rp_cuda_rolled, logp) ==
                       offsetof(struct rp_rolled, logp) &&
                   offsetof(struct rp_cuda_rolled, fields) ==
                       offsetof(struct rp_rolled, fields),
               "roll.h writes what rollout.h reads");

static void forget_graphs(struct rp_cuda_rollout *self)
{
    for (int i = 0; i < 2; i++) {
        if (self->graphs[i])
            (void)cudaGraphExecDestroy(self->graphs[i]);
        self->graphs[i] = NULL;
    }
}

void rp_cuda_rollout_free(struct rp_cuda *cuda)
{
    struct rp_cuda_rollout *self = cuda->rollout;

    if (!self)
        return;
    forget_graphs(self);
    for (int i = 0; i < AHEAD; i++)
        if (self->done[i])
            (void)cudaEventDestroy(self->done[i]);
    rp_cuda_chains_free(self->chains);
    rp_cuda_free(&self->memory);
    free(self);
    cuda->rollout = NULL;
}

/* ---- memory ---- */

struct want {
    void *out;
    size_t size;
};

static rp_status allocate_all(struct rp_cuda *cuda, const struct want *want,
                              size_t count)
{
    rp_status status = RP_OK;

    for (size_t i = 0; !status && i < count; i++)
        status = rp_cuda_alloc(cuda, &cuda->rollout->memory, want[i].out,
                               want[i].size);
    return status;
}

static rp_status allocate(struct rp_cuda *cuda, struct rp_cuda_rollout *self)
{
    struct rp_cuda_roll *roll = &self->roll;
    const size_t room = self->room, list = RP_CUDA_FIELDS + 1;
    const size_t state =
        (size_t)cuda->shape.layers * cuda->shape.hidden * sizeof(float);
    size_t lane, reader, turn, note;
    rp_status status;

    rp_cuda_roll_sizes(&lane, &reader, &turn, &note);
    const struct want want[] = {
        {&roll->lane, room * lane},
        {&roll->list, list * room * sizeof *roll->list},
        {&roll->count, list * sizeof *roll->count},
        {&roll->condition, room * RP_CUDA_INDICES * sizeof(uint16_t)},
        {&roll->input, room * RP_CUDA_INDICES * sizeof(uint16_t)},
        {&roll->logits, room * RP_CUDA_LOGITS * sizeof(float)},
        {&roll->states.side[0], room * state},
        {&roll->states.side[1], room * state},
        {&self->row[0], room * sizeof(struct rp_cuda_row)},
        {&self->row[1], room * sizeof(struct rp_cuda_row)},
        {&self->parcel_device, self->parcel_size},
    };
    const struct want active = {
        &self->active, room * cuda->shape.head * sizeof(float)};
    const struct want cells[] = {{&roll->states.cells[0], room * state / 2},
                                 {&roll->states.cells[1], room * state / 2}};

    if (reader != sizeof(struct rp_reader) || turn != sizeof(struct rp_turn) ||
        note != sizeof(struct rp_note)) {
        rp_log(RP_ERROR, "cuda", "the kernels were built for other notes");
        return RP_EARG;
    }
    status = allocate_all(cuda, want, sizeof want / sizeof *want);
    if (status)
        return status;
    return cuda->cells ? allocate_all(cuda, cells, 2)
                       : allocate_all(cuda, &active, 1);
}

static rp_status allocate_mapped(struct rp_cuda *cuda,
                                 struct rp_cuda_rollout *self)
{
    struct rp_cuda_memory *memory = &self->memory;
    struct rp_cuda_roll *roll = &self->roll;
    const size_t room = self->room;
    void *same;
    rp_status status = rp_cuda_alloc_mapped(
        cuda, memory, (void **)&self->note, &roll->note,
        room * RP_ROLLOUT_NOTES * sizeof *self->note);

    if (!status)
        status = rp_cuda_alloc_mapped(cuda, memory, (void **)&self->rolled,
                                      (void **)&roll->rolled,
                                      room * sizeof *self->rolled);
    if (!status)
        status = rp_cuda_alloc_mapped(cuda, memory, (void **)&self->going,
                                      (void **)&self->going_device,
                                      AHEAD * sizeof *self->going);
    if (!status)
        status = rp_cuda_alloc_mapped(cuda, memory, (void **)&self->parcel,
                                      &same, self->parcel_size);
    return status;
}

/* Rows i on side 0 and on side 1, by way of the mapped notes. */
static rp_status write_rows(struct rp_cuda *cuda, struct rp_cuda_rollout *self)
{
    struct rp_cuda_row *row = (struct rp_cuda_row *)self->note;
    rp_status status = RP_OK;

    for (uint32_t side = 0; side < 2 && !status; side++) {
        for (uint32_t i = 0; i < self->room; i++)
            row[i] = (struct rp_cuda_row){i, side};
        status = rp_cuda_check(
            cuda,
            cudaMemcpyAsync(self->row[side], row, self->room * sizeof *row,
                            cudaMemcpyHostToDevice, cuda->behind),
            "a rollout");
        if (!status)
            status = rp_cuda_wait(cuda, cuda->behind, "a rollout");
    }
    return status;
}

static size_t more_size(const struct rp_cuda *cuda, uint32_t changes)
{
    size_t state = (size_t)cuda->shape.layers * cuda->shape.hidden;

    return state * sizeof(float) +
           changes * (2 * sizeof(struct rp_chord_change) +
                      sizeof(struct rp_metre_change));
}

static uint32_t rounded(uint32_t candidates)
{
    return (candidates + ROUND - 1) / ROUND * ROUND;
}

static rp_status create(struct rp_cuda *cuda, uint32_t room, uint32_t changes)
{
    struct rp_cuda_rollout *self = calloc(1, sizeof *self);
    rp_status status;

    if (!self)
        return RP_EMEM;
    cuda->rollout = self;
    self->room = rounded(room);
    self->changes = changes;
    self->parcel_size = sizeof *self->parcel + more_size(cuda, changes);
    self->roll.room = self->room;
    self->roll.states.layers = cuda->shape.layers;
    self->roll.states.hidden = cuda->shape.hidden;
    status = allocate(cuda, self);
    if (!status)
        status = allocate_mapped(cuda, self);
    for (int i = 0; i < AHEAD && !status; i++)
        status = rp_cuda_check(cuda,
                               cudaEventCreateWithFlags(
                                   &self->done[i], cudaEventDisableTiming),
                               "a rollout");
    if (!status)
        status = write_rows(cuda, self);
    if (!status && cuda->path == RP_CUDA_PERSISTENT) {
        status = rp_cuda_chains_create(cuda, &self->chains);
        if (status == RP_ENONE) /* and is made as otherwise */
            status = RP_OK;
        else if (!status) /* nothing of it is in the stream any more */
            status = rp_cuda_wait(cuda, cuda->behind, "a rollout");
    }
    if (!status && cuda->cells)
        status = rp_cuda_check(cuda, rp_cuda_mma_allow(), "a rollout");
    if (!status)
        self->roll.task = &self->parcel_device->task;
    return status;
}

/* ---- sending ---- */

/* Moves an array behind what is sent already; where it will be. */
static const void *append(struct rp_cuda_rollout *self, size_t *used,
                          const void *array, size_t size)
{
    const void *device = self->parcel_device->more + *used;

    if (!array || !size)
        return NULL;
    memcpy(self->parcel->more + *used, array, size);
    *used += size;
    return device;
}

static rp_status send(struct rp_cuda *cuda, const struct rp_rollout *rollout)
{
    struct rp_cuda_rollout *self = cuda->rollout;
    struct parcel *parcel = self->parcel, *there = self->parcel_device;
    struct rp_reader *reader = &parcel->reader;
    struct rp_turn *turn = &parcel->turn;
    size_t used = 0, state = more_size(cuda, 0);

    *reader = *rollout->reader;
    *turn = *rollout->turn;
    parcel->task = (struct rp_cuda_task){
        .reader = &there->reader,
        .turn = &there->turn,
        .state = append(self, &used, rollout->state, state),
        .temperature = rollout->taste->temperature,
        .top_p = rollout->taste->top_p,
        .top_k = rollout->taste->top_k,
        .from = rollout->from,
        .candidates = rollout->candidates,
        .most = rollout->most};
    reader->metre = append(self, &used, reader->metre,
                           reader->metres * sizeof *reader->metre);
    reader->chord = append(self, &used, reader->chord,
                           reader->chords * sizeof *reader->chord);
    turn->chord = append(self, &used, turn->chord,
                         turn->chords * sizeof *turn->chord);
    return rp_cuda_check(cuda,
                         cudaMemcpyAsync(there, parcel,
                                         sizeof *parcel + used,
                                         cudaMemcpyHostToDevice, cuda->behind),
                         "a rollout");
}

/* ---- one note ---- */

/* Those of a list. Nobody reads the list before it any more (`spent`): its
 * count becomes 0, by the first kernel that reads this one. */
static struct rp_cuda_rows rows_of(const struct rp_cuda_rollout *self,
                                   uint32_t list, uint32_t spent)
{
    const struct rp_cuda_roll *roll = &self->roll;

    return (struct rp_cuda_rows){.most = roll->wide,
                                 .count = roll->count + list,
                                 .list = roll->list + list * self->room,
                                 .spent = roll->count + spent};
}

static rp_status enqueue_field(struct rp_cuda *cuda, uint32_t side,
                               uint32_t field, uint32_t spent)
{
    struct rp_cuda_rollout *self = cuda->rollout;
    const struct rp_cuda_heads heads = {
        .rows = rows_of(self, field, spent),
        .row = self->row[side],
        .condition = self->roll.condition,
        .states = self->roll.states,
        .head = cuda->head[field],
        .width = cuda->shape.head,
        .active = self->active,
        .logits = (float *)self->roll.logits};
    rp_status status = rp_cuda_check(
        cuda,
        cuda->cells ? rp_cuda_mma_heads(&heads, cuda->behind)
                    : rp_cuda_heads_enqueue(&heads, cuda->behind),
        "a rollout");

    self->roll.field = field;
    return status ? status
                  : rp_cuda_check(cuda,
                                  rp_cuda_roll_draw(&self->roll,
                                                    cuda->behind),
                                  "a rollout");
}

/* For each field its heads and its draw, then a step: of 2 layers and 5 fields
 * 18 kernels, in bf16, where a head is one, 13. */
static rp_status enqueue_note(struct rp_cuda *cuda, uint32_t side)
{
    struct rp_cuda_rollout *self = cuda->rollout;
    uint32_t last = RP_CUDA_FIELDS; /* the list of those that stepped */
    rp_status status = RP_OK;

    for (uint32_t f = 0; f < RP_CUDA_FIELDS && !status; f++) {
        if (!cuda->head[f].classes)
            continue;
        status = enqueue_field(cuda, side, f, last);
        last = f;
    }
    struct rp_cuda_step step = {.rows = rows_of(self, RP_CUDA_FIELDS, last),
                                .row = self->row[side],
                                .input = self->roll.input,
                                .states = self->roll.states};
    for (uint32_t l = 0; l < cuda->shape.layers && !status; l++) {
        step.number = l;
        step.layer = cuda->layer[l];
        status = rp_cuda_check(
            cuda,
            cuda->cells ? rp_cuda_mma_step(&step, cuda->behind)
                        : rp_cuda_step_enqueue(&step, cuda->behind),
            "a rollout");
        step.rows.spent = NULL;
    }
    self->roll.going = self->going_device + side;
    return status ? status
                  : rp_cuda_check(cuda,
                                  rp_cuda_roll_tell(&self->roll,
                                                    cuda->behind),
                                  "a rollout");
}

static rp_status launch_note(struct rp_cuda *cuda, uint32_t side)
{
    struct rp_cuda_rollout *self = cuda->rollout;

    return self->graph ? rp_cuda_launch_graph(cuda, cuda->behind,
                                              &self->graphs[side],
                                              enqueue_note, side)
                       : enqueue_note(cuda, side);
}

static rp_status clear(struct rp_cuda *cuda)
{
    uint32_t *count = cuda->rollout->roll.count;

    return rp_cuda_check(cuda,
                         cudaMemsetAsync(count, 0,
                                         (RP_CUDA_FIELDS + 1) * sizeof *count,
                                         cuda->behind),
                         "a rollout");
}

/* Notes of nobody, which take as long as launching them does. */
static rp_status try_notes(struct rp_cuda *cuda, uint64_t *us)
{
    uint64_t began = rp_cuda_now_us();
    rp_status status = RP_OK;

    for (uint32_t n = 0; n < 2 && !status; n++)
        status = launch_note(cuda, n);
    if (!status)
        status = rp_cuda_wait_awake(cuda, cuda->behind, "a rollout");
    began = rp_cuda_now_us() - began;
    if (began < *us)
        *us = began;
    return status;
}

/* Kernel by kernel or as graphs: the same notes; what is quicker is kept. */
static rp_status choose(struct rp_cuda *cuda)
{
    struct rp_cuda_rollout *self = cuda->rollout;
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX}, first = UINT64_MAX;
    rp_status status;

    self->graph = cuda->path == RP_CUDA_GRAPH;
    self->chosen = self->graph || cuda->path == RP_CUDA_PLAIN;
    if (self->chosen)
        return RP_OK;
    status = clear(cuda);
    for (uint32_t i = 0; i < 2 * (ROUNDS + 1) && !status; i++) {
        self->graph = i % 2;
        status = try_notes(cuda, i < 2 ? &first : &least[i % 2]);
    }
    self->graph = least[1] < least[0];
    self->chosen = !status;
    if (!status)
        rp_log(RP_DEBUG, "cuda",
               "two notes of a rollout are launched in %llu us kernel by "
               "kernel, in %llu us as graphs: %s",
               (unsigned long long)least[0], (unsigned long long)least[1],
               self->graph ? "as graphs" : "kernel by kernel");
    return status;
}

/* ---- the whole ---- */

static bool is_cancelled(const struct rp_rollout *rollout)
{
    return rollout->cancel && atomic_load(rollout->cancel);
}

static rp_status run(struct rp_cuda *cuda, const struct rp_rollout *rollout)
{
    struct rp_cuda_rollout *self = cuda->rollout;
    rp_status status = self->chosen ? RP_OK : choose(cuda);

    if (!status)
        status = clear(cuda);
    if (!status)
        status = rp_cuda_check(
            cuda, rp_cuda_roll_begin(&self->roll, cuda->behind), "a rollout");
    if (!status && cuda->cells)
        status = rp_cuda_check(cuda,
                               rp_cuda_mma_begin(&self->roll.states,
                                                 rollout->candidates,
                                                 cuda->behind),
                               "a rollout");
    for (uint32_t n = 0; !status && n < rollout->most + AHEAD; n++) {
        if (n >= AHEAD) {
            status = rp_cuda_wait_event(cuda, self->done[n % AHEAD],
                                        "a rollout");
            if (status || !self->going[n % AHEAD])
                break;
        }
        if (is_cancelled(rollout)) {
            status = RP_ECANCEL;
            break;
        }
        if (n >= rollout->most)
            continue;
        status = launch_note(cuda, n % 2);
        if (!status)
            status = rp_cuda_check(
                cuda, cudaEventRecord(self->done[n % AHEAD], cuda->behind),
                "a rollout");
        if (status)
            break;
    }
    if (!cuda->lost) { /* what was enqueued still writes */
        rp_status last = rp_cuda_wait(cuda, cuda->behind, "a rollout");
        if (!status)
            status = last;
    }
    return status;
}

static uint32_t changes_in(const struct rp_rollout *rollout)
{
    uint32_t most = rollout->reader->metres;

    if (rollout->reader->chord && rollout->reader->chords > most)
        most = rollout->reader->chords;
    if (rollout->turn->chord && rollout->turn->chords > most)
        most = rollout->turn->chords;
    return most;
}

/* In place of what there was. */
static rp_status make_room(struct rp_cuda *cuda, uint32_t candidates,
                           uint32_t changes)
{
    rp_status status;

    rp_cuda_rollout_free(cuda);
    status = create(cuda, candidates, changes < CHANGES ? CHANGES : changes);
    if (status && !cuda->stuck)
        rp_cuda_rollout_free(cuda);
    return status;
}

/* Launches are as wide as they must be, not as there is memory. */
static void widen(struct rp_cuda_rollout *self, uint32_t candidates)
{
    const uint32_t wide = rounded(candidates);

    if (self->roll.wide == wide)
        return;
    forget_graphs(self);
    self->roll.wide = wide;
}

rp_status rp_cuda_rollout_reserve(struct rp_engine *engine,
                                  uint32_t *candidates)
{
    struct rp_cuda *cuda = (struct rp_cuda *)engine;
    uint32_t count = *candidates;
    rp_status status;

    if (cuda->lost)
        return RP_ELOST;
    if (!count || count > RP_ROLLOUT_CANDIDATES)
        return RP_EARG;
    cuda->sparing = true;
    while ((status = make_room(cuda, count, CHANGES)) == RP_EMEM &&
           count > ROUND)
        count /= 2;
    cuda->sparing = false;
    *candidates = count;
    return status;
}

rp_status rp_cuda_rollout(struct rp_engine *engine, struct rp_rollout *rollout)
{
    struct rp_cuda *cuda = (struct rp_cuda *)engine;
    uint32_t changes = changes_in(rollout), count = rollout->candidates;
    rp_status status = RP_OK;

    if (cuda->lost)
        return RP_ELOST;
    if (!count || count > RP_ROLLOUT_CANDIDATES || !rollout->most ||
        rollout->most > RP_ROLLOUT_NOTES)
        return RP_EARG;
    if (!cuda->rollout || count > cuda->rollout->room)
        status = make_room(cuda, count, 2 * changes);
    else if (changes > cuda->rollout->changes)
        status = make_room(cuda, cuda->rollout->room, 2 * changes);
    if (!status)
        widen(cuda->rollout, count);
    if (!status)
        status = send(cuda, rollout);
    if (!status && cuda->rollout->chains && count <= RP_CUDA_CHAINS)
        status = rp_cuda_chains_run(
            cuda, cuda->rollout->chains, rollout, cuda->rollout->roll.task,
            cuda->rollout->roll.note, cuda->rollout->roll.rolled);
    else if (!status)
        status = run(cuda, rollout);
    if (status)
        return status;
    memcpy(rollout->note, cuda->rollout->note,
           (size_t)count * rollout->most * sizeof *rollout->note);
    memcpy(rollout->rolled, cuda->rollout->rolled,
           count * sizeof *rollout->rolled);
    return RP_OK;
}
