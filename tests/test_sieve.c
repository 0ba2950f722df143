/* What is a call: some channels, and nothing that a synth sends back; and
 * whatever is turned meanwhile, no note is left behind. */
#include "rt/cycle.h"

#include "tests/test.h"

enum { RATE = 48000, PERIOD = 64, MS = RATE / 1000 };

static struct rp_knobs knobs;
static struct rp_cycle *cycle;
static sem_t wake;
static struct rp_arrival in[64];
static uint32_t ins, outs;
static struct rp_event out[1024]; /* thru, since `outs` was 0 */
static rp_frame now;

static RP_RT bool write_event(struct rp_io *io, enum rp_way way,
                              uint32_t offset, struct rp_event event)
{
    if (way == RP_WAY_THRU && outs < 1024) {
        out[outs++] = event;
    }
    return true;
}

static void begin(void)
{
    memset(&knobs, 0, sizeof(knobs));
    knobs.tempo = 120000;
    knobs.metre = 4 << 8 | 4;
    knobs.echo_guard = 60;
    cycle = aligned_alloc(64, (sizeof(*cycle) + 63) / 64 * 64);
    memset(cycle, 0, sizeof(*cycle));
    sem_init(&wake, 0, 0);
    cycle->wake = &wake;
    cycle->live = true;
    rp_cycle_init(cycle, &knobs, RATE);
    CHECK_INT(rp_ring_init(&cycle->to_performer, 4096, sizeof(struct rp_heard)),
              RP_OK);
    CHECK_INT(
        rp_ring_init(&cycle->from_performer, 64, sizeof(struct rp_planned)),
        RP_OK);
    CHECK_INT(rp_ring_init(&cycle->audio_to_ui, 64, sizeof(struct rp_seen)),
              RP_OK);
    CHECK_INT(rp_ring_init(&cycle->main_to_audio, 8, sizeof(struct rp_event)),
              RP_OK);
    CHECK_INT(
        rp_ring_init(&cycle->control_to_main, 8, sizeof(struct rp_controlled)),
        RP_OK);
    now = 0;
    ins = outs = 0;
}

static void end(void)
{
    rp_ring_fini(&cycle->to_performer);
    rp_ring_fini(&cycle->from_performer);
    rp_ring_fini(&cycle->audio_to_ui);
    rp_ring_fini(&cycle->main_to_audio);
    rp_ring_fini(&cycle->control_to_main);
    sem_destroy(&wake);
    free(cycle);
}

static void arrive(uint8_t status, uint8_t a, uint8_t b)
{
    in[ins++].event = (struct rp_event){.size = 3, .data = {status, a, b}};
}

/* One period with what has arrived, and then `ms` without anything. */
static void run(uint32_t ms)
{
    rp_frame until = now + (rp_frame)ms * MS;

    do {
        struct rp_io io = {.rate = RATE,
                           .frame = now,
                           .frames = PERIOD,
                           .in = in,
                           .ins = ins,
                           .write = write_event};

        rp_cycle_run(cycle, &io);
        ins = 0;
        now += PERIOD;
    } while (now < until);
}

/* How many events the performer was told of since the last time; `last` is
 * the last of them. */
static uint32_t heard(struct rp_event *last)
{
    struct rp_heard one;
    uint32_t count = 0;

    while (rp_ring_pop(&cycle->to_performer, &one)) {
        if (one.kind == RP_HEARD_MIDI) {
            *last = one.event;
            count++;
        }
    }
    return count;
}

/* riposte sends an answer's note. */
static void answer(uint8_t status, uint8_t a, uint8_t b)
{
    struct rp_planned planned = {.beat = rp_clock_beat(&cycle->clock, now),
                                 .turn = 1,
                                 .event = {.size = 3, .data = {status, a, b}}};

    CHECK(rp_ring_push(&cycle->from_performer, &planned, NULL));
    run(0);
}

static void test_channels(void)
{
    struct rp_event last;

    begin();
    knobs.listen = 3;
    knobs.ignore = 1u << 9;
    arrive(0x92, 60, 1);
    arrive(0x93, 61, 2); /* passed on */
    arrive(0x99, 62, 3); /* nothing */
    arrive(0xb3, 7, 4);
    run(0);
    CHECK_INT(heard(&last), 1);
    CHECK_INT(last.data[1], 60);
    CHECK_INT(outs, 3);
    CHECK_INT(cycle->stats.heard, 1);
    /* turned with keys down: each ends where it began */
    knobs.listen = 0;
    knobs.ignore = 0xffff;
    arrive(0x82, 60, 64);
    arrive(0x83, 61, 64);
    arrive(0x89, 62, 64);
    run(0);
    CHECK_INT(heard(&last), 1);
    CHECK_INT(last.data[0], 0x82);
    CHECK_INT(outs, 5);
    CHECK_INT(cycle->outbox.held.sounding[RP_SOURCE_CALL], 0);
    end();
}

/* The pedal, too; and a cable that is pulled. */
static void test_let_go(void)
{
    struct rp_event last;

    begin();
    knobs.listen = 1;
    arrive(0xb0, 64, 127);
    arrive(0xb1, 64, 127);
    arrive(0x91, 60, 1);
    run(0);
    CHECK_INT(heard(&last), 1);
    knobs.ignore = 3;
    knobs.listen = 2;
    arrive(0xb0, 64, 0);
    run(0);
    CHECK_INT(heard(&last), 1);
    CHECK_INT(last.data[2], 0);
    cycle->unplugged++;
    outs = 0;
    run(0);
    CHECK_INT(heard(&last), 0); /* not of what it was not told of */
    CHECK_INT(outs, 2);
    CHECK_INT(out[0].data[0], 0x81);
    CHECK_INT(out[1].data[0], 0xb1);
    end();
}

