#include "rt/sync.h"

#include "rt/cycle_parts.h"

RP_RT bool rp_sync_rolls(const struct rp_cycle *cycle)
{
    const struct rp_sync *sync = &cycle->sync;

    switch (sync->by) {
    case RP_SYNC_JACK:
        return sync->leader == RP_LEADER_ROLLS || /* or there is none */
               (sync->leader == RP_LEADER_NONE && cycle->clock.anchored);
    case RP_SYNC_MIDI:
        return cycle->clock.anchored && sync->leader != RP_LEADER_STANDS;
    default:
        return cycle->clock.anchored;
    }
}

RP_RT uint32_t rp_sync_state(const struct rp_cycle *cycle)
{
    const struct rp_sync *sync = &cycle->sync;
    bool heard =
        sync->chase.ticks >= RP_TICKS / 2 &&
        rp_chase_silence(&sync->chase, cycle->io->frame) < 2 * RP_TICKS;

    return sync->by | (uint32_t)sync->leader << 8 | (uint32_t)heard << 16 |
           (uint32_t)rp_senders_crowd(&sync->senders, cycle->io->frame,
                                      cycle->clock.rate)
               << 17;
}

/* The beat and the tempo go on as they are. */
static void change_leader(struct rp_cycle *cycle, uint32_t by)
{
    struct rp_sync *sync = &cycle->sync;

    sync->by = by;
    sync->leader = RP_LEADER_NONE;
    sync->armed = sync->counted = false;
    sync->chase.ticks = 0;
    sync->senders = (struct rp_senders){0};
    sync->song = 0;
}

RP_RT void rp_sync_turn(struct rp_cycle *cycle, const struct rp_io *io)
{
    uint32_t by =
        atomic_load_explicit(&cycle->knobs->sync, memory_order_relaxed);

    cycle->sync.heard = 0;
    if (by != cycle->sync.by) {
        change_leader(cycle, by);
    }
    rp_sync_jack(cycle, io);
}

RP_RT void rp_sync_stand(struct rp_cycle *cycle)
{
    if (cycle->sync.leader == RP_LEADER_ROLLS) {
        rp_cycle_silence_answers(cycle, 0);
    }
    cycle->sync.leader = RP_LEADER_STANDS;
}

RP_RT void rp_sync_locate(struct rp_cycle *cycle, rp_frame frame,
                          rp_beat position, rp_beat into)
{
    const struct rp_clock *clock = &cycle->clock;
    rp_beat bar = rp_metre_bar(clock->metre), line = position - into, now;

    if (clock->anchored) {
        now = rp_clock_beat(clock, frame);
        line = rp_clock_bar_before(clock, now - into);
        line += line + into < now ? bar : 0;
    }
    rp_cycle_move(cycle, frame, line + into, line);
    cycle->sync.song = line - (position - into);
    cycle->sync.leader = RP_LEADER_ROLLS;
}

RP_RT void rp_sync_steer(struct rp_cycle *cycle, rp_frame frame, double mbpm,
                         rp_beat error)
{
    double share = (double)error / (double)(RP_BEAT / 2);

    share = share > 1.0 ? 1.0 : share < -0.5 ? -0.5 : share;
    mbpm *= 1.0 + share;
    mbpm = mbpm < 1000.0 ? 1000.0 : mbpm > 2e6 ? 2e6 : mbpm;
    rp_cycle_turn_tempo(cycle, frame, (uint32_t)(mbpm + 0.5));
    cycle->sync.led = true;
}
