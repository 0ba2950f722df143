/* Files are compared byte by byte with what the standard says. */
#include <sys/stat.h>
#include <unistd.h>

#include "rt/log.h"
#include "rt/smf_write.h"
#include "test.h"

static char folder[] = "/tmp/riposte-smf_write-XXXXXX";
static char path[80];
static char last[256];

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(last, sizeof last, "%s: %s", tag, text);
}

static size_t slurp(unsigned char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, room, file) : 0;
    if (file)
        fclose(file);
    return size;
}

static struct rp_event on(uint8_t pitch, uint8_t velocity)
{
    return (struct rp_event){3, {RP_NOTE_ON, pitch, velocity}};
}

static void test_bytes(void)
{
    static const unsigned char want[] =
        "MThd\0\0\0\x06\0\x01\0\x03\x03\xc0"
        "MTrk\0\0\0\x1c"
        "\0\xff\x51\x03\x09\x70\x3d"         /* 97 BPM: 618557 us, rounded */
        "\0\xff\x58\x04\x06\x03\x18\x08"     /* 6/8 */
        "\x96\x40\xff\x58\x04\x04\x02\x18"   /* 2880 later: 4/4 */
        "\x08\0\xff\x2f\0"
        "MTrk\0\0\0\x1c"
        "\0\xff\x03\x04" "call"
        "\0\xc0\x05"
        "\0\x90\x3c\x50"
        "\x83\x60\x90\x3c\0"                 /* 480 later, the order kept */
        "\0\x90\x3e\x51"
        "\0\xff\x2f\0"
        "MTrk\0\0\0\x04\0\xff\x2f\0";
    struct rp_smf_write *smf;
    CHECK_INT(rp_smf_write_create(&smf, 2), RP_OK);
    CHECK_INT(rp_smf_write_metre(smf, 2880, (struct rp_metre){4, 4}), RP_OK);
    CHECK_INT(rp_smf_write_tempo(smf, 0, 97000), RP_OK);
    CHECK_INT(rp_smf_write_metre(smf, 0, (struct rp_metre){6, 8}), RP_OK);
    CHECK_INT(rp_smf_write_name(smf, 1, "first"), RP_OK);
    CHECK_INT(rp_smf_write_name(smf, 1, "call"), RP_OK);
    struct rp_event program = {2, {RP_PROGRAM, 5, 0}};
    CHECK_INT(rp_smf_write_event(smf, 1, 480, on(60, 0)), RP_OK);
    CHECK_INT(rp_smf_write_event(smf, 1, 0, program), RP_OK);
    CHECK_INT(rp_smf_write_event(smf, 1, 480, on(62, 0x51)), RP_OK);
    CHECK_INT(rp_smf_write_event(smf, 1, 0, on(60, 0x50)), RP_OK);
    for (int i = 0; i < 2; i++) { /* saving twice gives the same file */
        unsigned char bytes[256];
        CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
        size_t size = slurp(bytes, sizeof bytes);
        CHECK_INT(size, sizeof want - 1);
        for (size_t k = 0; k < size && k < sizeof want - 1; k++)
            if (bytes[k] != want[k]) {
                printf("byte %zu of run %d\n", k, i);
                CHECK_INT(bytes[k], want[k]);
                break;
            }
    }
    rp_smf_write_destroy(smf);
    char part[100];
    snprintf(part, sizeof part, "%s.part", path);
    CHECK(access(part, F_OK)); /* nothing is left beside it */
}

static void test_delta(void)
{
    /* Around each length of the notation, and beyond what it can say. */
    static const struct {
        int64_t tick;
        const char *bytes;
        size_t size;
    } list[] = {
        {0, "\0", 1},
        {127, "\x7f", 1},
        {128, "\x81\0", 2},
        {16383, "\xff\x7f", 2},
        {16384, "\x81\x80\0", 3},
        {2097151, "\xff\xff\x7f", 3},
        {2097152, "\x81\x80\x80\0", 4},
        {268435455, "\xff\xff\xff\x7f", 4},
        {268435456, "\xff\xff\xff\x7f\xff\x01\0\x01", 8},
        {600000000, "\xff\xff\xff\x7f\xff\x01\0\xff\xff\xff\x7f\xff\x01\0"
                    "\x9e\x8d\x8c\x02", 18},
    };
    size_t n = sizeof list / sizeof *list;
    for (size_t i = 0; i < n; i++) {
        struct rp_smf_write *smf;
        unsigned char bytes[128];
        CHECK_INT(rp_smf_write_create(&smf, 1), RP_OK);
        CHECK_INT(rp_smf_write_event(smf, 1, list[i].tick, on(60, 1)), RP_OK);
        CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
        rp_smf_write_destroy(smf);
        CHECK_INT(slurp(bytes, sizeof bytes), 34 + list[i].size + 7);
        CHECK_INT(bytes[33], list[i].size + 7); /* chunk length */
        CHECK(!memcmp(bytes + 34, list[i].bytes, list[i].size));
        CHECK(!memcmp(bytes + 34 + list[i].size, "\x90\x3c\x01\0\xff\x2f", 6));
    }
}

