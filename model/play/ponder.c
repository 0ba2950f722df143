#include "model/play/ponder.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

enum {
    SLOTS = 32,       /* candidates that advance together */
    USUAL_MOST = 128, /* as many as a CPU has time for, of ... */
    USUAL_NOTES = 16, /* ... so many notes, by a network of ... */
    USUAL_WEIGHTS = 900000, /* ... so many weights a note */
    USUAL_LEAST = 8,
    USUAL_QUICK = 1024, /* by an engine with a rollout of its own */
    ROOM = 8            /* notes more than twice what is expected */
};

/* ---- one question ---- */

rp_status rp_desk_init(struct rp_desk *desk, uint32_t slots,
                       uint32_t candidates)
{
    rp_status status;

    memset(desk, 0, sizeof *desk);
    status = rp_rollout_room_create(&desk->room, slots);
    if (status)
        return status;
    desk->slots = slots;
    desk->candidates = candidates;
    desk->note = calloc((size_t)candidates * RP_ROLLOUT_NOTES,
                        sizeof *desk->note);
    desk->rolled = calloc(candidates, sizeof *desk->rolled);
    desk->order = calloc(candidates, sizeof *desk->order);
    if (desk->note && desk->rolled && desk->order)
        return RP_OK;
    rp_desk_fini(desk);
    rp_log(RP_ERROR, "ponder", "out of memory");
    return RP_EMEM;
}

void rp_desk_fini(struct rp_desk *desk)
{
    rp_rollout_room_destroy(desk->room);
    free(desk->note);
    free(desk->rolled);
    free(desk->order);
    memset(desk, 0, sizeof *desk);
}

/* Weights that a note reads, about. */
static uint64_t weights_of(const struct rp_shape *shape)
{
    uint64_t H = shape->hidden, E = shape->head, w = 3 * H * H;

    w += (shape->layers - 1) * 6 * H * H;
    return w + 4 * (H * E + 64 * E);
}

static uint32_t usual_count(const struct rp_engine *engine,
                            const struct rp_shape *shape, uint32_t expected)
{
    uint64_t work = weights_of(shape), count;

    if (engine->ops->rollout)
        return USUAL_QUICK;
    if (work < USUAL_WEIGHTS)
        work = USUAL_WEIGHTS;
    if (expected < USUAL_NOTES)
        expected = USUAL_NOTES;
    count = (uint64_t)USUAL_MOST * USUAL_NOTES * USUAL_WEIGHTS /
            (work * expected);
    return count < USUAL_LEAST ? USUAL_LEAST : (uint32_t)count;
}

static uint32_t most_notes(uint32_t expected)
{
    uint32_t most = 2 * expected + ROOM;

    return !expected || most > RP_ROLLOUT_NOTES ? RP_ROLLOUT_NOTES : most;
}

static uint32_t count_candidates(const struct rp_desk *desk,
                                 const struct rp_engine *engine,
                                 const struct rp_shape *shape,
                                 const struct rp_question *question,
                                 uint32_t notes)
{
    uint32_t expected = question->wish.expected, count = question->candidates;

    if (!count)
        count = usual_count(engine, shape, expected);
    if (notes && expected && count > notes / expected)
        count = notes / expected > 1 ? notes / expected : 2;
    return count < desk->candidates ? count : desk->candidates;
}

rp_status rp_desk_think(struct rp_desk *desk, struct rp_engine *engine,
                        uint32_t first, const struct rp_shape *shape,
                        const struct rp_question *question, uint32_t notes,
                        const _Atomic uint32_t *cancel,
                        struct rp_thought *thought)
{
    struct rp_rollout set = {
        .shape = shape,
        .state = question->state,
        .reader = &question->reader,
        .turn = &question->turn,
        .taste = &question->taste,
        .from = question->from,
        .candidates = count_candidates(desk, engine, shape, question, notes),
        .most = most_notes(question->wish.expected),
        .cancel = cancel,
        .room = desk->room,
        .note = desk->note,
        .rolled = desk->rolled,
    };
    rp_status status = rp_rollout_run(engine, first, desk->slots, &set);
    uint32_t chosen;

    if (status)
        return status;
    rp_given_leave_out(&question->given, &set);
    chosen = rp_candidates_choose(&question->wish, &set, desk->order);
    thought->serial = question->serial;
    thought->candidate = question->turn.candidate + chosen;
    thought->notes = set.rolled[chosen].notes;
    thought->why = set.rolled[chosen].why;
    memcpy(thought->note, set.note + (size_t)chosen * set.most,
           thought->notes * sizeof *thought->note);
    return RP_OK;
}

/* ---- two threads ---- */

