/* TensorBoard's event files: curves of numbers over steps, and a text.
 *
 * A file is a row of records (length, its CRC, an Event, its CRC; the CRCs
 * are CRC-32C, masked), little-endian. An Event is a protocol buffer. Every
 * call adds whole records in one write, so a kill leaves at most one that is
 * cut short, at the end, where readers stop. */
#ifndef RP_BOARD_H
#define RP_BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "rt/status.h"

struct rp_board_scalar {
    char tag[60]; /* "loss/valid" */
    float value;
};

uint32_t rp_board_crc(const void *data, size_t size); /* CRC-32C, unmasked */

/* A new file, with a text under `tag`, as step 0. */
RP_MUST rp_status rp_board_create(const char *path, const char *tag,
                                  const char *text);
/* One event. What a failing disk left of it is taken back. */
RP_MUST rp_status rp_board_add(const char *path, uint64_t step,
                               const struct rp_board_scalar *scalar,
                               uint32_t count);
/* Drops the events of later steps, and what is cut short. A file that is not
 * there is RP_ENONE, unlogged. */
RP_MUST rp_status rp_board_trim(const char *path, uint64_t step);

#endif
