#include "model/data/near.h"

#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

enum {
    GRAM = 9,   /* intervals of a phrase */
    PERIOD = 4, /* a phrase that only repeats so many intervals says nothing */
    ENOUGH = 8, /* phrases in common; fewer may be chance */
    /* A phrase that more pieces have says little: of those pieces each is
     * compared by it with the next so many only. */
    SHARED_MAX = 64,
    TOGETHER = 12 /* notes within this part of a beat begin together */
};

/* Of the shorter piece's phrases. Chosen by ear and title on 9,000 tunes,
 * songs, scores and performances: model/README.md says what it finds there. */
#define LIKE 0.35f

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "near", "out of memory");
    return RP_EMEM;
}

static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t keep_each_once(uint32_t *phrase, uint32_t count)
{
    uint32_t kept = 0;
    if (count)
        qsort(phrase, count, sizeof *phrase, compare);
    for (uint32_t i = 0; i < count; i++)
        if (!kept || phrase[kept - 1] != phrase[i])
            phrase[kept++] = phrase[i];
    return kept;
}

/* The upper voice: of notes that begin together the highest, and none below
 * one that still sounds. Returns how many. */
static uint32_t find_voice(const struct rp_note *note, uint32_t count,
                           uint32_t resolution, struct rp_note *voice)
{
    int32_t fold = (int32_t)resolution / TOGETHER;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct rp_note next = note[i];
        struct rp_note *last = kept ? &voice[kept - 1] : NULL;
        bool together = last && next.onset - last->onset <= fold;
        if (last && next.pitch <= last->pitch &&
            (together || next.onset + fold < last->onset + last->duration))
            continue;
        if (together) {
            next.onset = last->onset;
            kept--;
        }
        voice[kept++] = next;
    }
    return kept;
}

/* Repeated notes, trills and broken chords: everybody has them. */
static bool is_common(const int *step)
{
    for (int period = 1; period <= PERIOD; period++) {
        int k = period;
        while (k < GRAM && step[k] == step[k - period])
            k++;
        if (k == GRAM)
            return true;
    }
    return false;
}

/* Hashes of GRAM intervals in a row; returns how many. */
static uint32_t hash_phrases(const struct rp_note *voice, uint32_t count,
                           uint32_t *phrase)
{
    int step[GRAM] = {0};
    uint32_t phrases = 0;
    for (uint32_t i = 1; i < count; i++) {
        uint32_t hash = 0;
        memmove(step, step + 1, sizeof step - sizeof *step);
        step[GRAM - 1] = voice[i].pitch - voice[i - 1].pitch;
        for (int k = 0; k < GRAM; k++)
            hash = mix(hash * 31 + (uint32_t)(step[k] + 128));
        if (i >= GRAM && !is_common(step))
            phrase[phrases++] = hash;
    }
    return phrases;
}

rp_status rp_print_create(const struct rp_note *note, uint32_t count,
                          uint32_t resolution, struct rp_print *print)
{
    struct rp_note *voice = malloc((count + 1u) * sizeof *voice);
    uint32_t *phrase = malloc((count + 1u) * sizeof *phrase);
    if (!voice || !phrase) {
        free(voice);
        free(phrase);
        return no_memory();
    }
    uint32_t notes = find_voice(note, count, resolution, voice);
    print->count = keep_each_once(phrase, hash_phrases(voice, notes, phrase));
    print->phrase = phrase;
    free(voice);
    return RP_OK;
}

void rp_print_destroy(struct rp_print *print)
{
    free(print->phrase);
    *print = (struct rp_print){0};
}

static uint32_t in_common(const struct rp_print *a, const struct rp_print *b)
{
    uint32_t common = 0;
    for (uint32_t i = 0, k = 0; i < a->count && k < b->count;) {
        uint32_t x = a->phrase[i], y = b->phrase[k];
        common += x == y;
        i += x <= y;
        k += y <= x;
    }
    return common;
}

