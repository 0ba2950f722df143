/* Peers: what of a wire needs no OSC. */
#include "tui/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rt/log.h"

rp_status rp_wire_find(const char *tag, const char *host, const char *port,
                       struct rp_wire_peer *peer)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL, *one;
    int error = getaddrinfo(host, port, &hints, &list);

    if (error) {
        rp_log(RP_ERROR, tag, "%s port %s: %s", host ? host : "", port,
               gai_strerror(error));
        return RP_ENONE;
    }
    for (one = list; one && one->ai_family != AF_INET; one = one->ai_next) {
    }
    one = one ? one : list; /* most OSC programs know version 4 only */
    memset(peer, 0, sizeof(*peer));
    memcpy(&peer->address, one->ai_addr, one->ai_addrlen);
    peer->size = one->ai_addrlen;
    freeaddrinfo(list);
    return RP_OK;
}

rp_status rp_wire_facing(const struct rp_wire_peer *peer, char *text,
                         size_t size)
{
    struct sockaddr_storage own;
    socklen_t length = sizeof(own);
    int fd = socket(peer->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = false;

    /* Connecting a datagram socket sends nothing: it only picks a route. */
    if (fd >= 0) {
        found =
            !connect(fd, (const struct sockaddr *)&peer->address, peer->size) &&
            !getsockname(fd, (struct sockaddr *)&own, &length) &&
            !getnameinfo((struct sockaddr *)&own, length, text, (socklen_t)size,
                         NULL, 0, NI_NUMERICHOST);
        close(fd);
    }
    return found ? RP_OK : RP_ENONE;
}

static uint16_t *port_of(const struct rp_wire_peer *peer)
{
    return peer->address.ss_family == AF_INET6
               ? &((struct sockaddr_in6 *)&peer->address)->sin6_port
               : &((struct sockaddr_in *)&peer->address)->sin_port;
}

bool rp_wire_same(const struct rp_wire_peer *a, const struct rp_wire_peer *b)
{
    const struct sockaddr_in *a4 = (const void *)&a->address;
    const struct sockaddr_in *b4 = (const void *)&b->address;
    const struct sockaddr_in6 *a6 = (const void *)&a->address;
    const struct sockaddr_in6 *b6 = (const void *)&b->address;

    if (a->address.ss_family != b->address.ss_family ||
        *port_of(a) != *port_of(b)) {
        return false;
    }
    if (a->address.ss_family == AF_INET6) {
        return !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
    }
    return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
}

void rp_wire_turn_to(struct rp_wire_peer *peer, uint16_t port)
{
    *port_of(peer) = htons(port);
}

void rp_wire_name(const struct rp_wire_peer *peer, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN + 16];
    bool six = peer->address.ss_family == AF_INET6;

    if (getnameinfo((const struct sockaddr *)&peer->address, peer->size, host,
                    sizeof(host), NULL, 0, NI_NUMERICHOST)) {
        snprintf(host, sizeof(host), "?");
    }
    snprintf(text, size, six ? "[%s]:%u" : "%s:%u", host,
             ntohs(*port_of(peer)));
}
