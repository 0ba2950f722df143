/* Following a MIDI clock: simulated senders in ten minutes of virtual time, and
 * by hand what Start, Stop, Continue and a song position do. */
#include "model/play/bench_sync.h"
#include "rt/log.h"
#include "rt/sync_report.h"
#include "tests/bench.h"

enum { TICK = BENCH_RATE / 2 / RP_TICKS, BEAT = RP_TICKS * TICK }; /* 120 BPM */

/* ---- senders ---- */

static void test_senders(void)
{
    for (int i = 0; i < rp_bench_sync_count; i++) {
        const struct rp_bench_sync_case *what = &rp_bench_sync_cases[i];
        struct rp_bench_sync_result r;

        CHECK_INT(rp_bench_sync_run(what, 600, 1, 0, &r), RP_OK);
        printf("%-16s sigma %.0f ms: p99 %.2f, max %.2f, locked %.2f, "
               "stepped %.2f ms\n",
               what->name, what->sigma, r.p99, r.max, r.locked, r.stepped);
        CHECK(r.onsets > 3000);
        CHECK_INT(r.backwards, 0);
        CHECK_INT(r.late, 0);
        CHECK_INT(r.dropped, 0);
        CHECK(!what->step_to || (r.stepped > 0.1 && r.stepped < 60));
        if (what->sigma > 1) {
            continue; /* below */
        }
        CHECK(r.p99 < (what->sigma > 0 ? 2.0 : 0.5));
        CHECK(r.max < 8.0);
        CHECK(r.locked < 2.0);
        CHECK(fabs(r.drift) < 0.5); /* after ten minutes */
        CHECK_INT(r.displaced, 0);
    }
}

/* Whatever the knob says (100), from a quarter of it to three times. */
static void test_range(void)
{
    static const double bpm[] = {25, 40, 75, 200, 300};

    for (int i = 0; i < 10; i++) {
        struct rp_bench_sync_case what = {"", bpm[i / 2], i % 2, 0, 0, 0, 0, 0};
        struct rp_bench_sync_result r;

        CHECK_INT(rp_bench_sync_run(&what, 30, 1, 0, &r), RP_OK);
        CHECK(r.locked < 6.0);
        CHECK(r.p99 < 4.0);
        CHECK(fabs(r.drift) < 0.5);
        CHECK_INT(r.displaced, 0);
    }
}

/* 5 ms are a quarter of a tick: a loss can only be told from chance by what
 * comes after it. */
static void test_rough(void)
{
    for (int i = 0; i < rp_bench_sync_count; i++) {
        const struct rp_bench_sync_case *what = &rp_bench_sync_cases[i];
        struct rp_bench_sync_result r;

        if (what->sigma < 5) {
            continue;
        }
        CHECK_INT(rp_bench_sync_run(what, 600, 2, 0, &r), RP_OK);
        CHECK(r.p99 < 4.0);
        CHECK(r.locked < 6.0);
        CHECK(fabs(r.drift) < 2.0);
        CHECK_INT(r.displaced, 0);
    }
}

/* Many beginnings: the tempo is found though the first ticks are the worst,
 * and of the half minutes with losses few end a tick off, none a sixteenth. */
static void test_often(void)
{
    static const struct rp_bench_sync_case rough = {"", 120, 5, 0, 0, 0, 0, 0},
                                           lossy = {"", 120,  5, 0,
                                                    0,  0.02, 0, 0};
    struct rp_bench_sync_result r;
    int bad = 0, off = 0, displaced = 0;

    for (uint32_t seed = 1; seed <= 60; seed++) {
        CHECK_INT(rp_bench_sync_run(&rough, 5, seed, 0, &r), RP_OK);
        bad += r.locked > 6.0;
        CHECK_INT(rp_bench_sync_run(&lossy, 30, seed, 0, &r), RP_OK);
        off += !(fabs(r.drift) < 10.0);
        displaced += r.displaced > 0;
    }
    printf("%d begin badly, %d end a tick off, %d were a sixteenth off\n", bad,
           off, displaced);
    CHECK(bad <= 1);
    CHECK(off <= 2);
    CHECK(displaced <= 1);
}

/* ---- by hand ---- */

static void send(struct bench *bench, uint8_t status, int position)
{
    bench_one(bench, TICK / 10, 0,
              rp_event_make(status, 0, (uint8_t)(position & 127),
                            (uint8_t)(position >> 7)));
}

/* Ticks, each at the beginning of what is run. */
static void ticks(struct bench *bench, int count)
{
    for (int i = 0; i < count; i++) {
        bench_one(bench, TICK, 0, rp_event_make(RP_CLOCK, 0, 0, 0));
    }
}

static struct bench *follower(void)
{
    struct bench *bench = bench_create(100000);

