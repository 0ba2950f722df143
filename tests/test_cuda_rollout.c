/* Rollouts of the CUDA module on the fake device: candidate by candidate what
 * the CPU thinks, to the last bit of its likelihood. */
#include "fake/cuda/fake_cuda.h"
#include "rt/log.h"
#include "tests/notes.h"
#include "tests/scene.h"
#include "tests/test.h"

/* Few cases, for tools that take a hundred times as long: --brief. */
static bool brief;

static char logged[400];
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

static uint32_t whys[RP_DRAWN_ERROR], candidates, drawn;

static void compare_one(const struct thought *a, const struct thought *b,
                        uint32_t i)
{
    const struct rp_rolled *x = &a->rolled[i], *y = &b->rolled[i];

    CHECK_INT(x->notes, y->notes);
    CHECK_INT(x->why, y->why);
    CHECK_INT(x->fields, y->fields);
    CHECK(x->logp == y->logp && x->logp < 0.0f);
    for (uint32_t k = 0; k < x->notes && k < y->notes; k++) {
        const struct rp_note *m = &a->note[i * MOST + k];
        const struct rp_note *n = &b->note[i * MOST + k];
        CHECK_INT(m->onset, n->onset);
        CHECK_INT(m->duration, n->duration);
        CHECK_INT(m->pitch, n->pitch);
        CHECK_INT(m->velocity, n->velocity);
        CHECK_INT(m->offset, n->offset);
    }
    whys[x->why < RP_DRAWN_ERROR ? x->why : 0]++;
    candidates++;
    drawn += x->notes;
}

static void check_same(struct scene *scene, uint32_t many)
{
    static struct thought here, there;
    struct rp_rollout a = rollout_of(scene, many, &here);
    struct rp_rollout b = rollout_of(scene, many, &there);

    CHECK_INT(rp_rollout_run(scene->cpu, 0, SLOTS, &a), RP_OK);
    CHECK_INT(rp_rollout_run(scene->cuda, 0, SLOTS, &b), RP_OK);
    for (uint32_t i = 0; i < many; i++)
        compare_one(&here, &there, i);
}

static void test_same(void)
{
    static const char *const paths[] = {"plain", "graph", "auto"};

    for (uint32_t s = 0; s < (brief ? 1 : 3); s++) {
        struct scene scene;
        fake_cuda_reset();
        fake_cuda.seed = s + 1;
        setenv("RIPOSTE_CUDA_PATH", paths[s], 1);
        scene_init(&scene, &shapes[s]);
        check_same(&scene, 3);
        check_same(&scene, brief ? 5 : MANY); /* more than there was room for */
        scene.turn.candidate += MANY;
        scene.turn.seed = 77;
        scene.taste = (struct rp_taste){1.3f, 1.0f, 12};
        scene.turn.chord = NULL;
        scene.turn.chords = 0;
        scene.turn.alone = false;
        scene.turn.steer.end = START + BAR;
        check_same(&scene, 7);
        scene_fini(&scene);
        CHECK_INT(fake_cuda.live, 0);
    }
    unsetenv("RIPOSTE_CUDA_PATH");
    printf("%u candidates, %u notes; cut off %u, the model's end %u, no room "
           "%u: all are the CPU's\n",
           candidates, drawn, whys[RP_DRAWN], whys[RP_DRAWN_END],
           whys[RP_DRAWN_NONE]);
    CHECK(brief || (whys[RP_DRAWN] > 5 && whys[RP_DRAWN_END] > 5 &&
                    whys[RP_DRAWN_NONE] > 5));
    CHECK(drawn > (brief ? 10 : 300));
}

/* Of the persistent path: sums are split among the lanes of a warp, so a
 * number may differ in its last bits and, where a random number lies next to
 * a boundary, a draw; what follows it is another answer. */
static uint32_t other, worst_at;
static double worst;

