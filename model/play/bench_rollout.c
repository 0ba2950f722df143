#include "model/play/bench_rollout.h"

#include <stdlib.h>
#include <string.h>

#include "model/net/bench_card.h"
#include "model/net/bench_parts.h"

enum { BARS = 64 };

/* What is rolled out. */
struct set {
    uint32_t candidates, most;
};

/* Answers that go on: nothing ends them but their length. */
static void init_turn(struct rp_bench_thought *thought)
{
    struct rp_turn *turn = &thought->turn;

    rp_reader_init(&thought->reader, &thought->shape->vocabulary, NULL, 0, 0);
    rp_turn_init(turn, 1, 1, 0);
    turn->steer.earliest = RP_BENCH_START;
    turn->steer.end = RP_BENCH_START * BARS;
    turn->steer.may_end = false;
    turn->widest = RP_BENCH_START / 4;
    turn->dynamics.bar = RP_BENCH_START;
    turn->dynamics.beat = RP_BENCH_START / 4;
    thought->taste = (struct rp_taste){0.9f, 0.95f, 40};
}

rp_status rp_bench_thought_init(struct rp_bench_thought *thought,
                                const struct rp_engine_ops *ops,
                                const struct rp_shape *shape,
                                uint32_t candidates, uint32_t most)
{
    thought->shape = shape;
    thought->state = rp_floats_create(shape->layers * shape->hidden);
    thought->rollout = (struct rp_rollout){
        .shape = shape,
        .state = thought->state,
        .reader = &thought->reader,
        .turn = &thought->turn,
        .taste = &thought->taste,
        .from = RP_BENCH_START,
        .candidates = candidates,
        .most = most,
        .note = calloc((size_t)candidates * most, sizeof(struct rp_note)),
        .rolled = calloc(candidates, sizeof(struct rp_rolled))};
    if (!thought->state || !thought->rollout.note || !thought->rollout.rolled)
        return RP_EMEM;
    init_turn(thought);
    return rp_bench_engine_make(&thought->engine, ops, shape,
                                RP_BENCH_THOUGHT_SLOTS);
}

void rp_bench_thought_fini(struct rp_bench_thought *thought)
{
    if (thought->engine)
        thought->engine->ops->destroy(thought->engine);
    free(thought->state);
    free(thought->rollout.note);
    free(thought->rollout.rolled);
}

/* The first one makes room; it is not counted. */
static rp_status measure(struct rp_bench_thought *thought, double seconds,
                         struct rp_bench_samples *samples,
                         struct rp_bench_engine_row *row)
{
    double until = rp_bench_now_us() + seconds * 1e6;
    bool room = true;

    for (int i = 0; room && (i < 2 || rp_bench_now_us() < until); i++) {
        double began = rp_bench_now_us();
        rp_status status = rp_rollout_run(
            thought->engine, 0, RP_BENCH_THOUGHT_SLOTS, &thought->rollout);
        if (status)
            return status;
        if (i)
            room = rp_bench_samples_add(samples, rp_bench_now_us() - began);
    }
    rp_bench_samples_sum_up(samples, 1, row);
    for (uint32_t i = 0; i < thought->rollout.candidates; i++)
        row->notes += thought->rollout.rolled[i].notes;
    return RP_OK;
}

static rp_status measure_rollout(struct rp_bench_engine *bench,
                                 struct rp_bench_engine_row *row,
                                 const void *with)
{
    struct rp_bench_samples *samples = calloc(1, sizeof *samples);
    struct rp_bench_thought *thought = calloc(1, sizeof *thought);
    rp_status status = samples && thought ? RP_OK : RP_EMEM;

    if (!status)
        status = rp_bench_thought_init(thought, bench->options.ops, with,
                                       row->candidates, row->most);
    if (!status)
        status = measure(thought, bench->options.seconds, samples, row);
    if (thought)
        rp_bench_thought_fini(thought);
    free(samples);
    free(thought);
    return status;
}

static rp_status add(struct rp_bench_engine *bench,
                     const struct rp_shape *shape, const char *path,
                     const struct set *set)
{
    const struct rp_bench_engine_row row = {.what = RP_BENCH_ROLLOUT,
                                            .kernels = path,
                                            .layers = shape->layers,
                                            .hidden = shape->hidden,
                                            .head = shape->head,
                                            .candidates = set->candidates,
                                            .most = set->most};

    return rp_bench_engine_add(bench, &row, measure_rollout, shape);
}

/* No more than a test wants; 0: as many as they are. */
static struct set cut(const struct rp_bench_engine *bench,
                      const struct set *set)
{
    uint32_t candidates = bench->options.candidates;
    uint32_t most = bench->options.notes;
    struct set less = *set;

    if (candidates && less.candidates > candidates)
        less.candidates = candidates;
    if (most && less.most > most)
        less.most = most;
    return less;
}

static rp_status add_all(struct rp_bench_engine *bench,
                         const struct rp_shape *shape, const char *path,
                         const struct set *sets, uint32_t count)
{
    struct set last = {0, 0};
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < count && !status; i++) {
        struct set set = cut(bench, &sets[i]);
        if (set.candidates == last.candidates && set.most == last.most)
            continue;
        status = add(bench, shape, path, &set);
        last = set;
    }
    return status;
}

rp_status rp_bench_rollout_run(struct rp_bench_engine *bench)
{
    static const struct set cpu[] = {{1, 1}, {1, 32}, {64, 8}};
    static const struct set device[] = {{1, 1},    {1, 32},    {16, 32},
                                        {256, 32}, {1024, 32}, {4096, 32}};
    bool is_cpu = !strcmp(bench->options.ops->name, "cpu");
    rp_status status = RP_OK, one;
    const struct rp_shape *shape;
    struct rp_shape less;
    const char *path;
    uint32_t shapes;

    shape = rp_bench_engine_shapes(bench, &shapes);
    less = shape[0];
    less.layers = 1;
    for (uint32_t p = 0; (path = rp_bench_engine_path(bench, p)); p++) {
        rp_bench_engine_take(path);
        one = add_all(bench, &shape[0], path, is_cpu ? cpu : device,
                      is_cpu ? sizeof cpu / sizeof *cpu
                             : sizeof device / sizeof *device);
        if (!one && !is_cpu)
            one = add_all(bench, &less, path, &device[1], 1);
        for (uint32_t i = 1; i < shapes && !one; i++)
            one = add_all(bench, &shape[i], path, &device[1], 1);
        status = status ? status : one;
    }
    rp_bench_engine_judge(bench);
    return status;
}

rp_status rp_bench_all(struct rp_bench_engine *bench,
                       const struct rp_bench_engine_options *options)
{
    rp_status status = rp_bench_engine_run(bench, options);
    rp_status live = rp_bench_live_run(bench);
    rp_status rollouts = rp_bench_rollout_run(bench);

    if (strcmp(options->ops->name, "cpu"))
        rp_bench_card(bench->clocks, sizeof bench->clocks);
    return status ? status : live ? live : rollouts;
}
