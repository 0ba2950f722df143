/* A small reader of .mid for the live tests, written apart from riposte's
 * own so that the two check each other. Strict: anything odd ends the test. */
#ifndef MIDFILE_H
#define MIDFILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mid_event {
    int64_t tick;
    int track;  /* from 0 */
    int size;   /* 1..3; 0 for a meta event */
    uint8_t data[3];
    int meta;   /* its type, else -1 */
    uint32_t value; /* tempo in microseconds, or numerator << 8 | power */
};
struct mid_file {
    int division, tracks;
    int count;
    struct mid_event *event; /* track by track, in file order */
    char name[64][64];       /* of tracks */
};

static void mid_fail(const char *path, size_t at, const char *what)
{
    fprintf(stderr, "%s: byte %zu: %s\n", path, at, what);
    exit(1);
}

static uint32_t mid_number(const uint8_t *b, int bytes)
{
    uint32_t n = 0;
    for (int i = 0; i < bytes; i++)
        n = n << 8 | b[i];
    return n;
}

struct mid_cursor {
    const char *path;
    const uint8_t *b;
    size_t at, end;
};

static uint8_t mid_byte(struct mid_cursor *c)
{
    if (c->at >= c->end)
        mid_fail(c->path, c->at, "the track ends in the middle of an event");
    return c->b[c->at++];
}

static uint32_t mid_varlen(struct mid_cursor *c)
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t b = mid_byte(c);
        n = n << 7 | (b & 127);
        if (!(b & 128))
            return n;
    }
    mid_fail(c->path, c->at, "a number of more than four bytes");
    return 0;
}

static void mid_meta(struct mid_cursor *c, struct mid_file *mid,
                     struct mid_event *e)
{
    e->meta = mid_byte(c);
    uint32_t size = mid_varlen(c);
    if (size > c->end - c->at)
        mid_fail(c->path, c->at, "a meta event longer than its track");
    const uint8_t *b = c->b + c->at;
    c->at += size;
    if (e->meta == 0x51 && size == 3)
        e->value = mid_number(b, 3);
    if (e->meta == 0x58 && size == 4)
        e->value = mid_number(b, 2);
    if (e->meta == 0x03 && e->track < 64)
        snprintf(mid->name[e->track], 64, "%.*s", (int)size, (const char *)b);
}

static void mid_track(struct mid_cursor *c, struct mid_file *mid, int track,
                      int *room)
{
    int64_t tick = 0;
    uint8_t running = 0;
    int ended = 0;
    while (c->at < c->end && !ended) {
        if (mid->count == *room) {
            *room = *room ? 2 * *room : 256;
            mid->event = realloc(mid->event,
                                 (size_t)*room * sizeof *mid->event);
        }
        struct mid_event *e = &mid->event[mid->count];
        memset(e, 0, sizeof *e);
        tick += mid_varlen(c);
        e->tick = tick;
        e->track = track;
        e->meta = -1;
        uint8_t b = mid_byte(c);
        if (b == 0xff) {
            mid_meta(c, mid, e);
            ended = e->meta == 0x2f;
        } else if (b == 0xf0 || b == 0xf7) {
            uint32_t size = mid_varlen(c);
            while (size--)
                mid_byte(c);
            continue;
        } else {
            if (b & 128)
                running = b;
            else
                c->at--;
            if (running < 0x80 || running >= 0xf0)
                mid_fail(c->path, c->at, "a data byte without a status");
            e->data[0] = running;
            e->size = (running >> 4 == 0xc || running >> 4 == 0xd) ? 2 : 3;
            for (int i = 1; i < e->size; i++)
                if ((e->data[i] = mid_byte(c)) & 128)
                    mid_fail(c->path, c->at, "a status inside an event");
        }
        mid->count++;
    }
    if (!ended || c->at != c->end)
        mid_fail(c->path, c->at, "no end of track where the chunk ends");
}

static struct mid_file mid_read(const char *path)
{
    struct mid_file mid = {0};
    FILE *in = fopen(path, "rb");
    static uint8_t bytes[1 << 24];
    if (!in) {
        perror(path);
        exit(1);
    }
    size_t size = fread(bytes, 1, sizeof bytes, in), at = 14;
    fclose(in);
    if (size < 14 || memcmp(bytes, "MThd\0\0\0\6", 8))
        mid_fail(path, 0, "no MThd of 6 bytes");
    mid.tracks = (int)mid_number(bytes + 10, 2);
    mid.division = (int)mid_number(bytes + 12, 2);
    if (mid.division <= 0 || mid.division & 0x8000)
        mid_fail(path, 12, "no division in ticks per quarter note");
    int room = 0;
    for (int track = 0; track < mid.tracks; track++) {
        if (size - at < 8 || memcmp(bytes + at, "MTrk", 4))
            mid_fail(path, at, "no MTrk");
        size_t length = mid_number(bytes + at + 4, 4);
        at += 8;
        if (length > size - at)
            mid_fail(path, at, "a track longer than the file");
        struct mid_cursor c = {path, bytes, at, at + length};
        mid_track(&c, &mid, track, &room);
        at += length;
    }
    if (at != size)
        mid_fail(path, at, "bytes after the last track");
    return mid;
}

#endif
