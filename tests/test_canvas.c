/* The grid that the panel is drawn on: text, clipping, UTF-8, printing. */
#include <stdbool.h>

#include "test.h"
#include "tui/canvas.h"

static char *printed(const struct rp_canvas *canvas, bool styles)
{
    static char text[4096];
    FILE *file = fmemopen(text, sizeof(text), "w");

    if (styles) {
        rp_canvas_print_styles(canvas, file);
    } else {
        rp_canvas_print(canvas, file);
    }
    fclose(file);
    return text;
}

static void test_text(void)
{
    struct rp_canvas canvas;

    CHECK_INT(rp_canvas_init(&canvas, 10, 3), RP_OK);
    CHECK_INT(rp_canvas_text(&canvas, 1, 0, RP_STYLE_BOLD, "ab %d", 7), 5);
    rp_canvas_text(&canvas, 7, 1, RP_STYLE_CALL, "clipped");
    rp_canvas_text(&canvas, -3, 2, RP_STYLE_ANSWER, "left");
    rp_canvas_text(&canvas, 0, -1, RP_STYLE_PLAIN, "above");
    rp_canvas_text(&canvas, 0, 3, RP_STYLE_PLAIN, "below");
    rp_canvas_style(&canvas, 8, 0, 5, RP_STYLE_WARN);
    CHECK_TEXT(printed(&canvas, false), " ab 7\n       cli\nt\n");
    CHECK_TEXT(printed(&canvas, true), ".bbbb...ww\n.......ccc\na.........\n");
    rp_canvas_clear(&canvas);
    CHECK_TEXT(printed(&canvas, false), "\n\n\n");
    rp_canvas_fini(&canvas);
}

static void test_utf8(void)
{
    struct rp_canvas canvas;

    CHECK_INT(rp_canvas_init(&canvas, 20, 1), RP_OK);
    /* One column each: e acute, a full block; a wide letter, a combining
     * accent, a control character, half a letter and an overlong slash do not
     * fit into the grid. */
    CHECK_INT(rp_canvas_text(&canvas, 0, 0, RP_STYLE_PLAIN,
                             "\xc3\xa9\xe2\x96\x88|\xe6\xbc\xa2|e\xcc\x81|"
                             "\x1b[m|\xc3|\xc0\xaf"),
              16);
    CHECK_TEXT(printed(&canvas, false), "\xc3\xa9\xe2\x96\x88|?|e?|?[m|?|??\n");
    rp_canvas_fini(&canvas);
}

static void test_sizes(void)
{
    static const int sizes[][2] = {{0, 0}, {-5, 3}, {1, 1}, {99999, 2}};

    for (int i = 0; i < 4; i++) {
        struct rp_canvas canvas;

        CHECK_INT(rp_canvas_init(&canvas, sizes[i][0], sizes[i][1]), RP_OK);
        CHECK(canvas.width >= 1 && canvas.width <= RP_CANVAS_MOST);
        CHECK(canvas.height >= 1 && canvas.height <= RP_CANVAS_MOST);
        rp_canvas_put(&canvas, canvas.width - 1, canvas.height - 1, 'x',
                      RP_STYLE_PLAIN);
        rp_canvas_put(&canvas, canvas.width, canvas.height, 'x',
                      RP_STYLE_PLAIN);
        rp_canvas_fini(&canvas);
    }
}

int main(void)
{
    test_text();
    test_utf8();
    test_sizes();
    return TEST_END();
}
