/* Parts as JSON. */
#include <stdlib.h>

#include "model/data/part.h"
#include "model/data/spell.h"
#include "model/net/json.h"

static void print_pitch(const struct rp_part_note *note, FILE *file)
{
    struct rp_spelled_pitch p = rp_spell_pitch(note->pitch);
    char accidental[2] = { p.accidental, 0 }, name[RP_SPELL_PITCH];

    rp_spell_print_pitch(note->pitch, name);
    fprintf(file,
            "\"nameWithOctave\": \"%s\", \"pitch\": {\"name\": \"%c%s\", "
            "\"microtone\": 0, \"octave\": %d, \"step\": \"%c\"}, "
            "\"midi\": %u, \"velocity\": %u, \"release\": %u",
            name, p.step, accidental, p.octave, p.step, note->pitch,
            note->velocity, note->release);
}

static void print_time(const struct rp_part *part,
                       const struct rp_part_note *note, FILE *file)
{
    struct rp_spelled_length length =
        rp_spell_length(note->ticks, part->division);
    char onset[RP_SPELL_QUARTERS], quarters[RP_SPELL_QUARTERS];

    rp_spell_quarters(note->onset, part->division, onset);
    rp_spell_quarters(note->ticks, part->division, quarters);
    fprintf(file,
            "\"onset\": {\"tick\": %lld, \"quarters\": \"%s\"}, "
            "\"duration\": {\"type\": \"%s\", \"dots\": %u, \"tuplet\": %u, "
            "\"ticks\": %lld, \"quarters\": \"%s\"}",
            (long long)note->onset, onset, rp_spell_type(length), length.dots,
            length.tuplet, (long long)note->ticks, quarters);
}

/* How many notes from `i` on begin and end together, their pitches rising. */
static uint32_t chord_size(const struct rp_part *part, uint32_t i)
{
    uint32_t n = 1;

    while (i + n < part->notes &&
           part->note[i + n].onset == part->note[i].onset &&
           part->note[i + n].ticks == part->note[i].ticks &&
           part->note[i + n].pitch > part->note[i + n - 1].pitch)
        n++;
    return n;
}

static void print_full(const struct rp_part *part, uint32_t i, uint32_t n,
                       FILE *file)
{
    char text[RP_SPELL_CHORD];
    uint8_t pitch[128];

    for (uint32_t k = 0; k < n; k++)
        pitch[k] = part->note[i + k].pitch;
    rp_spell_full(pitch, n, part->note[i].ticks, part->division, text);
    fprintf(file, "\"fullName\": \"%s\", ", text);
}

/* Single notes, or what sounds together. */
static void print_notes(const struct rp_part *part, bool chords, FILE *file)
{
    const char *comma = "\n";

    for (uint32_t i = 0, n; i < part->notes; i += n) {
        n = chord_size(part, i);
        if ((n > 1) != chords)
            continue;
        fprintf(file, "%s  {", comma);
        comma = ",\n";
        print_full(part, i, n, file);
        print_time(part, &part->note[i], file);
        fputs(chords ? ", \"notes\": [" : ", ", file);
        for (uint32_t k = 0; k < n; k++) {
            fputs(!chords ? "" : k ? ",\n    {" : "\n    {", file);
            print_pitch(&part->note[i + k], file);
            fputs(chords ? "}" : "", file);
        }
        fputs(chords ? "]}" : "}", file);
    }
}

static void print_head(const struct rp_part *part, FILE *file)
{
    fprintf(file, "{\"riposte\": \"part\", \"version\": %d,\n \"source\": ",
            RP_PART_VERSION);
    rp_json_write(file, part->source);
    fprintf(file,
            ", \"type\": %u, \"division\": %u,\n \"track\": %u, \"name\": ",
            part->type, part->division, part->track);
    rp_json_write(file, part->name);
    fprintf(file, ", \"channel\": %u, \"program\": %d, \"instrument\": ",
            part->channel, part->program);
    rp_json_write(file, rp_part_instrument(part));
    fputs(",\n \"tempo\": [", file);
    for (uint32_t i = 0; i < part->tempos; i++)
        fprintf(file, "%s{\"tick\": %lld, \"microseconds\": %u}",
                i ? ", " : "", (long long)part->tempo[i].tick,
                part->tempo[i].us_per_beat);
    fputs("],\n \"metre\": [", file);
    for (uint32_t i = 0; i < part->metres; i++)
        fprintf(file, "%s{\"tick\": %lld, \"beats\": %u, \"unit\": %u}",
                i ? ", " : "", (long long)part->metre[i].tick,
                part->metre[i].metre.beats, part->metre[i].metre.unit);
    fputs("],\n \"texts\": [", file);
    for (uint32_t i = 0; i < part->texts; i++) {
        fprintf(file, "%s{\"tick\": %lld, \"type\": %u, \"text\": ",
                i ? ",\n  " : "\n  ", (long long)part->text[i].tick,
                part->text[i].type);
        rp_json_write(file, part->text[i].text);
        putc('}', file);
    }
}

void rp_part_print(const struct rp_part *part, FILE *file)
{
    print_head(part, file);
    fputs("],\n \"messages\": [", file);
    for (uint32_t i = 0; i < part->messages; i++) {
        const struct rp_event *event = &part->message[i].event;
        fprintf(file, "%s{\"tick\": %lld, \"bytes\": [%u, %u",
                i ? ",\n  " : "\n  ", (long long)part->message[i].tick,
                event->data[0], event->data[1]);
        if (event->size == 3)
            fprintf(file, ", %u", event->data[2]);
        fputs("]}", file);
    }
    fputs("],\n \"notes\": [", file);
    print_notes(part, false, file);
    fputs("],\n \"chords\": [", file);
    print_notes(part, true, file);
    fputs("]}\n", file);
}
