#include "model/play/listen.h"

#include <math.h>
#include <string.h>

#include "model/play/quantise.h"

enum {
    CONTEXT_BEATS = 32, /* heard notes are judged by so much of the past ... */
    CONTEXT_NOTES = 128, /* ... and no more notes, as in training */
    GAPS = 2             /* between notes tell how they are played */
};
#define GUESS 0.1           /* of a written length, where it is not played */

void rp_listen_init(struct rp_listen *listen, struct rp_memory *memory)
{
    memset(listen, 0, sizeof *listen);
    listen->memory = memory;
    listen->hurry = RP_FRAME_NEVER;
    rp_late_init(&listen->late);
    rp_listen_learn(listen);
    rp_listen_begin(listen);
}

void rp_listen_learn(struct rp_listen *listen)
{
    rp_voice_learn(&listen->voice, listen->memory);
}

void rp_listen_reset(struct rp_listen *listen)
{
    rp_listen_init(listen, listen->memory);
}

void rp_listen_begin(struct rp_listen *listen)
{
    struct rp_call *call = &listen->call;

    call->onsets = 0;
    call->notes = 0;
    call->first_frame = call->last_on = call->last_off = RP_FRAME_NEVER;
    call->first_beat = call->longest_rest = 0;
    call->end = INT32_MIN;
    call->low = 127;
    call->high = 0;
    rp_voice_begin(&listen->voice);
    rp_touch_begin(&listen->touch);
    rp_late_begin(&listen->late);
}

static uint32_t resolution(const struct rp_listen *listen)
{
    return listen->memory->model->shape.vocabulary.resolution;
}

int32_t rp_listen_tick(const struct rp_listen *listen, rp_beat beat)
{
    rp_beat tick = RP_BEAT / resolution(listen);
    rp_beat at = beat + tick / 2;

    return (int32_t)(at >= 0 ? at / tick : -((-at + tick - 1) / tick));
}

rp_beat rp_listen_beat(const struct rp_listen *listen, int32_t tick)
{
    return tick * (RP_BEAT / resolution(listen));
}

rp_beat rp_listen_onset(const struct rp_listen *listen,
                        const struct rp_note *note)
{
    return rp_listen_beat(listen, note->onset) +
           note->offset * (RP_BEAT / resolution(listen)) / 16;
}

void rp_listen_rescale(struct rp_listen *listen, uint32_t to, uint32_t from)
{
    struct rp_call *call = &listen->call;

    for (uint32_t i = 0; i < call->notes; i++) {
        struct rp_note *note = &call->note[i];
        int32_t end =
            rp_memory_rescale(note->onset + note->duration, to, from);
        note->onset = rp_memory_rescale(note->onset, to, from);
        note->offset = 0;
        if (note->duration)
            note->duration = end > note->onset ? end - note->onset : 1;
    }
    if (call->notes)
        call->end = rp_memory_rescale(call->end, to, from);
}

static rp_frame ms_frames(const struct rp_clock *clock, int ms)
{
    return (rp_frame)clock->rate * ms / 1000;
}

static rp_frame beat_frames(const struct rp_clock *clock)
{
    return (rp_frame)clock->rate * 60000 / clock->mbpm;
}

bool rp_listen_holds(const struct rp_listen *listen)
{
    for (uint32_t i = 0; i < 128; i++)
        if (listen->down[i])
            return true;
    return listen->pedal != 0;
}

/* ---- what comes in ---- */

/* A note that was still held when the call took it ends. */
static void end_in_call(struct rp_call *call, uint8_t pitch, int32_t tick)
{
    for (uint32_t i = call->notes; i-- > 0;) {
        struct rp_note *note = &call->note[i];
        if (note->pitch != pitch || note->duration)
            continue;
        note->duration = tick > note->onset ? tick - note->onset : 1;
        break;
    }
    if (call->notes && tick > call->end)
        call->end = tick;
}

/* So does one that the memory was told of as held. */
static void end_over(struct rp_listen *listen, uint8_t pitch, int32_t tick)
{
    uint8_t read = listen->over[pitch] - 1;

    rp_memory_release(listen->memory, read, tick);
    end_in_call(&listen->call, read, tick);
    listen->over[pitch] = 0;
}

