/* The threads of a kernel as fibers: each has a stack of its own, runs until
 * it must wait for others, and the seed says who is next. */
#include "fake_cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define ASAN 1
#else
#define ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TSAN 1
#else
#define TSAN 0
#endif

/* Bytes of a stack; at a power of two all tops would share a few lines of the
 * cache. */
#if ASAN
#include <sanitizer/common_interface_defs.h>
enum { STACK = 256 * 1024 + 13 * 64 };
#else
enum { STACK = 64 * 1024 + 13 * 64 };
#endif

enum {
    FIBERS_MAX = 16 * 1024, /* at once */
    WARP = 32,
    COPIES = 64,             /* of a thread on their way */
    SENDS = 64 * 1024,       /* to other blocks, on their way */
    YIELDS_MAX = 40 * 1000 * 1000
};

#if defined(__x86_64__)
struct place {
    void *sp;
};
/* Saves what a call preserves, and goes on where `to` was left. */
void fake_fiber_switch(struct place *from, struct place *to);
__asm__(".text\n"
        ".globl fake_fiber_switch\n"
        ".type fake_fiber_switch, @function\n"
        "fake_fiber_switch:\n"
        "pushq %rbp\n pushq %rbx\n pushq %r12\n"
        "pushq %r13\n pushq %r14\n pushq %r15\n"
        "movq %rsp, (%rdi)\n movq (%rsi), %rsp\n"
        "popq %r15\n popq %r14\n popq %r13\n"
        "popq %r12\n popq %rbx\n popq %rbp\n ret\n"
        ".size fake_fiber_switch, .-fake_fiber_switch\n");

static void place_init(struct place *place, void *stack, void (*run)(void))
{
    void **top = (void **)((char *)stack + STACK) - 3;

    top[0] = NULL; /* where run would return to; aligned as after a call */
    *--top = (void *)run;
    top -= 6;
    memset(top, 0, 6 * sizeof *top);
    place->sp = top;
}
#else
#include <ucontext.h>
struct place {
    ucontext_t at;
};
static void fake_fiber_switch(struct place *from, struct place *to)
{
    swapcontext(&from->at, &to->at);
}
static void place_init(struct place *place, void *stack, void (*run)(void))
{
    getcontext(&place->at);
    place->at.uc_stack.ss_sp = stack;
    place->at.uc_stack.ss_size = STACK;
    place->at.uc_link = NULL;
    makecontext(&place->at, run, 0);
}
#endif

struct barrier {
    uint32_t members, arrived;
};

struct copy {
    void *to;
    const void *from;
    size_t size;
    uint32_t group;
};

/* In 64 bits of shared memory: arrivals and bytes that are still to come. */
struct counter {
    int32_t bytes;
    uint8_t count, pending;
    uint16_t rounds;
};
_Static_assert(sizeof(struct counter) == sizeof(uint64_t), "a barrier");

struct send {
    float *to, value;
    uint64_t *barrier;
};

struct fiber {
    struct fake_self self;
    struct place place;
    uint32_t block; /* in its group */
    const struct barrier *waits;
    bool done, awaited;
    unsigned char value[32]; /* that others of the warp may ask for */
    uint32_t copies, group;
#if ASAN
    void *fake_stack;
#endif
};

/* Blocks that run at the same time: one, a cluster or all. */
static struct {
    const struct fake_launch *launch;
    const void *arguments;
    uint32_t blocks, fibers, done;
    struct fiber *fiber;
    uint32_t *ready, count; /* who could run now */
    unsigned char **shared; /* of each block */
    struct barrier *barrier[FAKE_SCOPES];
    struct send *send; /* (SENDS) */
    uint32_t sends;
    struct place main;
    struct fiber *now;
    uint64_t yields, turns, until;
    uint32_t held; /* the block that stands still until then */
    uint32_t random;
#if ASAN
    void *fake_stack;
    const void *main_stack;
    size_t main_size;
#endif
} all;

const struct fake_self *fake_cuda_self;
static char *stacks;
static struct copy (*copies)[COPIES]; /* of each fiber */

bool fake_cuda_runs(void)
{
    return !TSAN;
}

