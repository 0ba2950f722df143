/* The run as lines: changes of state, notes, calls and answers as a roll. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "tui/cli.h"
#include "tui/play.h"

enum { ROLL_WIDTH = 79 };

struct lines {
    struct rp_play *play;
    uint32_t state; /* as last printed */
    rp_beat rolled; /* a roll has shown what began before */
    bool due;       /* a roll is, when nothing sounds */
};

static double seconds(const struct rp_play *play, rp_frame frame)
{
    return (double)frame / play->rig.rate;
}

static void print_note(void *self, rp_frame frame,
                       const struct rp_roll_note *note)
{
    struct lines *lines = self;
    char place[32], name[8];

    rp_panel_place(&lines->play->panel.clock, note->onset, place,
                   sizeof(place));
    rp_pitch_name(note->pitch, name);
    printf("%9.3f  %-6s  %-6s %-3s velocity %3u  %.2f beats\n",
           seconds(lines->play, frame), place,
           note->who == RP_WHO_ANSWER ? "answer" : "call", name, note->velocity,
           (double)(note->end - note->onset) / RP_BEAT);
}

/* What was not shown yet; unless `all`, only up to the end of the answer: the
 * next call may have begun in the meantime. */
static void print_roll(struct lines *lines, bool all)
{
    static struct rp_roll_note note[RP_PANEL_NOTES]; /* main thread alone */
    struct rp_panel *panel = &lines->play->panel;
    uint32_t count = rp_panel_notes(panel, 0, note, RP_PANEL_NOTES), kept = 0;
    rp_beat end = INT64_MIN;

    for (uint32_t i = 0; i < count; i++) {
        if (note[i].who == RP_WHO_ANSWER && note[i].end != INT64_MAX &&
            note[i].end > end) {
            end = note[i].end;
        }
    }
    end = all ? INT64_MAX : end;
    for (uint32_t i = 0; i < count; i++) {
        if (note[i].onset >= lines->rolled && note[i].onset < end) {
            note[kept++] = note[i];
        }
    }
    lines->rolled = end > lines->rolled ? end : lines->rolled;
    lines->due = false;
    if (kept) {
        printf("\n");
        rp_roll_print(note, kept, &panel->clock, ROLL_WIDTH, stdout);
        printf("\n");
    }
}

static bool answer_sounds(const struct rp_panel *panel)
{
    for (int pitch = 0; pitch < 128; pitch++) {
        if (panel->sounding[RP_WHO_ANSWER][pitch]) {
            return true;
        }
    }
    return false;
}

static void print_changes(struct lines *lines)
{
    struct rp_panel *panel = &lines->play->panel;
    uint32_t state = panel->performer.state;

    if (lines->due && (state == RP_ANSWERING || !answer_sounds(panel))) {
        print_roll(lines, false);
    }
    if (state == lines->state) {
        return;
    }
    printf("%9.3f  %s", seconds(lines->play, panel->now),
           rp_panel_state(state));
    if (state == RP_ANSWERING) {
        printf(", turn %u", panel->performer.turn);
    }
    printf("\n");
    lines->due = lines->due || lines->state == RP_ANSWERING;
    lines->state = state;
}

/* In virtual time a chunk is whole periods, so that the period means what it
 * says, and whether it is over is asked once a second (and when the duration is
 * up), so that the end is the same for all. */
static bool advance(struct rp_play *play)
{
    rp_frame rate = play->rig.rate, now = play->panel.now;
    rp_frame chunk = (rate / 50 / play->rig.period + 1) * play->rig.period;
    rp_frame stop = (now / rate + 1) * rate;

    if (play->duration > 0 && play->duration * rate < stop) {
        stop = (rp_frame)(play->duration * rate + 0.999);
    }
    rp_session_advance(play->rig.session,
                       now + chunk < stop ? now + chunk : stop);
    return now + chunk >= stop;
}

static void wait_ms(int ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000L};

    nanosleep(&time, NULL);
}

static void print_start(const struct rp_play *play)
{
    char value[64];

    printf("riposte " RP_VERSION ": preset %s, engine %s, %s\n",
           play->rig.preset.name, play->panel.engine, play->panel.backend);
    for (int i = 0; i < RP_SETTINGS; i++) {
        rp_setting_show(i, &play->rig.knobs, value, sizeof(value));
        printf("%s%s %s", i ? ", " : "", rp_settings[i].key, value);
    }
    printf("\n");
}

static int finish(struct rp_play *play, struct lines *lines, bool silent)
{
    rp_status status = rp_rig_stop(&play->rig);

    rp_watch_poll(&play->watch);
    print_changes(lines);
    print_roll(lines, true);
    rp_watch_report(&play->watch, stdout);
    if (play->take && status == RP_OK) {
        printf("take: %s\n", play->take);
    }
    if (silent) {
        printf("no answer\n");
        return RP_EXIT_FAILURE;
    }
    return ferror(stdout) ? RP_EXIT_FAILURE : rp_exit_code(status);
}

int rp_play_headless(struct rp_play *play)
{
    struct lines lines = {.play = play, .state = ~0u, .rolled = INT64_MIN};
    bool silent = false, over = false;
    rp_status status;

    setvbuf(stdout, NULL, _IOLBF, 0);
    play->watch.ended = print_note;
    play->watch.self = &lines;
    rp_watch_poll(&play->watch);
    print_start(play);
    status = rp_rig_start(&play->rig);
    rp_play_opened(play, status);
    if (status != RP_OK) {
        return rp_exit_code(status);
    }
    while (!over && !rp_play_quits()) {
        bool ask = true;

        if (play->virtual_time) {
            ask = advance(play);
        } else {
            wait_ms(rp_play_feed(play));
        }
        rp_play_poll(play);
        print_changes(&lines);
        over = ask && rp_play_over(play, &silent);
    }
    return finish(play, &lines, silent);
}
