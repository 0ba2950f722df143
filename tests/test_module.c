/* Engine modules: what is found and why not, whichever way a file is wrong.
 * The modules are built beside the tests, in fake/ and fake/bad/. */
#include "model/net/module.h"

#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static char here[PATH_MAX - 100]; /* of the build, the tests' folder */
static char logged[500];
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    snprintf(logged, sizeof logged, "%s: %s", tag, text);
    lines++;
}

static struct rp_engine_entry entry[RP_ENGINES_MAX];
static uint32_t count;

static void find(const char *folders)
{
    setenv("RIPOSTE_MODULES", folders, 1);
    memset(entry, 0, sizeof entry);
    snprintf(entry[0].name, sizeof entry[0].name, "cpu");
    count = 1;
    rp_module_find(entry, &count, RP_ENGINES_MAX);
}

static const struct rp_engine_entry *named(const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(entry[i].name, name))
            return &entry[i];
    return NULL;
}

static void check_missing(const char *name, const char *part,
                          const char *other)
{
    const struct rp_engine_entry *found = named(name);

    CHECK(found != NULL);
    if (!found)
        return;
    CHECK(!found->ops);
    CHECK(!strchr(found->missing, '\n'));
    if (!strstr(found->missing, part) || !strstr(found->missing, other)) {
        printf("%s: \"%s\" lacks \"%s\" or \"%s\"\n", name, found->missing,
               part, other);
        CHECK(false);
    }
}

static void test_bad(void)
{
    char folder[PATH_MAX], text[PATH_MAX], mine[] = "/tmp/riposte-XXXXXX";
    FILE *file;

    CHECK(mkdtemp(mine) != NULL);
    snprintf(text, sizeof text, "%s/riposte-text.so", mine);
    file = fopen(text, "w");
    CHECK(file && fputs("no shared object, but long enough to be one\n",
                        file) >= 0);
    CHECK(file && fclose(file) == 0);
    snprintf(folder, sizeof folder, "%s/fake/bad:%s", here, mine);
    find(folder);
    CHECK_INT(count, 7);
    check_missing("old", "riposte-old.so: is of version 99, expected ", "");
    check_missing("other", "is the engine \"fail\", expected \"other\"", here);
    check_missing("empty", "exports no rp_engine_module", here);
    check_missing("lacks", "riposte_library_that_is_not_here", here);
    check_missing("text", "riposte-text.so: ", mine);
    check_missing("cuda", "no module riposte-cuda.so in ", folder);
    CHECK_INT(unlink(text), 0);
    CHECK_INT(rmdir(mine), 0);
}

/* A folder that is not there, none at all, names that are no engine's; the
 * first of a name counts. */
static void test_folders(void)
{
    char folders[3 * PATH_MAX], mine[] = "/tmp/riposte-XXXXXX";
    char bogus[4][PATH_MAX];

    find("/nowhere/at/all");
    CHECK_INT(count, 2);
    check_missing("cuda", "in /nowhere/at/all", "");
    find("");
    CHECK_INT(count, 2);
    check_missing("cuda", "cuda.so: RIPOSTE_MODULES names no folder", "");
    CHECK(mkdtemp(mine) != NULL);
    snprintf(bogus[0], PATH_MAX, "%s/riposte-.so", mine);
    snprintf(bogus[1], PATH_MAX, "%s/riposte-far-too-long-a-name.so", mine);
    snprintf(bogus[2], PATH_MAX, "%s/libcuda.so", mine);
    snprintf(bogus[3], PATH_MAX, "%s/riposte-cpu.so", mine);
    for (int i = 0; i < 4; i++) {
        FILE *file = fopen(bogus[i], "w");
        CHECK(file && fclose(file) == 0);
    }
    snprintf(folders, sizeof folders, "%s:%s/fake:%s/fake", mine, here, here);
    find(folders);
    CHECK_INT(count, 3);
    CHECK(named("fail") && named("fail")->ops);
    CHECK(!named("cpu")->missing[0]);
    for (int i = 0; i < 4; i++)
        CHECK_INT(unlink(bogus[i]), 0);
    CHECK_INT(rmdir(mine), 0);
}

