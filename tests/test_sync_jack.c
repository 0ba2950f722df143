/* Following JACK's transport: roll, stop, locate, loops, the tempo and metre of
 * somebody else, and our own where nobody says them. */
#include "tests/bench.h"

enum { PERIOD = 128, TICKS = 1920 };

/* A transport whose master says bars as most do: ticks rounded down. */
struct leader {
    struct bench *bench;
    struct rp_transport transport;
    double beat; /* of the song, in the metre's unit */
    double bpm;  /* in that unit */
};

static void say(struct leader *leader)
{
    struct rp_transport *now = &leader->transport;
    double beats = now->metre.beats, unit = now->metre.unit;
    double into = fmod(leader->beat, beats);

    now->bar = (int64_t)(leader->beat / beats);
    now->into =
        (rp_beat)(floor(into * TICKS) / TICKS * 4 / unit * (double)RP_BEAT);
    now->grain = (rp_beat)((double)RP_BEAT * 4 / unit / TICKS) + 1;
    now->mbpm = (uint32_t)(leader->bpm * 4000 / unit + 0.5);
}

static void run(struct leader *leader, double seconds)
{
    for (double i = 0; i < seconds * BENCH_RATE / PERIOD; i++) {
        say(leader);
        bench_run(leader->bench, PERIOD, NULL, 0);
        if (leader->transport.rolling) {
            leader->beat += leader->bpm * PERIOD / 60 / BENCH_RATE;
            leader->transport.frame += PERIOD;
        }
    }
}

static struct leader follow(bool led, double bpm, uint8_t beats, uint8_t unit)
{
    struct leader leader = {.bench = bench_create(100000),
                            .transport = {.led = led, .metre = {beats, unit}},
                            .bpm = bpm};

    leader.bench->knobs.sync = RP_SYNC_JACK;
    return leader;
}

static void begin(struct leader *leader)
{
    leader->bench->transport = &leader->transport;
}

/* Milliseconds between our place in the bar and the leader's. */
static double off(const struct leader *leader)
{
    const struct rp_clock *clock = &leader->bench->cycle->clock;
    double bar = (double)rp_metre_bar(clock->metre);
    double ours =
        (double)(rp_clock_beat(clock, leader->bench->now) - clock->bar);
    double theirs =
        leader->beat * 4 / leader->transport.metre.unit * (double)RP_BEAT;
    double apart = remainder(ours - theirs, bar) / (double)RP_BEAT;

    return apart * 60e6 / clock->mbpm;
}

static unsigned heard(struct bench *bench, enum rp_heard_kind kind)
{
    struct rp_heard item;
    unsigned count = 0;

    while (rp_ring_pop(&bench->cycle->to_performer, &item)) {
        count += item.kind == kind;
    }
    return count;
}

static void test_led(void)
{
    static const struct {
        double bpm;
        uint8_t beats, unit;
    } cases[] = {{120, 4, 4}, {97.3, 3, 4}, {133, 7, 8}, {180, 6, 8}};

    for (int i = 0; i < 4; i++) {
        struct leader leader =
            follow(true, cases[i].bpm, cases[i].beats, cases[i].unit);
        struct bench *bench = leader.bench;
        double worst = 0;

        begin(&leader);
        run(&leader, 1);
        CHECK(!rp_sync_rolls(bench->cycle));
        leader.transport.rolling = true;
        leader.beat = 5.37;
        for (int s = 0; s < 200; s++) {
            run(&leader, 0.1);
            worst = fmax(worst, fabs(off(&leader)));
        }
        CHECK(rp_sync_rolls(bench->cycle));
        CHECK_INT(bench->cycle->clock.metre.beats, cases[i].beats);
        CHECK(worst < 0.5);
        leader.bpm *= 1.4; /* in the middle of a bar */
        worst = 0;
        for (int s = 0; s < 100; s++) {
            run(&leader, 0.1);
            worst = fmax(worst, fabs(off(&leader)));
        }
        printf("%.1f BPM %u/%u, a step: at most %.2f ms off\n", cases[i].bpm,
               cases[i].beats, cases[i].unit, worst);
        CHECK(worst < 1.0);
        bench_destroy(bench);
    }
}

