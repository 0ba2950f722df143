#include "model/data/frames.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/sha256.h"
#include "rt/log.h"

enum { FRAMES_MAX = 1 << 24 }; /* of a piece: ticks stay far from overflow */

struct text {
    const char *path;
    char *byte;
    size_t size, at;
};

/* The set while it is read. */
struct maker {
    struct text text;
    struct rp_dataset set;
    uint32_t pieces_room;
    struct rp_note *note; /* of the piece being read, in order of their ends */
    uint32_t notes, notes_room;
    int32_t since[128]; /* frame in which a pitch began; -1: it is silent */
};

static rp_status no_memory(const struct maker *maker)
{
    rp_log(RP_ERROR, "frames", "%s: out of memory", maker->text.path);
    return RP_EMEM;
}

static rp_status expected(const struct text *text, size_t at, const char *what)
{
    rp_log(RP_ERROR, "frames", "%s: byte %zu: expected %s", text->path, at,
           what);
    return RP_EFORMAT;
}

/* The next byte that is no white space; -1 at the end. */
static int peek(struct text *text)
{
    while (text->at < text->size && strchr(" \t\r\n", text->byte[text->at]) &&
           text->byte[text->at])
        text->at++;
    return text->at < text->size ? (unsigned char)text->byte[text->at] : -1;
}

static bool skip(struct text *text, char byte)
{
    if (peek(text) != byte)
        return false;
    text->at++;
    return true;
}

/* Walks a list: true while another element is to be read. `*first` is true
 * before the first. */
static bool next(struct text *text, bool *first, rp_status *status)
{
    if (*status)
        return false;
    if (skip(text, ']')) /* never after a comma: that was taken below */
        return false;
    if (!*first) {
        if (!skip(text, ','))
            *status = expected(text, text->at, "',' or ']'");
        else if (peek(text) == ']')
            *status = expected(text, text->at, "another element after ','");
    }
    *first = false;
    return !*status;
}

static rp_status read_pitch(struct text *text, uint32_t *pitch)
{
    int byte = peek(text);
    size_t at = text->at;
    uint32_t value = 0, digits = 0;

    while (text->at < text->size && text->byte[text->at] >= '0' &&
           text->byte[text->at] <= '9' && digits < 4) {
        value = value * 10 + (uint32_t)(text->byte[text->at++] - '0');
        digits++;
    }
    if (!digits || value > 127 || (byte == '0' && digits > 1) ||
        (text->at < text->size && strchr(".eE", text->byte[text->at]) &&
         text->byte[text->at]))
        return expected(text, at, "a pitch, 0 to 127");
    *pitch = value;
    return RP_OK;
}

static rp_status end_note(struct maker *maker, uint32_t pitch, int32_t frame)
{
    int32_t since = maker->since[pitch];

    if (maker->notes == maker->notes_room) {
        uint32_t room = maker->notes_room ? 2 * maker->notes_room : 1024;
        void *grown = realloc(maker->note, room * sizeof *maker->note);
        if (!grown)
            return no_memory(maker);
        maker->note = grown;
        maker->notes_room = room;
    }
    maker->note[maker->notes++] = (struct rp_note){
        .onset = since, .duration = frame - since, .pitch = (uint8_t)pitch,
        .velocity = 64 };
    maker->since[pitch] = -1;
    return RP_OK;
}

/* Pitches that sound no more end, new ones begin. */
static rp_status read_frame(struct maker *maker, int32_t frame)
{
    struct text *text = &maker->text;
    bool sounds[128] = { false }, first = true;
    rp_status status = RP_OK;

    if (!skip(text, '['))
        return expected(text, text->at, "a frame: [pitch, ...]");
    while (next(text, &first, &status)) {
        size_t at = text->at;
        uint32_t pitch = 0;
        status = read_pitch(text, &pitch);
        if (!status && sounds[pitch])
            status = expected(text, at, "every pitch of a frame once");
        sounds[pitch] = true;
    }
    for (uint32_t i = 0; i < 128 && !status; i++) {
        if (sounds[i] && maker->since[i] < 0)
            maker->since[i] = frame;
        else if (!sounds[i] && maker->since[i] >= 0)
            status = end_note(maker, i, frame);
    }
    return status;
}

