/* Which of several answers is played: among the usual ones the first that
 * closes, keeps to the key, has the size of the call and brings back as much of
 * it as is wished. */
#include "model/play/candidates.h"
#include "play.h"
#include "test.h"

#include <string.h>

enum { BAR = 96, MANY = 12, MOST = 8 };

static struct rp_turn turn;
static struct rp_wish wish;

static void begin(void)
{
    rp_turn_init(&turn, 1, 1, 0);
    turn.steer.end = BAR;
    turn.dynamics.bar = BAR;
    turn.dynamics.beat = 24;
    wish = (struct rp_wish){ .key = 0, .clear = true, .likely = { 1.0f },
                             .expected = 2 };
}

static float judge(const struct rp_note *note, uint32_t count)
{
    struct rp_verdict verdict;

    rp_candidates_judge(&wish, &turn, note, count, &verdict);
    return rp_verdict_sum(&verdict);
}

static void test_judge(void)
{
    struct rp_note good[] = { { 0, 24, 62, 80 }, { 48, 48, 60, 80 } };
    struct rp_note half[] = { { 0, 24, 65, 80 }, { 48, 48, 67, 80 } };
    struct rp_note third[] = { { 0, 24, 65, 80 }, { 48, 48, 64, 80 } };
    struct rp_note away[] = { { 0, 24, 60, 80 }, { 48, 48, 62, 80 } };
    struct rp_note brief[] = { { 0, 24, 62, 80 }, { 48, 12, 60, 80 } };
    struct rp_note early[] = { { 0, 12, 62, 80 }, { 0, 24, 60, 80 } };
    struct rp_note weak[] = { { 0, 24, 62, 80 }, { 60, 36, 60, 80 } };
    struct rp_note foreign[] = { { 0, 24, 61, 80 }, { 48, 48, 60, 80 } };

    begin();
    CHECK(judge(good, 2) == 0.0f);
    CHECK(judge(half, 2) > 0.0f); /* on the fifth: not home yet, */
    CHECK(judge(third, 2) > 0.0f); /* nor on the third */
    wish.call[0] = (struct rp_note){ 0, 24, 60, 80 };
    wish.notes = 1;
    CHECK(judge(third, 2) > 0.0f);  /* though the call was home, */
    wish.third = true;
    CHECK(judge(third, 2) == 0.0f); /* but where it is wished it will do; */
    CHECK(judge(half, 2) > 0.0f);   /* that asks again */
    wish.call[0].pitch = 64;
    CHECK(judge(third, 2) > 0.0f);  /* and the call was not home */
    wish.notes = 0;
    CHECK(judge(away, 2) > judge(half, 2));
    CHECK(judge(brief, 2) > 0.0f);
    CHECK(judge(early, 2) > 0.0f);
    CHECK(judge(weak, 2) > 0.0f);
    CHECK(judge(foreign, 2) > 0.0f);
    /* Who plays outside the key is answered so; without a key there is none. */
    wish.call[0] = (struct rp_note){ 0, 24, 61, 80 };
    wish.notes = 1;
    CHECK(judge(foreign, 2) == 0.0f);
    wish.notes = 0;
    wish.key = -1;
    CHECK(judge(away, 2) == 0.0f);
    wish.expected = 8;
    CHECK(judge(good, 2) > 0.0f);
    wish.expected = 0;
    CHECK(judge(good, 2) == 0.0f);
    /* Of three beats none is in the middle. */
    weak[1].onset = 36;
    weak[1].duration = 24;
    turn.steer.end = turn.dynamics.bar = 72;
    CHECK(judge(weak, 2) > 0.0f);
    turn.dynamics.beat = 36; /* six eighths are two beats */
    weak[1].duration = 36;
    CHECK(judge(weak, 2) == 0.0f);
}

/* What turns wish for: the mean of the echoes is the knob, two closes of five
 * may be on the third, whatever the echo. */
static void test_turns(void)
{
    double echo = 0.0, with_third = 0.0;
    uint32_t thirds = 0, turns = 4000;

    for (uint32_t i = 0; i < turns; i++) {
        float wished = rp_wish_echo(0.3f, 7, i);
        bool third = rp_wish_third(7, i);
        CHECK(wished >= 0.0f && wished <= 1.0f);
        echo += (double)wished / turns;
        with_third += third ? (double)wished : 0.0;
        thirds += third;
        CHECK(rp_wish_echo(0.0f, 7, i) == 0.0f);
        CHECK(rp_wish_echo(1.0f, 7, i) == 1.0f);
    }
    CHECK_NEAR(echo, 0.3, 0.02);
    CHECK_NEAR((double)thirds / turns, 0.4, 0.03);
    CHECK_NEAR(with_third / thirds, 0.3, 0.03);
}

