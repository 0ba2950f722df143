/* JACK's transport, timebase, latencies and the clock's port, over a JACK
 * library within this program. */
#include "tests/backend_jack.h"

/* The clock's port: Start and a tick with the first note, at its frame. */
static void test_clock_port(void)
{
    struct rp_session *session;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    jack_knobs.clock_out = 1;
    arrive(77, 0x90, 60, 1);
    fake_jack_period();
    CHECK_INT(fake_jack_port("riposte:clock")->events, 3);
    check_sent("riposte:clock", 1, 77, RP_START, 0); /* a tick before it */
    check_sent("riposte:clock", 2, 77, RP_CLOCK, 0);
    jack_knobs.clock_out = 0;
    fake_jack_period();
    check_sent("riposte:clock", 0, 0, RP_STOP, 0);
    finish(session);
}

/* We say bars where nobody else does: 3/4 at 90 BPM, from the song's frames. */
static void test_timebase(void)
{
    struct rp_session *session;
    const jack_position_t *now = &fake_jack.position;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    jack_knobs.timebase = 1;
    jack_knobs.tempo = 90000;
    jack_knobs.metre = 3 << 8 | 4;
    rp_session_poll(session);
    fake_jack.rolling = true;
    fake_jack.position = (jack_position_t){.frame_rate = 48000};
    for (int i = 0; i < 1000; i++) { /* 127 872 frames are four beats less 4 */
        fake_jack_period();
        CHECK(now->valid & JackPositionBBT);
        CHECK_INT(now->bar, 1 + now->frame / 96000);
        CHECK_INT(now->beat, 1 + now->frame % 96000 / 32000);
        CHECK_NEAR(now->tick, now->frame % 32000 * 1920.0 / 32000, 1.001);
    }
    CHECK_NEAR(now->beats_per_minute, 90, 1e-9);
    CHECK_NEAR(now->bar_start_tick, 3 * 1920.0, 1e-9);
    jack_knobs.timebase = 0;
    rp_session_poll(session);
    fake_jack.position.valid = 0;
    fake_jack_period();
    CHECK_INT(fake_jack.position.valid, 0);
    fake_jack.rolling = false;
    finish(session);
}

/* Somebody else's bars, read from what JACK says; what cannot be is no bar. */
static void test_transport(void)
{
    struct rp_session *session;
    struct rp_clock clock;
    rp_frame frame;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    jack_knobs.sync = RP_SYNC_JACK;
    fake_jack.rolling = true;
    fake_jack.position = (jack_position_t){.valid = JackPositionBBT,
                                           .frame_rate = 48000,
                                           .bar = 9,
                                           .beat = 6,
                                           .tick = 240,
                                           .beats_per_bar = 7,
                                           .beat_type = 8,
                                           .ticks_per_beat = 480,
                                           .beats_per_minute = 180};
    fake_jack_period();
    rp_session_now(session, &clock, &frame);
    CHECK_INT(clock.mbpm, 90000); /* quarters */
    CHECK(clock.metre.beats == 7 && clock.metre.unit == 8);
    CHECK_NEAR((double)(rp_clock_beat(&clock, frame - 128) - clock.bar) /
                   (double)RP_BEAT,
               2.75, 1e-6);
    fake_jack.position.beats_per_bar = 32;
    fake_jack.position.beat_type = 1;
    fake_jack.position.bar = INT32_MAX;
    fake_jack_period();
    fake_jack.position.bar = 1;
    fake_jack.position.tick = INT32_MAX;
    fake_jack.position.ticks_per_beat = 1;
    fake_jack_period();
    fake_jack.position.tick = 0;
    fake_jack.position.valid |= JackBBTFrameOffset;
    fake_jack.position.bbt_offset = 1;
    fake_jack.position.frame_rate = 0;
    fake_jack_period();
    rp_session_now(session, &clock, &frame);
    CHECK(clock.metre.beats == 7 && clock.metre.unit == 8); /* none is led */
    fake_jack.position.beats_per_minute = NAN;
    fake_jack.position.bar = -3;
    fake_jack.position.ticks_per_beat = 0;
    fake_jack_period();
    fake_jack.position.valid = 0;
    fake_jack.rolling = false;
    finish(session);
    jack_knobs.sync = 0;
}

/* What is passed on comes as late as it came in; a clock from outside is
 * followed that much ahead, one from a program here is not. */
static void test_latency(void)
{
    struct rp_session *session;
    struct fake_port *in, *thru, *out;

    fake_jack_boot(48000, 128);
    session = jack_session(NULL, NULL);
    in = fake_jack_port("riposte:in");
    thru = fake_jack_port("riposte:thru");
    out = fake_jack_port("riposte:out");
    in->latency[JackCaptureLatency] = (jack_latency_range_t){100, 120};
    thru->latency[JackPlaybackLatency] = (jack_latency_range_t){300, 400};
    out->latency[JackCaptureLatency] = (jack_latency_range_t){9, 9};
    fake_jack_latency();
    CHECK_INT(thru->latency[JackCaptureLatency].min, 100);
    CHECK_INT(thru->latency[JackCaptureLatency].max, 120);
    CHECK_INT(in->latency[JackPlaybackLatency].max, 400);
    CHECK_INT(out->latency[JackCaptureLatency].max, 0);
    finish(session);
}

int main(void)
{
    rp_log_to(listen, NULL);
    rp_log_level(RP_DEBUG);
    test_clock_port();
    test_timebase();
    test_transport();
    test_latency();
    return TEST_END();
}
