#include <string.h>

#include "rt/cycle_parts.h"

enum {
    REST_BARS = 2 /* after that long a rest the next note may set the beat */
};

RP_RT void rp_cycle_record(struct rp_cycle *cycle, enum rp_recorded_kind kind,
                           rp_frame frame, struct rp_event event)
{
    struct rp_recorded recorded = {
        .frame = frame, .kind = kind, .event = event, .clock = cycle->clock};

    if (!cycle->recording) {
        return;
    }
    cycle->told_time = frame;
    recorded.beat = rp_clock_beat(&cycle->clock, frame);
    if (!rp_ring_push(&cycle->to_recorder, &recorded, NULL)) {
        rp_stats_add(&cycle->stats.lost_recorded, 1);
    }
}

static void publish(struct rp_cycle *cycle)
{
    uint64_t words[sizeof(cycle->clock_words) / 8] = {0};
    uint32_t turns =
        atomic_load_explicit(&cycle->clock_turns, memory_order_relaxed);

    memcpy(words, &cycle->clock, sizeof(cycle->clock));
    atomic_store(&cycle->clock_turns, turns + 1);
    for (unsigned i = 0; i < sizeof(words) / 8; i++) {
        atomic_store(&cycle->clock_words[i], words[i]);
    }
    atomic_store(&cycle->clock_turns, turns + 2);
}

void rp_cycle_clock(struct rp_cycle *cycle, struct rp_clock *clock)
{
    uint64_t words[sizeof(cycle->clock_words) / 8];
    uint32_t turns;

    do {
        turns = atomic_load(&cycle->clock_turns);
        for (unsigned i = 0; i < sizeof(words) / 8; i++) {
            words[i] = atomic_load(&cycle->clock_words[i]);
        }
    } while (turns & 1 || turns != atomic_load(&cycle->clock_turns));
    memcpy(clock, words, sizeof(*clock));
}

static uint32_t knob_tempo(const struct rp_knobs *knobs)
{
    uint32_t mbpm = atomic_load_explicit(&knobs->tempo, memory_order_relaxed);

    return mbpm == 0        ? 120000
           : mbpm < 10000   ? 10000
           : mbpm > 1000000 ? 1000000
                            : mbpm;
}

static struct rp_metre knob_metre(const struct rp_knobs *knobs,
                                  struct rp_metre otherwise)
{
    uint32_t value = atomic_load_explicit(&knobs->metre, memory_order_relaxed);
    uint32_t beats = value >> 8, unit = value & 0xff;

    if (beats < 1 || beats > 32 || unit < 1 || unit > 32 ||
        (unit & (unit - 1))) {
        return otherwise;
    }
    return (struct rp_metre){.beats = beats, .unit = unit};
}

/* At `frame` it is beat `beat`; `bar` is a bar line. */
static void anchor(struct rp_cycle *cycle, rp_frame frame, rp_beat beat,
                   rp_beat bar)
{
    rp_clock_out_jump(cycle, frame);
    cycle->sync.counted = false;
    cycle->clock.frame = frame;
    cycle->clock.beat = beat;
    cycle->clock.bar = bar;
    cycle->clock.anchored = 1;
    cycle->click = rp_clock_beat_after(&cycle->clock, beat);
    cycle->rest = beat > bar ? beat : bar; /* a count-in ends on the bar */
}

RP_RT void rp_cycle_begin(struct rp_cycle *cycle, rp_frame frame)
{
    uint32_t bars =
        atomic_load_explicit(&cycle->knobs->count_in, memory_order_relaxed);

    cycle->begun = true;
    cycle->clock.frame = frame;
    cycle->clock.mbpm = knob_tempo(cycle->knobs);
    cycle->clock.metre =
        knob_metre(cycle->knobs, (struct rp_metre){.beats = 4, .unit = 4});
    if (bars &&
        !atomic_load_explicit(&cycle->knobs->sync, memory_order_relaxed)) {
        bars = bars > 64 ? 64 : bars;
        anchor(cycle, frame, -(rp_beat)bars * rp_metre_bar(cycle->clock.metre),
               0);
    }
    cycle->owe_clock = true;
    publish(cycle);
    rp_cycle_record(cycle, RP_RECORDED_CLOCK, frame, (struct rp_event){0});
}

/* The server came back with another rate: beats go on, frames change size. */
static void change_rate(struct rp_clock *clock, rp_frame frame, uint32_t rate)
{
    clock->beat = rp_clock_beat(clock, frame);
    clock->frame = frame;
    clock->rate = rate;
}

/* From now on it is another clock: who needs to know is told. */
static void tell_clock(struct rp_cycle *cycle, rp_frame frame)
{
    publish(cycle);
    rp_cycle_record(cycle, RP_RECORDED_CLOCK, frame, (struct rp_event){0});
    cycle->owe_clock = true;
    rp_cycle_settle(cycle, frame);
}

RP_RT void rp_cycle_turn_tempo(struct rp_cycle *cycle, rp_frame frame,
                               uint32_t mbpm)
{
    if (mbpm != cycle->clock.mbpm) {
        cycle->clock = rp_clock_turn(&cycle->clock, frame, mbpm);
        tell_clock(cycle, frame);
    }
}

RP_RT void rp_cycle_move(struct rp_cycle *cycle, rp_frame frame, rp_beat beat,
                         rp_beat bar)
{
    const struct rp_clock *clock = &cycle->clock;

    anchor(cycle, frame, beat, bar);
    cycle->void_before = rp_clock_beat(
        clock, frame + (rp_frame)clock->rate * RP_LEAD_MS / 1000 - 1);
    tell_clock(cycle, frame);
}