/* Stop releases; a locate drops what was planned; the beat never goes back. */
static void test_stop(void)
{
    struct leader leader = follow(true, 120, 4, 4);
    struct bench *bench = leader.bench;
    rp_beat before;
    uint32_t at;

    begin(&leader);
    leader.transport.rolling = true;
    run(&leader, 1);
    before = rp_clock_beat(&bench->cycle->clock, bench->now);
    bench_plan(bench, before + RP_BEAT / 100, bench_on(0, 60));
    bench_plan(bench, before + RP_BEAT, bench_on(0, 61));
    run(&leader, 0.2);
    CHECK_INT(bench_sounding(bench), 1);
    (void)heard(bench, RP_HEARD_PANIC);
    leader.transport.rolling = false;
    run(&leader, 2);
    CHECK_INT(bench_sounding(bench), 0);
    CHECK_INT(heard(bench, RP_HEARD_PANIC), 1);
    bench_obey(bench);
    leader.transport.rolling = true;
    leader.beat = 1.5;
    run(&leader, 0.5);
    CHECK(fabs(off(&leader)) < 0.5);
    CHECK(rp_clock_beat(&bench->cycle->clock, bench->now) > before);
    before = rp_clock_beat(&bench->cycle->clock, bench->now);
    bench_plan(bench, before + RP_BEAT / 50, bench_on(0, 62));
    leader.beat = 14.2; /* another place in the bar */
    at = bench->outs;
    run(&leader, 1);
    CHECK(fabs(off(&leader)) < 0.5);
    CHECK(rp_clock_beat(&bench->cycle->clock, bench->now) > before);
    CHECK(!bench_next(bench, RP_WAY_OUT, &at));
    bench_destroy(bench);
}

/* A loop of whole bars: nothing that plays is disturbed. */
static void test_loop(void)
{
    struct leader leader = follow(true, 120, 4, 4);
    struct bench *bench = leader.bench;
    rp_beat song;

    begin(&leader);
    leader.transport.rolling = true;
    run(&leader, 3);
    (void)heard(bench, RP_HEARD_CLOCK);
    song = bench->cycle->sync.song;
    leader.beat -= 4;
    leader.transport.frame -= 2 * BENCH_RATE;
    run(&leader, 1);
    CHECK(fabs(off(&leader)) < 0.5);
    CHECK_INT(heard(bench, RP_HEARD_PANIC), 0);
    CHECK_INT(bench->cycle->sync.song - song, 4 * RP_BEAT);
    bench_destroy(bench);
}

/* Nobody says bars: the song's frames and our tempo. */
static void test_own(void)
{
    struct leader leader = follow(false, 100, 4, 4);
    struct bench *bench = leader.bench;
    struct rp_clock map;

    begin(&leader);
    leader.transport.rolling = true;
    leader.transport.frame = 3 * BENCH_RATE; /* beat 5 */
    leader.beat = 5;
    run(&leader, 2);
    CHECK(fabs(off(&leader)) < 0.1);
    bench->knobs.tempo = 150000;
    leader.bpm = 150;
    run(&leader, 2);
    CHECK(fabs(off(&leader)) < 0.1);
    rp_sync_map(bench->cycle, leader.transport.frame, false, &map);
    CHECK_NEAR((double)rp_clock_beat(&map, leader.transport.frame) /
                   (double)RP_BEAT,
               leader.beat, 1e-3);
    leader.transport.frame = 8 * BENCH_RATE; /* now beat 20 */
    leader.beat = 20;
    run(&leader, 1);
    CHECK(fabs(off(&leader)) < 0.1);
    CHECK_INT(bench->cycle->clock.mbpm, 150000);
    bench_destroy(bench);
}

/* Lost periods: our frames went on, the song did not. */
static void test_xrun(void)
{
    struct leader leader = follow(true, 120, 4, 4);
    struct bench *bench = leader.bench;

    begin(&leader);
    leader.transport.rolling = true;
    run(&leader, 2);
    (void)heard(bench, RP_HEARD_PANIC);
    bench->now += 3 * PERIOD;
    run(&leader, 2);
    CHECK(fabs(off(&leader)) < 0.5);
    CHECK_INT(heard(bench, RP_HEARD_PANIC), 0);
    bench_destroy(bench);
}

int main(void)
{
    test_led();
    test_stop();
    test_loop();
    test_own();
    test_xrun();
    return TEST_END();
}
