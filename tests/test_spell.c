/* Names of pitches and lengths: as music21 9 gives them for the same numbers.
 */
#include "model/data/spell.h"
#include "test.h"

static void test_pitches(void)
{
    static const struct {
        uint8_t pitch;
        const char *name, *full;
    } list[] = {
        { 60, "C4", "C in octave 4 Quarter Note" },
        { 61, "C#4", "C-sharp in octave 4 Quarter Note" },
        { 63, "E-4", "E-flat in octave 4 Quarter Note" },
        { 66, "F#4", "F-sharp in octave 4 Quarter Note" },
        { 68, "G#4", "G-sharp in octave 4 Quarter Note" },
        { 70, "B-4", "B-flat in octave 4 Quarter Note" },
        { 71, "B4", "B in octave 4 Quarter Note" },
        { 127, "G9", "G in octave 9 Quarter Note" },
        { 12, "C0", "C in octave 0 Quarter Note" },
        { 0, "C-1", "C in octave -1 Quarter Note" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char name[RP_SPELL_PITCH], full[RP_SPELL_CHORD];
        rp_spell_print_pitch(list[i].pitch, name);
        CHECK_TEXT(name, list[i].name);
        rp_spell_full(&list[i].pitch, 1, 480, 480, full);
        CHECK_TEXT(full, list[i].full);
    }
}

static void test_lengths(void)
{
    static const struct {
        int64_t ticks;
        const char *type, *full;
        int dots;
    } list[] = {
        { 1920, "whole", "Whole", 0 },
        { 1440, "half", "Dotted Half", 1 },
        { 720, "quarter", "Dotted Quarter", 1 },
        { 420, "eighth", "Double Dotted Eighth", 2 },
        { 900, "quarter", "Triple Dotted Quarter (1 7/8 QL)", 3 },
        { 120, "16th", "16th", 0 },
        { 15, "128th", "128th", 0 },
        { 160, "eighth", "Eighth Triplet (1/3 QL)", 0 },
        { 640, "half", "Half Triplet (1 1/3 QL)", 0 },
        { 96, "16th", "16th Quintuplet (1/5 QL)", 0 },
        { 1200, "complex", "Half tied to Eighth (2 1/2 total QL)", 0 },
        { 2640, "complex", "Whole tied to Dotted Quarter (5 1/2 total QL)",
          0 },
        { 6240, "complex",
          "Breve tied to Whole tied to Quarter (13 total QL)", 0 },
        { 3840, "breve", "Breve", 0 },
        { 7680, "longa", "Imperfect Longa", 0 },
        { 11520, "longa", "Perfect Longa", 1 },
        { 15360, "maxima", "Imperfect Maxima", 0 },
        { 1, "inexpressible", "Inexpressible", 0 },
        { 0, "inexpressible", "Inexpressible", 0 },
        { INT64_C(1) << 53, "inexpressible", "Inexpressible", 0 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct rp_spelled_length length = rp_spell_length(list[i].ticks, 480);
        char full[RP_SPELL_FULL];
        rp_spell_full_length(list[i].ticks, 480, full);
        CHECK_TEXT(rp_spell_type(length), list[i].type);
        CHECK_TEXT(full, list[i].full);
        CHECK_INT(length.dots, list[i].dots);
    }
    CHECK_INT(rp_spell_length(160, 480).tuplet, 3);
}

static void test_rest(void)
{
    static const uint8_t chord[] = { 58, 62, 65 };
    static uint8_t all[128];
    char text[RP_SPELL_QUARTERS], full[RP_SPELL_CHORD];

    rp_spell_full(chord, 3, 36, 24, full);
    CHECK_TEXT(full, "Chord {B-flat in octave 3 | D in octave 4 | F in octave "
                     "4} Dotted Quarter");
    for (int i = 0; i < 128; i++)
        all[i] = (uint8_t)i;
    rp_spell_full(all, 128, 24, 24, full);
    CHECK(strlen(full) > 128 * 15);
    CHECK(!strcmp(full + strlen(full) - 9, "} Quarter"));
    rp_spell_quarters(5, 3, text);
    CHECK_TEXT(text, "1 2/3");
    rp_spell_quarters(96, 24, text);
    CHECK_TEXT(text, "4");
    rp_spell_quarters(0, 24, text);
    CHECK_TEXT(text, "0");
    rp_spell_quarters(8, 24, text);
    CHECK_TEXT(text, "1/3");
}

int main(void)
{
    test_pitches();
    test_lengths();
    test_rest();
    return TEST_END();
}
