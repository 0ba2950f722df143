/* What comes over the wire and is no OSC, or too much of it: raw packets, with
 * every one of them accounted for. */
#include "model/net/rng.h"
#include "tests/osc_program.h"

/* ---- what is no OSC ---- */

#define BYTES(text)                                                            \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }
static const struct {
    const char *bytes;
    size_t size;
} broken[] = {
    BYTES(""),
    BYTES("/"),
    BYTES("hello, w"),
    BYTES("/riposte/tempo\0\0"),        /* no types */
    BYTES("/riposte/tempo\0\0f\0\0\0"), /* no comma */
    BYTES("/riposte/tempo\0\0,f\0\0"),  /* no value */
    BYTES("/riposte/tempo\0\0,f\0\0\x42\xf0\0"),
    BYTES("/riposte/tempo\0\0,i\0\0\0\0\0\1\0\0\0\1"), /* more than it says */
    BYTES("/riposte/tempo\0\0,b\0\0\0\0\0\x40"),       /* a blob */
    BYTES("/riposte/tempo\0\0,b\0\0"),
    BYTES("/riposte/tempo\0\0,?\0\0\0\0\0\1"),
    BYTES("/riposte/tempo\0\0,s\0\0abcd"), /* no end */
    BYTES("/riposte/tempo\0\0,iiiiiiiii\0\0"
          "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"
          "\0\0\0\1"), /* more values than anything takes */
    BYTES("#bundle\0\0\0\0\0"),
    BYTES("#bundle\0\0\0\0\0\0\0\0\1\0\0\0\x40/a\0\0,\0\0\0"),
    BYTES("#bundle\0\0\0\0\0\0\0\0\1\xff\xff\xff\xfc/a\0\0,\0\0\0"),
    BYTES("#bundle\0\0\0\0\0\0\0\0\1\0\0"),
    /* the second of two is broken: the first is not obeyed either */
    BYTES("#bundle\0\0\0\0\0\0\0\0\1"
          "\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x64"
          "\0\0\0\x10/riposte/x\0\0,i\0\0"),
};
enum { BROKEN = sizeof(broken) / sizeof(broken[0]) };

static void test_broken(void)
{
    struct rp_osc_view before, view;
    char deep[20 * 10] = "";

    rp_osc_look(osc, &before);
    rig.knobs.tempo = 123000;
    for (int i = 0; i < BROKEN; i++) {
        send_bytes(broken[i].bytes, broken[i].size);
    }
    /* Bundles in bundles, without an end. */
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t length = htonl(20 * (9 - i));

        memcpy(deep + 20 * i, "#bundle\0\0\0\0\0\0\0\0\1", 16);
        memcpy(deep + 20 * i + 16, &length, 4);
    }
    send_bytes(deep, sizeof(deep));
    view = count_to(before.messages + before.malformed + BROKEN + 1);
    CHECK_INT(view.malformed - before.malformed, BROKEN + 1);
    CHECK(strstr(said, " packets malformed, 0 lost") != NULL);
    CHECK_INT(view.messages, before.messages);
    CHECK_INT(rig.knobs.tempo, 123000);
}

/* Whole bundles are obeyed in order, at once, whatever time they name. */
static void test_bundle(void)
{
    static const char bytes[] = "#bundle\0\xff\xff\xff\xff\0\0\0\0"
                                "\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x64"
                                "\0\0\0\x2c#bundle\0\0\0\0\0\0\0\0\1"
                                "\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x65";
    lo_message message = lo_message_new();
    lo_bundle bundle = lo_bundle_new(LO_TT_IMMEDIATE);
    char built[512];
    size_t size = sizeof(built);

    send_bytes(bytes, sizeof(bytes) - 1);
    expect("/riposte/tempo", "/riposte/tempo f 101");
    lo_message_add_float(message, 77.5f);
    lo_bundle_add_message(bundle, "/riposte/tempo", message);
    lo_bundle_serialise(bundle, built, &size);
    send_bytes(built, size);
    expect("/riposte/tempo", "/riposte/tempo f 77.5");
    lo_bundle_free_recursive(bundle);
}

/* ---- floods ---- */

