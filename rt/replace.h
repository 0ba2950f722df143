/* Writing a file so that a kill at any moment leaves the old one or the new
 * one, whole: PATH.part, sync, rename, sync of the folder. Where PATH is a
 * symbolic link, it is the file that it leads to that is replaced. */
#ifndef RP_REPLACE_H
#define RP_REPLACE_H

#include <stddef.h>

#include "rt/status.h"

/* RP_EARG with one line logged under `tag` where something lies at `path` that
 * is no file: a folder, or a device, which root could replace as well. */
RP_MUST rp_status rp_replace_check(const char *tag, const char *path);

/* The same, or RP_EIO with one line logged under `tag`. Not for the audio
 * thread. */
RP_MUST rp_status rp_replace_file(const char *tag, const char *path,
                                  const void *bytes, size_t size);

#endif
