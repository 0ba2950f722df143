/* MIDI learn: what is in force of three layers, what a moved controller does,
 * what is kept, and files that are refused; and, in virtual time, that a knob
 * turns at the controller's own frame. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/log.h"
#include "rt/session.h"
#include "tests/test.h"
#include "tui/learn.h"

static struct rp_learn learn;
static struct rp_knobs knobs;
static char folder[] = "/tmp/riposte-learn-XXXXXX", path[64], logged[2048];
static int lines, presses, place, stepped;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    lines++;
    snprintf(logged, sizeof(logged), "%s: %s", tag, text);
}

static void press(void *self, int knob)
{
    presses += knob == RP_KNOB_PANIC ? 1 : 100;
}

static void choose(void *self, int at, bool steps)
{
    place = at;
    stepped += steps;
}

static void begin(void)
{
    rp_knobs_init(&knobs);
    rp_learn_init(&learn, &knobs);
    learn.press = press;
    learn.preset = choose;
    presses = stepped = lines = 0;
    place = -1;
}

static void hear(int channel, int controller, int value)
{
    rp_learn_hear(&learn, rp_event_make(RP_CONTROL, channel - 1, controller,
                                        value));
}

static bool taken(int channel, int controller)
{
    return rp_controls_taken(&learn.taken, NULL, rp_event_make(RP_CONTROL,
                                                         channel - 1,
                                                         controller, 0));
}

static void put(const char *text)
{
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
}

static const char *file_text(void)
{
    static char text[2048];
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    text[size] = '\0';
    if (file) {
        fclose(file);
    }
    return text;
}

static void test_layers(void)
{
    struct rp_mapping own[2] = {rp_mapping_make(0, 21, RP_SET_TEMPO),
                                rp_mapping_make(3, 22, RP_SET_TOP_K)};
    struct rp_preset preset = {.mapping = own, .mappings = 2}, bare = {0};

    begin();
    put("cc21 = temperature jump # mine\n\ncc22 = window jump\n"
        "cc22/2 = trade jump\n");
    CHECK_INT(rp_learn_open(&learn, path), RP_OK);
    CHECK(taken(1, 21) && taken(16, 22) && !taken(1, 23));
    hear(5, 21, 127);
    CHECK_NEAR(knobs.temperature, 2, 1e-6);
    hear(2, 22, 0); /* the channel's own */
    CHECK_INT(knobs.trade, 1);
    CHECK_INT(knobs.window, 64);
    hear(1, 22, 0);
    CHECK_INT(knobs.window, 1);
    /* the preset's over the user's */
    own[0].jump = own[1].jump = true;
    rp_learn_preset(&learn, &preset);
    hear(5, 21, 0);
    CHECK_INT(knobs.tempo, 60000);
    CHECK_NEAR(knobs.temperature, 2, 1e-6);
    hear(3, 22, 10);
    CHECK_INT(knobs.top_k, 10);
    hear(4, 22, 127);
    CHECK_INT(knobs.window, 128);
    /* the command line's over both */
    CHECK_INT(rp_learn_line(&learn, "cc21=seed jump"), RP_OK);
    hear(5, 21, 77);
    CHECK_INT(knobs.seed, 77);
    CHECK_INT(rp_learn_find(&learn, 5, 21)->mapping.knob, RP_SET_SEED);
    CHECK(rp_learn_of(&learn, RP_SET_TEMPERATURE) == NULL); /* hidden */
    /* another preset: its lines are gone, the user's are back */
    rp_learn_preset(&learn, &bare);
    hear(3, 22, 0);
    CHECK_INT(knobs.window, 1);
    CHECK_INT(knobs.top_k, 10);
    unlink(path);
}

