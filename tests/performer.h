/* The performer on a stage at 120 BPM, for its tests. */
#ifndef TEST_PERFORMER_H
#define TEST_PERFORMER_H

#include "model/play/performer_parts.h"
#include "model/play/stage.h"
#include "play.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2 }; /* 120 BPM */

static struct rp_model model;

static uint32_t noise_state = 1;

/* Frames, uniform within +-ms. */
static inline rp_frame noise(int ms)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return ((rp_frame)(noise_state >> 8) % (2 * ms + 1) - ms) * RATE / 1000;
}

/* `count` quarter notes, each let go a little early; the frame of the last
 * release. */
static inline rp_frame play_quarters(struct rp_stage *stage, rp_frame from,
                              uint32_t count)
{
    static const uint8_t tune[] = { 60, 62, 64, 65, 67, 65, 64, 62 };
    rp_frame off = from;

    for (uint32_t i = 0; i < count; i++) {
        rp_frame on = from + i * BEAT + (i ? noise(10) : 0);
        off = from + (i + 1) * BEAT - BEAT / 16;
        CHECK_INT(rp_stage_note(stage, on, off, tune[i % 8], 70), RP_OK);
    }
    return off;
}

static inline void begin(struct rp_stage *stage, uint32_t period)
{
    noise_state = 1;
    CHECK_INT(rp_stage_init(stage, &model, RATE, period), RP_OK);
    atomic_store(&stage->knobs.tempo, 120000);
    atomic_store(&stage->knobs.mode, RP_MODE_ANSWER);
    atomic_store(&stage->knobs.length, 0);
    atomic_store(&stage->knobs.temperature, 1.0f);
    atomic_store(&stage->knobs.top_p, 1.0f);
    atomic_store(&stage->knobs.top_k, 0);
    atomic_store(&stage->knobs.window, 32);
    atomic_store(&stage->knobs.instrument, -1);
    atomic_store(&stage->knobs.channel, 3);
    atomic_store(&stage->knobs.seed, 11);
    stage->clock.mbpm = 120000;
}

struct sums {
    uint32_t ons, offs, programs, turns;
    rp_frame first, last;  /* onsets */
    rp_frame end;          /* last event */
};

/* Counts what was planned for frames >= from and checks what always holds. */
static inline struct sums check_plan(const struct rp_stage *stage, rp_frame from)
{
    struct sums sums = { .first = INT64_MAX, .last = -1, .end = -1 };
    int sounding[128] = { 0 };

    for (uint32_t i = 0; i < stage->planned; i++) {
        struct rp_event event = stage->plan[i].event;
        rp_frame at = stage->plan_frame[i];
        CHECK_INT(event.data[0] & 15, 3);
        /* Placed before it is due, but not before it has to be. */
        CHECK(at >= stage->decided[i] - (rp_frame)stage->period +
                        RATE * RP_LEAD_MS / 1000 - 1);
        CHECK(at <= stage->decided[i] + RATE * RP_LEAD_MS / 1000);
        if (i)
            CHECK(stage->plan[i].beat >= stage->plan[i - 1].beat ||
                  stage->plan[i].turn != stage->plan[i - 1].turn);
        if (rp_event_is_on(event)) {
            CHECK_INT(sounding[event.data[1]], 0);
            sounding[event.data[1]]++;
        } else if (rp_event_is_off(event)) {
            CHECK_INT(sounding[event.data[1]], 1);
            sounding[event.data[1]]--;
        }
        if (at < from)
            continue;
        sums.end = at > sums.end ? at : sums.end;
        if (rp_event_is_on(event)) {
            sums.ons++;
            sums.first = at < sums.first ? at : sums.first;
            sums.last = at > sums.last ? at : sums.last;
        } else if (rp_event_is_off(event)) {
            sums.offs++;
        } else {
            sums.programs++;
        }
    }
    for (int i = 0; i < 128; i++)
        CHECK_INT(sounding[i], 0);
    sums.turns = stage->planned ? stage->plan[stage->planned - 1].turn : 0;
    return sums;
}

static inline uint32_t state_of(struct rp_stage *stage)
{
    struct rp_performer_view view;

    rp_performer_look(stage->performer, &view);
    return view.state;
}

#endif
