/* The pace's thread of the ALSA backend. Both ends of the sequencer's file are
 * non-blocking: what it does not take now stays here for the next period. */
#include <alsa/asoundlib.h>
#include <errno.h>

#include "rt/backend_alsa.h"
#include "rt/trust.h"

enum { SECOND = 1000000000, INTAKE = 8192, JUMP = 5000000 /* ns */ };

/* What the thread calls: system calls that do not wait, and pure functions;
 * none allocates. */
RP_TRUST_BEGIN
RP_RT int snd_seq_event_input(snd_seq_t *seq, snd_seq_event_t **event);
RP_RT int snd_seq_event_output_buffer(snd_seq_t *seq, snd_seq_event_t *event);
RP_RT int snd_seq_drain_output(snd_seq_t *seq);
RP_RT int snd_seq_get_queue_status(snd_seq_t *seq, int queue,
                                   snd_seq_queue_status_t *status);
RP_RT const snd_seq_real_time_t *
snd_seq_queue_status_get_real_time(const snd_seq_queue_status_t *status);
RP_RT long snd_midi_event_decode(snd_midi_event_t *decoder,
                                 unsigned char *bytes, long size,
                                 const snd_seq_event_t *event);
RP_RT long snd_midi_event_encode(snd_midi_event_t *encoder,
                                 const unsigned char *bytes, long size,
                                 snd_seq_event_t *event);
RP_RT void *memset(void *to, int byte, size_t size);
RP_RT uint64_t rp_pace_now(void);
RP_TRUST_END

static RP_RT void fail(struct rp_alsa *alsa)
{
    atomic_store(&alsa->gone, true);
}

/* ---- the queue's clock ---- */

/* The queue counts ticks of a timer that follows CLOCK_MONOTONIC; a tick that
 * comes late makes the queue seem to be behind until the next. So what says
 * that the queue is further is believed at once, what says that it is behind
 * little by little, or at once where the clocks have parted. */
static RP_RT void map_queue(struct rp_alsa *alsa)
{
    const snd_seq_real_time_t *time;
    int64_t queue, least, most;

    most = (int64_t)rp_pace_now();
    if (snd_seq_get_queue_status(alsa->seq, alsa->queue, alsa->status) < 0) {
        fail(alsa);
        return;
    }
    least = (int64_t)rp_pace_now();
    time = snd_seq_queue_status_get_real_time(alsa->status);
    queue = (int64_t)time->tv_sec * SECOND + time->tv_nsec;
    most = queue - most; /* it was read between the two */
    least = queue - least;
    if (!alsa->mapped || alsa->shift < least || alsa->shift > most + JUMP) {
        alsa->shift = least;
        alsa->mapped = true;
    } else if (alsa->shift > most) {
        alsa->shift -= (alsa->shift - most) / 64;
    }
}

/* ---- in ---- */

/* When it came, ns: stamped by our queue in the kernel. */
static RP_RT uint64_t stamp_of(const struct rp_alsa *alsa,
                               const snd_seq_event_t *event)
{
    if (!snd_seq_ev_is_real(event) || event->queue != alsa->queue) {
        return rp_pace_now();
    }
    return (uint64_t)((int64_t)event->time.time.tv_sec * SECOND +
                      event->time.time.tv_nsec - alsa->shift);
}

static RP_RT void take(struct rp_alsa *alsa, const snd_seq_event_t *event)
{
    unsigned char bytes[16]; /* an RPN is four messages */
    uint32_t offset;
    long size;

    if (event->dest.port != alsa->port[RP_ALSA_IN] ||
        event->type == SND_SEQ_EVENT_PORT_SUBSCRIBED ||
        snd_seq_ev_is_variable(event)) { /* SysEx is passed over */
        return;
    }
    if (event->type == SND_SEQ_EVENT_PORT_UNSUBSCRIBED) {
        alsa->unplug = true;
        return;
    }
    size = snd_midi_event_decode(alsa->decoder, bytes, sizeof(bytes), event);
    if (size <= 0) {
        rp_stats_add(&alsa->base.cycle->stats.stray, 1);
        return;
    }
    offset = rp_pace_offset(&alsa->pace, stamp_of(alsa, event), &alsa->in);
    alsa->in.source = (event->source.client << 8 | event->source.port) + 1u;
    rp_arrivals_add(&alsa->in, &alsa->base.cycle->stats, offset, bytes, size);
    alsa->unplug |= alsa->in.count == RP_ARRIVALS; /* some may be lost */
}

