#include "rt/session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "rt/backend.h"
#include "rt/log.h"
#include "rt/sync_report.h"
#include "rt/take.h"

enum {
    HEARD = 4096,
    PLANNED = 4096,
    RECORDED = 32768, /* 10 s of call and answer at 31250 baud each */
    SEEN = 8192,
    PLAYED = 256,
    CONTROLLED = 16384
};

struct rp_session {
    const struct rp_backend_ops *ops;
    struct rp_backend *backend;
    struct rp_cycle *cycle;
    struct rp_performing performing;
    struct rp_controlling controlling;
    struct rp_knobs *knobs;
    struct rp_take *take;
    rp_status taken;     /* what closing it said */
    sem_t wake;          /* posted by audio, waited for by the performer */
    pthread_t performer; /* live only */
    bool performs, started, stopped, virtual_time;
    _Atomic bool quit;
    uint32_t obeyed; /* performer: last silence it told the cycle of */
    rp_frame now;    /* virtual time; main */
    const struct rp_cue *cue;
    uint32_t cues;
    const struct rp_timed_event *call; /* virtual time: still to be played */
    uint32_t calls;
    struct rp_stats_view told; /* main: what poll has logged */
    uint64_t told_at;          /* ns */
    uint32_t told_leading;
};

/* ---- the performer's turn ---- */

static void idle(struct rp_ring *in, rp_frame until)
{
    const struct rp_heard *heard;

    while ((heard = rp_ring_peek(in)) && heard->frame < until) {
        (void)rp_ring_pop(in, NULL);
    }
}

/* Everything heard so far is worked on. `silences` is read before `end`, as
 * the cycle stores them the other way round: the silence was heard. */
static rp_frame perform(struct rp_session *session)
{
    struct rp_cycle *cycle = session->cycle;
    struct rp_performing *performing = &session->performing;
    uint32_t silences = atomic_load(&cycle->silences);
    rp_frame until = atomic_load(&cycle->end);

    if (performing->run) {
        performing->run(performing->self, until, &cycle->to_performer,
                        &cycle->from_performer);
    } else {
        idle(&cycle->to_performer, until);
    }
    if (silences != session->obeyed && rp_cycle_obey(cycle, silences)) {
        session->obeyed = silences;
    }
    atomic_store(&cycle->wake_at, performing->wake
                                      ? performing->wake(performing->self)
                                      : INT64_MAX);
    return until;
}

static void *performer_thread(void *self)
{
    struct rp_session *session = self;
    struct rp_cycle *cycle = session->cycle;

    while (!atomic_load(&session->quit)) {
        rp_frame until, wake, end;

        while (sem_wait(&session->wake) && errno == EINTR) {
        }
        while (sem_trywait(&session->wake) == 0) {
        }
        do { /* a period may have ended before `wake_at` was stored */
            until = perform(session);
            wake = atomic_load(&cycle->wake_at);
            end = atomic_load(&cycle->end);
        } while (end > until && end > wake && !atomic_load(&session->quit));
    }
    return NULL;
}

static rp_status start_performer(struct rp_session *session)
{
    atomic_store(&session->quit, false);
    if ((errno = pthread_create(&session->performer, NULL, performer_thread,
                                session))) {
        rp_log(RP_ERROR, "session", "no thread for the performer: %m");
        return RP_EIO;
    }
    pthread_setname_np(session->performer, "performer"); /* for top, perf */
    session->performs = true;
    return RP_OK;
}

/* Under the audio thread, above everything else, where that is allowed. */
static void raise_performer(struct rp_session *session)
{
    struct sched_param param = {.sched_priority =
                                    session->backend->priority - 5};

    if (session->backend->priority <= 0) {
        return;
    }
    if (param.sched_priority < 1) {
        param.sched_priority = 1;
    }
    if ((errno =
             pthread_setschedparam(session->performer, SCHED_FIFO, &param))) {
        rp_log(RP_DEBUG, "session", "performer without real-time priority: %m");
    }
}

static void stop_performer(struct rp_session *session)
{
    if (session->performs) {
        atomic_store(&session->quit, true);
        sem_post(&session->wake);
        pthread_join(session->performer, NULL);
        session->performs = false;
    }
}

