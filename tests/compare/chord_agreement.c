/* How far the chord reader agrees with the symbols that people wrote: over all
 * .mid files with chord texts, the share of the time in which the chord read
 * from the other tracks (or, where there are none, from the block chords) is
 * the written one. Usage: chord_agreement [--odd|--even] FILE.mid... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/chord_read.h"
#include "model/data/smf_chords.h"

enum { RESOLUTION = 24 };

struct sum {
    double time, root, third, whole;
    uint32_t files;
};

struct song {
    struct rp_smf smf;
    int melody, text; /* tracks */
    struct rp_chord_change *said, *read;
    uint32_t saids, reads;
    struct rp_note *note;
    uint32_t count;
};

static bool find_texts(struct song *song)
{
    for (uint32_t i = 0; i < song->smf.tracks; i++) {
        if (rp_smf_chord_texts(&song->smf, i, RESOLUTION, &song->said,
                               &song->saids))
            return false;
        if (song->saids) {
            song->text = (int)i;
            return true;
        }
    }
    return false;
}

static bool gather(struct song *song, bool chord_track)
{
    for (uint32_t i = 0; i < song->smf.tracks; i++) {
        struct rp_note *more, *all;
        uint32_t count;
        if ((int)i == song->melody || ((int)i == song->text) != chord_track)
            continue;
        if (rp_smf_notes(&song->smf, (int)i, false, RESOLUTION, &more, &count))
            return false;
        all = realloc(song->note, (song->count + count + 1) * sizeof *all);
        if (!all)
            return false;
        if (count)
            memcpy(all + song->count, more, count * sizeof *all);
        free(more);
        song->note = all;
        song->count += count;
    }
    if (song->count)
        song->count = rp_notes_sort(song->note, song->count);
    return true;
}

/* Major or minor third, or none. */
static int third(struct rp_chord chord)
{
    uint16_t tones = rp_chord_tones((struct rp_chord){ 0, chord.quality });
    return tones >> 3 & 1 ? 3 : tones >> 4 & 1 ? 4 : 0;
}

static void compare(const struct song *song, struct sum *sum)
{
    int32_t from = song->said[0].tick;
    int32_t to = song->note[song->count - 1].onset;

    for (int32_t tick = from; tick < to; tick++) {
        const struct rp_chord_change *a =
            rp_chord_find(song->said, song->saids, tick);
        const struct rp_chord_change *b =
            rp_chord_find(song->read, song->reads, tick);
        bool root;
        if (!a || !b || a->chord.quality == RP_NO_CHORD)
            continue;
        root = a->chord.root == b->chord.root;
        sum->time++;
        sum->root += root;
        sum->third += root && third(a->chord) == third(b->chord);
        sum->whole += root && a->chord.quality == b->chord.quality;
    }
    sum->files++;
}

static void add(const char *path, struct sum *sum)
{
    struct song song = { .text = -1 };
    struct rp_metre_change *metre = NULL;
    uint32_t metres = 0;

    if (rp_smf_read(path, &song.smf))
        return;
    song.melody = rp_smf_melody_track(&song.smf);
    if (find_texts(&song) && gather(&song, false) &&
        (song.count || gather(&song, true)) && song.count &&
        !rp_smf_metres(&song.smf, RESOLUTION, &metre, &metres) &&
        !rp_chord_read(song.note, song.count, metre, metres, RESOLUTION,
                       &song.read, &song.reads) &&
        song.reads)
        compare(&song, sum);
    free(song.said);
    free(song.read);
    free(song.note);
    free(metre);
    rp_smf_fini(&song.smf);
}

int main(int argc, char **argv)
{
    struct sum sum = { 0 };
    int part = -1;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--even") || !strcmp(argv[i], "--odd"))
            part = argv[i][2] == 'd';
        else if (part < 0 || i % 2 == part)
            add(argv[i], &sum);
    }
    if (sum.time <= 0) {
        fprintf(stderr, "no file with chord texts and notes beside them\n");
        return 1;
    }
    printf("%u files: root %.1f %%, root and third %.1f %%, root and quality "
           "%.1f %% of the time\n",
           sum.files, 100 * sum.root / sum.time, 100 * sum.third / sum.time,
           100 * sum.whole / sum.time);
    return 0;
}
