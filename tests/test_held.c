/* What sounds: overlaps, what was skipped, and that a release owes exactly what
 * sounded, in its order. */
#include "rt/held.h"

#include "tests/test.h"

static struct rp_event on(int channel, int pitch)
{
    return rp_event_make(RP_NOTE_ON, channel, pitch, 100);
}

static struct rp_event off(int channel, int pitch)
{
    return rp_event_make(RP_NOTE_OFF, channel, pitch, 64);
}

static void test_overlap(void)
{
    static struct rp_held held;

    CHECK(!rp_held_on(&held, RP_SOURCE_ANSWER, on(0, 60)));
    CHECK(rp_held_on(&held, RP_SOURCE_ANSWER, on(0, 60))); /* sounds already */
    CHECK(!rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 60))); /* the first's */
    CHECK(rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 60)));
    CHECK(!rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 60))); /* nothing */
    CHECK_INT(held.sounding[RP_SOURCE_ANSWER], 0);

    /* channels and sources are apart; answer and metronome share a port */
    CHECK(!rp_held_on(&held, RP_SOURCE_ANSWER, on(9, 76)));
    CHECK(!rp_held_on(&held, RP_SOURCE_ANSWER, on(8, 76)));
    CHECK(!rp_held_on(&held, RP_SOURCE_CALL, on(9, 76)));
    CHECK(rp_held_on(&held, RP_SOURCE_METRONOME, on(9, 76)));
    CHECK(!rp_held_off(&held, RP_SOURCE_METRONOME, off(9, 76)));
    CHECK(rp_held_off(&held, RP_SOURCE_ANSWER, off(9, 76)));
    CHECK(rp_held_off(&held, RP_SOURCE_CALL, off(9, 76)));
    CHECK(rp_held_off(&held, RP_SOURCE_ANSWER, off(8, 76)));
}

static void test_skip(void)
{
    static struct rp_held held;

    rp_held_skip(&held, RP_SOURCE_ANSWER, on(0, 60));
    CHECK(!rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 60)));
    CHECK(!rp_held_on(&held, RP_SOURCE_ANSWER, on(0, 60)));
    rp_held_skip(&held, RP_SOURCE_ANSWER, on(0, 60)); /* two offs will come */
    CHECK(!rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 60)));
    CHECK(rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 60)));
}

static void test_release(void)
{
    static struct rp_held held;
    struct rp_release release = {0};
    struct rp_event event;
    unsigned offs = 0, controls = 0;
    bool sounds[16][128] = {{false}};

    for (int c = 0; c < 16; c += 5) {
        for (int p = 0; p < 128; p += 9) {
            (void)rp_held_on(&held, RP_SOURCE_ANSWER, on(c, p));
            (void)rp_held_on(&held, RP_SOURCE_ANSWER, on(c, p));
            sounds[c][p] = true;
        }
    }
    (void)rp_held_on(&held, RP_SOURCE_CALL, on(0, 1));
    rp_held_other(&held, RP_SOURCE_ANSWER, rp_event_make(RP_PROGRAM, 7, 1, 0));
    rp_held_release(&held, RP_SOURCE_ANSWER, 1 << 2, &release);
    CHECK_INT(held.sounding[RP_SOURCE_ANSWER], 0);
    CHECK_INT(held.sounding[RP_SOURCE_CALL], 1);
    CHECK(!rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 0)));
    while ((event = rp_release_next(&release)).size) {
        int channel = event.data[0] & 15;

        if (rp_event_is_off(event)) {
            CHECK(sounds[channel][event.data[1]]);
            sounds[channel][event.data[1]] = false;
            CHECK_INT(controls, 0); /* note-offs come first */
            offs++;
        } else {
            static const int order[] = {64, 123, 120};

            /* channels 0 5 10 15 sounded, 7 was used, 2 was asked for */
            CHECK(1 << channel &
                  (1 << 0 | 1 << 5 | 1 << 10 | 1 << 15 | 1 << 7 | 1 << 2));
            CHECK_INT(event.data[1], order[controls / 6]);
            CHECK_INT(event.data[2], 0);
            controls++;
        }
        rp_release_sent(&release, event);
    }
    CHECK_INT(offs, 4 * 15);
    CHECK_INT(controls, 3 * 6);
    rp_held_release(&held, RP_SOURCE_ANSWER, 0, &release);
    CHECK_INT(rp_release_next(&release).size, 0);
}

static void test_pedal(void)
{
    static struct rp_held held;

    rp_held_other(&held, RP_SOURCE_CALL, rp_event_make(RP_CONTROL, 3, 64, 64));
    CHECK_INT(held.pedal[RP_SOURCE_CALL], 1 << 3);
    rp_held_other(&held, RP_SOURCE_CALL, rp_event_make(RP_CONTROL, 3, 1, 0));
    CHECK_INT(held.pedal[RP_SOURCE_CALL], 1 << 3);
    rp_held_other(&held, RP_SOURCE_CALL, rp_event_make(RP_CONTROL, 3, 64, 63));
    CHECK_INT(held.pedal[RP_SOURCE_CALL], 0);
}

/* More notes of one pitch than are counted: it still ends. */
static void test_many(void)
{
    static struct rp_held held;
    bool ended = false;

    for (int i = 0; i < 1000; i++) {
        (void)rp_held_on(&held, RP_SOURCE_ANSWER, on(0, 60));
    }
    for (int i = 0; i < 1000; i++) {
        ended |= rp_held_off(&held, RP_SOURCE_ANSWER, off(0, 60));
    }
    CHECK(ended);
    CHECK_INT(held.sounding[RP_SOURCE_ANSWER], 0);
}

int main(void)
{
    test_overlap();
    test_skip();
    test_release();
    test_pedal();
    test_many();
    return TEST_END();
}
