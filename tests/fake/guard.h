/* A guard around what runs in an audio thread: between guard_enter and
 * guard_leave this thread may not allocate, free, lock, wait, read or write;
 * the program aborts and says what was called. */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>

void guard_enter(void);
void guard_leave(void);
/* Aborts when called under the guard: for fakes of what must not be called. */
void guard_forbid(const char *what);
/* Whether allocation is watched (not in builds with a sanitizer, which have
 * their own malloc). */
bool guard_watches_malloc(void);

#endif
