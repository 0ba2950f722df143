/* What is to be connected, over a MIDI system that is a table: asked for,
 * remembered, the first keyboard; gone and back in either order. */
#include <sys/wait.h>
#include <unistd.h>

#include "rt/patchbay.h"
#include "rt/port_file.h"

#include "tests/backend_log.h"

enum { IN, OUT, THRU, PORTS };
#define SECOND 1000000000ull

/* The system: who is there, and what is connected. */
static struct system_peer {
    bool there, hardware, refuses;
    uint32_t number;
    const char *name;
    int ways; /* 1: source, 2: destination */
    bool connected[PORTS];
} peer[8];

static const char *const port_names[PORTS] = {"in", "out", "thru"};
static struct rp_cycle cycle;
static struct rp_backend base = {.cycle = &cycle};
static struct rp_patchbay *bay;
static char folder[64], path[128];
static uint64_t now;
static int connects;

static bool connect_ports(void *self, int port, const struct rp_peer *to)
{
    CHECK(self == peer);
    connects++;
    for (int i = 0; i < 8; i++) {
        if (peer[i].there && peer[i].number == to->number) {
            peer[i].connected[port] |= !peer[i].refuses;
            return !peer[i].refuses;
        }
    }
    return false;
}

static struct rp_patchbay_system table = {.tag = "jack",
                                          .name = "riposte",
                                          .ports = port_names,
                                          .count = PORTS,
                                          .self = peer,
                                          .connect = connect_ports};

static void look(void)
{
    rp_patchbay_begin(bay);
    for (int i = 0; i < 8; i++) {
        struct rp_peer one = {.number = peer[i].number,
                              .source = peer[i].ways & 1,
                              .destination = peer[i].ways & 2,
                              .hardware = peer[i].hardware};

        if (peer[i].there) {
            snprintf(one.name, sizeof(one.name), "%s", peer[i].name);
            rp_patchbay_peer(bay, &one, NULL);
        }
    }
    rp_patchbay_end(bay);
}

static void poll(uint64_t passed)
{
    now += passed;
    look();
    rp_patchbay_look(bay, now);
    for (int i = 0; i < 8; i++) {
        for (int p = 0; p < PORTS; p++) {
            if (peer[i].there && peer[i].connected[p]) {
                rp_patchbay_link(bay, p, peer[i].number, NULL);
            }
        }
    }
    (void)rp_patchbay_looked(bay, now);
    rp_patchbay_settle(bay, now, true);
}

/* Anew: a keyboard, another, a synth; nothing is connected. */
static void boot(void)
{
    memset(peer, 0, sizeof(peer));
    peer[0] = (struct system_peer){.there = true,
                                   .hardware = true,
                                   .number = 14 << 8,
                                   .name = "Midi Through:Port-0",
                                   .ways = 3};
    peer[1] = (struct system_peer){.there = true,
                                   .hardware = true,
                                   .number = 20 << 8,
                                   .name = "Keys:MIDI 1",
                                   .ways = 1};
    peer[2] = (struct system_peer){.there = true,
                                   .hardware = true,
                                   .number = 24 << 8,
                                   .name = "Keys:MIDI 1",
                                   .ways = 1};
    peer[3] = (struct system_peer){
        .there = true, .number = 130 << 8, .name = "Synth:in", .ways = 2};
    memset(&cycle, 0, sizeof(cycle));
}

static void start(const char *const *ins, const char *const *outs,
                  const char *remember)
{
    struct rp_backend_options options = {
        .ins = ins, .outs = outs, .remember = remember};

    quiet();
    CHECK_INT(rp_patchbay_create(&bay, &base, &table, &options), RP_OK);
    look();
    CHECK_INT(rp_patchbay_check(bay), RP_OK);
    rp_patchbay_settle(bay, now, false);
}

