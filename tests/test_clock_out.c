/* MIDI clock out: where ticks are, what tempo they say, and what goes before
 * them where the beat begins, stops and jumps. */
#include "tests/bench.h"

enum { PERIOD = 128, START = 1234, QUARTER = BENCH_RATE / 2 };

static struct bench *begin(uint32_t mbpm)
{
    struct bench *bench = bench_create(mbpm);

    bench->knobs.clock_out = 1;
    return bench;
}

static void run(struct bench *bench, uint32_t period, rp_frame end)
{
    while (bench->now < end) {
        rp_frame left = end - bench->now;

        bench_run(bench, left < period ? (uint32_t)left : period, NULL, 0);
    }
}

static void strike(struct bench *bench, rp_frame frame)
{
    struct rp_arrival in[2] = {{0, bench_on(0, 60)}, {0, bench_off(0, 60)}};

    in[0].offset = in[1].offset = (uint32_t)(frame % PERIOD);
    run(bench, PERIOD, frame - frame % PERIOD);
    bench_run(bench, PERIOD, in, 2);
}

/* Bytes on the port from *at on, up to the next tick and with it. */
static const struct bench_out *next(const struct bench *bench, uint32_t *at)
{
    return bench_next(bench, RP_WAY_CLOCK, at);
}

/* Start and the first tick are with the first note; every tick then within
 * half a frame of its beat; the same in every period. */
static void test_places(void)
{
    static const uint32_t periods[] = {16, 128, 1000, 4096};
    static const uint32_t tempos[] = {40000, 97000, 120000, 133700, 300000};
    uint32_t ticks = 0;

    for (int p = 0; p < 4; p++) {
        for (int t = 0; t < 5; t++) {
            struct bench *bench = begin(tempos[t]);
            const struct bench_out *out;
            uint32_t at = 0;
            int64_t tick = -1;

            strike(bench, START);
            run(bench, periods[p], 20 * BENCH_RATE);
            while ((out = next(bench, &at))) {
                if (out->event.data[0] == RP_START) {
                    CHECK_INT(out->frame, START);
                    CHECK_INT(tick, -1);
                    tick = 0;
                } else if (tick >= 0) {
                    double due = START + (double)tick++ * BENCH_RATE * 60000 /
                                             tempos[t] / RP_TICKS;

                    CHECK_INT(out->event.data[0], RP_CLOCK);
                    CHECK(fabs((double)out->frame - due) <= 0.5001);
                    ticks++;
                }
            }
            CHECK(tick > 20 * 40 / 60 * RP_TICKS);
            bench_destroy(bench);
        }
    }
    printf("%u ticks, each within half a frame\n", ticks);
}

/* Over any four beats the tempo reads back to 0.01 BPM (a frame is more than
 * that above 340 BPM). */
static void test_tempo(void)
{
    static const uint32_t tempos[] = {20000, 60000, 97330, 120000, 299770};
    double worst = 0;

    for (int t = 0; t < 5; t++) {
        struct bench *bench = begin(tempos[t]);
        static rp_frame frame[20000];
        uint32_t at = 0, ticks = 0;
        const struct bench_out *out;

        strike(bench, START);
        run(bench, PERIOD, 60 * BENCH_RATE);
        while ((out = next(bench, &at))) {
            if (out->event.data[0] == RP_START) {
                ticks = 0;
            } else if (ticks < 20000) {
                frame[ticks++] = out->frame;
            }
        }
        CHECK(ticks > 5 * 96 / 2);
        for (uint32_t i = 0; i + 96 < ticks; i++) {
            double bpm =
                4 * 60.0 * BENCH_RATE / (double)(frame[i + 96] - frame[i]);
            double off = fabs(bpm - tempos[t] / 1000.0);

            worst = off > worst ? off : worst;
        }
        bench_destroy(bench);
    }
    printf("tempo over four beats: at most %.4f BPM off\n", worst);
    CHECK(worst < 0.01);
}

