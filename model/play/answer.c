/* The performer's answer: begun at a hand-over, drawn one note ahead, placed a
 * lead before it sounds. */
#include <time.h>

#include "model/play/candidates.h"
#include "model/play/key.h"
#include "model/play/performer_parts.h"
#include "rt/log.h"

enum {
    BELOW = 7,  /* an answer may go so far beyond the call's range, */
    ABOVE = 7,  /* in semitones ... */
    SPAN = 16,  /* ... and has at least so many to move in */
    SOFTER = 6, /* velocities */
    LOUDER = 10,
    REPEATS = 3, /* a pitch may follow itself so often, or as in the call */
    LEAST = 3,   /* notes, if the call has as many */
    SHORT = 3    /* fewer notes are no phrase and tell no key */
};

uint64_t rp_answer_wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int32_t beat_ticks(const struct rp_performer *p, rp_beat beats)
{
    rp_beat tick = RP_BEAT / p->memory.model->shape.vocabulary.resolution;

    return (int32_t)(beats / tick);
}

/* The first tick whose frame is at least `frame`. */
static int32_t tick_from(const struct rp_performer *p, rp_frame frame)
{
    int32_t tick =
        rp_listen_tick(&p->listen, rp_clock_beat(&p->clock, frame)) - 1;

    while (rp_clock_frame(&p->clock, rp_listen_beat(&p->listen, tick)) < frame)
        tick++;
    return tick;
}

static int32_t call_ticks(const struct rp_call *call)
{
    return call->notes ? call->end - call->note[0].onset : 1;
}

rp_beat rp_answer_length(const struct rp_performer *p)
{
    const struct rp_call *call = &p->listen.call;
    int32_t ticks = call_ticks(call);
    rp_beat beat = rp_metre_beat(p->clock.metre);
    rp_beat length = rp_listen_beat(&p->listen, ticks);

    if (length < 1)
        length = 1;
    /* A note or two are no phrase yet: they are given one. */
    if (call->notes < SHORT && length < rp_metre_bar(p->clock.metre))
        length = rp_metre_bar(p->clock.metre);
    return (length + beat - 1) / beat * beat;
}

/* ---- how the call steers the answer ---- */

static void set_range(struct rp_steer *steer, const struct rp_call *call)
{
    int low = call->low - BELOW, high = call->high + ABOVE;

    if (high - low < SPAN) {
        low = (high + low - SPAN) / 2;
        high = low + SPAN;
    }
    steer->low = (uint8_t)(low < 0 ? 0 : low);
    steer->high = (uint8_t)(high > 127 ? 127 : high);
}

static uint32_t call_repeats(const struct rp_call *call)
{
    uint32_t run = 1, most = 1;

    for (uint32_t i = 1; i < call->notes; i++) {
        run = call->note[i].pitch == call->note[i - 1].pitch ? run + 1 : 1;
        if (run > most)
            most = run;
    }
    return most > REPEATS ? most : REPEATS;
}

/* Loudness along the call: at each point the mean of the notes nearest. */
static void set_dynamics(struct rp_performer *p, const struct rp_call *call)
{
    struct rp_dynamics *d = &p->turn.dynamics;
    uint32_t sum[RP_DYNAMICS_POINTS] = { 0 }, seen[RP_DYNAMICS_POINTS] = { 0 };
    uint32_t all = 0;
    int64_t from = call->notes ? call->note[0].onset : 0;
    int64_t length = call->notes > 1
                         ? call->note[call->notes - 1].onset - from
                         : 1;
    uint8_t soft = 127, loud = 1;

    for (uint32_t i = 0; i < call->notes; i++) {
        const struct rp_note *note = &call->note[i];
        int64_t at = length > 0 ? ((note->onset - from) *
                                       (RP_DYNAMICS_POINTS - 1) * 2 +
                                   length) /
                                      (2 * length)
                                : 0;
        if (at < 0 || at >= RP_DYNAMICS_POINTS)
            at = RP_DYNAMICS_POINTS - 1;
        sum[at] += note->velocity;
        seen[at]++;
        all += note->velocity;
        soft = note->velocity < soft ? note->velocity : soft;
        loud = note->velocity > loud ? note->velocity : loud;
    }
    for (uint32_t i = 0; i < RP_DYNAMICS_POINTS; i++) {
        uint32_t mean = call->notes ? all / call->notes : 80;
        d->point[i] = (uint8_t)(seen[i] ? (sum[i] / seen[i] + mean) / 2 : mean);
    }
    d->softest = (uint8_t)(soft > SOFTER ? soft - SOFTER : 1);
    d->loudest = (uint8_t)(loud + LOUDER < 127 ? loud + LOUDER : 127);
    p->turn.steer.softest = d->softest;
    p->turn.steer.loudest = d->loudest;
}

