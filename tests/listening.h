/* A listener on its own, on a clock of 120 BPM from frame 0. Who includes this
 * has RATE, frames a second. */
#ifndef RP_TEST_LISTENING_H
#define RP_TEST_LISTENING_H

#include "model/play/listen.h"
#include "test.h"

enum { TICK = RATE / 2 / 24, MS = RATE / 1000 };

static struct rp_memory memory;
static struct rp_listen listen;
static const struct rp_clock clock_ = { .rate = RATE,
                                        .mbpm = 120000,
                                        .metre = { 4, 4 },
                                        .anchored = 1 };

static inline void listen_to(const struct rp_model *got)
{
    struct rp_engine *engine;

    CHECK_INT(rp_memory_engine(got, &engine), RP_OK);
    rp_memory_init(&memory, got, engine);
    rp_memory_metre(&memory, 0, clock_.metre);
    rp_listen_init(&listen, &memory);
}

/* An event at its frame, everything due before it pushed. */
static inline void feed(rp_frame frame, struct rp_event event)
{
    CHECK_INT(rp_listen_settle(&listen, &clock_, frame), RP_OK);
    (void)rp_listen_event(&listen, &clock_, frame, event);
}

static inline void on(rp_frame frame, uint8_t pitch)
{
    feed(frame, rp_event_make(RP_NOTE_ON, 0, pitch, 80));
}

static inline void off(rp_frame frame, uint8_t pitch)
{
    feed(frame, rp_event_make(RP_NOTE_OFF, 0, pitch, 64));
}

#endif
