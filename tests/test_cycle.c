/* The cycle: where things sound, and what is said to the performer. */
#include "tests/bench.h"

/* ---- timing ---- */

/* Independent of the clock module: nearest frame, by long double. */
static rp_frame grid(long double beat, uint32_t mbpm, rp_frame start)
{
    return start + (rp_frame)floorl(beat * 60000.0L * BENCH_RATE / mbpm + 0.5L);
}

static void test_thru(void)
{
    struct bench *bench = bench_create(97000);
    struct rp_heard heard;
    uint32_t at = 0;
    const struct bench_out *out;

    bench_run(bench, 128, NULL, 0);
    bench_one(bench, 128, 77, bench_on(3, 60));
    CHECK((out = bench_next(bench, RP_WAY_THRU, &at)) != NULL);
    CHECK(out && out->frame == 128 + 77);
    CHECK_INT(bench->outs, 1);
    /* the tempo is told at the start, the anchor before the event */
    CHECK(rp_ring_pop(&bench->cycle->to_performer, &heard));
    CHECK_INT(heard.kind, RP_HEARD_CLOCK);
    CHECK_INT(heard.clock.anchored, 0);
    CHECK_INT(heard.clock.mbpm, 97000);
    CHECK(rp_ring_pop(&bench->cycle->to_performer, &heard));
    CHECK_INT(heard.kind, RP_HEARD_CLOCK);
    CHECK_INT(heard.clock.anchored, 1);
    CHECK_INT(heard.clock.frame, 205);
    CHECK_INT(heard.clock.beat, 0);
    CHECK_INT(heard.frame, 205);
    CHECK(rp_ring_pop(&bench->cycle->to_performer, &heard));
    CHECK_INT(heard.kind, RP_HEARD_MIDI);
    CHECK_INT(heard.frame, 205);
    CHECK_INT(heard.event.data[0], 0x93);
    CHECK(!rp_ring_pop(&bench->cycle->to_performer, &heard));
    CHECK_INT(atomic_load(&bench->cycle->end), 256);
    /* system messages are heard by nobody */
    bench_one(bench, 128, 0, rp_event_make(RP_CLOCK, 0, 0, 0));
    bench_one(bench, 128, 0, rp_event_make(RP_SENSING, 0, 0, 0));
    CHECK_INT(bench->outs, 1);
    CHECK(!rp_ring_pop(&bench->cycle->to_performer, &heard));
    bench_destroy(bench);
}

enum { NOTES = 100 };

/* A call of notes every 5000 frames and an answer on a 1/12 grid; returns the
 * bench with what came out. */
static struct bench *perform(uint32_t period)
{
    struct bench *bench = bench_create(97000);
    uint32_t next = 0;

    while (bench->now < 40 * BENCH_RATE) {
        struct rp_arrival in[64];
        uint32_t ins = 0, n = period;

        if (bench->now < 400000 && bench->now + n > 400000) {
            n = 400000 - bench->now; /* a knob turns exactly there */
        }
        if (bench->now == 400000) {
            bench->knobs.tempo = 131313;
        }
        while (next < 2 * NOTES &&
               1234 + next * 2500 < (uint64_t)bench->now + n) {
            struct rp_event event = next % 2 ? bench_off(0, 40 + next / 2 % 50)
                                             : bench_on(0, 40 + next / 2 % 50);

            in[ins++] =
                (struct rp_arrival){1234 + next++ * 2500 - bench->now, event};
        }
        bench_run(bench, n, in, ins);
        if (bench->now >= 1234 && bench->now - n < 1234) {
            for (int i = 0; i < 2 * NOTES; i++) {
                bench_plan(bench, 4 * RP_BEAT + i * (RP_BEAT / 12),
                           i % 2 ? bench_off(1, 60 + i / 2 % 20)
                                 : bench_on(1, 60 + i / 2 % 20));
            }
        }
    }
    return bench;
}

static void test_periods(void)
{
    static const uint32_t periods[] = {1, 32, 37, 128, 1024, 8192};
    struct bench *first = perform(64);
    uint32_t answers = 0, at = 0, wrong = 0;
    const struct bench_out *out;

    /* beat of the turn: (400000 - 1234) frames at 97 BPM */
    long double turn = (400000 - 1234) * 97.0L / 60 / BENCH_RATE;

    while ((out = bench_next(first, RP_WAY_OUT, &at))) {
        long double beat = 4 + answers / 12.0L;
        rp_frame want = beat < turn ? grid(beat, 97000, 1234)
                                    : grid(beat - turn, 131313, 400000);

        wrong +=
            llabs(out->frame - want) > 1 || (beat < turn && out->frame != want);
        answers++;
    }
    CHECK_INT(answers, 2 * NOTES);
    CHECK_INT(wrong, 0);
    CHECK_INT(atomic_load(&first->cycle->stats.late), 0);
    for (unsigned p = 0; p < sizeof(periods) / sizeof(periods[0]); p++) {
        struct bench *other = perform(periods[p]);

        for (int way = 0; way < RP_WAYS; way++) {
            const struct bench_out *b;
            uint32_t i = 0, j = 0;

            wrong = 0;
            while ((out = bench_next(first, way, &i))) {
                b = bench_next(other, way, &j);
                wrong += !b || b->frame != out->frame ||
                         memcmp(&b->event, &out->event, sizeof(out->event));
            }
            CHECK_INT(wrong, 0);
            CHECK(!bench_next(other, way, &j));
        }
        bench_destroy(other);
    }
    bench_destroy(first);
}