void fake_cuda_wrong(const char *what)
{
    fprintf(stderr, "fake CUDA: %s\n", what);
    abort();
}

static uint32_t next_random(void)
{
    all.random ^= all.random << 13;
    all.random ^= all.random >> 17;
    all.random ^= all.random << 5;
    return all.random;
}

static void leave(bool forever)
{
    struct fiber *fiber = all.now;

#if ASAN
    __sanitizer_start_switch_fiber(forever ? NULL : &fiber->fake_stack,
                                   all.main_stack, all.main_size);
#endif
    fake_fiber_switch(&fiber->place, &all.main);
#if ASAN
    __sanitizer_finish_switch_fiber(fiber->fake_stack, NULL, NULL);
#endif
}

static void enter(struct fiber *fiber, char *stack)
{
    all.now = fiber;
    fake_cuda_self = &fiber->self;
    fake_cuda.switches++;
#if ASAN
    __sanitizer_start_switch_fiber(&all.fake_stack, stack, STACK);
#endif
    fake_fiber_switch(&all.main, &fiber->place);
#if ASAN
    __sanitizer_finish_switch_fiber(all.fake_stack, NULL, NULL);
#endif
}

static void run_fiber(void)
{
#if ASAN
    __sanitizer_finish_switch_fiber(NULL, &all.main_stack, &all.main_size);
#endif
    all.launch->call(all.launch->kernel, all.arguments);
    if (all.now->copies)
        fake_cuda_wrong("a thread ended with copies on their way");
    if (all.launch->early && !all.now->awaited)
        fake_cuda_wrong("a thread did not await the launch before its own");
    all.now->done = true;
    all.done++;
    leave(true);
}

static struct barrier *barrier_of(const struct fiber *fiber,
                                  enum fake_scope scope)
{
    uint32_t warps = (all.launch->threads + WARP - 1) / WARP;

    if (scope == FAKE_CLUSTER)
        return all.barrier[scope];
    if (scope == FAKE_BLOCK)
        return all.barrier[scope] + fiber->block;
    return all.barrier[scope] + fiber->block * warps +
           fiber->self.thread / WARP;
}

static void make_ready(const struct fiber *fiber)
{
    all.ready[all.count++] = (uint32_t)(fiber - all.fiber);
}

static void go_on_later(void);

void fake_cuda_sync(enum fake_scope scope)
{
    struct fiber *self = all.now;
    struct barrier *barrier = barrier_of(self, scope);
    uint32_t first;

    if (++barrier->arrived < barrier->members) {
        self->waits = barrier;
        leave(false);
        return;
    }
    barrier->arrived = 0;
    first = (uint32_t)(self - all.fiber);
    if (scope == FAKE_CLUSTER)
        first = 0;
    else if (scope == FAKE_BLOCK)
        first = self->block * all.launch->threads;
    else
        first -= self->self.thread % WARP;
    for (uint32_t i = first; i < first + barrier->members; i++) {
        if (all.fiber[i].waits != barrier)
            continue;
        all.fiber[i].waits = NULL;
        make_ready(&all.fiber[i]);
    }
    go_on_later(); /* not always the last one first */
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (!memory)
        abort();
    return memory;
}

/* ---- what blocks send each other ---- */

static void count_bytes(uint64_t *barrier, int32_t more, uint32_t arrived)
{
    struct counter *counter = (struct counter *)barrier;

    counter->bytes += more;
    counter->pending -= (uint8_t)arrived;
    if (counter->pending || counter->bytes)
        return;
    counter->pending = counter->count;
    counter->rounds++;
}

void fake_cuda_barrier_init(uint64_t *barrier, uint32_t count)
{
    *(struct counter *)barrier =
        (struct counter){.count = (uint8_t)count, .pending = (uint8_t)count};
}

void fake_cuda_barrier_expect(uint64_t *barrier, uint32_t bytes)
{
    count_bytes(barrier, (int32_t)bytes, 1);
}

uint32_t fake_cuda_barrier_parity(const uint64_t *barrier)
{
    return ((const struct counter *)barrier)->rounds & 1;
}