/* ---- create and destroy ---- */

static rp_status create_rings(struct rp_cycle *cycle, bool recording)
{
    rp_status status;

    if ((status = rp_ring_init(&cycle->to_performer, HEARD,
                               sizeof(struct rp_heard))) ||
        (status = rp_ring_init(&cycle->from_performer, PLANNED,
                               sizeof(struct rp_planned))) ||
        (status =
             rp_ring_init(&cycle->audio_to_ui, SEEN, sizeof(struct rp_seen))) ||
        (status = rp_ring_init(&cycle->control_to_main, CONTROLLED,
                               sizeof(struct rp_controlled))) ||
        (status = rp_ring_init(&cycle->main_to_audio, PLAYED,
                               sizeof(struct rp_event)))) {
        return status;
    }
    return recording ? rp_ring_init(&cycle->to_recorder, RECORDED,
                                    sizeof(struct rp_recorded))
                     : RP_OK;
}

static rp_status create_cycle(struct rp_session *session, bool recording)
{
    struct rp_cycle *cycle = aligned_alloc(64, (sizeof(*cycle) + 63) / 64 * 64);

    if (!cycle) {
        rp_log(RP_ERROR, "session", "out of memory");
        return RP_EMEM;
    }
    memset(cycle, 0, sizeof(*cycle)); /* touches every page, too */
    (void)mlock(cycle, sizeof(*cycle));
    session->cycle = cycle;
    cycle->wake = &session->wake;
    cycle->recording = recording;
    cycle->taken = session->controlling.taken;
    cycle->live = !session->virtual_time;
    rp_cycle_init(cycle, session->knobs, session->backend->rate);
    session->backend->cycle = cycle;
    return create_rings(cycle, recording);
}

static rp_status open_backend(struct rp_session *session,
                              const struct rp_session_options *options)
{
    struct rp_backend_options backend = {
        .name = options->name ? options->name : "riposte",
        .in = options->in,
        .out = options->out,
        .ins = options->ins,
        .outs = options->outs,
        .remember = options->remember,
        .rate = options->rate,
        .period = options->period,
        .realtime = options->realtime,
        .call = options->call,
        .calls = options->calls};
    bool any = !options->backend || !strcmp(options->backend, "auto");
    rp_status status =
        rp_backend_find(options->backend, &session->ops, &backend.system);

    if (status) {
        return status;
    }
    if (any && session->ops == &rp_backend_null) {
        backend.realtime = true; /* nobody asked for virtual time */
    }
    session->virtual_time =
        session->ops == &rp_backend_null && !backend.realtime;
    return session->ops->open(&session->backend, &backend);
}

rp_status rp_session_create(struct rp_session **session,
                            const struct rp_session_options *options)
{
    struct rp_session *made;
    rp_status status;

    if (!options->knobs) {
        rp_log(RP_ERROR, "session", "no knobs");
        return RP_EARG;
    }
    made = calloc(1, sizeof(*made));
    if (!made) {
        rp_log(RP_ERROR, "session", "out of memory");
        return RP_EMEM;
    }
    made->knobs = options->knobs;
    made->performing = options->performing;
    made->controlling = options->controlling;
    made->call = options->call;
    made->calls = options->calls;
    made->cue = options->cue;
    made->cues = options->cues;
    sem_init(&made->wake, 0, 0);
    status = open_backend(made, options);
    if (status == RP_OK) {
        status = create_cycle(made, options->take != NULL);
    }
    if (status == RP_OK && options->take) {
        status = rp_take_create(&made->take, options->take,
                                &made->cycle->to_recorder);
    }
    if (status) {
        rp_session_destroy(made);
        return status;
    }
    *session = made;
    return RP_OK;
}

rp_status rp_session_start(struct rp_session *session)
{
    rp_status status;

    if (!session->virtual_time) {
        if (session->take && (status = rp_take_start(session->take))) {
            return status;
        }
        if ((status = start_performer(session))) {
            return status;
        }
    }
    if ((status = session->ops->start(session->backend))) {
        return status;
    }
    session->started = true;
    if (session->performs) {
        raise_performer(session);
    }
    return RP_OK;
}

/* ---- virtual time ---- */

