/* Choosing among possible answers. The likeliest are dull and the unlikeliest
 * wrong, so of the usual ones, as likely as most of their kind, the one is
 * played that closes best, keeps to key and chords, and brings back as much of
 * the call as it is wished to. What is good enough is no better for being more
 * so. In how many notes it has, how long it lasts and how chromatic it is, it
 * is as much like the first one as can be, a draw like any other: so more
 * candidates mean fewer faults, not all the same answer, nor sparser ones,
 * shorter or plainer. */
#ifndef RP_CANDIDATES_H
#define RP_CANDIDATES_H

#include "model/play/key.h"
#include "model/play/rollout.h"

enum { RP_WISH_NOTES = 64 };

/* The size and tones of one that was drawn: what is chosen is as nearly like it
 * as can be. */
struct rp_likeness {
    uint32_t notes; /* 0: there is none to be like */
    int32_t span;   /* ticks, first onset to last release */
    float foreign;  /* share of the notes that are outside the key */
};

/* What answers are judged by. */
struct rp_wish {
    int key;           /* key.h; -1: none to keep to */
    bool clear;        /* there is no doubt of it */
    float likely[RP_KEYS]; /* that it is this one, or another */
    uint32_t expected; /* notes an answer should have, about; 0: any */
    struct rp_likeness like;
    bool third;        /* a call that closed may be answered on the third */
    float echo;        /* 0..1: how much of the call is to return: */
    uint32_t notes;    /* of the call, the last RP_WISH_NOTES at most */
    struct rp_note call[RP_WISH_NOTES];
};

/* Not every answer brings back as much: the wish for one turn of a seed is
 * around `echo`, and `echo` on average; always 0 and always 1 at the ends. */
float rp_wish_echo(float echo, uint32_t seed, uint32_t turn);
/* Nor does every one close on the tonic: whether the third will do. */
bool rp_wish_third(uint32_t seed, uint32_t turn);

/* How good one answer is. Lower is better, 0 is good enough in all. */
struct rp_verdict {
    float cadence; /* how it closes */
    float tones;   /* notes outside key and chords */
    float size;    /* too few notes or too many */
    float unlike;  /* the one that was drawn; then there is no other size */
    float echo;    /* how far from the wished one, past what is near */
    bool loop;     /* some figure comes three times on end */
};
void rp_candidates_judge(const struct rp_wish *wish,
                         const struct rp_turn *turn,
                         const struct rp_note *note, uint32_t count,
                         struct rp_verdict *verdict);
float rp_verdict_sum(const struct rp_verdict *verdict);

/* How much of the call comes back: share of the answer's notes that stand in a
 * figure of the call, half by its rhythm alone, half with its steps too, in
 * any key and mode; of chords the top notes count. 0..1. */
float rp_candidates_echo(const struct rp_note *call, uint32_t calls,
                         const struct rp_note *note, uint32_t count);
/* Whether a figure of two notes or more comes three times on end. */
bool rp_candidates_loops(const struct rp_note *note, uint32_t count);

/* Which of a set to play. `order` has room for all of them. Never fails: 0
 * where none has a note. */
uint32_t rp_candidates_choose(const struct rp_wish *wish,
                              const struct rp_rollout *set, float *order);

#endif
