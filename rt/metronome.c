#include "rt/metronome.h"

enum {
    CLICK_BAR = 76,  /* GM high wood block */
    CLICK_BEAT = 77, /* low wood block */
    CLICK_MS = 40
};

RP_RT rp_frame rp_metronome_next(struct rp_cycle *cycle, const struct rp_io *io)
{
    rp_frame frame;

    if (!rp_sync_rolls(cycle) || cycle->stopped) {
        return INT64_MAX;
    }
    frame = rp_cycle_due(cycle, io, cycle->click);
    if (frame < io->frame) { /* frames jumped: go on from here */
        cycle->click = rp_clock_beat_after(
            &cycle->clock, rp_clock_beat(&cycle->clock, io->frame));
        frame = rp_cycle_due(cycle, io, cycle->click);
        frame = frame < io->frame ? io->frame : frame;
    }
    return frame;
}

RP_RT void rp_metronome_play(struct rp_cycle *cycle, const struct rp_io *io,
                             rp_frame frame)
{
    rp_beat line = cycle->click;
    uint8_t channel = atomic_load_explicit(&cycle->knobs->click_channel,
                                           memory_order_relaxed) &
                      15;

    cycle->click = rp_clock_beat_after(&cycle->clock, line + 1);
    if (line >= 0 &&
        !atomic_load_explicit(&cycle->knobs->metronome, memory_order_relaxed)) {
        return;
    }
    if (cycle->click_off != INT64_MAX) { /* very fast: end the one before */
        rp_outbox_send(&cycle->outbox, RP_SOURCE_METRONOME, frame,
                       cycle->clicked);
    }
    if (rp_clock_bar_before(&cycle->clock, line) == line) {
        cycle->clicked = rp_event_make(RP_NOTE_ON, channel, CLICK_BAR, 110);
    } else {
        cycle->clicked = rp_event_make(RP_NOTE_ON, channel, CLICK_BEAT, 80);
    }
    rp_outbox_send(&cycle->outbox, RP_SOURCE_METRONOME, frame, cycle->clicked);
    cycle->rest = line > cycle->rest ? line : cycle->rest; /* it leads */
    cycle->clicked =
        rp_event_make(RP_NOTE_OFF, channel, cycle->clicked.data[1], 64);
    cycle->click_off = frame + (rp_frame)io->rate * CLICK_MS / 1000;
}