/* Whether the call is a single line: next to nothing in it overlaps. */
static bool is_line(const struct rp_call *call)
{
    uint32_t overlaps = 0;

    for (uint32_t i = 1; i < call->notes; i++) {
        const struct rp_note *before = &call->note[i - 1];
        overlaps += !before->duration ||
                    call->note[i].onset < before->onset + before->duration;
    }
    return 10 * overlaps <= call->notes;
}

/* No longer silence inside the answer than this. */
static int32_t widest_gap(const struct rp_performer *p,
                          const struct rp_call *call)
{
    int32_t widest = 2 * beat_ticks(p, rp_metre_beat(p->clock.metre));

    for (uint32_t i = 1; i < call->notes; i++) {
        int32_t gap = call->note[i].onset - call->note[i - 1].onset;
        if (gap > widest)
            widest = gap;
    }
    return widest;
}

/* The answer's last stretch: a quarter of it, two beats at most. */
static int32_t closing(const struct rp_performer *p, int32_t length)
{
    int32_t most = 2 * beat_ticks(p, rp_metre_beat(p->clock.metre));

    return length / 4 < most ? length / 4 : most;
}

/* All that follows from where the answer ends. */
static void set_ending(struct rp_performer *p)
{
    int32_t end = rp_listen_tick(&p->listen, p->end);

    p->turn.steer.end = end;
    p->turn.dynamics.length = end - p->turn.dynamics.start;
    p->turn.close = end - closing(p, p->turn.dynamics.length);
}

static void set_steer(struct rp_performer *p)
{
    const struct rp_call *call = &p->listen.call;
    struct rp_steer *steer = &p->turn.steer;
    struct rp_dynamics *dynamics = &p->turn.dynamics;
    rp_beat bar = rp_metre_bar(p->clock.metre);
    rp_beat beat = rp_metre_beat(p->clock.metre);

    set_range(steer, call);
    set_dynamics(p, call);
    p->turn.repeats = call_repeats(call);
    p->turn.widest = widest_gap(p, call);
    p->turn.alone = is_line(call);
    p->turn.least = call->notes < LEAST ? call->notes : LEAST;
    if (p->turn.least < SHORT - 1)
        p->turn.least = SHORT - 1;
    steer->may_end = false;
    steer->earliest = rp_listen_tick(&p->listen, p->start);
    steer->grid = beat_ticks(p, beat);
    steer->phase = steer->earliest;
    dynamics->start = steer->earliest;
    set_ending(p);
    dynamics->bar = beat_ticks(p, bar);
    dynamics->beat = steer->grid;
    dynamics->line = rp_listen_tick(&p->listen, p->clock.bar);
}

/* ---- drawing ---- */

/* From where the next note is predicted. The window reaches back from where the
 * answer begins, so that all of it is drawn from one state. */
static struct rp_sight see(const struct rp_performer *p)
{
    int32_t resolution = p->memory.model->shape.vocabulary.resolution;
    int32_t start = rp_listen_tick(&p->listen, p->start);
    int32_t window = (int32_t)p->settings.window * resolution;
    int32_t at = start;

