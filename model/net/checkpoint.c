#include "model/net/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/net/checkpoint_format.h"
#include "model/net/json.h"
#include "rt/log.h"

/* A file being read; everything it owns is freed in one place. */
struct source {
    const char *path;
    FILE *file;
    size_t size; /* of the file */
    char *header;
    size_t header_size; /* the data begin at 8 + header_size */
    struct rp_json json;
    struct rp_shape shape;
    struct rp_layout layout;
    struct rp_card card;
    float *params, *extra;
    size_t extra_size; /* floats */
    size_t extra_begin;
    size_t begin[RP_VIEWS_MAX]; /* byte of each view in the data */
    bool found[RP_VIEWS_MAX], found_extra;
};

static const char *const own_keys[] = {"format", "riposte", "layers",
                                       "hidden", "head",    "resolution"};

_Static_assert(sizeof own_keys / sizeof *own_keys + RP_FEATURES ==
                   RP_CHECKPOINT_OWN_KEYS,
               "as many keys as are announced");

bool rp_checkpoint_own_key(const char *key)
{
    for (size_t i = 0; i < sizeof own_keys / sizeof *own_keys; i++)
        if (!strcmp(own_keys[i], key))
            return true;
    for (int i = 0; i < RP_FEATURES; i++)
        if (!strcmp(rp_feature_names[i], key))
            return true;
    return false;
}

static rp_status __attribute__((format(printf, 3, 4)))
invalid(const struct source *s, size_t byte, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rp_log(RP_ERROR, "checkpoint", "%s: byte %zu: %s", s->path, byte, text);
    return RP_EFORMAT;
}

/* Byte in the file of a node of the header. */
static size_t byte_of(const struct source *s, uint32_t node)
{
    return 8 + s->json.node[node].offset;
}

static rp_status open_file(struct source *s)
{
    struct stat stat;

    s->file = fopen(s->path, "rb");
    if (!s->file || fstat(fileno(s->file), &stat)) {
        rp_log(RP_ERROR, "checkpoint", "%s: %s", s->path, strerror(errno));
        return RP_EIO;
    }
    if (!S_ISREG(stat.st_mode)) {
        rp_log(RP_ERROR, "checkpoint", "%s: expected a regular file", s->path);
        return RP_EFORMAT;
    }
    s->size = (size_t)stat.st_size;
    return RP_OK;
}

static rp_status read_at(struct source *s, size_t byte, void *to, size_t size)
{
    if (fseeko(s->file, (off_t)byte, SEEK_SET) ||
        fread(to, 1, size, s->file) != size)
        return invalid(s, byte, "expected %zu bytes, %s", size,
                       ferror(s->file) ? strerror(errno) : "the file ends");
    return RP_OK;
}

static rp_status read_header(struct source *s)
{
    unsigned char prefix[8];
    struct rp_json_fault fault;
    uint64_t size = 0;

    if (s->size < 10)
        return invalid(s, s->size,
                       "expected a safetensors header, the file "
                       "ends");
    rp_status status = read_at(s, 0, prefix, 8);
    if (status)
        return status;
    for (int i = 0; i < 8; i++)
        size |= (uint64_t)prefix[i] << (8 * i);
    if (size < 2 || size > RP_CHECKPOINT_HEADER_MAX || size > s->size - 8)
        return invalid(s, 0,
                       "no safetensors file: expected a header size from 2 to "
                       "%zu, not %llu",
                       s->size - 8 < RP_CHECKPOINT_HEADER_MAX
                           ? s->size - 8
                           : (size_t)RP_CHECKPOINT_HEADER_MAX,
                       (unsigned long long)size);
    if (size % 8)
        return invalid(s, 0,
                       "expected a header size that is a multiple of 8, "
                       "not %llu",
                       (unsigned long long)size);
    s->header_size = (size_t)size;
    s->header = malloc(s->header_size);
    if (!s->header)
        return RP_EMEM;
    status = read_at(s, 8, s->header, s->header_size);
    if (status)
        return status;
    if (s->header[0] != '{')
        return invalid(s, 8, "expected '{'");
    status = rp_json_parse(s->header, s->header_size, &s->json, &fault);
    if (status == RP_EFORMAT)
        return invalid(s, 8 + fault.offset, "expected %s", fault.expected);
    return status;
}

