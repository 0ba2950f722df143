#include "rt/chase.h"

#include <string.h>

enum {
    MEMORY = 32,      /* ticks that the jitter is measured over */
    LOSS_TICKS = 500, /* and how often one is lost */
    SETTLED = 12,     /* ticks after which the line can be trusted */
    KNOWN = 6,        /* before the jitter is, no tempo is seen to change */
    MOST_LOST = 4,    /* ticks in a row */
    FASTEST = 800,    /* ticks a second: 2000 BPM */
    SLOWEST = 2       /* the same: 5 BPM */
};

/* How much a tempo may wander from tick to tick, as a share of the step. */
static const double WANDER = 1.4e-4;
/* Jitter, ms: before anything is known, and at least; and so many ticks count
 * for the former. */
static const double FIRST_MS = 4.0, LEAST_MS = 0.1, FIRST_TICKS = 3.0;
/* An innovation is an outlier beyond three deviations. */
static const double OUTLIER = 9.0;
/* Of so many ticks so few are lost, before any was seen to be. */
static const double LOSS_SEEN = 200.0, LOSS_LOST = 0.3;
/* Beyond WIDE nothing new is guessed of a guess, beyond LEAST_LIKELY it is
 * forgotten: what is that much dearer than the best is hardly ever right. */
static const double WIDE = 20.0, LEAST_LIKELY = 45.0;

/* What may have happened before or with a tick, and what it costs, twice the
 * negative logarithm of how seldom it is: the tempo drifts faster than it
 * wandered; it is another; this tick and all after it are shifted; this one is
 * none of them. */
enum cause { NOTHING, DRIFT, TEMPO, SHIFT, EXTRA, CAUSES };
static const double prices[CAUSES] = {
    [DRIFT] = 14.0, [TEMPO] = 21.0, [SHIFT] = 26.0, [EXTRA] = 27.0};
/* A tick lost in the same gap as another. */
static const double ONE_MORE = 6.0;

/* Natural, to 1e-4, of finite numbers above 0; libm's is not the same on every
 * machine. */
static double logarithm(double x)
{
    uint64_t bits;
    int exponent;
    double z, square;

    memcpy(&bits, &x, sizeof(bits));
    exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | (uint64_t)1023 << 52;
    memcpy(&x, &bits, sizeof(x));
    z = (x - 1.0) / (x + 1.0); /* of 1 to 2 */
    square = z * z;
    return exponent * 0.6931471805599453 +
           2.0 * z * (1.0 + square * (1.0 / 3 + square * (0.2 + square / 7)));
}

/* ---- the filter ---- */

static void predict(struct rp_line *line)
{
    line->tick++;
    line->at += line->step;
    line->p00 += 2.0 * line->p01 + line->p11;
    line->p01 += line->p11;
    line->p11 += WANDER * WANDER * line->step * line->step;
}

/* The jitter is what is off, as far as the line's own uncertainty is not the
 * reason. While it is new, a line that was believed with too little of it is
 * less certain, too. */
static void measure(const struct rp_chase *chase, struct rp_guess *guess,
                    double far)
{
    struct rp_line *line = &guess->line;
    double least = LEAST_MS * chase->rate / 1000.0, times;

    far = far > OUTLIER ? OUTLIER : far;
    guess->heard += guess->heard < MEMORY;
    times = 1.0 + (far - 1.0) / (guess->heard + FIRST_TICKS);
    guess->noise *= times;
    if (guess->noise < least * least) {
        guess->noise = least * least;
    }
    if (guess->heard < MEMORY && times > 1.0) {
        line->p00 *= times;
        line->p01 *= times;
        line->p11 *= times;
    }
}

/* The tick it was predicted for came. The further beyond what can be, the less
 * is it heeded, unless nothing is known yet. How likely it was is Student's:
 * the jitter is only as well known as it was measured. */
