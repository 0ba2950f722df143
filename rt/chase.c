#include "rt/chase.h"

enum {
    MEMORY = 32,   /* ticks that the jitter is measured over */
    SETTLED = 12,  /* ticks after which the line can be trusted */
    FASTEST = 800, /* ticks a second: 2000 BPM */
    SLOWEST = 2    /* the same: 5 BPM */
};

/* How much a tempo may wander from tick to tick, as a share of the step. */
static const double WANDER = 1.4e-4;
/* Jitter, ms: before anything is known, and at least. */
static const double FIRST_MS = 4.0, LEAST_MS = 0.1;
/* An innovation is an outlier beyond three deviations. */
static const double OUTLIER = 9.0;

/* What explains the ticks on trial: nothing happened; one or more were lost; or
 * from one of them on the tempo drifts, or is another, or all come later than
 * they did. Each costs so much that chance seldom pays it; what it saves is a
 * sum of squares of unit variance. */
enum cause { NOTHING, LOST, DRIFT, TEMPO, SHIFT };
struct guess {
    enum cause cause;
    uint32_t from;  /* tick on trial that it begins with */
    uint32_t again; /* before this one, too, a tick was lost; 0: none */
    int lost;       /* ticks; below 0: one was counted that never was */
};

static double price(const struct guess *guess)
{
    static const double prices[] = {[NOTHING] = 0.0,
                                    [LOST] = 25.0,
                                    [DRIFT] = 24.0,
                                    [TEMPO] = 50.0,
                                    [SHIFT] = 60.0};

    return prices[guess->cause] + (guess->lost < 0 ? 10.0 : 0.0) +
           (guess->again ? 20.0 : 0.0) +
           (guess->cause == TEMPO && guess->lost ? 20.0 : 0.0);
}

/* ---- the filter ---- */

static double spread(const struct rp_chase *chase, const struct rp_line *line)
{
    return line->p00 + chase->noise;
}

static void predict(struct rp_line *line, int64_t tick)
{
    for (; line->tick < tick; line->tick++) {
        line->at += line->step;
        line->p00 += 2.0 * line->p01 + line->p11;
        line->p01 += line->p11;
        line->p11 += WANDER * WANDER * line->step * line->step;
    }
}

/* How far off the line a tick is that was predicted for. The further beyond
 * what can be, the less is it heeded. */
static double correct(const struct rp_chase *chase, struct rp_line *line,
                      double at)
{
    double s = spread(chase, line), off = at - line->at;
    double heed = chase->heard && off * off > OUTLIER * s
                      ? OUTLIER * s / (off * off)
                      : 1.0;
    double k0 = line->p00 / s, k1 = line->p01 / s;

    line->at += k0 * off * heed;
    line->step += k1 * off * heed;
    line->step = line->step < chase->rate / FASTEST   ? chase->rate / FASTEST
                 : line->step > chase->rate / SLOWEST ? chase->rate / SLOWEST
                                                      : line->step;
    line->p11 -= k1 * line->p01;
    line->p01 -= k0 * line->p01;
    line->p00 -= k0 * line->p00;
    return off;
}

/* ---- what explains the trial ---- */

static void loosen(struct rp_line *line, enum cause cause)
{
    if (cause == DRIFT) {
        line->p11 += 0.0004 * line->step * line->step;
    } else if (cause == TEMPO) {
        line->p11 += 0.5 * line->step * line->step;
    } else if (cause == SHIFT) {
        line->p00 += 0.3 * line->step * line->step;
    }
}

/* How many ticks were lost before a tick on trial. */
static int lost_before(const struct guess *guess, uint32_t i)
{
    return (i >= guess->from ? guess->lost : 0) +
           (guess->again && i >= guess->again);
}

/* The line through the trial, had it been so; its sum of squared deviations,
 * and with the price what it costs. */
static double follow(const struct rp_chase *chase, const struct guess *guess,
                     struct rp_line *line)
{
    double sum = 0.0;

    *line = chase->believed;
    for (uint32_t i = 0; i < chase->trials; i++) {
        double s, off;

        if (i == guess->from) {
            loosen(line, guess->cause);
        }
        predict(line, chase->trial[i].tick + lost_before(guess, i));
        s = spread(chase, line);
        off = correct(chase, line, chase->trial[i].at);
        sum += off * off / s;
    }
    return sum;
}

