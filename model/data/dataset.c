#include "model/data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "model/data/bars.h"
#include "model/data/pickup.h"
#include "model/data/sha256.h"
#include "model/data/smf.h"
#include "model/data/smf_chords.h"
#include "rt/log.h"

enum { DEPTH_MAX = 32 }; /* folders in folders; a loop of links ends here */

struct paths {
    char **path;
    uint32_t count, room;
};

const char *const rp_split_names[RP_SPLITS] = {"train", "valid", "test"};

/* A piece while the set is made: what it is apart from key and place. */
struct entry {
    struct rp_piece piece;
    unsigned char digest[32];
    uint32_t order; /* by path */
};

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "dataset", "out of memory");
    return RP_EMEM;
}

static bool is_midi(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".mid") || !strcasecmp(dot, ".midi") ||
                   !strcasecmp(dot, ".smf") || !strcasecmp(dot, ".kar"));
}

static rp_status add_path(struct paths *paths, char *path)
{
    if (paths->count == paths->room) {
        uint32_t room = paths->room ? 2 * paths->room : 256;
        char **grown = realloc(paths->path, room * sizeof *grown);
        if (!grown) {
            free(path);
            return no_memory();
        }
        paths->path = grown;
        paths->room = room;
    }
    paths->path[paths->count++] = path;
    return RP_OK;
}

static rp_status find_files(struct paths *paths, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        rp_log(RP_ERROR, "dataset", "%s: %s", folder, strerror(errno));
        return RP_EIO;
    }
    rp_status status = RP_OK;
    size_t size = strlen(folder);
    const char *slash = size && folder[size - 1] == '/' ? "" : "/";
    for (struct dirent *item; !status && (item = readdir(dir));) {
        struct stat stat_;
        char *path;
        if (item->d_name[0] == '.')
            continue;
        if (asprintf(&path, "%s%s%s", folder, slash, item->d_name) < 0) {
            status = no_memory();
        } else if (stat(path, &stat_)) {
            rp_log(RP_WARN, "dataset", "%s: %s", path, strerror(errno));
            free(path);
        } else if (S_ISDIR(stat_.st_mode) && depth < DEPTH_MAX) {
            status = find_files(paths, path, depth + 1);
            free(path);
        } else if (S_ISREG(stat_.st_mode) && is_midi(item->d_name)) {
            status = add_path(paths, path);
        } else {
            free(path);
        }
    }
    closedir(dir);
    return status;
}

static rp_status find_in(struct paths *paths, const char *path)
{
    struct stat stat_;
    char *copy;
    if (!stat(path, &stat_) && S_ISREG(stat_.st_mode))
        return (copy = strdup(path)) ? add_path(paths, copy) : no_memory();
    return find_files(paths, path, 0);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_paths(struct paths *paths)
{
    for (uint32_t i = 0; i < paths->count; i++)
        free(paths->path[i]);
    free(paths->path);
}

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
            change.tick = 0; /* the one before is over */
            kept = 0;
        }
        piece->chord[kept++] = change;
    }
    piece->chords = (uint32_t)kept;
    piece->origin = 0;
}

static void set_range(struct rp_piece *piece)
{
    piece->low = 127;
    piece->high = 0;
    for (uint32_t i = 0; i < piece->count; i++) {
        uint8_t pitch = piece->note[i].pitch;
        piece->low = pitch < piece->low ? pitch : piece->low;
        piece->high = pitch > piece->high ? pitch : piece->high;
    }
}

/* What a tune is in whatever key and from whatever bar on. */
static void set_split(struct entry *entry)
{
    const struct rp_piece *piece = &entry->piece;
    struct rp_sha256 sha;
    rp_sha256_init(&sha);
    for (uint32_t i = 0; i < piece->count; i++) {
        const struct rp_note *note = &piece->note[i];
        rp_sha256_add_i32(&sha, note->onset - piece->note[0].onset);
        rp_sha256_add_i32(&sha, note->duration);
        rp_sha256_add_i32(&sha, note->pitch - piece->note[0].pitch);
    }
    rp_sha256_end(&sha, entry->digest);
    /* 16 bits of it: 80 / 10 / 10 within a thousandth. */
    uint32_t part = (uint32_t)entry->digest[0] << 8 | entry->digest[1];
    entry->piece.split = part % 10 < 8    ? RP_TRAIN
                         : part % 10 == 8 ? RP_VALID
                                          : RP_TEST;
}

