#include "model/data/part.h"

#include <stdlib.h>
#include <string.h>

#include "model/instrument.h"
#include "rt/log.h"
#include "rt/smf_write.h"

enum { NAME = 3, RELEASE = 64, DRUM_CHANNEL = 9 };

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "part", "out of memory");
    return RP_EMEM;
}

void rp_part_fini(struct rp_part *part)
{
    for (uint32_t i = 0; i < part->texts; i++)
        free(part->text[i].text);
    free(part->source);
    free(part->name);
    free(part->note);
    free(part->message);
    free(part->text);
    free(part->tempo);
    free(part->metre);
    *part = (struct rp_part){ 0 };
}

void rp_parts_fini(struct rp_part *part, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        rp_part_fini(&part[i]);
    free(part);
}

static int compare_notes(const void *a, const void *b)
{
    const struct rp_part_note *x = a, *y = b;
    if (x->onset != y->onset)
        return x->onset < y->onset ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch < y->pitch ? -1 : 1;
    if (x->ticks != y->ticks)
        return x->ticks < y->ticks ? -1 : 1;
    if (x->velocity != y->velocity)
        return x->velocity < y->velocity ? -1 : 1;
    return (x->release > y->release) - (x->release < y->release);
}

void rp_part_sort(struct rp_part *part)
{
    if (part->notes)
        qsort(part->note, part->notes, sizeof *part->note, compare_notes);
}

const char *rp_part_instrument(const struct rp_part *part)
{
    if (part->channel == DRUM_CHANNEL)
        return "Drums";
    return part->program >= 0 ? rp_instrument_names[part->program] : "";
}

/* A note-off ends the oldest note of its pitch that still sounds; what nothing
 * ends lasts until the track is over. */
struct pairing {
    struct rp_part *part;
    uint32_t *next;    /* of each note, the next one of its pitch */
    int64_t first[128], last[128]; /* that sound; -1 none */
};

static void end_note(struct pairing *p, uint8_t pitch, int64_t tick,
                     uint8_t release)
{
    int64_t at = p->first[pitch];
    struct rp_part_note *note;

    if (at < 0)
        return;
    note = &p->part->note[at];
    note->ticks = tick - note->onset;
    note->release = release;
    p->first[pitch] = at == p->last[pitch] ? -1 : (int64_t)p->next[at];
}

static void begin_note(struct pairing *p, int64_t tick, struct rp_event event)
{
    uint8_t pitch = event.data[1] & 0x7f;
    uint32_t at = p->part->notes++;

    p->part->note[at] = (struct rp_part_note){ .onset = tick,
                                               .pitch = pitch,
                                               .velocity = event.data[2] };
    if (p->first[pitch] < 0)
        p->first[pitch] = at;
    else
        p->next[p->last[pitch]] = at;
    p->last[pitch] = at;
}

static rp_status take_events(const struct rp_smf_track *track,
                             struct rp_part *part)
{
    struct pairing p = { .part = part };
    size_t room = track->events + 1;

    part->note = malloc(room * sizeof *part->note);
    part->message = malloc(room * sizeof *part->message);
    p.next = malloc(room * sizeof *p.next);
    if (!part->note || !part->message || !p.next) {
        free(p.next);
        return no_memory();
    }
    memset(p.first, 0xff, sizeof p.first);
    for (uint32_t i = 0; i < track->events; i++) {
        struct rp_event event = track->event[i].event;
        if ((event.data[0] & 15) != part->channel)
            continue;
        if (rp_event_is_on(event))
            begin_note(&p, track->event[i].tick, event);
        else if (rp_event_is_off(event))
            end_note(&p, event.data[1] & 0x7f, track->event[i].tick,
                     event.data[2]);
        else
            part->message[part->messages++] = track->event[i];
    }
    for (int pitch = 0; pitch < 128; pitch++)
        while (p.first[pitch] >= 0)
            end_note(&p, (uint8_t)pitch, track->end, RELEASE);
    free(p.next);
    rp_part_sort(part);
    return RP_OK;
}

static void find_program(struct rp_part *part)
{
    part->program = -1;
    for (uint32_t i = 0; i < part->messages; i++) {
        const struct rp_smf_event *message = &part->message[i];
        bool late = part->notes && message->tick > part->note[0].onset;
        if ((message->event.data[0] & 0xf0) == RP_PROGRAM &&
            (part->program < 0 || !late))
            part->program = message->event.data[1] & 0x7f;
    }
}

static rp_status take_texts(const struct rp_smf_track *track,
                            struct rp_part *part)
{
    part->text = malloc((track->texts + 1) * sizeof *part->text);
    if (!part->text)
        return no_memory();
    for (uint32_t i = 0; i < track->texts; i++) {
        struct rp_smf_text text = track->text[i];
        if (text.type == NAME && !strcmp(text.text, track->name))
            continue;
        if (!(text.text = strdup(text.text)))
            return no_memory();
        part->text[part->texts++] = text;
    }
    return RP_OK;
}

static rp_status take_time(const struct rp_smf *smf, struct rp_part *part)
{
    part->tempo = malloc((smf->tempos + 1) * sizeof *part->tempo);
    part->metre = malloc((smf->metres + 1) * sizeof *part->metre);
    if (!part->tempo || !part->metre)
        return no_memory();
    for (uint32_t i = 0; i < smf->tempos; i++)
        if (smf->type != 2 || smf->tempo[i].track == part->track)
            part->tempo[part->tempos++] = smf->tempo[i];
    for (uint32_t i = 0; i < smf->metres; i++)
        if (smf->type != 2 || smf->metre[i].track == part->track)
            part->metre[part->metres++] = smf->metre[i];
    return RP_OK;
}

