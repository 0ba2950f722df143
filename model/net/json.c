#include "model/net/json.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, NODES_MAX = 1 << 22 };

struct parser {
    const char *text;
    size_t size, at;
    struct rp_json *json;
    uint32_t room; /* nodes allocated */
    char *write;   /* into json->strings */
    int depth;
    locale_t c_locale; /* numbers have a point, whatever the user's locale */
    struct rp_json_fault *fault;
};

static rp_status expected(struct parser *p, const char *what)
{
    p->fault->offset = p->at;
    p->fault->expected = what;
    return RP_EFORMAT;
}

static int peek(const struct parser *p)
{
    return p->at < p->size ? (unsigned char)p->text[p->at] : -1;
}

static void skip_space(struct parser *p)
{
    int c;

    while ((c = peek(p)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        p->at++;
}

static rp_status add_node(struct parser *p, enum rp_json_type type,
                          uint32_t *index)
{
    struct rp_json *json = p->json;

    if (json->count == p->room) {
        uint32_t room = p->room ? 2 * p->room : 64;
        if (room > NODES_MAX)
            return expected(p, "fewer values");
        void *node = realloc(json->node, room * sizeof *json->node);
        if (!node)
            return RP_EMEM;
        json->node = node;
        p->room = room;
    }
    *index = json->count++;
    json->node[*index] = (struct rp_json_node){
        .type = type, .offset = (uint32_t)p->at, .next = json->count};
    return RP_OK;
}

/* Bytes of the well-formed UTF-8 sequence at text, 0 when it is none. */
static size_t utf8_length(const unsigned char *text, size_t size)
{
    static const struct {
        unsigned char low, high, second_low, second_high, length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; size && i < sizeof forms / sizeof *forms; i++) {
        size_t length = forms[i].length;
        if (text[0] < forms[i].low || text[0] > forms[i].high)
            continue;
        if (length > size)
            return 0;
        if (length > 1 &&
            (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
            return 0;
        for (size_t k = 2; k < length; k++)
            if (text[k] < 0x80 || text[k] > 0xbf)
                return 0;
        return length;
    }
    return 0;
}

static void write_utf8(struct parser *p, uint32_t code)
{
    if (code < 0x80) {
        *p->write++ = (char)code;
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    *p->write++ = (char)(lead[more] | code >> (6 * more));
    while (more--)
        *p->write++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
}

static rp_status parse_hex4(struct parser *p, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(p), digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (c | 32) - 'a' + 10;
        else
            return expected(p, "four hex digits");
        *code = *code * 16 + (uint32_t)digit;
        p->at++;
    }
    return RP_OK;
}

/* After "\u". */
static rp_status parse_unicode(struct parser *p)
{
    uint32_t code, low;
    rp_status status = parse_hex4(p, &code);

    if (status)
        return status;
    if (code >= 0xdc00 && code <= 0xdfff)
        return expected(p, "a high surrogate before the low one");
    if (code >= 0xd800 && code <= 0xdbff) {
        if (p->size - p->at < 6 || p->text[p->at] != '\\' ||
            p->text[p->at + 1] != 'u')
            return expected(p, "a low surrogate");
        p->at += 2;
        status = parse_hex4(p, &low);
        if (status)
            return status;
        if (low < 0xdc00 || low > 0xdfff)
            return expected(p, "a low surrogate");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (!code)
        return expected(p, "no NUL character");
    write_utf8(p, code);
    return RP_OK;
}

static rp_status parse_escape(struct parser *p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(p);

    if (c == 'u') {
        p->at++;
        return parse_unicode(p);
    }
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (!found)
        return expected(p, "an escape (one of \"\\/bfnrtu)");
    *p->write++ = to[found - from];
    p->at++;
    return RP_OK;
}

static rp_status parse_string(struct parser *p)
{
    uint32_t index;
    rp_status status = add_node(p, RP_JSON_STRING, &index);
    const char *start = p->write;

    if (status)
        return status;
    p->at++;
    while (peek(p) != '"') {
        int c = peek(p);
        if (c < 0)
            return expected(p, "the end of the string");
        if (c < 0x20)
            return expected(p, "no control character");
        if (c == '\\') {
            p->at++;
            status = parse_escape(p);
            if (status)
                return status;
            continue;
        }
        size_t length = utf8_length((const unsigned char *)p->text + p->at,
                                    p->size - p->at);
        if (!length)
            return expected(p, "UTF-8");
        memcpy(p->write, p->text + p->at, length);
        p->write += length;
        p->at += length;
    }
    p->at++;
    p->json->node[index].string = start;
    p->json->node[index].count = (uint32_t)(p->write - start);
    *p->write++ = 0;
    return RP_OK;
}

static bool skip_digits(struct parser *p)
{
    size_t first = p->at;

    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at > first;
}

static rp_status parse_number(struct parser *p)
{
    char copy[64];
    size_t first = p->at;
    uint32_t index;
    rp_status status = add_node(p, RP_JSON_NUMBER, &index);

    if (status)
        return status;
    if (peek(p) == '-')
        p->at++;
    if (peek(p) == '0')
        p->at++;
    else if (!skip_digits(p))
        return expected(p, "a value");
    if (peek(p) == '.') {
        p->at++;
        if (!skip_digits(p))
            return expected(p, "a digit");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-')
            p->at++;
        if (!skip_digits(p))
            return expected(p, "a digit");
    }
    if (p->at - first >= sizeof copy)
        return expected(p, "a number of fewer digits");
    memcpy(copy, p->text + first, p->at - first);
    copy[p->at - first] = 0;
    p->json->node[index].number = strtod_l(copy, NULL, p->c_locale);
    return RP_OK;
}

static rp_status parse_word(struct parser *p, const char *word,
                            enum rp_json_type type)
{
    uint32_t index;

    if (p->size - p->at < strlen(word) ||
        memcmp(p->text + p->at, word, strlen(word)))
        return expected(p, "a value");
    rp_status status = add_node(p, type, &index);
    p->at += strlen(word);
    return status;
}

static rp_status parse_value(struct parser *p);

static rp_status parse_key(struct parser *p)
{
    skip_space(p);
    if (peek(p) != '"')
        return expected(p, "a key in quotes");
    rp_status status = parse_string(p);
    if (status)
        return status;
    skip_space(p);
    if (peek(p) != ':')
        return expected(p, "':'");
    p->at++;
    return RP_OK;
}

static rp_status parse_group(struct parser *p, bool object)
{
    const char close = object ? '}' : ']';
    uint32_t index, count = 0;
    rp_status status =
        add_node(p, object ? RP_JSON_OBJECT : RP_JSON_ARRAY, &index);

    if (status)
        return status;
    if (++p->depth > DEPTH_MAX)
        return expected(p, "less nesting");
    p->at++;
    skip_space(p);
    while (peek(p) != close || count) {
        status = object ? parse_key(p) : RP_OK;
        if (!status)
            status = parse_value(p);
        if (status)
            return status;
        count++;
        skip_space(p);
        if (peek(p) == close)
            break;
        if (peek(p) != ',')
            return expected(p, object ? "',' or '}'" : "',' or ']'");
        p->at++;
    }
    p->at++;
    p->depth--;
    p->json->node[index].count = count;
    p->json->node[index].next = p->json->count;
    return RP_OK;
}

static rp_status parse_value(struct parser *p)
{
    skip_space(p);
    switch (peek(p)) {
    case '{':
        return parse_group(p, true);
    case '[':
        return parse_group(p, false);
    case '"':
        return parse_string(p);
    case 'n':
        return parse_word(p, "null", RP_JSON_NULL);
    case 'f':
        return parse_word(p, "false", RP_JSON_FALSE);
    case 't':
        return parse_word(p, "true", RP_JSON_TRUE);
    default:
        return parse_number(p);
    }
}

rp_status rp_json_parse(const char *text, size_t size, struct rp_json *json,
                        struct rp_json_fault *fault)
{
    struct rp_json made = {0};
    struct parser p = {
        .text = text, .size = size, .json = &made, .fault = fault};

    if (size > UINT32_MAX / 2)
        return expected(&p, "a shorter text");
    /* Decoded strings are never longer than their text and its quotes. */
    made.strings = malloc(size + 1);
    p.write = made.strings;
    p.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    rp_status status = made.strings && p.c_locale ? parse_value(&p) : RP_EMEM;
    if (!status) {
        skip_space(&p);
        if (p.at < size)
            status = expected(&p, "the end of the text");
    }
    if (p.c_locale)
        freelocale(p.c_locale);
    if (status)
        rp_json_fini(&made);
    else
        *json = made;
    return status;
}

void rp_json_fini(struct rp_json *json)
{
    free(json->node);
    free(json->strings);
    *json = (struct rp_json){0};
}

uint32_t rp_json_find(const struct rp_json *json, uint32_t node,
                      const char *key)
{
    uint32_t at = node + 1;

    if (json->node[node].type != RP_JSON_OBJECT)
        return 0;
    for (uint32_t i = 0; i < json->node[node].count; i++) {
        if (!strcmp(json->node[at].string, key))
            return at + 1;
        at = json->node[at + 1].next;
    }
    return 0;
}

bool rp_json_whole(const struct rp_json *json, uint32_t node, uint64_t limit,
                   uint64_t *value)
{
    double number = json->node[node].number;

    if (json->node[node].type != RP_JSON_NUMBER || !(number >= 0.0) ||
        number > 0x1p53 || number > (double)limit ||
        number != (double)(uint64_t)number)
        return false;
    *value = (uint64_t)number;
    return true;
}

void rp_json_write(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);

    putc('"', out);
    while (left) {
        size_t length = utf8_length(at, left);
        if (!length)
            fputs("\\ufffd", out);
        else if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(out, "\\u%04x", *at);
        else
            fwrite(at, 1, length, out);
        length = length ? length : 1;
        at += length;
        left -= length;
    }
    putc('"', out);
}
