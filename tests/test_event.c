/* The MIDI parser: known messages, running status, what may interrupt what,
 * and garbage. Every message is also taken through all ways of interleaving
 * real-time bytes. */
#include "rt/event.h"

#include "tests/test.h"

struct found {
    unsigned count;
    uint32_t stray;
    struct rp_event event[64];
};

static struct found feed(const uint8_t *bytes, size_t size)
{
    struct rp_parser parser = {0};
    struct found found = {0};

    for (size_t i = 0; i < size; i++) {
        struct rp_event event;

        if (rp_parser_feed(&parser, bytes[i], &event, &found.stray) &&
            found.count < 64) {
            found.event[found.count++] = event;
        }
    }
    return found;
}

#define FEED(...)                                                              \
    feed((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void check_event(struct rp_event event, int size, int a, int b, int c)
{
    CHECK_INT(event.size, size);
    CHECK_INT(event.data[0], a);
    CHECK_INT(event.data[1], b);
    CHECK_INT(event.data[2], c);
}

static void test_messages(void)
{
    struct found f = FEED(0x93, 60, 100, 0x83, 60, 3, 0xb0, 64, 127, 0xc5, 9,
                          0xd1, 77, 0xe2, 0, 64, 0xa4, 61, 5);

    CHECK_INT(f.count, 7);
    CHECK_INT(f.stray, 0);
    check_event(f.event[0], 3, 0x93, 60, 100);
    check_event(f.event[1], 3, 0x83, 60, 3);
    check_event(f.event[2], 3, 0xb0, 64, 127);
    check_event(f.event[3], 2, 0xc5, 9, 0);
    check_event(f.event[4], 2, 0xd1, 77, 0);
    check_event(f.event[5], 3, 0xe2, 0, 64);
    check_event(f.event[6], 3, 0xa4, 61, 5);
}

static void test_running_status(void)
{
    struct found f = FEED(0x90, 60, 100, 62, 101, 0xf8, 64, 0xfe, 102, 60, 0);

    CHECK_INT(f.count, 6);
    CHECK_INT(f.stray, 0);
    check_event(f.event[1], 3, 0x90, 62, 101);
    check_event(f.event[2], 1, 0xf8, 0, 0);
    check_event(f.event[3], 1, 0xfe, 0, 0);
    check_event(f.event[4], 3, 0x90, 64, 102);
    check_event(f.event[5], 3, 0x80, 60, 64); /* velocity 0 is a note-off */

    f = FEED(0xc0, 1, 2, 3);
    CHECK_INT(f.count, 3);
    check_event(f.event[2], 2, 0xc0, 3, 0);

    f = FEED(0x90, 60, 100, 0xf6, 60, 100); /* system ends running status */
    CHECK_INT(f.count, 2);
    CHECK_INT(f.stray, 2);
}

static void test_sysex(void)
{
    struct found f = FEED(0xf0, 1, 2, 0xf8, 3, 0xf7, 0x90, 60, 1);

    CHECK_INT(f.count, 2);
    CHECK_INT(f.stray, 0);
    check_event(f.event[0], 1, 0xf8, 0, 0);
    check_event(f.event[1], 3, 0x90, 60, 1);

    f = FEED(0xf0, 1, 2, 0x90, 60, 1, 0xf7); /* cut short by a status byte */
    CHECK_INT(f.count, 1);
    CHECK_INT(f.stray, 1);

    f = FEED(0x90, 60, 0xf0, 9, 0xf7, 100); /* cuts a message */
    CHECK_INT(f.count, 0);
    CHECK_INT(f.stray, 2);
}

static void test_common(void)
{
    struct found f =
        FEED(0xf2, 1, 2, 0xf3, 4, 0xf1, 0x55, 0xf6, 0xfa, 0xfb, 0xfc, 0xff);

    CHECK_INT(f.count, 8);
    CHECK_INT(f.stray, 0);
    check_event(f.event[0], 3, 0xf2, 1, 2);
    check_event(f.event[1], 2, 0xf3, 4, 0);
    check_event(f.event[3], 1, 0xf6, 0, 0);

    f = FEED(0xf4, 0xf5, 0xf9, 0xfd, 0xf7, 5);
    CHECK_INT(f.count, 0);
    CHECK_INT(f.stray, 6);
    f = FEED(0x90, 0x91, 60, 0x92, 61, 62); /* begun, abandoned, whole */
    CHECK_INT(f.count, 1);
    CHECK_INT(f.stray, 1);
    check_event(f.event[0], 3, 0x92, 61, 62);
}

/* Real-time bytes may stand between any two bytes and change nothing. */
static void test_interleaved(void)
{
    static const uint8_t base[] = {0x90, 60, 100, 61, 9, 0xc3, 7, 0x83, 60, 1};

    for (unsigned where = 0; where < 1u << sizeof(base); where++) {
        uint8_t bytes[2 * sizeof(base)];
        size_t size = 0;
        struct found f;
        unsigned clocks = 0, others = 0;

        for (unsigned i = 0; i < sizeof(base); i++) {
            if (where & 1u << i) {
                bytes[size++] = 0xf8;
            }
            bytes[size++] = base[i];
        }
        f = feed(bytes, size);
        for (unsigned i = 0; i < f.count; i++) {
            f.event[i].data[0] == 0xf8 ? clocks++ : others++;
        }
        if (clocks != (unsigned)__builtin_popcount(where) || others != 4 ||
            f.stray) {
            CHECK_INT(clocks, __builtin_popcount(where));
            CHECK_INT(others, 4);
            return;
        }
    }
    CHECK(true);
}

/* Whatever comes in, what comes out is well formed. */
static void test_garbage(void)
{
    struct rp_parser parser = {0};
    uint32_t seed = 1, bad = 0, events = 0, stray = 0;

    for (int i = 0; i < 1000000; i++) {
        struct rp_event event;

        seed = seed * 1664525u + 1013904223u;
        if (!rp_parser_feed(&parser, seed >> 24, &event, &stray)) {
            continue;
        }
        events++;
        bad += event.size != 1 + rp_event_data_size(event.data[0]) ||
               !(event.data[0] & 0x80) || event.data[1] & 0x80 ||
               event.data[2] & 0x80 ||
               ((event.data[0] & 0xf0) == 0x90 && event.data[2] == 0);
    }
    CHECK_INT(bad, 0);
    CHECK(events > 100000);
    CHECK(stray > 0);
}

static void test_make(void)
{
    check_event(rp_event_make(RP_NOTE_ON, 3, 60, 100), 3, 0x93, 60, 100);
    check_event(rp_event_make(RP_PROGRAM, 15, 12, 99), 2, 0xcf, 12, 0);
    check_event(rp_event_make(RP_CLOCK, 3, 1, 2), 1, 0xf8, 0, 0);
    check_event(rp_event_make(0xf0, 0, 0, 0), 0, 0, 0, 0);
    CHECK(rp_event_is_on(rp_event_make(RP_NOTE_ON, 0, 1, 1)));
    CHECK(!rp_event_is_on(rp_event_make(RP_NOTE_ON, 0, 1, 0)));
    CHECK(rp_event_is_off(rp_event_make(RP_NOTE_ON, 0, 1, 0)));
    CHECK(rp_event_is_off(rp_event_make(RP_NOTE_OFF, 0, 1, 9)));
    CHECK(!rp_event_is_off(rp_event_make(RP_CONTROL, 0, 1, 0)));
    CHECK(!rp_event_is_off((struct rp_event){0}));
}

int main(void)
{
    test_messages();
    test_running_status();
    test_sysex();
    test_common();
    test_interleaved();
    test_garbage();
    test_make();
    return TEST_END();
}
