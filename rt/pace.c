#include "rt/pace.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "rt/log.h"
#include "rt/trust.h"

enum { PRIORITY = 60, SECOND = 1000000000, SLEPT = 20000000 /* ns */ };

uint64_t rp_pace_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + now.tv_nsec;
}

void rp_pace_sleep(uint64_t until)
{
    struct timespec time = {.tv_sec = until / SECOND,
                            .tv_nsec = until % SECOND};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) ==
           EINTR) {
    }
}

RP_RT uint64_t rp_pace_ns(const struct rp_pace *pace, rp_frame frame)
{
    uint32_t rate = pace->backend->rate;
    __int128 ns = (__int128)frame * SECOND;

    ns = ns < 0 ? -(-ns / rate) : (ns + rate - 1) / rate;
    return pace->origin + (uint64_t)(int64_t)ns;
}

RP_RT rp_frame rp_pace_frame(const struct rp_pace *pace, uint64_t ns)
{
    __int128 frames =
        (__int128)(int64_t)(ns - pace->origin) * pace->backend->rate;

    return (rp_frame)((frames < 0 ? frames - SECOND + 1 : frames) / SECOND);
}

RP_RT uint32_t rp_pace_offset(const struct rp_pace *pace, uint64_t ns,
                              const struct rp_arrivals *in)
{
    rp_frame period = pace->backend->period;
    rp_frame offset = rp_pace_frame(pace, ns) + period - pace->frame;
    uint32_t least = in->count ? in->item[in->count - 1].offset : 0;

    if (offset >= 2 * period) { /* it cannot come from the future */
        offset = 2 * period - 1;
    }
    return offset < least ? least : (uint32_t)offset;
}

static void *run(void *self)
{
    struct rp_pace *pace = self;
    struct rp_backend *backend = pace->backend;
    uint64_t slack = (uint64_t)backend->period * SECOND / backend->rate + SLEPT;

    pthread_setname_np(pthread_self(), "pace"); /* for top, perf */
    while (!atomic_load(&pace->quit)) {
        uint64_t due = rp_pace_ns(pace, pace->frame), now;

        rp_pace_sleep(due);
        if (atomic_load(&pace->quit)) {
            break;
        }
        now = rp_pace_now();
        if (now > due + slack) { /* the machine slept: time went on */
            rp_stats_add(&backend->cycle->stats.xruns, 1);
            pace->frame = rp_pace_frame(pace, now);
        }
        pace->run(backend);
        pace->frame += backend->period;
    }
    return NULL;
}

/* As high as the system lets us go; 0: not at all. */
static int raise_thread(struct rp_pace *pace)
{
    struct sched_param param = {.sched_priority = PRIORITY};
    struct rlimit limit;

    if (pthread_setschedparam(pace->thread, SCHED_FIFO, &param) == 0) {
        return PRIORITY;
    }
    if (getrlimit(RLIMIT_RTPRIO, &limit) || limit.rlim_cur < 1) {
        return 0;
    }
    param.sched_priority =
        limit.rlim_cur < PRIORITY ? (int)limit.rlim_cur : PRIORITY;
    return pthread_setschedparam(pace->thread, SCHED_FIFO, &param)
               ? 0
               : param.sched_priority;
}

rp_status rp_pace_start(struct rp_pace *pace, struct rp_backend *backend,
                        RP_RT void (*period)(struct rp_backend *backend))
{
    uint64_t next;

    /* No page is to be waited for once it plays, no code's either. */
    if (mlockall(MCL_CURRENT)) {
        rp_log(RP_DEBUG, "pace", "memory is not locked: %m");
    }
    next = rp_pace_now() + (uint64_t)backend->period * SECOND / backend->rate;
    pace->backend = backend;
    pace->run = period;
    if (!pace->origin) {
        pace->origin = next;
    } else if (rp_pace_frame(pace, next) > pace->frame) {
        pace->frame = rp_pace_frame(pace, next);
    }
    atomic_store(&pace->quit, false);
    if ((errno = pthread_create(&pace->thread, NULL, run, pace))) {
        rp_log(RP_ERROR, "pace", "no thread: %m");
        return RP_EIO;
    }
    pace->running = true;
    backend->priority = raise_thread(pace);
    return RP_OK;
}

void rp_pace_stop(struct rp_pace *pace)
{
    if (pace->running) {
        atomic_store(&pace->quit, true);
        pthread_join(pace->thread, NULL);
        pace->running = false;
    }
}
