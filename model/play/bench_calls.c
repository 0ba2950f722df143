#include "model/play/bench_calls.h"

#include <stdlib.h>
#include <string.h>

#include "model/data/smf.h"
#include "model/net/rng.h"
#include "rt/log.h"

enum {
    NOTES_MIN = 4,
    NOTES_MAX = 40,
    BEATS_MIN = 2,
    BEATS_MAX = 32
};

const char *const rp_phrase_kind_names[RP_PHRASE_KINDS] = { "rest", "long",
                                                            "wide" };

static int32_t end_of(const struct rp_note *note)
{
    return note->onset + note->duration;
}

static int32_t rest_after(const struct rp_piece *piece, uint32_t i)
{
    if (i + 1 >= piece->count)
        return INT32_MAX;
    return piece->note[i + 1].onset - end_of(&piece->note[i]);
}

static int32_t median(const struct rp_note *note, uint32_t count)
{
    int32_t best = 1;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t shorter = 0, equal = 0;
        for (uint32_t k = 0; k < count; k++) {
            shorter += note[k].duration < note[i].duration;
            equal += note[k].duration == note[i].duration;
        }
        if (2 * shorter <= count && count <= 2 * (shorter + equal))
            best = note[i].duration;
    }
    return best;
}

/* Whether the phrase from `first` ends after note `i`, and as what. */
static bool ends_at(const struct rp_piece *piece, int32_t beat, uint32_t first,
                    uint32_t i, enum rp_phrase_kind *kind)
{
    int32_t rest = rest_after(piece, i), longest = piece->note[i].duration;

    if (*kind == RP_PHRASE_WIDE)
        return rest >= 2 * beat;
    *kind = RP_PHRASE_REST;
    if (rest >= beat)
        return true;
    *kind = RP_PHRASE_LONG;
    return longest >= 2 * beat && i + 1 - first >= NOTES_MIN &&
           longest >= 2 * median(piece->note + first, i + 1 - first);
}

static bool is_usable(const struct rp_bench_call *call, int32_t beat)
{
    const struct rp_note *note = call->piece->note + call->first;
    int32_t length = end_of(&note[call->count - 1]) - note[0].onset;
    bool rests = false;

    if (call->count < NOTES_MIN || call->count > NOTES_MAX ||
        length < BEATS_MIN * beat || length > BEATS_MAX * beat)
        return false;
    for (uint32_t i = 0; i + 1 < call->count; i++)
        rests = rests || note[i + 1].onset - end_of(&note[i]) >= beat;
    return call->kind != RP_PHRASE_WIDE || rests;
}

static rp_status add(struct rp_bench_calls *calls, struct rp_bench_call call)
{
    if (calls->count == calls->room) {
        uint32_t room = calls->room ? 2 * calls->room : 256;
        void *more = realloc(calls->call, room * sizeof *calls->call);
        if (!more) {
            rp_log(RP_ERROR, "bench", "out of memory");
            return RP_EMEM;
        }
        calls->call = more;
        calls->room = room;
    }
    calls->call[calls->count++] = call;
    return RP_OK;
}

static rp_status cut_piece(const struct rp_piece *piece, int32_t beat,
                           enum rp_phrase_kind wanted,
                           struct rp_bench_calls *calls)
{
    rp_status status = RP_OK;
    uint32_t first = 0;

    for (uint32_t i = 0; i < piece->count && !status; i++) {
        struct rp_bench_call call = { piece, first, i + 1 - first, wanted };
        if (!ends_at(piece, beat, first, i, &call.kind))
            continue;
        if (call.kind == wanted && is_usable(&call, beat))
            status = add(calls, call);
        first = i + 1;
    }
    return status;
}

rp_status rp_bench_calls_cut(const struct rp_dataset *dataset,
                             enum rp_split split, enum rp_phrase_kind kind,
                             uint32_t seed, struct rp_bench_calls *calls)
{
    struct rp_rng rng;
    rp_status status = RP_OK;

    memset(calls, 0, sizeof *calls);
    for (uint32_t i = 0; i < dataset->count && !status; i++)
        if (dataset->piece[i].split == split)
            status = cut_piece(&dataset->piece[i],
                               dataset->vocabulary.resolution, kind, calls);
    if (!status && !calls->count) {
        rp_log(RP_ERROR, "bench", "no phrase of the kind '%s' in the data",
               rp_phrase_kind_names[kind]);
        status = RP_ENONE;
    }
    rp_rng_init(&rng, seed, (uint32_t)kind);
    for (uint32_t i = calls->count; i > 1 && !status; i--) {
        uint32_t k = rp_rng_below(&rng, i);
        struct rp_bench_call swap = calls->call[i - 1];
        calls->call[i - 1] = calls->call[k];
        calls->call[k] = swap;
    }
    if (status)
        rp_bench_calls_fini(calls);
    return status;
}

