/* How well a MIDI clock is followed, in virtual time: a simulated sender whose
 * ticks come early, late or not at all, a stand-in that plays a note on every
 * sixteenth, and how far those notes are from where the sender meant them. */
#ifndef RP_BENCH_SYNC_H
#define RP_BENCH_SYNC_H

#include <stdint.h>
#include <stdio.h>

#include "rt/status.h"

struct rp_bench_sync_case {
    const char *name;
    double bpm;
    double sigma;   /* ms of jitter, normal, each tick for itself */
    double wander;  /* share by which the tempo goes up and down in 30 s */
    double step_to; /* BPM from the middle on; 0: no step */
    double loss;    /* share of ticks that never come */
    int stop;       /* from the middle on it stands for so many beats, ... */
    int resume;     /* ... and goes on with this sixteenth */
};

struct rp_bench_sync_result {
    uint32_t onsets;      /* counted in p50, p99 and max */
    double p50, p99, max; /* ms, from the third beat on */
    double locked;        /* ms; the worst of beats 3 and 4 */
    double stepped;       /* ms; the worst of two beats after a step */
    double drift;         /* ms; mean of the last beats, with its sign */
    uint32_t displaced;   /* onsets on another sixteenth of the bar */
    uint32_t backwards;   /* clocks whose beat was before the last */
    uint32_t stood;       /* notes begun while the sender stood */
    uint64_t late, dropped;
};

extern const struct rp_bench_sync_case rp_bench_sync_cases[];
extern const int rp_bench_sync_count;

/* `period`: frames, 0 as usual. */
RP_MUST rp_status rp_bench_sync_run(const struct rp_bench_sync_case *sender,
                                    double seconds, uint32_t seed,
                                    uint32_t period,
                                    struct rp_bench_sync_result *result);
/* Every case, as a table. */
RP_MUST rp_status rp_bench_sync(double seconds, uint32_t seed, FILE *file);

#endif
