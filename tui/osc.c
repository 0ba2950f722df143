#include "tui/osc.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/log.h"
#include "tui/osc_hub.h"
#include "tui/said.h"
#include "tui/tap.h"

enum {
    AT_ONCE = 2048, /* messages obeyed in one poll: main has more to do */
    SAID = 256
};

struct rp_osc {
    struct rp_wire *wire;
    struct rp_hub hub;
    struct rp_rig *rig;           /* during a poll */
    const struct rp_panel *panel; /* during a poll */
    struct rp_tap tap;
    bool quits;
    uint64_t refused;
    uint64_t said_at, unsaid;    /* ns; refused since then, and not said */
    struct rp_wire_view counted; /* as said last, every ten seconds at most */
    uint64_t counted_at;         /* ns; 0: never */
    struct rp_wire_message message; /* too large for a stack of ours */
    struct rp_wire_message preset;  /* waits: args 0 is none */
};

enum kind {
    TAKES,  /* what it is sent, if any */
    BUTTON, /* a number 0 is its release: nothing happens */
    QUESTION
};
struct action {
    const char *name, *help;
    enum kind kind;
    void (*act)(struct rp_osc *osc, const struct rp_wire_message *message);
};
static const struct action actions[];

/* ---- what is answered ---- */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Told to who asked; in the log at most once a second. */
static void refuse(struct rp_osc *osc, const struct rp_wire_message *message,
                   const char *why)
{
    uint64_t now = now_ns();
    char name[80], more[48] = "";

    osc->refused++;
    rp_wire_send(osc->wire, &message->from, 1, "/riposte/error", "ss",
                 message->path, why);
    if (osc->said_at && now - osc->said_at < 1000000000u) {
        osc->unsaid++;
        return;
    }
    if (osc->unsaid) {
        snprintf(more, sizeof(more), " (and %llu more)",
                 (unsigned long long)osc->unsaid);
    }
    rp_wire_name(&message->from, name, sizeof(name));
    rp_log(RP_WARN, "osc", "%s: %s: %s%s", name, message->path, why, more);
    osc->said_at = now;
    osc->unsaid = 0;
}

static void turn(struct rp_osc *osc, const struct rp_wire_message *message,
                 const char *key, const char *value)
{
    struct rp_said said;
    rp_status status;

    rp_said_begin(&said);
    status = rp_rig_turn(osc->rig, key, value);
    rp_said_end(&said);
    if (status == RP_OK) {
        rp_said_log(&said);
    } else {
        refuse(osc, message, *said.text ? said.text : "it failed");
    }
}

/* ---- settings ---- */

/* A setting takes a word or a number, and a metre also two. */
static void set(struct rp_osc *osc, const struct rp_wire_message *message,
                enum rp_setting_id id)
{
    const struct rp_wire_arg *arg = message->arg;
    const char *value = arg[0].text;
    struct rp_knobs knobs;
    char text[64], why[SAID];
    bool good = true;

    if (message->args == 2 && rp_setting_form(id) == RP_FORM_TEXT &&
        arg[0].type == RP_WIRE_NUMBER && arg[1].type == RP_WIRE_NUMBER) {
        snprintf(text, sizeof(text), "%.6g/%.6g", arg[0].number, arg[1].number);
        value = text;
    } else if (message->args != 1) {
        good = false;
    } else if (!value) {
        rp_knobs_init(&knobs);
        good = rp_setting_put(id, arg[0].number, &knobs) == RP_OK;
        rp_setting_print(id, &knobs, text, sizeof(text));
        value = text;
    }
    if (good) {
        turn(osc, message, rp_settings[id].key, value);
    } else {
        snprintf(why, sizeof(why), "expected %s", rp_settings[id].want);
        refuse(osc, message, why);
    }
}

static void set_or_get(struct rp_osc *osc,
                       const struct rp_wire_message *message,
                       enum rp_setting_id id)
{
    if (message->args) {
        set(osc, message, id);
    } else {
        rp_hub_send_knob(osc->wire, &message->from, 1, id, &osc->rig->knobs);
    }
}

/* ---- actions ---- */