static rp_status metadata_number(const struct source *s, uint32_t metadata,
                                 const char *key, uint32_t limit,
                                 uint32_t *value)
{
    uint32_t node = rp_json_find(&s->json, metadata, key);
    uint64_t sum = 0;

    if (!node)
        return invalid(s, byte_of(s, metadata),
                       "expected \"%s\" in __metadata__", key);
    const char *text = s->json.node[node].string;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && digits < 10; i++)
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    if (!digits || digits >= 10 || text[digits] || sum > limit)
        return invalid(s, byte_of(s, node),
                       "\"%s\" is \"%.20s\", expected 0 to %u", key, text,
                       limit);
    *value = (uint32_t)sum;
    return RP_OK;
}

/* The first two were there from the beginning; the others are off where they
 * are not said. */
static rp_status read_features(struct source *s, uint32_t metadata)
{
    for (int i = 0; i < RP_FEATURES; i++) {
        uint32_t on = 0;
        if (i > RP_HAS_VELOCITY &&
            !rp_json_find(&s->json, metadata, rp_feature_names[i]))
            continue;
        rp_status status =
            metadata_number(s, metadata, rp_feature_names[i], 1, &on);
        if (status)
            return status;
        rp_vocabulary_set(&s->shape.vocabulary, (enum rp_feature)i, on != 0);
    }
    return RP_OK;
}

static rp_status read_shape(struct source *s, uint32_t metadata)
{
    uint32_t format, resolution = 0;
    struct rp_shape *shape = &s->shape;
    const struct {
        const char *key;
        uint32_t limit, *value;
    } numbers[] = {
        {"riposte", 1000000, &format},
        {"layers", RP_LAYERS_MAX, &shape->layers},
        {"hidden", RP_HIDDEN_MAX, &shape->hidden},
        {"head", RP_HEAD_MAX, &shape->head},
        {"resolution", 960, &resolution},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        rp_status status = metadata_number(s, metadata, numbers[i].key,
                                           numbers[i].limit, numbers[i].value);
        if (status)
            return status;
        if (!i && format != RP_CHECKPOINT_FORMAT)
            return invalid(s, byte_of(s, metadata),
                           "format %u, expected %d: made by another version "
                           "of riposte",
                           format, RP_CHECKPOINT_FORMAT);
    }
    shape->vocabulary =
        (struct rp_vocabulary){.resolution = (uint16_t)resolution};
    rp_status status = read_features(s, metadata);
    if (status)
        return status;
    if (!shape->layers || !shape->hidden || shape->hidden % 16 ||
        !shape->head || shape->head % 16 || !resolution)
        return invalid(s, byte_of(s, metadata),
                       "layers %u, hidden %u, head %u, resolution %u: expected "
                       "none zero, hidden and head multiples of 16",
                       shape->layers, shape->hidden, shape->head, resolution);
    rp_shape_layout(shape, &s->layout);
    return RP_OK;
}

static rp_status read_metadata(struct source *s)
{
    uint32_t metadata = rp_json_find(&s->json, 0, "__metadata__");

    if (!metadata || s->json.node[metadata].type != RP_JSON_OBJECT)
        return invalid(s, 8, "expected an object __metadata__");
    if (s->json.node[metadata].count > RP_CHECKPOINT_KEYS_MAX)
        return invalid(s, byte_of(s, metadata),
                       "%u keys in __metadata__, expected at most %d",
                       s->json.node[metadata].count, RP_CHECKPOINT_KEYS_MAX);
    uint32_t at = metadata + 1;
    for (uint32_t i = 0; i < s->json.node[metadata].count; i++, at += 2) {
        const char *key = s->json.node[at].string;
        if (s->json.node[at + 1].type != RP_JSON_STRING)
            return invalid(s, byte_of(s, at + 1), "expected a string");
        if (rp_json_find(&s->json, metadata, key) != at + 1)
            return invalid(s, byte_of(s, at), "\"%.60s\" twice", key);
        if (rp_checkpoint_own_key(key))
            continue;
        rp_status status =
            rp_card_set(&s->card, key, s->json.node[at + 1].string);
        if (status)
            return status;
    }
    return read_shape(s, metadata);
}

