/* Bar lines found where the file puts its metre at tick 0 though the tune
 * begins with part of a bar. */
#include "model/data/pickup.h"
#include "test.h"

enum { BARS = 12, NOTES = BARS * 5 };

/* A half note on each bar line, then quarters; the first bar line at
 * `pickup`, quarters before it. Bars of four beats. */
static uint32_t tune(struct rp_note *note, int32_t pickup)
{
    uint32_t n = 0;
    int32_t at = 0;

    while (at < pickup) {
        note[n++] = (struct rp_note){ at, 24, 67, 80 };
        at += 24;
    }
    for (int bar = 0; bar < BARS; bar++) {
        note[n++] = (struct rp_note){ at, 48, 60, 80 };
        note[n++] = (struct rp_note){ at + 48, 24, 62, 80 };
        note[n++] = (struct rp_note){ at + 72, 24, 64, 80 };
        at += 96;
    }
    return n;
}

int main(void)
{
    struct rp_note note[NOTES];
    struct rp_metre_change change[] = { { 0, { 4, 4 } }, { 0, { 3, 4 } } };
    uint32_t n;

    for (int32_t pickup = 0; pickup < 96; pickup += 24) {
        n = tune(note, pickup);
        CHECK_INT(rp_pickup_find(note, n, change, 1, 24), pickup);
        CHECK_INT(rp_pickup_find(note, n, change, 0, 24), 0);
        /* A later change stands on a bar line: it tells, too. */
        change[1].tick = pickup + 96 * 11;
        CHECK_INT(rp_pickup_find(note, n, change, 2, 24), pickup);
    }
    n = tune(note, 24);
    CHECK_INT(rp_pickup_find(note, 20, change, 1, 24), 0); /* too few */
    for (uint32_t i = 0; i < n; i++)
        note[i].duration = 24; /* nothing speaks for any place */
    note[0].duration = 48;
    CHECK_INT(rp_pickup_find(note, n, change, 1, 24), 0);
    change[0].metre.unit = 0;
    CHECK_INT(rp_pickup_find(note, n, change, 1, 24), 0);
    return TEST_END();
}
