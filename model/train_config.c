#include "model/train_config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/train_options.h"
#include "rt/log.h"

enum { BYTES_MOST = 1 << 20 };

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && strchr(" \t\r", end[-1]))
        *--end = 0;
    return text + strspn(text, " \t");
}

static rp_status refuse(const char *where, const char *what, const char *key)
{
    rp_log(RP_ERROR, "train", "%s%s '%s'", where, what, key);
    return RP_EARG;
}

static rp_status read_place(struct rp_train_config *config, const char *where,
                            const char *key, const char *value)
{
    if (!strcmp(key, "frames")) {
        if (config->frames)
            return refuse(where, "a second", key);
        config->frames = value;
        return RP_OK;
    }
    if (config->dirs == RP_TRAIN_DIRS_MAX)
        return refuse(where, "too many of", key);
    config->dir[config->dirs++] = value;
    return RP_OK;
}

static rp_status read_line(struct rp_train_options *options,
                           struct rp_train_config *config, const char *where,
                           char *line)
{
    char *key = trim(line), *equals = strchr(key, '='), *value;
    const struct rp_train_knob *knob;

    if (!*key || *key == '#' || *key == ';')
        return RP_OK;
    if (!equals)
        return refuse(where, "expected key = value, found", key);
    *equals = 0;
    key = trim(key);
    value = trim(equals + 1);
    if (!strcmp(key, "dir") || !strcmp(key, "frames"))
        return read_place(config, where, key, value);
    knob = rp_train_knob_find(key);
    if (knob && rp_train_knob_given(knob, options))
        return refuse(where, "a second", key);
    return rp_train_set(options, where, key, value);
}

/* The whole file, ended by 0. */
static rp_status read_text(const char *path, char **text)
{
    FILE *file = fopen(path, "r");
    char *all = file ? calloc(1, BYTES_MOST) : NULL;
    size_t size = all ? fread(all, 1, BYTES_MOST, file) : 0;
    rp_status status = RP_OK;

    if (!file || (all && ferror(file))) {
        rp_log(RP_ERROR, "train", "%s: %s", path, strerror(errno));
        status = RP_EIO;
    } else if (!all) {
        status = RP_EMEM;
    } else if (size == BYTES_MOST || strlen(all) != size) {
        rp_log(RP_ERROR, "train",
               "%s: byte %zu: expected the end of a text "
               "of at most %d bytes",
               path, strnlen(all, BYTES_MOST), BYTES_MOST - 1);
        status = RP_EFORMAT;
    }
    if (file)
        fclose(file);
    if (status)
        free(all);
    else
        *text = all;
    return status;
}

rp_status rp_train_config_load(const char *path,
                               struct rp_train_options *options,
                               struct rp_train_config *config)
{
    struct rp_train_options read = *options;
    char where[PATH_MAX + 20];
    unsigned number = 0;
    rp_status status;

    *config = (struct rp_train_config){0};
    status = read_text(path, &config->text);
    read.given = 0;
    for (char *line = config->text, *next; line && !status; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        snprintf(where, sizeof where, "%s:%u: ", path, ++number);
        status = read_line(&read, config, where, line);
    }
    if (status) {
        rp_train_config_fini(config);
        return status;
    }
    read.given |= options->given;
    *options = read;
    return RP_OK;
}

void rp_train_config_fini(struct rp_train_config *config)
{
    free(config->text);
    *config = (struct rp_train_config){0};
}

/* Paths are written so that they lead there from everywhere. */
static void put_path(FILE *out, const char *margin, const char *key,
                     const char *path)
{
    char whole[PATH_MAX];

    fprintf(out, "%s%s = %s\n", margin, key,
            realpath(path, whole) ? whole : path);
}

static void put_knob(FILE *out, const char *margin,
                     const struct rp_train_knob *knob,
                     const struct rp_train_options *options)
{
    char text[64];
    const char *value = rp_train_knob_text(knob, options, text, sizeof text);

    /* Where it is kept, and what it runs on, does not change it. */
    if (!value || !strcmp(knob->name, "out") || !strcmp(knob->name, "threads"))
        return;
    if (!strcmp(knob->name, "from"))
        put_path(out, margin, knob->name, value);
    else
        fprintf(out, "%s%s = %s\n", margin, knob->name, value);
}

rp_status rp_train_config_text(const struct rp_train_options *options,
                               const char *margin, char **text)
{
    size_t size = 0;
    FILE *out = open_memstream(text, &size);

    if (!out) {
        rp_log(RP_ERROR, "train", "out of memory");
        return RP_EMEM;
    }
    fprintf(out, "%s# riposte train --config FILE begins this run again.\n",
            margin);
    for (uint32_t i = 0; i < options->dirs; i++)
        put_path(out, margin, options->frames ? "frames" : "dir",
                 options->dir[i]);
    for (uint32_t i = 0; i < rp_train_knob_count; i++)
        put_knob(out, margin, &rp_train_knobs[i], options);
    if (!fclose(out))
        return RP_OK;
    free(*text);
    *text = NULL;
    return RP_EMEM;
}

rp_status rp_train_config_save(const struct rp_train_options *options,
                               const char *path)
{
    char *text = NULL;
    FILE *file;
    bool bad;
    rp_status status = rp_train_config_text(options, "", &text);

    if (status)
        return status;
    file = fopen(path, "w");
    bad = !file || fputs(text, file) < 0 || fflush(file) || fsync(fileno(file));
    if (bad)
        rp_log(RP_ERROR, "train", "%s: cannot write: %s", path,
               strerror(errno));
    if (file && fclose(file))
        bad = true;
    free(text);
    return bad ? RP_EIO : RP_OK;
}