struct verdict {
    struct guess guess;
    double least;
};

/* Whether the oldest tick on trial is an outlier. */
static bool is_odd(const struct rp_chase *chase)
{
    struct rp_line line = chase->believed;
    double off;

    predict(&line, chase->trial[0].tick);
    off = chase->trial[0].at - line.at;
    return off * off > OUTLIER * spread(chase, &line);
}

/* A guess must leave no outlier, which mostly takes a tick more; but an
 * outlier that leaves the trial must mean something. */
static void consider(const struct rp_chase *chase, struct guess guess,
                     struct verdict *verdict)
{
    struct rp_line line;
    double sum;
    bool late;

    if (guess.lost < 0 && chase->trial[guess.from].tick + guess.lost <=
                              (guess.from ? chase->trial[guess.from - 1].tick
                                          : chase->believed.tick)) {
        return;
    }
    late = guess.from == 0 && chase->trials == RP_CHASE_TRIAL && is_odd(chase);
    sum = follow(chase, &guess, &line);
    if ((late || sum < 4.0 * (chase->trials + 2)) &&
        sum + price(&guess) < verdict->least) {
        verdict->least = sum + price(&guess);
        verdict->guess = guess;
    }
}

static void consider_from(const struct rp_chase *chase, uint32_t from,
                          struct verdict *verdict)
{
    for (int lost = -1; lost <= 4; lost++) {
        if (lost) {
            consider(chase, (struct guess){LOST, from, 0, lost}, verdict);
        }
    }
    for (uint32_t again = 1; again < chase->trials; again++) {
        if (again > from) {
            consider(chase, (struct guess){LOST, from, again, 1}, verdict);
        }
        if (again != from && from + 2 < chase->trials) {
            consider(chase, (struct guess){TEMPO, from, again, 0}, verdict);
        }
    }
    if (from + 2 < chase->trials) {
        consider(chase, (struct guess){TEMPO, from, 0, 1}, verdict);
    }
    if (from + 1 < chase->trials) {
        consider(chase, (struct guess){DRIFT, from, 0, 0}, verdict);
        consider(chase, (struct guess){TEMPO, from, 0, 0}, verdict);
    }
    if (from + 3 < chase->trials) {
        consider(chase, (struct guess){SHIFT, from, 0, 0}, verdict);
    }
}

/* The jitter of the first ticks: the median of how unequal two intervals in a
 * row are, which one lost tick does not sway. */
static void measure(struct rp_chase *chase)
{
    double square[RP_CHASE_TRIAL - 1], before = chase->believed.at;
    double least = LEAST_MS * chase->rate / 1000.0;

    for (uint32_t i = 0; i + 1 < RP_CHASE_TRIAL; i++) {
        double bend =
            before - 2.0 * chase->trial[i].at + chase->trial[i + 1].at;
        uint32_t at = i;

        for (; at && square[at - 1] > bend * bend; at--) {
            square[at] = square[at - 1];
        }
        square[at] = bend * bend;
        before = chase->trial[i].at;
    }
    /* of a normal deviate squared the median is 0.455; six variances */
    chase->noise = square[(RP_CHASE_TRIAL - 1) / 2] / (6.0 * 0.455);
    chase->noise =
        chase->noise < 9.0 * least * least ? 9.0 * least * least : chase->noise;
    chase->heard = RP_CHASE_TRIAL;
}

/* What it was, most likely; `now` is the line that follows. */
static struct guess judge(struct rp_chase *chase)
{
    struct verdict verdict = {.guess = {NOTHING, 0, 0, 0}};

    if (!chase->heard && chase->trials == RP_CHASE_TRIAL) {
        measure(chase);
    }
    verdict.least = follow(chase, &verdict.guess, &chase->now);
    if (!chase->heard ||
        verdict.least < price(&(struct guess){DRIFT, 0, 0, 0})) {
        return verdict.guess; /* nothing could be cheaper */
    }
    for (uint32_t from = 0; from < chase->trials; from++) {
        consider_from(chase, from, &verdict);
    }
    (void)follow(chase, &verdict.guess, &chase->now);
    return verdict.guess;
}