/* Frames that jump ahead (xrun): beats keep their place. */
static void test_gap(void)
{
    struct bench *bench = bench_create(120000);
    uint32_t at = 0;
    const struct bench_out *out;

    bench_one(bench, 128, 0, bench_on(0, 60));
    bench_plan(bench, 2 * RP_BEAT, bench_on(1, 70));
    bench_plan(bench, 3 * RP_BEAT, bench_off(1, 70));
    bench->now += 30000;
    while (bench->now < 80000) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK((out = bench_next(bench, RP_WAY_OUT, &at)) && out->frame == 48000);
    CHECK((out = bench_next(bench, RP_WAY_OUT, &at)) && out->frame == 72000);
    bench_destroy(bench);
}

static void test_late(void)
{
    struct bench *bench = bench_create(120000); /* 24000 frames a beat */
    struct rp_stats *stats = &bench->cycle->stats;
    uint32_t at = 0;
    const struct bench_out *out;

    bench_one(bench, 128, 0, bench_on(0, 60));
    while (bench->now < 48000) {
        bench_run(bench, 128, NULL, 0);
    }
    bench_plan(bench, RP_BEAT, bench_on(1, 50)); /* 0.5 s late: dropped */
    bench_plan(bench, 2 * RP_BEAT - RP_BEAT / 10, bench_on(1, 51)); /* 50 ms */
    bench_plan(bench, 2 * RP_BEAT + RP_BEAT / 2, bench_off(1, 50));
    bench_plan(bench, 2 * RP_BEAT + RP_BEAT / 2, bench_off(1, 51));
    while (bench->now < 80000) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK_INT(atomic_load(&stats->late), 1);
    CHECK_INT(atomic_load(&stats->dropped), 1);
    out = bench_next(bench, RP_WAY_OUT, &at);
    CHECK(out && out->event.data[1] == 51 && out->frame == 48000);
    out = bench_next(bench, RP_WAY_OUT, &at);
    CHECK(out && out->event.data[1] == 51 && out->frame == 60000);
    CHECK(!bench_next(bench, RP_WAY_OUT, &at));
    /* a note-off is played however late */
    bench_plan(bench, 4 * RP_BEAT, bench_on(1, 52));
    while (bench->now < 400000) {
        bench_run(bench, 128, NULL, 0);
    }
    bench_plan(bench, 5 * RP_BEAT, bench_off(1, 52));
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench_sounding(bench), 1); /* the player's own */
    bench_destroy(bench);
}

/* Much slower from the very frame on which a beat falls, rounded: though its
 * exact place is now frames before the period, it is not late. */
static void test_turn_is_not_late(void)
{
    unsigned late = 0, played = 0;

    for (int i = 1; i < 48; i++) {
        struct bench *bench = bench_create(97000);
        uint32_t at = 0;
        const struct bench_out *out;
        rp_frame frame = grid(i / 24.0L, 97000, 0);

        bench_one(bench, 10, 0, bench_on(0, 60));
        bench_plan(bench, i * RP_TICK, bench_on(1, i));
        bench_run(bench, (uint32_t)(frame - bench->now), NULL, 0);
        bench->knobs.tempo = 10000;
        bench_run(bench, 128, NULL, 0);
        out = bench_next(bench, RP_WAY_OUT, &at);
        played += out && out->frame >= frame && out->frame <= frame + 5;
        late += atomic_load(&bench->cycle->stats.late);
        bench_destroy(bench);
    }
    CHECK_INT(played, 47);
    CHECK_INT(late, 0);
}

/* ---- the metronome ---- */

static void check_clicks(struct bench *bench, rp_frame start, int first,
                         int count)
{
    uint32_t at = 0;
    const struct bench_out *out;
    int line = first;

    while ((out = bench_next(bench, RP_WAY_OUT, &at))) {
        if (!rp_event_is_on(out->event)) {
            continue;
        }
        CHECK_INT(out->frame, grid(line - first, bench->knobs.tempo, start));
        CHECK_INT(out->event.data[0], 0x99);
        CHECK_INT(out->event.data[1], line % 4 == 0 ? 76 : 77);
        line++;
    }
    CHECK_INT(line - first, count);
}

