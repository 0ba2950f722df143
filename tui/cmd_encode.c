#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/part.h"
#include "model/data/walk.h"
#include "model/data/words.h"
#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"

enum { OPEN_FOLDERS = 16 };

struct wish {
    const char *out;
    bool back;
};

#define AT(field) offsetof(struct wish, field)

static const struct rp_option options[] = {
    {"out", "DIR", "where the files are written (required)", RP_OPTION_TEXT,
     AT(out)},
    {"back", NULL, "make .mid files again from the JSON in the folders",
     RP_OPTION_FLAG, AT(back)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "encode",
    .args = "DIR...",
    .about = "Writes what each channel of each track of the .mid files plays, "
             "in folders by\ninstrument: exactly as JSON, and in short words "
             "that `generate --primer-words`\nreads.",
    .least_args = 1,
    .most_args = 64,
    .options = options,
};

struct sums {
    uint32_t files, parts, broken;
};

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "encode", "out of memory");
    return RP_EMEM;
}

/* The folders that lead to a file. */
static rp_status make_folders(const char *path)
{
    char folder[PATH_MAX];

    for (const char *slash = strchr(path + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        if (mkdir(folder, 0777) && errno != EEXIST) {
            rp_log(RP_ERROR, "encode", "%s: %s", folder, strerror(errno));
            return RP_EIO;
        }
    }
    return RP_OK;
}

/* OUT/church-organ/below/song.t2c1.SUFFIX. Another ending than .mid stays:
 * song.kar may lie beside song.mid. */
static bool name_file(const struct rp_part *part, const char *out,
                      const char *suffix, char path[PATH_MAX])
{
    const char *name = rp_part_instrument(part);
    const char *dot = strrchr(part->source, '.');
    int stem = dot && !strcmp(dot, ".mid") ? (int)(dot - part->source)
                                           : (int)strlen(part->source);
    char folder[64];
    size_t n = 0;

    for (; name[n] && n < sizeof(folder) - 1; n++) {
        folder[n] = isalnum((unsigned char)name[n])
                        ? (char)tolower((unsigned char)name[n])
                        : '-';
    }
    folder[n] = '\0';
    return snprintf(path, PATH_MAX, "%s/%s/%.*s.t%uc%u.%s", out,
                    n ? folder : "unnamed", stem, part->source,
                    part->track, part->channel + 1, suffix) < PATH_MAX;
}

/* By way of PATH.part: what has its name is whole, whenever this is killed. */
static bool write_whole(const struct rp_part *part, const char *path,
                        void (*print)(const struct rp_part *, FILE *))
{
    char half[PATH_MAX + 8];
    FILE *file;
    bool bad;

    snprintf(half, sizeof(half), "%s.part", path);
    file = fopen(half, "w");
    if (!file) {
        return false;
    }
    print(part, file);
    bad = ferror(file);
    bad = fclose(file) || bad || rename(half, path);
    if (bad) {
        int error = errno;

        unlink(half);
        errno = error;
    }
    return !bad;
}

static rp_status write_as(const struct rp_part *part, const char *out,
                          const char *suffix,
                          void (*print)(const struct rp_part *, FILE *))
{
    char path[PATH_MAX];
    rp_status status;

    if (!name_file(part, out, suffix, path)) {
        rp_log(RP_ERROR, "encode", "%s: the path is too long", part->source);
        return RP_EARG;
    }
    status = make_folders(path);
    if (status != RP_OK) {
        return status;
    }
    if (!write_whole(part, path, print)) {
        rp_log(RP_ERROR, "encode", "%s: cannot write: %s", path,
               strerror(errno));
        return RP_EIO;
    }
    return RP_OK;
}

static rp_status encode_file(const char *path, const char *source,
                             const char *out, struct sums *sums)
{
    struct rp_smf smf;
    struct rp_part *part;
    uint32_t count;
    rp_status status = rp_smf_read(path, &smf);

    sums->files++;
    if (status != RP_OK) {
        sums->broken++;
        return status == RP_EMEM ? status : RP_OK;
    }
    status = rp_parts_of(&smf, source, &part, &count);
    rp_smf_fini(&smf);
    if (status != RP_OK) {
        return status;
    }
    for (uint32_t i = 0; i < count && status == RP_OK; i++) {
        status = write_as(&part[i], out, "json", rp_part_print);
        if (status == RP_OK && part[i].notes) {
            status = write_as(&part[i], out, "words", rp_words_print);
        }
        sums->parts++;
    }
    rp_parts_fini(part, count);
    return status;
}

/* The last name of a path, without slashes after it. */
static const char *last_name(const char *path, size_t *size)
{
    const char *name = path;

    *size = strlen(path);
    while (*size && path[*size - 1] == '/') {
        --*size;
    }
    for (size_t i = 0; i < *size; i++) {
        if (path[i] == '/') {
            name = path + i + 1;
        }
    }
    *size -= (size_t)(name - path);
    return name;
}

/* Of several folders the last name says whose a file is. */
static rp_status check_names(const struct rp_texts *dirs)
{
    for (uint32_t i = 0; i < dirs->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            size_t size, other;
            const char *name = last_name(dirs->text[i], &size);
            const char *before = last_name(dirs->text[k], &other);

            if (size != other || memcmp(name, before, size)) {
                continue;
            }
            rp_log(RP_ERROR, "encode",
                   "%s and %s: expected folders of different names, as that "
                   "is where their files go",
                   dirs->text[k], dirs->text[i]);
            return RP_EARG;
        }
    }
    return RP_OK;
}

