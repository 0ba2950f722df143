/* From what was recorded to the .mid: everything at its tick, bar lines and
 * real time as they were. */
#include "tests/take_bench.h"

/* tick = 960 beats, exact place as a long double */
static void check_onset(int64_t tick, rp_frame frame, rp_frame anchor)
{
    long double exact =
        (frame - anchor) * 97000.0L * RP_SMF_PPQ / (60000.0L * 48000);

    CHECK_NEAR((double)tick, (double)exact, 0.5001);
}

static void test_content(void)
{
    const struct name path = in_folder("content.mid");
    struct rp_take *take = open_take(path.text);
    struct rp_clock clock = start_clock(777), loose = clock;
    struct mid *mid;
    unsigned wrong = 0;

    loose.anchored = 0;
    loose.frame = 0;
    push(RP_RECORDED_CLOCK, &loose, 0, none);
    push(RP_RECORDED_CALL, &loose, 500, rp_event_make(RP_PROGRAM, 0, 5, 0));
    push(RP_RECORDED_CLOCK, &clock, 777, none);
    for (int i = 0; i < 500; i++) {
        push(RP_RECORDED_CALL, &clock, 777 + i * 1003,
             rp_event_make(i % 2 ? RP_NOTE_OFF : RP_NOTE_ON, 0, 60 + i / 2 % 9,
                           i % 100 + 1));
        push(RP_RECORDED_ANSWER, &clock, 777 + i * 1003 + 5,
             rp_event_make(RP_BEND, 1, i & 127, i / 4));
    }
    rp_take_drain(take);
    CHECK_INT(rp_take_close(take), RP_OK);
    CHECK(access(in_folder("content.mid.journal").text, F_OK));
    mid = read_mid(path.text);
    CHECK(mid->whole);
    CHECK_INT(mid->tracks, 3);
    CHECK_INT(mid->ppq, 960);
    CHECK_TEXT(mid->name[1], "call");
    CHECK_TEXT(mid->name[2], "answer");
    CHECK_INT(mid->counts[0], 2); /* tempo and metre, once */
    CHECK_INT(number(mid->event[0][0].bytes + 3, 3), 618557);
    CHECK_INT(mid->event[0][1].bytes[3], 4);
    CHECK_INT(mid->counts[1], 501);
    CHECK_INT(mid->counts[2], 500);
    CHECK_INT(mid->event[1][0].bytes[0], 0xc0);
    CHECK_INT(mid->event[1][0].tick, 0);
    for (int i = 0; i < 500; i++) {
        const struct mid_event *call = &mid->event[1][i + 1];
        const struct mid_event *answer = &mid->event[2][i];

        check_onset(call->tick, 777 + i * 1003, 777);
        check_onset(answer->tick, 777 + i * 1003 + 5, 777);
        wrong += call->bytes[1] != 60 + i / 2 % 9;
        wrong += call->bytes[2] != i % 100 + 1;
        wrong += answer->bytes[0] != 0xe1 || answer->bytes[1] != (i & 127);
    }
    CHECK_INT(wrong, 0);
}

/* Count-in (negative beats), a tempo and a metre that change, and notes that
 * still sound at the end. */
