/* A GPU's clocks, as NVIDIA's management library says they are now. */
#ifndef RP_BENCH_CARD_H
#define RP_BENCH_CARD_H

#include <stddef.h>

/* One line: driver, clocks and what they may be at most, watts, degrees, of
 * the first device; or why that is not known. */
void rp_bench_card(char *text, size_t size);

#endif
