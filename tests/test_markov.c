#include "model/markov.h"
#include "tests/songs.h"
#include "tests/test.h"

/* A set of pieces held here, all of one split unless told otherwise. */
struct set {
    struct rp_dataset dataset;
    struct rp_piece piece[8];
    struct rp_note note[8][64];
};

static void add_piece(struct set *set, enum rp_split split,
                      const uint8_t *pitch, const int32_t *length,
                      uint32_t count)
{
    struct rp_piece *piece = &set->piece[set->dataset.count];
    struct rp_note *note = set->note[set->dataset.count++];
    int32_t tick = 0;
    for (uint32_t i = 0; i < count; i++) {
        note[i] = (struct rp_note){tick, length[i], pitch[i], 64};
        tick += length[i];
    }
    *piece = (struct rp_piece){.split = split, .count = count, .note = note};
    set->dataset.piece = set->piece;
    set->dataset.vocabulary.resolution = 24;
}

/* Every past, known or not, sums to 1. */
static void test_sums(void)
{
    struct rp_dataset songs = songs_dataset(12, 60);
    struct rp_markov *markov;
    CHECK_INT(rp_markov_create(&markov, &songs), RP_OK);
    static const int32_t pasts[][2] = {
        {RP_MARKOV_START, RP_MARKOV_START}, {RP_MARKOV_START, 2}, {2, -1},
        {0, 0}, {99, -77}};
    for (int i = 0; i < 5; i++) {
        double sum = 0;
        for (int32_t interval = -127; interval <= 127; interval++)
            sum += rp_markov_interval(markov, pasts[i][0], pasts[i][1],
                                      interval);
        CHECK_NEAR(sum, 1, 1e-12);
    }
    struct rp_rhythm one = {12, 12}, two = {24, 24}, odd = {1234, 99};
    struct rp_rhythm pair[][2] = {{rp_rhythm_start, rp_rhythm_start},
                                  {rp_rhythm_start, one}, {two, one},
                                  {one, two}, {odd, odd}};
    for (int i = 0; i < 5; i++) {
        double sum = rp_markov_rhythm(markov, pair[i][0], pair[i][1],
                                      rp_rhythm_end);
        CHECK(sum > 0);
        for (int32_t dt = 0; dt < 800; dt++)
            for (int32_t length = 1; length <= 700; length++)
                sum += rp_markov_rhythm(markov, pair[i][0], pair[i][1],
                                        (struct rp_rhythm){dt, length});
        /* Times beyond that hold 1/800 of the base, which counts little. */
        CHECK(sum > 0.998 && sum < 1 + 1e-12);
    }
    rp_markov_destroy(markov);
    songs_dataset_fini(&songs);
}

/* Intervals by hand: +2 +2 -1 +2 +2. */
static void test_hand(void)
{
    static const uint8_t pitch[] = {60, 62, 64, 63, 65, 67};
    static const int32_t length[] = {24, 24, 24, 24, 24, 24};
    struct set set = {0};
    struct rp_markov *markov;
    add_piece(&set, RP_TRAIN, pitch, length, 6);
    CHECK_INT(rp_markov_create(&markov, &set.dataset), RP_OK);
    /* order 0: five seen, of two kinds */
    double up = (4 + 2 / 255.0) / (5 + 2), down = (1 + 2 / 255.0) / (5 + 2);
    /* after +2: +2, -1, +2; after -1: +2 */
    double up_up = (2 + 2 * up) / (3 + 2), up_down = (1 + 2 * down) / (3 + 2);
    double down_up = (1 + 1 * up) / (1 + 1);
    CHECK_NEAR(rp_markov_interval(markov, 99, 99, 2), up, 1e-12);
    CHECK_NEAR(rp_markov_interval(markov, 99, 2, 2), up_up, 1e-12);
    CHECK_NEAR(rp_markov_interval(markov, 99, 2, -1), up_down, 1e-12);
    CHECK_NEAR(rp_markov_interval(markov, 99, -1, 2), down_up, 1e-12);
    /* after +2 +2: -1 once */
    CHECK_NEAR(rp_markov_interval(markov, 2, 2, -1), (1 + up_down) / 2, 1e-12);
    CHECK_NEAR(rp_markov_interval(markov, 2, 2, 2), up_up / 2, 1e-12);
    /* never seen anywhere */
    CHECK_NEAR(rp_markov_interval(markov, 2, 2, 7),
               2 / 255.0 / 7 * 2 / 5 / 2, 1e-12);
    rp_markov_destroy(markov);
}

