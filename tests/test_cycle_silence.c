/* The cycle: whatever happens, nothing is left sounding at the receiver. */
#include "tests/bench.h"

static void test_overlap(void)
{
    struct bench *bench = bench_create(120000);
    static const struct {
        int kind, frame;
    } want[] = {{0x91, 24000}, {0x81, 48000}, {0x91, 48000}, {0x81, 96000}};
    uint32_t at = 0;

    bench_one(bench, 128, 0, bench_on(0, 60));
    bench_plan(bench, 1 * RP_BEAT, bench_on(1, 70));
    bench_plan(bench, 2 * RP_BEAT, bench_on(1, 70));
    bench_plan(bench, 3 * RP_BEAT, bench_off(1, 70));
    bench_plan(bench, 4 * RP_BEAT, bench_off(1, 70));
    while (bench->now < 120000) {
        bench_run(bench, 128, NULL, 0);
    }
    for (int i = 0; i < 4; i++) {
        const struct bench_out *out = bench_next(bench, RP_WAY_OUT, &at);

        CHECK(out && out->event.data[0] == want[i].kind);
        CHECK(out && out->frame == want[i].frame);
    }
    CHECK(!bench_next(bench, RP_WAY_OUT, &at));
    CHECK_INT(bench->stutters[RP_WAY_OUT], 0);
    bench_destroy(bench);
}

static void test_panic(void)
{
    struct bench *bench = bench_create(120000);
    struct rp_heard heard;
    unsigned panics = 0;
    uint32_t before;

    bench_one(bench, 128, 0, bench_on(0, 60));
    bench_plan(bench, RP_BEAT, bench_on(1, 70));
    bench_plan(bench, 2 * RP_BEAT, bench_off(1, 70));
    while (bench->now < 30000) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK_INT(bench_sounding(bench), 2);
    before = bench->outs;
    bench->knobs.panic++;
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench_sounding(bench), 0);
    /* on both ports: a note-off, and 3 controllers on 16 channels */
    CHECK_INT(bench->outs - before, 2 * (1 + 48));
    CHECK_INT(bench->out[before].event.data[0], 0x81);
    while (rp_ring_pop(&bench->cycle->to_performer, &heard)) {
        panics += heard.kind == RP_HEARD_PANIC;
    }
    CHECK_INT(panics, 1);
    /* planned by one who has not heard of it yet: void */
    bench_plan(bench, 2 * RP_BEAT, bench_on(1, 71));
    before = bench->outs;
    while (bench->now < 60000) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK_INT(bench->outs, before);
    bench_obey(bench);
    bench_plan(bench, 3 * RP_BEAT, bench_on(1, 72));
    bench_plan(bench, 4 * RP_BEAT, bench_off(1, 72));
    while (bench->now < 100000) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK_INT(bench->outs, before + 2);
    CHECK_INT(bench_sounding(bench), 0);
    CHECK_INT(atomic_load(&bench->cycle->stats.panics), 1);
    bench_destroy(bench);
}

/* A port that takes three events a period: a panic takes its time, note-offs
 * first, and nothing new sounds before it is through. */
static void test_narrow(void)
{
    struct bench *bench = bench_create(120000);
    uint32_t at = 0, offs = 0, periods = 0;
    const struct bench_out *out;
    bool controls = false, early = false;

    bench_one(bench, 128, 0, bench_on(0, 60));
    for (int i = 0; i < 20; i++) {
        bench_plan(bench, RP_BEAT / 24, bench_on(1, 40 + i));
    }
    while (bench->now < 4000) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK_INT(bench_sounding(bench), 21);
    bench->room[RP_WAY_OUT] = 3;
    at = bench->outs;
    bench->knobs.panic++;
    bench_run(bench, 128, NULL, 0);
    bench_obey(bench);
    bench_plan(bench, RP_BEAT / 4, bench_on(1, 99));
    while (bench_sounding(bench) || bench->cycle->outbox.queue[0].count ||
           periods < 20) {
        bench_run(bench, 128, NULL, 0);
        if (++periods > 100) {
            break;
        }
    }
    CHECK(periods <= 100 || bench_sounding(bench) == 1);
    while ((out = bench_next(bench, RP_WAY_OUT, &at))) {
        if (rp_event_is_off(out->event)) {
            early |= controls;
            offs++;
        } else if (rp_event_is_on(out->event)) {
            CHECK_INT(out->event.data[1], 99);
            CHECK_INT(offs, 20);
        } else {
            controls = true;
        }
    }
    CHECK(!early);
    CHECK_INT(offs, 20);
    bench_destroy(bench);
}

static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

