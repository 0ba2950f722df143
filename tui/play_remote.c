/* The run as others steer it: OSC. */
#include "tui/osc.h"
#include "tui/play.h"

static void tell_seen(void *self, const struct rp_seen *seen)
{
    struct rp_play *play = self;

    rp_osc_seen(play->osc, seen);
}

void rp_play_attach(struct rp_play *play)
{
    if (play->osc) {
        play->watch.seen = tell_seen;
        play->watch.seen_self = play;
    }
}

void rp_play_poll(struct rp_play *play)
{
    rp_watch_poll(&play->watch);
    if (play->osc) {
        rp_osc_poll(play->osc, &play->rig, &play->panel);
        rp_osc_look(play->osc, &play->panel.osc);
    }
}
