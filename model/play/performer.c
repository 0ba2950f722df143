#include "model/play/performer.h"

#include <stdlib.h>
#include <string.h>

#include "model/play/performer_parts.h"
#include "model/play/spare.h"
#include "rt/log.h"

enum {
    SHOWN = 512,
    HURRY_MS = 150, /* to think, before a block of bars is handed over */
    LATE_NS = 1000000 * RP_LEAD_MS / 6 /* a decision makes several calls */
};

/* ---- life ---- */

static struct rp_settings read_settings(const struct rp_knobs *knobs)
{
    struct rp_settings s = {
        .mode = atomic_load(&knobs->mode),
        .trade = atomic_load(&knobs->trade),
        .length = atomic_load(&knobs->length),
        .window = atomic_load(&knobs->window),
        .channel = atomic_load(&knobs->channel) & 15,
        .seed = atomic_load(&knobs->seed),
        .candidates = atomic_load(&knobs->candidates),
        .echo = atomic_load(&knobs->echo),
        .instrument = atomic_load(&knobs->instrument),
        .taste = { .temperature = atomic_load(&knobs->temperature),
                   .top_p = atomic_load(&knobs->top_p),
                   .top_k = atomic_load(&knobs->top_k) },
    };

    if (!s.trade)
        s.trade = 1;
    return s;
}

static struct rp_clock first_clock(const struct rp_performer_options *o)
{
    uint32_t metre = atomic_load(&o->knobs->metre);
    struct rp_clock clock = { .rate = o->rate,
                              .mbpm = atomic_load(&o->knobs->tempo),
                              .metre = { (uint8_t)(metre >> 8),
                                         (uint8_t)metre } };

    if (!clock.mbpm)
        clock.mbpm = 120000;
    if (!clock.metre.beats || !clock.metre.unit)
        clock.metre = (struct rp_metre){ 4, 4 };
    return clock;
}

static void set_lead(struct rp_performer *p)
{
    rp_frame periods = 2 * (rp_frame)atomic_load(&p->period);

    p->lead = (rp_frame)p->clock.rate * RP_LEAD_MS / 1000;
    p->lead = p->lead < periods ? periods : p->lead;
}

void rp_performer_period(struct rp_performer *p, uint32_t period)
{
    atomic_store(&p->period, period);
}

/* Which engine plays, for who looks. */
static void show_engine(struct rp_performer *p)
{
    const char *asked = p->memory.model->ops->name;
    const char *plays = rp_spare_playing(p->memory.engine);

    atomic_store(&p->view_engine, plays);
    atomic_store(&p->view_lost, strcmp(asked, plays) ? asked : NULL);
}

/* Everything that takes memory or threads. */
static rp_status equip(struct rp_performer *p,
                       const struct rp_performer_options *o)
{
    struct rp_engine *engine;
    rp_status status =
        rp_ring_init(&p->shown, SHOWN, sizeof(struct rp_shown));

    p->live = o->live;
    p->late_ns = o->live ? LATE_NS : 0;
    p->question.state =
        calloc(RP_LAYERS_MAX * RP_HIDDEN_MAX, sizeof *p->question.state);
    if (!status && !p->question.state)
        status = RP_EMEM;
    if (!status)
        status = rp_desk_init(&p->desk, RP_MEMORY_TRIALS, RP_MEMORY_TRIALS);
    if (!status)
        status = rp_memory_spare(o->model, p->late_ns, &engine);
    if (status)
        return status;
    rp_memory_init(&p->memory, o->model, engine);
    return rp_ponder_create(&p->ponder, o->model, p->live);
}

rp_status rp_performer_create(struct rp_performer **performer,
                              const struct rp_performer_options *o)
{
    struct rp_performer *p = calloc(1, sizeof *p);
    rp_status status = p ? equip(p, o) : RP_EMEM;

    if (status) {
        if (status == RP_EMEM)
            rp_log(RP_ERROR, "performer", "out of memory");
        rp_performer_destroy(p);
        return status;
    }
    p->knobs = o->knobs;
    p->settings = read_settings(o->knobs);
    p->clock = first_clock(o);
    atomic_store(&p->period, o->period);
    set_lead(p);
    rp_memory_metre(&p->memory, 0, p->clock.metre);
    rp_listen_init(&p->listen, &p->memory);
    p->asked = INT64_MIN;
    p->first_on = RP_FRAME_NEVER;
    atomic_store(&p->in_use, o->model);
    show_engine(p);
    *performer = p;
    return RP_OK;
}

static void free_band(struct rp_performer_band *band)
{
    if (!band)
        return;
    rp_ponder_destroy(band->ponder);
    if (band->engine)
        band->engine->ops->destroy(band->engine);
    free(band);
}