static void set_range(struct rp_piece *piece)
{
    piece->low = piece->count ? 127 : 0;
    for (uint32_t i = 0; i < piece->count; i++) {
        uint8_t pitch = piece->note[i].pitch;
        piece->low = pitch < piece->low ? pitch : piece->low;
        piece->high = pitch > piece->high ? pitch : piece->high;
    }
}

static rp_status keep_piece(struct maker *maker, enum rp_split split,
                            uint32_t number, int32_t frames)
{
    struct rp_dataset *set = &maker->set;
    struct rp_piece piece = { .split = split, .length = frames };
    const char *slash = strrchr(maker->text.path, '/');

    if (set->count == maker->pieces_room) {
        uint32_t room = maker->pieces_room ? 2 * maker->pieces_room : 256;
        void *grown = realloc(set->piece, room * sizeof *set->piece);
        if (!grown)
            return no_memory(maker);
        set->piece = grown;
        maker->pieces_room = room;
    }
    if (asprintf(&piece.path, "%s: %s %u",
                 slash ? slash + 1 : maker->text.path, rp_split_names[split],
                 number) < 0)
        return no_memory(maker);
    piece.note = malloc((maker->notes + 1u) * sizeof *piece.note);
    if (!piece.note) {
        free(piece.path);
        return no_memory(maker);
    }
    if (maker->notes)
        memcpy(piece.note, maker->note, maker->notes * sizeof *piece.note);
    piece.count = rp_notes_sort(piece.note, maker->notes);
    set_range(&piece);
    set->piece[set->count++] = piece;
    return RP_OK;
}

static rp_status read_piece(struct maker *maker, enum rp_split split,
                            uint32_t number)
{
    struct text *text = &maker->text;
    rp_status status = RP_OK;
    bool first = true;
    int32_t frame = 0;

    maker->notes = 0;
    for (int i = 0; i < 128; i++)
        maker->since[i] = -1;
    if (!skip(text, '['))
        return expected(text, text->at, "a piece: [[pitch, ...], ...]");
    while (next(text, &first, &status)) {
        if (frame == FRAMES_MAX)
            return expected(text, text->at, "fewer than 2^24 frames");
        status = read_frame(maker, frame++);
    }
    for (uint32_t i = 0; i < 128 && !status; i++)
        if (maker->since[i] >= 0)
            status = end_note(maker, i, frame);
    return status ? status : keep_piece(maker, split, number, frame);
}

static rp_status read_split(struct maker *maker, bool *seen)
{
    static const char *const want =
        "\"train\", \"valid\" or \"test\", each once";
    struct text *text = &maker->text;
    rp_status status = RP_OK;
    bool first = true;
    uint32_t number = 0;

    peek(text);
    for (int s = 0; s < RP_SPLITS; s++) {
        char key[16];
        int size = snprintf(key, sizeof key, "\"%s\"", rp_split_names[s]);
        if (seen[s] || text->size - text->at < (size_t)size ||
            memcmp(text->byte + text->at, key, (size_t)size))
            continue;
        seen[s] = true;
        text->at += (size_t)size;
        if (!skip(text, ':'))
            return expected(text, text->at, "':'");
        if (!skip(text, '['))
            return expected(text, text->at, "a list of pieces");
        while (next(text, &first, &status))
            status = read_piece(maker, (enum rp_split)s, number++);
        return status;
    }
    return expected(text, text->at, want);
}