static void compare_chain(const struct thought *a, const struct thought *b,
                          uint32_t i)
{
    const struct rp_rolled *x = &a->rolled[i], *y = &b->rolled[i];
    bool same = x->notes == y->notes && x->why == y->why &&
                x->fields == y->fields;

    for (uint32_t k = 0; same && k < x->notes; k++) {
        const struct rp_note *m = &a->note[i * MOST + k];
        const struct rp_note *n = &b->note[i * MOST + k];
        same = m->onset == n->onset && m->duration == n->duration &&
               m->pitch == n->pitch && m->velocity == n->velocity &&
               m->offset == n->offset;
    }
    candidates++;
    drawn += x->notes;
    other += !same;
    if (same && !(fabs((double)(x->logp - y->logp)) <= worst)) {
        worst = fabs((double)(x->logp - y->logp));
        worst_at = i;
    }
}

/* Launches: of a cluster all candidates at once, 16 notes; of a grid, which
 * keeps a live step waiting, each alone, 4 notes. The draw that ends one counts
 * as a note. */
static uint32_t launches_of(const struct thought *thought, uint32_t many)
{
    const char *way = getenv("RIPOSTE_CUDA_CHAIN");
    uint32_t launches = 0;

    if (!strncmp(way, "cluster", 7))
        return 1; /* MOST is less */
    for (uint32_t i = 0; i < many; i++) {
        const struct rp_rolled *rolled = &thought->rolled[i];
        launches += (rolled->notes + (rolled->why != RP_DRAWN) + 3u) / 4;
    }
    return launches;
}

static void check_chain(struct scene *scene, uint32_t many)
{
    static struct thought here, there, again;
    struct rp_rollout a = rollout_of(scene, many, &here);
    struct rp_rollout b = rollout_of(scene, many, &there);
    struct rp_rollout c = rollout_of(scene, many, &again);

    CHECK_INT(rp_rollout_run(scene->cpu, 0, SLOTS, &a), RP_OK);
    CHECK_INT(rp_rollout_run(scene->cuda, 0, SLOTS, &b), RP_OK);
    if (many == 1) /* of a large network */
        again = there;
    uint64_t kernels = fake_cuda.kernels;
    fake_cuda.seed += 10; /* the same bits in whatever order threads run */
    if (many > 1)
        CHECK_INT(rp_rollout_run(scene->cuda, 0, SLOTS, &c), RP_OK);
    if (!device && many > 1)
        CHECK_INT(fake_cuda.kernels - kernels, 1 + launches_of(&again, many));
    CHECK(same_notes(there.note, again.note, MANY * MOST));
    CHECK(same_rolled(there.rolled, again.rolled, many));
    for (uint32_t i = 0; i < many; i++)
        compare_chain(&here, &there, i);
}

/* What was laid for the device is laid anew. */
static void set_other_weights(struct scene *scene)
{
    struct rp_layout layout;

    rp_shape_layout(&scene->shape, &layout);
    for (size_t i = 0; i < layout.size; i++)
        scene->params[i] *= 0.5f; /* bf16 as it was */
    CHECK_INT(scene->cpu->ops->set_params(scene->cpu, scene->params), RP_OK);
    CHECK_INT(scene->cuda->ops->set_params(scene->cuda, scene->params), RP_OK);
}

struct way {
    const char *name;
    uint32_t shape, clusters, shared; /* bytes in KiB */
    uint32_t candidates;
};

/* Where weights are bf16, of a network whose weights are: the products are as
 * exact then as they are otherwise. */
static void check_way(const struct way *way, uint32_t seed)
{
    struct scene scene;

    rounded = strstr(way->name, "bf16") != NULL;

    fake_cuda_reset();
    fake_cuda.seed = seed;
    fake_cuda.clusters = way->clusters;
    fake_cuda.shared = way->shared * 1024;
    setenv("RIPOSTE_CUDA_PATH", "persistent", 1);
    setenv("RIPOSTE_CUDA_CHAIN", way->name, 1);
    scene_init(&scene, &shapes[way->shape]);
    check_chain(&scene, brief ? 1 : way->candidates);
    if (way->shape == 1) {
        set_other_weights(&scene);
        check_chain(&scene, 1);
    }
    scene_fini(&scene);
    rounded = false;
    CHECK_INT(fake_cuda.live, 0);
    unsetenv("RIPOSTE_CUDA_CHAIN");
    unsetenv("RIPOSTE_CUDA_PATH");
}