static void test_learning(void)
{
    struct rp_learn again;
    char label[16];

    begin();
    snprintf(path, sizeof(path), "%s/not/there/learn.ini", folder);
    CHECK_INT(rp_learn_open(&learn, path), RP_OK); /* there is none yet */
    rp_learn_begin(&learn, RP_SET_TEMPO);
    CHECK(taken(1, 1) && taken(7, 99) && !taken(1, 64));
    hear(7, 99, 10); /* is learned; the knob is elsewhere, and waits */
    CHECK(!taken(1, 1) && taken(7, 99) && !taken(6, 99));
    CHECK_INT(knobs.tempo, 100000);
    rp_learn_label(&learn, RP_SET_TEMPO, label, sizeof(label));
    CHECK_TEXT(label, "cc99>");
    hear(7, 99, 100);
    CHECK(knobs.tempo > 150000);
    rp_learn_label(&learn, RP_SET_TEMPO, label, sizeof(label));
    CHECK_TEXT(label, "cc99");
    knobs.tempo = 61000;
    hear(7, 99, 90);
    rp_learn_label(&learn, RP_SET_TEMPO, label, sizeof(label));
    CHECK_TEXT(label, "<cc99");
    CHECK(strstr(file_text(), "\ncc99/7 = tempo\n") != NULL);
    /* another controller for the same knob, another knob for the same one */
    rp_learn_begin(&learn, RP_SET_TEMPO);
    hear(7, 98, 10);
    CHECK(!taken(7, 99) && taken(7, 98));
    rp_learn_begin(&learn, RP_KNOB_PANIC);
    hear(7, 98, 127); /* learned, not pressed */
    CHECK_INT(presses, 0);
    hear(7, 98, 0);
    CHECK(rp_learn_of(&learn, RP_SET_TEMPO) == NULL);
    hear(7, 98, 127);
    CHECK_INT(presses, 1);
    CHECK(strstr(file_text(), "\ncc98/7 = panic\n") != NULL);
    CHECK(!strstr(file_text(), "tempo"));
    /* what was kept is read again */
    rp_learn_init(&again, &knobs);
    CHECK_INT(rp_learn_open(&again, path), RP_OK);
    CHECK_INT(again.maps[RP_LEARN_USER], 1);
    CHECK_INT(rp_learn_forget(&learn, "cc98/7"), RP_OK);
    CHECK(!taken(7, 98) && !strstr(file_text(), "panic"));
    CHECK_INT(rp_learn_forget(&learn, "panic"), RP_OK);
    CHECK_INT(rp_learn_forget(&learn, "cc64"), RP_EARG);
    rp_learn_begin(&learn, RP_SET_TEMPO);
    rp_learn_begin(&learn, -1); /* never mind */
    hear(7, 98, 127);
    CHECK_INT(learn.maps[RP_LEARN_USER], 0);
    unlink(path);
}

/* An encoder without ends is known by what it sends when it is turned. */
static void test_kind(void)
{
    static const struct {
        uint8_t value[10];
        enum rp_mapping_kind kind;
    } all[] = {
        {{1, 1, 1, 1, 2, 1, 127, 127, 1, 1}, RP_MAP_TWOS},
        {{127, 127, 126, 127, 127, 127, 127, 127, 1, 1}, RP_MAP_TWOS},
        {{65, 65, 65, 65, 65, 66, 63, 63, 65, 65}, RP_MAP_OFFSET},
        {{1, 1, 1, 1, 65, 65, 65, 1, 1, 1}, RP_MAP_SIGN},
        {{65, 65, 65, 65, 1, 1, 1, 1, 1, 1}, RP_MAP_SIGN},
        {{1, 2, 3, 4, 5, 6, 7, 8, 7, 6}, RP_MAP_ABSOLUTE},
        {{66, 65, 64, 63, 62, 62, 61, 60, 60, 59}, RP_MAP_ABSOLUTE},
        {{127, 0, 127, 0, 127, 0, 127, 0, 127, 0}, RP_MAP_ABSOLUTE},
        {{127, 127, 127, 127, 127, 127, 127, 127, 127, 127}, RP_MAP_ABSOLUTE},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        begin();
        knobs.tempo = 60000; /* where a low value would be believed */
        rp_learn_begin(&learn, RP_SET_TEMPO);
        for (int k = 0; k < 10; k++) {
            hear(3, 20, all[i].value[k]);
        }
        CHECK_INT(rp_learn_of(&learn, RP_SET_TEMPO)->mapping.kind,
                  all[i].kind);
        if (i == 0) { /* from the fourth on */
            CHECK_INT(knobs.tempo, 60000 + (1 + 2 + 1 - 1 - 1 + 1 + 1) * 1000);
        }
    }
    /* said otherwise by hand, it stays so */
    begin();
    rp_learn_begin(&learn, RP_SET_TEMPO);
    hear(3, 20, 1);
    for (int k = 0; k < RP_MAP_KINDS; k++) {
        rp_learn_change(&learn, RP_SET_TEMPO, RP_LEARN_KIND);
    }
    for (int k = 0; k < 20; k++) {
        hear(3, 20, 1);
    }
    CHECK_INT(rp_learn_of(&learn, RP_SET_TEMPO)->mapping.kind,
              RP_MAP_ABSOLUTE);
}

