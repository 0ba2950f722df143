/* Event files byte by byte; read_events.py, and TensorBoard where it is
 * installed, read what a run leaves in test_cmd_train. */
#include "model/board.h"

#include <sys/resource.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt/log.h"
#include "tests/test.h"

static char folder[] = "/tmp/riposte-board-XXXXXX", path[80], logged[500];

static void keep_log(void *self, enum rp_level level, const char *tag,
                     const char *text)
{
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
}

static long size_of(void)
{
    struct stat about;
    return stat(path, &about) ? -1 : (long)about.st_size;
}

static void test_crc(void)
{
    unsigned char zeros[32] = {0};

    /* RFC 3720, B.4. */
    CHECK(rp_board_crc("123456789", 9) == UINT32_C(0xe3069283));
    CHECK(rp_board_crc(zeros, 32) == UINT32_C(0x8a9136aa));
}

/* A scalar event, each byte of it. */
static void test_bytes(void)
{
    static const unsigned char after_time[] = {
        0x10, 0xac, 0x02,             /* step: 300 */
        0x2a, 0x0c,                   /* summary, 12 bytes */
        0x0a, 0x0a,                   /* value, 10 bytes */
        0x0a, 0x03, 'a',  '/',  'b',  /* tag */
        0x15, 0x00, 0x00, 0xc0, 0x3f, /* 1.5 */
    };
    const struct rp_board_scalar scalar = {"a/b", 1.5f};
    unsigned char got[100];
    uint64_t size;
    FILE *file;

    CHECK_INT(rp_board_add(path, 300, &scalar, 1), RP_OK);
    file = fopen(path, "rb");
    CHECK(file && fread(got, 1, sizeof got, file) == 16 + 9 + 17);
    if (file)
        fclose(file);
    memcpy(&size, got, 8);
    CHECK_INT(size, 9 + sizeof after_time);
    CHECK_INT(got[12], 0x09);
    CHECK(!memcmp(got + 12 + 9, after_time, sizeof after_time));
    unlink(path);
}

static void test_trim(void)
{
    const struct rp_board_scalar scalar = {"a/b", 1.5f};
    long begin, size[5];

    CHECK_INT(rp_board_trim(path, 5), RP_ENONE);
    CHECK_INT(rp_board_create(path, "c", "some\ntext"), RP_OK);
    begin = size_of();
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_INT(rp_board_add(path, 10 * i, &scalar, 1), RP_OK);
        size[i] = size_of();
    }
    CHECK_INT(rp_board_trim(path, 40), RP_OK);
    CHECK_INT(size_of(), size[4]);
    CHECK_INT(rp_board_trim(path, 29), RP_OK);
    CHECK_INT(size_of(), size[2]);
    for (long cut = size[2] - 1; cut > size[1]; cut--) {
        CHECK(!truncate(path, cut));
        CHECK_INT(rp_board_trim(path, 29), RP_OK);
        CHECK_INT(size_of(), size[1]);
        CHECK_INT(rp_board_add(path, 20, &scalar, 1), RP_OK);
    }
    CHECK_INT(rp_board_trim(path, 0), RP_OK);
    CHECK_INT(size_of(), size[0]);
    CHECK(size[0] > begin);
}

/* Any byte that is not as it was ends what is read there. */
static void test_damage(void)
{
    const struct rp_board_scalar scalar = {"a/b", 1.5f};
    long begin, end;

    CHECK_INT(rp_board_create(path, "c", "text"), RP_OK);
    begin = size_of();
    CHECK_INT(rp_board_add(path, 1, &scalar, 1), RP_OK);
    end = size_of();
    for (long at = begin; at < end; at++) {
        FILE *file = fopen(path, "r+b");
        int byte;
        CHECK(file && !fseek(file, at, SEEK_SET));
        byte = getc(file);
        fseek(file, at, SEEK_SET);
        putc(byte ^ 0x40, file);
        fclose(file);
        CHECK_INT(rp_board_trim(path, 9), RP_OK);
        CHECK_INT(size_of(), begin);
        CHECK_INT(rp_board_add(path, 1, &scalar, 1), RP_OK);
        CHECK_INT(size_of(), end);
    }
}

/* A disk that ends in the middle of an event leaves none of it. */
static void test_full(void)
{
    const struct rp_board_scalar scalar = {"a/b", 1.5f};
    struct rlimit limit;
    long before = size_of();

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    CHECK(!setrlimit(RLIMIT_FSIZE,
                     &(struct rlimit){(rlim_t)before + 10, limit.rlim_max}));
    CHECK_INT(rp_board_add(path, 2, &scalar, 1), RP_EIO);
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK(strstr(logged, path) && strstr(logged, "cannot write"));
    CHECK_INT(size_of(), before);
    CHECK_INT(rp_board_add("/nowhere/at/all", 2, &scalar, 1), RP_EIO);
    CHECK(strstr(logged, "/nowhere/at/all"));
}

int main(void)
{
    rp_log_to(keep_log, NULL);
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(path, sizeof path, "%s/events", folder);
    test_crc();
    test_bytes();
    test_trim();
    test_damage();
    test_full();
    unlink(path);
    rmdir(folder);
    return TEST_END();
}
