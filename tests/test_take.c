/* Takes: what went into the ring is in the file, at its tick; a journal cut or
 * damaged at any byte gives all whole records before it; a run killed at any
 * moment loses a second at most; a full disk loses nothing. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rt/cycle.h"
#include "rt/log.h"
#include "rt/smf_write.h"
#include "rt/take.h"

#include "tests/test.h"

static char folder[] = "/tmp/riposte-take-XXXXXX";
static char logged[4096]; /* all lines since the last quiet() */

static void listen(void *self, enum rp_level level, const char *tag,
                   const char *text)
{
    size_t used = strlen(logged);

    snprintf(logged + used, sizeof(logged) - used, "%s: %s\n", tag, text);
}

struct name {
    char text[200];
};

static struct name in_folder(const char *file)
{
    struct name name;

    snprintf(name.text, sizeof(name.text), "%s/%s", folder, file);
    return name;
}

/* ---- a reader of .mid files that knows only what riposte writes ---- */

struct mid_event {
    int64_t tick;
    uint8_t bytes[8]; /* channel message, or meta: ff type size data */
};
struct mid {
    bool whole;
    int tracks, ppq, counts[4];
    char name[4][20];
    struct mid_event event[4][4000];
};

static uint32_t number(const uint8_t *at, int bytes)
{
    uint32_t value = 0;

    while (bytes--) {
        value = value << 8 | *at++;
    }
    return value;
}

/* One event; returns the bytes it takes, 0 when it is none. */
static size_t read_event(struct mid *mid, int track, int64_t tick,
                         const uint8_t *at, uint8_t *status)
{
    struct mid_event *event = &mid->event[track][mid->counts[track]];
    int size;

    event->tick = tick;
    memset(event->bytes, 0, 8);
    if (at[0] == 0xff) {
        memcpy(event->bytes, at, at[2] < 5 ? 3 + at[2] : 8);
        if (at[1] == 3) {
            memcpy(mid->name[track], at + 3, at[2]);
        } else if (at[1] != 0x2f) {
            mid->counts[track]++;
        }
        return 3 + at[2];
    }
    size = at[0] & 0x80 ? 1 : 0;
    *status = size ? at[0] : *status;
    if (*status < 0x80 || *status >= 0xf0) {
        return 0;
    }
    event->bytes[0] = *status;
    memcpy(event->bytes + 1, at + size, rp_event_data_size(*status));
    mid->counts[track]++;
    return size + rp_event_data_size(*status);
}

static void read_track(struct mid *mid, int track, const uint8_t *at,
                       const uint8_t *end)
{
    int64_t tick = 0;
    uint8_t status = 0;

    while (at < end && mid->counts[track] < 3999) {
        uint32_t delta = 0;
        size_t used;

        do {
            delta = delta << 7 | (*at & 0x7f);
        } while (*at++ & 0x80);
        tick += delta;
        used = read_event(mid, track, tick, at, &status);
        if (!used) {
            return;
        }
        at += used;
    }
    mid->whole = mid->whole && at == end;
}

static struct mid *read_mid(const char *path)
{
    static struct mid mid;
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, sizeof(bytes), file) : 0, at = 14;

    memset(&mid, 0, sizeof(mid));
    if (file) {
        fclose(file);
    }
    if (size < 14 || memcmp(bytes, "MThd\0\0\0\6\0\1", 10)) {
        return &mid;
    }
    mid.tracks = number(bytes + 10, 2);
    mid.ppq = number(bytes + 12, 2);
    mid.whole = true;
    for (int t = 0; t < mid.tracks && t < 4; t++) {
        uint32_t length = number(bytes + at + 4, 4);

        if (at + 8 + length > size || memcmp(bytes + at, "MTrk", 4)) {
            mid.whole = false;
            break;
        }
        read_track(&mid, t, bytes + at + 8, bytes + at + 8 + length);
        at += 8 + length;
    }
    mid.whole = mid.whole && at == size;
    return &mid;
}

/* ---- what is recorded ---- */

static struct rp_ring ring;

static void push(uint8_t kind, const struct rp_clock *clock, rp_frame frame,
                 struct rp_event event)
{
    struct rp_recorded recorded = {.frame = frame,
                                   .kind = kind,
                                   .beat = rp_clock_beat(clock, frame),
                                   .event = event,
                                   .clock = *clock};

    CHECK(rp_ring_push(&ring, &recorded, NULL));
}

static const struct rp_event none;

static struct rp_clock start_clock(rp_frame frame)
{
    return (struct rp_clock){.rate = 48000,
                             .mbpm = 97000,
                             .frame = frame,
                             .metre = {4, 4},
                             .anchored = 1};
}

static struct rp_take *open_take(const char *path)
{
    struct rp_take *take = NULL;

    CHECK_INT(rp_take_create(&take, path, &ring), RP_OK);
    if (!take) {
        printf("no take, no test\n");
        exit(1);
    }
    return take;
}

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