/* The answer comes back, note by note: no call, and nothing is passed on. */
static void test_echo(void)
{
    struct rp_event last;

    begin();
    arrive(0x90, 48, 1); /* sets the beat */
    arrive(0x80, 48, 64);
    run(100);
    (void)heard(&last);
    outs = 0;
    answer(0x90, 60, 77);
    run(10);
    arrive(0x90, 60, 77);
    run(10);
    answer(0x80, 60, 64);
    run(10);
    arrive(0x80, 60, 0); /* as a synth may spell it */
    run(0);
    answer(0xb0, 1, 5);
    run(5);
    arrive(0xb0, 1, 5);
    run(0);
    CHECK_INT(heard(&last), 0);
    CHECK_INT(outs, 0);
    CHECK_INT(cycle->stats.echoes, 3);
    /* somebody plays it: another velocity, or later */
    answer(0x90, 62, 77);
    run(10);
    arrive(0x90, 62, 78);
    run(80);
    arrive(0x90, 62, 77);
    run(0);
    CHECK_INT(heard(&last), 2);
    /* off, all is heard */
    knobs.echo_guard = 0;
    answer(0x90, 64, 77);
    run(10);
    arrive(0x90, 64, 77);
    run(0);
    CHECK_INT(heard(&last), 1);
    end();
}

/* What is passed on comes back as well; but a player's fast notes, turned
 * knobs and keys let go are the player's. */
static void test_thru(void)
{
    struct rp_event last;

    begin();
    for (int i = 0; i < 10; i++) { /* a trill on one key, nothing comes back */
        arrive(0x90, 60, 64);
        run(10);
        arrive(0x80, 60, 64);
        run(10);
    }
    for (int i = 0; i < 10; i++) { /* a wheel to and fro */
        arrive(0xb0, 1, 10 + i % 2);
        run(5);
    }
    CHECK_INT(heard(&last), 30);
    CHECK_INT(cycle->stats.echoes, 0);
    arrive(0x90, 60, 64);
    run(10);
    arrive(0x90, 60, 64); /* comes back while the key is down */
    run(10);
    CHECK_INT(cycle->stats.echoes, 1);
    arrive(0x80, 60, 64);
    run(10);
    arrive(0x80, 60, 64);
    run(10);
    CHECK_INT(cycle->stats.echoes, 2);
    CHECK_INT(heard(&last), 2);
    CHECK_INT(cycle->outbox.held.sounding[RP_SOURCE_CALL], 0);
    /* now a loop is known: short notes and controllers do not go round */
    arrive(0x90, 62, 64);
    arrive(0x80, 62, 64);
    arrive(0xb0, 1, 99);
    run(10);
    CHECK_INT(heard(&last), 3);
    outs = 0;
    for (int i = 0; i < 5; i++) {
        arrive(0x90, 62, 64);
        arrive(0x80, 62, 64);
        arrive(0xb0, 1, 99);
        run(5);
    }
    CHECK_INT(heard(&last), 0);
    CHECK_INT(outs, 0);
    end();
}

/* A note that is up again when it comes back, and a controller: they do not go
 * round for ever. */
static void test_round(void)
{
    struct rp_event last;
    int rounds = 0;

    begin();
    arrive(0x90, 62, 64);
    arrive(0x80, 62, 64);
    arrive(0xb0, 1, 99);
    do {
        uint32_t sent;

        outs = 0;
        run(0);
        sent = outs;
        run(10);
        for (uint32_t i = 0; i < sent; i++) {
            arrive(out[i].data[0], out[i].data[1], out[i].data[2]);
        }
    } while (ins && ++rounds < 100);
    CHECK_INT(rounds, 32);
    CHECK_INT(heard(&last), 3 * 32);
    CHECK_INT(cycle->outbox.held.sounding[RP_SOURCE_CALL], 0);
    CHECK(cycle->stats.echoes > 0);
    end();
}

/* A key and a pedal are let go while what lets them go was just sent. */
static void test_echo_lets_go(void)
{
    struct rp_event last;

    begin();
    arrive(0x90, 60, 64);
    arrive(0xb0, 64, 127);
    run(10);
    answer(0x90, 72, 64);
    answer(0x80, 72, 64);
    (void)heard(&last);
    answer(0xb0, 64, 0);
    run(5);
    arrive(0xb0, 64, 0);
    arrive(0x80, 60, 64);
    run(0);
    CHECK_INT(heard(&last), 2);
    CHECK_INT(cycle->outbox.held.sounding[RP_SOURCE_CALL], 0);
    CHECK_INT(cycle->outbox.held.pedal[RP_SOURCE_CALL], 0);
    /* a new sound each time round: more is remembered than a synth is late */
    for (int i = 0; i < 3 * RP_ECHOES; i++) {
        arrive(0xb0, 1, i & 127);
        run(0);
    }
    CHECK_INT(heard(&last), 3 * RP_ECHOES);
    end();
}

int main(void)
{
    test_channels();
    test_let_go();
    test_echo();
    test_thru();
    test_round();
    test_echo_lets_go();
    return TEST_END();
}