static void stop(void)
{
    rp_patchbay_destroy(bay);
    for (int i = 0; i < 8; i++) {
        memset(peer[i].connected, 0, sizeof(peer[i].connected));
    }
}

static void unplug(int i)
{
    peer[i].there = false;
    memset(peer[i].connected, 0, sizeof(peer[i].connected));
}

#define LIST(...)                                                              \
    (const char *const[])                                                      \
    {                                                                          \
        __VA_ARGS__, NULL                                                      \
    }

static void test_first(void)
{
    boot();
    peer[1].there = peer[2].there = false;
    start(NULL, NULL, NULL);
    CHECK_INT(connects, 0); /* Midi Through is no keyboard */
    CHECK_INT(lines, 0);
    peer[2].there = true; /* plugged in later */
    poll(SECOND);
    CHECK(peer[2].connected[IN]);
    CHECK(strstr(logged, "the first keyboard there is") != NULL);
    peer[1].there = true; /* another one is not asked for */
    poll(SECOND);
    CHECK(!peer[1].connected[IN]);
    CHECK(!peer[3].connected[OUT]);
    stop();

    boot(); /* connected by hand before any keyboard came: that is it */
    peer[1].there = peer[2].there = false;
    start(NULL, NULL, NULL);
    peer[0].connected[IN] = true;
    poll(SECOND);
    peer[1].there = true;
    poll(SECOND);
    CHECK(!peer[1].connected[IN]);
    stop();

    boot(); /* "none" is none */
    start(LIST("none"), LIST("none"), NULL);
    poll(SECOND);
    for (int i = 0; i < 4; i++) {
        CHECK(!peer[i].connected[IN] && !peer[i].connected[OUT]);
    }
    CHECK_INT(lines, 0);
    stop();
}

/* Several, some of them not there yet; each is said once. */
static void test_waits(void)
{
    boot();
    peer[3].there = false;
    start(LIST("through", "Keys", "Pads"), LIST("synth"), NULL);
    CHECK(peer[0].connected[IN] && peer[1].connected[IN]);
    CHECK(!peer[2].connected[IN]);
    CHECK_INT(lines, 2);
    CHECK(strstr(logged, "no MIDI source is called 'Pads' yet") != NULL);
    CHECK(strstr(logged, "no MIDI destination is called 'synth' yet") != NULL);
    poll(SECOND);
    CHECK_INT(lines, 2);
    CHECK_INT(cycle.release, 0);
    peer[3].there = true;
    poll(SECOND);
    CHECK(peer[3].connected[OUT] && peer[3].connected[THRU]);
    CHECK(cycle.release > 0); /* what it may have missed ends there */
    peer[4] = (struct system_peer){
        .there = true, .number = 140 << 8, .name = "My pads:1", .ways = 1};
    poll(SECOND);
    CHECK(peer[4].connected[IN]);
    stop();
}

static void test_numbers(void)
{
    struct rp_backend_options options = {.in = "2", .out = "9"};

    boot();
    quiet();
    CHECK_INT(rp_patchbay_create(&bay, &base, &table, &options), RP_OK);
    look();
    CHECK_INT(rp_patchbay_check(bay), RP_ENONE);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "no MIDI destination has the number 9") != NULL);
    rp_patchbay_destroy(bay);
    start(LIST("3"), LIST("2"), NULL);
    CHECK(peer[2].connected[IN] && peer[3].connected[OUT]);
    stop();
    options.in = "";
    CHECK_INT(rp_patchbay_create(&bay, &base, &table, &options), RP_EARG);
}

