/* Text that a test makes, against a file under tests/golden. With the
 * environment RIPOSTE_GOLDEN=write the file is made anew (look at the diff
 * before it is committed). */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "test.h"

static inline char *golden_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    if (!file || !text || fread(text, 1, (1 << 20) - 1, file) == 0) {
        printf("%s: cannot be read\n", path);
        test_failures++;
    }
    if (file) {
        fclose(file);
    }
    return text;
}

/* Lines that differ are printed, both sides, ten at most. */
static inline void golden_compare(const char *path, const char *got)
{
    const char *write = getenv("RIPOSTE_GOLDEN");
    char *all, *want;
    int line = 0, bad = 0;

    if (write && !strcmp(write, "write")) {
        FILE *file = fopen(path, "w");

        if (file) {
            fputs(got, file);
            fclose(file);
        }
    }
    all = want = golden_read(path);
    test_checks++;
    while ((*got || *want) && bad < 10) {
        int g = (int)strcspn(got, "\n"), w = (int)strcspn(want, "\n");

        line++;
        if (g != w || strncmp(got, want, (size_t)g) || got[g] != want[w]) {
            printf("%s:%d: expected \"%.*s\"\n  got \"%.*s\"\n", path, line, w,
                   want, g, got);
            bad++;
        }
        got += g + (got[g] == '\n');
        want += w + (want[w] == '\n');
    }
    test_failures += bad > 0;
    free(all);
}

#endif
