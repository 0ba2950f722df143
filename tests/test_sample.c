#include "model/net/sample.h"
#include "model/net/rng.h"
#include "tests/test.h"

enum { N = 128 };

static const struct rp_mask all = {{UINT64_MAX, UINT64_MAX}};

static float random_logits(struct rp_rng *rng, float *logits, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        logits[i] = 8.0f * rp_rng_float(rng) - 4.0f;
    return logits[0];
}

/* Frequencies over a fine grid of uniforms are the probabilities. */
static void check_shares(float temperature)
{
    enum { DRAWS = 100000, CLASSES = 24 };
    struct rp_taste taste = {temperature, 1, 0};
    struct rp_mask mask = {{0x00f0ff, 0}};
    int count[CLASSES] = {0};
    float logits[CLASSES];
    struct rp_rng rng;
    double sum = 0;

    rp_rng_init(&rng, 4, 0);
    random_logits(&rng, logits, CLASSES);
    for (int i = 0; i < DRAWS; i++) {
        float uniform = ((float)i + 0.5f) / DRAWS;
        int class = rp_sample(logits, CLASSES, mask, &taste, uniform);
        CHECK(class >= 0 && class < CLASSES);
        count[class]++;
    }
    for (int i = 0; i < CLASSES; i++)
        sum += mask.bits[0] >> i & 1
                   ? exp((double)logits[i] / (double)temperature)
                   : 0;
    for (int i = 0; i < CLASSES; i++) {
        double p = mask.bits[0] >> i & 1
                       ? exp((double)logits[i] / (double)temperature) / sum
                       : 0;
        CHECK_NEAR((double)count[i] / DRAWS, p, 3e-5);
    }
}

static void check_logp(void)
{
    struct rp_mask mask = {{0xffff00ff00ff00ff, 0x00000000ffffffff}};
    float logits[N];
    struct rp_rng rng;
    double sum = 0;

    rp_rng_init(&rng, 5, 0);
    random_logits(&rng, logits, N);
    for (int i = 0; i < N; i++)
        sum += mask.bits[i / 64] >> (i % 64) & 1 ? exp((double)logits[i]) : 0;
    for (uint32_t i = 0; i < N; i++) {
        float got = rp_sample_logp(logits, N, mask, i);
        if (mask.bits[i / 64] >> (i % 64) & 1)
            CHECK_NEAR(got, (double)logits[i] - log(sum), 2e-6);
        else
            CHECK(isinf(got) && got < 0);
    }
    CHECK(isinf(rp_sample_logp(logits, N, mask, N)));
}

static uint32_t distinct(const float *logits, uint32_t n, struct rp_mask mask,
                         const struct rp_taste *taste, bool *seen)
{
    uint32_t count = 0;

    memset(seen, 0, N * sizeof *seen);
    for (int i = 0; i < 20000; i++) {
        int class = rp_sample(logits, n, mask, taste, (float)i / 20000);
        if (class >= 0 && !seen[class]) {
            seen[class] = true;
            count++;
        }
    }
    return count;
}

/* P = 1/2, 1/4, 1/8, 1/8 on classes 3, 1, 0, 2. */
static void check_cuts(void)
{
    const float logits[4] = {0, logf(2), 0, logf(4)};
    const struct rp_mask four = {{15, 0}};
    bool seen[N];

    for (uint32_t k = 1; k <= 4; k++) {
        struct rp_taste taste = {1, 1, k};
        CHECK_INT(distinct(logits, 4, four, &taste, seen), k);
        CHECK(seen[3] && seen[1] == (k > 1) && seen[0] == (k > 2) &&
              seen[2] == (k > 3));
    }
    const struct {
        float top_p;
        uint32_t want;
    } cuts[] = {{1e-6f, 1}, {0.49f, 1}, {0.51f, 2}, {0.74f, 2},
                {0.76f, 3}, {0.87f, 3}, {0.88f, 4}, {1, 4}};
    for (int i = 0; i < 8; i++) {
        struct rp_taste taste = {1, cuts[i].top_p, 0};
        CHECK_INT(distinct(logits, 4, four, &taste, seen), cuts[i].want);
        CHECK(seen[3]);
    }
    /* masked before anything else: with 3 gone, 1 holds half of what is left */
    struct rp_taste taste = {1, 0.45f, 0};
    CHECK_INT(rp_sample(logits, 4, (struct rp_mask){{7, 0}}, &taste, 0.99f), 1);
    /* temperature before top-p: flat enough, top-p 0.6 keeps three of four */
    taste = (struct rp_taste){100, 0.6f, 0};
    CHECK_INT(distinct(logits, 4, four, &taste, seen), 3);
    /* top-k before top-p: 1/2 and 1/4 become 2/3 and 1/3 */
    taste = (struct rp_taste){1, 0.66f, 2};
    CHECK_INT(distinct(logits, 4, four, &taste, seen), 1);
}

static void check_edges(void)
{
    struct rp_taste taste = {1, 1, 0}, cold = {1e-6f, 1, 0};
    const struct rp_mask none = {{0, 0}};
    float logits[N], flat[N] = {0};
    struct rp_rng rng;
    int best = 0;

    rp_rng_init(&rng, 6, 0);
    random_logits(&rng, logits, N);
    for (int i = 1; i < N; i++)
        best = logits[i] > logits[best] ? i : best;
    CHECK_INT(rp_sample(logits, N, none, &taste, 0.5f), -1);
    for (int i = 0; i < 100; i++) {
        float uniform = (float)i / 100;
        CHECK_INT(rp_sample(logits, N, all, &cold, uniform), best);
        for (uint32_t only = 0; only < N; only += 9) {
            struct rp_mask one = none;
            one.bits[only / 64] = 1ull << (only % 64);
            CHECK_INT(rp_sample(logits, N, one, &taste, uniform), only);
        }
    }
    /* ties go to the lower class */
    taste.top_k = 1;
    CHECK_INT(rp_sample(flat, N, all, &taste, 0.999f), 0);
    taste.top_k = 3;
    CHECK_INT(rp_sample(flat, N, all, &taste, 0x1.fffffep-1f), 2);
    /* a mask bit past n is no class; NaN and -inf are never drawn */
    taste.top_k = 0;
    for (int i = 0; i < 1000; i++)
        CHECK(rp_sample(flat, 16, all, &taste, (float)i / 1000) < 16);
    logits[0] = NAN;
    logits[1] = -INFINITY;
    for (int i = 0; i < 1000; i++)
        CHECK(rp_sample(logits, N, all, &taste, (float)i / 1000) > 1);
    CHECK_INT(rp_sample(logits, 1, all, &taste, 0.5f), -1);
    logits[7] = 1e30f;
    CHECK_INT(rp_sample(logits, N, all, &taste, 0.999f), 7);
}

int main(void)
{
    check_shares(1.0f);
    check_shares(0.5f);
    check_shares(2.5f);
    check_logp();
    check_cuts();
    check_edges();
    return TEST_END();
}
