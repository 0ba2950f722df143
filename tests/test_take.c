/* Takes: a journal cut or damaged at any byte gives all whole records before
 * it; a run killed at any moment loses a second at most; a full disk loses
 * nothing. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/take_bench.h"

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

        unlink(path.text);
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

        unlink(path.text);
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

/* A take with `notes` events that is closed. */
static void record_one(const char *path, int notes)
{
    struct rp_take *take = open_take(path);
    struct rp_clock clock = start_clock(0);

    push(RP_RECORDED_CLOCK, &clock, 0, none);
    for (int i = 0; i < notes; i++) {
        push(RP_RECORDED_CALL, &clock, i * 1000,
             rp_event_make(RP_CONTROL, 0, 1, i));
    }
    if (!notes) { /* as the run after a kill begins */
        push(RP_RECORDED_ANSWER, &clock, 0,
             rp_event_make(RP_CONTROL, 0, 123, 0));
        push(RP_RECORDED_CALL, &clock, 1,
             rp_event_make(RP_NOTE_OFF, 0, 60, 64));
    }
    CHECK_INT(rp_take_close(take), RP_OK);
}

/* A take does not cost the one before it. */
static void test_earlier(void)
{
    const struct name path = in_folder("twice.mid");
    const struct name journal = in_folder("twice.mid.journal");
    uint8_t bytes[4096];
    size_t size = make_journal(bytes, sizeof(bytes));

    CHECK(size > HEADER + RECORD);
    record_one(path.text, 3);
    logged[0] = '\0';
    record_one(path.text, 0); /* nothing played: nothing to put there */
    CHECK_INT(read_mid(path.text)->counts[1], 3);
    CHECK(access(in_folder("twice-1.mid").text, F_OK));
    CHECK(access(journal.text, F_OK));
    put_file(journal.text, bytes, HEADER + RECORD); /* nor when killed */
    CHECK_INT(rp_take_recover(path.text, NULL), RP_OK);
    CHECK_INT(read_mid(path.text)->counts[1], 3);
    CHECK(access(journal.text, F_OK));
    CHECK_TEXT(logged, "");

    record_one(path.text, 5);
    CHECK_INT(read_mid(path.text)->counts[1], 5);
    CHECK_INT(read_mid(in_folder("twice-1.mid").text)->counts[1], 3);
    CHECK(strstr(logged, "twice.mid: kept as ") != NULL);
    record_one(path.text, 7);
    CHECK_INT(read_mid(path.text)->counts[1], 7);
    CHECK_INT(read_mid(in_folder("twice-2.mid").text)->counts[1], 5);
    put_file(in_folder("empty.mid").text, bytes, 0); /* made by mktemp */
    record_one(in_folder("empty.mid").text, 1);
    CHECK_INT(read_mid(in_folder("empty.mid").text)->counts[1], 1);
    CHECK(access(in_folder("empty-1.mid").text, F_OK));
}

static void test_no_name(void)
{
    const struct name slash = in_folder("new/"), pipe = in_folder("pipe.mid");
    const char *const paths[] = {"", folder, slash.text, pipe.text};
    struct stat info;

    CHECK_INT(mkfifo(pipe.text, 0600), 0); /* as /dev/null: it stays */
    for (int i = 0; i < 4; i++) {
        struct rp_take *take = NULL;

        logged[0] = '\0';
        CHECK_INT(rp_take_create(&take, paths[i], &ring), RP_EARG);
        CHECK(strstr(logged, "expected the name of a .mid file") != NULL);
    }
    CHECK(stat(pipe.text, &info) == 0 && S_ISFIFO(info.st_mode));
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

/* False when more than the last second is missing. */
static bool kill_after(int after_ms)
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
    return (uint32_t)mid->counts[1] >= must;
}

/* A machine that stands still for a second while it is written is no fault of
 * the recorder: one time in three will do. */
static void test_kill(int after_ms)
{
    bool kept = false;

    for (int tries = 0; tries < 3 && !kept; tries++) {
        kept = kill_after(after_ms);
    }
    CHECK(kept);
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
    take_begin();
    test_nothing();
    test_cut();
    test_damage();
    test_names();
    test_earlier();
    test_no_name();
    test_kill(300);
    test_kill(2300);
    test_full_disk();
    take_end();
    return TEST_END();
}
