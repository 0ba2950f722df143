#include "model/data/bars.h"
#include "test.h"

static struct rp_bars bars_of(const struct rp_metre_change *change,
                              uint32_t count)
{
    return (struct rp_bars){change, count, 24};
}

static void test_lines(void)
{
    /* A pick-up of a beat, 3/4, cut short by 6/8. */
    static const struct rp_metre_change map[] = {
        {0, {1, 4}}, {24, {3, 4}}, {24 + 72 + 48, {6, 8}}};
    struct rp_bars bars = bars_of(map, 3);
    static const struct {
        int32_t tick, before, after, length;
    } list[] = {
        {0, 0, 24, 24},     {23, 0, 24, 24},    {24, 24, 96, 72},
        {95, 24, 96, 72},   {96, 96, 144, 72},  {143, 96, 144, 72},
        {144, 144, 216, 72}, {1000, 936, 1008, 72}, {-1, -24, 0, 24},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        CHECK_INT(rp_bars_before(&bars, list[i].tick), list[i].before);
        CHECK_INT(rp_bars_after(&bars, list[i].tick), list[i].after);
        CHECK_INT(rp_bars_length(&bars, list[i].tick), list[i].length);
    }
    struct rp_bars none = bars_of(NULL, 0);
    CHECK_INT(rp_bars_before(&none, 100), 96);
    CHECK_INT(rp_bars_after(&none, 96), 192);
    struct rp_bars late = bars_of(map + 2, 1); /* begins at 144 */
    CHECK_INT(rp_bars_before(&late, 71), 0);
    CHECK_INT(rp_bars_after(&late, 143), 144);
}

static void test_shorten(void)
{
    /* 4/4, three bars of rest and a bit: one is left and the bit. */
    struct rp_note note[] = {{0, 24, 60, 64}, {400, 24, 62, 64}};
    struct rp_metre_change map[4] = {{0, {4, 4}}};
    struct rp_piece piece = {.count = 2, .note = note, .metres = 1,
                             .metre = map};
    CHECK_INT(rp_bars_shorten(&piece, 24, 2), 2);
    CHECK_INT(note[1].onset, 400 - 2 * 96);
    CHECK_INT(piece.metres, 1);
    /* Short enough: nothing goes. */
    CHECK_INT(rp_bars_shorten(&piece, 24, 2), 0);
    CHECK_INT(note[1].onset, 208);

    /* The metre changes in the rest: of 27 beats and a bit, counted in bars
     * of 3/4 as at its end, four bars of 3/4 and three of 4/4 go. Then, of a
     * rest that ends in 2/4, one of that and one of 3/4. */
    struct rp_note two[] = {{0, 24, 60, 64}, {96 * 4 + 72 * 4 + 5, 24, 62, 64},
                            {96 * 4 + 72 * 7, 24, 62, 64}};
    struct rp_metre_change moved[4] = {
        {0, {4, 4}}, {96 * 4, {3, 4}}, {96 * 4 + 72 * 6, {2, 4}}};
    piece = (struct rp_piece){.count = 3, .note = two, .metres = 3,
                              .metre = moved};
    CHECK_INT(rp_bars_shorten(&piece, 24, 2), 9);
    CHECK_INT(piece.metres, 3);
    CHECK_INT(moved[1].tick, 96);
    CHECK_INT(moved[1].metre.beats, 3);
    CHECK_INT(two[1].onset, 96 + 5);
    CHECK_INT(moved[2].tick, 96 + 72);
    CHECK_INT(moved[2].metre.beats, 2);
    CHECK_INT(two[2].onset, 96 + 72 + 24);
}

static uint32_t state;
static uint32_t dice(uint32_t sides)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % sides;
}

/* Whatever the map: notes keep length, order and place under their metre, and
 * what rest is left is short or has no whole bar that could go. */
static void one_map(uint32_t most, uint32_t *cut)
{
    static const struct rp_metre metres[] = {{4, 4}, {3, 4}, {6, 8}, {1, 4},
                                             {7, 8}, {2, 2}, {5, 16}};
    struct rp_note note[40], was[40];
    struct rp_metre_change map[12], old[12];
    struct rp_chord_change chord[64], told[64];
    uint32_t chords = dice(64), before = dice(8);
    int32_t tick = 0;
    for (uint32_t i = 0; i < before; i++) {
        old[i] = map[i] = (struct rp_metre_change){tick, metres[dice(7)]};
        tick += 1 + (int32_t)dice(900);
    }
    tick = (int32_t)dice(600);
    for (uint32_t i = 0; i < chords; i++) {
        chord[i] = (struct rp_chord_change){
            tick, {(uint8_t)(i % 12), (uint8_t)(1 + i / 12)}};
        told[i] = chord[i];
        tick += 1 + (int32_t)dice(dice(4) ? 50 : 900);
    }
    tick = (int32_t)dice(50);
    for (int i = 0; i < 40; i++) {
        was[i] = note[i] = (struct rp_note){tick, 1 + (int32_t)dice(30), 60, 9};
        tick += (int32_t)dice(dice(8) ? 30 : 1500);
    }
    struct rp_piece piece = {.count = 40, .note = note, .metres = before,
                             .metre = map, .chords = chords, .chord = chord};
    *cut += rp_bars_shorten(&piece, 24, (int32_t)most);
    struct rp_bars to = bars_of(map, piece.metres), from = bars_of(old, before);
    int32_t end = note[0].onset;
    for (uint32_t i = 1; i < piece.metres; i++)
        CHECK(map[i].tick > map[i - 1].tick);
    for (uint32_t i = 1; i < piece.chords; i++)
        CHECK(chord[i].tick > chord[i - 1].tick);
    for (int i = 0; i < 40; i++) {
        int32_t onset = note[i].onset;
        CHECK_INT(onset - rp_bars_before(&to, onset),
                  was[i].onset - rp_bars_before(&from, was[i].onset));
        CHECK_INT(rp_bars_length(&to, onset),
                  rp_bars_length(&from, was[i].onset));
        CHECK_INT(note[i].duration, was[i].duration);
        const struct rp_chord_change *a =
            rp_chord_find(chord, piece.chords, onset);
        const struct rp_chord_change *b =
            rp_chord_find(told, chords, was[i].onset);
        CHECK(!a == !b);
        CHECK(!a || !b || (a->chord.root == b->chord.root &&
                           a->chord.quality == b->chord.quality));
        CHECK(i == 0 || onset >= note[i - 1].onset);
        int32_t first = rp_bars_before(&to, end);
        if (first < end)
            first = rp_bars_after(&to, end);
        CHECK(onset - end <= (int32_t)most * rp_bars_length(&to, onset) ||
              rp_bars_before(&to, onset) <= first);
        if (onset + note[i].duration > end)
            end = onset + note[i].duration;
    }
}

static void test_long(void)
{
    /* Forty million beats of silence go in no time. */
    struct rp_note note[] = {{0, 24, 60, 64}, {INT32_MAX / 2, 24, 62, 64}};
    struct rp_metre_change map[1] = {{7, {1, 32}}};
    struct rp_piece piece = {.count = 2, .note = note, .metres = 1,
                             .metre = map};
    CHECK(rp_bars_shorten(&piece, 24, 2) > 300000000);
    CHECK(note[1].onset <= 24 + 6);
}

int main(void)
{
    uint32_t cut = 0;
    test_lines();
    test_shorten();
    test_long();
    for (uint32_t i = 0; i < 300; i++) {
        state = i;
        one_map(i % 3, &cut);
    }
    CHECK(cut > 1000); /* there was something to check */
    return TEST_END();
}
