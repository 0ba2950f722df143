/* What the events of a file mean: notes, the melody, time. */
#include <stdlib.h>
#include <string.h>

#include "model/data/smf_pick.h"
#include "rt/log.h"

/* A key that is down. Struck again while down, the note so far ends there;
 * then the note ends with the last of as many note-offs as strokes came, since
 * the file may hold two notes of the pitch at once (two voices) - or one, if
 * only one note-off comes. */
struct key {
    int64_t note; /* index, -1: not down */
    int64_t off;  /* tick of the last note-off that may have ended it, -1 */
    uint32_t strokes;
};

struct list {
    const struct rp_smf *smf;
    struct rp_smf_picker picker;
    uint32_t resolution;
    struct rp_note *note;
    uint32_t count, room;
    uint32_t beyond; /* notes left out, later than RP_SMF_TICK_MAX */
    struct key key[16][128];
};

int64_t rp_smf_ticks_at(const struct rp_smf *smf, uint32_t resolution,
                        int64_t tick)
{
    __int128 half = (__int128)tick * resolution * 2 + smf->division;
    return (int64_t)(half / ((__int128)smf->division * 2));
}

static void end_note(struct list *list, struct key *key, int64_t tick)
{
    if (key->note < 0)
        return;
    struct rp_note *note = &list->note[key->note];
    int64_t end = rp_smf_ticks_at(list->smf, list->resolution,
                                  key->off >= 0 ? key->off : tick);
    if (end > RP_SMF_TICK_MAX)
        end = RP_SMF_TICK_MAX;
    note->duration = end > note->onset ? (int32_t)(end - note->onset) : 1;
    key->note = -1;
}

/* How far a tick is from `onset` at the resolution, in 16ths. */
static int8_t offset_at(const struct list *list, int64_t tick, int64_t onset)
{
    int64_t fine = rp_smf_ticks_at(list->smf, 16 * list->resolution, tick);
    int64_t offset = fine - 16 * onset;
    return (int8_t)(offset < -8 ? -8 : offset > 7 ? 7 : offset);
}

static bool begin_note(struct list *list, struct key *key, int64_t tick,
                       struct rp_event event)
{
    bool down = key->note >= 0 && key->off < 0;
    end_note(list, key, tick);
    int64_t onset = rp_smf_ticks_at(list->smf, list->resolution, tick);
    if (onset >= RP_SMF_TICK_MAX) {
        list->beyond++;
        return true;
    }
    if (list->count == list->room) {
        uint32_t grown = list->room ? 2 * list->room : 256;
        struct rp_note *note =
            grown > list->room ? realloc(list->note, grown * sizeof *note)
                               : NULL;
        if (!note)
            return false;
        list->note = note;
        list->room = grown;
    }
    *key = (struct key){.note = list->count, .off = -1,
                        .strokes = down ? key->strokes + 1 : 1};
    list->note[list->count++] =
        (struct rp_note){.onset = (int32_t)onset, .pitch = event.data[1],
                         .velocity = event.data[2],
                         .offset = offset_at(list, tick, onset)};
    return true;
}

static bool read_track(struct list *list, uint32_t index)
{
    const struct rp_smf_track *track = &list->smf->track[index];
    rp_smf_picker_begin(&list->picker);
    for (int c = 0; c < 16; c++)
        for (int p = 0; p < 128; p++)
            list->key[c][p] = (struct key){.note = -1, .off = -1};
    for (uint32_t i = 0; i < track->events; i++) {
        struct rp_event event = track->event[i].event;
        int64_t tick = track->event[i].tick;
        uint8_t channel = event.data[0] & 0x0f;
        struct key *key = &list->key[channel][event.data[1] & 0x7f];
        if (rp_smf_picker_wants(&list->picker, event)) {
            if (!begin_note(list, key, tick, event))
                return false;
        } else if (rp_event_is_off(event) && key->note >= 0) {
            key->off = tick;
            if (!--key->strokes)
                end_note(list, key, tick);
        }
    }
    for (int c = 0; c < 16; c++)
        for (int p = 0; p < 128; p++)
            end_note(list, &list->key[c][p], track->end);
    return true;
}

