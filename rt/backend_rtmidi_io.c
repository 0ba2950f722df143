/* The threads of the RtMidi backend; see backend_rtmidi.h. */
#include <errno.h>
#include <rtmidi_c.h>

#include "rt/backend_rtmidi.h"
#include "rt/log.h"
#include "rt/trust.h"

enum {
    PULSE = 250000000,      /* ns between two pulses, or fewer after */
    PULSE_SENT = 250,       /* messages */
    PULSE_LOST = 800000000, /* ns until one that is lost is sent anew */
    SILENCE = 2000000000,   /* ns without any: the system is gone */
    UNCONFIRMED = 1000,     /* messages; half of what RtMidi's ring holds */
    NAP = 250000            /* ns; the pace is late: look again soon */
};

RP_TRUST_BEGIN
RP_RT uint64_t rp_pace_now(void);
RP_TRUST_END

/* ---- RtMidi's threads ---- */

/* RtMidi hands SysEx on whole, however long: nothing of it has to be kept. */
RP_RT void rp_rtmidi_hear(double since, const unsigned char *bytes, size_t size,
                          void *self)
{
    struct rp_rtmidi_in *in = self;
    struct rp_rtmidi *rtmidi = in->rtmidi;
    struct rp_rtmidi_event item = {.ns = rp_pace_now()};
    struct rp_packet packet;
    struct rp_stats *stats;

    if (!atomic_load_explicit(&rtmidi->ready, memory_order_acquire)) {
        return;
    }
    stats = &rtmidi->base.cycle->stats;
    rp_packet_init(&packet, bytes, size, in->sysex);
    while (rp_packet_next(&packet, &item.event)) {
        if (item.event.data[0] == RP_SENSING) {
            atomic_store(&rtmidi->alive, item.ns);
        } else if (!rp_ring_push(&in->ring, &item, NULL)) {
            rp_stats_add(&stats->lost_heard, 1);
            atomic_store(&rtmidi->pulled, true); /* note-offs, perhaps */
        }
    }
    in->sysex = packet.parser.sysex;
    if (packet.stray) {
        rp_stats_add(&stats->stray, packet.stray);
    }
}

/* ---- the pace's thread ---- */

/* The input whose next event came first. */
static RP_RT struct rp_rtmidi_in *earliest(struct rp_rtmidi *rtmidi)
{
    struct rp_rtmidi_in *first = NULL;
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < RP_RTMIDI_INS; i++) {
        const struct rp_rtmidi_event *next = rp_ring_peek(&rtmidi->in[i].ring);

        if (next && next->ns < least) {
            least = next->ns;
            first = &rtmidi->in[i];
        }
    }
    return first;
}

static RP_RT void gather(struct rp_rtmidi *rtmidi)
{
    struct rp_arrivals *arrivals = &rtmidi->arrivals;
    struct rp_rtmidi_in *in;

    /* What finds no room waits in its ring. */
    while (arrivals->count < RP_ARRIVALS && (in = earliest(rtmidi))) {
        struct rp_rtmidi_event item;

        (void)rp_ring_pop(&in->ring, &item);
        arrivals->source = (uint32_t)(in - rtmidi->in) + 1;
        rp_arrivals_put(arrivals, &rtmidi->base.cycle->stats,
                        rp_pace_offset(&rtmidi->pace, item.ns, arrivals),
                        item.event);
    }
}

static RP_RT bool write_event(struct rp_io *io, enum rp_way way,
                              uint32_t offset, struct rp_event event)
{
    struct rp_rtmidi *rtmidi = io->self;
    struct rp_rtmidi_event item = {.event = event};

    item.ns =
        rp_pace_ns(&rtmidi->pace, io->frame + rtmidi->base.period + offset);
    return rp_ring_push(&rtmidi->sent[way], &item, NULL);
}

RP_RT void rp_rtmidi_run(struct rp_backend *backend)
{
    struct rp_rtmidi *rtmidi = (struct rp_rtmidi *)backend;
    rp_frame frame = rtmidi->pace.frame;
    bool unplug = rtmidi->unplug;
    struct rp_io io = {.rate = backend->rate,
                       .frame = frame,
                       .frames = backend->period,
                       .in = rtmidi->arrivals.item,
                       .delay = 2 * backend->period,
                       .clock = true,
                       .write = write_event,
                       .self = rtmidi};

    /* Later than it has to be sent: the machine's fault, heard as such. */
    if (rp_pace_now() > rp_pace_ns(&rtmidi->pace, frame + backend->period)) {
        rp_stats_add(&backend->cycle->stats.xruns, 1);
    }
    rtmidi->unplug = atomic_exchange(&rtmidi->pulled, false);
    gather(rtmidi);
    io.ins = rp_arrivals_due(&rtmidi->arrivals, io.frames);
    rp_backend_cycle(backend, &io);
    rp_arrivals_pass(&rtmidi->arrivals, io.frames);
    atomic_store(&rtmidi->until,
                 rp_pace_ns(&rtmidi->pace, frame + 2 * backend->period));
    if (unplug) { /* all that it had sent was heard by now */
        atomic_fetch_add(&backend->cycle->unplugged, 1);
    }
}

/* ---- the sender ---- */