/* Clusters of several sizes and grids, with room for all weights, for some,
 * for none. */
static void test_chain(void)
{
    static const struct way ways[] = {
        {"cluster-fp32", 0, 8, 227, 3}, {"cluster-fp32", 1, 4, 60, 3},
        {"cluster-fp32", 2, 16, 25, 2}, {"cluster-fp32", 0, 1, 26, 3},
        {"cluster-bf16", 1, 16, 227, 3}, {"cluster-bf16", 2, 2, 25, 3},
        {"cluster-bf16", 3, 16, 227, 1}, {"grid-fp32", 1, 0, 227, 3},
        {"grid-fp32", 2, 0, 25, 2},      {"grid-bf16", 0, 0, 227, 3}};

    candidates = drawn = 0;
    for (uint32_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!brief || ways[i].shape != 3) /* a large one */
            check_way(&ways[i], i + 1);
    printf("persistent: %u candidates, %u notes; %u are not the CPU's; of the "
           "others the log-likelihoods differ by up to %.2g\n",
           candidates, drawn, other, worst);
    CHECK(drawn > (brief ? 0 : 60) && other * 100 <= candidates);
    CHECK(worst <= 1e-4);
}

/* By tensor cores: weights and states have 8 bits there, so draws near a
 * boundary differ; most do not. */
static void test_bf16(void)
{
    static struct thought here, there;

    setenv("RIPOSTE_CUDA_PATH", "bf16", 1);
    candidates = drawn = other = 0;
    worst = 0.0;
    const uint32_t many = brief ? 6 : MANY;
    for (uint32_t s = 0; s < (brief ? 1 : 2); s++) {
        struct scene scene;
        fake_cuda_reset();
        fake_cuda.seed = s + 5;
        scene_init(&scene, &shapes[s]);
        struct rp_rollout a = rollout_of(&scene, many, &here);
        struct rp_rollout b = rollout_of(&scene, many, &there);
        CHECK_INT(rp_rollout_run(scene.cpu, 0, SLOTS, &a), RP_OK);
        CHECK_INT(rp_rollout_run(scene.cuda, 0, SLOTS, &b), RP_OK);
        for (uint32_t i = 0; i < many; i++)
            compare_chain(&here, &there, i);
        scene_fini(&scene);
        CHECK_INT(fake_cuda.live, 0);
    }
    unsetenv("RIPOSTE_CUDA_PATH");
    printf("bf16: %u candidates, %u notes; %u are not the CPU's; of the others "
           "the log-likelihoods differ by up to %.2g\n",
           candidates, drawn, other, worst);
    CHECK(drawn > (brief ? 5 : 100) && other * 2 < candidates);
    CHECK((brief || worst > 1e-6) && worst <= 0.5);
}

/* More blocks than some fields have classes, of which now one, now another
 * stands still while it waits: nobody gets so far ahead that it misses what it
 * waits for. */
static void test_late_block(void)
{
    struct scene scene;

    fake_cuda_reset();
    fake_cuda.multiprocessors = 32;
    fake_cuda.hold = 900 * 1000; /* turns; a field takes 250,000 */
    setenv("RIPOSTE_CUDA_PATH", "persistent", 1);
    setenv("RIPOSTE_CUDA_CHAIN", "grid-fp32", 1);
    scene_init(&scene, &shapes[4]);
    scene.turn.steer.may_end = false;
    candidates = drawn = other = 0;
    check_chain(&scene, 1);
    CHECK(drawn > 4 && !other);
    scene_fini(&scene);
    CHECK_INT(fake_cuda.live, 0);
    unsetenv("RIPOSTE_CUDA_CHAIN");
    unsetenv("RIPOSTE_CUDA_PATH");
}

