#include "model/data/report.h"

#include <errno.h>
#include <string.h>

#include "model/data/dataset.h"
#include "model/instrument.h"
#include "model/net/json.h"
#include "rt/log.h"

enum { FEW = 6 }; /* names of a kind that people are told */

static int unit_class(uint8_t unit)
{
    int class = 0;
    while (unit > 1 && class < 5) {
        unit /= 2;
        class++;
    }
    return class;
}

static void add_metre(struct rp_report *report, const struct rp_facts *facts)
{
    report->metre_changes += facts->metres > 1;
    if (facts->metre.unit && facts->metre.beats <= 32)
        report->metres[facts->metre.beats * 6 +
                       unit_class(facts->metre.unit)]++;
    else
        report->no_metre++;
}

static void add_kept(struct rp_report *report, const struct rp_facts *facts,
                     uint32_t i)
{
    report->pieces[facts->split]++;
    report->notes[facts->split] += facts->notes;
    report->seconds += facts->seconds;
    report->alike += facts->twin >= 0;
    report->groups += facts->twin >= 0 && facts->group == i;
    for (int p = 0; p < 128; p++)
        report->instruments[p] += facts->instruments[p / 64] >> p % 64 & 1;
    report->drums += facts->drums;
    add_metre(report, facts);
    if (facts->key >= 0)
        report->keys[facts->key]++;
    report->chords[facts->chords]++;
    report->tempo_changes += facts->tempos > 1;
    report->pickups += facts->pickup != 0;
    report->rest_bars += facts->rest_bars;
    rp_grid_add(&report->grid, &facts->grid);
}

void rp_report_make(struct rp_report *report, const struct rp_facts *facts,
                    uint32_t files)
{
    memset(report, 0, sizeof *report);
    for (uint32_t i = 0; i < files; i++) {
        report->fates[facts[i].fate]++;
        if (facts[i].fate == RP_KEPT)
            add_kept(report, &facts[i], i);
    }
}

/* The most frequent first; `name(i, text)` spells what is counted. */
static void print_most(FILE *out, const char *what, const uint32_t *count,
                       uint32_t counts, void (*name)(uint32_t i, char *text))
{
    bool said[RP_REPORT_METRES] = {false};
    uint32_t more = 0;
    for (uint32_t i = 0; i < counts; i++)
        more += count[i] != 0;
    if (!more)
        return;
    fprintf(out, "  %-12s", what);
    for (int n = 0; n < FEW; n++) {
        uint32_t best = counts;
        char text[32];
        for (uint32_t i = 0; i < counts; i++)
            if (count[i] && !said[i] &&
                (best == counts || count[i] > count[best]))
                best = i;
        if (best == counts)
            break;
        said[best] = true;
        more--;
        name(best, text);
        fprintf(out, "%s%s %u", n ? ", " : "", text, count[best]);
    }
    if (more)
        fprintf(out, ", %u more", more);
    fputc('\n', out);
}

static void name_instrument(uint32_t i, char *text)
{
    snprintf(text, 32, "%s", rp_instrument_names[i]);
}

static void name_metre(uint32_t i, char *text)
{
    snprintf(text, 32, "%u/%u", i / 6, 1u << i % 6);
}

static void name_key(uint32_t i, char *text)
{
    static const char *const tonic[12] = {"C",  "C#", "D",  "Eb", "E",  "F",
                                          "F#", "G",  "Ab", "A",  "Bb", "B"};
    snprintf(text, 32, "%s %s", tonic[i % 12], i < 12 ? "major" : "minor");
}

static void name_source(uint32_t i, char *text)
{
    snprintf(text, 32, "%s", rp_chord_source_names[i]);
}

/* Of a set without chords all are RP_CHORDS_NONE. */
static bool has_chords(const struct rp_report *report)
{
    for (int i = RP_CHORDS_NONE + 1; i < RP_CHORD_SOURCES; i++)
        if (report->chords[i])
            return true;
    return false;
}

static void print_grid(const struct rp_grid *grid, FILE *out)
{
    double onsets = grid->onsets ? grid->onsets : 1;
    fprintf(out,
            "  %-12s%.1f %% of onsets are on it; on average %.3f ticks or "
            "%.2f ms off, at most %.2f or %.1f\n",
            "grid", 100 * grid->exact / onsets, grid->ticks / onsets,
            grid->ms / onsets, grid->worst_ticks, grid->worst_ms);
}

