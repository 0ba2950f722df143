#include "rt/port.h"

#include <stdio.h>
#include <string.h>

#include "rt/backend.h"

/* Length of " [20]" at `text`, or 0. */
static size_t bracket(const char *text)
{
    size_t digits;

    if (strncmp(text, " [", 2)) {
        return 0;
    }
    digits = strspn(text + 2, "0123456789");
    return digits && text[2 + digits] == ']' ? digits + 3 : 0;
}

/* Length of " 20:0" at the end, or 0. */
static size_t address(const char *text)
{
    size_t client, port;

    if (text[0] != ' ') {
        return 0;
    }
    client = strspn(text + 1, "0123456789");
    if (!client || text[1 + client] != ':') {
        return 0;
    }
    port = strspn(text + 2 + client, "0123456789");
    return port && !text[2 + client + port] ? 2 + client + port : 0;
}

void rp_port_identity(const char *name, char *id, size_t size)
{
    size_t used = 0;

    while (*name && used + 1 < size) {
        size_t skip = bracket(name);

        skip = skip ? skip : address(name);
        if (skip) {
            name += skip;
        } else {
            id[used++] = *name++;
        }
    }
    id[used] = '\0';
}

/* ---- who is there ---- */

void rp_peers_begin(struct rp_peers *peers)
{
    for (int i = 0; i < peers->count; i++) {
        peers->peer[i].seen = false;
    }
}

static bool overlap(const struct rp_peer *a, const struct rp_peer *b)
{
    return (a->source && b->source) || (a->destination && b->destination);
}

/* From that name; the lowest number among its namesakes that is free. */
static void give_id(const struct rp_peers *peers, struct rp_peer *peer,
                    const char *name)
{
    char id[RP_PORT_NAME];
    size_t length;
    bool taken = true;

    rp_port_identity(name, id, sizeof(id) - sizeof(" [999]"));
    length = strlen(id);
    for (int n = 1; taken; n++) {
        if (n > 1) {
            snprintf(id + length, sizeof(id) - length, " [%d]", n);
        }
        taken = false;
        for (int i = 0; i < peers->count; i++) {
            taken |= overlap(&peers->peer[i], peer) &&
                     !strcmp(peers->peer[i].id, id);
        }
    }
    snprintf(peer->id, sizeof(peer->id), "%s", id);
}

const struct rp_peer *rp_peers_see(struct rp_peers *peers,
                                   const struct rp_peer *peer,
                                   const char *alias)
{
    struct rp_peer *made;

    for (int i = 0; i < peers->count; i++) {
        made = &peers->peer[i];
        if (made->number == peer->number && made->source == peer->source &&
            made->destination == peer->destination &&
            !strcmp(made->name, peer->name)) {
            made->seen = true;
            return NULL;
        }
    }
    if (peers->count == RP_PEERS) {
        return NULL;
    }
    made = &peers->peer[peers->count];
    *made = *peer;
    made->seen = true;
    give_id(peers, made, alias && *alias ? alias : made->name);
    peers->count++;
    return made;
}

const struct rp_peer *rp_peers_rename(struct rp_peers *peers,
                                      const struct rp_peer *now, char *was)
{
    for (int i = 0; now->number && i < peers->count; i++) {
        struct rp_peer *peer = &peers->peer[i];

        if (peer->number == now->number && peer->source == now->source &&
            peer->destination == now->destination &&
            strcmp(peer->name, now->name)) {
            memcpy(was, peer->id, RP_PORT_NAME);
            peer->id[0] = '\0'; /* no namesake of itself */
            memcpy(peer->name, now->name, sizeof(peer->name));
            give_id(peers, peer, peer->name);
            return peer;
        }
    }
    return NULL;
}

static const struct rp_peer *take_out(struct rp_peers *peers, int at)
{
    static struct rp_peer gone;

    gone = peers->peer[at];
    peers->count--;
    memmove(&peers->peer[at], &peers->peer[at + 1],
            (size_t)(peers->count - at) * sizeof(gone));
    return &gone;
}

const struct rp_peer *rp_peers_gone(struct rp_peers *peers)
{
    for (int i = peers->count - 1; i >= 0; i--) {
        if (!peers->peer[i].seen) {
            return take_out(peers, i);
        }
    }
    return NULL;
}

static bool is_at(const struct rp_peer *peer, uint32_t number, const char *name)
{
    return (!number || peer->number == number) &&
           (!name || !strcmp(peer->name, name));
}

const struct rp_peer *rp_peers_drop(struct rp_peers *peers, uint32_t number,
                                    const char *name)
{
    for (int i = 0; i < peers->count; i++) {
        if (is_at(&peers->peer[i], number, name)) {
            return take_out(peers, i);
        }
    }
    return NULL;
}

static bool fits(const struct rp_peer *peer, bool source)
{
    return source ? peer->source : peer->destination;
}

const struct rp_peer *rp_peers_at(const struct rp_peers *peers, bool source,
                                  uint32_t number, const char *name)
{
    for (int i = 0; i < peers->count; i++) {
        if (fits(&peers->peer[i], source) &&
            is_at(&peers->peer[i], number, name)) {
            return &peers->peer[i];
        }
    }
    return NULL;
}

const struct rp_peer *rp_peers_find(const struct rp_peers *peers, bool source,
                                    const char *id)
{
    for (int i = 0; i < peers->count; i++) {
        if (fits(&peers->peer[i], source) && !strcmp(peers->peer[i].id, id)) {
            return &peers->peer[i];
        }
    }
    return NULL;
}

const struct rp_peer *rp_peers_match(const struct rp_peers *peers, bool source,
                                     const char *want)
{
    const struct rp_peer *peer[RP_PEERS];
    const char *names[RP_PEERS];
    int count = 0, at, end = 0;
    unsigned client, port;

    for (int i = 0; i < peers->count; i++) {
        if (fits(&peers->peer[i], source)) {
            peer[count] = &peers->peer[i];
            names[count++] = peers->peer[i].name;
        }
    }
    at = rp_backend_match(want, names, count);
    if (at >= 0) {
        return peer[at];
    }
    if (sscanf(want, "%u:%u%n", &client, &port, &end) == 2 && !want[end] &&
        client > 0 && client < 256 && port < 256) {
        return rp_peers_at(peers, source, client << 8 | port, NULL);
    }
    return rp_peers_find(peers, source, want);
}

bool rp_port_is_number(const char *want)
{
    return *want && !want[strspn(want, "0123456789")];
}
