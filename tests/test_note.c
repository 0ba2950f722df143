/* The encoding is one-to-one on the grid: what goes in as notes comes back
 * from its classes, every class that is written was allowed, and sparse
 * vectors stay inside the widths that the network is built with. */
#include "model/data/note.h"
#include "test.h"

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void test_times(void)
{
    for (uint32_t t = 0; t < 5000; t++) {
        struct rp_time time = rp_time_from(t);
        CHECK(time.class < RP_TIME_ESCAPE);
        CHECK(time.rest < RP_TIME_WIDTH);
        CHECK(time.class >= RP_TIME_EXACT || !time.rest);
        CHECK_INT(rp_time_ticks(time), t);
    }
    CHECK_INT(rp_time_ticks(rp_time_from(1000000)), 1000000);
    CHECK_INT(rp_time_from(383).class, 61);
    CHECK_INT(rp_time_from(383).rest, 23);
    CHECK_INT(rp_time_from(384).escapes, 1);
}

static void test_sort(void)
{
    struct rp_note note[] = {
        { 24, 24, 60, 80 }, { 0, 48, 60, 80 }, { 0, 24, 64, 80 },
        { 0, 24, 60, 80 },  { 24, 0, 67, 80 }, { 48, 24, 67, 80 },
    };
    uint32_t n = rp_notes_sort(note, 6);

    CHECK_INT(n, 5);
    CHECK_INT(note[0].pitch, 64);
    CHECK_INT(note[1].pitch, 60);
    CHECK_INT(note[1].duration, 24); /* cut where 60 is struck again */
    CHECK_INT(note[2].pitch, 67);
    CHECK_INT(note[2].duration, 24); /* a held one too */
    CHECK_INT(note[3].pitch, 60);
    CHECK_INT(note[4].onset, 48);
}

static void check_indices(const struct rp_indices *in, uint32_t width)
{
    for (uint32_t i = 0; i < in->count; i++) {
        CHECK(in->at[i] < width);
        CHECK(i == 0 || in->at[i] > in->at[i - 1]);
    }
}

/* Spells one note field by field as a sampler would; the copy must agree. */
static void check_note(struct rp_reader *reader, const struct rp_note *note)
{
    struct rp_draft full = rp_reader_draft(reader, note);
    struct rp_draft draft = { .velocity = note->velocity };
    struct rp_indices in;

    for (int f = 0; f < RP_FIELDS; f++) {
        enum rp_field field = (enum rp_field)f;
        if (!rp_reader_needs(reader, &draft, field))
            continue;
        rp_reader_condition(reader, &draft, field, &in);
        check_indices(&in, rp_vocabulary_condition(&reader->vocabulary,
                                                   field));
        uint32_t escapes = field == RP_DT ? full.dt.escapes
                           : field == RP_DURATION ? full.duration.escapes : 0;
        for (uint32_t i = 0; i <= escapes; i++) {
            uint8_t class = i < escapes ? RP_TIME_ESCAPE
                                        : rp_draft_class(&full, field);
            struct rp_mask mask = rp_reader_mask(reader, &draft, field);
            CHECK(mask.bits[class / 64] >> class % 64 & 1);
            CHECK(class < rp_vocabulary_classes(&reader->vocabulary, field));
            rp_draft_set(&draft, field, class);
        }
    }
    struct rp_note back = rp_reader_note(reader, &draft);
    CHECK_INT(back.onset, note->onset);
    CHECK_INT(back.duration, note->duration);
    CHECK_INT(back.pitch, note->pitch);
    CHECK_INT(back.velocity / 8, note->velocity / 8);
    CHECK_INT(back.offset, reader->vocabulary.timing ? note->offset : 0);
    rp_reader_push(reader, &back, &in);
    check_indices(&in, rp_vocabulary_inputs(&reader->vocabulary));
}

static void test_round_trip(void)
{
    static struct rp_note note[400];
    struct rp_metre_change metre[] = { { 0, { 3, 4 } }, { 720, { 6, 8 } } };
    struct rp_chord_change chord[] = { { 50, { 0, RP_MINOR } },
                                       { 720, { 0, RP_NO_CHORD } } };
    struct rp_reader reader;

    for (int round = 0; round < 50; round++) {
        struct rp_vocabulary vocabulary = { round % 5 ? 24 : 1, round % 2,
                                            round % 3 == 0 };
        vocabulary.recall = round % 4 == 1;
        vocabulary.chord = round % 4 > 1;
        vocabulary.timing = round % 5 > 2;
        int32_t at = 0;
        for (int i = 0; i < 400; i++) {
            at += draw(3) ? 0 : (int32_t)draw(draw(8) ? 60 : 2000);
            note[i] = (struct rp_note){ at, 1 + (int32_t)draw(draw(9) ? 90
                                                                     : 1500),
                                        (uint8_t)draw(128),
                                        (uint8_t)(1 + draw(127)),
                                        (int8_t)draw(16) };
            note[i].offset = (int8_t)(note[i].offset - 8);
        }
        uint32_t count = rp_notes_sort(note, 400);
        rp_reader_init(&reader, &vocabulary, metre, 2, 0);
        rp_reader_chords(&reader, chord, round % 3, (int)draw(25) - 12);
        for (uint32_t i = 0; i < count; i++)
            check_note(&reader, &note[i]);
    }
}