static void test_metronome(void)
{
    struct bench *bench = bench_create(97000);
    struct rp_clock clock;

    bench->knobs.count_in = 2;
    while (bench->now < 10 * BENCH_RATE) {
        bench_run(bench, 111, NULL, 0);
    }
    /* 8 clicks at beats -8..-1, none from 0 on */
    check_clicks(bench, 0, -8, 8);
    rp_cycle_clock(bench->cycle, &clock);
    CHECK_INT(clock.beat, -8 * RP_BEAT);
    bench_destroy(bench);

    bench = bench_create(97000);
    bench_run(bench, 100, NULL, 0);
    bench->knobs.metronome = 1; /* it leads: beat 0 is where it starts */
    bench_one(bench, 100, 50, bench_on(0, 60));
    while (bench->now < 10 * BENCH_RATE) {
        bench_run(bench, 111, NULL, 0);
    }
    check_clicks(bench, 100, 0, 17);
    CHECK_INT(bench_sounding(bench), 1);
    bench_destroy(bench);
}

static void test_metre(void)
{
    struct bench *bench = bench_create(120000);
    uint32_t at = 0, bars = 0, beats = 0;
    const struct bench_out *out;

    bench->knobs.metronome = 1;
    bench_run(bench, 4 * 24000, NULL, 0);
    bench->knobs.metre = 6 << 8 | 8;
    bench_run(bench, 12 * 24000, NULL, 0); /* 4 bars of 2 dotted beats */
    bench->knobs.metre = 7;                /* no metre: ignored */
    bench_run(bench, 1, NULL, 0);
    CHECK_INT(bench->cycle->clock.metre.unit, 8);
    while ((out = bench_next(bench, RP_WAY_OUT, &at))) {
        bars += rp_event_is_on(out->event) && out->event.data[1] == 76;
        beats += rp_event_is_on(out->event) && out->event.data[1] == 77;
    }
    CHECK_INT(bars, 1 + 4 + 1);
    CHECK_INT(beats, 3 + 4);
    bench_destroy(bench);
}

/* ---- the other threads ---- */

static unsigned posts(struct bench *bench)
{
    unsigned count = 0;

    while (sem_trywait(&bench->wake) == 0) {
        count++;
    }
    return count;
}

static void test_wake(void)
{
    struct bench *bench = bench_create(120000);
    struct rp_arrival in[3] = {
        {0, bench_on(0, 60)}, {1, bench_on(0, 61)}, {2, bench_on(0, 62)}};

    bench_run(bench, 128, NULL, 0);
    CHECK_INT(posts(bench), 1); /* the clock */
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(posts(bench), 0);
    bench_run(bench, 128, in, 3);
    CHECK_INT(posts(bench), 1);
    atomic_store(&bench->cycle->wake_at, 1000);
    for (int i = 0; i < 20; i++) {
        bool reached = bench->now <= 1000 && bench->now + 128 > 1000;

        bench_run(bench, 128, NULL, 0);
        CHECK_INT(posts(bench), reached);
    }
    bench_destroy(bench);
}

/* The performer is stuck: thru goes on; when it is back, it begins anew. */
static void test_deaf(void)
{
    struct bench *bench = bench_create(120000);
    struct rp_heard heard;
    unsigned thru = 0;
    uint32_t at = 0;

    for (int i = 0; i < 5000; i++) {
        bench_one(bench, 128, 5, i % 2 ? bench_off(0, 60) : bench_on(0, 60));
    }
    while (bench_next(bench, RP_WAY_THRU, &at)) {
        thru++;
    }
    CHECK_INT(thru, 5000);
    CHECK_INT(atomic_load(&bench->cycle->stats.lost_heard), 5000 - 4096 + 2);
    while (rp_ring_pop(&bench->cycle->to_performer, &heard)) {
    }
    bench_one(bench, 128, 5, bench_on(0, 61));
    CHECK(rp_ring_pop(&bench->cycle->to_performer, &heard));
    CHECK_INT(heard.kind, RP_HEARD_PANIC);
    CHECK(rp_ring_pop(&bench->cycle->to_performer, &heard));
    CHECK_INT(heard.kind, RP_HEARD_CLOCK);
    CHECK_INT(heard.clock.anchored, 1);
    CHECK(rp_ring_pop(&bench->cycle->to_performer, &heard));
    CHECK_INT(heard.event.data[1], 61);
    bench_destroy(bench);
}

