#include "model/play/phrase.h"

#include <string.h>

#include "model/play/odds.h"

/* Beats of silence, and probabilities that the next onset is still to come;
 * tuned on the validation split (riposte bench phrases --split valid). */
#define USUAL 0.92 /* up to the beat line */
#define SOON 0.4
#define LEAST 1.25 /* times the longest rest so far */
#define OVERDUE 0.002
#define RESTING 0.7
#define LATE_MOST 0.4
enum {
    FEW = 3, /* notes */
    SETTLE_MS = 100, /* a shorter silence is only a gap between fingers */
    TARDY_MS = 60,   /* an onset may come so late and still be meant for then */
    CONTEXT_BEATS = 32,
    CONTEXT_NOTES = 128
};

rp_frame rp_phrase_next(const struct rp_listen *listen,
                        const struct rp_clock *clock, rp_frame lead,
                        rp_frame after)
{
    rp_frame from = listen->call.last_off, frame;
    rp_beat beat;

    if (!listen->call.onsets || from == RP_FRAME_NEVER ||
        rp_listen_holds(listen))
        return RP_FRAME_NEVER;
    from += (rp_frame)clock->rate * SETTLE_MS / 1000;
    if (from <= after)
        from = after + 1;
    beat = rp_clock_beat_after(clock, rp_clock_beat(clock, from + lead - 1));
    frame = rp_clock_frame(clock, beat) - lead;
    if (frame < from)
        frame = rp_clock_frame(clock, rp_clock_beat_after(clock, beat + 1)) -
                lead;
    return frame;
}

static double median_length(const struct rp_call *call)
{
    uint16_t count[RP_TIME_SPAN + 1] = { 0 };
    uint32_t seen = 0;

    for (uint32_t i = 0; i < call->notes; i++) {
        int32_t d = call->note[i].duration;
        count[d < 0 ? 0 : d > RP_TIME_SPAN ? RP_TIME_SPAN : d]++;
    }
    for (uint32_t d = 0; d <= RP_TIME_SPAN; d++) {
        seen += count[d];
        if (2 * seen >= call->notes)
            return d;
    }
    return 0;
}

/* Where the last note ends and how long the longest rest so far was. Of a call
 * that is played detached, notes end where they would be written to: less is
 * no rest. */
static rp_beat find_rests(const struct rp_listen *listen,
                          const struct rp_clock *clock, rp_beat *longest)
{
    const struct rp_call *call = &listen->call;
    rp_beat over = rp_clock_beat(clock, call->last_off);
    int32_t rest = 0, end = call->notes ? call->note[0].onset : 0;

    *longest = call->longest_rest;
    if (!call->notes || !rp_touch_is_detached(&listen->touch))
        return over;
    for (uint32_t i = 0; i < call->notes; i++) {
        const struct rp_note *note = &call->note[i];
        if (note->onset - end > rest)
            rest = note->onset - end;
        if (note->onset + note->duration > end)
            end = note->onset + note->duration;
    }
    *longest = rp_listen_beat(listen, rest);
    end = call->end > end ? call->end : end;
    return over > rp_listen_beat(listen, end) ? over
                                              : rp_listen_beat(listen, end);
}

rp_status rp_phrase_read(const struct rp_listen *listen,
                         const struct rp_clock *clock, rp_frame now,
                         rp_frame lead, struct rp_phrase_signs *signs)
{
    const struct rp_memory *memory = listen->memory;
    const struct rp_call *call = &listen->call;
    int32_t ticks = memory->model->shape.vocabulary.resolution, tick, since;
    double late = rp_late_at(&listen->late, clock, call->last_on, NULL);
    rp_frame tardy = (rp_frame)((TARDY_MS + late) * clock->rate / 1000.0);
    rp_beat beat = rp_clock_beat(clock, now), longest;
    struct rp_draft draft = { .velocity = 64 };
    struct rp_sight sight;
    struct rp_odds odds;
    rp_status status;

    memset(signs, 0, sizeof *signs);
    tick = rp_listen_tick(listen, rp_clock_beat(clock, now - tardy));
    sight = rp_memory_sight(memory, tick, CONTEXT_BEATS * ticks,
                            CONTEXT_NOTES);
    since = tick - sight.reader.onset;
    status = rp_odds_init(&odds, &sight, &draft, RP_DT);
    if (status)
        return status;
    signs->expected = rp_odds_after(&odds, since > 0 ? since - 1 : 0);
    signs->ahead = (double)lead * clock->mbpm / (60000.0 * clock->rate);
    signs->silence = (double)(beat - find_rests(listen, clock, &longest)) /
                     RP_BEAT;
    /* Who is behind the beat has rested since before the release was heard. */
    late *= clock->mbpm / 60e6;
    signs->silence += late > LATE_MOST ? LATE_MOST : late > 0.0 ? late : 0.0;
    signs->since_onset =
        (double)(beat - rp_clock_beat(clock, call->last_on)) / RP_BEAT;
    signs->longest_rest = (double)longest / RP_BEAT;
    signs->length = (double)(rp_clock_beat(clock, call->last_off) -
                             call->first_beat) /
                    RP_BEAT;
    signs->notes = call->notes;
    if (call->notes)
        signs->last = (double)call->note[call->notes - 1].duration / ticks;
    signs->usual = median_length(call) / ticks;
    return RP_OK;
}

/* A rest is taken for the end when it is clearly longer than any before it and
 * almost a beat: then an answer falls on the next line. Two notes or fewer are
 * hardly a phrase yet and get another beat, and so does a place where the
 * network counts on a rest to go on. Where it is sure that the next note is
 * overdue, less is enough. */
bool rp_phrase_over(const struct rp_phrase_signs *signs)
{
    double least = LEAST * signs->longest_rest, enough = USUAL - signs->ahead;

    if (signs->notes < FEW || signs->expected > RESTING)
        enough += 1.0;
    else if (signs->expected < OVERDUE)
        enough = SOON;
    return signs->silence >= (enough > least ? enough : least);
}
