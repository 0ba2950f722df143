/* What the player sends to riposte itself: it is taken out of what is played,
 * and reaches the right reader at its own frame. */
#include "tests/bench.h"

static struct rp_event cc(int channel, int number, int value)
{
    return rp_event_make(RP_CONTROL, channel, number, value);
}

static struct rp_taken taken;

static struct bench *begin(void)
{
    struct bench *bench = bench_create(120000);

    memset(&taken, 0, sizeof(taken));
    bench->cycle->taken = &taken;
    bench->cycle->live = true;
    bench_ring(&bench->cycle->control_to_main, 8,
               sizeof(struct rp_controlled));
    return bench;
}

static void end(struct bench *bench)
{
    rp_ring_fini(&bench->cycle->control_to_main);
    bench_destroy(bench);
}

/* How many of a kind the performer was told since the last time. */
static unsigned told(struct bench *bench, enum rp_heard_kind kind,
                     rp_frame *frame)
{
    struct rp_heard heard;
    unsigned count = 0;

    while (rp_ring_pop(&bench->cycle->to_performer, &heard)) {
        if (heard.kind == kind) {
            *frame = heard.frame;
            count++;
        }
    }
    return count;
}

static void test_may_learn(void)
{
    unsigned may = 0;

    for (unsigned c = 0; c < 128; c++) {
        may += rp_controls_may_learn((uint8_t)c);
    }
    CHECK_INT(may, 128 - 3 - 8);
    CHECK(!rp_controls_may_learn(0) && !rp_controls_may_learn(32) &&
          !rp_controls_may_learn(64) && !rp_controls_may_learn(120) &&
          !rp_controls_may_learn(127));
    CHECK(rp_controls_may_learn(1) && rp_controls_may_learn(119));
}

static void test_taken(void)
{
    struct bench *bench = begin();
    struct rp_controlled got;
    rp_frame frame = -1;

    rp_controls_take(&taken, 3, 21, true);
    bench_one(bench, 128, 77, cc(3, 21, 99));
    CHECK_INT(bench->outs, 0); /* not passed on */
    CHECK_INT(told(bench, RP_HEARD_MIDI, &frame), 0);
    CHECK(rp_ring_pop(&bench->cycle->control_to_main, &got));
    CHECK_INT(got.frame, 77);
    CHECK_INT(got.event.data[0], 0xb3);
    CHECK_INT(got.event.data[2], 99);
    /* another channel, another number, and when it is given back */
    bench_one(bench, 128, 0, cc(4, 21, 1));
    bench_one(bench, 128, 0, cc(3, 22, 1));
    rp_controls_take(&taken, 3, 21, false);
    bench_one(bench, 128, 0, cc(3, 21, 1));
    CHECK_INT(bench->outs, 3);
    CHECK_INT(told(bench, RP_HEARD_MIDI, &frame), 3);
    CHECK(!rp_ring_pop(&bench->cycle->control_to_main, &got));
    /* learning: any, but not the pedal, nor bank select, nor "all off" */
    taken.learning = 1;
    bench_one(bench, 128, 0, cc(9, 7, 1));
    CHECK(rp_ring_pop(&bench->cycle->control_to_main, &got));
    bench_one(bench, 128, 0, cc(9, 64, 127));
    bench_one(bench, 128, 0, cc(9, 0, 1));
    bench_one(bench, 128, 0, cc(9, 123, 0));
    CHECK(!rp_ring_pop(&bench->cycle->control_to_main, &got));
    CHECK_INT(bench->outs, 6);
    end(bench);
}

/* A pad that sends notes; one that sounds when it becomes a control, ends. */
static void test_taken_note(void)
{
    struct bench *bench = begin();
    struct rp_controlled got;
    rp_frame frame = -1;

    bench_one(bench, 128, 0, bench_on(9, 36));
    rp_controls_take(&taken, 9, RP_CONTROL_NOTE + 36, true);
    bench_one(bench, 128, 0, bench_off(9, 36));
    CHECK_INT(bench_sounding(bench), 0);
    CHECK(!rp_ring_pop(&bench->cycle->control_to_main, &got));
    CHECK_INT(told(bench, RP_HEARD_MIDI, &frame), 2);
    bench_one(bench, 128, 0, bench_on(9, 36));
    bench_one(bench, 128, 0, bench_off(9, 36));
    CHECK_INT(bench->outs, 2);
    CHECK_INT(told(bench, RP_HEARD_MIDI, &frame), 0);
    CHECK(rp_ring_pop(&bench->cycle->control_to_main, &got) &&
          rp_controls_value(got.event) == 127);
    CHECK(rp_ring_pop(&bench->cycle->control_to_main, &got) &&
          rp_controls_value(got.event) == 0);
    taken.learning = 1; /* keys are played on meanwhile */
    bench_one(bench, 128, 0, bench_on(9, 37));
    CHECK_INT(bench->outs, 3);
    end(bench);
}

