#include "model/data/smf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rt/log.h"

enum {
    SIZE_MAX_MIB = 64, /* a larger file is no music */
    DIVISION_ELSE = 480,
    META_TEXT_LAST = 15,
    META_NAME = 3,
    META_END = 0x2f,
    META_TEMPO = 0x51,
    META_METRE = 0x58
};

/* One pass over the bytes of a file. */
struct scan {
    const unsigned char *bytes;
    size_t size;
    size_t at;
    size_t limit;    /* end of the chunk being read */
    bool wide;       /* limit is no longer what the chunk's length says */
    bool no_delta;   /* after damage: `at` is at a status byte */
    bool no_memory;
    int64_t scale;   /* ticks of ours for one of the file (SMPTE) */
    bool smpte;
    struct rp_smf *smf;
    char first[160]; /* the first thing that was wrong */
};

enum step { GO_ON, TRACK_OVER, BROKEN };

__attribute__((format(printf, 3, 4))) static void
damage(struct scan *s, size_t at, const char *format, ...)
{
    if (s->smf->damage++)
        return;
    int n = snprintf(s->first, sizeof s->first, "byte %zu: ", at);
    va_list list;
    va_start(list, format);
    vsnprintf(s->first + n, sizeof s->first - (size_t)n, format, list);
    va_end(list);
}

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | at[2] << 8 | at[3];
}

/* Room for one more item behind `count`: doubled at each power of two. */
static bool grow(struct scan *s, void *array, uint32_t count, size_t item)
{
    void *at;
    if (count && (count < 16 || count & (count - 1)))
        return true;
    memcpy(&at, array, sizeof at); /* a pointer of any type */
    void *grown = realloc(at, (count ? 2 * (size_t)count : 16) * item);
    if (grown)
        memcpy(array, &grown, sizeof grown);
    else
        s->no_memory = true;
    return grown;
}

/* Whether a chunk can begin here, or the file end. */
static bool chunk_at(const struct scan *s, size_t at)
{
    if (at >= s->size)
        return at == s->size;
    if (s->size - at < 8)
        return false;
    if (!memcmp(s->bytes + at, "MTrk", 4))
        return true;
    for (int i = 0; i < 4; i++)
        if (s->bytes[at + i] < ' ' || s->bytes[at + i] > '~')
            return false;
    return get_u32(s->bytes + at + 4) <= s->size - at - 8;
}

static size_t find_track(const struct scan *s, size_t from)
{
    const unsigned char *found =
        from < s->size ? memmem(s->bytes + from, s->size - from, "MTrk", 4)
                       : NULL;
    return found ? (size_t)(found - s->bytes) : s->size;
}

/* Whether `count` bytes are left in the chunk. Where its length says no, but
 * what follows is no chunk either, the length was wrong and is let go. */
static bool room(struct scan *s, size_t count)
{
    if (count <= s->limit - s->at)
        return true;
    if (s->wide || chunk_at(s, s->limit))
        return false;
    damage(s, s->limit, "the chunk's length ends it here: expected a chunk");
    s->wide = true;
    s->limit = find_track(s, s->limit);
    return count <= s->limit - s->at;
}

static enum step breaks(struct scan *s, const char *expected)
{
    damage(s, s->at, "track %u breaks off: expected %s", s->smf->tracks - 1,
           expected);
    s->at = s->limit;
    return BROKEN;
}

/* A number of seven-bit bytes, as delta times and lengths are. More than four
 * bytes are damage. False when it breaks off. */
static bool get_number(struct scan *s, uint32_t *number)
{
    size_t from = s->at;
    uint32_t value = 0;
    for (;;) {
        if (!room(s, 1))
            return false;
        unsigned char byte = s->bytes[s->at++];
        if (s->at - from <= 4)
            value = value << 7 | (byte & 0x7f);
        if (byte < 0x80)
            break;
    }
    if (s->at - from > 4)
        damage(s, from, "a number of %zu bytes: expected at most 4",
               s->at - from);
    *number = value;
    return true;
}

