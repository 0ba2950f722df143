/* riposte as OSC programs see it: every setting at /riposte/KEY, actions, and
 * subscribers that are told what happens (riposte.1 lists the messages). All
 * of it is main's. */
#ifndef RP_OSC_H
#define RP_OSC_H

#include "tui/panel.h"
#include "tui/rig.h"
#include "tui/wire.h"

struct rp_osc;

RP_MUST rp_status rp_osc_open(struct rp_osc **osc, const char *address,
                              const char *port);
/* Tells the subscribers. NULL is nothing. */
void rp_osc_close(struct rp_osc *osc);

/* About 30 times a second: obeys what has come, then tells what has changed,
 * of `panel` as rp_watch_poll left it. */
void rp_osc_poll(struct rp_osc *osc, struct rp_rig *rig,
                 const struct rp_panel *panel);
/* A note that sounds or ends. */
void rp_osc_seen(struct rp_osc *osc, const struct rp_seen *seen);
/* Somebody sent /riposte/quit. */
bool rp_osc_quits(const struct rp_osc *osc);

void rp_osc_look(struct rp_osc *osc, struct rp_osc_view *view);

#endif