/* No clusters here: said once, and done as otherwise. */
static void test_no_chain(void)
{
    struct scene scene;

    fake_cuda_reset();
    fake_cuda.major = 8;
    fake_cuda.minor = 6;
    setenv("RIPOSTE_CUDA_PATH", "persistent", 1);
    scene_init(&scene, &shapes[0]);
    rp_log_to(keep_line, NULL);
    lines = 0;
    check_same(&scene, 2);
    check_same(&scene, 2);
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged, "cuda: no persistent path here: Fake Device has compute "
                       "capability 8.6, clusters need 9.0");
    rp_log_to(NULL, NULL);
    scene_fini(&scene);
    unsetenv("RIPOSTE_CUDA_PATH");
    lines = 0;
}

/* A live step beside it, a cancel, what cannot be, and what fails. */
static void test_ends(void)
{
    static struct thought thought;
    struct scene scene;
    struct rp_rollout rollout;
    _Atomic uint32_t cancel = 1;

    fake_cuda_reset();
    scene_init(&scene, &shapes[0]);
    const struct rp_engine_ops *ops = scene.cuda->ops;
    rollout = rollout_of(&scene, 5, &thought);
    rollout.cancel = &cancel;
    CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_ECANCEL);
    cancel = 0;
    CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_OK);
    check_same(&scene, 5);
    rollout.candidates = 0;
    CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_EARG);
    rollout.candidates = RP_ROLLOUT_CANDIDATES + 1;
    CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_EARG);
    rollout.candidates = 5;
    rollout.most = RP_ROLLOUT_NOTES + 1;
    CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_EARG);
    rollout.most = MOST;
    rp_log_to(keep_line, NULL);
    fake_cuda.fail_launch = 9;
    CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_ELOST);
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged, "cuda: a rollout: unspecified launch failure");
    CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_ELOST);
    CHECK_INT(lines, 1);
    rp_log_to(NULL, NULL);
    scene_fini(&scene);
    CHECK_INT(fake_cuda.live, 0);
}

/* The same of the persistent path, between whose launches a cancel is heard
 * and of whose memory any piece may be missing. */
static void test_chain_ends(void)
{
    static const char *const ways[] = {"cluster-bf16", "grid-fp32"};
    static struct thought thought;
    _Atomic uint32_t cancel;

    setenv("RIPOSTE_CUDA_PATH", "persistent", 1);
    for (int w = 0; w < 2; w++) {
        struct scene scene;
        rp_status status = RP_EMEM;
        uint32_t tried = 0;
        fake_cuda_reset();
        setenv("RIPOSTE_CUDA_CHAIN", ways[w], 1);
        scene_init(&scene, &shapes[2]);
        const struct rp_engine_ops *ops = scene.cuda->ops;
        struct rp_rollout rollout = rollout_of(&scene, 2, &thought);
        rollout.cancel = &cancel;
        cancel = 1;
        rp_log_to(keep_line, NULL);
        while (status == RP_EMEM && tried < 100) {
            fake_cuda.fail_memory = ++tried;
            status = ops->rollout(scene.cuda, &rollout);
        }
        fake_cuda.fail_memory = 0;
        CHECK_INT(status, RP_ECANCEL);
        CHECK(tried > 20);
        cancel = 0;
        lines = 0;
        CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_OK);
        CHECK(thought.rolled[1].fields > 2 && !lines);
        fake_cuda.fail_launch = 2;
        CHECK_INT(ops->rollout(scene.cuda, &rollout), RP_ELOST);
        CHECK_INT(lines, 1);
        CHECK_TEXT(logged, "cuda: a rollout: unspecified launch failure");
        rp_log_to(NULL, NULL);
        scene_fini(&scene);
        CHECK_INT(fake_cuda.live, 0);
    }
    unsetenv("RIPOSTE_CUDA_CHAIN");
    unsetenv("RIPOSTE_CUDA_PATH");
}