/* The oldest tick on trial is believed, and what is thought of it. */
static void believe(struct rp_chase *chase, const struct guess *guess)
{
    struct rp_line *line = &chase->believed;
    double s, off, square, least = LEAST_MS * chase->rate / 1000.0;

    if (guess->from == 0) {
        loosen(line, guess->cause);
        for (uint32_t i = 0; i < chase->trials; i++) {
            chase->trial[i].tick += lost_before(guess, 0);
        }
    }
    predict(line, chase->trial[0].tick);
    s = spread(chase, line);
    off = correct(chase, line, chase->trial[0].at);
    square = off * off > OUTLIER * s ? OUTLIER * s : off * off;
    chase->heard += chase->heard < MEMORY;
    chase->noise +=
        (square * chase->noise / s - chase->noise) / (double)(chase->heard + 1);
    if (chase->noise < least * least) {
        chase->noise = least * least;
    }
    chase->trials--;
    for (uint32_t i = 0; i < chase->trials; i++) {
        chase->trial[i] = chase->trial[i + 1];
    }
}

/* ---- for others ---- */

RP_RT void rp_chase_init(struct rp_chase *chase, uint32_t rate, double step)
{
    double jitter = FIRST_MS * rate / 1000.0;

    *chase = (struct rp_chase){.rate = rate, .noise = jitter * jitter};
    chase->believed.step = step;
    chase->now = chase->believed;
}

/* The line begins with this tick, numbered on; how steep it is, is known as
 * far as it was. */
static void begin(struct rp_chase *chase, double at)
{
    struct rp_line *line = &chase->believed;

    line->tick = chase->now.tick + (chase->ticks > 0);
    line->step = chase->now.step;
    line->at = at;
    line->p00 = chase->noise;
    line->p01 = 0.0;
    line->p11 =
        chase->ticks < SETTLED ? line->step * line->step : chase->now.p11;
    chase->trials = 0;
    chase->now = *line;
    chase->ticks += chase->ticks < UINT32_MAX;
}

/* None came for long: the nearest tick goes on, as uncertain as it must be. As
 * long again, and it is how far apart they are now. */
static void bridge(struct rp_chase *chase, double off)
{
    struct rp_line *line = &chase->believed;
    int64_t gap = (int64_t)(off + 0.5);
    double since = (off + 1.0) * chase->now.step, ratio = since / chase->gap;

    *line = chase->now;
    chase->trials = 0;
    if (chase->gap > 0 && ratio > 0.7 && ratio < 1.4 &&
        since < chase->rate / SLOWEST) { /* another tempo, very much slower */
        line->tick = chase->gap_tick + 1;
        line->step = since;
        line->p00 = chase->noise;
        line->p01 = 0.0;
        line->p11 = 0.01 * since * since + 2.0 * chase->noise;
        chase->now = *line;
        chase->gap = 0;
        return;
    }
    chase->gap = since;
    chase->gap_tick = line->tick;
    line->tick += gap;
    line->at += (double)gap * line->step;
    line->p00 = chase->noise + 0.05 * line->step * line->step;
    line->p01 = 0.0;
    chase->now = *line;
}

RP_RT void rp_chase_hear(struct rp_chase *chase, rp_frame frame)
{
    double at = (double)frame;
    double off = (at - chase->now.at) / chase->now.step - 1.0;
    int64_t last;

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
    if (chase->trials == RP_CHASE_TRIAL) {
        struct guess guess = judge(chase);

        believe(chase, &guess);
    }
    last = chase->trials ? chase->trial[chase->trials - 1].tick
                         : chase->believed.tick;
    chase->trial[chase->trials++] = (struct rp_chase_tick){last + 1, at};
    (void)judge(chase);
}

RP_RT void rp_chase_start(struct rp_chase *chase, rp_frame frame)
{
    struct rp_line next = chase->now;
    double off;

    predict(&next, next.tick + 1);
    off = (double)frame - next.at;
    if (chase->ticks < SETTLED || off * off > OUTLIER * spread(chase, &next)) {
        begin(chase, (double)frame);
    } else {
        rp_chase_hear(chase, frame);
    }
}

RP_RT double rp_chase_silence(const struct rp_chase *chase, rp_frame frame)
{
    return ((double)frame - chase->now.at) / chase->now.step;
}
