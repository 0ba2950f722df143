/* The run in the panel: keys, knobs, the picture 30 times a second. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/cli.h"
#include "tui/keyboard.h"
#include "tui/keymap.h"
#include "tui/play.h"
#include "tui/screen.h"
#include "tui/tap.h"

enum { FRAME_MS = 33, QUEUED = 32 };

/* Messages of any thread on their way to the panel. */
struct mail {
    pthread_mutex_t lock;
    uint32_t count, lost;
    struct {
        enum rp_level level;
        char tag[16], text[RP_PANEL_TEXT];
    } item[QUEUED];
};

struct stage {
    struct rp_play *play;
    struct rp_keyboard keyboard;
    struct rp_tap tap;
    struct rp_canvas canvas;
    struct mail mail;
    bool quit;
};

static void keep_message(void *self, enum rp_level level, const char *tag,
                         const char *text)
{
    struct mail *mail = self;

    pthread_mutex_lock(&mail->lock);
    if (mail->count < QUEUED) {
        mail->item[mail->count].level = level;
        snprintf(mail->item[mail->count].tag, 16, "%s", tag);
        snprintf(mail->item[mail->count].text, RP_PANEL_TEXT, "%s", text);
        mail->count++;
    } else {
        mail->lost++;
    }
    pthread_mutex_unlock(&mail->lock);
}

static void read_mail(struct stage *stage)
{
    struct mail *mail = &stage->mail;

    pthread_mutex_lock(&mail->lock);
    for (uint32_t i = 0; i < mail->count; i++) {
        rp_panel_message(&stage->play->panel, mail->item[i].level,
                         mail->item[i].tag, mail->item[i].text);
    }
    mail->count = 0;
    pthread_mutex_unlock(&mail->lock);
}

