#include "rt/senders.h"

enum { TURNS = 24 };

/* One sender's ticks may come in bundles, or by the period, but not three times
 * as far apart as before at every other one. */
static void compare(struct rp_senders *senders, rp_frame frame)
{
    rp_frame gap = frame - senders->ticked, off = gap - senders->gap;
    bool longer = off > 0, uneven;

    uneven = gap > 0 && senders->gap > 0 &&
             2 * (longer ? off : -off) > gap + senders->gap;
    senders->turns =
        uneven && longer != senders->longer ? senders->turns + 1 : 0;
    senders->longer = longer;
    senders->gap = gap;
    if (senders->turns >= TURNS) {
        senders->turns = TURNS;
        senders->mixed = frame;
    }
}

RP_RT bool rp_senders_hear(struct rp_senders *senders, uint32_t source,
                           rp_frame frame, uint32_t rate, struct rp_event event)
{
    if (event.data[0] != RP_CLOCK) {
        return !source || source != senders->other ||
               frame - senders->other_ticked > (rp_frame)rate;
    }
    if (source && senders->from && source != senders->from &&
        frame - senders->ticked <= (rp_frame)rate) {
        senders->other = source;
        senders->other_ticked = frame;
        return false;
    }
    if (source != senders->from) {
        *senders = (struct rp_senders){.from = source};
    }
    compare(senders, frame);
    senders->ticked = frame;
    return true;
}

RP_RT enum rp_crowd rp_senders_crowd(const struct rp_senders *senders,
                                     rp_frame frame, uint32_t rate)
{
    return senders->other && frame - senders->other_ticked < 2 * (rp_frame)rate
               ? RP_CROWD_IGNORED
           : senders->mixed && frame - senders->mixed < 2 * (rp_frame)rate
               ? RP_CROWD_MIXED
               : RP_CROWD_NONE;
}
