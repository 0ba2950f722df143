#include "model/data/chord_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/bars.h"
#include "rt/log.h"

/* Chords of later beats are not read: a day and a half of music. */
enum { BEATS_MAX = 1 << 18 };
enum { FIRST = RP_MAJOR, STATES = 12 * (RP_QUALITIES - FIRST) };

/* What a chord sounds. The numbers here and the costs below were chosen on
 * pop songs whose chords are written over a piano (every eighth of 818), and
 * agree there with what is written 83 % of the time (half of all songs, none of
 * them looked at; the root alone 94 %), with lead sheets' block chords 97 %:
 * tests/compare/chord_agreement.c. */
#define FOREIGN 0.2    /* share of the sound that is none of the chord's */
#define WEIGHT 8.0     /* so much a segment full of sound says */
#define BASS_ROOT 0.7  /* how often the lowest note is the root */
#define BASS_TONE 0.08 /* ... another tone of the chord */

/* Logarithms of how likely a new chord is where a bar, half a bar and another
 * beat begin. */
static const double change_cost[] = { -1.0, -1.0, -4.5 };

/* How common the qualities are. */
static const double common[RP_QUALITIES] = {
    [RP_MAJOR] = 0.40,           [RP_MINOR] = 0.22,
    [RP_DOMINANT] = 0.14,        [RP_MAJOR_SEVENTH] = 0.05,
    [RP_MINOR_SEVENTH] = 0.08,   [RP_HALF_DIMINISHED] = 0.015,
    [RP_DIMINISHED] = 0.02,      [RP_AUGMENTED] = 0.01,
    [RP_SUS4] = 0.03,            [RP_SUS2] = 0.015,
};

/* One beat of sound. */
struct segment {
    int32_t from, to;
    uint8_t step;     /* index into change_cost */
    double sound[12]; /* of each pitch class, as shares of the segment */
    double bass[12];  /* ... of the lowest pitch at each moment */
};

struct reading {
    const struct rp_note *note;
    uint32_t count;
    struct rp_bars bars;
    struct segment *segment;
    uint32_t segments;
    uint8_t *from; /* (segments, STATES) the state before */
    double sound[STATES][12]; /* log P of a pitch class over any, as tone */
    double bass[STATES][12];  /* ... and as the lowest note */
};

static int32_t end_of(const struct reading *r)
{
    int32_t end = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->note[i].onset + r->note[i].duration > end)
            end = r->note[i].onset + r->note[i].duration;
    return end;
}

/* Beats as the metre counts them: a bar of 6/8 has two. */
static int32_t beat_of(const struct reading *r, int32_t tick)
{
    int32_t bar = rp_bars_length(&r->bars, tick);
    int32_t beat = (int32_t)r->bars.resolution;
    int32_t dotted = beat * 3 / 2;

    for (uint32_t i = r->bars.count; i-- > 0;) {
        const struct rp_metre_change *change = &r->bars.change[i];
        if (change->tick > tick)
            continue;
        if (change->metre.unit == 8 && change->metre.beats % 3 == 0 &&
            dotted > 0 && bar % dotted == 0)
            return dotted;
        break;
    }
    return beat;
}

static rp_status cut_beats(struct reading *r)
{
    int32_t end = end_of(r), tick = rp_bars_before(&r->bars, r->note[0].onset);
    uint32_t room = 0;

    while (tick < end && r->segments < BEATS_MAX) {
        int32_t bar = rp_bars_before(&r->bars, tick);
        int32_t next = rp_bars_after(&r->bars, tick);
        int32_t to = tick + beat_of(r, tick), half = (next - bar) / 2;
        if (r->segments == room) {
            uint32_t grown = room ? 2 * room : 256;
            void *more = realloc(r->segment, grown * sizeof *r->segment);
            if (!more)
                return RP_EMEM;
            r->segment = more;
            room = grown;
        }
        to = to < next ? to : next;
        r->segment[r->segments++] = (struct segment){
            .from = tick,
            .to = to,
            .step = tick == bar ? 0 : tick - bar == half ? 1 : 2,
        };
        tick = to;
    }
    return RP_OK;
}

/* Index of the segment that holds a tick. */
static uint32_t segment_at(const struct reading *r, int32_t tick)
{
    uint32_t low = 0, high = r->segments - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (r->segment[middle].from <= tick)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static double overlap(const struct segment *s, int32_t from, int32_t to)
{
    int32_t begin = from > s->from ? from : s->from;
    int32_t end = to < s->to ? to : s->to;
    return end > begin ? (double)(end - begin) / (s->to - s->from) : 0;
}

/* Of notes that begin together the last is the lowest; it is the bass until
 * the next onset or a lower note that goes on. */
static void add_sound(struct reading *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const struct rp_note *note = &r->note[i];
        int32_t end = note->onset + note->duration;
        bool lowest =
            i + 1 == r->count || r->note[i + 1].onset != note->onset;
        for (uint32_t s = segment_at(r, note->onset);
             s < r->segments && r->segment[s].from < end; s++) {
            double share = overlap(&r->segment[s], note->onset, end);
            r->segment[s].sound[note->pitch % 12] += share;
            /* The lower, the more it is a bass. */
            if (lowest && note->pitch < 60)
                r->segment[s].bass[note->pitch % 12] +=
                    share * (60 - note->pitch) / 24;
        }
    }
}

