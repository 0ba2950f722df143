#include "tui/tap.h"

#include <string.h>

enum { SLOWEST_MS = 3000, FASTEST_MS = 150 };

double rp_tap_strike(struct rp_tap *tap, int64_t ms)
{
    uint32_t n = tap->count;
    int64_t gap = n ? ms - tap->at[n - 1] : 0;

    if (n && gap < FASTEST_MS) {
        return 0; /* a key that bounces, or repeats */
    }
    if (n > 1) {
        double beat = (double)(tap->at[n - 1] - tap->at[0]) / (n - 1);

        if ((double)gap < 0.65 * beat || (double)gap > 1.5 * beat) {
            tap->count = n = 0; /* another tempo, or after a pause */
        }
    }
    if (gap > SLOWEST_MS) {
        tap->count = n = 0;
    }
    if (n == RP_TAPS) {
        memmove(tap->at, tap->at + 1, sizeof(tap->at) - sizeof(tap->at[0]));
        n--;
    }
    tap->at[n++] = ms;
    tap->count = n;
    return n < 2 ? 0 : 60000.0 * (n - 1) / (double)(ms - tap->at[0]);
}
