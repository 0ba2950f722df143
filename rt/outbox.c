#include "rt/outbox.h"

static enum rp_way way_of(enum rp_source source)
{
    return source == RP_SOURCE_CALL ? RP_WAY_THRU : RP_WAY_OUT;
}

static struct rp_outgoing *queue_at(struct rp_queue *queue, uint32_t i)
{
    return &queue->item[(queue->first + i) % RP_QUEUE];
}

static void enqueue(struct rp_outbox *outbox, enum rp_source source,
                    rp_frame frame, struct rp_event event)
{
    struct rp_queue *queue = &outbox->queue[way_of(source)];

    *queue_at(queue, queue->count++) =
        (struct rp_outgoing){.frame = frame, .source = source, .event = event};
}

/* No room even for a note-off: it is owed, and goes out before anything that
 * is queued now; so a queued note-on of the same pitch must not follow it. */
static void owe_off(struct rp_outbox *outbox, enum rp_source source,
                    struct rp_event event)
{
    struct rp_queue *queue = &outbox->queue[way_of(source)];

    queue->cancelled[event.data[0] & 15][event.data[1] & 127] =
        queue->passed + queue->count;
    rp_release_add(&outbox->owed[source], event);
}

static bool is_cancelled(const struct rp_queue *queue, struct rp_event event)
{
    return rp_event_is_on(event) &&
           queue->passed <
               queue->cancelled[event.data[0] & 15][event.data[1] & 127];
}

/* False when there is no room for it. */
static bool send_on(struct rp_outbox *outbox, enum rp_source source,
                    rp_frame frame, struct rp_event event)
{
    if (outbox->queue[way_of(source)].count > RP_QUEUE - 2) {
        rp_held_skip(&outbox->held, source, event);
        return false;
    }
    if (rp_held_on(&outbox->held, source, event) && source != RP_SOURCE_CALL) {
        enqueue(outbox, source, frame,
                rp_event_make(RP_NOTE_OFF, event.data[0], event.data[1], 64));
    }
    enqueue(outbox, source, frame, event);
    return true;
}

RP_RT void rp_outbox_send(struct rp_outbox *outbox, enum rp_source source,
                          rp_frame frame, struct rp_event event)
{
    bool room = outbox->queue[way_of(source)].count < RP_QUEUE;

    if (rp_event_is_on(event)) {
        room = send_on(outbox, source, frame, event);
    } else if (rp_event_is_off(event)) {
        bool ends = rp_held_off(&outbox->held, source, event);

        if (!ends && source != RP_SOURCE_CALL) {
            return;
        }
        if (!room) {
            owe_off(outbox, source, event);
            return;
        }
        enqueue(outbox, source, frame, event);
    } else if (room) {
        rp_held_other(&outbox->held, source, event);
        enqueue(outbox, source, frame, event);
    }
    if (!room) {
        rp_stats_add(&outbox->stats->dropped, 1);
    }
}

RP_RT void rp_outbox_skip(struct rp_outbox *outbox, enum rp_source source,
                          struct rp_event event)
{
    rp_held_skip(&outbox->held, source, event);
}

RP_RT bool rp_outbox_flush(struct rp_outbox *outbox, struct rp_io *io,
                           enum rp_way way, rp_outbox_sent *sent, void *self)
{
    struct rp_queue *queue = &outbox->queue[way];
    struct rp_event event;

    for (int s = 0; s < RP_SOURCES; s++) {
        while (way_of(s) == way &&
               (event = rp_release_next(&outbox->owed[s])).size) {
            if (!io->write(io, way, 0, event)) {
                return false;
            }
            rp_release_sent(&outbox->owed[s], event);
            sent(self, s, io->frame, event);
        }
    }
    while (queue->count) {
        struct rp_outgoing *next = queue_at(queue, 0);
        rp_frame frame = next->frame < io->frame ? io->frame : next->frame;

        if (is_cancelled(queue, next->event)) {
            rp_stats_add(&outbox->stats->dropped, 1);
        } else if (!io->write(io, way, frame - io->frame, next->event)) {
            return false;
        } else {
            sent(self, next->source, frame, next->event);
        }
        queue->first = (queue->first + 1) % RP_QUEUE;
        queue->count--;
        queue->passed++;
    }
    return true;
}

RP_RT void rp_outbox_silence(struct rp_outbox *outbox, enum rp_way way,
                             uint16_t channels)
{
    struct rp_queue *queue = &outbox->queue[way];

    for (uint32_t i = 0; i < queue->count; i++) {
        struct rp_outgoing *next = queue_at(queue, i);

        if (rp_event_is_off(next->event)) { /* no longer counted as held */
            rp_release_add(&outbox->owed[next->source], next->event);
        }
    }
    queue->passed += queue->count;
    queue->count = 0;
    for (int s = 0; s < RP_SOURCES; s++) {
        if (way_of(s) == way) {
            rp_held_release(&outbox->held, s,
                            s == RP_SOURCE_METRONOME ? 0 : channels,
                            &outbox->owed[s]);
        }
    }
}