/* RtMidi over JACK does not say when the server is gone, and a message that
 * finds its ring full then waits for ever. So a pulse, active sensing, goes to
 * our own input again and again; as long as it does not come back no more is
 * sent than the ring holds, and after a while the system counts as gone. */
static void pulse(struct rp_rtmidi *rtmidi, uint64_t now)
{
    static const unsigned char sensing = RP_SENSING;
    uint64_t alive = atomic_load(&rtmidi->alive);
    bool answered = alive >= rtmidi->pulsed;

    if (answered) {
        rtmidi->unconfirmed = rtmidi->since;
    }
    if (!answered &&
        now - (alive > rtmidi->begun ? alive : rtmidi->begun) >= SILENCE) {
        atomic_store(&rtmidi->gone, true);
    } else if (now - rtmidi->pulsed >= (answered ? PULSE : PULSE_LOST) ||
               (answered && rtmidi->unconfirmed >= PULSE_SENT)) {
        rtmidi->pulsed = now;
        rtmidi->since = 0;
        (void)rtmidi_out_send_message(rtmidi->pulse, &sensing, 1);
    }
}

/* The way that has the earliest event of all, once its period is complete. */
static bool next_event(struct rp_rtmidi *rtmidi, enum rp_way *way,
                       struct rp_rtmidi_event *event)
{
    bool all = atomic_load(&rtmidi->quit); /* the pace has stopped */
    uint64_t least = all ? UINT64_MAX : atomic_load(&rtmidi->until);
    bool found = false;

    for (int w = 0; w < RP_RTMIDI_OWN; w++) {
        const struct rp_rtmidi_event *next = rp_ring_peek(&rtmidi->sent[w]);

        if (next && next->ns < least) {
            least = next->ns;
            *event = *next;
            *way = w;
            found = true;
        }
    }
    return found && rp_ring_pop(&rtmidi->sent[*way], NULL);
}

static void send_event(struct rp_rtmidi *rtmidi, enum rp_way way,
                       const struct rp_rtmidi_event *event)
{
    uint64_t now = rp_pace_now();

    while (rtmidi->pulses && rtmidi->unconfirmed >= UNCONFIRMED &&
           !atomic_load(&rtmidi->gone)) {
        rp_pace_sleep(now + NAP);
        now = rp_pace_now();
        pulse(rtmidi, now);
    }
    if (atomic_load(&rtmidi->gone)) {
        return;
    }
    pthread_mutex_lock(&rtmidi->lock);
    for (int i = 0; i < RP_RTMIDI_OUTS; i++) {
        struct rp_rtmidi_out *out = &rtmidi->out[i];

        if (out->device && out->way == way) {
            (void)rtmidi_out_send_message(out->device, event->event.data,
                                          event->event.size);
        }
    }
    pthread_mutex_unlock(&rtmidi->lock);
    rtmidi->since++;
    rtmidi->unconfirmed++;
    if (now > event->ns && now - event->ns > atomic_load(&rtmidi->worst)) {
        atomic_store(&rtmidi->worst, now - event->ns);
    }
}

/* When the pace is about to have run the next period: half a period before the
 * first of what it then sends is due. */
static uint64_t next_look(const struct rp_rtmidi *rtmidi, uint64_t now)
{
    uint64_t period =
        (uint64_t)rtmidi->base.period * 1000000000u / rtmidi->base.rate;
    uint64_t look = atomic_load(&rtmidi->until) - period / 2;

    return look > now && look < now + 2 * period ? look : now + NAP;
}

static void *send_all(void *self)
{
    struct rp_rtmidi *rtmidi = self;
    struct rp_rtmidi_event event;
    enum rp_way way;

    for (;;) {
        bool quit = atomic_load(&rtmidi->quit);
        uint64_t now = rp_pace_now();

        if (rtmidi->pulses && !atomic_load(&rtmidi->gone)) {
            pulse(rtmidi, now);
        }
        if (next_event(rtmidi, &way, &event)) {
            rp_pace_sleep(event.ns);
            send_event(rtmidi, way, &event);
        } else if (quit) {
            return NULL;
        } else {
            rp_pace_sleep(next_look(rtmidi, now));
        }
    }
}

rp_status rp_rtmidi_send_start(struct rp_rtmidi *rtmidi)
{
    struct sched_param param = {.sched_priority = rtmidi->base.priority};

    atomic_store(&rtmidi->quit, false);
    rtmidi->begun = rp_pace_now();
    rtmidi->pulsed = 0;
    rtmidi->unconfirmed = rtmidi->since = 0;
    if ((errno = pthread_create(&rtmidi->sender, NULL, send_all, rtmidi))) {
        rp_log(RP_ERROR, "rtmidi", "no thread: %m");
        return RP_EIO;
    }
    rtmidi->sending = true;
    pthread_setname_np(rtmidi->sender, "rtmidi sender"); /* for top, perf */
    if (param.sched_priority) {
        (void)pthread_setschedparam(rtmidi->sender, SCHED_FIFO, &param);
    }
    return RP_OK;
}

void rp_rtmidi_send_stop(struct rp_rtmidi *rtmidi)
{
    if (rtmidi->sending) {
        atomic_store(&rtmidi->quit, true);
        pthread_join(rtmidi->sender, NULL);
        rtmidi->sending = false;
    }
}