static void test_masks(void)
{
    struct rp_vocabulary vocabulary = { 24, true, false };
    struct rp_reader reader;
    struct rp_indices in;
    struct rp_draft draft = { 0 };
    struct rp_note held = { 0, 0, 60, 80 };

    rp_reader_init(&reader, &vocabulary, NULL, 0, 0);
    rp_reader_push(&reader, &held, &in);
    CHECK(in.at[2] == 64 + 24 + 128 + RP_TIME_HELD);
    draft.dt.class = 0;
    struct rp_mask mask = rp_reader_mask(&reader, &draft, RP_PITCH);
    CHECK(mask.bits[0] >> 59 & 1);    /* below: a chord note */
    CHECK(!(mask.bits[0] >> 60 & 1)); /* sounds */
    CHECK(!(mask.bits[0] >> 61 & 1)); /* above: not in canonical order */
    draft.dt.class = 24;
    mask = rp_reader_mask(&reader, &draft, RP_PITCH);
    CHECK(mask.bits[0] >> 61 & 1);
    CHECK(!(mask.bits[0] >> 60 & 1)); /* a drone still sounds ... */
    rp_reader_release(&reader, 60, 24);
    mask = rp_reader_mask(&reader, &draft, RP_PITCH);
    CHECK(mask.bits[0] >> 60 & 1); /* ... until it is let go */
    mask = rp_reader_mask(&reader, &draft, RP_DURATION);
    CHECK(!(mask.bits[0] & 1));
    CHECK(!(mask.bits[0] >> RP_TIME_HELD & 1));
    held.pitch = 0;
    held.duration = 24;
    held.onset = 48;
    rp_reader_push(&reader, &held, &in);
    draft.dt.class = 0;
    mask = rp_reader_mask(&reader, &draft, RP_DT);
    CHECK(!(mask.bits[0] & 1)); /* nothing below pitch 0 */
}

/* Index of `block` in the condition. */
static uint32_t block_at(const struct rp_vocabulary *vocabulary,
                         enum rp_condition_block block)
{
    uint32_t first = 0;

    for (int i = 0; i < (int)block; i++)
        first += rp_vocabulary_condition_width(vocabulary,
                                               (enum rp_condition_block)i);
    return first;
}

static bool has(const struct rp_indices *in, uint32_t index)
{
    for (uint32_t i = 0; i < in->count; i++)
        if (in->at[i] == index)
            return true;
    return false;
}

/* Runs: what ends at an onset cannot begin there. Voices: it is told, and how
 * long the others go on. */
static void test_voices(void)
{
    struct rp_vocabulary vocabulary = { 24, .runs = true, .voices = true };
    struct rp_reader reader;
    struct rp_indices in;
    struct rp_draft draft = { .dt.class = 2, .pitch = 64 };
    struct rp_note note[] = { { 0, 2, 67, 64 }, { 0, 9, 60, 64 },
                              { 2, 1, 65, 64 } };
    uint32_t ended = block_at(&vocabulary, RP_ON_ENDED);
    uint32_t struck = block_at(&vocabulary, RP_ON_STRUCK);
    uint32_t goes = block_at(&vocabulary, RP_ON_GOES);

    rp_reader_init(&reader, &vocabulary, NULL, 0, 0);
    rp_reader_push(&reader, &note[0], &in);
    rp_reader_push(&reader, &note[1], &in);
    rp_reader_condition(&reader, &draft, RP_DT, &in);
    check_indices(&in, rp_vocabulary_condition(&vocabulary, RP_DT));
    CHECK(in.count == 2 && in.at[0] == 2 && in.at[1] == 9);
    struct rp_mask mask = rp_reader_mask(&reader, &draft, RP_PITCH);
    CHECK(!(mask.bits[1] >> (67 - 64) & 1)); /* a longer note, had it gone on */
    CHECK(!(mask.bits[0] >> 60 & 1));
    CHECK(mask.bits[1] >> (66 - 64) & 1);
    rp_reader_push(&reader, &note[2], &in);
    draft.dt.class = 0;
    rp_reader_condition(&reader, &draft, RP_PITCH, &in);
    check_indices(&in, rp_vocabulary_condition(&vocabulary, RP_PITCH));
    CHECK(has(&in, ended + 67) && !has(&in, ended + 60));
    CHECK(has(&in, struck + 65) && !has(&in, struck + 60));
    CHECK(has(&in, goes + 1) && has(&in, goes + 7) && !has(&in, goes + 2));
    vocabulary.runs = vocabulary.voices = false;
    CHECK_INT(rp_vocabulary_condition(&vocabulary, RP_DT), 0);
    reader.vocabulary = vocabulary;
    draft.dt.class = 2 - 0;
    reader.onset = 0;
    mask = rp_reader_mask(&reader, &draft, RP_PITCH);
    CHECK(mask.bits[1] >> (67 - 64) & 1); /* struck again: any other music */
}