/* The bar that runs begins with its last line. */
static void turn_metre(struct rp_cycle *cycle, rp_frame frame,
                       struct rp_metre metre)
{
    struct rp_clock *clock = &cycle->clock;
    rp_beat now = rp_clock_beat(clock, frame);

    clock->bar = rp_clock_bar_before(clock, now);
    clock->metre = metre;
    cycle->click = rp_clock_beat_after(clock, now);
}

RP_RT void rp_cycle_turn_metre(struct rp_cycle *cycle, rp_frame frame,
                               struct rp_metre metre)
{
    turn_metre(cycle, frame, metre);
    tell_clock(cycle, frame);
}

/* Turned, or not the metre that is: where no leader has said another. */
static bool knob_turned(struct rp_cycle *cycle, struct rp_metre metre)
{
    struct rp_sync *sync = &cycle->sync;
    uint32_t knob = (uint32_t)metre.beats << 8 | metre.unit;
    bool turned = knob != sync->knob_metre;

    sync->knob_metre = knob;
    return turned && (metre.beats != cycle->clock.metre.beats ||
                      metre.unit != cycle->clock.metre.unit);
}

/* The knob's, unless a leader has said another since it was turned. */
static uint32_t tempo(struct rp_cycle *cycle)
{
    struct rp_sync *sync = &cycle->sync;
    uint32_t knob = knob_tempo(cycle->knobs);

    if (knob != sync->knob) {
        sync->knob = knob;
        sync->led = sync->led && sync->leader == RP_LEADER_ROLLS;
    }
    return sync->led ? cycle->clock.mbpm : knob;
}

/* While a note sounds, the take is told the time when it was told nothing for
 * a second: if we are killed, the note was as long as that. */
static void tell_time(struct rp_cycle *cycle, const struct rp_io *io)
{
    const uint32_t *sounding = cycle->outbox.held.sounding;

    if ((sounding[RP_SOURCE_CALL] || sounding[RP_SOURCE_ANSWER]) &&
        io->frame - cycle->told_time >= (rp_frame)io->rate) {
        rp_cycle_record(cycle, RP_RECORDED_CLOCK, io->frame,
                        (struct rp_event){0});
    }
}

RP_RT void rp_cycle_turn_clock(struct rp_cycle *cycle, const struct rp_io *io)
{
    struct rp_clock *clock = &cycle->clock;
    struct rp_metre metre = knob_metre(cycle->knobs, clock->metre);

    cycle->before = *clock;
    if (io->rate != clock->rate) {
        change_rate(clock, io->frame, io->rate);
        cycle->sync.chase.ticks = 0; /* of frames of another size */
        cycle->sync.senders = (struct rp_senders){0};
    }
    *clock = rp_clock_turn(clock, io->frame, tempo(cycle));
    if (knob_turned(cycle, metre)) {
        turn_metre(cycle, io->frame, metre);
    }
    if (!clock->anchored && cycle->sync.by == RP_SYNC_INTERNAL &&
        atomic_load_explicit(&cycle->knobs->metronome, memory_order_relaxed)) {
        anchor(cycle, io->frame, 0, 0);
    }
    if (!rp_clock_same(clock, &cycle->before)) {
        cycle->owe_clock = true;
        publish(cycle);
        rp_cycle_record(cycle, RP_RECORDED_CLOCK, io->frame,
                        (struct rp_event){0});
    }
    rp_sync_turn(cycle, io);
    tell_time(cycle, io);
}

/* Nothing was played, sounds or falls due before `frame` for REST_BARS. An
 * answer's event of this very period counts, though it is sent after what is
 * heard: the period's length must not matter. */
static bool is_resting(const struct rp_cycle *cycle, rp_frame frame)
{
    const struct rp_held *held = &cycle->outbox.held;
    rp_beat bars = REST_BARS * rp_metre_bar(cycle->clock.metre);

    for (int s = RP_SOURCE_CALL; s <= RP_SOURCE_ANSWER; s++) {
        bars = held->sounding[s] || held->pedal[s] ? INT64_MAX : bars;
    }
    return rp_clock_beat(&cycle->clock, frame) - cycle->rest >= bars &&
           (!cycle->pendings ||
            rp_clock_frame(&cycle->clock, cycle->pending[0].beat) >= frame);
}

/* Further than a twelfth from the nearest beat line. */
static bool is_off_beat(const struct rp_clock *clock, rp_beat beat)
{
    rp_beat line = rp_clock_beat_after(clock, beat - RP_BEAT / 12);

    return line > beat + RP_BEAT / 12;
}

/* The player sets the beat where nothing else does: with the first note of all,
 * and with the first after a rest if it lies off the beat; the bar that was
 * running is left out, and what was planned and is not yet due is void. */
RP_RT void rp_cycle_find_beat(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_clock *clock = &cycle->clock;
    rp_beat now = rp_clock_beat(clock, frame), bar;

    if (!clock->anchored) {
        anchor(cycle, frame, 0, 0);
        tell_clock(cycle, frame);
    } else if (is_off_beat(clock, now) && is_resting(cycle, frame) &&
               cycle->sync.leader != RP_LEADER_ROLLS &&
               !atomic_load_explicit(&cycle->knobs->metronome,
                                     memory_order_relaxed)) {
        bar = rp_clock_bar_before(clock, now) + rp_metre_bar(clock->metre);
        rp_cycle_move(cycle, frame, bar, bar);
    }
}

void rp_cycle_init_clock(struct rp_cycle *cycle, uint32_t rate)
{
    cycle->clock = (struct rp_clock){
        .rate = rate, .mbpm = knob_tempo(cycle->knobs), .metre = {4, 4}};
    cycle->before = cycle->clock;
    publish(cycle);
}