/* What the rig does by the same word. */
static void act_rig(struct rp_osc *osc, const struct rp_wire_message *message)
{
    turn(osc, message, strrchr(message->path, '/') + 1, "1");
}

/* By when the packet came, not by when main has its turn. The tempo is rounded
 * as the panel does; one that is too slow or too fast is let pass. */
static void act_tap(struct rp_osc *osc, const struct rp_wire_message *message)
{
    double bpm = rp_tap_strike(&osc->tap, (int64_t)(message->ns / 1000000));
    struct rp_knobs knobs;
    char text[32];

    rp_knobs_init(&knobs);
    if (bpm > 0 && rp_setting_put(RP_SET_TEMPO, bpm, &knobs) == RP_OK) {
        snprintf(text, sizeof(text), "%.1f", bpm);
        turn(osc, message, rp_settings[RP_SET_TEMPO].key, text);
    }
}

/* A preset by name alone: what is wrong in a file is told to who asked, and
 * that may be somebody who is not to read the files of this machine. */
static bool is_path(const char *name)
{
    size_t length = strlen(name);

    return strchr(name, '/') ||
           (length > 4 && !strcmp(name + length - 4, ".ini"));
}

static void act_preset(struct rp_osc *osc,
                       const struct rp_wire_message *message)
{
    if (!message->args) {
        rp_wire_send(osc->wire, &message->from, 1, "/riposte/preset", "s",
                     osc->rig->preset.name);
    } else if (message->args == 1 && message->arg[0].text &&
               !is_path(message->arg[0].text)) {
        osc->preset = *message;
        osc->preset.arg[0].text = osc->preset.text;
    } else {
        refuse(osc, message, "expected the name of a preset");
    }
}

/* Loading one takes main a while: of several in a row only the last counts. */
static void load_preset(struct rp_osc *osc)
{
    if (osc->preset.args) {
        turn(osc, &osc->preset, "preset", osc->preset.arg[0].text);
        osc->preset.args = 0;
    }
}

/* MIDI learn: "tempo", "none", "cc21=tempo"; to forget: "tempo", "cc21". */
static void act_learn(struct rp_osc *osc, const struct rp_wire_message *message)
{
    if (message->args == 1 && message->arg[0].text) {
        turn(osc, message, strrchr(message->path, '/') + 1,
             message->arg[0].text);
    } else {
        refuse(osc, message, "expected a knob, a controller or both");
    }
}

static void add_name(void *self, const struct rp_preset *preset)
{
    struct rp_osc *osc = self;

    rp_wire_send(osc->wire, &osc->message.from, 1, "/riposte/presets", "ss",
                 preset->name, preset->about);
}

static void act_presets(struct rp_osc *osc,
                        const struct rp_wire_message *message)
{
    (void)!rp_preset_list(add_name, osc); /* broken ones are logged */
}

static void act_state(struct rp_osc *osc, const struct rp_wire_message *message)
{
    rp_wire_send(osc->wire, &message->from, 1, "/riposte/state", "si",
                 rp_panel_state(osc->panel->performer.state),
                 (int)osc->panel->performer.turn);
}

static void act_quit(struct rp_osc *osc, const struct rp_wire_message *message)
{
    osc->quits = true;
}

/* False: no topic is called so. */
static bool add_topic(const char *name, uint32_t *topics)
{
    for (int i = 0; i < RP_HUB_TOPICS; i++) {
        if (!strcmp(rp_hub_topics[i], name)) {
            *topics |= 1u << i;
            return true;
        }
    }
    return false;
}

/* The peer is the sender, or another port of the sender's machine: a packet
 * must not make riposte send to a third. */
static bool read_wish(const struct rp_wire_message *message,
                      struct rp_wire_peer *peer, uint32_t *topics)
{
    *peer = message->from;
    *topics = 0;
    for (uint32_t i = 0; i < message->args; i++) {
        const struct rp_wire_arg *arg = &message->arg[i];

        if (arg->text) {
            if (!add_topic(arg->text, topics)) {
                return false;
            }
        } else if (arg->number >= 1 && arg->number <= 65535) {
            rp_wire_turn_to(peer, (uint16_t)arg->number);
        } else {
            return false;
        }
    }
    *topics = *topics ? *topics : (1u << RP_HUB_TOPICS) - 1;
    return true;
}

