#include "tests/fake/fake_time.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/fake/guard.h"

enum { SECOND = 1000000000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Atomic bool ours, pumping;
static _Atomic uint64_t now;    /* ns */
static _Atomic uint64_t asleep; /* until when the pace sleeps; 0: it does not */
static _Atomic int pace;        /* its thread; 0: not seen yet */
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

/* Until the test says that it is time. */
static void wait_until(uint64_t until)
{
    pthread_mutex_lock(&lock);
    atomic_store(&pace, (int)syscall(SYS_gettid));
    atomic_store(&asleep, until);
    pthread_cond_broadcast(&changed);
    while (atomic_load(&now) < until && !atomic_load(&pumping)) {
        pthread_cond_wait(&changed, &lock);
    }
    atomic_store(&asleep, 0);
    pthread_mutex_unlock(&lock);
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
    return 0;
}

/* ---- for tests ---- */

void fake_time_expect(void)
{
    atomic_store(&pace, 0);
}

void fake_time_begin(void)
{
    atomic_fetch_add(&now, (uint64_t)100 * SECOND);
    fake_time_expect();
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

/* Not seen yet: it is about to begin. */
static bool pace_lives(void)
{
    int thread = atomic_load(&pace);

    return !thread || syscall(SYS_tgkill, getpid(), thread, 0) == 0;
}

void fake_time_settle(void)
{
    while (!atomic_load(&asleep) && pace_lives()) {
        nap();
    }
}

void fake_time_pass(uint64_t until)
{
    for (;;) {
        uint64_t next;

        fake_time_settle();
        pthread_mutex_lock(&lock);
        next = atomic_load(&asleep);
        set_now(next && next < until ? next : until);
        if (next && next <= atomic_load(&now)) {
            atomic_store(&asleep, 0); /* it wakes */
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
