/* CLOCK_MONOTONIC within the test: it stands still until told to pass. A
 * thread, not main, that sleeps until a time is the pace's (rt/pace.h). */
#ifndef FAKE_TIME_H
#define FAKE_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Time is ours: a hundred seconds later than it was. */
void fake_time_begin(void);
/* It is the system's again. */
void fake_time_end(void);
uint64_t fake_time_now(void); /* ns */

/* A pace is about to be started anew. */
void fake_time_expect(void);
/* Waits until the pace sleeps, or has ended. */
void fake_time_settle(void);
/* Until then, one wake of the pace after the other. */
void fake_time_pass(uint64_t until);
/* The machine sleeps so long: nobody wakes meanwhile. */
void fake_time_skip(uint64_t ns);
/* Time passes by itself, or stands still again. */
void fake_time_pump(bool run);

/* The pace's thread, from what a fake library is called for first and last in
 * a period: between them it is under the guard. */
void fake_time_guard(void);
void fake_time_free(void);

#endif
