#include "model/data/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/spell.h"
#include "rt/log.h"

enum {
    REST_MOST = 2048, /* quarters of silence that are written */
    REST_LAST = 9,    /* index of the shortest rest that is written: a 64th */
    VELOCITY = 80     /* of notes that words mean */
};

/* ---- writing ---- */

struct writer {
    FILE *file;
    const struct rp_part *part;
    uint32_t metres; /* passed so far */
    int64_t bar, length; /* bar line at or before the last word; its ticks */
    bool begun;
};

/* A bar begins a line. */
static void separate(struct writer *w, int64_t tick)
{
    int64_t before = w->bar;

    for (;;) {
        const struct rp_smf_metre *next = &w->part->metre[w->metres];
        if (w->metres < w->part->metres && next->tick <= tick) {
            w->bar = next->tick;
            w->length = (int64_t)w->part->division * 4 * next->metre.beats /
                        next->metre.unit;
            w->length = w->length > 0 ? w->length : 1;
            w->metres++;
            continue;
        }
        break;
    }
    w->bar += (tick - w->bar) / w->length * w->length;
    if (w->begun)
        putc(w->bar == before ? ' ' : '\n', w->file);
    w->begun = true;
}

static void print_word(FILE *file, const struct rp_part *part,
                       const struct rp_part_note *note)
{
    struct rp_spelled_pitch p = rp_spell_pitch(note->pitch);
    struct rp_spelled_length length =
        rp_spell_length(note->ticks, part->division);
    char accidental[2] = { p.accidental, 0 };

    fprintf(file, "%c%s_%d_%s", tolower((unsigned char)p.step), accidental,
            p.octave, rp_spell_type(length));
}

/* Silence as plain rests, the longest first; what is shorter than a 64th is
 * lost, and all but the last REST_MOST quarters of it. */
static void print_rests(struct writer *w, int64_t from, int64_t to)
{
    int64_t division = w->part->division;

    if (to - from > REST_MOST * division)
        from = to - REST_MOST * division;
    for (int type = 0; type <= REST_LAST; type++) {
        int64_t ticks = type <= RP_SPELL_QUARTER
                            ? division << (RP_SPELL_QUARTER - type)
                            : division >> (type - RP_SPELL_QUARTER);
        for (; ticks > 0 && to - from >= ticks; from += ticks) {
            separate(w, from);
            fprintf(w->file, "rest_%s", rp_spell_types[type]);
        }
    }
}

void rp_words_print(const struct rp_part *part, FILE *file)
{
    struct writer w = { .file = file,
                        .part = part,
                        .length = (int64_t)part->division * 4 };
    int64_t over = 0;

    for (uint32_t i = 0, n; i < part->notes; i += n) {
        const struct rp_part_note *note = &part->note[i];
        int64_t shortest = note->ticks;
        print_rests(&w, over, note->onset);
        separate(&w, note->onset);
        for (n = 0; i + n < part->notes && note[n].onset == note->onset;
             n++) {
            fputs(n ? "+" : "", file);
            print_word(file, part, &note[n]);
            shortest = note[n].ticks < shortest ? note[n].ticks : shortest;
        }
        over = note->onset + shortest;
    }
    if (part->notes)
        putc('\n', file);
}

/* ---- reading ---- */

struct reader {
    const char *text, *at;
    uint32_t resolution;
    struct rp_note *note;
    uint32_t count;
    int64_t tick;     /* where the word begins */
    int64_t shortest; /* of its notes so far, 0: none */
};

static rp_status complain(const struct reader *r, const char *wanted)
{
    rp_log(RP_ERROR, "words", "\"%.60s\": character %zu: expected %s", r->text,
           (size_t)(r->at - r->text) + 1, wanted);
    return RP_EARG;
}

static bool is_end(char c)
{
    return !c || c == '+' || c == ',' || isspace((unsigned char)c);
}

/* The ticks of a type; more than one value is a quarter, and what could not be
 * written a 16th. */
