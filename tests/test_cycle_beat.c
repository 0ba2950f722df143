/* The cycle: the player sets the beat, with the first note of all and with the
 * first after a rest. */
#include "tests/bench.h"

/* A quarter at 120 BPM, and how many frames a player in time may be off. */
enum { QUARTER = BENCH_RATE / 2, NEAR = QUARTER / 12, START = 1234 };

struct played {
    rp_frame frame;
    struct rp_event event;
};

/* Plays `count` events, then goes on until `end`. */
static void play(struct bench *bench, uint32_t period,
                 const struct played *played, uint32_t count, rp_frame end)
{
    while (bench->now < end) {
        struct rp_arrival in[8];
        uint32_t ins = 0, n = period;

        if (end - bench->now < n) {
            n = (uint32_t)(end - bench->now);
        }
        while (count && played->frame < bench->now + n) {
            in[ins++] = (struct rp_arrival){
                (uint32_t)(played->frame - bench->now), played->event};
            played++;
            count--;
        }
        bench_run(bench, n, in, ins);
    }
}

/* One note at START, half a beat long, and one at `frame`. */
static struct bench *two_notes(uint32_t period, rp_frame frame)
{
    struct bench *bench = bench_create(120000);
    const struct played played[] = {{START, bench_on(0, 60)},
                                    {START + QUARTER / 2, bench_off(0, 60)},
                                    {frame, bench_on(0, 62)},
                                    {frame + QUARTER / 2, bench_off(0, 62)}};

    play(bench, period, played, 4, frame + 2 * QUARTER);
    return bench;
}

static bool is_set_by(const struct bench *bench, rp_frame frame, int beat)
{
    const struct rp_clock *clock = &bench->cycle->clock;

    return clock->frame == frame && clock->beat == beat * RP_BEAT &&
           clock->bar == clock->beat && clock->anchored;
}

/* After two bars (and what is left of the half beat) of rest. */
static void test_where(void)
{
    static const uint32_t periods[] = {32, 128, 1024};

    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < 96; i++) { /* over a bar, an eighth-triplet step */
            rp_frame frame = START + (9 * 24 + i) * QUARTER / 24;
            int off = i % 24 < 12 ? i % 24 : 24 - i % 24; /* 24ths of a beat */
            struct bench *bench = two_notes(periods[p], frame);

            if (off > 2) {
                CHECK(is_set_by(bench, frame, (9 * 24 + i) / 96 * 4 + 4));
            } else {
                CHECK(is_set_by(bench, START, 0));
            }
            bench_destroy(bench);
        }
    }
}

/* On either side of a twelfth, to the frame. */
static void test_near(void)
{
    static const struct {
        int frames;
        bool moves;
    } cases[] = {{NEAR, false},    {-NEAR, false},    {1, false},
                 {NEAR + 1, true}, {-NEAR - 1, true}, {-1, false}};

    for (int i = 0; i < 6; i++) {
        rp_frame frame = START + 14 * QUARTER + cases[i].frames;
        struct bench *bench = two_notes(128, frame);

        CHECK_INT(is_set_by(bench, frame, 16), cases[i].moves);
        CHECK_INT(is_set_by(bench, START, 0), !cases[i].moves);
        bench_destroy(bench);
    }
}

/* The performer is told before the note, the take records it, both once. */
static void test_told(void)
{
    rp_frame frame = START + 9 * QUARTER + QUARTER / 3;
    struct bench *bench = two_notes(128, frame);
    struct rp_heard heard;
    struct rp_recorded recorded;
    unsigned clocks = 0, records = 0;

    while (rp_ring_pop(&bench->cycle->to_performer, &heard)) {
        clocks += heard.kind == RP_HEARD_CLOCK;
        if (rp_event_is_on(heard.event) && heard.frame == frame) {
            CHECK_INT(clocks, 3); /* the start, the first note, this one */
            CHECK_INT(rp_clock_beat(&heard.clock, frame), 12 * RP_BEAT);
        }
        CHECK(heard.kind != RP_HEARD_PANIC);
    }
    CHECK_INT(clocks, 3);
    while (rp_ring_pop(&bench->cycle->to_recorder, &recorded)) {
        records += recorded.kind == RP_RECORDED_CLOCK;
        if (rp_event_is_on(recorded.event) && recorded.frame == frame) {
            CHECK_INT(records, 3);
            CHECK_INT(recorded.beat, 12 * RP_BEAT);
        }
    }
    CHECK_INT(records, 3);
    bench_destroy(bench);
}