/* The tempo knob: no tick is lost, doubled or out of step. */
static void test_knob(void)
{
    struct bench *bench = begin(120000);
    const struct bench_out *out;
    uint32_t at = 0;
    rp_frame last = 0;
    unsigned ticks = 0;

    strike(bench, START);
    for (int i = 0; i < 400; i++) {
        bench->knobs.tempo = 60000 + (uint32_t)i * 977 % 120000;
        run(bench, PERIOD, bench->now + 3000);
    }
    while ((out = next(bench, &at)) && out->event.data[0] != RP_START) {
    }
    while ((out = next(bench, &at))) {
        rp_frame gap = out->frame - last;

        CHECK_INT(out->event.data[0], RP_CLOCK);
        /* between those of 180 and 60 BPM */
        CHECK(!last || (gap >= BENCH_RATE / 72 - 1 && gap <= BENCH_RATE / 24));
        last = out->frame;
        ticks++;
    }
    CHECK_INT(ticks,
              rp_clock_beat(&bench->cycle->clock, bench->now - 1) / RP_TICK +
                  1);
    bench_destroy(bench);
}

/* After a rest the player goes on elsewhere: Stop at once, then the song goes
 * on with the bar that the player begins. */
static void test_jump(void)
{
    struct bench *bench = begin(120000);
    rp_frame frame = START + 9 * QUARTER + QUARTER / 3;
    const struct bench_out *out;
    uint32_t at = 0;

    strike(bench, START);
    strike(bench, frame);
    run(bench, PERIOD, frame + QUARTER);
    while ((out = next(bench, &at)) && out->event.data[0] != RP_STOP) {
    }
    CHECK(out && out->frame == frame);
    out = next(bench, &at);
    CHECK(out && out->event.data[0] == RP_POSITION && out->event.data[1] == 48);
    out = next(bench, &at);
    CHECK(out && out->event.data[0] == RP_CONTINUE && out->frame == frame);
    out = next(bench, &at);
    CHECK(out && out->event.data[0] == RP_CLOCK && out->frame == frame);
    out = next(bench, &at);
    CHECK(out && out->frame == frame + QUARTER / RP_TICKS);
    bench_destroy(bench);
}

/* A count-in ends with Start; switched off: Stop; on again: Continue at a
 * sixteenth; at the end: Stop. */
static void test_switch(void)
{
    struct bench *bench = begin(120000);
    const struct bench_out *out;
    uint32_t at = 0, events = 0;
    uint8_t seen[8];
    rp_frame when[8];

    bench->knobs.count_in = 1;
    run(bench, PERIOD, 6 * QUARTER);
    bench->knobs.clock_out = 0;
    run(bench, PERIOD, 7 * QUARTER);
    bench->knobs.clock_out = 1;
    run(bench, PERIOD, 7 * QUARTER + QUARTER / 2);
    atomic_store(&bench->cycle->stopping, 1);
    run(bench, PERIOD, 8 * QUARTER);
    while ((out = next(bench, &at)) && events < 8) {
        if (out->event.data[0] != RP_CLOCK) {
            when[events] = out->frame;
            seen[events++] = out->event.data[0];
        }
    }
    CHECK_INT(events, 5);
    CHECK(seen[0] == RP_START && when[0] == 4 * QUARTER);
    CHECK(seen[1] == RP_STOP && when[1] / PERIOD == 6 * QUARTER / PERIOD);
    CHECK(seen[2] == RP_POSITION);
    CHECK(seen[3] == RP_CONTINUE && when[3] == 7 * QUARTER);
    CHECK(seen[4] == RP_STOP);
    bench_destroy(bench);
}

/* A port that is full: what does not fit comes in the next period. */
static void test_full(void)
{
    struct bench *bench = begin(120000);
    const struct bench_out *out;
    uint32_t at = 0, ticks = 0;

    strike(bench, START);
    bench->room[RP_WAY_CLOCK] = 0;
    run(bench, PERIOD, START + QUARTER / 2);
    bench->room[RP_WAY_CLOCK] = 1;
    run(bench, PERIOD, START + 2 * QUARTER);
    while ((out = next(bench, &at)) && out->event.data[0] != RP_START) {
    }
    while ((out = next(bench, &at))) {
        CHECK_INT(out->event.data[0], RP_CLOCK);
        ticks++;
    }
    CHECK_INT(ticks, 48);
    bench_destroy(bench);
}

int main(void)
{
    test_places();
    test_tempo();
    test_knob();
    test_jump();
    test_switch();
    test_full();
    return TEST_END();
}
