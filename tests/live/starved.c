/* How long this machine kept others waiting while riposte was measured, so
 * that its pauses are told from ours.
 *   starved PID     until SIGTERM, then prints
 *   "starved: machine N us, performer N us"
 * machine: a thread on each core, above JACK's where that is permitted, sleeps
 * for half a millisecond over and over; its latest waking. That is what the
 * host or higher priorities took. performer: the most that riposte's thread of
 * this name stood in line for a core within 50 ms, as the kernel counts. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { NAP = 500000, CORES = 64, LOOKS = 25, LOOK_EVERY = 2000 };

static atomic_int ended;
static struct core {
    int number;
    atomic_llong latest; /* ns */
} cores[CORES];

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void *watch_core(void *self)
{
    struct core *core = self;
    struct sched_param param = {.sched_priority = 60};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core->number, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
    while (!atomic_load(&ended)) {
        int64_t due = now_ns() + NAP;
        struct timespec until = {due / 1000000000, due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        int64_t late = now_ns() - due;
        if (late > atomic_load(&core->latest))
            atomic_store(&core->latest, late);
    }
    return NULL;
}

static int start(void)
{
    int begun = 0;
    cpu_set_t may;
    if (sched_getaffinity(0, sizeof may, &may))
        return 0;
    for (int number = 0; number < CPU_SETSIZE && begun < CORES; number++) {
        pthread_t thread;
        if (!CPU_ISSET(number, &may))
            continue;
        cores[begun].number = number;
        begun += !pthread_create(&thread, NULL, watch_core, &cores[begun]);
    }
    return begun;
}

/* The folder in /proc of riposte's performer; empty when there is none. */
static void find_performer(const char *pid, char path[64])
{
    char command[128];
    snprintf(command, sizeof command,
             "grep -lsx performer /proc/%d/task/*/comm", atoi(pid));
    FILE *in = popen(command, "r");
    *path = 0;
    if (in && fgets(path, 64, in) && strrchr(path, '/'))
        strcpy(strrchr(path, '/'), "/schedstat");
    if (in)
        pclose(in);
}

/* Nanoseconds in line so far, -1 when the kernel does not say. */
static int64_t in_line(const char *path)
{
    long long ran, waited = -1;
    FILE *in = fopen(path, "r");
    if (in && fscanf(in, "%lld %lld", &ran, &waited) != 2)
        waited = -1;
    if (in)
        fclose(in);
    return waited;
}

static void on_term(int signal)
{
    (void)signal;
    atomic_store(&ended, 1);
}

int main(int count, char **arg)
{
    struct sched_param param = {.sched_priority = 59};
    char path[64];
    int64_t waited[LOOKS], most = 0, worst = 0;
    if (count != 2)
        return 2;
    signal(SIGTERM, on_term);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    if (!start())
        return 1;
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
    find_performer(arg[1], path);
    for (int look = 0; !atomic_load(&ended); look++, usleep(LOOK_EVERY)) {
        int64_t now = *path ? in_line(path) : -1;
        if (now < 0)
            *path = 0;
        if (look >= LOOKS && now - waited[look % LOOKS] > most)
            most = now - waited[look % LOOKS];
        waited[look % LOOKS] = now;
    }
    for (int i = 0; i < CORES; i++)
        if (atomic_load(&cores[i].latest) > worst)
            worst = atomic_load(&cores[i].latest);
    printf("starved: machine %lld us, performer %lld us\n",
           (long long)worst / 1000, (long long)most / 1000);
    return 0;
}
