#include "tui/roll.h"

#include <string.h>

enum { UPPER = 0x2580, LOWER = 0x2584, FULL = 0x2588, LIGHT = 0x2502 };

void rp_pitch_name(int pitch, char *text)
{
    static const char *const names[] = {"C",  "C#", "D",  "Eb", "E",  "F",
                                        "F#", "G",  "Ab", "A",  "Bb", "B"};

    pitch &= 127;
    snprintf(text, 8, "%s%d", names[pitch % 12], pitch / 12 - 1);
}

static rp_beat end_of(const struct rp_roll *roll,
                      const struct rp_roll_note *note)
{
    rp_beat end = note->end == INT64_MAX ? roll->now : note->end;

    return end > note->onset ? end : note->onset + 1;
}

void rp_roll_fit(struct rp_roll *roll, rp_beat to, int rows)
{
    int low = 128, high = -1, span, pitches;

    for (uint32_t i = 0; i < roll->count; i++) {
        const struct rp_roll_note *note = &roll->note[i];

        if (note->onset < to && end_of(roll, note) > roll->from) {
            low = note->pitch < low ? note->pitch : low;
            high = note->pitch > high ? note->pitch : high;
        }
    }
    if (high < 0) {
        low = high = 66;
    }
    span = high - low + 1;
    roll->fold = span > rows;
    pitches = roll->fold ? 2 * rows : rows;
    roll->low = low - (pitches - span) / 2;
    if (span > pitches) { /* the highest notes matter most */
        roll->low = high - pitches + 1;
    }
    roll->low = roll->low + pitches > 128 ? 128 - pitches : roll->low;
    roll->low = roll->low < 0 ? 0 : roll->low;
    roll->low -= roll->fold ? roll->low % 2 : 0; /* every C in a lower half */
}

static int column_of(const struct rp_roll *roll, rp_beat beat)
{
    rp_beat shifted = beat - roll->from + roll->column / 2;
    rp_beat column = shifted / roll->column;

    column -= shifted % roll->column < 0;
    return column < -1               ? -1
           : column > RP_CANVAS_MOST ? RP_CANVAS_MOST
                                     : (int)column;
}

/* Who sounds at a pitch in a column; onset says whether the note begins. */
static int who_at(const struct rp_roll *roll, int pitch, int column,
                  bool *onset)
{
    int who = -1;

    *onset = false;
    for (uint32_t i = 0; i < roll->count; i++) {
        const struct rp_roll_note *note = &roll->note[i];
        int first, end;

        if (note->pitch != pitch) {
            continue;
        }
        first = column_of(roll, note->onset);
        end = column_of(roll, end_of(roll, note));
        end = end > first ? end : first + 1;
        /* What is planned never hides what is heard. */
        if (column >= first && column < end &&
            (who < 0 || note->who != RP_WHO_PLANNED)) {
            who = note->who;
            *onset = column == first;
        }
    }
    return who;
}

static enum rp_style style_of(int who)
{
    return who == RP_WHO_CALL     ? RP_STYLE_CALL
           : who == RP_WHO_ANSWER ? RP_STYLE_ANSWER
                                  : RP_STYLE_PLANNED;
}

static uint32_t ascii_of(int who, bool onset)
{
    return who == RP_WHO_CALL     ? (onset ? 'o' : '-')
           : who == RP_WHO_ANSWER ? (onset ? '#' : '=')
                                  : (onset ? ':' : '.');
}

/* A bar begins in this column, or now is in it. */
static uint32_t line_at(const struct rp_roll *roll, int column,
                        enum rp_style *style)
{
    rp_beat from = roll->from + column * roll->column - roll->column / 2;
    rp_beat bar = rp_clock_bar_before(&roll->clock, from + roll->column - 1);

    *style = RP_STYLE_DIM;
    if (roll->now >= from && roll->now < from + roll->column) {
        *style = RP_STYLE_BOLD;
        return roll->unicode ? LIGHT : '|';
    }
    if (bar >= from) {
        return roll->unicode ? 0x250a : '|';
    }
    return ' ';
}

static void draw_folded(const struct rp_roll *roll, struct rp_canvas *canvas,
                        int x, int y, int column, int pitch)
{
    bool on_low, on_high;
    int low = who_at(roll, pitch, column, &on_low);
    int high = who_at(roll, pitch + 1, column, &on_high);

    if (low < 0 && high < 0) {
        return;
    }
    if (!roll->unicode) {
        rp_canvas_put(
            canvas, x, y,
            ascii_of(high < 0 ? low : high, high < 0 ? on_low : on_high),
            style_of(high < 0 ? low : high));
    } else if (low < 0 || high < 0) {
        rp_canvas_put(canvas, x, y, low < 0 ? UPPER : LOWER,
                      style_of(low < 0 ? high : low));
    } else if (style_of(low) == style_of(high)) {
        rp_canvas_put(canvas, x, y, FULL, style_of(low));
    } else {
        rp_canvas_put(canvas, x, y, UPPER,
                      high == RP_WHO_CALL ? RP_STYLE_CALL_ANSWER
                                          : RP_STYLE_ANSWER_CALL);
    }
}

