/* The candidate that is played is the best of those thought through, and what
 * was thought is what is then drawn, note by note, from the memory itself. */
#include "model/play/candidates.h"
#include "play.h"
#include "test.h"

enum {
    BAR = 96,
    START = 4 * BAR,
    EXPECTED = 8,
    MANY = RP_CANDIDATES_NOTES / (EXPECTED + EXPECTED / 2 + 1),
    MOST = RP_CANDIDATES_NOTES / MANY /* notes of each */
};

static struct rp_memory memory;
static struct rp_turn turn;
static const struct rp_taste taste = { 1.0f, 1.0f, 0 };

static void begin(const struct rp_model *model, uint32_t seed)
{
    struct rp_engine *engine;

    CHECK_INT(rp_memory_engine(model, &engine), RP_OK);
    rp_memory_init(&memory, model, engine);
    rp_memory_metre(&memory, 0, (struct rp_metre){ 4, 4 });
    for (int i = 0; i < 15; i++) {
        struct rp_note note = { i * 24, 24, (uint8_t)(60 + i * 5 % 12), 80 };
        CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    }
    rp_turn_init(&turn, seed, 1, 0);
    turn.steer.may_end = false;
    turn.steer.earliest = START;
    turn.steer.end = START + 2 * BAR;
    turn.steer.grid = turn.steer.phase = 24;
    turn.alone = true;
    turn.widest = 48;
    turn.dynamics.start = START;
    turn.dynamics.length = 2 * BAR;
    turn.dynamics.bar = BAR;
    turn.dynamics.beat = 24;
}

static struct rp_sight see(int32_t at)
{
    return rp_memory_sight(&memory, at, at - START + 2 * BAR, 0);
}

/* Draws a candidate as the performer does: each note from the memory. */
static uint32_t play(uint32_t candidate, struct rp_note *note)
{
    struct rp_turn t = turn;

    t.candidate = candidate;
    while (t.notes < MOST) {
        int32_t from = t.notes ? rp_turn_last(&t)->onset : START;
        struct rp_sight sight = see(from);
        rp_turn_aim(&t, from);
        if (rp_turn_draw(&t, &sight, &taste, &note[t.notes]) != RP_DRAWN)
            break;
        rp_turn_take(&t, &note[t.notes]);
        CHECK_INT(rp_memory_push(&memory, &note[t.notes - 1]), RP_OK);
    }
    return t.notes;
}

static void test_pick(void)
{
    struct rp_model model = random_model(3, 32);
    struct rp_note note[MOST];
    uint32_t picked[RP_CANDIDATES_MOST] = { 0 }, different = 0;

    for (uint32_t seed = 0; seed < 20; seed++) {
        struct rp_candidates c = { .memory = &memory, .turn = &turn,
                                   .taste = &taste, .from = START,
                                   .key = 0, .expected = EXPECTED };
        int best = 0, got = 0;
        uint32_t pick, first = 0;
        begin(&model, seed);
        c.sight = see(START);
        pick = rp_candidates_pick(&c);
        CHECK(pick < RP_CANDIDATES_MOST);
        rp_memory_fini(&memory);
        for (uint32_t i = 0; i < MANY; i++) {
            begin(&model, seed);
            uint32_t count = play(i, note);
            int score = rp_candidates_score(&turn, 0, 8, note, count);
            CHECK(count > 0 && count <= MOST);
            if (i == 0 || score > best) {
                best = score;
                first = i;
            }
            got = i == pick ? score : got;
            rp_memory_fini(&memory);
        }
        CHECK_INT(pick, first);
        CHECK_INT(got, best);
        different += !picked[pick]++;
    }
    CHECK(different > 2);
    free(model.params);
}

static void test_score(void)
{
    struct rp_note good[] = { { 0, 24, 62, 80 }, { 48, 48, 60, 80 } };
    struct rp_note away[] = { { 0, 24, 62, 80 }, { 48, 48, 62, 80 } };
    struct rp_note brief[] = { { 0, 24, 62, 80 }, { 48, 12, 60, 80 } };
    struct rp_note foreign[] = { { 0, 24, 61, 80 }, { 48, 48, 60, 80 } };
    struct rp_note weak[] = { { 0, 24, 62, 80 }, { 60, 36, 60, 80 } };
    int best;

    rp_turn_init(&turn, 1, 1, 0);
    turn.steer.end = BAR;
    turn.dynamics.bar = BAR;
    turn.dynamics.beat = 24;
    best = rp_candidates_score(&turn, 0, 2, good, 2);
    CHECK(best > rp_candidates_score(&turn, 0, 2, away, 2));
    CHECK(best > rp_candidates_score(&turn, 0, 2, brief, 2));
    CHECK(best > rp_candidates_score(&turn, 0, 2, foreign, 2));
    CHECK(best > rp_candidates_score(&turn, 0, 2, weak, 2));
    CHECK(best > rp_candidates_score(&turn, 0, 2, NULL, 0));
    CHECK(best > rp_candidates_score(&turn, 0, 9, good, 2));
}

/* An answer that yields: the memory knows that its note ended early. */
static void test_cut(void)
{
    struct rp_model model = random_model(4, 32);
    struct rp_note note = { START, BAR, 71, 80 };

    begin(&model, 1);
    CHECK_INT(rp_memory_push(&memory, &note), RP_OK);
    CHECK_INT(see(START).reader.until[71], START + BAR);
    rp_memory_cut(&memory, 71, START + 24);
    CHECK_INT(see(START).reader.until[71], START + 24);
    CHECK_INT(memory.note[memory.notes - 1].duration, 24);
    rp_memory_cut(&memory, 71, START + 48); /* it has ended before */
    CHECK_INT(memory.note[memory.notes - 1].duration, 24);
    rp_memory_fini(&memory);
    free(model.params);
}

int main(void)
{
    test_cut();
    test_pick();
    test_score();
    return TEST_END();
}
