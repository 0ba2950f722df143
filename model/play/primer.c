#include "model/play/primer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/bars.h"
#include "model/data/smf.h"
#include "model/data/smf_chords.h"
#include "model/data/words.h"
#include "model/play/chord_line.h"
#include "rt/log.h"

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "primer", "out of memory");
    return RP_EMEM;
}

void rp_primer_fini(struct rp_primer *primer)
{
    free(primer->note);
    free(primer->metre);
    free(primer->chord);
    memset(primer, 0, sizeof *primer);
}

/* The only one, from tick 0 on. */
static rp_status set_metre(struct rp_primer *primer, struct rp_metre metre)
{
    struct rp_metre_change *change =
        realloc(primer->metre, sizeof *primer->metre);

    if (!change)
        return no_memory();
    change[0] = (struct rp_metre_change){ 0, metre };
    primer->metre = change;
    primer->metres = 1;
    return RP_OK;
}

rp_status rp_primer_empty(struct rp_metre metre, struct rp_primer *primer)
{
    memset(primer, 0, sizeof *primer);
    return set_metre(primer, metre);
}

static rp_status take_notes(const struct rp_smf *smf,
                            const struct rp_vocabulary *vocabulary, bool all,
                            struct rp_primer *primer)
{
    int track = rp_smf_melody_track(smf);
    uint32_t resolution = vocabulary->resolution;
    enum rp_chord_source source;
    rp_status status =
        all ? rp_smf_notes(smf, -1, false, resolution, &primer->note,
                           &primer->count)
            : rp_smf_melody(smf, resolution, &primer->note, &primer->count);

    for (uint32_t i = 0; !vocabulary->timing && i < primer->count; i++)
        primer->note[i].offset = 0;
    if (!status && vocabulary->chord)
        status = rp_smf_chords(smf, all ? -1 : track, resolution,
                               &primer->chord, &primer->chords, &source);
    if (!status && !all && track >= 0)
        return rp_smf_track_metres(smf, (uint32_t)track, resolution,
                                   &primer->metre, &primer->metres);
    if (!status)
        status = rp_smf_metres(smf, resolution, &primer->metre,
                               &primer->metres);
    return status;
}

/* Thousandths of a BPM, rounded, within what the tempo knob can say. */
static uint32_t mbpm_of(uint32_t us_per_beat)
{
    uint64_t mbpm = (60000000000u + us_per_beat / 2) / us_per_beat;

    return mbpm < 20000 ? 20000 : mbpm > 400000 ? 400000 : (uint32_t)mbpm;
}

static void set_ends(struct rp_primer *primer, uint32_t resolution)
{
    struct rp_bars bars = { primer->metre, primer->metres, resolution };

    primer->origin = rp_bars_before(&bars, primer->note[0].onset);
    primer->end = primer->origin;
    for (uint32_t i = 0; i < primer->count; i++) {
        int32_t end = primer->note[i].onset + primer->note[i].duration;
        if (end > primer->end)
            primer->end = end;
    }
}

static bool is_line(const struct rp_primer *primer)
{
    for (uint32_t i = 1; i < primer->count; i++)
        if (primer->note[i].onset <
            primer->note[i - 1].onset + primer->note[i - 1].duration)
            return false;
    return primer->count > 0;
}

rp_status rp_primer_read(const char *path,
                         const struct rp_vocabulary *vocabulary, bool all,
                         struct rp_primer *primer)
{
    struct rp_metre common = { 4, 4 };
    struct rp_smf smf;
    rp_status status = rp_smf_read(path, &smf);

    if (status)
        return status;
    memset(primer, 0, sizeof *primer);
    status = take_notes(&smf, vocabulary, all, primer);
    if (!status && smf.tempos && smf.tempo[0].us_per_beat)
        primer->mbpm = mbpm_of(smf.tempo[0].us_per_beat);
    rp_smf_fini(&smf);
    if (!status && !primer->count) {
        rp_log(RP_ERROR, "primer", "%s: no notes in it", path);
        status = RP_EFORMAT;
    }
    if (!status && !primer->metres)
        status = set_metre(primer, common);
    if (status)
        rp_primer_fini(primer);
    else
        set_ends(primer, vocabulary->resolution);
    primer->line = !status && is_line(primer);
    return status;
}