/* The notes and the metres of one file, as the role wants them. */
static rp_status take_notes(const struct rp_smf *smf,
                            const struct rp_dataset_options *options,
                            struct rp_piece *piece)
{
    uint32_t resolution = options->vocabulary.resolution;
    rp_status status;
    if (!strcmp(options->role, "melody")) {
        int track = rp_smf_melody_track(smf);
        status = rp_smf_melody(smf, resolution, &piece->note, &piece->count);
        if (!status)
            status = rp_smf_track_metres(smf, track < 0 ? 0 : (uint32_t)track,
                                         resolution, &piece->metre,
                                         &piece->metres);
    } else {
        status = rp_smf_notes(smf, -1, false, resolution, &piece->note,
                              &piece->count);
        if (!status)
            status = rp_smf_metres(smf, resolution, &piece->metre,
                                   &piece->metres);
    }
    return status;
}

/* Moves the bar lines of the first metre to where all voices together have
 * them. */
static rp_status set_pickup(const struct rp_smf *smf, uint32_t resolution,
                            struct rp_piece *piece)
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
    free(note);
    return RP_OK;
}

/* What the vocabulary has and melodies need not: chords, offsets. */
static rp_status take_features(const struct rp_smf *smf,
                               const struct rp_dataset_options *options,
                               struct rp_piece *piece)
{
    const struct rp_vocabulary *vocabulary = &options->vocabulary;
    enum rp_chord_source source;
    int melody =
        strcmp(options->role, "melody") ? -1 : rp_smf_melody_track(smf);
    for (uint32_t i = 0; !vocabulary->timing && i < piece->count; i++)
        piece->note[i].offset = 0;
    if (!vocabulary->chord)
        return RP_OK;
    return rp_smf_chords(smf, melody, vocabulary->resolution, &piece->chord,
                         &piece->chords, &source);
}

static void piece_fini(struct rp_piece *piece)
{
    free(piece->path);
    free(piece->note);
    free(piece->metre);
    free(piece->chord);
    *piece = (struct rp_piece){0};
}

static void shorten_rests(const struct rp_dataset_options *options,
                          struct rp_dataset *dataset, struct rp_piece *piece)
{
    struct rp_bars_chords chords = {piece->chord, piece->chords};
    dataset->rest_bars += rp_bars_shorten(
        piece->note, piece->count, piece->metre, &piece->metres, &chords,
        options->vocabulary.resolution, options->max_rest_bars);
    piece->chords = chords.count;
}

/* RP_ENONE, logged and counted, where the file is of no use. */
static rp_status read_piece(const char *path,
                            const struct rp_dataset_options *options,
                            struct rp_dataset *dataset, struct entry *entry)
{
    struct rp_smf smf;
    struct rp_piece *piece = &entry->piece;
    *entry = (struct entry){0};
    rp_status status = rp_smf_read(path, &smf);
    if (status) {
        dataset->broken++;
        return status == RP_EMEM ? RP_EMEM : RP_ENONE;
    }
    status = take_notes(&smf, options, piece);
    if (!status)
        status = set_pickup(&smf, options->vocabulary.resolution, piece);
    if (!status)
        status = take_features(&smf, options, piece);
    rp_smf_fini(&smf);
    if (!status && !(piece->path = strdup(path)))
        status = no_memory();
    if (!status && (!piece->count || piece->count < options->min_notes)) {
        rp_log(RP_DEBUG, "dataset", "%s: %u notes: expected at least %u", path,
               piece->count, options->min_notes);
        dataset->shorter++;
        status = RP_ENONE;
    }
    if (status) {
        piece_fini(piece);
        return status;
    }
    if (options->max_rest_bars > 0)
        shorten_rests(options, dataset, piece);
    set_origin(piece, options->vocabulary.resolution);
    set_range(piece);
    set_split(entry);
    return RP_OK;
}

static int compare_digests(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int by = memcmp(x->digest, y->digest, sizeof x->digest);
    return by ? by : x->order < y->order ? -1 : 1;
}

static int compare_orders(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->order < y->order ? -1 : 1;
}

/* Of pieces that are the same but for the key, the first by path stays. */
static uint32_t drop_twins(struct entry *entry, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept && !memcmp(entry[kept - 1].digest, entry[i].digest, 32)) {
            rp_log(RP_DEBUG, "dataset", "%s: duplicate of %s",
                   entry[i].piece.path, entry[kept - 1].piece.path);
            piece_fini(&entry[i].piece);
            continue;
        }
        entry[kept++] = entry[i];
    }
    return kept;
}