static struct rp_chord chord_of(uint32_t state)
{
    return (struct rp_chord){ (uint8_t)(state % 12),
                              (uint8_t)(FIRST + state / 12) };
}

static void expect(struct reading *r)
{
    for (uint32_t state = 0; state < STATES; state++) {
        struct rp_chord chord = chord_of(state);
        uint16_t tones = rp_chord_tones(chord);
        int count = __builtin_popcount(tones);
        for (int i = 0; i < 12; i++) {
            bool tone = tones >> i & 1;
            double p = tone ? (1 - FOREIGN) / count : FOREIGN / (12 - count);
            double b = i == chord.root ? BASS_ROOT
                       : tone          ? BASS_TONE / (count - 1)
                                       : (1 - BASS_ROOT - BASS_TONE) /
                                             (12 - count);
            r->sound[state][i] = log(12 * p);
            r->bass[state][i] = log(12 * b);
        }
    }
}

static double sum_of(const double list[12])
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += list[i];
    return sum;
}

/* log P(what sounds in a segment | chord), without what all chords share,
 * added to best[]. Silence says nothing. */
static void listen(const struct reading *r, const struct segment *s,
                   double best[STATES])
{
    double total = sum_of(s->sound), low = sum_of(s->bass);

    if (total <= 0)
        return;
    for (uint32_t state = 0; state < STATES; state++) {
        double sum = 0, bass = 0;
        for (int i = 0; i < 12; i++) {
            sum += s->sound[i] * r->sound[state][i];
            bass += s->bass[i] * r->bass[state][i];
        }
        best[state] += WEIGHT * (total > 1 ? sum / total : sum) +
                       (low > 1 ? bass / low : bass);
    }
}

/* The likeliest way through the chords; best[] ends as the last segment's. */
static void walk(struct reading *r, double best[STATES])
{
    double prior[STATES];

    for (uint32_t i = 0; i < STATES; i++) {
        best[i] = 0;
        prior[i] = log(common[chord_of(i).quality]);
    }
    for (uint32_t s = 0; s < r->segments; s++) {
        const struct segment *segment = &r->segment[s];
        uint8_t *from = &r->from[(size_t)s * STATES];
        uint32_t top = 0;
        for (uint32_t i = 1; i < STATES; i++)
            if (best[i] > best[top])
                top = i;
        double change = best[top] + change_cost[segment->step];
        for (uint32_t i = 0; i < STATES; i++) {
            double moved = change + prior[i];
            from[i] = (uint8_t)(moved > best[i] ? top : i);
            if (moved > best[i])
                best[i] = moved;
        }
        listen(r, segment, best);
    }
}

/* Back from the last segment; writes one change where a chord begins. */
static rp_status list_changes(const struct reading *r,
                              const double best[STATES],
                              struct rp_chord_change **chord, uint32_t *chords)
{
    struct rp_chord_change *list = malloc(r->segments * sizeof *list);
    uint32_t state = 0, at = r->segments, kept = 0;

    if (!list)
        return RP_EMEM;
    for (uint32_t i = 1; i < STATES; i++)
        if (best[i] > best[state])
            state = i;
    while (at-- > 0) {
        list[at] = (struct rp_chord_change){ r->segment[at].from,
                                             chord_of(state) };
        state = r->from[(size_t)at * STATES + state];
    }
    for (uint32_t i = 0; i < r->segments; i++) {
        const struct rp_chord *last = kept ? &list[kept - 1].chord : NULL;
        if (!last || last->root != list[i].chord.root ||
            last->quality != list[i].chord.quality)
            list[kept++] = list[i];
    }
    *chord = list;
    *chords = kept;
    return RP_OK;
}

rp_status rp_chord_read(const struct rp_note *note, uint32_t count,
                        const struct rp_metre_change *metre, uint32_t metres,
                        uint32_t resolution, struct rp_chord_change **chord,
                        uint32_t *chords)
{
    struct reading r = { note, count, { metre, metres, resolution } };
    double best[STATES];
    rp_status status;

    *chord = NULL;
    *chords = 0;
    if (!count)
        return RP_OK;
    status = cut_beats(&r);
    if (!status && !(r.from = malloc((size_t)r.segments * STATES)))
        status = RP_EMEM;
    if (!status) {
        add_sound(&r);
        expect(&r);
        walk(&r, best);
        status = list_changes(&r, best, chord, chords);
    }
    if (status)
        rp_log(RP_ERROR, "chord_read", "out of memory");
    free(r.segment);
    free(r.from);
    return status;
}
