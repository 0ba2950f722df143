#include "rt/event.h"

#include <stddef.h>

RP_RT int rp_event_data_size(uint8_t status)
{
    switch (status & 0xf0) {
    case RP_NOTE_OFF:
    case RP_NOTE_ON:
    case RP_KEY_PRESSURE:
    case RP_CONTROL:
    case RP_BEND:
        return 2;
    case RP_PROGRAM:
    case RP_PRESSURE:
        return 1;
    case 0xf0:
        break;
    default:
        return -1; /* no status byte at all */
    }
    switch (status) {
    case 0xf0:
    case 0xf7:
        return -1;
    case 0xf1: /* time code quarter frame */
    case 0xf3: /* song select */
        return 1;
    case 0xf2: /* song position */
        return 2;
    default:
        return 0;
    }
}

static void count(uint32_t *stray, uint32_t bytes)
{
    if (stray) {
        *stray += bytes;
    }
}

/* Gives up what was begun; bytes that lead nowhere are stray. */
static void abandon(struct rp_parser *parser, uint32_t *stray)
{
    count(stray, parser->count);
    parser->count = 0;
}

static bool complete(struct rp_parser *parser, struct rp_event *event)
{
    uint8_t status = parser->status;

    *event =
        (struct rp_event){.size = 1 + parser->count,
                          .data = {status, parser->data[0], parser->data[1]}};
    for (int i = parser->count; i < 2; i++) {
        event->data[1 + i] = 0;
    }
    if ((status & 0xf0) == RP_NOTE_ON && parser->data[1] == 0) {
        event->data[0] = RP_NOTE_OFF | (status & 0x0f);
        event->data[2] = 64; /* what the standard calls "no release speed" */
    }
    parser->count = 0;
    if (status >= 0xf0) {
        parser->status = 0; /* system messages end running status */
    }
    return true;
}

static bool feed_status(struct rp_parser *parser, uint8_t byte,
                        struct rp_event *event, uint32_t *stray)
{
    bool was_sysex = parser->sysex;

    abandon(parser, stray);
    parser->status = 0;
    parser->sysex = false;
    if (byte == 0xf0) {
        parser->sysex = true;
        return false;
    }
    if (byte == 0xf7) {
        count(stray, was_sysex ? 0 : 1);
        return false;
    }
    if (byte == 0xf4 || byte == 0xf5) { /* undefined */
        count(stray, 1);
        return false;
    }
    parser->status = byte;
    if (rp_event_data_size(byte) == 0) {
        return complete(parser, event);
    }
    return false;
}

RP_RT bool rp_parser_feed(struct rp_parser *parser, uint8_t byte,
                          struct rp_event *event, uint32_t *stray)
{
    if (byte >= 0xf8) { /* real time: may stand anywhere, disturbs nothing */
        if (byte == 0xf9 || byte == 0xfd) {
            count(stray, 1);
            return false;
        }
        *event = (struct rp_event){.size = 1, .data = {byte, 0, 0}};
        return true;
    }
    if (byte & 0x80) {
        return feed_status(parser, byte, event, stray);
    }
    if (parser->sysex) {
        return false;
    }
    if (!parser->status) {
        count(stray, 1);
        return false;
    }
    parser->data[parser->count++] = byte;
    if (parser->count == rp_event_data_size(parser->status)) {
        return complete(parser, event);
    }
    return false;
}

RP_RT struct rp_event rp_event_make(uint8_t status, uint8_t channel, uint8_t a,
                                    uint8_t b)
{
    struct rp_event event = {0};
    int size;

    if (status < 0xf0) {
        status = (status & 0xf0) | (channel & 0x0f);
    }
    size = rp_event_data_size(status);
    if (size < 0) {
        return event;
    }
    event.size = 1 + size;
    event.data[0] = status;
    event.data[1] = size > 0 ? a & 0x7f : 0;
    event.data[2] = size > 1 ? b & 0x7f : 0;
    return event;
}

RP_RT bool rp_event_is_on(struct rp_event event)
{
    return event.size == 3 && (event.data[0] & 0xf0) == RP_NOTE_ON &&
           event.data[2] > 0;
}

RP_RT bool rp_event_is_off(struct rp_event event)
{
    uint8_t kind = event.data[0] & 0xf0;

    return event.size == 3 &&
           (kind == RP_NOTE_OFF || (kind == RP_NOTE_ON && !event.data[2]));
}
