/* The computer keyboard: lengths, legato, chords, repeats; every note-on has
 * its note-off. */
#include "test.h"
#include "tui/keyboard.h"

static char played[4096];
static int sounding[128];

static void play(void *self, struct rp_event event)
{
    char text[16];

    snprintf(text, sizeof(text), "%c%d ", rp_event_is_on(event) ? '+' : '-',
             event.data[1]);
    strncat(played, text, sizeof(played) - strlen(played) - 1);
    sounding[event.data[1]] += rp_event_is_on(event) ? 1 : -1;
    CHECK(sounding[event.data[1]] >= 0 && sounding[event.data[1]] <= 1);
}

static struct rp_keyboard begin(void)
{
    *played = '\0';
    return (struct rp_keyboard){.play = play};
}

static void test_length(void)
{
    struct rp_keyboard keyboard = begin();

    CHECK(rp_keyboard_expire(&keyboard, 0) == INT64_MAX);
    rp_keyboard_strike(&keyboard, 60, 1000, 500);
    CHECK_INT(rp_keyboard_expire(&keyboard, 1499), 1500);
    CHECK_TEXT(played, "+60 ");
    CHECK(rp_keyboard_expire(&keyboard, 1500) == INT64_MAX);
    CHECK_TEXT(played, "+60 -60 ");
    rp_keyboard_strike(&keyboard, 128, 2000, 500);
    rp_keyboard_strike(&keyboard, -1, 2000, 500);
    CHECK_INT(keyboard.count, 0);
}

static void test_legato_and_chords(void)
{
    struct rp_keyboard keyboard = begin();

    rp_keyboard_strike(&keyboard, 60, 0, 500);
    rp_keyboard_strike(&keyboard, 64, 20, 500); /* a chord */
    rp_keyboard_strike(&keyboard, 67, 60, 500);
    CHECK_TEXT(played, "+60 +64 +67 ");
    rp_keyboard_strike(&keyboard, 62, 300, 500); /* the next: legato */
    CHECK_INT(keyboard.count, 1);
    CHECK_INT(sounding[60] + sounding[64] + sounding[67], 0);
    rp_keyboard_release(&keyboard);
    CHECK_INT(keyboard.count, 0);
    CHECK_INT(sounding[62], 0);
}

static void test_repeat(void)
{
    struct rp_keyboard keyboard = begin();

    rp_keyboard_strike(&keyboard, 60, 0, 400);
    for (int now = 30; now < 1000; now += 30) {
        rp_keyboard_strike(&keyboard, 60, now, 400);
        (void)rp_keyboard_expire(&keyboard, now);
    }
    CHECK_TEXT(played, "+60 "); /* held down, it sounds on */
    (void)rp_keyboard_expire(&keyboard, 1200);
    CHECK_TEXT(played, "+60 -60 ");
    /* A key struck anew is struck anew. */
    rp_keyboard_strike(&keyboard, 60, 2000, 400);
    rp_keyboard_strike(&keyboard, 60, 2200, 400);
    CHECK_TEXT(played, "+60 -60 +60 -60 +60 ");
    rp_keyboard_release(&keyboard);
}

static void test_many(void)
{
    struct rp_keyboard keyboard = begin();

    for (int i = 0; i < 40; i++) {
        rp_keyboard_strike(&keyboard, 40 + i, i, 400);
    }
    CHECK(keyboard.count <= RP_KEYBOARD_KEYS);
    rp_keyboard_release(&keyboard);
    for (int i = 0; i < 128; i++) {
        CHECK_INT(sounding[i], 0);
    }
}

int main(void)
{
    test_length();
    test_legato_and_chords();
    test_repeat();
    test_many();
    return TEST_END();
}
