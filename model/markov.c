#include "model/markov.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

/* Tables of counts; each keeps order 0, 1 and 2 apart by `order`. */
enum kind { RHYTHM, DT, DURATION, INTERVAL, PITCH };

enum { INTERVALS = 255, END_SHARE = 1000 /* one in: END where unseen */ };

/* What followed a past; with next ANY, the past itself: how often it
 * came, and before how many different things. */
struct key {
    uint8_t kind, order;
    bool any;
    int64_t two, one, next;
};
struct cell {
    struct key key;
    uint32_t count, types;
};

struct rp_markov {
    struct rp_vocabulary vocabulary;
    struct cell *cell; /* open addressing; count 0: free */
    uint32_t used, mask;
    double again_rhythm, again_pitch;
};

const struct rp_rhythm rp_rhythm_end = {-1, 0}, rp_rhythm_start = {-2, 0};

static int64_t pack(struct rp_rhythm rhythm)
{
    return (int64_t)((uint64_t)(uint32_t)rhythm.dt << 32 |
                     (uint32_t)rhythm.duration);
}

static uint64_t hash(const struct key *key)
{
    uint64_t h = (uint64_t)key->kind << 8 | (uint64_t)key->order << 1 |
                 key->any;
    const int64_t part[] = {key->two, key->one, key->next};
    for (int i = 0; i < 3; i++) {
        h = (h ^ (uint64_t)part[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h;
}

static bool same(const struct key *a, const struct key *b)
{
    return a->kind == b->kind && a->order == b->order && a->any == b->any &&
           a->two == b->two && a->one == b->one && a->next == b->next;
}

/* The cell of `key`, or the free one where it belongs. */
static struct cell *find(const struct rp_markov *markov, const struct key *key)
{
    uint32_t at = (uint32_t)hash(key) & markov->mask;
    while (markov->cell[at].count && !same(&markov->cell[at].key, key))
        at = (at + 1) & markov->mask;
    return &markov->cell[at];
}

static bool widen(struct rp_markov *markov)
{
    struct rp_markov wide = *markov;
    uint32_t size = markov->cell ? 2 * (markov->mask + 1) : 1 << 12;
    wide.cell = calloc(size, sizeof *wide.cell);
    if (!size || !wide.cell)
        return false;
    wide.mask = size - 1;
    for (uint32_t i = 0; markov->cell && i <= markov->mask; i++)
        if (markov->cell[i].count)
            *find(&wide, &markov->cell[i].key) = markov->cell[i];
    free(markov->cell);
    *markov = wide;
    return true;
}

static bool count_cell(struct rp_markov *markov, struct key key, bool *fresh)
{
    if ((!markov->cell || markov->used > markov->mask / 2) && !widen(markov))
        return false;
    struct cell *cell = find(markov, &key);
    *fresh = !cell->count;
    if (*fresh) {
        cell->key = key;
        markov->used++;
    }
    cell->count++;
    return true;
}

static struct key key_of(enum kind kind, int order, int64_t two, int64_t one,
                         int64_t next)
{
    return (struct key){.kind = (uint8_t)kind, .order = (uint8_t)order,
                        .two = order > 1 ? two : 0, .one = order ? one : 0,
                        .next = next};
}

/* Counts `next` after its past in every order up to `order`. */
static bool count_up(struct rp_markov *markov, enum kind kind, int order,
                     int64_t two, int64_t one, int64_t next)
{
    for (; order >= 0; order--) {
        struct key key = key_of(kind, order, two, one, next);
        bool fresh, unused;
        if (!count_cell(markov, key, &fresh))
            return false;
        key.any = true;
        key.next = 0;
        if (!count_cell(markov, key, &unused))
            return false;
        find(markov, &key)->types += fresh;
    }
    return true;
}

/* Witten-Bell, up from `base`, the probability below order 0. */
static double chain(const struct rp_markov *markov, enum kind kind, int most,
                    int64_t two, int64_t one, int64_t next, double base)
{
    double p = base;
    for (int order = 0; order <= most; order++) {
        struct key key = key_of(kind, order, two, one, next);
        uint32_t count = find(markov, &key)->count;
        key.any = true;
        key.next = 0;
        const struct cell *all = find(markov, &key);
        if (all->count)
            p = (count + all->types * p) / ((double)all->count + all->types);
    }
    return p;
}

/* Sums to 1 over ticks 0, 1, 2, ... */
static double time_base(int32_t ticks)
{
    return 1.0 / ((ticks + 1.0) * (ticks + 2.0));
}

static double rhythm_base(const struct rp_markov *markov,
                          struct rp_rhythm rhythm)
{
    if (rhythm.dt < 0)
        return 1.0 / END_SHARE;
    double dt = chain(markov, DT, 0, 0, 0, rhythm.dt, time_base(rhythm.dt));
    double duration = chain(markov, DURATION, 0, 0, 0, rhythm.duration,
                            time_base(rhythm.duration - 1));
    return (1.0 - 1.0 / END_SHARE) * dt * duration;
}

double rp_markov_rhythm(const struct rp_markov *markov, struct rp_rhythm two,
                        struct rp_rhythm one, struct rp_rhythm rhythm)
{
    return chain(markov, RHYTHM, 2, pack(two), pack(one), pack(rhythm),
                 rhythm_base(markov, rhythm));
}

double rp_markov_interval(const struct rp_markov *markov, int32_t two,
                          int32_t one, int32_t interval)
{
    return chain(markov, INTERVAL, 2, two, one, interval, 1.0 / INTERVALS);
}

static double plain_pitch(const struct rp_markov *markov, int pitch)
{
    return chain(markov, PITCH, 0, 0, 0, pitch, 1.0 / 128);
}

/* One walk along a piece: at each event what was before, what comes, and which
 * pitches can. */
struct walk {
    const struct rp_piece *piece;
    struct rp_reader reader;
    uint32_t at;
    struct rp_rhythm one, two, now;
    int32_t interval_one, interval_two, interval; /* up to the note before */
    int pitch, before;                            /* -1: none */
    struct rp_mask mask;
    bool end; /* `now` is END: there is no pitch */
};

static void walk_init(struct walk *walk, const struct rp_markov *markov,
                      const struct rp_piece *piece)
{
    *walk = (struct walk){.piece = piece, .one = rp_rhythm_start,
                          .two = rp_rhythm_start, .pitch = -1, .before = -1,
                          .interval = RP_MARKOV_START,
                          .interval_one = RP_MARKOV_START,
                          .interval_two = RP_MARKOV_START};
    rp_reader_init(&walk->reader, &markov->vocabulary, piece->metre,
                   piece->metres, piece->origin);
}

/* False after END. */
static bool walk_next(struct walk *walk)
{
    const struct rp_piece *piece = walk->piece;
    if (walk->at > piece->count)
        return false;
    if (walk->at) {
        struct rp_indices unused;
        rp_reader_push(&walk->reader, &piece->note[walk->at - 1], &unused);
        walk->two = walk->one;
        walk->one = walk->now;
        walk->before = walk->pitch;
        walk->interval_two = walk->interval_one;
        walk->interval_one = walk->interval;
    }
    walk->end = walk->at == piece->count;
    if (walk->end) {
        walk->now = rp_rhythm_end;
    } else {
        const struct rp_note *note = &piece->note[walk->at];
        struct rp_draft draft = {
            .dt = rp_time_from((uint32_t)(note->onset - walk->reader.onset))};
        walk->now = (struct rp_rhythm){note->onset - walk->reader.onset,
                                       note->duration};
        walk->pitch = note->pitch;
        if (walk->before >= 0)
            walk->interval = walk->pitch - walk->before;
        walk->mask = rp_reader_mask(&walk->reader, &draft, RP_PITCH);
        /* What was written is possible, whatever the reader thinks. */
        walk->mask.bits[note->pitch / 64] |= UINT64_C(1) << note->pitch % 64;
    }
    walk->at++;
    return true;
}

static bool open_pitch(const struct walk *walk, int pitch)
{
    return walk->mask.bits[pitch / 64] >> pitch % 64 & 1;
}

static bool count_piece(struct rp_markov *markov, const struct rp_piece *piece)
{
    struct walk walk;
    walk_init(&walk, markov, piece);
    while (walk_next(&walk)) {
        bool good = count_up(markov, RHYTHM, 2, pack(walk.two), pack(walk.one),
                             pack(walk.now));
        if (!walk.end)
            good = good && count_up(markov, DT, 0, 0, 0, walk.now.dt) &&
                   count_up(markov, DURATION, 0, 0, 0, walk.now.duration) &&
                   count_up(markov, PITCH, 0, 0, 0, walk.pitch);
        if (!walk.end && walk.before >= 0)
            good = good && count_up(markov, INTERVAL, 2, walk.interval_two,
                                    walk.interval_one, walk.interval);
        if (!good)
            return false;
    }
    return true;
}

static double chain_pitch(const struct rp_markov *markov,
                          const struct walk *walk, int pitch)
{
    if (walk->before < 0)
        return plain_pitch(markov, pitch);
    return rp_markov_interval(markov, walk->interval_two, walk->interval_one,
                              pitch - walk->before);
}

void rp_markov_chain(const struct rp_markov *markov,
                     const struct rp_piece *piece, struct rp_markov_nats *nats)
{
    struct walk walk;
    walk_init(&walk, markov, piece);
    *nats = (struct rp_markov_nats){0, 0};
    while (walk_next(&walk)) {
        nats->rhythm -=
            log(rp_markov_rhythm(markov, walk.two, walk.one, walk.now));
        if (walk.end)
            continue;
        double all = 0;
        for (int pitch = 0; pitch < 128; pitch++)
            if (open_pitch(&walk, pitch))
                all += chain_pitch(markov, &walk, pitch);
        nats->pitch -= log(chain_pitch(markov, &walk, walk.pitch) / all);
    }
}

/* The mixture of "again" and order 0 at one event. */
struct again {
    double plain; /* order 0's probability of what came */
    double open;  /* order 0's mass on what is possible */
    bool hit;     /* it was the same again */
    bool can;     /* it could have been */
};

static double again_p(const struct again *again, double share)
{
    double open = share * again->can + (1 - share) * again->open;
    return (share * again->hit + (1 - share) * again->plain) / open;
}

static struct again again_rhythm(const struct rp_markov *markov,
                                 const struct walk *walk)
{
    return (struct again){
        .plain = chain(markov, RHYTHM, 0, 0, 0, pack(walk->now),
                       rhythm_base(markov, walk->now)),
        .open = 1,
        .can = walk->one.dt >= 0,
        .hit = walk->one.dt >= 0 && pack(walk->now) == pack(walk->one)};
}

static struct again again_pitch(const struct rp_markov *markov,
                                const struct walk *walk)
{
    struct again again = {.plain = plain_pitch(markov, walk->pitch)};
    for (int pitch = 0; pitch < 128; pitch++)
        if (open_pitch(walk, pitch))
            again.open += plain_pitch(markov, pitch);
    again.can = walk->before >= 0 && open_pitch(walk, walk->before);
    again.hit = again.can && walk->pitch == walk->before;
    return again;
}

void rp_markov_repeat(const struct rp_markov *markov,
                      const struct rp_piece *piece,
                      struct rp_markov_nats *nats)
{
    struct walk walk;
    walk_init(&walk, markov, piece);
    *nats = (struct rp_markov_nats){0, 0};
    while (walk_next(&walk)) {
        struct again rhythm = again_rhythm(markov, &walk);
        nats->rhythm -= log(again_p(&rhythm, markov->again_rhythm));
        if (walk.end)
            continue;
        struct again pitch = again_pitch(markov, &walk);
        nats->pitch -= log(again_p(&pitch, markov->again_pitch));
    }
}

static double cost(const struct again *again, uint32_t count, double share)
{
    double nats = 0;
    for (uint32_t i = 0; i < count; i++)
        nats -= log(again_p(&again[i], share));
    return nats;
}

/* -log of a mixture is convex in the share (but for what the mask takes out):
 * golden section finds the best. */
static double fit(const struct again *again, uint32_t count)
{
    const double golden = 0.6180339887498949;
    double low = 0, high = 0.999;
    for (int i = 0; i < 40; i++) {
        double a = high - golden * (high - low);
        double b = low + golden * (high - low);
        if (cost(again, count, a) < cost(again, count, b))
            high = b;
        else
            low = a;
    }
    return (low + high) / 2;
}

static bool fit_again(struct rp_markov *markov,
                      const struct rp_dataset *dataset, enum rp_split split)
{
    uint32_t notes = 0, rhythms = 0, pitches = 0;
    for (uint32_t i = 0; i < dataset->count; i++)
        if (dataset->piece[i].split == split)
            notes += dataset->piece[i].count + 1;
    struct again *rhythm = malloc((notes + 1) * sizeof *rhythm);
    struct again *pitch = malloc((notes + 1) * sizeof *pitch);
    for (uint32_t i = 0; rhythm && pitch && i < dataset->count; i++) {
        struct walk walk;
        if (dataset->piece[i].split != split)
            continue;
        walk_init(&walk, markov, &dataset->piece[i]);
        while (walk_next(&walk)) {
            rhythm[rhythms++] = again_rhythm(markov, &walk);
            if (!walk.end)
                pitch[pitches++] = again_pitch(markov, &walk);
        }
    }
    bool good = rhythm && pitch;
    if (good && rhythms) {
        markov->again_rhythm = fit(rhythm, rhythms);
        markov->again_pitch = fit(pitch, pitches);
    } else if (good && split == RP_VALID) {
        good = fit_again(markov, dataset, RP_TRAIN);
    }
    free(rhythm);
    free(pitch);
    return good;
}

rp_status rp_markov_create(struct rp_markov **markov,
                           const struct rp_dataset *dataset)
{
    struct rp_markov *made = calloc(1, sizeof *made);
    bool good = made && widen(made);
    if (made)
        made->vocabulary = dataset->vocabulary;
    for (uint32_t i = 0; good && i < dataset->count; i++)
        if (dataset->piece[i].split == RP_TRAIN)
            good = count_piece(made, &dataset->piece[i]);
    if (!good || !fit_again(made, dataset, RP_VALID)) {
        rp_log(RP_ERROR, "markov", "out of memory");
        rp_markov_destroy(made);
        return RP_EMEM;
    }
    *markov = made;
    return RP_OK;
}

void rp_markov_destroy(struct rp_markov *markov)
{
    if (!markov)
        return;
    free(markov->cell);
    free(markov);
}

void rp_markov_shares(const struct rp_markov *markov, double *rhythm,
                      double *pitch)
{
    *rhythm = markov->again_rhythm;
    *pitch = markov->again_pitch;
}
