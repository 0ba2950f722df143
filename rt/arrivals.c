#include "rt/arrivals.h"

RP_RT void rp_packet_init(struct rp_packet *packet, const uint8_t *bytes,
                          size_t size, bool sysex)
{
    *packet = (struct rp_packet){
        .bytes = bytes, .size = size, .parser = {.sysex = sysex}};
}

RP_RT bool rp_packet_next(struct rp_packet *packet, struct rp_event *event)
{
    while (packet->size) {
        uint8_t byte = *packet->bytes++;

        packet->size--;
        if (byte & 0x80 && byte < 0xf8) {
            packet->stray += packet->begun;
            packet->begun = byte < 0xf4 && byte != 0xf0;
        }
        if (rp_parser_feed(&packet->parser, byte, event, &packet->stray)) {
            packet->begun = packet->begun && event->data[0] >= 0xf8;
            return true;
        }
    }
    packet->stray += packet->parser.count + packet->begun;
    packet->parser.count = 0;
    packet->begun = false;
    return false;
}

RP_RT void rp_arrivals_add(struct rp_arrivals *arrivals, struct rp_stats *stats,
                           uint32_t offset, const uint8_t *bytes, size_t size)
{
    struct rp_packet packet;
    struct rp_event event;

    rp_packet_init(&packet, bytes, size, arrivals->sysex);
    while (rp_packet_next(&packet, &event)) {
        rp_arrivals_put(arrivals, stats, offset, event);
    }
    arrivals->sysex = packet.parser.sysex;
    if (packet.stray) {
        rp_stats_add(&stats->stray, packet.stray);
    }
}

RP_RT void rp_arrivals_put(struct rp_arrivals *arrivals, struct rp_stats *stats,
                           uint32_t offset, struct rp_event event)
{
    if (arrivals->count < RP_ARRIVALS) {
        arrivals->item[arrivals->count++] =
            (struct rp_arrival){offset, event, arrivals->source};
    } else {
        rp_stats_add(&stats->lost_heard, 1);
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
