/* How far answers are from what was written: the measures themselves. */
#include "model/play/bench_traits.h"
#include "test.h"

#include <math.h>

enum { CALLS = 40 };

static const struct rp_note call[] = { { 0, 24, 60, 80 }, { 24, 24, 64, 80 },
                                       { 48, 24, 67, 80 }, { 72, 24, 60, 80 } };

/* An answer of four notes on a scale, so many ticks each. */
static void add(struct rp_bench_traits *traits, uint8_t pitch, int32_t ticks)
{
    struct rp_note note[4];

    for (int i = 0; i < 4; i++)
        note[i] = (struct rp_note){ 96 + i * ticks, ticks,
                                    (uint8_t)(pitch + 2 * i), 80 };
    rp_bench_traits_add(traits, call, 4, note, 4, 0, 96, 24);
}

static double distance(const struct rp_bench_traits *a,
                       const struct rp_bench_traits *b, int trait)
{
    return rp_bench_traits_distance(a, b, (enum rp_bench_trait)trait);
}

static void test_distance(void)
{
    struct rp_bench_traits a = { 0 }, b = { 0 }, c = { 0 }, none = { 0 };

    add(&a, 60, 24);
    add(&b, 60, 24);
    add(&c, 67, 6);
    for (int t = 0; t < RP_TRAITS; t++) {
        CHECK(distance(&a, &b, t) == 0.0);
        CHECK(distance(&a, &c, t) == distance(&c, &a, t));
        CHECK(distance(&a, &none, t) == 0.0);
    }
    /* Nothing in common is one bit; the same steps are no distance. */
    CHECK(fabs(distance(&a, &c, RP_TRAIT_DURATION) - 1.0) < 1e-12);
    CHECK(fabs(distance(&a, &c, RP_TRAIT_DENSITY) - 1.0) < 1e-12);
    CHECK(distance(&a, &c, RP_TRAIT_INTERVAL) == 0.0);
    CHECK(distance(&a, &c, RP_TRAIT_DEGREE) > 0.0);
    CHECK(distance(&a, &c, RP_TRAIT_PLACE) > 0.0);
    /* Half of it in common. */
    add(&b, 60, 6);
    CHECK(distance(&a, &b, RP_TRAIT_DURATION) > 0.1);
    CHECK(distance(&a, &b, RP_TRAIT_DURATION) < 0.5);
    /* No notes are no answer. */
    rp_bench_traits_add(&none, call, 4, call, 0, 0, 96, 24);
    CHECK(distance(&a, &none, RP_TRAIT_DURATION) == 0.0);
}

static void test_worse(void)
{
    static struct rp_bench_traits written[CALLS], near[CALLS], far[CALLS];
    double worse;

    for (uint32_t i = 0; i < CALLS; i++) {
        add(&written[i], 60, i % 2 ? 24 : 12);
        add(&near[i], 60, i % 3 ? 24 : 12);
        add(&far[i], 60, i % 3 ? 6 : 12);
    }
    worse = rp_bench_traits_worse(written, near, far, CALLS,
                                  RP_TRAIT_DURATION, 1);
    CHECK(worse > 2.0);
    CHECK(rp_bench_traits_worse(written, far, near, CALLS, RP_TRAIT_DURATION,
                                1) < -2.0);
    CHECK(worse == rp_bench_traits_worse(written, near, far, CALLS,
                                         RP_TRAIT_DURATION, 1));
    CHECK(rp_bench_traits_worse(written, near, near, CALLS, RP_TRAIT_DURATION,
                                1) == 0.0);
    CHECK(rp_bench_traits_worse(written, near, far, 0, RP_TRAIT_DURATION,
                                1) == 0.0);
}

static void test_more(void)
{
    static const double a[] = { 0.0, 0.1, 0.2, 0.3, 0.0, 0.1, 0.2, 0.3 };
    double b[8], c[8];

    for (int i = 0; i < 8; i++) {
        b[i] = a[i] + (i % 2 ? 0.1 : 0.2);
        c[i] = a[i] + (i % 2 ? 0.1 : -0.1);
    }
    /* 0.15 more, each 0.05 off that: 0.15 / (0.05 sqrt(8/7) / sqrt 8). */
    CHECK(fabs(rp_bench_traits_more(a, b, 8) - 3.0 * sqrt(7.0)) < 1e-9);
    CHECK(fabs(rp_bench_traits_more(b, a, 8) + 3.0 * sqrt(7.0)) < 1e-9);
    CHECK(fabs(rp_bench_traits_more(a, c, 8)) < 1e-9);
    CHECK(rp_bench_traits_more(a, a, 8) == 0.0);
    CHECK(rp_bench_traits_more(a, b, 0) == 0.0);
}

int main(void)
{
    test_distance();
    test_worse();
    test_more();
    return TEST_END();
}
