#include "model/net/json.h"
#include "tests/test.h"

static rp_status parse(const char *text, struct rp_json *json,
                       struct rp_json_fault *fault)
{
    return rp_json_parse(text, strlen(text), json, fault);
}

static void check_values(void)
{
    const char *text = " {\"a\" : [1, -2.5e1,\t0, []], \"b\":{\"c\":null},\n"
                       "\"d\":true, \"e\":false, \"f\":\"x\"} ";
    struct rp_json json;
    struct rp_json_fault fault;
    uint64_t whole;

    CHECK_INT(parse(text, &json, &fault), RP_OK);
    CHECK_INT(json.node[0].type, RP_JSON_OBJECT);
    CHECK_INT(json.node[0].count, 5);
    CHECK_INT(json.node[0].next, json.count);
    uint32_t a = rp_json_find(&json, 0, "a");
    CHECK_INT(json.node[a].type, RP_JSON_ARRAY);
    CHECK_INT(json.node[a].count, 4);
    CHECK_INT(json.node[a].offset, 8);
    CHECK(rp_json_whole(&json, a + 1, 10, &whole) && whole == 1);
    CHECK(json.node[a + 2].number == -25.0);
    CHECK(!rp_json_whole(&json, a + 2, 10, &whole));
    CHECK(rp_json_whole(&json, a + 3, 0, &whole) && whole == 0);
    CHECK_INT(json.node[a + 4].count, 0);
    uint32_t b = rp_json_find(&json, 0, "b");
    CHECK_INT(json.node[rp_json_find(&json, b, "c")].type, RP_JSON_NULL);
    CHECK_INT(json.node[rp_json_find(&json, 0, "d")].type, RP_JSON_TRUE);
    CHECK_INT(json.node[rp_json_find(&json, 0, "e")].type, RP_JSON_FALSE);
    CHECK_TEXT(json.node[rp_json_find(&json, 0, "f")].string, "x");
    CHECK_INT(rp_json_find(&json, 0, "c"), 0);
    CHECK_INT(rp_json_find(&json, a, "a"), 0);
    rp_json_fini(&json);
}

static void check_strings(void)
{
    const char *text = "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u0041\\u00e9"
                       "\\u20ac\\uD83C\\uDFB5\", \"\xc3\xa9\xe2\x82\xac"
                       "\xf0\x9f\x8e\xb5\", \"\"]";
    struct rp_json json;
    struct rp_json_fault fault;

    CHECK_INT(parse(text, &json, &fault), RP_OK);
    CHECK_TEXT(json.node[1].string, "\"\\/\b\f\n\r\t");
    CHECK_TEXT(json.node[2].string, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb5");
    CHECK_INT(json.node[2].count, 10);
    CHECK_TEXT(json.node[3].string, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb5");
    CHECK_TEXT(json.node[4].string, "");
    rp_json_fini(&json);
}

/* Where each fault is found. */
static void check_faults(void)
{
    static const struct {
        const char *text;
        size_t offset;
    } faults[] = {
        {"", 0},
        {"  ", 2},
        {"{", 1},
        {"[1,]", 3},
        {"[1 2]", 3},
        {"{\"a\"}", 4},
        {"{\"a\":1,}", 7},
        {"{a:1}", 1},
        {"[01]", 2},
        {"[1.]", 3},
        {"[1e]", 3},
        {"[-]", 2},
        {"[+1]", 1},
        {"[.5]", 1},
        {"[nul]", 1},
        {"[NaN]", 1},
        {"[1] x", 4},
        {"\"abc", 4},
        {"\"a\nb\"", 2},
        {"\"\\x\"", 2},
        {"\"\\u12g4\"", 5},
        {"\"\\ud800\"", 7},
        {"\"\\udc00\"", 7},
        {"\"\\u0000\"", 7},
        {"\"\\ud800\\u0041\"", 13},
        {"\"\xff\"", 1},
        {"\"\xc0\x80\"", 1},
        {"\"\xed\xa0\x80\"", 1},
        {"\"\xc3\"", 1},
        {"\"\xf4\x90\x80\x80\"", 1},
        {"'a'", 0},
        {"[1}", 2},
        {"tru", 0},
        {"[1]]", 3},
    };
    struct rp_json json = {0};
    struct rp_json_fault fault;

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        CHECK_INT(parse(faults[i].text, &json, &fault), RP_EFORMAT);
        if (fault.offset != faults[i].offset)
            printf("of: %s\n", faults[i].text);
        CHECK_INT(fault.offset, faults[i].offset);
        CHECK(fault.expected && *fault.expected);
    }
    CHECK(!json.node && !json.strings);
}

static void check_limits(void)
{
    enum { DEEP = 1000, LONG = 9 << 20 };
    struct rp_json json;
    struct rp_json_fault fault;
    char *text = malloc(LONG);

    memset(text, '[', DEEP);
    CHECK_INT(rp_json_parse(text, DEEP, &json, &fault), RP_EFORMAT);
    CHECK_TEXT(fault.expected, "less nesting");
    for (int i = 0; i < LONG; i += 2)
        memcpy(text + i, i ? "1," : " [", 2);
    CHECK_INT(rp_json_parse(text, LONG, &json, &fault), RP_EFORMAT);
    CHECK_TEXT(fault.expected, "fewer values");
    free(text);
}

/* No prefix and no single changed byte of a good text upsets the reader. */
static void check_any_byte(void)
{
    const char *good = "{\"a\":[1,2.5e3,\"\\u00e9\xc3\xa9\"],\"b\":{\"c\":"
                       "[true,false,null]},\"d\":\"\\ud83c\\udfb5\"}";
    const size_t size = strlen(good);
    struct rp_json json;
    struct rp_json_fault fault;
    int refused = 0;

    for (size_t cut = 0; cut < size; cut++) {
        char *copy = malloc(cut + 1); /* exact, so that a read past it shows */
        memcpy(copy, good, cut);
        CHECK_INT(rp_json_parse(copy, cut, &json, &fault), RP_EFORMAT);
        CHECK(fault.offset <= cut);
        free(copy);
    }
    for (size_t at = 0; at < size; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char copy[200];
            memcpy(copy, good, size);
            copy[at] = (char)byte;
            rp_status status = rp_json_parse(copy, size, &json, &fault);
            refused += status != RP_OK;
            if (!status)
                rp_json_fini(&json);
        }
    }
    CHECK(refused > 1000);
}

/* What is written is read back, and is valid UTF-8 whatever went in. */
static void check_write(void)
{
    const char *raw = "a\"b\\c\n\t\x01\x7f\xc3\xa9";
    struct rp_json json;
    struct rp_json_fault fault;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    putc('[', out);
    rp_json_write(out, raw);
    putc(',', out);
    rp_json_write(out, "x\xffy\xc3");
    putc(']', out);
    fclose(out);
    CHECK_INT(rp_json_parse(text, size, &json, &fault), RP_OK);
    CHECK_TEXT(json.node[1].string, raw);
    CHECK_TEXT(json.node[2].string, "x\xef\xbf\xbdy\xef\xbf\xbd");
    rp_json_fini(&json);
    free(text);
}

int main(void)
{
    check_values();
    check_strings();
    check_faults();
    check_limits();
    check_any_byte();
    check_write();
    return TEST_END();
}
