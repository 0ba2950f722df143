/* The command line as a user meets it: exit codes, one clear line for each
 * mistake, help that lists every option, and the man page beside both. */
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/data/smf.h"
#include "model/net/checkpoint.h"
#include "test.h"
#include "tui/cli.h"
#include "tui/keymap.h"

static char folder[] = "/tmp/riposte-cli-XXXXXX";
static char out[65536], err[65536];

static void slurp(const char *name, char *text, size_t size)
{
    char path[128];
    FILE *file;
    size_t got;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    got = file ? fread(text, 1, size - 1, file) : 0;
    text[got] = '\0';
    if (file) {
        fclose(file);
    }
}

/* Runs riposte with stdin empty; its exit code. */
static int run(const char *args)
{
    char command[1024];
    int status;

    snprintf(command, sizeof(command),
             "timeout 100 \"$RIPOSTE\" %s >%s/out 2>%s/err </dev/null", args,
             folder, folder);
    status = system(command);
    slurp("out", out, sizeof(out));
    slurp("err", err, sizeof(err));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int lines(const char *text)
{
    int count = 0;

    for (; *text; text++) {
        count += *text == '\n';
    }
    return count;
}

/* One line on stderr that has `want` in it, nothing on stdout. */
static void refused(const char *args, int code, const char *want)
{
    CHECK_INT(run(args), code);
    if (lines(err) != 1 || !strstr(err, want) || *out) {
        printf("riposte %s: expected one line with '%s', got:\n%s%s", args,
               want, out, err);
        CHECK(0);
    }
    test_checks++;
}

static void write_file(const char *name, const char *bytes, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    fwrite(bytes, 1, size, file);
    fclose(file);
}

/* A network of the smallest size, with the weights that training begins
 * with: enough to be loaded and to play something. */
static void write_model(void)
{
    struct rp_shape shape = {1, 16, 16, {24, true, false}};
    struct rp_layout layout;
    struct rp_card card = {0};
    char path[128];
    float *params;

    rp_shape_layout(&shape, &layout);
    params = calloc(layout.size, sizeof(*params));
    rp_shape_init_params(&shape, 1, params);
    snprintf(path, sizeof(path), "%s/melody.safetensors", folder);
    CHECK_INT(rp_checkpoint_save(path, &shape, params, &card, NULL, 0), RP_OK);
    free(params);
    write_file("melody.ini", "about = a test\n", 15);
}

static void test_usage(void)
{
    CHECK_INT(run(""), RP_EXIT_USAGE);
    CHECK(strstr(out, "usage: riposte COMMAND"));
    CHECK_INT(run("help"), RP_EXIT_OK);
    CHECK_INT(run("--version"), RP_EXIT_OK);
    CHECK(!strncmp(out, "riposte ", 8) && lines(out) == 1);
    refused("pley", 2,
            "unknown command 'pley'; there are play, generate, learn, ports,");
    CHECK(strstr(err, "; did you mean 'play'?\n"));
    refused("play --tempoo 100", 2,
            "unknown option '--tempoo'; did you mean '--tempo'?");
    refused("play -x", 2, "unknown option '-x'");
    refused("play --tempo", 2, "--tempo: expected BPM after it");
    refused("play --tempo 5", 2,
            "--tempo '5': expected a number of BPM from 20 to 400");
    refused("play --metre 4/5", 2, "--metre '4/5': expected 1 to 32 beats");
    refused("play --headless=yes", 2, "--headless 'yes': expected no value");
    refused("play --backend oss", 2,
            "--backend 'oss': expected auto|jack|alsa|rtmidi|rtmidi:alsa|"
            "rtmidi:jack|null");
    refused("play --mode duet", 2, "--mode 'duet': expected answer or trade");
    refused("play --instrument kazoo", 2, "--instrument 'kazoo': expected");
    refused("play --period 3", 2,
            "--period '3': expected a whole number from 16 to 8192");
    refused("play song.mid", 2, "'song.mid' is one too many");
    refused("play --duration nan --headless", 2, "--duration 'nan'");
    refused("generate --primer a.mid --primer-melody 60", 2, "expected one of them");
    refused("generate --count 0", 2, "--count '0'");
    refused("bench", 2, "expected one of ");
    refused("bench phrases", 2, "expected DIR...");
    refused("bench candidates --of 16,1 .", 2, "character 4: expected up to");
    refused("bench candidates --of 1, .", 2, "character 3: expected up to");
    refused("play --headless --backend null --cue 'soon tempo=90'", 2,
            "--cue 'soon tempo=90': expected \"SECONDS key=value\"");
    refused("play --headless --backend null --cue '1 tempo=9'", 2,
            "tempo '9': expected a number of BPM");
    refused("play --headless --backend null --cue '1 loudness=9'", 2,
            "no knob 'loudness'");
}

static void test_not_here(void)
{
    refused("play --preset nothing --headless", 4, "no preset 'nothing'");
    refused("play --headless --model /nowhere/x.safetensors", 1,
            "/nowhere/x.safetensors: No such file");
    refused("play --headless --backend null --call /nowhere/x.mid", 1,
            "/nowhere/x.mid: No such file");
    refused("play --headless --backend null --in xyzzy", 4, "xyzzy");
    refused("play --headless --backend null --take ''", 2,
            "'': expected the name of a .mid file");
    refused("play --headless --backend null --take /tmp", 2,
            "'/tmp': expected the name of a .mid file");
}

static void test_broken(void)
{
    char args[512];

    write_file("broken.ini", "tempo = 90\ntempo = 91\n", 22);
    snprintf(args, sizeof(args), "play --headless --preset %s/broken.ini",
             folder);
    refused(args, 3, "broken.ini:2: 'tempo' is set a second time");
    snprintf(args, sizeof(args), "%s/broken.ini", folder);
    unlink(args);
    write_file("broken.safetensors", "\x20\0\0\0\0\0\0\0{\"a\":", 13);
    snprintf(args, sizeof(args),
             "play --headless --model %s/broken.safetensors", folder);
    refused(args, 3, "broken.safetensors");
    write_file("broken.mid", "MThd\0\0\0\6\0\1", 10);
    snprintf(args, sizeof(args),
             "play --headless --backend null --call %s/broken.mid", folder);
    refused(args, 3, "broken.mid");
    snprintf(args, sizeof(args), "generate --primer %s/broken.mid", folder);
    refused(args, 3, "broken.mid");
    write_file("text.mid", "not a song at all, just text", 28);
    snprintf(args, sizeof(args), "generate --primer %s/text.mid", folder);
    refused(args, 3, "text.mid");
}

/* Virtual time: two runs, the same bytes; the lines that scripts read. */
static void test_play(void)
{
    char args[512], command[256];

    snprintf(args, sizeof(args),
             "play --headless --backend null --seed 3 --call "
             "tests/golden/calls/02_st_anne.mid --cue '2 temperature=0.7' "
             "--take %s/a.mid",
             folder);
    CHECK_INT(run(args), RP_EXIT_OK);
    CHECK_TEXT(err, "");
    CHECK(strstr(out, "answering, turn 1"));
    CHECK(strstr(out, "o-- call   #== answer"));
    CHECK(strstr(out, "\ndecide: 1 turns, median "));
    CHECK(strstr(out, " late 0, dropped 0, xruns 0, "));
    CHECK(strstr(out, "\ntake: "));
    strcpy(strstr(args, "/a.mid"), "/b.mid");
    CHECK_INT(run(args), RP_EXIT_OK);
    snprintf(command, sizeof(command), "cmp %s/a.mid %s/b.mid", folder, folder);
    CHECK_INT(system(command), 0);
    snprintf(command, sizeof(command), "test ! -e %s/a.mid.journal", folder);
    CHECK_INT(system(command), 0);
    /* However many bars are the player's, the answer is waited for. */
    CHECK_INT(run("play --headless --backend null --mode trade --trade 64 "
                  "--candidates 1 --call presets/call.mid"),
              RP_EXIT_OK);
    CHECK(strstr(out, "\ndecide: 1 turns, "));
}

/* Every note of the take ends, the one that was held at the end, too, and none
 * where it begins. */
static void check_take(const char *path)
{
    struct rp_smf smf;
    uint32_t notes = 0;

    CHECK_INT(rp_smf_read(path, &smf), RP_OK);
    CHECK_INT(smf.damage, 0);
    for (uint32_t t = 0; t < smf.tracks; t++) {
        const struct rp_smf_track *track = &smf.track[t];
        int64_t since[16][128];
        int sounding = 0;

        memset(since, -1, sizeof(since));
        for (uint32_t i = 0; i < track->events; i++) {
            const struct rp_smf_event *at = &track->event[i];
            int64_t *on = &since[at->event.data[0] & 15][at->event.data[1]];

            if (rp_event_is_on(at->event)) {
                CHECK_INT(*on, -1);
                *on = at->tick;
                sounding++;
                notes++;
            } else if (rp_event_is_off(at->event)) {
                CHECK(*on >= 0 && at->tick > *on);
                *on = -1;
                sounding--;
            }
        }
        CHECK_INT(sounding, 0);
    }
    CHECK(notes > 0);
    rp_smf_fini(&smf);
}

/* A signal is a good end: notes released, the take whole. */
static void test_signals(void)
{
    static const char *const names[] = {"TERM", "INT", "HUP"};
    char args[1024];

    for (int i = 0; i < 3; i++) {
        /* Once it plays. */
        snprintf(args, sizeof(args),
                 "rm %s/out; \"$RIPOSTE\" play --headless --backend auto "
                 "--take %s/%s.mid --call tests/golden/calls/02_st_anne.mid "
                 ">%s/out 2>%s/err </dev/null & left=400; "
                 "until grep -qs ' call ' %s/out || [ $left -eq 0 ]; "
                 "do sleep 0.05; left=$((left - 1)); done; "
                 "kill -%s $!; wait $!",
                 folder, folder, names[i], folder, folder, folder, names[i]);
        CHECK_INT(WEXITSTATUS(system(args)), RP_EXIT_OK);
        slurp("out", out, sizeof(out));
        CHECK(strstr(out, "\nstats: "));
        snprintf(args, sizeof(args), "%s/%s.mid", folder, names[i]);
        check_take(args);
    }
}

/* A disk without room for the take: it is said, and is the exit code; what
 * could be written stays. */
static void test_take(void)
{
    char args[1024];

    snprintf(args, sizeof(args), "play --headless --backend null --take %s",
             folder);
    refused(args, RP_EXIT_USAGE, "expected the name of a .mid file");
    snprintf(args, sizeof(args),
             "{ ulimit -f 1; timeout 50 \"$RIPOSTE\" play --headless "
             "--backend null --seed 3 --call tests/golden/calls/02_st_anne.mid "
             "--take %s/full.mid 2>&1; echo \"exit $?\"; } | cat >%s/out",
             folder, folder);
    CHECK_INT(system(args), 0);
    slurp("out", out, sizeof(out));
    CHECK(strstr(out, "the take is still in its journal"));
    CHECK(strstr(out, "\nstats: ")); /* to its end all the same */
    CHECK(strstr(out, "\nexit 1\n"));
    CHECK(!strstr(out, "\ntake: "));
    snprintf(args, sizeof(args), "test -s %s/full.mid.journal", folder);
    CHECK_INT(system(args), 0);
}

static void test_generate(void)
{
    char args[512];

    snprintf(args, sizeof(args),
             "generate --primer-melody '[60, 62, 64]' --bars 2 --count 2 "
             "--seed 9 --json --out %s/gen",
             folder);
    CHECK_INT(run(args), RP_EXIT_OK);
    CHECK(*out == '[' && strstr(out, "/gen/melody-9-2.mid\""));
    snprintf(args, sizeof(args),
             "generate --primer %s/gen/melody-9-1.mid --notes 5 --out %s/gen",
             folder, folder);
    CHECK_INT(run(args), RP_EXIT_OK);
    CHECK(strstr(out, "melody-9-1-1-1.mid: "));
    refused("generate --primer-melody '[60, 200]'", 2, "200");
    snprintf(args, sizeof(args), "generate --out %s/melody.ini/below", folder);
    refused(args, 1, "Not a directory");
}

static void test_lists(void)
{
    CHECK_INT(run("presets"), RP_EXIT_OK);
    CHECK(strstr(out, "melody       a test"));
    CHECK_INT(run("presets --json"), RP_EXIT_OK);
    CHECK(strstr(out, "\"name\": \"melody\", \"about\": \"a test\""));
    CHECK(strstr(out, "\"model_found\": true, \"shape\": {\"layers\": 1, "
                      "\"hidden\": 16, "));
    CHECK_INT(run("engines"), RP_EXIT_OK);
    CHECK(!strncmp(out, "cpu    yes", 10));
    CHECK_INT(run("engines --json"), RP_EXIT_OK);
    CHECK(strstr(out, "{\"name\": \"cpu\", \"available\": true, "));
    CHECK_INT(run("ports --backend null --json"), RP_EXIT_OK);
    CHECK_TEXT(out, "[]\n");
    CHECK_INT(run("ports --backend null"), RP_EXIT_OK);
    CHECK_TEXT(err, "riposte: ports: no MIDI ports: null: nothing is there\n");
    refused("bench engine --engine cpu --path graph", 2,
            "--path graph: expected --engine cuda");
    refused("bench engine --engine cpu --what rollout --candidates 3", 2,
            "there are no such rows");
    refused("bench engine --engine cpu --what layers", 2,
            "there are no such rows: expected another --what or --path");
    if (access("/dev/full", W_OK) == 0) { /* what was not said, failed */
        CHECK_INT(system("\"$RIPOSTE\" presets >/dev/full 2>/dev/null") >> 8,
                  RP_EXIT_FAILURE);
    }
}

/* Option names that a --help text lists, one after the other. */
static const char *next_option(const char *text, char *name)
{
    text = strstr(text, "\n  --");
    if (text) {
        sscanf(text + 5, "%63[a-z0-9-]", name);
        text += 5;
    }
    return text;
}

static char page[1 << 17];

/* The man page writes a hyphen as \- . */
static bool page_has(const char *name)
{
    char wanted[160] = "\\-\\-";
    const char *at = page;

    strncat(wanted, name, sizeof(wanted) - 5);
    while ((at = strstr(at, wanted))) {
        at += strlen(wanted);
        if (*at != '-' && (*at < 'a' || *at > 'z')) {
            return true;
        }
    }
    return false;
}

/* Every option that --help lists is in the page; how many there are. */
static int check_options(const char *command)
{
    char name[64], args[80];
    const char *at = out;
    int options = 0;

    snprintf(args, sizeof(args), "%s --help", command);
    CHECK_INT(run(args), RP_EXIT_OK);
    for (; (at = next_option(at, name)); options++) {
        if (strcmp(name, "help") && !page_has(name)) {
            printf("riposte.1 does not have --%s of %s\n", name, command);
            CHECK(0);
        }
    }
    return options;
}

/* The names in a list as --help prints it, each with all its options. */
static int check_commands(const char *list, const char *before)
{
    static char names[sizeof(out)];
    char name[32], command[64];
    int options = 0;

    CHECK_INT(run(list), RP_EXIT_OK);
    memcpy(names, out, sizeof(names));
    for (char *line = strtok(names, "\n"); line; line = strtok(NULL, "\n")) {
        if (!strncmp(line, "  ", 2) && line[2] != ' ' &&
            sscanf(line, " %31[a-z] ", name) == 1 && strcmp(name, "bench")) {
            snprintf(command, sizeof(command), "%s%s", before, name);
            options += check_options(command);
        }
    }
    return options;
}

/* A name as the help of the panel has it: "Up  Down" is "Up, Down". */
static void check_key(const char *name)
{
    char wanted[64] = "";

    for (const char *at = name; *at; at++) {
        if (at[0] == ' ' && at[1] == ' ') {
            strcat(wanted, ", ");
            at++;
        } else {
            strncat(wanted, at, 1);
        }
    }
    strcat(wanted, "\t");
    if (!strstr(page, wanted)) {
        printf("riposte.1 does not have the key '%s'\n", wanted);
        CHECK(0);
    }
}

static void test_man_page(void)
{
    FILE *file = fopen("tui/riposte.1", "r");
    char row[160];
    size_t size;

    CHECK(file != NULL);
    if (!file) {
        return;
    }
    size = fread(page, 1, sizeof(page) - 1, file);
    CHECK(size < sizeof(page) - 1); /* all of it */
    page[size] = '\0';
    fclose(file);
    CHECK(check_commands("help", "") >= RP_SETTINGS + 80);
    CHECK(check_commands("bench --help", "bench ") >= 30);
    for (const struct rp_key *key = rp_keymap; key->key; key++) {
        if (key->name && !key->letter) {
            check_key(key->name);
        }
    }
    for (int i = 0; i < RP_EXITS; i++) {
        snprintf(row, sizeof(row), "\n%d|%s\n", i, rp_exit_meanings[i]);
        CHECK(strstr(page, row) != NULL);
    }
    for (int i = 0; i < RP_SETTINGS; i++) {
        CHECK(page_has(rp_settings[i].key));
    }
}

/* Every command answers --help, and takes `help COMMAND` as the same. */
static void test_help(void)
{
    static const char *const commands[] = {"play",    "generate", "ports",
                                           "presets", "engines",  "train",
                                           "eval",    "bench"};
    char args[64];
    static char first[65536];

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        snprintf(args, sizeof(args), "%s --help", commands[i]);
        CHECK_INT(run(args), RP_EXIT_OK);
        CHECK(!strncmp(out, "usage: riposte ", 15));
        strcpy(first, out);
        snprintf(args, sizeof(args), "help %s", commands[i]);
        CHECK_INT(run(args), RP_EXIT_OK);
        CHECK_TEXT(out, first);
    }
}