/* Rows and columns of a tensor: [rows], or [rows, columns]. */
static bool read_dims(const struct source *s, uint32_t node, uint64_t dims[2])
{
    const struct rp_json_node *list = &s->json.node[node];

    dims[1] = 1;
    if (list->type != RP_JSON_ARRAY || !list->count || list->count > 2)
        return false;
    for (uint32_t i = 0; i < list->count; i++)
        if (!rp_json_whole(&s->json, node + 1 + i, UINT32_MAX, &dims[i]))
            return false;
    return true;
}

/* data_offsets of a tensor, checked against the size its shape implies. */
static rp_status read_offsets(const struct source *s, uint32_t tensor,
                              uint64_t floats, size_t *begin)
{
    uint32_t node = rp_json_find(&s->json, tensor, "data_offsets");
    size_t data = s->size - 8 - s->header_size;
    uint64_t first, end;

    if (!node || s->json.node[node].type != RP_JSON_ARRAY ||
        s->json.node[node].count != 2 ||
        !rp_json_whole(&s->json, node + 1, UINT64_MAX, &first) ||
        !rp_json_whole(&s->json, node + 2, UINT64_MAX, &end))
        return invalid(s, byte_of(s, node ? node : tensor),
                       "expected \"data_offsets\": [begin, end]");
    if (first % 4 || first > end || end > data)
        return invalid(s, byte_of(s, node),
                       "data_offsets [%llu, %llu], expected whole floats "
                       "inside the %zu bytes of data",
                       (unsigned long long)first, (unsigned long long)end,
                       data);
    if ((end - first) / 4 != floats || (end - first) % 4)
        return invalid(
            s, byte_of(s, node), "%llu bytes, expected %llu for this shape",
            (unsigned long long)(end - first), (unsigned long long)floats * 4);
    *begin = (size_t)first;
    return RP_OK;
}

static rp_status check_type(const struct source *s, uint32_t tensor,
                            const char *name)
{
    uint32_t type = 0;

    if (s->json.node[tensor].type == RP_JSON_OBJECT)
        type = rp_json_find(&s->json, tensor, "dtype");
    if (!type || s->json.node[type].type != RP_JSON_STRING)
        return invalid(s, byte_of(s, tensor),
                       "%.60s: expected an object with "
                       "a dtype",
                       name);
    if (strcmp(s->json.node[type].string, "F32"))
        return invalid(s, byte_of(s, type), "%.60s is %.10s, expected F32",
                       name, s->json.node[type].string);
    return RP_OK;
}

static rp_status read_tensor(struct source *s, uint32_t key)
{
    const char *name = s->json.node[key].string;
    uint32_t tensor = key + 1, v = 0;
    bool extra = !strcmp(name, RP_CHECKPOINT_EXTRA);
    uint64_t dims[2];

    while (v < s->layout.count && strcmp(s->layout.view[v].name, name))
        v++;
    if (v == s->layout.count && !extra)
        return invalid(s, byte_of(s, key),
                       "unknown tensor \"%.60s\" for this shape", name);
    if (extra ? s->found_extra : s->found[v])
        return invalid(s, byte_of(s, key), "\"%.60s\" twice", name);
    rp_status status = check_type(s, tensor, name);
    if (status)
        return status;
    uint32_t shape = rp_json_find(&s->json, tensor, "shape");
    if (!shape || !read_dims(s, shape, dims))
        return invalid(s, byte_of(s, shape ? shape : tensor),
                       "%.60s: expected a shape of one or two numbers", name);
    if (extra) {
        s->found_extra = true;
        s->extra_size = (size_t)(dims[0] * dims[1]);
        return read_offsets(s, tensor, dims[0] * dims[1], &s->extra_begin);
    }
    const struct rp_view *view = &s->layout.view[v];
    bool flat = s->json.node[shape].count == 1;
    if (dims[0] != view->rows || dims[1] != view->columns ||
        flat != (view->columns == 1))
        return invalid(s, byte_of(s, shape),
                       "%.60s is (%llu, %llu), expected (%u, %u)", name,
                       (unsigned long long)dims[0], (unsigned long long)dims[1],
                       view->rows, view->columns);
    s->found[v] = true;
    return read_offsets(s, tensor, (uint64_t)view->rows * view->columns,
                        &s->begin[v]);
}