/* What else leads, sounds or has just been played: the beat stays. */
static void test_stays(void)
{
    const rp_frame frame = START + 9 * QUARTER + QUARTER / 3;
    struct played played[4] = {{START, bench_on(0, 60)},
                               {START + 9, bench_off(0, 60)},
                               {0, bench_on(0, 61)},
                               {frame, bench_on(0, 62)}};
    static const struct played pedal[4] = {
        {START, {3, {0x90, 60, 9}}},
        {START + 9, {3, {0xb0, 64, 127}}},
        {START + 10, {3, {0x80, 60, 9}}},
        {START + 9 * QUARTER + QUARTER / 3, {3, {0x90, 62, 9}}}};

    for (int i = 0; i < 6; i++) {
        struct bench *bench = bench_create(120000);

        bench->knobs.metronome = i == 3;
        bench->knobs.count_in = i == 4 ? 4 : 0;
        /* let go too late; never let go */
        played[2].frame = START + (i == 0 ? 2 : 1) * QUARTER + 9;
        played[2].event = i == 1 ? bench_on(0, 61) : bench_off(0, 61);
        if (i == 5) { /* an answer that ended a bar ago */
            play(bench, 128, played, 2, START + 200);
            bench_plan(bench, 4 * RP_BEAT, bench_on(1, 70));
            bench_plan(bench, 5 * RP_BEAT, bench_off(1, 70));
            play(bench, 128, played + 2, 2, frame + 100);
        } else {
            play(bench, 128, i == 2 ? pedal : played, 4, frame + 100);
        }
        CHECK(bench->cycle->clock.frame != frame);
        bench_destroy(bench);
    }
}

/* An answer's event of the very period in which the note comes, before it:
 * no rest, whatever the period; after it: not played. */
static void test_same_period(void)
{
    static const uint32_t periods[] = {1, 32, 128, 1024};
    const rp_frame frame = START + 9 * QUARTER + QUARTER / 3;
    const struct played played[] = {{START, bench_on(0, 60)},
                                    {START + 9, bench_off(0, 60)},
                                    {frame, bench_on(0, 62)}};

    for (int i = 0; i < 8; i++) {
        struct bench *bench = bench_create(120000);
        bool before = i / 4;
        rp_beat beat = (28 * RP_BEAT + (before ? -1 : 1) * RP_BEAT / 100) / 3;
        const struct bench_out *out;
        uint32_t at = 0;

        play(bench, periods[i % 4], played, 2, START + 200);
        bench_plan(bench, beat, bench_on(1, 70));
        bench_plan(bench, beat + RP_BEAT / 10, bench_off(1, 70));
        play(bench, periods[i % 4], played + 2, 1, frame + 8 * QUARTER);
        CHECK_INT(is_set_by(bench, frame, 12), !before);
        out = bench_next(bench, RP_WAY_OUT, &at);
        CHECK_INT(out != NULL, before);
        CHECK_INT(atomic_load(&bench->cycle->stats.late), 0);
        CHECK_INT(atomic_load(&bench->cycle->stats.dropped), 0);
        bench_destroy(bench);
    }
}

/* What is planned afterwards sounds on the new beat; the tempo may have turned
 * in the rest; a second rest, a third beat. */
static void test_goes_on(void)
{
    static const uint32_t periods[] = {32, 128, 1024};

    for (int p = 0; p < 3; p++) {
        struct bench *bench = bench_create(120000);
        const struct bench_out *out;
        rp_frame last = START, slow = START + 10 * QUARTER;
        uint32_t at = 0;
        struct played note = {START, bench_on(0, 60)};

        play(bench, periods[p], &note, 1, START + 9);
        note = (struct played){START + 9, bench_off(0, 60)};
        play(bench, periods[p], &note, 1, slow);
        bench->knobs.tempo = 60000; /* beat 10 */
        for (int i = 0; i < 3; i++) {
            last = slow + (i + 1) * (9 * 2 * QUARTER + 10001);
            note = (struct played){last, bench_on(0, 60)};
            play(bench, periods[p], &note, 1, last + 9);
            note = (struct played){last + 9, bench_off(0, 60)};
            play(bench, periods[p], &note, 1, last + 5000);
            CHECK(is_set_by(bench, last, 20 + 12 * i));
        }
        bench_plan(bench, 45 * RP_BEAT + RP_BEAT / 2, bench_on(1, 70));
        play(bench, periods[p], NULL, 0, last + 4 * QUARTER);
        out = bench_next(bench, RP_WAY_OUT, &at);
        CHECK(out && out->frame == last + 3 * QUARTER);
        bench_destroy(bench);
    }
}

int main(void)
{
    test_where();
    test_near();
    test_told();
    test_stays();
    test_same_period();
    test_goes_on();
    return TEST_END();
}
