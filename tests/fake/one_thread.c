/* For tests that ThreadSanitizer is spared, as they start no thread: one that
 * does start one fails. Hides the function of the C library. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*run)(void *), void *with)
{
    printf("failed: a thread is started: take this test out of one_thread in "
           "tests/meson.build\n");
    exit(1);
}