/* All there, none over another, no byte left over. */
static rp_status check_cover(const struct source *s)
{
    size_t data = s->size - 8 - s->header_size, sum = 4 * s->extra_size;

    for (uint32_t v = 0; v < s->layout.count; v++) {
        const struct rp_view *view = &s->layout.view[v];
        size_t size = 4 * (size_t)view->rows * view->columns;
        if (!s->found[v])
            return invalid(s, 8, "expected a tensor \"%s\"", view->name);
        sum += size;
        for (uint32_t w = 0; w < v; w++) {
            const struct rp_view *other = &s->layout.view[w];
            size_t most = 4 * (size_t)other->rows * other->columns;
            if (s->begin[v] < s->begin[w] + most &&
                s->begin[w] < s->begin[v] + size)
                return invalid(s, 8 + s->header_size + s->begin[v],
                               "\"%s\" overlaps \"%s\"", view->name,
                               other->name);
        }
        if (s->extra_size && s->begin[v] < s->extra_begin + 4 * s->extra_size &&
            s->extra_begin < s->begin[v] + size)
            return invalid(s, 8 + s->header_size + s->begin[v],
                           "\"%s\" overlaps \"" RP_CHECKPOINT_EXTRA "\"",
                           view->name);
    }
    if (sum != data)
        return invalid(s, 8 + s->header_size, "%zu bytes of data, expected %zu",
                       data, sum);
    return RP_OK;
}

static rp_status read_floats(struct source *s, const char *name, size_t begin,
                             float *to, size_t count)
{
    size_t byte = 8 + s->header_size + begin;
    rp_status status = read_at(s, byte, to, 4 * count);

    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(to[i]))
            return invalid(s, byte + 4 * i,
                           "%s[%zu] is %f, expected a finite "
                           "number",
                           name, i, (double)to[i]);
    return RP_OK;
}

static rp_status read_tensors(struct source *s)
{
    uint32_t at = 1;

    for (uint32_t i = 0; i < s->json.node[0].count; i++) {
        if (strcmp(s->json.node[at].string, "__metadata__")) {
            rp_status status = read_tensor(s, at);
            if (status)
                return status;
        } else if (rp_json_find(&s->json, 0, "__metadata__") != at + 1) {
            return invalid(s, byte_of(s, at), "\"__metadata__\" twice");
        }
        at = s->json.node[at + 1].next;
    }
    rp_status status = check_cover(s);
    if (status)
        return status;
    s->params = malloc(s->layout.size * sizeof *s->params);
    s->extra = malloc((s->extra_size + 1) * sizeof *s->extra);
    if (!s->params || !s->extra)
        return RP_EMEM;
    for (uint32_t v = 0; v < s->layout.count && !status; v++)
        status = read_floats(s, s->layout.view[v].name, s->begin[v],
                             s->params + s->layout.view[v].offset,
                             (size_t)s->layout.view[v].rows *
                                 s->layout.view[v].columns);
    if (!status && s->extra_size)
        status = read_floats(s, RP_CHECKPOINT_EXTRA, s->extra_begin, s->extra,
                             s->extra_size);
    return status;
}

static void source_fini(struct source *s)
{
    if (s->file)
        fclose(s->file);
    free(s->header);
    free(s->params);
    free(s->extra);
    rp_json_fini(&s->json);
    rp_card_fini(&s->card);
}

rp_status rp_checkpoint_load(const char *path, struct rp_shape *shape,
                             float **params, struct rp_card *card,
                             float **extra, size_t *extra_size)
{
    struct source *s = calloc(1, sizeof *s);

    if (!s) {
        rp_log(RP_ERROR, "checkpoint", "%s: out of memory", path);
        return RP_EMEM;
    }
    s->path = path;
    rp_status status = open_file(s);
    if (!status)
        status = read_header(s);
    if (!status)
        status = read_metadata(s);
    if (!status)
        status = read_tensors(s);
    if (!status) {
        *shape = s->shape;
        *params = s->params;
        s->params = NULL;
        if (card) {
            *card = s->card;
            s->card = (struct rp_card){0};
        }
        if (extra) {
            *extra = s->extra_size ? s->extra : NULL;
            *extra_size = s->extra_size;
            s->extra = *extra ? NULL : s->extra;
        }
    }
    source_fini(s);
    free(s);
    if (status == RP_EMEM)
        rp_log(RP_ERROR, "checkpoint", "%s: out of memory", path);
    return status;
}
