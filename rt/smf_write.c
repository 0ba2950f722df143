#include "rt/smf_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"
#include "rt/replace.h"

/* The longest delta time the format can say, four bytes of seven bits. */
#define DELTA_MAX INT64_C(0x0fffffff)

struct item {
    int64_t tick;
    uint32_t order; /* of arrival, so that sorting is stable */
    uint8_t size;
    uint8_t data[8]; /* as in the file, after the delta time */
    char *text;      /* owned; follows data with its length, NULL: none */
};

struct track {
    char *name; /* owned; NULL when it has none */
    struct item *item;
    uint32_t count, room;
};

struct rp_smf_write {
    uint32_t tracks; /* with track 0 */
    uint32_t division;
    struct track track[];
};

struct bytes {
    unsigned char *at;
    size_t size, room;
    bool failed; /* out of memory */
};

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "smf_write", "out of memory");
    return RP_EMEM;
}

rp_status rp_smf_write_create(struct rp_smf_write **smf, uint32_t tracks)
{
    if (tracks >= 0xffff) {
        rp_log(RP_ERROR, "smf_write", "%u tracks: a file holds at most 65534",
               tracks);
        return RP_EARG;
    }
    struct rp_smf_write *made =
        calloc(1, sizeof *made + (tracks + 1) * sizeof made->track[0]);
    if (!made)
        return no_memory();
    made->tracks = tracks + 1;
    made->division = RP_SMF_PPQ;
    *smf = made;
    return RP_OK;
}

void rp_smf_write_destroy(struct rp_smf_write *smf)
{
    if (!smf)
        return;
    for (uint32_t i = 0; i < smf->tracks; i++) {
        free(smf->track[i].name);
        for (uint32_t k = 0; k < smf->track[i].count; k++)
            free(smf->track[i].item[k].text);
        free(smf->track[i].item);
    }
    free(smf);
}

static rp_status add(struct track *track, int64_t tick, const void *data,
                     uint8_t size)
{
    if (tick < 0) {
        rp_log(RP_ERROR, "smf_write", "tick %lld: expected 0 or more",
               (long long)tick);
        return RP_EARG;
    }
    if (track->count == track->room) {
        uint32_t room = track->room ? 2 * track->room : 64;
        struct item *grown = room > track->room
                                 ? realloc(track->item, room * sizeof *grown)
                                 : NULL;
        if (!grown)
            return no_memory();
        track->item = grown;
        track->room = room;
    }
    struct item *item = &track->item[track->count];
    *item = (struct item){.tick = tick, .order = track->count, .size = size};
    memcpy(item->data, data, size);
    track->count++;
    return RP_OK;
}

rp_status rp_smf_write_event(struct rp_smf_write *smf, uint32_t track,
                             int64_t tick, struct rp_event event)
{
    /* Channel messages only: in a file, 0xf0 and up mean something else. */
    uint8_t status = event.data[0];
    bool good =
        track >= 1 && track < smf->tracks && status >= 0x80 && status < 0xf0 &&
        event.size == ((status & 0xe0) == 0xc0 ? 2 : 3) &&
        event.data[1] <= 0x7f && (event.size == 2 || event.data[2] <= 0x7f);
    if (!good) {
        rp_log(RP_ERROR, "smf_write",
               "track %u of %u, %u bytes %02x %02x %02x: expected a channel "
               "message",
               track, smf->tracks - 1, event.size, event.data[0], event.data[1],
               event.data[2]);
        return RP_EARG;
    }
    return add(&smf->track[track], tick, event.data, event.size);
}

rp_status rp_smf_write_name(struct rp_smf_write *smf, uint32_t track,
                            const char *name)
{
    if (track >= smf->tracks) {
        rp_log(RP_ERROR, "smf_write", "track %u of %u does not exist", track,
               smf->tracks - 1);
        return RP_EARG;
    }
    char *copy = strndup(name, 1024);
    if (!copy)
        return no_memory();
    free(smf->track[track].name);
    smf->track[track].name = copy;
    return RP_OK;
}

rp_status rp_smf_write_text(struct rp_smf_write *smf, uint32_t track,
                            int64_t tick, uint8_t type, const char *text)
{
    uint8_t data[] = {0xff, type};
    if (track >= smf->tracks || type < 1 || type > 15) {
        rp_log(RP_ERROR, "smf_write",
               "text of type %u on track %u of %u: expected type 1 to 15",
               type, track, smf->tracks - 1);
        return RP_EARG;
    }
    char *copy = strndup(text, 1024);
    if (!copy)
        return no_memory();
    rp_status status = add(&smf->track[track], tick, data, sizeof data);
    if (status)
        free(copy);
    else
        smf->track[track].item[smf->track[track].count - 1].text = copy;
    return status;
}