static RP_RT void gather(struct rp_alsa *alsa)
{
    snd_seq_event_t *event;

    for (int i = 0; i < INTAKE; i++) {
        int result = snd_seq_event_input(alsa->seq, &event);

        if (result >= 0) {
            take(alsa, event);
        } else if (result == -ENOSPC) { /* the kernel threw some away */
            rp_stats_add(&alsa->base.cycle->stats.lost_heard, 1);
            alsa->unplug = true; /* note-offs among them, perhaps */
        } else {
            if (result != -EAGAIN && result != -EINTR) {
                fail(alsa);
            }
            return;
        }
    }
}

/* ---- out ---- */

/* The queue sends at the first tick at or after an event's time: half a tick
 * before, the error is as often early as late. */
static RP_RT void schedule(struct rp_alsa *alsa, enum rp_way way,
                           snd_seq_event_t *event, uint64_t due)
{
    int64_t when = (int64_t)due + alsa->shift - (int64_t)alsa->tick / 2;
    snd_seq_real_time_t time;

    if (when < alsa->last_sent[way]) { /* in order, whatever `shift` did */
        when = alsa->last_sent[way];
    }
    alsa->last_sent[way] = when;
    alsa->last_due = due > alsa->last_due ? due : alsa->last_due;
    time.tv_sec = when / SECOND;
    time.tv_nsec = when % SECOND;
    snd_seq_ev_schedule_real(event, alsa->queue, 0, &time);
}

static const enum rp_alsa_port ports[] = {[RP_WAY_OUT] = RP_ALSA_OUT,
                                          [RP_WAY_THRU] = RP_ALSA_THRU,
                                          [RP_WAY_CLOCK] = RP_ALSA_CLOCK};

static RP_RT bool write_event(struct rp_io *io, enum rp_way way,
                              uint32_t offset, struct rp_event event)
{
    struct rp_alsa *alsa = io->self;
    snd_seq_event_t out;

    snd_seq_ev_clear(&out);
    if (snd_midi_event_encode(alsa->encoder, event.data, event.size, &out) !=
            event.size ||
        out.type == SND_SEQ_EVENT_NONE) {
        return true; /* nothing that the sequencer knows */
    }
    snd_seq_ev_set_source(&out, alsa->port[ports[way]]);
    snd_seq_ev_set_subs(&out);
    schedule(alsa, way, &out,
             rp_pace_ns(&alsa->pace, io->frame + alsa->base.period + offset));
    return snd_seq_event_output_buffer(alsa->seq, &out) >= 0;
}

static RP_RT void drain(struct rp_alsa *alsa)
{
    int result = snd_seq_drain_output(alsa->seq);

    if (result < 0 && result != -EAGAIN && result != -EINTR) {
        fail(alsa);
    }
}

/* ---- the period ---- */

RP_RT void rp_alsa_run(struct rp_backend *backend)
{
    struct rp_alsa *alsa = (struct rp_alsa *)backend;
    rp_frame frame = alsa->pace.frame;
    bool unplug = alsa->unplug;
    struct rp_io io = {.rate = backend->rate,
                       .frame = frame,
                       .frames = backend->period,
                       .in = alsa->in.item,
                       .delay = 2 * backend->period, /* see pace.h */
                       .clock = true,
                       .write = write_event,
                       .self = alsa};

    if (atomic_load_explicit(&alsa->gone, memory_order_relaxed)) {
        return;
    }
    /* Later than it has to be sent: the machine's fault, heard as such. */
    if (rp_pace_now() > rp_pace_ns(&alsa->pace, frame + backend->period)) {
        rp_stats_add(&backend->cycle->stats.xruns, 1);
    }
    alsa->unplug = false;
    map_queue(alsa);
    gather(alsa);
    io.ins = rp_arrivals_due(&alsa->in, io.frames);
    rp_backend_cycle(backend, &io);
    rp_arrivals_pass(&alsa->in, io.frames);
    drain(alsa);
    if (unplug) { /* all that it had sent was heard by now */
        atomic_fetch_add(&backend->cycle->unplugged, 1);
    }
}

void rp_alsa_flush(struct rp_alsa *alsa)
{
    for (int i = 0; i < 100 && snd_seq_drain_output(alsa->seq) != 0; i++) {
        rp_pace_sleep(rp_pace_now() + 1000000); /* the pool is full: 1 ms */
    }
    if (alsa->last_due) { /* closing would drop what is in the queue */
        rp_pace_sleep(alsa->last_due + alsa->tick + 2000000);
    }
}
