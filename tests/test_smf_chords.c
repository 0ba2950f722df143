/* Chords from text events, from a track of block chords and from an
 * accompaniment: the same progression each time. */
#include <unistd.h>

#include "model/data/chord_read.h"
#include "model/data/smf_chords.h"
#include "rt/smf_write.h"
#include "test.h"

enum { BAR = 4 * RP_SMF_PPQ };

static const char *const symbols[] = { "C",  "Am7", "Dm", "G7", "C", "F#dim",
                                       "Bb", "Esus4" };
enum { CHORDS = sizeof symbols / sizeof *symbols };
static char path[] = "/tmp/riposte-smf_chords-XXXXXX";

static struct rp_chord chord_at(int i)
{
    struct rp_chord chord = { 0, 0 };
    CHECK_INT(rp_chord_parse(symbols[i], &chord, NULL), RP_OK);
    return chord;
}

static void put(struct rp_smf_write *smf, uint32_t track, int64_t on,
                int64_t length, int pitch)
{
    CHECK_INT(rp_smf_write_event(
                  smf, track, on,
                  rp_event_make(RP_NOTE_ON, 0, (uint8_t)pitch, 80)),
              RP_OK);
    CHECK_INT(rp_smf_write_event(
                  smf, track, on + length,
                  rp_event_make(RP_NOTE_OFF, 0, (uint8_t)pitch, 0)),
              RP_OK);
}

/* Bass on the root, the tones broken in eighths; a foreign note in each bar.
 */
static void put_broken(struct rp_smf_write *smf, uint32_t track, int64_t at,
                       struct rp_chord chord)
{
    uint16_t tones = rp_chord_tones(chord);
    int pitch[8], count = 0;

    for (int p = 60; p < 72; p++)
        if (tones >> p % 12 & 1)
            pitch[count++] = p;
    put(smf, track, at, BAR / 4, 36 + chord.root);
    for (int i = 0; i < 8; i++)
        put(smf, track, at + i * BAR / 8, BAR / 8, pitch[i % count]);
    put(smf, track, at + 5 * BAR / 8, BAR / 16, 73 + chord.root);
}

static void put_block(struct rp_smf_write *smf, uint32_t track, int64_t at,
                      struct rp_chord chord)
{
    for (int p = 48; p < 60; p++)
        if (rp_chord_tones(chord) >> p % 12 & 1)
            put(smf, track, at, BAR, p);
    put(smf, track, at, BAR, 36 + chord.root);
}

/* A melody on track 1 of notes that are no chord's, the chords on track 2. */
static void check(enum rp_chord_source source, const char *name, int melody)
{
    struct rp_smf_write *write;
    struct rp_smf smf;
    struct rp_chord_change *chord;
    uint32_t count;
    enum rp_chord_source from;

    CHECK_INT(rp_smf_write_create(&write, 2), RP_OK);
    CHECK_INT(rp_smf_write_metre(write, 0, (struct rp_metre){ 4, 4 }), RP_OK);
    CHECK_INT(rp_smf_write_name(write, 1, "melody"), RP_OK);
    CHECK_INT(rp_smf_write_name(write, 2, name), RP_OK);
    for (int i = 0; i < 4 * CHORDS; i++)
        put(write, 1, i * BAR / 4, BAR / 4, 72 + i * 5 % 12);
    for (int i = 0; i < CHORDS; i++) {
        if (source == RP_CHORDS_TEXT)
            CHECK_INT(rp_smf_write_text(write, 2, i * BAR, 1, symbols[i]),
                      RP_OK);
        else if (source == RP_CHORDS_TRACK)
            put_block(write, 2, i * BAR, chord_at(i));
        else
            put_broken(write, 2, i * BAR, chord_at(i));
    }
    CHECK_INT(rp_smf_write_save(write, path), RP_OK);
    rp_smf_write_destroy(write);
    CHECK_INT(rp_smf_read(path, &smf), RP_OK);
    CHECK_INT(rp_smf_chords(&smf, melody, 24, &chord, &count, &from), RP_OK);
    if (source == RP_CHORDS_READ && melody < 0) {
        CHECK_INT(from, RP_CHORDS_NONE);
        CHECK_INT(count, 0);
    } else {
        CHECK_INT(from, source);
        CHECK_INT(count, CHORDS);
    }
    for (uint32_t i = 0; i < count && i < CHORDS; i++) {
        struct rp_chord want = chord_at((int)i);
        CHECK_INT(chord[i].tick, i * 96);
        CHECK_INT(chord[i].chord.root, want.root);
        if (chord[i].chord.quality != want.quality)
            printf("%s from %s:\n", symbols[i], rp_chord_source_names[from]);
        CHECK_INT(chord[i].chord.quality, want.quality);
    }
    free(chord);
    rp_smf_fini(&smf);
}

