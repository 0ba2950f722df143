/* Periods for a MIDI system that has none: a thread of its own runs one every
 * `period` frames of CLOCK_MONOTONIC.
 *
 * The period that begins with frame F is run at rp_pace_ns(F). What came in
 * during the period before is heard in it, every event one period after it
 * came; what it sends is due one period after its frame. So what is played and
 * what sounds are two periods apart, as with a JACK server, always. */
#ifndef RP_PACE_H
#define RP_PACE_H

#include <pthread.h>

#include "rt/arrivals.h"
#include "rt/backend.h"

struct rp_pace {
    struct rp_backend *backend;
    /* The thread's: the period from `frame` on. */
    RP_RT void (*run)(struct rp_backend *backend);
    bool running; /* main */
    pthread_t thread;
    _Atomic bool quit;
    uint64_t origin; /* ns, when frame 0 began; 0: never started */
    rp_frame frame;  /* while stopped main's, else the thread's */
};

/* Main. Started for the first time it begins with frame 0 one period later;
 * after a stop frames have gone on with the clock. Sets the backend's priority
 * where real-time scheduling is allowed. */
RP_MUST rp_status rp_pace_start(struct rp_pace *pace,
                                struct rp_backend *backend,
                                RP_RT void (*run)(struct rp_backend *backend));
/* Main. No period runs after it. */
void rp_pace_stop(struct rp_pace *pace);

/* When a frame is, ns of CLOCK_MONOTONIC (rounded up), and the frame at that
 * time. */
RP_RT uint64_t rp_pace_ns(const struct rp_pace *pace, rp_frame frame);
RP_RT rp_frame rp_pace_frame(const struct rp_pace *pace, uint64_t ns);

/* Where in the period that is run now, or in the one after it, an event is
 * heard that came at `ns`; no earlier than the last of `in`. */
RP_RT uint32_t rp_pace_offset(const struct rp_pace *pace, uint64_t ns,
                              const struct rp_arrivals *in);

uint64_t rp_pace_now(void); /* ns of CLOCK_MONOTONIC */
/* Until that time is over. */
void rp_pace_sleep(uint64_t until);

#endif