rp_status rp_smf_write_division(struct rp_smf_write *smf, uint32_t division)
{
    if (division < 1 || division > 0x7fff) {
        rp_log(RP_ERROR, "smf_write",
               "%u ticks a quarter note: expected 1 to 32767", division);
        return RP_EARG;
    }
    smf->division = division;
    return RP_OK;
}

rp_status rp_smf_write_tempo(struct rp_smf_write *smf, int64_t tick,
                             uint32_t mbpm)
{
    if (!mbpm) {
        rp_log(RP_ERROR, "smf_write", "tempo 0");
        return RP_EARG;
    }
    uint64_t us = (UINT64_C(60000000000) + mbpm / 2) / mbpm;
    return rp_smf_write_tempo_us(smf, tick, us > 0xffffff ? 0xffffff : us);
}

rp_status rp_smf_write_tempo_us(struct rp_smf_write *smf, int64_t tick,
                                uint32_t us)
{
    us = us < 1 ? 1 : us > 0xffffff ? 0xffffff : us;
    uint8_t data[] = {0xff, 0x51, 3, us >> 16, us >> 8 & 0xff, us & 0xff};
    return add(&smf->track[0], tick, data, sizeof data);
}

rp_status rp_smf_write_metre(struct rp_smf_write *smf, int64_t tick,
                             struct rp_metre metre)
{
    uint8_t power = 0;
    while (power < 8 && 1u << power < metre.unit)
        power++;
    if (!metre.beats || 1u << power != metre.unit) {
        rp_log(RP_ERROR, "smf_write", "metre %u/%u", metre.beats, metre.unit);
        return RP_EARG;
    }
    /* 24 MIDI clocks a click, 8 thirty-seconds a quarter: the usual. */
    uint8_t data[] = {0xff, 0x58, 4, metre.beats, power, 24, 8};
    return add(&smf->track[0], tick, data, sizeof data);
}

static void put(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->failed)
        return;
    if (bytes->room - bytes->size < size) {
        size_t room = 2 * (bytes->room + size) + 256;
        unsigned char *grown = realloc(bytes->at, room);
        if (!grown) {
            bytes->failed = true;
            return;
        }
        bytes->at = grown;
        bytes->room = room;
    }
    memcpy(bytes->at + bytes->size, data, size);
    bytes->size += size;
}

static void put_delta(struct bytes *bytes, int64_t delta)
{
    /* Longer than the format can say: empty text events bridge it. */
    for (; delta > DELTA_MAX; delta -= DELTA_MAX)
        put(bytes, "\xff\xff\xff\x7f\xff\x01\x00", 7);
    for (int shift = 21; shift > 0; shift -= 7)
        if (delta >> shift)
            put(bytes, &(uint8_t){0x80 | (delta >> shift & 0x7f)}, 1);
    put(bytes, &(uint8_t){delta & 0x7f}, 1);
}

static int compare(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void put_u32(unsigned char *at, size_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = value >> (24 - 8 * i) & 0xff;
}

static void put_text(struct bytes *bytes, const char *text)
{
    put_delta(bytes, (int64_t)strlen(text)); /* same notation */
    put(bytes, text, strlen(text));
}

static void put_track(struct bytes *bytes, struct track *track)
{
    if (track->count)
        qsort(track->item, track->count, sizeof *track->item, compare);
    size_t start = bytes->size;
    put(bytes, "MTrk\0\0\0\0", 8);
    if (track->name) {
        put(bytes, "\x00\xff\x03", 3);
        put_text(bytes, track->name);
    }
    int64_t tick = 0;
    for (uint32_t i = 0; i < track->count; i++) {
        const struct item *item = &track->item[i];
        put_delta(bytes, item->tick - tick);
        put(bytes, item->data, item->size);
        if (item->text)
            put_text(bytes, item->text);
        tick = item->tick;
    }
    put(bytes, "\x00\xff\x2f\x00", 4);
    if (!bytes->failed && bytes->size - start - 8 <= UINT32_MAX)
        put_u32(bytes->at + start + 4, bytes->size - start - 8);
    else
        bytes->failed = true;
    /* Sorted now; later events come after these. */
    for (uint32_t i = 0; i < track->count; i++)
        track->item[i].order = i;
}

rp_status rp_smf_write_save(struct rp_smf_write *smf, const char *path)
{
    struct bytes bytes = {0};
    put(&bytes, "MThd\0\0\0\x06\0\x01", 10);
    put(&bytes, (uint8_t[]){smf->tracks >> 8, smf->tracks & 0xff}, 2);
    put(&bytes, (uint8_t[]){smf->division >> 8, smf->division & 0xff}, 2);
    for (uint32_t i = 0; i < smf->tracks; i++)
        put_track(&bytes, &smf->track[i]);
    rp_status status = bytes.failed ? no_memory()
                                    : rp_replace_file("smf_write", path,
                                                      bytes.at, bytes.size);
    free(bytes.at);
    return status;
}
