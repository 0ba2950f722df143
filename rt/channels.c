#include "rt/channels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number from 1 to 16 at *text, which then stands behind it; or 0. */
static uint32_t number(const char **text)
{
    size_t digits = strspn(*text, "0123456789");
    unsigned long value = digits && digits < 3 ? strtoul(*text, NULL, 10) : 0;

    *text += digits;
    return value <= 16 ? (uint32_t)value : 0;
}

bool rp_channels_read(const char *text, uint32_t *channels)
{
    uint32_t read = 0;

    if (!strcasecmp(text, "none")) {
        *channels = 0;
        return true;
    }
    for (;; text++) {
        uint32_t from = number(&text), to = from;

        if (from && *text == '-') {
            text++;
            to = number(&text);
        }
        if (!from || to < from || (*text && *text != ',')) {
            return false;
        }
        for (uint32_t c = from; c <= to; c++) {
            read |= 1u << (c - 1);
        }
        if (!*text) {
            *channels = read;
            return true;
        }
    }
}

void rp_channels_print(uint32_t channels, char *text, size_t size)
{
    size_t used = 0;

    snprintf(text, size, "none");
    for (uint32_t c = 0; c < 16 && used < size; c++) {
        uint32_t end = c;

        if (!(channels >> c & 1)) {
            continue;
        }
        while (end < 15 && channels >> (end + 1) & 1) {
            end++;
        }
        used += (size_t)snprintf(text + used, size - used,
                                 end > c ? "%s%u-%u" : "%s%u", used ? "," : "",
                                 c + 1, end + 1);
        c = end;
    }
}
