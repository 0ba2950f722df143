/* Following a MIDI clock: the ticks lead the tempo, Start, Stop, Continue and
 * the song position the place. Without a Start they lead the tempo alone, and
 * the player's first note is on the beat. */
#include "rt/cycle_parts.h"

enum {
    KNOWN = 6,    /* ticks after which the tempo can be followed */
    PATIENCE = 6, /* ticks between two looks at small errors */
    MOST = 64,    /* ticks heard in a period: more is a flood, no clock */
    SIXTEENTH = RP_TICKS / 4
};

/* Our beat at a frame, as the ticks have it. What sounds at `frame` was to be
 * sent `delay` frames before what came in then. */
static rp_beat led_beat(const struct rp_cycle *cycle, rp_frame frame)
{
    const struct rp_sync *sync = &cycle->sync;
    const struct rp_line *line = &sync->chase.now;
    double since = ((double)(frame + cycle->io->delay) - line->at) / line->step;

    return sync->zero + line->tick * RP_TICK +
           (rp_beat)(since * (double)RP_TICK);
}

static double led_mbpm(const struct rp_cycle *cycle)
{
    return (double)cycle->clock.rate * 60000.0 /
           (RP_TICKS * cycle->sync.chase.now.step);
}

/* The beat was set by the player: the tick next to it is that beat's. */
static void count(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_sync *sync = &cycle->sync;
    rp_beat off;

    sync->zero = 0;
    off = rp_clock_beat(&cycle->clock, frame) - led_beat(cycle, frame);
    off += off < 0 ? -(RP_TICK / 2) : RP_TICK / 2;
    sync->zero = off / RP_TICK * RP_TICK;
    sync->counted = true;
}

/* Too far to make up for: on with the next of our beats that has the ticks'
 * place in the bar. */
static void jump(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_sync *sync = &cycle->sync;
    rp_beat place = led_beat(cycle, frame) - sync->song;
    rp_beat bar = rp_metre_bar(cycle->clock.metre);
    uint8_t leader = sync->leader;

    rp_sync_locate(cycle, frame, place, (place % bar + bar) % bar);
    sync->leader = leader;
    sync->zero += rp_clock_beat(&cycle->clock, frame) - led_beat(cycle, frame);
    sync->counted = true;
}

static void steer(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_sync *sync = &cycle->sync;
    rp_beat error =
        led_beat(cycle, frame) - rp_clock_beat(&cycle->clock, frame);
    rp_beat size = error < 0 ? -error : error;

    if (frame < sync->steered && size < RP_TICK / 8) {
        return;
    }
    sync->steered = frame + (rp_frame)(PATIENCE * sync->chase.now.step);
    if (size > RP_BEAT / 2) {
        rp_sync_steer(cycle, frame, led_mbpm(cycle), 0);
        jump(cycle, frame);
        return;
    }
    rp_sync_steer(cycle, frame, led_mbpm(cycle), error);
}

/* The first tick after Start or Continue. */
static void begin(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_sync *sync = &cycle->sync;
    rp_beat bar = rp_metre_bar(cycle->clock.metre), since;

    sync->zero = 0;
    since = led_beat(cycle, frame) - sync->chase.now.tick * RP_TICK;
    rp_sync_locate(cycle, frame, sync->position + since,
                   (sync->position + since) % bar);
    sync->zero = sync->song + sync->position - sync->chase.now.tick * RP_TICK;
    sync->counted = true;
    sync->armed = false;
}

static void hear_tick(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_sync *sync = &cycle->sync;
    bool follow;

    if (sync->heard++ == MOST) {
        sync->heard--;
        return;
    }
    if (!sync->chase.ticks) {
        rp_chase_init(&sync->chase, cycle->clock.rate,
                      (double)cycle->clock.rate * 60000.0 /
                          ((double)cycle->clock.mbpm * RP_TICKS));
    }
    if (sync->armed) {
        rp_chase_start(&sync->chase, frame);
    } else {
        rp_chase_hear(&sync->chase, frame);
    }
    follow = sync->chase.ticks >= KNOWN || sync->leader == RP_LEADER_ROLLS;
    if (sync->armed) {
        if (follow) {
            rp_sync_steer(cycle, frame, led_mbpm(cycle), 0);
        }
        begin(cycle, frame);
    } else if (follow && cycle->clock.anchored) {
        if (!sync->counted) {
            count(cycle, frame);
        }
        steer(cycle, frame);
    } else if (follow) {
        rp_sync_steer(cycle, frame, led_mbpm(cycle), 0);
    }
}

static void stop(struct rp_cycle *cycle)
{
    struct rp_sync *sync = &cycle->sync;

    if (sync->leader == RP_LEADER_ROLLS && sync->counted) {
        sync->position =
            sync->zero - sync->song + (sync->chase.now.tick + 1) * RP_TICK;
    }
    if (sync->leader == RP_LEADER_NONE && sync->counted) {
        rp_cycle_silence_answers(cycle, 0); /* it led, unsaid */
    }
    sync->armed = false;
    rp_sync_stand(cycle);
}

RP_RT void rp_sync_midi(struct rp_cycle *cycle, rp_frame frame,
                        struct rp_event event)
{
    struct rp_sync *sync = &cycle->sync;

    if (sync->by != RP_SYNC_MIDI ||
        !rp_senders_hear(&sync->senders, sync->source, frame,
                         cycle->clock.rate, event)) {
        return;
    }
    rp_cycle_play(cycle, cycle->io, frame);
    switch (event.data[0]) {
    case RP_CLOCK:
        hear_tick(cycle, frame);
        break;
    case RP_START:
        sync->position = 0;
        sync->armed = true;
        break;
    case RP_CONTINUE:
        sync->armed = true;
        break;
    case RP_STOP:
        stop(cycle);
        break;
    case RP_POSITION:
        sync->position =
            (event.data[1] | (rp_beat)event.data[2] << 7) * SIXTEENTH * RP_TICK;
        sync->armed |= sync->leader == RP_LEADER_ROLLS;
        break;
    default:
        break;
    }
}
