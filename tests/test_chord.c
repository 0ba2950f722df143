/* Chord symbols as people write them, the tones they mean, and finding the one
 * in force. */
#include "model/data/chord.h"
#include "test.h"

static void test_symbols(void)
{
    static const struct {
        const char *text;
        uint8_t root, quality;
        const char *print;
    } list[] = {
        { "C", 0, RP_MAJOR, "C" },
        { "Am7", 9, RP_MINOR_SEVENTH, "Am7" },
        { "F#dim", 6, RP_DIMINISHED, "F#dim" },
        { "Bbmaj7/D", 10, RP_MAJOR_SEVENTH, "Bbmaj7" },
        { "N.C.", 0, RP_NO_CHORD, "N.C." },
        { " NC ", 0, RP_NO_CHORD, "N.C." },
        { "D7", 2, RP_DOMINANT, "D7" },
        { "Eb9", 3, RP_DOMINANT, "Eb7" },
        { "G13", 7, RP_DOMINANT, "G7" },
        { "C6/9", 0, RP_MAJOR, "C" },
        { "Am6", 9, RP_MINOR, "Am" },
        { "CmMaj7", 0, RP_MINOR, "Cm" },
        { "Bm7b5", 11, RP_HALF_DIMINISHED, "Bm7b5" },
        { "B\xc3\xb8", 11, RP_HALF_DIMINISHED, "Bm7b5" },
        { "G#dim7", 8, RP_DIMINISHED, "Abdim" },
        { "Gaug7", 7, RP_AUGMENTED, "Gaug" },
        { "G+", 7, RP_AUGMENTED, "Gaug" },
        { "G7#5", 7, RP_AUGMENTED, "Gaug" },
        { "A7sus4", 9, RP_SUS4, "Asus4" },
        { "Dsus2", 2, RP_SUS2, "Dsus2" },
        { "Dsus", 2, RP_SUS4, "Dsus4" },
        { "C-7", 0, RP_MINOR_SEVENTH, "Cm7" },
        { "C\xce\x94" "7", 0, RP_MAJOR_SEVENTH, "Cmaj7" },
        { "B\xe2\x99\xad" "m", 10, RP_MINOR, "Bbm" },
        { "Fmin", 5, RP_MINOR, "Fm" },
        { "Fmadd9", 5, RP_MINOR, "Fm" },
        { "Fadd9", 5, RP_MAJOR, "F" },
        { "Cm(maj7)", 0, RP_MINOR, "Cm" },
        { "C7(b9,#11)", 0, RP_DOMINANT, "C7" },
        { "Cb", 11, RP_MAJOR, "B" },
        { "E##", 6, RP_MAJOR, "F#" },
        { "G/B", 7, RP_MAJOR, "G" },
        { "G5", 7, RP_MAJOR, "G" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct rp_chord chord = { 99, 99 }, again;
        char text[RP_CHORD_TEXT];
        CHECK_INT(rp_chord_parse(list[i].text, &chord, NULL), RP_OK);
        if (chord.root != list[i].root || chord.quality != list[i].quality)
            printf("%s:\n", list[i].text);
        CHECK_INT(chord.root, list[i].root);
        CHECK_INT(chord.quality, list[i].quality);
        rp_chord_print(chord, text);
        CHECK_TEXT(text, list[i].print);
        CHECK_INT(rp_chord_parse(text, &again, NULL), RP_OK);
        CHECK(again.root == chord.root && again.quality == chord.quality);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *text;
        size_t fault;
    } list[] = {
        { "", 0 },       { "H", 0 },     { "composer: Anon", 0 },
        { "c", 0 },      { "Chorus", 1 }, { "C G", 2 },
        { "Am7/", 4 },   { "C/H", 2 },   { "C7x", 2 },
        { "N.C. x", 0 }, { "A verse", 2 }, { "Bridge", 1 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct rp_chord chord = { 99, 99 };
        size_t fault = 999;
        CHECK_INT(rp_chord_parse(list[i].text, &chord, &fault), RP_EFORMAT);
        if (fault != list[i].fault)
            printf("\"%s\":\n", list[i].text);
        CHECK_INT(fault, list[i].fault);
        CHECK_INT(chord.root, 99); /* nothing is written */
    }
}

static void test_all(void)
{
    /* Every one prints within its room and reads back; moved by an octave it
     * is itself, moved by one its tones turn by one. */
    for (int q = 0; q < RP_QUALITIES; q++)
        for (int root = 0; root < (q == RP_NO_CHORD ? 1 : 12); root++) {
            struct rp_chord chord = { (uint8_t)root, (uint8_t)q }, back;
            struct rp_chord up = rp_chord_move(chord, 1);
            char text[RP_CHORD_TEXT];
            uint32_t tones = rp_chord_tones(chord);
            rp_chord_print(chord, text);
            CHECK_INT(rp_chord_parse(text, &back, NULL), RP_OK);
            CHECK(back.root == root && back.quality == q);
            CHECK_INT(rp_chord_tones(up),
                      (tones << 1 | tones >> 11) & 0xfff);
            CHECK_INT(rp_chord_move(chord, -12).root, root);
            CHECK_INT(rp_chord_move(up, -1).root, root);
        }
    CHECK_INT(rp_chord_tones((struct rp_chord){ 9, RP_MINOR }),
              1 << 9 | 1 << 0 | 1 << 4);
}

static void test_find(void)
{
    static const struct rp_chord_change list[] = {
        { 10, { 0, RP_MAJOR } }, { 20, { 7, RP_MAJOR } },
        { 30, { 9, RP_MINOR } },
    };
    CHECK(!rp_chord_find(list, 3, 9));
    CHECK(rp_chord_find(list, 3, 10) == &list[0]);
    CHECK(rp_chord_find(list, 3, 29) == &list[1]);
    CHECK(rp_chord_find(list, 3, 30) == &list[2]);
    CHECK(rp_chord_find(list, 3, INT32_MAX) == &list[2]);
    CHECK(!rp_chord_find(NULL, 0, 5));
}

int main(void)
{
    test_symbols();
    test_refused();
    test_all();
    test_find();
    return TEST_END();
}
