#include "tui/panel.h"

#include <stdio.h>
#include <string.h>

void rp_panel_init(struct rp_panel *panel)
{
    memset(panel, 0, sizeof(*panel));
    rp_knobs_init(&panel->knobs);
    panel->clock.rate = 48000;
    panel->clock.mbpm = 100000;
    panel->clock.metre = (struct rp_metre){4, 4};
    panel->octave = 5; /* from middle C */
    panel->learning = -1;
}

const char *rp_panel_state(uint32_t state)
{
    return state == RP_ANSWERING   ? "answering"
           : state == RP_LISTENING ? "listening"
                                   : "waiting";
}

void rp_panel_place(const struct rp_clock *clock, rp_beat beat, char *text,
                    size_t size)
{
    rp_beat bar = rp_metre_bar(clock->metre), unit, line;
    long long number;

    if (!clock->anchored || !bar) {
        snprintf(text, size, "-");
        return;
    }
    beat += RP_TICK / 2; /* a frame early is still on the beat */
    line = rp_clock_bar_before(clock, beat);
    unit = bar / clock->metre.beats;
    number = (line - rp_clock_bar_before(clock, 0)) / bar;
    snprintf(text, size, "%lld.%lld", number + (number >= 0),
             (long long)((beat - line) / unit) + 1);
}

static struct rp_roll_note *add_note(struct rp_panel *panel)
{
    return &panel->note[panel->notes++ % RP_PANEL_NOTES];
}

static const struct rp_roll_note *end_note(struct rp_panel *panel, int who,
                                           uint8_t pitch, rp_beat beat)
{
    uint32_t at = panel->sounding[who][pitch];
    struct rp_roll_note *note;

    panel->sounding[who][pitch] = 0;
    if (!at || panel->notes - (at - 1) > RP_PANEL_NOTES) {
        return NULL; /* not begun, or so long ago that it was forgotten */
    }
    note = &panel->note[(at - 1) % RP_PANEL_NOTES];
    note->end = beat > note->onset ? beat : note->onset + 1;
    return note;
}

const struct rp_roll_note *rp_panel_seen(struct rp_panel *panel,
                                         const struct rp_seen *seen)
{
    uint8_t pitch = seen->event.data[1] & 127;
    int who = seen->kind == RP_SEEN_ANSWER ? RP_WHO_ANSWER : RP_WHO_CALL;
    const struct rp_roll_note *ended = NULL;

    if (seen->kind == RP_SEEN_METRONOME) {
        return NULL;
    }
    if (rp_event_is_on(seen->event)) {
        ended = end_note(panel, who, pitch, seen->beat);
        *add_note(panel) =
            (struct rp_roll_note){seen->beat, INT64_MAX, pitch,
                                  seen->event.data[2] & 127, (uint8_t)who};
        panel->sounding[who][pitch] = panel->notes;
    } else if (rp_event_is_off(seen->event)) {
        ended = end_note(panel, who, pitch, seen->beat);
    }
    return ended;
}

void rp_panel_shown(struct rp_panel *panel, const struct rp_shown *shown)
{
    *add_note(panel) = (struct rp_roll_note){
        shown->onset, shown->onset + shown->duration, shown->pitch & 127,
        shown->velocity, RP_WHO_PLANNED};
}

void rp_panel_message(struct rp_panel *panel, enum rp_level level,
                      const char *tag, const char *text)
{
    struct rp_panel_message *message =
        &panel->message[panel->messages++ % RP_PANEL_MESSAGES];

    message->level = level;
    snprintf(message->text, sizeof(message->text), "%s: %s", tag, text);
}

uint32_t rp_panel_notes(const struct rp_panel *panel, uint32_t first,
                        struct rp_roll_note *note, uint32_t most)
{
    uint32_t count = 0;

    if (panel->notes - first > RP_PANEL_NOTES) {
        first = panel->notes - RP_PANEL_NOTES;
    }
    for (uint32_t i = first; i != panel->notes && count < most; i++) {
        if (panel->note[i % RP_PANEL_NOTES].who != RP_WHO_PLANNED) {
            note[count++] = panel->note[i % RP_PANEL_NOTES];
        }
    }
    return count;
}
