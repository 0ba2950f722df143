#include "model/play/candidates.h"

#include <stdlib.h>

/* Points, against each other; measured (model/README.md). */
#define AWAY 4.0f     /* the last note is not of the tonic triad */
#define OPEN 3.0f     /* it leaves open what should be closed */
#define THIRDS 0.4f   /* of the turns may end on the third */
#define BRIEF 1.0f    /* it lasts less than a beat */
#define WEAK 1.0f     /* it begins neither on a bar line nor on a middle */
#define UNFILLED 1.0f /* more than a beat is left after it */
#define FOREIGN 6.0f  /* if all notes were outside the key */
#define CLASH 5.0f    /* if all beats were outside the chords */
#define SIZE 4.0f     /* if it had no notes or twice too many */
#define LIKE 3.0f     /* notes or length as if there were none */
#define PLAIN 6.0f    /* all notes inside the key instead of outside, */
#define CHROMATIC 3.0f /* or the reverse */
#define ECHO 6.0f     /* all instead of nothing, or the reverse */
#define NEAR_ECHO 0.1f /* so near is near enough */
#define NEAR_SIZE 0.5f /* half as many notes or twice as many */
#define NEAR_KEY 0.4f /* so many notes outside the key are none too many */
enum {
    FIGURE = 4, /* notes of a figure that can come back */
    LOOP = 12,  /* notes of the longest figure that counts as a loop */
    FEW = 8     /* fewer candidates tell nothing about what is usual */
};

/* ---- what comes back ---- */

/* Even below the knob and even above it, as far as half-way to the ends, in
 * such shares that the mean is the knob. The key is of no note that is
 * drawn. */
float rp_wish_echo(float echo, uint32_t seed, uint32_t turn)
{
    struct rp_draw_key key = { seed, turn, UINT32_MAX, 0, 0 };
    float u = rp_rng_uniform(key), below = 1.0f - echo;

    if (u < below)
        return 0.5f * (echo + echo * (u / below));
    return echo > 0.0f ? echo + 0.5f * below * ((u - below) / echo) : 0.0f;
}

/* After a phrase that closed on the tonic, composers' next one that ends on
 * tonic or third ends on the third one time in four. Where both will do, half
 * of the answers do. */
bool rp_wish_third(uint32_t seed, uint32_t turn)
{
    struct rp_draw_key key = { seed, turn, UINT32_MAX, 1, 0 };

    return rp_rng_uniform(key) < THIRDS;
}

static int32_t dt_of(const struct rp_note *note, uint32_t i)
{
    return note[i + 1].onset - note[i].onset;
}

/* A step up or down as in another key or mode: the same, or a semitone off in
 * the same direction. */
static bool is_step_like(int a, int b)
{
    if (abs(a - b) > 1)
        return false;
    return (a > 0) == (b > 0) && (a < 0) == (b < 0);
}

/* Whether the figures of `n` notes are alike: 0 no, 1 in rhythm, 2 in steps as
 * well. */
static int alike(const struct rp_note *a, const struct rp_note *b, uint32_t n)
{
    int like = 2;

    for (uint32_t i = 0; i + 1 < n; i++) {
        if (dt_of(a, i) != dt_of(b, i))
            return 0;
        if (!is_step_like(a[i + 1].pitch - a[i].pitch,
                          b[i + 1].pitch - b[i].pitch))
            like = 1;
    }
    return like;
}

/* The highest of what begins together: what is heard as the tune. */
static uint32_t top_line(const struct rp_note *note, uint32_t count,
                         uint32_t most, struct rp_note *line)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (!n || line[n - 1].onset != note[i].onset) {
            if (n == most)
                break;
            line[n++] = note[i];
        } else if (note[i].pitch > line[n - 1].pitch) {
            line[n - 1] = note[i];
        }
    }
    return n;
}

static float line_echo(const struct rp_note *call, uint32_t calls,
                       const struct rp_note *note, uint32_t count)
{
    uint32_t n = calls < FIGURE ? calls : FIGURE, rhythm = 0, motif = 0;
    uint32_t rhythm_to = 0, motif_to = 0; /* notes counted so far */

    if (n < 2 || count < n)
        return 0.0f;
    for (uint32_t i = 0; i + n <= count; i++) {
        int best = 0;
        for (uint32_t k = 0; k + n <= calls && best < 2; k++) {
            int like = alike(note + i, call + k, n);
            best = like > best ? like : best;
        }
        if (best > 0) {
            rhythm += i + n - (rhythm_to > i ? rhythm_to : i);
            rhythm_to = i + n;
        }
        if (best > 1) {
            motif += i + n - (motif_to > i ? motif_to : i);
            motif_to = i + n;
        }
    }
    return (float)(rhythm + motif) / (float)(2 * count);
}

