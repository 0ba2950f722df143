#include "model/data/smf_chords.h"

#include <stdlib.h>
#include <string.h>

#include "model/data/chord_read.h"
#include "rt/log.h"

enum { TEXT = 1, MARKER = 6, TEXTS_LEAST = 2 };

const char *const rp_chord_source_names[RP_CHORD_SOURCES] = {
    "none", "texts", "chord track", "accompaniment"
};

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "smf", "out of memory");
    return RP_EMEM;
}

/* Of changes at one tick the last counts; one that changes nothing goes. */
static uint32_t add_change(struct rp_chord_change *list, uint32_t count,
                           struct rp_chord_change next)
{
    if (count && list[count - 1].tick >= next.tick)
        count--;
    if (count && list[count - 1].chord.root == next.chord.root &&
        list[count - 1].chord.quality == next.chord.quality)
        return count;
    list[count] = next;
    return count + 1;
}

rp_status rp_smf_chord_texts(const struct rp_smf *smf, uint32_t track,
                             uint32_t resolution,
                             struct rp_chord_change **chord, uint32_t *count)
{
    const struct rp_smf_track *from = &smf->track[track];
    struct rp_chord_change *list;
    uint32_t kept = 0, symbols = 0, others = 0;

    *chord = NULL;
    *count = 0;
    if (!from->texts)
        return RP_OK;
    list = malloc(from->texts * sizeof *list);
    if (!list)
        return no_memory();
    for (uint32_t i = 0; i < from->texts; i++) {
        const struct rp_smf_text *text = &from->text[i];
        int64_t tick = rp_smf_ticks_at(smf, resolution, text->tick);
        struct rp_chord_change change = { .tick = (int32_t)tick };
        if (text->type != TEXT && text->type != MARKER)
            continue;
        if (tick > RP_SMF_TICK_MAX ||
            rp_chord_parse(text->text, &change.chord, NULL)) {
            others++;
            continue;
        }
        symbols++;
        kept = add_change(list, kept, change);
    }
    if (symbols < TEXTS_LEAST || symbols <= others) {
        free(list);
        return RP_OK;
    }
    *chord = list;
    *count = kept;
    return RP_OK;
}

/* The track with the most chords in its texts. */
static rp_status take_texts(const struct rp_smf *smf, uint32_t resolution,
                            struct rp_chord_change **chord, uint32_t *count)
{
    rp_status status = RP_OK;

    *chord = NULL;
    *count = 0;
    for (uint32_t i = 0; i < smf->tracks && !status; i++) {
        struct rp_chord_change *list;
        uint32_t found;
        status = rp_smf_chord_texts(smf, i, resolution, &list, &found);
        if (status)
            break;
        if (found > *count) {
            struct rp_chord_change *worse = *chord;
            *chord = list;
            *count = found;
            list = worse;
        }
        free(list);
    }
    if (status) {
        free(*chord);
        *chord = NULL;
    }
    return status;
}

/* Notes of all tracks but the melody's and drums, or with `named` of those
 * named chords alone. */
static rp_status take_notes(const struct rp_smf *smf, int melody, bool named,
                            uint32_t resolution, struct rp_note **note,
                            uint32_t *count)
{
    *note = NULL;
    *count = 0;
    for (uint32_t i = 0; i < smf->tracks; i++) {
        struct rp_note *more, *all;
        uint32_t notes;
        rp_status status;
        if ((int)i == melody || (named && !rp_smf_track_is_chords(smf, i)))
            continue;
        status = rp_smf_notes(smf, (int)i, false, resolution, &more, &notes);
        if (status)
            return status;
        all = realloc(*note, (*count + notes + 1) * sizeof *all);
        if (!all) {
            free(more);
            return no_memory();
        }
        if (notes)
            memcpy(all + *count, more, notes * sizeof *all);
        free(more);
        *note = all;
        *count += notes;
    }
    if (*count)
        *count = rp_notes_sort(*note, *count);
    return RP_OK;
}

static rp_status read_notes(const struct rp_smf *smf, int melody, bool named,
                            uint32_t resolution,
                            struct rp_chord_change **chord, uint32_t *count)
{
    struct rp_metre_change *metre = NULL;
    struct rp_note *note = NULL;
    uint32_t metres = 0, notes = 0;
    rp_status status =
        take_notes(smf, melody, named, resolution, &note, &notes);

    *chord = NULL;
    *count = 0;
    if (!status && notes)
        status = rp_smf_track_metres(smf, melody < 0 ? 0 : (uint32_t)melody,
                                     resolution, &metre, &metres);
    if (!status && notes)
        status = rp_chord_read(note, notes, metre, metres, resolution, chord,
                               count);
    free(note);
    free(metre);
    return status;
}

rp_status rp_smf_chords(const struct rp_smf *smf, int melody,
                        uint32_t resolution, struct rp_chord_change **chord,
                        uint32_t *count, enum rp_chord_source *source)
{
    rp_status status = RP_OK;

    *chord = NULL;
    *count = 0;
    *source = RP_CHORDS_NONE;
    /* The tracks of type 2 are not of one time. */
    if (smf->type != 2)
        status = take_texts(smf, resolution, chord, count);
    else if (melody >= 0)
        status = rp_smf_chord_texts(smf, (uint32_t)melody, resolution, chord,
                                    count);
    if (!status && *count)
        *source = RP_CHORDS_TEXT;
    for (int named = 1; named >= 0; named--) {
        if (status || *count || smf->type == 2 || (!named && melody < 0))
            continue;
        status = read_notes(smf, melody, named, resolution, chord, count);
        if (!status && *count)
            *source = named ? RP_CHORDS_TRACK : RP_CHORDS_READ;
    }
    return status;
}
