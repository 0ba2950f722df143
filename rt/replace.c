#include "rt/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt/log.h"

static bool write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size) {
        ssize_t done = write(fd, bytes, size);

        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            bytes += done;
            size -= (size_t)done;
        }
    }
    return true;
}

/* The new name, too, must survive; where folders cannot be synced, it will. */
static void sync_folder(const char *path)
{
    char *copy = strdup(path);
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int fd = copy ? open(dirname(copy), flags) : -1;

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(copy);
}

rp_status rp_replace_check(const char *tag, const char *path)
{
    struct stat info;

    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        rp_log(RP_ERROR, tag, "%s: expected the name of a file", path);
        return RP_EARG;
    }
    return RP_OK;
}

/* Who may read what was there may read what comes, nobody else. A .part that a
 * kill leaves can be written again. Not all file systems know of modes. */
static void keep_mode(int fd, const char *path)
{
    struct stat info;

    if (fd >= 0 && stat(path, &info) == 0) {
        (void)fchmod(fd, (info.st_mode & 0777) | S_IWUSR);
    }
}

static rp_status replace(const char *tag, const char *path, const void *bytes,
                         size_t size)
{
    char *part;
    int fd, error;
    bool good;

    if (asprintf(&part, "%s.part", path) < 0) {
        rp_log(RP_ERROR, tag, "out of memory");
        return RP_EMEM;
    }
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    keep_mode(fd, path);
    good = fd >= 0 && write_all(fd, bytes, size) && !fsync(fd);
    error = errno;
    if (fd >= 0 && close(fd) && good) {
        error = errno;
        good = false;
    }
    if (good && rename(part, path)) {
        error = errno;
        good = false;
    }
    if (good) {
        sync_folder(path);
    } else {
        rp_log(RP_ERROR, tag, "%s: cannot write: %s", path, strerror(error));
        if (fd >= 0) {
            (void)unlink(part);
        }
    }
    free(part);
    return good ? RP_OK : RP_EIO;
}

rp_status rp_replace_file(const char *tag, const char *path, const void *bytes,
                          size_t size)
{
    rp_status status = rp_replace_check(tag, path);
    char *whole = status ? NULL : realpath(path, NULL);

    if (status == RP_OK) {
        status = replace(tag, whole ? whole : path, bytes, size);
    }
    free(whole);
    return status;
}