static void test_nothing(void)
{
    const struct name path = in_folder("nothing.mid");

    CHECK_INT(rp_take_close(open_take(path.text)), RP_OK);
    CHECK(access(path.text, F_OK));
    CHECK(access(in_folder("nothing.mid.journal").text, F_OK));
    CHECK_INT(rp_take_close(NULL), RP_OK);
}

/* ---- after a kill ---- */

enum { RECORDS = 12, HEADER = 16, RECORD = 64 };

static size_t make_journal(uint8_t *bytes, size_t size)
{
    const struct name path = in_folder("made.mid");
    struct rp_take *take = open_take(path.text);
    struct rp_clock clock = start_clock(0);
    FILE *file;

    push(RP_RECORDED_CLOCK, &clock, 0, none);
    for (int i = 1; i < RECORDS; i++) {
        push(RP_RECORDED_CALL, &clock, i * 1000,
             rp_event_make(RP_CONTROL, 0, 1, i));
    }
    rp_take_drain(take);
    file = fopen(in_folder("made.mid.journal").text, "rb");
    size = file ? fread(bytes, 1, size, file) : 0;
    fclose(file);
    CHECK_INT(rp_take_close(take), RP_OK);
    CHECK_INT(size, HEADER + RECORDS * RECORD);
    return size;
}

static void put_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    CHECK(file && fwrite(bytes, 1, size, file) == size);
    fclose(file);
}

