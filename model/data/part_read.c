/* Parts from JSON: strict, the first fault is said with its byte. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/part.h"
#include "model/data/spell.h"
#include "model/net/json.h"
#include "rt/log.h"

#define TICK_MAX (INT64_C(1) << 40) /* months of music */

struct source {
    const char *path;
    struct rp_json json;
    struct rp_part part;
    uint32_t room; /* of part.note */
    rp_status status; /* the first fault stays */
};

static void __attribute__((format(printf, 3, 4)))
refuse(struct source *s, uint32_t node, const char *format, ...)
{
    char text[200];
    va_list args;

    if (s->status)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rp_log(RP_ERROR, "part", "%s: byte %u: expected %s", s->path,
           s->json.node[node].offset, text);
    s->status = RP_EFORMAT;
}

static void fail(struct source *s)
{
    if (!s->status)
        rp_log(RP_ERROR, "part", "out of memory");
    s->status = RP_EMEM;
}

/* The value of a key, of this type; 0 when there is none. */
static uint32_t find(struct source *s, uint32_t object, const char *key,
                     enum rp_json_type type, const char *what)
{
    uint32_t node = 0;

    if (s->status)
        return 0;
    if (s->json.node[object].type == RP_JSON_OBJECT)
        node = rp_json_find(&s->json, object, key);
    if (!node || s->json.node[node].type != type) {
        refuse(s, node ? node : object, "\"%s\": %s", key, what);
        return 0;
    }
    return node;
}

static uint64_t whole(struct source *s, uint32_t object, const char *key,
                      uint64_t least, uint64_t most)
{
    uint64_t value = least;
    uint32_t node = find(s, object, key, RP_JSON_NUMBER, "a whole number");

    if (node && (!rp_json_whole(&s->json, node, most, &value) ||
                 value < least)) {
        refuse(s, node, "\"%s\": a whole number from %llu to %llu", key,
               (unsigned long long)least, (unsigned long long)most);
        value = least;
    }
    return value;
}

static char *text_of(struct source *s, uint32_t object, const char *key)
{
    uint32_t node = find(s, object, key, RP_JSON_STRING, "a string");
    char *copy = strdup(node ? s->json.node[node].string : "");

    if (!copy)
        fail(s);
    return copy;
}

/* Room for as many things as the array under a key has; the first of them in
 * *item, their number returned. */
static uint32_t open_list(struct source *s, const char *key, size_t size,
                          void **list, uint32_t *item)
{
    uint32_t node = find(s, 0, key, RP_JSON_ARRAY, "an array");
    uint32_t count = node ? s->json.node[node].count : 0;

    *list = calloc(count + 1, size);
    if (!*list) {
        fail(s);
        return 0;
    }
    *item = node + 1;
    return count;
}

static uint32_t next_of(const struct source *s, uint32_t item)
{
    return s->json.node[item].next;
}

static void read_time(struct source *s)
{
    struct rp_part *part = &s->part;
    uint32_t item = 0, count;
    void *list;

    count = open_list(s, "tempo", sizeof *part->tempo, &list, &item);
    part->tempo = list;
    for (; part->tempos < count && !s->status; item = next_of(s, item)) {
        struct rp_smf_tempo *tempo = &part->tempo[part->tempos++];
        tempo->tick = (int64_t)whole(s, item, "tick", 0, TICK_MAX);
        tempo->us_per_beat =
            (uint32_t)whole(s, item, "microseconds", 1, 0xffffff);
    }
    count = open_list(s, "metre", sizeof *part->metre, &list, &item);
    part->metre = list;
    for (; part->metres < count && !s->status; item = next_of(s, item)) {
        struct rp_smf_metre *metre = &part->metre[part->metres++];
        uint64_t unit = whole(s, item, "unit", 1, 128);
        metre->tick = (int64_t)whole(s, item, "tick", 0, TICK_MAX);
        metre->metre.beats = (uint8_t)whole(s, item, "beats", 1, 255);
        metre->metre.unit = (uint8_t)unit;
        if (!s->status && unit & (unit - 1))
            refuse(s, item, "a unit of 1, 2, 4, 8, ... 128");
    }
}

static void read_texts(struct source *s)
{
    struct rp_part *part = &s->part;
    uint32_t item = 0, count;
    void *list;

    count = open_list(s, "texts", sizeof *part->text, &list, &item);
    part->text = list;
    for (; part->texts < count && !s->status; item = next_of(s, item)) {
        struct rp_smf_text *text = &part->text[part->texts++];
        text->tick = (int64_t)whole(s, item, "tick", 0, TICK_MAX);
        text->type = (uint8_t)whole(s, item, "type", 1, 15);
        text->text = text_of(s, item, "text");
    }
}

static void read_message(struct source *s, uint32_t item,
                         struct rp_smf_event *message)
{
    uint32_t bytes = find(s, item, "bytes", RP_JSON_ARRAY,
                          "a message of two or three bytes");
    uint64_t value = 0;
    int size;

    message->tick = (int64_t)whole(s, item, "tick", 0, TICK_MAX);
    if (s->status)
        return;
    message->event.size = (uint8_t)s->json.node[bytes].count;
    for (uint32_t i = 0; i < s->json.node[bytes].count; i++) {
        if (i == 3 ||
            !rp_json_whole(&s->json, bytes + 1 + i, i ? 127 : 255, &value)) {
            refuse(s, bytes, "a message of two or three bytes");
            return;
        }
        message->event.data[i] = (uint8_t)value;
    }
    size = message->event.size ? message->event.data[0] : 0;
    if (size < RP_KEY_PRESSURE || size >= 0xf0 ||
        (size & 15) != s->part.channel ||
        rp_event_data_size((uint8_t)size) + 1 != message->event.size)
        refuse(s, bytes, "a message of channel %u that is no note",
               s->part.channel);
}

