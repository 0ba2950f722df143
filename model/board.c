#include "model/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rt/log.h"

enum {
    EVENT_MOST = 1 << 20, /* bytes; ours are far smaller */
    /* How a field of a protocol buffer is written. */
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_BYTES = 2,
    WIRE_32 = 5,
    /* Numbers of fields: tensorflow/core/util/event.proto, summary.proto,
     * tensor.proto. */
    EVENT_TIME = 1,
    EVENT_STEP = 2,
    EVENT_VERSION = 3,
    EVENT_SUMMARY = 5,
    SUMMARY_VALUE = 1,
    VALUE_TAG = 1,
    VALUE_NUMBER = 2,
    VALUE_TENSOR = 8,
    VALUE_METADATA = 9,
    METADATA_PLUGIN = 1,
    PLUGIN_NAME = 1,
    TENSOR_TYPE = 1,
    TENSOR_STRING = 8,
    TYPE_STRING = 7
};

uint32_t rp_board_crc(const void *data, size_t size)
{
    const unsigned char *byte = data;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static uint32_t masked_crc(const void *data, size_t size)
{
    uint32_t crc = rp_board_crc(data, size);

    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

/* Protocol buffers go into memory streams, the inner ones first. */
struct message {
    FILE *out; /* NULL: no memory */
    char *data;
    size_t size;
};

static struct message *begin(struct message *message)
{
    *message = (struct message){0};
    message->out = open_memstream(&message->data, &message->size);
    return message;
}

static void put_bytes(struct message *to, const void *data, size_t size)
{
    if (to->out)
        fwrite(data, 1, size, to->out);
}

static void put_varint(struct message *to, uint64_t value)
{
    unsigned char byte;

    do {
        byte = (unsigned char)(value & 127);
        value >>= 7;
        byte |= value ? 128 : 0;
        put_bytes(to, &byte, 1);
    } while (value);
}

static void put_key(struct message *to, int field, int wire)
{
    put_varint(to, (uint64_t)field << 3 | (uint64_t)wire);
}

static void put_field(struct message *to, int field, const void *data,
                      size_t size)
{
    put_key(to, field, WIRE_BYTES);
    put_varint(to, size);
    put_bytes(to, data, size);
}

static void put_text(struct message *to, int field, const char *text)
{
    put_field(to, field, text, strlen(text));
}

/* Ends `inner` and puts it into `to`. */
static void put_message(struct message *to, int field, struct message *inner)
{
    if (inner->out && !fclose(inner->out))
        put_field(to, field, inner->data, inner->size);
    else if (to->out) { /* no memory: the whole is none */
        fclose(to->out);
        to->out = NULL;
    }
    free(inner->data);
}

static void begin_event(struct message *event, uint64_t step)
{
    struct timespec now;
    double seconds;

    clock_gettime(CLOCK_REALTIME, &now);
    seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    begin(event);
    put_key(event, EVENT_TIME, WIRE_64);
    put_bytes(event, &seconds, sizeof seconds);
    put_key(event, EVENT_STEP, WIRE_VARINT);
    put_varint(event, step);
}

/* The event as a record at the end of `records`. */
static void put_record(struct message *records, struct message *event)
{
    unsigned char head[12], tail[4];
    uint64_t size;
    uint32_t crc;
    bool whole = event->out && !fclose(event->out);

    size = event->size;
    memcpy(head, &size, 8);
    crc = masked_crc(head, 8);
    memcpy(head + 8, &crc, 4);
    if (whole) {
        crc = masked_crc(event->data, event->size);
        memcpy(tail, &crc, 4);
        put_bytes(records, head, sizeof head);
        put_bytes(records, event->data, event->size);
        put_bytes(records, tail, sizeof tail);
    } else if (records->out) {
        fclose(records->out);
        records->out = NULL;
    }
    free(event->data);
}

static rp_status refuse(const char *path)
{
    rp_log(RP_ERROR, "board", "%s: cannot write: %s", path, strerror(errno));
    return RP_EIO;
}

static bool write_all(int file, const struct message *records)
{
    ssize_t written = write(file, records->data, records->size);

    if (written >= 0 && (size_t)written < records->size)
        errno = ENOSPC; /* that is what stopped it */
    return written == (ssize_t)records->size;
}

/* Ends `records` and writes them at the end of the file. */
static rp_status append(const char *path, int flags, struct message *records)
{
    bool whole = records->out && !fclose(records->out);
    int file = whole ? open(path, O_WRONLY | O_APPEND | flags, 0666) : -1;
    off_t before = file >= 0 ? lseek(file, 0, SEEK_END) : 0;
    rp_status status = RP_OK;

    errno = whole ? errno : ENOMEM;
    if (file < 0) {
        status = refuse(path);
    } else if (!write_all(file, records)) {
        status = refuse(path);
        if (ftruncate(file, before))
            rp_log(RP_WARN, "board", "%s: ends in half an event", path);
    }
    if (file >= 0 && close(file) && !status)
        status = refuse(path);
    free(records->data);
    return status;
}

static void put_text_event(struct message *records, const char *tag,
                           const char *text)
{
    struct message event, summary, value, part, plugin;

    begin(&part);
    put_text(begin(&plugin), PLUGIN_NAME, "text");
    put_message(&part, METADATA_PLUGIN, &plugin);
    put_text(begin(&value), VALUE_TAG, tag);
    put_message(&value, VALUE_METADATA, &part);
    begin(&part);
    put_key(&part, TENSOR_TYPE, WIRE_VARINT);
    put_varint(&part, TYPE_STRING);
    put_text(&part, TENSOR_STRING, text);
    put_message(&value, VALUE_TENSOR, &part);
    put_message(begin(&summary), SUMMARY_VALUE, &value);
    begin_event(&event, 0);
    put_message(&event, EVENT_SUMMARY, &summary);
    put_record(records, &event);
}

rp_status rp_board_create(const char *path, const char *tag, const char *text)
{
    struct message records, event;

    begin(&records);
    begin_event(&event, 0);
    put_text(&event, EVENT_VERSION, "brain.Event:2");
    put_record(&records, &event);
    put_text_event(&records, tag, text);
    return append(path, O_CREAT | O_TRUNC, &records);
}

rp_status rp_board_add(const char *path, uint64_t step,
                       const struct rp_board_scalar *scalar, uint32_t count)
{
    struct message records, event, summary, value;

    begin(&summary);
    for (uint32_t i = 0; i < count; i++) {
        put_text(begin(&value), VALUE_TAG, scalar[i].tag);
        put_key(&value, VALUE_NUMBER, WIRE_32);
        put_bytes(&value, &scalar[i].value, sizeof scalar[i].value);
        put_message(&summary, SUMMARY_VALUE, &value);
    }
    begin_event(&event, step);
    put_message(&event, EVENT_SUMMARY, &summary);
    put_record(begin(&records), &event);
    return append(path, O_CREAT, &records);
}

static bool take_varint(const unsigned char **at, const unsigned char *end,
                        uint64_t *value)
{
    *value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128))
            return true;
    }
    return false;
}

