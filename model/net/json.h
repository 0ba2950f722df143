/* A strict reader of JSON text (RFC 8259, UTF-8) for checkpoint headers and
 * lists on the command line; and the writing of one string. */
#ifndef RP_JSON_H
#define RP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rt/status.h"

enum rp_json_type {
    RP_JSON_NULL,
    RP_JSON_FALSE,
    RP_JSON_TRUE,
    RP_JSON_NUMBER,
    RP_JSON_STRING,
    RP_JSON_ARRAY,
    RP_JSON_OBJECT
};

/* Nodes lie in the order of the text, so the first child of node i is i + 1
 * and its next sibling is node[i].next. An object's children are key, value,
 * key, value ... Node 0 is the whole. */
struct rp_json_node {
    enum rp_json_type type;
    uint32_t offset; /* byte in the text */
    uint32_t next;   /* the node after this one and all its children */
    uint32_t count;  /* elements of an array, pairs of an object, bytes of a
                        string */
    double number;
    const char *string; /* decoded, ends in NUL, has no other NUL */
};

struct rp_json {
    struct rp_json_node *node;
    uint32_t count;
    char *strings;
};

/* Where and why it is not JSON: "byte OFFSET: expected EXPECTED". */
struct rp_json_fault {
    size_t offset;
    const char *expected;
};

/* RP_EFORMAT fills `fault` and logs nothing: the caller knows the source. */
RP_MUST rp_status rp_json_parse(const char *text, size_t size,
                                struct rp_json *json,
                                struct rp_json_fault *fault);
void rp_json_fini(struct rp_json *json);

/* The value of the first such key of object `node`; 0 when there is none. */
uint32_t rp_json_find(const struct rp_json *json, uint32_t node,
                      const char *key);
/* Whether a node is a whole number in 0..limit; writes it to *value. */
bool rp_json_whole(const struct rp_json *json, uint32_t node, uint64_t limit,
                   uint64_t *value);

/* "text" with quotes, escaped; bytes that are not UTF-8 become U+FFFD. */
void rp_json_write(FILE *out, const char *text);

#endif