static void read_messages(struct source *s)
{
    struct rp_part *part = &s->part;
    uint32_t item = 0, count;
    void *list;

    count = open_list(s, "messages", sizeof *part->message, &list, &item);
    part->message = list;
    for (; part->messages < count && !s->status; item = next_of(s, item))
        read_message(s, item, &part->message[part->messages++]);
}

static struct rp_part_note *new_note(struct source *s)
{
    if (s->part.notes == s->room) {
        uint32_t room = s->room ? 2 * s->room : 256;
        void *more = realloc(s->part.note, room * sizeof *s->part.note);
        if (!more) {
            fail(s);
            return NULL;
        }
        s->part.note = more;
        s->room = room;
    }
    return &s->part.note[s->part.notes++];
}

/* The name must be that of the number; what else spells the pitch and the
 * length out is for people and other programs, and not read. */
static void read_pitch(struct source *s, uint32_t item, int64_t onset,
                       int64_t ticks)
{
    uint32_t name = find(s, item, "nameWithOctave", RP_JSON_STRING,
                         "the name of a pitch");
    struct rp_part_note *note = s->status ? NULL : new_note(s);
    char text[RP_SPELL_PITCH];

    if (!note)
        return;
    *note = (struct rp_part_note){
        .onset = onset,
        .ticks = ticks,
        .pitch = (uint8_t)whole(s, item, "midi", 0, 127),
        .velocity = (uint8_t)whole(s, item, "velocity", 1, 127),
        .release = (uint8_t)whole(s, item, "release", 0, 127),
    };
    rp_spell_print_pitch(note->pitch, text);
    if (strcmp(text, s->json.node[name].string))
        refuse(s, name, "\"%s\", the name of pitch %u", text, note->pitch);
}

static void read_notes(struct source *s, const char *key, bool chords)
{
    uint32_t list = find(s, 0, key, RP_JSON_ARRAY, "an array");
    uint32_t count = list ? s->json.node[list].count : 0, item = list + 1;

    for (uint32_t i = 0; i < count && !s->status; i++) {
        uint32_t onset = find(s, item, "onset", RP_JSON_OBJECT, "an object");
        uint32_t length =
            find(s, item, "duration", RP_JSON_OBJECT, "an object");
        int64_t tick = (int64_t)whole(s, onset, "tick", 0, TICK_MAX);
        int64_t ticks = (int64_t)whole(s, length, "ticks", 0, TICK_MAX);
        if (!chords) {
            read_pitch(s, item, tick, ticks);
        } else {
            uint32_t notes =
                find(s, item, "notes", RP_JSON_ARRAY, "an array");
            uint32_t one = notes + 1;
            for (uint32_t k = 0;
                 !s->status && k < s->json.node[notes].count; k++) {
                read_pitch(s, one, tick, ticks);
                one = next_of(s, one);
            }
        }
        item = next_of(s, item);
    }
}

static void read_head(struct source *s)
{
    struct rp_part *part = &s->part;
    uint32_t node = find(s, 0, "riposte", RP_JSON_STRING, "\"part\"");

    if (node && strcmp(s->json.node[node].string, "part"))
        refuse(s, node, "\"part\"");
    (void)whole(s, 0, "version", RP_PART_VERSION, RP_PART_VERSION);
    part->source = text_of(s, 0, "source");
    part->name = text_of(s, 0, "name");
    part->type = (uint32_t)whole(s, 0, "type", 0, 2);
    part->division = (uint32_t)whole(s, 0, "division", 1, INT32_MAX);
    part->track = (uint32_t)whole(s, 0, "track", 0, 65534);
    part->channel = (uint8_t)whole(s, 0, "channel", 0, 15);
    node = find(s, 0, "program", RP_JSON_NUMBER, "-1 or a program");
    part->program = -1;
    if (node && s->json.node[node].number >= 0)
        part->program = (int)whole(s, 0, "program", 0, 127);
}

static void read_part(struct source *s)
{
    if (s->json.node[0].type != RP_JSON_OBJECT) {
        refuse(s, 0, "an object");
        return;
    }
    read_head(s);
    read_time(s);
    read_texts(s);
    read_messages(s);
    read_notes(s, "notes", false);
    read_notes(s, "chords", true);
    rp_part_sort(&s->part);
}

static rp_status slurp(const char *path, char **text, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *all = NULL;
    size_t used = 0, room = 0, got = 1;

    while (file && got) {
        if (used == room) {
            char *more = realloc(all, room = room ? 2 * room : 1 << 16);
            if (!more)
                break;
            all = more;
        }
        got = fread(all + used, 1, room - used, file);
        used += got;
    }
    if (!file || ferror(file) || got) {
        rp_log(RP_ERROR, "part", "%s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        free(all);
        return RP_EIO;
    }
    fclose(file);
    *text = all;
    *size = used;
    return RP_OK;
}

rp_status rp_part_read(const char *path, struct rp_part *part)
{
    struct source s = { .path = path };
    struct rp_json_fault fault;
    char *text;
    size_t size;
    rp_status status = slurp(path, &text, &size);

    if (status)
        return status;
    s.status = rp_json_parse(text, size, &s.json, &fault);
    free(text);
    if (s.status == RP_EFORMAT)
        rp_log(RP_ERROR, "part", "%s: byte %zu: expected %s", path,
               fault.offset, fault.expected);
    if (s.status)
        return s.status;
    read_part(&s);
    rp_json_fini(&s.json);
    if (s.status) {
        rp_part_fini(&s.part);
        return s.status;
    }
    *part = s.part;
    return RP_OK;
}