static bool has_notes(const struct rp_smf_track *track, bool drums)
{
    uint16_t channels = drums ? RP_SMF_ALL : RP_SMF_PITCHED;
    for (uint32_t i = 0; i < track->events; i++) {
        struct rp_event event = track->event[i].event;
        if (rp_event_is_on(event) && channels >> (event.data[0] & 0x0f) & 1)
            return true;
    }
    return false;
}

static int first_with_notes(const struct rp_smf *smf, bool drums)
{
    for (uint32_t i = 0; i < smf->tracks; i++)
        if (has_notes(&smf->track[i], drums))
            return (int)i;
    return -1;
}

rp_status rp_smf_pick_notes(const struct rp_smf *smf, struct rp_smf_pick pick,
                            uint32_t resolution, struct rp_note **note,
                            uint32_t *count)
{
    if (pick.track >= (int)smf->tracks || !resolution) {
        rp_log(RP_ERROR, "smf", "track %d of %u at resolution %u", pick.track,
               smf->tracks, resolution);
        return RP_EARG;
    }
    struct list *list = calloc(1, sizeof *list);
    bool good = list;
    if (list) {
        list->smf = smf;
        list->resolution = resolution;
        rp_smf_picker_init(&list->picker, smf, pick);
        for (uint32_t i = list->picker.from; good && i < list->picker.to; i++)
            good = read_track(list, i);
    }
    if (!good) {
        rp_log(RP_ERROR, "smf", "out of memory");
        if (list)
            free(list->note);
        free(list);
        return RP_EMEM;
    }
    if (list->beyond)
        rp_log(RP_WARN, "smf", "%u notes are later than beat %d: left out",
               list->beyond, RP_SMF_TICK_MAX / (int)resolution);
    *count = list->count ? rp_notes_sort(list->note, list->count) : 0;
    *note = list->note;
    free(list);
    return RP_OK;
}

rp_status rp_smf_notes(const struct rp_smf *smf, int track, bool drums,
                       uint32_t resolution, struct rp_note **note,
                       uint32_t *count)
{
    struct rp_smf_pick pick = {
        track, drums ? RP_SMF_ALL : RP_SMF_PITCHED, -1};
    return rp_smf_pick_notes(smf, pick, resolution, note, count);
}

/* Whether one of the words in `name`, letters alone, is one of `words`. */
static bool has_word(const char *name, const char *const *words)
{
    while (*name) {
        char word[24];
        size_t n = 0;
        for (; (*name | 32) >= 'a' && (*name | 32) <= 'z'; name++)
            if (n < sizeof word - 1)
                word[n++] = (char)(*name | 32);
        word[n] = 0;
        for (int i = 0; n && words[i]; i++)
            if (!strcmp(word, words[i]))
                return true;
        if (*name)
            name++;
    }
    return false;
}

bool rp_smf_track_is_chords(const struct rp_smf *smf, uint32_t track)
{
    static const char *const chords[] = {"chords", "chord", NULL};
    return has_word(smf->track[track].name, chords);
}

int rp_smf_melody_track(const struct rp_smf *smf)
{
    static const char *const melody[] = {
        "melody", "melodie",  "melodia",     "melodic", "voice",   "voices",
        "vocal",  "vocals",   "vox",         "lead",    "soprano", "sopran",
        "gesang", "stimme",   "singstimme",  "canto",   "cantus",  "chant",
        "singer", "singing",  "solostimme",  "tune",    "theme",   "song",
        "voix",   "voz",      "voce",        NULL};
    int first = -1;
    for (uint32_t i = 0; i < smf->tracks; i++) {
        const struct rp_smf_track *track = &smf->track[i];
        if (rp_smf_track_is_chords(smf, i) || !has_notes(track, false))
            continue;
        if (has_word(track->name, melody))
            return (int)i;
        if (first < 0)
            first = (int)i;
    }
    return first;
}

/* Of notes in canonical order the highest at each onset, cut at the next
 * onset. Notes of a chord that are struck one after another within a 24th of a
 * beat, as some programs write chords, have the onset of the first. */