static void turn_controls(struct rp_session *session)
{
    struct rp_controlled controlled;

    while (rp_ring_pop(&session->cycle->control_to_main, &controlled)) {
        session->controlling.turn(session->controlling.self, controlled.event);
    }
}

/* A period ends with the first controller that turns a knob, so that its
 * length does not matter. */
static rp_frame cut_short(struct rp_session *session, rp_frame until)
{
    while (session->calls && session->call->frame < session->now) {
        session->call++;
        session->calls--;
    }
    for (uint32_t i = 0;
         i < session->calls && session->call[i].frame + 1 < until; i++) {
        if (rp_controls_taken(session->controlling.taken, NULL,
                              session->call[i].event)) {
            return session->call[i].frame + 1;
        }
    }
    return until;
}

static void step(struct rp_session *session, uint32_t frames)
{
    session->ops->advance(session->backend, frames);
    session->now += frames;
    (void)perform(session);
    turn_controls(session);
    while (sem_trywait(&session->wake) == 0) {
    }
    if (session->take) {
        rp_take_drain(session->take);
    }
}

void rp_session_advance(struct rp_session *session, rp_frame frame)
{
    if (!session->virtual_time || !session->started || session->stopped) {
        return;
    }
    while (session->now < frame) {
        rp_frame until = session->now + session->backend->period;

        while (session->cues && session->cue->frame <= session->now) {
            session->cue->turn(session->cue->self, session->knobs);
            session->cue++;
            session->cues--;
        }
        if (session->cues && session->cue->frame < until) {
            until = session->cue->frame;
        }
        until = cut_short(session, until > frame ? frame : until);
        step(session, (uint32_t)(until - session->now));
    }
}

/* ---- stop ---- */

static void nap(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000,
                            .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&time, &time) && errno == EINTR) {
    }
}

/* Every sounding note ends at the receiver before the backend is stopped. */
static void release(struct rp_session *session)
{
    struct rp_cycle *cycle = session->cycle;
    long period_ms =
        1000L * session->backend->period / session->backend->rate + 1;

    atomic_store(&cycle->stopping, 1);
    for (int i = 0; session->virtual_time && i < 1000; i++) {
        if (atomic_load(&cycle->released)) {
            return;
        }
        step(session, session->backend->period);
    }
    for (int i = 0; i < 1000 && session->ops->alive(session->backend); i++) {
        if (atomic_load(&cycle->released)) {
            nap(2 * period_ms); /* the last period reaches its receivers */
            return;
        }
        nap(1);
    }
    rp_log(RP_WARN, "session",
           "the MIDI system did not take the last note-offs");
}

static void close_take(struct rp_session *session)
{
    rp_status status = rp_take_close(session->take);

    if (status != RP_OK) {
        rp_log(RP_ERROR, "session", "the take is still in its journal");
        session->taken = status;
    }
    session->take = NULL;
}

rp_status rp_session_stop(struct rp_session *session)
{
    if (!session->started || session->stopped) {
        return session->taken;
    }
    release(session);
    session->stopped = true;
    if (atomic_load(&session->cycle->released)) {
        close_take(session); /* the server may not let go of us */
    }
    session->ops->stop(session->backend);
    stop_performer(session);
    close_take(session);
    session->told_at = 0;
    rp_session_poll(session);
    return session->taken;
}

void rp_session_destroy(struct rp_session *session)
{
    struct rp_cycle *cycle;

    if (!session) {
        return;
    }
    (void)rp_session_stop(session);
    stop_performer(session);
    close_take(session);
    if (session->backend) {
        session->ops->close(session->backend);
    }
    cycle = session->cycle;
    if (cycle) {
        rp_ring_fini(&cycle->to_performer);
        rp_ring_fini(&cycle->from_performer);
        rp_ring_fini(&cycle->to_recorder);
        rp_ring_fini(&cycle->audio_to_ui);
        rp_ring_fini(&cycle->main_to_audio);
        rp_ring_fini(&cycle->control_to_main);
        (void)munlock(cycle, sizeof(*cycle));
    }
    free(cycle);
    sem_destroy(&session->wake);
    free(session);
}

/* ---- main's view ---- */

