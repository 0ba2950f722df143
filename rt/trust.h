/* Functions of the system that the audio thread may call: bounded, though
 * their headers do not say so. Included after theirs. */
#ifndef RP_TRUST_H
#define RP_TRUST_H

#include <semaphore.h>
#include <time.h>

#include "rt/status.h"

/* Between these a function declared before is declared again, with RP_RT. */
#if defined(__clang__) && __clang_major__ >= 20
#define RP_TRUST_BEGIN                                                         \
    _Pragma("clang diagnostic push")                                           \
        _Pragma("clang diagnostic ignored \"-Wfunction-effects\"")
#define RP_TRUST_END _Pragma("clang diagnostic pop")
#else
#define RP_TRUST_BEGIN
#define RP_TRUST_END
#endif

RP_TRUST_BEGIN
RP_RT int sem_post(sem_t *sem);
RP_RT int clock_gettime(clockid_t clock, struct timespec *time);
RP_TRUST_END

#endif
