/* The form of a take's journal: RP_JOURNAL_HEADER bytes of name and version,
 * then records of RP_JOURNAL_RECORD bytes, little-endian:
 *   0 kind  1 event size  2..4 event  5 metre beats  6 metre unit  7 anchored
 *   8 frame  16 beat  24 clock's frame  32 its beat  40 its bar (64 bits each)
 *   48 rate  52 mbpm  56 zero  60 CRC-32 of the 60 bytes before
 * Whatever follows the last whole record is what a kill cut off. */
#ifndef RP_JOURNAL_H
#define RP_JOURNAL_H

#include <stdbool.h>

#include "rt/cycle.h"

enum { RP_JOURNAL_HEADER = 16, RP_JOURNAL_RECORD = 64 };
extern const char rp_journal_header[RP_JOURNAL_HEADER];

void rp_journal_encode(const struct rp_recorded *recorded,
                       unsigned char *bytes);
/* False when the bytes are no record that encode could have made. */
bool rp_journal_decode(const unsigned char *bytes,
                       struct rp_recorded *recorded);
/* Whether it is music: a note, or what else the player did. What silences a
 * synth after a kill is none, nor is a key let go that an earlier run heard. */
bool rp_journal_plays(const struct rp_recorded *recorded);

#endif
