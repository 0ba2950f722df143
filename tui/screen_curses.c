/* The only file that includes curses. */
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#include "rt/log.h"
#include "tui/keymap.h"
#include "tui/screen.h"

static SCREEN *screen;
static bool wide; /* more than ASCII can be shown */

/* Colours and attributes of a style; -1 is the terminal's own. */
static const struct {
    short fore, back;
    attr_t attributes;
} looks[RP_STYLES] = {
    [RP_STYLE_PLAIN] = {-1, -1, A_NORMAL},
    [RP_STYLE_DIM] = {-1, -1, A_DIM},
    [RP_STYLE_BOLD] = {-1, -1, A_BOLD},
    [RP_STYLE_BAR] = {COLOR_WHITE, COLOR_BLUE, A_NORMAL},
    [RP_STYLE_SELECTED] = {-1, -1, A_REVERSE},
    [RP_STYLE_CALL] = {COLOR_CYAN, -1, A_BOLD},
    [RP_STYLE_ANSWER] = {COLOR_YELLOW, -1, A_BOLD},
    [RP_STYLE_PLANNED] = {COLOR_YELLOW, -1, A_DIM},
    [RP_STYLE_CALL_ANSWER] = {COLOR_CYAN, COLOR_YELLOW, A_NORMAL},
    [RP_STYLE_ANSWER_CALL] = {COLOR_YELLOW, COLOR_CYAN, A_NORMAL},
    [RP_STYLE_FLASH] = {COLOR_BLACK, COLOR_WHITE, A_BOLD},
    [RP_STYLE_WARN] = {COLOR_YELLOW, -1, A_NORMAL},
    [RP_STYLE_ERROR] = {COLOR_RED, -1, A_BOLD},
};

static const struct {
    int curses, key;
} keys[] = {
    {KEY_UP, RP_KEY_UP},         {KEY_DOWN, RP_KEY_DOWN},
    {KEY_LEFT, RP_KEY_LEFT},     {KEY_RIGHT, RP_KEY_RIGHT},
    {KEY_PPAGE, RP_KEY_PAGE_UP}, {KEY_NPAGE, RP_KEY_PAGE_DOWN},
    {KEY_HOME, RP_KEY_HOME},     {KEY_END, RP_KEY_END},
    {KEY_F(1), RP_KEY_F1},       {KEY_F(2), RP_KEY_F1 + 1},
    {KEY_F(3), RP_KEY_F1 + 2},   {KEY_F(4), RP_KEY_F1 + 3},
    {KEY_F(5), RP_KEY_F1 + 4},   {KEY_F(6), RP_KEY_F1 + 5},
    {KEY_F(7), RP_KEY_F1 + 6},   {KEY_F(10), RP_KEY_F10},
    {KEY_DC, RP_KEY_BACKSPACE},
    {KEY_ENTER, RP_KEY_ENTER},   {KEY_BACKSPACE, RP_KEY_BACKSPACE},
    {KEY_RESIZE, RP_KEY_RESIZE},
};

bool rp_screen_probe(char *text, size_t size)
{
    const char *term = getenv("TERM");

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        snprintf(text, size, "not on a terminal");
        return false;
    }
    if (!term || !*term || !strcmp(term, "dumb")) {
        snprintf(text, size, "TERM names no terminal");
        return false;
    }
    return true;
}

static void init_looks(void)
{
    if (!has_colors()) {
        return;
    }
    start_color();
    use_default_colors();
    for (short i = 0; i < RP_STYLES; i++) {
        init_pair((short)(i + 1), looks[i].fore, looks[i].back);
    }
}

/* NULL where curses has not heard of it, which is asked first: newterm would
 * not give back what it had taken by then. `name` NULL: what TERM names. */
static SCREEN *try_screen(const char *name)
{
    int found;

    if (setupterm(name, STDOUT_FILENO, &found) != OK) {
        return NULL;
    }
    del_curterm(cur_term);
    return newterm(name, stdout, stdin);
}

/* What TERM names; where curses has not heard of it, as on a machine older
 * than the terminal, what nearly all that are new do as well. */
static SCREEN *new_screen(void)
{
    const char *const others[] = {"xterm-256color", "xterm", "vt100"};
    const char *term = getenv("TERM");
    SCREEN *made = try_screen(NULL);

    for (int i = 0; !made && i < 3; i++) {
        made = try_screen(others[i]);
        if (made) {
            rp_log(RP_WARN, "screen",
                   "TERM=%s is not known here: taken for %s",
                   term ? term : "", others[i]);
        }
    }
    if (!made) {
        rp_log(RP_ERROR, "screen", "TERM=%s is not known here",
               term ? term : "");
    }
    return made;
}

rp_status rp_screen_open(bool *unicode)
{
    screen = new_screen();
    if (!screen) {
        return RP_ENONE;
    }
    set_term(screen);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    scrollok(stdscr, FALSE);
    curs_set(0);
    init_looks();
    *unicode = wide = !strcmp(nl_langinfo(CODESET), "UTF-8");
    return RP_OK;
}

void rp_screen_close(void)
{
    if (screen) {
        endwin();
        delscreen(screen);
        screen = NULL;
    }
}

void rp_screen_size(int *width, int *height)
{
    getmaxyx(stdscr, *height, *width);
}

void rp_screen_draw(const struct rp_canvas *canvas)
{
    int width, height;

    rp_screen_size(&width, &height);
    for (int y = 0; y < canvas->height && y < height; y++) {
        for (int x = 0; x < canvas->width && x < width; x++) {
            const struct rp_cell *cell = &canvas->cell[y * canvas->width + x];
            bool shows = wide || cell->glyph < 0x80;
            wchar_t text[2] = {shows ? (wchar_t)cell->glyph : L'?', 0};
            cchar_t shown;

            setcchar(&shown, text, looks[cell->style].attributes,
                     has_colors() ? (short)(cell->style + 1) : 0, NULL);
            mvadd_wch(y, x, &shown);
        }
    }
    refresh();
}

bool rp_screen_wait(int ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready = poll(&input, 1, ms);

    /* A signal, a new size for instance, is no reason to leave. */
    return ready >= 0 ? !(input.revents & (POLLHUP | POLLERR | POLLNVAL))
                      : errno == EINTR;
}

/* After Escape: the rest of what a key sent that curses knows no name of, such
 * as F2 with Alt, or of what the terminal itself has to say. Its letters are
 * none that somebody typed. False: Escape it was. */
static bool skip_sequence(void)
{
    wint_t got;
    int kind = get_wch(&got), left = 32;

    if (kind != OK || (got != '[' && got != 'O')) {
        if (kind == OK) {
            unget_wch((wchar_t)got);
        } else if (kind == KEY_CODE_YES) {
            ungetch((int)got);
        }
        return false;
    }
    do {
        kind = get_wch(&got);
    } while (kind == OK && left-- && (got < '@' || got > '~' || got == '['));
    return true;
}

int rp_screen_key(void)
{
    wint_t got;
    int kind = get_wch(&got);

    if (kind == ERR) {
        return RP_KEY_NONE;
    }
    if (kind == OK && got == RP_KEY_ESCAPE && skip_sequence()) {
        return RP_KEY_UNKNOWN;
    }
    if (kind == OK) {
        return got == '\r' ? RP_KEY_ENTER
               : got == 8  ? RP_KEY_BACKSPACE
                           : (int)got;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].curses == (int)got) {
            return keys[i].key;
        }
    }
    return RP_KEY_UNKNOWN;
}