/* Three cells and the number of the one in the middle: whoever writes and
 * whoever reads each have one to themselves, and swap it for the middle one.
 * Neither ever waits. */
enum { CELLS = 3, FRESH = 4 };
struct swap {
    uint32_t writes, reads;
    _Atomic uint32_t middle;
};

static void swap_init(struct swap *swap)
{
    swap->writes = 0;
    swap->reads = 1;
    atomic_store(&swap->middle, 2);
}

static void swap_put(struct swap *swap)
{
    swap->writes = atomic_exchange(&swap->middle, swap->writes | FRESH) & 3;
}

static bool swap_take(struct swap *swap)
{
    if (!(atomic_load(&swap->middle) & FRESH))
        return false;
    swap->reads = atomic_exchange(&swap->middle, swap->reads) & 3;
    return true;
}

struct rp_ponder {
    const struct rp_model *model;
    struct rp_engine *engine; /* whoever thinks; another one once it is lost */
    struct rp_desk desk;
    bool apart;
    char said[240]; /* by the engine, last */
    uint64_t serial; /* of the last question: the performer's */
    struct rp_question question[CELLS];
    struct swap asked;
    struct rp_thought thought[CELLS];
    struct swap done;
    /* Apart. */
    pthread_t thread;
    sem_t wake;
    _Atomic uint64_t wanted; /* serial; 0: none */
    _Atomic uint32_t cancel, stop;
};

/* What another engine says when it fails is not said twice: whoever plays on
 * the same device says it. */
static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    struct rp_ponder *ponder = self;

    (void)level;
    (void)tag;
    snprintf(ponder->said, sizeof ponder->said, "%s", text);
}

static rp_status try_engine(const struct rp_model *model,
                            const struct rp_engine_ops *ops,
                            struct rp_engine **engine)
{
    struct rp_engine *made = NULL;
    rp_status status = ops->create(&made, &model->shape, SLOTS);

    if (status)
        return status;
    status = ops->set_params(made, model->params);
    if (status) {
        ops->destroy(made);
        return status;
    }
    *engine = made;
    return RP_OK;
}

static void say_lost(const struct rp_ponder *ponder,
                     const struct rp_engine_ops *ops)
{
    rp_log(RP_INFO, "ponder", "%s is lost: %s; the CPU engine thinks on",
           ops->name, *ponder->said ? ponder->said : "it failed");
}

/* The model's, else the CPU's. */
static rp_status make_engine(struct rp_ponder *ponder)
{
    const struct rp_model *model = ponder->model;
    const struct rp_engine_ops *ops =
        model->thinks ? model->thinks : model->ops;
    rp_status status = RP_ELOST;

    if (ops != &rp_engine_cpu) {
        rp_log_divert(keep_line, ponder);
        status = try_engine(model, ops, &ponder->engine);
        rp_log_divert(NULL, NULL);
        if (status)
            say_lost(ponder, ops);
    }
    return status ? try_engine(model, &rp_engine_cpu, &ponder->engine)
                  : status;
}

/* Memory for as many candidates as anybody may ask for, or as many as there
 * is, so that no knob makes us allocate while somebody plays. */
static rp_status reserve(struct rp_ponder *ponder)
{
    const struct rp_engine_ops *ops = ponder->engine->ops;
    uint32_t count = ponder->desk.candidates;
    rp_status status;

    if (!ops->rollout_reserve)
        return RP_OK;
    rp_log_divert(keep_line, ponder);
    status = ops->rollout_reserve(ponder->engine, &count);
    rp_log_divert(NULL, NULL);
    if (status) {
        if (status == RP_EMEM)
            rp_log(RP_WARN, "ponder",
                   "%s has no memory to think with; the CPU engine thinks",
                   ops->name);
        else
            say_lost(ponder, ops);
        ops->destroy(ponder->engine);
        ponder->engine = NULL;
        return try_engine(ponder->model, &rp_engine_cpu, &ponder->engine);
    }
    if (count < ponder->desk.candidates)
        rp_log(RP_WARN, "ponder",
               "%s has memory for %u candidates, not for %u", ops->name, count,
               ponder->desk.candidates);
    ponder->desk.candidates = count;
    return RP_OK;
}

/* The CPU's goes on in place of one that is lost. */
static bool replace_engine(struct rp_ponder *ponder)
{
    struct rp_engine *lost = ponder->engine;

    if (lost->ops == &rp_engine_cpu ||
        try_engine(ponder->model, &rp_engine_cpu, &ponder->engine))
        return false;
    say_lost(ponder, lost->ops);
    lost->ops->destroy(lost);
    ponder->desk.candidates = RP_ROLLOUT_CANDIDATES;
    return true;
}

