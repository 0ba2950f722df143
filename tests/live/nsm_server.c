/* A session manager as the published protocol has it (NSM OSC Protocol, API
 * 1.1), and a program that controls riposte by OSC; nothing of riposte is
 * linked in. Obeys a script, line by line:
 *   nsm_server RIPOSTE LOG <SCRIPT
 * Each line of LOG is a message that came: "nsm /path values", "osc /path
 * values". Commands of the script:
 *   spawn ARGS...         starts riposte with NSM_URL, as the shell reads
 *                         ARGS, and waits for its announcement
 *   refuse TEXT           the next announcement is refused
 *   open FOLDER NAME ID   save   loaded
 *   hear PATTERN          the next line of LOG that fits, within 20 s
 *   deaf PATTERN          no line since the last `hear` fits
 *   osc PORT              where riposte listens
 *   send PATH [VALUE]     a number (f) or a word (s)
 *   stray                 a save from an address that is no server
 *   run COMMAND           by the shell; it must succeed
 *   sleep SECONDS         messages are taken meanwhile
 *   leave   back          the server's socket is closed, and opened again
 *   term   await          ends riposte, or lets it; its status must be 0
 * Prints "failed: ..." with the script's line, and exits with 1, at the first
 * that is not as it should be. */
#include <fcntl.h>
#include <fnmatch.h>
#include <lo/lo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 20000, PATIENCE_MS = 20000 };

static lo_server manager, program;
static lo_address riposte, controlled; /* as manager, as program */
static char port[16];                  /* the manager's */
static char *line_of_log[LINES];
static int lines, heard; /* of the log; up to there the script has listened */
static FILE *log_file;
static pid_t pid;
static char refusal[128];
static const char *command_path;
static int script_line;