/* A whole one: it runs, and its lines come to our log. */
static void test_good(void)
{
    const struct rp_shape shape = {1, 16, 16, {24, false, false}};
    const struct rp_engine_ops *ops;
    struct rp_engine *engine = NULL;
    char folder[PATH_MAX];

    snprintf(folder, sizeof folder, "%s/fake", here);
    find(folder);
    CHECK(named("fail") && named("fail")->ops);
    ops = named("fail")->ops;
    CHECK_INT(ops->create(&engine, &shape, 3), RP_OK);
    CHECK_INT(ops->slot_reset(engine, 2), RP_OK);
    CHECK_INT(ops->slot_reset(engine, 3), RP_EARG);
    ops->destroy(engine);
    setenv("RIPOSTE_FAIL", "slot_reset:2", 1);
    CHECK_INT(ops->create(&engine, &shape, 3), RP_OK);
    rp_log_to(keep_line, NULL);
    CHECK_INT(ops->slot_reset(engine, 2), RP_OK);
    CHECK_INT(ops->slot_reset(engine, 2), RP_ELOST);
    CHECK_INT(ops->slot_reset(engine, 2), RP_ELOST);
    rp_log_to(NULL, NULL);
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged, "fail: lost in slot_reset, on cue");
    ops->destroy(engine);
}

/* By name, as the command asks. */
static void test_names(void)
{
    const struct rp_engine_ops *ops = NULL;

    rp_log_to(keep_line, NULL);
    setenv("RIPOSTE_FAIL", "probe:1", 1);
    lines = 0;
    CHECK_INT(rp_engine_find("fail", &ops), RP_ENONE);
    CHECK_INT(lines, 1);
    CHECK_TEXT(logged, "engine: fail cannot run here: no device, on cue");
    CHECK_INT(rp_engine_find("cuda", &ops), RP_ENONE);
    CHECK(strstr(logged, "cuda cannot run here: no module riposte-cuda.so"));
    CHECK_INT(rp_engine_find("abacus", &ops), RP_ENONE);
    CHECK(strstr(logged, "no engine \"abacus\"; expected auto, cpu, fail"));
    unsetenv("RIPOSTE_FAIL");
    CHECK_INT(rp_engine_find("fail", &ops), RP_OK);
    CHECK_TEXT(ops->name, "fail");
    rp_log_to(NULL, NULL);
}

/* "auto" takes another engine only if it is quicker by far, and lives. */
static void test_choose(void)
{
    const struct rp_shape shape = {1, 16, 16, {24, false, false}};
    static const char *const cues[] = {"", "step:3", "create:1", "probe:1",
                                       "set_params:1:memory", NULL};
    const struct rp_engine_ops *ops = NULL;
    struct rp_layout layout;
    float *params;

    rp_shape_layout(&shape, &layout);
    params = calloc(layout.size, sizeof *params);
    CHECK(params != NULL);
    rp_log_to(keep_line, NULL);
    for (int i = 0; cues[i]; i++) {
        setenv("RIPOSTE_FAIL", cues[i], 1);
        CHECK_INT(rp_engine_choose("auto", &shape, params, &ops), RP_OK);
        CHECK(ops == &rp_engine_cpu);
    }
    unsetenv("RIPOSTE_FAIL");
    CHECK_INT(rp_engine_choose("fail", &shape, params, &ops), RP_OK);
    CHECK_TEXT(ops->name, "fail");
    rp_log_to(NULL, NULL);
    free(params);
}

int main(int argc, char **argv)
{
    char *self = realpath(argv[0], NULL);

    if (!self)
        return 1;
    snprintf(here, sizeof here, "%s", dirname(self));
    free(self);
    test_bad();
    test_folders();
    test_good();
    test_names();
    test_choose();
    return TEST_END();
}
