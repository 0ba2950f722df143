#include "model/data/prepared.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/data/facts.h"
#include "model/data/role.h"
#include "rt/log.h"

enum {
    ABOUT = 256,       /* bytes of a body that say what it is, at most */
    FACTS_LEAST = 115, /* bytes of one file, the texts empty */
    PIECE_LEAST = 16,
    NOTE = 11,
    CHANGE = 6
};

/* Bytes from outside; past the end or after a fault every number is 0. */
struct scan {
    const char *path;
    const unsigned char *bytes;
    size_t size, at;
    rp_status status;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct scan *scan,
                                                         const char *format,
                                                         ...)
{
    char text[160];
    va_list list;
    if (scan->status)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    rp_log(RP_ERROR, "prepared", "%s: byte %zu: expected %s", scan->path,
           RP_PREPARED_HEAD + scan->at, text);
    scan->status = RP_EFORMAT;
}

static void *no_memory(struct scan *scan)
{
    rp_log(RP_ERROR, "prepared", "out of memory");
    scan->status = RP_EMEM;
    return NULL;
}

static const unsigned char *take(struct scan *scan, size_t size)
{
    if (!scan->status && size > scan->size - scan->at)
        refuse(scan, "%zu bytes, of which %zu are there", size,
               scan->size - scan->at);
    if (scan->status)
        return NULL;
    scan->at += size;
    return scan->bytes + scan->at - size;
}

static uint64_t number_at(const unsigned char *at, int size)
{
    uint64_t number = 0;
    for (int i = 0; i < size; i++)
        number |= (uint64_t)at[i] << 8 * i;
    return number;
}

static uint64_t take_number(struct scan *scan, int size)
{
    const unsigned char *at = take(scan, (size_t)size);
    return at ? number_at(at, size) : 0;
}

static uint32_t take_u32(struct scan *scan)
{
    return (uint32_t)take_number(scan, 4);
}

static int32_t take_i32(struct scan *scan)
{
    return (int32_t)take_number(scan, 4);
}

/* At most `most`, else a fault. */
static uint32_t take_within(struct scan *scan, int size, uint32_t most,
                            const char *what)
{
    uint64_t number = take_number(scan, size);
    if (number > most) {
        scan->at -= (size_t)size;
        refuse(scan, "%s up to %u, not %llu", what, most,
               (unsigned long long)number);
        return 0;
    }
    return (uint32_t)number;
}

/* So many records of at least `least` bytes each can follow. */
static uint32_t take_count(struct scan *scan, size_t least, const char *what)
{
    uint32_t count = take_u32(scan);
    if (!scan->status && count > (scan->size - scan->at) / least) {
        scan->at -= 4;
        refuse(scan, "fewer than %u %s in %zu bytes", count, what,
               scan->size - scan->at);
    }
    return scan->status ? 0 : count;
}

static double take_real(struct scan *scan)
{
    uint64_t bits = take_number(scan, 8);
    double number;
    memcpy(&number, &bits, sizeof number);
    if (!isfinite(number))
        refuse(scan, "a number before this byte");
    return scan->status ? 0 : number;
}

/* malloc'ed; NULL where none was written. */
static char *take_text(struct scan *scan)
{
    uint32_t size = take_u32(scan);
    if (size == UINT32_MAX)
        return NULL;
    const unsigned char *at = take(scan, size);
    if (!at)
        return NULL;
    if (memchr(at, 0, size)) {
        refuse(scan, "a text without a NUL before this byte");
        return NULL;
    }
    char *text = malloc(size + 1u);
    if (!text)
        return no_memory(scan);
    memcpy(text, at, size);
    text[size] = 0;
    return text;
}

static void take_grid(struct scan *scan, struct rp_grid *grid)
{
    grid->onsets = take_u32(scan);
    grid->exact = take_u32(scan);
    grid->ticks = take_real(scan);
    grid->ms = take_real(scan);
    grid->worst_ticks = take_real(scan);
    grid->worst_ms = take_real(scan);
}

