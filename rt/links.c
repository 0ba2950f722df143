#include "rt/links.h"

#include <stdio.h>
#include <string.h>

static struct rp_link *find(struct rp_links *links, int port, const char *other)
{
    for (int i = 0; i < links->count; i++) {
        struct rp_link *link = &links->link[i];

        if (link->port == port && !strcmp(link->other, other)) {
            return link;
        }
    }
    return NULL;
}

static struct rp_link *append(struct rp_links *links, int port,
                              const char *other)
{
    struct rp_link *link;

    if (links->count == RP_LINKS) {
        links->full = true;
        return NULL;
    }
    link = &links->link[links->count++];
    *link = (struct rp_link){.port = port};
    snprintf(link->other, sizeof(link->other), "%s", other);
    return link;
}

void rp_links_add(struct rp_links *links, int port, const char *other)
{
    struct rp_link *link = find(links, port, other);

    if (link) {
        link->missed_at = 0;
        link->restore = link->refused = false;
        link->why = RP_LINK_SEEN;
    } else {
        (void)append(links, port, other);
    }
}

void rp_links_want(struct rp_links *links, int port, const char *other,
                   enum rp_link_why why)
{
    struct rp_link *link;

    if (!find(links, port, other) && (link = append(links, port, other))) {
        link->restore = true;
        link->why = why;
    }
}

void rp_links_begin(struct rp_links *links, uint64_t now)
{
    for (int i = 0; i < links->count; i++) {
        if (!links->link[i].missed_at) {
            links->link[i].missed_at = now;
        }
    }
}

bool rp_links_end(struct rp_links *links, uint64_t now)
{
    bool missing = false;
    int kept = 0;

    for (int i = 0; i < links->count; i++) {
        struct rp_link *link = &links->link[i];

        if (!link->restore && link->missed_at) {
            if (now - link->missed_at >= 1000000000u) {
                continue;
            }
            missing = true;
        }
        if (kept != i) {
            links->link[kept] = *link;
        }
        kept++;
    }
    links->count = kept;
    return missing;
}

void rp_links_lose(struct rp_links *links)
{
    for (int i = 0; i < links->count; i++) {
        links->link[i].restore = true;
    }
}

void rp_links_describe(const struct rp_links *links, const char *name,
                       const char *const *ports, char *text, size_t size)
{
    size_t used = strlen(text);

    for (int i = 0; i < links->count && used < size; i++) {
        const struct rp_link *link = &links->link[i];

        if (!link->restore && !link->missed_at) {
            used += snprintf(text + used, size - used, ", %s:%s %s %s", name,
                             ports[link->port], link->port ? "->" : "<-",
                             link->other);
        }
    }
}
