/* riposte prepare as a user meets it: trained on, its file gives the very
 * weights that the folders give, and each mistake is one clear line. */
#include <stdarg.h>

#include "tests/folder.h"
#include "tests/songs.h"
#include "tests/test.h"

static char said[16384];

/* Exit code; `said` is what came on both outputs. */
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
    char command[1024];
    va_list list;
    int n = snprintf(command, sizeof command, "cd %s && \"$RIPOSTE\" ", folder);
    va_start(list, format);
    n += vsnprintf(command + n, sizeof command - (size_t)n, format, list);
    va_end(list);
    snprintf(command + n, sizeof command - (size_t)n, " 2>&1 </dev/null");
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return -1;
    said[fread(said, 1, sizeof said - 1, pipe)] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refused(int code, int want, const char *text)
{
    CHECK_INT(code, want);
    const char *end = strchr(said, '\n');
    if (!strstr(said, text) || !end || end[1]) {
        printf("expected one line with '%s', got:\n%s", text, said);
        CHECK(0);
    }
}

static char *read_all(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1 << 22);
    *size = file && bytes ? fread(bytes, 1, 1 << 22, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

/* Whether two files have the same bytes from `from` on, which both have. */
static void same_from(const char *a, const char *b, const char *from)
{
    size_t as, bs;
    char *x = read_all(in_folder(a), &as), *y = read_all(in_folder(b), &bs);
    char *xa = memmem(x, as, from, strlen(from));
    char *ya = memmem(y, bs, from, strlen(from));
    CHECK(xa && ya);
    if (xa && ya) {
        CHECK_INT(x + as - xa, y + bs - ya);
        CHECK(x + as - xa > 16 && !memcmp(xa, ya, (size_t)(x + as - xa)));
    }
    free(x);
    free(y);
}

/* The weights behind the header of a checkpoint. */
static void same_weights(const char *a, const char *b)
{
    size_t as, bs;
    char *x = read_all(in_folder(a), &as), *y = read_all(in_folder(b), &bs);
    uint64_t xh = 0, yh = 0;
    CHECK(as > 8 && bs > 8);
    if (as > 8 && bs > 8) {
        memcpy(&xh, x, 8);
        memcpy(&yh, y, 8);
        CHECK(as > 8 + xh && bs > 8 + yh);
        CHECK_INT(as - xh, bs - yh);
        CHECK(!memcmp(x + 8 + xh, y + 8 + yh, as - 8 - xh));
    }
    free(x);
    free(y);
}

static void test_same(void)
{
    static const char train[] = "--epochs 2 --layers 1 --hidden 16 --head 16 "
                                "--batch 4 --length 16 --quiet";
    CHECK_INT(run("prepare songs --out songs.data --report songs.json "
                  "--role performance --resolution 12"),
              0);
    CHECK(strstr(said, "data: 40 files, 40 kept (performance, 12 ticks"));
    /* The file says its role and resolution; a performance its touch. */
    CHECK_INT(run("train songs.data --out b %s", train), 0);
    CHECK_INT(run("train songs --role performance --resolution 12 --out a %s",
                  train),
              0);
    same_weights("a/001/best.safetensors", "b/001/best.safetensors");
    same_from("a/001/data.json", "b/001/data.json", "{\"role\"");
    same_from("a/001/data.json", "songs.json", "{\"role\"");
    CHECK_INT(run("prepare songs.data --report again.json"), 0);
    CHECK(strstr(said, "40 kept (performance, 12 ticks"));
    same_from("again.json", "songs.json", "{\"role\"");
    refused(run("prepare songs.data --out other.data"), 2,
            "songs.data is prepared: expected folders for --out");
    CHECK_INT(run("eval songs.data --out b --split valid"), 0);
    CHECK(strstr(said, "valid split: "));
    CHECK(strstr(said, "velocity") && strstr(said, "timing"));
}

static void test_ratio(void)
{
    static const struct {
        const char *ratio;
        int least, most;
    } list[] = {{"0.05", 0, 8}, {"0.4", 20, 38}};
    for (int i = 0; i < 2; i++) {
        int train = -1, valid = -1, test = -1;
        CHECK_INT(run("prepare songs --eval-ratio %s", list[i].ratio), 0);
        const char *at = strstr(said, "train ");
        CHECK(at && sscanf(at,
                           "train %d pieces, %*d notes; valid %d pieces, "
                           "%*d notes; test %d",
                           &train, &valid, &test) == 3);
        CHECK_INT(train + valid + test, 40);
        CHECK(valid + test >= list[i].least && valid + test <= list[i].most);
    }
}

static void test_refused(void)
{
    CHECK_INT(mkdir(in_folder("empty"), 0700), 0);
    CHECK_INT(mkdir(in_folder("broken"), 0700), 0);
    FILE *file = fopen(in_folder("broken/x.mid"), "w");
    CHECK(file && fputs("no music", file) >= 0 && !fclose(file));
    file = fopen(in_folder("letter.txt"), "w");
    CHECK(file && fputs("dear MIDI", file) >= 0 && !fclose(file));
    refused(run("prepare"), 2, "DIR");
    refused(run("prepare empty"), 4, "no piece in 0 files");
    refused(run("prepare nowhere"), 1, "nowhere: No such file or directory");
    CHECK_INT(run("prepare broken"), 4); /* a line for the file, and the end */
    CHECK(strstr(said, "broken/x.mid: byte 0: "));
    CHECK(strstr(said, "no piece in 1 files: 1 broken"));
    refused(run("prepare songs --role kazoo"), 2,
            "role 'kazoo': expected melody, lead, drums,");
    refused(run("prepare songs --role oboe"), 4,
            "40 shorter than 16 notes of Oboe");
    refused(run("prepare songs --eval-ratio 0.6"), 2, "--eval-ratio '0.6'");
    refused(run("prepare letter.txt"), 3,
            "letter.txt: expected a folder, a .mid, or what 'riposte prepare' "
            "writes");
    refused(run("train letter.txt"), 3, "letter.txt: expected a folder");
    refused(run("train songs --role kazoo"), 2, "role: 'kazoo' is not one of");
    refused(run("train songs.data --role drums"), 2,
            "prepared for performance at 12 ticks per beat, expected drums");
    refused(run("prepare songs --quiet --out none/x.data"), 1,
            "none/x.data: cannot write: No such file or directory");
    CHECK_INT(truncate(in_folder("songs.data"), 3000), 0);
    refused(run("train songs.data"), 3, "songs.data: 2960 bytes after the "
                                        "first 40, expected ");
}

int main(void)
{
    char path[160];
    if (!getenv("RIPOSTE"))
        SKIP("RIPOSTE does not say where the command is");
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    CHECK_INT(mkdir(in_folder("songs"), 0700), 0);
    for (uint32_t i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "%s/%02u.mid", in_folder("songs"), i);
        CHECK(songs_save(path, i, 40));
    }
    test_same();
    test_ratio();
    test_refused();
    songs_remove(folder);
    return TEST_END();
}
