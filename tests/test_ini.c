/* Reading lines "key = value" strictly; replacing a file whole. */
#include <sys/stat.h>
#include <unistd.h>

#include "rt/ini.h"
#include "rt/log.h"
#include "rt/replace.h"
#include "tests/test.h"

static char folder[64], path[96], part[104], said[1024];

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said, sizeof(said), "%s: %s", tag, text);
}

static void put(const char *text)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

static rp_status gather(void *self, const struct rp_ini_line *line)
{
    char *text = self;
    size_t used = strlen(text);

    if (!strcmp(line->key, "stop")) {
        return rp_ini_refuse(line, "expected anything but '%s'", line->key);
    }
    snprintf(text + used, 256 - used, "%u[%s][%s]", line->line, line->key,
             line->value);
    return RP_OK;
}

static rp_status read_text(const char *text, char *got)
{
    put(text);
    *got = *said = '\0';
    return rp_ini_read("test", path, false, gather, got);
}

static void test_lines(void)
{
    char got[256], want[160];

    CHECK_INT(read_text("# none\n\n a = b c \r\n;\nx=1 # more\ny = a#b\n", got),
              RP_OK);
    CHECK_TEXT(got, "3[a][b c]5[x][1]6[y][a#b]");
    CHECK_TEXT(said, "");
    CHECK_INT(read_text("last = line", got), RP_OK);
    CHECK_TEXT(got, "1[last][line]");
    CHECK_INT(read_text("a = 1\nstop = 1\nb = 2\n", got), RP_EFORMAT);
    CHECK_TEXT(got, "1[a][1]");
    snprintf(want, sizeof(want), "test: %s:2: expected anything but 'stop'",
             path);
    CHECK_TEXT(said, want);
}

static void test_bad_lines(void)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"a = 1\nb\n", ":2: expected key = value"},
        {"= 1\n", ":1: expected key = value"},
        {"a =\n", ":1: expected a value after '='"},
        {"a = # 1\n", ":1: expected a value after '='"},
    };
    char got[256], *line = calloc(1, 8192);
    FILE *file;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(read_text(bad[i].text, got), RP_EFORMAT);
        CHECK(strstr(said, bad[i].why) != NULL);
    }
    memset(line, 'x', 8000);
    line[8000] = '\n';
    CHECK_INT(read_text(line, got), RP_EFORMAT);
    CHECK(strstr(said, ":1: expected a shorter line") != NULL);
    free(line);
    put("a = 1\nb = 2");
    if ((file = fopen(path, "a"))) {
        fwrite("\0x\n", 1, 3, file);
        fclose(file);
    }
    CHECK_INT(rp_ini_read("test", path, false, gather, got), RP_EFORMAT);
    CHECK(strstr(said, ":2: expected text, but there is a NUL byte") != NULL);

    unlink(path);
    *said = '\0';
    CHECK_INT(rp_ini_read("test", path, true, gather, got), RP_ENONE);
    CHECK_TEXT(said, "");
    CHECK_INT(rp_ini_read("test", path, false, gather, got), RP_ENONE);
    CHECK(strstr(said, "No such file") != NULL);
    CHECK_INT(rp_ini_read("test", folder, true, gather, got), RP_EIO);
}

static void test_replace(void)
{
    char got[16] = "";
    FILE *file;

    put("old");
    CHECK_INT(rp_replace_file("test", path, "new one", 7), RP_OK);
    file = fopen(path, "r");
    CHECK(file && fgets(got, sizeof(got), file));
    CHECK_TEXT(got, "new one");
    if (file) {
        fclose(file);
    }
    CHECK(access(part, F_OK) != 0);

    /* What cannot be written leaves the old one as it was. */
    CHECK_INT(mkdir(part, 0777), 0);
    *said = '\0';
    CHECK_INT(rp_replace_file("test", path, "bad", 3), RP_EIO);
    CHECK(strstr(said, "cannot write") != NULL);
    file = fopen(path, "r");
    CHECK(file && fgets(got, sizeof(got), file));
    CHECK_TEXT(got, "new one");
    if (file) {
        fclose(file);
    }
    rmdir(part);
}

int main(void)
{
    snprintf(folder, sizeof(folder), "/tmp/riposte-ini-XXXXXX");
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/x.ini", folder);
    snprintf(part, sizeof(part), "%s.part", path);
    rp_log_to(keep, NULL);
    test_lines();
    test_bad_lines();
    test_replace();
    rp_log_to(NULL, NULL);
    unlink(path);
    rmdir(folder);
    return TEST_END();
}
