/* The panel on its canvas. Lines, from the top: state and beat; the set-up;
 * knobs on the left, the roll on the right; counters; messages; keys. */
#include <stdio.h>
#include <string.h>

#include "tui/keymap.h"
#include "tui/panel.h"

enum {
    KNOBS = 31,      /* columns of the knobs */
    VALUE = 13,      /* of one's value, and of the controller that turns it */
    ROLL_LEAST = 20, /* columns that a roll is worth drawing in */
    MESSAGES = 3,
    KEY_COLUMN = 38, /* columns of a key and what it does */
    AHEAD = 5        /* the last 1/AHEAD of the roll is for what is planned */
};

static rp_beat beat_now(const struct rp_panel *panel)
{
    return rp_clock_beat(&panel->clock, panel->now);
}

/* One mark per beat of the bar; the one that is now flashes at its start. */
static int draw_beat(const struct rp_panel *panel, struct rp_canvas *canvas,
                     int x)
{
    uint8_t beats = panel->clock.metre.beats;
    rp_beat unit = beats ? rp_metre_bar(panel->clock.metre) / beats : 0;
    rp_beat now = beat_now(panel), line;
    int at = -1;
    char place[32];

    if (!unit) {
        return x;
    }
    line = rp_clock_bar_before(&panel->clock, now);
    if (panel->clock.anchored) {
        at = (int)((now - line) / unit);
    }
    rp_panel_place(&panel->clock, now, place, sizeof(place));
    for (int i = 0; i < beats && beats <= 16; i++) {
        bool lit = i == at && (now - line) % unit < unit / 4;
        uint32_t mark = i == at ? (panel->unicode ? 0x25cf : '#')
                                : (panel->unicode ? 0x00b7 : '.');

        rp_canvas_put(canvas, x++, 0, mark,
                      lit ? RP_STYLE_FLASH : RP_STYLE_BAR);
    }
    return rp_canvas_text(canvas, x, 0, RP_STYLE_BAR, "  %-6s", place);
}

/* The knob's, or as it is when somebody else leads. */
static void print_tempo(const struct rp_panel *panel, char *text, size_t size)
{
    char tempo[32], sync[32];

    if (panel->knobs.sync == RP_SYNC_INTERNAL) {
        rp_setting_print(RP_SET_TEMPO, &panel->knobs, tempo, sizeof(tempo));
        snprintf(text, size, "%s BPM", tempo);
    } else {
        rp_setting_print(RP_SET_SYNC, &panel->knobs, sync, sizeof(sync));
        snprintf(text, size, "%s %.1f BPM", sync, panel->clock.mbpm / 1000.0);
    }
}

static void draw_header(const struct rp_panel *panel, struct rp_canvas *canvas)
{
    char tempo[48], metre[32];
    int x;

    print_tempo(panel, tempo, sizeof(tempo));
    snprintf(metre, sizeof(metre), "%u/%u", panel->clock.metre.beats,
             panel->clock.metre.unit);
    for (x = 0; x < canvas->width; x++) {
        rp_canvas_put(canvas, x, 0, ' ', RP_STYLE_BAR);
    }
    x = rp_canvas_text(canvas, 1, 0, RP_STYLE_BAR, "%-9s  ",
                       rp_panel_state(panel->performer.state));
    if (panel->performer.state != RP_WAITING) {
        rp_canvas_style(canvas, 1, 0, 9,
                        panel->performer.state == RP_ANSWERING ? RP_STYLE_ANSWER
                                                               : RP_STYLE_CALL);
    }
    x = draw_beat(panel, canvas, x);
    x = rp_canvas_text(canvas, x, 0, RP_STYLE_BAR, "  %s  %s  turn %u",
                       tempo, metre, panel->performer.turn);
    /* The name goes first when there is no room for all. */
    if (x + (int)strlen(panel->preset) + 12 < canvas->width) {
        rp_canvas_text(canvas, canvas->width - 10 - (int)strlen(panel->preset),
                       0, RP_STYLE_BAR, "riposte  %s", panel->preset);
    }
}

static void draw_knob(const struct rp_panel *panel, struct rp_canvas *canvas,
                      int row, int y)
{
    const char *learned = panel->learned[row];
    int room = VALUE - (*learned ? (int)strlen(learned) + 1 : 0);
    char value[64] = "";

    if (row == RP_PANEL_PRESET) {
        snprintf(value, sizeof(value), "%s", panel->preset);
    } else if (row < RP_SETTINGS) {
        rp_setting_show(row, &panel->knobs, value, sizeof(value));
    }
    rp_canvas_text(canvas, 0, y, RP_STYLE_PLAIN, "%c %-14.14s %-*.*s %s",
                   row == panel->selected ? '>' : ' ', rp_knob_name(row), room,
                   room, value, learned);
    if (row == panel->selected) {
        rp_canvas_style(canvas, 0, y, KNOBS - 1, RP_STYLE_SELECTED);
    }
}