    bench->knobs.sync = RP_SYNC_MIDI;
    return bench;
}

/* The last tick was at beat `ticks` / 24 of the bar that is `bar`. */
static void check_place(struct bench *bench, int place)
{
    const struct rp_clock *clock = &bench->cycle->clock;
    rp_beat beat = rp_clock_beat(clock, bench->now - TICK);
    rp_beat into = beat - rp_clock_bar_before(clock, beat + RP_TICK / 2);

    CHECK_NEAR((double)into / (double)RP_TICK, place, 0.15);
}

static void test_start(void)
{
    struct bench *bench = follower();

    send(bench, RP_START, 0);
    CHECK(!bench->cycle->clock.anchored);
    ticks(bench, 1);
    CHECK(bench->cycle->clock.anchored); /* the first clock is beat 0 */
    check_place(bench, 0);
    ticks(bench, 60);
    check_place(bench, 60);
    CHECK_NEAR(bench->cycle->clock.mbpm, 120000, 400);
    send(bench, RP_STOP, 0);
    send(bench, RP_START, 0); /* in the middle of a bar */
    ticks(bench, 1);
    check_place(bench, 0);
    bench_destroy(bench);
}

static void test_continue(void)
{
    struct bench *bench = follower();
    struct rp_heard heard;
    rp_beat before;
    unsigned panics = 0;

    send(bench, RP_START, 0);
    ticks(bench, 48);
    bench_plan(bench, 3 * RP_BEAT, bench_on(0, 60)); /* sounds, and will not */
    bench_plan(bench, 4 * RP_BEAT, bench_on(0, 61));
    ticks(bench, 40);
    CHECK_INT(bench_sounding(bench), 1);
    send(bench, RP_STOP, 0);
    CHECK_INT(bench_sounding(bench), 0);
    ticks(bench, 48); /* the clock goes on */
    CHECK_INT(bench_sounding(bench), 0);
    while (rp_ring_pop(&bench->cycle->to_performer, &heard)) {
        panics += heard.kind == RP_HEARD_PANIC;
    }
    CHECK_INT(panics, 1);
    before = rp_clock_beat(&bench->cycle->clock, bench->now);
    send(bench, RP_CONTINUE, 0); /* where it stopped: after 88 ticks */
    ticks(bench, 1);
    check_place(bench, 88);
    CHECK(rp_clock_beat(&bench->cycle->clock, bench->now) > before);
    send(bench, RP_STOP, 0);
    send(bench, RP_POSITION, 16 * 9 + 6); /* bar 10, after six sixteenths */
    send(bench, RP_CONTINUE, 0);
    ticks(bench, 1);
    check_place(bench, 36);
    CHECK_INT(
        (rp_clock_bar_before(&bench->cycle->clock,
                             rp_clock_beat(&bench->cycle->clock, bench->now)) -
         bench->cycle->sync.song) /
            (4 * RP_BEAT),
        9);
    send(bench, RP_STOP, 0);
    send(bench, RP_CONTINUE, 0);
    send(bench, RP_POSITION, 16 * 9 + 6); /* between it and its first tick */
    ticks(bench, 1);
    CHECK_INT(bench->cycle->sync.leader, RP_LEADER_ROLLS);
    check_place(bench, 36);
    bench_destroy(bench);
}

/* A plan of the place that was left is not played in the other. */
static void test_relocate(void)
{
    struct bench *bench = follower();
    uint32_t at = 0;

    send(bench, RP_START, 0);
    ticks(bench, 48);
    bench_plan(bench, 2 * RP_BEAT + RP_BEAT / 2, bench_on(0, 60));
    send(bench, RP_POSITION, 4); /* while it rolls: a loop, perhaps */
    ticks(bench, 24);
    check_place(bench, 24 + 23);
    CHECK(!bench_next(bench, RP_WAY_OUT, &at));
    bench_destroy(bench);
}

/* Bars of 7/8 and 6/8, counted from the beginning of the song. */
static void test_metre(void)
{
    static const uint32_t metres[] = {3 << 8 | 4, 7 << 8 | 8, 6 << 8 | 8};

    for (int m = 0; m < 3; m++) {
        struct bench *bench = follower();
        int bar;

        bench->knobs.metre = metres[m];
        bar = (int)(metres[m] >> 8) * 96 / (int)(metres[m] & 255);
        send(bench, RP_START, 0);
        ticks(bench, 200);
        check_place(bench, 199 % bar);
        send(bench, RP_STOP, 0);
        send(bench, RP_POSITION, 15);
        send(bench, RP_CONTINUE, 0);
        ticks(bench, 10);
        check_place(bench, (90 + 9) % bar);
        bench_destroy(bench);
    }
}

