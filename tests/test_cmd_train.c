/* riposte train as a user meets it: a run that is killed again and again ends
 * as one that was not; its event file is read by others; its configuration
 * begins it again; each mistake is one clear line. */
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "model/net/checkpoint.h"
#include "tests/songs.h"
#include "tests/test.h"

#define SMALL "--hidden 32 --head 16 --length 24 --threads 1 --lr 0.01 "

static char folder[40];
static char said[16384];

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static const char *top(void)
{
    static char path[400];
    if (!path[0] && !getcwd(path, sizeof path))
        abort();
    return path;
}

/* Exit code; `said` is what came on both outputs. */
__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
    char command[1400];
    va_list list;
    int n = snprintf(command, sizeof command, "cd %s && { ", folder);
    FILE *pipe;
    int status;

    va_start(list, format);
    n += vsnprintf(command + n, sizeof command - (size_t)n, format, list);
    va_end(list);
    snprintf(command + n, sizeof command - (size_t)n, "; } 2>&1 </dev/null");
    pipe = popen(command, "r");
    if (!pipe)
        return -1;
    said[fread(said, 1, sizeof said - 1, pipe)] = 0;
    status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) shell("\"$RIPOSTE\" train " __VA_ARGS__)

/* The last line says so, and no more than `lines` there are. */
static void refused(int code, int want, int lines, const char *text)
{
    char *last = said;
    int count = 0;

    CHECK_INT(code, want);
    for (char *c = said; *c; c++) {
        count += *c == '\n';
        if (*c == '\n' && c[1])
            last = c + 1;
    }
    if (count > lines || !strstr(last, text)) {
        printf("expected %d lines with '%s', got:\n%s", lines, text, said);
        CHECK(0);
    }
}

static bool same(const char *a, const char *b)
{
    return shell("cmp %s %s", a, b) == 0;
}

static void check_whole(const char *name)
{
    struct rp_shape shape;
    struct rp_card card = {0};
    float *params = NULL, *extra = NULL;
    size_t size = 0;
    const char *path = in_folder(name);

    if (access(path, F_OK))
        return;
    CHECK_INT(rp_checkpoint_load(path, &shape, &params, &card, &extra, &size),
              RP_OK);
    rp_card_fini(&card);
    free(params);
    free(extra);
}

/* Runs and is killed after so many milliseconds. True: it was done before. */
static bool run_and_kill(bool resume, uint32_t ms)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        if (chdir(folder) || !freopen("killed.log", "w", stdout) ||
            !freopen("killed.err", "w", stderr))
            _exit(9);
        if (resume)
            execl(getenv("RIPOSTE"), "riposte", "train", "--out", "kill/runs",
                  "--resume", "--threads", "1", (char *)NULL);
        execl("/bin/sh", "sh", "-c",
              "exec \"$RIPOSTE\" train songs --out kill/runs " SMALL
              "--epochs 25 --batch 4 --average 0.9 --schedule plateau",
              (char *)NULL);
        _exit(9);
    }
    usleep(1000 * ms);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    if (WIFEXITED(status))
        CHECK_INT(WEXITSTATUS(status), 0);
    return WIFEXITED(status);
}

/* Values of the event file but for those that tell the speed; every byte of
 * it is accounted for by the reader. */
static void list_events(const char *run, const char *to)
{
    CHECK_INT(shell("python3 %s/tests/read_events.py "
                    "%s/events.out.tfevents.riposte > all.txt && "
                    "grep -v notes_per_second all.txt > %s",
                    top(), run, to),
              0);
}

static void test_killed(void)
{
    struct songs_dice dice = {11};
    struct timespec begun, ended;
    bool done = false;
    int kills = 0;
    double slow; /* seconds that the whole run takes, one at least */

    CHECK_INT(shell("mkdir whole"), 0);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    CHECK_INT(RUN("songs --out whole/runs " SMALL "--epochs 25 --batch 4 "
                  "--average 0.9 --schedule plateau"),
              0);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    slow = (double)(ended.tv_sec - begun.tv_sec) +
           1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
    slow = slow < 1 ? 1 : slow;
    while (!done && kills < 60) {
        bool resume =
            !access(in_folder("kill/runs/001/last.safetensors"), F_OK);
        if (!resume)
            CHECK_INT(shell("rm -rf kill && mkdir kill"), 0);
        done = run_and_kill(resume,
                            (uint32_t)(slow * (40 + songs_roll(&dice, 300) +
                                               20 * kills)));
        kills += !done;
        check_whole("kill/runs/001/last.safetensors");
        check_whole("kill/runs/001/good.safetensors");
        check_whole("kill/runs/001/best.safetensors");
    }
    CHECK(done);
    CHECK(kills >= 2);
    printf("%d kills of a run of %.1f s\n", kills, slow);
    CHECK(same("whole/runs/001/last.safetensors",
               "kill/runs/001/last.safetensors"));
    CHECK(same("whole/runs/001/best.safetensors",
               "kill/runs/001/best.safetensors"));
    CHECK_INT(shell("for r in whole kill; do rev $r/runs/001/run.csv | "
                    "cut -d, -f3- > $r/table; done; cmp whole/table "
                    "kill/table"),
              0);
    list_events("whole/runs/001", "whole/events");
    list_events("kill/runs/001", "kill/events");
    CHECK(same("whole/events", "kill/events"));
}

