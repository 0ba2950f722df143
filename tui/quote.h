/* Text as a JSON string, with its quotes. */
#ifndef RP_QUOTE_H
#define RP_QUOTE_H

#include <stdio.h>

void rp_quote_print(FILE *file, const char *text);

#endif
