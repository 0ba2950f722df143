/* Reading .mid from anyone. Two ways to run it:
 *
 * as a test, over the seeds below, files named on the command line, and
 * mutations of all of them that are the same every time (built with address
 * and undefined-behaviour checks where the compiler has them);
 *
 * with libFuzzer, from the root of the tree:
 *   clang -g -O1 -std=gnu11 -D_GNU_SOURCE -DRP_LIBFUZZER -I. \
 *     -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_smf.c \
 *     model/data/{smf,smf_notes,bars,note,vocabulary}.c rt/{event,log}.c \
 *     -lpthread -o fuzz_smf && ./fuzz_smf -max_len=4096 CORPUS
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/bars.h"
#include "model/data/smf.h"
#include "rt/log.h"

#define HOLD(condition)                                                        \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,  \
                    #condition);                                               \
            abort();                                                           \
        }                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static uint32_t lines;

static void count_lines(void *self, enum rp_level level, const char *tag,
                        const char *text)
{
    lines += level >= RP_WARN;
    HOLD(*text && !strchr(text, '\n'));
}

static void check_tracks(const struct rp_smf *smf)
{
    for (uint32_t i = 0; i < smf->tracks; i++) {
        const struct rp_smf_track *track = &smf->track[i];
        int64_t tick = 0;
        HOLD(track->name);
        for (uint32_t k = 0; k < track->events; k++) {
            struct rp_event event = track->event[k].event;
            HOLD(track->event[k].tick >= tick);
            tick = track->event[k].tick;
            HOLD(event.data[0] >= 0x80 && event.data[0] < 0xf0);
            HOLD(event.size == 1 + rp_event_data_size(event.data[0]));
            HOLD(event.data[1] < 0x80 && event.data[2] < 0x80);
        }
        HOLD(tick <= track->end);
        for (uint32_t k = 0; k < track->texts; k++)
            for (const char *c = track->text[k].text; *c; c++)
                HOLD((unsigned char)*c >= ' ' && *c != 0x7f);
    }
    for (uint32_t i = 1; i < smf->tempos; i++)
        HOLD(smf->tempo[i].tick >= smf->tempo[i - 1].tick);
}

/* Canonical: in order, no pitch twice at once, lengths known. */
static void check_notes(const struct rp_note *note, uint32_t count,
                        bool melody)
{
    int64_t until[128] = {0};
    for (uint32_t i = 0; i < count; i++) {
        HOLD(note[i].onset >= 0 && note[i].duration >= 1);
        HOLD((int64_t)note[i].onset + note[i].duration <= INT32_MAX);
        HOLD(note[i].pitch < 128 && note[i].velocity < 128);
        HOLD(note[i].onset >= until[note[i].pitch]);
        until[note[i].pitch] = (int64_t)note[i].onset + note[i].duration;
        if (i && melody)
            HOLD(note[i].onset >= note[i - 1].onset + note[i - 1].duration);
        else if (i)
            HOLD(note[i].onset > note[i - 1].onset ||
                 (note[i].onset == note[i - 1].onset &&
                  note[i].pitch < note[i - 1].pitch));
    }
}

static void check_meaning(const struct rp_smf *smf, uint32_t resolution)
{
    struct rp_note *note;
    struct rp_metre_change *change;
    uint32_t count, changes;
    HOLD(!rp_smf_notes(smf, -1, true, resolution, &note, &count));
    check_notes(note, count, false);
    free(note);
    HOLD(!rp_smf_melody(smf, resolution, &note, &count));
    check_notes(note, count, true);
    HOLD(!rp_smf_metres(smf, resolution, &change, &changes));
    for (uint32_t i = 0; i < changes; i++)
        HOLD(change[i].metre.beats && change[i].metre.unit &&
             change[i].tick >= 0 &&
             (!i || change[i].tick > change[i - 1].tick));
    struct rp_piece piece = {.count = count, .note = note, .metres = changes,
                             .metre = change};
    (void)rp_bars_shorten(&piece, resolution, 2);
    check_notes(note, count, true);
    free(note);
    free(change);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct rp_smf smf;
    lines = 0;
    rp_log_to(count_lines, NULL);
    rp_status status = rp_smf_parse("fuzz.mid", data, size, &smf);
    /* One line about what was wrong, and none about what was not. */
    HOLD(lines == (status || smf.damage ? 1 : 0));
    HOLD(status == RP_OK || status == RP_EFORMAT);
    if (status)
        return 0;
    HOLD(smf.division && smf.tracks && smf.type <= 2);
    check_tracks(&smf);
    check_meaning(&smf, 24);
    check_meaning(&smf, 1 + (uint32_t)(size % 960));
    for (uint32_t i = 0; i < smf.tracks; i++) {
        double seconds = rp_smf_track_seconds(&smf, i, smf.track[i].end);
        HOLD(seconds >= 0 && isfinite(seconds));
    }
    rp_smf_fini(&smf);
    return 0;
}