/* The bits of the chord blocks, from `first` on. */
static void check_chord(const struct rp_indices *in, uint32_t first, int root,
                        int quality, uint32_t tones)
{
    for (int i = 0; i < 12; i++) {
        CHECK_INT(has(in, first + (uint32_t)i), i == root);
        CHECK_INT(has(in, first + 12 + RP_QUALITIES + (uint32_t)i),
                  tones >> i & 1);
    }
    for (int i = 0; i < RP_QUALITIES; i++)
        CHECK_INT(has(in, first + 12 + (uint32_t)i), i == quality);
}

/* The chord at the NEW onset is a condition, that of the note an input; both
 * move with the key. Before the first, and unless they are told, no bit is. */
static void test_chords(void)
{
    struct rp_vocabulary v = { 24, .chord = true };
    const struct rp_chord_change chord[] = { { 24, { 9, RP_MINOR } },
                                             { 48, { 0, RP_NO_CHORD } },
                                             { 96, { 7, RP_DOMINANT } } };
    uint32_t on = block_at(&v, RP_ON_CHORD_ROOT);
    uint32_t in_ = rp_vocabulary_block(&v, RP_IN_CHORD_ROOT);
    struct rp_reader reader;
    struct rp_indices in;
    static const struct {
        uint8_t dt;
        int root, quality;
        uint32_t tones;
    } list[] = {
        { 0, -1, -1, 0 },
        { 24, 11, RP_MINOR, 1 << 11 | 1 << 2 | 1 << 6 },
        { 24, -1, RP_NO_CHORD, 0 },
        { 47, -1, RP_NO_CHORD, 0 },
        { 1, 9, RP_DOMINANT, 1 << 9 | 1 << 1 | 1 << 4 | 1 << 7 },
    };
    rp_reader_init(&reader, &v, NULL, 0, 0);
    rp_reader_chords(&reader, chord, 3, 2);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct rp_draft draft = { .dt.class = list[i].dt };
        struct rp_note note = { reader.onset + list[i].dt, 1, 60, 64 };
        rp_reader_condition(&reader, &draft, RP_PITCH, &in);
        check_chord(&in, on, list[i].root, list[i].quality, list[i].tones);
        rp_reader_push(&reader, &note, &in);
        check_chord(&in, in_, list[i].root, list[i].quality, list[i].tones);
    }
    rp_reader_chords(&reader, NULL, 0, 0);
    rp_reader_push(&reader, &(struct rp_note){ 100, 1, 60, 64 }, &in);
    check_chord(&in, in_, -1, -1, 0);
}

static void test_place(void)
{
    struct rp_vocabulary v = { 24, true, false };
    struct rp_place p = rp_vocabulary_place(&v, (struct rp_metre){ 4, 4 }, 60);

    CHECK_INT(p.metre, 8);
    CHECK_INT(p.beat, 2);
    CHECK_INT(p.grid, 12);
    CHECK_INT(rp_vocabulary_place(&v, (struct rp_metre){ 6, 8 }, 0).metre, 17);
    CHECK_INT(rp_vocabulary_place(&v, (struct rp_metre){ 12, 8 }, 0).metre,
              19);
    CHECK_INT(rp_vocabulary_place(&v, (struct rp_metre){ 3, 16 }, 0).metre,
              21);
    CHECK_INT(rp_vocabulary_place(&v, (struct rp_metre){ 18, 4 }, 1700).beat,
              15);
    p = rp_vocabulary_place(&v, (struct rp_metre){ 0, 0 }, 12);
    CHECK_INT(p.metre, 0);
    CHECK_INT(p.beat, 16);
    CHECK_INT(p.grid, 12);
}

int main(void)
{
    test_times();
    test_sort();
    test_round_trip();
    test_masks();
    test_voices();
    test_chords();
    test_place();
    return TEST_END();
}
