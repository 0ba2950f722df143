/* A folder for a run, on a disk that can be written and has room. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "model/data/report.h"
#include "model/train_config.h"
#include "model/train_run.h"
#include "rt/log.h"

enum { REST = 1 << 20 }; /* bytes of tables and cards, about */

/* What a run writes: last and good, best, and one more of the largest while
 * it is written beside the old one. */
static double bytes_needed(const struct rp_train *train)
{
    double size = (double)train->net.layout.size;
    double whole = size + (double)train->state_size;

    return 4 * (3 * whole + size) + REST;
}

static rp_status check_room(const struct rp_train *train, const char *out)
{
    struct statvfs disk;
    double need = bytes_needed(train), room;

    if (statvfs(out, &disk))
        return RP_OK; /* the first checkpoint will tell */
    room = (double)disk.f_bavail * (double)disk.f_frsize;
    if (room >= need)
        return RP_OK;
    rp_log(RP_ERROR, "train",
           "%s: %.1f MB free, expected the %.1f MB that "
           "this run writes",
           out, room / 1e6, need / 1e6);
    return RP_EIO;
}

static rp_status make(struct rp_train *train, const char *out)
{
    for (int i = 1; i < 1000; i++) {
        if (snprintf(train->folder, sizeof train->folder, "%s/%03d", out, i) >=
            (int)sizeof train->folder) {
            errno = ENAMETOOLONG;
            break;
        }
        if (!mkdir(train->folder, 0777))
            return RP_OK;
        if (errno != EEXIST)
            break;
    }
    rp_log(RP_ERROR, "train", "%s: cannot make a folder for this run: %s", out,
           strerror(errno));
    return RP_EIO;
}

/* What can be written now was written; and a run that is killed in its first
 * epoch can be resumed. */
static rp_status write_first(struct rp_train *train)
{
    char path[600];
    rp_status status;

    snprintf(path, sizeof path, "%s/config.ini", train->folder);
    status = rp_train_config_save(&train->options, path);
    snprintf(path, sizeof path, "%s/data.json", train->folder);
    if (!status && !train->options.frames)
        status = rp_report_save(&train->dataset, path);
    if (!status)
        status = rp_train_board_begin(train);
    return status ? status : rp_train_save_epoch(train);
}

/* Of a run that never began. */
static void forget(const struct rp_train *train)
{
    static const char *const names[] = {"config.ini", "data.json",
                                        "events.out.tfevents.riposte",
                                        "last.safetensors", "good.safetensors"};
    char path[600];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", train->folder, names[i]);
        unlink(path);
    }
    rmdir(train->folder);
}

rp_status rp_train_folder_create(struct rp_train *train)
{
    const char *out = train->options.out;
    rp_status status;

    if (mkdir(out, 0777) && errno != EEXIST) {
        rp_log(RP_ERROR, "train", "%s: cannot make this folder: %s", out,
               strerror(errno));
        return RP_EIO;
    }
    status = check_room(train, out);
    if (!status)
        status = make(train, out);
    if (status)
        return status;
    status = write_first(train);
    if (status)
        forget(train);
    return status;
}
