/* Keeps the panel's data up to date from a running rig, and says when what
 * was to be played is over. Main's. */
#ifndef RP_WATCH_H
#define RP_WATCH_H

#include "tui/panel.h"
#include "tui/rig.h"
#include "tui/score.h"

enum { RP_WATCH_TURNS = 4096 };

struct rp_watch {
    struct rp_rig *rig;
    struct rp_score *score;
    struct rp_panel *panel;
    /* Every note that ended; NULL: nobody asks. */
    void (*ended)(void *self, rp_frame frame, const struct rp_roll_note *note);
    void *self;
    /* Every event that sounded; NULL: nobody asks. */
    void (*seen)(void *self, const struct rp_seen *seen);
    void *seen_self;

    uint32_t decided;                   /* turns in decide_ns, at most all */
    uint32_t decide_ns[RP_WATCH_TURNS]; /* decision to first note planned */
    uint32_t turn;                      /* as last seen */
    bool deciding;                      /* its cost is read at the next poll */
    rp_beat planned_end;                /* of the notes shown so far */
    bool score_over;                    /* every call was played ... */
    uint32_t score_turn;                /* ... and this was the turn then */
};

void rp_watch_init(struct rp_watch *watch, struct rp_rig *rig,
                   struct rp_score *score, struct rp_panel *panel);
void rp_watch_poll(struct rp_watch *watch);
/* Calls were played, answered, and nothing sounds any more. *silent: the last
 * call had its time and was not answered. */
bool rp_watch_over(struct rp_watch *watch, bool *silent);
/* The counters, for people and scripts. */
void rp_watch_report(struct rp_watch *watch, FILE *file);

#endif
