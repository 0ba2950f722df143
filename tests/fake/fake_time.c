#include "tests/fake/fake_time.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/fake/guard.h"

enum { SECOND = 1000000000, THREADS = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Atomic bool ours, pumping;
static _Atomic bool guards;  /* the pace from when it wakes */
static _Atomic uint64_t now; /* ns */
static struct {
    _Atomic int id;          /* 0: not seen yet */
    _Atomic uint64_t asleep; /* until when it sleeps; 0: it does not */
} thread[THREADS];
static _Atomic int threads = 1; /* how many there are to be */
static _Thread_local bool guarded;

static void nap(void)
{
    const struct timespec time = {.tv_nsec = 20000};

    syscall(SYS_nanosleep, &time, NULL);
}

static void set_now(uint64_t time)
{
    if (time > atomic_load(&now)) {
        atomic_store(&now, time);
    }
}

/* ---- instead of the system's ---- */

int clock_gettime(clockid_t clock, struct timespec *time)
{
    uint64_t ns;

    if (clock != CLOCK_MONOTONIC || !atomic_load(&ours)) {
        return (int)syscall(SYS_clock_gettime, clock, time);
    }
    ns = atomic_fetch_add(&now, guarded); /* what the pace does takes time */
    time->tv_sec = (time_t)(ns / SECOND);
    time->tv_nsec = (long)(ns % SECOND);
    return 0;
}

/* The place of the calling thread; with the lock held. */
static int place(void)
{
    int id = (int)syscall(SYS_gettid), at = 0;

    while (at < THREADS - 1 && atomic_load(&thread[at].id) &&
           atomic_load(&thread[at].id) != id) {
        at++;
    }
    atomic_store(&thread[at].id, id);
    return at;
}

/* Until the test says that it is time. */
static void wait_until(uint64_t until)
{
    int at;

    pthread_mutex_lock(&lock);
    at = place();
    while (atomic_load(&now) < until && !atomic_load(&pumping)) {
        atomic_store(&thread[at].asleep, until);
        pthread_cond_wait(&changed, &lock);
    }
    atomic_store(&thread[at].asleep, 0);
    pthread_mutex_unlock(&lock);
}

static bool is_pace(void)
{
    char name[16] = "";

    pthread_getname_np(pthread_self(), name, sizeof(name));
    return !strcmp(name, "pace");
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                    struct timespec *rest)
{
    uint64_t until = (uint64_t)time->tv_sec * SECOND + time->tv_nsec;

    fake_time_free();
    if (!atomic_load(&ours)) {
        return syscall(SYS_clock_nanosleep, clock, flags, time, rest) ? errno
                                                                      : 0;
    }
    if (syscall(SYS_gettid) == getpid()) { /* main waits for nobody */
        set_now(until);
        return 0;
    }
    wait_until(until);
    if (atomic_load(&pumping)) {
        set_now(until);
        nap();
    }
    if (atomic_load(&guards) && !atomic_load(&pumping) && is_pace()) {
        fake_time_guard();
    }
    return 0;
}

/* ---- for tests ---- */

void fake_time_expect(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < THREADS; i++) {
        atomic_store(&thread[i].id, 0);
        atomic_store(&thread[i].asleep, 0);
    }
    pthread_mutex_unlock(&lock);
}

void fake_time_threads(int count)
{
    atomic_store(&threads, count);
}

void fake_time_guard_pace(bool guard)
{
    atomic_store(&guards, guard);
}

void fake_time_begin(void)
{
    atomic_fetch_add(&now, (uint64_t)100 * SECOND);
    fake_time_expect();
    fake_time_threads(1);
    fake_time_guard_pace(false);
    atomic_store(&ours, true);
}

void fake_time_end(void)
{
    atomic_store(&ours, false);
}

uint64_t fake_time_now(void)
{
    return atomic_load(&now);
}

/* Asleep, or it has ended; what is not seen yet is about to begin. */
static bool is_settled(int at)
{
    int id = atomic_load(&thread[at].id);

    return id && (atomic_load(&thread[at].asleep) ||
                  syscall(SYS_tgkill, getpid(), id, 0) != 0);
}

void fake_time_settle(void)
{
    for (int i = 0; i < atomic_load(&threads); i++) {
        while (!is_settled(i)) {
            nap();
        }
    }
}

/* When the next of them wakes; 0: none sleeps. */
static uint64_t next_wake(void)
{
    uint64_t next = 0;

    for (int i = 0; i < THREADS; i++) {
        uint64_t asleep = atomic_load(&thread[i].asleep);

        next = asleep && (!next || asleep < next) ? asleep : next;
    }
    return next;
}

void fake_time_pass(uint64_t until)
{
    for (;;) {
        uint64_t next;

        fake_time_settle();
        pthread_mutex_lock(&lock);
        next = next_wake();
        set_now(next && next < until ? next : until);
        for (int i = 0; i < THREADS; i++) {
            if (atomic_load(&thread[i].asleep) <= atomic_load(&now)) {
                atomic_store(&thread[i].asleep, 0); /* it wakes */
            }
        }
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        if (!next || next > until) {
            return;
        }
    }
}

void fake_time_skip(uint64_t ns)
{
    atomic_fetch_add(&now, ns);
}

void fake_time_pump(bool run)
{
    pthread_mutex_lock(&lock);
    atomic_store(&pumping, run);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void fake_time_guard(void)
{
    if (!guarded) {
        guarded = true;
        guard_enter();
    }
}

void fake_time_free(void)
{
    if (guarded) {
        guarded = false;
        guard_leave();
    }
}