    if (p->turn.notes)
        at = rp_turn_last(&p->turn)->onset;
    return rp_memory_sight(&p->memory, at, at - start + window, 0);
}

/* The next note from the state after all that is placed. */
static void draw(struct rp_performer *p)
{
    struct rp_turn *turn = &p->turn;
    struct rp_sight sight = see(p);
    uint64_t began = rp_answer_wall_ns(), took;
    enum rp_drawn drawn;

    rp_turn_aim(turn, turn->notes ? rp_turn_last(turn)->onset
                                  : rp_listen_tick(&p->listen, p->start));
    drawn = rp_turn_draw(turn, &sight, &p->settings.taste, &p->next);
    p->has_next = p->drawing = drawn == RP_DRAWN;
    if (drawn == RP_DRAWN_ERROR)
        rp_log(RP_ERROR, "performer", "the engine failed; no answer");
    took = rp_answer_wall_ns() - began;
    atomic_store(&p->view_step_ns, (uint32_t)took);
    atomic_fetch_add(&p->view_total_ns, took);
}

/* Which of the possible answers: the one that, thought through, closes best. */
static void choose(struct rp_performer *p)
{
    struct rp_note heard[RP_CANDIDATES_HEARD];
    uint64_t kept = p->memory.notes;
    uint32_t count = 0, notes = p->listen.call.notes;
    int32_t length = call_ticks(&p->listen.call);

    if (kept < SHORT) /* they tell no key */
        return;
    if (kept > RP_CANDIDATES_HEARD)
        kept = RP_CANDIDATES_HEARD;
    for (uint64_t i = p->memory.notes - kept; i < p->memory.notes; i++)
        heard[count++] = p->memory.note[i % RP_MEMORY_NOTES];
    struct rp_candidates candidates = {
        .memory = &p->memory,
        .turn = &p->turn,
        .taste = &p->settings.taste,
        .sight = see(p),
        .from = rp_listen_tick(&p->listen, p->start),
        .key = rp_key_find(heard, count),
        .expected = (uint32_t)((int64_t)notes * p->turn.dynamics.length /
                               (length > 0 ? length : 1)),
    };
    p->turn.candidate = rp_candidates_pick(&candidates);
}

void rp_answer_begin(struct rp_performer *p, rp_beat start, rp_beat end)
{
    if (rp_listen_close(&p->listen, &p->clock))
        return;
    p->fresh = true;
    p->block_set = p->settings.mode == RP_MODE_TRADE;
    p->block = end;
    p->start = start;
    p->end = end;
    p->first_on = RP_FRAME_NEVER;
    p->placed_onset = INT32_MIN;
    rp_turn_init(&p->turn, p->settings.seed, ++p->turns, 0);
    set_steer(p);
    choose(p);
    draw(p);
    p->over = start;
    p->program_due = true;
    p->state = p->has_next ? RP_ANSWERING : RP_WAITING;
    atomic_store(&p->view_decide_ns, (uint32_t)(rp_answer_wall_ns() - p->asked_ns));
}

void rp_answer_redraw(struct rp_performer *p)
{
    int32_t earliest = tick_from(p, p->now + p->lead);

    if (!p->has_next)
        return;
    if (p->turn.steer.earliest < earliest)
        p->turn.steer.earliest = earliest;
    set_ending(p);
    draw(p);
}

/* ---- placing ---- */

rp_frame rp_answer_off_due(const struct rp_performer *p)
{
    if (!p->offs)
        return RP_FRAME_NEVER;
    return rp_clock_frame(&p->clock, p->off[0].beat) - p->lead;
}

rp_beat rp_answer_next_beat(const struct rp_performer *p)
{
    struct rp_note note = p->next;

    /* There is no time before the beginning, nor before a note of the same
     * pitch is over, nor before one that is placed. */
    if (note.offset < 0 && p->first_on == RP_FRAME_NEVER)
        note.offset = 0;
    for (uint32_t i = 0; note.offset < 0 && i < p->offs; i++)
        if (p->off[i].event.data[1] == note.pitch)
            note.offset = 0;
    if (note.onset == p->placed_onset && note.offset < p->placed_offset)
        note.offset = p->placed_offset;
    return rp_listen_onset(&p->listen, &note);
}

