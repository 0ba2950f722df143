/* Tap tempo: even, uneven, another tempo, a pause, a key that repeats. */
#include "tui/tap.h"

#include "tests/test.h"

static double taps(struct rp_tap *tap, int64_t *now, int count, int beat,
                   int uneven)
{
    double bpm = 0;

    for (int i = 0; i < count; i++) {
        *now += beat;
        bpm = rp_tap_strike(tap, *now + (i % 2 ? uneven : -uneven));
    }
    return bpm;
}

int main(void)
{
    struct rp_tap tap = {0};
    int64_t now = 1000;

    CHECK_NEAR(taps(&tap, &now, 1, 500, 0), 0, 0);
    CHECK_NEAR(taps(&tap, &now, 1, 500, 0), 120, 0.01);
    CHECK_NEAR(taps(&tap, &now, 20, 500, 0), 120, 0.01);
    CHECK_NEAR(taps(&tap, &now, 20, 500, 20), 120, 1.5);
    CHECK_NEAR(taps(&tap, &now, 3, 800, 0), 75, 0.01); /* another tempo */
    now += 10000;
    CHECK_NEAR(taps(&tap, &now, 1, 0, 0), 0, 0); /* after a pause */
    CHECK_NEAR(taps(&tap, &now, 2, 600, 0), 100, 0.01);
    CHECK_NEAR(rp_tap_strike(&tap, now + 30), 0, 0); /* the key repeats */
    CHECK_NEAR(taps(&tap, &now, 1, 600, 0), 100, 0.01);
    return TEST_END();
}
