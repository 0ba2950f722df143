/* The file of connections that are made again at the next start, of every
 * backend: lines "jack.in = NAME". A port is written by its identity (port.h);
 * "none": of ours it was connected, and then to nothing. Main alone. */
#ifndef RP_PORT_FILE_H
#define RP_PORT_FILE_H

#include "rt/port.h"
#include "rt/status.h"

enum { RP_PORT_LINES = 192 };

struct rp_port_line {
    char backend[8];       /* jack, alsa, rtmidi */
    char port[8];          /* of ours: in, out, thru, clock; or "running" */
    char id[RP_PORT_NAME]; /* theirs; "": none. For running: the process */
};

struct rp_port_file {
    int count;
    struct rp_port_line line[RP_PORT_LINES];
};

/* $XDG_STATE_HOME/riposte/ports, else below $HOME/.local/state. RP_ENONE when
 * there is neither; not logged. */
RP_MUST rp_status rp_port_file_path(char *path, size_t size);
/* No file is an empty one. RP_EFORMAT is logged with path:line. */
RP_MUST rp_status rp_port_file_read(const char *path,
                                    struct rp_port_file *file);
/* Whole or not at all; makes the folder. */
RP_MUST rp_status rp_port_file_write(const char *path,
                                     const struct rp_port_file *file);

/* Adds a line; the same twice is once. False: no room. */
bool rp_port_file_add(struct rp_port_file *file, const char *backend,
                      const char *port, const char *id);
/* Takes out the lines of a backend (NULL: all) and a port (NULL: all) whose id
 * has `part` in it (NULL: all); how many there were. */
int rp_port_file_drop(struct rp_port_file *file, const char *backend,
                      const char *port, const char *part);

#endif
