#include "model/data/piece.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/bars.h"
#include "model/data/dataset.h"
#include "model/data/facts.h"
#include "model/data/pickup.h"
#include "model/data/smf_chords.h"
#include "model/play/key.h"
#include "rt/log.h"

/* Drops what lies before the bar of the first note and puts that at 0, so that
 * a long introduction costs nothing and ticks stay small. */
static void set_origin(struct rp_piece *piece, uint32_t resolution)
{
    struct rp_bars bars = {piece->metre, piece->metres, resolution};
    int32_t first = piece->note[0].onset, kept = 0;
    int32_t origin = rp_bars_before(&bars, first);
    if (!piece->metres) /* no bars: the beat at least */
        origin = first - first % (int32_t)resolution;
    for (uint32_t i = 0; i < piece->count; i++)
        piece->note[i].onset -= origin;
    for (uint32_t i = 0; i < piece->metres; i++) {
        struct rp_metre_change change = piece->metre[i];
        change.tick -= origin;
        if (change.tick <= 0) {
            change.tick = 0; /* a bar line of it; the one before is over */
            kept = 0;
        }
        piece->metre[kept++] = change;
    }
    piece->metres = (uint32_t)kept;
    kept = 0;
    for (uint32_t i = 0; i < piece->chords; i++) {
        struct rp_chord_change change = piece->chord[i];
        change.tick -= origin;
        if (change.tick <= 0) {
            change.tick = 0;
            kept = 0;
        }
        piece->chord[kept++] = change;
    }
    piece->chords = (uint32_t)kept;
    piece->origin = 0;
}

void rp_piece_set_range(struct rp_piece *piece)
{
    piece->low = piece->count ? 127 : 0;
    piece->high = 0;
    for (uint32_t i = 0; i < piece->count; i++) {
        uint8_t pitch = piece->note[i].pitch;
        piece->low = pitch < piece->low ? pitch : piece->low;
        piece->high = pitch > piece->high ? pitch : piece->high;
    }
}

/* Moves the bar lines of the first metre to where all voices together have
 * them. */
static rp_status set_pickup(const struct rp_smf *smf, uint32_t resolution,
                            struct rp_piece *piece, struct rp_facts *facts)
{
    struct rp_note *note;
    uint32_t count;
    rp_status status = rp_smf_notes(smf, -1, false, resolution, &note, &count);
    if (status)
        return status;
    int32_t pickup = rp_pickup_find(note, count, piece->metre, piece->metres,
                                    resolution);
    if (pickup)
        piece->metre[0].tick +=
            pickup - (int32_t)resolution * 4 * piece->metre[0].metre.beats /
                         piece->metre[0].metre.unit;
    facts->pickup = pickup;
    free(note);
    return RP_OK;
}

/* Notes, metres and chords of a file, as the role wants them. */
static rp_status take(const struct rp_smf *smf,
                      const struct rp_dataset_options *options,
                      struct rp_role role, struct rp_piece *piece,
                      struct rp_facts *facts)
{
    uint32_t resolution = options->vocabulary.resolution;
    struct rp_smf_pick pick = rp_role_pick(role, smf);
    struct rp_smf_picker picker;
    bool has_offsets =
        role.kind == RP_ROLE_PERFORMANCE || options->vocabulary.timing;
    rp_smf_picker_init(&picker, smf, pick);
    rp_facts_take(facts, smf, pick, resolution);
    rp_status status = rp_role_notes(role, smf, resolution, &piece->note,
                                     &piece->count);
    if (!status)
        status = rp_smf_track_metres(smf, picker.from, resolution,
                                     &piece->metre, &piece->metres);
    if (!status)
        status = set_pickup(smf, resolution, piece, facts);
    for (uint32_t i = 0; !has_offsets && i < piece->count; i++)
        piece->note[i].offset = 0;
    if (!status && (role.kind == RP_ROLE_LEAD || options->vocabulary.chord))
        status = rp_smf_chords(smf, pick.track, resolution, &piece->chord,
                               &piece->chords, &facts->chords);
    facts->notes = piece->count;
    facts->metres = piece->metres;
    if (piece->metres)
        facts->metre = piece->metre[0].metre;
    facts->key = -1;
    if (piece->count && role.kind != RP_ROLE_DRUMS)
        facts->key = (int8_t)rp_key_find(piece->note, piece->count);
    return status;
}

static rp_status refuse_short(struct rp_facts *facts, struct rp_role role,
                              uint32_t least)
{
    rp_log(RP_DEBUG, "dataset", "%s: %u notes: expected at least %u",
           facts->path, facts->notes, least);
    facts->fate = RP_SHORT;
    if (asprintf(&facts->reason, "%u notes of %s, expected at least %u",
                 facts->notes, rp_role_name(role), least) < 0) {
        facts->reason = NULL;
        rp_log(RP_ERROR, "dataset", "out of memory");
        return RP_EMEM;
    }
    return RP_ENONE;
}

rp_status rp_piece_read(const struct rp_dataset_options *options,
                        struct rp_role role, struct rp_facts *facts,
                        struct rp_piece *piece)
{
    uint32_t least = options->min_notes ? options->min_notes : 1;
    struct rp_piece made = {0};
    struct rp_smf smf;
    rp_status status = rp_smf_read(facts->path, &smf);
    if (status) {
        facts->fate = RP_BROKEN;
        return status == RP_EMEM ? RP_EMEM : RP_ENONE;
    }
    status = take(&smf, options, role, &made, facts);
    rp_smf_fini(&smf);
    if (!status && made.count < least)
        status = refuse_short(facts, role, least);
    if (!status && !(made.path = strdup(facts->path))) {
        rp_log(RP_ERROR, "dataset", "out of memory");
        status = RP_EMEM;
    }
    if (status) {
        rp_piece_fini(&made);
        return status;
    }
    if (options->max_rest_bars > 0)
        facts->rest_bars = rp_bars_shorten(
            &made, options->vocabulary.resolution, options->max_rest_bars);
    /* The reader of the file left room for as many again. */
    void *fits = realloc(made.note, made.count * sizeof *made.note);
    if (fits)
        made.note = fits;
    set_origin(&made, options->vocabulary.resolution);
    rp_piece_set_range(&made);
    *piece = made;
    return RP_OK;
}

void rp_piece_fini(struct rp_piece *piece)
{
    free(piece->path);
    free(piece->note);
    free(piece->metre);
    free(piece->chord);
    *piece = (struct rp_piece){0};
}