/* What of a path is below the folder it was found in; of several folders with
 * the folder's own name, which says whose it is. */
static const char *below(const char *path, const char *folder, bool several)
{
    size_t size = strlen(folder);
    const char *slash = strrchr(path, '/');

    if (strncmp(path, folder, size) || !path[size]) {
        return slash ? slash + 1 : path;
    }
    while (size && path[size - 1] == '/') {
        size--;
    }
    while (several && size && path[size - 1] != '/') {
        size--;
    }
    return path + size + strspn(path + size, "/");
}

static rp_status encode(const struct wish *wish, const struct rp_texts *dirs,
                        struct sums *sums)
{
    rp_status status = check_names(dirs);

    for (uint32_t d = 0; d < dirs->count && status == RP_OK; d++) {
        struct rp_walk walk = {0};

        status = rp_walk_add(&walk, dirs->text[d]);
        rp_walk_sort(&walk);
        for (uint32_t i = 0; i < walk.count && status == RP_OK; i++) {
            status = encode_file(walk.path[i],
                                 below(walk.path[i], dirs->text[d],
                                       dirs->count > 1),
                                 wish->out, sums);
        }
        rp_walk_fini(&walk);
    }
    return status;
}

/* ---- back ---- */

/* Filled by visit(), which nftw() gives nothing else to write to. */
static struct {
    struct rp_part *part;
    uint32_t count, room, broken;
} found;

static int visit(const char *path, const struct stat *about, int type,
                 struct FTW *at)
{
    const char *dot = strrchr(path, '.');

    if (type != FTW_F || !dot || strcmp(dot, ".json")) {
        return 0;
    }
    if (found.count == found.room) {
        uint32_t room = found.room ? 2 * found.room : 64;
        void *more = realloc(found.part, room * sizeof(*found.part));

        if (!more) {
            (void)no_memory();
            return 1;
        }
        found.part = more;
        found.room = room;
    }
    if (rp_part_read(path, &found.part[found.count])) {
        found.broken++;
    } else {
        found.count++;
    }
    return 0;
}

static int compare_parts(const void *a, const void *b)
{
    const struct rp_part *x = a, *y = b;
    int by = strcmp(x->source, y->source);

    if (by) {
        return by;
    }
    if (x->track != y->track) {
        return x->track < y->track ? -1 : 1;
    }
    return x->channel - y->channel;
}

