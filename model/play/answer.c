/* The performer's answer: begun at a hand-over, drawn one note ahead, placed a
 * lead before it sounds. */
#include <string.h>
#include <time.h>

#include "model/play/performer_parts.h"
#include "rt/log.h"

enum {
    FEW_NOTES = 96, /* thought through at once, in all: bounds the time */
    THINK_MS = 50,  /* thinking takes less, or it is short */
    CLICK = 4       /* a note that is heard as one lasts 1/4 beat */
};

uint64_t rp_answer_wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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

/* ---- thinking ---- */

static bool same_settings(const struct rp_settings *a,
                          const struct rp_settings *b)
{
    return a->mode == b->mode && a->trade == b->trade &&
           a->length == b->length && a->window == b->window &&
           a->seed == b->seed && a->candidates == b->candidates &&
           a->echo == b->echo &&
           a->taste.temperature == b->taste.temperature &&
           a->taste.top_p == b->taste.top_p &&
           a->taste.top_k == b->taste.top_k;
}

static bool same_clock(const struct rp_clock *a, const struct rp_clock *b)
{
    return a->frame == b->frame && a->beat == b->beat && a->mbpm == b->mbpm &&
           a->rate == b->rate && a->bar == b->bar &&
           a->metre.beats == b->metre.beats && a->metre.unit == b->metre.unit;
}

/* Whether a question was about this very answer. */
static bool is_about(const struct rp_performer *p,
                     const struct rp_expected *expected, rp_beat start,
                     rp_beat end)
{
    return expected->asked && expected->start == start &&
           expected->end == end &&
           expected->revision == p->memory.revision &&
           expected->clock.bar == p->clock.bar &&
           expected->clock.metre.beats == p->clock.metre.beats &&
           expected->clock.metre.unit == p->clock.metre.unit &&
           same_settings(&expected->settings, &p->settings);
}

static void forget(struct rp_performer *p)
{
    p->expected.asked = false;
    rp_ponder_forget(p->ponder);
}

/* Whether all that the expected answer follows from is as it was. */
static bool is_seen(const struct rp_performer *p,
                    const struct rp_expected *expected)
{
    return expected->seen && expected->revision == p->memory.revision &&
           expected->held == rp_listen_holds(&p->listen) &&
           expected->last_off == p->listen.call.last_off &&
           same_clock(&expected->clock, &p->clock) &&
           same_settings(&expected->settings, &p->settings);
}

void rp_answer_expect(struct rp_performer *p)
{
    struct rp_expected *expected = &p->expected;
    struct rp_expected now = { .seen = true,
                               .revision = p->memory.revision,
                               .held = rp_listen_holds(&p->listen),
                               .last_off = p->listen.call.last_off,
                               .frame = p->now,
                               .settings = p->settings,
                               .clock = p->clock };
    bool begins;

    if (p->state != RP_LISTENING || p->settings.candidates == 1) {
        if (expected->asked) /* panic, stop: nobody waits for it any more */
            forget(p);
        expected->seen = false;
        return;
    }
    if (p->listen.pending || is_seen(p, expected))
        return;
    begins = p->listen.call.notes && rp_brief_start(p, &now.start);
    if (begins) {
        now.end = rp_brief_end(p, now.start);
        if (is_about(p, expected, now.start, now.end)) {
            /* Asked already. */
            now.asked = true;
            now.frame = expected->frame;
            *expected = now;
            return;
        }
    }
    forget(p);
    *expected = now;
    expected->asked =
        begins && !rp_brief_question(p, p->turns + 1, now.start, now.end,
                                     rp_ponder_question(p->ponder));
    if (expected->asked)
        rp_ponder_ask(p->ponder);
}

/* There was no time to think before: a few candidates, at once. */
static const struct rp_thought *think_now(struct rp_performer *p)
{
    struct rp_question *question = &p->question;

    if (rp_brief_question(p, p->turns, p->start, p->end, question) ||
        rp_desk_think(&p->desk, p->memory.engine, RP_MEMORY_TRIAL,
                      &p->memory.model->shape, question, FEW_NOTES, NULL,
                      &p->thought))
        return NULL;
    return &p->thought;
}