/* A full ring is counted; nothing is passed on by mistake. */
static void test_full(void)
{
    struct bench *bench = begin();
    struct rp_arrival in[10];

    rp_controls_take(&taken, 0, 1, true);
    for (int i = 0; i < 10; i++) {
        in[i] = (struct rp_arrival){(uint32_t)i, cc(0, 1, i)};
    }
    bench_run(bench, 128, in, 10);
    CHECK_INT(atomic_load(&bench->cycle->stats.lost_controls), 2);
    CHECK_INT(bench->outs, 0);
    end(bench);
}

static void test_program(void)
{
    struct bench *bench = begin();
    struct rp_event program = rp_event_make(RP_PROGRAM, 0, 5, 0);
    struct rp_controlled got;

    bench->knobs.program_change = 1;
    bench_one(bench, 128, 9, program);
    CHECK(rp_ring_pop(&bench->cycle->control_to_main, &got));
    CHECK_INT(got.event.data[1], 5);
    CHECK_INT(bench->outs, 0);
    bench->knobs.program_change = 0;
    bench_one(bench, 128, 0, program);
    CHECK_INT(bench->outs, 1);
    /* a file's, played by main or in virtual time, is the file's own */
    bench->knobs.program_change = 1;
    CHECK(rp_ring_push(&bench->cycle->main_to_audio, &program, NULL));
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(bench->outs, 2);
    bench->cycle->live = false;
    bench_one(bench, 128, 0, program);
    CHECK_INT(bench->outs, 3);
    CHECK(!rp_ring_pop(&bench->cycle->control_to_main, &got));
    end(bench);
}

/* A pedal ends the turn on its way down, once. */
static void test_end_pedal(void)
{
    struct bench *bench = begin();
    rp_frame frame = -1;

    bench->knobs.end_turn = RP_END_CONTROL | 66;
    bench_one(bench, 128, 31, cc(2, 66, 127));
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 1);
    CHECK_INT(frame, 31);
    bench_one(bench, 128, 0, cc(2, 66, 90)); /* half pedalling */
    bench_one(bench, 128, 0, cc(2, 66, 63));
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 0);
    bench_one(bench, 128, 0, cc(2, 66, 64));
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 1);
    CHECK_INT(bench->outs, 0);
    /* unplugged while it was down: the next press is one */
    atomic_fetch_add(&bench->cycle->unplugged, 1);
    bench_one(bench, 128, 0, cc(2, 66, 127));
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 1);
    bench_one(bench, 128, 0, cc(2, 67, 127));
    CHECK_INT(bench->outs, 1);
    end(bench);
}

/* A key ends it: not part of the call, not passed on; but a note that sounds
 * when it becomes that key still ends. */
static void test_end_note(void)
{
    struct bench *bench = begin();
    struct rp_recorded recorded;
    rp_frame frame = -1;

    bench_one(bench, 128, 0, bench_on(0, 36));
    CHECK_INT(bench_sounding(bench), 1);
    bench->knobs.end_turn = RP_END_NOTE | 36;
    bench_one(bench, 128, 0, bench_off(0, 36));
    CHECK_INT(bench_sounding(bench), 0);
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 0);
    while (rp_ring_pop(&bench->cycle->to_recorder, &recorded)) {
    }
    bench_one(bench, 128, 50, bench_on(0, 36));
    bench_one(bench, 128, 0, bench_off(0, 36));
    CHECK_INT(bench->outs, 2);
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 1);
    CHECK_INT(frame, 256 + 50);
    CHECK(!rp_ring_pop(&bench->cycle->to_recorder, &recorded));
    /* and main's key does the same, at the next period */
    bench->knobs.hand_over++;
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 1);
    CHECK_INT(frame, 512);
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 0);
    /* though there is a panic in the same period */
    bench->knobs.panic++;
    bench->knobs.hand_over++;
    bench_run(bench, 128, NULL, 0);
    CHECK_INT(told(bench, RP_HEARD_END, &frame), 1);
    CHECK_INT(bench->cycle->stats.lost_heard, 0);
    end(bench);
}

int main(void)
{
    test_may_learn();
    test_taken();
    test_taken_note();
    test_full();
    test_program();
    test_end_pedal();
    test_end_note();
    return TEST_END();
}