static void act_subscribe(struct rp_osc *osc,
                          const struct rp_wire_message *message)
{
    struct rp_wire_peer peer;
    uint32_t topics;

    if (!read_wish(message, &peer, &topics)) {
        refuse(osc, message,
               "expected a port from 1 to 65535 and any of knobs, state, "
               "beat, notes");
    } else if (!rp_hub_add(&osc->hub, &peer, topics, now_ns())) {
        refuse(osc, message, "there are 16 subscribers already");
    } else {
        rp_wire_send(osc->wire, &peer, 1, "/riposte/subscribed", "i",
                     RP_HUB_SECONDS);
    }
}

static void act_unsubscribe(struct rp_osc *osc,
                            const struct rp_wire_message *message)
{
    struct rp_wire_peer peer;
    uint32_t topics;

    if (read_wish(message, &peer, &topics)) {
        rp_hub_remove(&osc->hub, &peer);
    } else {
        refuse(osc, message, "expected a port from 1 to 65535, or nothing");
    }
}

static void act_stats(struct rp_osc *osc, const struct rp_wire_message *message)
{
    const struct rp_stats_view *stats = &osc->panel->stats;
    struct rp_osc_view own;

    rp_osc_look(osc, &own);
#define TELL(name, value)                                                      \
    rp_wire_send(osc->wire, &message->from, 1, "/riposte/stats", "sh", name,   \
                 (int64_t)(value));
#define TELL_FIELD(field) TELL(#field, stats->field)
    RP_STATS(TELL_FIELD)
    TELL("osc_messages", own.messages)
    TELL("osc_malformed", own.malformed)
    TELL("osc_refused", own.refused)
    TELL("osc_lost", own.lost)
#undef TELL_FIELD
#undef TELL
}

static void act_ping(struct rp_osc *osc, const struct rp_wire_message *message)
{
    rp_wire_send(osc->wire, &message->from, 1, "/riposte/pong", "s",
                 "riposte " RP_VERSION);
}

static void act_help(struct rp_osc *osc, const struct rp_wire_message *message)
{
    for (int i = 0; i < RP_SETTINGS; i++) {
        rp_wire_send(osc->wire, &message->from, 1, "/riposte/help", "sss",
                     rp_settings[i].key, rp_settings[i].help,
                     rp_settings[i].want);
    }
    for (const struct action *action = actions; action->name; action++) {
        rp_wire_send(osc->wire, &message->from, 1, "/riposte/help", "sss",
                     action->name, action->help, "");
    }
}

static const struct action actions[] = {
    {"panic", "everything is silenced", BUTTON, act_rig},
    {"hand-over", "the turn ends now", BUTTON, act_rig},
    {"tap", "once a beat: the tempo", BUTTON, act_tap},
    {"preset", "which it is, or another", TAKES, act_preset},
    {"presets", "those that can be found", QUESTION, act_presets},
    {"learn", "the next controller turns this knob", TAKES, act_learn},
    {"forget", "nothing turns this knob", TAKES, act_learn},
    {"state", "waiting, listening or answering; turn", QUESTION, act_state},
    {"subscribe", "be told, for a minute", TAKES, act_subscribe},
    {"unsubscribe", "be told no more", TAKES, act_unsubscribe},
    {"stats", "the counters", QUESTION, act_stats},
    {"ping", "is answered with /riposte/pong", QUESTION, act_ping},
    {"help", "this list", QUESTION, act_help},
    {"quit", "ends riposte", BUTTON, act_quit},
    {NULL, NULL, TAKES, NULL},
};

/* ---- one message ---- */

/* A pattern, such as /riposte/top-*, stands for every setting that it fits.
 * One with many stars would take long to try. */
static bool match(struct rp_osc *osc, const struct rp_wire_message *message,
                  const char *name)
{
    bool any = false;
    int stars = 0;

    for (const char *c = name; *c; c++) {
        stars += *c == '*';
    }
    for (int i = 0; stars <= 2 && i < RP_SETTINGS; i++) {
        if (!fnmatch(name, rp_settings[i].key, FNM_NOESCAPE)) {
            set_or_get(osc, message, i);
            any = true;
        }
    }
    return any;
}