/* What one voice is not told sounded until then. The call lasts as long; a
 * finger that is a little late makes it no longer. */
static void last_until(struct rp_listen *listen, rp_beat beat)
{
    int32_t half = (int32_t)resolution(listen) / 2;
    int32_t end = rp_listen_tick(listen, beat);

    if (half > 1)
        end = (end + half / 2) / half * half;
    if (listen->call.notes && end > listen->call.end)
        listen->call.end = end;
}

static void end_note(struct rp_listen *listen, const struct rp_clock *clock,
                     rp_frame frame, uint8_t pitch)
{
    rp_beat beat = rp_clock_beat(clock, frame);

    rp_voice_release(&listen->voice, pitch, frame);
    for (uint32_t i = listen->pending; i-- > 0;) {
        struct rp_listen_note *note = &listen->note[i];
        if (note->pitch != pitch || note->off_frame != RP_FRAME_NEVER)
            continue;
        note->off_frame = frame;
        note->off = beat;
        return;
    }
    if (listen->over[pitch])
        end_over(listen, pitch, rp_listen_tick(listen, beat));
    else if (listen->voice.line)
        last_until(listen, beat);
}

static void note_off(struct rp_listen *listen, const struct rp_clock *clock,
                     rp_frame frame, uint8_t channel, uint8_t pitch)
{
    if (!(listen->down[pitch] & 1u << channel))
        return;
    listen->down[pitch] &= (uint16_t)~(1u << channel);
    if (!listen->down[pitch])
        end_note(listen, clock, frame, pitch);
    listen->call.last_off = frame;
}

static rp_status push_group(struct rp_listen *listen,
                            const struct rp_clock *clock);

static void note_on(struct rp_listen *listen, const struct rp_clock *clock,
                    rp_frame frame, struct rp_event event)
{
    uint8_t channel = event.data[0] & 15, pitch = event.data[1];
    struct rp_call *call = &listen->call;
    rp_beat beat = rp_clock_beat(clock, frame);

    if (!call->onsets) {
        call->first_frame = frame;
        call->first_beat = beat;
    } else if (!rp_listen_holds(listen) && call->last_off != RP_FRAME_NEVER) {
        rp_beat rest = beat - rp_clock_beat(clock, call->last_off);
        if (rest > call->longest_rest)
            call->longest_rest = rest;
    }
    call->onsets++;
    call->last_on = frame;
    if (listen->down[pitch])
        end_note(listen, clock, frame, pitch);
    listen->down[pitch] |= (uint16_t)(1u << channel);
    /* Full: what is oldest goes on as it is. It cannot fail to make room. */
    if (listen->pending == RP_LISTEN_PENDING &&
        push_group(listen, clock))
        listen->pending = 0;
    listen->note[listen->pending++] =
        (struct rp_listen_note){ frame, RP_FRAME_NEVER, beat, 0, pitch,
                                 event.data[2], channel };
}

static void all_off(struct rp_listen *listen, const struct rp_clock *clock,
                    rp_frame frame, uint8_t channel)
{
    for (uint32_t i = 0; i < 128; i++)
        note_off(listen, clock, frame, channel, (uint8_t)i);
}

static void let_pedal_go(struct rp_listen *listen, rp_frame frame,
                         uint8_t channel)
{
    if (listen->pedal >> channel & 1)
        listen->call.last_off = frame;
    listen->pedal &= (uint16_t)~(1u << channel);
}

bool rp_listen_event(struct rp_listen *listen, const struct rp_clock *clock,
                     rp_frame frame, struct rp_event event)
{
    uint8_t channel = event.data[0] & 15;

    if (rp_event_is_on(event)) {
        note_on(listen, clock, frame, event);
        return true;
    }
    if (rp_event_is_off(event))
        note_off(listen, clock, frame, channel, event.data[1]);
    if ((event.data[0] & 0xf0) != RP_CONTROL)
        return false;
    if (event.data[1] == RP_CC_PEDAL) {
        if (event.data[2] >= 64)
            listen->pedal |= (uint16_t)(1u << channel);
        else
            let_pedal_go(listen, frame, channel);
    } else if (event.data[1] == RP_CC_RESET) {
        let_pedal_go(listen, frame, channel);
    } else if (event.data[1] == RP_CC_SOUND_OFF ||
               event.data[1] >= RP_CC_NOTES_OFF) {
        /* 124 to 127 change the mode and end all notes, too. */
        all_off(listen, clock, frame, channel);
    }
    return false;
}

