#undef _FORTIFY_SOURCE /* its read and write are inline */
#include "tests/fake/guard.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static _Thread_local int depth;

void guard_enter(void)
{
    depth++;
}

void guard_leave(void)
{
    depth--;
}

bool guard_watches_malloc(void)
{
    return !SANITIZED;
}

void guard_forbid(const char *what)
{
    static const char text[] = "called in the audio thread: ";

    if (depth <= 0) {
        return;
    }
    depth = 0;
    (void)!syscall(SYS_write, 2, text, sizeof(text) - 1);
    (void)!syscall(SYS_write, 2, what, strlen(what));
    (void)!syscall(SYS_write, 2, "\n", 1);
    abort();
}

#if !SANITIZED
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void __libc_free(void *old);

void *malloc(size_t size)
{
    guard_forbid("malloc");
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    guard_forbid("calloc");
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    guard_forbid("realloc");
    return __libc_realloc(old, size);
}

void free(void *old)
{
    guard_forbid("free");
    __libc_free(old);
}

/* The next definition of a function, found once; dlsym may allocate, so never
 * first under the guard. */
#define NEXT(name)                                                             \
    static __typeof__(name) *next;                                             \
    guard_forbid(#name);                                                       \
    if (!next) {                                                               \
        next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                    \
    }

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    NEXT(pthread_mutex_lock)
    return next(mutex);
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    NEXT(pthread_cond_wait)
    return next(cond, mutex);
}

int sem_wait(sem_t *sem)
{
    NEXT(sem_wait)
    return next(sem);
}

int nanosleep(const struct timespec *time, struct timespec *rest)
{
    NEXT(nanosleep)
    return next(time, rest);
}

ssize_t write(int fd, const void *data, size_t size)
{
    NEXT(write)
    return next(fd, data, size);
}

ssize_t read(int fd, void *data, size_t size)
{
    NEXT(read)
    return next(fd, data, size);
}
#endif