/* The pair of kept pieces that is most alike, as an example. */
static void print_alike(const struct rp_dataset *dataset,
                        const struct rp_report *report, FILE *out)
{
    const struct rp_facts *best = NULL;
    if (!report->alike)
        return;
    for (uint32_t i = 0; i < dataset->files; i++) {
        const struct rp_facts *facts = &dataset->facts[i];
        if (facts->fate == RP_KEPT && facts->twin >= 0 &&
            (!best || facts->likeness > best->likeness))
            best = facts;
    }
    fprintf(out, "  %-12s%u pieces in %u groups, each on one side", "alike",
            report->alike, report->groups);
    if (best)
        fprintf(out, ", as %s and %s (%.2f)", best->path,
                dataset->facts[best->twin].path, (double)best->likeness);
    fputc('\n', out);
}

void rp_report_print(const struct rp_dataset *dataset, FILE *out)
{
    struct rp_report report;
    uint64_t notes = 0;
    rp_report_make(&report, dataset->facts, dataset->files);
    for (int s = 0; s < RP_SPLITS; s++)
        notes += report.notes[s];
    fprintf(out, "data: %u files, %u kept (%s, %u ticks per beat)\n",
            dataset->files, report.fates[RP_KEPT], dataset->role,
            dataset->vocabulary.resolution);
    fprintf(out, "  %-12s", "dropped");
    for (int f = RP_KEPT + 1; f < RP_FATES; f++)
        fprintf(out, "%s%u %s", f > RP_KEPT + 1 ? ", " : "", report.fates[f],
                rp_fate_names[f]);
    fprintf(out, "\n  %-12s%llu, %.1f hours\n", "notes",
            (unsigned long long)notes, report.seconds / 3600);
    fprintf(out, "  %-12s", "split");
    for (int s = 0; s < RP_SPLITS; s++)
        fprintf(out, "%s%s %u pieces, %llu notes", s ? "; " : "",
                rp_split_names[s], report.pieces[s],
                (unsigned long long)report.notes[s]);
    fputc('\n', out);
    print_alike(dataset, &report, out);
    print_most(out, "instruments", report.instruments, 128, name_instrument);
    print_most(out, "metres", report.metres, RP_REPORT_METRES, name_metre);
    print_most(out, "keys", report.keys, 24, name_key);
    if (has_chords(&report))
        print_most(out, "chords from", report.chords, RP_CHORD_SOURCES,
                   name_source);
    print_grid(&report.grid, out);
    fprintf(out,
            "  %-12sdrums in %u files, tempo changes in %u, metre changes in "
            "%u, no metre in %u; bar lines moved for a pick-up in %u; %u bars "
            "of long rests left out\n",
            "also", report.drums, report.tempo_changes, report.metre_changes,
            report.no_metre, report.pickups, report.rest_bars);
}

static void put_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, ", \"%s\": ", key);
    rp_json_write(out, text);
}

static void put_counts(FILE *out, const char *key, const uint32_t *count,
                       uint32_t counts, void (*name)(uint32_t i, char *text))
{
    const char *between = "";
    fprintf(out, " \"%s\": {", key);
    for (uint32_t i = 0; i < counts; i++) {
        char text[32];
        if (!count[i])
            continue;
        name(i, text);
        fprintf(out, "%s\"%s\": %u", between, text, count[i]);
        between = ", ";
    }
    fputs("},\n", out);
}

static void put_grid(FILE *out, const struct rp_grid *grid)
{
    double onsets = grid->onsets ? grid->onsets : 1;
    fprintf(out,
            "\"quantisation\": {\"onsets\": %u, \"exact\": %u, "
            "\"mean_ticks\": %.6f, \"max_ticks\": %.6f, \"mean_ms\": %.4f, "
            "\"max_ms\": %.4f}",
            grid->onsets, grid->exact, grid->ticks / onsets, grid->worst_ticks,
            grid->ms / onsets, grid->worst_ms);
}

static void put_instruments(FILE *out, const struct rp_facts *facts)
{
    const char *between = "";
    fputs(", \"instruments\": [", out);
    for (uint32_t p = 0; p < 128; p++)
        if (facts->instruments[p / 64] >> p % 64 & 1) {
            fprintf(out, "%s\"%s\"", between, rp_instrument_names[p]);
            between = ", ";
        }
    fprintf(out, "], \"drums\": %s", facts->drums ? "true" : "false");
}

