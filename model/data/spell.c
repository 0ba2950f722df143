#include "model/data/spell.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    DOTS_MAX = 4,
    TIES_MAX = 8,    /* note values that are tied together */
    SHORTEST = 7,    /* a 512th is a quarter over 2 to the 7th */
    LONGEST_LOG = 5, /* a maxima is 32 quarters */
    LONGA = 1
};

const char *const rp_spell_types[RP_SPELL_TYPES] = {
    "maxima", "longa", "breve", "whole", "half",  "quarter", "eighth",
    "16th",   "32nd",  "64th",  "128th", "256th", "512th",
};

static const struct {
    char step, accidental;
} keys[12] = {
    { 'C', 0 },   { 'C', '#' }, { 'D', 0 },   { 'E', '-' },
    { 'E', 0 },   { 'F', 0 },   { 'F', '#' }, { 'G', 0 },
    { 'G', '#' }, { 'A', 0 },   { 'B', '-' }, { 'B', 0 },
};

static const struct {
    uint8_t tuplet, of; /* so many in the time of */
    const char *name;
} tuplets[] = {
    { 0, 0, "" },
    { 3, 2, "Triplet" },
    { 5, 4, "Quintuplet" },
    { 7, 4, "Septuplet" },
};
enum { TUPLETS = sizeof tuplets / sizeof *tuplets };

struct rp_spelled_pitch rp_spell_pitch(uint8_t pitch)
{
    return (struct rp_spelled_pitch){ keys[pitch % 12].step,
                                      keys[pitch % 12].accidental,
                                      (int8_t)(pitch / 12 - 1) };
}

void rp_spell_print_pitch(uint8_t pitch, char text[RP_SPELL_PITCH])
{
    struct rp_spelled_pitch p = rp_spell_pitch(pitch);
    char accidental[2] = { p.accidental, 0 };

    snprintf(text, RP_SPELL_PITCH, "%c%s%d", p.step, accidental, p.octave);
}

/* Whether ticks are this note value: type, dots and tuplet. */
static bool is_value(int64_t ticks, int64_t division, int type, int dots,
                     int tuplet)
{
    __int128 left = (__int128)ticks << (SHORTEST + dots);
    __int128 right = (__int128)division << (SHORTEST + LONGEST_LOG - type);

    right *= (1 << (dots + 1)) - 1;
    if (tuplet) {
        left *= tuplets[tuplet].tuplet;
        right *= tuplets[tuplet].of;
    }
    return left == right;
}

static bool find_value(int64_t ticks, int64_t division,
                       struct rp_spelled_length *length)
{
    for (int tuplet = 0; tuplet < TUPLETS; tuplet++)
        for (int dots = 0; dots <= (tuplet ? 1 : DOTS_MAX); dots++)
            for (int type = 0; type < RP_SPELL_TYPES; type++)
                if (is_value(ticks, division, type, dots, tuplet)) {
                    *length = (struct rp_spelled_length){
                        type, (uint8_t)dots, tuplets[tuplet].tuplet
                    };
                    return true;
                }
    return false;
}

/* The longest plain value that fits, RP_SPELL_TYPES when none does. In
 * `division` << SHORTEST ticks to a quarter, so that it is whole. */
static int longest_within(int64_t ticks, int64_t division, __int128 *size)
{
    int type = 0;

    *size = (__int128)division << (SHORTEST + LONGEST_LOG);
    for (; type < RP_SPELL_TYPES && *size > (__int128)ticks << SHORTEST;
         type++)
        *size >>= 1;
    return type;
}

/* The note values that are tied to make up ticks: how many, 0 when they do
 * not come out. */
static int find_ties(int64_t ticks, int64_t division,
                     struct rp_spelled_length tie[TIES_MAX])
{
    int64_t left = ticks, unit = division;

    /* Finer ticks, so that the shortest value is whole. */
    if (ticks > INT64_MAX >> (SHORTEST + 1) || division > INT32_MAX)
        return 0;
    left <<= SHORTEST;
    unit <<= SHORTEST;
    for (int count = 0; count < TIES_MAX; count++) {
        __int128 size;
        if (find_value(left, unit, &tie[count]))
            return count + 1;
        int type = longest_within(left, unit, &size);
        if (type == RP_SPELL_TYPES)
            return 0;
        tie[count] = (struct rp_spelled_length){ type, 0, 0 };
        left -= (int64_t)(size >> SHORTEST);
    }
    return 0;
}

