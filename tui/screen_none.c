/* A build without curses: there is no panel. */
#include <stdio.h>

#include "tui/keymap.h"
#include "tui/screen.h"

bool rp_screen_probe(char *text, size_t size)
{
    snprintf(text, size, "built without curses");
    return false;
}

rp_status rp_screen_open(bool *unicode)
{
    return RP_ENONE;
}

void rp_screen_close(void)
{
}

void rp_screen_size(int *width, int *height)
{
    *width = *height = 1;
}

void rp_screen_draw(const struct rp_canvas *canvas)
{
}

bool rp_screen_wait(int ms)
{
    return false;
}

int rp_screen_key(void)
{
    return RP_KEY_NONE;
}
