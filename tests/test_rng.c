#include "model/net/rng.h"
#include "model/net/sample.h"
#include "tests/test.h"

/* Known answers of Philox 4x32-10 as published with Random123. */
static void check_known(void)
{
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } known[] = {
        {{0, 0, 0, 0},
         {0, 0},
         {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    for (int k = 0; k < 3; k++) {
        uint32_t out[4];
        rp_rng_philox(known[k].counter, known[k].key, out);
        for (int i = 0; i < 4; i++)
            CHECK_INT(out[i], known[k].want[i]);
    }
}

/* Each part of the key changes the draw; the same key never does. */
static void check_key(void)
{
    struct rp_draw_key key = {1, 2, 3, 4, 5}, other;
    float first = rp_rng_uniform(key);

    CHECK(first >= 0 && first < 1);
    CHECK(first == rp_rng_uniform(key));
    for (int i = 0; i < 5; i++) {
        other = key;
        uint32_t *part[] = {&other.seed, &other.turn, &other.candidate,
                            &other.note, &other.field};
        ++*part[i];
        CHECK(rp_rng_uniform(other) != first);
    }
}

static void check_even(void)
{
    enum { DRAWS = 160000, BINS = 16 };
    int count[BINS] = {0};
    double sum = 0, square = 0;

    for (uint32_t i = 0; i < DRAWS; i++) {
        struct rp_draw_key key = {7, i / 400, i % 4, i / 4 % 100, 2};
        double u = (double)rp_rng_uniform(key);
        count[(int)(u * BINS)]++;
    }
    for (int i = 0; i < BINS; i++) {
        double gap = count[i] - DRAWS / BINS;
        square += gap * gap / (DRAWS / BINS);
        sum += count[i];
    }
    CHECK_INT(sum, DRAWS);
    CHECK(square < 37.7); /* chi-square, 15 degrees, one in a thousand */
}

static void check_stream(void)
{
    struct rp_rng a, b;
    int count[6] = {0};

    rp_rng_init(&a, 1, 2);
    for (int i = 0; i < 100; i++)
        rp_rng_bits(&a);
    b = (struct rp_rng){1, 2, a.drawn}; /* resumed */
    CHECK(rp_rng_bits(&a) == rp_rng_bits(&b));
    rp_rng_init(&b, 1, 3);
    CHECK(rp_rng_bits(&a) != rp_rng_bits(&b));
    for (int i = 0; i < 6000; i++) {
        uint32_t drawn = rp_rng_below(&a, 6);
        CHECK(drawn < 6);
        count[drawn % 6]++;
    }
    for (int i = 0; i < 6; i++)
        CHECK(count[i] > 880 && count[i] < 1120);
    CHECK_INT(rp_rng_below(&a, 1), 0);
}

int main(void)
{
    check_known();
    check_key();
    check_even();
    check_stream();
    return TEST_END();
}