/* As the panel's keys change it: what is in force then, as text. */
static void test_change(void)
{
    static const struct {
        enum rp_learn_change change;
        double tempo; /* of the knob then */
        const char *text;
    } steps[] = {
        {RP_LEARN_FROM, 80, "tempo 80..180"},
        {RP_LEARN_TO, 80, "tempo 80..180"}, /* two ends: refused */
        {RP_LEARN_TO, 140, "tempo 80..140"},
        {RP_LEARN_CURVE, 140, "tempo 80..140 exp"},
        {RP_LEARN_CURVE, 140, "tempo 80..140 log"},
        {RP_LEARN_JUMP, 140, "tempo 80..140 log jump"},
        {RP_LEARN_KIND, 140, "tempo 80..140 toggle jump"}, /* has no curve */
        {RP_LEARN_CURVE, 140, "tempo 80..140 toggle jump"},
        {RP_LEARN_KIND, 140, "tempo 80..140 relative-twos jump"},
        {RP_LEARN_KIND, 140, "tempo 80..140 relative-offset jump"},
        {RP_LEARN_KIND, 140, "tempo 80..140 relative-sign jump"},
        {RP_LEARN_KIND, 140, "tempo 80..140 jump"},
        {RP_LEARN_JUMP, 140, "tempo 80..140"},
    };
    char text[160];

    begin();
    CHECK_INT(rp_learn_line(&learn, "cc21=tempo"), RP_OK);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        knobs.tempo = (uint32_t)(steps[i].tempo * 1000);
        rp_learn_change(&learn, RP_SET_TEMPO, steps[i].change);
        rp_mapping_print(&rp_learn_of(&learn, RP_SET_TEMPO)->mapping, text,
                         sizeof(text));
        CHECK_TEXT(text, steps[i].text);
    }
    CHECK_INT(learn.maps[RP_LEARN_USER], 1); /* it is the user's own now */
    CHECK_INT(learn.maps[RP_LEARN_LINE], 0);
    lines = 0;
    rp_learn_change(&learn, RP_SET_TOP_K, RP_LEARN_KIND); /* has none: said */
    CHECK_INT(rp_learn_line(&learn, "cc22=panic"), RP_OK);
    rp_learn_change(&learn, RP_KNOB_PANIC, RP_LEARN_FROM); /* has no range */
    CHECK_INT(lines, 2);
    rp_learn_change(&learn, RP_KNOB_PANIC, RP_LEARN_KIND);
    CHECK_INT(rp_learn_of(&learn, RP_KNOB_PANIC)->mapping.kind,
              RP_MAP_ABSOLUTE);
}

/* A layer that is full says so, and nothing is lost. */
static void test_full(void)
{
    char line[32];
    int refused = 0, n = 0;

    begin();
    for (int channel = 1; channel <= 4; channel++) {
        for (int c = 1; c < 120; c++) {
            if (rp_controls_may_learn((uint8_t)c)) {
                snprintf(line, sizeof(line), "cc%d/%d=tempo", c, channel);
                refused += rp_learn_line(&learn, line) != RP_OK;
                n++;
            }
        }
    }
    CHECK_INT(n - refused, RP_LEARN_MAPS);
    CHECK_INT(lines, refused);
    CHECK(taken(1, 1) && taken(2, 119) && !taken(4, 119));
}

