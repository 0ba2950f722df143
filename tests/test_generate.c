/* Continuations: as long as asked, in range, never on a note that sounds, the
 * same for the same seed and others for another; a written file reads back. */
#include <unistd.h>

#include "model/play/generate.h"
#include "engines.h"
#include "notes.h"
#include "play.h"
#include "test.h"

static struct rp_model model;
static const struct rp_metre common = { 4, 4 };

static void test_melody_text(void)
{
    struct rp_vocabulary *v = &model.shape.vocabulary;
    struct rp_primer primer;
    static const char *const wrong[] = { "",          "[]",      "[60, 62",
                                         "60]",       "[60 x]",  "[128]",
                                         "[60, -3]",  "[-2,-1]", "[60] 61",
                                         "[60, 99999999999]" };

    CHECK_INT(rp_primer_melody("[60, -2, 62, -1, -2, 64]", v, common, &primer),
              RP_OK);
    CHECK_INT(primer.count, 3);
    CHECK_INT(primer.note[0].onset, 0);
    CHECK_INT(primer.note[0].duration, 12);
    CHECK_INT(primer.note[1].onset, 12);
    CHECK_INT(primer.note[1].duration, 6);
    CHECK_INT(primer.note[2].onset, 30);
    CHECK_INT(primer.note[2].pitch, 64);
    CHECK_INT(primer.end, 36);
    rp_primer_fini(&primer);
    CHECK_INT(rp_primer_melody("60 62,64", v, common, &primer), RP_OK);
    CHECK_INT(primer.count, 3);
    rp_primer_fini(&primer);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_INT(rp_primer_melody(wrong[i], v, common, &primer), RP_EARG);
}

static void check_notes(const struct rp_primer *primer,
                        const struct rp_note *note, uint32_t count,
                        int32_t end, int low, int high)
{
    int32_t until[128];
    int32_t before = primer->end;

    for (int i = 0; i < 128; i++)
        until[i] = INT32_MIN;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(note[i].onset >= before);
        CHECK(note[i].duration >= 1);
        CHECK(note[i].onset + note[i].duration <= end);
        CHECK(note[i].pitch >= low && note[i].pitch <= high);
        CHECK(note[i].velocity >= 1 && note[i].velocity <= 127);
        CHECK(until[note[i].pitch] <= note[i].onset);
        until[note[i].pitch] = note[i].onset + note[i].duration;
        before = note[i].onset;
    }
}

static void test_bars(void)
{
    struct rp_generate_options options = { .model = &model,
                                           .bars = 4,
                                           .taste = { 1.0f, 1.0f, 0 },
                                           .seed = 5 };
    const struct rp_note *note;
    struct rp_note first[64];
    struct rp_generator *generator;
    struct rp_primer primer;
    uint32_t count, firsts, differ = 0;

    CHECK_INT(rp_primer_melody("[60,-2,62,-2,64,-2,65,-2,67]",
                               &model.shape.vocabulary, common, &primer),
              RP_OK);
    options.primer = &primer;
    CHECK_INT(rp_generator_create(&generator, &options), RP_OK);
    CHECK_INT(rp_generator_draw(generator, 0, &note, &count), RP_OK);
    CHECK(count > 2);
    /* The primer ends in the first bar; four bars from the next line on. */
    check_notes(&primer, note, count, 96 + 4 * 96, 48, 79);
    firsts = count < 64 ? count : 64;
    memcpy(first, note, firsts * sizeof *note);
    for (uint32_t candidate = 1; candidate < 4; candidate++) {
        CHECK_INT(rp_generator_draw(generator, candidate, &note, &count),
                  RP_OK);
        check_notes(&primer, note, count, 96 + 4 * 96, 48, 79);
        differ += count != firsts ||
                  !same_notes(first, note, firsts);
    }
    CHECK_INT(differ, 3);
    CHECK_INT(rp_generator_draw(generator, 0, &note, &count), RP_OK);
    CHECK_INT(count, firsts);
    CHECK(same_notes(first, note, firsts));
    rp_generator_destroy(generator);
    rp_primer_fini(&primer);
}