/* `entry` is in order of digest, which no path has a say in. */
static void set_hash(struct rp_dataset *dataset, const struct entry *entry)
{
    struct rp_sha256 sha;
    unsigned char digest[32];
    rp_sha256_init(&sha);
    rp_sha256_add_i32(&sha, dataset->vocabulary.resolution);
    for (uint32_t i = 0; i < dataset->count; i++) {
        const struct rp_piece *piece = &entry[i].piece;
        rp_sha256_add_i32(&sha, (int32_t)piece->split);
        rp_sha256_add_i32(&sha, (int32_t)piece->count);
        for (uint32_t k = 0; k < piece->count; k++) {
            rp_sha256_add_i32(&sha, piece->note[k].onset);
            rp_sha256_add_i32(&sha, piece->note[k].duration);
            rp_sha256_add_i32(&sha, piece->note[k].pitch);
            rp_sha256_add_i32(&sha, piece->note[k].velocity);
            if (piece->note[k].offset)
                rp_sha256_add_i32(&sha, piece->note[k].offset);
        }
        rp_sha256_add_i32(&sha, (int32_t)piece->metres);
        for (uint32_t k = 0; k < piece->metres; k++) {
            rp_sha256_add_i32(&sha, piece->metre[k].tick);
            rp_sha256_add_i32(&sha, piece->metre[k].metre.beats);
            rp_sha256_add_i32(&sha, piece->metre[k].metre.unit);
        }
        /* Nothing where there are none, as before there were any. */
        for (uint32_t k = 0; k < piece->chords; k++) {
            rp_sha256_add_i32(&sha, piece->chord[k].tick);
            rp_sha256_add_i32(&sha, piece->chord[k].chord.root);
            rp_sha256_add_i32(&sha, piece->chord[k].chord.quality);
        }
    }
    rp_sha256_end(&sha, digest);
    rp_sha256_hex(digest, dataset->hash);
}

static rp_status read_pieces(const struct paths *paths,
                             const struct rp_dataset_options *options,
                             struct rp_dataset *dataset, struct entry *entry)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < paths->count; i++) {
        /* The same file reached twice is one file. */
        if (i && !strcmp(paths->path[i], paths->path[i - 1]))
            continue;
        dataset->files++;
        rp_status status =
            read_piece(paths->path[i], options, dataset, &entry[count]);
        if (status == RP_ENONE)
            continue;
        if (status) {
            while (count)
                piece_fini(&entry[--count].piece);
            return status;
        }
        entry[count].order = count;
        count++;
    }
    qsort(entry, count, sizeof *entry, compare_digests);
    dataset->count = drop_twins(entry, count);
    dataset->duplicates = count - dataset->count;
    dataset->dropped =
        dataset->broken + dataset->shorter + dataset->duplicates;
    set_hash(dataset, entry);
    qsort(entry, dataset->count, sizeof *entry, compare_orders);
    return RP_OK;
}

static rp_status make(const struct paths *paths,
                      const struct rp_dataset_options *options,
                      struct rp_dataset *dataset)
{
    struct rp_dataset made = {.vocabulary = options->vocabulary};
    struct entry *entry = calloc(paths->count + 1u, sizeof *entry);
    if (!entry)
        return no_memory();
    rp_status status = read_pieces(paths, options, &made, entry);
    if (!status && !made.count) {
        rp_log(RP_ERROR, "dataset",
               "no piece in %u files: %u broken, %u shorter than %u notes",
               made.files, made.broken, made.shorter, options->min_notes);
        status = RP_ENONE;
    }
    if (!status && !(made.piece = calloc(made.count, sizeof *made.piece))) {
        for (uint32_t i = 0; i < made.count; i++)
            piece_fini(&entry[i].piece);
        status = no_memory();
    }
    if (!status) {
        for (uint32_t i = 0; i < made.count; i++)
            made.piece[i] = entry[i].piece;
        *dataset = made;
    }
    free(entry);
    return status;
}

rp_status rp_dataset_read(const char *const *dir, uint32_t dirs,
                          const struct rp_dataset_options *options,
                          struct rp_dataset *dataset)
{
    struct paths paths = {0};
    rp_status status = RP_OK;
    if (!options->role || (strcmp(options->role, "melody") &&
                           strcmp(options->role, "all"))) {
        rp_log(RP_ERROR, "dataset", "role %s: expected melody or all",
               options->role ? options->role : "(none)");
        return RP_EARG;
    }
    if (options->vocabulary.resolution < 1 ||
        options->vocabulary.resolution > 960) {
        rp_log(RP_ERROR, "dataset", "resolution %u: expected 1..960",
               options->vocabulary.resolution);
        return RP_EARG;
    }
    for (uint32_t i = 0; !status && i < dirs; i++)
        status = find_in(&paths, dir[i]);
    if (!status) {
        if (paths.count)
            qsort(paths.path, paths.count, sizeof *paths.path, compare_paths);
        status = make(&paths, options, dataset);
    }
    free_paths(&paths);
    return status;
}

void rp_dataset_fini(struct rp_dataset *dataset)
{
    for (uint32_t i = 0; i < dataset->count; i++)
        piece_fini(&dataset->piece[i]);
    free(dataset->piece);
    *dataset = (struct rp_dataset){0};
}