/* The step of an event; none is 0. */
static uint64_t step_of(const unsigned char *at, size_t size)
{
    const unsigned char *end = at + size;
    uint64_t key, value;

    while (take_varint(&at, end, &key)) {
        uint64_t skip = 0;
        if ((key & 7) == WIRE_VARINT) {
            if (!take_varint(&at, end, &value))
                break;
            if (key >> 3 == EVENT_STEP)
                return value;
        } else if ((key & 7) == WIRE_BYTES) {
            if (!take_varint(&at, end, &skip))
                break;
        } else {
            skip = (key & 7) == WIRE_64 ? 8 : 4;
        }
        if (skip > (uint64_t)(end - at))
            break;
        at += skip;
    }
    return 0;
}

/* Bytes of the next record; 0: none is there, or whole, or early enough. */
static size_t next_record(FILE *file, unsigned char *event, uint64_t most)
{
    unsigned char head[12], tail[4];
    uint64_t size;
    uint32_t crc;

    if (fread(head, 1, sizeof head, file) != sizeof head)
        return 0;
    memcpy(&size, head, 8);
    memcpy(&crc, head + 8, 4);
    if (crc != masked_crc(head, 8) || size > EVENT_MOST ||
        fread(event, 1, size, file) != size ||
        fread(tail, 1, sizeof tail, file) != sizeof tail)
        return 0;
    memcpy(&crc, tail, 4);
    if (crc != masked_crc(event, size) || step_of(event, size) > most)
        return 0;
    return sizeof head + size + sizeof tail;
}

rp_status rp_board_trim(const char *path, uint64_t step)
{
    FILE *file = fopen(path, "rb");
    unsigned char *event;
    off_t keep = 0;
    size_t size;

    if (!file)
        return errno == ENOENT ? RP_ENONE : refuse(path);
    event = malloc(EVENT_MOST);
    while (event && (size = next_record(file, event, step)))
        keep += (off_t)size;
    fclose(file);
    if (!event)
        return RP_EMEM;
    free(event);
    return truncate(path, keep) ? refuse(path) : RP_OK;
}
