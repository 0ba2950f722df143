/* The NSM protocol, the program's side, against a server of liblo in a thread:
 * what is announced, asked, answered and told, and servers that are none. */
#include <lo/lo.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "rt/log.h"
#include "tests/test.h"
#include "tui/nsm.h"
#include "tui/wire.h"

/* What the server does with an announcement. */
enum manner { WELCOME, REFUSE, OPEN_BADLY };

static lo_server_thread server;
static _Atomic int manner;
static lo_address program; /* as the server knows it */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char heard[4096]; /* under lock: a line for each message */
static char said[1024];

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said, sizeof(said), "%s: %s", tag, text);
}

static void note(const char *path, const char *types, lo_arg **argv)
{
    size_t used = strlen(heard);

    used += (size_t)snprintf(heard + used, sizeof(heard) - used, "%s", path);
    for (int i = 0; types[i]; i++) {
        const void *arg = argv[i]; /* at four bytes: not a whole lo_arg */
        size_t left = sizeof(heard) - used;
        int32_t number;
        float real;

        memcpy(&number, arg, sizeof(number));
        memcpy(&real, arg, sizeof(real));
        used += (size_t)(types[i] == 's' ? snprintf(heard + used, left, " %s",
                                                    (const char *)arg)
                         : types[i] == 'f'
                             ? snprintf(heard + used, left, " %g", real)
                             : snprintf(heard + used, left, " %d", number));
    }
    snprintf(heard + used, sizeof(heard) - used, "\n");
}

static void ask(const char *path, const char *a, const char *b, const char *c)
{
    lo_server from = lo_server_thread_get_server(server);

    if (c) {
        lo_send_from(program, from, LO_TT_IMMEDIATE, path, "sss", a, b, c);
    } else if (a) {
        lo_send_from(program, from, LO_TT_IMMEDIATE, path, "s", a);
    } else {
        lo_send_from(program, from, LO_TT_IMMEDIATE, path, "");
    }
}

static void welcome(lo_server from)
{
    static const char announce[] = "/nsm/server/announce";

    if (manner == REFUSE) {
        lo_send_from(program, from, LO_TT_IMMEDIATE, "/error", "sis", announce,
                     -2, "too old");
        return;
    }
    /* Before its time: nothing is open yet, nobody has said who it is. */
    ask("/nsm/client/save", NULL, NULL, NULL);
    lo_send_from(program, from, LO_TT_IMMEDIATE, "/reply", "ssss", announce,
                 "hello", "Server", ":server-control:");
    if (manner == OPEN_BADLY) {
        ask("/nsm/client/save", NULL, NULL, NULL);
        ask("/nsm/client/open", "/somewhere", NULL, NULL);
        ask("/nsm/client/open", "", "", "");
    }
    ask("/nsm/client/session_is_loaded", NULL, NULL, NULL);
    ask("/nsm/client/open", "/songs/one.nAAAA", "one", "riposte.nAAAA");
}

static int on_message(const char *path, const char *types, lo_arg **argv,
                      int argc, lo_message message, void *self)
{
    pthread_mutex_lock(&lock);
    note(path, types, argv);
    pthread_mutex_unlock(&lock);
    if (!strcmp(path, "/nsm/server/announce")) {
        lo_address from = lo_message_get_source(message);

        if (program) {
            lo_address_free(program);
        }
        program = lo_address_new(lo_address_get_hostname(from),
                                 lo_address_get_port(from));
        welcome(lo_server_thread_get_server(server));
    }
    return 0;
}

/* Within two seconds, and all before it is forgotten. */
static bool hears(const char *line)
{
    struct timespec nap = {.tv_nsec = 5000000};
    bool found = false;

    for (int i = 0; i < 400 && !found; i++) {
        char *at;

        pthread_mutex_lock(&lock);
        at = strstr(heard, line);
        if (at) {
            found = true;
            at += strlen(line);
            memmove(heard, at, strlen(at) + 1);
        }
        pthread_mutex_unlock(&lock);
        if (!found) {
            nanosleep(&nap, NULL);
        }
    }
    if (!found) {
        printf("not heard: %sbut:\n%s", line, heard);
    }
    return found;
}

static enum rp_nsm_ask next(struct rp_nsm *nsm)
{
    struct timespec nap = {.tv_nsec = 5000000};
    enum rp_nsm_ask asked = RP_NSM_NOTHING;

    for (int i = 0; i < 400 && !asked; i++) {
        asked = rp_nsm_next(nsm);
        nanosleep(&nap, NULL);
    }
    return asked;
}

