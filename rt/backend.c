#include "rt/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "rt/log.h"
#include "rt/trust.h"

enum { PERIOD_MAX = 1 << 16 };

const struct rp_backend_ops *const rp_backends[] = {
#if HAVE_JACK
    &rp_backend_jack,
#endif
#if HAVE_ALSA
    &rp_backend_alsa,
#endif
#if HAVE_RTMIDI
    &rp_backend_rtmidi,
#endif
    &rp_backend_null, NULL};

static void list_names(char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; rp_backends[i] && used < size; i++) {
        used += snprintf(text + used, size - used, " %s", rp_backends[i]->name);
    }
}

static rp_status find_any(const struct rp_backend_ops **ops)
{
    char why[200];

    for (int i = 0; rp_backends[i]; i++) {
        if (rp_backends[i]->probe(why, sizeof(why))) {
            *ops = rp_backends[i];
            return RP_OK;
        }
        rp_log(RP_DEBUG, "backend", "not %s: %s", rp_backends[i]->name, why);
    }
    rp_log(RP_ERROR, "backend", "no MIDI system can be used");
    return RP_ENONE;
}

/* Whether `name` is that backend's, with a system of its own behind a colon
 * where it has such. */
static bool is_called(const char *backend, bool covers, const char *name)
{
    size_t length = strlen(backend);

    return !strncmp(backend, name, length) &&
           (!name[length] || (covers && name[length] == ':'));
}

rp_status rp_backend_find(const char *name, const struct rp_backend_ops **ops,
                          const char **system)
{
    static const char *const known[] = {"jack", "alsa", "rtmidi"};
    char names[100];

    *system = NULL;
    if (!name || !strcmp(name, "auto")) {
        return find_any(ops);
    }
    for (int i = 0; rp_backends[i]; i++) {
        const struct rp_backend_ops *one = rp_backends[i];

        if (is_called(one->name, one->covers, name)) {
            *ops = one;
            *system = strchr(name, ':') ? strchr(name, ':') + 1 : NULL;
            return RP_OK;
        }
    }
    list_names(names, sizeof(names));
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (is_called(known[i], true, name)) {
            rp_log(RP_ERROR, "backend",
                   "this build has no backend '%s'; it has: auto%s", name,
                   names);
            return RP_ENONE;
        }
    }
    rp_log(RP_ERROR, "backend", "no backend is called '%s'; there are: auto%s",
           name, names);
    return RP_EARG;
}

rp_status rp_backend_begin(struct rp_backend *backend,
                           const struct rp_backend_ops *ops,
                           const struct rp_backend_options *options)
{
    uint32_t rate = options->rate ? options->rate : 48000;
    uint32_t period = options->period ? options->period : 128;

    if (rate < 1000 || rate > 1000000 || period > PERIOD_MAX) {
        rp_log(RP_ERROR, ops->name,
               "%u Hz with %u frames: expected 1000..1000000 and 1..%d", rate,
               period, PERIOD_MAX);
        return RP_EARG;
    }
    *backend = (struct rp_backend){.ops = ops, .rate = rate, .period = period};
    return RP_OK;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

RP_RT void rp_backend_cycle(struct rp_backend *backend, struct rp_io *io)
{
    uint64_t start = now_ns();

    rp_cycle_run(backend->cycle, io);
    rp_stats_time(&backend->cycle->stats, now_ns() - start);
}

int rp_backend_match(const char *want, const char *const *names, int count)
{
    char *end;
    long number = strtol(want, &end, 10);

    if (*want && !*end) {
        return number >= 1 && number <= count ? (int)number - 1 : -1;
    }
    for (int i = 0; i < count; i++) {
        if (!strcmp(names[i], want)) {
            return i;
        }
    }
    for (int i = 0; *want && i < count; i++) {
        if (strcasestr(names[i], want)) {
            return i;
        }
    }
    return -1;
}
