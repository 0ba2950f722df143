/* A disk that is full or too small: said before the run, waited for within
 * it, and the result is what it would have been. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "tests/train_runs.h"
#include "tests/tsan.h"

/* Long enough for the disk to be full before the end; TSan is slow. */
enum { EPOCHS = TSAN ? 6 : 24 };

static atomic_ulong room; /* bytes that statvfs tells; 0: as it is */

/* Hides libc's. */
int statvfs(const char *restrict path, struct statvfs *restrict about)
{
    *about = (struct statvfs){.f_frsize = 1, .f_bavail = SIZE_MAX};
    if (room)
        about->f_bavail = room;
    return access(path, F_OK);
}

/* From any thread. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    if (setrlimit(RLIMIT_FSIZE, &limit))
        abort();
}

static void test_too_small(void)
{
    char out[300];
    struct rp_train_options options;
    struct stat about;

    snprintf(out, sizeof out, "%s/small", folder);
    options = small(out);
    room = 1 << 20;
    logged[0] = 0;
    CHECK_INT(rp_train_run(&options, NULL, true, NULL), RP_EIO);
    room = 0;
    CHECK(strstr(logged, "small: 1.0 MB free, expected the "));
    CHECK(stat(path_of(out, ""), &about));
}

/* The first checkpoint cannot be written: no run, and nothing left of it. */
static void test_full_at_once(void)
{
    char out[300];
    struct rp_train_options options;
    struct stat about;

    snprintf(out, sizeof out, "%s/full", folder);
    options = small(out);
    logged[0] = 0;
    limit_files(100000);
    CHECK_INT(rp_train_run(&options, NULL, true, NULL), RP_EIO);
    limit_files(RLIM_INFINITY);
    CHECK(strstr(logged, "last.safetensors: cannot be written: File too"));
    CHECK(stat(path_of(out, ""), &about));
}

static atomic_int waits; /* times that the run said so */
static volatile sig_atomic_t stop;
static bool give_room;

static void hear(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    keep_log(self, level, tag, text);
    if (!strstr(text, "the run waits and tries again in"))
        return;
    waits++;
    if (give_room)
        limit_files(RLIM_INFINITY);
    else
        stop = 1;
}

/* Fills the disk after the first epoch. */
static void *fill(void *out)
{
    for (int i = 0; i < 60000 && access(path_of(out, "run.csv"), F_OK); i++)
        usleep(1000);
    limit_files(400);
    return NULL;
}

static rp_status run_full(const char *out)
{
    struct rp_train_options options = small(out);
    pthread_t thread;
    rp_status status;

    options.epochs = EPOCHS;
    options.batch = 10;
    waits = 0;
    stop = 0;
    CHECK(!pthread_create(&thread, NULL, fill, (void *)out));
    rp_log_to(hear, NULL);
    status = rp_train_run(&options, &stop, true, NULL);
    rp_log_to(keep_log, NULL);
    pthread_join(thread, NULL);
    limit_files(RLIM_INFINITY);
    return status;
}

static void test_waits(void)
{
    char out[300], free_out[300], again[320];
    struct rp_train_options options;

    snprintf(out, sizeof out, "%s/waits", folder);
    snprintf(free_out, sizeof free_out, "%s/free", folder);
    give_room = true;
    CHECK_INT(run_full(out), RP_OK);
    CHECK_INT(waits, 1);
    options = small(free_out);
    options.epochs = EPOCHS;
    options.batch = 10;
    run(&options);
    check_same_runs(free_out, out);

    /* Told to stop while it waits, it ends; what it has can be resumed. */
    snprintf(out, sizeof out, "%s/stops", folder);
    give_room = false;
    CHECK_INT(run_full(out), RP_EIO);
    CHECK_INT(waits, 1);
    snprintf(again, sizeof again, "%s/001", out);
    rp_train_defaults(&options);
    options.dir = dirs;
    options.dirs = 1;
    options.resume = again;
    CHECK_INT(run(&options).epoch, EPOCHS);
    check_same_runs(free_out, out);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    if (!runs_begin())
        return 1;
    test_too_small();
    test_full_at_once();
    test_waits();
    songs_remove(folder);
    return TEST_END();
}
