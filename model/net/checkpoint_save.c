#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/net/checkpoint.h"
#include "model/net/checkpoint_format.h"
#include "model/net/json.h"
#include "rt/log.h"

static void write_metadata(FILE *out, const struct rp_shape *shape,
                           const struct rp_card *card)
{
    fprintf(out,
            "{\"__metadata__\":{\"format\":\"pt\",\"riposte\":\"%d\","
            "\"layers\":\"%u\",\"hidden\":\"%u\",\"head\":\"%u\","
            "\"resolution\":\"%u\"",
            RP_CHECKPOINT_FORMAT, shape->layers, shape->hidden, shape->head,
            shape->vocabulary.resolution);
    for (int i = 0; i < RP_FEATURES; i++) {
        bool on = rp_vocabulary_has(&shape->vocabulary, (enum rp_feature)i);
        if (on || i <= RP_HAS_VELOCITY)
            fprintf(out, ",\"%s\":\"%d\"", rp_feature_names[i], on);
    }
    for (uint32_t i = 0; card && i < card->count; i++) {
        if (rp_checkpoint_own_key(card->entry[i].key))
            continue;
        putc(',', out);
        rp_json_write(out, card->entry[i].key);
        putc(':', out);
        rp_json_write(out, card->entry[i].value);
    }
    putc('}', out);
}

/* Header text, padded with spaces so that the data lie at a multiple of 8. */
static rp_status make_header(const struct rp_shape *shape,
                             const struct rp_layout *layout,
                             const struct rp_card *card, size_t extra_size,
                             char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);

    if (!out)
        return RP_EMEM;
    write_metadata(out, shape, card);
    for (uint32_t v = 0; v < layout->count; v++) {
        const struct rp_view *view = &layout->view[v];
        size_t end = view->offset + (size_t)view->rows * view->columns;
        fprintf(out, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%u", view->name,
                view->rows);
        if (view->columns > 1)
            fprintf(out, ",%u", view->columns);
        fprintf(out, "],\"data_offsets\":[%zu,%zu]}", 4 * view->offset,
                4 * end);
    }
    if (extra_size)
        fprintf(out,
                ",\"" RP_CHECKPOINT_EXTRA "\":{\"dtype\":\"F32\",\"shape\":"
                "[%zu],\"data_offsets\":[%zu,%zu]}",
                extra_size, 4 * layout->size, 4 * (layout->size + extra_size));
    putc('}', out);
    fflush(out);
    while (*size % 8) {
        putc(' ', out);
        fflush(out);
    }
    bool failed = ferror(out);
    if (fclose(out) || failed) {
        free(*text);
        *text = NULL;
        return RP_EMEM;
    }
    return RP_OK;
}

static rp_status write_file(FILE *out, const char *header, size_t header_size,
                            const float *params, size_t size,
                            const float *extra, size_t extra_size)
{
    unsigned char prefix[8];

    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)((uint64_t)header_size >> (8 * i));
    if (fwrite(prefix, 1, 8, out) != 8 ||
        fwrite(header, 1, header_size, out) != header_size ||
        fwrite(params, 4, size, out) != size ||
        (extra_size && fwrite(extra, 4, extra_size, out) != extra_size) ||
        fflush(out) || fsync(fileno(out)))
        return RP_EIO;
    return RP_OK;
}

/* A rename is only on disk once its folder is. */
static rp_status sync_folder(const char *path)
{
    char *copy = strdup(path);
    int folder = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY) : -1;
    rp_status status = folder >= 0 && !fsync(folder) ? RP_OK : RP_EIO;

    if (folder >= 0)
        close(folder);
    free(copy);
    return status;
}

static rp_status save_parts(const char *path, const char *part,
                            const char *header, size_t header_size,
                            const float *params, size_t size,
                            const float *extra, size_t extra_size)
{
    FILE *out = fopen(part, "wb");

    if (!out)
        return RP_EIO;
    rp_status status =
        write_file(out, header, header_size, params, size, extra, extra_size);
    int reason = errno;
    if (fclose(out) && !status) {
        status = RP_EIO;
        reason = errno;
    }
    if (!status && rename(part, path)) {
        status = RP_EIO;
        reason = errno;
    }
    if (status)
        unlink(part);
    else
        return sync_folder(path);
    errno = reason;
    return status;
}

/* A card that could not be read back is not written. */
static rp_status check_card(const char *path, const struct rp_card *card,
                            size_t header_size)
{
    uint32_t most = RP_CHECKPOINT_KEYS_MAX - RP_CHECKPOINT_OWN_KEYS;

    if (header_size > RP_CHECKPOINT_HEADER_MAX) {
        rp_log(RP_ERROR, "checkpoint",
               "%s: the model card takes %zu bytes, "
               "expected at most %d",
               path, header_size, RP_CHECKPOINT_HEADER_MAX);
        return RP_EARG;
    }
    if (card && card->count > most) {
        rp_log(RP_ERROR, "checkpoint",
               "%s: the model card has %u keys, expected at most %u", path,
               card->count, most);
        return RP_EARG;
    }
    return RP_OK;
}

rp_status rp_checkpoint_save(const char *path, const struct rp_shape *shape,
                             const float *params, const struct rp_card *card,
                             const float *extra, size_t extra_size)
{
    struct rp_layout layout;
    char *header = NULL, *part = NULL;
    size_t header_size = 0;
    rp_status status = rp_shape_check(shape);

    if (status)
        return status;
    rp_shape_layout(shape, &layout);
    status =
        make_header(shape, &layout, card, extra_size, &header, &header_size);
    if (!status)
        status = check_card(path, card, header_size);
    if (!status && asprintf(&part, "%s.part", path) < 0) {
        part = NULL;
        status = RP_EMEM;
    }
    if (!status) {
        status = save_parts(path, part, header, header_size, params,
                            layout.size, extra, extra_size);
        if (status)
            rp_log(RP_ERROR, "checkpoint", "%s: cannot be written: %s", path,
                   strerror(errno));
    }
    if (status == RP_EMEM)
        rp_log(RP_ERROR, "checkpoint", "%s: out of memory", path);
    free(part);
    free(header);
    return status;
}
