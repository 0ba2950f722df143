/* CLOCK_MONOTONIC within the test: it stands still until told to pass. A
 * thread, not main, that sleeps until a time is a backend's: the pace's
 * (rt/pace.h), and whatever other a backend may have. */
#ifndef FAKE_TIME_H
#define FAKE_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Time is ours: a hundred seconds later than it was. */
void fake_time_begin(void);
/* How many threads a backend has that sleep; after fake_time_begin one. */
void fake_time_threads(int count);
/* It is the system's again. */
void fake_time_end(void);
uint64_t fake_time_now(void); /* ns */

/* Those threads are about to be started anew. */
void fake_time_expect(void);
/* Waits until all of them sleep, or have ended. */
void fake_time_settle(void);
/* Until then, one wake after the other. */
void fake_time_pass(uint64_t until);
/* The machine sleeps so long: nobody wakes meanwhile. */
void fake_time_skip(uint64_t ns);
/* Time passes by itself, or stands still again. */
void fake_time_pump(bool run);

/* The pace's thread, from what a fake library is called for first and last in
 * a period: between them it is under the guard. */
void fake_time_guard(void);
void fake_time_free(void);
/* The pace calls nothing of the library's: it is under the guard from when it
 * wakes to when it sleeps again. */
void fake_time_guard_pace(bool guard);

#endif