static void draw_cell(const struct rp_roll *roll, struct rp_canvas *canvas,
                      int x, int y, int column, int pitch)
{
    enum rp_style style;
    uint32_t line = line_at(roll, column, &style);
    bool onset;
    int who;

    rp_canvas_put(canvas, x, y, line, style);
    if (roll->fold) {
        draw_folded(roll, canvas, x, y, column, pitch);
        return;
    }
    who = who_at(roll, pitch, column, &onset);
    if (who >= 0) {
        uint32_t block = onset ? FULL : 0x2593; /* a note's head is solid */

        rp_canvas_put(canvas, x, y,
                      roll->unicode ? block : ascii_of(who, onset),
                      style_of(who));
    }
}

void rp_roll_draw(const struct rp_roll *roll, struct rp_canvas *canvas, int x,
                  int y, int width, int height)
{
    for (int row = 0; row < height; row++) {
        int pitch = roll->low + (height - 1 - row) * (roll->fold ? 2 : 1);
        char name[8] = "";

        if (pitch > 127) {
            continue;
        }
        rp_pitch_name(pitch, name);
        /* White keys are named; the others would only be noise. */
        if (height < 4 ||
            (roll->fold ? pitch % 12 == 0
                        : !strchr(name, '#') && !strchr(name, 'b'))) {
            rp_canvas_text(canvas, x, y + row, RP_STYLE_DIM, "%4s", name);
        }
        for (int column = 0; column < width - RP_ROLL_LABEL; column++) {
            draw_cell(roll, canvas, x + RP_ROLL_LABEL + column, y + row, column,
                      pitch);
        }
    }
}

/* One line of bars: the pitches that it has, none above and below. False
 * when nothing sounds in it. */
static bool fit_system(struct rp_roll *roll, rp_beat to, int *rows)
{
    enum { MOST_ROWS = 48 };
    int low = 128, high = -1;

    for (uint32_t i = 0; i < roll->count; i++) {
        const struct rp_roll_note *note = &roll->note[i];

        if (note->onset < to && end_of(roll, note) > roll->from) {
            low = note->pitch < low ? note->pitch : low;
            high = note->pitch > high ? note->pitch : high;
        }
    }
    *rows = high - low + 1 > MOST_ROWS ? MOST_ROWS : high - low + 1;
    roll->low = high - *rows + 1;
    return high >= 0;
}

static void print_system(const struct rp_roll *roll, int columns, int rows,
                         FILE *file)
{
    struct rp_canvas canvas;

    if (rp_canvas_init(&canvas, columns + RP_ROLL_LABEL, rows) == RP_OK) {
        rp_roll_draw(roll, &canvas, 0, 0, columns + RP_ROLL_LABEL, rows);
        rp_canvas_print(&canvas, file);
        rp_canvas_fini(&canvas);
    }
}

void rp_roll_print(const struct rp_roll_note *note, uint32_t count,
                   const struct rp_clock *clock, int width, FILE *file)
{
    struct rp_roll roll = {.note = note,
                           .count = count,
                           .clock = *clock,
                           .column = RP_BEAT / 4,
                           .now = INT64_MIN};
    rp_beat bar = rp_metre_bar(clock->metre), end = INT64_MIN, to;
    int rows, bars;

    roll.from = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        rp_beat stop = end_of(&roll, &note[i]);

        roll.from = note[i].onset < roll.from ? note[i].onset : roll.from;
        end = stop > end ? stop : end;
    }
    if (!count || bar < roll.column) {
        return;
    }
    /* An onset a little early belongs to the bar that it leads into. */
    roll.from = rp_clock_bar_before(clock, roll.from + roll.column / 2);
    end -= roll.column / 2;
    bars = (int)((width - RP_ROLL_LABEL - 1) / (bar / roll.column));
    bars = bars < 1 ? 1 : bars;
    fprintf(file, "%*so-- call   #== answer\n", RP_ROLL_LABEL, "");
    for (bool first = true; roll.from < end; roll.from = to) {
        to = roll.from;
        for (int i = 0; i < bars && to < end; i++) {
            to += bar;
        }
        if (fit_system(&roll, to, &rows)) {
            fputs(first ? "" : "\n", file);
            first = false;
            /* One column more closes the last bar with its line. */
            print_system(&roll, (int)((to - roll.from) / roll.column) + 1, rows,
                         file);
        }
    }
}
