/* The panel as text: state -> canvas -> golden file. Also any size of
 * terminal, and the notes that the panel keeps. */
#include "golden.h"
#include "tui/keymap.h"
#include "tui/panel.h"

static struct rp_panel panel;
static char *text;
static size_t size;

static void sound(int kind, int pitch, double beat, double length)
{
    struct rp_seen seen = {.beat = (rp_beat)(beat * RP_BEAT),
                           .kind = (uint8_t)kind,
                           .event = {3, {RP_NOTE_ON, (uint8_t)pitch, 80}}};

    CHECK(rp_panel_seen(&panel, &seen) == NULL);
    if (length > 0) {
        const struct rp_roll_note *note;

        seen.event.data[0] = RP_NOTE_OFF;
        seen.beat += (rp_beat)(length * RP_BEAT);
        note = rp_panel_seen(&panel, &seen);
        CHECK(note && note->pitch == pitch && note->end == seen.beat);
    }
}

static void begin(void)
{
    rp_panel_init(&panel);
    snprintf(panel.preset, sizeof(panel.preset), "melody");
    snprintf(panel.backend, sizeof(panel.backend),
             "jack 48000 Hz 128 frames, riposte:in <- a2j:Keyboard");
    snprintf(panel.engine, sizeof(panel.engine), "cpu");
    panel.period = 128;
}

static void scene(const char *name, int width, int height, FILE *file)
{
    struct rp_canvas canvas;

    CHECK_INT(rp_canvas_init(&canvas, width, height), RP_OK);
    rp_panel_draw(&panel, &canvas);
    fprintf(file, "== %s, %d x %d\n", name, width, height);
    rp_canvas_print(&canvas, file);
    fprintf(file, "-- styles\n");
    rp_canvas_print_styles(&canvas, file);
    rp_canvas_fini(&canvas);
}

/* 100 BPM, 48 kHz: a beat is 28800 frames. */
static void at(double beat)
{
    panel.clock.anchored = 1;
    panel.now = (rp_frame)(beat * 28800);
}

static void play_turn(void)
{
    static const int call[] = {60, 64, 67, 72}, answer[] = {71, 67, 64, 60};

    for (int i = 0; i < 4; i++) {
        sound(RP_SEEN_CALL, call[i], 8 + i, 0.9);
        sound(RP_SEEN_ANSWER, answer[i], 12 + i * 0.5, 0.5);
    }
    sound(RP_SEEN_METRONOME, 76, 13, 0);
}

static void draw_scenes(FILE *file)
{
    struct rp_shown shown = {15 * RP_BEAT, RP_BEAT, 62, 80, 3};

    begin();
    scene("before the first note", 80, 24, file);
    play_turn();
    sound(RP_SEEN_ANSWER, 62, 14, 0);
    rp_panel_shown(&panel, &shown);
    at(14.1);
    panel.performer.state = RP_ANSWERING;
    panel.performer.turn = 3;
    panel.performer.notes = 25;
    panel.performer.step_ns = 41200;
    panel.stats.worst_ns = 12345;
    panel.selected = RP_SET_TEMPERATURE;
    rp_panel_message(&panel, RP_INFO, "rig", "preset melody");
    rp_panel_message(&panel, RP_WARN, "session", "1 xruns");
    scene("answering", 80, 24, file);
    panel.unicode = true;
    panel.stats.xruns = 1;
    sound(RP_SEEN_CALL, 36, 13, 2); /* wide: two pitches to a row */
    sound(RP_SEEN_CALL, 66, 12.5, 0.5);
    rp_panel_message(&panel, RP_ERROR, "jack", "the server went away");
    scene("answering, wide, in Unicode", 80, 24, file);
    panel.keys = true;
    panel.performer.state = RP_LISTENING;
    at(15.6);
    scene("small", 44, 10, file);
    panel.help = 1;
    scene("keys", 80, 24, file);
}

/* What is lost and what is no message is told as soon as there is any. */
static void test_losses(void)
{
    FILE *file = open_memstream(&text, &size);

    panel.keys = false;
    panel.help = 0;
    panel.stats.lost_heard = 3;
    panel.stats.lost_recorded = 4;
    panel.stats.stray = 12;
    scene("losses", 100, 24, file);
    fclose(file);
    CHECK(strstr(text, "xruns 1  lost 7  stray 12  cycle 13") != NULL);
    free(text);
}

static void test_golden(void)
{
    FILE *file = open_memstream(&text, &size);

    draw_scenes(file);
    fclose(file);
    golden_compare("tests/golden/panel.txt", text);
    free(text);
}