/* ---- what is pushed ---- */

/* How many pending notes began within the folding time of the first. */
static uint32_t near_first(const struct rp_listen *listen,
                           const struct rp_clock *clock)
{
    rp_frame fold = ms_frames(clock, RP_LISTEN_FOLD_MS);
    uint32_t count = 1;

    while (count < listen->pending &&
           listen->note[count].on_frame - listen->note[0].on_frame <= fold)
        count++;
    return count;
}

/* When a note counts as held: after a beat, if its successor has waited for
 * half a one; a legato line overlaps for less. */
static rp_frame overdue(const struct rp_listen_note *note,
                        const struct rp_listen_note *successor,
                        const struct rp_clock *clock)
{
    rp_frame beat = beat_frames(clock);
    rp_frame one = note->on_frame + beat;
    rp_frame half = successor->on_frame + beat / 2;

    return one > half ? one : half;
}

/* Until when a note waits for onsets after it, of which there are `later`.
 * Whether a line goes on legato is worth a moment. Whether it is detached only
 * two gaps tell: a call's first two notes wait for them, but not as long as two
 * notes take to be over (phrase.c). */
static rp_frame patience(const struct rp_listen *listen,
                         const struct rp_clock *clock, rp_frame released,
                         uint32_t later)
{
    const struct rp_call *call = &listen->call;
    rp_frame legato = released + ms_frames(clock, RP_LISTEN_LEGATO_MS);
    rp_frame most = call->last_on;

    if (!listen->voice.line || call->notes >= GAPS)
        return later ? released : legato;
    if (later + call->notes >= GAPS)
        return released;
    if (call->last_off != RP_FRAME_NEVER && call->last_off > most)
        most = call->last_off;
    most += beat_frames(clock) * 5 / 4;
    if (most > listen->hurry)
        most = listen->hurry;
    return most > legato ? most : legato;
}

rp_frame rp_listen_due(const struct rp_listen *listen,
                       const struct rp_clock *clock)
{
    uint32_t near;
    rp_frame due, released = INT64_MIN;

    if (!listen->pending)
        return RP_FRAME_NEVER;
    near = near_first(listen, clock);
    due = listen->note[0].on_frame + ms_frames(clock, RP_LISTEN_FOLD_MS);
    for (uint32_t i = 0; i < near; i++) {
        const struct rp_listen_note *note = &listen->note[i];
        rp_frame known = note->off_frame;
        if (known != RP_FRAME_NEVER) {
            if (known > released)
                released = known;
        } else {
            if (near < listen->pending)
                known = overdue(note, &listen->note[near], clock);
            if (known > listen->hurry)
                known = listen->hurry;
        }
        if (known == RP_FRAME_NEVER)
            return RP_FRAME_NEVER;
        if (known > due)
            due = known;
    }
    if (released != INT64_MIN)
        released = patience(listen, clock, released, listen->pending - near);
    return released > due ? released : due;
}

/* Takes the first group out of what is pending, its highest note first: a
 * chord where they sound together. */
static uint32_t take_group(struct rp_listen *listen,
                           const struct rp_clock *clock,
                           struct rp_listen_note *group)
{
    struct rp_listen_note first = listen->note[0];
    uint32_t near = near_first(listen, clock), count = 0, left = 0;

    for (uint32_t i = 0; i < listen->pending; i++) {
        struct rp_listen_note note = listen->note[i];
        uint32_t at;
        if (i >= near || (i > 0 && !rp_voice_together(&first, &note))) {
            listen->note[left++] = note;
            continue;
        }
        for (at = count++; at > 0 && group[at - 1].pitch < note.pitch; at--)
            group[at] = group[at - 1];
        group[at] = note;
    }
    listen->pending = left;
    return count;
}