static void test_others(void)
{
    begin();
    CHECK_INT(rp_learn_line(&learn, "cc1=hand-over"), RP_OK);
    CHECK_INT(rp_learn_line(&learn, "cc2=preset toggle"), RP_OK);
    CHECK_INT(rp_learn_line(&learn, "cc3=preset relative-twos"), RP_OK);
    hear(1, 1, 127);
    hear(1, 1, 100); /* still down */
    CHECK_INT(presses, 100);
    hear(1, 1, 0);
    hear(1, 1, 64);
    CHECK_INT(presses, 200);
    hear(1, 2, 127);
    CHECK_INT(place, 1);
    hear(1, 3, 126);
    CHECK_INT(place, -2);
    CHECK_INT(stepped, 2);
    lines = 0;
    CHECK_INT(rp_learn_line(&learn, "cc64=tempo"), RP_EARG);
    CHECK_INT(lines, 1);
    rp_learn_hear(&learn, rp_event_make(RP_NOTE_ON, 0, 1, 127));
    CHECK_INT(presses, 200);
    /* a pad that sends notes; softly is pressed, too */
    CHECK_INT(rp_learn_line(&learn, "note36/10=panic"), RP_OK);
    CHECK_INT(rp_learn_line(&learn, "note37=metronome"), RP_OK);
    rp_learn_hear(&learn, rp_event_make(RP_NOTE_ON, 9, 36, 5));
    rp_learn_hear(&learn, rp_event_make(RP_NOTE_OFF, 9, 36, 0));
    rp_learn_hear(&learn, rp_event_make(RP_NOTE_ON, 8, 36, 5));
    CHECK_INT(presses, 201);
    rp_learn_hear(&learn, rp_event_make(RP_NOTE_ON, 3, 37, 5));
    rp_learn_hear(&learn, rp_event_make(RP_NOTE_OFF, 3, 37, 0));
    CHECK_INT(knobs.metronome, 1);
    CHECK(!taken(10, 36) && taken(1, 1));
}

static void test_bad_files(void)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"cc21 = tempo\ncc22\n", ":2: expected key = value"},
        {"cc21 = tempo 1..2\n", ":1: cc21 = 'tempo 1..2': expected FROM..TO"},
        {"\ncc64 = tempo\n", ":2: cc64 = 'tempo': expected another"},
        {"tempo = cc21\n", ":1: tempo = 'cc21': expected a controller"},
        {"cc1 = tempo\ncc1 = mode\n", ":2: 'cc1' is set a second time"},
        {"cc1 = tempo warp\n", ":1: cc1 = 'tempo warp': expected FROM..TO,"},
    };
    char want[256];

    snprintf(path, sizeof(path), "%s/learn.ini", folder);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin();
        put(bad[i].text);
        CHECK_INT(rp_learn_open(&learn, path), RP_EFORMAT);
        CHECK_INT(lines, 1);
        snprintf(want, sizeof(want), "learn: %s%s", path, bad[i].want);
        if (strncmp(logged, want, strlen(want))) {
            CHECK_TEXT(logged, want);
        }
        CHECK_TEXT(file_text(), bad[i].text); /* it is not written over */
    }
    unlink(path);
    /* a place that cannot be written: said once, and it is learned */
    begin();
    CHECK_INT(rp_learn_open(&learn, "/dev/null/riposte/learn.ini"), RP_EIO);
    CHECK_INT(rp_learn_open(&learn, "/proc/riposte/learn.ini"), RP_OK);
    rp_learn_begin(&learn, RP_SET_TEMPO);
    hear(1, 21, 1);
    CHECK(taken(1, 21));
}

static void test_place(void)
{
    char got[PATH_MAX];

    setenv("XDG_CONFIG_HOME", "/a", 1);
    rp_learn_place(got, sizeof(got));
    CHECK_TEXT(got, "/a/riposte/learn.ini");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    setenv("HOME", "/h", 1);
    rp_learn_place(got, sizeof(got));
    CHECK_TEXT(got, "/h/.config/riposte/learn.ini");
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    rp_learn_place(got, sizeof(got));
    CHECK_TEXT(got, "");
}

/* ---- the command ---- */

static char said[4096];
static const char *config = folder;