static void correct(const struct rp_chase *chase, struct rp_guess *guess,
                    double at)
{
    struct rp_line *line = &guess->line;
    double s = line->p00 + guess->noise, off = at - line->at;
    double far = off * off / s, freedom = guess->heard + FIRST_TICKS;
    double heed = guess->heard && far > OUTLIER ? OUTLIER / far : 1.0;
    double k0 = line->p00 / s, k1 = line->p01 / s;
    double least = chase->rate / FASTEST, most = chase->rate / SLOWEST;

    guess->cost += (freedom + 1.0) * logarithm(1.0 + far / freedom);
    guess->cost += logarithm(s);
    line->at += k0 * off * heed;
    line->step += k1 * off * heed;
    line->step = line->step < least  ? least
                 : line->step > most ? most
                                     : line->step;
    line->p11 -= k1 * line->p01;
    line->p01 -= k0 * line->p01;
    line->p00 -= k0 * line->p00;
    measure(chase, guess, far);
}

/* ---- the guesses ---- */

static bool within(double a, double b, double times)
{
    return a < times * b && b < times * a;
}

/* Nothing that comes could tell them apart. */
static bool is_same(const struct rp_guess *a, const struct rp_guess *b)
{
    const struct rp_line *x = &a->line, *y = &b->line;
    double at = x->at - y->at, step = x->step - y->step;
    double noise = a->noise < b->noise ? a->noise : b->noise;
    double p00 = x->p00 < y->p00 ? x->p00 : y->p00;
    double p11 = x->p11 < y->p11 ? x->p11 : y->p11;

    return x->tick == y->tick && at * at < 0.1 * (noise + p00) &&
           step * step < 0.3 * p11 && within(x->p00, y->p00, 2.0) &&
           within(x->p11, y->p11, 2.0);
}

struct list {
    uint32_t count;
    struct rp_guess guess[RP_CHASE_GUESSES];
};

static void drop(struct list *list, uint32_t at)
{
    list->count--;
    for (; at < list->count; at++) {
        list->guess[at] = list->guess[at + 1];
    }
}

/* In its place, unless there is one like it that is likelier, or so many. */
static void keep(struct list *list, const struct rp_guess *guess)
{
    uint32_t at = 0;

    for (; at < list->count && list->guess[at].cost <= guess->cost; at++) {
        if (is_same(&list->guess[at], guess)) {
            return;
        }
    }
    for (uint32_t i = list->count; i-- > at;) {
        if (is_same(&list->guess[i], guess)) {
            drop(list, i);
        }
    }
    if (at == RP_CHASE_GUESSES) {
        return;
    }
    list->count -= list->count == RP_CHASE_GUESSES;
    for (uint32_t i = list->count++; i > at; i--) {
        list->guess[i] = list->guess[i - 1];
    }
    list->guess[at] = *guess;
}

/* What `from` has become if so many ticks were lost before this one. */
static void consider_lost(const struct rp_chase *chase,
                          const struct rp_guess *from, double at, int lost,
                          struct list *list)
{
    struct rp_guess guess = *from;

    guess.cost +=
        ONE_MORE * (lost - 1) -
        2.0 * logarithm((guess.lost + LOSS_LOST) / (guess.seen + LOSS_SEEN));
    guess.seen++;
    guess.lost++;
    for (int i = 0; i <= lost; i++) {
        predict(&guess.line);
    }
    correct(chase, &guess, at);
    keep(list, &guess);
}

/* The same if `cause` is what happened. */
static void consider(const struct rp_chase *chase, const struct rp_guess *from,
                     double at, enum cause cause, struct list *list)
{
    struct rp_guess guess = *from;
    double square = guess.line.step * guess.line.step;

    guess.cost += prices[cause];
    guess.seen++;
    switch (cause) {
    case DRIFT:
        guess.line.p11 += 0.0004 * square;
        break;
    case TEMPO:
        guess.line.p11 += 0.5 * square;
        break;
    case SHIFT:
        guess.line.p00 += 0.3 * square;
        break;
    case EXTRA: /* anywhere in a step; 1.84: 2 pi, left out of all others */
        guess.cost += logarithm(square) - 1.84;
        keep(list, &guess);
        return;
    default:
        break;
    }
    predict(&guess.line);
    correct(chase, &guess, at);
    keep(list, &guess);
}

