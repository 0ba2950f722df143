#include <string.h>

#include "rt/cycle_parts.h"
#include "rt/metronome.h"

enum {
    TOO_LATE_MS = 200,
    INTAKE = 1024 /* planned events taken per period, so that it is bounded */
};

/* ---- to the ports ---- */

RP_RT void rp_cycle_show(struct rp_cycle *cycle, enum rp_seen_kind kind,
                         rp_frame frame, struct rp_event event)
{
    struct rp_seen seen = {.frame = frame,
                           .beat = rp_clock_beat(&cycle->clock, frame),
                           .kind = kind,
                           .event = event};

    if (!rp_ring_push(&cycle->audio_to_ui, &seen, NULL)) {
        rp_stats_add(&cycle->stats.lost_seen, 1);
    }
}

static RP_RT void sent(void *self, enum rp_source source, rp_frame frame,
                       struct rp_event event)
{
    struct rp_cycle *cycle = self;

    rp_stats_add(&cycle->stats.sounded, 1);
    rp_sieve_sent(&cycle->sieve, source, frame, event);
    if (source == RP_SOURCE_ANSWER) {
        rp_cycle_record(cycle, RP_RECORDED_ANSWER, frame, event);
        rp_cycle_show(cycle, RP_SEEN_ANSWER, frame, event);
    } else if (source == RP_SOURCE_METRONOME) {
        rp_cycle_show(cycle, RP_SEEN_METRONOME, frame, event);
    }
}

RP_RT bool rp_cycle_flush(struct rp_cycle *cycle, struct rp_io *io)
{
    bool all = rp_outbox_flush(&cycle->outbox, io, RP_WAY_OUT, sent, cycle);

    return rp_outbox_flush(&cycle->outbox, io, RP_WAY_THRU, sent, cycle) && all;
}

/* ---- silence ---- */

RP_RT void rp_cycle_silence_answers(struct rp_cycle *cycle, uint16_t channels)
{
    rp_outbox_silence(&cycle->outbox, RP_WAY_OUT, channels);
    cycle->pendings = 0;
    cycle->click_off = INT64_MAX;
    cycle->silenced++;
    cycle->owe_panic = true;
}

RP_RT void rp_cycle_silence(struct rp_cycle *cycle, uint16_t channels)
{
    rp_outbox_silence(&cycle->outbox, RP_WAY_THRU, channels);
    rp_cycle_silence_answers(cycle, channels);
}

/* ---- what is played ---- */

RP_RT void rp_cycle_play_on(struct rp_cycle *cycle, rp_frame frame,
                            struct rp_event event)
{
    rp_beat beat = rp_clock_beat(&cycle->clock, frame);

    bool pedal =
        (event.data[0] & 0xf0) == RP_CONTROL && event.data[1] == RP_CC_PEDAL;

    if (pedal || rp_event_is_on(event) || rp_event_is_off(event)) {
        cycle->rest = beat > cycle->rest ? beat : cycle->rest;
    }
}

/* Between turns the ring need not be in order of beat: sorted here, what was
 * planned first goes first at the same beat. */
RP_RT void rp_cycle_take_in(struct rp_cycle *cycle)
{
    struct rp_planned planned;

    for (int i = 0; i < INTAKE && cycle->pendings < RP_PENDING &&
                    rp_ring_pop(&cycle->from_performer, &planned);
         i++) {
        uint32_t at;

        if (!planned.event.size) {
            cycle->obeyed = planned.turn;
            continue;
        }
        if (cycle->obeyed != cycle->silenced || cycle->stopped) {
            continue; /* planned before it knew of the silence */
        }
        for (at = cycle->pendings;
             at && cycle->pending[at - 1].beat > planned.beat; at--) {
            cycle->pending[at] = cycle->pending[at - 1];
        }
        cycle->pending[at] = planned;
        cycle->pendings++;
    }
}

/* When a planned beat sounds; never before the period. A slower tempo can push
 * a beat that fell on this period's first frames just before it: not late. */
RP_RT rp_frame rp_cycle_due(const struct rp_cycle *cycle,
                            const struct rp_io *io, rp_beat beat)
{
    rp_frame frame = rp_clock_frame(&cycle->clock, beat);

    if (frame < io->frame &&
        rp_clock_frame(&cycle->before, beat) >= io->frame) {
        return io->frame;
    }
    return frame;
}

static void play_planned(struct rp_cycle *cycle, const struct rp_io *io,
                         rp_frame frame, const struct rp_planned *planned)
{
    struct rp_event event = planned->event;

    if (planned->beat < cycle->void_before) { /* of another beat */
        if (rp_event_is_on(event)) {
            rp_outbox_skip(&cycle->outbox, RP_SOURCE_ANSWER, event);
            return;
        }
        frame = frame < cycle->played ? cycle->played : frame;
    }
    rp_cycle_play_on(cycle, frame, event);
    if (frame < io->frame) {
        if (rp_event_is_on(event) &&
            io->frame - frame > (rp_frame)io->rate * TOO_LATE_MS / 1000) {
            rp_stats_add(&cycle->stats.dropped, 1);
            rp_outbox_skip(&cycle->outbox, RP_SOURCE_ANSWER, event);
            return;
        }
        rp_stats_add(&cycle->stats.late, 1);
        frame = io->frame;
    }
    rp_outbox_send(&cycle->outbox, RP_SOURCE_ANSWER,
                   frame < cycle->played ? cycle->played : frame, event);
}

RP_RT void rp_cycle_play(struct rp_cycle *cycle, const struct rp_io *io,
                         rp_frame until)
{
    uint32_t played = 0;

    for (;;) {
        rp_frame off = cycle->click_off, click = rp_metronome_next(cycle, io);
        rp_frame answer =
            played < cycle->pendings
                ? rp_cycle_due(cycle, io, cycle->pending[played].beat)
                : INT64_MAX;

        if (off < until && off <= click && off <= answer) {
            cycle->click_off = INT64_MAX;
            rp_outbox_send(&cycle->outbox, RP_SOURCE_METRONOME,
                           off < cycle->played ? cycle->played : off,
                           cycle->clicked);
        } else if (click < until && click <= answer) {
            rp_metronome_play(cycle, io, click);
        } else if (answer < until) {
            play_planned(cycle, io, answer, &cycle->pending[played++]);
        } else {
            break;
        }
    }
    rp_clock_out_play(cycle, until);
    cycle->played = until > cycle->played ? until : cycle->played;
    if (played) {
        cycle->pendings -= played;
        memmove(cycle->pending, cycle->pending + played,
                cycle->pendings * sizeof(cycle->pending[0]));
    }
}
