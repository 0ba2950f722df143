#include "rt/port_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rt/ini.h"
#include "rt/log.h"
#include "rt/replace.h"

#define TAG "ports"
#define NONE "none"

static const char *const backends[] = {"jack", "alsa", "rtmidi", NULL};
static const char *const ports[] = {"in",    "out",     "thru",
                                    "clock", "running", NULL};

rp_status rp_port_file_path(char *path, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length;

    if (state && state[0] == '/') { /* the standard wants it absolute */
        length = snprintf(path, size, "%s/riposte/ports", state);
    } else if (home && home[0] == '/') {
        length = snprintf(path, size, "%s/.local/state/riposte/ports", home);
    } else {
        return RP_ENONE;
    }
    return length < (int)size ? RP_OK : RP_ENONE;
}

/* ---- lines ---- */

bool rp_port_file_add(struct rp_port_file *file, const char *backend,
                      const char *port, const char *id)
{
    struct rp_port_line *line = &file->line[file->count];

    for (int i = 0; i < file->count; i++) {
        if (!strcmp(file->line[i].backend, backend) &&
            !strcmp(file->line[i].port, port) &&
            !strcmp(file->line[i].id, id)) {
            return true;
        }
    }
    if (file->count == RP_PORT_LINES) {
        return false;
    }
    memset(line, 0, sizeof(*line));
    snprintf(line->backend, sizeof(line->backend), "%s", backend);
    snprintf(line->port, sizeof(line->port), "%s", port);
    snprintf(line->id, sizeof(line->id), "%s", id);
    file->count++;
    return true;
}

int rp_port_file_drop(struct rp_port_file *file, const char *backend,
                      const char *port, const char *part)
{
    int kept = 0, dropped;

    for (int i = 0; i < file->count; i++) {
        const struct rp_port_line *line = &file->line[i];

        if ((!backend || !strcmp(line->backend, backend)) &&
            (!port || !strcmp(line->port, port)) &&
            (!part || strcasestr(line->id, part))) {
            continue;
        }
        file->line[kept++] = *line;
    }
    dropped = file->count - kept;
    file->count = kept;
    return dropped;
}

/* ---- reading ---- */

static bool is_word(const char *const *words, const char *text, size_t length)
{
    for (; *words; words++) {
        if (strlen(*words) == length && !strncmp(*words, text, length)) {
            return true;
        }
    }
    return false;
}

static int hex(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* "%23" is '#', which would begin a comment. */
static bool decode(const char *text, char *id, size_t size)
{
    size_t used = 0;

    for (; *text; text++) {
        char byte = *text;

        if (byte == '%') {
            int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);

            if (low < 0 || !(high | low)) {
                return false;
            }
            byte = (char)(high << 4 | low);
            text += 2;
        }
        if (used + 1 == size) {
            return false;
        }
        id[used++] = byte;
    }
    id[used] = '\0';
    return true;
}

static rp_status read_line(void *self, const struct rp_ini_line *line)
{
    struct rp_port_file *file = self;
    const char *dot = strchr(line->key, '.');
    char id[RP_PORT_NAME] = "", backend[8] = "";

    if (!dot || !is_word(backends, line->key, (size_t)(dot - line->key)) ||
        !is_word(ports, dot + 1, strlen(dot + 1))) {
        return rp_ini_refuse(line,
                             "'%s': expected jack, alsa or rtmidi, then .in, "
                             ".out, .thru, .clock or .running",
                             line->key);
    }
    if (strcmp(line->value, NONE) && !decode(line->value, id, sizeof(id))) {
        return rp_ini_refuse(line,
                             "expected a name of at most %d bytes, with %%23 "
                             "for '#' and the like",
                             RP_PORT_NAME - 1);
    }
    memcpy(backend, line->key, (size_t)(dot - line->key));
    if (!rp_port_file_add(file, backend, dot + 1, id)) {
        return rp_ini_refuse(line, "expected at most %d lines", RP_PORT_LINES);
    }
    return RP_OK;
}

rp_status rp_port_file_read(const char *path, struct rp_port_file *file)
{
    rp_status status;

    file->count = 0;
    status = rp_ini_read(TAG, path, true, read_line, file);
    if (status != RP_OK) {
        file->count = 0;
    }
    return status == RP_ENONE ? RP_OK : status;
}

/* ---- writing ---- */

static void print_id(FILE *out, const char *id)
{
    bool none = !strcmp(id, NONE);

    if (!*id) {
        fputs(NONE, out);
    }
    for (const char *c = id; *c; c++) {
        bool edge = c == id || !c[1];

        if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr("%#;", *c) ||
            (edge && (*c == ' ' || none))) {
            fprintf(out, "%%%02x", (unsigned char)*c);
        } else {
            fputc(*c, out);
        }
    }
}

/* The folders above the file. */
static rp_status make_folders(const char *path)
{
    char folder[4096];

    for (const char *slash = strchr(path + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        if (mkdir(folder, 0700) && errno != EEXIST) {
            rp_log(RP_ERROR, TAG, "%s: %s", folder, strerror(errno));
            return RP_EIO;
        }
    }
    return RP_OK;
}

rp_status rp_port_file_write(const char *path, const struct rp_port_file *file)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    rp_status status;

    if (!out) {
        rp_log(RP_ERROR, TAG, "out of memory");
        return RP_EMEM;
    }
    fputs("# What riposte was connected to, and connects again. `riposte ports "
          "--forget`\n# forgets it.\n",
          out);
    for (int i = 0; i < file->count; i++) {
        fprintf(out, "%s.%s = ", file->line[i].backend, file->line[i].port);
        print_id(out, file->line[i].id);
        fputc('\n', out);
    }
    if (fclose(out)) {
        free(text);
        rp_log(RP_ERROR, TAG, "out of memory");
        return RP_EMEM;
    }
    status = make_folders(path);
    if (status == RP_OK) {
        status = rp_replace_file(TAG, path, text, size);
    }
    free(text);
    return status;
}