static rp_status read_set(struct maker *maker)
{
    struct text *text = &maker->text;
    bool seen[RP_SPLITS] = { false };
    rp_status status = RP_OK;

    if (!skip(text, '{'))
        return expected(text, text->at,
                        "piano rolls: {\"train\": [...], \"valid\": [...], "
                        "\"test\": [...]}");
    for (int s = 0; s < RP_SPLITS && !status; s++) {
        if (s && !skip(text, ','))
            return expected(text, text->at, "',' and another split");
        status = read_split(maker, seen);
    }
    if (!status && !skip(text, '}'))
        status = expected(text, text->at, "'}'");
    if (!status && peek(text) != -1)
        status = expected(text, text->at, "nothing more");
    return status;
}

static void set_hash(struct rp_dataset *set)
{
    struct rp_sha256 sha;
    unsigned char digest[32];

    rp_sha256_init(&sha);
    rp_sha256_add_i32(&sha, set->vocabulary.resolution);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct rp_piece *piece = &set->piece[i];
        rp_sha256_add_i32(&sha, (int32_t)piece->split);
        rp_sha256_add_i32(&sha, (int32_t)piece->count);
        rp_sha256_add_i32(&sha, piece->length);
        for (uint32_t k = 0; k < piece->count; k++) {
            rp_sha256_add_i32(&sha, piece->note[k].onset);
            rp_sha256_add_i32(&sha, piece->note[k].duration);
            rp_sha256_add_i32(&sha, piece->note[k].pitch);
        }
    }
    rp_sha256_end(&sha, digest);
    rp_sha256_hex(digest, set->hash);
}

static rp_status load(const char *path, struct text *text)
{
    FILE *file = fopen(path, "rb");
    long size = -1;

    *text = (struct text){ .path = path };
    if (file && !fseek(file, 0, SEEK_END))
        size = ftell(file);
    if (size >= 0 && size < INT32_MAX && !fseek(file, 0, SEEK_SET) &&
        (text->byte = malloc((size_t)size + 1)))
        text->size = fread(text->byte, 1, (size_t)size, file);
    if (file && text->byte && !ferror(file)) {
        fclose(file);
        return RP_OK;
    }
    rp_log(RP_ERROR, "frames", "%s: %s", path,
           errno ? strerror(errno) : "cannot be read");
    if (file)
        fclose(file);
    return RP_EIO;
}

rp_status rp_dataset_read_frames(const char *path,
                                 const struct rp_vocabulary *vocabulary,
                                 struct rp_dataset *dataset)
{
    struct maker maker = { .set.vocabulary = *vocabulary, .set.files = 1,
                           .set.rolls = true };
    rp_status status;

    errno = 0;
    status = load(path, &maker.text);
    if (!status)
        status = read_set(&maker);
    if (status) {
        rp_dataset_fini(&maker.set);
    } else {
        set_hash(&maker.set);
        *dataset = maker.set;
    }
    free(maker.text.byte);
    free(maker.note);
    return status;
}

/* Silent frames after the last note. */
static int32_t tail_of(const struct rp_piece *piece)
{
    int32_t end = 0;

    for (uint32_t i = 0; i < piece->count; i++) {
        const struct rp_note *note = &piece->note[i];
        if (note->onset + note->duration > end)
            end = note->onset + note->duration;
    }
    return piece->length - end;
}

struct rp_frames_tail rp_frames_tail_fit(const struct rp_dataset *dataset)
{
    double none = 0.5, some = 0.5, frames = 1;

    for (uint32_t i = 0; i < dataset->count; i++) {
        int32_t tail = tail_of(&dataset->piece[i]);
        if (dataset->piece[i].split != RP_TRAIN)
            continue;
        none += tail == 0;
        some += tail > 0;
        frames += tail;
    }
    return (struct rp_frames_tail){ none / (none + some), some / frames };
}

double rp_frames_tail_nats(const struct rp_frames_tail *tail,
                           const struct rp_piece *piece)
{
    int32_t frames = tail_of(piece);

    if (!frames)
        return -log(tail->none);
    return -log1p(-tail->none) - log(tail->stop) -
           (double)(frames - 1) * log1p(-tail->stop);
}
