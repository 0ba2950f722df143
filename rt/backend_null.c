/* No MIDI system: an ideal one. In virtual time it moves only when told to
 * and hears the call it was given; with `realtime` its own thread keeps the
 * pace of CLOCK_MONOTONIC, for the computer keyboard. What is sent goes
 * nowhere; takes and the panel have it from the cycle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rt/backend.h"
#include "rt/log.h"
#include "rt/pace.h"

enum { ARRIVALS = 4096 };

struct null {
    struct rp_backend base;
    bool realtime;
    struct rp_pace pace;
    rp_frame frame; /* of the next period; whoever runs periods */
    const struct rp_timed_event *call; /* what is left of it */
    uint32_t calls;
    struct rp_arrival in[ARRIVALS];
};

static bool null_probe(char *text, size_t size)
{
    snprintf(text, size, "always there");
    return true;
}

static RP_RT bool null_write(struct rp_io *io, enum rp_way way, uint32_t offset,
                             struct rp_event event)
{
    return true;
}

/* The call's events of this period; what does not fit comes in the next. */
static RP_RT uint32_t gather(struct null *null, uint32_t frames)
{
    uint32_t count = 0;

    while (null->calls && count < ARRIVALS &&
           null->call->frame < null->frame + frames) {
        rp_frame offset = null->call->frame - null->frame;

        null->in[count++] =
            (struct rp_arrival){.offset = offset < 0 ? 0 : (uint32_t)offset,
                                .event = null->call->event};
        null->call++;
        null->calls--;
    }
    return count;
}

static RP_RT void null_advance(struct rp_backend *backend, uint32_t frames)
{
    struct null *null = (struct null *)backend;
    struct rp_io io = {.rate = backend->rate,
                       .frame = null->frame,
                       .frames = frames,
                       .in = null->in,
                       .ins = gather(null, frames),
                       .write = null_write,
                       .self = null};

    rp_backend_cycle(backend, &io);
    null->frame += frames;
}

static RP_RT void pace(struct rp_backend *backend)
{
    struct null *null = (struct null *)backend;

    null->frame = null->pace.frame;
    null_advance(backend, backend->period);
}

/* The first that is not "none", or NULL. */
static const char *port_asked_for(const struct rp_backend_options *options)
{
    const char *one[] = {options->in, options->out};
    const char *const *list[] = {options->ins, options->outs};

    for (int i = 0; i < 2; i++) {
        if (one[i] && strcmp(one[i], "none")) {
            return one[i];
        }
        for (int k = 0; list[i] && list[i][k]; k++) {
            if (strcmp(list[i][k], "none")) {
                return list[i][k];
            }
        }
    }
    return NULL;
}

static rp_status null_open(struct rp_backend **backend,
                           const struct rp_backend_options *options)
{
    struct null *null;
    const char *want = port_asked_for(options);
    struct rp_backend base;
    rp_status status;

    if (want) {
        rp_log(RP_ERROR, "null", "there is no port '%s' without a MIDI system",
               want);
        return RP_ENONE;
    }
    if ((status = rp_backend_begin(&base, &rp_backend_null, options))) {
        return status;
    }
    null = calloc(1, sizeof(*null));
    if (!null) {
        rp_log(RP_ERROR, "null", "out of memory");
        return RP_EMEM;
    }
    (void)mlock(null, sizeof(*null));
    null->base = base;
    null->realtime = options->realtime;
    null->call = options->call;
    null->calls = options->calls;
    *backend = &null->base;
    return RP_OK;
}

static rp_status null_start(struct rp_backend *backend)
{
    struct null *null = (struct null *)backend;

    return null->realtime ? rp_pace_start(&null->pace, backend, pace) : RP_OK;
}

static void null_stop(struct rp_backend *backend)
{
    rp_pace_stop(&((struct null *)backend)->pace);
}

static void null_close(struct rp_backend *backend)
{
    null_stop(backend);
    (void)munlock(backend, sizeof(struct null));
    free(backend);
}

static bool null_alive(struct rp_backend *backend)
{
    return ((struct null *)backend)->pace.running;
}

static void null_describe(struct rp_backend *backend, char *text, size_t size)
{
    struct null *null = (struct null *)backend;

    snprintf(text, size, "null %u Hz %u frames, %s", backend->rate,
             backend->period,
             null->realtime ? "no MIDI system" : "virtual time");
}

static rp_status
null_ports(void (*each)(void *self, const struct rp_port *port), void *self)
{
    return RP_OK;
}

const struct rp_backend_ops rp_backend_null = {
    .name = "null",
    .probe = null_probe,
    .open = null_open,
    .start = null_start,
    .stop = null_stop,
    .close = null_close,
    .alive = null_alive,
    .advance = null_advance,
    .describe = null_describe,
    .ports = null_ports,
};