void rp_performer_destroy(struct rp_performer *p)
{
    if (!p)
        return;
    free_band(atomic_exchange(&p->offered, NULL));
    free_band(atomic_exchange(&p->retired, NULL));
    rp_ponder_destroy(p->ponder);
    rp_desk_fini(&p->desk);
    free(p->question.state);
    rp_memory_fini(&p->memory);
    rp_ring_fini(&p->shown);
    free(p);
}

/* ---- another model ---- */

rp_status rp_performer_model(struct rp_performer *p,
                             const struct rp_model *model)
{
    struct rp_performer_band *band = calloc(1, sizeof *band);
    rp_status status = RP_EMEM;

    free_band(atomic_exchange(&p->retired, NULL));
    if (band)
        status = rp_memory_spare(model, p->late_ns, &band->engine);
    if (!status)
        status = rp_ponder_create(&band->ponder, model, p->live);
    if (status) {
        rp_log(RP_ERROR, "performer", "%s: cannot be played now", model->path);
        free_band(band);
        return status;
    }
    band->model = model;
    /* One that was offered and never used goes. */
    free_band(atomic_exchange(&p->offered, band));
    return RP_OK;
}

const struct rp_model *rp_performer_model_in_use(struct rp_performer *p)
{
    free_band(atomic_exchange(&p->retired, NULL));
    return atomic_load(&p->in_use);
}

/* False when main has not yet freed what we left before: asked again in the
 * next run. */
static bool change_model(struct rp_performer *p)
{
    uint16_t was = p->memory.model->shape.vocabulary.resolution, is;
    struct rp_performer_band *band;
    struct rp_ponder *ponder;

    if (!atomic_load(&p->offered) || atomic_load(&p->retired))
        return false;
    band = atomic_exchange(&p->offered, NULL);
    if (!band)
        return false;
    band->engine = rp_memory_switch(&p->memory, band->model, band->engine);
    rp_listen_learn(&p->listen);
    rp_ponder_forget(p->ponder);
    ponder = p->ponder;
    p->ponder = band->ponder;
    band->ponder = ponder;
    is = band->model->shape.vocabulary.resolution;
    if (is != was) {
        /* What is left of the answer was thought in other ticks. */
        p->has_next = p->drawing = false;
        rp_listen_rescale(&p->listen, is, was);
    }
    atomic_store(&p->in_use, band->model);
    atomic_store(&p->retired, band);
    return true;
}

/* The bars of a call begin with the bar of its first onset; an upbeat of a beat
 * or less is meant for the next bar. After an answer, the bars that
 * follow it are the player's. */
static void begin_block(struct rp_performer *p, rp_beat beat)
{
    rp_beat bars = p->settings.trade * rp_metre_bar(p->clock.metre);
    rp_beat early = rp_metre_beat(p->clock.metre);

    if (p->block_set && beat >= p->block - early && beat < p->block + bars)
        return;
    p->block = rp_clock_bar_before(&p->clock, beat + early + RP_BEAT / 8);
    p->block_set = true;
}

/* ---- knobs ---- */

static void set_end(struct rp_performer *p)
{
    rp_beat end = rp_brief_end(p, p->start);
    rp_beat least = rp_clock_beat_after(
        &p->clock, rp_clock_beat(&p->clock, p->now + p->lead) + 1);

    p->end = end > least ? end : least;
    if (p->block_set)
        p->block = p->end;
}

static void turn_knobs(struct rp_performer *p)
{
    struct rp_settings now = read_settings(p->knobs), was = p->settings;
    bool changed = change_model(p);

    p->settings = now;
    if (now.instrument != was.instrument || now.channel != was.channel)
        p->program_due = true;
    if (now.mode != was.mode) {
        p->block_set = false;
        if (p->state == RP_LISTENING)
            begin_block(p, p->listen.call.first_beat);
    }
    if (p->state == RP_ANSWERING &&
        (now.length != was.length ||
         (now.mode == RP_MODE_TRADE && now.trade != was.trade))) {
        set_end(p);
        changed = true;
    }
    changed = changed || now.window != was.window || now.seed != was.seed ||
              now.taste.temperature != was.taste.temperature ||
              now.taste.top_p != was.taste.top_p ||
              now.taste.top_k != was.taste.top_k;
    if (now.seed != was.seed)
        p->turn.seed = now.seed;
    if (changed)
        rp_answer_redraw(p);
}

/* ---- hand-over ---- */

static void hand_over(struct rp_performer *p, rp_beat start)
{
    if (rp_listen_close(&p->listen, &p->clock) || !p->listen.call.notes) {
        p->fresh = true;
        p->state = RP_WAITING;
        return;
    }
    rp_answer_begin(p, start, rp_brief_end(p, start));
}