/* One random period of everything at once. */
static void storm(struct bench *bench, uint32_t *phrases)
{
    struct rp_arrival in[600];
    uint32_t frames = 1 + draw(300), ins = draw(8) ? draw(6) : draw(600);
    rp_beat now = rp_clock_beat(&bench->cycle->clock, bench->now);

    for (uint32_t i = 0; i < ins; i++) {
        int pitch = 30 + draw(60);

        in[i].offset = (uint64_t)i * frames / ins;
        in[i].event = draw(2) ? bench_on(0, pitch) : bench_off(0, pitch);
    }
    for (uint32_t i = draw(20);
         i && rp_ring_space(&bench->cycle->from_performer) > 64; i--) {
        int channel = draw(3), pitch = 60 + draw(12);
        rp_beat at = now + ((rp_beat)draw(1000) - 300) * (RP_BEAT / 1000);

        bench_plan(bench, at, bench_on(channel, pitch));
        bench_plan(bench, at + draw(1000) * (RP_BEAT / 1000),
                   bench_off(channel, pitch));
        ++*phrases;
    }
    bench->room[RP_WAY_OUT] = draw(4) ? UINT32_MAX : draw(5);
    bench->room[RP_WAY_THRU] = draw(4) ? UINT32_MAX : draw(5);
    bench->knobs.panic += draw(200) == 0;
    bench->knobs.metronome = draw(50) ? bench->knobs.metronome : draw(2);
    bench->knobs.tempo = draw(50) ? bench->knobs.tempo : 30000 + draw(200000);
    if (draw(300) == 0) {
        atomic_fetch_add(&bench->cycle->unplugged, 1);
    }
    if (draw(300) == 0) {
        bench->now += draw(100000);
    }
    if (draw(5) == 0) {
        bench_obey(bench);
    }
    bench_run(bench, frames, in, ins);
}

/* Narrow ports, floods, panics, unplugging: when the plan has been played and
 * the player has let go, the receiver hears nothing; an answer's repeated
 * notes are always ended first. */
static void test_storm(void)
{
    unsigned hanging = 0, stutters = 0;
    uint32_t phrases = 0;
    uint64_t dropped = 0, sounded = 0;

    for (int round = 0; round < 30; round++) {
        struct bench *bench = bench_create(120000);

        seed = round + 1;
        for (int i = 0; i < 1000; i++) {
            storm(bench, &phrases);
            if (bench->outs > BENCH_OUTS / 2) {
                bench->outs = 0;
            }
        }
        bench->room[0] = bench->room[1] = 40;
        bench->knobs.metronome = 0;
        atomic_fetch_add(&bench->cycle->unplugged, 1);
        bench_obey(bench);
        for (int i = 0; i < 3000; i++) {
            bench_run(bench, 128, NULL, 0);
        }
        hanging += bench_sounding(bench);
        for (int c = 0; c < 16; c++) {
            for (int p = 0; p < 128; p++) {
                hanging += bench->cycle->outbox.held.count[0][c][p];
            }
        }
        /* thru passes the player's own repetitions; the answers' are ended */
        stutters += bench->stutters[RP_WAY_OUT];
        dropped += atomic_load(&bench->cycle->stats.dropped);
        sounded += atomic_load(&bench->cycle->stats.sounded);
        bench_destroy(bench);
    }
    printf("%u notes planned, %llu events out, %llu dropped\n", phrases,
           (unsigned long long)sounded, (unsigned long long)dropped);
    CHECK_INT(hanging, 0);
    CHECK_INT(stutters, 0);
    CHECK(sounded > 100000);
}

/* The queue itself runs over: note-ons are dropped, no note hangs. */
static void test_flood(void)
{
    struct bench *bench = bench_create(120000);
    static struct rp_arrival in[8000];

    for (int i = 0; i < 8000; i++) {
        in[i].event = i % 2 ? bench_off(i / 256 % 16, i / 2 % 128)
                            : bench_on(i / 256 % 16, i / 2 % 128);
    }
    bench->room[RP_WAY_THRU] = 100;
    for (int i = 0; i < 5; i++) {
        bench_run(bench, 128, in, 8000);
    }
    CHECK(atomic_load(&bench->cycle->stats.dropped) > 0);
    CHECK(atomic_load(&bench->cycle->stats.lost_heard) > 0);
    for (int i = 0; i < 200; i++) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK_INT(bench_sounding(bench), 0);
    bench_destroy(bench);
}

/* Note-offs that find the queue full of other things: of a note that sounds,
 * and of one that still waits in the queue itself. */
static void test_full(void)
{
    struct bench *bench = bench_create(120000);
    static struct rp_arrival in[RP_QUEUE + 10];
    uint32_t ins = 0;

    bench_one(bench, 128, 0, bench_on(0, 60));
    bench->room[RP_WAY_THRU] = 0;
    in[ins++].event = bench_on(0, 61);
    while (ins <= RP_QUEUE) {
        in[ins].event = rp_event_make(RP_CONTROL, 0, 1, ins & 127);
        ins++;
    }
    in[ins++].event = bench_off(0, 60);
    in[ins++].event = bench_off(0, 61);
    bench_run(bench, 128, in, ins);
    CHECK_INT(bench_sounding(bench), 1);
    bench->room[RP_WAY_THRU] = UINT32_MAX;
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench_sounding(bench), 0);
    CHECK(bench->outs >= RP_QUEUE);
    bench_one(bench, 128, 0, bench_on(0, 61)); /* that pitch sounds again */
    CHECK_INT(bench_sounding(bench), 1);
    bench->room[RP_WAY_THRU] = 0; /* the same, and a panic before it is sent */
    bench_run(bench, 128, in, ins);
    bench->knobs.panic++;
    bench->room[RP_WAY_THRU] = UINT32_MAX;
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench_sounding(bench), 0);
    bench_one(bench, 128, 0, bench_on(0, 61));
    CHECK_INT(bench_sounding(bench), 1);
    bench_destroy(bench);
}

int main(void)
{
    test_overlap();
    test_panic();
    test_narrow();
    test_storm();
    test_flood();
    test_full();
    return TEST_END();
}
