#include "model/play/key.h"

#include <math.h>

int rp_key_find(const struct rp_note *note, uint32_t count)
{
    static const double profile[2][12] = {
        { 6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29,
          2.88 },
        { 6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34,
          3.17 },
    };
    double weight[12] = { 0 }, mean = 0.0, best = -2.0;
    int key = 0;

    for (uint32_t i = 0; i < count; i++)
        weight[note[i].pitch % 12] += note[i].duration;
    for (int i = 0; i < 12; i++)
        mean += weight[i] / 12.0;
    for (int k = 0; k < 24; k++) {
        const double *p = profile[k / 12];
        double pp = 0.0, ww = 0.0, pw = 0.0, middle = 0.0;
        for (int i = 0; i < 12; i++)
            middle += p[i] / 12.0;
        for (int i = 0; i < 12; i++) {
            double a = p[i] - middle, b = weight[(k + i) % 12] - mean;
            pp += a * a;
            ww += b * b;
            pw += a * b;
        }
        if (ww > 0 && pw / sqrt(pp * ww) > best) {
            best = pw / sqrt(pp * ww);
            key = k;
        }
    }
    return key;
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
