/* The table of keys: nothing twice, everything in the help, and no command
 * that is needed while letters play is on a letter. */
#include <ctype.h>

#include "test.h"
#include "tui/keymap.h"
#include "tui/panel.h"

static const char lower[] = "zsxdcvgbhnjm,l.;/";
static const char upper[] = "q2w3er5t6y7ui9o0p";

static void test_table(void)
{
    uint64_t selectable = 0;

    for (const struct rp_key *a = rp_keymap; a->key; a++) {
        bool letter = a->key < 128 && islower(a->key);

        CHECK_INT(a->letter, letter);
        CHECK((a->name == NULL) == (a->help == NULL));
        for (const struct rp_key *b = a + 1; b->key; b++) {
            CHECK(a->key != b->key);
        }
        if (!a->name) { /* said with the row before: the same action */
            CHECK(a > rp_keymap);
            CHECK_INT(a->action, a[-1].action);
        }
        if (a->action == RP_DO_SELECT || a->action == RP_DO_TURN) {
            CHECK(a->argument >= 0 && a->argument < RP_PANEL_ROWS);
            CHECK(!(selectable >> a->argument & 1));
            selectable |= UINT64_C(1) << a->argument;
        }
        CHECK(a->action != RP_DO_NOTHING && a->action != RP_DO_PLAY);
    }
    /* What has no letter is reached by the arrows. */
    CHECK(selectable >> RP_SET_TEMPO & 1);
    CHECK(selectable >> RP_PANEL_PRESET & 1);
}

/* The piano: every semitone once per row, the rows an octave apart. */
static void test_piano(void)
{
    for (int i = 0; i < (int)sizeof(lower) - 1; i++) {
        struct rp_key low = rp_keymap_find(lower[i], true);
        struct rp_key high = rp_keymap_find(upper[i], true);

        CHECK_INT(low.action, RP_DO_PLAY);
        CHECK_INT(low.argument, i);
        CHECK_INT(high.action, RP_DO_PLAY);
        CHECK_INT(high.argument, i + 12);
    }
    CHECK_INT(rp_keymap_find('Z', true).argument, 0); /* Caps Lock */
    CHECK_INT(rp_keymap_find('z', false).action, RP_DO_NOTHING);
}

/* What is always needed never depends on the letters. */
static void test_always(void)
{
    static const struct {
        int key;
        enum rp_action action;
    } always[] = {
        {'\t', RP_DO_KEYS},          {'?', RP_DO_HELP},
        {' ', RP_DO_PANIC},          {RP_KEY_F1, RP_DO_HELP},
        {RP_KEY_F10, RP_DO_QUIT},    {RP_KEY_UP, RP_DO_ROW},
        {RP_KEY_RIGHT, RP_DO_STEP},  {'-', RP_DO_STEP},
        {RP_KEY_HOME, RP_DO_OCTAVE}, {RP_KEY_PAGE_UP, RP_DO_PRESET},
        {'\n', RP_DO_HAND_OVER},     {RP_KEY_F1 + 1, RP_DO_LEARN},
    };

    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        CHECK_INT(rp_keymap_find(always[i].key, true).action, always[i].action);
        CHECK_INT(rp_keymap_find(always[i].key, false).action,
                  always[i].action);
    }
    CHECK_INT(rp_keymap_find('q', false).action, RP_DO_QUIT);
    CHECK_INT(rp_keymap_find('q', true).action, RP_DO_PLAY);
    CHECK_INT(rp_keymap_find('T', false).argument, RP_SET_TEMPO);
    CHECK_INT(rp_keymap_find(RP_KEY_RESIZE, true).action, RP_DO_NOTHING);
    CHECK_INT(rp_keymap_find(0x1f3b5, true).action, RP_DO_NOTHING);
}

int main(void)
{
    test_table();
    test_piano();
    test_always();
    return TEST_END();
}
