#include "rt/arrivals.h"

RP_RT void rp_arrivals_add(struct rp_arrivals *arrivals, struct rp_stats *stats,
                           uint32_t offset, const uint8_t *bytes, size_t size)
{
    struct rp_parser parser = {.sysex = arrivals->sysex};
    uint32_t stray = 0;
    bool begun = false; /* a status byte still waits for its data */

    for (size_t i = 0; i < size; i++) {
        struct rp_event event;

        if (bytes[i] & 0x80 && bytes[i] < 0xf8) {
            stray += begun;
            begun = bytes[i] < 0xf4 && bytes[i] != 0xf0;
        }
        if (!rp_parser_feed(&parser, bytes[i], &event, &stray)) {
            continue;
        }
        begun = begun && event.data[0] >= 0xf8;
        if (arrivals->count < RP_ARRIVALS) {
            arrivals->item[arrivals->count++] =
                (struct rp_arrival){.offset = offset, .event = event};
        } else {
            rp_stats_add(&stats->lost_heard, 1);
        }
    }
    stray += parser.count + begun;
    arrivals->sysex = parser.sysex;
    if (stray) {
        rp_stats_add(&stats->stray, stray);
    }
}

RP_RT uint32_t rp_arrivals_due(const struct rp_arrivals *arrivals,
                               uint32_t frames)
{
    uint32_t due = 0;

    while (due < arrivals->count && arrivals->item[due].offset < frames) {
        due++;
    }
    return due;
}

RP_RT void rp_arrivals_pass(struct rp_arrivals *arrivals, uint32_t frames)
{
    uint32_t due = rp_arrivals_due(arrivals, frames);

    arrivals->count -= due;
    for (uint32_t i = 0; i < arrivals->count; i++) {
        arrivals->item[i] = arrivals->item[due + i];
        arrivals->item[i].offset -= frames;
    }
}