/* Gone and back, at other numbers and in either order. */
static void test_replug(void)
{
    for (int order = 0; order < 2; order++) {
        boot();
        start(LIST("Keys"), LIST("synth"), NULL);
        quiet();
        unplug(1);
        unplug(3);
        poll(SECOND);
        CHECK_INT(lines, 2);
        CHECK(strstr(logged, "Synth:in is gone; it is connected again when"));
        poll(100 * SECOND); /* is not forgotten */
        peer[order ? 1 : 3].there = true;
        peer[order ? 1 : 3].number += 7 << 8;
        poll(SECOND);
        peer[order ? 3 : 1].there = true;
        peer[order ? 3 : 1].number += 9 << 8;
        poll(SECOND);
        CHECK(peer[1].connected[IN]);
        CHECK(!peer[2].connected[IN]); /* of the same name, but another */
        CHECK(peer[3].connected[OUT] && peer[3].connected[THRU]);
        CHECK(strstr(logged, "riposte:in and Keys:MIDI 1 are connected again"));
        stop();
    }
}

/* Between two looks it was away: told, it is connected again. */
static void test_blink(void)
{
    boot();
    start(LIST("Keys"), NULL, NULL);
    poll(SECOND);
    peer[1].connected[IN] = false;
    rp_patchbay_gone(bay, peer[1].number, NULL);
    poll(SECOND / 30);
    CHECK(peer[1].connected[IN]);
    /* but a cable that is cut by hand stays so */
    peer[1].connected[IN] = false;
    for (int i = 0; i < 60; i++) {
        poll(SECOND / 30);
    }
    CHECK(!peer[1].connected[IN]);
    stop();
}

/* A system that refuses is asked once a second, and that is said once. */
/* A program has gone and another has its number, before anybody looked. */
static void test_number_again(void)
{
    boot();
    start(NULL, LIST("Synth"), NULL);
    poll(SECOND);
    CHECK(peer[3].connected[OUT]);
    unplug(3);
    peer[3].there = true;
    peer[3].name = "Pads:out";
    peer[3].ways = 1;
    poll(SECOND);
    CHECK(strstr(logged, "Synth:in is gone; it is connected again") != NULL);
    CHECK(strstr(logged, "Pads:out is there") != NULL);
    peer[3].name = "Synth:in";
    peer[3].ways = 2;
    poll(SECOND);
    CHECK(peer[3].connected[OUT]);
    stop();
}

static void test_refused(void)
{
    boot();
    peer[1].refuses = true;
    start(LIST("Keys"), NULL, NULL);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "riposte:in cannot be connected to Keys") != NULL);
    connects = 0;
    for (int i = 0; i < 60; i++) {
        poll(SECOND / 20);
    }
    CHECK_INT(connects, 3);
    CHECK_INT(lines, 1);
    peer[1].refuses = false;
    poll(SECOND);
    CHECK(peer[1].connected[IN]);
    stop();
}

/* The whole system goes and comes back, with other numbers. */
static void test_lose(void)
{
    boot();
    start(LIST("Keys"), LIST("Synth"), NULL);
    quiet();
    rp_patchbay_lose(bay);
    for (int i = 0; i < 4; i++) {
        peer[i].number += 1 << 8;
        memset(peer[i].connected, 0, sizeof(peer[i].connected));
    }
    poll(10 * SECOND);
    CHECK(peer[1].connected[IN] && peer[3].connected[OUT]);
    CHECK_INT(lines, 3); /* not that everybody is there */
    stop();
}

/* What was connected is so at the next start, whoever connected it; and what
 * was cut is not. */
static void test_remember(void)
{
    boot();
    start(LIST("Keys"), NULL, path);
    peer[3].connected[OUT] = true; /* by hand */
    poll(SECOND);
    stop();
    boot();
    peer[1].number = 77 << 8;
    start(NULL, NULL, path);
    CHECK(peer[1].connected[IN] && peer[3].connected[OUT]);
    CHECK(!peer[2].connected[IN] && !peer[3].connected[THRU]);
    CHECK(strstr(logged, "as they were the last time") != NULL);
    peer[1].connected[IN] = false; /* by hand, and not since it went */
    poll(SECOND / 30);
    poll(2 * SECOND);
    poll(2 * SECOND);
    unplug(3);
    poll(SECOND);
    stop();
    boot();
    start(NULL, NULL, path); /* a keyboard is there, but it was cut off */
    CHECK(!peer[1].connected[IN] && !peer[2].connected[IN]);
    CHECK(peer[3].connected[OUT]);
    stop();
    boot();
    start(LIST("through"), NULL, path); /* asked for: instead */
    CHECK(peer[0].connected[IN] && peer[3].connected[OUT]);
    stop();
    start(NULL, NULL, path);
    CHECK(peer[0].connected[IN] && !peer[1].connected[IN]);
    stop();
    CHECK_INT(unlink(path), 0);
}