rp_frame rp_answer_on_due(const struct rp_performer *p)
{
    if (!p->has_next)
        return RP_FRAME_NEVER;
    return rp_clock_frame(&p->clock, rp_answer_next_beat(p)) - p->lead;
}

void rp_answer_place_off(struct rp_performer *p, struct rp_ring *out)
{
    if (!rp_ring_push(out, &p->off[0], NULL)) {
        p->blocked = true;
        return;
    }
    p->offs--;
    for (uint32_t i = 0; i < p->offs; i++)
        p->off[i] = p->off[i + 1];
}

static void add_off(struct rp_performer *p, struct rp_planned planned)
{
    uint32_t at = p->offs++;

    for (; at > 0 && p->off[at - 1].beat > planned.beat; at--)
        p->off[at] = p->off[at - 1];
    p->off[at] = planned;
}

static void show(struct rp_performer *p, const struct rp_note *note)
{
    struct rp_shown shown = {
        .onset = rp_listen_onset(&p->listen, note),
        .duration = rp_listen_beat(&p->listen, note->duration),
        .pitch = note->pitch,
        .velocity = note->velocity,
        .turn = p->turns,
    };

    (void)rp_ring_push(&p->shown, &shown, NULL);
    atomic_fetch_add(&p->view_notes, 1);
}

void rp_answer_place_on(struct rp_performer *p, struct rp_ring *out)
{
    struct rp_note note = p->next;
    uint8_t channel = (uint8_t)p->settings.channel;
    struct rp_planned planned = { rp_answer_next_beat(p),
                                  p->turns, { 0 } };

    if (rp_ring_space(out) < 2 || p->offs == RP_PERFORMER_OFFS) {
        p->blocked = true;
        return;
    }
    if (p->program_due && p->settings.instrument >= 0) {
        planned.event = rp_event_make(RP_PROGRAM, channel,
                                      (uint8_t)p->settings.instrument, 0);
        (void)rp_ring_push(out, &planned, NULL);
    }
    p->program_due = false;
    planned.event =
        rp_event_make(RP_NOTE_ON, channel, note.pitch, note.velocity);
    (void)rp_ring_push(out, &planned, NULL);
    p->placed_onset = note.onset;
    p->placed_offset = note.offset;
    if (p->first_on == RP_FRAME_NEVER)
        p->first_on = rp_clock_frame(&p->clock, planned.beat);
    planned.beat = rp_listen_beat(&p->listen, note.onset + note.duration);
    planned.event = rp_event_make(RP_NOTE_OFF, channel, note.pitch, 64);
    add_off(p, planned);
    if (planned.beat > p->over)
        p->over = planned.beat;
    rp_turn_take(&p->turn, &note);
    show(p, &note);
    p->has_next = false;
    if (rp_memory_push(&p->memory, &note))
        p->drawing = false;
    if (p->drawing)
        draw(p);
}

/* What sounds ends where it was to end or on the next beat line, whichever is
 * first; what is not placed never sounds. */
void rp_answer_yield(struct rp_performer *p)
{
    rp_beat soon = rp_clock_beat(&p->clock, p->now + p->lead) + 1;
    rp_beat line =
        rp_clock_beat_after(&p->clock, rp_clock_beat(&p->clock, p->now));

    p->has_next = p->drawing = false;
    if (line < soon)
        line = soon;
    for (uint32_t i = 0; i < p->offs; i++)
        if (p->off[i].beat > line) {
            p->off[i].beat = line;
            rp_memory_cut(&p->memory, p->off[i].event.data[1],
                          rp_listen_tick(&p->listen, line));
        }
    if (p->over > line)
        p->over = line;
}

void rp_answer_drop(struct rp_performer *p)
{
    p->has_next = p->drawing = false;
    p->offs = 0;
    p->over = INT64_MIN;
}
