#include "tui/canvas.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

rp_status rp_canvas_init(struct rp_canvas *canvas, int width, int height)
{
    width = width < 1 ? 1 : width > RP_CANVAS_MOST ? RP_CANVAS_MOST : width;
    height = height < 1 ? 1 : height > RP_CANVAS_MOST ? RP_CANVAS_MOST : height;
    canvas->cell =
        calloc((size_t)width * (size_t)height, sizeof(*canvas->cell));
    if (!canvas->cell) {
        return RP_EMEM;
    }
    canvas->width = width;
    canvas->height = height;
    rp_canvas_clear(canvas);
    return RP_OK;
}

void rp_canvas_fini(struct rp_canvas *canvas)
{
    free(canvas->cell);
    *canvas = (struct rp_canvas){0};
}

void rp_canvas_clear(struct rp_canvas *canvas)
{
    for (int i = 0; i < canvas->width * canvas->height; i++) {
        canvas->cell[i] = (struct rp_cell){' ', RP_STYLE_PLAIN};
    }
}

void rp_canvas_put(struct rp_canvas *canvas, int x, int y, uint32_t glyph,
                   enum rp_style style)
{
    if (x >= 0 && x < canvas->width && y >= 0 && y < canvas->height) {
        canvas->cell[y * canvas->width + x] =
            (struct rp_cell){glyph, (uint8_t)style};
    }
}

/* The next code point; '?' for a byte that begins none, an overlong form, a
 * control or combining character, and for what is two columns wide. */
static uint32_t decode(const unsigned char **text)
{
    const unsigned char *c = *text;
    uint32_t glyph, least;
    int more;

    if (*c < 0x80) {
        *text = c + 1;
        return *c < 0x20 || *c == 0x7f ? '?' : *c;
    }
    more = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc2 ? 1 : 0;
    glyph = *c & (0x3f >> more);
    least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
    *text = c + 1;
    for (int i = 1; i <= more; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return '?';
        }
        glyph = glyph << 6 | (c[i] & 0x3f);
    }
    if (!more || glyph < least) {
        return '?';
    }
    *text = c + more + 1;
    return glyph < 0xa0 || (glyph >= 0x300 && glyph < 0x370) ||
                   (glyph >= 0x1100 && glyph < 0x1160) ||
                   (glyph >= 0x200b && glyph < 0x2010) ||
                   (glyph >= 0x2e80 && glyph < 0xa4d0) || glyph >= 0xac00
               ? '?'
               : glyph;
}

int rp_canvas_text(struct rp_canvas *canvas, int x, int y, enum rp_style style,
                   const char *format, ...)
{
    char text[2048];
    const unsigned char *at = (const unsigned char *)text;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    while (*at) {
        rp_canvas_put(canvas, x++, y, decode(&at), style);
    }
    return x;
}

void rp_canvas_style(struct rp_canvas *canvas, int x, int y, int width,
                     enum rp_style style)
{
    for (int i = x; i < x + width; i++) {
        if (i >= 0 && i < canvas->width && y >= 0 && y < canvas->height) {
            canvas->cell[y * canvas->width + i].style = (uint8_t)style;
        }
    }
}

static void print_glyph(uint32_t glyph, FILE *file)
{
    if (glyph < 0x80) {
        fputc((int)glyph, file);
    } else if (glyph < 0x800) {
        fprintf(file, "%c%c", 0xc0 | glyph >> 6, 0x80 | (glyph & 0x3f));
    } else if (glyph < 0x10000) {
        fprintf(file, "%c%c%c", 0xe0 | glyph >> 12, 0x80 | (glyph >> 6 & 0x3f),
                0x80 | (glyph & 0x3f));
    } else {
        fprintf(file, "%c%c%c%c", 0xf0 | glyph >> 18,
                0x80 | (glyph >> 12 & 0x3f), 0x80 | (glyph >> 6 & 0x3f),
                0x80 | (glyph & 0x3f));
    }
}

void rp_canvas_print(const struct rp_canvas *canvas, FILE *file)
{
    for (int y = 0; y < canvas->height; y++) {
        const struct rp_cell *row = &canvas->cell[y * canvas->width];
        int end = canvas->width;

        while (end > 0 && row[end - 1].glyph == ' ') {
            end--;
        }
        for (int x = 0; x < end; x++) {
            print_glyph(row[x].glyph, file);
        }
        fputc('\n', file);
    }
}

void rp_canvas_print_styles(const struct rp_canvas *canvas, FILE *file)
{
    static const char letters[RP_STYLES + 1] = ".dbhscapxyfwe";

    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            fputc(letters[canvas->cell[y * canvas->width + x].style], file);
        }
        fputc('\n', file);
    }
}
