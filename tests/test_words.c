/* Words: what a part is written as, what words are read as, and what does not
 * get lost on the way there and back. */
#include "model/data/words.h"
#include "rt/log.h"
#include "test.h"

static char said[256];

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said, sizeof said, "%s", text);
}

static char *words_of(struct rp_part *part)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    rp_words_print(part, file);
    fclose(file);
    return text;
}

static void test_written(void)
{
    struct rp_part_note note[] = {
        { 480, 480, 59, 80, 0 },  /* after a rest of a quarter */
        { 960, 720, 70, 80, 0 },  /* dotted: the dot is lost */
        { 1680, 240, 60, 80, 0 },
        { 1920, 1200, 36, 80, 0 }, /* a chord in the second bar */
        { 1920, 480, 64, 80, 0 },
        { 2400, 480, 66, 80, 0 },
        { 3120, 1, 0, 80, 0 },
    };
    struct rp_smf_metre metre = { 0, { 4, 4 } };
    struct rp_part part = { .division = 480,
                            .notes = 7,
                            .note = note,
                            .metres = 1,
                            .metre = &metre };
    char *text = words_of(&part);

    CHECK_TEXT(text, "rest_quarter b_3_quarter b-_4_quarter c_4_eighth\n"
                     "c_2_complex+e_4_quarter f#_4_quarter rest_eighth "
                     "c_-1_inexpressible\n");
    free(text);
    note[0].onset = INT64_C(1) << 40;
    part.notes = 1;
    text = words_of(&part);
    CHECK_INT(strlen(text), 64 * 12 + 11 + 1); /* 64 times rest_maxima */
    free(text);
    part.notes = 0;
    text = words_of(&part);
    CHECK_TEXT(text, "");
    free(text);
}

static void test_read(void)
{
    struct rp_note *note;
    uint32_t count;
    int32_t end;

    CHECK_INT(rp_words_parse("rest_quarter b_1_quarter,\n B-_4_complex+c_2_half"
                             " c#_-1_16th g_9_inexpressible",
                             24, &note, &count, &end),
              RP_OK);
    CHECK_INT(count, 5);
    static const struct rp_note want[] = {
        { 24, 24, 35, 80 }, { 48, 24, 70, 80 }, { 48, 48, 36, 80 },
        { 72, 6, 1, 80 },   { 78, 6, 127, 80 },
    };
    for (uint32_t i = 0; i < count && i < 5; i++) {
        CHECK_INT(note[i].onset, want[i].onset);
        CHECK_INT(note[i].duration, want[i].duration);
        CHECK_INT(note[i].pitch, want[i].pitch);
        CHECK_INT(note[i].velocity, 80);
    }
    CHECK_INT(end, 96);
    free(note);
    /* Too short for the resolution: a tick. */
    CHECK_INT(rp_words_parse("c_4_512th", 24, &note, &count, &end), RP_OK);
    CHECK_INT(note[0].duration, 1);
    free(note);
}

/* Plain values, rests between them, chords of one length: nothing is lost. */
static void test_back(void)
{
    static const int64_t plain[] = { 1920, 960, 480, 240, 120, 60 };
    static struct rp_part_note note[300];
    struct rp_part part = { .division = 480, .note = note };
    struct rp_note *back;
    uint32_t count, state = 5;
    int64_t tick = 0;
    int32_t end;

    for (uint32_t i = 0; i < 100; i++) {
        state = state * 1664525u + 1013904223u;
        int64_t ticks = plain[(state >> 8) % 6];
        for (uint32_t k = 0; k <= (state >> 16) % 3; k++)
            note[part.notes++] = (struct rp_part_note){
                tick, ticks, (uint8_t)((state >> 20) % 60 + 20 * k), 80, 0
            };
        tick += ticks + (state >> 28 ? 0 : 660);
    }
    char *text = words_of(&part);
    CHECK_INT(rp_words_parse(text, 480, &back, &count, &end), RP_OK);
    CHECK_INT(count, part.notes);
    CHECK_INT(end, note[part.notes - 1].onset + note[part.notes - 1].ticks);
    for (uint32_t i = 0; i < count && i < part.notes; i++) {
        uint32_t at = i; /* read: chords from high to low */
        while (at + 1 < part.notes && note[at + 1].onset == note[i].onset)
            at++;
        uint32_t first = i;
        while (first && note[first - 1].onset == note[i].onset)
            first--;
        CHECK_INT(back[first + at - i].onset, note[i].onset);
        CHECK_INT(back[first + at - i].pitch, note[i].pitch);
        CHECK_INT(back[first + at - i].duration, note[i].ticks);
    }
    free(text);
    free(back);
}

static void test_refused(void)
{
    static const struct {
        const char *text;
        int at;
    } list[] = {
        { "", 1 },
        { "rest_half", 10 },
        { "c_4_quarter h_4_quarter", 13 },
        { "c_4_crotchet", 5 },
        { "c_4", 2 },
        { "c_10_half", 2 },
        { "c_-2_half", 2 },
        { "g#_9_half", 3 },
        { "c_4_half+", 10 },
        { "c_4_half d_4_half_", 14 },
        { "c_ 4_half", 2 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct rp_note *note;
        uint32_t count;
        int32_t end;
        char want[40];
        said[0] = 0;
        CHECK_INT(rp_words_parse(list[i].text, 24, &note, &count, &end),
                  RP_EARG);
        snprintf(want, sizeof want, "character %d: expected", list[i].at);
        if (!strstr(said, want))
            printf("%s\n", said);
        CHECK(strstr(said, want));
    }
}

int main(void)
{
    rp_log_to(keep, NULL);
    test_written();
    test_read();
    test_back();
    test_refused();
    return TEST_END();
}
