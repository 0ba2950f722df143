/* A piano roll: time to the right, pitch upwards. On a canvas for the panel,
 * as text for a run without one. */
#ifndef RP_ROLL_H
#define RP_ROLL_H

#include <stdbool.h>

#include "rt/clock.h"
#include "tui/canvas.h"

enum rp_who { RP_WHO_CALL, RP_WHO_ANSWER, RP_WHO_PLANNED };

struct rp_roll_note {
    rp_beat onset, end; /* end INT64_MAX: sounds still */
    uint8_t pitch, velocity, who;
};

struct rp_roll {
    const struct rp_roll_note *note;
    uint32_t count;
    rp_beat from;          /* left edge */
    rp_beat column;        /* beats in a column */
    rp_beat now;           /* what sounds still ends here; INT64_MIN: no line */
    struct rp_clock clock; /* for the bar lines */
    int low;               /* pitch in the lowest row */
    bool fold;             /* two pitches to a row */
    bool unicode;          /* else ASCII */
};

enum { RP_ROLL_LABEL = 5 }; /* columns for the names of the pitches */

/* Sets low and fold so that the notes between `from` and `to` fit into
 * `rows`; an empty roll shows the middle of the keyboard. */
void rp_roll_fit(struct rp_roll *roll, rp_beat to, int rows);
void rp_roll_draw(const struct rp_roll *roll, struct rp_canvas *canvas, int x,
                  int y, int width, int height);

/* All notes as lines of whole bars, at most `width` columns, one character a
 * 16th: "o--" is call, "#==" is answer. */
void rp_roll_print(const struct rp_roll_note *note, uint32_t count,
                   const struct rp_clock *clock, int width, FILE *file);

/* "C4" is 60. `text` holds at least 8 bytes. */
void rp_pitch_name(int pitch, char *text);

#endif
