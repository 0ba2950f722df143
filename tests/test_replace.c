/* What is replaced, and what is left where it is. */
#include "rt/replace.h"

#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "rt/log.h"
#include "test.h"

static char last[256];

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(last, sizeof last, "%s: %s", tag, text);
}

static const char *content(const char *path)
{
    static char text[32];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;

    text[size] = '\0';
    if (file) {
        fclose(file);
    }
    return text;
}

static void test_file(void)
{
    const char *path = in_folder("file");
    struct stat info;

    CHECK_INT(rp_replace_file("x", path, "one", 3), RP_OK);
    CHECK_TEXT(content(path), "one");
    CHECK_INT(rp_replace_file("x", path, "", 0), RP_OK);
    CHECK_TEXT(content(path), "");
    CHECK_INT(chmod(path, 0640), 0);
    CHECK_INT(rp_replace_file("x", path, "two", 3), RP_OK);
    CHECK_TEXT(content(path), "two");
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0640);
    CHECK(access(in_folder("file.part"), F_OK));
}

/* Of a link to it the file is replaced, wherever it lies; the link stays. One
 * that leads nowhere becomes a file. */
static void test_link(void)
{
    const char *path = in_folder("link"), *file = in_folder("file");
    struct stat info;

    CHECK_INT(symlink("file", path), 0);
    CHECK_INT(rp_replace_file("x", path, "three", 5), RP_OK);
    CHECK_TEXT(content(file), "three");
    CHECK(lstat(path, &info) == 0 && S_ISLNK(info.st_mode));
    CHECK_INT(unlink(file), 0);
    CHECK_INT(rp_replace_file("x", path, "four", 4), RP_OK);
    CHECK_TEXT(content(path), "four");
    CHECK_INT(unlink(path), 0);
}

/* Whatever is no file is still there, and is what it was. */
static void test_others(void)
{
    const char *pipe = in_folder("pipe"), *nowhere = in_folder("no/file");
    char line[256];
    struct stat info;

    CHECK_INT(mkfifo(pipe, 0600), 0);
    CHECK_INT(rp_replace_file("x", pipe, "five", 4), RP_EARG);
    snprintf(line, sizeof line, "x: %s: expected the name of a file", pipe);
    CHECK_TEXT(last, line);
    CHECK(stat(pipe, &info) == 0 && S_ISFIFO(info.st_mode));
    CHECK_INT(unlink(pipe), 0);
    CHECK_INT(rp_replace_file("x", folder, "six", 3), RP_EARG);
    CHECK_INT(rp_replace_file("x", nowhere, "seven", 5), RP_EIO);
    CHECK(strstr(last, "cannot write: No such file") != NULL);
}

int main(void)
{
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    rp_log_to(keep, NULL);
    test_file();
    test_link();
    test_others();
    CHECK_INT(rmdir(folder), 0);
    return TEST_END();
}