/* What is in a file that could be read. */
static void put_content(FILE *out, const struct rp_facts *facts)
{
    char text[32];
    fprintf(out, ", \"notes\": %u, \"seconds\": %.3f", facts->notes,
            facts->seconds);
    put_instruments(out, facts);
    if (facts->metre.unit)
        fprintf(out, ", \"metre\": \"%u/%u\"", facts->metre.beats,
                facts->metre.unit);
    if (facts->key >= 0) {
        name_key((uint32_t)facts->key, text);
        put_text(out, "key", text);
    }
    if (facts->chords != RP_CHORDS_NONE)
        put_text(out, "chords_from", rp_chord_source_names[facts->chords]);
    fprintf(out,
            ", \"metres\": %u, \"tempos\": %u, \"pickup_ticks\": %d, "
            "\"rest_bars\": %u, ",
            facts->metres, facts->tempos, facts->pickup, facts->rest_bars);
    put_grid(out, &facts->grid);
}

static void put_file(FILE *out, const struct rp_dataset *dataset, uint32_t i)
{
    const struct rp_facts *facts = &dataset->facts[i];
    fputs("  {\"path\": ", out);
    rp_json_write(out, facts->path);
    put_text(out, "fate", rp_fate_names[facts->fate]);
    if (facts->reason)
        put_text(out, "reason", facts->reason);
    if (facts->fate == RP_KEPT)
        put_text(out, "split", rp_split_names[facts->split]);
    if (facts->twin >= 0) {
        put_text(out, "twin", dataset->facts[facts->twin].path);
        fprintf(out, ", \"likeness\": %.3f", (double)facts->likeness);
    }
    if (facts->fate == RP_KEPT && facts->twin >= 0)
        put_text(out, "group", dataset->facts[facts->group].path);
    if (facts->fate != RP_BROKEN && facts->fate != RP_BEYOND)
        put_content(out, facts);
    fprintf(out, "}%s\n", i + 1 < dataset->files ? "," : "");
}

static void put_sums(FILE *out, const struct rp_report *report)
{
    fputs(" \"files\": {", out);
    for (int f = 0; f < RP_FATES; f++)
        fprintf(out, "%s\"%s\": %u", f ? ", " : "", rp_fate_names[f],
                report->fates[f]);
    fputs("},\n \"split\": {", out);
    for (int s = 0; s < RP_SPLITS; s++)
        fprintf(out, "%s\"%s\": {\"pieces\": %u, \"notes\": %llu}",
                s ? ", " : "", rp_split_names[s], report->pieces[s],
                (unsigned long long)report->notes[s]);
    fprintf(out,
            "},\n \"hours\": %.4f,\n \"alike\": {\"pieces\": %u, \"groups\": "
            "%u},\n",
            report->seconds / 3600, report->alike, report->groups);
    put_counts(out, "instruments", report->instruments, 128, name_instrument);
    put_counts(out, "metres", report->metres, RP_REPORT_METRES, name_metre);
    put_counts(out, "keys", report->keys, 24, name_key);
    if (has_chords(report))
        put_counts(out, "chords_from", report->chords, RP_CHORD_SOURCES,
                   name_source);
    fprintf(out,
            " \"files_with\": {\"drums\": %u, \"tempo_changes\": %u, "
            "\"metre_changes\": %u, \"no_metre\": %u, \"pickup\": %u},\n"
            " \"rest_bars\": %u,\n ",
            report->drums, report->tempo_changes, report->metre_changes,
            report->no_metre, report->pickups, report->rest_bars);
    put_grid(out, &report->grid);
    fputs(",\n", out);
}

void rp_report_json(const struct rp_dataset *dataset, FILE *out)
{
    struct rp_report report;
    rp_report_make(&report, dataset->facts, dataset->files);
    fputs("{\"role\": ", out);
    rp_json_write(out, dataset->role);
    fprintf(out, ",\n \"resolution\": %u,\n \"hash\": \"%s\",\n",
            dataset->vocabulary.resolution, dataset->hash);
    put_sums(out, &report);
    fputs(" \"list\": [\n", out);
    for (uint32_t i = 0; i < dataset->files; i++)
        put_file(out, dataset, i);
    fputs(" ]}\n", out);
}

rp_status rp_report_save(const struct rp_dataset *dataset, const char *path)
{
    FILE *out = fopen(path, "w");
    bool bad = !out;
    if (out) {
        rp_report_json(dataset, out);
        bad = ferror(out);
        bad = fclose(out) || bad;
    }
    if (!bad)
        return RP_OK;
    rp_log(RP_ERROR, "report", "%s: cannot write: %s", path, strerror(errno));
    return RP_EIO;
}