static void test_clock_changes(void)
{
    const struct name path = in_folder("clock.mid");
    struct rp_take *take = open_take(path.text);
    struct rp_clock clock = start_clock(0);
    struct mid *mid;

    clock.beat = -4 * RP_BEAT;
    push(RP_RECORDED_CLOCK, &clock, 0, none);
    push(RP_RECORDED_CALL, &clock, rp_clock_frame(&clock, -RP_BEAT),
         rp_event_make(RP_NOTE_ON, 0, 60, 100));
    clock = rp_clock_turn(&clock, rp_clock_frame(&clock, RP_BEAT), 120000);
    push(RP_RECORDED_CLOCK, &clock, clock.frame, none);
    clock.metre = (struct rp_metre){3, 4};
    clock.bar = 4 * RP_BEAT;
    push(RP_RECORDED_CLOCK, &clock, rp_clock_frame(&clock, 5 * RP_BEAT), none);
    push(RP_RECORDED_ANSWER, &clock, rp_clock_frame(&clock, 7 * RP_BEAT),
         rp_event_make(RP_NOTE_ON, 2, 70, 100));
    rp_take_drain(take);
    CHECK_INT(rp_take_close(take), RP_OK);
    mid = read_mid(path.text);
    CHECK(mid->whole);
    CHECK_INT(mid->counts[0], 4);
    CHECK_INT(mid->event[0][2].tick, 5 * 960);
    CHECK_INT(number(mid->event[0][2].bytes + 3, 3), 500000);
    CHECK_INT(mid->event[0][3].tick, 8 * 960);
    CHECK_INT(mid->event[0][3].bytes[3], 3);
    CHECK_INT(mid->event[1][0].tick, 3 * 960);
    CHECK_INT(mid->counts[1], 2); /* ended with the file */
    CHECK_INT(mid->event[1][1].bytes[0], 0x80);
    CHECK_INT(mid->event[1][1].tick, 11 * 960);
    CHECK_INT(mid->event[2][0].tick, 11 * 960);
    CHECK_INT(mid->counts[2], 2);
}

/* ---- a beat that is set anew after a rest ---- */

/* Seconds from the file's tempo map, exact but for the map itself. */
static long double seconds(const struct mid *mid, int64_t tick)
{
    long double at = 0, us = 500000;
    int64_t before = 0;

    for (int i = 0; i < mid->counts[0]; i++) {
        const struct mid_event *e = &mid->event[0][i];

        if (e->bytes[1] == 0x51 && e->tick <= tick) {
            at += (e->tick - before) * us / 1e6L / mid->ppq;
            before = e->tick;
            us = number(e->bytes + 3, 3);
        }
    }
    return at + (tick - before) * us / 1e6L / mid->ppq;
}

static unsigned check_track(const struct mid *mid, int track,
                            const rp_frame *frame, int count)
{
    long double half = 60.0L / 97 / RP_SMF_PPQ / 2;
    unsigned wrong = 0;

    CHECK_INT(mid->counts[track], count);
    for (int i = 0; i < count && i < mid->counts[track]; i++) {
        long double off = seconds(mid, mid->event[track][i].tick) -
                          (frame[i] - 777) / 48000.0L;

        wrong += !(off < half * 1.1L && off > -half * 1.1L);
    }
    return wrong;
}

enum { CALLS = 12, EACH = 9 };

static rp_frame push_call(const struct rp_clock *clock, rp_beat bar,
                          rp_frame *frame)
{
    for (int i = 0; i < 4; i++) {
        frame[2 * i] = rp_clock_frame(clock, bar + i * RP_BEAT);
        frame[2 * i + 1] = rp_clock_frame(clock, bar + i * RP_BEAT) + 9999;
        push(RP_RECORDED_CALL, clock, frame[2 * i],
             rp_event_make(RP_NOTE_ON, 0, 60 + i, 90));
        push(RP_RECORDED_CALL, clock, frame[2 * i + 1],
             rp_event_make(RP_NOTE_OFF, 0, 60 + i, 64));
    }
    return frame[7];
}

/* Calls that each begin 0.37 or so beats off the one before, controllers in
 * the rests, one of them at the very frame of the call; `turn`: the tempo is
 * turned to and fro in the rest. */