/* RP_ECANCEL: it is not wanted any more. */
static rp_status think(struct rp_ponder *ponder,
                       const struct rp_question *question,
                       struct rp_thought *thought)
{
    rp_status status;

    for (;;) {
        atomic_store(&ponder->cancel, 0);
        if (atomic_load(&ponder->stop) ||
            atomic_load(&ponder->wanted) != question->serial)
            return RP_ECANCEL;
        rp_log_divert(keep_line, ponder);
        status = rp_desk_think(&ponder->desk, ponder->engine, 0,
                               &ponder->model->shape, question, 0,
                               &ponder->cancel, thought);
        rp_log_divert(NULL, NULL);
        /* Cancelled may have been the question before. */
        if (status == RP_OK || (status != RP_ECANCEL &&
                                !replace_engine(ponder)))
            return status;
    }
}

static void *thinking(void *self)
{
    struct rp_ponder *ponder = self;

    while (!atomic_load(&ponder->stop)) {
        while (sem_wait(&ponder->wake) && errno == EINTR)
            continue;
        while (swap_take(&ponder->asked))
            if (!think(ponder, &ponder->question[ponder->asked.reads],
                       &ponder->thought[ponder->done.writes]))
                swap_put(&ponder->done);
    }
    return NULL;
}

static rp_status fill(struct rp_ponder *ponder)
{
    const struct rp_shape *shape = &ponder->model->shape;
    rp_status status = make_engine(ponder);

    if (!status)
        status = rp_desk_init(&ponder->desk, SLOTS, RP_ROLLOUT_CANDIDATES);
    if (!status)
        status = reserve(ponder);
    for (uint32_t i = 0; i < CELLS && !status; i++) {
        ponder->question[i].state =
            calloc((size_t)shape->layers * shape->hidden, sizeof(float));
        if (!ponder->question[i].state)
            status = RP_EMEM;
    }
    return status;
}

rp_status rp_ponder_create(struct rp_ponder **made,
                           const struct rp_model *model, bool apart)
{
    struct rp_ponder *ponder = calloc(1, sizeof *ponder);
    rp_status status;

    if (!ponder)
        return RP_EMEM;
    ponder->model = model;
    swap_init(&ponder->asked);
    swap_init(&ponder->done);
    sem_init(&ponder->wake, 0, 0);
    status = fill(ponder);
    if (!status && apart) {
        ponder->apart = !pthread_create(&ponder->thread, NULL, thinking,
                                        ponder);
        status = ponder->apart ? RP_OK : RP_EMEM;
    }
    if (status) {
        rp_log(RP_ERROR, "ponder", "nothing to think with");
        rp_ponder_destroy(ponder);
        return status;
    }
    *made = ponder;
    return RP_OK;
}

void rp_ponder_destroy(struct rp_ponder *ponder)
{
    if (!ponder)
        return;
    if (ponder->apart) {
        atomic_store(&ponder->stop, 1);
        atomic_store(&ponder->cancel, 1);
        sem_post(&ponder->wake);
        pthread_join(ponder->thread, NULL);
    }
    sem_destroy(&ponder->wake);
    if (ponder->engine)
        ponder->engine->ops->destroy(ponder->engine);
    rp_desk_fini(&ponder->desk);
    for (uint32_t i = 0; i < CELLS; i++)
        free(ponder->question[i].state);
    free(ponder);
}

/* ---- asking ---- */

struct rp_question *rp_ponder_question(struct rp_ponder *ponder)
{
    return &ponder->question[ponder->asked.writes];
}

void rp_ponder_ask(struct rp_ponder *ponder)
{
    struct rp_question *question = rp_ponder_question(ponder);

    question->serial = ++ponder->serial;
    question->reader.metre = question->metre;
    atomic_store(&ponder->wanted, question->serial);
    swap_put(&ponder->asked);
    atomic_store(&ponder->cancel, 1);
    if (ponder->apart)
        sem_post(&ponder->wake);
}

void rp_ponder_forget(struct rp_ponder *ponder)
{
    atomic_store(&ponder->wanted, 0);
    atomic_store(&ponder->cancel, 1);
}

const struct rp_thought *rp_ponder_thought(struct rp_ponder *ponder)
{
    const struct rp_thought *thought;

    if (!ponder->apart && swap_take(&ponder->asked) &&
        !think(ponder, &ponder->question[ponder->asked.reads],
               &ponder->thought[ponder->done.writes]))
        swap_put(&ponder->done);
    (void)swap_take(&ponder->done);
    thought = &ponder->thought[ponder->done.reads];
    return thought->serial && thought->serial == atomic_load(&ponder->wanted)
               ? thought
               : NULL;
}