float rp_candidates_echo(const struct rp_note *call, uint32_t calls,
                         const struct rp_note *note, uint32_t count)
{
    struct rp_note heard[RP_WISH_NOTES], line[RP_ROLLOUT_NOTES];

    calls = top_line(call, calls, RP_WISH_NOTES, heard);
    count = top_line(note, count, RP_ROLLOUT_NOTES, line);
    return line_echo(heard, calls, line, count);
}

static bool same(const struct rp_note *note, uint32_t a, uint32_t b)
{
    return note[a].pitch == note[b].pitch && dt_of(note, a) == dt_of(note, b);
}

/* The last note has no dt: its figure may end there. */
bool rp_candidates_loops(const struct rp_note *note, uint32_t count)
{
    for (uint32_t period = 2; period <= LOOP; period++) {
        uint32_t run = 0;
        for (uint32_t i = 0; i + period + 1 < count; i++) {
            run = same(note, i, i + period) ? run + 1 : 0;
            if (run >= 2 * period - 1 &&
                note[i + 1].pitch == note[i + 1 + period].pitch)
                return true;
        }
    }
    return false;
}

/* ---- how it is made ---- */

static float past(float value, float near)
{
    return value > near ? value - near : 0.0f;
}

/* A call that does not close on the tonic asks for an answer that does; one
 * that does may now and then be answered on the third, but the fifth asks
 * again. */
static bool is_open(const struct rp_wish *wish, int key, uint8_t last)
{
    int tonic = key % 12;

    if (last % 12 == tonic)
        return false;
    return last % 12 == (tonic + 7) % 12 || !wish->third || !wish->notes ||
           wish->call[wish->notes - 1].pitch % 12 != tonic;
}

/* Ticks from one strong place to the next: half a bar, where that is a beat,
 * which in three or five beats it is not. */
static int32_t strong_ticks(const struct rp_dynamics *grid)
{
    int32_t half = grid->bar / 2;

    return grid->bar % 2 || (grid->beat > 0 && half % grid->beat) ? grid->bar
                                                                  : half;
}

/* At home in the likeliest key it is to be; how open it leaves things, counts
 * in every key by how likely that is the one: where there is doubt, what closes
 * in the one and not wrongly in the other. */
static float judge_last(const struct rp_wish *wish, uint8_t last)
{
    float open = 0.0f;

    if (wish->key < 0)
        return 0.0f;
    for (int key = 0; key < RP_KEYS; key++)
        if (!rp_key_home(key, last) || is_open(wish, key, last))
            open += wish->likely[key];
    return OPEN * open + (rp_key_home(wish->key, last) ? 0.0f : AWAY);
}

static float judge_cadence(const struct rp_wish *wish,
                           const struct rp_turn *turn,
                           const struct rp_note *note, uint32_t count)
{
    const struct rp_dynamics *grid = &turn->dynamics;
    const struct rp_note *last = &note[count - 1];
    float points = judge_last(wish, last->pitch);

    if (grid->beat > 0 && last->duration < grid->beat)
        points += BRIEF;
    if (grid->bar > 0 && (last->onset - grid->line) % strong_ticks(grid))
        points += WEAK;
    if (turn->steer.end != INT32_MAX && grid->beat > 0 &&
        turn->steer.end - last->onset - last->duration > grid->beat)
        points += UNFILLED;
    return points;
}

/* Beats that are no tone of the chord in force, of those that have one. */
static float count_clashes(const struct rp_turn *turn,
                           const struct rp_note *note, uint32_t count)
{
    int32_t beat = turn->dynamics.beat;
    uint32_t beats = 0, clashes = 0;

    for (uint32_t i = 0; i < count && beat > 0; i++) {
        const struct rp_chord_change *change =
            rp_chord_find(turn->chord, turn->chords, note[i].onset);
        uint16_t tones = change ? rp_chord_tones(change->chord) : 0;
        if (!tones || (note[i].onset - turn->dynamics.line) % beat)
            continue;
        beats++;
        clashes += !(tones >> note[i].pitch % 12 & 1);
    }
    return beats ? (float)clashes / (float)beats : 0.0f;
}

static float share_foreign(int key, const struct rp_note *note,
                           uint32_t count)
{
    uint32_t foreign = 0;

    for (uint32_t i = 0; i < count; i++)
        foreign += !rp_key_has(key, note[i].pitch);
    return (float)foreign / (float)count;
}

/* Who plays outside the key may be answered so. */
static float judge_tones(const struct rp_wish *wish,
                         const struct rp_turn *turn,
                         const struct rp_note *note, uint32_t count)
{
    float points = CLASH * count_clashes(turn, note, count), near = NEAR_KEY;

    if (wish->key < 0 || !wish->clear)
        return points;
    if (wish->notes)
        near += share_foreign(wish->key, wish->call, wish->notes);
    return points +
           FOREIGN * past(share_foreign(wish->key, note, count), near);
}

/* How much smaller one is than the other: 0 as large .. 1. */
static float apart(float a, float b)
{
    return a > b ? 1.0f - b / a : 1.0f - a / b;
}

