/* A folder of the test's own: mkdtemp(folder) makes it, in_folder() names what
 * is in it; the last four names are kept. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdio.h>

static char folder[] = "/tmp/riposte-test-XXXXXX";

static inline char *in_folder(const char *name)
{
    static char path[4][200];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
    return path[next];
}

#endif