__attribute__((format(printf, 1, 2), noreturn)) static void
fail(const char *format, ...)
{
    va_list args;

    printf("failed: line %d: ", script_line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    for (int i = lines > 12 ? lines - 12 : 0; i < lines; i++) {
        printf("  heard: %s\n", line_of_log[i]);
    }
    if (pid > 0) {
        kill(pid, SIGKILL);
    }
    exit(1);
}

/* ---- messages ---- */

/* liblo aligns arguments to four bytes, its union lo_arg to eight. */
static const char *text_of(const void *arg)
{
    return arg;
}

static int32_t int_of(const void *arg)
{
    int32_t x;

    memcpy(&x, arg, sizeof(x));
    return x;
}

static float float_of(const void *arg)
{
    float x;

    memcpy(&x, arg, sizeof(x));
    return x;
}

static int64_t long_of(const void *arg)
{
    int64_t x;

    memcpy(&x, arg, sizeof(x));
    return x;
}

static void note(const char *who, const char *path, const char *types,
                 lo_arg **argv)
{
    char text[4096];
    int used = snprintf(text, sizeof(text), "%s %s", who, path);

    for (int i = 0; types[i]; i++) {
        size_t left = sizeof(text) - (size_t)used;

        used +=
            types[i] == 's'
                ? snprintf(text + used, left, " %s", text_of(argv[i]))
            : types[i] == 'f'
                ? snprintf(text + used, left, " %.6g", float_of(argv[i]))
            : types[i] == 'h'
                ? snprintf(text + used, left, " %lld",
                           (long long)long_of(argv[i]))
                : snprintf(text + used, left, " %d", int_of(argv[i]));
    }
    if (lines == LINES) {
        fail("too many messages");
    }
    line_of_log[lines++] = strdup(text);
    fprintf(log_file, "%s\n", text);
    fflush(log_file);
}

static void answer_announce(lo_arg **argv, lo_message message)
{
    lo_address from = lo_message_get_source(message);

    if (riposte) {
        lo_address_free(riposte);
    }
    riposte = lo_address_new(lo_address_get_hostname(from),
                             lo_address_get_port(from));
    if (*refusal) {
        lo_send_from(riposte, manager, LO_TT_IMMEDIATE, "/error", "sis",
                     "/nsm/server/announce", -6, refusal);
        *refusal = '\0';
    } else if (int_of(argv[3]) > 1) {
        lo_send_from(riposte, manager, LO_TT_IMMEDIATE, "/error", "sis",
                     "/nsm/server/announce", -2, "Incompatible API");
    } else {
        lo_send_from(riposte, manager, LO_TT_IMMEDIATE, "/reply", "ssss",
                     "/nsm/server/announce", "Welcome", "Test Manager",
                     ":server-control:broadcast:optional-gui:");
    }
}

static int on_manager(const char *path, const char *types, lo_arg **argv,
                      int argc, lo_message message, void *self)
{
    note("nsm", path, types, argv);
    if (!strcmp(path, "/nsm/server/announce") && !strcmp(types, "sssiii")) {
        answer_announce(argv, message);
    }
    return 0;
}

static int on_program(const char *path, const char *types, lo_arg **argv,
                      int argc, lo_message message, void *self)
{
    note("osc", path, types, argv);
    return 0;
}

static void on_error(int number, const char *text, const char *path)
{
    fail("liblo: %d %s %s", number, text, path ? path : "");
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void take_messages(int ms)
{
    lo_server both[2] = {program, manager};
    int which[2];

    if (lo_servers_wait(both, which, manager ? 2 : 1, ms) > 0) {
        for (int i = 0; i < (manager ? 2 : 1); i++) {
            while (both[i] && lo_server_recv_noblock(both[i], 0) > 0) {
            }
        }
    }
}

static void open_manager(const char *at)
{
    manager = lo_server_new_with_proto(at, LO_UDP, on_error);
    if (!manager) {
        fail("no port for the manager");
    }
    snprintf(port, sizeof(port), "%d", lo_server_get_port(manager));
    /* A riposte that inherited it would keep the port. */
    fcntl(lo_server_get_socket_fd(manager), F_SETFD, FD_CLOEXEC);
    lo_server_add_method(manager, NULL, NULL, on_manager, NULL);
}

/* ---- the script ---- */

static void do_hear(const char *pattern)
{
    int64_t until = now_ms() + PATIENCE_MS;

    for (;;) {
        while (heard < lines) {
            if (!fnmatch(pattern, line_of_log[heard++], 0)) {
                return;
            }
        }
        if (now_ms() >= until) {
            fail("not heard: %s", pattern);
        }
        if (pid > 0 && waitpid(pid, NULL, WNOHANG) > 0) {
            pid = 0;
            fail("riposte has ended while waiting for: %s", pattern);
        }
        take_messages(50);
    }
}

static void do_deaf(const char *pattern)
{
    for (int i = heard; i < lines; i++) {
        if (!fnmatch(pattern, line_of_log[i], 0)) {
            fail("heard: %s", line_of_log[i]);
        }
    }
}

static void do_sleep(double seconds)
{
    int64_t until = now_ms() + (int64_t)(seconds * 1000);

    while (now_ms() < until) {
        take_messages(20);
    }
}

static void do_spawn(const char *args)
{
    char url[64], text[2048];

    snprintf(text, sizeof(text), "exec \"$0\" %s", args);
    snprintf(url, sizeof(url), "osc.udp://localhost:%s/", port);
    fflush(stdout);
    pid = fork();
    if (!pid) {
        setenv("NSM_URL", url, 1);
        execl("/bin/sh", "sh", "-c", text, command_path, (char *)NULL);
        _exit(127);
    }
    do_hear("nsm /nsm/server/announce *");
}

static void do_await(int signal)
{
    int64_t until = now_ms() + PATIENCE_MS;
    int status = -1;

    if (signal) {
        kill(pid, signal);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() > until) {
            fail("riposte does not end");
        }
        take_messages(20);
    }
    take_messages(200);
    pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fail("riposte ended with %s %d",
             WIFEXITED(status) ? "status" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

static void do_open(char *args)
{
    char folder[1024], name[256], id[256];

    if (sscanf(args, "%1023s %255s %255s", folder, name, id) != 3) {
        fail("open: %s", args);
    }
    lo_send_from(riposte, manager, LO_TT_IMMEDIATE, "/nsm/client/open", "sss",
                 folder, name, id);
}

static void do_send(char *args)
{
    char *value = strchr(args, ' '), *end;

    if (!value) {
        lo_send_from(controlled, program, LO_TT_IMMEDIATE, args, "");
        return;
    }
    *value++ = '\0';
    (void)!strtod(value, &end);
    if (*end) {
        lo_send_from(controlled, program, LO_TT_IMMEDIATE, args, "s", value);
    } else {
        lo_send_from(controlled, program, LO_TT_IMMEDIATE, args, "f",
                     strtod(value, NULL));
    }
}

static void obey(const char *verb, char *args)
{
    if (!strcmp(verb, "spawn")) {
        do_spawn(args);
    } else if (!strcmp(verb, "refuse")) {
        snprintf(refusal, sizeof(refusal), "%s", args);
    } else if (!strcmp(verb, "open")) {
        do_open(args);
    } else if (!strcmp(verb, "save")) {
        lo_send_from(riposte, manager, LO_TT_IMMEDIATE, "/nsm/client/save", "");
    } else if (!strcmp(verb, "loaded")) {
        lo_send_from(riposte, manager, LO_TT_IMMEDIATE,
                     "/nsm/client/session_is_loaded", "");
    } else if (!strcmp(verb, "hear")) {
        do_hear(args);
    } else if (!strcmp(verb, "deaf")) {
        do_deaf(args);
    } else if (!strcmp(verb, "osc")) {
        controlled = lo_address_new("127.0.0.1", args);
    } else if (!strcmp(verb, "send")) {
        do_send(args);
    } else if (!strcmp(verb, "stray")) {
        lo_send_from(riposte, program, LO_TT_IMMEDIATE, "/nsm/client/save", "");
    } else if (!strcmp(verb, "run")) {
        fflush(stdout);
        if (system(args)) {
            fail("run: %s", args);
        }
    } else if (!strcmp(verb, "sleep")) {
        do_sleep(atof(args));
    } else if (!strcmp(verb, "leave")) {
        lo_server_free(manager);
        manager = NULL;
    } else if (!strcmp(verb, "back")) {
        open_manager(port);
    } else if (!strcmp(verb, "term")) {
        do_await(SIGTERM);
    } else if (!strcmp(verb, "await")) {
        do_await(0);
    } else {
        fail("no command '%s'", verb);
    }
}

int main(int argc, char **argv)
{
    int64_t began = now_ms();
    char text[2048], *args;

    if (argc != 3 || !(log_file = fopen(argv[2], "w"))) {
        return 2;
    }
    command_path = argv[1];
    open_manager(NULL);
    program = lo_server_new_with_proto(NULL, LO_UDP, on_error);
    if (!program) {
        fail("no port for OSC");
    }
    lo_server_add_method(program, NULL, NULL, on_program, NULL);
    while (fgets(text, sizeof(text), stdin)) {
        script_line++;
        text[strcspn(text, "\n")] = '\0';
        args = text + strcspn(text, " ");
        args += *args ? (*args = '\0', 1) : 0;
        if (*text && *text != '#') {
            obey(text, args);
        }
    }
    if (pid > 0) {
        fail("riposte still runs");
    }
    printf("%d lines of script, %d messages, %.1f s\n", script_line, lines,
           (double)(now_ms() - began) / 1000);
    return 0;
}