static void ask(struct rp_performer *p)
{
    rp_beat line = rp_brief_line(p, p->now);
    struct rp_phrase_signs signs;

    p->asked_ns = rp_answer_wall_ns();
    p->asked = p->now;
    if (rp_phrase_read(&p->listen, &p->clock, p->now, p->lead, &signs)) {
        p->fresh = true;
        p->state = RP_WAITING;
    } else if (rp_phrase_over(&signs)) {
        hand_over(p, line);
    }
}

/* ---- what is heard ---- */

/* A clock of our own when nothing gave us one: the first onset is beat 0. */
static void anchor(struct rp_performer *p, rp_frame frame)
{
    if (p->clock.anchored)
        return;
    p->clock.frame = frame;
    p->clock.beat = p->clock.bar = 0;
    p->clock.anchored = 1;
}

static void begin_call(struct rp_performer *p, rp_frame frame)
{
    if (p->state == RP_ANSWERING) {
        bool sounded = p->first_on <= frame;
        rp_answer_yield(p);
        /* Nobody heard an answer: it is still the same call. */
        if (!sounded && p->settings.mode == RP_MODE_ANSWER)
            p->fresh = false;
        else if (p->settings.mode == RP_MODE_TRADE &&
                 rp_clock_beat(&p->clock, frame) <
                     p->block - rp_metre_beat(p->clock.metre))
            p->block_set = false;
    }
    if (p->fresh || !p->listen.call.onsets) {
        rp_listen_begin(&p->listen);
        begin_block(p, rp_clock_beat(&p->clock, frame));
    }
    p->fresh = false;
    p->state = RP_LISTENING;
}

static void hear_event(struct rp_performer *p, const struct rp_heard *heard)
{
    if (rp_event_is_on(heard->event)) {
        anchor(p, heard->frame);
        begin_call(p, heard->frame);
    }
    (void)rp_listen_event(&p->listen, &p->clock, heard->frame, heard->event);
}

static void silence(struct rp_performer *p)
{
    rp_answer_drop(p);
    rp_listen_reset(&p->listen);
    rp_memory_forget(&p->memory);
    p->block_set = false;
    p->fresh = true;
    p->state = RP_WAITING;
}

/* The turn ends at once, on the next line: the player's, though keys are down,
 * or ours, as if somebody had played into it. */
static void end_turn(struct rp_performer *p)
{
    if (p->state == RP_ANSWERING) {
        rp_answer_yield(p);
        p->block_set = false;
    } else if (p->state == RP_LISTENING) {
        p->asked_ns = rp_answer_wall_ns();
        hand_over(p, rp_brief_line(p, p->now));
    }
}

/* Somewhere else in the music: what was planned has no place there. */
static void lose_place(struct rp_performer *p)
{
    rp_beat soon = rp_clock_beat(&p->clock, p->now + p->lead) + 1;

    rp_answer_yield(p);
    for (uint32_t i = 0; i < p->offs; i++)
        p->off[i].beat = soon;
    rp_listen_reset(&p->listen);
    rp_memory_forget(&p->memory);
    p->block_set = false;
    p->fresh = true;
    p->state = RP_WAITING;
}

static void hear_clock(struct rp_performer *p, const struct rp_heard *heard)
{
    struct rp_clock was = p->clock;
    rp_beat bar = rp_metre_bar(heard->clock.metre), jump;

    if (!heard->clock.rate || !heard->clock.mbpm)
        return;
    p->clock = heard->clock;
    if (was.rate != heard->clock.rate)
        set_lead(p);
    if (was.metre.beats != heard->clock.metre.beats ||
        was.metre.unit != heard->clock.metre.unit ||
        (heard->clock.bar - was.bar) % bar)
        rp_memory_metre(&p->memory,
                        rp_listen_tick(&p->listen, heard->clock.bar),
                        heard->clock.metre);
    if (!was.anchored)
        return;
    jump = rp_clock_beat(&heard->clock, heard->frame) -
           rp_clock_beat(&was, heard->frame);
    /* On to a later bar while nobody plays: the next call begins there. */
    if (p->state == RP_WAITING && jump > 0) {
        p->block_set = false;
        return;
    }
    if (jump > RP_BEAT / 64 || jump < -RP_BEAT / 64)
        lose_place(p);
}

static void hear(struct rp_performer *p, const struct rp_heard *heard)
{
    switch (heard->kind) {
    case RP_HEARD_MIDI:
        hear_event(p, heard);
        break;
    case RP_HEARD_CLOCK:
        hear_clock(p, heard);
        break;
    case RP_HEARD_PANIC:
        silence(p);
        break;
    case RP_HEARD_END:
        end_turn(p);
        break;
    default:
        break;
    }
}

/* ---- time ---- */

/* In the order in which they fire at one frame. */
enum timer { SETTLE, OFF, ON, BLOCK, ASK, FINISH, TIMERS };

