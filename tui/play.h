/* One run of `riposte play`: what it needs, and its two faces. */
#ifndef RP_PLAY_H
#define RP_PLAY_H

#include "tui/panel.h"
#include "tui/project.h"
#include "tui/rig.h"
#include "tui/score.h"
#include "tui/watch.h"

struct rp_nsm;
struct rp_osc;

struct rp_play {
    struct rp_rig rig;
    struct rp_score score;
    struct rp_panel panel;
    struct rp_watch watch;
    struct rp_osc *osc;        /* NULL: nobody listens */
    struct rp_nsm *nsm;        /* NULL: no session manager */
    struct rp_project project; /* folder NULL: none is open */
    struct rp_project next;    /* that the manager asks for, if `again` */
    bool again;
    char told[64];     /* the preset as the manager knows it */
    double duration;   /* seconds; 0: until the score is over, or a signal */
    bool virtual_time; /* as fast as the machine can */
    double began;      /* live: seconds of CLOCK_MONOTONIC; 0: not yet */
    const char *take;  /* NULL: none */
};

/* 1 after SIGINT, SIGTERM or SIGHUP. */
int rp_play_quits(void);
/* Live: plays what is due; ms until something is, 33 at most. */
int rp_play_feed(struct rp_play *play);
/* Where a session manager started us, or NSM_URL says there is one: it says
 * which project to open. Not RP_OK (and answered): that cannot be read. */
RP_MUST rp_status rp_play_join(struct rp_play *play);
void rp_play_leave(struct rp_play *play);
/* What was asked for plays now, or could not be opened. */
void rp_play_opened(struct rp_play *play, rp_status status);
/* Whether the run was over only to open another project, which is now
 * play->project. */
bool rp_play_turns(struct rp_play *play);
/* After rp_watch_init: OSC is told what sounds. */
void rp_play_attach(struct rp_play *play);
/* About 30 times a second: rp_watch_poll, and what others ask for. */
void rp_play_poll(struct rp_play *play);
/* Whether it is over. *silent as rp_watch_over. */
bool rp_play_over(struct rp_play *play, bool *silent);

/* The rig is open; they start and stop it and return the exit code. */
int rp_play_headless(struct rp_play *play);
int rp_play_panel(struct rp_play *play);

#endif