static void test_count(void)
{
    struct rp_generate_options options = { .model = &model,
                                           .notes = 40,
                                           .taste = { 0.8f, 0.9f, 0 },
                                           .seed = 6,
                                           .low = 50,
                                           .high = 60 };
    const struct rp_note *note;
    struct rp_generator *generator;
    struct rp_primer primer;
    uint32_t count;

    CHECK_INT(rp_primer_empty((struct rp_metre){ 3, 4 }, &primer), RP_OK);
    options.primer = &primer;
    CHECK_INT(rp_generator_create(&generator, &options), RP_OK);
    CHECK_INT(rp_generator_draw(generator, 0, &note, &count), RP_OK);
    CHECK_INT(count, 40);
    check_notes(&primer, note, count, INT32_MAX, 50, 60);
    rp_generator_destroy(generator);
    rp_primer_fini(&primer);
}

/* A model that knows no chords: on every beat a tone of the one that is asked
 * for, none of them in the primer's bar, and the file says them. */
static void test_chords(void)
{
    const struct rp_vocabulary *v = &model.shape.vocabulary;
    struct rp_generate_options options = { .model = &model,
                                           .bars = 8,
                                           .taste = { 1.0f, 1.0f, 0 },
                                           .seed = 3 };
    const struct rp_note *note;
    struct rp_generator *generator;
    struct rp_primer primer, back;
    struct rp_vocabulary told = *v;
    uint32_t count, beats = 0;
    char path[] = "/tmp/riposte-generate-XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    CHECK_INT(rp_primer_melody("[60,-2,62,-2,64,-2,65,-2,67]", v, common,
                               &primer),
              RP_OK);
    CHECK_INT(rp_primer_chords(&primer, "C | Am7 F", 24, 8), RP_OK);
    CHECK_INT(primer.chords, 12);
    CHECK_INT(primer.chord[0].tick, 96);
    options.primer = &primer;
    CHECK_INT(rp_generator_create(&generator, &options), RP_OK);
    for (uint32_t candidate = 0; candidate < 40; candidate++) {
        CHECK_INT(rp_generator_draw(generator, candidate, &note, &count),
                  RP_OK);
        check_notes(&primer, note, count, 9 * 96, 48, 79);
        for (uint32_t i = 0; i < count; i++) {
            const struct rp_chord_change *change = rp_chord_find(
                primer.chord, primer.chords, note[i].onset);
            if (!change || note[i].onset % 24)
                continue;
            CHECK(rp_chord_tones(change->chord) >> note[i].pitch % 12 & 1);
            beats++;
        }
    }
    CHECK(beats > 5); /* 11 of that model */
    CHECK_INT(rp_generate_save(path, &primer, note, count, v->resolution,
                               90000, -1),
              RP_OK);
    told.chord = true;
    CHECK_INT(rp_primer_read(path, &told, true, &back), RP_OK);
    CHECK_INT(back.chords, primer.chords);
    for (uint32_t i = 0; i < back.chords; i++) {
        CHECK_INT(back.chord[i].tick, primer.chord[i].tick);
        CHECK_INT(back.chord[i].chord.root, primer.chord[i].chord.root);
    }
    rp_primer_fini(&back);
    CHECK_INT(rp_primer_chords(&primer, NULL, 24, 8), RP_OK);
    CHECK_INT(primer.chords, 0);
    CHECK_INT(rp_primer_chords(&primer, "C Z", 24, 8), RP_EARG);
    rp_generator_destroy(generator);
    rp_primer_fini(&primer);
    unlink(path);
}

/* Offsets are written and read back, where the vocabulary has timing; a pitch
 * that is struck again does not begin before it has ended. */