/* No memory for it: said, and the instance goes on. */
static void test_memory(void)
{
    static struct thought thought;
    struct scene scene;
    struct rp_rollout rollout;
    rp_status status = RP_EMEM;
    uint32_t tried = 0;

    fake_cuda_reset();
    scene_init(&scene, &shapes[0]);
    rollout = rollout_of(&scene, 5, &thought);
    rp_log_to(keep_line, NULL);
    while (status == RP_EMEM && tried < 100) {
        lines = 0;
        fake_cuda.fail_memory = ++tried;
        status = scene.cuda->ops->rollout(scene.cuda, &rollout);
        CHECK_INT(lines, status == RP_EMEM);
    }
    rp_log_to(NULL, NULL);
    fake_cuda.fail_memory = 0;
    CHECK_INT(status, RP_OK);
    CHECK(tried > 15);
    check_same(&scene, 5);
    scene_fini(&scene);
    CHECK_INT(fake_cuda.live, 0);
}

/* How many candidates, of as many as are asked for, a device of so many bytes
 * (0: any) has memory for. */
static uint32_t reserve(struct scene *scene, uint32_t asked, size_t bytes,
                        rp_status want)
{
    fake_cuda.memory = bytes;
    CHECK_INT(scene->cuda->ops->rollout_reserve(scene->cuda, &asked), want);
    fake_cuda.memory = 0;
    return asked;
}

/* Rollouts of any size within it allocate nothing. */
static void check_reserved(struct scene *scene)
{
    static struct thought thought;
    const size_t live = fake_cuda.live;

    fake_cuda.fail_memory = 1;
    for (uint32_t many = 3; many <= 37; many += 34) {
        struct rp_rollout rollout = rollout_of(scene, many, &thought);
        CHECK_INT(rp_rollout_run(scene->cuda, 0, SLOTS, &rollout), RP_OK);
        CHECK(thought.rolled[many - 1].fields > 0);
    }
    CHECK_INT(fake_cuda.fail_memory, 1);
    CHECK(fake_cuda.live == live);
    fake_cuda.fail_memory = 0;
}

/* Memory that is made beforehand; less of it where it is short, without a
 * word, or none, and the instance goes on. */
static void test_reserve(void)
{
    static const char *const paths[] = {"graph", "bf16", "persistent"};

    rp_log_to(keep_line, NULL);
    lines = 0;
    for (int i = 0; i < 3; i++) {
        struct scene scene;
        fake_cuda_reset();
        setenv("RIPOSTE_CUDA_PATH", paths[i], 1);
        scene_init(&scene, &shapes[0]);
        const size_t none = fake_cuda.live;
        CHECK_INT(reserve(&scene, 4096, 0, RP_OK), 4096);
        const size_t all = fake_cuda.live - none;
        check_reserved(&scene);
        CHECK_INT(reserve(&scene, 200, 0, RP_OK), 200);
        CHECK_INT(reserve(&scene, 4096, none + all / 3, RP_OK), 1024);
        CHECK(fake_cuda.live <= none + all / 3);
        (void)reserve(&scene, 4096, none + 1, RP_EMEM);
        CHECK(fake_cuda.live == none);
        CHECK_INT(reserve(&scene, 0, 0, RP_EARG), 0);
        if (!i)
            check_same(&scene, 5);
        CHECK_INT(lines, 0);
        scene_fini(&scene);
        CHECK_INT(fake_cuda.live, 0);
    }
    rp_log_to(NULL, NULL);
    unsetenv("RIPOSTE_CUDA_PATH");
}

int main(int argc, char **argv)
{
    brief = argc > 1 && !strcmp(argv[argc - 1], "--brief");
    if (argc > 1 && !strcmp(argv[1], "--device")) {
        CHECK_INT(rp_engine_find("cuda", &device), RP_OK);
        if (device) {
            test_same();
            test_chain();
            test_bf16();
        }
        return TEST_END();
    }
    if (!fake_cuda_runs())
        SKIP("the fake device's fibers are unknown to TSan");
    setenv("RIPOSTE_CUDA_DEADLINE", "60000", 1);
    test_same();
    test_chain();
    if (!brief)
        test_late_block();
    test_no_chain();
    test_bf16();
    test_ends();
    test_chain_ends();
    test_memory();
    test_reserve();
    return TEST_END();
}
