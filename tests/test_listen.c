/* What is played becomes the notes that were meant: on the grid, chords
 * folded, human timing forgiven where the network expects something, held
 * notes passed over after a beat. */
#include "model/play/listen.h"
#include "engines.h"
#include "play.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2 };

#include "listening.h"

static void check_note(uint32_t i, int32_t onset, int32_t duration, int pitch)
{
    CHECK(i < listen.call.notes);
    if (i >= listen.call.notes)
        return;
    CHECK_INT(listen.call.note[i].onset, onset);
    CHECK_INT(listen.call.note[i].duration, duration);
    CHECK_INT(listen.call.note[i].pitch, pitch);
}

static void test_exact(void)
{
    struct rp_model model = flat_model();

    listen_to(&model);
    on(0, 60);
    off(24 * TICK - 2000, 60);
    on(24 * TICK, 62);
    off(30 * TICK, 62);
    on(36 * TICK, 64);
    CHECK(rp_listen_holds(&listen));
    off(72 * TICK, 64);
    CHECK(!rp_listen_holds(&listen));
    CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
    CHECK_INT(listen.call.notes, 3);
    check_note(0, 0, 24, 60); /* legato: to the next onset */
    check_note(1, 24, 6, 62);
    check_note(2, 36, 36, 64);
    CHECK_INT(listen.call.end, 72);
    CHECK_INT(listen.call.low, 60);
    CHECK_INT(listen.call.high, 64);
    CHECK_INT(memory.notes, 3);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_chords(void)
{
    struct rp_model model = flat_model();

    listen_to(&model);
    on(0, 60);
    on(20 * MS, 67);
    on(30 * MS, 64);
    off(20 * TICK, 64);
    off(21 * TICK, 60);
    off(22 * TICK, 67);
    /* A fast line is none, though its notes overlap a little. */
    on(48 * TICK, 72);
    on(48 * TICK + 33 * MS, 74);
    off(48 * TICK + 38 * MS, 72);
    off(48 * TICK + 70 * MS, 74);
    CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
    CHECK_INT(listen.call.notes, 5);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_INT(listen.call.note[i].onset, listen.call.note[0].onset);
    CHECK_INT(listen.call.note[0].pitch, 67); /* highest first */
    CHECK_INT(listen.call.note[1].pitch, 64);
    CHECK_INT(listen.call.note[2].pitch, 60);
    CHECK(listen.call.note[4].onset > listen.call.note[3].onset);
    rp_memory_fini(&memory);
    free(model.params);
}

/* Eighths with 40 ms of error each way: a model that knows eighths hears
 * them; one that knows nothing does not. */
static void test_expected(void)
{
    static const int8_t error[] = { 0, 40, -38, 35, -40, 37, 40, -36 };
    uint32_t right[2] = { 0, 0 };

    for (int knows = 0; knows < 2; knows++) {
        struct rp_model model = flat_model();
        if (knows) {
            expect_class(&model, RP_DT, 12, 8.0f);
            expect_class(&model, RP_DURATION, 12, 8.0f);
        }
        listen_to(&model);
        for (int i = 0; i < 8; i++) {
            rp_frame at = (rp_frame)i * 12 * TICK + error[i] * MS;
            on(at, (uint8_t)(60 + i));
            off(at + 10 * TICK, (uint8_t)(60 + i));
        }
        CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
        CHECK_INT(listen.call.notes, 8);
        for (uint32_t i = 0; i < listen.call.notes; i++)
            right[knows] += listen.call.note[i].onset ==
                            listen.call.note[0].onset + (int32_t)i * 12;
        rp_memory_fini(&memory);
        free(model.params);
    }
    CHECK_INT(right[1], 8);
    CHECK(right[0] < 8);
}

/* A player who is 9 ms late throughout is heard on the grid, and known. */
static void test_late(void)
{
    struct rp_model model = flat_model();

    listen_to(&model);
    for (int i = 0; i < 12; i++) {
        rp_frame at = (rp_frame)i * 24 * TICK + (i ? 9 * MS : 0);
        on(at, (uint8_t)(60 + i));
        off(at + 18 * TICK, (uint8_t)(60 + i));
    }
    CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
    check_note(11, 11 * 24, 18, 71);
    CHECK(listen.late.ms > 5.0);
    CHECK(listen.late.ms < 12.0);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_held(void)
{
    struct rp_model model = flat_model();

    listen_to(&model);
    on(0, 36); /* a drone */
    on(24 * TICK, 60);
    CHECK_INT(rp_listen_due(&listen, &clock_), 36 * TICK);
    off(35 * TICK, 60);
    CHECK_INT(memory.notes, 0);
    on(48 * TICK, 62); /* a beat, and half a one for its successor */
    CHECK_INT(memory.notes, 2);
    check_note(0, 0, 0, 36);
    check_note(1, 24, 11, 60);
    CHECK_INT(memory.state[0].reader.until[36], INT32_MAX);
    off(60 * TICK, 62);
    off(70 * TICK, 36);
    CHECK_INT(memory.state[0].reader.until[36], 72); /* twelve sixteenths */
    CHECK_INT(memory.note[0].duration, 72);
    on(80 * TICK, 64);
    CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
    check_note(3, 80, 0, 64); /* still sounds at the hand-over */
    off(104 * TICK, 64);
    CHECK_INT(memory.note[3].duration, 24);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_held_keys(void)
{
    struct rp_model model = flat_model();

    listen_to(&model);
    feed(0, rp_event_make(RP_CONTROL, 2, RP_CC_PEDAL, 100));
    on(10, 60);
    off(5000, 60);
    CHECK(rp_listen_holds(&listen));
    feed(9000, rp_event_make(RP_CONTROL, 2, RP_CC_PEDAL, 10));
    CHECK(!rp_listen_holds(&listen));
    CHECK_INT(listen.call.last_off, 9000);
    on(48000, 61);
    on(48100, 62);
    feed(60000, rp_event_make(RP_CONTROL, 0, RP_CC_NOTES_OFF, 0));
    CHECK(!rp_listen_holds(&listen));
    off(60001, 61); /* nothing to end */
    off(60002, 99);
    CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
    CHECK_INT(listen.call.notes, 3);
    CHECK(listen.call.note[2].duration > 0);
    CHECK_INT(listen.call.longest_rest,
              rp_clock_beat(&clock_, 48000) - rp_clock_beat(&clock_, 9000));
    rp_memory_fini(&memory);
    free(model.params);
}

/* More notes than there is room for, none released: nothing is lost. */
static void test_flood(void)
{
    struct rp_model model = flat_model();
    uint32_t count = 3 * RP_LISTEN_PENDING;

    listen_to(&model);
    for (uint32_t i = 0; i < count; i++)
        (void)rp_listen_event(&listen, &clock_, (rp_frame)i * 40 * MS,
                              rp_event_make(RP_NOTE_ON, (uint8_t)(i / 128 % 16),
                                            (uint8_t)(i % 128), 80));
    CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
    CHECK_INT(memory.notes, count);
    CHECK_INT(listen.pending, 0);
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    test_exact();
    test_chords();
    test_expected();
    test_late();
    test_held();
    test_held_keys();
    test_flood();
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