/* No Start has come: the ticks lead the tempo, the player sets the beat, and
 * then they keep it there. */
static void test_no_start(void)
{
    static const int off[] = {TICK / 4, TICK - TICK / 4}; /* late, early */

    for (int i = 0; i < 2; i++) {
        struct bench *bench = follower();
        struct rp_arrival in[2] = {{0, rp_event_make(RP_CLOCK, 0, 0, 0)},
                                   {(uint32_t)off[i], bench_on(0, 60)}};

        ticks(bench, 50);
        CHECK(!bench->cycle->clock.anchored);
        CHECK_NEAR(bench->cycle->clock.mbpm, 120000, 400);
        bench_run(bench, TICK, in, 2);
        ticks(bench, 95 + i);
        check_place(bench, 95);
        bench_plan(bench, 4 * RP_BEAT, bench_on(0, 61));
        ticks(bench, 10);
        CHECK_INT(bench_sounding(bench), 2);
        send(bench, RP_STOP, 0);
        CHECK_INT(bench_sounding(bench), 1); /* the key that is down */
        bench_destroy(bench);
    }
}

/* A fifteenth as fast: no ticks that are lost. */
static void test_slower(void)
{
    struct bench *bench = follower();

    send(bench, RP_START, 0);
    for (int i = 0; i < 96; i++) {
        bench_one(bench, TICK / 3, 0, rp_event_make(RP_CLOCK, 0, 0, 0));
    }
    for (int i = 0; i < 24; i++) {
        bench_one(bench, TICK * 5, 0, rp_event_make(RP_CLOCK, 0, 0, 0));
    }
    CHECK_NEAR(bench->cycle->clock.mbpm, 24000, 300);
    bench_destroy(bench);
}

/* The clock stops coming: the beat goes on; when it is back, on the tick that
 * is next. */
static void test_coast(void)
{
    struct bench *bench = follower();

    send(bench, RP_START, 0);
    ticks(bench, 96);
    for (int i = 0; i < 12 * 24; i++) {
        bench_run(bench, TICK, NULL, 0);
    }
    ticks(bench, 24);
    check_place(bench, 23);
    bench_destroy(bench);
}

/* ---- two senders ---- */

static char said[1000];

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

/* Runs two combs, the second from `late` ticks after the first on, as
 * main would look at them; what it says is in `said`. */
static void run_two(struct bench *bench, int frames, uint32_t other, int gap,
                    int late)
{
    struct rp_clock clock;
    uint32_t was = atomic_load(&bench->cycle->leading), now;

    *said = '\0';
    rp_log_divert(keep, NULL);
    for (int at = 0; at < frames; at += 100) {
        struct rp_arrival in[2];
        uint32_t ins = 0;

        if (at % TICK == 0) {
            in[ins++] =
                (struct rp_arrival){0, rp_event_make(RP_CLOCK, 0, 0, 0), 1};
            in[0].source = other ? 1 : 0;
        }
        if (other != 1 && at % gap == late) {
            in[ins++] = (struct rp_arrival){
                50, rp_event_make(RP_CLOCK, 0, 0, 0), other};
        }
        bench_run(bench, 100, in, ins);
        now = atomic_load(&bench->cycle->leading);
        rp_cycle_clock(bench->cycle, &clock);
        rp_sync_report(was, now, &clock);
        was = now;
    }
    rp_log_divert(NULL, NULL);
}

/* The first is followed, whatever the other says, until it is silent. */
static void test_two(void)
{
    struct bench *bench = follower();
    struct rp_arrival stop = {0, rp_event_make(RP_STOP, 0, 0, 0), 2};

    send(bench, RP_START, 0);
    run_two(bench, 96 * TICK, 1, 0, 0);
    CHECK(strstr(said, "the MIDI clock rolls") != NULL);
    CHECK(strstr(said, "two MIDI clocks") == NULL);
    run_two(bench, 96 * TICK, 2, 1300, 0);
    CHECK_TEXT(said, "two MIDI clocks come in; the first is followed\n");
    CHECK_NEAR(bench->cycle->clock.mbpm, 120000, 400);
    bench_run(bench, TICK, &stop, 1);
    CHECK_INT(bench->cycle->sync.leader, RP_LEADER_ROLLS);
    for (int i = 0; i < 120; i++) {
        stop.event.data[0] = RP_CLOCK;
        bench_run(bench, 1300, &stop, 1);
    }
    CHECK_NEAR(bench->cycle->clock.mbpm, 48000 * 60 / 24 * 1000 / 1300, 500);
    bench_destroy(bench);
}

/* Who sends is not told: noticed when the ticks are uneven, not when they are
 * as rough as they may be. */