/* A question with words is the answer to one. */
static bool act(struct rp_osc *osc, const struct rp_wire_message *message,
                const char *name)
{
    const struct action *action = actions;
    bool words = message->args && message->arg[0].text;

    while (action->name && strcmp(action->name, name)) {
        action++;
    }
    if (!action->name) {
        return false;
    }
    if (action->kind == QUESTION && words) {
        refuse(osc, message, "expected nothing to be sent with it");
    } else if (action->kind != BUTTON || !message->args || words ||
               message->arg[0].number != 0) {
        action->act(osc, message);
    }
    return true;
}

static void obey(struct rp_osc *osc, const struct rp_wire_message *message)
{
    static const char home[] = "/riposte/";
    const char *name = message->path + sizeof(home) - 1;
    int id;

    if (strncmp(message->path, home, sizeof(home) - 1) != 0) {
        refuse(osc, message, "expected /riposte/...");
        return;
    }
    /* Of another riposte, or of this one to itself: answers to answers would
     * never end. */
    if (!strcmp(name, "error")) {
        osc->refused++;
        return;
    }
    if (strcmp(name, "preset") != 0) {
        load_preset(osc);
    }
    id = rp_setting_find(name);
    if (id >= 0) {
        set_or_get(osc, message, id);
    } else if (!act(osc, message, name) &&
               !(strpbrk(name, "*?[") && match(osc, message, name))) {
        refuse(osc, message, "no setting and no action; see /riposte/help");
    }
}

/* ---- open, poll, close ---- */

/* What came and could not be read is in the log, too. */
static void say_counters(struct rp_osc *osc, uint64_t now)
{
    struct rp_wire_view view;

    rp_wire_look(osc->wire, &view);
    if ((view.malformed == osc->counted.malformed &&
         view.lost == osc->counted.lost) ||
        (osc->counted_at && now - osc->counted_at < 10000000000u)) {
        return;
    }
    rp_log(RP_WARN, "osc", "%llu packets malformed, %llu lost",
           (unsigned long long)view.malformed, (unsigned long long)view.lost);
    osc->counted = view;
    osc->counted_at = now;
}

rp_status rp_osc_open(struct rp_osc **osc, const char *address,
                      const char *port)
{
    struct rp_osc *made = calloc(1, sizeof(*made));
    rp_status status;

    if (!made) {
        rp_log(RP_ERROR, "osc", "out of memory");
        return RP_EMEM;
    }
    status = rp_wire_open(&made->wire, "osc", address, port);
    if (status != RP_OK) {
        free(made);
        return status;
    }
    made->hub.wire = made->wire;
    rp_log(RP_INFO, "osc", "listening on %s port %u", address,
           rp_wire_port(made->wire));
    *osc = made;
    return RP_OK;
}

void rp_osc_close(struct rp_osc *osc)
{
    if (osc) {
        rp_hub_close(&osc->hub);
        rp_wire_close(osc->wire);
        free(osc);
    }
}

void rp_osc_poll(struct rp_osc *osc, struct rp_rig *rig,
                 const struct rp_panel *panel)
{
    osc->rig = rig;
    osc->panel = panel;
    for (int i = 0; i < AT_ONCE && rp_wire_next(osc->wire, &osc->message);
         i++) {
        obey(osc, &osc->message);
    }
    load_preset(osc);
    say_counters(osc, now_ns());
    rp_hub_tell(&osc->hub, panel, now_ns());
}

void rp_osc_seen(struct rp_osc *osc, const struct rp_seen *seen)
{
    rp_hub_note(&osc->hub, seen);
}

bool rp_osc_quits(const struct rp_osc *osc)
{
    return osc->quits;
}

void rp_osc_look(struct rp_osc *osc, struct rp_osc_view *view)
{
    struct rp_wire_view wire;

    rp_wire_look(osc->wire, &wire);
    *view = (struct rp_osc_view){.open = true,
                                 .messages = wire.messages,
                                 .malformed = wire.malformed,
                                 .refused = osc->refused,
                                 .lost = wire.lost,
                                 .subscribers = osc->hub.count};
}