/* What went wrong too late for the panel. */
static void print_mail(struct stage *stage)
{
    for (uint32_t i = 0; i < stage->mail.count; i++) {
        if (stage->mail.item[i].level >= RP_WARN) {
            rp_log(stage->mail.item[i].level, stage->mail.item[i].tag, "%s",
                   stage->mail.item[i].text);
        }
    }
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- keys ---- */

static void send(void *self, struct rp_event event)
{
    struct stage *stage = self;

    if (!rp_session_play(stage->play->rig.session, event)) {
        rp_panel_message(&stage->play->panel, RP_WARN, "keyboard",
                         "a note was not played, too many at once");
    }
}

/* A beat long, however fast: it may be the last of the phrase. */
static void play_note(struct stage *stage, int semitones)
{
    struct rp_panel *panel = &stage->play->panel;
    int64_t length = 60000000 / (int64_t)panel->knobs.tempo;

    rp_keyboard_strike(&stage->keyboard, panel->octave * 12 + semitones,
                       now_ms(), length);
}

/* Rounded to a tenth: nobody taps better. Too slow or too fast is let pass. */
static void tap_tempo(struct stage *stage)
{
    double bpm = rp_tap_strike(&stage->tap, now_ms());

    if (bpm > 0) {
        (void)!rp_setting_put(RP_SET_TEMPO, (int)(bpm * 10 + 0.5) / 10.0,
                              &stage->play->rig.knobs);
    }
}

static void step_row(struct stage *stage, int steps)
{
    int row = stage->play->panel.selected;

    if (row == RP_PANEL_PRESET) {
        rp_rig_step_preset(&stage->play->rig, steps > 0 ? 1 : -1);
    } else if (row >= RP_SETTINGS) {
        rp_rig_press(&stage->play->rig, row);
    } else {
        rp_setting_step(row, &stage->play->rig.knobs, steps);
    }
}

/* Round: after the last comes the first. */
static void turn_round(struct rp_knobs *knobs, int id)
{
    char before[32], after[32];

    rp_setting_print(id, knobs, before, sizeof(before));
    rp_setting_step(id, knobs, 1);
    rp_setting_print(id, knobs, after, sizeof(after));
    if (!strcmp(before, after)) {
        rp_setting_step(id, knobs, -1000);
    }
}

/* What it says goes to the messages. */
static void learn(struct rp_play *play, const struct rp_key *key)
{
    struct rp_learn *learn = &play->rig.learn;
    int knob = play->panel.selected;

    switch (key->action) {
    case RP_DO_LEARN:
        rp_learn_begin(learn, learn->learning == knob ? -1 : knob);
        break;
    case RP_DO_FORGET:
        (void)!rp_learn_forget(learn, rp_knob_name(knob));
        break;
    case RP_DO_CHANGE:
        rp_learn_change(learn, knob, (enum rp_learn_change)key->argument);
        break;
    default: /* Escape: first the list of keys */
        if (play->panel.help) {
            play->panel.help = 0;
        } else {
            rp_learn_begin(learn, -1);
        }
    }
}

static void act(struct stage *stage, const struct rp_key *key)
{
    struct rp_panel *panel = &stage->play->panel;
    int octave = panel->octave + key->argument;

    switch (key->action) {
    case RP_DO_QUIT:
        stage->quit = true;
        break;
    case RP_DO_HELP:
        panel->help =
            rp_panel_help(panel, stage->canvas.width, stage->canvas.height);
        break;
    case RP_DO_KEYS:
        panel->keys = !panel->keys;
        break;
    case RP_DO_PANIC:
        rp_keyboard_release(&stage->keyboard);
        rp_rig_panic(&stage->play->rig);
        break;
    case RP_DO_ROW:
        panel->selected =
            (panel->selected + key->argument + RP_PANEL_ROWS) % RP_PANEL_ROWS;
        break;
    case RP_DO_STEP:
        step_row(stage, key->argument);
        break;
    case RP_DO_SELECT:
        panel->selected = key->argument;
        break;
    case RP_DO_TAP:
        tap_tempo(stage);
        break;
    case RP_DO_TURN:
        panel->selected = key->argument;
        turn_round(&stage->play->rig.knobs, key->argument);
        break;
    case RP_DO_PRESET:
        rp_rig_step_preset(&stage->play->rig, key->argument);
        break;
    case RP_DO_OCTAVE:
        panel->octave = octave < 0 ? 0 : octave > 8 ? 8 : octave;
        break;
    case RP_DO_HAND_OVER:
        rp_rig_hand_over(&stage->play->rig);
        break;
    case RP_DO_LEARN:
    case RP_DO_ESCAPE:
    case RP_DO_FORGET:
    case RP_DO_CHANGE:
        learn(stage->play, key);
        break;
    case RP_DO_PLAY:
        play_note(stage, key->argument);
        break;
    case RP_DO_NOTHING:
        break;
    }
}

static void read_keys(struct stage *stage)
{
    int code;

    while ((code = rp_screen_key()) != RP_KEY_NONE) {
        struct rp_key key = rp_keymap_find(code, stage->play->panel.keys);

        act(stage, &key);
    }
}

/* ---- the picture ---- */

static rp_status draw(struct stage *stage)
{
    int width, height;

    rp_screen_size(&width, &height);
    if (width != stage->canvas.width || height != stage->canvas.height) {
        rp_canvas_fini(&stage->canvas);
        if (rp_canvas_init(&stage->canvas, width, height) != RP_OK) {
            return RP_EMEM;
        }
    }
    rp_panel_draw(&stage->play->panel, &stage->canvas);
    rp_screen_draw(&stage->canvas);
    return RP_OK;
}

/* One turn of the loop: what is due, keys, and a picture every FRAME_MS. */
static rp_status turn(struct stage *stage, int64_t *drawn)
{
    int64_t now = now_ms(), due = rp_keyboard_expire(&stage->keyboard, now);
    int64_t wait = *drawn + FRAME_MS - now;
    int feed = rp_play_feed(stage->play);
    rp_status status = RP_OK;

    wait = due - now < wait ? due - now : wait;
    wait = feed < wait ? feed : wait;
    if (!rp_screen_wait((int)(wait < 0 ? 0 : wait))) {
        stage->quit = true; /* nobody is there any more */
    }
    read_keys(stage);
    if (now_ms() - *drawn >= FRAME_MS) {
        *drawn = now_ms();
        rp_play_poll(stage->play);
        read_mail(stage);
        status = draw(stage);
    }
    return status;
}

static rp_status loop(struct stage *stage)
{
    struct rp_panel *panel = &stage->play->panel;
    rp_status status = rp_rig_start(&stage->play->rig);
    int64_t drawn = 0;
    bool silent;

    /* Connections are made at the start. When no input is: the computer
     * keyboard plays. */
    rp_watch_poll(&stage->play->watch);
    rp_play_opened(stage->play, status);
    panel->keys = !strstr(panel->backend, "<-");

    while (status == RP_OK && !stage->quit && !rp_play_quits() &&
           !rp_play_over(stage->play, &silent)) {
        status = turn(stage, &drawn);
    }
    rp_keyboard_release(&stage->keyboard);
    return status;
}

int rp_play_panel(struct rp_play *play)
{
    static struct stage stage; /* main thread alone, once */
    rp_status status, taken;

    signal(SIGTSTP, SIG_IGN); /* Ctrl-Z: who is stopped ends no note */
    status = rp_screen_open(&play->panel.unicode);
    if (status != RP_OK) {
        return rp_exit_code(status);
    }
    memset(&stage, 0, sizeof(stage));
    stage.play = play;
    stage.keyboard.play = send;
    stage.keyboard.self = &stage;
    pthread_mutex_init(&stage.mail.lock, NULL);
    rp_log_to(keep_message, &stage.mail);
    status = loop(&stage);
    rp_screen_close();
    taken = rp_rig_stop(&play->rig);
    rp_watch_poll(&play->watch);
    rp_log_to(NULL, NULL);
    print_mail(&stage);
    rp_watch_report(&play->watch, stdout);
    if (play->take && taken == RP_OK) {
        printf("take: %s\n", play->take);
    }
    rp_canvas_fini(&stage.canvas);
    pthread_mutex_destroy(&stage.mail.lock);
    return rp_exit_code(status == RP_OK ? taken : status);
}