/* As many as fit, the chosen one among them. */
static void draw_knobs(const struct rp_panel *panel, struct rp_canvas *canvas,
                       int y, int height)
{
    int first = panel->selected - height + 1;

    first = first < 0 ? 0 : first;
    for (int i = 0; i < height && first + i < RP_PANEL_ROWS; i++) {
        draw_knob(panel, canvas, first + i, y + i);
    }
}

/* The notes within the roll's edges, what was planned and came to pass left
 * out. */
static uint32_t gather(const struct rp_panel *panel, rp_beat from, rp_beat to,
                       rp_beat now, struct rp_roll_note *note)
{
    uint32_t count = 0, kept = panel->notes < RP_PANEL_NOTES ? panel->notes
                                                             : RP_PANEL_NOTES;

    for (uint32_t i = panel->notes - kept; i != panel->notes; i++) {
        const struct rp_roll_note *one = &panel->note[i % RP_PANEL_NOTES];

        if (one->onset < to && one->end > from &&
            (one->who != RP_WHO_PLANNED || one->onset > now)) {
            note[count++] = *one;
        }
    }
    return count;
}

static void draw_roll(const struct rp_panel *panel, struct rp_canvas *canvas,
                      int x, int y, int width, int height)
{
    static struct rp_roll_note note[RP_PANEL_NOTES]; /* main thread alone */
    int columns = width - RP_ROLL_LABEL;
    rp_beat now = beat_now(panel);
    struct rp_roll roll = {.note = note,
                           .column = RP_BEAT / 4,
                           .now = now,
                           .clock = panel->clock,
                           .unicode = panel->unicode};
    rp_beat to;

    /* Whole columns, or every note would shiver as it scrolls. */
    roll.from = (now / roll.column - columns + columns / AHEAD) * roll.column;
    to = roll.from + columns * roll.column;
    roll.count = gather(panel, roll.from, to, now, note);
    rp_roll_fit(&roll, to, height);
    rp_roll_draw(&roll, canvas, x, y, width, height);
}

static void draw_osc(const struct rp_osc_view *osc, struct rp_canvas *canvas,
                     int x, int y)
{
    if (!osc->open) {
        return;
    }
    x = rp_canvas_text(canvas, x, y, RP_STYLE_DIM, "  osc %llu",
                       (unsigned long long)osc->messages);
    if (osc->malformed || osc->lost) {
        rp_canvas_text(
            canvas, x, y, RP_STYLE_WARN, ", malformed %llu, lost %llu",
            (unsigned long long)osc->malformed, (unsigned long long)osc->lost);
    }
}

/* What never is, on a good day. */
static int draw_losses(const struct rp_stats_view *stats,
                       struct rp_canvas *canvas, int x, int y)
{
    uint64_t lost = stats->lost_heard + stats->lost_recorded;

    if (lost) {
        x = rp_canvas_text(canvas, x, y, RP_STYLE_WARN, "  lost %llu",
                           (unsigned long long)lost);
    }
    if (stats->stray) {
        x = rp_canvas_text(canvas, x, y, RP_STYLE_WARN, "  stray %llu",
                           (unsigned long long)stats->stray);
    }
    return x;
}

static void draw_counters(const struct rp_panel *panel,
                          struct rp_canvas *canvas, int y)
{
    const struct rp_stats_view *stats = &panel->stats;
    bool trouble = stats->late || stats->dropped || stats->xruns ||
                   stats->lost_heard || stats->lost_recorded;
    int x = rp_canvas_text(
        canvas, 0, y, trouble ? RP_STYLE_WARN : RP_STYLE_DIM,
        "late %llu  dropped %llu  xruns %llu", (unsigned long long)stats->late,
        (unsigned long long)stats->dropped, (unsigned long long)stats->xruns);

    x = draw_losses(stats, canvas, x, y);
    x = rp_canvas_text(canvas, x, y, RP_STYLE_DIM, "  cycle %llu",
                       (unsigned long long)(stats->worst_ns + 999) / 1000);
    if (panel->period && panel->clock.rate) {
        x = rp_canvas_text(canvas, x, y, RP_STYLE_DIM, " of %llu",
                           (unsigned long long)panel->period * 1000000 /
                               panel->clock.rate);
    }
    x = rp_canvas_text(canvas, x, y, RP_STYLE_DIM,
                       " us  %s %u us a note, %u notes", panel->engine,
                       (panel->performer.step_ns + 999) / 1000,
                       panel->performer.notes);
    if (panel->performer.thought_short) {
        x = rp_canvas_text(canvas, x, y, RP_STYLE_WARN, "  thought short %u",
                           panel->performer.thought_short);
    }
    draw_osc(&panel->osc, canvas, x, y);
}

static void draw_messages(const struct rp_panel *panel,
                          struct rp_canvas *canvas, int y, int height)
{
    for (int i = 0; i < height; i++) {
        uint32_t back = (uint32_t)(height - i);
        const struct rp_panel_message *message;

        if (back > panel->messages) {
            continue;
        }
        message = &panel->message[(panel->messages - back) % RP_PANEL_MESSAGES];
        rp_canvas_text(canvas, 0, y + i,
                       message->level == RP_ERROR  ? RP_STYLE_ERROR
                       : message->level == RP_WARN ? RP_STYLE_WARN
                                                   : RP_STYLE_PLAIN,
                       "%s", message->text);
    }
}