void fake_cuda_send(float *to, float value, uint64_t *barrier)
{
    if (!all.send)
        all.send = zeroed(SENDS, sizeof *all.send);
    if (all.sends == SENDS)
        fake_cuda_wrong("too much is sent");
    all.send[all.sends++] = (struct send){to, value, barrier};
}

/* One of them, whichever. */
static void arrive(void)
{
    uint32_t which = next_random() % all.sends;
    struct send send = all.send[which];

    all.send[which] = all.send[--all.sends];
    *send.to = send.value;
    count_bytes(send.barrier, -(int32_t)sizeof(float), 0);
}

static void go_on_later(void)
{
    for (uint32_t i = 0; i < 2 && all.sends; i++)
        arrive();
    all.yields++;
    make_ready(all.now);
    leave(false);
}

/* Who waits for other blocks. */
void fake_cuda_yield(void)
{
    if (fake_cuda.hold && all.turns >= all.until + fake_cuda.hold / 8) {
        all.held = all.now->block;
        all.until = all.turns + fake_cuda.hold;
    }
    go_on_later();
}

void fake_cuda_await(void)
{
    all.now->awaited = true;
}

void *fake_cuda_shared(uint32_t offset, size_t size)
{
    if (offset % 16 || offset + size > all.launch->shared)
        fake_cuda_wrong("more shared memory than the launch asked for");
    return all.shared[all.now->block] + offset;
}

void *fake_cuda_remote(void *mine, uint32_t rank)
{
    size_t offset = (size_t)((unsigned char *)mine -
                             all.shared[all.now->block]);

    if (offset >= all.launch->shared || rank >= all.blocks)
        fake_cuda_wrong("no shared memory of this cluster");
    return all.shared[rank] + offset;
}

void fake_cuda_shuffle(const void *in, void *out, size_t size, uint32_t bits)
{
    struct fiber *self = all.now;
    const struct fiber *other =
        &all.fiber[(uint32_t)(self - all.fiber) ^ bits];

    if (size > sizeof self->value || bits >= WARP ||
        all.launch->threads % WARP)
        fake_cuda_wrong("a shuffle that is none");
    memcpy(self->value, in, size);
    fake_cuda_sync(FAKE_WARP);
    memcpy(out, other->value, size);
    fake_cuda_sync(FAKE_WARP);
}

void fake_cuda_gather(const void *in, void *out, size_t size)
{
    struct fiber *self = all.now;
    const struct fiber *first = self - self->self.thread % WARP;

    if (size > sizeof self->value || all.launch->threads % WARP)
        fake_cuda_wrong("warps that are not whole");
    memcpy(self->value, in, size);
    fake_cuda_sync(FAKE_WARP);
    for (uint32_t i = 0; i < WARP; i++)
        memcpy((char *)out + i * size, first[i].value, size);
    fake_cuda_sync(FAKE_WARP);
}

void fake_cuda_copy(void *to, const void *from, size_t size)
{
    struct fiber *self = all.now;

    if (self->copies == COPIES)
        fake_cuda_wrong("too many copies on their way");
    if ((uintptr_t)to % size || (uintptr_t)from % size)
        fake_cuda_wrong("a copy that is not aligned");
    copies[self - all.fiber][self->copies++] =
        (struct copy){to, from, size, self->group};
}

void fake_cuda_copy_group(void)
{
    all.now->group++;
}

void fake_cuda_copied(uint32_t but)
{
    struct fiber *self = all.now;
    struct copy *copy = copies[self - all.fiber];
    uint32_t left = 0;

    for (uint32_t i = 0; i < self->copies; i++) {
        if (copy[i].group + but >= self->group)
            copy[left++] = copy[i];
        else
            memcpy(copy[i].to, copy[i].from, copy[i].size);
    }
    self->copies = left;
}