static void drop_plan(struct rp_performer *p)
{
    p->plan = p->plan_notes = 0;
    p->plan_why = RP_DRAWN;
}

/* The answer that was thought through for this hand-over, else one of a
 * few. */
static void choose(struct rp_performer *p)
{
    const struct rp_thought *thought = NULL;
    rp_frame time = (rp_frame)p->clock.rate * THINK_MS / 1000;

    drop_plan(p);
    if (p->settings.candidates == 1)
        return;
    if (is_about(p, &p->expected, p->start, p->end) &&
        p->now - p->expected.frame >= time) {
        thought = rp_ponder_thought(p->ponder);
        if (!thought)
            atomic_fetch_add(&p->view_short, 1);
    }
    forget(p); /* first, so that nobody thinks beside */
    if (!thought)
        thought = think_now(p);
    if (!thought)
        return;
    p->turn.candidate = thought->candidate;
    p->plan_notes = thought->notes;
    p->plan_why = thought->why;
    memcpy(p->planned, thought->note, thought->notes * sizeof *p->planned);
}

/* ---- drawing ---- */

/* The next note: as planned, or from the state after all that is placed. */
static enum rp_drawn draw_next(struct rp_performer *p)
{
    struct rp_turn *turn = &p->turn;
    struct rp_sight sight;

    rp_turn_aim(turn, turn->notes ? rp_turn_last(turn)->onset
                                  : rp_listen_tick(&p->listen, p->start));
    if (p->plan < p->plan_notes) {
        p->next = p->planned[p->plan++];
        return RP_DRAWN;
    }
    if (p->plan_notes && p->plan_why != RP_DRAWN)
        return (enum rp_drawn)p->plan_why;
    sight = rp_brief_sight(p, p->start, turn);
    return rp_turn_draw(turn, &sight, &p->settings.taste, &p->next);
}

static void draw(struct rp_performer *p)
{
    uint64_t began = rp_answer_wall_ns(), took;
    enum rp_drawn drawn = draw_next(p);

    p->has_next = p->drawing = drawn == RP_DRAWN;
    if (drawn == RP_DRAWN_ERROR)
        rp_log(RP_ERROR, "performer", "the engine failed; no answer");
    took = rp_answer_wall_ns() - began;
    atomic_store(&p->view_step_ns, (uint32_t)took);
    atomic_fetch_add(&p->view_total_ns, took);
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
    p->octaves = p->listen.voice.octaves;
    p->touch = p->listen.touch;
    p->first_on = RP_FRAME_NEVER;
    p->placed_onset = INT32_MIN;
    rp_brief_turn(p, ++p->turns, start, end, &p->turn);
    rp_given_begin(&p->given, p->turns);
    choose(p);
    draw(p);
    p->over = start;
    p->program_due = true;
    p->state = p->has_next ? RP_ANSWERING : RP_WAITING;
    atomic_store(&p->view_decide_ns,
                 (uint32_t)(rp_answer_wall_ns() - p->asked_ns));
}

