/* When a call is over (mode answer): nothing is held, and the silence is
 * longer than the beat and the phrase so far make likely. The question is put
 * just before each beat line, early enough for an answer to begin on it:
 * deciding between two of them would only mean knowing less. */
#ifndef RP_PHRASE_H
#define RP_PHRASE_H

#include "model/play/listen.h"

/* What the decision rests on; times in beats. */
struct rp_phrase_signs {
    double silence;      /* since the last note ended */
    double ahead;        /* how long before the beat line it is asked */
    double since_onset;  /* since the last onset */
    double longest_rest; /* inside the phrase so far */
    double length;       /* first onset to last release */
    double last;         /* length of the last note ... */
    double usual;        /* ... and of the usual one (median) */
    double expected;     /* P(the next onset is later than now), by the model */
    uint32_t notes;
};

/* The next frame after `after` at which to ask; RP_FRAME_NEVER while something
 * is held or nothing was played. */
rp_frame rp_phrase_next(const struct rp_listen *listen,
                        const struct rp_clock *clock, rp_frame lead,
                        rp_frame after);
/* Asked at `now`, after rp_listen_settle. */
RP_MUST rp_status rp_phrase_read(const struct rp_listen *listen,
                                 const struct rp_clock *clock, rp_frame now,
                                 rp_frame lead,
                                 struct rp_phrase_signs *signs);
bool rp_phrase_over(const struct rp_phrase_signs *signs);

#endif