static void test_unplug(void)
{
    struct bench *bench = bench_create(120000);
    struct rp_heard heard;
    unsigned offs = 0, pedal = 0;

    bench_one(bench, 128, 0, bench_on(0, 60));
    bench_one(bench, 128, 0, bench_on(5, 61));
    bench_one(bench, 128, 0, rp_event_make(RP_CONTROL, 5, 64, 127));
    atomic_fetch_add(&bench->cycle->unplugged, 1);
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench_sounding(bench), 0);
    while (rp_ring_pop(&bench->cycle->to_performer, &heard)) {
        CHECK(heard.kind != RP_HEARD_PANIC);
        offs += rp_event_is_off(heard.event);
        pedal += heard.event.data[0] == 0xb5 && heard.event.data[2] == 0;
    }
    CHECK_INT(offs, 2);
    CHECK_INT(pedal, 1);
    bench_destroy(bench);
}

static void test_keyboard(void)
{
    struct bench *bench = bench_create(120000);
    struct rp_event event = bench_on(0, 60);
    struct rp_recorded recorded;
    bool found = false;

    bench_run(bench, 128, NULL, 0);
    CHECK(rp_ring_push(&bench->cycle->main_to_audio, &event, NULL));
    event = rp_event_make(RP_NOTE_ON, 0, 60, 0);
    CHECK(rp_ring_push(&bench->cycle->main_to_audio, &event, NULL));
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench->outs, 2);
    CHECK_INT(bench->out[0].frame, 128);
    CHECK_INT(bench->out[1].event.data[0], 0x80);
    while (rp_ring_pop(&bench->cycle->to_recorder, &recorded)) {
        found |= recorded.kind == RP_RECORDED_CALL && recorded.frame == 128 &&
                 recorded.beat == 0;
    }
    CHECK(found);
    bench_destroy(bench);
}

/* What is held at the stop ends there for the take, not at its last event; and
 * the take is told the time meanwhile, in case there is no stop. */
static void test_stop_held(void)
{
    struct bench *bench = bench_create(120000);
    struct rp_event key = bench_on(3, 64);
    struct rp_recorded recorded;
    unsigned ons = 0, offs = 0, told = 0;

    bench_one(bench, 128, 0, bench_on(0, 60));
    while (bench->now < 5 * BENCH_RATE) {
        bench_run(bench, 128, NULL, 0);
    }
    CHECK(rp_ring_push(&bench->cycle->main_to_audio, &key, NULL));
    bench_run(bench, 128, NULL, 0);
    key = bench_off(3, 64); /* the computer keyboard is let go before */
    CHECK(rp_ring_push(&bench->cycle->main_to_audio, &key, NULL));
    atomic_store(&bench->cycle->stopping, 1);
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench_sounding(bench), 0);
    while (rp_ring_pop(&bench->cycle->to_recorder, &recorded)) {
        bool clock = recorded.kind == RP_RECORDED_CLOCK;

        told += clock && recorded.clock.anchored && recorded.frame > 0;
        ons += !clock && rp_event_is_on(recorded.event);
        if (!clock && rp_event_is_off(recorded.event)) {
            CHECK_INT(recorded.kind, RP_RECORDED_CALL);
            CHECK_INT(recorded.frame, bench->now - 128);
            offs++;
        }
    }
    CHECK_INT(ons, 2);
    CHECK_INT(offs, 2);
    CHECK_INT(told, 5);
    CHECK_INT(atomic_load(&bench->cycle->stats.lost_heard), 0);
    bench_destroy(bench);
}

static void test_stop(void)
{
    struct bench *bench = bench_create(120000);
    struct bench *idle = bench_create(120000);
    uint32_t before;

    bench_one(bench, 128, 0, bench_on(0, 60));
    bench_plan(bench, RP_BEAT, bench_on(1, 70));
    while (bench->now < 30000) {
        bench_run(bench, 128, NULL, 0);
    }
    bench->room[RP_WAY_OUT] = 0;
    atomic_store(&bench->cycle->stopping, 1);
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(atomic_load(&bench->cycle->released), 0);
    bench->room[RP_WAY_OUT] = 10;
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(atomic_load(&bench->cycle->released), 1);
    CHECK_INT(bench_sounding(bench), 0);
    before = bench->outs;
    bench_one(bench, 128, 0, bench_on(0, 62)); /* not any more */
    CHECK_INT(bench->outs, before);
    bench_destroy(bench);

    atomic_store(&idle->cycle->stopping, 1); /* nothing was ever played */
    bench_run(idle, 128, NULL, 0);
    CHECK_INT(atomic_load(&idle->cycle->released), 1);
    CHECK_INT(idle->outs, 0);
    bench_destroy(idle);
}

int main(void)
{
    test_thru();
    test_periods();
    test_gap();
    test_late();
    test_turn_is_not_late();
    test_metronome();
    test_metre();
    test_wake();
    test_deaf();
    test_unplug();
    test_keyboard();
    test_stop();
    test_stop_held();
    return TEST_END();
}
