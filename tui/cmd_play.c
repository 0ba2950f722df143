#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rt/backend.h"
#include "rt/log.h"
#include "rt/port_file.h"
#include "tui/cli.h"
#include "tui/cmd.h"
#include "tui/nsm.h"
#include "tui/osc.h"
#include "tui/play.h"
#include "tui/screen.h"

struct wish {
    const char *preset, *model, *backend, *engine, *take;
    const char *osc_bind;
    struct rp_given given;
    struct rp_texts in, out, call, cue, learn;
    double duration;
    uint32_t rate, period, osc;
    bool headless;
};

#define AT(field) offsetof(struct wish, field)

static const struct rp_option options[] = {
    {"preset", "NAME", "named set-up, or the path of an .ini (melody)",
     RP_OPTION_TEXT, AT(preset)},
    {"model", "FILE", "other weights than the preset's", RP_OPTION_TEXT,
     AT(model)},
    {"backend", "NAME", "auto, jack, alsa, rtmidi or null (auto)",
     RP_OPTION_WORD, AT(backend), 0, 0, RP_BACKEND_NAMES},
    {"in", "PORT",
     "read from it: part of its name, or number; repeatable",
     RP_OPTION_TEXTS, AT(in)},
    {"out", "PORT", "send to it; may be given again", RP_OPTION_TEXTS, AT(out)},
    {NULL, NULL, NULL, RP_OPTION_SETTINGS, AT(given), 0, 0, NULL, ~0u},
    {"engine", "NAME", "one that 'riposte engines' lists (auto)",
     RP_OPTION_TEXT, AT(engine)},
    {"headless", NULL, "lines instead of the panel", RP_OPTION_FLAG,
     AT(headless)},
    {"call", "FILE.mid", "play this as the call; may be given again",
     RP_OPTION_TEXTS, AT(call)},
    {"cue", "'S KEY=VALUE'",
     "at second S turn a knob, preset, panic or call=FILE", RP_OPTION_TEXTS,
     AT(cue)},
    {"learn", "CC=KNOB", "a controller turns a knob, such as 'cc21=tempo'",
     RP_OPTION_TEXTS, AT(learn)},
    {"take", "FILE.mid", "record call and answers to it", RP_OPTION_TEXT,
     AT(take)},
    {"osc", "PORT", "be controlled by OSC over UDP, at this port",
     RP_OPTION_COUNT, AT(osc), 1, 65535},
    {"osc-bind", "ADDRESS", "of this machine, to listen on (127.0.0.1)",
     RP_OPTION_TEXT, AT(osc_bind)},
    {"duration", "S", "end after so many seconds", RP_OPTION_REAL, AT(duration),
     0.001, 1e6},
    {"rate", "HZ", "but for jack: frames per second (48000)", RP_OPTION_COUNT,
     AT(rate), 8000, 384000},
    {"period", "FRAMES", "but for jack: frames per period (128)",
     RP_OPTION_COUNT, AT(period), 16, 8192},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "play",
    .about =
        "Listens, and answers. With no options: JACK if a server runs, else "
        "ALSA, else\nthe computer keyboard as a MIDI keyboard. Without a "
        "terminal, or with\n--headless, lines are printed instead of the "
        "panel; with --backend null and\n--call it then runs in virtual "
        "time. A call brings its tempo and metre unless\nthey are given.",
    .options = options,
};

static volatile sig_atomic_t quits;

/* The second restores what the third will do: a stop that hangs, in a server
 * that hangs, must not need SIGKILL. */
static void on_signal(int number)
{
    if (quits) {
        signal(number, SIG_DFL);
    }
    quits = 1;
}

int rp_play_quits(void)
{
    return quits;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that left must not cost the take */
    signal(SIGXFSZ, SIG_IGN); /* nor a limit on its size the notes */
}