/* Where the key is in doubt, what closes in both is best; that of the likelier
 * one is home before anything else. */
static void test_doubt(void)
{
    struct rp_note note[] = { { 0, 24, 62, 80 }, { 48, 48, 60, 80 } };
    float on[12];

    begin();
    wish.clear = false;
    wish.likely[0] = 0.6f; /* C major, */
    wish.likely[5] = 0.3f; /* F major */
    wish.likely[2] = 0.1f; /* or D */
    for (uint8_t i = 0; i < 12; i++) {
        note[1].pitch = (uint8_t)(60 + i);
        on[i] = judge(note, 2);
    }
    CHECK(on[0] > 0.0f && on[0] < on[4] && on[0] < on[7]);
    CHECK(on[7] < on[5] && on[4] < on[5]); /* F is not of C's triad, */
    CHECK(on[5] < on[2] && on[2] < on[1]); /* but nearer than others */
    wish.key = 5;
    wish.likely[5] = 0.7f;
    wish.likely[0] = 0.3f;
    note[1].pitch = 65;
    on[5] = judge(note, 2);
    note[1].pitch = 60;
    CHECK(on[5] < judge(note, 2));
}

static void check_shares(const struct rp_key_told *told)
{
    float sum = 0.0f;

    for (int i = 0; i < RP_KEYS; i++) {
        CHECK(told->likely[i] >= 0.0f);
        CHECK(told->likely[i] <= told->likely[told->key]);
        sum += told->likely[i];
    }
    CHECK(sum > 0.9999f && sum < 1.0001f);
}

/* A tune that may be in C or in F, and the bass that tells. */
static void test_key_told(void)
{
    static const struct rp_note clear[] = { { 0, 24, 60, 80 },
                                            { 24, 24, 64, 80 },
                                            { 48, 24, 65, 80 },
                                            { 72, 24, 67, 80 },
                                            { 96, 48, 60, 80 } };
    static const struct rp_note tune[] = {
        { 0, 48, 72, 80 },  { 48, 36, 72, 80 },  { 84, 12, 72, 80 },
        { 96, 24, 74, 80 }, { 120, 24, 74, 80 }, { 144, 72, 72, 80 }
    };
    struct rp_note bass[6];
    struct rp_key_told alone, both;

    rp_key_tell(clear, 5, NULL, 0, &alone);
    check_shares(&alone);
    CHECK_INT(alone.key, rp_key_find(clear, 5));
    CHECK(alone.likely[alone.key] > 0.5f);
    for (uint8_t root = 0; root < 10; root += 5) { /* C, F */
        for (uint32_t i = 0; i < 6; i++) {
            bass[i] = tune[i];
            bass[i].pitch = (uint8_t)(48 + root + (i % 2 ? 7 : 0));
        }
        rp_key_tell(tune, 6, NULL, 0, &alone);
        CHECK(!alone.clear);
        rp_key_tell(tune, 6, bass, 6, &both);
        check_shares(&both);
        CHECK_INT(both.key % 12, root);
        CHECK(both.likely[root] > alone.likely[root]);
    }
    rp_key_tell(tune, 0, NULL, 0, &alone); /* nothing heard */
    CHECK(!alone.clear);
    CHECK(alone.likely[0] == alone.likely[23]);
}

static void test_chords(void)
{
    struct rp_note note[] = { { 0, 24, 62, 80 }, { 48, 48, 60, 80 } };
    struct rp_chord_change f = { 0, { 5, RP_MAJOR } };
    struct rp_chord_change b[] = { { 0, { 7, RP_MAJOR } },
                                   { 48, { 0, RP_MAJOR } } };

    begin();
    turn.chord = &f;
    turn.chords = 1;
    CHECK(judge(note, 2) > 0.0f); /* D over F */
    turn.chord = b;
    turn.chords = 2;
    CHECK(judge(note, 2) == 0.0f);
}

