#include "rt/ini.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rt/log.h"

enum { LINE_BYTES = 4096 };

rp_status rp_ini_refuse(const struct rp_ini_line *line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    rp_log(RP_ERROR, line->tag, "%s:%u: %s", line->path, line->line, text);
    return RP_EFORMAT;
}

static char *trim(char *text)
{
    size_t length;

    text += strspn(text, " \t\r\n");
    length = strlen(text);
    while (length && strchr(" \t\r\n", text[length - 1])) {
        text[--length] = '\0';
    }
    return text;
}

static void cut_comment(char *text)
{
    for (char *c = text; *c; c++) {
        if ((*c == '#' || *c == ';') &&
            (c == text || c[-1] == ' ' || c[-1] == '\t')) {
            *c = '\0';
            return;
        }
    }
}

/* RP_OK with a NULL key: there is nothing in it. */
static rp_status split(struct rp_ini_line *line, char *text)
{
    char *equals, *value;

    line->key = line->value = NULL;
    cut_comment(text);
    text = trim(text);
    if (!*text) {
        return RP_OK;
    }
    equals = strchr(text, '=');
    if (!equals || equals == text) {
        return rp_ini_refuse(line, "expected key = value");
    }
    *equals = '\0';
    value = trim(equals + 1);
    if (!*value) {
        return rp_ini_refuse(line, "expected a value after '='");
    }
    line->key = trim(text);
    line->value = value;
    return RP_OK;
}

/* Without its newline; *why: what is wrong with it, or NULL. False at the end
 * of the file. */
static bool read_line(FILE *file, char *text, size_t size, const char **why)
{
    size_t used = 0;
    int c;

    *why = NULL;
    while ((c = getc(file)) != EOF && c != '\n') {
        if (!c) {
            *why = "expected text, but there is a NUL byte";
        } else if (used + 1 == size) {
            *why = *why ? *why : "expected a shorter line";
            break;
        } else {
            text[used++] = (char)c;
        }
    }
    text[used] = '\0';
    return c != EOF || used || *why;
}

static rp_status read_lines(const char *tag, const char *path, FILE *file,
                            rp_status (*each)(void *self,
                                              const struct rp_ini_line *line),
                            void *self)
{
    struct rp_ini_line line = {.tag = tag, .path = path};
    char text[LINE_BYTES];
    const char *why;
    rp_status status = RP_OK;

    while (status == RP_OK && read_line(file, text, sizeof(text), &why)) {
        line.line++;
        if (why) {
            return rp_ini_refuse(&line, "%s", why);
        }
        status = split(&line, text);
        if (status == RP_OK && line.key) {
            status = each(self, &line);
        }
    }
    if (status == RP_OK && ferror(file)) {
        rp_log(RP_ERROR, tag, "%s: %s", path, strerror(errno));
        return RP_EIO;
    }
    return status;
}

rp_status rp_ini_read(const char *tag, const char *path, bool quiet,
                      rp_status (*each)(void *self,
                                        const struct rp_ini_line *line),
                      void *self)
{
    FILE *file = fopen(path, "re");
    rp_status status;

    if (!file) {
        status = errno == ENOENT ? RP_ENONE : RP_EIO;
        if (status == RP_EIO || !quiet) {
            rp_log(RP_ERROR, tag, "%s: %s", path, strerror(errno));
        }
        return status;
    }
    status = read_lines(tag, path, file, each, self);
    fclose(file);
    return status;
}