static void take_facts(struct scan *scan, uint32_t files,
                       struct rp_facts *facts)
{
    facts->path = take_text(scan);
    if (!facts->path)
        refuse(scan, "a path before this byte");
    facts->reason = take_text(scan);
    facts->fate = take_within(scan, 1, RP_FATES - 1, "a fate");
    facts->split = take_within(scan, 1, RP_SPLITS - 1, "a split");
    facts->twin = take_i32(scan);
    if (facts->twin < -1 || facts->twin >= (int64_t)files)
        refuse(scan, "a file of %u before this byte", files);
    facts->likeness = (float)take_real(scan);
    facts->group = take_within(scan, 4, files - 1, "a file");
    facts->notes = take_u32(scan);
    facts->seconds = take_real(scan);
    facts->instruments[0] = take_number(scan, 8);
    facts->instruments[1] = take_number(scan, 8);
    facts->drums = take_within(scan, 1, 1, "yes or no");
    facts->metre.beats = (uint8_t)take_within(scan, 1, UINT8_MAX, "beats");
    facts->metre.unit = (uint8_t)take_within(scan, 1, UINT8_MAX, "a unit");
    facts->metres = take_u32(scan);
    facts->tempos = take_u32(scan);
    facts->rest_bars = take_u32(scan);
    facts->pickup = take_i32(scan);
    facts->key = (int8_t)take_number(scan, 1);
    if (facts->key < -1 || facts->key > 23)
        refuse(scan, "a key before this byte");
    facts->chords = take_within(scan, 1, RP_CHORD_SOURCES - 1, "a source");
    take_grid(scan, &facts->grid);
}

static int32_t i32_at(const unsigned char *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return (int32_t)le32toh(number);
}

static void take_notes(struct scan *scan, struct rp_piece *piece)
{
    const unsigned char *at = take(scan, (size_t)piece->count * NOTE);
    int32_t until[128] = {0}; /* nothing sounds before 0 */
    piece->note = at ? malloc(piece->count * sizeof *piece->note) : NULL;
    if (at && !piece->note)
        no_memory(scan);
    for (uint32_t i = 0; i < piece->count && piece->note; i++, at += NOTE) {
        const struct rp_note *last = i ? &piece->note[i - 1] : NULL;
        struct rp_note note = {
            .onset = i32_at(at),
            .duration = i32_at(at + 4),
            .pitch = at[8],
            .velocity = at[9],
            .offset = (int8_t)at[10],
        };
        piece->note[i] = note;
        if (note.duration >= 1 && note.pitch < 128 && note.velocity < 128 &&
            note.onset >= until[note.pitch] &&
            note.duration <= INT32_MAX - note.onset &&
            (!last || note.onset > last->onset ||
             (note.onset == last->onset && note.pitch < last->pitch))) {
            until[note.pitch] = note.onset + note.duration;
            continue;
        }
        scan->at -= (size_t)(piece->count - i) * NOTE;
        refuse(scan, "a note in canonical order");
        return;
    }
}

static bool is_metre(struct rp_metre metre)
{
    return metre.beats && metre.unit && metre.unit <= 32 &&
           !(metre.unit & (metre.unit - 1));
}

static void take_metres(struct scan *scan, struct rp_piece *piece)
{
    if (!piece->metres || scan->status)
        return;
    piece->metre = malloc(piece->metres * sizeof *piece->metre);
    if (!piece->metre)
        no_memory(scan);
    for (uint32_t i = 0; i < piece->metres && !scan->status; i++) {
        struct rp_metre_change *change = &piece->metre[i];
        change->tick = take_i32(scan);
        change->metre.beats = (uint8_t)take_number(scan, 1);
        change->metre.unit = (uint8_t)take_number(scan, 1);
        if (!is_metre(change->metre) || change->tick < 0 ||
            (i && change->tick <= change[-1].tick))
            refuse(scan, "a metre, later than the last, before this byte");
    }
}

static void take_chords(struct scan *scan, struct rp_piece *piece)
{
    if (!piece->chords || scan->status)
        return;
    piece->chord = malloc(piece->chords * sizeof *piece->chord);
    if (!piece->chord)
        no_memory(scan);
    for (uint32_t i = 0; i < piece->chords && !scan->status; i++) {
        struct rp_chord_change *change = &piece->chord[i];
        change->tick = take_i32(scan);
        change->chord.root = (uint8_t)take_within(scan, 1, 11, "a root");
        change->chord.quality =
            (uint8_t)take_within(scan, 1, RP_QUALITIES - 1, "a quality");
        if (change->tick < 0 || (i && change->tick <= change[-1].tick))
            refuse(scan, "a chord later than the last before this byte");
    }
}