static float judge_size(const struct rp_wish *wish, uint32_t count)
{
    if (!wish->expected || wish->like.notes)
        return 0.0f;
    return SIZE * past(apart((float)count, (float)wish->expected), NEAR_SIZE);
}

static struct rp_likeness look(int key, const struct rp_note *note,
                               uint32_t count)
{
    const struct rp_note *last = &note[count - 1];

    return (struct rp_likeness){
        .notes = count,
        .span = last->onset + last->duration - note->onset,
        .foreign = key >= 0 ? share_foreign(key, note, count) : 0.0f,
    };
}

/* No nearness is near enough: else whatever goes with fewer notes, as little
 * echo does, or with a plainer scale, as a good close does, would change
 * answers the more, the more there are to choose from. */
static float judge_likeness(const struct rp_wish *wish,
                            const struct rp_note *note, uint32_t count)
{
    const struct rp_likeness *like = &wish->like;
    struct rp_likeness is;

    if (!like->notes)
        return 0.0f;
    is = look(wish->key, note, count);
    return LIKE * apart((float)is.notes, (float)like->notes) +
           LIKE * apart((float)is.span, (float)like->span) +
           PLAIN * past(like->foreign, is.foreign) +
           CHROMATIC * past(is.foreign, like->foreign);
}

void rp_candidates_judge(const struct rp_wish *wish,
                         const struct rp_turn *turn,
                         const struct rp_note *note, uint32_t count,
                         struct rp_verdict *verdict)
{
    float echo = rp_candidates_echo(wish->call, wish->notes, note, count);
    float far = echo > wish->echo ? echo - wish->echo : wish->echo - echo;

    *verdict = (struct rp_verdict){
        .cadence = judge_cadence(wish, turn, note, count),
        .tones = judge_tones(wish, turn, note, count),
        .size = judge_size(wish, count),
        .unlike = judge_likeness(wish, note, count),
        .echo = ECHO * past(far, NEAR_ECHO),
        .loop = rp_candidates_loops(note, count),
    };
}

float rp_verdict_sum(const struct rp_verdict *verdict)
{
    return verdict->cadence + verdict->tones + verdict->size +
           verdict->unlike + verdict->echo;
}

/* ---- what is usual ---- */

static float likelihood(const struct rp_rolled *rolled)
{
    return rolled->fields ? rolled->logp / (float)rolled->fields : 0.0f;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* The middle half of the set by likelihood of a class. */
static void find_usual(const struct rp_rollout *set, float *order, float *low,
                       float *high)
{
    uint32_t count = 0;

    *low = -1e30f;
    *high = 1e30f;
    for (uint32_t i = 0; i < set->candidates; i++)
        if (set->rolled[i].notes)
            order[count++] = likelihood(&set->rolled[i]);
    if (count < FEW)
        return;
    qsort(order, count, sizeof *order, by_size);
    *low = order[count / 4];
    *high = order[count - 1 - count / 4];
}

static bool is_usual(const struct rp_rolled *rolled, float low, float high)
{
    return rolled->notes && likelihood(rolled) >= low &&
           likelihood(rolled) <= high;
}

/* How full, how long and how chromatic answers are is not for choosing to say:
 * the first candidate, a draw like any other, says it, so that more of them
 * change it no more than one. Of a few hardly any would be like it. */
static void wish_likeness(const struct rp_rollout *set, struct rp_wish *wish)
{
    uint32_t count = 0, first = 0;

    for (uint32_t i = set->candidates; i-- > 0;)
        if (set->rolled[i].notes) {
            first = i;
            count++;
        }
    if (count < FEW)
        return;
    wish->like = look(wish->key, set->note + (size_t)first * set->most,
                      set->rolled[first].notes);
    if (wish->like.foreign > NEAR_KEY)
        wish->like.foreign = NEAR_KEY;
}

uint32_t rp_candidates_choose(const struct rp_wish *asked,
                              const struct rp_rollout *set, float *order)
{
    float low, high, best_points = 0.0f;
    bool found = false, best_loop = false;
    struct rp_wish wish = *asked;
    uint32_t best = 0;

    find_usual(set, order, &low, &high);
    wish_likeness(set, &wish);
    for (uint32_t i = 0; i < set->candidates; i++) {
        const struct rp_rolled *rolled = &set->rolled[i];
        struct rp_verdict verdict;
        float points;
        if (!is_usual(rolled, low, high))
            continue;
        rp_candidates_judge(&wish, set->turn,
                            set->note + (size_t)i * set->most, rolled->notes,
                            &verdict);
        points = rp_verdict_sum(&verdict);
        if (found && (verdict.loop > best_loop ||
                      (verdict.loop == best_loop && points >= best_points)))
            continue;
        found = true;
        best = i;
        best_points = points;
        best_loop = verdict.loop;
    }
    return best;
}
