/* When a call is over: asked just before beat lines, never while something is
 * held, with more patience where the phrase has had rests. */
#include "model/play/phrase.h"
#include "engines.h"
#include "play.h"
#include "test.h"

enum { RATE = 48000, BEAT = RATE / 2, LEAD = RATE * RP_LEAD_MS / 1000 };

static struct rp_memory memory;
static struct rp_listen listen;
static struct rp_clock clock_ = { .rate = RATE,
                                  .mbpm = 120000,
                                  .metre = { 4, 4 },
                                  .anchored = 1 };

static void event(rp_frame frame, uint8_t status, uint8_t a, uint8_t b)
{
    CHECK_INT(rp_listen_settle(&listen, &clock_, frame), RP_OK);
    (void)rp_listen_event(&listen, &clock_, frame,
                          rp_event_make(status, 0, a, b));
}

static void begin(const struct rp_model *model)
{
    struct rp_engine *engine;

    CHECK_INT(rp_memory_engine(model, &engine), RP_OK);
    rp_memory_init(&memory, model, engine);
    rp_memory_metre(&memory, 0, clock_.metre);
    rp_listen_init(&listen, &memory);
}

static void test_next(void)
{
    struct rp_model model = flat_model();

    begin(&model);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, 0), RP_FRAME_NEVER);
    event(0, RP_NOTE_ON, 60, 80);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, 0), RP_FRAME_NEVER);
    event(BEAT / 2, RP_NOTE_OFF, 60, 64);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, 0), BEAT - LEAD);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, BEAT - LEAD - 1),
              BEAT - LEAD);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, BEAT - LEAD),
              2 * BEAT - LEAD);
    /* A release right before the line is no silence yet. */
    event(BEAT, RP_NOTE_ON, 60, 80);
    event(2 * BEAT - LEAD - 100, RP_NOTE_OFF, 60, 64);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, 0), 3 * BEAT - LEAD);
    event(2 * BEAT, RP_CONTROL, RP_CC_PEDAL, 127);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, 0), RP_FRAME_NEVER);
    event(9 * BEAT + 5, RP_CONTROL, RP_CC_PEDAL, 0);
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, 0), 10 * BEAT - LEAD);
    /* Dotted beats where the metre counts in them. */
    clock_.metre = (struct rp_metre){ 6, 8 };
    CHECK_INT(rp_phrase_next(&listen, &clock_, LEAD, 0), 21 * BEAT / 2 - LEAD);
    clock_.metre = (struct rp_metre){ 4, 4 };
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_read(void)
{
    struct rp_model model = flat_model();
    struct rp_phrase_signs signs;

    /* A network that expects the next onset after exactly a beat. */
    expect_class(&model, RP_DT, 24, 12.0f);
    begin(&model);
    for (int i = 0; i < 4; i++) {
        event(i * BEAT, RP_NOTE_ON, (uint8_t)(60 + i), 80);
        event(i * BEAT + BEAT / 2, RP_NOTE_OFF, (uint8_t)(60 + i), 64);
    }
    CHECK_INT(rp_listen_settle(&listen, &clock_, 4 * BEAT - LEAD), RP_OK);
    CHECK_INT(rp_phrase_read(&listen, &clock_, 4 * BEAT - LEAD, LEAD, &signs),
              RP_OK);
    CHECK_INT(signs.notes, 4);
    CHECK_NEAR(signs.silence, 0.5 - RP_LEAD_MS / 500.0, 1e-4);
    CHECK_NEAR(signs.since_onset, 1.0 - RP_LEAD_MS / 500.0, 1e-4);
    CHECK_NEAR(signs.longest_rest, 0.5, 1e-4);
    CHECK_NEAR(signs.length, 3.5, 1e-4);
    CHECK(signs.expected > 0.99); /* it is to come on the line */
    CHECK_INT(rp_phrase_read(&listen, &clock_, 5 * BEAT - LEAD, LEAD, &signs),
              RP_OK);
    CHECK(signs.expected < 0.01); /* it should have come */
    rp_memory_fini(&memory);
    free(model.params);
}

static void test_over(void)
{
    struct rp_phrase_signs signs = { .silence = 0.9,
                                     .ahead = 0.1,
                                     .longest_rest = 0.1,
                                     .expected = 0.1,
                                     .notes = 8 };

    CHECK(rp_phrase_over(&signs));
    signs.silence = 0.5;
    CHECK(!rp_phrase_over(&signs));
    signs.expected = 0.0001; /* overdue: sooner */
    CHECK(rp_phrase_over(&signs));
    signs.longest_rest = 0.5; /* but the player has rested so long before */
    CHECK(!rp_phrase_over(&signs));
    signs.expected = 0.1;
    signs.silence = 1.9;
    signs.longest_rest = 1.6; /* more patience */
    CHECK(!rp_phrase_over(&signs));
    signs.silence = 2.9;
    CHECK(rp_phrase_over(&signs));
    signs = (struct rp_phrase_signs){ .silence = 0.9,
                                      .ahead = 0.1,
                                      .expected = 0.1,
                                      .notes = 1 };
    CHECK(!rp_phrase_over(&signs)); /* a single note is no phrase */
    signs.silence = 1.9;
    CHECK(rp_phrase_over(&signs));
    signs = (struct rp_phrase_signs){ .silence = 0.9,
                                      .ahead = 0.1,
                                      .expected = 0.9,
                                      .notes = 8 };
    CHECK(!rp_phrase_over(&signs)); /* a rest that goes on is expected */
}

static void test_all(const struct rp_engine_ops *ops)
{
    play_engine = ops;
    test_next();
    test_read();
    test_over();
}

int main(int argc, char **argv)
{
    on_each_engine(argv[0], test_all);
    return TEST_END();
}
