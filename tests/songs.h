/* Small made-up songs for the tests of training: in memory as a dataset, or
 * as .mid files in a folder of their own. */
#ifndef SONGS_H
#define SONGS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/dataset.h"
#include "rt/smf_write.h"

struct songs_dice {
    uint64_t state;
};
static inline uint32_t songs_roll(struct songs_dice *dice, uint32_t sides)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) +
                  UINT64_C(1442695040888963407);
    return (uint32_t)((dice->state >> 33) % sides);
}

/* A walk over a scale in a rhythm of its own, some rests of many beats, now
 * and then a note that goes on below the next ones. */
static inline uint32_t songs_write(uint32_t seed, uint32_t count,
                                   struct rp_note *note)
{
    static const uint8_t scale[] = { 60, 62, 64, 65, 67, 69, 71, 72, 74 };
    static const uint8_t length[] = { 12, 24, 8, 6, 36, 48, 96, 5 };
    struct songs_dice dice = { seed * 77 + 5 };
    uint32_t degree = 4, rhythm = songs_roll(&dice, 4);
    int32_t tick = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t step = songs_roll(&dice, 16) < 12
                            ? rhythm
                            : songs_roll(&dice, 8);
        int32_t ticks = length[step];
        degree = (degree + 8 + songs_roll(&dice, 3)) % 9;
        note[i] = (struct rp_note){ tick, ticks, scale[degree], 80 };
        if (songs_roll(&dice, 12) == 0) {
            note[i].duration = 200 + (int32_t)songs_roll(&dice, 400);
            note[i].pitch = (uint8_t)(40 + songs_roll(&dice, 12));
        }
        tick += ticks;
        if (songs_roll(&dice, 20) == 0)
            tick += 48 * (int32_t)(1 + songs_roll(&dice, 12));
    }
    return rp_notes_sort(note, count);
}

static inline struct rp_dataset songs_dataset(uint32_t pieces, uint32_t notes)
{
    struct rp_dataset set = { .vocabulary = { 24, true, false },
                              .count = pieces };

    set.piece = calloc(pieces, sizeof *set.piece);
    for (uint32_t i = 0; i < pieces; i++) {
        struct rp_piece *piece = &set.piece[i];
        piece->split = i % 5 == 4 ? RP_VALID : RP_TRAIN;
        piece->note = calloc(notes, sizeof *piece->note);
        piece->count = songs_write(i, notes, piece->note);
        piece->low = 127;
        for (uint32_t j = 0; j < piece->count; j++) {
            uint8_t pitch = piece->note[j].pitch;
            piece->low = pitch < piece->low ? pitch : piece->low;
            piece->high = pitch > piece->high ? pitch : piece->high;
        }
        if (i % 4 == 3)
            continue; /* its metre is unknown */
        piece->metres = 2;
        piece->metre = calloc(2, sizeof *piece->metre);
        piece->metre[0].metre = (struct rp_metre){ i % 2 ? 3 : 4, 4 };
        piece->metre[1].metre = (struct rp_metre){ 6, 8 };
        piece->metre[1].tick = 24 * 12 * 2;
    }
    return set;
}

static inline void songs_dataset_fini(struct rp_dataset *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        free(set->piece[i].note);
        free(set->piece[i].metre);
    }
    free(set->piece);
}

static inline bool songs_save(const char *path, uint32_t seed, uint32_t notes)
{
    struct rp_note *note = calloc(notes, sizeof *note);
    uint32_t count = songs_write(seed, notes, note);
    struct rp_smf_write *smf;
    bool whole = rp_smf_write_create(&smf, 1) == RP_OK;

    whole = whole &&
            !rp_smf_write_metre(smf, 0, (struct rp_metre){ 4, 4 });
    for (uint32_t i = 0; i < count && whole; i++) {
        int64_t on = (int64_t)note[i].onset * 40;
        int64_t off = on + (int64_t)note[i].duration * 40;
        whole = !rp_smf_write_event(smf, 1, on,
                                    rp_event_make(RP_NOTE_ON, 0, note[i].pitch,
                                                  80)) &&
                !rp_smf_write_event(smf, 1, off,
                                    rp_event_make(RP_NOTE_OFF, 0,
                                                  note[i].pitch, 0));
    }
    whole = whole && !rp_smf_write_save(smf, path);
    rp_smf_write_destroy(smf);
    free(note);
    return whole;
}

/* A folder with `pieces` songs. `folder` is a template for mkdtemp. */
static inline bool songs_folder(char *dir, uint32_t pieces, uint32_t notes)
{
    char path[300];
    bool whole = mkdtemp(dir) != NULL;

    for (uint32_t i = 0; i < pieces && whole; i++) {
        snprintf(path, sizeof path, "%s/song%02u.mid", dir, i);
        whole = songs_save(path, i, notes);
    }
    return whole;
}

static inline void songs_remove(const char *from)
{
    DIR *dir = opendir(from);
    struct dirent *entry;
    char path[900];

    while (dir && (entry = readdir(dir))) {
        struct stat about;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (snprintf(path, sizeof path, "%s/%s", from, entry->d_name) >=
            (int)sizeof path)
            continue;
        if (!stat(path, &about) && S_ISDIR(about.st_mode))
            songs_remove(path);
        else
            unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(from);
}

#endif
