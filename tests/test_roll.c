/* The piano roll as text: where notes stand, what a line of bars shows. */
#include "test.h"
#include "tui/roll.h"

static const struct rp_clock clock_44 = {
    .rate = 48000, .mbpm = 100000, .metre = {4, 4}, .anchored = 1};

static struct rp_roll_note note(double onset, double length, int pitch,
                                enum rp_who who)
{
    return (struct rp_roll_note){(rp_beat)(onset * RP_BEAT),
                                 (rp_beat)((onset + length) * RP_BEAT),
                                 (uint8_t)pitch, 80, (uint8_t)who};
}

static char *printed(const struct rp_roll_note *notes, uint32_t count,
                     struct rp_metre metre, int width)
{
    static char text[16384];
    struct rp_clock clock = clock_44;
    FILE *file = fmemopen(text, sizeof(text), "w");

    *text = '\0';
    clock.metre = metre;
    rp_roll_print(notes, count, &clock, width, file);
    fclose(file);
    return text;
}

static void test_lines(void)
{
    struct rp_roll_note notes[] = {
        note(0, 1, 60, RP_WHO_CALL), note(1, 0.5, 62, RP_WHO_CALL),
        note(4, 1.5, 61, RP_WHO_ANSWER), note(9, 1, 72, RP_WHO_ANSWER)};

    CHECK_TEXT(printed(notes, 3, (struct rp_metre){4, 4}, 79),
               "     o-- call   #== answer\n"
               "  D4 |   o-          |               |\n"
               " C#4 |               #=====          |\n"
               "  C4 o---            |               |\n");
    /* Too narrow for all: the last bar on a line of its own, with its own
     * pitches. */
    CHECK_TEXT(printed(notes, 4, (struct rp_metre){4, 4}, 42),
               "     o-- call   #== answer\n"
               "  D4 |   o-          |               |\n"
               " C#4 |               #=====          |\n"
               "  C4 o---            |               |\n"
               "\n"
               "  C5 |   #===        |\n");
    /* An empty stretch is no lines at all. */
    notes[3] = note(401, 1, 72, RP_WHO_ANSWER);
    CHECK(strstr(printed(notes, 4, (struct rp_metre){4, 4}, 42),
                 "C4 o---            |               |\n\n  C5 |   #==="));
    CHECK_TEXT(printed(notes, 0, (struct rp_metre){4, 4}, 79), "");
}

static void test_edges(void)
{
    /* Shorter than a column is still seen; a hair early is on its beat. */
    struct rp_roll_note notes[] = {note(0, 0.01, 60, RP_WHO_CALL),
                                   note(2.999, 0.5, 60, RP_WHO_CALL)};

    CHECK_TEXT(printed(notes, 2, (struct rp_metre){3, 4}, 79),
               "     o-- call   #== answer\n"
               "  C4 o           o-          |\n");
}

static void test_fit(void)
{
    struct rp_roll_note notes[] = {note(0, 1, 36, RP_WHO_CALL),
                                   note(0, 1, 84, RP_WHO_CALL),
                                   note(50, 1, 127, RP_WHO_CALL)};
    struct rp_roll roll = {.note = notes,
                           .count = 3,
                           .column = RP_BEAT / 4,
                           .now = 0,
                           .clock = clock_44};

    rp_roll_fit(&roll, 8 * RP_BEAT, 60);
    CHECK(!roll.fold && roll.low <= 36 && roll.low + 60 > 84);
    rp_roll_fit(&roll, 8 * RP_BEAT, 25);
    CHECK(roll.fold && roll.low <= 36 && roll.low + 50 > 84);
    CHECK_INT(roll.low % 2, 0);
    rp_roll_fit(&roll, 8 * RP_BEAT, 1); /* no room: still in range */
    CHECK(roll.low >= 0 && roll.low <= 126);
    roll.from = 49 * RP_BEAT;
    rp_roll_fit(&roll, 60 * RP_BEAT, 20);
    CHECK_INT(roll.low, 108);
    roll.count = 0;
    rp_roll_fit(&roll, 60 * RP_BEAT, 15);
    CHECK(roll.low < 60 && roll.low + 15 > 60);
}

static void test_names(void)
{
    char name[8];

    rp_pitch_name(60, name);
    CHECK_TEXT(name, "C4");
    rp_pitch_name(0, name);
    CHECK_TEXT(name, "C-1");
    rp_pitch_name(127, name);
    CHECK_TEXT(name, "G9");
}

int main(void)
{
    test_lines();
    test_edges();
    test_fit();
    test_names();
    return TEST_END();
}