static void draw_hint(const struct rp_panel *panel, struct rp_canvas *canvas,
                      int y)
{
    if (panel->learning >= 0) {
        rp_canvas_text(canvas, 0, y, RP_STYLE_FLASH,
                       "move the controller that is to turn %s  Escape learns "
                       "nothing",
                       rp_knob_name(panel->learning));
    } else if (panel->keys) {
        rp_canvas_text(canvas, 0, y, RP_STYLE_BOLD,
                       "letters play from C%d  Tab commands  arrows knobs  "
                       "Space panic  ? keys  F10 quit",
                       panel->octave - 1);
    } else {
        rp_canvas_text(canvas, 0, y, RP_STYLE_BOLD,
                       "letters command  Tab play notes  arrows knobs  "
                       "Space panic  ? keys  q quit");
    }
}

/* How the list of keys fits: what does not, goes to the next page. */
struct sheet {
    int top, foot; /* lines for the title and for what is said below */
    int rows, columns, pages;
};

static struct sheet lay_out(int width, int height)
{
    struct sheet sheet = {.top = height >= 8 ? 2 : height >= 3,
                          .foot = height >= 14 ? 4 : height >= 2,
                          .columns = width / 2 >= KEY_COLUMN ? 2 : 1};
    int keys = 0, fit;

    for (const struct rp_key *key = rp_keymap; key->key; key++) {
        keys += key->name != NULL;
    }
    sheet.rows = height > 1 ? height - sheet.top - sheet.foot : 1;
    fit = sheet.rows * sheet.columns;
    sheet.pages = (keys + fit - 1) / fit;
    return sheet;
}

int rp_panel_help(const struct rp_panel *panel, int width, int height)
{
    return panel->help < lay_out(width, height).pages ? panel->help + 1 : 0;
}

static void draw_keys(struct rp_canvas *canvas, const struct sheet *sheet,
                      int page)
{
    int at = -page * sheet->rows * sheet->columns;

    for (const struct rp_key *key = rp_keymap; key->key; key++) {
        int x, y;

        if (!key->name) {
            continue;
        }
        if (at >= 0 && at < sheet->rows * sheet->columns) {
            x = 1 + at / sheet->rows * (canvas->width / 2);
            y = sheet->top + at % sheet->rows;
            rp_canvas_text(canvas, x, y, RP_STYLE_BOLD, "%-11s", key->name);
            rp_canvas_text(canvas, x + 12, y, RP_STYLE_PLAIN, "%s%s", key->help,
                           key->letter ? " *" : "");
        }
        at++;
    }
}

static void draw_help(const struct rp_panel *panel, struct rp_canvas *canvas)
{
    struct sheet sheet = lay_out(canvas->width, canvas->height);
    int page = panel->help < sheet.pages ? panel->help : sheet.pages;

    draw_keys(canvas, &sheet, page - 1);
    if (sheet.top) {
        rp_canvas_text(canvas, 1, 0, RP_STYLE_BOLD, "riposte: keys");
    }
    if (sheet.foot > 1) {
        rp_canvas_text(canvas, 1, canvas->height - 3, RP_STYLE_DIM,
                       "* while letters are commands (Tab). Else they play:");
        rp_canvas_text(canvas, 1, canvas->height - 2, RP_STYLE_DIM,
                       "z s x d c v g b h n j m from C; q 2 w 3 e r 5 t 6 y 7 "
                       "u an octave up");
    }
    if (sheet.foot) {
        rp_canvas_text(canvas, 1, canvas->height - 1, RP_STYLE_BOLD, "%s",
                       page < sheet.pages ? "? shows more of this list"
                                          : "? closes this list");
    }
}

void rp_panel_draw(const struct rp_panel *panel, struct rp_canvas *canvas)
{
    int height = canvas->height, top = 2, middle, messages, left = 0;

    rp_canvas_clear(canvas);
    if (panel->help) {
        draw_help(panel, canvas);
        return;
    }
    draw_header(panel, canvas);
    if (height < 2) {
        return;
    }
    messages = height >= 14 ? MESSAGES : height >= 7 ? 1 : 0;
    middle = height - top - messages - 3;
    if (middle > 0) {
        rp_canvas_text(canvas, 1, 1, RP_STYLE_DIM, "%s", panel->backend);
        draw_knobs(panel, canvas, top + 1, middle - 1);
        left = KNOBS;
        if (canvas->width - left >= ROLL_LEAST) {
            draw_roll(panel, canvas, left, top, canvas->width - left, middle);
        }
        draw_counters(panel, canvas, height - messages - 3);
    }
    draw_messages(panel, canvas, height - 1 - messages, messages);
    draw_hint(panel, canvas, height - 1);
}
