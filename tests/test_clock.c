/* The clock against arithmetic done here: long multiplication and division in
 * base 2^16, which shares nothing with the module's 128-bit products. */
#include "rt/clock.h"

#include "tests/test.h"

enum { DIGITS = 20 };
struct big {
    uint32_t digit[DIGITS]; /* base 65536, least first */
};

static struct big big_of(uint64_t value)
{
    struct big big = {{0}};

    for (int i = 0; i < 4; i++) {
        big.digit[i] = value >> 16 * i & 0xffff;
    }
    return big;
}

static struct big times(struct big a, uint64_t by)
{
    struct big b = big_of(by), product = {{0}};

    for (int i = 0; i < DIGITS; i++) {
        uint64_t carry = 0;

        for (int j = 0; i + j < DIGITS; j++) {
            uint64_t sum = product.digit[i + j] + carry +
                           (uint64_t)b.digit[i] * a.digit[j];

            product.digit[i + j] = sum & 0xffff;
            carry = sum >> 16;
        }
    }
    return product;
}

static int compare(struct big a, struct big b)
{
    for (int i = DIGITS - 1; i >= 0; i--) {
        if (a.digit[i] != b.digit[i]) {
            return a.digit[i] < b.digit[i] ? -1 : 1;
        }
    }
    return 0;
}

/* value = floor(a / b) by search: the largest q with q b <= a. */
static uint64_t quotient(struct big a, struct big b)
{
    uint64_t q = 0;

    for (int bit = 62; bit >= 0; bit--) {
        if (compare(times(b, q | 1ull << bit), a) <= 0) {
            q |= 1ull << bit;
        }
    }
    return q;
}

/* floor(frames * mbpm * RP_BEAT / (60000 * rate)), frames of either sign */
static int64_t beat_wanted(int64_t frames, uint32_t mbpm, uint32_t rate)
{
    uint64_t size = frames < 0 ? -(uint64_t)frames : (uint64_t)frames;
    struct big a = times(times(big_of(size), mbpm), RP_BEAT);
    struct big b = times(big_of(60000), rate);
    uint64_t q = quotient(a, b);

    if (frames >= 0) {
        return (int64_t)q;
    }
    return -(int64_t)q - (compare(times(b, q), a) != 0);
}

static uint64_t random_seed = 88172645463325252u;

static uint64_t draw(void)
{
    random_seed ^= random_seed << 13;
    random_seed ^= random_seed >> 7;
    random_seed ^= random_seed << 17;
    return random_seed;
}

static struct rp_clock draw_clock(void)
{
    static const uint32_t rates[] = {8000, 44100, 48000, 88200, 96000, 192000};

    return (struct rp_clock){
        .rate = rates[draw() % 6],
        .mbpm = 10000 + draw() % 990001,
        .frame = (int64_t)(draw() % 2000000000) - 1000000000,
        .beat = (int64_t)(draw() % 1000) * RP_BEAT - 500 * RP_BEAT,
        .metre = {4, 4},
        .anchored = 1};
}