struct rp_spelled_length rp_spell_length(int64_t ticks, int64_t division)
{
    struct rp_spelled_length tie[TIES_MAX];
    int count = find_ties(ticks, division, tie);

    if (count == 1)
        return tie[0];
    return (struct rp_spelled_length){
        count ? RP_SPELL_COMPLEX : RP_SPELL_INEXPRESSIBLE, 0, 0
    };
}

const char *rp_spell_type(struct rp_spelled_length length)
{
    return length.type >= 0                    ? rp_spell_types[length.type]
           : length.type == RP_SPELL_COMPLEX ? "complex"
                                             : "inexpressible";
}

void rp_spell_quarters(int64_t ticks, int64_t division,
                       char text[RP_SPELL_QUARTERS])
{
    int64_t whole = ticks / division, rest = ticks % division, a = division,
            b = rest;

    while (b) {
        int64_t mod = a % b;
        a = b;
        b = mod;
    }
    if (!rest)
        snprintf(text, RP_SPELL_QUARTERS, "%lld", (long long)whole);
    else if (!whole)
        snprintf(text, RP_SPELL_QUARTERS, "%lld/%lld", (long long)(rest / a),
                 (long long)(division / a));
    else
        snprintf(text, RP_SPELL_QUARTERS, "%lld %lld/%lld", (long long)whole,
                 (long long)(rest / a), (long long)(division / a));
}

/* "Dotted Quarter", "Imperfect Longa", "Eighth Triplet"; without the length
 * in quarters. */
static int print_value(struct rp_spelled_length length, char *text,
                       size_t size)
{
    static const char *const dots[DOTS_MAX + 1] = {
        "", "Dotted ", "Double Dotted ", "Triple Dotted ", "Quadruple Dotted "
    };
    const char *before = dots[length.dots], *name = "";

    if (length.type <= LONGA && length.dots < 2)
        before = length.dots ? "Perfect " : "Imperfect ";
    for (int i = 0; i < TUPLETS; i++)
        if (length.tuplet == tuplets[i].tuplet)
            name = tuplets[i].name;
    char first = rp_spell_types[length.type][0];
    if (first >= 'a')
        first = (char)(first - 'a' + 'A');
    return snprintf(text, size, "%s%c%s%s%s", before, first,
                    rp_spell_types[length.type] + 1, *name ? " " : "", name);
}

void rp_spell_full_length(int64_t ticks, int64_t division,
                          char text[RP_SPELL_FULL])
{
    struct rp_spelled_length tie[TIES_MAX];
    char quarters[RP_SPELL_QUARTERS];
    int count = find_ties(ticks, division, tie), used = 0;

    rp_spell_quarters(ticks, division, quarters);
    if (!count) {
        snprintf(text, RP_SPELL_FULL, "Inexpressible");
        return;
    }
    for (int i = 0; i < count; i++) {
        if (i)
            used += snprintf(text + used, RP_SPELL_FULL - (size_t)used,
                             " tied to ");
        used += print_value(tie[i], text + used, RP_SPELL_FULL - (size_t)used);
    }
    if (count > 1 || tie[0].tuplet || tie[0].dots > 2)
        snprintf(text + used, RP_SPELL_FULL - (size_t)used, " (%s %sQL)",
                 quarters, count > 1 ? "total " : "");
}

static int print_in_octave(uint8_t pitch, char *text, size_t size)
{
    struct rp_spelled_pitch p = rp_spell_pitch(pitch);

    return snprintf(text, size, "%c%s in octave %d", p.step,
                    p.accidental == '#'   ? "-sharp"
                    : p.accidental == '-' ? "-flat"
                                          : "",
                    p.octave);
}

void rp_spell_full(const uint8_t *pitch, uint32_t pitches, int64_t ticks,
                   int64_t division, char text[RP_SPELL_CHORD])
{
    char length[RP_SPELL_FULL];
    int used = 0;

    rp_spell_full_length(ticks, division, length);
    if (pitches == 1) {
        used = print_in_octave(pitch[0], text, RP_SPELL_CHORD);
        snprintf(text + used, RP_SPELL_CHORD - (size_t)used, " %s Note",
                 length);
        return;
    }
    for (uint32_t i = 0; i < pitches && i < 128; i++) {
        used += snprintf(text + used, RP_SPELL_CHORD - (size_t)used, "%s",
                         i ? " | " : "Chord {");
        used += print_in_octave(pitch[i], text + used,
                                RP_SPELL_CHORD - (size_t)used);
    }
    snprintf(text + used, RP_SPELL_CHORD - (size_t)used, "} %s", length);
}