static void test_cut(void)
{
    uint8_t bytes[4096];
    size_t size = make_journal(bytes, sizeof(bytes));
    const struct name path = in_folder("cut.mid");
    unsigned wrong = 0, compared = 0;

    for (size_t cut = 0; cut <= size; cut++) {
        int finished = 0, whole = cut < HEADER ? 0 : (cut - HEADER) / RECORD;
        struct mid *mid;

        put_file(in_folder("cut.mid.journal").text, bytes, cut);
        wrong +=
            rp_take_recover(path.text, &finished) != RP_OK || finished != 1;
        mid = read_mid(path.text);
        wrong += !mid->whole || mid->counts[1] != (whole > 0 ? whole - 1 : 0);
        wrong += !access(in_folder("cut.mid.journal").text, F_OK);
        compared++;
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(compared, size + 1);
}

static void test_damage(void)
{
    uint8_t bytes[4096];
    size_t size = make_journal(bytes, sizeof(bytes));
    const struct name path = in_folder("bad.mid");
    const struct name journal = in_folder("bad.mid.journal");
    char line[300];
    unsigned wrong = 0;

    for (size_t at = HEADER; at < size; at += 7) {
        int whole = (at - HEADER) / RECORD;
        struct mid *mid;

        bytes[at] ^= 1 << at % 8;
        put_file(journal.text, bytes, size);
        bytes[at] ^= 1 << at % 8;
        logged[0] = '\0';
        wrong += rp_take_recover(path.text, NULL) != RP_OK;
        mid = read_mid(path.text);
        wrong += !mid->whole || mid->counts[1] != (whole > 0 ? whole - 1 : 0);
        snprintf(line, sizeof(line), "take: %s: byte %d: no whole record",
                 journal.text, HEADER + whole * RECORD);
        wrong += strncmp(logged, line, strlen(line)) != 0;
    }
    CHECK_INT(wrong, 0);

    bytes[3] ^= 1; /* something else altogether: left where it is */
    put_file(journal.text, bytes, size);
    logged[0] = '\0';
    CHECK_INT(rp_take_recover(path.text, NULL), RP_EFORMAT);
    CHECK(strstr(logged, "byte 0: expected \"riposte take 1\"") != NULL);
    CHECK(!access(journal.text, F_OK));
    unlink(journal.text);
}

static void test_names(void)
{
    uint8_t bytes[4096];
    size_t size = make_journal(bytes, sizeof(bytes));
    struct rp_take *take;
    int finished;

    /* a new take of the same name keeps what the killed one left */
    put_file(in_folder("again.mid.journal").text, bytes, size);
    put_file(in_folder("again-1.mid").text, bytes, 5);
    take = open_take(in_folder("again.mid").text);
    CHECK_INT(read_mid(in_folder("again-2.mid").text)->counts[1], RECORDS - 1);
    /* while it is being recorded nobody finishes it, or records it too */
    CHECK_INT(rp_take_recover(in_folder("again.mid").text, &finished), RP_OK);
    CHECK_INT(finished, 0);
    CHECK(!access(in_folder("again.mid.journal").text, F_OK));
    logged[0] = '\0';
    {
        struct rp_take *second = NULL;

        CHECK_INT(rp_take_create(&second, in_folder("again.mid").text, &ring),
                  RP_EIO);
        CHECK(strstr(logged, "another riposte records it") != NULL);
    }
    CHECK_INT(rp_take_close(take), RP_OK);
    /* a whole folder */
    put_file(in_folder("a.mid.journal").text, bytes, size);
    put_file(in_folder("b.mid.journal").text, bytes, size);
    put_file(in_folder("other.journal").text, (const uint8_t *)"diary", 5);
    put_file(in_folder("not.mid.journal").text, bytes + 1, 500);
    CHECK_INT(rp_take_recover(folder, &finished), RP_OK);
    CHECK_INT(finished, 2);
    CHECK_INT(read_mid(in_folder("b.mid").text)->counts[1], RECORDS - 1);
    CHECK(!access(in_folder("other.journal").text, F_OK));
    CHECK(!access(in_folder("not.mid.journal").text, F_OK));
    /* a new take finishes its neighbours, too */
    put_file(in_folder("c.mid.journal").text, bytes, size);
    CHECK_INT(rp_take_close(open_take(in_folder("new.mid").text)), RP_OK);
    CHECK_INT(read_mid(in_folder("c.mid").text)->counts[1], RECORDS - 1);
    CHECK_INT(rp_take_recover(in_folder("no-such.mid").text, &finished), RP_OK);
    CHECK_INT(finished, 0);
    logged[0] = '\0';
    {
        struct rp_take *nowhere = NULL;

        CHECK_INT(
            rp_take_create(&nowhere, in_folder("no/such.mid").text, &ring),
            RP_EIO);
        CHECK(strstr(logged, "no/such.mid.journal: No such file") != NULL);
    }
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

struct shared {
    _Atomic uint32_t pushed;   /* events */
    _Atomic uint32_t at[4096]; /* ms when event i was pushed */
};

static void record_until_killed(struct shared *shared, const char *path)
{
    struct rp_clock clock = start_clock(0);
    struct rp_take *take = open_take(path);

    push(RP_RECORDED_CLOCK, &clock, 0, none);
    if (rp_take_start(take) != RP_OK) {
        _exit(1);
    }
    for (uint32_t i = 0; i < 3900; i++) {
        push(RP_RECORDED_CALL, &clock, i * 100,
             rp_event_make(RP_CONTROL, i >> 7 & 15, i & 127, 1));
        shared->at[i] = now_ms();
        shared->pushed = i + 1;
        nap(2);
    }
    _exit(0);
}

static void test_kill(int after_ms)
{
    struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct name path = in_folder("kill.mid");
    struct mid *mid;
    uint32_t pushed, killed, must = 0;
    pid_t child = fork();

    if (child == 0) {
        record_until_killed(shared, path.text);
    }
    for (int i = 0; i < 10000 && !shared->pushed; i++) {
        nap(1);
    }
    nap(after_ms);
    killed = now_ms();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    pushed = shared->pushed;
    while (must < pushed && shared->at[must] + 1000 < killed) {
        must++;
    }
    CHECK_INT(rp_take_recover(path.text, NULL), RP_OK);
    mid = read_mid(path.text);
    CHECK(mid->whole);
    CHECK(pushed > 10);
    CHECK((uint32_t)mid->counts[1] >= must);
    CHECK((uint32_t)mid->counts[1] <= pushed + 1);
    for (int i = 0; i < mid->counts[1]; i++) {
        if (mid->event[1][i].bytes[1] != (i & 127)) {
            CHECK_INT(mid->event[1][i].bytes[1], i & 127);
            break;
        }
    }
    printf("killed after %d ms: %u events, %d in the take, %u had to be\n",
           after_ms, pushed, mid->counts[1], must);
    munmap(shared, sizeof(*shared));
}

/* A disk that fills up and is cleared: in a child, with a limit on file
 * size. */
static void fill_disk(void)
{
    struct rlimit limit = {HEADER + 3 * RECORD + 10, RLIM_INFINITY};
    struct rp_take *take = open_take(in_folder("full.mid").text);
    struct rp_clock clock = start_clock(0);

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    push(RP_RECORDED_CLOCK, &clock, 0, none);
    for (int i = 0; i < 1000; i++) {
        push(RP_RECORDED_CALL, &clock, i * 100,
             rp_event_make(RP_CONTROL, 0, i & 127, 1));
        rp_take_drain(take);
    }
    CHECK(strstr(logged, "full.mid.journal: ") != NULL);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    rp_take_drain(take);
    CHECK(strstr(logged, "recording again") != NULL);
    CHECK_INT(rp_take_close(take), RP_OK);
    CHECK_INT(read_mid(in_folder("full.mid").text)->counts[1], 1000);
    fflush(stdout);
    _exit(test_failures != 0);
}

static void test_full_disk(void)
{
    int status = -1;
    pid_t child;

    fflush(stdout);
    logged[0] = '\0';
    child = fork();
    if (child == 0) {
        fill_disk();
    }
    waitpid(child, &status, 0);
    CHECK_INT(status, 0);
}

int main(void)
{
    char remove[100];

    rp_log_to(listen, NULL);
    if (!mkdtemp(folder) ||
        rp_ring_init(&ring, 8192, sizeof(struct rp_recorded)) != RP_OK) {
        printf("no folder or no memory\n");
        return 1;
    }
    test_content();
    test_clock_changes();
    test_nothing();
    test_cut();
    test_damage();
    test_names();
    test_kill(300);
    test_kill(2300);
    test_full_disk();
    rp_ring_fini(&ring);
    snprintf(remove, sizeof(remove), "rm -r %s", folder);
    CHECK_INT(system(remove), 0);
    return TEST_END();
}
