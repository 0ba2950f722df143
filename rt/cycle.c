#include "rt/cycle_parts.h"
#include "rt/trust.h"

RP_RT bool rp_cycle_tell(struct rp_cycle *cycle, rp_frame frame,
                         enum rp_heard_kind kind, struct rp_event event)
{
    struct rp_heard heard = {
        .frame = frame, .kind = kind, .event = event, .clock = cycle->clock};

    if (!rp_ring_push(&cycle->to_performer, &heard, NULL)) {
        return false;
    }
    cycle->told = true;
    return true;
}

RP_RT void rp_cycle_settle(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_event none = {0};

    if (cycle->owe_panic && rp_cycle_tell(cycle, frame, RP_HEARD_PANIC, none)) {
        cycle->owe_panic = false;
    }
    if (!cycle->owe_panic && cycle->owe_clock &&
        rp_cycle_tell(cycle, frame, RP_HEARD_CLOCK, none)) {
        cycle->owe_clock = false;
    }
}

RP_RT bool rp_cycle_obey(struct rp_cycle *cycle, uint32_t silences)
{
    struct rp_planned mark = {.turn = silences};

    return rp_ring_push(&cycle->from_performer, &mark, NULL);
}

static bool risen(_Atomic uint32_t *counter, uint32_t *seen)
{
    uint32_t now = atomic_load_explicit(counter, memory_order_acquire);
    bool rose = now != *seen;

    *seen = now;
    return rose;
}

/* What main or the backend asked for since the last period. */
static void obey_main(struct rp_cycle *cycle, rp_frame frame)
{
    bool stop = atomic_load_explicit(&cycle->stopping, memory_order_acquire);

    if (stop && !cycle->stopped) { /* what is held ends here in the take, too */
        rp_cycle_hear_main(cycle, frame);
        rp_cycle_unplug(cycle, frame);
    }
    if (risen(&cycle->knobs->panic, &cycle->panic_seen)) {
        rp_stats_add(&cycle->stats.panics, 1);
        rp_cycle_silence(cycle, 0xffff);
    }
    if (risen(&cycle->knobs->hand_over, &cycle->hand_over_seen)) {
        rp_cycle_settle(cycle, frame); /* after a panic of the same period */
        rp_cycle_tell_or_begin_anew(cycle, frame, RP_HEARD_END,
                                    (struct rp_event){0});
    }
    if (risen(&cycle->release, &cycle->release_seen)) {
        rp_cycle_silence(cycle, 0xffff);
    }
    if (stop && !cycle->stopped) {
        cycle->stopped = true;
        rp_cycle_silence(cycle, 0);
    }
}

/* Tells the other threads how far we are, and wakes the performer if it has
 * anything to do. Once per period is enough: it reads up to `end`. */
static void finish(struct rp_cycle *cycle, struct rp_io *io, bool all_sent)
{
    int64_t end = io->frame + io->frames;
    int64_t wake_at;

    rp_stats_add(&cycle->stats.cycles, 1);
    atomic_store_explicit(&cycle->stats.frame, end, memory_order_relaxed);
    atomic_store_explicit(&cycle->released, cycle->stopped && all_sent,
                          memory_order_release);
    atomic_store_explicit(&cycle->leading, rp_sync_state(cycle),
                          memory_order_relaxed);
    atomic_store(&cycle->end, end);
    if (!cycle->owe_panic) {
        atomic_store(&cycle->silences, cycle->silenced);
    }
    wake_at = atomic_load(&cycle->wake_at);
    if (end > wake_at) { /* unless it has just chosen another frame */
        if (atomic_compare_exchange_strong(&cycle->wake_at, &wake_at,
                                           INT64_MAX)) {
            cycle->told = true;
        }
    }
    if (cycle->told) {
        cycle->told = false;
        sem_post(cycle->wake);
    }
}

RP_RT void rp_cycle_run(struct rp_cycle *cycle, struct rp_io *io)
{
    cycle->io = io;
    cycle->played = io->frame;
    if (!cycle->begun) {
        rp_cycle_begin(cycle, io->frame);
    }
    rp_cycle_turn_clock(cycle, io);
    rp_cycle_settle(cycle, io->frame);
    if (risen(&cycle->unplugged, &cycle->unplugged_seen)) {
        rp_cycle_unplug(cycle, io->frame);
    }
    obey_main(cycle, io->frame);
    rp_cycle_settle(cycle, io->frame);
    rp_cycle_take_in(cycle);
    if (!cycle->stopped) {
        rp_cycle_listen(cycle, io);
    }
    rp_cycle_play(cycle, io, io->frame + io->frames);
    finish(cycle, io, rp_cycle_flush(cycle, io));
}

void rp_cycle_init(struct rp_cycle *cycle, struct rp_knobs *knobs,
                   uint32_t rate)
{
    cycle->knobs = knobs;
    cycle->outbox.stats = &cycle->stats;
    cycle->panic_seen = atomic_load(&knobs->panic);
    cycle->hand_over_seen = atomic_load(&knobs->hand_over);
    cycle->click_off = INT64_MAX;
    cycle->void_before = INT64_MIN;
    atomic_init(&cycle->wake_at, INT64_MAX);
    rp_cycle_init_clock(cycle, rate);
}
