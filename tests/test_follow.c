/* Frames follow a server's, whatever it says and when. */
#include "rt/follow.h"

#include "tests/test.h"

enum { N = 128, NOT = -1 };

struct said {
    int period; /* what the server says, in periods */
    int frame;  /* what it is for us, in periods, or NOT run */
};

static void check(const struct said *said, int count, uint32_t origin)
{
    struct rp_follow follow = {.next = 1000};

    for (int i = 0; i < count; i++) {
        rp_frame frame = 1000 + NOT * N;

        CHECK_INT(
            rp_follow_run(&follow, origin + said[i].period * N, N, &frame),
            said[i].frame != NOT);
        CHECK_INT(frame, 1000 + said[i].frame * N);
    }
}

/* Late callbacks, periods that the server left out, a server that begins
 * anew. */
static void test_late(void)
{
    static const struct said
        late[] = {{0, 0}, {1, 1}, {3, 3}, {3, NOT}, {4, 4}, {5, 5}},
        lost[] = {{0, 0}, {1, 1}, {3, 3}, {4, 4}, {900, 900}, {901, 901}},
        row[] = {{0, 0}, {2, 2}, {3, 3}, {4, 4}, {4, NOT}, {5, 5}},
        two[] = {{0, 0}, {3, 3}, {3, NOT}, {3, NOT}, {4, 4}, {6, 6}},
        anew[] = {{0, 0}, {1, 1}, {-9, 2}, {-8, 3}, {-6, 5}, {-6, NOT}};

    for (int i = 0; i < 2; i++) {
        uint32_t origin = i ? UINT32_MAX - 2 * N : 77777; /* it wraps */

        check(late, 6, origin);
        check(lost, 6, origin);
        check(row, 6, origin);
        check(two, 6, origin);
        check(anew, 6, origin);
    }
}

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* A server under load for a million periods of changing size, with jumps of
 * any length and callbacks late and in time: what is run is at the server's
 * frames less the constant, all of it, and nothing twice. */
static void test_load(void)
{
    struct rp_follow follow = {0};
    int64_t server = 5000; /* frame of the period */
    rp_frame end = 0, frame;
    unsigned back = 0, apart = 0, ran = 0, missed = 0;
    uint32_t n = 64;

    for (int i = 0; i < 1000000; i++) {
        int64_t says = server + (i && draw(50) == 0 ? n : 0);

        if (rp_follow_run(&follow, (uint32_t)says, n, &frame)) {
            back += frame < end;
            apart += frame != says - 5000;
            end = frame + n;
            ran++;
        } else {
            missed += says - 5000 >= end;
        }
        server += n;
        server += draw(500) ? 0 : draw(2) ? draw(3) * n : draw(1000);
        n = draw(10000) ? n : 32u << draw(5);
    }
    CHECK_INT(back, 0);
    CHECK_INT(apart, 0);
    CHECK_INT(missed, 0);
    CHECK(ran > 950000);
}

/* Another server: its time is another, ours goes on from `next`. */
static void test_other(void)
{
    struct rp_follow follow = {0};
    rp_frame frame = -1;

    CHECK(rp_follow_run(&follow, 500000, N, &frame));
    CHECK_INT(frame, 0);
    CHECK(rp_follow_run(&follow, 500000 + 2 * N, N, &frame));
    CHECK_INT(frame, 2 * N);
    follow.begun = false;
    follow.next += 10000;
    CHECK(rp_follow_run(&follow, 7, N, &frame));
    CHECK_INT(frame, 3 * N + 10000);
    CHECK(rp_follow_run(&follow, 7 + N, N, &frame));
    CHECK_INT(frame, 4 * N + 10000);
}

int main(void)
{
    test_late();
    test_load();
    test_other();
    return TEST_END();
}