static rp_status make_part(const struct rp_smf *smf, const char *source,
                           bool texts, struct rp_part *part)
{
    const struct rp_smf_track *track = &smf->track[part->track];
    rp_status status;

    part->type = smf->type;
    part->division = smf->division;
    part->source = strdup(source);
    part->name = strdup(track->name);
    if (!part->source || !part->name)
        return no_memory();
    status = take_events(track, part);
    if (!status && texts)
        status = take_texts(track, part);
    if (!status)
        status = take_time(smf, part);
    find_program(part);
    return status;
}

/* The channels of a track, one bit each. */
static uint16_t channels_of(const struct rp_smf_track *track)
{
    uint16_t channels = 0;

    for (uint32_t i = 0; i < track->events; i++)
        channels |= (uint16_t)(1 << (track->event[i].event.data[0] & 15));
    return channels;
}

rp_status rp_parts_of(const struct rp_smf *smf, const char *source,
                      struct rp_part **part, uint32_t *count)
{
    struct rp_part *list = calloc(16 * (size_t)smf->tracks + 1, sizeof *list);
    rp_status status = list ? RP_OK : no_memory();
    uint32_t made = 0;

    for (uint32_t t = 0; t < smf->tracks && !status; t++) {
        uint16_t channels = channels_of(&smf->track[t]);
        bool first = true;
        if (!channels && smf->track[t].texts)
            channels = 1;
        for (uint8_t c = 0; c < 16 && !status; c++) {
            if (!(channels >> c & 1))
                continue;
            list[made].track = t;
            list[made].channel = c;
            status = make_part(smf, source, first, &list[made++]);
            first = false;
        }
    }
    if (status) {
        rp_parts_fini(list, list ? made : 0);
        return status;
    }
    *part = list;
    *count = made;
    return RP_OK;
}

/* ---- back to a .mid ---- */

static rp_status write_note(struct rp_smf_write *smf, uint32_t track,
                            const struct rp_part *part,
                            const struct rp_part_note *note, bool on)
{
    struct rp_event event =
        rp_event_make(on ? RP_NOTE_ON : RP_NOTE_OFF, part->channel,
                      note->pitch, on ? note->velocity : note->release);
    return rp_smf_write_event(smf, track, note->onset + (on ? 0 : note->ticks),
                              event);
}

/* At one tick: first what ends, then messages, then what begins, and then
 * what ends again at once. */
static rp_status write_channel(struct rp_smf_write *smf, uint32_t track,
                               const struct rp_part *part)
{
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < part->notes && !status; i++)
        if (part->note[i].ticks)
            status = write_note(smf, track, part, &part->note[i], false);
    for (uint32_t i = 0; i < part->messages && !status; i++)
        status = rp_smf_write_event(smf, track, part->message[i].tick,
                                    part->message[i].event);
    for (uint32_t i = 0; i < part->notes && !status; i++)
        status = write_note(smf, track, part, &part->note[i], true);
    for (uint32_t i = 0; i < part->notes && !status; i++)
        if (!part->note[i].ticks)
            status = write_note(smf, track, part, &part->note[i], false);
    return status;
}

static rp_status write_part(struct rp_smf_write *smf, uint32_t track,
                            const struct rp_part *part)
{
    rp_status status = RP_OK;

    if (*part->name)
        status = rp_smf_write_name(smf, track, part->name);
    for (uint32_t i = 0; i < part->texts && !status; i++)
        status = rp_smf_write_text(smf, track, part->text[i].tick,
                                   part->text[i].type, part->text[i].text);
    if (!status && track)
        status = write_channel(smf, track, part);
    return status;
}

static rp_status write_time(struct rp_smf_write *smf,
                            const struct rp_part *part)
{
    rp_status status = rp_smf_write_division(smf, part->division);

    for (uint32_t i = 0; i < part->tempos && !status; i++)
        status = rp_smf_write_tempo_us(smf, part->tempo[i].tick,
                                       part->tempo[i].us_per_beat);
    for (uint32_t i = 0; i < part->metres && !status; i++)
        status = rp_smf_write_metre(smf, part->metre[i].tick,
                                    part->metre[i].metre);
    return status;
}

/* Texts of a first track that plays nothing stay with tempo and metre. */
static bool is_head(const struct rp_part *part)
{
    return !part->track && !part->notes && !part->messages;
}

rp_status rp_parts_save(const struct rp_part *part, uint32_t count,
                        const char *path)
{
    struct rp_smf_write *smf;
    uint32_t tracks = 0;
    rp_status status;

    for (uint32_t i = 0; i < count; i++)
        if (!is_head(&part[i]) &&
            (!i || is_head(&part[i - 1]) ||
             part[i].track != part[i - 1].track))
            tracks++;
    status = rp_smf_write_create(&smf, tracks);
    if (status)
        return status;
    if (count)
        status = write_time(smf, &part[0]);
    tracks = 0;
    for (uint32_t i = 0; i < count && !status; i++) {
        if (!is_head(&part[i]) &&
            (!i || is_head(&part[i - 1]) ||
             part[i].track != part[i - 1].track))
            tracks++;
        status = write_part(smf, is_head(&part[i]) ? 0 : tracks, &part[i]);
    }
    if (!status)
        status = rp_smf_write_save(smf, path);
    rp_smf_write_destroy(smf);
    return status;
}