void rp_bench_calls_fini(struct rp_bench_calls *calls)
{
    free(calls->call);
    memset(calls, 0, sizeof *calls);
}

uint32_t rp_bench_next_phrase(const struct rp_bench_call *call,
                              uint32_t resolution)
{
    struct rp_bench_call next = { call->piece, call->first + call->count, 0,
                                  call->kind };
    enum rp_phrase_kind kind;
    uint32_t i = next.first;

    while (i < call->piece->count &&
           (kind = call->kind,
            !ends_at(call->piece, (int32_t)resolution, next.first, i, &kind)))
        i++;
    next.count = i + 1 - next.first;
    return i < call->piece->count && is_usable(&next, (int32_t)resolution)
               ? next.count
               : 0;
}

uint32_t rp_bench_continuation(const struct rp_bench_call *call)
{
    const struct rp_piece *piece = call->piece;
    const struct rp_note *note = piece->note + call->first;
    uint32_t next = call->first + call->count, count = 0;
    int32_t length = note[call->count - 1].onset +
                     note[call->count - 1].duration - note[0].onset;

    if (next >= piece->count)
        return 0;
    while (next + count < piece->count &&
           piece->note[next + count].onset < piece->note[next].onset + length)
        count++;
    /* Cut off by the end of the piece: not as long as the call. */
    return next + count < piece->count ? count : 0;
}

uint32_t rp_bench_tempo(const char *path)
{
    struct rp_smf smf;
    uint32_t mbpm = 100000;

    if (rp_smf_read(path, &smf))
        return mbpm;
    if (smf.tempos && smf.tempo[0].us_per_beat)
        mbpm = (uint32_t)((60000000000u + smf.tempo[0].us_per_beat / 2) /
                          smf.tempo[0].us_per_beat);
    rp_smf_fini(&smf);
    return mbpm < 60000 ? 60000 : mbpm > 200000 ? 200000 : mbpm;
}

struct rp_metre rp_bench_metre(const struct rp_piece *piece,
                               uint32_t resolution, int32_t tick, int32_t *bar)
{
    struct rp_metre metre = { 4, 4 };
    int32_t start = piece->origin, length, from;

    for (uint32_t i = piece->metres; i-- > 0;) {
        if ((piece->metre[i].tick <= tick || i == 0) &&
            piece->metre[i].metre.unit) {
            metre = piece->metre[i].metre;
            start = piece->metre[i].tick;
            break;
        }
    }
    length = (int32_t)resolution * 4 * metre.beats / metre.unit;
    if (length < 1)
        length = 1;
    from = (tick - start) % length;
    *bar = tick - (from < 0 ? from + length : from);
    return metre;
}

/* Standard normal, near enough: twelve uniforms less their mean. */
static double normal(struct rp_rng *rng)
{
    double sum = -6.0;

    for (int i = 0; i < 12; i++)
        sum += rp_rng_float(rng);
    return sum;
}

rp_status rp_bench_play(struct rp_stage *stage,
                        const struct rp_bench_call *call,
                        const struct rp_bench_hand *hand, rp_frame frame,
                        rp_frame *last_on, rp_frame *last_off)
{
    const struct rp_note *note = call->piece->note + call->first;
    double tick = 60000.0 * stage->rate / hand->mbpm / hand->resolution;
    double sigma = hand->sigma_ms * stage->rate / 1000.0;
    double touch = hand->touch > 0.0 ? hand->touch : 1.0;
    rp_frame on[NOTES_MAX], off, least = stage->rate / 50;
    struct rp_rng rng;
    rp_status status = RP_OK;
    int32_t bar;

    (void)rp_bench_metre(call->piece, hand->resolution, note->onset, &bar);
    rp_rng_init(&rng, hand->seed, hand->number);
    *last_on = *last_off = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        on[i] = frame + (rp_frame)((note[i].onset - bar) * tick +
                                   sigma * normal(&rng));
        if (on[i] < frame)
            on[i] = frame;
        if (i && on[i] <= on[i - 1])
            on[i] = on[i - 1] + 1;
    }
    for (uint32_t i = 0; i < call->count && !status; i++) {
        double sounds = note[i].duration <= (int32_t)hand->resolution
                            ? touch * note[i].duration
                            : note[i].duration;
        off = frame + (rp_frame)((note[i].onset + sounds - bar) * tick +
                                 sigma * normal(&rng));
        if (off < on[i] + least)
            off = on[i] + least;
        /* A key goes up before it goes down again. */
        for (uint32_t k = i + 1; k < call->count; k++)
            if (note[k].pitch == note[i].pitch && off >= on[k])
                off = on[k] - 1 > on[i] ? on[k] - 1 : on[i] + 1;
        status = rp_stage_note(stage, on[i], off, note[i].pitch,
                               note[i].velocity);
        *last_on = on[i] > *last_on ? on[i] : *last_on;
        *last_off = off > *last_off ? off : *last_off;
    }
    return status;
}