static void take_piece(struct scan *scan, const struct rp_facts *facts,
                       struct rp_piece *piece)
{
    piece->split = facts->split;
    piece->count = take_count(scan, NOTE, "notes");
    piece->metres = take_count(scan, CHANGE, "metres");
    piece->chords = take_count(scan, CHANGE, "chords");
    piece->origin = take_i32(scan);
    if (!piece->count || piece->count != facts->notes || piece->origin)
        refuse(scan, "a piece of %u notes from tick 0 on before this byte",
               facts->notes);
    if (!scan->status && !(piece->path = strdup(facts->path)))
        no_memory(scan);
    take_notes(scan, piece);
    take_metres(scan, piece);
    take_chords(scan, piece);
    if (!scan->status)
        rp_piece_set_range(piece);
}

/* The pieces are those of the files that were kept, in their order. */
static void take_pieces(struct scan *scan, uint32_t count,
                        struct rp_dataset *dataset)
{
    for (uint32_t i = 0; i < dataset->files && !scan->status; i++) {
        if (dataset->facts[i].fate != RP_KEPT)
            continue;
        if (dataset->count == count) {
            refuse(scan, "%u files kept, not more", count);
            return;
        }
        take_piece(scan, &dataset->facts[i], &dataset->piece[dataset->count]);
        dataset->count++;
    }
    if (dataset->count != count || scan->at != scan->size)
        refuse(scan, "the end after %u pieces", count);
}

static void take_role(struct scan *scan, struct rp_prepared_about *about)
{
    struct rp_role role;
    char *name = take_text(scan);
    if (!name || !rp_role_parse(name, &role))
        refuse(scan, "a role before this byte");
    else
        about->role = rp_role_name(role);
    free(name);
    about->resolution = take_within(scan, 4, 960, "ticks per beat");
    if (!about->resolution)
        refuse(scan, "ticks per beat before this byte");
}

static void take_hash(struct scan *scan, struct rp_dataset *dataset)
{
    char *hash = take_text(scan);
    if (hash && strlen(hash) == 64 &&
        strspn(hash, "0123456789abcdef") == 64)
        memcpy(dataset->hash, hash, 65);
    else
        refuse(scan, "a hash of 64 digits before this byte");
    free(hash);
}

static void take_body(struct scan *scan, struct rp_dataset *dataset)
{
    struct rp_prepared_about about = {0};
    take_role(scan, &about);
    dataset->role = about.role;
    take_hash(scan, dataset);
    uint32_t files = take_count(scan, FACTS_LEAST, "files");
    uint32_t count = take_count(scan, PIECE_LEAST, "pieces");
    if (!count)
        refuse(scan, "a piece");
    if (scan->status)
        return;
    dataset->facts = calloc(files + 1u, sizeof *dataset->facts);
    dataset->piece = calloc(count + 1u, sizeof *dataset->piece);
    if (!dataset->facts || !dataset->piece) {
        no_memory(scan);
        return;
    }
    dataset->files = files;
    for (uint32_t i = 0; i < files && !scan->status; i++)
        take_facts(scan, files, &dataset->facts[i]);
    take_pieces(scan, count, dataset);
}

static rp_status fail(const char *path, const char *why)
{
    rp_log(RP_ERROR, "prepared", "%s: %s", path, why);
    return RP_EIO;
}

/* The first `most` bytes of a file, or all. */
static rp_status read_bytes(const char *path, size_t most,
                            unsigned char **bytes, size_t *size)
{
    struct stat about;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &about)) {
        rp_status status = fail(path, strerror(errno));
        if (file)
            fclose(file);
        return status;
    }
    size_t there = (size_t)about.st_size < most ? (size_t)about.st_size : most;
    *bytes = malloc(there + 1);
    *size = *bytes ? fread(*bytes, 1, there, file) : 0;
    bool bad = ferror(file);
    fclose(file);
    if (!*bytes) {
        rp_log(RP_ERROR, "prepared", "out of memory");
        return RP_EMEM;
    }
    if (!bad)
        return RP_OK;
    free(*bytes);
    return fail(path, strerror(errno));
}

static rp_status check_head(const char *path, const unsigned char *bytes,
                            size_t size)
{
    if (size < RP_PREPARED_HEAD ||
        memcmp(bytes, rp_prepared_magic, sizeof rp_prepared_magic)) {
        rp_log(RP_ERROR, "prepared",
               "%s: byte 0: expected what 'riposte prepare' writes", path);
        return RP_EFORMAT;
    }
    uint32_t version = (uint32_t)number_at(bytes + 16, 4);
    if (version == RP_PREPARED_VERSION)
        return RP_OK;
    rp_log(RP_ERROR, "prepared",
           "%s: byte 16: version %u, expected %u: prepare it again", path,
           version, RP_PREPARED_VERSION);
    return RP_EFORMAT;
}

