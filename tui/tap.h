/* Tap tempo: somebody strikes a key in time. */
#ifndef RP_TAP_H
#define RP_TAP_H

#include <stdint.h>

enum { RP_TAPS = 9 };

struct rp_tap {
    uint32_t count;
    int64_t at[RP_TAPS]; /* ms, the last ones */
};

/* Struck at `ms`: the tempo in BPM, over the last beats that agree; 0: not
 * known yet. What is far from the beat so far begins anew. */
double rp_tap_strike(struct rp_tap *tap, int64_t ms);

#endif
