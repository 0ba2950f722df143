/* The ring: order, full, empty, wrap-around of the counters, and two threads
 * with a reader that sleeps when there is nothing: every item must arrive, in
 * order, and no wake-up may be lost. */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "rt/ring.h"

#include "tests/test.h"

struct item {
    uint64_t number;
    uint32_t check[3]; /* a torn item shows */
};

static struct item item_of(uint64_t number)
{
    uint32_t n = (uint32_t)number * 2654435761u;

    return (struct item){.number = number, .check = {n, ~n, n ^ 0x5a5a5a5a}};
}

static bool item_is(const struct item *item, uint64_t number)
{
    struct item want = item_of(number);

    return item->number == number &&
           !memcmp(item->check, want.check, sizeof(want.check));
}

static void test_alone(void)
{
    struct rp_ring ring;
    struct item item;
    bool was_empty;
    uint64_t in = 0, out = 0, wrong = 0;

    CHECK_INT(rp_ring_init(&ring, 5, sizeof(struct item)), RP_OK);
    CHECK_INT(rp_ring_space(&ring), 8);
    CHECK(!rp_ring_pop(&ring, &item));
    CHECK(rp_ring_peek(&ring) == NULL);
    atomic_store(&ring.written, UINT32_MAX - 10); /* wraps in the test */
    atomic_store(&ring.read, UINT32_MAX - 10);
    for (int i = 0; i < 8; i++) {
        item = item_of(in++);
        CHECK(rp_ring_push(&ring, &item, &was_empty));
        CHECK_INT(was_empty, i == 0);
    }
    CHECK(!rp_ring_push(&ring, &item, NULL));
    CHECK_INT(rp_ring_space(&ring), 0);
    CHECK_INT(rp_ring_count(&ring), 8);
    for (int i = 0; i < 100000; i++) {
        const struct item *oldest = rp_ring_peek(&ring);

        wrong += !oldest || !item_is(oldest, out);
        wrong += !rp_ring_pop(&ring, &item) || !item_is(&item, out++);
        item = item_of(in++);
        wrong += !rp_ring_push(&ring, &item, NULL);
        wrong += rp_ring_count(&ring) != 8;
    }
    CHECK_INT(wrong, 0);
    rp_ring_fini(&ring);
    CHECK(rp_ring_init(&ring, 0, 8) == RP_EARG);
}

static struct rp_ring shared;
static sem_t bell;
static uint64_t arrived, disorder, items;

/* Sleeps whenever the ring is empty; only a post for "was empty" wakes it. */
static void *reader(void *self)
{
    while (arrived < items) {
        struct item item;
        struct timespec limit;

        while (rp_ring_pop(&shared, &item)) {
            disorder += !item_is(&item, arrived);
            arrived++;
        }
        if (arrived == items) {
            break;
        }
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += 20;
        if (sem_timedwait(&bell, &limit)) {
            printf("the reader sleeps beside %u items\n",
                   rp_ring_count(&shared));
            break;
        }
    }
    return NULL;
}

static void test_threads(uint32_t capacity, uint64_t count)
{
    pthread_t thread;
    uint64_t sent = 0, full = 0, seed = 1;

    arrived = disorder = 0;
    items = count;
    CHECK_INT(rp_ring_init(&shared, capacity, sizeof(struct item)), RP_OK);
    sem_init(&bell, 0, 0);
    pthread_create(&thread, NULL, reader, NULL);
    while (sent < items) {
        struct item item = item_of(sent);
        bool was_empty;

        if (!rp_ring_push(&shared, &item, &was_empty)) {
            full++;
            sched_yield();
            continue;
        }
        sent++;
        if (was_empty) {
            sem_post(&bell);
        }
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        for (volatile uint64_t pause = seed >> 58; pause; pause--) {
        }
    }
    pthread_join(thread, NULL);
    printf("capacity %u: %llu sent, %llu arrived, %llu times full\n", capacity,
           (unsigned long long)sent, (unsigned long long)arrived,
           (unsigned long long)full);
    CHECK_INT(arrived, items);
    CHECK_INT(disorder, 0);
    rp_ring_fini(&shared);
    sem_destroy(&bell);
}

int main(void)
{
    test_alone();
    test_threads(1, 1 << 16);
    test_threads(64, 1 << 20);
    test_threads(1024, 1 << 20);
    return TEST_END();
}