static void test_many(void)
{
    /* 10,000 events from last to first come out in order. */
    struct rp_smf_write *smf;
    static unsigned char bytes[65536];
    CHECK_INT(rp_smf_write_create(&smf, 1), RP_OK);
    for (int i = 9999; i >= 0; i--)
        CHECK_INT(rp_smf_write_event(smf, 1, 10 * i, on(i % 128, 64)), RP_OK);
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    rp_smf_write_destroy(smf);
    CHECK_INT(slurp(bytes, sizeof bytes), 34 + 10000 * 4 + 4);
    CHECK_INT(bytes[30] << 24 | bytes[31] << 16 | bytes[32] << 8 | bytes[33],
              40004);
    int wrong = 0;
    for (int i = 0; i < 10000; i++) {
        const unsigned char *at = bytes + 34 + 4 * i;
        wrong += at[0] != (i ? 10 : 0) || at[1] != 0x90 || at[2] != i % 128;
    }
    CHECK_INT(wrong, 0);
}

static void test_text(void)
{
    static const unsigned char want[] =
        "MThd\0\0\0\x06\0\x01\0\x02\x01\xe0"
        "MTrk\0\0\0\x04\0\xff\x2f\0"
        "MTrk\0\0\0\x12"
        "\0\xff\x01\x02" "Am"
        "\x60\xff\x06\x04" "Coda"
        "\0\xff\x2f\0";
    struct rp_smf_write *smf;
    unsigned char bytes[128];
    CHECK_INT(rp_smf_write_create(&smf, 1), RP_OK);
    CHECK_INT(rp_smf_write_division(smf, 480), RP_OK);
    CHECK_INT(rp_smf_write_division(smf, 0), RP_EARG);
    CHECK_INT(rp_smf_write_division(smf, 0x8000), RP_EARG);
    CHECK_INT(rp_smf_write_text(smf, 1, 96, 6, "Coda"), RP_OK);
    CHECK_INT(rp_smf_write_text(smf, 1, 0, 1, "Am"), RP_OK);
    CHECK_INT(rp_smf_write_text(smf, 2, 0, 1, "Am"), RP_EARG);
    CHECK_INT(rp_smf_write_text(smf, 1, 0, 16, "Am"), RP_EARG);
    CHECK_INT(rp_smf_write_text(smf, 1, -1, 1, "Am"), RP_EARG);
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    rp_smf_write_destroy(smf);
    size_t size = slurp(bytes, sizeof bytes);
    CHECK_INT(size, sizeof want - 1);
    CHECK(size == sizeof want - 1 && !memcmp(bytes, want, size));
}

static void test_refused(void)
{
    struct rp_smf_write *smf;
    struct rp_metre odd = {4, 3}, none = {0, 4};
    struct rp_event real_time = {1, {RP_CLOCK}}, no_event = {0};
    struct rp_event high = {3, {RP_NOTE_ON, 128, 1}};
    struct rp_event cut = {2, {RP_NOTE_ON, 60}};
    CHECK_INT(rp_smf_write_create(&smf, 70000), RP_EARG);
    CHECK_INT(rp_smf_write_create(&smf, 1), RP_OK);
    CHECK_INT(rp_smf_write_event(smf, 0, 0, on(60, 1)), RP_EARG);
    CHECK_INT(rp_smf_write_event(smf, 2, 0, on(60, 1)), RP_EARG);
    CHECK_INT(rp_smf_write_event(smf, 1, -1, on(60, 1)), RP_EARG);
    CHECK_TEXT(last, "smf_write: tick -1: expected 0 or more");
    CHECK_INT(rp_smf_write_event(smf, 1, 0, real_time), RP_EARG);
    CHECK_INT(rp_smf_write_event(smf, 1, 0, no_event), RP_EARG);
    CHECK_INT(rp_smf_write_event(smf, 1, 0, high), RP_EARG);
    CHECK_INT(rp_smf_write_event(smf, 1, 0, cut), RP_EARG);
    CHECK_INT(rp_smf_write_tempo(smf, 0, 0), RP_EARG);
    CHECK_INT(rp_smf_write_metre(smf, 0, odd), RP_EARG);
    CHECK_INT(rp_smf_write_metre(smf, 0, none), RP_EARG);
    CHECK_INT(rp_smf_write_name(smf, 2, "x"), RP_EARG);

    /* A file that cannot be written: one line with the path and the reason,
     * and what was there before stays. */
    *last = 0;
    CHECK_INT(rp_smf_write_save(smf, "/nowhere/at/all.mid"), RP_EIO);
    CHECK_TEXT(last, "smf_write: /nowhere/at/all.mid: cannot write: "
                     "No such file or directory");
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    unsigned char bytes[128];
    size_t size = slurp(bytes, sizeof bytes);
    char part[100];
    snprintf(part, sizeof part, "%s.part", path);
    CHECK_INT(mkdir(part, 0700), 0); /* opening PATH.part fails */
    CHECK_INT(rp_smf_write_event(smf, 1, 0, on(60, 1)), RP_OK);
    CHECK_INT(rp_smf_write_save(smf, path), RP_EIO);
    CHECK_INT(slurp(bytes, sizeof bytes), size);
    CHECK_INT(rmdir(part), 0);
    rp_smf_write_destroy(smf);
    rp_smf_write_destroy(NULL);
}

int main(void)
{
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(path, sizeof path, "%s/out.mid", folder);
    rp_log_to(keep, NULL);
    test_bytes();
    test_delta();
    test_many();
    test_text();
    test_refused();
    (void)unlink(path);
    CHECK_INT(rmdir(folder), 0);
    return TEST_END();
}
