/* A build without liblo speaks no OSC. */
#include <stdio.h>

#include "rt/log.h"
#include "tui/wire.h"

bool rp_wire_probe(char *text, size_t size)
{
    snprintf(text, size, "built without OSC (liblo)");
    return false;
}

rp_status rp_wire_open(struct rp_wire **wire, const char *tag,
                       const char *address, const char *port)
{
    rp_log(RP_ERROR, tag, "built without OSC (liblo)");
    return RP_ENONE;
}

void rp_wire_close(struct rp_wire *wire)
{
}

uint16_t rp_wire_port(const struct rp_wire *wire)
{
    return 0;
}

bool rp_wire_next(struct rp_wire *wire, struct rp_wire_message *message)
{
    return false;
}

void rp_wire_look(struct rp_wire *wire, struct rp_wire_view *view)
{
    *view = (struct rp_wire_view){0};
}

bool rp_wire_send(struct rp_wire *wire, const struct rp_wire_peer *to,
                  uint32_t count, const char *path, const char *types, ...)
{
    return false;
}