static uint32_t figure(struct rp_note *note, uint32_t at, int base, int up)
{
    static const int8_t step[] = { 0, 2, 4, 0 };
    static const int8_t dt[] = { 24, 12, 12, 48 };
    int32_t tick = at ? note[at - 1].onset + 48 : 0;

    for (uint32_t i = 0; i < 4; i++) {
        note[at + i] = (struct rp_note){ tick, 12,
                                         (uint8_t)(base + up * step[i]), 80 };
        tick += dt[i];
    }
    return at + 4;
}

static void test_echo(void)
{
    struct rp_note call[8], note[16];
    uint32_t count;

    CHECK_INT(figure(call, 0, 60, 1), 4);
    CHECK_INT(figure(call, 4, 62, 1), 8);
    CHECK(rp_candidates_echo(call, 8, call, 8) == 1.0f);
    /* In another key and mode it is the same; upside down it is the rhythm. */
    count = figure(note, 0, 67, 1);
    note[1].pitch++;
    CHECK(rp_candidates_echo(call, 8, note, count) == 1.0f);
    count = figure(note, 0, 67, -1);
    CHECK(rp_candidates_echo(call, 8, note, count) == 0.5f);
    for (uint32_t i = 0; i < 4; i++)
        note[i].onset = (int32_t)(7 * i);
    CHECK(rp_candidates_echo(call, 8, note, 4) == 0.0f);
    /* Half of it. */
    count = figure(note, 0, 72, 1);
    for (uint32_t i = 0; i < 4; i++)
        note[count++] = (struct rp_note){ BAR * 2 + 7 * (int32_t)i, 7,
                                          (uint8_t)(80 - 5 * i), 80 };
    CHECK(rp_candidates_echo(call, 8, note, count) == 0.5f);
    /* A second voice below is neither here nor there. */
    for (uint32_t i = 8; i-- > 0;) {
        struct rp_note tune = call[i];
        note[2 * i] = note[2 * i + 1] = tune;
        note[2 * i].pitch = (uint8_t)(40 + 5 * i % 12);
    }
    CHECK(rp_candidates_echo(note, 16, call, 8) == 1.0f);
    CHECK(rp_candidates_echo(call, 8, note, 16) == 1.0f);
    count = 8;
    /* Nothing to compare. */
    CHECK(rp_candidates_echo(call, 1, note, count) == 0.0f);
    CHECK(rp_candidates_echo(call, 8, note, 2) == 0.0f);
}

static void test_loops(void)
{
    struct rp_note note[16];
    uint32_t count = 0;

    for (int i = 0; i < 4; i++)
        count = figure(note, count, 60, 1);
    CHECK(rp_candidates_loops(note, 16));
    CHECK(rp_candidates_loops(note, 12));
    CHECK(!rp_candidates_loops(note, 8)); /* twice is a phrase */
    note[11].pitch++; /* the third time ends elsewhere */
    CHECK(!rp_candidates_loops(note, 12));
    note[11].pitch--;
    note[5].pitch++;
    CHECK(!rp_candidates_loops(note, 12));
    /* A pitch alone is no figure of two notes, but a scale is none either. */
    for (uint32_t i = 0; i < 16; i++)
        note[i] = (struct rp_note){ (int32_t)i * 12, 12, (uint8_t)(50 + i),
                                    80 };
    CHECK(!rp_candidates_loops(note, 16));
}

/* A set in which candidate i closes well where `good` says so. */
static struct rp_note notes[MANY * MOST];
static struct rp_rolled rolled[MANY];
static float order[MANY];

static struct rp_rollout make_set(uint32_t good)
{
    struct rp_rollout set = { .turn = &turn, .candidates = MANY,
                              .most = MOST,  .note = notes,
                              .rolled = rolled };

    for (uint32_t i = 0; i < MANY; i++) {
        struct rp_note *note = &notes[i * MOST];
        note[0] = (struct rp_note){ 0, 24, 62, 80 };
        note[1] = (struct rp_note){ 48, 48, good >> i & 1 ? 60 : 64, 80 };
        rolled[i] = (struct rp_rolled){ .notes = 2, .fields = 6,
                                        .logp = -1.0f * (float)i };
    }
    return set;
}