/* What must be cheap is cheap, what must not is not. */
static void test_learns(void)
{
    struct set set = {0};
    uint8_t turn[60], same[60];
    int32_t length[60];
    for (int i = 0; i < 60; i++) {
        turn[i] = (uint8_t)(60 + i % 3 * 4); /* 0 4 8 0 4 8 */
        same[i] = 65;
        length[i] = i % 2 ? 12 : 36;
    }
    for (int i = 0; i < 4; i++)
        add_piece(&set, i < 3 ? RP_TRAIN : RP_VALID, turn, length, 60);
    struct rp_markov *markov;
    struct rp_markov_nats chain, repeat, other;
    double rhythm, pitch;
    CHECK_INT(rp_markov_create(&markov, &set.dataset), RP_OK);
    rp_markov_chain(markov, &set.piece[3], &chain);
    rp_markov_repeat(markov, &set.piece[3], &repeat);
    CHECK(chain.rhythm / 60 < 0.15);
    CHECK(chain.pitch / 60 < 0.15);
    /* Never the same again: the share falls to nothing, and order 0 of three
     * pitches is left; of two rhythms, and END once in 61. */
    rp_markov_shares(markov, &rhythm, &pitch);
    CHECK(rhythm < 0.001);
    CHECK(pitch < 0.001);
    CHECK_NEAR(repeat.pitch / 60, log(3), 0.02);
    CHECK(repeat.rhythm / 60 > log(2) && repeat.rhythm / 60 < 0.9);
    rp_markov_destroy(markov);

    /* Always the same again, on pitches of which each is one in four. */
    set.dataset.count = 0;
    for (int i = 0; i < 5; i++) {
        memset(same, 50 + 5 * (i % 4), sizeof same);
        add_piece(&set, i < 4 ? RP_TRAIN : RP_VALID, same, length, 60);
    }
    CHECK_INT(rp_markov_create(&markov, &set.dataset), RP_OK);
    rp_markov_shares(markov, &rhythm, &pitch);
    CHECK(pitch > 0.99);
    rp_markov_repeat(markov, &set.piece[4], &repeat);
    rp_markov_chain(markov, &set.piece[4], &other);
    CHECK(repeat.pitch < log(4) + 0.5); /* only the first note costs */
    CHECK(other.pitch < log(4) + 1.5);
    rp_markov_destroy(markov);
}

/* Of two notes at one onset the second is lower: the mask's share is given
 * back, so that what is left sums to 1. */
static void test_mask(void)
{
    struct set set = {0};
    static const uint8_t pitch[] = {70, 1};
    static const int32_t length[] = {24, 24};
    add_piece(&set, RP_TRAIN, pitch, length, 2);
    set.note[0][1].onset = 0; /* a chord */
    struct rp_markov *markov;
    struct rp_markov_nats nats;
    CHECK_INT(rp_markov_create(&markov, &set.dataset), RP_OK);
    double sum = 0;
    for (uint8_t p = 0; p < 70; p++) {
        struct rp_markov_nats first;
        set.piece[0].count = 1;
        rp_markov_chain(markov, &set.piece[0], &first);
        set.piece[0].count = 2;
        set.note[0][1].pitch = p;
        rp_markov_chain(markov, &set.piece[0], &nats);
        sum += exp(first.pitch - nats.pitch);
    }
    CHECK_NEAR(sum, 1, 1e-9);
    rp_markov_destroy(markov);
}

int main(void)
{
    test_sums();
    test_hand();
    test_learns();
    test_mask();
    return TEST_END();
}
