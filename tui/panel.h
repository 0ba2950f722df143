/* What the panel shows: plain data that main fills, drawn on a canvas. Knows
 * no terminal, no session and no clock but the one it is given. */
#ifndef RP_PANEL_H
#define RP_PANEL_H

#include "model/play/performer.h"
#include "model/mapping.h"
#include "model/setting.h"
#include "rt/log.h"
#include "rt/session.h"
#include "tui/canvas.h"
#include "tui/roll.h"

enum {
    RP_PANEL_NOTES = 2048, /* kept for the roll, the oldest goes first */
    RP_PANEL_MESSAGES = 16,
    RP_PANEL_TEXT = 160,
    RP_PANEL_PRESET = RP_KNOB_PRESET, /* rows are knobs, model/mapping.h */
    RP_PANEL_ROWS = RP_KNOBS
};

struct rp_panel_message {
    enum rp_level level;
    char text[RP_PANEL_TEXT];
};

/* What came over OSC, since the start. */
struct rp_osc_view {
    bool open;
    uint64_t messages, malformed, lost; /* wire.h */
    uint64_t refused; /* well formed, but not to be obeyed */
    uint32_t subscribers;
};

struct rp_panel {
    char preset[48];
    char backend[RP_PANEL_TEXT]; /* rp_session_describe */
    char engine[48]; /* that plays: "cpu", "cpu (cuda is lost)" */
    uint32_t period; /* frames; 0: unknown */
    struct rp_knobs knobs;
    struct rp_clock clock;
    rp_frame now;
    struct rp_performer_view performer;
    struct rp_stats_view stats;
    struct rp_osc_view osc;

    bool unicode; /* the terminal can show it */
    bool keys;    /* letters play notes; else they are commands */
    int help;     /* page of the list of keys, from 1; 0: not shown */
    int octave;   /* of the computer keyboard's lower row: C of ... */
    int selected; /* row of the knobs */
    int learning; /* row that the next controller will turn; -1: none */
    char learned[RP_PANEL_ROWS][8]; /* "cc21": what turns it */

    uint32_t notes; /* ever begun; the last RP_PANEL_NOTES are in note[] */
    struct rp_roll_note note[RP_PANEL_NOTES];
    /* Index + 1 into note[], as counted by `notes`; 0: silent. [call, answer]
     * [pitch] */
    uint32_t sounding[2][128];
    uint32_t messages;
    struct rp_panel_message message[RP_PANEL_MESSAGES];
};

void rp_panel_init(struct rp_panel *panel);

/* One event that sounded. Returns the note that it ended, or NULL. Only the
 * fields of the note may be used, and only until the next call. */
const struct rp_roll_note *rp_panel_seen(struct rp_panel *panel,
                                         const struct rp_seen *seen);
/* A note of the plan; it is shown until its onset is due. */
void rp_panel_shown(struct rp_panel *panel, const struct rp_shown *shown);
void rp_panel_message(struct rp_panel *panel, enum rp_level level,
                      const char *tag, const char *text);

/* Notes from number `first` on (panel->notes is the next), oldest first, as
 * many as are still kept, into `note` of `most`; the planned are left out. */
uint32_t rp_panel_notes(const struct rp_panel *panel, uint32_t first,
                        struct rp_roll_note *note, uint32_t most);

void rp_panel_draw(const struct rp_panel *panel, struct rp_canvas *canvas);
/* The page that follows panel->help on a canvas of that size; 0: none. */
int rp_panel_help(const struct rp_panel *panel, int width, int height);

/* "listening"; "12.3" for the third beat of bar 12, "-" before the first. */
const char *rp_panel_state(uint32_t state);
void rp_panel_place(const struct rp_clock *clock, rp_beat beat, char *text,
                    size_t size);

#endif
