/* A set of MIDI channels as text: "none", "10", "2,4", "1-4,10"; bits from
 * channel 1 on. */
#ifndef RP_CHANNELS_H
#define RP_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool rp_channels_read(const char *text, uint32_t *channels);
void rp_channels_print(uint32_t channels, char *text, size_t size);

#endif
