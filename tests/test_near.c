/* Likeness of tunes: what a copy may have changed and still be found, and that
 * tunes of their own stay alone. */
#include "model/data/near.h"
#include "tests/songs.h"
#include "tests/test.h"

enum { NOTES = 120, TUNES = 200 };

static uint32_t melody(uint32_t seed, struct rp_note *note)
{
    struct songs_dice dice = {seed * 7919 + 3};
    int32_t tick = 0;
    int pitch = 67;
    for (uint32_t i = 0; i < NOTES; i++) {
        static const int step[] = {-4, -3, -2, -2, -1, 0, 1, 2, 2, 3, 5};
        int32_t length = 6 << songs_roll(&dice, 3);
        pitch += step[songs_roll(&dice, 11)];
        pitch = pitch < 55 ? pitch + 12 : pitch > 84 ? pitch - 12 : pitch;
        note[i] = (struct rp_note){tick, length, (uint8_t)pitch, 80, 0};
        tick += length;
    }
    return NOTES;
}

static struct rp_print print_of(const struct rp_note *note, uint32_t count)
{
    struct rp_print print = {0};
    CHECK_INT(rp_print_create(note, count, 24, &print), RP_OK);
    return print;
}

static float likeness(const struct rp_note *a, uint32_t as,
                      const struct rp_note *b, uint32_t bs)
{
    struct rp_print x = print_of(a, as), y = print_of(b, bs);
    float like = rp_print_likeness(&x, &y);
    CHECK_NEAR(like, rp_print_likeness(&y, &x), 0);
    rp_print_destroy(&x);
    rp_print_destroy(&y);
    return like;
}

static void test_changes(void)
{
    struct rp_note note[NOTES], copy[2 * NOTES];
    melody(1, note);
    memcpy(copy, note, sizeof note);
    for (int i = 0; i < NOTES; i++) { /* a fourth higher, twice as slow */
        copy[i].pitch += 5;
        copy[i].onset *= 2;
        copy[i].duration *= 2;
    }
    CHECK_NEAR(likeness(note, NOTES, copy, NOTES), 1, 0);
    for (int i = 10; i < NOTES; i += 25)
        copy[i].pitch += 1; /* five wrong notes */
    float like = likeness(note, NOTES, copy, NOTES);
    CHECK(like > 0.5f && like < 0.75f);
    for (int i = 3; i < NOTES; i += 8)
        copy[i].pitch -= 2; /* one in eight: no phrase is left */
    CHECK(likeness(note, NOTES, copy, NOTES) < 0.1f);
    /* A third of it is all in it. */
    CHECK_NEAR(likeness(note, NOTES, note + 40, 40), 1, 0);
    /* Accompanied, and played with a few ticks of freedom. */
    for (uint32_t i = 0; i < NOTES; i++) {
        copy[2 * i] = note[i];
        copy[2 * i].onset += (int32_t)(i % 3);
        copy[2 * i + 1] = (struct rp_note){note[i].onset + 1, 6,
                                           (uint8_t)(36 + i % 5), 80, 0};
    }
    uint32_t count = rp_notes_sort(copy, 2 * NOTES);
    CHECK_INT(count, 2 * NOTES);
    CHECK(likeness(note, NOTES, copy, count) > 0.9f);
    CHECK_NEAR(likeness(note, NOTES, note, 0), 0, 0);
    CHECK_NEAR(likeness(note, NOTES, note, 9), 0, 0);
}

/* Repeated notes, trills and broken chords make nobody alike. */
static void test_common(void)
{
    static const int8_t chord[] = {60, 64, 67, 64};
    struct rp_note note[NOTES];
    for (int period = 1; period <= 4; period *= 2) {
        for (int i = 0; i < NOTES; i++)
            note[i] = (struct rp_note){12 * i, 12,
                                       (uint8_t)chord[i % period], 80, 0};
        struct rp_print print = print_of(note, NOTES);
        CHECK_INT(print.count, 0);
        rp_print_destroy(&print);
    }
}

/* 200 tunes, each tenth with a copy whose notes are changed a little, and two
 * copies of one. */
static void test_find(void)
{
    static struct rp_print print[TUNES + 30];
    static struct rp_near near[TUNES + 30];
    struct rp_note note[NOTES];
    uint32_t count = 0, alone = 0;
    for (uint32_t i = 0; i < TUNES; i++) {
        melody(i, note);
        print[count++] = print_of(note, NOTES);
    }
    for (uint32_t i = 0; i < TUNES; i += 10) {
        melody(i, note);
        note[20].pitch++;
        note[70].pitch--;
        print[count++] = print_of(note, NOTES);
    }
    melody(0, note);
    print[count++] = print_of(note, NOTES / 2);
    CHECK_INT(rp_near_find(print, count, near), RP_OK);
    for (uint32_t i = 0; i < TUNES; i++) {
        CHECK_INT(near[i].group, i);
        CHECK_INT(near[i].twin >= 0, i % 10 == 0);
        alone += near[i].twin < 0;
    }
    CHECK_INT(alone, TUNES - TUNES / 10);
    for (uint32_t i = TUNES; i + 1 < count; i++) {
        CHECK_INT(near[i].group, (i - TUNES) * 10);
        if (i > TUNES)
            CHECK_INT(near[i].twin, (i - TUNES) * 10);
        CHECK(near[i].likeness > 0.7f && near[i].likeness < 1);
    }
    CHECK_INT(near[count - 1].group, 0);
    CHECK_INT(near[count - 1].twin, 0);
    CHECK_NEAR(near[count - 1].likeness, 1, 0);
    CHECK_INT(rp_near_find(print, 0, near), RP_OK);
    for (uint32_t i = 0; i < count; i++)
        rp_print_destroy(&print[i]);
}

/* More copies than a phrase is compared by: one group all the same. */
static void test_many(void)
{
    static struct rp_print print[300];
    static struct rp_near near[300];
    struct rp_note note[NOTES];
    melody(5, note);
    for (int i = 0; i < 300; i++) {
        note[i % NOTES].pitch ^= 1; /* drifts, one note at a time */
        print[i] = print_of(note, NOTES);
        note[i % NOTES].pitch ^= 1;
    }
    CHECK_INT(rp_near_find(print, 300, near), RP_OK);
    for (int i = 0; i < 300; i++) {
        CHECK_INT(near[i].group, 0);
        rp_print_destroy(&print[i]);
    }
}

int main(void)
{
    test_changes();
    test_common();
    test_find();
    test_many();
    return TEST_END();
}