static void test_beats(void)
{
    unsigned wrong = 0, compared = 0;

    for (int i = 0; i < 20000; i++) {
        struct rp_clock clock = draw_clock();
        /* up to 23 years at 48 kHz, as long as the beat fits */
        int64_t since = (int64_t)(draw() >> (19 + draw() % 40));

        if ((double)since * clock.mbpm / 60000 / clock.rate > 4e9) {
            since /= 1 << 20;
        }
        since = draw() & 1 ? since : -since;
        wrong += rp_clock_beat(&clock, clock.frame + since) !=
                 clock.beat + beat_wanted(since, clock.mbpm, clock.rate);
        compared++;
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(compared, 20000);
}

/* The nearest frame: no frame's beat is nearer, checked in exact distances
 * |frames * mbpm * RP_BEAT - beats * 60000 * rate|. */
static void test_frames(void)
{
    unsigned wrong = 0;

    for (int i = 0; i < 20000; i++) {
        struct rp_clock clock = draw_clock();
        int64_t since = (int64_t)(draw() >> (6 + draw() % 40));
        rp_frame frame;
        int64_t got;

        since = draw() & 1 ? since : -since;
        if (since > INT64_MAX / 4 || since < -(INT64_MAX / 4)) {
            since /= 4;
        }
        frame = rp_clock_frame(&clock, clock.beat + since);
        got = frame - clock.frame;
        /* |got - exact| <= 1/2, and at 1/2 got is the upper one:
         * -1/2 < got - exact <= 1/2, in units of 1 / (2 mbpm RP_BEAT) */
        __int128 left = (__int128)got * 2 * clock.mbpm * RP_BEAT;
        __int128 right = (__int128)since * 2 * 60000 * clock.rate;
        __int128 distance = left - right;
        __int128 limit = (__int128)clock.mbpm * RP_BEAT;

        wrong += !(distance > -limit && distance <= limit);
    }
    CHECK_INT(wrong, 0);
}

/* 97 BPM at 48 kHz: known by hand. 60/97 s = 29690.72.. frames a beat. */
static void test_known(void)
{
    struct rp_clock clock = {.rate = 48000,
                             .mbpm = 97000,
                             .frame = 1000,
                             .metre = {4, 4},
                             .anchored = 1};

    CHECK_INT(rp_clock_frame(&clock, 0), 1000);
    CHECK_INT(rp_clock_frame(&clock, RP_BEAT), 1000 + 29691);
    CHECK_INT(rp_clock_frame(&clock, 97 * RP_BEAT), 1000 + 60 * 48000);
    CHECK_INT(rp_clock_frame(&clock, -97 * RP_BEAT), 1000 - 60 * 48000);
    CHECK_INT(rp_clock_beat(&clock, 1000 + 60 * 48000), 97 * RP_BEAT);
    CHECK_INT(rp_clock_beat(&clock, 999), -(RP_BEAT * 97 / (60 * 48000)) - 1);
    /* half a frame rounds up: 7680 frames a beat, exactly */
    clock = (struct rp_clock){.rate = 48000, .mbpm = 375000, .metre = {4, 4}};
    CHECK_INT(RP_BEAT % 15360, 0);
    CHECK_INT(rp_clock_frame(&clock, RP_BEAT / 15360), 1);
    CHECK_INT(rp_clock_frame(&clock, RP_BEAT / 15360 - 1), 0);
    CHECK_INT(rp_clock_frame(&clock, 3 * (RP_BEAT / 15360)), 2);
    CHECK_INT(rp_clock_frame(&clock, -(RP_BEAT / 15360)), 0);
    CHECK_INT(rp_clock_frame(&clock, -(RP_BEAT / 15360) - 1), -1);
    /* ends of the type */
    CHECK(rp_clock_beat(&clock, INT64_MAX) == INT64_MAX);
    CHECK(rp_clock_beat(&clock, INT64_MIN) == INT64_MIN);
}

/* Beats stay where they are when the tempo turns, however often. */
static void test_turn(void)
{
    struct rp_clock clock = {
        .rate = 48000, .mbpm = 97000, .metre = {4, 4}, .anchored = 1};
    struct rp_clock same = rp_clock_turn(&clock, 12345, 97000);
    unsigned wrong = 0;
    rp_frame frame = 0;

    CHECK_INT(same.frame, clock.frame);
    CHECK_INT(rp_clock_turn(&clock, 12345, 0).mbpm, 97000);
    for (int i = 0; i < 10000; i++) {
        rp_beat before;

        frame += 1 + draw() % 10000;
        before = rp_clock_beat(&clock, frame);
        clock = rp_clock_turn(&clock, frame, 20000 + draw() % 280000);
        wrong += rp_clock_beat(&clock, frame) != before;
        wrong += rp_clock_frame(&clock, before) != frame;
    }
    CHECK_INT(wrong, 0);
}

/* Every frame lies in one beat, and a beat line's frame is unique. */
static void test_round_trip(void)
{
    unsigned wrong = 0;

    for (int i = 0; i < 20000; i++) {
        struct rp_clock clock = draw_clock();
        rp_frame frame = clock.frame + (int64_t)(draw() % 1000000000) - 5000000;
        rp_beat beat = rp_clock_beat(&clock, frame);

        wrong += rp_clock_frame(&clock, beat) != frame;
        wrong += rp_clock_beat(&clock, frame + 1) <= beat;
    }
    CHECK_INT(wrong, 0);
}

static void check_lines(struct rp_metre metre, rp_beat beat_length,
                        rp_beat bar_length)
{
    struct rp_clock clock = {
        .rate = 48000, .mbpm = 120000, .bar = 7 * RP_BEAT / 2, .metre = metre};

    CHECK_INT(rp_metre_beat(metre), beat_length);
    CHECK_INT(rp_metre_bar(metre), bar_length);
    for (int i = -3; i <= 3; i++) {
        rp_beat bar = clock.bar + i * bar_length;

        CHECK_INT(rp_clock_bar_before(&clock, bar), bar);
        CHECK_INT(rp_clock_bar_before(&clock, bar + 1), bar);
        CHECK_INT(rp_clock_bar_before(&clock, bar - 1), bar - bar_length);
        CHECK_INT(rp_clock_beat_after(&clock, bar), bar);
        CHECK_INT(rp_clock_beat_after(&clock, bar - 1), bar);
        CHECK_INT(rp_clock_beat_after(&clock, bar + 1), bar + beat_length);
    }
}

static void test_metre(void)
{
    check_lines((struct rp_metre){4, 4}, RP_BEAT, 4 * RP_BEAT);
    check_lines((struct rp_metre){3, 4}, RP_BEAT, 3 * RP_BEAT);
    check_lines((struct rp_metre){6, 8}, 3 * RP_BEAT / 2, 3 * RP_BEAT);
    check_lines((struct rp_metre){7, 8}, RP_BEAT / 2, 7 * RP_BEAT / 2);
    check_lines((struct rp_metre){3, 8}, RP_BEAT / 2, 3 * RP_BEAT / 2);
    check_lines((struct rp_metre){2, 2}, 2 * RP_BEAT, 4 * RP_BEAT);
    check_lines((struct rp_metre){12, 8}, 3 * RP_BEAT / 2, 6 * RP_BEAT);
    check_lines((struct rp_metre){5, 32}, RP_BEAT / 8, 5 * RP_BEAT / 8);
}

int main(void)
{
    test_beats();
    test_frames();
    test_known();
    test_turn();
    test_round_trip();
    test_metre();
    return TEST_END();
}
