/* What an answer is asked to be, as the call, the knobs and its place say:
 * where it ends, how it is steered, what candidates are judged by. All of it
 * can be asked while the call still goes on, as if it ended here. */
#include <string.h>

#include "model/play/key.h"
#include "model/play/performer_parts.h"

enum {
    BELOW = 7,  /* an answer may go so far beyond the call's range, */
    ABOVE = 7,  /* in semitones ... */
    SPAN = 16,  /* ... and has at least so many to move in */
    SOFTER = 6, /* velocities */
    LOUDER = 10,
    REPEATS = 3, /* a pitch may follow itself so often, or as in the call */
    LEAST = 3,   /* notes, if the call has as many */
    SHORT = 3,   /* fewer notes are no phrase and tell no key */
    HEARD = 64,  /* notes that tell the key */
    OUTSIDE = 6, /* one note of so many outside the key is no other key */
    ASKS = 16    /* beat lines on which a call may turn out to be over */
};

static int32_t beat_ticks(const struct rp_performer *p, rp_beat beats)
{
    rp_beat tick = RP_BEAT / p->memory.model->shape.vocabulary.resolution;

    return (int32_t)(beats / tick);
}

static int32_t call_ticks(const struct rp_call *call)
{
    return call->notes ? call->end - call->note[0].onset : 1;
}