static void test_rests(bool turn)
{
    const struct name path = in_folder("rests.mid");
    struct rp_take *take = open_take(path.text);
    struct rp_clock clock = start_clock(777);
    rp_frame frames[CALLS * EACH], at = 777, end;
    struct mid *mid;

    push(RP_RECORDED_CLOCK, &clock, 777, none);
    for (int i = 0; i < CALLS; i++) {
        end = push_call(&clock, clock.beat, frames + i * EACH);
        at = end + (9 + i % 4) * 29691 + 10986 + i;
        frames[i * EACH + 8] = i % 3 ? at - 20000 * (i % 3 - 1) : at - 150000;
        if (turn && i % 2) {
            clock = rp_clock_turn(&clock, end + 100000, 60000);
            push(RP_RECORDED_CLOCK, &clock, end + 100000, none);
            clock = rp_clock_turn(&clock, end + 150000, 97000);
            push(RP_RECORDED_CLOCK, &clock, end + 150000, none);
        }
        push(RP_RECORDED_CALL, &clock, frames[i * EACH + 8],
             rp_event_make(RP_CONTROL, 0, 1, i));
        clock.beat = clock.bar =
            rp_clock_bar_before(&clock, rp_clock_beat(&clock, at)) +
            4 * RP_BEAT;
        clock.frame = at;
        push(RP_RECORDED_CLOCK, &clock, at, none);
    }
    rp_take_drain(take);
    CHECK_INT(rp_take_close(take), RP_OK);
    mid = read_mid(path.text);
    CHECK(mid->whole);
    CHECK_INT(check_track(mid, 1, frames, CALLS * EACH), 0);
    CHECK_INT(mid->counts[0], 2 + 2 * CALLS + (turn ? 2 * (CALLS / 2) : 0));
    for (int i = 0; i < CALLS; i++) { /* every call on its bar */
        const struct mid_event *e = &mid->event[1][i * EACH];

        CHECK_INT(e->tick % (4 * 960), 0);
        CHECK_INT(e[2].tick - e->tick, 960);
        CHECK(i == 0 || e->tick > e[-EACH].tick + 12 * 960);
    }
}

/* No rest to play faster: the file goes on where it was. */
static void test_no_rest(void)
{
    const struct name path = in_folder("none.mid");
    struct rp_take *take = open_take(path.text);
    struct rp_clock clock = start_clock(777);
    rp_frame frames[4] = {777, 30001, 30001, 40001};
    struct mid *mid;

    push(RP_RECORDED_CLOCK, &clock, 777, none);
    push(RP_RECORDED_CALL, &clock, frames[0],
         rp_event_make(RP_NOTE_ON, 0, 60, 90));
    push(RP_RECORDED_CALL, &clock, frames[1],
         rp_event_make(RP_NOTE_OFF, 0, 60, 90));
    clock.frame = 30001;
    clock.beat = clock.bar = 4 * RP_BEAT;
    push(RP_RECORDED_CLOCK, &clock, 30001, none);
    push(RP_RECORDED_CALL, &clock, frames[2],
         rp_event_make(RP_NOTE_ON, 0, 61, 90));
    push(RP_RECORDED_CALL, &clock, frames[3],
         rp_event_make(RP_NOTE_OFF, 0, 61, 90));
    rp_take_drain(take);
    CHECK_INT(rp_take_close(take), RP_OK);
    mid = read_mid(path.text);
    CHECK(mid->whole);
    CHECK_INT(check_track(mid, 1, frames, 4), 0);
    CHECK_INT(mid->counts[0], 2);
}

/* Killed while a note sounds: it is as long as was seen of it. */
static void test_held(void)
{
    const struct name path = in_folder("held.mid");
    struct rp_take *take = open_take(path.text);
    struct rp_clock clock = start_clock(0);
    struct mid *mid;

    clock.mbpm = 120000;
    push(RP_RECORDED_CLOCK, &clock, 0, none);
    push(RP_RECORDED_CALL, &clock, 24000, rp_event_make(RP_NOTE_ON, 0, 60, 90));
    push(RP_RECORDED_CLOCK, &clock, 48000, none);
    push(RP_RECORDED_CLOCK, &clock, 96000, none);
    rp_take_drain(take);
    CHECK_INT(rp_take_close(take), RP_OK);
    mid = read_mid(path.text);
    CHECK(mid->whole);
    CHECK_INT(mid->counts[0], 2); /* tempo and metre, once */
    CHECK_INT(mid->counts[1], 2);
    CHECK_INT(mid->event[1][0].tick, 960);
    CHECK_INT(mid->event[1][1].tick, 4 * 960);
}

int main(void)
{
    take_begin();
    test_content();
    test_clock_changes();
    test_rests(false);
    test_rests(true);
    test_no_rest();
    test_held();
    take_end();
    return TEST_END();
}
