#include "rt/journal.h"

#include <string.h>

const char rp_journal_header[RP_JOURNAL_HEADER] = {
    'r', 'i', 'p', 'o', 's', 't', 'e',  ' ',
    't', 'a', 'k', 'e', ' ', '1', '\r', '\n'};

static uint32_t crc32(const unsigned char *data, size_t size)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = value >> 8 * i;
    }
}

static uint64_t get(const unsigned char *from, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)from[i] << 8 * i;
    }
    return value;
}

void rp_journal_encode(const struct rp_recorded *recorded, unsigned char *to)
{
    const struct rp_clock *clock = &recorded->clock;

    to[0] = recorded->kind;
    to[1] = recorded->event.size;
    memcpy(to + 2, recorded->event.data, 3);
    to[5] = clock->metre.beats;
    to[6] = clock->metre.unit;
    to[7] = clock->anchored;
    put(to + 8, recorded->frame, 8);
    put(to + 16, recorded->beat, 8);
    put(to + 24, clock->frame, 8);
    put(to + 32, clock->beat, 8);
    put(to + 40, clock->bar, 8);
    put(to + 48, clock->rate, 4);
    put(to + 52, clock->mbpm, 4);
    put(to + 56, 0, 4);
    put(to + 60, crc32(to, 60), 4);
}

bool rp_journal_decode(const unsigned char *from, struct rp_recorded *recorded)
{
    struct rp_clock *clock = &recorded->clock;

    if (get(from + 60, 4) != crc32(from, 60) || from[0] > RP_RECORDED_CLOCK ||
        from[1] > 3) {
        return false;
    }
    recorded->kind = from[0];
    recorded->event.size = from[1];
    memcpy(recorded->event.data, from + 2, 3);
    clock->metre.beats = from[5];
    clock->metre.unit = from[6];
    clock->anchored = from[7];
    recorded->frame = (int64_t)get(from + 8, 8);
    recorded->beat = (int64_t)get(from + 16, 8);
    clock->frame = (int64_t)get(from + 24, 8);
    clock->beat = (int64_t)get(from + 32, 8);
    clock->bar = (int64_t)get(from + 40, 8);
    clock->rate = get(from + 48, 4);
    clock->mbpm = get(from + 52, 4);
    return clock->rate > 0 && clock->mbpm > 0;
}

bool rp_journal_plays(const struct rp_recorded *recorded)
{
    return recorded->kind != RP_RECORDED_CLOCK &&
           (rp_event_is_on(recorded->event) ||
            (recorded->kind == RP_RECORDED_CALL &&
             !rp_event_is_off(recorded->event)));
}
