/* Text files of lines "key = value", read strictly. A comment begins with # or
 * ; at the start of a line or after a blank; blank lines are nothing. */
#ifndef RP_INI_H
#define RP_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "rt/status.h"

struct rp_ini_line {
    const char *tag, *path;  /* for messages */
    unsigned line;           /* from 1 */
    const char *key, *value; /* trimmed, neither is empty */
};

/* `each` for every line; stops at the first that is not RP_OK and returns it.
 * What is no such line is RP_EFORMAT, logged with path:line; a file that
 * cannot be read RP_ENONE (there is none: logged unless `quiet`) or RP_EIO. */
RP_MUST rp_status rp_ini_read(const char *tag, const char *path, bool quiet,
                              rp_status (*each)(void *self,
                                                const struct rp_ini_line *line),
                              void *self);
/* Logs "path:line: ..." and returns RP_EFORMAT. */
rp_status rp_ini_refuse(const struct rp_ini_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