bool rp_session_play(struct rp_session *session, struct rp_event event)
{
    bool fits = rp_ring_push(&session->cycle->main_to_audio, &event, NULL);

    if (!fits) {
        rp_stats_add(&session->cycle->stats.dropped, 1);
    }
    return fits;
}

void rp_session_wake(struct rp_session *session)
{
    if (session->performs) {
        sem_post(&session->wake);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

static void report(uint64_t now, uint64_t *told, enum rp_level level,
                   const char *text)
{
    if (now > *told) {
        rp_log(level, "session", "%llu %s", (unsigned long long)(now - *told),
               text);
        *told = now;
    }
}

static void report_leader(struct rp_session *session)
{
    uint32_t now = atomic_load(&session->cycle->leading);
    struct rp_clock clock;

    rp_cycle_clock(session->cycle, &clock);
    rp_sync_report(session->told_leading, now, &clock);
    session->told_leading = now;
}

void rp_session_poll(struct rp_session *session)
{
    struct rp_stats_view now, *told = &session->told;
    uint64_t time = now_ns();

    if (session->ops->poll && session->started && !session->stopped) {
        session->ops->poll(session->backend);
    }
    turn_controls(session);
    if (session->told_at && time - session->told_at < 1000000000u) {
        return; /* one line per second and kind at most */
    }
    session->told_at = time;
    rp_session_stats(session, &now);
    report(now.late, &told->late, RP_WARN, "events late, played at once");
    report(now.dropped, &told->dropped, RP_WARN, "events dropped");
    report(now.xruns, &told->xruns, RP_WARN, "xruns reported");
    report(now.stray, &told->stray, RP_WARN,
           "stray bytes on the input: no MIDI message");
    report(now.echoes, &told->echoes, RP_INFO,
           "events sent back by a synth: no call (echo-guard)");
    report(now.lost_heard, &told->lost_heard, RP_WARN,
           "events not heard: too many at once");
    report(now.lost_controls, &told->lost_controls, RP_WARN,
           "turns of a controller were too many at once");
    report(now.lost_recorded, &told->lost_recorded, RP_ERROR,
           "events missing from the take: the disk is behind");
    report(now.panics, &told->panics, RP_INFO, "panic: all notes off");
    report_leader(session);
}

bool rp_session_seen(struct rp_session *session, struct rp_seen *seen)
{
    return rp_ring_pop(&session->cycle->audio_to_ui, seen);
}

void rp_session_now(struct rp_session *session, struct rp_clock *clock,
                    rp_frame *frame)
{
    rp_cycle_clock(session->cycle, clock);
    *frame = atomic_load(&session->cycle->end);
}

void rp_session_stats(struct rp_session *session, struct rp_stats_view *view)
{
    rp_stats_look(&session->cycle->stats, view);
}

void rp_session_format(const struct rp_session *session, uint32_t *rate,
                       uint32_t *period)
{
    *rate = session->backend->rate;
    *period = session->backend->period;
}

void rp_session_describe(struct rp_session *session, char *text, size_t size)
{
    session->ops->describe(session->backend, text, size);
}

/* Only the ports of one system, of a backend that has several. */
struct only {
    const char *name;
    void (*each)(void *self, const struct rp_port *port);
    void *self;
};

static void only_each(void *self, const struct rp_port *port)
{
    const struct only *only = self;

    if (!strcmp(port->backend, only->name)) {
        only->each(only->self, port);
    }
}

rp_status rp_session_ports(const char *backend,
                           void (*each)(void *self, const struct rp_port *port),
                           void *self)
{
    struct only only = {backend, each, self};
    const struct rp_backend_ops *ops;
    const char *system;
    bool listed = false;
    rp_status status;

    if (backend && strcmp(backend, "auto")) {
        status = rp_backend_find(backend, &ops, &system);
        return status   ? status
               : system ? ops->ports(only_each, &only)
                        : ops->ports(each, self);
    }
    for (int i = 0; rp_backends[i]; i++) {
        char why[200];

        ops = rp_backends[i];
        if ((ops->covers && listed) || !ops->probe(why, sizeof(why))) {
            continue;
        }
        listed = true;
        if ((status = ops->ports(each, self))) {
            return status;
        }
    }
    return RP_OK;
}