#ifndef RP_LIBFUZZER

enum { SIZE = 1 << 16, ROUNDS = 4000 };

#define SEED(bytes) {bytes, sizeof(bytes) - 1}
static const struct {
    const char *bytes;
    size_t size;
} seeds[] = {
    SEED("MThd\0\0\0\x06\0\x01\0\x02\x01\xe0"
         "MTrk\0\0\0\x1b\0\xff\x51\x03\x07\xa1\x20\0\xff\x58\x04\x06\x03\x18"
         "\x08\x83\x60\xff\x51\x03\x0f\x42\x40\x01\xff\x2f\0"
         "MTrk\0\0\0\x28\0\xff\x03\x05voice\0\x90\x3c\x50\x83\x60\x3c\0\0\xff"
         "\x01\x01G\0\x3e\x51\x81\x70\xf0\x03\x01\x02\xf7\x81\x70\x3e\0\0\xff"
         "\x2f\0"),
    SEED("MThd\0\0\0\x06\0\0\0\x01\xe7\x28"
         "MTrk\0\0\0\x1b\0\x90\x3c\x50\0\x40\x50\x0a\x43\x50\x83\x60\x3c\0\0"
         "\x40\0\0\x43\0\0\xc0\x05\0\xff\x2f\0"),
    SEED("MThd\0\0\0\x06\0\x02\0\x02\0\x60"
         "MTrk\0\0\0\x0d\0\x90\x3c\x50\x83\x60\x80\x3c\0\0\xff\x2f\0"
         "XFIH\0\0\0\x02\x01\x02"
         "MTrk\0\0\0\x14\0\x99\x24\x50\xff\xff\xff\x7f\x99\x24\0\0\xe0\0\x40"
         "\0\xff\x2f\0"),
};

static uint32_t state = 1;
static uint32_t dice(uint32_t sides)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % sides;
}

static size_t mutate(unsigned char *at, size_t size)
{
    static const unsigned char odd[] = {0, 1, 0x7f, 0x80, 0xff, 0x90, 0x2f,
                                        0x51, 0x58, 0xf0, 0xf7, 0xe7};
    size_t where = size ? dice((uint32_t)size) : 0, some = 1 + dice(16);
    switch (dice(7)) {
    case 0:
        if (size)
            at[where] ^= (unsigned char)(1 << dice(8));
        return size;
    case 1:
        if (size)
            at[where] = odd[dice(sizeof odd)];
        return size;
    case 2: /* cut out */
        if (some > size - where)
            some = size - where;
        memmove(at + where, at + where + some, size - where - some);
        return size - some;
    case 3: /* say twice */
        if (size + some > SIZE || some > size - where)
            return size;
        memmove(at + where + some, at + where, size - where);
        return size + some;
    case 4: /* break off */
        return dice(8) ? size : where;
    case 5: /* a length */
        if (size - where >= 4)
            memcpy(at + where, dice(2) ? "\xff\xff\xff\xff" : "\0\0\1\0", 4);
        return size;
    default: /* bytes from elsewhere in the file */
        if (size > 32)
            memmove(at + where, at + dice((uint32_t)size - 16),
                    size - where < 16 ? size - where : 16);
        return size;
    }
}

/* A copy of exactly this size, so that every byte beyond it is seen. */
static void try_one(const unsigned char *at, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    HOLD(copy);
    memcpy(copy, at, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint32_t try_seed(const unsigned char *bytes, size_t size)
{
    static unsigned char at[SIZE];
    uint32_t rounds = size > 2000 ? ROUNDS / 10 : ROUNDS;
    if (size > SIZE)
        size = SIZE;
    try_one(bytes, size);
    for (uint32_t i = 0; i < rounds; i++) {
        size_t now = size;
        memcpy(at, bytes, size);
        for (uint32_t k = 1 + dice(6); k; k--)
            now = mutate(at, now);
        try_one(at, now);
    }
    return rounds + 1;
}

int main(int argc, char **argv)
{
    static unsigned char bytes[SIZE];
    uint32_t tried = 0;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        tried += try_seed((const unsigned char *)seeds[i].bytes, seeds[i].size);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return 1;
        }
        tried += try_seed(bytes, fread(bytes, 1, SIZE, file));
        fclose(file);
    }
    printf("%u files read\n", tried);
    return 0;
}

#endif