/* Bytes of a well-formed UTF-8 character at `at`, 0 when it is none. */
static size_t utf8_size(const unsigned char *at, size_t left)
{
    size_t size = *at < 0x80               ? 1
                  : *at >= 0xc2 && *at < 0xe0 ? 2
                  : *at >= 0xe0 && *at < 0xf0 ? 3
                  : *at >= 0xf0 && *at < 0xf5 ? 4
                                              : 0;
    if (!size || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* C1 controls, overlong forms, surrogates, beyond U+10FFFF */
    if ((*at == 0xc2 && at[1] < 0xa0) || (*at == 0xe0 && at[1] < 0xa0) ||
        (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
        (*at == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

/* Controls become spaces, what is no UTF-8 a question mark; no spaces at the
 * ends. */
static char *printable(const unsigned char *at, size_t size)
{
    char *text = malloc(size + 1), *to = text;
    if (!text)
        return NULL;
    for (size_t i = 0, n; i < size; i += n ? n : 1) {
        n = utf8_size(at + i, size - i);
        if (!n)
            *to++ = '?';
        else if (n == 1 && (at[i] < ' ' || at[i] == 0x7f))
            *to++ = ' ';
        else
            for (size_t k = 0; k < n; k++)
                *to++ = (char)at[i + k];
    }
    while (to > text && to[-1] == ' ')
        to--;
    *to = 0;
    size_t blank = strspn(text, " ");
    memmove(text, text + blank, (size_t)(to - text) - blank + 1);
    return text;
}

static void add_text(struct scan *s, struct rp_smf_track *track, int64_t tick,
                     uint8_t type, const unsigned char *at, uint32_t size)
{
    char *text = printable(at, size);
    if (!text || !grow(s, &track->text, track->texts, sizeof *track->text)) {
        free(text);
        s->no_memory = true;
        return;
    }
    track->text[track->texts++] =
        (struct rp_smf_text){.tick = tick, .type = type, .text = text};
    if (type == META_NAME && !*track->name) {
        char *name = strdup(text);
        if (!name) {
            s->no_memory = true;
            return;
        }
        free(track->name);
        track->name = name;
    }
}

static void add_tempo(struct scan *s, int64_t tick, const unsigned char *at,
                      uint32_t size)
{
    struct rp_smf *smf = s->smf;
    uint32_t us = size >= 3 ? get_u32(at - 1) & 0xffffff : 0;
    if (!us) {
        damage(s, s->at, "tempo of %u bytes: expected 3, not all 0", size);
        return;
    }
    if (s->smpte || !grow(s, &smf->tempo, smf->tempos, sizeof *smf->tempo))
        return;
    smf->tempo[smf->tempos] = (struct rp_smf_tempo){
        .tick = tick, .us_per_beat = us, .track = smf->tracks - 1,
        .order = smf->tempos};
    smf->tempos++;
}

static void add_metre(struct scan *s, int64_t tick, const unsigned char *at,
                      uint32_t size)
{
    struct rp_smf *smf = s->smf;
    if (size < 2 || !at[0] || at[0] > 32 || at[1] > 5) {
        damage(s, s->at, "metre: expected 1..32 beats of 1/1..1/32");
        return;
    }
    if (s->smpte || !grow(s, &smf->metre, smf->metres, sizeof *smf->metre))
        return;
    smf->metre[smf->metres] = (struct rp_smf_metre){
        .tick = tick, .metre = {at[0], (uint8_t)(1 << at[1])},
        .track = smf->tracks - 1, .order = smf->metres};
    smf->metres++;
}

static enum step read_meta(struct scan *s, struct rp_smf_track *track,
                           int64_t tick)
{
    uint32_t size;
    s->at++;
    if (!room(s, 1))
        return breaks(s, "the type of a meta event");
    uint8_t type = s->bytes[s->at++];
    if (!get_number(s, &size))
        return breaks(s, "the length of a meta event");
    if (!room(s, size))
        return breaks(s, "the rest of a meta event");
    const unsigned char *at = s->bytes + s->at;
    if (type == META_TEMPO)
        add_tempo(s, tick, at, size);
    else if (type == META_METRE)
        add_metre(s, tick, at, size);
    else if (type >= 1 && type <= META_TEXT_LAST)
        add_text(s, track, tick, type, at, size);
    s->at += size;
    return type == META_END ? TRACK_OVER : GO_ON;
}

static enum step read_sysex(struct scan *s)
{
    uint32_t size;
    s->at++;
    if (!get_number(s, &size))
        return breaks(s, "the length of a SysEx");
    if (!room(s, size))
        return breaks(s, "the rest of a SysEx");
    s->at += size;
    return GO_ON;
}

/* After a byte that cannot be meant: on to where a whole channel message or a
 * meta event stands. The time between is lost. */
static void find_event(struct scan *s)
{
    for (; s->at < s->limit; s->at++) {
        const unsigned char *at = s->bytes + s->at;
        size_t left = s->limit - s->at;
        if (*at < 0x80 || (*at >= 0xf0 && *at < 0xff))
            continue;
        if (*at == 0xff ? left >= 3 && at[1] < 0x80 && at[2] < 0x80 &&
                              at[2] <= left - 3
                        : left >= 3 && at[1] < 0x80 &&
                              (at[2] < 0x80 || (*at & 0xe0) == 0xc0))
            break;
    }
    s->no_delta = true;
}

static enum step read_message(struct scan *s, struct rp_smf_track *track,
                              int64_t tick, uint8_t *running)
{
    struct rp_event event = {0};
    uint8_t byte = s->bytes[s->at];
    if (byte >= 0x80) {
        *running = byte;
        s->at++;
    } else if (!*running) {
        damage(s, s->at, "%02x: expected a status byte", byte);
        find_event(s);
        return GO_ON;
    }
    int size = rp_event_data_size(*running);
    if (!room(s, (size_t)size))
        return breaks(s, "the rest of a message");
    event.size = (uint8_t)(1 + size);
    event.data[0] = *running;
    for (int i = 1; i <= size; i++) {
        event.data[i] = s->bytes[s->at];
        if (event.data[i] >= 0x80) {
            damage(s, s->at, "%02x: expected a data byte", event.data[i]);
            find_event(s);
            return GO_ON;
        }
        s->at++;
    }
    if (grow(s, &track->event, track->events, sizeof *track->event))
        track->event[track->events++] =
            (struct rp_smf_event){.tick = tick, .event = event};
    return GO_ON;
}

static enum step read_event(struct scan *s, struct rp_smf_track *track,
                            uint8_t *running)
{
    uint32_t delta = 0;
    if (!s->no_delta && !get_number(s, &delta))
        return breaks(s, "a delta time");
    s->no_delta = false;
    track->end += (int64_t)delta * s->scale;
    if (!room(s, 1))
        return breaks(s, "an event");
    uint8_t byte = s->bytes[s->at];
    if (byte == 0xff)
        return read_meta(s, track, track->end);
    if (byte == 0xf0 || byte == 0xf7)
        return read_sysex(s);
    if (byte > 0xf0) {
        damage(s, s->at, "%02x: expected an event of a file", byte);
        s->at++;
        find_event(s);
        return GO_ON;
    }
    /* Running status is kept across meta events and SysEx: some files count
     * on it, and where it would not hold, no data byte follows. */
    return read_message(s, track, track->end, running);
}

/* Where the chunk after a track is; `at` is behind what was read of it. */
static size_t after_track(struct scan *s, enum step last, size_t chunk)
{
    if (last == TRACK_OVER && s->at < s->limit &&
        s->limit - s->at >= 8 && !memcmp(s->bytes + s->at, "MTrk", 4)) {
        damage(s, chunk + 4, "the chunk's length takes in the next track");
        return s->at;
    }
    if (s->wide || chunk_at(s, s->limit)) {
        if (last == TRACK_OVER && s->at < s->limit)
            damage(s, s->at, "%zu bytes after the end of the track",
                   s->limit - s->at);
        return s->limit;
    }
    damage(s, chunk + 4, "the chunk's length leads to no chunk");
    return find_track(s, s->at);
}

/* Reads the track whose chunk begins at `chunk`; returns where the next one
 * does. */
static size_t read_track(struct scan *s, size_t chunk)
{
    struct rp_smf *smf = s->smf;
    size_t size = get_u32(s->bytes + chunk + 4);
    if (!grow(s, &smf->track, smf->tracks, sizeof *smf->track))
        return s->size;
    struct rp_smf_track *track = &smf->track[smf->tracks++];
    *track = (struct rp_smf_track){.name = strdup("")};
    if (!track->name)
        s->no_memory = true;
    s->at = chunk + 8;
    s->limit = s->at + size;
    s->wide = s->no_delta = false;
    if (size > s->size - s->at) {
        damage(s, chunk + 4, "a chunk of %zu bytes: %zu are left", size,
               s->size - s->at);
        s->wide = true;
        s->limit = find_track(s, s->at);
    }
    uint8_t running = 0;
    enum step step = GO_ON;
    while (step == GO_ON && !s->no_memory) {
        if (!room(s, 1)) {
            if (s->at > chunk + 8)
                damage(s, s->at, "track %u has no end", smf->tracks - 1);
            break;
        }
        step = read_event(s, track, &running);
    }
    return after_track(s, step, chunk);
}

static void read_tracks(struct scan *s, size_t at, uint32_t announced)
{
    while (at < s->size && !s->no_memory) {
        if (!chunk_at(s, at)) {
            /* One byte on: a tag in the last bytes is no chunk either. */
            size_t next = find_track(s, at + 1);
            damage(s, at, "expected a chunk: %zu bytes passed over", next - at);
            at = next;
        } else if (!memcmp(s->bytes + at, "MTrk", 4)) {
            at = read_track(s, at);
        } else { /* unknown: the standard says to pass over it */
            at += 8 + get_u32(s->bytes + at + 4);
        }
    }
    if (s->smf->tracks != announced)
        damage(s, s->size, "%u tracks: the header says %u", s->smf->tracks,
               announced);
}

static void set_division(struct scan *s, size_t at)
{
    const unsigned char *two = s->bytes + at;
    struct rp_smf *smf = s->smf;
    s->scale = 1;
    smf->division = (uint32_t)two[0] << 8 | two[1];
    if (two[0] & 0x80) {
        uint32_t rate = 256 - two[0], ticks = two[1];
        s->smpte = true;
        if (rate == 29) { /* 30 drop: 29.97 frames a second */
            smf->division = 2997 * ticks;
            s->scale = 200;
        } else {
            smf->division = rate * ticks;
            s->scale = 2;
        }
        if (smf->division % 2 == 0 && s->scale == 2) {
            smf->division /= 2;
            s->scale = 1;
        }
        if (rate != 24 && rate != 25 && rate != 29 && rate != 30)
            damage(s, at, "%u frames a second: expected 24, 25, 29 or 30",
                   rate);
    }
    if (!smf->division) {
        damage(s, at, "a division of 0: read as %d", DIVISION_ELSE);
        smf->division = DIVISION_ELSE;
    }
}

/* The offset of the header, or the size when there is none: at 0, in a RIFF
 * file, or behind a little that does not belong there. */
static size_t find_header(const struct scan *s)
{
    size_t range = s->size < 1024 ? s->size : 1024;
    const unsigned char *found = memmem(s->bytes, range, "MThd", 4);
    return found ? (size_t)(found - s->bytes) : s->size;
}

static rp_status read_file(struct scan *s, const char *path)
{
    struct rp_smf *smf = s->smf;
    size_t at = find_header(s);
    if (at == s->size) {
        rp_log(RP_ERROR, "smf", "%s: byte 0: expected MThd: no MIDI file",
               path);
        return RP_EFORMAT;
    }
    if (s->size - at < 14) {
        rp_log(RP_ERROR, "smf", "%s: byte %zu: expected 14 bytes of header",
               path, s->size);
        return RP_EFORMAT;
    }
    if (at && memcmp(s->bytes, "RIFF", 4))
        damage(s, 0, "%zu bytes before the header", at);
    uint32_t size = get_u32(s->bytes + at + 4);
    smf->type = (uint16_t)(s->bytes[at + 8] << 8 | s->bytes[at + 9]);
    uint32_t announced = (uint32_t)s->bytes[at + 10] << 8 | s->bytes[at + 11];
    if (smf->type > 2) {
        damage(s, at + 8, "type %u: read as 1", smf->type);
        smf->type = 1;
    }
    set_division(s, at + 12);
    size_t next = at + 8 + (size_t)size;
    if (size < 6 || next > s->size || !chunk_at(s, next)) {
        damage(s, at + 4, "a header of %u bytes: expected 6", size);
        next = find_track(s, at + 14);
    }
    read_tracks(s, next, announced);
    if (s->no_memory) {
        rp_log(RP_ERROR, "smf", "%s: out of memory", path);
        return RP_EMEM;
    }
    if (!smf->tracks) {
        rp_log(RP_ERROR, "smf", "%s: byte %zu: expected a track (MTrk)", path,
               at + 14);
        return RP_EFORMAT;
    }
    return RP_OK;
}

static int compare_tempo(const void *a, const void *b)
{
    const struct rp_smf_tempo *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static int compare_metre(const void *a, const void *b)
{
    const struct rp_smf_metre *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

rp_status rp_smf_parse(const char *path, const unsigned char *bytes,
                       size_t size, struct rp_smf *smf)
{
    struct rp_smf read = {0};
    struct scan scan = {.bytes = bytes, .size = size, .smf = &read};
    rp_status status = read_file(&scan, path);
    if (status) {
        rp_smf_fini(&read);
        return status;
    }
    if (read.tempos)
        qsort(read.tempo, read.tempos, sizeof *read.tempo, compare_tempo);
    if (read.metres)
        qsort(read.metre, read.metres, sizeof *read.metre, compare_metre);
    if (read.damage > 1)
        rp_log(RP_WARN, "smf", "%s: %s (and %u more)", path, scan.first,
               read.damage - 1);
    else if (read.damage)
        rp_log(RP_WARN, "smf", "%s: %s", path, scan.first);
    *smf = read;
    return RP_OK;
}

static rp_status refuse(const char *path, const char *why)
{
    rp_log(RP_ERROR, "smf", "%s: %s", path, why);
    return RP_EIO;
}

rp_status rp_smf_read(const char *path, struct rp_smf *smf)
{
    struct stat stat;
    rp_status status = RP_EIO;
    unsigned char *bytes = NULL;
    FILE *file = fopen(path, "rbe");
    if (!file || fstat(fileno(file), &stat)) {
        refuse(path, strerror(errno));
    } else if (!S_ISREG(stat.st_mode)) {
        refuse(path, "expected a file");
    } else if (stat.st_size > (off_t)SIZE_MAX_MIB << 20) {
        refuse(path, "expected at most 64 MiB");
    } else if (!(bytes = malloc((size_t)stat.st_size + 1))) {
        refuse(path, "out of memory");
        status = RP_EMEM;
    } else {
        size_t size = fread(bytes, 1, (size_t)stat.st_size, file);
        if (ferror(file))
            refuse(path, strerror(errno));
        else
            status = rp_smf_parse(path, bytes, size, smf);
    }
    free(bytes);
    if (file)
        fclose(file);
    return status;
}

void rp_smf_fini(struct rp_smf *smf)
{
    for (uint32_t i = 0; i < smf->tracks; i++) {
        struct rp_smf_track *track = &smf->track[i];
        for (uint32_t k = 0; k < track->texts; k++)
            free(track->text[k].text);
        free(track->text);
        free(track->event);
        free(track->name);
    }
    free(smf->track);
    free(smf->tempo);
    free(smf->metre);
    *smf = (struct rp_smf){0};
}