/* By TensorBoard's own reader, where it is installed. */
static void test_events(void)
{
    static const char *const tags[] = {
        "loss/train",        "loss/valid",           "loss_valid/pitch",
        "accuracy_valid/dt", "accuracy_train/pitch", "run/rate",
        "run/gradient_norm", "run/notes_per_second", "step/loss",
        "perplexity/valid",  "config/text_summary",
    };
    char *last;

    CHECK_INT(shell("python3 %s/tests/read_events.py --both "
                    "whole/runs/001/events.out.tfevents.riposte > all.txt && "
                    "tail -n 1 all.txt",
                    top()),
              0);
    last = strrchr(said, ';');
    printf("read_events.py read it%s", last ? last : "\n");
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        CHECK_INT(shell("grep -q ' %s ' all.txt", tags[i]), 0);
    /* The curve is the table's. */
    CHECK_INT(shell("v=$(tail -n 1 whole/runs/001/run.csv | cut -d, -f5); "
                    "grep ' loss/valid ' all.txt | tail -n 1 | "
                    "awk -v v=$v '{ exit !($3 - v < 1e-5 && v - $3 < 1e-5) }'"),
              0);
}

/* All weights and their losses; the card says how it was called. */
static void test_config(void)
{
    FILE *file = fopen(in_folder("some.ini"), "w");

    CHECK(file != NULL);
    if (file) {
        fprintf(file, "# a comment\ndir = songs\n\n  hidden = 32\nhead=16\n"
                      "lr = 0.01\nlength = 24\nbatch = 4 \nepochs = 1\n"
                      "message = one; two # three\n");
        fclose(file);
    }
    CHECK_INT(RUN("--config some.ini --set epochs=3 --set hidden=64 "
                  "--hidden 48 --out config"),
              0);
    CHECK_INT(shell("grep -x 'hidden = 48' config/001/config.ini && "
                    "grep -x 'epochs = 3' config/001/config.ini && "
                    "grep -x 'lr = 0.01' config/001/config.ini && "
                    "grep -x 'message = one; two # three' "
                    "config/001/config.ini && "
                    "grep -x 'dir = /.*/songs' config/001/config.ini"),
              0);
    CHECK_INT(shell("mkdir elsewhere && cd elsewhere && \"$RIPOSTE\" train "
                    "--config ../config/001/config.ini --out ../config"),
              0);
    CHECK(same("config/001/config.ini", "config/002/config.ini"));
    CHECK_INT(shell("for r in 1 2; do rev config/00$r/run.csv | cut -d, -f3- "
                    "> $r; done; cmp 1 2"),
              0);
    CHECK_INT(shell("grep -q . 1 && wc -l < 1 | grep -qx 4"), 0);
}

/* Elsewhere a line an epoch; on a terminal one moves in place, too. */
static void test_progress(void)
{
    CHECK_INT(RUN("songs --out lines " SMALL "--epochs 3"), 0);
    CHECK_INT(shell("\"$RIPOSTE\" train songs --out lines " SMALL
                    "--epochs 3 > log; grep -c '^epoch . of 3  .* left  loss "
                    ".*  valid .*  best .*  perplexity .*  dt .*%%  pitch "
                    ".*%%  duration .*%%  rate .* notes/s  step' log | "
                    "grep -qx 3 && ! grep -q \"$(printf '\\r')\" log && "
                    "grep -q '^3 epochs of .* steps of 4 phrases, adamw: "
                    "about 0:00:0., at .* notes/s' log"),
              0);
    if (!shell("command -v script"))
        CHECK_INT(
            shell("script -qec '\"$RIPOSTE\" train songs --out lines " SMALL
                  "--epochs 40 --batch 2' /dev/null > log; "
                  "grep -q \"$(printf '\\repoch [0-9]* of 40')\" log && "
                  "grep -q \"$(printf '\\r\\033')\\[Kepoch 40 of 40\" "
                  "log"),
            0);
    CHECK_INT(RUN("songs --out lines " SMALL "--epochs 1 --quiet"), 0);
    CHECK(!strchr(said, '\n')[1]);
}

/* Ctrl-C saves, and it goes on from there. */
static void test_interrupted(void)
{
    CHECK_INT(shell("\"$RIPOSTE\" train songs --out int " SMALL
                    "--epochs 100000 > log & pid=$!; "
                    "until [ -s int/001/run.csv ]; do sleep 0.1; done; "
                    "kill -INT $pid; wait $pid"),
              5);
    CHECK_INT(shell("grep -q ': stopped after' log"), 0);
    CHECK_INT(shell("\"$RIPOSTE\" train --resume --out int > log & pid=$!; "
                    "n=$(wc -l < int/001/run.csv); until "
                    "[ $(wc -l < int/001/run.csv) -gt $n ]; do sleep 0.1; "
                    "done; kill -TERM $pid; wait $pid"),
              5);
}

