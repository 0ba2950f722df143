/* A warp draws what rp_sample() draws, from whatever logits: the classes and
 * likelihoods of both, on the fake device. */
#include "fake/cuda/fake_cuda.h"
#include "model/net/rng.h"
#include "model/net/sample.h"
#include "tests/cuda_draw.h"
#include "tests/test.h"

enum { CASES = 3000, N = DRAW_CASE_CLASSES };

static struct draw_case cases[CASES];
static struct draw_told told[CASES], again[CASES];

static float pick(struct rp_rng *rng, const float *from, uint32_t count)
{
    return from[rp_rng_below(rng, count)];
}

/* From flat to peaked; some with ties, infinities and NaN among them. */
static void fill_logits(struct rp_rng *rng, struct draw_case *c)
{
    static const float spreads[] = {0.0f, 0.01f, 1.0f, 4.0f, 12.0f, 60.0f};
    const float spread = pick(rng, spreads, 6);
    const bool ties = rp_rng_below(rng, 4) == 0;
    const uint32_t odd = rp_rng_below(rng, 3) ? 0 : 1 + rp_rng_below(rng, 6);
    const float weight = rp_rng_below(rng, 4) ? 0.0f : 3.0f;

    for (uint32_t i = 0; i < N; i++) {
        float x = spread * (2.0f * rp_rng_float(rng) - 1.0f);
        c->own[i] = ties ? rintf(x) : x;
    }
    if (rp_rng_below(rng, 3) == 0) /* far above, yet not above all of them */
        c->own[rp_rng_below(rng, N)] += 8.0f;
    for (uint32_t i = 0; i < odd; i++) {
        static const float odds[] = {NAN, -INFINITY, INFINITY, -0.0f, 0.0f};
        uint32_t class = rp_rng_below(rng, N);
        c->own[class] = pick(rng, odds, 5);
    }
    for (uint32_t i = 0; i < N; i++)
        c->weighed[i] = c->own[i] + (i % 3 ? weight : 0.0f);
}

static void fill_mask(struct rp_rng *rng, struct draw_case *c)
{
    const uint32_t share = rp_rng_below(rng, 5); /* of 4; some: none, all */

    for (uint32_t i = 0; i < c->classes; i++)
        if (rp_rng_below(rng, 4) < share)
            c->mask[i / 64] |= UINT64_C(1) << i % 64;
    if (rp_rng_below(rng, 20) == 0) { /* one */
        uint32_t only = rp_rng_below(rng, c->classes);
        c->mask[0] = c->mask[1] = 0;
        c->mask[only / 64] = UINT64_C(1) << only % 64;
    }
}

static void fill(void)
{
    static const float classes[] = {16, 24, 64, 128};
    static const float temperatures[] = {1.0f, 0.9f, 0.3f, 1.3f, 4.0f, 1e-6f};
    static const float top_ps[] = {1.0f, 0.999f, 0.97f, 0.5f, 1e-6f};
    static const float top_ks[] = {0, 0, 1, 5, 40, 200};
    struct rp_rng rng;

    rp_rng_init(&rng, 9, 0);
    for (uint32_t i = 0; i < CASES; i++) {
        struct draw_case *c = &cases[i];
        c->classes = (uint32_t)pick(&rng, classes, 4);
        c->temperature = pick(&rng, temperatures, 6);
        c->top_p = pick(&rng, top_ps, 5);
        c->top_k = (uint32_t)pick(&rng, top_ks, 6);
        c->number = rp_rng_below(&rng, 20) ? rp_rng_float(&rng)
                    : i % 2                ? 0.0f
                                           : 0x0.ffffffp0f;
        fill_logits(&rng, c);
        fill_mask(&rng, c);
    }
}

/* Two that are likely, and top-p cuts among the many that are not: what is left
 * decides between the two. */
static void fill_tail(struct draw_case *c)
{
    *c = (struct draw_case){.mask = {UINT64_MAX, UINT64_MAX},
                            .classes = N,
                            .temperature = 1.0f,
                            .top_p = 0.97f,
                            .number = 0.482f};
    for (uint32_t i = 0; i < N; i++)
        c->own[i] = c->weighed[i] = i < 2 ? 7.1f : 0.0f;
}

/* Whether another number, as near as 1e-4, draws another class. */
static bool at_boundary(const struct draw_case *c, struct rp_mask mask)
{
    const struct rp_taste taste = {c->temperature, c->top_p, c->top_k};
    const float below = c->number - 1e-4f, above = c->number + 1e-4f;

    return rp_sample(c->weighed, c->classes, mask, &taste,
                     below > 0.0f ? below : 0.0f) !=
           rp_sample(c->weighed, c->classes, mask, &taste,
                     above < 1.0f ? above : 0x0.ffffffp0f);
}

static void test_draws(void)
{
    uint32_t same = 0, near = 0, other = 0, none = 0, odd = 0;
    double worst = 0.0;

    for (uint32_t i = 0; i < CASES; i++) {
        const struct draw_case *c = &cases[i];
        const struct rp_mask mask = {{c->mask[0], c->mask[1]}};
        const struct rp_taste taste = {c->temperature, c->top_p, c->top_k};
        int want = rp_sample(c->weighed, c->classes, mask, &taste, c->number);
        if (told[i].drew != want) {
            at_boundary(c, mask) ? near++ : other++;
            continue;
        }
        same++;
        none += want < 0;
        if (want < 0)
            continue;
        float logp =
            rp_sample_logp(c->own, c->classes, mask, (uint32_t)want);
        odd += !isfinite(logp);
        if (isfinite(logp) || isfinite(told[i].logp)) {
            double gap = fabs((double)(logp - told[i].logp));
            CHECK(gap <= 1e-5 + 1e-6 * fabs((double)logp));
            worst = gap > worst ? gap : worst;
        } else {
            CHECK(isnan(logp) == isnan(told[i].logp));
        }
    }
    printf("%u draws are the CPU's, %u of nothing, %u infinite; %u differ "
           "next to a boundary, %u elsewhere; likelihoods by up to %.2g\n",
           same, none, odd, near, other, worst);
    CHECK_INT(other, 0);
    CHECK(near * 1000 <= CASES);
    CHECK(none > 20 && odd > 20);
}

int main(void)
{
    if (!fake_cuda_runs())
        SKIP("the fake device's fibers are unknown to TSan");
    fill();
    fill_tail(&cases[0]);
    memset(told, 0xee, sizeof told);
    CHECK(draw_cases(cases, told, CASES));
    test_draws();
    fake_cuda.seed = 7; /* in whatever order threads run */
    CHECK(draw_cases(cases, again, CASES / 10));
    CHECK(!memcmp(told, again, CASES / 10 * sizeof *told));
    return TEST_END();
}
