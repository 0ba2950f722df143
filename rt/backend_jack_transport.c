/* JACK's transport, for the process thread: where it is, and where it is to be
 * when we say its bars and beats. And latencies, for a notification thread. */
#include <jack/jack.h>
#include <jack/transport.h>

#include "rt/backend_jack.h"
#include "rt/log.h"
#include "rt/trust.h"

enum { TICKS_PER_BEAT = 1920, MOST_BARS = 1 << 24 };

RP_TRUST_BEGIN
RP_RT jack_transport_state_t jack_transport_query(const jack_client_t *client,
                                                  jack_position_t *position);
RP_TRUST_END

/* ---- process thread ---- */

/* Numbers from outside: what cannot be is as if nobody had said anything. */
static RP_RT bool read_bars(const jack_position_t *position,
                            struct rp_transport *transport)
{
    double unit = position->beat_type, beats = position->beats_per_bar;
    double ticks = position->ticks_per_beat, bpm = position->beats_per_minute;
    double into;

    if (!(position->valid & JackPositionBBT) || !(unit >= 1 && unit <= 32) ||
        !(beats >= 1 && beats <= 32) || !(ticks >= 1 && ticks <= 1e7) ||
        !(bpm * 4 / unit >= 1 && bpm * 4 / unit <= 2000) || position->bar < 1 ||
        position->bar > MOST_BARS || position->beat < 1 ||
        position->beat > 64 || position->tick < 0) {
        return false;
    }
    transport->metre = (struct rp_metre){(uint8_t)beats, (uint8_t)unit};
    if (beats > transport->metre.beats || unit > transport->metre.unit ||
        (transport->metre.unit & (transport->metre.unit - 1))) {
        return false;
    }
    into = position->beat - 1 + position->tick / ticks;
    if (position->valid & JackBBTFrameOffset) { /* it was so much earlier */
        into += position->bbt_offset * bpm / 60 / position->frame_rate;
    }
    if (!(into < 1e6)) { /* nor can it be counted */
        return false;
    }
    transport->bar = position->bar - 1;
    transport->into = (rp_beat)(into * (double)RP_BEAT * 4 / unit);
    transport->grain = (rp_beat)((double)RP_BEAT * 4 / unit / ticks) + 1;
    transport->mbpm = (uint32_t)(bpm * 4000 / unit + 0.5);
    return true;
}

RP_RT const struct rp_transport *rp_jack_transport(struct rp_jack *jack)
{
    jack_position_t position;
    jack_transport_state_t state =
        jack_transport_query(jack->client, &position);

    jack->transport =
        (struct rp_transport){.rolling = state == JackTransportRolling ||
                                         state == JackTransportLooping,
                              .frame = position.frame};
    jack->transport.led =
        !atomic_load_explicit(&jack->timebase, memory_order_relaxed) &&
        read_bars(&position, &jack->transport);
    return &jack->transport;
}

/* The next period's position; jackd asks after each period. */
static RP_RT void on_timebase(jack_transport_state_t state,
                              jack_nframes_t frames, jack_position_t *position,
                              int moved, void *self)
{
    struct rp_jack *jack = self;
    struct rp_clock map;
    rp_beat bar, unit, beat, into;
    int64_t bars;

    if (!atomic_load_explicit(&jack->ready, memory_order_acquire)) {
        return;
    }
    rp_sync_map(jack->base.cycle, position->frame, moved, &map);
    bar = rp_metre_bar(map.metre);
    unit = 4 * RP_BEAT / map.metre.unit;
    beat = rp_clock_beat(&map, position->frame);
    bars = beat / bar - (beat % bar < 0);
    into = beat - bars * bar;
    position->valid = JackPositionBBT;
    position->bar = (int32_t)bars + 1;
    position->beat = (int32_t)(into / unit) + 1;
    position->tick = (int32_t)(into % unit * TICKS_PER_BEAT / unit);
    position->bar_start_tick = (double)bars * map.metre.beats * TICKS_PER_BEAT;
    position->beats_per_bar = map.metre.beats;
    position->beat_type = map.metre.unit;
    position->ticks_per_beat = TICKS_PER_BEAT;
    position->beats_per_minute = map.mbpm / 1000.0 * map.metre.unit / 4;
}

/* ---- notification thread ---- */

static void read_latency(struct rp_jack *jack, enum rp_jack_port port,
                         jack_latency_callback_mode_t mode,
                         jack_latency_range_t *range)
{
    jack_port_get_latency_range(jack->port[port], mode, range);
}

/* Thru takes no time; answers begin here. A MIDI clock that comes from outside,
 * and only from there, is heard where it comes from so much earlier than what
 * is sent at its frame. */
static void on_latency(jack_latency_callback_mode_t mode, void *self)
{
    struct rp_jack *jack = self;
    jack_latency_range_t in, out, none = {0, 0};

    if (mode == JackCaptureLatency) {
        read_latency(jack, RP_JACK_IN, mode, &in);
        jack_port_set_latency_range(jack->port[RP_JACK_THRU], mode, &in);
        jack_port_set_latency_range(jack->port[RP_JACK_OUT], mode, &none);
        jack_port_set_latency_range(jack->port[RP_JACK_CLOCK], mode, &none);
    } else {
        read_latency(jack, RP_JACK_THRU, mode, &out);
        jack_port_set_latency_range(jack->port[RP_JACK_IN], mode, &out);
    }
    read_latency(jack, RP_JACK_IN, JackCaptureLatency, &in);
    read_latency(jack, RP_JACK_OUT, JackPlaybackLatency, &out);
    atomic_store(&jack->delay, in.min > 0 ? in.max + out.max : 0);
}

/* ---- main ---- */

void rp_jack_watch_transport(struct rp_jack *jack)
{
    jack_set_latency_callback(jack->client, on_latency, jack);
    atomic_store(&jack->timebase, false);
    jack->timebase_refused = false;
}

/* As the knob has it: there is one who says bars and beats, and we take that
 * from nobody. */
void rp_jack_turn_timebase(struct rp_jack *jack)
{
    bool want = atomic_load(&jack->base.cycle->knobs->timebase);

    if (want == atomic_load(&jack->timebase)) {
        jack->timebase_refused = jack->timebase_refused && want;
        return;
    }
    if (!want) {
        (void)jack_release_timebase(jack->client);
        atomic_store(&jack->timebase, false);
    } else if (!jack->timebase_refused) {
        jack->timebase_refused =
            jack_set_timebase_callback(jack->client, 1, on_timebase, jack);
        atomic_store(&jack->timebase, !jack->timebase_refused);
        rp_log(jack->timebase_refused ? RP_WARN : RP_INFO, "jack",
               jack->timebase_refused
                   ? "somebody else says bars and tempo for the transport"
                   : "the transport has our bars and tempo");
    }
}