/* The parser itself, on a table of its own. */
struct made {
    bool flag;
    const char *text, *word;
    struct rp_texts many;
    uint32_t count;
    double real;
    struct rp_given given;
};

static void test_parse(void)
{
    static const struct rp_option options[] = {
        {"flag", NULL, "", RP_OPTION_FLAG, offsetof(struct made, flag)},
        {"text", "T", "", RP_OPTION_TEXT, offsetof(struct made, text)},
        {"word", "W", "", RP_OPTION_WORD, offsetof(struct made, word), 0, 0,
         "one|two"},
        {"many", "M", "", RP_OPTION_TEXTS, offsetof(struct made, many)},
        {"count", "N", "", RP_OPTION_COUNT, offsetof(struct made, count), 1, 9},
        {NULL, NULL, NULL, RP_OPTION_SETTINGS, offsetof(struct made, given), 0,
         0, NULL, 1 << RP_SET_TEMPO | 1 << RP_SET_METRONOME},
        {"real", "R", "", RP_OPTION_REAL, offsetof(struct made, real), 0, 1},
        RP_OPTION_END,
    };
    static const struct rp_cli cli = {"test", "FILE", "", 1, 3, options};
    char *argv[] = {
        "test", "--flag",     "--text",      "--word", "a",         "--word",
        "two",  "--many=",    "--many",      "m",      "--count=7", "--real",
        "0.5",  "--tempo=90", "--metronome", "--",     "--flag"};
    struct made made = {0};
    struct rp_texts args = {0};

    CHECK_INT(rp_cli_parse(&cli, 17, argv, &made, &args), -1);
    CHECK(made.flag);
    CHECK_TEXT(made.text, "--word"); /* a value may look like an option */
    CHECK_TEXT(made.word, "two");
    CHECK_INT(made.many.count, 2);
    CHECK_TEXT(made.many.text[0], "");
    CHECK_INT(made.count, 7);
    CHECK_NEAR(made.real, 0.5, 0);
    CHECK_INT(made.given.set, 1 << RP_SET_TEMPO | 1 << RP_SET_METRONOME);
    CHECK_INT(made.given.knobs.tempo, 90000);
    CHECK_INT(made.given.knobs.metronome, 1);
    CHECK_INT(args.count, 2);
    CHECK_TEXT(args.text[0], "a");
    CHECK_TEXT(args.text[1], "--flag");
    rp_texts_fini(&made.many);
    rp_texts_fini(&args);
}

int main(void)
{
    char command[128];

    if (!getenv("RIPOSTE")) {
        SKIP("RIPOSTE does not name the command");
    }
    if (!mkdtemp(folder)) {
        return 1;
    }
    setenv("RIPOSTE_PRESETS", folder, 1);
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    setenv("JACK_NO_START_SERVER", "1", 1);
    setenv("JACK_DEFAULT_SERVER", "riposte-none", 1);
    write_model();
    test_parse();
    test_usage();
    test_not_here();
    test_broken();
    test_play();
    test_signals();
    test_take();
    test_generate();
    test_lists();
    test_help();
    test_man_page();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK_INT(system(command), 0);
    return TEST_END();
}
