/* Chords as lead sheets write them: read and printed. */
#include "model/data/chord.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* How a quality is spelled after the root. */
static const char *const suffixes[RP_QUALITIES] = {
    [RP_NO_CHORD] = "",
    [RP_MAJOR] = "",
    [RP_MINOR] = "m",
    [RP_DOMINANT] = "7",
    [RP_MAJOR_SEVENTH] = "maj7",
    [RP_MINOR_SEVENTH] = "m7",
    [RP_HALF_DIMINISHED] = "m7b5",
    [RP_DIMINISHED] = "dim",
    [RP_AUGMENTED] = "aug",
    [RP_SUS4] = "sus4",
    [RP_SUS2] = "sus2",
};

/* What the pieces of a symbol say, one bit each. */
enum {
    SAY_MINOR = 1 << 0,
    SAY_MAJOR = 1 << 1, /* with a seventh: a major one */
    SAY_DIM = 1 << 2,
    SAY_HALF = 1 << 3,
    SAY_AUG = 1 << 4,
    SAY_SEVENTH = 1 << 5,
    SAY_FLAT_FIFTH = 1 << 6,
    SAY_SUS4 = 1 << 7,
    SAY_SUS2 = 1 << 8,
    SAY_NOTHING = 0
};

/* The longest that fits is taken. */
static const struct {
    const char *text;
    int says;
} pieces[] = {
    { "maj", SAY_MAJOR },      { "Maj", SAY_MAJOR },
    { "MAJ", SAY_MAJOR },      { "major", SAY_MAJOR },
    { "ma", SAY_MAJOR },       { "M", SAY_MAJOR },
    { "^", SAY_MAJOR },        { "\xce\x94", SAY_MAJOR }, /* Delta */
    { "m", SAY_MINOR },        { "mi", SAY_MINOR },
    { "min", SAY_MINOR },      { "Min", SAY_MINOR },
    { "minor", SAY_MINOR },    { "-", SAY_MINOR },
    { "dim", SAY_DIM },        { "o", SAY_DIM },
    { "\xc2\xb0", SAY_DIM }, /* degree sign */
    { "\xc3\xb8", SAY_HALF },  { "\xc3\x98", SAY_HALF }, /* o with a stroke */
    { "aug", SAY_AUG },        { "+", SAY_AUG },
    { "#5", SAY_AUG },         { "+5", SAY_AUG },
    { "b5", SAY_FLAT_FIFTH },  { "-5", SAY_FLAT_FIFTH },
    { "7", SAY_SEVENTH },      { "9", SAY_SEVENTH },
    { "11", SAY_SEVENTH },     { "13", SAY_SEVENTH },
    { "alt", SAY_SEVENTH },    { "6", SAY_NOTHING },
    { "69", SAY_NOTHING },     { "6/9", SAY_NOTHING },
    { "5", SAY_NOTHING },      { "2", SAY_NOTHING },
    { "add2", SAY_NOTHING },   { "add4", SAY_NOTHING },
    { "add9", SAY_NOTHING },   { "add11", SAY_NOTHING },
    { "add13", SAY_NOTHING },  { "b6", SAY_NOTHING },
    { "b9", SAY_NOTHING },     { "#9", SAY_NOTHING },
    { "#11", SAY_NOTHING },    { "b13", SAY_NOTHING },
    { "no3", SAY_NOTHING },    { "no5", SAY_NOTHING },
    { "madd9", SAY_MINOR },    { "madd4", SAY_MINOR },
    { "omit3", SAY_NOTHING },  { "omit5", SAY_NOTHING },
    { "(", SAY_NOTHING },      { ")", SAY_NOTHING },
    { ",", SAY_NOTHING },      { "4", SAY_SUS4 },
    { "sus", SAY_SUS4 },       { "sus4", SAY_SUS4 },
    { "sus2", SAY_SUS2 },      { "sus9", SAY_SUS2 },
};

