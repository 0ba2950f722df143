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
#include "model/play/ponder.h"

/* Knobs as read at the beginning of a run. */
struct rp_settings {
    uint32_t mode, trade, length, window, channel, seed, candidates;
    int32_t instrument;
    float echo;
    struct rp_taste taste;
};

/* The answer that would follow if the call ended here, and of which the
 * ponder was asked. */
struct rp_expected {
    bool seen;  /* what is below was looked at, */
    bool asked; /* and asked about: */
    uint64_t revision; /* of the memory */
    bool held;         /* something was, */
    rp_frame last_off; /* as of the call */
    rp_beat start, end;
    rp_frame frame; /* when it was asked */
    struct rp_settings settings;
    struct rp_clock clock;
};

/* A model made ready to perform, on its way in or out. */
struct rp_performer_band {
    const struct rp_model *model;
    struct rp_engine *engine;
    struct rp_ponder *ponder;
};

enum { RP_PERFORMER_OFFS = 128 };

struct rp_performer {
    const struct rp_knobs *knobs;
    bool live;        /* thoughts have a thread of their own */
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

    /* Thinking ahead, and at once where that came to nothing. */
    struct rp_ponder *ponder; /* of the memory's model */
    struct rp_expected expected;
    struct rp_desk desk;
    struct rp_question question;
    struct rp_thought thought;

    /* The answer. */
    struct rp_turn turn;
    uint32_t turns;
    rp_beat start, end; /* it begins at or after, has ended by */
    int octaves;        /* how much lower it sounds than it is thought */
    struct rp_touch touch; /* and how detached */
    struct rp_given given; /* this and the last ones, as far as placed */
    uint32_t plan, plan_notes; /* thought of: the next of so many */
    uint8_t plan_why;   /* enum rp_drawn; RP_DRAWN: goes on after them */
    struct rp_note planned[RP_ROLLOUT_NOTES];
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
    _Atomic uint32_t view_decide_ns, view_short;
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
/* While the call goes on: what would be answered is thought of, if it is not
 * yet. */
void rp_answer_expect(struct rp_performer *p);

/* brief.c */
/* When the answer would begin if nothing more were heard; false: never. */
bool rp_brief_start(const struct rp_performer *p, rp_beat *start);
/* The first beat line (in mode trade: bar line) that an answer decided on at
 * `now` can begin on. */
rp_beat rp_brief_line(const struct rp_performer *p, rp_frame now);
/* In trade mode, where the call's block ends: a bar line far enough ahead. */
rp_beat rp_brief_block(const struct rp_performer *p);
/* Where an answer that begins at `start` ends. One that begins after the bar
 * line, because the call ended there, does not end after one as well: phrases
 * close on bar lines, the last one before it should end if at most a quarter
 * of it is lost. Shorter than a bar, or told how long, it is just so long. */
rp_beat rp_brief_end(const struct rp_performer *p, rp_beat start);
/* The turn, ready to draw its first note; and what follows from its end. */
void rp_brief_turn(const struct rp_performer *p, uint32_t number,
                   rp_beat start, rp_beat end, struct rp_turn *turn);
void rp_brief_ending(const struct rp_performer *p, rp_beat end,
                     struct rp_turn *turn);
/* From where the next note of an answer begun at `begins` is predicted. */
struct rp_sight rp_brief_sight(const struct rp_performer *p, rp_beat begins,
                               const struct rp_turn *turn);
/* All that thinking of that answer needs. */
RP_MUST rp_status rp_brief_question(const struct rp_performer *p,
                                    uint32_t number, rp_beat start,
                                    rp_beat end,
                                    struct rp_question *question);

#endif
