#include "model/play/bench_traits.h"

#include <math.h>

#include "model/net/rng.h"
#include "model/play/key.h"

enum { RESAMPLES = 200 };

const char *const rp_bench_trait_names[RP_TRAITS] = {
    "degree", "interval", "duration", "place", "density"
};

static void count_one(struct rp_bench_traits *traits, enum rp_bench_trait trait,
                      int64_t bin)
{
    bin = bin < 0 ? 0 : bin >= RP_TRAIT_BINS ? RP_TRAIT_BINS - 1 : bin;
    traits->count[trait][bin] += 1.0;
}

/* Twelfths of a beat, rounded; coarser past two beats. */
static int64_t time_bin(int64_t ticks, int32_t resolution)
{
    int64_t bin = (ticks * 12 + resolution / 2) / resolution;

    return bin <= 24 ? bin : 24 + (bin - 24) / 6;
}

static double density_of(const struct rp_note *note, uint32_t count)
{
    int32_t length =
        note[count - 1].onset + note[count - 1].duration - note[0].onset;

    return length > 0 ? (double)count / length : 0.0;
}

void rp_bench_traits_add(struct rp_bench_traits *traits,
                         const struct rp_note *call, uint32_t calls,
                         const struct rp_note *note, uint32_t count,
                         int32_t line, int32_t bar, int32_t resolution)
{
    int key = rp_key_find(call, calls);
    double density;

    if (!count || !calls)
        return;
    for (uint32_t i = 0; i < count; i++) {
        int32_t place = (note[i].onset - line) % bar;
        if (i + 1 < count) /* where it closes is chosen, and told apart */
            count_one(traits, RP_TRAIT_DEGREE,
                      (note[i].pitch + 12 - key % 12) % 12 + key / 12 * 12);
        if (i)
            count_one(traits, RP_TRAIT_INTERVAL,
                      note[i].pitch - note[i - 1].pitch + 24);
        count_one(traits, RP_TRAIT_DURATION,
                  time_bin(note[i].duration, resolution));
        count_one(traits, RP_TRAIT_PLACE,
                  ((int64_t)(place < 0 ? place + bar : place) * 12 +
                   resolution / 2) /
                      resolution);
    }
    density = density_of(note, count) / density_of(call, calls);
    count_one(traits, RP_TRAIT_DENSITY, lround(4.0 * log2(density)) + 24);
}

double rp_bench_traits_distance(const struct rp_bench_traits *a,
                                const struct rp_bench_traits *b,
                                enum rp_bench_trait trait)
{
    double all_a = 0.0, all_b = 0.0, sum = 0.0;

    for (int i = 0; i < RP_TRAIT_BINS; i++) {
        all_a += a->count[trait][i];
        all_b += b->count[trait][i];
    }
    if (all_a <= 0.0 || all_b <= 0.0)
        return 0.0;
    for (int i = 0; i < RP_TRAIT_BINS; i++) {
        double p = a->count[trait][i] / all_a, q = b->count[trait][i] / all_b;
        double middle = (p + q) / 2.0;
        if (p > 0.0)
            sum += p * log2(p / middle) / 2.0;
        if (q > 0.0)
            sum += q * log2(q / middle) / 2.0;
    }
    return sum;
}

static void add(struct rp_bench_traits *sum, const struct rp_bench_traits *one,
                enum rp_bench_trait trait)
{
    for (int i = 0; i < RP_TRAIT_BINS; i++)
        sum->count[trait][i] += one->count[trait][i];
}

double rp_bench_traits_worse(const struct rp_bench_traits *written,
                             const struct rp_bench_traits *a,
                             const struct rp_bench_traits *b, uint32_t count,
                             enum rp_bench_trait trait, uint32_t seed)
{
    double sum = 0.0, squares = 0.0, all = 0.0, deviation;
    struct rp_rng rng;

    rp_rng_init(&rng, seed, (uint32_t)trait);
    for (int r = 0; r <= RESAMPLES && count; r++) {
        struct rp_bench_traits w = { 0 }, x = { 0 }, y = { 0 };
        double worse;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = r ? rp_rng_below(&rng, count) : i;
            add(&w, &written[at], trait);
            add(&x, &a[at], trait);
            add(&y, &b[at], trait);
        }
        worse = rp_bench_traits_distance(&y, &w, trait) -
                rp_bench_traits_distance(&x, &w, trait);
        if (!r) {
            all = worse; /* all calls once */
            continue;
        }
        sum += worse;
        squares += worse * worse;
    }
    deviation = squares / RESAMPLES - sum / RESAMPLES * (sum / RESAMPLES);
    return deviation > 0.0 ? all / sqrt(deviation) : 0.0;
}

double rp_bench_traits_more(const double *a, const double *b, uint32_t count)
{
    double sum = 0.0, squares = 0.0, mean, variance;

    for (uint32_t i = 0; i < count; i++)
        sum += b[i] - a[i];
    mean = count ? sum / count : 0.0;
    for (uint32_t i = 0; i < count; i++)
        squares += (b[i] - a[i] - mean) * (b[i] - a[i] - mean);
    variance = count > 1 ? squares / (count - 1) / count : 0.0;
    return variance > 0.0 ? mean / sqrt(variance) : 0.0;
}