/* A file may name its source as it likes; it stays below `out`. */
static bool stays_below(const char *source)
{
    for (const char *at = source; at; at = strchr(at, '/')) {
        at += *at == '/' && at != source;
        if (!strncmp(at, "../", 3) || !strcmp(at, "..")) {
            return false;
        }
    }
    return *source && *source != '/';
}

/* The tracks of a type 2 file are not of one time: each is a file. */
static bool same_file(const struct rp_part *a, const struct rp_part *b)
{
    return !strcmp(a->source, b->source) &&
           (a->type != 2 || a->track == b->track);
}

static bool name_source(const struct rp_part *part, const char *out,
                        char path[PATH_MAX])
{
    const char *dot = strrchr(part->source, '.');
    int stem = dot ? (int)(dot - part->source) : (int)strlen(part->source);

    if (part->type == 2) {
        return snprintf(path, PATH_MAX, "%s/%.*s.t%u%s", out, stem,
                        part->source, part->track,
                        dot ? dot : "") < PATH_MAX;
    }
    return snprintf(path, PATH_MAX, "%s/%s", out, part->source) < PATH_MAX;
}

static rp_status save_source(const struct rp_part *part, uint32_t count,
                             const char *out, struct sums *sums)
{
    char path[PATH_MAX];
    rp_status status;

    sums->files++;
    if (!stays_below(part->source) ||
        !name_source(part, out, path)) {
        rp_log(RP_ERROR, "encode",
               "source \"%s\": expected a path below a folder", part->source);
        sums->broken++;
        return RP_OK;
    }
    status = make_folders(path);
    if (status == RP_OK) {
        status = rp_parts_save(part, count, path);
    }
    if (status == RP_EARG) { /* it was said what cannot be in a .mid */
        sums->broken++;
        return RP_OK;
    }
    sums->parts += count;
    return status;
}

static rp_status decode(const struct wish *wish, const struct rp_texts *dirs,
                        struct sums *sums)
{
    rp_status status = RP_OK;

    for (uint32_t d = 0; d < dirs->count && status == RP_OK; d++) {
        int result = nftw(dirs->text[d], visit, OPEN_FOLDERS, FTW_PHYS);

        if (result < 0) {
            rp_log(RP_ERROR, "encode", "%s: %s", dirs->text[d],
                   strerror(errno));
        }
        status = result < 0 ? RP_EIO : result ? RP_EMEM : RP_OK;
    }
    if (found.count) {
        qsort(found.part, found.count, sizeof(*found.part), compare_parts);
    }
    sums->broken = found.broken;
    for (uint32_t i = 0, n; i < found.count && status == RP_OK; i += n) {
        for (n = 1; i + n < found.count &&
                    same_file(&found.part[i + n], &found.part[i]);) {
            n++;
        }
        status = save_source(&found.part[i], n, wish->out, sums);
    }
    rp_parts_fini(found.part, found.count);
    return status;
}

int rp_cmd_encode(int argc, char **argv)
{
    struct wish wish = {0};
    struct rp_texts dirs = {0};
    struct sums sums = {0};
    int exit_code = rp_cli_parse(&cli, argc, argv, &wish, &dirs);
    rp_status status;

    if (exit_code >= 0) {
        rp_texts_fini(&dirs);
        return exit_code;
    }
    if (!wish.out || !*wish.out) {
        rp_log(RP_ERROR, "encode", "expected --out DIR");
        rp_texts_fini(&dirs);
        return RP_EXIT_USAGE;
    }
    status = wish.back ? decode(&wish, &dirs, &sums)
                       : encode(&wish, &dirs, &sums);
    rp_texts_fini(&dirs);
    if (status == RP_OK && !sums.parts) {
        rp_log(RP_ERROR, "encode", "no %s in the folders (%u broken)",
               wish.back ? "part" : "music", sums.broken);
        status = RP_ENONE;
    }
    if (status == RP_OK) {
        printf("%s: %u .mid files, %u parts, %u broken\n", wish.out,
               sums.files, sums.parts, sums.broken);
    }
    return rp_exit_code(status);
}