/* Every guess, with whatever may have happened now. */
static void judge(struct rp_chase *chase, double at)
{
    struct list list = {0};
    double best;

    for (uint32_t i = 0; i < chase->guesses; i++) {
        const struct rp_guess *guess = &chase->guess[i];

        consider(chase, guess, at, NOTHING, &list);
        if (guess->cost > WIDE) {
            continue;
        }
        for (int lost = 1; lost <= MOST_LOST; lost++) {
            consider_lost(chase, guess, at, lost, &list);
        }
        for (int cause = DRIFT; guess->heard > KNOWN && cause < EXTRA;
             cause++) {
            consider(chase, guess, at, (enum cause)cause, &list);
        }
        consider(chase, guess, at, EXTRA, &list);
    }
    best = list.guess[0].cost;
    chase->guesses = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        struct rp_guess *guess = &list.guess[i];

        guess->cost -= best;
        if (guess->seen > LOSS_TICKS) {
            guess->seen /= 2.0;
            guess->lost /= 2.0;
        }
        if (guess->cost < LEAST_LIKELY) {
            chase->guess[chase->guesses++] = *guess;
        }
    }
    chase->now = chase->guess[0].line;
}

/* There is no doubt. */
static void settle(struct rp_chase *chase, const struct rp_line *line)
{
    chase->now = chase->guess[0].line = *line;
    chase->guess[0].cost = 0.0;
    chase->guesses = 1;
}

/* ---- for others ---- */

RP_RT void rp_chase_init(struct rp_chase *chase, uint32_t rate, double step)
{
    double jitter = FIRST_MS * rate / 1000.0;
    struct rp_line line = {.step = step};

    *chase = (struct rp_chase){.rate = rate};
    chase->guess[0].noise = jitter * jitter;
    settle(chase, &line);
}

/* The line begins with this tick, numbered on; how steep it is, is known as
 * far as it was. */
static void begin(struct rp_chase *chase, double at)
{
    struct rp_line line = chase->now;

    line.tick += chase->ticks > 0;
    line.at = at;
    line.p00 = chase->guess[0].noise;
    line.p01 = 0.0;
    if (chase->ticks < SETTLED) {
        line.p11 = line.step * line.step;
    }
    settle(chase, &line);
    chase->ticks += chase->ticks < UINT32_MAX;
}

/* None came for long: the nearest tick goes on, as uncertain as it must be. As
 * long again, and it is how far apart they are now. */
static void bridge(struct rp_chase *chase, double off)
{
    struct rp_line line = chase->now;
    int64_t gap = (int64_t)(off + 0.5);
    double since = (off + 1.0) * line.step, ratio = since / chase->gap;
    double noise = chase->guess[0].noise;

    line.p00 = noise;
    line.p01 = 0.0;
    if (chase->gap > 0 && ratio > 0.7 && ratio < 1.4 &&
        since < chase->rate / SLOWEST) { /* another tempo, very much slower */
        line.tick = chase->gap_tick + 1;
        line.step = since;
        line.p11 = 0.01 * since * since + 2.0 * noise;
        chase->gap = 0;
    } else {
        chase->gap = since;
        chase->gap_tick = line.tick;
        line.tick += gap;
        line.at += (double)gap * line.step;
        line.p00 += 0.05 * line.step * line.step;
    }
    settle(chase, &line);
}

RP_RT void rp_chase_hear(struct rp_chase *chase, rp_frame frame)
{
    double at = (double)frame;
    double off = (at - chase->now.at) / chase->now.step - 1.0;

    if (!chase->ticks) {
        begin(chase, at);
        return;
    }
    chase->ticks += chase->ticks < UINT32_MAX;
    if (off > RP_TICKS / 2) {
        bridge(chase, off);
    } else {
        chase->gap = 0;
    }
    judge(chase, at);
}

RP_RT void rp_chase_start(struct rp_chase *chase, rp_frame frame)
{
    struct rp_line next = chase->now;
    double off;

    predict(&next);
    off = (double)frame - next.at;
    if (chase->ticks < SETTLED ||
        off * off > OUTLIER * (next.p00 + chase->guess[0].noise)) {
        begin(chase, (double)frame);
    } else {
        rp_chase_hear(chase, frame);
    }
}

RP_RT double rp_chase_silence(const struct rp_chase *chase, rp_frame frame)
{
    return ((double)frame - chase->now.at) / chase->now.step;
}