/* The lines of another backend are kept. */
static void test_remember_others(void)
{
    static struct rp_port_file file;

    CHECK(rp_port_file_add(&file, "alsa", "in", "Other"));
    CHECK_INT(rp_port_file_write(path, &file), RP_OK);
    boot();
    start(LIST("Keys"), NULL, path);
    stop();
    CHECK_INT(rp_port_file_read(path, &file), RP_OK);
    CHECK_INT(file.count, 2);
    CHECK_TEXT(file.line[0].id, "Other");
    CHECK_TEXT(file.line[1].id, "Keys:MIDI 1");
    CHECK_INT(unlink(path), 0);
}

/* A file that is not what it should be: said, left alone, nothing else. */
static void test_remember_bad(void)
{
    FILE *out = fopen(path, "w");
    char text[20] = "";

    fputs("jack.in Keys\n", out);
    fclose(out);
    boot();
    start(NULL, NULL, path);
    CHECK(strstr(logged, "ports:1: expected key = value") != NULL);
    poll(2 * SECOND);
    stop();
    out = fopen(path, "r");
    CHECK(fgets(text, sizeof(text), out) != NULL);
    fclose(out);
    CHECK_TEXT(text, "jack.in Keys\n");
    CHECK_INT(unlink(path), 0);
}

/* A system that says too early that ports are connected: silence waits. */
static void test_slow(void)
{
    boot();
    table.slow = SECOND / 5;
    start(NULL, LIST("Synth"), NULL);
    CHECK_INT(cycle.release, 0);
    unplug(3);
    poll(SECOND);
    peer[3].there = true;
    poll(SECOND);
    CHECK(peer[3].connected[OUT] && peer[3].connected[THRU]);
    CHECK_INT(cycle.release, 0);
    poll(SECOND / 5 - 1);
    CHECK_INT(cycle.release, 0);
    poll(1);
    CHECK_INT(cycle.release, 1); /* one for both */
    poll(SECOND);
    CHECK_INT(cycle.release, 1);
    stop();
    table.slow = 0;
}

/* Killed, it left notes at the synth: the next start ends them. */
static void test_killed(void)
{
    pid_t child;
    int status;

    boot();
    fflush(stdout);
    child = fork();
    if (!child) {
        start(NULL, LIST("Synth"), path);
        kill(getpid(), SIGKILL);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    start(NULL, NULL, path);
    CHECK(peer[3].connected[OUT]);
    CHECK(cycle.release > 0);
    stop();
    memset(&cycle, 0, sizeof(cycle));
    start(NULL, NULL, path); /* this time it had ended well */
    CHECK(peer[3].connected[OUT]);
    CHECK_INT(cycle.release, 0);
    stop();
    CHECK_INT(unlink(path), 0);
}

int main(void)
{
    rp_log_to(listen, NULL);
    snprintf(folder, sizeof(folder), "/tmp/test_patchbay.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/ports", folder);
    test_first();
    test_waits();
    test_numbers();
    test_replug();
    test_blink();
    test_number_again();
    test_refused();
    test_lose();
    test_remember();
    test_remember_others();
    test_remember_bad();
    test_slow();
    test_killed();
    CHECK_INT(rmdir(folder), 0);
    return TEST_END();
}