static uint32_t keep_highest(struct rp_note *note, uint32_t count,
                             uint32_t resolution)
{
    uint32_t kept = 0;
    int32_t struck = 0; /* last onset of the chord so far */
    int64_t end = 0;    /* of the last one kept, before it was cut */
    for (uint32_t i = 0; i < count; i++) {
        struct rp_note next = note[i];
        struct rp_note *last = kept ? &note[kept - 1] : NULL;
        int32_t gap = last ? next.onset - last->onset : INT32_MAX;
        if (last && next.onset - struck <= (int32_t)resolution / 24 &&
            end - next.onset >= gap && next.duration >= gap) {
            struck = next.onset;
            if (next.pitch <= last->pitch)
                continue;
            next.onset -= gap;
            next.duration += gap;
            kept--;
        } else if (last && last->duration > gap) {
            last->duration = gap;
        }
        if (!last || next.onset > struck)
            struck = next.onset;
        end = (int64_t)next.onset + next.duration;
        note[kept++] = next;
    }
    return kept;
}

rp_status rp_smf_melody(const struct rp_smf *smf, uint32_t resolution,
                        struct rp_note **note, uint32_t *count)
{
    struct rp_note *list = NULL;
    uint32_t all = 0;
    int track = rp_smf_melody_track(smf);
    if (track >= 0) {
        rp_status status =
            rp_smf_notes(smf, track, false, resolution, &list, &all);
        if (status)
            return status;
    }
    *count = keep_highest(list, all, resolution);
    *note = list;
    return RP_OK;
}

double rp_smf_track_seconds(const struct rp_smf *smf, uint32_t track,
                            int64_t tick)
{
    double us = 0;
    int64_t from = 0;
    uint32_t us_per_beat = 500000;
    for (uint32_t i = 0; i < smf->tempos; i++) {
        const struct rp_smf_tempo *tempo = &smf->tempo[i];
        if (tempo->tick >= tick)
            break;
        if (smf->type == 2 && tempo->track != track)
            continue;
        us += (double)(tempo->tick - from) * us_per_beat / smf->division;
        from = tempo->tick;
        us_per_beat = tempo->us_per_beat;
    }
    us += (double)(tick - from) * us_per_beat / smf->division;
    return us * 1e-6;
}

double rp_smf_seconds(const struct rp_smf *smf, int64_t tick)
{
    return rp_smf_track_seconds(smf, 0, tick);
}

/* Whether `change` only repeats what `last` says, on one of its bar lines. */
static bool repeats(const struct rp_metre_change *last,
                    const struct rp_metre_change *change, uint32_t resolution)
{
    if (last->metre.beats != change->metre.beats ||
        last->metre.unit != change->metre.unit)
        return false;
    int64_t units = (int64_t)(change->tick - last->tick) * change->metre.unit;
    return units % ((int64_t)resolution * 4 * change->metre.beats) == 0;
}

rp_status rp_smf_track_metres(const struct rp_smf *smf, uint32_t track,
                              uint32_t resolution,
                              struct rp_metre_change **change, uint32_t *count)
{
    struct rp_metre_change *list = NULL;
    uint32_t n = 0;
    if (smf->metres && !(list = malloc(smf->metres * sizeof *list))) {
        rp_log(RP_ERROR, "smf", "out of memory");
        return RP_EMEM;
    }
    for (uint32_t i = 0; i < smf->metres; i++) {
        const struct rp_smf_metre *metre = &smf->metre[i];
        int64_t tick = rp_smf_ticks_at(smf, resolution, metre->tick);
        if ((smf->type == 2 && metre->track != track) || tick > RP_SMF_TICK_MAX)
            continue;
        struct rp_metre_change next = {(int32_t)tick, metre->metre};
        if (n && list[n - 1].tick == next.tick)
            n--; /* the last word counts */
        if (!n || !repeats(&list[n - 1], &next, resolution))
            list[n++] = next;
    }
    *change = list;
    *count = n;
    return RP_OK;
}

rp_status rp_smf_metres(const struct rp_smf *smf, uint32_t resolution,
                        struct rp_metre_change **change, uint32_t *count)
{
    int track = smf->type == 2 ? first_with_notes(smf, false) : 0;
    return rp_smf_track_metres(smf, track < 0 ? 0 : (uint32_t)track,
                               resolution, change, count);
}