static void make_barriers(void)
{
    const uint32_t threads = all.launch->threads;
    const uint32_t warps = (threads + WARP - 1) / WARP;

    all.barrier[FAKE_WARP] = zeroed(all.blocks * warps, sizeof(struct barrier));
    all.barrier[FAKE_BLOCK] = zeroed(all.blocks, sizeof(struct barrier));
    all.barrier[FAKE_CLUSTER] = zeroed(1, sizeof(struct barrier));
    all.barrier[FAKE_CLUSTER]->members = all.fibers;
    for (uint32_t b = 0; b < all.blocks; b++) {
        all.barrier[FAKE_BLOCK][b].members = threads;
        for (uint32_t w = 0; w < warps; w++)
            all.barrier[FAKE_WARP][b * warps + w].members =
                threads - w * WARP < WARP ? threads - w * WARP : WARP;
    }
}

/* Not a number wherever nobody has written. */
static void make_shared(void)
{
    all.shared = zeroed(all.blocks, sizeof *all.shared);
    for (uint32_t b = 0; b < all.blocks; b++) {
        if (posix_memalign((void **)&all.shared[b], 128,
                           all.launch->shared ? all.launch->shared : 1))
            abort();
        memset(all.shared[b], 0xff, all.launch->shared);
    }
}

static void make_fibers(uint32_t first)
{
    const struct fake_launch *launch = all.launch;

    for (uint32_t i = 0; i < all.fibers; i++) {
        struct fiber *fiber = &all.fiber[i];
        uint32_t block = i / launch->threads;
        *fiber = (struct fiber){
            .block = block,
            .self = {.thread = i % launch->threads,
                     .threads = launch->threads,
                     .x = (first + block) % launch->x,
                     .y = (first + block) / launch->x,
                     .blocks = launch->x}};
        place_init(&fiber->place, stacks + (size_t)i * STACK, run_fiber);
        make_ready(fiber);
    }
}

static void free_group(void)
{
    for (uint32_t b = 0; b < all.blocks; b++)
        free(all.shared[b]);
    free(all.shared);
    for (int s = 0; s < FAKE_SCOPES; s++)
        free(all.barrier[s]);
    free(all.send);
}

/* Who runs next: an index of `ready`. */
static uint32_t choose(void)
{
    uint32_t at = next_random() % all.count;

    all.turns++;
    for (int i = 0; i < 32 && all.turns < all.until; i++) {
        if (all.fiber[all.ready[at]].block != all.held)
            break;
        at = next_random() % all.count;
    }
    return at;
}

static bool run_group(uint32_t first)
{
    all.send = NULL;
    all.sends = 0;
    all.done = all.count = 0;
    all.yields = all.turns = all.until = 0;
    make_barriers();
    make_shared();
    make_fibers(first);
    while (all.count && all.yields < YIELDS_MAX) {
        uint32_t at = choose(), who = all.ready[at];
        all.ready[at] = all.ready[--all.count];
        enter(&all.fiber[who], stacks + (size_t)who * STACK);
    }
    fake_cuda_self = NULL;
    if (!all.count && all.done < all.fibers)
        fake_cuda_wrong("threads wait for others that never come");
    if (!all.count && all.sends)
        fake_cuda_wrong("blocks ended with something on its way to them");
    free_group();
    return all.done == all.fibers;
}

bool fake_fibers_run(const struct fake_launch *launch, const void *arguments)
{
    uint32_t blocks = launch->x * launch->y;
    uint32_t group = launch->together  ? blocks
                     : launch->cluster ? launch->cluster
                                       : 1;

    if (!stacks) {
        stacks = mmap(NULL, (size_t)FIBERS_MAX * STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stacks == MAP_FAILED)
            abort();
        copies = zeroed(FIBERS_MAX, sizeof *copies);
        all.fiber = zeroed(FIBERS_MAX, sizeof *all.fiber);
        all.ready = zeroed(FIBERS_MAX, sizeof *all.ready);
    }
    all.launch = launch;
    all.arguments = arguments;
    all.blocks = group;
    all.fibers = group * launch->threads;
    all.random = fake_cuda.seed * 2654435761u + 1;
    if (!launch->threads || launch->threads > 1024 ||
        all.fibers > FIBERS_MAX || blocks % group)
        fake_cuda_wrong("a launch that no device takes");
    for (uint32_t b = 0; b < blocks; b += group) {
        /* Any order of blocks is right. */
        uint32_t from = fake_cuda.seed % 2 ? blocks - group - b : b;
        if (!run_group(from))
            return false;
    }
    return true;
}