static struct rp_nsm *open_nsm(enum manner how)
{
    struct rp_nsm *nsm;
    char url[64], line[160];

    manner = how;
    snprintf(url, sizeof(url), "osc.udp://localhost:%d/",
             lo_server_thread_get_port(server));
    rp_nsm_open(&nsm, url);
    snprintf(line, sizeof(line),
             "/nsm/server/announce riposte :switch:dirty:progress:message: "
             "test_nsm 1 1 %d\n",
             (int)getpid());
    CHECK(hears(line));
    return nsm;
}

static void test_session(void)
{
    struct rp_nsm *nsm = open_nsm(WELCOME);

    CHECK(nsm != NULL);
    CHECK_TEXT(said, "nsm: Server: hello");
    CHECK_TEXT(rp_nsm_folder(nsm), "/songs/one.nAAAA");
    CHECK_TEXT(rp_nsm_id(nsm), "riposte.nAAAA");
    rp_nsm_progress(nsm, 0.5);
    CHECK(hears("/nsm/client/progress 0.5\n"));
    rp_nsm_answer(nsm, RP_OK, "open");
    CHECK(hears("/reply /nsm/client/open open\n"));
    rp_nsm_answer(nsm, RP_OK, "twice"); /* there is nothing to answer */
    rp_nsm_dirty(nsm, false);           /* said once, whichever it is */
    CHECK(hears("/nsm/client/is_clean\n"));
    rp_nsm_dirty(nsm, false);
    rp_nsm_dirty(nsm, true);
    rp_nsm_dirty(nsm, true);
    rp_nsm_message(nsm, 2, "careful");
    rp_nsm_label(nsm, "melody");
    CHECK(hears("/nsm/client/is_dirty\n/nsm/client/message 2 careful\n"
                "/nsm/client/label melody\n"));

    ask("/nsm/client/save", NULL, NULL, NULL);
    CHECK_INT(next(nsm), RP_NSM_SAVE);
    rp_nsm_answer(nsm, RP_EIO, "the disk is full");
    CHECK(hears("/error /nsm/client/save -10 the disk is full\n"));
    ask("/nsm/client/show_optional_gui", NULL, NULL, NULL);
    ask("/nsm/client/open", "/songs/two.nBBBB", "two", "riposte.nBBBB");
    CHECK_INT(next(nsm), RP_NSM_OPEN);
    CHECK_TEXT(rp_nsm_folder(nsm), "/songs/two.nBBBB");
    rp_nsm_answer(nsm, RP_EFORMAT, "/songs/two.nBBBB/riposte.ini:3: no");
    CHECK(hears("/error /nsm/client/open -9 /songs/two.nBBBB/riposte.ini:3: "
                "no\n"));
    CHECK_INT(rp_nsm_next(nsm), RP_NSM_NOTHING);
    rp_nsm_close(nsm);
}

/* What cannot be meant is answered, and the next that can be is obeyed. */
static void test_odd(void)
{
    struct rp_nsm *nsm = open_nsm(OPEN_BADLY);

    CHECK(nsm != NULL);
    CHECK(hears("/error /nsm/client/save -6 nothing is open\n"
                "/error /nsm/client/open -1 expected a path, a display name "
                "and a client id\n"
                "/error /nsm/client/open -1 expected a path, a display name "
                "and a client id\n"));
    CHECK_TEXT(rp_nsm_folder(nsm), "/songs/one.nAAAA");
    rp_nsm_close(nsm);
}

static void test_none(void)
{
    static const char *const bad[] = {"", "nonsense", "osc.tcp://host:1/",
                                      "osc.udp://host/", "osc.udp://:17000/"};
    struct rp_nsm *nsm = open_nsm(REFUSE);

    CHECK(nsm == NULL);
    CHECK_TEXT(said, "nsm: the session manager refuses: too old");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rp_nsm_open(&nsm, bad[i]);
        CHECK(nsm == NULL);
        CHECK(strstr(said, "expected osc.udp://HOST:PORT/") != NULL);
    }
}

int main(void)
{
    char why[80];

    if (!rp_wire_probe(why, sizeof(why))) {
        SKIP(why);
    }
    rp_log_to(keep, NULL);
    server = lo_server_thread_new(NULL, NULL);
    if (!server) {
        return 1;
    }
    lo_server_thread_add_method(server, NULL, NULL, on_message, NULL);
    lo_server_thread_start(server);
    test_session();
    test_odd();
    test_none();
    lo_server_thread_free(server);
    lo_address_free(program);
    rp_log_to(NULL, NULL);
    return TEST_END();
}
