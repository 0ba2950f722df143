#include "rt/sieve.h"

#include <stddef.h>

enum {
    ECHOING_S = 10, /* after an echo more are expected for so long */
    MOST_ROUNDS = 32
};

static RP_RT uint8_t kind_of(struct rp_event event)
{
    return event.data[0] & 0xf0;
}

static RP_RT bool is_pedal(struct rp_event event)
{
    return kind_of(event) == RP_CONTROL && event.data[1] == RP_CC_PEDAL;
}

static RP_RT bool is_pedal_up(struct rp_event event)
{
    return is_pedal(event) && event.data[2] < 64;
}

/* The player holds what the event lets go of. */
static RP_RT bool lets_go(const struct rp_held *held, struct rp_event event)
{
    int channel = event.data[0] & 15;

    if (rp_event_is_off(event)) {
        return held->count[RP_SOURCE_CALL][channel][event.data[1] & 127] > 0;
    }
    return is_pedal_up(event) && held->pedal[RP_SOURCE_CALL] >> channel & 1;
}

RP_RT enum rp_sieve_way rp_sieve_way(struct rp_sieve *sieve,
                                     const struct rp_held *held,
                                     uint32_t listen, uint32_t ignore,
                                     struct rp_event event)
{
    uint32_t channel = event.data[0] & 15;
    uint8_t *was = is_pedal(event) ? &sieve->pedal[channel]
                                   : &sieve->note[channel][event.data[1] & 127];
    enum rp_sieve_way way = ignore >> channel & 1             ? RP_SIEVE_DROP
                            : listen && listen - 1 != channel ? RP_SIEVE_THRU
                                                              : RP_SIEVE_CALL;

    if (lets_go(held, event)) {
        return *was;
    }
    if (way != RP_SIEVE_DROP && (rp_event_is_on(event) || is_pedal(event))) {
        *was = way;
    }
    return way;
}

/* ---- what comes back ---- */

RP_RT void rp_sieve_sent(struct rp_sieve *sieve, enum rp_source source,
                         rp_frame frame, struct rp_event event)
{
    sieve->sent[sieve->sents++ % RP_ECHOES] = (struct rp_sieve_sent){
        .frame = frame, .thru = source == RP_SOURCE_CALL, .event = event};
}

/* A note-on of velocity 0 and a note-off are the same, whatever velocity. */
static RP_RT bool same(struct rp_event a, struct rp_event b)
{
    if (rp_event_is_off(a) && rp_event_is_off(b)) {
        return (a.data[0] & 15) == (b.data[0] & 15) && a.data[1] == b.data[1];
    }
    return a.size == b.size && a.data[0] == b.data[0] &&
           a.data[1] == b.data[1] && (a.size < 3 || a.data[2] == b.data[2]);
}

/* NULL: nothing like it was sent. */
static RP_RT const struct rp_sieve_sent *
find(const struct rp_sieve *sieve, rp_frame from, struct rp_event event)
{
    uint32_t kept = sieve->sents < RP_ECHOES ? sieve->sents : RP_ECHOES;

    for (uint32_t i = 1; i <= kept; i++) {
        const struct rp_sieve_sent *sent =
            &sieve->sent[(sieve->sents - i) % RP_ECHOES];

        /* The two ports may differ by a period: not in order of frame. */
        if (sent->frame >= from && same(sent->event, event)) {
            return sent;
        }
    }
    return NULL;
}

static RP_RT bool echo(struct rp_sieve *sieve, rp_frame frame)
{
    sieve->echoed = true;
    sieve->echoed_at = frame;
    return true;
}

/* A note too short to be down when it comes back, or a controller, is passed
 * on again, and comes back again. */
static RP_RT bool goes_round(struct rp_sieve *sieve, rp_frame guard,
                             rp_frame frame, struct rp_event event)
{
    uint32_t hash = event.data[0] * 31u + event.data[1] * 7u + event.data[2];
    struct rp_sieve_round *round = &sieve->round[hash % RP_ROUNDS];

    if (!same(round->event, event) || frame - round->frame > guard) {
        round->event = event;
        round->count = 0;
    }
    round->frame = frame;
    return ++round->count >= MOST_ROUNDS && echo(sieve, frame);
}

RP_RT bool rp_sieve_is_echo(struct rp_sieve *sieve, const struct rp_held *held,
                            rp_frame guard, rp_frame frame, uint32_t rate,
                            struct rp_event event)
{
    const struct rp_sieve_sent *sent;
    bool echoing =
        sieve->echoed && frame - sieve->echoed_at < (rp_frame)rate * ECHOING_S;

    if (guard <= 0 || !event.size || event.data[0] >= 0xf0 ||
        lets_go(held, event)) {
        return false;
    }
    sent = find(sieve, frame - guard, event);
    if (!sent) {
        return false;
    }
    if (rp_event_is_on(event)) {
        /* Passed on, it may also be a key that is struck fast; but no key is
         * struck that is down. */
        if (sent->thru && !echoing &&
            !held->count[RP_SOURCE_CALL][event.data[0] & 15]
                        [event.data[1] & 127]) {
            return goes_round(sieve, guard, frame, event);
        }
        return echo(sieve, frame);
    }
    return rp_event_is_off(event) || echoing ||
           goes_round(sieve, guard, frame, event);
}
