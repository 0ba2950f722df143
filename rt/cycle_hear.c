#include "rt/cycle_parts.h"

static void control(struct rp_cycle *cycle, rp_frame frame,
                    struct rp_event event)
{
    struct rp_controlled controlled = {frame, event};

    if (!rp_ring_push(&cycle->control_to_main, &controlled, NULL)) {
        rp_stats_add(&cycle->stats.lost_controls, 1);
    }
}

/* All begins anew when the performer cannot be told. */
RP_RT void rp_cycle_tell_or_begin_anew(struct rp_cycle *cycle, rp_frame frame,
                                       enum rp_heard_kind kind,
                                       struct rp_event event)
{
    if (cycle->owe_panic || !rp_cycle_tell(cycle, frame, kind, event)) {
        rp_stats_add(&cycle->stats.lost_heard, 1);
        if (!cycle->owe_panic) { /* it missed something: all anew */
            rp_cycle_silence_answers(cycle, 0);
            cycle->owe_clock = true;
        }
    }
}

/* Whether it was meant for riposte itself, and was passed on to it. */
static bool take(struct rp_cycle *cycle, rp_frame frame, struct rp_event event)
{
    uint32_t end =
        atomic_load_explicit(&cycle->knobs->end_turn, memory_order_relaxed);
    enum rp_ending ending =
        rp_controls_ending(end, &cycle->end_down, &cycle->outbox.held, event);

    if (ending == RP_ENDING) {
        rp_cycle_tell_or_begin_anew(cycle, frame, RP_HEARD_END, event);
    } else if (ending == RP_ENDING_NOT &&
               rp_controls_taken(cycle->taken, &cycle->outbox.held, event)) {
        control(cycle, frame, event);
    } else {
        return ending != RP_ENDING_NOT;
    }
    return true;
}

static uint32_t knob(const _Atomic uint32_t *knob)
{
    return atomic_load_explicit(knob, memory_order_relaxed);
}

static void hear(struct rp_cycle *cycle, rp_frame frame, struct rp_event event)
{
    enum rp_sieve_way way;

    if (event.data[0] >= 0xf0) { /* no part of the call */
        rp_sync_midi(cycle, frame, event);
        return;
    }
    way = rp_sieve_way(&cycle->sieve, &cycle->outbox.held,
                       knob(&cycle->knobs->listen),
                       knob(&cycle->knobs->ignore), event);
    if (!event.size || way == RP_SIEVE_DROP || take(cycle, frame, event)) {
        return;
    }
    if (rp_event_is_off(event) && (event.data[0] & 0xf0) == RP_NOTE_ON) {
        event = rp_event_make(RP_NOTE_OFF, event.data[0], event.data[1], 64);
    }
    if (way == RP_SIEVE_THRU) {
        rp_outbox_send(&cycle->outbox, RP_SOURCE_CALL, frame, event);
        return;
    }
    rp_stats_add(&cycle->stats.heard, 1);
    if (rp_event_is_on(event)) {
        rp_cycle_find_beat(cycle, frame);
    }
    rp_cycle_play_on(cycle, frame, event);
    rp_cycle_tell_or_begin_anew(cycle, frame, RP_HEARD_MIDI, event);
    rp_cycle_record(cycle, RP_RECORDED_CALL, frame, event);
    rp_cycle_show(cycle, RP_SEEN_CALL, frame, event);
    rp_outbox_send(&cycle->outbox, RP_SOURCE_CALL, frame, event);
}

RP_RT void rp_cycle_hear_main(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_event event;

    while (rp_ring_pop(&cycle->main_to_audio, &event)) {
        hear(cycle, frame, event);
    }
}

RP_RT void rp_cycle_unplug(struct rp_cycle *cycle, rp_frame frame)
{
    uint16_t pedal = cycle->outbox.held.pedal[RP_SOURCE_CALL];

    cycle->end_down = 0;
    for (int c = 0; c < 16; c++) {
        for (int p = 0; p < 128; p++) {
            while (cycle->outbox.held.count[RP_SOURCE_CALL][c][p]) {
                hear(cycle, frame, rp_event_make(RP_NOTE_OFF, c, p, 64));
            }
        }
        if (pedal & 1u << c) {
            hear(cycle, frame, rp_event_make(RP_CONTROL, c, RP_CC_PEDAL, 0));
        }
    }
}

/* A program change chooses a preset when a player sends it; those of a file
 * that is played mean the file's own sounds. */
static bool takes_program(const struct rp_cycle *cycle, struct rp_event event)
{
    return (event.data[0] & 0xf0) == RP_PROGRAM && cycle->taken &&
           cycle->live && knob(&cycle->knobs->program_change) &&
           !(knob(&cycle->knobs->ignore) >> (event.data[0] & 15) & 1);
}

/* In virtual time nothing comes back, as there is nobody to send it. A loop
 * takes the time of two periods, and what the synth needs. */
static bool is_echo(struct rp_cycle *cycle, const struct rp_io *io,
                    rp_frame frame, struct rp_event event)
{
    uint32_t ms = knob(&cycle->knobs->echo_guard);

    if (!ms || !cycle->live ||
        !rp_sieve_is_echo(&cycle->sieve, &cycle->outbox.held,
                          (rp_frame)io->rate * ms / 1000 + 2 * io->frames,
                          frame, io->rate, event)) {
        return false;
    }
    rp_stats_add(&cycle->stats.echoes, 1);
    return true;
}

RP_RT void rp_cycle_listen(struct rp_cycle *cycle, const struct rp_io *io)
{
    rp_cycle_hear_main(cycle, io->frame);
    for (uint32_t i = 0; i < io->ins; i++) {
        rp_frame frame = io->frame + io->in[i].offset;
        struct rp_event event = io->in[i].event;

        if (is_echo(cycle, io, frame, event)) {
            continue;
        }
        if (takes_program(cycle, event)) {
            control(cycle, frame, event);
        } else {
            cycle->sync.source = io->in[i].source;
            hear(cycle, frame, event);
        }
    }
}
