/* Chords as a musician writes them in a line: "C G Am F", "C G | Am F". */
#ifndef RP_CHORD_LINE_H
#define RP_CHORD_LINE_H

#include "model/data/note.h"

/* The chords of `text`, over and over, from the bar line `from` on for `bars`
 * bars of `length` ticks. With bar lines ("|") the symbols between two share
 * their bar evenly, an empty bar keeps the chord; without, each has a bar. "%"
 * is the last one again. *chord is malloc'ed, in order of tick. RP_EARG with
 * one logged line, the place and what was expected. */
RP_MUST rp_status rp_chord_line(const char *text, int32_t from, int32_t length,
                                uint32_t bars, struct rp_chord_change **chord,
                                uint32_t *chords);

#endif
