#include "rt/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE = 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rp_log_sink *log_sink;             /* under lock; NULL is stderr */
static void *log_self;                    /* under lock */
static enum rp_level log_least = RP_INFO; /* under lock */
static _Thread_local rp_log_sink *own_sink; /* NULL: as for all threads */
static _Thread_local void *own_self;

static const char *const level_names[] = {[RP_DEBUG] = "debug: ",
                                          [RP_INFO] = "",
                                          [RP_WARN] = "warning: ",
                                          [RP_ERROR] = "error: "};

/* Names of ports and files come from outside: a newline or an escape
 * sequence in one must not become two lines or paint the terminal. */
static void tame(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            *c = *c == '\t' ? ' ' : '?';
        }
    }
}

void rp_log(enum rp_level level, const char *tag, const char *format, ...)
{
    char text[LINE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tame(text);
    if (own_sink) {
        own_sink(own_self, level, tag, text);
        return;
    }
    pthread_mutex_lock(&lock);
    if (level >= log_least) {
        if (log_sink) {
            log_sink(log_self, level, tag, text);
        } else {
            fprintf(stderr, "riposte: %s: %s%s\n", tag, level_names[level],
                    text);
        }
    }
    pthread_mutex_unlock(&lock);
}

void rp_log_to(rp_log_sink *sink, void *self)
{
    pthread_mutex_lock(&lock);
    log_sink = sink;
    log_self = self;
    pthread_mutex_unlock(&lock);
}

void rp_log_level(enum rp_level least)
{
    pthread_mutex_lock(&lock);
    log_least = least;
    pthread_mutex_unlock(&lock);
}

void rp_log_divert(rp_log_sink *sink, void *self)
{
    own_sink = sink;
    own_self = self;
}
