/* What a session manager keeps: written whole, read back strictly, and known
 * to be saved or not. */
#include <sys/stat.h>
#include <unistd.h>

#include "rt/log.h"
#include "tests/test.h"
#include "tui/project.h"

static char top[64], folder[96], said[1024];
static struct rp_rig rig;
static struct rp_model model;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said, sizeof(said), "%s: %s", tag, text);
}

/* As rp_rig_load leaves it, without a network. */
static void load(const char *preset)
{
    rp_preset_fini(&rig.preset);
    CHECK_INT(rp_preset_find(preset, &rig.preset), RP_OK);
    rp_knobs_init(&rig.knobs);
    rp_preset_apply(&rig.preset, &rig.knobs);
    model.path = rig.preset.model;
    rig.model[0] = &model;
    rig.models = 1;
}

/* Every setting to something else. */
static void turn_all(int steps)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        rp_setting_step(i, &rig.knobs, steps);
    }
}

static void check_knobs(const struct rp_knobs *got)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        char a[64], b[64];

        rp_setting_print(i, &rig.knobs, a, sizeof(a));
        rp_setting_print(i, got, b, sizeof(b));
        CHECK_TEXT(b, a);
    }
}

static void test_round(void)
{
    struct rp_project project, again;
    struct rp_knobs knobs;

    load("melody");
    CHECK_INT(rp_project_open(&project, folder), RP_OK);
    CHECK(!project.there && !project.preset && !project.set);
    rp_project_settle(&project, &rig);
    CHECK(!rp_project_is_saved(&project, &rig)); /* a new one */
    turn_all(1);
    CHECK_INT(rp_project_save(&project, &rig), RP_OK);
    CHECK(rp_project_is_saved(&project, &rig));
    rp_setting_step(RP_SET_TEMPO, &rig.knobs, 1);
    CHECK(!rp_project_is_saved(&project, &rig));
    rp_setting_step(RP_SET_TEMPO, &rig.knobs, -1);
    CHECK(rp_project_is_saved(&project, &rig));

    CHECK_INT(rp_project_open(&again, folder), RP_OK);
    CHECK(again.there);
    CHECK_TEXT(again.preset, "melody");
    CHECK(!again.model);
    CHECK_INT(again.set, (1u << RP_SETTINGS) - 1);
    rp_knobs_init(&knobs);
    rp_project_apply(&again, &knobs);
    check_knobs(&knobs);
    rp_project_settle(&again, &rig);
    CHECK(rp_project_is_saved(&again, &rig));
    rp_project_fini(&project);
    rp_project_fini(&again);
}

/* A preset that its name does not find, and other weights than its own. */
static void test_paths(void)
{
    struct rp_project project;
    char path[128], weights[] = "/other/weights.safetensors";
    FILE *file;

    snprintf(path, sizeof(path), "%s/mine.ini", top);
    file = fopen(path, "w");
    CHECK(file && fputs("tempo = 91\n", file) >= 0);
    if (file) {
        fclose(file);
    }
    CHECK_INT(chdir(top), 0);
    load("./mine.ini");
    model.path = weights;
    CHECK_INT(rp_project_open(&project, folder), RP_OK);
    CHECK_INT(rp_project_save(&project, &rig), RP_OK);
    rp_project_fini(&project);
    CHECK_INT(rp_project_open(&project, folder), RP_OK);
    CHECK_TEXT(project.preset, path);
    CHECK_TEXT(project.model, weights);
    CHECK_INT(project.knobs.tempo, 91000);
    rp_project_fini(&project);
    unlink(path);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"preset = melody\nvolume = 3\n", ":2: unknown key 'volume'"},
        {"tempo = 900\n", ":1: tempo = '900': expected a number of BPM"},
        {"tempo = 90\n\ntempo = 91\n", ":3: 'tempo' is set a second time"},
        {"preset = a\npreset = b\n", ":2: 'preset' is set a second time"},
        {"# whole\ntempo\n", ":2: expected key = value"},
    };
    struct rp_project project;
    char path[128];

    snprintf(path, sizeof(path), "%s/riposte.ini", folder);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        FILE *file = fopen(path, "w");

        CHECK(file && fputs(bad[i].text, file) >= 0);
        if (file) {
            fclose(file);
        }
        CHECK_INT(rp_project_open(&project, folder), RP_EFORMAT);
        CHECK(strstr(said, path) && strstr(said, bad[i].why));
        rp_project_fini(&project);
    }
    unlink(path);
    CHECK_INT(rp_project_open(&project, "/proc/none/at/all"), RP_EIO);
    CHECK(strstr(said, "/proc/none/at/all: cannot make the folder") != NULL);
    rp_project_fini(&project);
}

/* What cannot be written is said, and is not taken for saved. */
static void test_unwritable(void)
{
    struct rp_project project;
    char part[128];

    load("melody");
    snprintf(part, sizeof(part), "%s/riposte.ini.part", folder);
    CHECK_INT(mkdir(part, 0777), 0);
    CHECK_INT(rp_project_open(&project, folder), RP_OK);
    CHECK_INT(rp_project_save(&project, &rig), RP_EIO);
    CHECK(!rp_project_is_saved(&project, &rig));
    rmdir(part);
    CHECK_INT(rp_project_save(&project, &rig), RP_OK);
    CHECK(rp_project_is_saved(&project, &rig));
    unlink(project.ini);
    rp_project_fini(&project);
}

int main(void)
{
    snprintf(top, sizeof(top), "/tmp/riposte-project-XXXXXX");
    if (!mkdtemp(top)) {
        return 1;
    }
    snprintf(folder, sizeof(folder), "%s/session/riposte.nABCD", top);
    rp_log_to(keep, NULL);
    test_round();
    test_paths();
    test_refused();
    test_unwritable();
    rp_log_to(NULL, NULL);
    rp_preset_fini(&rig.preset);
    rmdir(folder);
    *strrchr(folder, '/') = '\0';
    rmdir(folder);
    CHECK_INT(rmdir(top), 0);
    return TEST_END();
}
