#include "rt/metronome.h"
#include "rt/trust.h"

#include <string.h>

enum {
    TOO_LATE_MS = 200,
    INTAKE = 1024, /* planned events taken per period, so that it is bounded */
    REST_BARS = 2  /* after that long a rest the next note may set the beat */
};

/* ---- the clock ---- */

static void record(struct rp_cycle *cycle, enum rp_recorded_kind kind,
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

static void show(struct rp_cycle *cycle, enum rp_seen_kind kind, rp_frame frame,
                 struct rp_event event)
{
    struct rp_seen seen = {.frame = frame,
                           .beat = rp_clock_beat(&cycle->clock, frame),
                           .kind = kind,
                           .event = event};

    if (!rp_ring_push(&cycle->audio_to_ui, &seen, NULL)) {
        rp_stats_add(&cycle->stats.lost_seen, 1);
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
    cycle->clock.frame = frame;
    cycle->clock.beat = beat;
    cycle->clock.bar = bar;
    cycle->clock.anchored = 1;
    cycle->click = rp_clock_beat_after(&cycle->clock, beat);
    cycle->rest = beat > bar ? beat : bar; /* a count-in ends on the bar */
}

static void begin(struct rp_cycle *cycle, rp_frame frame)
{
    uint32_t bars =
        atomic_load_explicit(&cycle->knobs->count_in, memory_order_relaxed);

    cycle->begun = true;
    cycle->clock.frame = frame;
    cycle->clock.mbpm = knob_tempo(cycle->knobs);
    cycle->clock.metre =
        knob_metre(cycle->knobs, (struct rp_metre){.beats = 4, .unit = 4});
    if (bars) {
        bars = bars > 64 ? 64 : bars;
        anchor(cycle, frame, -(rp_beat)bars * rp_metre_bar(cycle->clock.metre),
               0);
    }
    cycle->owe_clock = true;
    publish(cycle);
    record(cycle, RP_RECORDED_CLOCK, frame, (struct rp_event){0});
}

/* The server came back with another rate: beats go on, frames change size. */
static void change_rate(struct rp_clock *clock, rp_frame frame, uint32_t rate)
{
    clock->beat = rp_clock_beat(clock, frame);
    clock->frame = frame;
    clock->rate = rate;
}

/* While a note sounds, the take is told the time when it was told nothing for
 * a second: if we are killed, the note was as long as that. */
static void tell_time(struct rp_cycle *cycle, const struct rp_io *io)
{
    const uint32_t *sounding = cycle->outbox.held.sounding;

    if ((sounding[RP_SOURCE_CALL] || sounding[RP_SOURCE_ANSWER]) &&
        io->frame - cycle->told_time >= (rp_frame)io->rate) {
        record(cycle, RP_RECORDED_CLOCK, io->frame, (struct rp_event){0});
    }
}

static void turn_clock(struct rp_cycle *cycle, const struct rp_io *io)
{
    struct rp_clock *clock = &cycle->clock;
    struct rp_metre metre = knob_metre(cycle->knobs, clock->metre);

    cycle->before = *clock;
    if (io->rate != clock->rate) {
        change_rate(clock, io->frame, io->rate);
    }
    *clock = rp_clock_turn(clock, io->frame, knob_tempo(cycle->knobs));
    if (metre.beats != clock->metre.beats || metre.unit != clock->metre.unit) {
        rp_beat now = rp_clock_beat(clock, io->frame);

        clock->bar = rp_clock_bar_before(clock, now);
        clock->metre = metre;
        cycle->click = rp_clock_beat_after(clock, now);
    }
    if (!clock->anchored &&
        atomic_load_explicit(&cycle->knobs->metronome, memory_order_relaxed)) {
        anchor(cycle, io->frame, 0, 0);
    }
    if (!rp_clock_same(clock, &cycle->before)) {
        cycle->owe_clock = true;
        publish(cycle);
        record(cycle, RP_RECORDED_CLOCK, io->frame, (struct rp_event){0});
    }
    tell_time(cycle, io);
}

/* ---- to the performer ---- */

static bool tell(struct rp_cycle *cycle, rp_frame frame,
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

/* What the performer must know before anything else of this period. */
static void settle(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_event none = {0};

    if (cycle->owe_panic && tell(cycle, frame, RP_HEARD_PANIC, none)) {
        cycle->owe_panic = false;
    }
    if (!cycle->owe_panic && cycle->owe_clock &&
        tell(cycle, frame, RP_HEARD_CLOCK, none)) {
        cycle->owe_clock = false;
    }
}

RP_RT bool rp_cycle_obey(struct rp_cycle *cycle, uint32_t silences)
{
    struct rp_planned mark = {.turn = silences};

    return rp_ring_push(&cycle->from_performer, &mark, NULL);
}

/* ---- silence ---- */

static RP_RT void sent(void *self, enum rp_source source, rp_frame frame,
                       struct rp_event event)
{
    struct rp_cycle *cycle = self;

    rp_stats_add(&cycle->stats.sounded, 1);
    if (source == RP_SOURCE_ANSWER) {
        record(cycle, RP_RECORDED_ANSWER, frame, event);
        show(cycle, RP_SEEN_ANSWER, frame, event);
    } else if (source == RP_SOURCE_METRONOME) {
        show(cycle, RP_SEEN_METRONOME, frame, event);
    }
}

/* Ends answers and clicks, voids what was planned, and has the performer begin
 * anew. */
static void silence_answers(struct rp_cycle *cycle, uint16_t channels)
{
    rp_outbox_silence(&cycle->outbox, RP_WAY_OUT, channels);
    cycle->pendings = 0;
    cycle->click_off = INT64_MAX;
    cycle->silenced++;
    cycle->owe_panic = true;
}

static void silence(struct rp_cycle *cycle, uint16_t channels)
{
    rp_outbox_silence(&cycle->outbox, RP_WAY_THRU, channels);
    silence_answers(cycle, channels);
}

/* ---- what is heard ---- */

/* Somebody plays: a rest begins anew. */
static void play_on(struct rp_cycle *cycle, rp_frame frame,
                    struct rp_event event)
{
    rp_beat beat = rp_clock_beat(&cycle->clock, frame);

    bool pedal =
        (event.data[0] & 0xf0) == RP_CONTROL && event.data[1] == RP_CC_PEDAL;

    if (pedal || rp_event_is_on(event) || rp_event_is_off(event)) {
        cycle->rest = beat > cycle->rest ? beat : cycle->rest;
    }
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
static void find_beat(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_clock *clock = &cycle->clock;
    rp_beat now = rp_clock_beat(clock, frame), bar;

    if (!clock->anchored) {
        anchor(cycle, frame, 0, 0);
    } else if (!is_off_beat(clock, now) || !is_resting(cycle, frame) ||
               atomic_load_explicit(&cycle->knobs->metronome,
                                    memory_order_relaxed)) {
        return;
    } else {
        bar = rp_clock_bar_before(clock, now) + rp_metre_bar(clock->metre);
        anchor(cycle, frame, bar, bar);
        cycle->void_before = rp_clock_beat(
            clock, frame + (rp_frame)clock->rate * RP_LEAD_MS / 1000 - 1);
    }
    publish(cycle);
    record(cycle, RP_RECORDED_CLOCK, frame, (struct rp_event){0});
    cycle->owe_clock = true;
    settle(cycle, frame);
}

static void control(struct rp_cycle *cycle, rp_frame frame,
                    struct rp_event event)
{
    struct rp_controlled controlled = {frame, event};

    if (!rp_ring_push(&cycle->control_to_main, &controlled, NULL)) {
        rp_stats_add(&cycle->stats.lost_controls, 1);
    }
}

/* All begins anew when the performer cannot be told. */
static void tell_or_begin_anew(struct rp_cycle *cycle, rp_frame frame,
                               enum rp_heard_kind kind, struct rp_event event)
{
    if (cycle->owe_panic || !tell(cycle, frame, kind, event)) {
        rp_stats_add(&cycle->stats.lost_heard, 1);
        if (!cycle->owe_panic) { /* it missed something: all anew */
            silence_answers(cycle, 0);
            cycle->owe_clock = true;
        }
    }
}

/* Whether it was meant for riposte itself, and was passed on to it. */
static bool take(struct rp_cycle *cycle, rp_frame frame, struct rp_event event)
{
    uint32_t end = atomic_load_explicit(&cycle->knobs->end_turn,
                                        memory_order_relaxed);
    enum rp_ending ending =
        rp_controls_ending(end, &cycle->end_down, &cycle->outbox.held, event);

    if (ending == RP_ENDING) {
        tell_or_begin_anew(cycle, frame, RP_HEARD_END, event);
    } else if (ending == RP_ENDING_NOT &&
               rp_controls_taken(cycle->taken, event)) {
        control(cycle, frame, event);
    } else {
        return ending != RP_ENDING_NOT;
    }
    return true;
}

static void hear(struct rp_cycle *cycle, rp_frame frame, struct rp_event event)
{
    if (!event.size || event.data[0] >= 0xf0 || take(cycle, frame, event)) {
        return; /* system messages are no part of the call */
    }
    if (rp_event_is_off(event) && (event.data[0] & 0xf0) == RP_NOTE_ON) {
        event = rp_event_make(RP_NOTE_OFF, event.data[0], event.data[1], 64);
    }
    rp_stats_add(&cycle->stats.heard, 1);
    if (rp_event_is_on(event)) {
        find_beat(cycle, frame);
    }
    play_on(cycle, frame, event);
    tell_or_begin_anew(cycle, frame, RP_HEARD_MIDI, event);
    record(cycle, RP_RECORDED_CALL, frame, event);
    show(cycle, RP_SEEN_CALL, frame, event);
    rp_outbox_send(&cycle->outbox, RP_SOURCE_CALL, frame, event);
}

static bool risen(_Atomic uint32_t *counter, uint32_t *seen)
{
    uint32_t now = atomic_load_explicit(counter, memory_order_acquire);
    bool rose = now != *seen;

    *seen = now;
    return rose;
}

/* The computer keyboard's. */
static void hear_main(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_event event;

    while (rp_ring_pop(&cycle->main_to_audio, &event)) {
        hear(cycle, frame, event);
    }
}

/* The keyboard is gone: what it held ends, as if the player had let go. */
static void unplug(struct rp_cycle *cycle, rp_frame frame)
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
           cycle->live &&
           atomic_load_explicit(&cycle->knobs->program_change,
                                memory_order_relaxed);
}

static void listen(struct rp_cycle *cycle, const struct rp_io *io)
{
    hear_main(cycle, io->frame);
    for (uint32_t i = 0; i < io->ins; i++) {
        rp_frame frame = io->frame + io->in[i].offset;
        struct rp_event event = io->in[i].event;

        if (takes_program(cycle, event)) {
            control(cycle, frame, event);
        } else {
            hear(cycle, frame, event);
        }
    }
}

/* ---- what is played ---- */

/* Between turns the ring need not be in order of beat: sorted here, what was
 * planned first goes first at the same beat. */
static void take_in(struct rp_cycle *cycle)
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
        frame = frame < io->frame ? io->frame : frame;
    }
    play_on(cycle, frame, event);
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
    rp_outbox_send(&cycle->outbox, RP_SOURCE_ANSWER, frame, event);
}

/* Answers and clicks that fall in this period, merged by frame. */
static void play(struct rp_cycle *cycle, const struct rp_io *io)
{
    rp_frame end = io->frame + io->frames;
    uint32_t played = 0;

    for (;;) {
        rp_frame off = cycle->click_off, click = rp_metronome_next(cycle, io);
        rp_frame answer =
            played < cycle->pendings
                ? rp_cycle_due(cycle, io, cycle->pending[played].beat)
                : INT64_MAX;

        if (off < end && off <= click && off <= answer) {
            cycle->click_off = INT64_MAX;
            rp_outbox_send(&cycle->outbox, RP_SOURCE_METRONOME,
                           off < io->frame ? io->frame : off, cycle->clicked);
        } else if (click < end && click <= answer) {
            rp_metronome_play(cycle, io, click);
        } else if (answer < end) {
            play_planned(cycle, io, answer, &cycle->pending[played++]);
        } else {
            break;
        }
    }
    cycle->pendings -= played;
    memmove(cycle->pending, cycle->pending + played,
            cycle->pendings * sizeof(cycle->pending[0]));
}

/* ---- the period ---- */

/* What main or the backend asked for since the last period. */
static void obey_main(struct rp_cycle *cycle, rp_frame frame)
{
    bool stop = atomic_load_explicit(&cycle->stopping, memory_order_acquire);

    if (stop && !cycle->stopped) { /* what is held ends here in the take, too */
        hear_main(cycle, frame);
        unplug(cycle, frame);
    }
    if (risen(&cycle->knobs->panic, &cycle->panic_seen)) {
        rp_stats_add(&cycle->stats.panics, 1);
        silence(cycle, 0xffff);
    }
    if (risen(&cycle->knobs->hand_over, &cycle->hand_over_seen)) {
        tell_or_begin_anew(cycle, frame, RP_HEARD_END, (struct rp_event){0});
    }
    if (risen(&cycle->release, &cycle->release_seen)) {
        silence(cycle, 0xffff);
    }
    if (stop && !cycle->stopped) {
        cycle->stopped = true;
        silence(cycle, 0);
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
    bool all_sent;

    if (!cycle->begun) {
        begin(cycle, io->frame);
    }
    turn_clock(cycle, io);
    settle(cycle, io->frame);
    if (risen(&cycle->unplugged, &cycle->unplugged_seen)) {
        unplug(cycle, io->frame);
    }
    obey_main(cycle, io->frame);
    settle(cycle, io->frame);
    take_in(cycle);
    if (!cycle->stopped) {
        listen(cycle, io);
    }
    play(cycle, io);
    all_sent = rp_outbox_flush(&cycle->outbox, io, RP_WAY_OUT, sent, cycle);
    all_sent &= rp_outbox_flush(&cycle->outbox, io, RP_WAY_THRU, sent, cycle);
    finish(cycle, io, all_sent);
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
    cycle->clock = (struct rp_clock){
        .rate = rate, .mbpm = knob_tempo(knobs), .metre = {4, 4}};
    cycle->before = cycle->clock;
    atomic_init(&cycle->wake_at, INT64_MAX);
    publish(cycle);
}