/* ---- how the call steers it ---- */

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
static void set_dynamics(const struct rp_call *call, struct rp_turn *turn)
{
    struct rp_dynamics *d = &turn->dynamics;
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
    turn->steer.softest = d->softest;
    turn->steer.loudest = d->loudest;
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

void rp_brief_ending(const struct rp_performer *p, rp_beat end,
                     struct rp_turn *turn)
{
    turn->steer.end = rp_listen_tick(&p->listen, end);
    turn->dynamics.length = turn->steer.end - turn->dynamics.start;
    turn->close = turn->steer.end - closing(p, turn->dynamics.length);
}

void rp_brief_turn(const struct rp_performer *p, uint32_t number,
                   rp_beat start, rp_beat end, struct rp_turn *turn)
{
    const struct rp_call *call = &p->listen.call;
    struct rp_steer *steer = &turn->steer;
    struct rp_dynamics *dynamics = &turn->dynamics;

    rp_turn_init(turn, p->settings.seed, number, 0);
    set_range(steer, call);
    set_dynamics(call, turn);
    turn->repeats = call_repeats(call);
    turn->widest = widest_gap(p, call);
    turn->alone = is_line(call);
    turn->least = call->notes < LEAST ? call->notes : LEAST;
    if (turn->least < SHORT - 1)
        turn->least = SHORT - 1;
    steer->may_end = false;
    steer->earliest = rp_listen_tick(&p->listen, start);
    steer->grid = beat_ticks(p, rp_metre_beat(p->clock.metre));
    steer->phase = steer->earliest;
    dynamics->start = steer->earliest;
    rp_brief_ending(p, end, turn);
    dynamics->bar = beat_ticks(p, rp_metre_bar(p->clock.metre));
    dynamics->beat = steer->grid;
    dynamics->line = rp_listen_tick(&p->listen, p->clock.bar);
}

/* The window reaches back from where the answer begins, so that all of it is
 * drawn from one state. */
struct rp_sight rp_brief_sight(const struct rp_performer *p, rp_beat begins,
                               const struct rp_turn *turn)
{
    int32_t resolution = p->memory.model->shape.vocabulary.resolution;
    int32_t start = rp_listen_tick(&p->listen, begins);
    int32_t window = (int32_t)p->settings.window * resolution;
    int32_t at = start;

    if (turn->notes)
        at = rp_turn_last(turn)->onset;
    return rp_memory_sight(&p->memory, at, at - start + window, 0);
}

/* ---- what candidates are judged by ---- */

/* Whether a call is of another key than what was heard: more than one note in
 * `OUTSIDE` is foreign. */
static bool has_left(int key, const struct rp_note *note, uint32_t count)
{
    uint32_t foreign = 0;

    for (uint32_t i = 0; i < count; i++)
        foreign += !rp_key_has(key, note[i].pitch);
    return count >= SHORT && OUTSIDE * foreign > count;
}

/* What else than the tune was heard since `tick`. */
static uint32_t take_beside(const struct rp_listen *listen, int32_t tick,
                            struct rp_note *beside)
{
    uint32_t kept = listen->besides < RP_LISTEN_BESIDE ? listen->besides
                                                       : RP_LISTEN_BESIDE;
    uint32_t count = 0;

    for (uint32_t i = listen->besides - kept; i != listen->besides; i++) {
        const struct rp_listen_beside *b =
            &listen->beside[i % RP_LISTEN_BESIDE];
        if (rp_listen_tick(listen, b->on) >= tick)
            beside[count++] = (struct rp_note){
                .duration = rp_listen_tick(listen, b->length),
                .pitch = b->pitch
            };
    }
    return count;
}

/* That of the last notes, but where the call has left it that of the call; -1
 * where there is none, or too little was heard to tell. */
static void find_key(const struct rp_listen *listen, struct rp_wish *wish)
{
    const struct rp_memory *memory = listen->memory;
    const char *role = rp_card_get(&memory->model->card, "role");
    struct rp_note last[HEARD], beside[RP_LISTEN_BESIDE];
    const struct rp_note *heard = last;
    uint64_t kept = memory->notes < HEARD ? memory->notes : HEARD;
    uint32_t count = 0, besides;
    struct rp_key_told told;

    wish->clear = false;
    wish->key = -1;
    if (kept < SHORT || (role && !strcmp(role, "drums")))
        return;
    for (uint64_t i = memory->notes - kept; i < memory->notes; i++)
        last[count++] = memory->note[i % RP_MEMORY_NOTES];
    besides = take_beside(listen, heard->onset, beside);
    rp_key_tell(heard, count, beside, besides, &told);
    if (has_left(told.key, wish->call, wish->notes)) {
        besides = take_beside(listen, wish->call->onset, beside);
        rp_key_tell(wish->call, wish->notes, beside, besides, &told);
    }
    wish->key = told.key;
    wish->clear = told.clear;
    memcpy(wish->likely, told.likely, sizeof wish->likely);
}

static void set_wish(const struct rp_performer *p, const struct rp_turn *turn,
                     struct rp_wish *wish)
{
    const struct rp_call *call = &p->listen.call;
    int64_t length = call_ticks(call);
    uint32_t kept = call->notes < RP_LISTEN_CALL ? call->notes
                                                 : RP_LISTEN_CALL;
    uint32_t from = kept > RP_WISH_NOTES ? kept - RP_WISH_NOTES : 0;

    wish->like.notes = 0;
    wish->expected = (uint32_t)((int64_t)call->notes * turn->dynamics.length /
                                (length > 0 ? length : 1));
    wish->echo = rp_wish_echo(p->settings.echo, turn->seed, turn->number);
    wish->third = rp_wish_third(turn->seed, turn->number);
    wish->notes = kept - from;
    memcpy(wish->call, call->note + from, wish->notes * sizeof *wish->call);
    find_key(&p->listen, wish);
}

rp_status rp_brief_question(const struct rp_performer *p, uint32_t number,
                            rp_beat start, rp_beat end,
                            struct rp_question *question)
{
    const struct rp_memory *memory = &p->memory;
    const struct rp_shape *shape = &memory->model->shape;
    struct rp_sight sight;
    rp_status status = RP_OK;

    rp_brief_turn(p, number, start, end, &question->turn);
    sight = rp_brief_sight(p, start, &question->turn);
    question->reader = sight.reader;
    memcpy(question->metre, memory->metre,
           memory->metres * sizeof *memory->metre);
    question->reader.metre = question->metre;
    question->taste = p->settings.taste;
    question->from = rp_listen_tick(&p->listen, start);
    question->candidates = p->settings.candidates;
    set_wish(p, &question->turn, &question->wish);
    question->given = p->given;
    for (uint32_t l = 0; l < shape->layers && !status; l++)
        status = sight.engine->ops->state(sight.engine, sight.slot, l,
                                          question->state +
                                              (size_t)l * shape->hidden);
    return status;
}

/* ---- where it begins and ends ---- */

/* Beats the call lasted, rounded up to whole ones. */
static rp_beat call_length(const struct rp_performer *p)
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

static rp_beat length_of(const struct rp_performer *p)
{
    rp_beat bar = rp_metre_bar(p->clock.metre);

    if (p->settings.length)
        return p->settings.length * bar;
    return p->settings.mode == RP_MODE_TRADE ? p->settings.trade * bar
                                             : call_length(p);
}

/* Where an answer that begins at `start` ends. One that begins after the bar
 * line, because the call ended there, does not end after one as well: phrases
 * close on bar lines, the last one before it should end if at most a quarter
 * of it is lost. Shorter than a bar, or told how long, it is just so long. */
rp_beat rp_brief_end(const struct rp_performer *p, rp_beat start)
{
    rp_beat bar = rp_metre_bar(p->clock.metre), length = length_of(p);
    rp_beat end = start + length;
    rp_beat line = rp_clock_bar_before(&p->clock, end);

    if (p->settings.length || length < bar || line == end)
        return end;
    return 4 * (end - line) <= length && 2 * (end - line) <= bar ? line
                                                                 : line + bar;
}

rp_beat rp_brief_line(const struct rp_performer *p, rp_frame now)
{
    rp_frame soonest = now + p->lead;
    rp_beat line =
        rp_clock_beat_after(&p->clock, rp_clock_beat(&p->clock, soonest - 1));
    rp_beat bar;

    if (rp_clock_frame(&p->clock, line) < soonest)
        line = rp_clock_beat_after(&p->clock, line + 1);
    bar = rp_clock_bar_before(&p->clock, line);
    if (p->settings.mode == RP_MODE_TRADE && bar < line)
        line = bar + rp_metre_bar(p->clock.metre);
    return line;
}

rp_beat rp_brief_block(const struct rp_performer *p)
{
    rp_beat block = p->settings.trade * rp_metre_bar(p->clock.metre);
    rp_beat end = p->block + block;
    rp_beat now = rp_clock_beat(&p->clock, p->now + p->lead - 1);

    if (end < now)
        end += (now - end + block - 1) / block * block;
    return end;
}

bool rp_brief_start(const struct rp_performer *p, rp_beat *start)
{
    rp_frame asked = p->asked >= p->now ? p->asked : p->now - 1;

    if (p->settings.mode == RP_MODE_TRADE) {
        *start = rp_brief_block(p);
        return p->block_set;
    }
    for (int i = 0; i < ASKS; i++) {
        struct rp_phrase_signs signs;
        asked = rp_phrase_next(&p->listen, &p->clock, p->lead, asked);
        if (asked == RP_FRAME_NEVER ||
            rp_phrase_read(&p->listen, &p->clock, asked, p->lead, &signs))
            return false;
        if (rp_phrase_over(&signs)) {
            *start = rp_brief_line(p, asked);
            return true;
        }
    }
    return false;
}