/* What came over OSC stands at the end of the counters. */
static void test_osc(void)
{
    FILE *file = open_memstream(&text, &size);

    begin();
    scene("no OSC", 120, 24, file);
    panel.osc.open = true;
    panel.osc.messages = 12;
    scene("OSC", 120, 24, file);
    panel.osc.malformed = 3;
    panel.osc.lost = 4;
    scene("bad OSC", 120, 24, file);
    fclose(file);
    CHECK(strstr(text, "notes  osc 12\n") != NULL);
    CHECK(strstr(text, "notes  osc 12, malformed 3, lost 4") != NULL);
    free(text);
}

/* On a small terminal the list of keys has pages: each key stands on one of
 * them, whole, however many there are. */
static void test_help_pages(void)
{
    static const int sizes[][2] = {{80, 24}, {76, 14}, {75, 14}, {42, 9},
                                   {42, 2},  {42, 1},  {200, 60}};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        FILE *file = open_memstream(&text, &size);
        struct rp_canvas canvas;

        begin();
        CHECK_INT(rp_canvas_init(&canvas, sizes[i][0], sizes[i][1]), RP_OK);
        while (
            (panel.help = rp_panel_help(&panel, canvas.width, canvas.height))) {
            rp_panel_draw(&panel, &canvas);
            rp_canvas_print(&canvas, file);
        }
        fclose(file);
        for (const struct rp_key *key = rp_keymap; key->key; key++) {
            char line[80], *at;

            if (key->name) {
                snprintf(line, sizeof(line), "%-11s %s%s", key->name, key->help,
                         key->letter ? " *" : "");
                at = strstr(text, line);
                CHECK(at != NULL && strstr(at + 1, line) == NULL);
            }
        }
        rp_canvas_fini(&canvas);
        free(text);
    }
}

/* No size may crash; the sanitizers watch. */
static void test_sizes(void)
{
    begin();
    play_turn();
    at(14.1);
    for (int help = 0; help < 4; help++) {
        panel.help = help;
        for (int width = 1; width < 140; width += 1 + width / 4) {
            for (int height = 1; height < 60; height += 1 + height / 6) {
                struct rp_canvas canvas;

                panel.selected = (width + height) % RP_PANEL_ROWS;
                CHECK_INT(rp_canvas_init(&canvas, width, height), RP_OK);
                rp_panel_draw(&panel, &canvas);
                rp_canvas_fini(&canvas);
            }
        }
    }
}

/* More notes than are kept; a note-off whose note was forgotten. */
static void test_forgetting(void)
{
    static struct rp_roll_note note[RP_PANEL_NOTES];
    struct rp_seen off = {.beat = RP_BEAT * 9000,
                          .kind = RP_SEEN_CALL,
                          .event = {3, {RP_NOTE_OFF, 20, 0}}};

    begin();
    sound(RP_SEEN_CALL, 20, 0, 0);
    for (int i = 0; i < RP_PANEL_NOTES + 10; i++) {
        sound(RP_SEEN_ANSWER, 60 + i % 12, 1 + i, 0.5);
    }
    CHECK(rp_panel_seen(&panel, &off) == NULL);
    CHECK_INT(rp_panel_notes(&panel, 0, note, RP_PANEL_NOTES), RP_PANEL_NOTES);
    CHECK_INT(note[0].onset / RP_BEAT, 11);
    CHECK_INT(rp_panel_notes(&panel, panel.notes - 3, note, RP_PANEL_NOTES), 3);
    /* Struck again before its end: the first ends there. */
    sound(RP_SEEN_CALL, 50, 5000, 0);
    {
        struct rp_seen again = {.beat = RP_BEAT * 5001,
                                .kind = RP_SEEN_CALL,
                                .event = {3, {RP_NOTE_ON, 50, 80}}};
        const struct rp_roll_note *ended = rp_panel_seen(&panel, &again);

        CHECK(ended && ended->end == RP_BEAT * 5001);
    }
}

static void test_place(void)
{
    static const struct {
        double beat;
        uint8_t beats, unit;
        const char *want;
    } places[] = {
        {0, 4, 4, "1.1"}, {3.99, 4, 4, "2.1"},  {3.9, 4, 4, "1.4"},
        {4, 4, 4, "2.1"}, {-0.5, 4, 4, "-1.4"}, {2.5, 6, 8, "1.6"},
        {3, 6, 8, "2.1"}, {7, 7, 8, "3.1"},     {5, 3, 4, "2.3"},
    };
    struct rp_clock clock = panel.clock;
    char got[32];

    clock.anchored = 1;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        clock.metre = (struct rp_metre){places[i].beats, places[i].unit};
        rp_panel_place(&clock, (rp_beat)(places[i].beat * RP_BEAT), got,
                       sizeof(got));
        CHECK_TEXT(got, places[i].want);
    }
    clock.anchored = 0;
    rp_panel_place(&clock, 0, got, sizeof(got));
    CHECK_TEXT(got, "-");
}

int main(void)
{
    test_golden();
    test_losses();
    test_osc();
    test_help_pages();
    test_sizes();
    test_forgetting();
    test_place();
    return TEST_END();
}