static float share(uint32_t common, const struct rp_print *a,
                   const struct rp_print *b)
{
    uint32_t least = a->count < b->count ? a->count : b->count;
    return least ? (float)common / (float)least : 0;
}

float rp_print_likeness(const struct rp_print *a, const struct rp_print *b)
{
    return share(in_common(a, b), a, b);
}

/* Who has a phrase: one entry for each piece and phrase, by phrase. */
struct place {
    uint32_t phrase, piece;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int by = compare(&x->phrase, &y->phrase);
    return by ? by : compare(&x->piece, &y->piece);
}

struct search {
    const struct rp_print *print;
    uint32_t count;
    struct rp_near *near;
    struct place *place;
    size_t places;
    uint32_t *pair; /* pieces that share phrases with the one at hand */
    uint32_t *seen; /* how many; by piece */
};

static uint32_t find_group(struct rp_near *near, uint32_t i)
{
    while (near[i].group != i) {
        near[i].group = near[near[i].group].group;
        i = near[i].group;
    }
    return i;
}

static void note_twin(struct rp_near *near, uint32_t twin, float likeness)
{
    if (near->twin >= 0 && near->likeness >= likeness)
        return;
    near->twin = (int32_t)twin;
    near->likeness = likeness;
}

static void join(struct search *s, uint32_t a, uint32_t b)
{
    uint32_t common = in_common(&s->print[a], &s->print[b]);
    float likeness = share(common, &s->print[a], &s->print[b]);
    if (common < ENOUGH || !(likeness >= LIKE))
        return;
    note_twin(&s->near[a], b, likeness);
    note_twin(&s->near[b], a, likeness);
    uint32_t x = find_group(s->near, a), y = find_group(s->near, b);
    s->near[x > y ? x : y].group = x > y ? y : x;
}

static rp_status index_phrases(struct search *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        s->places += s->print[i].count;
    s->place = malloc((s->places + 1) * sizeof *s->place);
    s->pair = malloc((s->count + 1u) * sizeof *s->pair);
    s->seen = calloc(s->count + 1u, sizeof *s->seen);
    if (!s->place || !s->pair || !s->seen)
        return no_memory();
    size_t at = 0;
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k < s->print[i].count; k++)
            s->place[at++] = (struct place){s->print[i].phrase[k], i};
    if (s->places)
        qsort(s->place, s->places, sizeof *s->place, compare_places);
    return RP_OK;
}

/* First entry of a phrase for a piece. */
static size_t find_place(const struct search *s, uint32_t phrase,
                         uint32_t piece)
{
    struct place wanted = {phrase, piece};
    size_t low = 0, high = s->places;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_places(&s->place[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Every later piece that shares phrases with piece `i`. */
static void search_from(struct search *s, uint32_t i)
{
    const struct rp_print *print = &s->print[i];
    uint32_t pairs = 0;
    for (uint32_t k = 0; k < print->count; k++) {
        size_t at = find_place(s, print->phrase[k], i) + 1;
        for (int n = 0; n < SHARED_MAX && at < s->places &&
                        s->place[at].phrase == print->phrase[k];
             n++, at++) {
            uint32_t other = s->place[at].piece;
            if (!s->seen[other]++)
                s->pair[pairs++] = other;
        }
    }
    for (uint32_t k = 0; k < pairs; k++) {
        if (s->seen[s->pair[k]] >= ENOUGH)
            join(s, i, s->pair[k]);
        s->seen[s->pair[k]] = 0;
    }
}

rp_status rp_near_find(const struct rp_print *print, uint32_t count,
                       struct rp_near *near)
{
    struct search search = {.print = print, .count = count, .near = near};
    rp_status status = index_phrases(&search);
    for (uint32_t i = 0; i < count; i++)
        near[i] = (struct rp_near){i, -1, 0};
    for (uint32_t i = 0; !status && i < count; i++)
        search_from(&search, i);
    for (uint32_t i = 0; i < count; i++)
        near[i].group = find_group(near, i);
    free(search.place);
    free(search.pair);
    free(search.seen);
    return status;
}
