/* A terminal that a canvas is shown on. One at a time; main's. */
#ifndef RP_SCREEN_H
#define RP_SCREEN_H

#include <stdbool.h>

#include "rt/status.h"
#include "tui/canvas.h"

/* Whether there is one; why not, as one line. */
bool rp_screen_probe(char *text, size_t size);
/* *unicode: it shows more than ASCII. */
RP_MUST rp_status rp_screen_open(bool *unicode);
void rp_screen_close(void);
void rp_screen_size(int *width, int *height);
void rp_screen_draw(const struct rp_canvas *canvas);
/* Waits for a key at most so long; false when the terminal is gone. */
bool rp_screen_wait(int ms);
int rp_screen_key(void); /* keymap.h; RP_KEY_NONE: no more */

#endif
