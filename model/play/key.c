#include "model/play/key.h"

#include <math.h>

#include "model/net/kernels.h"

#define LONGEST 4.0 /* means: a longer note says no more */
#define CLEAR 1.5   /* nats between the best key and the next */
enum { ROOM = (RP_KEYS + 15) / 16 * 16 }; /* as kernels want it */

/* ln P of each degree of the scale, C being the tonic, counted in 1,450 songs,
 * hymn tunes and lead sheets that end on their tonic: any note, by its length;
 * the first and the last of a phrase. */
static const double any[2][12] = {
    { -1.62, -4.47, -2.09, -3.93, -1.90, -2.53, -3.94, -1.66, -3.77, -2.33,
      -4.05, -2.66 },
    { -1.65, -3.88, -2.21, -2.12, -3.63, -2.34, -3.88, -1.58, -2.64, -3.43,
      -2.66, -3.33 },
};
static const double first[2][12] = {
    { -1.69, -4.59, -2.52, -4.07, -1.66, -2.81, -4.32, -1.21, -3.80, -2.68,
      -4.25, -3.17 },
    { -1.49, -3.95, -2.62, -2.10, -3.43, -2.86, -4.39, -1.25, -2.60, -3.69,
      -2.96, -3.84 },
};
static const double last[2][12] = {
    { -1.12, -4.78, -2.07, -4.38, -2.05, -3.15, -4.25, -1.61, -4.08, -3.13,
      -4.29, -2.73 },
    { -1.07, -4.10, -2.16, -2.48, -3.69, -2.79, -4.14, -1.61, -3.17, -4.10,
      -2.97, -3.52 },
};
static const double mode[2] = { -0.29, -1.38 };

/* How much of each pitch class: half of a note counts whatever its length. */
static void weigh(const struct rp_note *note, uint32_t count,
                  double weight[12])
{
    double sum = 0.0, mean;

    for (uint32_t i = 0; i < count; i++)
        sum += note[i].duration;
    mean = sum > 0.0 ? sum / count : 1.0;
    for (uint32_t i = 0; i < count; i++) {
        double length = note[i].duration ? note[i].duration / mean : 1.0;
        weight[note[i].pitch % 12] +=
            0.5 + 0.5 * (length < LONGEST ? length : LONGEST);
    }
}

static double sum_of(const double weight[12])
{
    double sum = 0.0;

    for (int i = 0; i < 12; i++)
        sum += weight[i];
    return sum;
}

/* ln P of the notes in every key, up to what all have in common. */
static void weigh_keys(const struct rp_note *tune, uint32_t notes,
                       const struct rp_note *beside, uint32_t besides,
                       double nats[RP_KEYS])
{
    double weight[12] = { 0 }, share;

    weigh(tune, notes, weight);
    share = sum_of(weight);
    weigh(beside, besides, weight);
    share /= sum_of(weight);
    for (int key = 0; key < RP_KEYS; key++) {
        int m = key / 12, up = 12 - key % 12;
        nats[key] = mode[m] + first[m][(tune[0].pitch + up) % 12] +
                    last[m][(tune[notes - 1].pitch + up) % 12];
        for (int i = 0; i < 12; i++)
            nats[key] += share * weight[i] * any[m][(i + up) % 12];
    }
}

/* The likeliest key; *lead is how much likelier it is than any with another
 * tonic, in nats. */
static int find(const double nats[RP_KEYS], double *lead)
{
    double best = 0.0, second = 0.0;
    int key = 0;

    for (int tonic = 0; tonic < 12; tonic++) {
        int better = nats[12 + tonic] > nats[tonic] ? 12 + tonic : tonic;
        double likely = nats[better];
        if (!tonic || likely > best) {
            second = tonic ? best : -INFINITY;
            best = likely;
            key = better;
        } else if (likely > second) {
            second = likely;
        }
    }
    *lead = best - second;
    return key;
}

static void to_shares(const double nats[RP_KEYS], float likely[RP_KEYS])
{
    double best = 0.0;
    float x[ROOM] = { 0 }, sum = 0.0f;

    for (int i = 0; i < RP_KEYS; i++)
        best = !i || nats[i] > best ? nats[i] : best;
    for (int i = 0; i < RP_KEYS; i++)
        x[i] = (float)(nats[i] - best);
    rp_kernels()->exp(RP_KEYS, x, 0.0f, x);
    for (int i = 0; i < RP_KEYS; i++)
        sum += x[i];
    for (int i = 0; i < RP_KEYS; i++)
        likely[i] = x[i] / sum;
}

void rp_key_tell(const struct rp_note *tune, uint32_t notes,
                 const struct rp_note *beside, uint32_t besides,
                 struct rp_key_told *told)
{
    double nats[RP_KEYS] = { 0 }, lead = 0.0;

    told->key = 0;
    if (notes) {
        weigh_keys(tune, notes, beside, besides, nats);
        told->key = find(nats, &lead);
    }
    told->clear = lead >= CLEAR;
    to_shares(nats, told->likely);
}

int rp_key_find(const struct rp_note *note, uint32_t count)
{
    double nats[RP_KEYS], lead;

    if (!count)
        return 0;
    weigh_keys(note, count, NULL, 0, nats);
    return find(nats, &lead);
}

bool rp_key_has(int key, uint8_t pitch)
{
    static const uint16_t scale[2] = { 0xab5, 0xfad };

    return scale[key / 12] >> (pitch + 12 - key % 12) % 12 & 1;
}

bool rp_key_home(int key, uint8_t pitch)
{
    static const uint16_t triad[2] = { 0x091, 0x089 };

    return triad[key / 12] >> (pitch + 12 - key % 12) % 12 & 1;
}