void rp_answer_redraw(struct rp_performer *p)
{
    int32_t earliest = tick_from(p, p->now + p->lead);

    if (!p->has_next)
        return;
    if (p->turn.steer.earliest < earliest)
        p->turn.steer.earliest = earliest;
    rp_brief_ending(p, p->end, &p->turn);
    drop_plan(p);
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
    uint8_t pitch = rp_voice_sound(p->octaves, note.pitch);

    /* There is no time before the beginning, nor before a note of the same
     * pitch is over, nor before one that is placed. */
    if (note.offset < 0 && p->first_on == RP_FRAME_NEVER)
        note.offset = 0;
    for (uint32_t i = 0; note.offset < 0 && i < p->offs; i++)
        if (p->off[i].event.data[1] == pitch)
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

/* With the call's touch. */
static rp_beat sounds(const struct rp_performer *p, const struct rp_note *note)
{
    return rp_touch_sounds(&p->touch,
                           rp_listen_beat(&p->listen, note->duration));
}

static void show(struct rp_performer *p, const struct rp_note *note)
{
    struct rp_shown shown = {
        .onset = rp_listen_onset(&p->listen, note),
        .duration = sounds(p, note),
        .pitch = rp_voice_sound(p->octaves, note->pitch),
        .velocity = note->velocity,
        .turn = p->turns,
    };

    (void)rp_ring_push(&p->shown, &shown, NULL);
    atomic_fetch_add(&p->view_notes, 1);
}

void rp_answer_place_on(struct rp_performer *p, struct rp_ring *out)
{
    struct rp_note note = p->next;
    uint8_t pitch = rp_voice_sound(p->octaves, note.pitch);
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
        rp_event_make(RP_NOTE_ON, channel, pitch, note.velocity);
    (void)rp_ring_push(out, &planned, NULL);
    p->placed_onset = note.onset;
    p->placed_offset = note.offset;
    if (p->first_on == RP_FRAME_NEVER)
        p->first_on = rp_clock_frame(&p->clock, planned.beat);
    planned.beat = rp_listen_beat(&p->listen, note.onset) + sounds(p, &note);
    planned.event = rp_event_make(RP_NOTE_OFF, channel, pitch, 64);
    add_off(p, planned);
    if (planned.beat > p->over)
        p->over = planned.beat;
    rp_turn_take(&p->turn, &note);
    rp_given_note(&p->given, p->turns, note.pitch,
                  p->turn.recent_dt[rp_turn_ago(&p->turn, 1)]);
    show(p, &note);
    p->has_next = false;
    if (rp_memory_push(&p->memory, &note))
        p->drawing = false;
    if (p->drawing)
        draw(p);
}

/* Where the note of a pitch begins that is placed and not over yet. */
static rp_beat begins(const struct rp_performer *p, uint8_t pitch)
{
    uint32_t kept =
        p->turn.notes < RP_TURN_RECENT ? p->turn.notes : RP_TURN_RECENT;

    for (uint32_t back = 1; back <= kept; back++) {
        const struct rp_note *note =
            &p->turn.recent[rp_turn_ago(&p->turn, back)];
        if (rp_voice_sound(p->octaves, note->pitch) == pitch)
            return rp_listen_onset(&p->listen, note);
    }
    return INT64_MIN / 2; /* long ago */
}

/* What sounds ends where it was to end or on the next beat line, whichever is
 * first; what is not placed never sounds. But what is placed and has hardly
 * begun, or not even that, would be a click: it has until the line after. */
void rp_answer_yield(struct rp_performer *p)
{
    rp_beat soon = rp_clock_beat(&p->clock, p->now + p->lead) + 1;
    rp_beat line =
        rp_clock_beat_after(&p->clock, rp_clock_beat(&p->clock, p->now));
    rp_beat last;
    uint32_t count = p->offs;

    p->has_next = p->drawing = false;
    drop_plan(p);
    if (line < soon)
        line = soon;
    last = line;
    p->offs = 0; /* anew, since another end is another place in the row */
    for (uint32_t i = 0; i < count; i++) {
        struct rp_planned off = p->off[i];
        uint8_t pitch = off.event.data[1];
        rp_beat least = begins(p, pitch) + RP_BEAT / CLICK, end = line;
        if (end < least)
            end = rp_clock_beat_after(&p->clock, least);
        if (off.beat > end) {
            off.beat = end;
            rp_memory_cut(&p->memory, rp_voice_read(p->octaves, pitch),
                          rp_listen_tick(&p->listen, end));
        }
        last = off.beat > last ? off.beat : last;
        add_off(p, off);
    }
    if (p->over > last)
        p->over = last;
}

void rp_answer_drop(struct rp_performer *p)
{
    p->has_next = p->drawing = false;
    drop_plan(p);
    p->offs = 0;
    p->over = INT64_MIN;
}