static bool take_type(struct reader *r, int64_t *ticks)
{
    static const struct {
        const char *name;
        int type;
    } others[] = { { "complex", RP_SPELL_QUARTER },
                   { "inexpressible", RP_SPELL_QUARTER + 2 } };
    size_t size = 0;
    int type = 0;

    while (!is_end(r->at[size]))
        size++;
    for (; type < RP_SPELL_TYPES; type++)
        if (strlen(rp_spell_types[type]) == size &&
            !strncmp(r->at, rp_spell_types[type], size))
            break;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i].name) == size &&
            !strncmp(r->at, others[i].name, size))
            type = others[i].type;
    if (type == RP_SPELL_TYPES)
        return false;
    *ticks = ((int64_t)r->resolution << RP_SPELL_QUARTER) >> type;
    *ticks = *ticks > 0 ? *ticks : 1;
    r->at += size;
    return true;
}

/* "b-_4_": a step, accidentals, an octave. -1 where it is none. */
static int take_pitch(struct reader *r)
{
    static const int8_t natural[] = { 9, 11, 0, 2, 4, 5, 7 }; /* a..g */
    int step = tolower((unsigned char)*r->at), pitch;
    char *end = NULL;
    long octave;

    if (step < 'a' || step > 'g')
        return -1;
    pitch = natural[step - 'a'];
    for (r->at++; *r->at == '#' || *r->at == '-'; r->at++)
        pitch += *r->at == '#' ? 1 : -1;
    if (*r->at != '_' || isspace((unsigned char)r->at[1]))
        return -1;
    octave = strtol(r->at + 1, &end, 10);
    if (end == r->at + 1 || *end != '_' || octave < -1 || octave > 9)
        return -1;
    pitch += 12 * (int)(octave + 1);
    if (pitch < 0 || pitch > 127)
        return -1;
    r->at = end + 1;
    return pitch;
}

/* One note of a word, or its rest. */
static rp_status take_note(struct reader *r)
{
    bool rest = !strncmp(r->at, "rest_", 5);
    int64_t ticks = 0;
    int pitch = 0;

    if (rest)
        r->at += 5;
    else if ((pitch = take_pitch(r)) < 0)
        return complain(r, "a pitch such as c#_4_ or rest_");
    if (!take_type(r, &ticks))
        return complain(r, "whole, half, quarter, eighth, 16th, ... or "
                           "complex");
    if (r->tick + ticks > RP_SMF_TICK_MAX)
        return complain(r, "an earlier end");
    if (!rest)
        r->note[r->count++] =
            (struct rp_note){ (int32_t)r->tick, (int32_t)ticks,
                              (uint8_t)pitch, VELOCITY };
    if (!r->shortest || ticks < r->shortest)
        r->shortest = ticks;
    return RP_OK;
}

static rp_status take_word(struct reader *r)
{
    rp_status status;

    r->shortest = 0;
    for (;;) {
        status = take_note(r);
        if (status || *r->at != '+')
            break;
        r->at++;
    }
    r->tick += r->shortest;
    return status;
}

rp_status rp_words_parse(const char *text, uint32_t resolution,
                         struct rp_note **note, uint32_t *count, int32_t *end)
{
    struct reader r = { .text = text, .at = text, .resolution = resolution };
    rp_status status = RP_OK;

    /* The shortest word, "c_4_half", is longer than 4 characters. */
    r.note = malloc((strlen(text) / 4 + 1) * sizeof *r.note);
    if (!r.note) {
        rp_log(RP_ERROR, "words", "out of memory");
        return RP_EMEM;
    }
    while (!status) {
        while (*r.at == ',' || isspace((unsigned char)*r.at))
            r.at++;
        if (!*r.at)
            break;
        status = take_word(&r);
    }
    if (!status && !r.count)
        status = complain(&r, "a word such as c_4_quarter");
    if (status) {
        free(r.note);
        return status;
    }
    *end = (int32_t)r.tick;
    *count = rp_notes_sort(r.note, r.count);
    for (uint32_t i = 0; i < *count; i++)
        if (r.note[i].onset + r.note[i].duration > *end)
            *end = r.note[i].onset + r.note[i].duration;
    *note = r.note;
    return RP_OK;
}