static void test_mixed(void)
{
    struct bench *bench = follower();

    run_two(bench, 10 * TICK, 0, TICK, 800);
    CHECK(strstr(said, "two MIDI clocks") == NULL);
    run_two(bench, 24 * TICK, 0, TICK, 800);
    CHECK(strstr(said, "two MIDI clocks come in, mixed: disconnect one of "
                       "them\n") != NULL);
    bench_destroy(bench);
}

static void test_one(void)
{
    struct rp_senders senders = {0};
    struct rp_event tick = rp_event_make(RP_CLOCK, 0, 0, 0);
    rp_frame last = 0;

    srand(3);
    for (int i = 1; i < 100000; i++) {
        int off = 0;

        for (int k = 0; k < 12; k++) {
            off += rand() % 481 - 240; /* 10 ms of jitter together */
        }
        last = i * TICK + off < last ? last : i * TICK + off;
        CHECK(rp_senders_hear(&senders, 0, last, BENCH_RATE, tick));
        if (rp_senders_crowd(&senders, last, BENCH_RATE) != RP_CROWD_NONE) {
            CHECK_INT(i, 0);
            break;
        }
    }
}

/* Every other clock, or all of them, while nobody asked for it. */
static void test_internal(void)
{
    struct bench *bench = bench_create(100000);

    send(bench, RP_START, 0);
    ticks(bench, 50);
    CHECK(!bench->cycle->clock.anchored);
    CHECK_INT(bench->cycle->clock.mbpm, 100000);
    bench->knobs.sync = RP_SYNC_MIDI;
    ticks(bench, 50);
    CHECK_NEAR(bench->cycle->clock.mbpm, 120000, 400);
    bench->knobs.sync = RP_SYNC_INTERNAL; /* the tempo stays until turned */
    ticks(bench, 50);
    CHECK_NEAR(bench->cycle->clock.mbpm, 120000, 400);
    bench->knobs.tempo = 90000;
    ticks(bench, 2);
    CHECK_INT(bench->cycle->clock.mbpm, 90000);
    bench_destroy(bench);
}

/* Bytes that make no sense, at any pace, over every switch of leader: the beat
 * goes on, forwards. */
static void test_nonsense(void)
{
    static const uint8_t status[] = {RP_CLOCK,   RP_CLOCK,    RP_CLOCK,
                                     RP_START,   RP_CONTINUE, RP_STOP,
                                     RP_POSITION};
    struct bench *bench = follower();
    struct rp_transport transport = {.metre = {4, 4}, .mbpm = 90000};
    rp_beat last = INT64_MIN;

    srand(7);
    bench->knobs.clock_out = 1;
    bench->transport = &transport;
    for (int i = 0; i < 20000; i++) {
        struct rp_arrival in[40];
        uint32_t n = (uint32_t)rand() % (rand() % 8 ? 3 : 40), period = 128;
        rp_beat now;

        for (uint32_t k = 0; k < n; k++) {
            in[k] = (struct rp_arrival){
                k, rp_event_make(status[rand() % 7], 0, (uint8_t)(rand() & 127),
                                 (uint8_t)(rand() & 127))};
        }
        if (rand() % 500 == 0) {
            bench->knobs.sync = (uint32_t)rand() % 3;
            bench->now += rand() % 2 ? 0 : (rp_frame)rand();
            transport.frame = rand();
        }
        transport.rolling = rand() % 20 != 0;
        transport.led = rand() % 100 > 30;
        transport.bar = rand() % 100 ? transport.bar : rand();
        transport.into = rand() % 4 * RP_BEAT;
        bench_run(bench, period, in, n);
        now = rp_clock_beat(&bench->cycle->clock, bench->now - 1);
        if (bench->cycle->clock.anchored) {
            CHECK(now >= last);
            last = now;
        }
        if (i % 100 == 0) {
            bench->outs = 0;
            bench_obey(bench);
        }
    }
    bench_destroy(bench);
}

/* The size of the period changes nothing. */
static void test_periods(void)
{
    struct rp_bench_sync_case what = {"", 120, 3, 0.005, 140, 0.02, 0, 0};
    struct rp_bench_sync_result a, b;

    CHECK_INT(rp_bench_sync_run(&what, 30, 3, 64, &a), RP_OK);
    CHECK_INT(rp_bench_sync_run(&what, 30, 3, 1024, &b), RP_OK);
    CHECK(!memcmp(&a, &b, sizeof(a)));
}

int main(void)
{
    rp_log_level(RP_WARN);
    test_senders();
    test_range();
    test_rough();
    test_often();
    test_start();
    test_continue();
    test_relocate();
    test_metre();
    test_no_start();
    test_slower();
    test_coast();
    test_two();
    test_mixed();
    test_one();
    test_internal();
    test_nonsense();
    test_periods();
    return TEST_END();
}