static void add_to_call(struct rp_listen *listen, const struct rp_note *note)
{
    struct rp_call *call = &listen->call;
    int32_t end = note->onset + (note->duration ? note->duration : 1);

    if (call->notes < RP_LISTEN_CALL)
        call->note[call->notes++] = *note;
    if (end > call->end)
        call->end = end;
    if (note->pitch < call->low)
        call->low = note->pitch;
    if (note->pitch > call->high)
        call->high = note->pitch;
}

/* Of what was played, in ticks, from the tick it was heard as. */
static int8_t offset_of(double played, int32_t onset)
{
    long offset = lround(16.0 * (played - onset));

    return (int8_t)(offset < -8 ? -8 : offset > 7 ? 7 : offset);
}

static double tick_ms(const struct rp_listen *listen,
                      const struct rp_clock *clock)
{
    return 60e6 / clock->mbpm / resolution(listen);
}

static double as_ticks(const struct rp_listen *listen, rp_beat beat,
                       double late)
{
    return (double)beat / (double)(RP_BEAT / resolution(listen)) - late;
}

/* The tune's last note ends where its next one begins, if it has not. */
static void end_tune(struct rp_listen *listen, int32_t tick)
{
    struct rp_call *call = &listen->call;
    struct rp_note *last = call->notes ? &call->note[call->notes - 1] : NULL;
    uint8_t pitch;

    if (!last)
        return;
    pitch = rp_voice_sound(listen->voice.octaves, last->pitch);
    if (!last->duration && listen->over[pitch])
        end_over(listen, pitch, tick);
    if (tick <= last->onset || last->onset + last->duration <= tick)
        return;
    last->duration = tick - last->onset;
    rp_memory_cut(listen->memory, last->pitch, tick);
}

/* The onset after a note, of what is pending from number `i` on; a single
 * line's is not under it. */
static const struct rp_listen_note *find_next(const struct rp_listen *listen,
                                              const struct rp_listen_note *from,
                                              uint32_t i)
{
    for (; i < listen->pending; i++) {
        const struct rp_listen_note *note = &listen->note[i];
        if (!listen->voice.line || note->pitch >= from->pitch ||
            !rp_voice_together(from, note))
            return note;
    }
    return NULL;
}

static void hear_touch(const struct rp_listen *listen, struct rp_touch *touch,
                       const struct rp_listen_note *note,
                       const struct rp_listen_note *next)
{
    rp_touch_hear(touch, note->on,
                  note->off_frame != RP_FRAME_NEVER ? note->off
                                                    : RP_TOUCH_LATER,
                  next ? next->on : RP_TOUCH_LATER, listen->pedal != 0);
}

/* What is detached is read as it would be written, the next note's gap looked
 * at, too. */
static void read_touch(struct rp_listen *listen,
                       const struct rp_listen_note *heard,
                       const struct rp_listen_note *next,
                       struct rp_played *played, struct rp_timing *timing)
{
    struct rp_touch touch;
    rp_beat later = next ? next->on : RP_TOUCH_LATER, written;

    hear_touch(listen, &listen->touch, heard, next);
    if (heard->off_frame == RP_FRAME_NEVER)
        return;
    touch = listen->touch;
    if (next)
        hear_touch(listen, &touch, next,
                   find_next(listen, next,
                             (uint32_t)(next - listen->note) + 1));
    written = rp_touch_written(&touch, heard->on, heard->off, later);
    if (written <= heard->off - heard->on)
        return;
    played->off = played->on + as_ticks(listen, written, 0.0);
    timing->off += GUESS * (played->off - played->on);
}