static void test_choose(void)
{
    struct rp_rollout set;

    begin();
    set = make_set(1 << 5 | 1 << 7);
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 5);
    /* The likeliest and the unlikeliest close best, but are not usual. */
    set = make_set(1 << 0 | 1 << 1 | 1 << 7 | 1 << 11);
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 7);
    set = make_set(1 << 0 | 1 << 11);
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 3);
    /* Too few to know what is usual. */
    set.candidates = 4;
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 0);
    /* Empty ones are not taken; where all are, the first is. */
    set = make_set(0xfff);
    for (uint32_t i = 0; i < MANY; i++)
        rolled[i].notes = i == 9 ? 2 : 0;
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 9);
    rolled[9].notes = 0;
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 0);
}

/* As many notes as the first candidate has, as long: where answers that close
 * as well are sparser, or shorter, choosing makes none so. */
static void test_like_size(void)
{
    static const struct rp_note note[] = { { 0, 12, 62, 80 },
                                           { 12, 12, 64, 80 },
                                           { 24, 24, 65, 80 },
                                           { 48, 48, 60, 80 } };
    struct rp_rollout set;

    for (uint32_t from = 0; from < 2; from++) {
        begin();
        wish.expected = 4 - 2 * from; /* which is not what is drawn */
        set = make_set(0xfff);
        for (uint32_t i = 0; i < MANY; i++)
            rolled[i].logp = 0.0f;
        /* The first one with any notes is full and ends away, the eighth
         * is as full and closes; or the first is the sparse one. */
        for (uint32_t i = from; i < MANY; i += 7) {
            memcpy(&notes[i * MOST], note, sizeof note);
            rolled[i].notes = 4;
        }
        notes[3].pitch = 61;
        CHECK_INT(rp_candidates_choose(&wish, &set, order), from ? 0 : 7);
        if (from)
            continue;
        rolled[0].notes = 0; /* says nothing: the next one does */
        CHECK_INT(rp_candidates_choose(&wish, &set, order), 1);
        /* As many, but of one beat in place of four. */
        rolled[0].notes = 2;
        notes[0] = notes[1 * MOST];
        notes[1] = notes[1 * MOST + 1];
        notes[1].pitch = 61;
        notes[1 * MOST + 1] = (struct rp_note){ 6, 24, 60, 80 };
        CHECK_INT(rp_candidates_choose(&wish, &set, order), 2);
    }
    /* Few tell no size: it is the call's. */
    begin();
    set = make_set(0xfff);
    set.candidates = 4;
    memcpy(&notes[3 * MOST], note, sizeof note);
    rolled[3].notes = 4;
    wish.expected = 12;
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 3);
}

/* As many notes outside the key as the first one has, no fewer and no more. */
static void test_like_tones(void)
{
    struct rp_rollout set;

    begin();
    set = make_set(0xfff);
    for (uint32_t i = 0; i < MANY; i++) {
        struct rp_note *note = &notes[i * MOST];
        rolled[i].logp = 0.0f;
        rolled[i].notes = 4;
        for (int32_t k = 0; k < 3; k++)
            note[k] = (struct rp_note){ 16 * k, 16, (uint8_t)(62 + k), 80 };
        note[1].pitch = 65; /* D F E C */
        note[3] = (struct rp_note){ 48, 48, 60, 80 };
    }
    notes[0].pitch = 61;
    notes[3].pitch = 62; /* not home */
    notes[3 * MOST].pitch = notes[3 * MOST + 2].pitch = 63;
    notes[7 * MOST].pitch = 66;
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 7);
    notes[0].pitch = 62;
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 1);
    wish.key = -1; /* there is none to be outside of: the first that ends */
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 0);
}

/* A loop is taken only where there is nothing else. */
static void test_loops_out(void)
{
    static struct rp_note note[MANY * 16];
    struct rp_rollout set = { .turn = &turn, .candidates = 2, .most = 16,
                              .note = note,  .rolled = rolled };

    begin();
    wish.expected = 0;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t count = 0;
        for (int k = 0; k < 4; k++)
            count = figure(note + i * 16, count, 60, 1);
        rolled[i] = (struct rp_rolled){ .notes = 16, .fields = 1 };
    }
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 0);
    for (uint32_t i = 16; i < 32; i += 5)
        note[i].pitch = 61; /* no loop, but out of key and no close */
    CHECK_INT(rp_candidates_choose(&wish, &set, order), 1);
}

int main(void)
{
    test_judge();
    test_turns();
    test_doubt();
    test_key_told();
    test_chords();
    test_echo();
    test_loops();
    test_choose();
    test_like_size();
    test_like_tones();
    test_loops_out();
    return TEST_END();
}
