/* What a run is told to play by itself: calls from .mid files, and cues (a
 * knob turned, a preset changed, a call begun at a given second). Main's. */
#ifndef RP_SCORE_H
#define RP_SCORE_H

#include "rt/session.h"
#include "tui/rig.h"

struct rp_score_call {
    char *path;
    double seconds; /* where it begins; < 0: after the one before */
    uint32_t events;
    struct rp_smf_event *event; /* all tracks but the drum channel */
    uint32_t division;
    int64_t onset, end; /* ticks of the first note-on and of the last event */
    uint32_t mbpm;      /* 0: the file does not say */
    struct rp_metre metre; /* beats 0: the file does not say */
};

struct rp_score_cue {
    struct rp_rig *rig;
    double seconds;
    char *key, *value;
};

struct rp_score {
    uint32_t calls, cues;
    struct rp_score_call *call;
    struct rp_score_cue *cue;
    /* After rp_score_place, in order of frame. */
    struct rp_timed_event *event;
    struct rp_cue *turn;
    uint32_t events, turns;
    rp_frame end;                   /* of the last call; 0 when there is none */
    uint32_t events_fed, turns_fed; /* live */
};

RP_MUST rp_status rp_score_add_call(struct rp_score *score, const char *path,
                                    double seconds);
/* "SECONDS key=value"; the key may also be preset, panic or call. */
RP_MUST rp_status rp_score_add_cue(struct rp_score *score, const char *text);
/* Tempo and metre of the first call that says them. */
void rp_score_lead(const struct rp_score *score, struct rp_knobs *knobs,
                   bool tempo, bool metre);
/* Frames for everything, seen from frame `start`; tempo, metre and the rest
 * are the rig's knobs. */
RP_MUST rp_status rp_score_place(struct rp_score *score, struct rp_rig *rig,
                                 uint32_t rate, rp_frame start);
/* Live: plays and turns what is due by `now`. When the next is due;
 * INT64_MAX when there is nothing more. */
rp_frame rp_score_feed(struct rp_score *score, struct rp_rig *rig,
                       rp_frame now);
void rp_score_fini(struct rp_score *score);

#endif