/* Text that is not mostly chords is no chord, nor is a single one. */
static void test_words(void)
{
    struct rp_smf_write *write;
    struct rp_smf smf;
    struct rp_chord_change *chord;
    uint32_t count;

    CHECK_INT(rp_smf_write_create(&write, 3), RP_OK);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(rp_smf_write_text(write, 1, i, 1, i % 2 ? "A" : "rose"),
                  RP_OK);
        CHECK_INT(rp_smf_write_text(write, 2, 480 * i, 1, i ? "" : "Dm"),
                  RP_OK);
        CHECK_INT(rp_smf_write_text(write, 3, 480 * (i / 2), 1,
                                    i % 2 ? "Dm" : "G"),
                  RP_OK);
    }
    CHECK_INT(rp_smf_write_save(write, path), RP_OK);
    rp_smf_write_destroy(write);
    CHECK_INT(rp_smf_read(path, &smf), RP_OK);
    for (uint32_t track = 1; track <= 3; track++) {
        CHECK_INT(rp_smf_chord_texts(&smf, track, 24, &chord, &count), RP_OK);
        /* Of two at one tick the last, and what changes nothing is none. */
        CHECK_INT(count, track == 3 ? 1 : 0);
        free(chord);
    }
    rp_smf_fini(&smf);
}

static void test_edges(void)
{
    struct rp_chord_change *chord;
    struct rp_metre_change six = { 0, { 6, 8 } };
    /* A fifth bar of silence; a dotted beat of A minor in 6/8. */
    struct rp_note note[] = { { 0, 36, 64, 80 },  { 0, 36, 60, 80 },
                              { 0, 36, 45, 80 },  { 36, 36, 67, 80 },
                              { 36, 36, 62, 80 }, { 36, 36, 43, 80 },
                              { 36, 36, 59, 80 } };
    uint32_t count = 7;

    CHECK_INT(rp_chord_read(NULL, 0, NULL, 0, 24, &chord, &count), RP_OK);
    CHECK(!chord && !count);
    count = rp_notes_sort(note, 7);
    CHECK_INT(rp_chord_read(note, count, &six, 1, 24, &chord, &count), RP_OK);
    CHECK_INT(count, 2);
    CHECK(count == 2 && chord[0].chord.root == 9 &&
          chord[0].chord.quality == RP_MINOR);
    CHECK(count == 2 && chord[1].tick == 36 && chord[1].chord.root == 7);
    free(chord);
    /* A second note when everyone has gone home. */
    note[0] = (struct rp_note){ 0, 24, 60, 80 };
    note[1] = (struct rp_note){ 1000000000, 24, 64, 80 };
    CHECK_INT(rp_chord_read(note, 2, NULL, 0, 24, &chord, &count), RP_OK);
    CHECK_INT(count, 1);
    free(chord);
    /* One tick a beat, and notes beyond any bar line that is near. */
    note[0] = (struct rp_note){ 1000000, 1, 60, 80 };
    CHECK_INT(rp_chord_read(note, 1, NULL, 0, 1, &chord, &count), RP_OK);
    CHECK_INT(count, 1);
    CHECK(count && chord[0].tick == 1000000);
    free(chord);
}

int main(void)
{
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    for (int melody = -1; melody <= 1; melody += 2) {
        check(RP_CHORDS_TEXT, "", melody);
        check(RP_CHORDS_TRACK, "Chords", melody);
        check(RP_CHORDS_READ, "guitar", melody);
    }
    test_words();
    test_edges();
    unlink(path);
    return TEST_END();
}