static rp_status check_body(const char *path, const unsigned char *bytes,
                            size_t size)
{
    uint64_t want = number_at(bytes + 24, 8), has = size - RP_PREPARED_HEAD;
    if (want != has) {
        rp_log(RP_ERROR, "prepared",
               "%s: %llu bytes after the first %d, expected %llu: cut short "
               "or added to",
               path, (unsigned long long)has, RP_PREPARED_HEAD,
               (unsigned long long)want);
        return RP_EFORMAT;
    }
    if (rp_prepared_check(bytes + RP_PREPARED_HEAD, has) ==
        number_at(bytes + 32, 8))
        return RP_OK;
    rp_log(RP_ERROR, "prepared",
           "%s: damaged: its check does not fit its bytes", path);
    return RP_EFORMAT;
}

bool rp_prepared_is(const char *path)
{
    unsigned char head[sizeof rp_prepared_magic];
    struct stat about;
    if (stat(path, &about) || !S_ISREG(about.st_mode))
        return false;
    FILE *file = fopen(path, "rb");
    bool is = file && fread(head, sizeof head, 1, file) == 1 &&
              !memcmp(head, rp_prepared_magic, sizeof head);
    if (file)
        fclose(file);
    return is;
}

rp_status rp_prepared_ask(const char *path, struct rp_prepared_about *about)
{
    struct scan scan = {.path = path};
    unsigned char *bytes;
    size_t size;
    rp_status status =
        read_bytes(path, RP_PREPARED_HEAD + ABOUT, &bytes, &size);
    if (status)
        return status;
    status = check_head(path, bytes, size);
    if (!status) {
        struct rp_prepared_about made = {0};
        scan.bytes = bytes + RP_PREPARED_HEAD;
        scan.size = size - RP_PREPARED_HEAD;
        take_role(&scan, &made);
        status = scan.status;
        if (!status)
            *about = made;
    }
    free(bytes);
    return status;
}

/* Whether the set is what is asked for. */
static rp_status check_wish(const char *path,
                            const struct rp_dataset_options *options,
                            const struct rp_prepared_about *about)
{
    const struct rp_vocabulary *wanted = &options->vocabulary;
    struct rp_role role = {0}, has = {0};
    if (options->role) {
        rp_status status = rp_role_find(options->role, &role);
        if (status)
            return status;
    }
    (void)rp_role_parse(about->role, &has);
    if ((options->role && strcmp(rp_role_name(role), about->role)) ||
        wanted->resolution != about->resolution) {
        rp_log(RP_ERROR, "prepared",
               "%s: prepared for %s at %u ticks per beat, expected %s at %u",
               path, about->role, about->resolution,
               options->role ? rp_role_name(role) : about->role,
               wanted->resolution);
        return RP_EARG;
    }
    if ((wanted->chord && has.kind != RP_ROLE_LEAD) ||
        (wanted->timing && has.kind != RP_ROLE_PERFORMANCE)) {
        rp_log(RP_ERROR, "prepared", "%s: prepared for %s, which has no %s",
               path, about->role, wanted->chord ? "chords" : "timing");
        return RP_EARG;
    }
    return RP_OK;
}

rp_status rp_prepared_load(const char *path,
                           const struct rp_dataset_options *options,
                           struct rp_dataset *dataset)
{
    struct rp_dataset made = {.vocabulary = options->vocabulary};
    struct rp_prepared_about about;
    struct scan scan = {.path = path};
    unsigned char *bytes = NULL;
    size_t size;
    rp_status status = rp_prepared_ask(path, &about);
    if (!status)
        status = check_wish(path, options, &about);
    if (!status)
        status = read_bytes(path, SIZE_MAX, &bytes, &size);
    if (status)
        return status;
    status = check_head(path, bytes, size);
    if (!status)
        status = check_body(path, bytes, size);
    if (!status) {
        scan.bytes = bytes + RP_PREPARED_HEAD;
        scan.size = size - RP_PREPARED_HEAD;
        take_body(&scan, &made);
        status = scan.status;
    }
    free(bytes);
    if (status)
        rp_dataset_fini(&made);
    else
        rp_dataset_count(&made);
    if (!status)
        *dataset = made;
    return status;
}
