/* Runs of training over made-up songs, for the tests of it: a small set-up,
 * and whether two runs left the same. */
#ifndef TRAIN_RUNS_H
#define TRAIN_RUNS_H

#include "model/net/checkpoint.h"
#include "model/train_options.h"
#include "rt/log.h"
#include "tests/songs.h"
#include "tests/test.h"

static char folder[40]; /* in memory if there is such, for speed */
static char logged[4096];
static const char *dirs[1];

static inline void keep_log(void *self, enum rp_level level, const char *tag,
                            const char *text)
{
    if (level >= RP_WARN)
        snprintf(logged, sizeof logged, "%s: %s", tag, text);
}

static inline struct rp_train_options small(const char *out)
{
    struct rp_train_options options;

    rp_train_defaults(&options);
    options.dir = dirs;
    options.dirs = 1;
    options.out = out;
    options.layers = 2;
    options.hidden = 32;
    options.head = 16;
    options.batch = 40; /* two shards */
    options.length = 24;
    options.epochs = 3;
    options.warmup = 4;
    options.lr = 0.01f;
    options.recurrent_dropout = 0.1f;
    options.threads = 1;
    options.precision = "fp32"; /* on every CPU */
    options.message = "a test";
    options.command = "riposte train songs";
    return options;
}

static inline const char *path_of(const char *out, const char *name)
{
    static char path[4][400];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/001/%s", out, name);
    return path[next];
}

/* Two tables but for the last two columns, which tell the time. */
static inline bool same_table(const char *a, const char *b)
{
    FILE *x = fopen(a, "r"), *y = fopen(b, "r");
    char one[2000], two[2000];
    int lines = 0;
    bool equal = x && y;

    while (equal && fgets(one, sizeof one, x)) {
        equal = fgets(two, sizeof two, y) != NULL;
        for (int i = 0; i < 2 && equal; i++)
            *strrchr(one, ',') = *strrchr(two, ',') = 0;
        if (equal && strcmp(one, two)) {
            printf("%s: %s\n%s: %s\n", a, one, b, two);
            equal = false;
        }
        lines++;
    }
    equal = equal && lines > 1 && !fgets(two, sizeof two, y);
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return equal;
}

/* Whether two files hold the same bytes, of which there are some. */
static inline bool same(const char *a, const char *b)
{
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    long count = 0;
    int c = EOF, d = EOF;

    while (x && y) {
        c = getc(x);
        d = getc(y);
        if (c != d || c == EOF)
            break;
        count++;
    }
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    if (c != d || count == 0)
        printf("%s and %s differ at byte %ld\n", a, b, count);
    return c == d && count > 0;
}

static inline void check_same_runs(const char *a, const char *b)
{
    CHECK(same_table(path_of(a, "run.csv"), path_of(b, "run.csv")));
    CHECK(same(path_of(a, "good.safetensors"), path_of(b, "good.safetensors")));
    CHECK(same(path_of(a, "best.safetensors"), path_of(b, "best.safetensors")));
    CHECK(same(path_of(a, "last.safetensors"), path_of(b, "last.safetensors")));
}

static inline struct rp_train_result run(const struct rp_train_options *options)
{
    struct rp_train_result result = {0};
    CHECK_INT(rp_train_run(options, NULL, true, &result), RP_OK);
    return result;
}

static inline bool runs_begin(void)
{
    rp_log_to(keep_log, NULL);
    snprintf(folder, sizeof folder, "%s/riposte-train-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    dirs[0] = folder;
    if (songs_folder(folder, 60, 60))
        return true;
    printf("%s: cannot write the songs\n", folder);
    return false;
}

#endif
