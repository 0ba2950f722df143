/* The inside of the performer, shared by performer.c (time, what is heard,
 * knobs) and answer.c (hand-over, drawing, placing). Beside them only
 * measurements and tests look in here.
 *
 * Order of things. A heard message is handled at its frame; before it, every
 * timer that falls earlier has fired. `now` is that virtual time. A planned
 * event is placed, that is pushed to the audio thread for good, at its own
 * frame - lead. The next note is drawn when the one before it is placed, so at
 * most one note is planned and not yet placed. So neither the period nor the
 * moment at which a thread woke can be heard. */
#ifndef RP_PERFORMER_PARTS_H
#define RP_PERFORMER_PARTS_H

#include "model/play/listen.h"
#include "model/play/performer.h"
#include "model/play/phrase.h"

/* Knobs as read at the beginning of a run. */
struct rp_settings {
    uint32_t mode, trade, length, window, channel, seed;
    int32_t instrument;
    struct rp_taste taste;
};

/* A model made ready to perform, on its way in or out. */
struct rp_performer_band {
    const struct rp_model *model;
    struct rp_engine *engine;
};

enum { RP_PERFORMER_OFFS = 128 };

struct rp_performer {
    const struct rp_knobs *knobs;
    uint64_t late_ns; /* a call of the engine may take; 0: any */
    rp_frame lead; /* of this run's period and the clock's rate */
    rp_frame now;
    struct rp_clock clock;
    struct rp_settings settings;
    struct rp_memory memory;
    struct rp_listen listen;

    uint32_t state; /* enum rp_performer_state */
    bool fresh;     /* the next onset begins a new call */
    bool blocked;   /* the ring was full; nothing more is placed in this run */
    rp_frame asked; /* when it was last asked whether the call is over */
    uint64_t asked_ns; /* the same by the wall, to measure; decides nothing */
    /* trade: the call's block of bars begins here; or, while answering, the
     * next one. */
    bool block_set;
    rp_beat block;

    /* The answer. */
    struct rp_turn turn;
    uint32_t turns;
    rp_beat start, end; /* it begins at or after, has ended by */
    bool drawing;       /* more notes are to be drawn */
    bool has_next;      /* drawn, not yet placed: */
    struct rp_note next;
    bool program_due;   /* a program change before the next note */
    rp_beat over;       /* when the last placed note ends */
    int32_t placed_onset; /* tick of its last placed note, and how far off */
    int8_t placed_offset;
    rp_frame first_on;  /* onset of its first placed note; RP_FRAME_NEVER */
    uint32_t offs;
    struct rp_planned off[RP_PERFORMER_OFFS]; /* of placed notes, by beat */

    /* Other threads. */
    _Atomic uint32_t period; /* frames; main writes */
    struct rp_ring shown; /* writer: performer; reader: main; full: dropped */
    _Atomic(struct rp_performer_band *) offered; /* by main, next to be used */
    _Atomic(struct rp_performer_band *) retired; /* by us, for main to free */
    _Atomic(const struct rp_model *) in_use;
    _Atomic uint32_t view_state, view_turn, view_notes, view_step_ns;
    _Atomic uint32_t view_decide_ns;
    _Atomic uint64_t view_total_ns;
    _Atomic(const char *) view_engine; /* the one that plays */
    _Atomic(const char *) view_lost;   /* the one that was to, or NULL */
};

/* answer.c */
uint64_t rp_answer_wall_ns(void);
void rp_answer_begin(struct rp_performer *p, rp_beat start, rp_beat end);
void rp_answer_redraw(struct rp_performer *p); /* other knobs from now on */
void rp_answer_yield(struct rp_performer *p);  /* the player plays */
void rp_answer_drop(struct rp_performer *p);   /* silenced: forget it all */
/* When the next note-off, the next note is placed. */
rp_frame rp_answer_off_due(const struct rp_performer *p);
/* Where the note that is drawn begins. */
rp_beat rp_answer_next_beat(const struct rp_performer *p);
rp_frame rp_answer_on_due(const struct rp_performer *p);
void rp_answer_place_off(struct rp_performer *p, struct rp_ring *out);
void rp_answer_place_on(struct rp_performer *p, struct rp_ring *out);
/* Beats the call lasted, rounded up to whole ones. */
rp_beat rp_answer_length(const struct rp_performer *p);

#endif