static rp_frame due(const struct rp_performer *p, enum timer timer)
{
    bool calls = p->state == RP_LISTENING && p->clock.anchored;

    switch (timer) {
    case SETTLE:
        return rp_listen_due(&p->listen, &p->clock);
    case OFF:
        return p->blocked ? RP_FRAME_NEVER : rp_answer_off_due(p);
    case ON:
        return p->blocked ? RP_FRAME_NEVER : rp_answer_on_due(p);
    case BLOCK:
        if (!calls || p->settings.mode != RP_MODE_TRADE || !p->block_set)
            return RP_FRAME_NEVER;
        return rp_clock_frame(&p->clock, rp_brief_block(p)) - p->lead;
    case ASK:
        if (!calls || p->settings.mode != RP_MODE_ANSWER)
            return RP_FRAME_NEVER;
        return rp_phrase_next(&p->listen, &p->clock, p->lead,
                              p->asked >= p->now ? p->asked : p->now - 1);
    case FINISH:
        if (p->state != RP_ANSWERING || p->has_next || p->offs)
            return RP_FRAME_NEVER;
        return rp_clock_frame(&p->clock, p->over);
    case TIMERS:
        break;
    }
    return RP_FRAME_NEVER;
}

static rp_frame next_timer(const struct rp_performer *p, enum timer *which)
{
    rp_frame first = RP_FRAME_NEVER;

    for (int i = 0; i < TIMERS; i++) {
        rp_frame frame = due(p, (enum timer)i);
        if (frame < first) {
            first = frame;
            *which = (enum timer)i;
        }
    }
    return first;
}

static void fire(struct rp_performer *p, enum timer timer,
                 struct rp_ring *out)
{
    switch (timer) {
    case SETTLE:
        if (rp_listen_settle(&p->listen, &p->clock, p->now))
            silence(p);
        break;
    case OFF:
        rp_answer_place_off(p, out);
        break;
    case ON:
        /* At one beat, what ends goes before what begins. */
        if (p->offs && p->off[0].beat <= rp_answer_next_beat(p))
            rp_answer_place_off(p, out);
        else
            rp_answer_place_on(p, out);
        break;
    case BLOCK:
        p->asked_ns = rp_answer_wall_ns();
        hand_over(p, rp_brief_block(p));
        break;
    case ASK:
        ask(p);
        break;
    case FINISH:
        p->state = RP_WAITING;
        break;
    case TIMERS:
        break;
    }
}

/* What would come next, if nothing more were heard. Who plays up to the bar
 * line is heard as held a little before it, as would be the case on it: so
 * there is time to think of an answer. */
static void look_ahead(struct rp_performer *p)
{
    rp_frame block = due(p, BLOCK);

    p->listen.hurry = block;
    if (block != RP_FRAME_NEVER)
        p->listen.hurry -= (rp_frame)p->clock.rate * HURRY_MS / 1000;
    rp_answer_expect(p);
}

/* Everything that falls before `to`. */
static void advance(struct rp_performer *p, rp_frame to, struct rp_ring *out)
{
    enum timer timer = TIMERS;
    rp_frame frame;

    while ((frame = next_timer(p, &timer)) < to) {
        if (frame > p->now)
            p->now = frame;
        fire(p, timer, out);
        look_ahead(p);
    }
    if (to > p->now)
        p->now = to;
}

void rp_performer_run(struct rp_performer *p, rp_frame until,
                      struct rp_ring *in, struct rp_ring *out)
{
    struct rp_heard heard;

    p->blocked = false;
    set_lead(p);
    turn_knobs(p);
    look_ahead(p);
    while (rp_ring_pop(in, &heard)) {
        advance(p, heard.frame, out);
        hear(p, &heard);
        look_ahead(p);
    }
    advance(p, until, out);
    rp_spare_follow(p->memory.engine);
    show_engine(p);
    atomic_store(&p->view_state, p->state);
    atomic_store(&p->view_turn, p->turns);
}

rp_frame rp_performer_wake(const struct rp_performer *p)
{
    enum timer timer;
    rp_frame frame = next_timer(p, &timer);

    return frame == RP_FRAME_NEVER ? frame : frame + 1;
}

void rp_performer_look(struct rp_performer *p, struct rp_performer_view *view)
{
    view->state = atomic_load(&p->view_state);
    view->turn = atomic_load(&p->view_turn);
    view->notes = atomic_load(&p->view_notes);
    view->step_ns = atomic_load(&p->view_step_ns);
    view->decide_ns = atomic_load(&p->view_decide_ns);
    view->thought_short = atomic_load(&p->view_short);
    view->total_ns = atomic_load(&p->view_total_ns);
    view->engine = atomic_load(&p->view_engine);
    view->lost = atomic_load(&p->view_lost);
}

bool rp_performer_shown(struct rp_performer *p, struct rp_shown *s)
{
    return rp_ring_pop(&p->shown, s);
}