static void test_offsets(void)
{
    struct rp_vocabulary v = model.shape.vocabulary;
    struct rp_note more[16];
    struct rp_primer primer, back;
    char path[] = "/tmp/riposte-generate-XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    for (int i = 0; i < 16; i++)
        more[i] = (struct rp_note){ 7 * i, 7, (uint8_t)(60 + i), 64,
                                    (int8_t)(i - 8) };
    more[3].pitch = more[2].pitch;
    CHECK_INT(rp_primer_empty(common, &primer), RP_OK);
    CHECK_INT(rp_generate_save(path, &primer, more, 16, 24, 90000, -1),
              RP_OK);
    for (int timing = 0; timing < 2; timing++) {
        v.timing = timing;
        CHECK_INT(rp_primer_read(path, &v, true, &back), RP_OK);
        CHECK_INT(back.count, 16);
        for (int i = 0; i < 16; i++) {
            int8_t want = i == 0 || i == 3 ? 0 : more[i].offset;
            CHECK_INT(back.note[i].onset, more[i].onset);
            CHECK_INT(back.note[i].duration, more[i].duration);
            CHECK_INT(back.note[i].offset, timing ? want : 0);
        }
        rp_primer_fini(&back);
    }
    rp_primer_fini(&primer);
    unlink(path);
}

static void test_file(void)
{
    const struct rp_vocabulary *v = &model.shape.vocabulary;
    struct rp_note more[] = { { 36, 12, 65, 90 }, { 48, 48, 67, 70 } };
    struct rp_primer primer, back;
    char path[] = "/tmp/riposte-generate-XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    CHECK_INT(rp_primer_melody("[60,-2,62,-2,64,-2]", v,
                               (struct rp_metre){ 3, 4 }, &primer),
              RP_OK);
    CHECK_INT(rp_generate_save(path, &primer, more, 2, v->resolution, 90000,
                               12),
              RP_OK);
    CHECK_INT(rp_primer_read(path, v, true, &back), RP_OK);
    CHECK_INT(back.count, 5);
    CHECK_INT(back.mbpm, 90000);
    CHECK_INT(back.metre[0].metre.beats, 3);
    CHECK_INT(back.note[3].onset, 36);
    CHECK_INT(back.note[3].pitch, 65);
    CHECK_INT(back.note[4].duration, 48);
    CHECK_INT(back.end, 96);
    rp_primer_fini(&back);
    rp_primer_fini(&primer);
    unlink(path);
    CHECK(rp_primer_read(path, v, false, &back) != RP_OK);
}

/* A file may say any tempo; the knob takes 20 to 400. */
static void test_tempo(void)
{
    const struct rp_vocabulary *v = &model.shape.vocabulary;
    static const struct {
        uint8_t us[3];
        uint32_t mbpm;
    } tempos[] = { { { 0x07, 0xa1, 0x20 }, 120000 },
                   { { 0, 0, 1 }, 400000 },
                   { { 0, 0, 14 }, 400000 },
                   { { 0xff, 0xff, 0xff }, 20000 } };
    uint8_t file[] = { 'M', 'T', 'h', 'd', 0, 0, 0, 6, 0, 0, 0, 1, 0, 24,
                       'M', 'T', 'r', 'k', 0, 0, 0, 19, 0, 0xff, 0x51, 3, 0,
                       0, 0, 0, 0x90, 60, 80, 24, 0x80, 60, 0, 0, 0xff, 0x2f,
                       0 };
    char path[] = "/tmp/riposte-tempo-XXXXXX";
    int fd = mkstemp(path);

    for (size_t i = 0; i < sizeof tempos / sizeof *tempos; i++) {
        struct rp_primer primer;
        memcpy(file + 26, tempos[i].us, 3);
        CHECK_INT(pwrite(fd, file, sizeof file, 0), sizeof file);
        CHECK_INT(rp_primer_read(path, v, true, &primer), RP_OK);
        CHECK_INT(primer.mbpm, tempos[i].mbpm);
        rp_primer_fini(&primer);
    }
    close(fd);
    unlink(path);
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    model = random_model(4, 32);
    test_melody_text();
    test_bars();
    test_count();
    test_chords();
    test_offsets();
    test_file();
    test_tempo();
    free(model.params);
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
