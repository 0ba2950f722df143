#include "tui/osc_hub.h"

#include <stdio.h>
#include <string.h>

const char *const rp_hub_topics[RP_HUB_TOPICS] = {
    [RP_HUB_KNOBS] = "knobs",
    [RP_HUB_STATE] = "state",
    [RP_HUB_BEAT] = "beat",
    [RP_HUB_NOTES] = "notes",
};

bool rp_hub_add(struct rp_hub *hub, const struct rp_wire_peer *peer,
                uint32_t topics, uint64_t now)
{
    uint32_t at = 0;

    while (at < hub->count && !rp_wire_same(&hub->subscriber[at].peer, peer)) {
        at++;
    }
    if (at == RP_HUB_PEERS) {
        return false;
    }
    hub->count += at == hub->count;
    hub->subscriber[at].peer = *peer;
    hub->subscriber[at].topics = topics;
    hub->subscriber[at].until = now + RP_HUB_SECONDS * UINT64_C(1000000000);
    hub->subscriber[at].news = true;
    return true;
}

static void drop(struct rp_hub *hub, uint32_t at)
{
    hub->subscriber[at] = hub->subscriber[--hub->count];
}

void rp_hub_remove(struct rp_hub *hub, const struct rp_wire_peer *peer)
{
    for (uint32_t i = hub->count; i-- > 0;) {
        if (rp_wire_same(&hub->subscriber[i].peer, peer)) {
            drop(hub, i);
        }
    }
}

/* Those who asked for the topic and know nothing yet (`news`), or do. */
static uint32_t listeners(const struct rp_hub *hub, enum rp_hub_topic topic,
                          bool news, struct rp_wire_peer *to)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < hub->count; i++) {
        if (hub->subscriber[i].topics & 1u << topic &&
            hub->subscriber[i].news == news) {
            to[count++] = hub->subscriber[i].peer;
        }
    }
    return count;
}

void rp_hub_send_knob(struct rp_wire *wire, const struct rp_wire_peer *to,
                      uint32_t count, enum rp_setting_id id,
                      const struct rp_knobs *knobs)
{
    double number = rp_setting_number(id, knobs);
    char path[RP_WIRE_PATH], text[RP_HUB_TEXT];

    snprintf(path, sizeof(path), "/riposte/%s", rp_settings[id].key);
    switch (rp_setting_form(id)) {
    case RP_FORM_TEXT:
    case RP_FORM_WORD:
        rp_setting_print(id, knobs, text, sizeof(text));
        rp_wire_send(wire, to, count, path, "s", text);
        break;
    case RP_FORM_WHOLE:
        if (number > INT32_MAX) {
            rp_wire_send(wire, to, count, path, "h", (int64_t)number);
        } else {
            rp_wire_send(wire, to, count, path, "i", (int)number);
        }
        break;
    case RP_FORM_REAL:
        rp_wire_send(wire, to, count, path, "f", number);
        break;
    }
}

static void tell_knobs(struct rp_hub *hub, const struct rp_panel *panel,
                       bool news)
{
    struct rp_wire_peer to[RP_HUB_PEERS];
    uint32_t count = listeners(hub, RP_HUB_KNOBS, news, to);

    for (int i = 0; i < RP_SETTINGS; i++) {
        char text[RP_HUB_TEXT];

        rp_setting_print(i, &panel->knobs, text, sizeof(text));
        if (count && (news || strcmp(text, hub->knob[i]))) {
            rp_hub_send_knob(hub->wire, to, count, i, &panel->knobs);
        }
        memcpy(hub->knob[i], text, sizeof(text));
    }
    if (count && (news || strcmp(panel->preset, hub->preset))) {
        rp_wire_send(hub->wire, to, count, "/riposte/preset", "s",
                     panel->preset);
    }
    memcpy(hub->preset, panel->preset, sizeof(hub->preset));
}

static void tell_state(struct rp_hub *hub, const struct rp_panel *panel,
                       bool news)
{
    struct rp_wire_peer to[RP_HUB_PEERS];
    uint32_t count = listeners(hub, RP_HUB_STATE, news, to);
    uint32_t state = panel->performer.state, turn = panel->performer.turn;

    if (count && (news || state != hub->state || turn != hub->turn)) {
        rp_wire_send(hub->wire, to, count, "/riposte/state", "si",
                     rp_panel_state(state), (int)turn);
    }
    hub->state = state;
    hub->turn = turn;
}

/* Bar and beat count from 1, as in the panel; before the first note there is
 * no beat. */
static void tell_beat(struct rp_hub *hub, const struct rp_panel *panel,
                      bool news)
{
    struct rp_wire_peer to[RP_HUB_PEERS];
    uint32_t count = listeners(hub, RP_HUB_BEAT, news, to);
    const struct rp_clock *clock = &panel->clock;
    char place[32];
    rp_beat unit, beat;
    int bar, number;

    if (!clock->anchored || !clock->metre.beats) {
        return;
    }
    unit = rp_metre_bar(clock->metre) / clock->metre.beats;
    beat = (rp_clock_beat(clock, panel->now) + RP_TICK / 2) / unit;
    if (count && (news || beat != hub->beat)) {
        rp_panel_place(clock, rp_clock_beat(clock, panel->now), place,
                       sizeof(place));
        if (sscanf(place, "%d.%d", &bar, &number) == 2) {
            rp_wire_send(hub->wire, to, count, "/riposte/beat", "iif", bar,
                         number, clock->mbpm / 1000.0);
        }
    }
    hub->beat = beat;
}

void rp_hub_tell(struct rp_hub *hub, const struct rp_panel *panel, uint64_t now)
{
    bool news = false;

    for (uint32_t i = hub->count; i-- > 0;) {
        if (hub->subscriber[i].until <= now) {
            drop(hub, i);
        } else {
            news |= hub->subscriber[i].news;
        }
    }
    tell_knobs(hub, panel, false);
    tell_state(hub, panel, false);
    tell_beat(hub, panel, false);
    if (news) {
        tell_knobs(hub, panel, true);
        tell_state(hub, panel, true);
        tell_beat(hub, panel, true);
        for (uint32_t i = 0; i < hub->count; i++) {
            hub->subscriber[i].news = false;
        }
    }
}

void rp_hub_note(struct rp_hub *hub, const struct rp_seen *seen)
{
    struct rp_wire_peer to[RP_HUB_PEERS];
    uint32_t count = listeners(hub, RP_HUB_NOTES, false, to);
    bool on = rp_event_is_on(seen->event);

    if (!count || seen->kind == RP_SEEN_METRONOME ||
        (!on && !rp_event_is_off(seen->event))) {
        return;
    }
    rp_wire_send(hub->wire, to, count, "/riposte/note", "siiif",
                 seen->kind == RP_SEEN_ANSWER ? "answer" : "call",
                 (seen->event.data[0] & 15) + 1, seen->event.data[1] & 127,
                 on ? seen->event.data[2] & 127 : 0,
                 (double)seen->beat / RP_BEAT);
}

void rp_hub_close(struct rp_hub *hub)
{
    struct rp_wire_peer to[RP_HUB_PEERS];

    for (uint32_t i = 0; i < hub->count; i++) {
        to[i] = hub->subscriber[i].peer;
    }
    if (hub->count) {
        rp_wire_send(hub->wire, to, hub->count, "/riposte/closed", "");
    }
    hub->count = 0;
}