static void test_refused(void)
{
    CHECK_INT(shell("mkdir empty broken && for i in 1 2 3; do echo no > "
                    "broken/$i.mid; done; : > file"),
              0);
    refused(RUN("empty"), 4, 1, "no piece in 0 files");
    refused(RUN("broken"), 4, 4, "no piece in 3 files");
    CHECK(strstr(said, "broken/2.mid: "));
    refused(RUN("nowhere"), 1, 2, "nowhere");
    refused(RUN("songs --optimizer adam"), 2, 1,
            "optimizer: 'adam' is not one of adamw, sgd, rmsprop, adagrad, "
            "adadelta, adamax, nadam");
    refused(RUN("songs --from whole/runs/001/best.safetensors --hidden 64"), 2,
            1,
            "best.safetensors: a network of another shape: hidden 32, and "
            "64 was asked for");
    refused(RUN("songs --from whole/runs/001/best.safetensors --freeze rnn.*"),
            2, 1, "'rnn.*' names no weights; there are gru.weight_ih_l0, ");
    refused(RUN("songs --freeze 'gru.*'"), 2, 1, "expected --from");
    CHECK_INT(shell("head -c 3000 whole/runs/001/best.safetensors > cut"), 0);
    refused(RUN("songs --from cut"), 3, 1, "cut: byte ");
    refused(RUN("songs --from file"), 3, 1, "file: ");
    refused(RUN("songs --from none"), 1, 1, "none: ");
    refused(RUN("--resume --out empty"), 4, 1,
            "no run to resume, expected NNN/last.safetensors");
    CHECK_INT(shell("mkdir -p cutrun/001 && head -c 5000 "
                    "whole/runs/001/last.safetensors > "
                    "cutrun/001/last.safetensors"),
              0);
    refused(RUN("songs --resume --out cutrun"), 3, 1, "last.safetensors: ");
    refused(RUN("songs --out file/runs"), 1, 1,
            "file/runs: cannot make this folder: Not a directory");
    refused(RUN("songs --out /proc/runs"), 1, 1,
            "/proc/runs: cannot make this folder");
    refused(shell("ulimit -f 200; \"$RIPOSTE\" train songs --out full"), 1, 1,
            "full/001/last.safetensors: cannot be written: File too large");
    CHECK_INT(shell("ls full | wc -l | grep -qx 0"), 0);
    refused(RUN("songs --out ''"), 2, 1, "out: '' is not a name");
    refused(RUN("songs --frames x.json"), 2, 1, "not both");
    refused(RUN("--frames x.json --chord yes"), 2, 1,
            "chord: piano rolls have none, expected 'no'");
    refused(RUN("--epochs 1"), 2, 1, "expected DIR...");
}

static void refuse_config(const char *line, const char *text)
{
    FILE *file = fopen(in_folder("bad.ini"), "w");

    CHECK(file != NULL);
    if (file) {
        fprintf(file, "# bad\ndir = songs\n%s\n", line);
        fclose(file);
    }
    refused(RUN("--config bad.ini"), 2, 1, text);
}

static void test_refused_config(void)
{
    refuse_config("dropuot = 0.1", "bad.ini:3: unknown key 'dropuot'");
    refuse_config("dropout = 7", "bad.ini:3: dropout: '7' is not a number");
    refuse_config("dropout", "bad.ini:3: expected key = value, found "
                             "'dropout'");
    refuse_config("lr = 1\nlr = 2", "bad.ini:4: a second 'lr'");
    refused(RUN("--config none.ini"), 1, 1, "none.ini: No such file");
    refused(RUN("songs --set dropuot=1"), 2, 1, "set: unknown key 'dropuot'");
    refused(RUN("songs --set dropout"), 2, 1, "expected dropout=VALUE");
    refused(RUN("songs --config some.ini --resume"), 2, 1, "not both");
    refused(RUN("songs --from some.safetensors --resume"), 2, 1, "not both");
}

int main(void)
{
    char songs[128];

    if (!getenv("RIPOSTE"))
        SKIP("RIPOSTE does not say where the command is");
    snprintf(folder, sizeof folder, "%s/riposte-cmd_train-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(songs, sizeof songs, "%s/songs", folder);
    CHECK_INT(mkdir(songs, 0700), 0);
    for (uint32_t i = 0; i < 40; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%02u.mid", songs, i);
        CHECK(songs_save(path, i, 40));
    }
    test_killed();
    test_events();
    test_config();
    test_progress();
    test_interrupted();
    test_refused();
    test_refused_config();
    songs_remove(folder);
    return TEST_END();
}
