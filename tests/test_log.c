/* The log: levels, sinks, lines from outside that try to be more than a line,
 * and threads whose lines must not mix. */
#include <pthread.h>
#include <unistd.h>

#include "rt/log.h"

#include "tests/test.h"

static char last[2000];
static enum rp_level last_level;
static int count;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(last, sizeof(last), "%s|%s|%s", (char *)self, tag, text);
    last_level = level;
    count++;
}

static void test_sink(void)
{
    static char name[] = "mine";

    rp_log_to(keep, name);
    rp_log(RP_WARN, "smf", "%s: byte %d", "a.mid", 7);
    CHECK_TEXT(last, "mine|smf|a.mid: byte 7");
    CHECK_INT(last_level, RP_WARN);
    rp_log(RP_DEBUG, "smf", "not told");
    CHECK_INT(count, 1);
    rp_log_level(RP_DEBUG);
    rp_log(RP_DEBUG, "smf", "told");
    CHECK_INT(count, 2);
    rp_log_level(RP_ERROR);
    rp_log(RP_WARN, "smf", "not told");
    CHECK_INT(count, 2);
    rp_log_level(RP_INFO);
}

static void test_outside(void)
{
    static char name[] = "", big[5000];

    rp_log_to(keep, name);
    rp_log(RP_INFO, "jack", "port '%s'", "a\nriposte: fake\x1b[2J\tb\x7f");
    CHECK_TEXT(last, "|jack|port 'a?riposte: fake?[2J b?'");
    rp_log(RP_INFO, "jack", "%s", "Клавиши");
    CHECK_TEXT(last, "|jack|Клавиши");
    memset(big, 'x', sizeof(big) - 1);
    rp_log(RP_INFO, "jack", "%s", big);
    CHECK_INT(strlen(last), strlen("|jack|") + 1023);
}

enum { THREADS = 4, LINES = 500 };

static void *chatter(void *self)
{
    char letter = *(char *)self;
    char text[300];

    memset(text, letter, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < LINES; i++) {
        rp_log(RP_INFO, "test", "%s", text);
    }
    return NULL;
}

/* On stderr, by default; here a file. */
static void test_threads(void)
{
    static char letters[] = "abcd";
    pthread_t thread[THREADS];
    char line[2000];
    unsigned whole = 0, lines = 0;
    FILE *file = tmpfile();
    int kept = dup(2);

    rp_log_to(NULL, NULL);
    CHECK(file && dup2(fileno(file), 2) == 2);
    for (int t = 0; t < THREADS; t++) {
        pthread_create(&thread[t], NULL, chatter, &letters[t]);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
    }
    rp_log(RP_ERROR, "test", "end");
    dup2(kept, 2);
    close(kept);
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        size_t start = strlen("riposte: test: ");
        char letter = line[start];

        lines++;
        whole += strlen(line) == start + 300 &&
                 strspn(line + start, (char[]){letter, 0}) == 299;
    }
    fclose(file);
    CHECK_INT(lines, THREADS * LINES + 1);
    CHECK_INT(whole, THREADS * LINES);
    CHECK_TEXT(line, "riposte: test: error: end\n");
}

static void count_chars(void *self, enum rp_level level, const char *tag,
                        const char *text)
{
    *(size_t *)self += strlen(text);
}

struct diverted {
    char letter;
    size_t chars;
};

static void *divert(void *self)
{
    struct diverted *own = self;
    rp_log_divert(count_chars, &own->chars);
    chatter(&own->letter);
    rp_log(RP_DEBUG, "test", "x"); /* of whatever level */
    rp_log_divert(NULL, NULL);
    rp_log(RP_INFO, "test", "%c", own->letter);
    return NULL;
}

/* What a thread diverts is its own; the rest comes as ever. */
static void test_divert(void)
{
    struct diverted own[THREADS] = {{'a', 0}, {'b', 0}, {'c', 0}, {'d', 0}};
    pthread_t thread[THREADS];
    size_t rest = 0;

    rp_log_to(count_chars, &rest);
    for (int t = 0; t < THREADS; t++)
        pthread_create(&thread[t], NULL, divert, &own[t]);
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
        CHECK_INT(own[t].chars, LINES * 299 + 1);
    }
    CHECK_INT(rest, THREADS);
    rp_log_to(NULL, NULL);
}

int main(void)
{
    test_sink();
    test_outside();
    test_threads();
    test_divert();
    return TEST_END();
}