int rp_play_feed(struct rp_play *play)
{
    struct rp_clock clock;
    rp_frame now, next;
    int64_t ms;

    rp_session_now(play->rig.session, &clock, &now);
    next = rp_score_feed(&play->score, &play->rig, now);
    if (next == INT64_MAX) {
        return 33;
    }
    ms = (next - now) * 1000 / play->rig.rate;
    return ms < 1 ? 1 : ms > 33 ? 33 : (int)ms;
}

/* Seconds of the run. Live it is the wall clock's: frames stand still while
 * the server is away. */
static double lasted(struct rp_play *play)
{
    struct timespec now;
    double seconds;

    if (play->virtual_time) {
        return (double)play->panel.now / play->rig.rate;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    play->began = play->began > 0 ? play->began : seconds;
    return seconds - play->began;
}

bool rp_play_over(struct rp_play *play, bool *silent)
{
    *silent = false;
    if (play->again || (play->osc && rp_osc_quits(play->osc))) {
        return true;
    }
    if (play->duration > 0) {
        return lasted(play) >= play->duration;
    }
    return rp_watch_over(&play->watch, silent);
}

static rp_status read_score(struct rp_play *play, const struct wish *wish)
{
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < wish->call.count && status == RP_OK; i++) {
        status = rp_score_add_call(&play->score, wish->call.text[i], -1);
    }
    for (uint32_t i = 0; i < wish->cue.count && status == RP_OK; i++) {
        status = rp_score_add_cue(&play->score, wish->cue.text[i]);
    }
    return status;
}

/* Preset, then calls, then the command line, then what a session manager kept:
 * the later wins. */
static rp_status set_up(struct rp_play *play, const struct wish *wish)
{
    const struct rp_given *given = &wish->given;
    const struct rp_project *project = &play->project;
    rp_status status = rp_rig_load(
        &play->rig, project->preset ? project->preset : wish->preset,
        project->there ? project->model : wish->model, wish->engine);

    if (status == RP_OK) {
        status = read_score(play, wish);
    }
    if (status != RP_OK) {
        return status;
    }
    rp_score_lead(&play->score, &play->rig.knobs,
                  !(given->set & 1u << RP_SET_TEMPO),
                  !(given->set & 1u << RP_SET_METRE));
    for (int i = 0; i < RP_SETTINGS; i++) {
        if (given->set & 1u << i) {
            rp_setting_copy(i, &play->rig.knobs, &given->knobs);
        }
    }
    rp_project_apply(project, &play->rig.knobs);
    return RP_OK;
}

/* A run in virtual time is the same for everybody: the user's own controllers
 * have no part in it. */
static rp_status learn(struct rp_play *play, const struct wish *wish)
{
    char path[PATH_MAX] = "";
    rp_status status;

    if (play->project.learn) {
        snprintf(path, sizeof(path), "%s", play->project.learn);
    } else if (!play->virtual_time) {
        rp_learn_place(path, sizeof(path));
    }
    status = rp_learn_open(&play->rig.learn, path);
    for (uint32_t i = 0; i < wish->learn.count && status == RP_OK; i++) {
        status = rp_learn_line(&play->rig.learn, wish->learn.text[i]);
    }
    return status;
}

/* In virtual time the session is told before it is made what is played; live
 * its rate is known only afterwards, and main plays. */
static rp_status open_session(struct rp_play *play, const struct wish *wish)
{
    static char remember[PATH_MAX]; /* the session keeps it */
    struct rp_session_options session = {.backend = wish->backend,
                                         .ins = wish->in.text,
                                         .outs = wish->out.text,
                                         .rate = wish->rate,
                                         .period = wish->period,
                                         .take = play->take,
                                         .realtime = !play->virtual_time};
    rp_status status = RP_OK;

    if (play->nsm && *rp_nsm_id(play->nsm)) {
        session.name = rp_nsm_id(play->nsm);
    }
    if (play->project.ports) {
        session.remember = play->project.ports;
    } else if (rp_port_file_path(remember, sizeof(remember)) == RP_OK) {
        session.remember = remember;
    }
    if (play->virtual_time) {
        status = rp_score_place(&play->score, &play->rig,
                                wish->rate ? wish->rate : 48000, 0);
        session.call = play->score.event;
        session.calls = play->score.events;
        session.cue = play->score.turn;
        session.cues = play->score.turns;
    }
    if (status == RP_OK) {
        status = rp_rig_open(&play->rig, &session);
    }
    if (status == RP_OK && !play->virtual_time) {
        status = rp_score_place(&play->score, &play->rig, play->rig.rate, 0);
    }
    return status;
}

