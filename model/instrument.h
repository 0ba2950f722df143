/* The 128 instruments of General MIDI by name. */
#ifndef RP_INSTRUMENT_H
#define RP_INSTRUMENT_H

enum { RP_INSTRUMENTS = 128 };

extern const char *const rp_instrument_names[RP_INSTRUMENTS];

/* Program of a name in any case: the whole name, else the first that begins
 * with it, else the first that has it inside. "piano" is program 0. A number
 * 0..127 is itself. -1 when there is none. */
int rp_instrument_find(const char *text);

#endif