/* Its exit code; what it says on both is in `said`. */
static int run(const char *args)
{
    char line[512];
    FILE *pipe;
    size_t got;
    int code;

    snprintf(line, sizeof(line), "XDG_CONFIG_HOME=%s %s learn %s 2>&1", config,
             getenv("RIPOSTE"), args);
    pipe = popen(line, "r");
    CHECK(pipe != NULL);
    if (!pipe) {
        return -1;
    }
    got = fread(said, 1, sizeof(said) - 1, pipe);
    said[got] = '\0';
    code = pclose(pipe);
    return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

static void test_command(void)
{
    snprintf(path, sizeof(path), "%s/riposte/learn.ini", folder);
    if (!getenv("RIPOSTE")) {
        printf("RIPOSTE is not set: the command is left out\n");
        return;
    }
    CHECK_INT(run(""), 0);
    CHECK(strstr(said, "nothing is learned yet") && strstr(said, path));
    config = " HOME="; /* nowhere to keep it */
    CHECK_INT(run("cc21=tempo"), 1);
    CHECK(strstr(said, "neither XDG_CONFIG_HOME nor HOME is set"));
    config = folder;
    CHECK_INT(run("'cc21/3 = temperature 0.5..1.5 exp' cc22=panic"), 0);
    CHECK(strstr(said, "cc21/3   = temperature 0.5..1.5 exp\n") &&
          strstr(said, "cc22     = panic\n"));
    CHECK(strstr(file_text(), "\ncc21/3 = temperature 0.5..1.5 exp\n"));
    CHECK_INT(run("--json"), 0);
    CHECK_TEXT(said,
               "[{\"control\": \"cc21/3\", \"knob\": \"temperature\", "
               "\"text\": \"temperature 0.5..1.5 exp\"},\n "
               "{\"control\": \"cc22\", \"knob\": \"panic\", "
               "\"text\": \"panic\"}]\n");
    CHECK_INT(run("cc64=tempo"), 2);
    CHECK(strstr(said, "'cc64=tempo': expected another controller"));
    CHECK_INT(run("--forget cc21/3 --forget panic --json"), 0);
    CHECK(strstr(said, "\n[]\n"));
    put("cc21 = nothing\n");
    CHECK_INT(run("cc22=panic"), 3);
    CHECK(strstr(said, "learn.ini:1: cc21 = 'nothing': expected tempo,"));
    CHECK_TEXT(file_text(), "cc21 = nothing\n");
}

/* ---- through the null backend ---- */

static struct rp_session *session;
static rp_frame turned[8];
static int turns;

static void turn(void *self, struct rp_event event)
{
    struct rp_clock clock;

    rp_session_now(session, &clock, &turned[turns++ & 7]);
    rp_learn_hear(&learn, event);
}

static void test_frames(void)
{
    static const uint32_t period[] = {16, 128, 1000, 8192};
    static const rp_frame at[] = {5, 4096, 4097, 20000};
    struct rp_timed_event call[6];
    struct rp_session_options options = {.backend = "null", .knobs = &knobs};

    for (int i = 0; i < 4; i++) {
        call[i] = (struct rp_timed_event){
            at[i], rp_event_make(RP_CONTROL, 0, 21, 30 * (i + 1))};
    }
    call[4] = (struct rp_timed_event){20001, rp_event_make(RP_CONTROL, 0, 22,
                                                           1)};
    call[5] = (struct rp_timed_event){20002, rp_event_make(RP_CONTROL, 0, 21,
                                                           4)};
    options.call = call;
    options.calls = 6;
    for (int p = 0; p < 4; p++) {
        struct rp_stats_view stats;

        begin();
        CHECK_INT(rp_learn_line(&learn, "cc21=window jump"), RP_OK);
        turns = 0;
        options.period = period[p];
        options.controlling =
            (struct rp_controlling){NULL, turn, &learn.taken};
        CHECK_INT(rp_session_create(&session, &options), RP_OK);
        CHECK_INT(rp_session_start(session), RP_OK);
        rp_session_advance(session, 30000);
        CHECK_INT(turns, 5);
        for (int i = 0; i < 4; i++) {
            CHECK_INT(turned[i], at[i] + 1);
        }
        CHECK_INT(turned[4], 20003);
        CHECK_INT(knobs.window, 5);
        rp_session_stats(session, &stats);
        CHECK_INT(stats.heard, 1); /* cc 22 alone */
        CHECK_INT(rp_session_stop(session), RP_OK);
        rp_session_destroy(session);
    }
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/learn.ini", folder);
    rp_log_to(keep, NULL);
    test_layers();
    test_learning();
    test_kind();
    test_change();
    test_full();
    test_others();
    test_bad_files();
    test_place();
    test_frames();
    test_command();
    rp_log_to(NULL, NULL);
    CHECK_INT(system("rm -r /tmp/riposte-learn-??????"), 0);
    return TEST_END();
}