static rp_status push_note(struct rp_listen *listen,
                           const struct rp_clock *clock,
                           const struct rp_listen_note *heard, double on,
                           bool chord)
{
    double ms = tick_ms(listen, clock), doubt, late;
    struct rp_timing timing = { 0 };
    struct rp_played played = { .pitch = rp_voice_read(listen->voice.octaves,
                                                       heard->pitch),
                                .velocity = heard->velocity };
    const struct rp_listen_note *next = find_next(listen, heard, 0);
    struct rp_sight sight;
    struct rp_note note;
    rp_status status;

    late = rp_late_at(&listen->late, clock, heard->on_frame, &doubt) / ms;
    timing.on = sqrt(RP_LATE_SIGMA_MS * RP_LATE_SIGMA_MS + doubt) / ms;
    timing.off = 1.5 * timing.on;
    timing.reach = 3.5 * timing.on + 1.0;
    played.on = on - late;
    played.off = played.next = played.on - 1.0;
    if (heard->off_frame != RP_FRAME_NEVER) {
        played.off = as_ticks(listen, heard->off, late);
        if (played.off < played.on)
            played.off = played.on;
    }
    if (next) {
        rp_frame gap = next->on_frame - heard->off_frame;
        rp_frame legato = ms_frames(clock, RP_LISTEN_LEGATO_MS);
        played.next = as_ticks(listen, next->on, late);
        if (heard->off_frame != RP_FRAME_NEVER && gap < legato &&
            gap > -legato)
            played.off = played.next;
        /* One voice goes on to the next note, whatever is still held. */
        if (listen->voice.line && (heard->off_frame == RP_FRAME_NEVER ||
                                   played.off > played.next))
            played.off = played.next > played.on ? played.next : played.on;
    }
    if (listen->voice.line)
        read_touch(listen, heard, next, &played, &timing);
    sight = rp_memory_sight(listen->memory, (int32_t)lround(played.on),
                            CONTEXT_BEATS * (int32_t)resolution(listen),
                            CONTEXT_NOTES);
    status = rp_quantise(listen->memory, &sight, &played, &timing, chord,
                         &note);
    if (!status && listen->memory->model->shape.vocabulary.timing)
        note.offset = offset_of(played.on, note.onset);
    if (!status && listen->voice.line)
        end_tune(listen, note.onset);
    if (!status)
        status = rp_memory_push(listen->memory, &note);
    if (status)
        return status;
    listen->over[heard->pitch] = note.duration ? 0 : note.pitch + 1;
    add_to_call(listen, &note);
    if (!chord)
        rp_late_follow(&listen->late, clock, heard->on_frame,
                       (played.on - note.onset) * ms);
    return RP_OK;
}

/* What one voice is not told lengthens the call all the same. */
static void leave_out(struct rp_listen *listen,
                      const struct rp_listen_note *note)
{
    bool held = note->off_frame == RP_FRAME_NEVER;

    listen->beside[listen->besides++ % RP_LISTEN_BESIDE] =
        (struct rp_listen_beside){ note->on, held ? 0 : note->off - note->on,
                                   note->pitch };
    if (!held)
        last_until(listen, note->off);
}

/* Of a group, highest first, how many notes a network of one voice is told: one
 * or none. */
static uint32_t take_tune(struct rp_listen *listen,
                          const struct rp_clock *clock,
                          const struct rp_listen_note *group, uint32_t count)
{
    struct rp_voice *voice = &listen->voice;
    uint32_t told = count && !rp_voice_is_under(voice, group, listen->note,
                                                listen->pending, clock);

    if (told)
        rp_voice_follow(voice, group);
    for (uint32_t i = told; i < count; i++) {
        rp_voice_leave(voice, &group[i]);
        leave_out(listen, &group[i]);
    }
    return told;
}

static rp_status push_group(struct rp_listen *listen,
                            const struct rp_clock *clock)
{
    struct rp_listen_note group[RP_LISTEN_PENDING];
    uint32_t count = take_group(listen, clock, group);
    uint32_t told = listen->voice.line ? take_tune(listen, clock, group, count)
                                       : count;
    rp_status status = RP_OK;
    double on = 0.0;

    for (uint32_t i = 0; i < count; i++)
        on += as_ticks(listen, group[i].on, 0.0) / count;
    for (uint32_t i = 0; i < told && !status; i++)
        status = push_note(listen, clock, &group[i], on, i > 0);
    return status;
}

rp_status rp_listen_settle(struct rp_listen *listen,
                           const struct rp_clock *clock, rp_frame now)
{
    rp_status status = RP_OK;

    while (!status && rp_listen_due(listen, clock) <= now)
        status = push_group(listen, clock);
    return status;
}

rp_status rp_listen_close(struct rp_listen *listen,
                          const struct rp_clock *clock)
{
    rp_status status = RP_OK;

    while (!status && listen->pending)
        status = push_group(listen, clock);
    /* The answer is thought of as the call was read. */
    rp_memory_settle(listen->memory);
    return status;
}
