/* One MIDI message of at most three bytes, and the parser that finds them in
 * bytes from outside. SysEx is passed over; running status is resolved. */
#ifndef RP_EVENT_H
#define RP_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/status.h"

struct rp_event {
    uint8_t size;    /* 1..3; 0 is no event */
    uint8_t data[3]; /* data[0] has its status bit set */
};

enum {
    RP_NOTE_OFF = 0x80,
    RP_NOTE_ON = 0x90,
    RP_KEY_PRESSURE = 0xa0,
    RP_CONTROL = 0xb0,
    RP_PROGRAM = 0xc0,
    RP_PRESSURE = 0xd0,
    RP_BEND = 0xe0,
    RP_POSITION = 0xf2,
    RP_CLOCK = 0xf8,
    RP_START = 0xfa,
    RP_CONTINUE = 0xfb,
    RP_STOP = 0xfc,
    RP_SENSING = 0xfe,
    RP_CC_PEDAL = 64,
    RP_CC_SOUND_OFF = 120,
    RP_CC_RESET = 121,
    RP_CC_NOTES_OFF = 123
};

/* Running parser over a byte stream; zeroed is ready. */
struct rp_parser {
    uint8_t status; /* running status, 0 when none */
    uint8_t count;  /* data bytes seen of the current message */
    uint8_t data[2];
    bool sysex;
};

/* Feeds one byte; true when it completed *event. A note-on of velocity 0 comes
 * out as a note-off. Stray data bytes are ignored and counted in *stray when
 * stray is not NULL. */
RP_RT bool rp_parser_feed(struct rp_parser *parser, uint8_t byte,
                          struct rp_event *event, uint32_t *stray);

RP_RT struct rp_event rp_event_make(uint8_t status, uint8_t channel,
                                    uint8_t a, uint8_t b);
RP_RT bool rp_event_is_on(struct rp_event event);  /* note-on, velocity > 0 */
RP_RT bool rp_event_is_off(struct rp_event event); /* either form */
/* Bytes a status byte announces after itself, 0..2; -1 for SysEx. */
RP_RT int rp_event_data_size(uint8_t status);

#endif
