/* What the audio thread's library may call: reads the undefined symbols of
 * librt_core.a (the argument) with nm and holds them against a short list. */
#include <stdbool.h>

#include "tests/test.h"

static const char *const allowed[] = {
    /* bytes */
    "memcpy", "memmove", "memset", "memcmp",
    /* the compiler's 128-bit division */
    "__divmodti4", "__divti3", "__modti3", "__udivti3", "__umodti3",
    "__udivmodti4",
    /* what it adds under hardening */
    "__memcpy_chk", "__memmove_chk", "__memset_chk", "__stack_chk_fail",
    "_GLOBAL_OFFSET_TABLE_",
    /* wakes the performer: bounded, async-signal-safe */
    "sem_post"};

enum { NAMES = 1000 };
static char defined[NAMES][100];
static unsigned defineds;

static bool is_allowed(const char *name)
{
    for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (!strcmp(allowed[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_ours(const char *name)
{
    for (unsigned i = 0; i < defineds; i++) {
        if (!strcmp(defined[i], name)) {
            return true;
        }
    }
    return false;
}

/* What a sanitizer or coverage adds to a build of its own. */
static bool is_instrumented(const char *name)
{
    return !strncmp(name, "__asan", 6) || !strncmp(name, "__tsan", 6) ||
           !strncmp(name, "__ubsan", 7) || !strncmp(name, "__gcov", 6) ||
           !strncmp(name, "__sanitizer", 11) || !strncmp(name, "__llvm", 6);
}

/* Lines of `nm -p`: [value] type name; archive members end in a colon. */
static FILE *run_nm(const char *library, const char *option)
{
    char command[1200];

    snprintf(command, sizeof(command), "nm -p %s '%s'", option, library);
    return popen(command, "r");
}

static void read_defined(const char *library)
{
    FILE *nm = run_nm(library, "--defined-only");
    char line[400], type;

    while (nm && fgets(line, sizeof(line), nm) && defineds < NAMES) {
        if (sscanf(line, "%*x %c %99s", &type, defined[defineds]) == 2) {
            defineds++;
        }
    }
    if (nm) {
        pclose(nm);
    }
}

int main(int argc, char **argv)
{
    char line[400], name[100];
    unsigned undefined = 0;
    bool posts = false;
    FILE *nm;

    if (argc != 2) {
        printf("usage: test_rt_symbols librt_core.a\n");
        return 1;
    }
    if (system("nm --version >/dev/null 2>&1")) {
        SKIP("no nm here");
    }
    read_defined(argv[1]);
    CHECK(defineds > 30);
    CHECK(is_ours("rp_cycle_run"));
    nm = run_nm(argv[1], "-u");
    while (nm && fgets(line, sizeof(line), nm)) {
        if (sscanf(line, " U %99s", name) != 1) {
            continue;
        }
        if (is_instrumented(name)) {
            continue;
        }
        undefined++;
        posts |= !strcmp(name, "sem_post");
        if (!is_ours(name) && !is_allowed(name)) {
            printf("%s calls %s\n", argv[1], name);
            CHECK(is_allowed(name));
        }
    }
    CHECK(nm && pclose(nm) == 0);
    CHECK(undefined > 10);
    CHECK(posts); /* else nm told us nothing */
    return TEST_END();
}