rp_status rp_primer_chords(struct rp_primer *primer, const char *line,
                           uint32_t resolution, uint32_t bars)
{
    struct rp_bars map = { primer->metre, primer->metres, resolution };
    int32_t from = rp_bars_before(&map, primer->end);
    struct rp_chord_change *more, *all;
    uint32_t count, kept = 0;
    rp_status status;

    if (from < primer->end)
        from = rp_bars_after(&map, primer->end);
    if (!line) {
        primer->chords = 0;
        return RP_OK;
    }
    status = rp_chord_line(line, from, rp_bars_length(&map, from), bars, &more,
                           &count);
    if (status)
        return status;
    all = realloc(primer->chord, (primer->chords + count) * sizeof *all);
    if (!all) {
        free(more);
        return no_memory();
    }
    while (kept < primer->chords && all[kept].tick < from)
        kept++;
    memcpy(all + kept, more, count * sizeof *all);
    free(more);
    primer->chord = all;
    primer->chords = kept + count;
    return RP_OK;
}

rp_status rp_primer_words(const char *text,
                          const struct rp_vocabulary *vocabulary,
                          struct rp_metre metre, struct rp_primer *primer)
{
    rp_status status = rp_primer_empty(metre, primer);

    if (!status)
        status = rp_words_parse(text, vocabulary->resolution, &primer->note,
                                &primer->count, &primer->end);
    if (status)
        rp_primer_fini(primer);
    else
        primer->line = is_line(primer);
    return status;
}

static rp_status complain(const char *text, const char *at)
{
    rp_log(RP_ERROR, "primer",
           "\"%s\": character %zu: expected numbers -2..127 between commas",
           text, (size_t)(at - text) + 1);
    return RP_EARG;
}

static const char *skip(const char *at)
{
    while (isspace((unsigned char)*at) || *at == ',')
        at++;
    return at;
}

/* One number; the step it is for decides onset or length. */
static rp_status take_step(struct rp_primer *primer, const char **at,
                           const char *text, int32_t tick, int32_t step,
                           bool *sounding)
{
    char *end;
    long value = strtol(*at, &end, 10);

    if (end == *at || value < -2 || value > 127)
        return complain(text, *at);
    *at = end;
    if (value >= 0) {
        primer->note[primer->count++] =
            (struct rp_note){ tick, step, (uint8_t)value, 80 };
        *sounding = true;
    } else if (value == -1) {
        *sounding = false;
    } else if (*sounding) {
        primer->note[primer->count - 1].duration += step;
    }
    primer->end = tick + step;
    return RP_OK;
}

rp_status rp_primer_melody(const char *text,
                           const struct rp_vocabulary *vocabulary,
                           struct rp_metre metre, struct rp_primer *primer)
{
    int32_t step = vocabulary->resolution / 4, tick = 0;
    const char *at = skip(text);
    bool bracket = *at == '[', sounding = false;
    rp_status status = rp_primer_empty(metre, primer);

    if (status)
        return status;
    if (step < 1)
        step = 1;
    primer->note = malloc((strlen(text) + 1) * sizeof *primer->note);
    if (!primer->note)
        status = no_memory();
    at = skip(at + bracket);
    while (!status && *at && *at != ']') {
        status = take_step(primer, &at, text, tick, step, &sounding);
        tick += step;
        at = skip(at);
    }
    if (!status && (bracket ? *at != ']' || *skip(at + 1) : *at == ']'))
        status = complain(text, at);
    if (!status && !primer->count) {
        rp_log(RP_ERROR, "primer", "\"%s\": no note in it", text);
        status = RP_EARG;
    }
    if (status)
        rp_primer_fini(primer);
    else
        primer->line = true;
    return status;
}