/* Whatever else comes, and though some are lost. How many pings it took. */
static uint32_t expect_pong(void)
{
    const char *got = "";
    uint32_t pings = 0;

    for (int i = 0; i < 50000 && strncmp(got, "/riposte/pong", 13); i++) {
        if (!*got) { /* nothing came for two seconds */
            send_text("/riposte/ping", NULL);
            pings++;
        }
        got = receive(fd);
    }
    CHECK_TEXT(got, "/riposte/pong s riposte " RP_VERSION);
    return pings;
}

/* A packet of OSC with some bytes changed, cut or doubled. */
static size_t mutate(struct rp_rng *rng, char *to, size_t most)
{
    static const char bundle[] =
        "#bundle\0\0\0\0\0\0\0\0\1"
        "\0\0\0\x18/riposte/tempo\0\0,f\0\0\x42\xc8\0\0"
        "\0\0\0\x18/riposte/tempo\0\0,i\0\0\0\0\0\x64";
    static const char number[] = "/riposte/top-p\0\0,f\0\0\x3f\0\0\0";
    static const char subscribe[] =
        "/riposte/subscribe\0\0,si\0beat\0\0\0\0\0\0\x23\x28";
    static const char all[] = "/riposte/*\0\0,\0\0\0";
    static const char *const seeds[] = {bundle, number, subscribe, all};
    static const uint8_t sizes[] = {sizeof(bundle) - 1, sizeof(number) - 1,
                                    sizeof(subscribe) - 1, sizeof(all) - 1};
    uint32_t which = rp_rng_bits(rng) % 4;
    size_t size = sizes[which];

    memcpy(to, seeds[which], size);
    for (uint32_t n = rp_rng_bits(rng) % 6; n > 0; n--) {
        to[rp_rng_bits(rng) % size] = (char)rp_rng_bits(rng);
    }
    if (rp_rng_bits(rng) % 4 == 0) {
        size = rp_rng_bits(rng) % (size + 1);
    }
    if (rp_rng_bits(rng) % 50 == 0) {
        for (size = 0; size < most; size += 4) {
            uint32_t bits = rp_rng_bits(rng);

            memcpy(to + size, &bits, 4);
        }
        size = rp_rng_bits(rng) % most;
    }
    return size;
}

/* Every packet ends up in one of the counters. A bundle is two messages, so
 * that the count may be more. */
static void test_flood(void)
{
    enum { PACKETS = 100000, LONGEST = 2048 };
    char bytes[LONGEST];
    struct rp_rng rng;
    struct rp_osc_view before, view;
    uint64_t total;

    rp_rng_init(&rng, 5, 1);
    rp_osc_look(osc, &before);
    for (int i = 0; i < PACKETS; i++) {
        send_bytes(bytes, mutate(&rng, bytes, LONGEST));
        if (i % 64 == 0) {
            poll_once();
            while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
            }
        }
    }
    /* Losses are known when the next one gets through. */
    expect_pong();
    total = before.messages + before.malformed + before.lost + PACKETS;
    view = count_to(total);
    printf("%d packets: messages %llu, malformed %llu, lost %llu\n", PACKETS,
           (unsigned long long)(view.messages - before.messages),
           (unsigned long long)(view.malformed - before.malformed),
           (unsigned long long)(view.lost - before.lost));
    CHECK(view.messages + view.malformed + view.lost >= total);
    CHECK(view.malformed - before.malformed > PACKETS / 20);
    CHECK(view.messages - before.messages > PACKETS / 100);
}

/* Faster than main reads: none is lost but those counted, and what was not
 * lost was obeyed. */
static void test_burst(void)
{
    enum { BURST = 20000 };
    struct rp_osc_view before, view;
    uint32_t panics = rig.knobs.panic, pings;
    uint64_t messages, lost;

    rp_osc_look(osc, &before);
    for (int i = 0; i < BURST; i++) {
        send_bytes("/riposte/panic\0\0,\0\0", 20);
    }
    pings = expect_pong();
    view = count_to(before.messages + before.malformed + before.lost + BURST +
                    pings);
    messages = view.messages - before.messages;
    lost = view.lost - before.lost;
    panics = rig.knobs.panic - panics;
    printf("burst of %d: obeyed %u, lost %llu\n", BURST, panics,
           (unsigned long long)lost);
    CHECK_INT(messages + lost, BURST + pings);
    CHECK(panics <= messages && panics + pings >= messages);
    CHECK(panics >= 1000);
}

int main(void)
{
    begin();
    test_broken();
    test_bundle();
    test_burst();
    test_flood();
    end();
    return TEST_END();
}
