/* What a backend's ports are connected to, remembered so that it can be made
 * again when the system has gone and come back. Main alone. */
#ifndef RP_LINKS_H
#define RP_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RP_LINKS = 64, RP_LINK_NAME = 320 };

enum rp_link_why {
    RP_LINK_SEEN,       /* it was there, whoever made it */
    RP_LINK_ASKED,      /* for, on the command line */
    RP_LINK_REMEMBERED, /* since another run */
    RP_LINK_FIRST       /* the first keyboard that was seen */
};

struct rp_link {
    int port;     /* the backend's own number of its port; 0 is in */
    bool restore; /* is to be made: new, or lost with the other end */
    bool refused; /* the system did not make it; it was said */
    enum rp_link_why why;
    uint64_t missed_at; /* ns; first seen missing; 0: it is there */
    char other[RP_LINK_NAME];
};

struct rp_links {
    int count;
    bool full; /* others had no room, and are not made again */
    struct rp_link link[RP_LINKS];
};

/* It is connected now (or, before the start, is to be). */
void rp_links_add(struct rp_links *links, int port, const char *other);

/* It is to be connected; nothing changes when it is there or wanted already. */
void rp_links_want(struct rp_links *links, int port, const char *other,
                   enum rp_link_why why);

/* A look at what is connected: begin, rp_links_add for each, end. When a
 * system shuts down, others may be disconnected before we hear of it; so a
 * link is forgotten only after it was missing for a second. True when one is
 * missing and another look is due. */
void rp_links_begin(struct rp_links *links, uint64_t now);
bool rp_links_end(struct rp_links *links, uint64_t now);

/* The system is gone: all are to be made again. */
void rp_links_lose(struct rp_links *links);

/* Appends ", NAME:PORT <- OTHER" to `text` for each link that is there;
 * `ports` are the names of the backend's ports, the first is the input. */
void rp_links_describe(const struct rp_links *links, const char *name,
                       const char *const *ports, char *text, size_t size);

#endif
