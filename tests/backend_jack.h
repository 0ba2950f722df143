/* A session over the fake JACK. */
#ifndef TEST_BACKEND_JACK_H
#define TEST_BACKEND_JACK_H

#include <jack/types.h>
#include <time.h>

#include "rt/backend.h"
#include "tests/backend_log.h"
#include "tests/fake/fake_jack.h"

static inline void nap(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

static struct rp_knobs jack_knobs;

static inline struct rp_session *jack_session(const char *in, const char *out)
{
    struct rp_session_options options = {
        .backend = "jack", .in = in, .out = out, .knobs = &jack_knobs};
    struct rp_session *session = NULL;

    set_knobs(&jack_knobs);
    jack_knobs.metronome = 0;
    quiet();
    CHECK_INT(rp_session_create(&session, &options), RP_OK);
    if (!session) {
        exit(TEST_END());
    }
    CHECK_INT(rp_session_start(session), RP_OK);
    return session;
}

static inline void arrive(uint32_t time, uint8_t a, uint8_t b, uint8_t c)
{
    fake_jack_arrive(time, (const uint8_t[]){a, b, c}, 3);
}

static inline void check_sent(const char *name, uint32_t index, uint32_t time, int a,
                       int b)
{
    const struct fake_port *port = fake_jack_port(name);

    CHECK(port && port->events > index);
    if (port && port->events > index) {
        CHECK_INT(port->event[index].time, time);
        CHECK_INT(port->event[index].bytes[0], a);
        CHECK_INT(port->event[index].bytes[1], b);
    }
}

/* Ends a session while the server runs by itself. */
static inline void finish(struct rp_session *session)
{
    fake_jack_pump(true);
    rp_session_destroy(session);
    fake_jack_pump(false);
}

#endif