/* Nobody chose the backend that has no sound: say why it is there. */
static void explain(struct rp_play *play, const struct wish *wish,
                    bool headless)
{
    const char *text =
        rp_backends[0] == &rp_backend_null
            ? "built without JACK, ALSA and RtMidi: nothing can be heard"
            : "neither a JACK server nor ALSA here: nothing can be heard";
    char session[RP_PANEL_TEXT];

    rp_session_describe(play->rig.session, session, sizeof(session));
    if (strcmp(wish->backend, "auto") || strncmp(session, "null ", 5)) {
        return;
    }
    if (headless) {
        rp_log(RP_INFO, "play", "%s", text);
    } else {
        rp_panel_message(&play->panel, RP_INFO, "play", text);
    }
}

/* In virtual time nobody is there to send anything. */
static rp_status open_osc(struct rp_play *play, const struct wish *wish)
{
    char port[16];

    if (!wish->osc || play->osc) {
        return RP_OK;
    }
    if (play->virtual_time) {
        rp_log(RP_ERROR, "play", "--osc: expected a run in real time");
        return RP_EARG;
    }
    snprintf(port, sizeof(port), "%u", wish->osc);
    return rp_osc_open(&play->osc, wish->osc_bind, port);
}

static int run(struct rp_play *play, const struct wish *wish)
{
    char why[80];
    bool headless = wish->headless;
    rp_status status;

    if (!headless && !rp_screen_probe(why, sizeof(why))) {
        rp_log(RP_INFO, "play", "%s: no panel, lines instead", why);
        headless = true;
    }
    status = set_up(play, wish);
    play->virtual_time =
        headless && play->score.calls && !strcmp(wish->backend, "null");
    play->duration = wish->duration;
    play->take = wish->take ? wish->take : play->project.take;
    if (status == RP_OK) {
        status = open_osc(play, wish);
    }
    if (status == RP_OK) {
        status = learn(play, wish);
    }
    if (status == RP_OK) {
        status = open_session(play, wish);
    }
    if (status != RP_OK) {
        rp_play_opened(play, status);
        return rp_exit_code(status);
    }
    rp_watch_init(&play->watch, &play->rig, &play->score, &play->panel);
    rp_play_attach(play);
    catch_signals();
    explain(play, wish, headless);
    return headless ? rp_play_headless(play) : rp_play_panel(play);
}

/* One run, or as many as a session manager opens projects. */
static int run_all(struct rp_play *play, const struct wish *wish)
{
    int exit_code = rp_exit_code(rp_play_join(play));

    if (exit_code == RP_EXIT_OK) {
        do {
            rp_panel_init(&play->panel);
            exit_code = run(play, wish);
            rp_score_fini(&play->score);
            rp_rig_fini(&play->rig);
        } while (rp_play_turns(play) && !quits);
        rp_osc_close(play->osc);
    }
    rp_play_leave(play);
    return exit_code;
}

int rp_cmd_play(int argc, char **argv)
{
    static struct rp_play play; /* the panel's notes are no stack's size */
    struct wish wish = {.preset = "melody",
                        .backend = "auto",
                        .engine = "auto",
                        .osc_bind = "127.0.0.1"};
    int exit_code;

    rp_knobs_init(&wish.given.knobs);
    exit_code = rp_cli_parse(&cli, argc, argv, &wish, NULL);
    if (exit_code < 0) {
        exit_code = run_all(&play, &wish);
    }
    rp_texts_fini(&wish.in);
    rp_texts_fini(&wish.out);
    rp_texts_fini(&wish.call);
    rp_texts_fini(&wish.cue);
    rp_texts_fini(&wish.learn);
    return exit_code;
}