static const char *skip_spaces(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* A letter and its accidentals; NULL when there is none. */
static const char *parse_root(const char *at, uint8_t *root)
{
    static const uint8_t natural[] = { 9, 11, 0, 2, 4, 5, 7 }; /* A..G */
    static const char sharp[] = "\xe2\x99\xaf", flat[] = "\xe2\x99\xad";
    int pitch;

    if (*at < 'A' || *at > 'G')
        return NULL;
    pitch = natural[*at++ - 'A'];
    for (;;) {
        if (*at == '#' || *at == 'b') {
            pitch += *at++ == '#' ? 1 : 11;
        } else if (!strncmp(at, sharp, 3) || !strncmp(at, flat, 3)) {
            pitch += at[2] == sharp[2] ? 1 : 11;
            at += 3;
        } else {
            break;
        }
    }
    *root = (uint8_t)(pitch % 12);
    return at;
}

/* One piece of a symbol; its length, 0 when nothing fits. */
static size_t parse_piece(const char *at, int *says)
{
    size_t best = 0;

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t size = strlen(pieces[i].text);
        if (size > best && !strncmp(at, pieces[i].text, size)) {
            best = size;
            *says = pieces[i].says;
        }
    }
    return best;
}

static uint8_t quality_of(int said)
{
    bool seventh = said & SAY_SEVENTH;

    if (said & SAY_SUS2)
        return RP_SUS2;
    if (said & SAY_SUS4)
        return RP_SUS4;
    if (said & SAY_HALF ||
        (said & SAY_MINOR && said & SAY_FLAT_FIFTH && seventh))
        return RP_HALF_DIMINISHED;
    if (said & SAY_DIM || (said & SAY_MINOR && said & SAY_FLAT_FIFTH))
        return RP_DIMINISHED;
    if (said & SAY_MINOR)
        return seventh && !(said & SAY_MAJOR) ? RP_MINOR_SEVENTH : RP_MINOR;
    if (said & SAY_AUG)
        return RP_AUGMENTED;
    if (!seventh)
        return RP_MAJOR;
    return said & SAY_MAJOR ? RP_MAJOR_SEVENTH : RP_DOMINANT;
}

static bool is_none(const char *at)
{
    static const char *const names[] = { "N.C.", "N.C", "NC", "N", "none" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size = strlen(names[i]);
        if (!strncmp(at, names[i], size) && !*skip_spaces(at + size))
            return true;
    }
    return false;
}

static rp_status stop_at(const char *text, const char *at, size_t *fault)
{
    if (fault)
        *fault = (size_t)(at - text);
    return RP_EFORMAT;
}

rp_status rp_chord_parse(const char *text, struct rp_chord *chord,
                         size_t *fault)
{
    const char *at = skip_spaces(text), *next;
    struct rp_chord made = { 0, RP_NO_CHORD };
    int said = 0, says = 0;
    size_t size;
    uint8_t bass;

    if (is_none(at)) {
        *chord = made;
        return RP_OK;
    }
    next = parse_root(at, &made.root);
    if (!next)
        return stop_at(text, at, fault);
    at = next;
    while ((size = parse_piece(at, &says))) {
        said |= says;
        at += size;
    }
    if (*at == '/') {
        next = parse_root(at + 1, &bass);
        if (!next)
            return stop_at(text, at + 1, fault);
        at = next;
    }
    at = skip_spaces(at);
    if (*at)
        return stop_at(text, at, fault);
    made.quality = quality_of(said);
    *chord = made;
    return RP_OK;
}

void rp_chord_print(struct rp_chord chord, char text[RP_CHORD_TEXT])
{
    static const char *const names[12] = { "C",  "C#", "D",  "Eb", "E",  "F",
                                           "F#", "G",  "Ab", "A",  "Bb", "B" };

    if (chord.quality == RP_NO_CHORD)
        snprintf(text, RP_CHORD_TEXT, "N.C.");
    else
        snprintf(text, RP_CHORD_TEXT, "%s%s", names[chord.root % 12],
                 suffixes[chord.quality % RP_QUALITIES]);
}
