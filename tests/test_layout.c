/* The rules of the tree, read from the includes:
 *   rt <- model <- cuda, and tui -> rt, model; only tests include cuda/;
 *   JACK, ALSA and RtMidi headers only in rt/backend_*.c; curses only in
 *   tui/screen_curses.c; liblo only in tui/wire_liblo.c; CUDA only in cuda/.
 * Each breach is one line with file:line. The rules are first tried on a
 * small tree that breaks every one of them. */
#include <dirent.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

static const char *const folders[] = {"rt", "model", "cuda", "tui", "tests"};

/* Which of our folders a folder's files may include. */
static const struct {
    const char *folder, *may;
} ours[] = {
    {"rt", "rt"},
    {"model", "rt model"},
    {"cuda", "rt model cuda"},
    {"tui", "rt model tui"},
    {"tests", "rt model cuda tui tests"},
};

/* Where the headers of a system may be included: shell patterns over the
 * header and, up to the NULL, over the path. */
static const struct {
    const char *header, *where[4];
} systems[] = {
    {"jack/*", {"rt/backend_jack*", "tests/*", NULL}},
    {"alsa/*", {"rt/backend_alsa*.c", "tests/*", NULL}},
    {"rtmidi/*", {"rt/backend_rtmidi*.c", "tests/*", NULL}},
    {"rtmidi_c.h", {"rt/backend_rtmidi*.c", "tests/*", NULL}},
    {"*curses*.h", {"tui/screen_curses.c", NULL}},
    {"ncurses*/*", {"tui/screen_curses.c", NULL}},
    {"term.h", {"tui/screen_curses.c", NULL}},
    {"lo/*", {"tui/wire_liblo.c", "tests/*", NULL}},
    {"cuda*", {"cuda/*", "tests/*", NULL}},
    {"cublas*", {"cuda/*", "tests/fake/*", NULL}},
    {"cudnn*", {"cuda/*", "tests/fake/*", NULL}},
    {"curand*", {"cuda/*", NULL}},
    {"nccl*", {"cuda/*", NULL}},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char report[65536]; /* every breach, one a line */
static size_t reported;
static unsigned files, includes, breaches;

__attribute__((format(printf, 1, 2))) static void breach(const char *format,
                                                         ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(report + reported, sizeof report - reported, format,
                      list);
    va_end(list);
    if (n > 0 && (size_t)n < sizeof report - reported)
        reported += (size_t)n;
    breaches++;
}

static bool has_word(const char *list, const char *word, size_t size)
{
    for (const char *at = list; (at = strstr(at, word)) != NULL; at++)
        if ((at == list || at[-1] == ' ') &&
            (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

/* The first folder of `path`, where it is one of ours; else NULL. */
static const char *folder_of(const char *path)
{
    for (size_t i = 0; i < COUNT(folders); i++) {
        size_t size = strlen(folders[i]);
        if (!strncmp(path, folders[i], size) && path[size] == '/')
            return folders[i];
    }
    return NULL;
}

/* "../x.h" and "x.h" as seen from `file` become paths from the top; freed by
 * whoever asked. */
static char *resolve(const char *file, const char *header)
{
    const char *slash = strrchr(file, '/');
    int size = slash ? (int)(slash - file) : 0;
    char *path = NULL;
    if (folder_of(header))
        return strdup(header);
    while (!strncmp(header, "../", 3) || !strncmp(header, "./", 2)) {
        bool up = header[1] == '.';
        header += up ? 3 : 2;
        while (up && size > 0 && file[--size] != '/')
            ;
    }
    if (asprintf(&path, "%.*s%s%s", size, file, size ? "/" : "", header) < 0)
        abort();
    return path;
}

static void check_ours(const char *file, unsigned line, const char *header)
{
    char *path = resolve(file, header);
    const char *from = folder_of(file), *to = folder_of(path);
    for (size_t i = 0; to && i < COUNT(ours); i++)
        if (!strcmp(ours[i].folder, from) &&
            !has_word(ours[i].may, to, strlen(to)))
            breach("%s:%u: includes \"%s\"; %s/ may include only: %s\n", file,
                   line, header, from, ours[i].may);
    free(path);
}

static void check_system(const char *file, unsigned line, const char *header)
{
    for (size_t i = 0; i < COUNT(systems); i++) {
        if (fnmatch(systems[i].header, header, FNM_PATHNAME))
            continue;
        bool allowed = false;
        for (size_t k = 0; systems[i].where[k]; k++)
            allowed |= !fnmatch(systems[i].where[k], file, 0);
        if (!allowed)
            breach("%s:%u: includes <%s>; only %s may\n", file, line, header,
                   systems[i].where[0]);
        return;
    }
}

static void read_file(const char *file)
{
    char text[1024];
    FILE *in = fopen(file, "r");
    CHECK(in != NULL);
    if (!in)
        return;
    files++;
    for (unsigned line = 1; fgets(text, sizeof text, in); line++) {
        char open, header[256];
        if (sscanf(text, " # include %c%255[^\">]", &open, header) != 2)
            continue;
        includes++;
        /* A system's header is one however it is quoted. */
        check_system(file, line, header);
        if (open == '"' || folder_of(header))
            check_ours(file, line, header);
    }
    fclose(in);
}

static bool is_source(const char *name)
{
    static const char *const ends[] = {"*.c", "*.h", "*.cu", "*.cuh", "*.inc"};
    for (size_t i = 0; i < COUNT(ends); i++)
        if (!fnmatch(ends[i], name, 0))
            return true;
    return false;
}

static void read_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat status;
        char *path;
        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
            abort();
        if (!stat(path, &status) && S_ISDIR(status.st_mode))
            read_folder(path);
        else if (is_source(path))
            read_file(path);
        free(path);
    }
    closedir(dir);
}

/* The tree at the current folder. */
static void read_tree(void)
{
    report[0] = '\0';
    reported = 0;
    files = includes = breaches = 0;
    for (size_t i = 0; i < COUNT(folders); i++)
        read_folder(folders[i]);
}

/* A tree that breaks each rule once; `want` is how the report must begin a
 * line, NULL where the include is allowed. */
static const struct {
    const char *file, *text, *want;
} samples[] = {
    {"rt/a.c", "#include \"rt/b.h\"\n#include \"model/x.h\"\n",
     "rt/a.c:2: includes \"model/x.h\""},
    {"rt/b.h", "#  include <jack/jack.h>\n", "rt/b.h:1: includes <jack/"},
    {"rt/backend_jack.c", "#include <jack/jack.h>\n", NULL},
    {"rt/backend_null.c", "#include <jack/midiport.h>\n",
     "rt/backend_null.c:1: includes <jack/midiport.h>"},
    {"rt/backend_alsa.c", "#include \"alsa/asoundlib.h\"\n", NULL},
    {"rt/c.c", "\n#include <alsa/asoundlib.h>\n", "rt/c.c:2: includes <alsa"},
    {"model/a.c", "#include \"rt/b.h\"\n#include \"../tui/cli.h\"\n",
     "model/a.c:2: includes \"../tui/cli.h\""},
    {"model/b.c", "#include \"cuda/engine.h\"\n",
     "model/b.c:1: includes \"cuda/engine.h\""},
    {"model/c.c", "#include <cuda_runtime.h>\n",
     "model/c.c:1: includes <cuda_runtime.h>"},
    {"model/d.c", "#include <rtmidi_c.h>\n", "model/d.c:1: includes <rtmidi"},
    {"cuda/e.cu", "#include <cublas_v2.h>\n#include \"model/net/engine.h\"\n",
     NULL},
    {"cuda/f.cu", "#include \"tui/cli.h\"\n", "cuda/f.cu:1: includes \"tui/"},
    {"tui/screen_curses.c", "#include <ncurses.h>\n", NULL},
    {"tui/view.c", "#include <stdio.h>\n#include <curses.h>\n",
     "tui/view.c:2: includes <curses.h>"},
    {"tui/main.c", "#include \"cuda/x.h\"\n", "tui/main.c:1: includes \"cuda/"},
    {"tests/test_x.c", "#include <cudnn.h>\n", "tests/test_x.c:1: includes <"},
    {"tests/fake/jack.c", "#include <jack/jack.h>\n", NULL},
};

static const char *const made[] = {"rt",  "model", "cuda",
                                   "tui", "tests", "tests/fake"};

static void make_samples(void)
{
    for (size_t i = 0; i < COUNT(made); i++)
        CHECK_INT(mkdir(made[i], 0700), 0);
    for (size_t i = 0; i < COUNT(samples); i++) {
        FILE *out = fopen(samples[i].file, "w");
        CHECK(out != NULL && fputs(samples[i].text, out) >= 0);
        CHECK(out != NULL && !fclose(out));
    }
}

static void remove_samples(void)
{
    for (size_t i = 0; i < COUNT(samples); i++)
        CHECK_INT(unlink(samples[i].file), 0);
    for (size_t i = COUNT(made); i-- > 0;)
        CHECK_INT(rmdir(made[i]), 0);
}

static void try_samples(void)
{
    char top[] = "/tmp/test_layout.XXXXXX";
    char *back = getcwd(NULL, 0);
    unsigned wanted = 0;
    if (!back || !mkdtemp(top) || chdir(top)) {
        CHECK(!"a temporary folder can be made");
        free(back);
        return;
    }
    make_samples();
    read_tree();
    for (size_t i = 0; i < COUNT(samples); i++) {
        wanted += samples[i].want != NULL;
        if (samples[i].want && !strstr(report, samples[i].want)) {
            printf("not found out: %s\n", samples[i].want);
            CHECK(!"every breach is found");
        }
    }
    CHECK_INT(breaches, wanted);
    CHECK_INT(files, COUNT(samples));
    remove_samples();
    CHECK_INT(chdir(back), 0);
    CHECK_INT(rmdir(top), 0);
    free(back);
}

int main(int count, char **arg)
{
    try_samples();
    if (count > 1)
        CHECK_INT(chdir(arg[1]), 0);
    read_tree();
    fputs(report, stdout);
    CHECK_INT(breaches, 0);
    /* A tree that was not found must not pass. */
    CHECK(files > 20 && includes > 50);
    printf("%u files, %u includes read\n", files, includes);
    return TEST_END();
}
