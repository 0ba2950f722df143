/* A grid of cells, each a character and a style: what the panel is drawn on.
 * A screen shows it; tests print it as text. Everything outside is clipped,
 * so nothing that draws has to know how small the terminal is. */
#ifndef RP_CANVAS_H
#define RP_CANVAS_H

#include <stdint.h>
#include <stdio.h>

#include "rt/status.h"

/* In the order of the letters that rp_canvas_print_styles prints. */
enum rp_style {
    RP_STYLE_PLAIN,       /* . */
    RP_STYLE_DIM,         /* d */
    RP_STYLE_BOLD,        /* b */
    RP_STYLE_BAR,         /* h: the header line */
    RP_STYLE_SELECTED,    /* s */
    RP_STYLE_CALL,        /* c */
    RP_STYLE_ANSWER,      /* a */
    RP_STYLE_PLANNED,     /* p: not heard yet */
    RP_STYLE_CALL_ANSWER, /* x: call in the upper half, answer below */
    RP_STYLE_ANSWER_CALL, /* y */
    RP_STYLE_FLASH,       /* f: the beat */
    RP_STYLE_WARN,        /* w */
    RP_STYLE_ERROR,       /* e */
    RP_STYLES
};

struct rp_cell {
    uint32_t glyph; /* Unicode, one column wide */
    uint8_t style;
};

struct rp_canvas {
    int width, height;
    struct rp_cell *cell; /* height x width */
};

enum { RP_CANVAS_MOST = 1024 }; /* columns, rows */

/* At least 1 x 1, at most RP_CANVAS_MOST each way; blank. */
RP_MUST rp_status rp_canvas_init(struct rp_canvas *canvas, int width,
                                 int height);
void rp_canvas_fini(struct rp_canvas *canvas);
void rp_canvas_clear(struct rp_canvas *canvas);

void rp_canvas_put(struct rp_canvas *canvas, int x, int y, uint32_t glyph,
                   enum rp_style style);
/* UTF-8; what is no single printable column becomes '?'. The column after
 * the last one, as if nothing was clipped. */
int rp_canvas_text(struct rp_canvas *canvas, int x, int y, enum rp_style style,
                   const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The style of a stretch that is already written. */
void rp_canvas_style(struct rp_canvas *canvas, int x, int y, int width,
                     enum rp_style style);

/* As UTF-8 lines without trailing blanks; as one letter per style. */
void rp_canvas_print(const struct rp_canvas *canvas, FILE *file);
void rp_canvas_print_styles(const struct rp_canvas *canvas, FILE *file);

#endif
